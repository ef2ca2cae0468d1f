import os
import re

import pytest

from adversaria.config.errors import DataError
from datamodules.readers.files import ImageFolder, check_name, folder_stamps, read_file, read_text


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "/etc/passwd", "", ".", ".."])
def test_a_name_that_leads_out_of_the_folder_is_refused(name):
    with pytest.raises(DataError, match=r"^list.txt, line 3: .* is not the name of a file inside the data's folder"):
        check_name(name, "list.txt, line 3")


@pytest.mark.parametrize("name", ["x.png", "a/b.png", "..x.png", "a..b", "ü.png"])
def test_a_name_inside_the_folder_is_returned(name):
    assert check_name(name, "") == name


def test_a_link_may_lead_to_another_file_of_the_data_only(tmp_path):
    images = tmp_path / "data/images"
    images.mkdir(parents=True)
    (tmp_path / "data/x.png").write_bytes(b"inside")
    (tmp_path / "private.png").write_bytes(b"outside")
    (images / "in.png").symlink_to("../x.png")
    (images / "out.png").symlink_to(tmp_path / "private.png")
    (images / "loop.png").symlink_to("loop.png")
    folder = ImageFolder(images, tmp_path / "data")
    assert folder.read("in.png", 100) == b"inside"
    for name in ("out.png", "loop.png", "missing.png", "a" * 300, "zero\0byte"):
        with pytest.raises(DataError, match=re.escape(str(images))):
            folder.read(name, 100)


def test_the_folder_itself_may_be_a_link(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store/x.png").write_bytes(b"x")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/images").symlink_to(tmp_path / "store")
    assert ImageFolder(tmp_path / "data/images", tmp_path / "data").read("x.png", 9) == b"x"


def test_pipes_devices_and_folders_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for file in (tmp_path / "pipe", tmp_path / "zero", tmp_path):
        with pytest.raises(DataError, match="is not a regular file"):
            read_file(file, 10)


def test_no_more_of_a_file_is_read_than_is_expected(tmp_path):
    (tmp_path / "a").write_bytes(bytes(11))
    with pytest.raises(DataError, match="is larger than 0 MiB"):
        read_file(tmp_path / "a", 10)
    assert read_file(tmp_path / "a", 11) == bytes(11)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_with_and_without_a_byte_order_mark(tmp_path, encoding):
    (tmp_path / "a.csv").write_text("größe\n", encoding=encoding)
    assert read_text(tmp_path / "a.csv") == "größe\n"


def test_text_in_another_encoding_is_refused_with_its_line(tmp_path):
    (tmp_path / "a.csv").write_bytes("a\ngröße\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.csv, line 2: it is not UTF-8 text"):
        read_text(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes(b"a\0b")
    with pytest.raises(DataError, match="zero bytes"):
        read_text(tmp_path / "a.csv")


def test_stamps_notice_a_replaced_file_in_a_folder_within_and_end_where_links_go_in_a_circle(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/x.png").write_bytes(b"1")
    (tmp_path / "a/b/round").symlink_to("..")
    (tmp_path / "gone").symlink_to("nothing")
    before = folder_stamps(tmp_path)
    assert [stamp[0] for stamp in before if "round" not in str(stamp[0])] == ["a/b/x.png", "gone"]
    (tmp_path / "a/b/x.png").write_bytes(b"22")
    assert folder_stamps(tmp_path) != before


def test_images_that_no_name_lists_are_counted(tmp_path):
    for name in ("a.png", "b.PNG", "c.txt"):
        (tmp_path / name).touch()
    assert ImageFolder(tmp_path, tmp_path).unlisted(["a.png"]) == 1
