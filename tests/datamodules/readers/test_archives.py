"""What packed files of digits may say of themselves, and what of it is believed."""

import bz2
import gzip
import io
import re
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from scipy.io import savemat

from adversaria.config.errors import DataError
from datamodules.readers import archives, usps
from datamodules.readers.mnist import MNIST, read_idx
from datamodules.readers.svhn import SVHN
from datamodules.readers.usps import USPS


def idx(values, magic=None, shape=None):
    shape = values.shape if shape is None else shape
    return struct.pack(f">{1 + len(shape)}I", magic or 0x800 + len(shape), *shape) + values.tobytes()


def test_an_idx_file_is_read_as_its_header_says(tmp_path):
    values = np.arange(2 * 5 * 7, dtype=np.uint8).reshape(2, 5, 7)
    (tmp_path / "a").write_bytes(idx(values))
    assert np.array_equal(read_idx(tmp_path / "a", 3), values)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "content",
    [
        idx(np.zeros((3, 4, 4), np.uint8), magic=2049),
        idx(np.zeros((3, 4, 4), np.uint8), magic=0xD03),
        idx(np.zeros((3, 4, 4), np.uint8), shape=(4, 4, 4)),
        idx(np.zeros((3, 4, 4), np.uint8), shape=(2, 4, 4)),
        idx(np.zeros((3, 4, 4), np.uint8), shape=(2**32 - 1,) * 3),
        b"",
        bytes(10),
    ],
    ids=["labels", "floats", "too short", "too long", "absurd", "empty", "zeros"],
)
def test_an_idx_file_that_is_not_what_its_header_says_is_refused(tmp_path, content, packed):
    file = tmp_path / ("a.gz" if packed else "a")
    file.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=re.escape(str(file))):
        read_idx(file, 3)


def test_a_set_of_images_of_another_size_needs_as_many_labels(tmp_path):
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(np.zeros((50, 56, 56), np.uint8)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(200, dtype=np.uint8) % 10))
    with pytest.raises(DataError, match="50 images and 200 labels"):
        MNIST(str(tmp_path)).splits()


def peak(call):
    """Return the most MiB that a call holds at once."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            call()
        return tracemalloc.get_traced_memory()[1] >> 20
    finally:
        tracemalloc.stop()


def test_a_small_gzip_file_is_not_unpacked_beyond_what_is_expected(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(np.zeros(0, np.uint8), shape=(5, 2, 2)) + bytes(1 << 26), 1))
    assert peak(lambda: read_idx(tmp_path / "a.gz", 3)) < 8


def test_a_small_bzip2_file_is_not_unpacked_whole(tmp_path):
    (tmp_path / "usps.bz2").write_bytes(bz2.compress(bytes(1 << 26)))
    (tmp_path / "usps.t.bz2").write_bytes(bz2.compress(b""))
    assert peak(USPS(str(tmp_path)).splits) < 8


def write_npz(root, members, **options):
    with zipfile.ZipFile(root / "svhn_train_a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            if not isinstance(content, bytes):
                stream = io.BytesIO()
                np.lib.format.write_array(stream, content, allow_pickle=True)
                content = stream.getvalue()
            archive.writestr(f"{name}.npy", content)
    return SVHN(str(root), **options)


GOOD = np.random.default_rng(0).integers(0, 256, (100, 32, 32, 3), np.uint8)
LABELS = np.arange(100) % 10


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (GOOD.astype(np.float32) / 255, LABELS),
        (GOOD.transpose(0, 3, 1, 2), LABELS),
        (np.concatenate([GOOD, GOOD[..., :1]], -1), LABELS),
        (np.full(GOOD.shape, np.nan), LABELS),
        (GOOD.astype(np.uint16) * 257, LABELS),
        (GOOD.astype(np.int64), LABELS),
        (np.array([{}], dtype=object), LABELS),
        (GOOD, np.eye(10)[LABELS]),
        (GOOD, LABELS.astype(str)),
        (GOOD, np.where(LABELS == 3, np.nan, LABELS)),
        (GOOD, LABELS[:99]),
        (GOOD, LABELS + 0.5),
    ],
    ids=[
        "floats",
        "first",
        "four",
        "NaN",
        "16-bits",
        "int64",
        "objects",
        "one-hot",
        "text",
        "NaN-label",
        "too-few",
        "half",
    ],
)
def test_an_excerpt_of_another_layout_is_refused_in_a_sentence(tmp_path, images, labels):
    with pytest.raises(DataError, match=re.escape(str(tmp_path / "svhn_train_a.npz"))):
        write_npz(tmp_path, {"X": images, "y": labels}).splits()


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_excerpt_is_read_in_either_order_and_with_a_column_of_labels(tmp_path, order):
    reader = write_npz(tmp_path, {"X": np.asarray(GOOD, order=order), "y": LABELS[:, None]})
    assert np.array_equal(reader.read("train/7", 32), GOOD[7])
    assert reader.splits()["train"].labels.shape[1:] == (1,)


def header(shape, kind="|u1"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
    return stream.getvalue()


@pytest.mark.parametrize("shape", [(1 << 40, 32, 32, 3), (-1, 32, 32, 3), (0, 32, 32, 3), (3, 32, 32, 3)])
def test_an_array_whose_header_is_not_true_is_refused_before_it_is_made(tmp_path, shape):
    reader = write_npz(tmp_path, {"X": header(shape) + bytes(3071), "y": LABELS})
    with pytest.raises(DataError, match="but its content is not"):
        reader.splits()


def test_an_array_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_ARRAY", 1 << 20)
    count = (1 << 24) // 3072
    reader = write_npz(tmp_path, {"X": header((count, 32, 32, 3)) + bytes(count * 3072), "y": LABELS})
    assert peak(reader.splits) < 8
    with pytest.raises(DataError, match="unpacks to 15 MiB, more than the limit of 1 MiB"):
        reader.splits()


def write_mat(root, **arrays):
    for part in ("train", "test"):
        savemat(root / f"{part}_32x32.mat", arrays, do_compression=True)
    return SVHN(str(root))


@pytest.mark.parametrize(
    "arrays",
    [
        {"X": np.array([{"a": 1}], dtype=object), "y": np.zeros((1, 1))},
        {"X": np.zeros((32, 32, 3, 20)), "y": np.ones((20, 1))},
        {"X": np.zeros((20, 32, 32, 3), np.uint8), "y": np.ones((20, 1))},
        {"X": np.zeros((32, 32, 3, 20), np.uint8)},
        {"y": np.ones((20, 1))},
        {"X": np.zeros((32, 32, 3, 20), np.uint8), "y": np.ones((19, 1))},
        {"X": np.zeros((32, 32, 3, 20), np.uint8), "y": np.full((20, 1), 11)},
    ],
    ids=["objects", "floats", "images first", "no labels", "no images", "too few labels", "eleven"],
)
def test_a_mat_file_of_another_layout_is_refused_in_a_sentence(tmp_path, arrays):
    with pytest.raises(DataError, match=re.escape(str(tmp_path / "train_32x32.mat"))):
        write_mat(tmp_path, **arrays).splits()


def test_a_mat_file_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_ARRAY", 1 << 20)
    reader = write_mat(tmp_path, X=np.zeros((32, 32, 3, 1000), np.uint8), y=np.ones((1000, 1)))
    assert peak(reader.splits) < 24
    with pytest.raises(DataError, match=r"train_32x32\.mat unpacks to more than 1 MiB"):
        reader.splits()


def test_a_member_of_a_zip_with_a_false_size_is_not_unpacked_beyond_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(1 << 26))
    content = (tmp_path / "a.zip").read_bytes().replace(struct.pack("<I", 1 << 26), struct.pack("<I", 100))
    (tmp_path / "a.zip").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        info = archive.getinfo("x")
        tracemalloc.start()
        with pytest.raises((zipfile.BadZipFile, zlib.error)):
            archives.read_member(archive, info, 1 << 30, "a.zip")
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_cannot_be_unpacked_in_steps_is_refused(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("x", bytes(100))
        with pytest.raises(DataError, match="packed in a way that cannot be read"):
            archives.read_member(archive, archive.getinfo("x"), 1 << 30, "a.zip")


def test_more_lines_than_usps_has_are_not_read_to_their_end(tmp_path, monkeypatch):
    monkeypatch.setattr(usps, "MOST_LINES", 100)
    for name in ("usps.bz2", "usps.t.bz2"):
        (tmp_path / name).write_bytes(bz2.compress(b"\n" * 101))
    with pytest.raises(DataError, match=r"usps\.bz2 has more than 100 lines; fetch it again"):
        USPS(str(tmp_path)).splits()
