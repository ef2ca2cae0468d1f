import re
import zipfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from adversaria.config.errors import DataError
from datamodules.readers.celeba import CelebA

NAMES = [f"{n:06d}.jpg" for n in range(1, 7)]


def every_image(reader, size=64):
    return np.stack([reader.read(name, size) for name in NAMES])


def test_the_zip_archive_gives_the_arrays_of_the_folder(write_celeba, tmp_path):
    folder = CelebA(str(write_celeba(tmp_path / "a")))
    archive = CelebA(str(write_celeba(tmp_path / "b", archive=True)))
    assert not (tmp_path / "b/img_align_celeba").exists()
    np.testing.assert_array_equal(every_image(archive), every_image(folder))


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("place", ["", "celeba", "CelebA"])
@pytest.mark.parametrize("subfolders", [("", "", ""), ("Img", "Anno", "Eval")], ids=["flat", "published"])
def test_every_layout_is_read(write_celeba, tmp_path, celeba_attributes, place, subfolders, archive):
    write_celeba(tmp_path / place, size=(89, 109), archive=archive, subfolders=subfolders)
    reader = CelebA(str(tmp_path))
    assert reader.attributes() == celeba_attributes
    assert {k: t.names for k, t in reader.splits().items()} == {
        "train": ["000001.jpg", "000002.jpg", "000004.jpg"],
        "val": ["000003.jpg"],
        "test": ["000005.jpg", "000006.jpg"],
    }
    assert every_image(reader).std() > 10


@pytest.mark.parametrize(("size", "crop"), [((178, 218), 148), ((89, 109), 74)])
def test_the_crop_is_torchvisions_pixel_for_pixel(write_celeba, tmp_path, size, crop):
    from torchvision.transforms import CenterCrop, Compose, Resize

    reader = CelebA(str(write_celeba(tmp_path, size)))
    usual = Compose([CenterCrop(crop), Resize(64, antialias=True)])
    expected = np.stack([np.asarray(usual(Image.open(tmp_path / "img_align_celeba" / name))) for name in NAMES])
    assert expected.shape == (6, 64, 64, 3)
    np.testing.assert_array_equal(every_image(reader), expected)


def test_the_size_asked_for_is_delivered(celeba_root):
    image = CelebA(str(celeba_root)).read("000001.jpg", 32)
    assert image.shape == (32, 32, 3)
    assert image.dtype == np.uint8


def test_labels_become_0_and_1(celeba_root, celeba_attributes):
    splits = CelebA(str(celeba_root)).splits()
    male, smiling, young = (celeba_attributes.index(a) for a in ("Male", "Smiling", "Young"))
    train = splits["train"].labels
    assert train.dtype == np.int8
    assert train.shape == (3, 40)
    assert train[:, male].tolist() == [1, 0, 0]
    assert train[:, young].tolist() == [0, 1, 0]
    assert train.sum(1).tolist() == [1, 2, 0]
    assert splits["val"].labels[0, [male, smiling, young]].tolist() == [1, 1, 0]
    assert Counter(np.concatenate([t.labels for t in splits.values()]).ravel().tolist()) == {1: 7, 0: 233}


def test_missing_data_says_where_it_looked_and_what_to_do(tmp_path):
    with pytest.raises(DataError) as error:
        CelebA(str(tmp_path)).attributes()
    text = str(error.value)
    for part in (
        f"{tmp_path}, ",
        str(tmp_path / "celeba"),
        "img_align_celeba/ or img_align_celeba.zip",
        "list_attr_celeba.txt",
        "list_eval_partition.txt",
        "data.root",
        "python -m datamodules.prepare celeba",
    ):
        assert part in text


@pytest.mark.parametrize("file", ["list_attr_celeba.txt", "list_eval_partition.txt"])
def test_a_missing_list_is_named(celeba_root, file):
    (celeba_root / file).unlink()
    with pytest.raises(DataError, match=re.escape(f"CelebA ({file}) not found")):
        CelebA(str(celeba_root)).attributes()


@pytest.mark.parametrize(
    ("file", "number", "line", "reason"),
    [
        ("list_attr_celeba.txt", 4, "000002.jpg" + " 1" * 39, "expected 40 values after the name, found 39"),
        ("list_attr_celeba.txt", 3, "000001.jpg" + " 1" * 39 + " yes", "yes"),
        ("list_attr_celeba.txt", 3, "000001.jpg" + " 1" * 39 + " 300", ""),
        ("list_eval_partition.txt", 2, "000002.jpg", "expected 1 values after the name, found 0"),
        ("list_eval_partition.txt", 5, "000005.jpg test", "test"),
        ("list_eval_partition.txt", 6, "000006.jpg 3", "3"),
    ],
    ids=["too few", "a word", "not -1 or 1", "no part", "part as a word", "no such part"],
)
def test_a_malformed_line_is_named_by_file_and_number(celeba_root, file, number, line, reason):
    lines = (celeba_root / file).read_text(encoding="utf-8").splitlines()
    lines[number - 1] = line
    (celeba_root / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(f"{celeba_root / file}, line {number}: ")) as error:
        CelebA(str(celeba_root)).splits()
    assert reason in str(error.value)


def test_blank_lines_in_the_lists_are_no_rows(celeba_root):
    for file in ("list_attr_celeba.txt", "list_eval_partition.txt"):
        with (celeba_root / file).open("a", encoding="utf-8") as stream:
            stream.write("\n\n")
    assert len(CelebA(str(celeba_root)).splits()["train"]) == 3


def test_an_image_without_a_part_is_named(celeba_root):
    file = celeba_root / "list_eval_partition.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text(
        "\n".join(line for line in lines if "000004" not in line and "000005" not in line), encoding="utf-8"
    )
    with pytest.raises(DataError, match=r"list_eval_partition.txt has no line for 000004.jpg \(2 images in all\)"):
        CelebA(str(celeba_root)).splits()


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "zip"])
def test_a_listed_image_that_is_missing_is_named(write_celeba, tmp_path, archive):
    reader = CelebA(str(write_celeba(tmp_path, archive=archive)))
    with pytest.raises(DataError, match=r"000009.jpg: it is listed but missing; .*on_bad_image=skip"):
        reader.read("000009.jpg", 64)


def test_a_truncated_image_is_named(celeba_root):
    file = celeba_root / "img_align_celeba/000002.jpg"
    file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(DataError, match=re.escape(f"{file} is not a readable image")):
        CelebA(str(celeba_root)).read("000002.jpg", 64)


def test_a_web_page_named_jpg_is_named(celeba_root):
    file = celeba_root / "img_align_celeba/000002.jpg"
    file.write_text("<!DOCTYPE html><html>Quota exceeded</html>", encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(f"{file} is not a readable image (it is an HTML page")):
        CelebA(str(celeba_root)).read("000002.jpg", 64)


def test_a_zip_cut_short_is_named(write_celeba, tmp_path):
    file = write_celeba(tmp_path, archive=True) / "img_align_celeba.zip"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(DataError, match=re.escape(f"{file} is not a readable zip archive")):
        CelebA(str(tmp_path)).read("000001.jpg", 64)


@pytest.mark.parametrize("start", [60, 200, 1000])
def test_a_damaged_member_of_a_zip_is_named(write_celeba, tmp_path, start):
    file = write_celeba(tmp_path, archive=True) / "img_align_celeba.zip"
    content = bytearray(file.read_bytes())
    first = content.index(b"img_align_celeba/000001.jpg") + 27
    content[first + start : first + start + 40] = bytes(40)
    file.write_bytes(content)
    reader = CelebA(str(tmp_path))
    with pytest.raises(DataError, match=r"img_align_celeba.zip/000001.jpg"):
        reader.read("000001.jpg", 64)
    assert reader.read("000002.jpg", 64).shape == (64, 64, 3)


def test_an_archive_whose_members_would_escape_is_only_read(write_celeba, tmp_path):
    root = write_celeba(tmp_path / "data", archive=True)
    outside = tmp_path / "escaped.jpg"
    with zipfile.ZipFile(root / "img_align_celeba.zip", "a") as archive:
        for member in ("../escaped.jpg", str(tmp_path / "absolute.jpg")):
            archive.writestr(member, archive.read("img_align_celeba/000001.jpg"))
    reader = CelebA(str(root))
    assert reader.read("000001.jpg", 64).shape == (64, 64, 3)
    assert reader.read("escaped.jpg", 64).shape == (64, 64, 3)
    assert not outside.exists()
    assert sorted(f.name for f in tmp_path.iterdir()) == ["data"]


def test_an_image_that_an_archive_has_twice_is_refused_unless_one_is_in_the_published_folder(write_celeba, tmp_path):
    file = write_celeba(tmp_path, archive=True) / "img_align_celeba.zip"
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("small/000001.jpg", b"no image")
        archive.writestr("__MACOSX/img_align_celeba/._000001.jpg", b"no image")
        archive.writestr("a\\img_align_celeba\\000002.jpg", b"no image")  # as old programs on Windows write it
        archive.writestr("b\\000009.jpg", archive.read("img_align_celeba/000003.jpg"))
    reader = CelebA(str(tmp_path))
    assert reader.read("000001.jpg", 64).shape == reader.read("000009.jpg", 64).shape == (64, 64, 3)
    with pytest.raises(DataError, match=r"has 000002\.jpg twice, as a.*000002\.jpg and img_align_celeba/000002\.jpg"):
        reader.read("000002.jpg", 64)


def test_a_web_page_named_zip_is_named(write_celeba, tmp_path):
    file = write_celeba(tmp_path, archive=True) / "img_align_celeba.zip"
    file.write_text("<html>Quota exceeded</html>", encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(f"{file} is not a readable zip archive")):
        CelebA(str(tmp_path)).read("000001.jpg", 64)


def test_the_fingerprint_changes_when_a_file_is_replaced(celeba_root):
    before = CelebA(str(celeba_root)).fingerprint()
    assert CelebA(str(celeba_root)).fingerprint() == before
    file = celeba_root / "img_align_celeba/000003.jpg"
    file.write_bytes(file.read_bytes() + b"\0")
    assert CelebA(str(celeba_root)).fingerprint() != before


def change_line(file, number, change):
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[number - 1] = change(lines[number - 1])
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "number", "change", "text"),
    [
        ("list_attr_celeba.txt", 1, lambda _: "7", "says in its first line that it has 7 images, but it has 6"),
        ("list_attr_celeba.txt", 1, lambda _: "202599", "says in its first line that it has 202599 images"),
        ("list_attr_celeba.txt", 1, lambda _: "many", "its first line is not a count"),
        ("list_attr_celeba.txt", 2, lambda line: line.replace("Bald", "Male"), "has two columns named 'Male'"),
        ("list_attr_celeba.txt", 4, lambda line: line.replace("000002", "000001"), "line 4: 000001.jpg has a row"),
        ("list_attr_celeba.txt", 4, lambda line: line.replace("000002", "../000002"), "line 4: '../000002.jpg' is not"),
        ("list_eval_partition.txt", 2, lambda _: "000001.jpg 2", "line 2: 000001.jpg has a row already, line 1"),
    ],
)
def test_lists_that_contradict_themselves_are_refused(celeba_root, file, number, change, text):
    change_line(celeba_root / file, number, change)
    with pytest.raises(DataError, match=re.escape(str(celeba_root / file))) as error:
        CelebA(str(celeba_root)).splits()
    assert text in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_lists_saved_by_other_programs_are_read(celeba_root, encoding, delimiter):
    expected = CelebA(str(celeba_root)).splits()
    for name in ("list_attr_celeba.txt", "list_eval_partition.txt"):
        lines = (celeba_root / name).read_text(encoding="utf-8").splitlines()
        text = "\r\n".join(delimiter.join(line.split()) for line in lines)
        (celeba_root / name).write_bytes(text.encode(encoding))
    found = CelebA(str(celeba_root)).splits()
    assert {s: (t.names, t.labels.tolist()) for s, t in found.items()} == {
        s: (t.names, t.labels.tolist()) for s, t in expected.items()
    }


def test_a_member_of_a_zip_that_unpacks_to_too_much_or_is_encrypted_is_refused(write_celeba, tmp_path):
    file = write_celeba(tmp_path, archive=True) / "img_align_celeba.zip"
    content = bytearray(file.read_bytes())
    entry = content.index(b"PK\1\2", content.index(b"PK\1\2") + 4)  # of the first image, after its folder
    content[entry + 24 : entry + 28] = (1 << 30).to_bytes(4, "little")  # its unpacked size
    second = content.index(b"PK\1\2", entry + 4)
    content[second + 8] |= 1
    file.write_bytes(content)
    reader = CelebA(str(tmp_path))
    with pytest.raises(DataError, match=r"000001.jpg unpacks to 1024 MiB, more than the limit of 64 MiB"):
        reader.read("000001.jpg", 64)
    with pytest.raises(DataError, match=r"000002.jpg is encrypted"):
        reader.read("000002.jpg", 64)
    assert reader.read("000003.jpg", 64).shape == (64, 64, 3)
