"""Anyone's images: where they are, their labels and parts, and what is refused."""

import json
import os
import re
import tarfile

import numpy as np
import pytest
from PIL import Image
from support.albums import album, encoded, listing, names, packed, picture

from adversaria.config.errors import ConfigError, DataError
from datamodules.readers.folder import Folder

PETS = names(["cats", "dogs"])


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """Ten pictures of cats and ten of dogs, of all formats."""
    return album(tmp_path_factory.mktemp("album") / "pets", PETS)


def labels_of(reader):
    """Return the name of each label of each image, by image."""
    found = {}
    for index in reader.splits().values():
        for name, row in zip(index.names, index.labels, strict=True):
            values = {label: int(value) for label, value in zip(reader.attributes(), row, strict=True)}
            classes = reader.classes()
            found[name] = {k: classes[k][v] if k in classes else v for k, v in values.items()}
    return found


def parts_of(reader):
    return {name: split for split, index in reader.splits().items() for name in index.names}


def write(file, data=b"x"):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


# ---------------------------------------------------------------------------------------------------- where images are
def test_folders_are_classes_and_images_of_all_formats_are_read(pets):
    reader = Folder(str(pets))
    before = listing(pets.parent)
    assert reader.attributes() == ["class"]
    assert reader.classes() == {"class": ["cats", "dogs"]}
    assert labels_of(reader) == {name: {"class": name[:4]} for name in PETS}
    for number, name in enumerate(PETS):
        image = reader.read(name, 10)
        assert (image.shape, image.dtype) == ((10, 10, 3), np.uint8)
        if name.lower().endswith((".png", ".tif", ".bmp")):
            np.testing.assert_array_equal(image, np.asarray(picture(number))[:, 1:11])
    assert listing(pets.parent) == before


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_an_archive_is_the_same_as_its_folder(pets, tmp_path, suffix):
    folder, archive = Folder(str(pets)), Folder(str(packed(pets, tmp_path / f"pets{suffix}")))
    assert parts_of(archive) == {f"pets/{name}": part for name, part in parts_of(folder).items()}
    assert labels_of(archive) == {f"pets/{name}": label for name, label in labels_of(folder).items()}
    for name in PETS:
        np.testing.assert_array_equal(archive.read(f"pets/{name}", 8), folder.read(name, 8))


def test_links_are_followed_once_and_what_is_elsewhere_is_said(pets, tmp_path):
    root = tmp_path / "linked"
    album(root, names(["birds"], 4))
    (root / "cats").symlink_to(pets / "cats")
    (root / "birds" / "round").symlink_to(root)  # a circle
    (root / "again").symlink_to(root / "birds")
    (root / "birds" / "copy.png").symlink_to(root / "birds" / "02.png")
    (root / "birds" / "gone.png").symlink_to(root / "nowhere.png")
    reader = Folder(str(root))
    assert sorted(labels_of(reader)) == sorted(names(["birds"], 4) + names(["cats"]))
    assert "14 images (10 by links that lead out of it)" in reader.sentences({}, 0)[0]


def test_what_programs_keep_beside_pictures_is_left_out_and_other_files_are_counted(tmp_path):
    root = album(
        tmp_path / "phone", [*names(["a", "b"], 3), ".thumbnails/x.jpg", "__MACOSX/a/._00.jpg", "@eaDir/y.png"]
    )
    for name in ("a/1.HEIC", "b/2.heic", "film.MP4", ".DS_Store"):
        (root / name).write_bytes(b"x")
    reader = Folder(str(root))
    assert sorted(parts_of(reader)) == sorted(names(["a", "b"], 3))
    assert reader.describe({})["left_out"] == {".heic": 2, ".mp4": 1}


@pytest.mark.parametrize("depth", ["", "my/pictures/"])
def test_folders_that_have_everything_are_no_classes(tmp_path, depth):
    album(tmp_path / "root", [f"{depth}{name}" for name in names(["a", "b"], 4)])
    assert Folder(str(tmp_path / "root")).classes() == {"class": ["a", "b"]}


def test_images_beside_the_folders_are_used_without_labels(tmp_path):
    root = album(tmp_path / "mixed", [*names(["a", "b"], 3), "1.png"])
    reader = Folder(str(root))
    assert reader.attributes() == []
    assert len(parts_of(reader)) == 7
    assert reader.sentences({}, 0)[1].startswith("no labels: images lie beside its folders (1 of 7); put the images")


def test_the_square_is_cut_where_data_crop_says(tmp_path):
    tall = np.zeros((30, 10, 3), np.uint8)
    tall[:10], tall[10:20] = 200, 100
    Image.fromarray(tall).save(tmp_path / "tall.png")
    Image.fromarray(tall.transpose(1, 0, 2)).save(tmp_path / "wide.png")
    expected = {"top": (200, 100), "centre": (100, 100)}
    for crop, values in expected.items():
        reader = Folder(str(tmp_path), crop)
        for name, value in zip(("tall.png", "wide.png"), values, strict=True):
            np.testing.assert_array_equal(reader.read(name, 10), np.full((10, 10, 3), value))
    whole = Folder(str(tmp_path), "none").read("tall.png", 3)[:, 0, 0]
    assert whole[0] > 150 > whole[1] > 50 > whole[2]


# -------------------------------------------------------------------------------------------------------------- tables
SPELLINGS = [("1", "0"), ("yes", "No"), ("TRUE", "false"), ("1", "-1"), ("y", "n"), ("1.0", "0.0")]


@pytest.mark.parametrize(("yes", "no"), SPELLINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_says_binary_and_categorical_labels(pets, tmp_path, yes, no, delimiter):
    root = tmp_path / "pets"
    root.symlink_to(pets)
    rows = [["file", "Indoors", "colour"]]
    rows += [[name, yes if i % 2 else no, ("black", "red", "white")[i % 3]] for i, name in enumerate(PETS)]
    (tmp_path / "labels.csv").write_text("\n".join(delimiter.join(row) for row in rows), encoding="utf-8")
    reader = Folder(str(root))
    assert reader.attributes() == ["Indoors", "colour"]
    assert reader.classes() == {"colour": ["black", "red", "white"]}
    assert labels_of(reader)[PETS[4]] == {"Indoors": 0, "colour": "red"}
    assert labels_of(reader)[PETS[5]] == {"Indoors": 1, "colour": "white"}


KIND = {name: ("10", "9", "2")[i % 3] for i, name in enumerate(PETS)}


@pytest.mark.parametrize(
    "content",
    [
        {name: {"kind": kind} for name, kind in KIND.items()},
        [{"kind": int(kind), "name": name} for name, kind in KIND.items()],
        {"labels": [[name.replace("/", "\\"), {"kind": kind}] for name, kind in KIND.items()]},
        {f"pets/{name}": {"kind": kind} for name, kind in KIND.items()},
    ],
    ids=["by name", "records", "pairs", "with the folder"],
)
def test_a_table_can_be_json_and_numbers_are_in_their_order(pets, tmp_path, content):
    archive = packed(pets, tmp_path / "pets.zip")
    (tmp_path / "labels.json").write_text(json.dumps(content), encoding="utf-8")
    reader = Folder(str(archive))
    assert reader.classes() == {"kind": ["2", "9", "10"]}
    assert labels_of(reader)[f"pets/{PETS[1]}"] == {"kind": "9"}


def test_a_table_in_the_folder_may_name_images_without_folder_or_suffix_and_leave_some_out(tmp_path):
    root = album(tmp_path / "flat", [f"a/IMG_{i:02d}.jpg" for i in range(12)] + ["b/other.png"])
    rows = "".join(f"{i},IMG_{i:02d},{'xy'[i % 2]},{i * 0.37}\n" for i in range(12))
    (root / "labels.csv").write_text(f",id,letter,score\n{rows}99,nothing,x,1\n", encoding="utf-8")
    reader = Folder(str(root))
    assert labels_of(reader) == {f"a/IMG_{i:02d}.jpg": {"letter": "xy"[i % 2]} for i in range(12)}
    assert reader.describe({})["left_out"] == {"not in labels.csv": 1, "rows of labels.csv without an image": 1}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            "file,kind\nx.png,a\ny.png,b\n",
            "labels.csv names none of the 20 images, as cats/00.jpg: its first row has 'x",
        ),
        ("cats/00.jpg,a\ncats/01.JPEG,b\n", "has no line of titles: its first line is 'cats/00.jpg,a'; put one like"),
        ("file,kind\n" + "cats/00.jpg,a\n" * 2, "row 3: cats/00.jpg has a row already"),
        ("file,kind\ncats/00.jpg,a\ncats/01.JPEG,\n", "1 of 2 images have no value in the column 'kind'; fill it in"),
        ("file,kind,kind\ncats/00.jpg,a,b\n", "has two columns named 'kind'"),
        ("file,kind\ncats/00.jpg\n", "line 2: it has 1 cells, and the first line 2 titles"),
        ("file,kind\n", "has titles and no row"),
        ("\0", "zero bytes"),
    ],
)
def test_a_table_that_cannot_be_meant_is_one_sentence(pets, tmp_path, content, text):
    archive = packed(pets, tmp_path / "pets.zip")
    (tmp_path / "labels.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(str(tmp_path / "labels.csv"))) as error:
        Folder(str(archive)).attributes()
    assert text in str(error.value)


MANY_KEYS = json.dumps([{f"key{i}": 1} for i in range(1001)])


@pytest.mark.parametrize("content", [MANY_KEYS, "[", "[1, 2]", "7", "{}", '{"a": [1, 2]}', '[["a.png"]]', "[" * 10_000])
def test_json_of_another_layout_is_one_sentence(pets, tmp_path, content):
    archive = packed(pets, tmp_path / "pets.tar")
    (tmp_path / "labels.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"labels\.json (is not JSON|is not a table|is empty|names none)"):
        Folder(str(archive)).attributes()


# --------------------------------------------------------------------------------------------------------------- parts
def test_folders_part_the_images_and_what_is_missing_is_cut_off_the_training(tmp_path):
    root = album(
        tmp_path / "parted",
        [f"Train/{name}" for name in names(["a", "b"], 20)] + [f"test/{n}" for n in names(["a", "b"], 3)] + ["x/1.png"],
    )
    reader = Folder(str(root))
    assert reader.classes() == {"class": ["a", "b"]}
    parts = parts_of(reader)
    assert {name for name, part in parts.items() if part == "test"} == {f"test/{n}" for n in names(["a", "b"], 3)}
    assert {name[:5] for name, part in parts.items() if part == "val"} == {"Train"}
    assert reader.describe({})["left_out"] == {"outside Train, test": 1}
    assert reader.describe({})["parted_by"] == "the folders Train, test; val by a hash of the names"


@pytest.mark.parametrize("words", [("train", "val", "test"), ("Training", "valid", "TEST"), ("0", "1", "2")])
def test_a_column_parts_the_images(pets, tmp_path, words):
    archive = packed(pets, tmp_path / "pets.zip")
    rows = "".join(f"{name},{words[i % 3]},{'ab'[i % 2]}\n" for i, name in enumerate(PETS))
    (tmp_path / "labels.csv").write_text(f"name,Split,kind\n{rows}", encoding="utf-8")
    reader = Folder(str(archive))
    assert reader.attributes() == ["kind"]
    assert parts_of(reader) == {f"pets/{name}": ("train", "val", "test")[i % 3] for i, name in enumerate(PETS)}


def test_the_parts_of_images_stay_when_others_are_added(tmp_path):
    root = tmp_path / "growing"
    for name in names(["a", "b"], 200):
        write(root / name)  # which is decoded by nobody
    before = parts_of(Folder(str(root)))
    counts = [list(before.values()).count(part) for part in ("train", "val", "test")]
    assert counts == pytest.approx([340, 20, 40], abs=12)
    for name in names(["a", "b", "c"], 260):
        write(root / name)
    after = parts_of(Folder(str(root)))
    assert len(after) == 780
    assert {name: after[name] for name in before} == before


def test_each_class_is_in_each_part_where_it_has_three_images(tmp_path):
    kinds = [f"kind{i}" for i in range(30)]
    root = album(tmp_path / "few", [*names(kinds, 3), "rare/1.png", "rare/2.png"])
    reader = Folder(str(root))
    for index in reader.splits().values():
        present = {reader.classes()["class"][value] for value in index.labels[:, 0]}
        assert set(kinds) <= present
    reader.check("GAN", None, 16)
    with pytest.raises(
        DataError, match=r"has 2 images with class=rare, too few for training, validation and test; add"
    ):
        reader.check("ACGAN", [], 16)


# ------------------------------------------------------------------------------------------------------------- refused
def circular_tar(at):
    """Write an archive whose second header has a negative size, in the base 256 of GNU tar."""
    header = tarfile.TarInfo("a.png")
    bad = bytearray(header.tobuf())
    bad[124:136] = (-1024 + (1 << 96)).to_bytes(12, "big")
    bad[148:156] = b" " * 8
    bad[148:156] = b"%06o\0 " % sum(bad)
    return write(at / "circle.tar", header.tobuf() + bytes(bad) + bytes(1024))


BAD_ROOTS = {
    "circle": (circular_tar, "is not a readable tar archive"),
    "missing": (
        lambda at: at / "nowhere",
        "no such folder or file; give the one with your images, as data.root=pics",
    ),
    "empty": (lambda at: (at / "new").mkdir() or at / "new", "is empty; put your images there"),
    "no image": (
        lambda at: write(at / "docs/a.HEIC") and write(at / "docs/b.txt").parent,
        "has no image among its files (1 .heic, 1 .txt); save them as JPEG",
    ),
    "one image": (lambda at: write(at / "a.jpg", encoded(picture(0), "JPEG")), "is one image; name the folder"),
    "tar.gz": (lambda at: write(at / "a.tar.gz", b"\x1f\x8b" + bytes(99)), "a compressed archive, of which no single"),
    "another file": (lambda at: write(at / "a.7z"), "a file, but neither a folder nor a .zip or .tar archive"),
    "bad zip": (lambda at: write(at / "a.zip"), "is not a readable zip archive"),
    "bad tar": (lambda at: write(at / "a.tar"), "is not a readable tar archive"),
    "empty zip": (lambda at: write(at / "e.zip", b"PK\5\6" + bytes(18)), "is empty"),
    "a pipe": (lambda at: os.mkfifo(at / "pipe") or at / "pipe", "is not a regular file"),
    "a link to itself": (lambda at: (at / "loop").symlink_to(at / "loop") or at / "loop", "cannot be read"),
}


@pytest.mark.parametrize("kind", BAD_ROOTS)
def test_a_root_without_images_is_one_sentence(tmp_path, kind):
    make, text = BAD_ROOTS[kind]
    root = make(tmp_path)
    with pytest.raises(DataError, match=re.escape(text)) as error:
        Folder(str(root)).attributes()
    assert str(root) in str(error.value)


@pytest.mark.parametrize(
    ("files", "wanted", "batch", "error", "text"),
    [
        (["a/1.png", "b/2.png"], None, 1, DataError, "has 2 images, and training, validation and test need one each"),
        (
            names(["cats"]),
            [],
            4,
            DataError,
            "ACGAN needs labels, and {} has none: all its images are in one folder, so",
        ),
        (
            PETS,
            None,
            64,
            ConfigError,
            "data.batch_size=64: {} has only 16 training images; add images, or set data.batch",
        ),
    ],
)
def test_too_few_images_or_classes_for_a_model_are_one_sentence(tmp_path, files, wanted, batch, error, text):
    root = album(tmp_path / "few", files)
    with pytest.raises(error, match=re.escape(text.format(root))):
        Folder(str(root)).check("ACGAN", wanted, batch)


def test_a_replaced_image_or_table_changes_the_fingerprint(tmp_path):
    root = album(tmp_path / "pets", PETS)
    prints = [Folder(str(root)).fingerprint()]
    write(root / "notes.txt")
    assert Folder(str(root)).fingerprint() == prints[0]
    (root / PETS[3]).write_bytes(encoded(picture(99, 20, 20), "WEBP"))
    prints += [Folder(str(root)).fingerprint(), Folder(str(root), "top").fingerprint()]
    for kind in "xy":
        rows = "".join(f"{name},{kind * (i % 2 + 1)}\n" for i, name in enumerate(PETS))
        (tmp_path / "labels.csv").write_text(f"file,kind\n{rows}", encoding="utf-8")
        os.utime(tmp_path / "labels.csv", (1, ord(kind)))
        prints.append(Folder(str(root)).fingerprint())
    assert len({json.dumps(found) for found in prints}) == 5


def test_its_name_among_those_of_metrics_has_no_odd_letters():
    assert Folder("/somewhere/Ö [x] (2024)").title == "folder_x-2024"
    assert Folder("/somewhere/pets.zip").title == "folder_pets"
