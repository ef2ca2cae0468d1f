"""Files are written whole or not at all, and what a kill left of others is removed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from adversaria.config.errors import SavingError
from adversaria.runs.whole_files import discard_unfinished, replace_text, written_whole


def test_a_file_is_there_only_when_it_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.png"
    with written_whole(file) as stream:
        stream.write(b"half")
        assert not file.exists()
    assert file.read_bytes() == b"half"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("shared", [False, True])
def test_a_write_that_fails_leaves_the_earlier_file_and_nothing_else(tmp_path: Path, shared: bool) -> None:
    file = tmp_path / "a.json"
    replace_text(file, "before")
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
        pytest.raises(
            SavingError,
            match=r"cannot write .*a\.json \(No space left.*MB left; an earlier file of that name is unchanged",
        ),
        written_whole(file, shared),
    ):
        raise full
    assert file.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_write_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), written_whole(tmp_path / "a.png"):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_place_where_no_file_can_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(SavingError, match=r"cannot write .*file/a\.md \(File exists\); its disk has"):
        replace_text(tmp_path / "file" / "a.md", "text")


def test_what_kills_and_full_disks_left_in_a_run_is_removed_and_all_else_stays(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "checkpoints").mkdir()
    left = [".config.yaml.17.part", "figures/.samples_01.png.part", "checkpoints/.last.ckpt.part", "figures/empty.png"]
    kept = [".lock", "train.log", "figures/whole.png", "own.part"]
    for name in left + kept:
        (tmp_path / name).write_text(
            "" if name in (".lock", "train.log", "figures/empty.png") else "x", encoding="utf-8"
        )
    discard_unfinished(tmp_path)
    there = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert there == set(kept)
