"""A folder of pictures: what is listed and in which order, what is refused, and what is said of damaged ones."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adversaria.config.errors import DataError
from datamodules.readers.pictures import Pictures


def save(file: Path, colour: int, size: tuple[int, int] = (8, 8)) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (colour,) * 3).save(file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(12):
        save(tmp_path / f"{i}.png", i)
    return tmp_path


def colours(pictures: Pictures, **options) -> list[int]:
    batches = list(pictures.batches(**{"size": 8, "resize": False, "batch_size": 5, **options}))
    assert all(batch.dtype == np.uint8 and batch.shape[1:] == (8, 8, 3) for batch in batches)
    return [int(picture[4, 4, 0]) for batch in batches for picture in batch]


def test_numbered_pictures_come_in_the_order_of_their_numbers(folder: Path) -> None:
    assert colours(Pictures(folder, "--images", 6)) == list(range(12))


def test_pictures_of_any_format_and_depth_are_listed_and_nothing_else(tmp_path: Path) -> None:
    for i, name in enumerate(("a/b/1.JPG", "a/2.webp", "3.bmp", "y.tiff", "z9.gif", "z10.PNG")):
        save(tmp_path / name, 10 * i)
    for name in ("labels.csv", ".hidden.png", "._3.bmp", ".cache/4.png", "__MACOSX/5.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no picture")
    (tmp_path / "a" / "round").symlink_to("..")  # what it leads to is there already
    pictures = Pictures(tmp_path, "--images", 6)
    assert sorted(pictures.names) == sorted(("a/b/1.JPG", "a/2.webp", "3.bmp", "y.tiff", "z9.gif", "z10.PNG"))
    assert pictures.names[-2:] == ["z9.gif", "z10.PNG"]


def test_damaged_pictures_are_left_out_and_told(folder: Path) -> None:
    (folder / "0.png").write_bytes(b"")
    (folder / "7.png").write_bytes((folder / "7.png").read_bytes()[:40])
    pictures = Pictures(folder, "--images", 6)
    pictures.check_size(8)  # by the first that can be read
    assert colours(pictures) == [1, 2, 3, 4, 5, 6, 8, 9, 10, 11]
    assert len(pictures) == 10
    assert [reason.split(" is not")[0] for reason in pictures.unreadable] == [str(folder / f"{i}.png") for i in (0, 7)]
    assert "on_bad_image" not in pictures.unreadable[0]  # the cure is of data sets


def test_too_few_pictures_say_how_many_are_needed(folder: Path, tmp_path_factory) -> None:
    with pytest.raises(DataError, match=r"--images .* has 12 pictures; 13 or more are needed"):
        Pictures(folder, "--images", 13)
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(DataError, match="has no pictures; 6 or more are needed"):
        Pictures(empty, "--images", 6)
    for i in range(7):
        (folder / f"{i}.png").write_bytes(b"")
    with pytest.raises(DataError, match="has 5 pictures that can be read, of 12; 6 or more are needed"):
        colours(Pictures(folder, "--images", 6))
    for i in range(7, 12):
        (folder / f"{i}.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"none of its 12 pictures can be read; .*0\.png is not a readable image"):
        Pictures(folder, "--images", 6).check_size(8)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.touch()])
def test_what_is_no_folder_is_refused(tmp_path: Path, make) -> None:
    make(tmp_path / "pics")
    with pytest.raises(DataError, match=r"--against .*pics: there is no such folder"):
        Pictures(tmp_path / "pics", "--against", 6)


def test_another_size_is_refused_or_its_centre_is_cut_and_resized(folder: Path) -> None:
    wide = Image.new("RGB", (48, 16), (255, 0, 0))
    wide.paste((90, 90, 90), (16, 0, 32, 16))
    wide.save(folder / "5.png")
    pictures = Pictures(folder, "--images", 6)
    pictures.check_size(8)
    with pytest.raises(DataError, match=r"5\.png has 48x16 pixels, and .* 8x8; add --resize"):
        colours(pictures)
    assert colours(pictures, resize=True) == [0, 1, 2, 3, 4, 90, *range(6, 12)]
    wide.save(folder / "0.png")
    with pytest.raises(DataError, match=r"0\.png has 48x16 pixels"):
        Pictures(folder, "--images", 6).check_size(8)
    assert Pictures(folder, "--images", 6).side() == 16


def test_a_pipe_is_no_picture(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    pictures = Pictures(folder, "--images", 6)
    assert colours(pictures) == list(range(12))
    assert pictures.unreadable == []
