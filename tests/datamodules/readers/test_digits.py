"""The digit sets, from small sets on disk in each of the layouts that are published."""

import bz2
import functools
import gzip
import json
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from sklearn.datasets import load_digits

from adversaria.config.errors import DataError
from datamodules.array_cache import open_cache
from datamodules.images import ImagesDataModule
from datamodules.readers.digits import EmbeddedDigits
from datamodules.readers.mnist import MNIST
from datamodules.readers.mnistm import MNISTM
from datamodules.readers.sheets import in_order, read_labels
from datamodules.readers.svhn import SVHN
from datamodules.readers.usps import USPS


class Part(NamedTuple):
    images: np.ndarray
    labels: np.ndarray


class Written(NamedTuple):
    """A set on disk: how to open it, its files, and what was put into `train` and `test`."""

    reader: Callable
    root: Path
    files: list[Path]
    train: Part
    test: Part

    def open(self, **options):
        return self.reader(str(self.root), **options)


def part(count, *shape, seed=0):
    """Random images; the labels go round, so that the last ten have every class."""
    images = np.random.default_rng([count, seed]).integers(0, 256, (count, *shape), np.uint8)
    return Part(images, (np.arange(count) % 10).astype(np.uint8))


# --------------------------------------------------------------------------------------------------- writers of sets


def write_mnist(root, packed=True, place="MNIST/raw", train=None, test=None):
    folder = root / place
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"train": train or part(25, 28, 28), "t10k": test or part(7, 28, 28)}
    files = []
    for stem, (images, labels) in parts.items():
        contents = {
            "images-idx3": struct.pack(">4I", 2051, len(images), 28, 28) + images.tobytes(),
            "labels-idx1": struct.pack(">2I", 2049, len(labels)) + labels.tobytes(),
        }
        for kind, content in contents.items():
            files.append(folder / f"{stem}-{kind}-ubyte{'.gz' if packed else ''}")
            files[-1].write_bytes(gzip.compress(content) if packed else content)
    return Written(MNIST, root, files, *parts.values())


def write_usps(root, place="", train=None, test=None):
    (root / place).mkdir(parents=True, exist_ok=True)
    parts = {"usps.bz2": train or part(25, 16, 16), "usps.t.bz2": test or part(7, 16, 16)}
    for name, (images, labels) in parts.items():
        lines = []
        for image, label in zip(images, labels, strict=True):
            values = np.minimum(image.ravel() + 0.5, 255) / 255 * 2 - 1  # torchvision cuts decimals off
            lines.append(" ".join([str(label + 1), *(f"{i}:{v:.6f}" for i, v in enumerate(values, 1))]) + " \n")
        (root / place / name).write_bytes(bz2.compress("".join(lines).encode()))
    return Written(USPS, root, [root / place / name for name in parts], *parts.values())


def write_mnistm_images(root, place="mnist_m"):
    folder = root / place
    parts = {"train": part(25, 32, 32, 3), "test": part(7, 32, 32, 3)}
    for name, (images, labels) in parts.items():
        (folder / f"mnist_m_{name}").mkdir(parents=True)
        lines = []
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            file = f"{(7 * i) % 1000:08d}.png"  # the order is that of the list, not that of the names
            Image.fromarray(image).save(folder / f"mnist_m_{name}" / file)
            lines.append(f"{file} {label}\n")
        (folder / f"mnist_m_{name}_labels.txt").write_text("".join(lines), encoding="utf-8")
    files = [folder / f"mnist_m_{name}{end}" for name in parts for end in ("_labels.txt", "")]
    return Written(MNISTM, root, files, *parts.values())


def write_sheets(folder, prefix):
    """Write 220 + 7 tiles in the packed layout of MNIST-M and SVHN; return the files, and what is in them."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"train": part(220, 32, 32, 3), "test": part(7, 32, 32, 3)}
    files = []
    for name, (images, labels) in parts.items():
        files.append(folder / f"{prefix}_{name}_labels.txt")
        files[-1].write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
        for number, start in enumerate(range(0, len(images), 200)):  # two rows of tiles a sheet
            tiles = images[start : start + 200]
            sheet = np.zeros((32 * -(-len(tiles) // 100), 3200, 3), np.uint8)
            for i, tile in enumerate(tiles):
                y, x = 32 * (i // 100), 32 * (i % 100)
                sheet[y : y + 32, x : x + 32] = tile
            files.append(folder / f"{prefix}_{name}_{number:02d}.webp")
            Image.fromarray(sheet).save(files[-1], lossless=True, quality=0, method=0)
    return files, *parts.values()


def write_mnistm_sheets(root, place="mnist_m"):
    return Written(MNISTM, root, *write_sheets(root / place, "mnist_m"))


def write_svhn_sheets(root, place="svhn"):
    return Written(SVHN, root, *write_sheets(root / place, "svhn"))


def write_svhn(root, place="svhn", train=None, test=None):
    (root / place).mkdir(parents=True, exist_ok=True)
    parts = {"train_32x32.mat": train or part(25, 32, 32, 3), "test_32x32.mat": test or part(7, 32, 32, 3)}
    for name, (images, labels) in parts.items():
        ten_for_zero = np.where(labels == 0, 10, labels)[:, None]
        savemat(root / place / name, {"X": images.transpose(1, 2, 3, 0), "y": ten_for_zero}, do_compression=True)
    return Written(SVHN, root, [root / place / name for name in parts], *parts.values())


def write_svhn_part(root, place="svhn", labels=None):
    (root / place).mkdir(parents=True, exist_ok=True)
    images, some = part(31, 32, 32, 3)
    labels = some if labels is None else labels
    file = root / place / "svhn_train_first31.npz"
    np.savez_compressed(file, X=images, y=labels)
    return Written(SVHN, root, [file], Part(images[:25], labels[:25]), Part(images[25:], labels[25:]))  # 31 · 0.185 ≈ 6


LAYOUTS = {
    "mnist packed": write_mnist,
    "mnist unpacked": functools.partial(write_mnist, packed=False),
    "usps": write_usps,
    "mnistm images": write_mnistm_images,
    "mnistm sheets": write_mnistm_sheets,
    "svhn": write_svhn,
    "svhn sheets": write_svhn_sheets,
    "svhn part": write_svhn_part,
}


@pytest.fixture(params=LAYOUTS)
def written(request, tmp_path):
    return LAYOUTS[request.param](tmp_path / "data")


def delivered(reader, index, size):
    return np.stack([reader.read(name, size) for name in index.names])


def read_everything(reader):
    for index in reader.splits().values():
        delivered(reader, index, 28)


def as_rgb(images):
    return images if images.ndim == 4 else np.stack([images] * 3, -1)


# ------------------------------------------------------------------------------------------------------- every layout


def test_the_end_of_train_is_held_out_as_val(written):
    reader = written.open(val_fraction=0.2, margin=0)
    side = written.train.images.shape[1]
    splits = reader.splits()
    cut = {25: 15, 220: 176}[len(written.train.labels)]
    train, test = as_rgb(written.train.images), as_rgb(written.test.images)
    assert list(splits) == ["train", "val", "test"]
    assert np.array_equal(delivered(reader, splits["train"], side), train[:cut])
    assert np.array_equal(delivered(reader, splits["val"], side), train[cut:])
    assert np.array_equal(delivered(reader, splits["test"], side), test)
    names = [name for index in splits.values() for name in index.names]
    assert len(set(names)) == len(names)


def test_labels_belong_to_their_images(written):
    splits = written.open(val_fraction=0.2).splits()
    cut = {25: 15, 220: 176}[len(written.train.labels)]
    for split, expected in (
        ("train", written.train.labels[:cut]),
        ("val", written.train.labels[cut:]),
        ("test", written.test.labels),
    ):
        assert splits[split].labels.dtype == np.int8
        assert splits[split].labels.tolist() == [[label] for label in expected]


def test_the_label_column_is_called_digit(written):
    assert written.open().attributes() == ["digit"]


@pytest.mark.parametrize("size", [14, 28, 64])
def test_every_size_asked_for_is_delivered_in_colour(written, size):
    image = written.open().read("test/3", size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8
    assert image.std() > 0


@pytest.mark.parametrize(("fraction", "held"), [(0.0, 10), (0.08, 10), (0.5, 12)])
def test_the_share_held_out_is_rounded_and_has_every_class(tmp_path, fraction, held):
    splits = write_mnist(tmp_path).open(val_fraction=fraction).splits()
    assert (len(splits["train"]), len(splits["val"]), len(splits["test"])) == (25 - held, held, 7)


def test_the_fingerprint_is_that_of_files_and_options(written):
    before = written.open().fingerprint()
    assert json.loads(json.dumps(written.open().fingerprint())) == json.loads(json.dumps(before))
    assert written.open(val_fraction=0.09).fingerprint() != before
    assert written.open(margin=1).fingerprint() != before
    for file in written.files:
        last = written.open().fingerprint()
        if file.is_dir():
            (file / "another.png").write_bytes(b"")
        else:
            file.write_bytes(file.read_bytes() + b"\0")
        assert written.open().fingerprint() != last, file


def test_each_file_that_is_missing_is_noticed_before_anything_is_read(written):
    for file in written.files:
        if re.search("train_0..webp", file.name):
            continue  # of several sheets one is missed by the count
        aside = file.rename(written.root / "aside")
        with pytest.raises(DataError, match="not found: looked in "):
            written.open().attributes()
        aside.rename(file)
    assert written.open().attributes() == ["digit"]


def test_a_missing_set_is_a_data_error_for_the_cache_too(written, tmp_path):
    shutil.rmtree(written.root)
    with pytest.raises(DataError, match="not found: looked in "):
        open_cache(written.open(), 28, tmp_path / "cache")


def test_a_set_goes_through_the_cache_into_batches(written, tmp_path):
    before = sorted(f.stat().st_mtime_ns for f in written.root.rglob("*"))
    options = {"root": str(written.root), "image_size": 28, "batch_size": 5, "cache_dir": str(tmp_path / "cache")}
    datamodule = ImagesDataModule(written.reader, horizontal_flip=False, **options)
    datamodule.setup()
    assert datamodule.attributes == ["digit"]
    batches = list(datamodule.test_dataloader())
    assert [b["image"].shape for b in batches[:1]] == [(5, 3, 28, 28)]
    labels = [label for b in batches for (label,) in b["labels"].tolist()]
    assert labels == written.test.labels.tolist()
    assert datamodule.describe()["data"] == written.reader.name
    assert sorted(f.stat().st_mtime_ns for f in written.root.rglob("*")) == before  # the root is only read


# -------------------------------------------------------------------------------------------------------- where to look


@pytest.mark.parametrize(
    ("write", "place"),
    [
        *((write_mnist, place) for place in ("MNIST/raw", "raw", "")),
        *((write_usps, place) for place in ("", "usps", "USPS")),
        *((write_mnistm_images, place) for place in ("mnist_m", "")),
        *((write_mnistm_sheets, place) for place in ("mnist_m", "")),
        *((write_svhn, place) for place in ("svhn", "SVHN", "")),
        *((write_svhn_sheets, place) for place in ("svhn", "SVHN", "")),
        *((write_svhn_part, place) for place in ("svhn", "SVHN", "")),
    ],
)
def test_a_set_is_found_in_the_usual_folders(tmp_path, write, place):
    written = write(tmp_path, place=place)
    assert written.open().attributes() == ["digit"]
    assert len(written.open().splits()["test"]) == len(written.test.labels)


@pytest.mark.parametrize(
    ("reader", "name", "folders", "layouts"),
    [
        (MNIST, "mnist", ["MNIST/raw", "raw", ""], ["train-images-idx3-ubyte[.gz]", "train-labels-idx1-ubyte[.gz]"]),
        (USPS, "usps", ["", "usps", "USPS"], ["usps.bz2", "usps.t.bz2"]),
        (MNISTM, "mnistm", ["mnist_m", ""], ["/*.png", ".webp", "_labels.txt"]),
        (SVHN, "svhn", ["svhn", "SVHN", ""], ["train_32x32.mat", "svhn_{train,test}_NN.webp", "svhn_train_*.npz"]),
    ],
)
def test_missing_data_says_where_it_looked_and_what_it_reads(tmp_path, reader, name, folders, layouts):
    with pytest.raises(DataError) as error:
        reader(str(tmp_path)).attributes()
    places = ", ".join(str(tmp_path / folder) for folder in folders)
    assert str(error.value).startswith(f"{name} not found: looked in {places}; it reads ")
    for text in (*layouts, "data.root"):
        assert text in str(error.value)


def test_packed_and_unpacked_files_may_be_mixed(tmp_path):
    written = write_mnist(tmp_path)
    for file in written.files[::2]:
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    assert written.open(val_fraction=0).splits()["train"].labels.ravel().tolist() == written.train.labels[:-10].tolist()


def test_a_part_of_svhn_gives_way_to_the_complete_set(tmp_path):
    write_svhn_part(tmp_path)
    complete = write_svhn(tmp_path)
    assert len(complete.open().splits()["test"]) == 7
    complete.files[1].unlink()
    assert len(complete.open().splits()["test"]) == 6


def test_the_published_files_of_svhn_come_before_sheets_and_sheets_before_a_part(tmp_path):
    write_svhn_part(tmp_path)
    sheets = write_svhn_sheets(tmp_path)
    assert sheets.open().files()["train"] == sheets.files[:3]
    published = write_svhn(tmp_path)
    assert published.open().files()["train"] == published.files[:1]


def test_the_validation_part_of_svhn_is_contiguous(tmp_path):
    splits = write_svhn_sheets(tmp_path).open().splits()
    assert splits["train"].names + splits["val"].names == [f"train/{i}" for i in range(220)]
    assert len(splits["val"]) == 18


@pytest.mark.parametrize(("fraction", "test"), [(0.185, 6), (0.28, 9), (0.1, 3)])
def test_the_end_of_a_part_of_svhn_is_its_test_part(tmp_path, fraction, test):
    reader = write_svhn_part(tmp_path).open(test_fraction=fraction, val_fraction=0.2)
    images, labels = part(31, 32, 32, 3)
    splits = reader.splits()
    assert np.array_equal(delivered(reader, splits["test"], 32), images[31 - test :])
    assert splits["test"].labels.ravel().tolist() == labels[31 - test :].tolist()
    assert len(splits["train"]) + len(splits["val"]) == 31 - test
    assert reader.fingerprint() == SVHN(str(tmp_path), val_fraction=0.2, test_fraction=fraction).fingerprint()
    assert reader.fingerprint() != SVHN(str(tmp_path), val_fraction=0.2, test_fraction=0.3).fingerprint()


# --------------------------------------------------------------------------------------------------------------- pixels


@pytest.mark.parametrize("write", [write_mnistm_images, write_mnistm_sheets])
def test_mnistm_without_its_margin_is_the_middle(tmp_path, write):
    written = write(tmp_path)
    reader = written.open()
    assert np.array_equal(delivered(reader, reader.splits()["test"], 28), written.test.images[:, 2:30, 2:30])


def test_a_margin_is_cut_off_before_resizing(tmp_path):
    image = np.full((7, 28, 28), 200, np.uint8)
    image[:, :3] = image[:, -3:] = image[:, :, :3] = image[:, :, -3:] = 0
    written = write_mnist(tmp_path, test=Part(image, np.zeros(7, np.uint8)))
    assert np.unique(written.open(margin=3).read("test/0", 16)).tolist() == [200]
    assert np.unique(written.open(margin=2).read("test/0", 16)).tolist() != [200]


@pytest.mark.parametrize("size", [8, 16, 44])
def test_resizing_leaves_every_corner_where_it_was(tmp_path, size):
    grey, colour = np.zeros((7, 28, 28), np.uint8), np.zeros((7, 32, 32, 3), np.uint8)
    grey[:, :14, 14:], grey[:, 14:, :14], grey[:, 14:, 14:] = 90, 170, 250
    colour[:, :16, 16:], colour[:, 16:, :16], colour[:, 16:, 16:] = (90, 0, 1), (170, 2, 0), (0, 0, 250)
    labels = np.zeros(7, np.uint8)
    mnist = write_mnist(tmp_path, test=Part(grey, labels)).open().read("test/0", size)
    svhn = write_svhn(tmp_path, test=Part(colour, labels)).open().read("test/0", size)
    assert mnist[:: size - 1, :: size - 1].tolist() == [[[0] * 3, [90] * 3], [[170] * 3, [250] * 3]]
    assert svhn[:: size - 1, :: size - 1].tolist() == [[[0, 0, 0], [90, 0, 1]], [[170, 2, 0], [0, 0, 250]]]


def test_resizing_is_torchvisions_pixel_for_pixel(written):
    from torchvision.transforms import Resize

    image = Image.fromarray(as_rgb(written.test.images)[4])
    expected = np.asarray(Resize((20, 20), antialias=True)(image))
    assert np.array_equal(written.open(margin=0).read("test/4", 20), expected)


def test_the_digit_zero_of_svhn_is_ten_in_its_files(tmp_path):
    from scipy.io import loadmat

    written = write_svhn(tmp_path)
    assert set(loadmat(written.files[1])["y"].ravel().tolist()) == {10, 1, 2, 3, 4, 5, 6}
    assert set(written.open().splits()["test"].labels.ravel().tolist()) == {0, 1, 2, 3, 4, 5, 6}


# --------------------------------------------------------------------------------------------------------------- damage


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file):
    file.write_bytes(b"")


def web_page(file):
    file.write_text("<!DOCTYPE html><html>Quota exceeded</html>", encoding="utf-8")


def garble(file):
    content = bytearray(file.read_bytes())
    start = len(content) // 2
    content[start : start + 40] = bytes(255 - b for b in content[start : start + 40])
    file.write_bytes(content)


def garble_first_block(file):
    """Damage the first byte behind gzip's header: it says how the rest is packed."""
    content = bytearray(file.read_bytes())
    content[10] |= 6  # a type that there is not
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("layout", "damage"),
    [
        *(("mnist packed", damage) for damage in (cut, empty, web_page, garble)),
        pytest.param("mnist packed", garble_first_block),
        *(("mnist unpacked", damage) for damage in (cut, empty, web_page)),
        *(("usps", damage) for damage in (cut, empty, web_page, garble)),
        *((f"{name} sheets", damage) for name in ("mnistm", "svhn") for damage in (cut, empty, web_page)),
        *(("svhn", damage) for damage in (cut, web_page)),
        *(pytest.param("svhn", damage) for damage in (empty, garble)),
        *(("svhn part", damage) for damage in (empty, web_page)),
        pytest.param("svhn part", garble),
        # not even run: numpy leaves the file open, and the warning about it ends pytest
        pytest.param("svhn part", cut),
    ],
)
def test_a_damaged_file_is_named(tmp_path, layout, damage):
    written = LAYOUTS[layout](tmp_path)
    file = next(f for f in written.files if f.suffix != ".txt")
    damage(file)
    with pytest.raises(DataError, match=re.escape(str(file))):
        written.open().splits()


@pytest.mark.parametrize("damage", [empty, web_page, Path.unlink])
def test_a_damaged_image_of_mnistm_is_named(tmp_path, damage):
    written = write_mnistm_images(tmp_path)
    file = tmp_path / "mnist_m/mnist_m_train/00000021.png"
    damage(file)
    with pytest.raises(DataError, match=re.escape(str(file))):
        read_everything(written.open())


# not even run: the file stays open, and the warning about it fails whatever test runs then
def test_an_image_of_mnistm_cut_short_is_named(tmp_path):
    written = write_mnistm_images(tmp_path)
    file = tmp_path / "mnist_m/mnist_m_train/00000021.png"
    cut(file)
    with pytest.raises(DataError, match=re.escape(str(file))):
        read_everything(written.open())


def test_an_image_of_mnistm_that_was_replaced_changes_the_fingerprint(tmp_path):
    written = write_mnistm_images(tmp_path)
    before = written.open().fingerprint()
    file = tmp_path / "mnist_m/mnist_m_train/00000021.png"
    file.write_bytes(file.read_bytes() + b"\0")
    assert written.open().fingerprint() != before


@pytest.mark.parametrize("line", ["00000021.png seven", "00000021.png 10", "00000021.png -1", "missing.png 3"])
def test_a_wrong_line_in_the_labels_of_mnistm_is_a_data_error(tmp_path, line):
    written = write_mnistm_images(tmp_path)
    file = written.files[0]
    file.write_text(re.sub(r"00000021\.png \d", line, file.read_text(encoding="utf-8")), encoding="utf-8")
    assert line in file.read_text(encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(str(file).removesuffix("_labels.txt"))):
        read_everything(written.open())


@pytest.mark.parametrize("write", [write_mnistm_sheets, write_svhn_sheets])
def test_a_sheet_that_is_missing_is_noticed_by_the_count(tmp_path, write):
    written = write(tmp_path)
    written.files[2].unlink()  # the second of train
    with pytest.raises(DataError, match=r"_train_00\.webp: 200 images and 220 labels"):
        written.open().splits()


def test_images_and_labels_of_different_number_are_refused(tmp_path):
    train = part(25, 28, 28)
    written = write_mnist(tmp_path, train=Part(train.images, train.labels[:24]))
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz.*: 25 images and 24 labels"):
        written.open().splits()


@pytest.mark.parametrize(
    ("write", "shape", "label"),
    [
        (write_mnist, (28, 28), 10),
        (write_mnist, (28, 28), 255),
        (write_usps, (16, 16), 10),
        (write_usps, (16, 16), -1),
        pytest.param(
            write_svhn,
            (32, 32, 3),
            11,
        ),
    ],
)
def test_a_label_that_is_no_digit_is_refused_by_file(tmp_path, write, shape, label):
    images, labels = part(25, *shape)
    labels = labels.astype(np.int16)
    labels[7] = label
    labels = labels.astype(np.uint8) if write is write_mnist else labels
    written = write(tmp_path, train=Part(images, labels))
    with pytest.raises(DataError, match=re.escape(str(written.files[0]))):
        written.open().splits()


@pytest.mark.parametrize("label", [10, -1])
def test_a_label_that_is_no_digit_is_refused_in_a_part_of_svhn(tmp_path, label):
    labels = np.arange(31) % 10
    labels[7] = label
    written = write_svhn_part(tmp_path, labels=labels)
    with pytest.raises(DataError, match=re.escape(str(written.files[0]))):
        written.open().splits()


@pytest.mark.parametrize("margin", [-1, 14])
def test_a_margin_that_leaves_nothing_or_is_negative_is_refused(tmp_path, margin):
    from adversaria.config.errors import UserError

    with pytest.raises(UserError):
        write_mnist(tmp_path).open(margin=margin).read("test/0", 28)


# ------------------------------------------------------------------------------------------------------ embedded digits


def test_the_embedded_digits_are_all_there_and_in_order():
    images, labels = load_digits(return_X_y=True)
    reader = EmbeddedDigits()
    splits = reader.splits()
    assert {split: len(index) for split, index in splits.items()} == {"train": 1322, "val": 115, "test": 360}
    assert np.concatenate([t.labels for t in splits.values()]).ravel().tolist() == labels.tolist()
    grey = [round(255 * v / 16) for v in range(17)]
    expected = np.array([[grey[int(v)] for v in image] for image in images[-360:]]).reshape(360, 8, 8)
    assert np.array_equal(delivered(reader, splits["test"], 8), as_rgb(expected))
    assert (grey[0], grey[16]) == (0, 255)


def test_the_embedded_digits_go_through_the_cache_into_batches(tmp_path):
    datamodule = ImagesDataModule(EmbeddedDigits, 28, batch_size=64, horizontal_flip=False, cache_dir=str(tmp_path))
    datamodule.setup()
    assert {split: len(arrays) for split, arrays in datamodule.cache.splits.items()} == {
        "train": 1322,
        "val": 115,
        "test": 360,
    }
    batches = list(datamodule.train_dataloader())
    assert len(batches) == 1322 // 64
    for raw in batches:
        batch = datamodule.on_after_batch_transfer(raw, 0)
        assert batch["image"].shape == (64, 3, 28, 28)
        assert batch["labels"].shape == (64, 1)
        assert batch["image"].min() >= -1
        assert batch["image"].max() <= 1
    labels = np.concatenate([b["labels"].numpy() for b in batches]).ravel()
    assert np.unique(labels).tolist() == list(range(10))
    assert np.bincount(labels).min() > 100


def test_embedded_digits_of_one_class_look_alike(tmp_path):
    cache = open_cache(EmbeddedDigits(), 16, tmp_path)
    train, test = cache.splits["train"], cache.splits["test"]
    means = np.stack([train.images[train.labels[:, 0] == d].mean(0)[..., 0] for d in range(10)])
    distance = np.square(test.images[:, None, ..., 0] - means).sum((2, 3))
    assert (distance.argmin(1) == test.labels[:, 0]).mean() > 0.8


def test_the_fingerprint_of_the_embedded_digits_knows_their_option():
    assert EmbeddedDigits().fingerprint() == EmbeddedDigits(0.08).fingerprint()
    assert EmbeddedDigits().fingerprint() != EmbeddedDigits(0.1).fingerprint()


def test_sheets_follow_their_numbers_whatever_the_number_of_digits():
    names = [f"svhn_train_{number}.webp" for number in ("00", "8", "9", "10", "100")]
    assert [file.name for file in in_order(map(Path, sorted(names)))] == names


def write_excerpt(root, labels):
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 32, 32, 3), np.uint8)
    np.savez(root / "svhn_train_a.npz", X=images, y=labels)
    return SVHN(str(root), test_fraction=0.2)


def test_the_digit_0_of_svhn_may_have_the_label_10_but_not_beside_0(tmp_path):
    digits = np.arange(50) % 10
    expected = write_excerpt(tmp_path, digits).splits()["train"].labels
    ten = write_excerpt(tmp_path, np.where(digits == 0, 10, digits).astype(">f8")[:, None]).splits()["train"].labels
    np.testing.assert_array_equal(ten, expected)
    with pytest.raises(DataError, match=r"labels must be numbers from 0 to 9, but found 10; convert them"):
        write_excerpt(tmp_path, np.arange(55) % 11).splits()


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (np.arange(50) % 2 == 0, "but they are bool"),
        (np.arange(50) % 10 + 0.5, "but found 0.5"),
        ((np.arange(50) % 10).astype(str), "but found 0"),
        (np.eye(10)[np.arange(50) % 10], " images and [0-9]+ labels, but each image needs a label"),
    ],
    ids=["bool", "fractions", "text", "one-hot"],
)
def test_labels_that_are_no_digits_are_refused(tmp_path, labels, text):
    reader = SVHN(str(tmp_path))
    np.savez(tmp_path / "svhn_train_a.npz", X=np.zeros((50, 32, 32, 3), np.uint8), y=labels)
    with pytest.raises(DataError, match=text):
        reader.splits()


def test_a_second_excerpt_is_not_dropped_without_a_word(tmp_path, caplog):
    reader = write_excerpt(tmp_path, np.arange(50) % 10)
    shutil.copy(tmp_path / "svhn_train_a.npz", tmp_path / "svhn_train_b.npz")
    reader.splits()
    assert f"of 2 excerpts, {tmp_path}/svhn_train_a.npz is read alone" in caplog.text


def test_more_labels_than_digits_of_a_sheet_are_refused(tmp_path):
    write_svhn_sheets(tmp_path)
    with (tmp_path / "svhn/svhn_test_labels.txt").open("a", encoding="utf-8") as file:
        file.write("3\n")  # of 7 digits and 93 empty tiles
    with pytest.raises(DataError, match=r"there are 8 labels, and 7 digits in svhn_test_00\.webp"):
        SVHN(str(tmp_path)).splits()


def test_a_line_of_labels_with_more_than_a_name_and_a_label_is_refused(tmp_path):
    (tmp_path / "labels.txt").write_text("0 0 1 0\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"labels\.txt, line 1: expected a label, or its name and label, found 4 words"):
        read_labels(tmp_path / "labels.txt")
