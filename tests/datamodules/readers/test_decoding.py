import io
import os

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, Resize

from adversaria.config.errors import DataError
from datamodules.readers.decoding import decode_square, file_stamp


def picture(width, height):
    pixels = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def encoded(image, kind="PNG"):
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("width", "height", "size", "crop", "side"),
    [
        (178, 218, 64, 148 / 178, 148),
        (89, 109, 64, 148 / 178, 74),
        (64, 64, 64, 1, 64),
        (128, 128, 64, 1, 128),
        (100, 70, 64, 1, 70),  # wider than high: the height bounds the square
        (64, 65, 64, 1, 64),  # one row too many: must be cut although nothing is to be resized
        (65, 64, 64, 1, 64),
        (20, 30, 64, 1, 20),  # enlarged
    ],
)
def test_equals_torchvisions_centre_crop_and_resize(width, height, size, crop, side):
    image = picture(width, height)
    expected = np.asarray(Compose([CenterCrop(side), Resize(size, antialias=True)])(image))
    np.testing.assert_array_equal(decode_square(encoded(image), "x.png", size, crop), expected)


def test_an_image_of_the_right_size_is_returned_as_it_is():
    image = picture(64, 64)
    np.testing.assert_array_equal(decode_square(encoded(image), "x.png", 64, 1), np.asarray(image))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    pixels = decode_square(encoded(picture(32, 32).convert(mode), kind), "x", 32, 1)
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\n <html>quota</html>", "it is an HTML page"),
        (b"not an image at all", "cannot identify image file"),
        (encoded(picture(64, 64), "JPEG")[:900], "truncated"),
        (encoded(picture(64, 64))[:5000], "truncated"),
    ],
    ids=["empty", "web page", "text", "cut JPEG", "cut PNG"],
)
def test_bytes_that_are_no_image_are_refused_with_the_reason(content, reason):
    with pytest.raises(
        DataError, match=rf"^some/file.jpg is not a readable image \(.*{reason}.*\); .*on_bad_image=skip"
    ):
        decode_square(content, "some/file.jpg", 64, 1)


def test_an_absurd_size_in_a_damaged_header_is_refused():
    content = bytearray(encoded(picture(64, 64), "BMP"))
    content[18:26] = (60_000).to_bytes(4, "little") * 2  # width and height
    with pytest.raises(DataError, match=r"x.bmp is not a readable image"):
        decode_square(bytes(content), "x.bmp", 64, 1)


def test_damage_anywhere_in_a_file_gives_an_image_or_a_data_error():
    rng = np.random.default_rng(0)
    outcomes = set()
    for kind in ("JPEG", "PNG"):
        whole = encoded(picture(40, 40), kind)
        for _ in range(150):
            content = bytearray(whole)
            for position in rng.integers(0, len(content), 4):
                content[position] = rng.integers(256)
            try:
                assert decode_square(bytes(content), "x", 16, 1).shape == (16, 16, 3)
                outcomes.add("image")
            except DataError:
                outcomes.add("error")
    assert outcomes == {"image", "error"}


def test_a_stamp_notices_another_size_and_another_time(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("one", encoding="utf-8")
    os.utime(file, ns=(5, 5))
    before = file_stamp(file)
    assert before == ["a.txt", 3, 5]
    file.write_text("two", encoding="utf-8")
    os.utime(file, ns=(6, 6))
    assert file_stamp(file) == ["a.txt", 3, 6]
