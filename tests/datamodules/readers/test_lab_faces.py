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


def test_the_end_of_train_is_the_validation_split_with_an_earlier_image_for_each_value_that_it_lacks(root):
    splits = LabFaces(str(root), val_fraction=0.2).splits()
    assert splits["train"].names == [f"train/{i:05d}.png" for i in (0, 1, 2, 3, 5, 6, 7)]
    assert splits["val"].names == ["train/00004.png", "train/00008.png", "train/00009.png"]
    assert splits["test"].names == ["test/00000.png", "test/00001.png", "test/00002.png"]
    assert splits["train"].labels.tolist() == [[1, 0], [0, 0], [1, 0], [0, 0], [0, 1], [1, 1], [0, 1]]
    assert splits["val"].labels.tolist() == [[1, 0], [1, 1], [0, 1]]
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


def test_a_fraction_that_leaves_no_training_image_is_named(root):
    with pytest.raises(DataError, match=r"10 images.*val_fraction=0\.99 leaves none for training; choose a smaller"):
        LabFaces(str(root), 0.99).splits()


def test_a_missing_image_is_named(root):
    file = root / "face/train/00001.png"
    file.unlink()
    with pytest.raises(DataError, match=re.escape(f"{file}: it is listed but missing")):
        LabFaces(str(root)).read("train/00001.png", 64)


def test_the_fingerprint_follows_files_and_fraction(root):
    before = LabFaces(str(root), 0.2).fingerprint()
    assert LabFaces(str(root), 0.2).fingerprint() == before
    assert LabFaces(str(root), 0.3).fingerprint() != before
    Image.new("RGB", (64, 64), "red").resize((70, 70)).save(root / "face/test/00000.png")
    assert LabFaces(str(root), 0.2).fingerprint() != before


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize(
    ("encoding", "first"), [("utf-8", ""), ("utf-8-sig", "sep={}\r\n"), ("utf-16", '"sep={}"\r\n')]
)
def test_tables_of_any_office_program_are_read(root, delimiter, encoding, first):
    expected = LabFaces(str(root), 0.2).splits()
    for part in ("train", "test"):
        file = root / f"face/{part}.csv"
        text = first.format(delimiter) + file.read_text(encoding="utf-8").replace(",", delimiter).replace("\n", "\r\n")
        file.write_bytes(text.encode(encoding))
    found = LabFaces(str(root), 0.2).splits()
    assert {s: (t.names, t.labels.tolist()) for s, t in found.items()} == {
        s: (t.names, t.labels.tolist()) for s, t in expected.items()
    }


@pytest.mark.parametrize(
    ("line", "content", "text"),
    [
        (4, "./00000.png,1,0", "line 4: ./00000.png has a row already, line 2"),
        (4, "00002.png,True,0", "line 4: expected 0 or 1, found 'True'; write 1 for yes and 0 for no"),
        (4, "00002.png,1", "line 4: the name is followed by 1 values, and the first line has 2 titles"),
        (1, "image_name,Male,Male", "has two columns named 'Male'"),
        (1, "image_name,Bangs,", "a label column has no name"),
        (1, "image_name,Bangs,digit", "has a column named 'digit', which means ten classes, not yes or no; rename it"),
        (1, "00000.png,1,0", "has no line of titles: its first line is '00000.png,1,0'"),
        (1, "face0,1,0", "has no line of titles"),
        (4, "00000.png,1,0", "line 4: 00000.png has a row already, line 2"),
        (4, "../test/00000.png,1,0", "line 4: '../test/00000.png' is not the name of a file inside"),
        (4, "/dev/zero,1,0", "line 4: '/dev/zero' is not the name"),
        (4, '"00002.png', "line"),
    ],
)
def test_what_a_table_cannot_mean_is_refused(root, line, content, text):
    file = root / "face/train.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[line - 1] = content
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(str(file))) as error:
        LabFaces(str(root)).splits()
    assert text in str(error.value)


def test_an_empty_table_is_refused(root):
    (root / "face/train.csv").write_text("\n;;\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"train\.csv is empty"):
        LabFaces(str(root)).attributes()


def test_images_that_the_table_leaves_out_are_said(root, caplog):
    file = root / "face/train.csv"
    file.write_text("\n".join(file.read_text(encoding="utf-8").splitlines()[:8]), encoding="utf-8")
    LabFaces(str(root), 0.2).splits()
    assert "names 7 images; 3 other images in" in caplog.text


def test_a_relative_root_is_named_as_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=re.escape(f"looked in {tmp_path}/faces, {tmp_path}/faces/face")):
        LabFaces("faces").attributes()


def test_an_image_in_a_folder_within_is_read_and_changes_the_fingerprint(root):
    (root / "face/train/more").mkdir()
    (root / "face/train/00001.png").rename(root / "face/train/more/1.png")
    file = root / "face/train.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("00001.png", "more/1.png"), encoding="utf-8")
    reader = LabFaces(str(root), 0.2)
    assert reader.splits()["train"].names[1] == "train/more/1.png"
    np.testing.assert_array_equal(reader.read("train/more/1.png", 8)[0, 0], colour("train", 1))
    before = reader.fingerprint()
    Image.new("RGB", (70, 70)).save(root / "face/train/more/1.png")
    assert LabFaces(str(root), 0.2).fingerprint() != before
