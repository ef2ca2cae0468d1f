import io
import os
import struct

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, Resize

from adversaria.config.errors import DataError
from datamodules.readers import decoding, viewing
from datamodules.readers.decoding import decode, decode_cropped, decode_square, file_stamp


def picture(width, height):
    pixels = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
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


# ------------------------------------------------------------------------------------------------- as a viewer shows it

RAMP = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))  # left dark, right light


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_of_grey_become_eight(kind):
    values = RAMP.astype(np.uint16) * 257
    wide = b"P5 64 64 65535\n" + values.astype(">u2").tobytes()
    if kind != "PPM":
        wide = encoded(Image.fromarray(values), kind)
    np.testing.assert_array_equal(decode_square(wide, "x", 64, 1), np.repeat(RAMP[..., None], 3, 2))


@pytest.mark.parametrize(("width", "kind"), [(387, "BMP"), (16, "PNG"), (116, "JPEG"), (161, "TIFF")])
def test_a_size_with_a_sixteen_in_it_is_no_depth(width, kind):  # a row of 387 pixels of a BMP has 1164 bytes
    image = Image.open(io.BytesIO(encoded(Image.new("RGB", (width, 9)), kind)))
    assert list(viewing.conversions(image)) == []


def test_sixteen_bits_of_grey_heed_which_value_is_transparent_or_white():
    values = RAMP.astype(np.uint16) * 257
    seen = decode_square(encoded(Image.fromarray(values), "PNG", transparency=0), "x", 64, 1)
    np.testing.assert_array_equal(seen[..., 0], np.where(RAMP == 0, 255, RAMP))
    tiff = encoded(Image.fromarray(values), "TIFF")
    photometric, bits = (struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in ((262, 1), (258, 16)))
    assert photometric in tiff
    assert bits in tiff
    inverted = tiff.replace(photometric, struct.pack("<HHIHH", 262, 3, 1, 0, 0))
    np.testing.assert_array_equal(decode_square(inverted, "x", 64, 1)[..., 0], 255 - RAMP)
    white = encoded(Image.fromarray(np.full((64, 64), 65535, np.uint16)), "TIFF")
    twelve = white.replace(bits, struct.pack("<HHIHH", 258, 3, 1, 12, 0))
    assert (decode_square(twelve, "x", 64, 1) == 255).all()


@pytest.mark.parametrize("pixels", [RAMP.astype(np.float32) / 255, RAMP.astype(np.int32)], ids=["float", "32 bits"])
def test_pixels_without_a_stated_range_are_refused_by_name(pixels):
    with pytest.raises(DataError, match=r"^a/x.png is not a readable image \(its pixels are .* numbers.*save 8 or 16"):
        decode_square(encoded(Image.fromarray(pixels), "TIFF"), "a/x.png", 64, 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(("orientation", "stored"), sorted((k, v) for k, v in viewing._UPRIGHT.items()))
def test_an_image_that_is_stored_turned_stands_upright(kind, orientation, stored):
    undo = {
        Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
        Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
    }
    upright = Image.fromarray(np.where(np.arange(64)[:, None] < 20, 255 - RAMP, RAMP)[:, :48].copy()).convert("RGB")
    tag = Image.Exif()
    tag[0x0112] = orientation
    stream = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "JPEG" else {}
    upright.transpose(undo.get(stored, stored)).save(stream, kind, exif=tag, **options)
    seen = np.asarray(decode(stream.getvalue(), "x")).astype(int)
    assert seen.shape == (64, 48, 3)
    assert abs(seen - np.asarray(upright)).mean() < 3


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_data_is_no_reason_to_leave_an_image_out():
    stream = io.BytesIO()
    picture(8, 8).save(stream, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert decode_square(stream.getvalue(), "x", 8, 1).shape == (8, 8, 3)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_hidden_under_transparency_is_white(mode):
    hidden = np.random.default_rng(0).integers(0, 200, (16, 16, 4), np.uint8)
    hidden[..., 3] = 0
    hidden[4:12, 4:12] = (60, 60, 60, 255)
    image = Image.fromarray(hidden)
    if mode == "P":
        image = Image.frombytes("P", (16, 16), np.where(hidden[..., 3] == 0, 0, 1).astype(np.uint8).tobytes())
        image.putpalette([9, 9, 9, 60, 60, 60])
        image.info["transparency"] = 0
    seen = decode_square(encoded(image.convert(mode)), "x", 16, 1)
    assert (seen[4:12, 4:12] == 60).all()
    assert (seen[:4] == 255).all()


def test_the_first_frame_of_an_animated_file_is_taken_and_that_is_said_once(caplog):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime")]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    decoding._SAID.clear()
    for name in ("a.gif", "b.gif"):
        assert decode_square(stream.getvalue(), name, 8, 1)[0, 0].tolist() == [255, 0, 0]
    assert [r.getMessage()[:18] for r in caplog.records] == ["a.gif is animated;"]


def test_more_pixels_than_fit_are_refused_before_they_are_decoded(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_PIXELS", 63 * 64)
    with pytest.raises(DataError, match="it has 64x64 pixels, more than the limit of 4032"):
        decode_square(encoded(picture(64, 64)), "x", 8, 1)


def test_a_format_that_starts_a_program_is_not_opened(monkeypatch):
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *a, **k: pytest.fail("Ghostscript was started"))
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    with pytest.raises(DataError, match=r"x.jpg is not a readable image \(cannot identify"):
        decode_square(eps, "x.jpg", 8, 1)


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size_and_looks_the_same():
    small = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8))
    data = encoded(small.resize((900, 1200), Image.Resampling.BICUBIC), "JPEG", quality=95)
    whole = decode_square(data, "x.jpg", 64, 1).astype(int)
    part = decode_cropped(data, "x.jpg", 64, "centre").astype(int)
    assert decode(data, "x.jpg", enough=128).size == (225, 300)
    assert 0 < abs(part - whole).mean() < 4  # of 255, where neighbours differ by 13
