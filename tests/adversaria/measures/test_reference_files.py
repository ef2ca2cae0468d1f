"""Reference files: written and read again, and whatever a stranger may have put into one."""

import contextlib
import json
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adversaria.config.errors import ConfigError, DataError
from adversaria.measures import reference_files
from adversaria.measures.reference_files import FORMAT, Reference, check_output, read_reference, write_reference

FEATURES = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
EXACT = FEATURES.astype(np.float64)
EXTRACTOR = {"extractor": "faces-attr", "extractor_digest": "0a1b2c3d"}
OF_FACES = {"data": "faces", "value_range": [-1.0, 1.0], "label_counts": {"class": {"cat": 4, "dog": 4}}}
REFERENCE = Reference(8, 16, EXTRACTOR, OF_FACES, EXACT.sum(0), EXACT.T @ EXACT, FEATURES)


def stored(file: Path, **changes: Any) -> Path:
    """Write a reference file with other arrays, or with other entries of its text."""
    about = {"format": FORMAT, "count": 8, "image_size": 16, "extractor": REFERENCE.extractor, "protocol": {}}
    arrays = {name: getattr(REFERENCE, name) for name in ("total", "products", "features")}
    about |= {name: value for name, value in changes.items() if name in about}
    arrays |= {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    arrays |= {name: value for name, value in changes.items() if name not in about}
    np.savez(file, **{name: array for name, array in arrays.items() if array is not None})
    return file


def refused(file: Path, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        read_reference(file, 6)
    assert str(caught.value).startswith(f"--reference {file} ")
    assert "\n" not in str(caught.value)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_reference(tmp_path / "a.npz", REFERENCE)
    again = read_reference(tmp_path / "a.npz", 6)
    for name in ("count", "image_size", "extractor", "protocol"):
        assert getattr(again, name) == getattr(REFERENCE, name)
    for name in ("total", "products", "features"):
        np.testing.assert_array_equal(getattr(again, name), getattr(REFERENCE, name))
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]
    write_reference(tmp_path / "few.npz", replace(REFERENCE, count=20_000))  # features of some of the images
    assert read_reference(tmp_path / "few.npz", 6).count == 20_000


def test_one_of_too_few_images_says_how_many_are_needed(tmp_path: Path) -> None:
    write_reference(tmp_path / "a.npz", REFERENCE)
    with pytest.raises(DataError, match="is of 8 images; 9 or more are needed"):
        read_reference(tmp_path / "a.npz", 9)


def test_nothing_is_written_over_and_the_name_says_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"give a name that ends in \.npz"):
        check_output(tmp_path / "reference")
    (tmp_path / "a.npz").touch()
    with pytest.raises(ConfigError, match="it exists; choose another name"):
        check_output(tmp_path / "a.npz")
    check_output(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"features": None}, "has no array features"),
        ({"features": FEATURES.astype(np.float64)}, "an array features of another shape or type"),
        ({"features": FEATURES[:, :2]}, "an array features of another shape or type"),
        ({"products": np.zeros((3, 4))}, "an array products of another shape or type"),
        ({"total": np.zeros((3, 1))}, "cannot be used"),
        ({"total": np.array([0, np.nan, 0])}, "a number in total that is no feature's"),
        ({"products": np.full((3, 3), 1e30)}, "a number in products that is no feature's"),
        ({"features": np.full((8, 3), np.inf, np.float32)}, "a number in features that is no feature's"),
        ({"count": 7}, "has other numbers of images"),
        ({"count": True}, "a value of another type"),
        ({"count": 8.0}, "a value of another type"),
        ({"count": 10**30}, "has other numbers of images"),
        ({"image_size": 0}, "has other numbers of images or of pixels"),
        ({"format": "adversaria reference 2"}, "is no reference file, or one of another version"),
        ({"extractor": {}}, "does not name its extractor"),
        ({"extractor": {"extractor": "a\x1b[2J"}}, "is not of numbers and short texts"),
        ({"extractor": {"extractor": "a" * 1000}}, "is not of numbers and short texts"),
        ({"protocol": {"n_test": float("nan")}}, "is not of numbers and short texts"),
        ({"protocol": {"label_counts": {"class": {"\x1b[2J": 1}}}}, "is not of numbers and short texts"),
        ({"protocol": {"value_range": "wide"}}, "cannot be used"),
        ({"about": np.array(["text"])}, "has no text about its images"),
        ({"about": np.frombuffer(b"[1", np.uint8)}, "cannot be used"),
        ({"about": np.frombuffer(b"[" * 100_000, np.uint8)}, "cannot be used"),
        ({"total": np.array([None] * 3)}, "cannot be used"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    refused(stored(tmp_path / "a.npz", **changes), reason)


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return Path.mkdir, (self.folder,)


def test_a_pickle_in_it_does_not_run(tmp_path: Path) -> None:
    trace, file = tmp_path / "trace", tmp_path / "a.npz"
    stored(file, features=np.array([Hostile(trace)], object))
    refused(file, "cannot be used")
    file.write_bytes(pickle.dumps(Hostile(trace)))
    refused(file, "cannot be used")
    assert not trace.exists()
    pickle.loads(file.read_bytes())
    assert trace.exists()  # it would have run


def test_what_unpacks_to_more_than_it_may_is_not_unpacked(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(reference_files, "LARGEST", 2**20)
    arrays = {"about": np.zeros(1, np.uint8), "total": np.zeros(400_000), "products": np.zeros((1, 1))}
    np.savez_compressed(tmp_path / "a.npz", **arrays, features=np.zeros((1, 1), np.float32))
    assert (tmp_path / "a.npz").stat().st_size < 2**14
    refused(tmp_path / "a.npz", "unpacks to 3 MiB, more than the limit of 1 MiB")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04cut short", b"\x93NUMPY"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    refused(tmp_path / "a.npz", "cannot be used")


def test_a_file_cut_or_changed_anywhere_is_a_reference_or_one_sentence(tmp_path: Path) -> None:
    whole = stored(tmp_path / "a.npz").read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(60):
        changed = bytearray(whole[: generator.integers(1, len(whole) + 1)])
        for place in generator.integers(0, len(changed), 3):
            changed[place] = generator.integers(256)
        (tmp_path / "b.npz").write_bytes(changed)
        with contextlib.suppress(DataError):
            read_reference(tmp_path / "b.npz", 6)


def test_a_pipe_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is not a regular file")
    refused(tmp_path, "is not a regular file")
    refused(tmp_path / "nothing", "cannot be used")
