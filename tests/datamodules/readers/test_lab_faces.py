import re

import numpy as np
import pytest
from PIL import Image

from adversaria.config.errors import DataError
from datamodules.readers.lab_faces import LabFaces

HEADER = "image_name,Bangs,Male"


def colour(part, number):
    return (number, 10 * number, 200 if part == "train" else 100)


@pytest.fixture
def root(tmp_path):
    """Ten training and three test images of one colour each; image i has Bangs if i is even, Male if i > 4."""
    folder = tmp_path / "face"
    for part, count in (("train", 10), ("test", 3)):
        (folder / part).mkdir(parents=True)
        rows = [HEADER]
        for i in range(count):
            Image.new("RGB", (64, 64), colour(part, i)).save(folder / part / f"{i:05d}.png")
            rows.append(f"{i:05d}.png,{int(i % 2 == 0)},{int(i > 4)}")
        (folder / f"{part}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("inside", ["", "face"])
def test_the_layout_is_found_in_root_and_in_face(root, inside):
    reader = LabFaces(str(root / inside), val_fraction=0.2)
    assert reader.attributes() == ["Bangs", "Male"]
    image = reader.read("train/00003.png", 64)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.full((64, 64, 3), colour("train", 3)))


def test_the_end_of_train_is_the_validation_split(root):
    splits = LabFaces(str(root), val_fraction=0.2).splits()
    assert splits["train"].names == [f"train/{i:05d}.png" for i in range(8)]
    assert splits["val"].names == ["train/00008.png", "train/00009.png"]
    assert splits["test"].names == ["test/00000.png", "test/00001.png", "test/00002.png"]
    assert splits["train"].labels.tolist() == [[1, 0], [0, 0], [1, 0], [0, 0], [1, 0], [0, 1], [1, 1], [0, 1]]
    assert splits["val"].labels.tolist() == [[1, 1], [0, 1]]
    assert splits["test"].labels.tolist() == [[1, 0], [0, 0], [1, 0]]
    assert all(t.labels.dtype == np.int8 for t in splits.values())


def test_test_images_are_read_from_the_test_folder(root):
    np.testing.assert_array_equal(LabFaces(str(root)).read("test/00002.png", 32)[0, 0], colour("test", 2))


def test_missing_data_says_where_it_looked(tmp_path):
    with pytest.raises(DataError) as error:
        LabFaces(str(tmp_path)).attributes()
    for part in (f"{tmp_path}, {tmp_path / 'face'}", "train/*.png with train.csv", "data.root"):
        assert part in str(error.value)


def test_lists_with_different_columns_are_refused(root):
    file = root / "face/test.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("Bangs,Male", "Male,Bangs"), encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(f"{file}: its columns ['Male', 'Bangs'] are not those of train.csv")):
        LabFaces(str(root)).splits()


@pytest.mark.parametrize("values", ["x,0", ",0", "1", "1,0,1", "nan,0", "inf,0", "300,0", "-1,1", "0.5,0", "2,0"])
def test_a_bad_value_is_named_by_file_and_line(root, values):
    file = root / "face/train.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[3] = f"00002.png,{values}"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(f"{file}, line 4: ")):
        LabFaces(str(root)).splits()


def test_values_written_as_floats_are_read(root):
    file = root / "face/train.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("00002.png,1,0", "00002.png,1.0,0.0"), encoding="utf-8")
    assert LabFaces(str(root), 0.2).splits()["train"].labels[2].tolist() == [1, 0]


def test_a_fraction_that_leaves_no_validation_image_is_named(root):
    with pytest.raises(DataError, match=r"10 images.*val_fraction=0\.01 leaves none"):
        LabFaces(str(root), 0.01).splits()


def test_a_missing_image_is_named(root):
    file = root / "face/train/00001.png"
    file.unlink()
    with pytest.raises(DataError, match=re.escape(f"{file} cannot be read (No such file or directory)")):
        LabFaces(str(root)).read("train/00001.png", 64)


def test_the_fingerprint_follows_files_and_fraction(root):
    before = LabFaces(str(root), 0.2).fingerprint()
    assert LabFaces(str(root), 0.2).fingerprint() == before
    assert LabFaces(str(root), 0.3).fingerprint() != before
    Image.new("RGB", (64, 64), "red").resize((70, 70)).save(root / "face/test/00000.png")
    assert LabFaces(str(root), 0.2).fingerprint() != before
