"""What tells that the data of a run has changed, and how it is said."""

import copy
import logging
from pathlib import Path
from typing import Any

import pytest

from adversaria.config.errors import DataError
from adversaria.runs import data_record
from adversaria.runs.data_record import check, digests, files_entry, write


def entry(**files: int) -> dict[str, Any]:
    stamps = [[f"{name}.png", size, 123_456] for name, size in files.items()]
    splits = {split: {"n": n, "size": 28, "images": n, "labels": n} for split, n in (("train", 40), ("val", 3))}
    return {"faces": {"splits": splits, "files": files_entry({"files": stamps, "val_fraction": 0.05})}}


def changed(found: dict[str, Any], split: str, **values: int) -> dict[str, Any]:
    found = copy.deepcopy(found)
    found["faces"]["splits"][split] |= values
    return found


def test_the_same_data_is_the_same_whenever_its_files_were_written(tmp_path: Path) -> None:
    check(tmp_path, entry(a=1))  # no record: a run of an older version
    write(tmp_path, entry(a=1))
    moved = copy.deepcopy(entry(a=1))
    moved["faces"]["files"] = files_entry([["a.png", 1, 999]])
    check(tmp_path, moved)
    write(tmp_path, entry(b=2))  # the record is that of the first start
    check(tmp_path, entry(a=1))


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (changed(entry(a=1, b=1), "train", n=41), ["train 40 → 41 images", "new: b.png"]),
        (changed(entry(b=1), "val", labels=7), ["other labels of val", "new: b.png; missing: a.png"]),
        (changed(entry(a=2), "train", images=7), ["changed: a.png"]),
    ],
)
def test_other_images_are_refused_with_what_changed(tmp_path: Path, now: dict[str, Any], said: list[str]) -> None:
    write(tmp_path, entry(a=1))
    with pytest.raises(DataError) as error:
        check(tmp_path, now)
    for part in (*said, "held-out images", "without ckpt_path"):
        assert part in str(error.value)


def test_the_same_files_decoded_otherwise_are_only_mentioned(tmp_path: Path, caplog) -> None:
    write(tmp_path, entry(a=1))
    with caplog.at_level(logging.WARNING):
        check(tmp_path, changed(entry(a=1), "train", images=7))
    assert "the same files are decoded to slightly different pixels" in caplog.text


def test_data_without_files_has_only_its_pixels(tmp_path: Path) -> None:
    write(tmp_path, entry())
    with pytest.raises(DataError, match="other images in train"):
        check(tmp_path, changed(entry(), "train", images=7))


def test_many_files_are_not_named_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_record, "LISTED", 1)
    assert "names" not in entry(a=1, b=1)["faces"]["files"]
    write(tmp_path, entry(a=1, b=1))
    with pytest.raises(DataError, match="2 → 3 files"):
        check(tmp_path, changed(entry(a=1, b=1, c=1), "train", n=41))


def test_a_data_set_has_one_digest_that_says_whether_it_is_the_same(tmp_path: Path) -> None:
    assert digests(tmp_path) == {}  # a run of an older version
    found = []
    for number, entries in enumerate((entry(a=1), changed(entry(a=1), "val", images=7), entry(b=1))):
        (tmp_path / str(number)).mkdir()
        write(tmp_path / str(number), entries)
        found.append(digests(tmp_path / str(number)))
    assert found[0] == found[1] != found[2]  # pixels may be decoded a little differently
    for number, entries in enumerate((entry(), changed(entry(), "val", images=7)), 3):
        (tmp_path / str(number)).mkdir()
        write(tmp_path / str(number), entries)
        found.append(digests(tmp_path / str(number)))
    assert found[3] != found[4]  # images that are in no files are told apart by their pixels
