"""What a machine refuses is one sentence: no room, no permission, no memory."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from adversaria.config.as_typed import as_hydra_reads
from adversaria.config.errors import ConfigError, one_sentence_errors
from adversaria.config.foreign_errors import describe_error
from adversaria.config.machine_errors import not_utf8


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "", "/out/a"), "/out/a: No space left on device; make room there, or choose another"),
        (OSError(errno.ENOSPC, ""), "writing a file: No space left on device; make room"),
        (OSError(errno.EROFS, "", "/out"), "/out: Read-only file system; choose a folder that you may read and write"),
        (PermissionError(errno.EACCES, "", "/out"), "/out: Permission denied; choose a folder"),
        (OSError(errno.EIO, "", "/out"), "/out: Input/output error; its disk or network drive fails"),
        (FileExistsError(errno.EEXIST, "", "/out"), "/out: File exists; choose another folder with output_root="),
        (torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB.\nmore"), "the GPU has too little memory"),
    ],
)
def test_it_is_one_sentence_with_the_place_and_the_cure(error: Exception, sentence: str) -> None:
    described = describe_error(error)
    assert described is not None
    assert described.startswith(sentence)
    assert "\n" not in described


def test_too_large_an_array_or_tensor_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for allocate in (lambda: np.empty(1 << 60, np.uint8), lambda: torch.empty(1 << 50)):
        with pytest.raises(SystemExit) as ended, one_sentence_errors():
            allocate()
        assert ended.value.code == 2
        assert "error: the machine has too little memory (" in capsys.readouterr().err


def test_a_folder_that_is_gone_or_cannot_be_made_is_one_sentence(tmp_path, monkeypatch, capsys) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("this system has no /proc")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for fail, sentence in (
        (Path.cwd, "the current folder is not there any more; change to another one with cd"),
        (lambda: Path("/proc/x").mkdir(), "/proc/x: no folder can be made there; choose a folder that you may read"),
        (lambda: os.makedirs("/proc/x/y"), "/proc/x: no folder can be made there"),  # noqa: PTH103 (as Hydra does)
    ):
        with pytest.raises(SystemExit), one_sentence_errors():
            fail()
        assert capsys.readouterr().err.startswith(f"error: {sentence}")


def test_bytes_that_are_not_utf_8_are_named_with_the_cure(tmp_path, monkeypatch) -> None:
    name = os.fsdecode(b"b\xe4r")
    with pytest.raises(UnicodeEncodeError) as error:
        (tmp_path / "x").write_text(f"root: {name}", encoding="utf-8")
    assert "root: b\\udce4r' has bytes that are not UTF-8; rename the file" in str(describe_error(error.value))
    with pytest.raises(ConfigError, match=r"^'data\.root=b\\udce4r' has bytes that are not UTF-8"):
        as_hydra_reads(["model=gan", f"data.root={name}"])
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    with pytest.raises(ConfigError, match=r"this terminal's locale knows ASCII alone; set PYTHONUTF8=1"):
        as_hydra_reads([f"name={name}"])
    assert not_utf8("bär/人") is None


def test_other_errors_are_not_described() -> None:
    assert describe_error(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "/x")) is None
    assert describe_error(RuntimeError("shapes differ")) is None
