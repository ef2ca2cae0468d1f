import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adversaria.config.errors import DataError, SavingError
from adversaria.runs.file_lock import file_lock
from datamodules import array_cache
from datamodules.array_building import allocate
from datamodules.array_cache import CHUNK, open_cache
from datamodules.readers.base import SplitIndex
from datamodules.readers.celeba import CelebA

ROOT = Path(__file__).resolve().parents[2]
SIZE = 4


class Numbers:
    """Reader whose image i has the value i in every pixel and the labels (i mod 2, i mod 3)."""

    name = "numbers"

    def __init__(self, train=7, val=3, test=2, bad=(), error=DataError, version=1):
        self.counts = {"train": train, "val": val, "test": test}
        self.bad, self.error, self.version = set(bad), error, version
        self.reads = []

    def attributes(self):
        return ["odd", "third"]

    def fingerprint(self):
        return {"version": self.version}

    def splits(self):
        return {
            split: SplitIndex([f"{split}/{i}" for i in range(n)], np.array([(i % 2, i % 3) for i in range(n)], np.int8))
            for split, n in self.counts.items()
        }

    def read(self, name, size):
        self.reads.append(name)
        if name in self.bad:
            raise self.error(f"{name} is damaged")
        return np.full((size, size, 3), int(name.split("/")[1]) % 256, np.uint8)


def values(split):
    """The value of each image, after a look that all its pixels have it."""
    assert (split.images == split.images[:, :1, :1, :1]).all()
    return split.images[:, 0, 0, 0].tolist()


def entries(folder):
    return sorted(p.name for p in folder.iterdir() if not p.name.endswith(".lock"))


def test_the_cache_has_what_the_reader_reads(tmp_path):
    cache = open_cache(Numbers(), SIZE, tmp_path / "new" / "cache")
    assert cache.attributes == ["odd", "third"]
    assert cache.skipped == 0
    assert list(cache.splits) == ["train", "val", "test"]
    train = cache.splits["train"]
    assert train.images.shape == (7, SIZE, SIZE, 3)
    assert train.images.dtype == np.uint8
    assert train.labels.dtype == np.int8
    assert values(train) == [0, 1, 2, 3, 4, 5, 6]
    assert values(cache.splits["test"]) == [0, 1]
    assert train.labels.tolist() == [[0, 0], [1, 1], [0, 2], [1, 0], [0, 1], [1, 2], [0, 0]]
    assert [len(s) for s in cache.splits.values()] == [7, 3, 2]


def test_the_arrays_are_memory_mapped_and_read_only(tmp_path):
    images = open_cache(Numbers(), SIZE, tmp_path).splits["train"].images
    assert isinstance(images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_several_chunks_are_read_in_order_and_once(tmp_path):
    count = 2 * CHUNK + 10
    reader = Numbers(train=count)
    assert values(open_cache(reader, 1, tmp_path).splits["train"]) == [i % 256 for i in range(count)]
    assert len(reader.reads) == len(set(reader.reads)) == count + 5


def test_a_second_opening_does_not_read_the_reader(tmp_path):
    first, second = Numbers(), Numbers()
    built = open_cache(first, SIZE, tmp_path)
    opened = open_cache(second, SIZE, tmp_path)
    assert len(first.reads) == 12
    assert second.reads == []
    assert opened.folder == built.folder
    assert values(opened.splits["train"]) == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("change", ["fingerprint", "size", "on_bad_image", "attributes"])
def test_whatever_changes_the_arrays_gets_a_folder_of_its_own(tmp_path, change, monkeypatch):
    before = open_cache(Numbers(), SIZE, tmp_path)
    reader = Numbers(version=2 if change == "fingerprint" else 1)
    if change == "attributes":
        monkeypatch.setattr(reader, "attributes", lambda: ["odd", "other"])
    size = SIZE + 1 if change == "size" else SIZE
    after = open_cache(reader, size, tmp_path, "skip" if change == "on_bad_image" else "error")
    assert len(reader.reads) == 12
    assert after.folder != before.folder
    assert values(before.splits["train"]) == [0, 1, 2, 3, 4, 5, 6]
    assert len(entries(tmp_path)) == 2


def flip_a_byte(file):
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def truncate(file):
    file.write_bytes(file.read_bytes()[:-5])


@pytest.mark.parametrize("damage", [flip_a_byte, truncate, Path.unlink, lambda f: f.write_bytes(b"")])
@pytest.mark.parametrize("file", ["train.images.npy", "val.labels.npy"])
def test_a_damaged_array_is_noticed_and_built_again(tmp_path, file, damage):
    cache = open_cache(Numbers(), SIZE, tmp_path)
    damage(cache.folder / file)
    reader = Numbers()
    again = open_cache(reader, SIZE, tmp_path)
    assert len(reader.reads) == 12
    assert again.folder == cache.folder
    assert values(again.splits["train"]) == [0, 1, 2, 3, 4, 5, 6]
    assert again.splits["val"].labels.tolist() == [[0, 0], [1, 1], [0, 2]]
    assert entries(tmp_path) == [cache.folder.name]
    third = Numbers()
    open_cache(third, SIZE, tmp_path)
    assert third.reads == []


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"\xff\xfe\x00", b"[]", b"null", b"3", b"{}", b'{"files": []}', b'{"files": {}, "splits": []}'],
)
def test_a_damaged_index_is_noticed_and_built_again(tmp_path, content):
    cache = open_cache(Numbers(), SIZE, tmp_path)
    (cache.folder / "index.json").write_bytes(content)
    reader = Numbers()
    assert values(open_cache(reader, SIZE, tmp_path).splits["val"]) == [0, 1, 2]
    assert len(reader.reads) == 12


def other_shape(folder):
    np.save(folder / "val.images.npy", np.zeros((3, SIZE, SIZE), np.uint8))
    return "val.images.npy"


def other_type(folder):
    np.save(folder / "val.labels.npy", np.zeros((3, 2)))
    return "val.labels.npy"


def link_to_elsewhere(folder):
    elsewhere = folder.parent / "elsewhere.npy"
    elsewhere.write_bytes((folder / "val.images.npy").read_bytes())
    (folder / "val.images.npy").unlink()
    (folder / "val.images.npy").symlink_to(elsewhere)
    return "val.images.npy"


def device(folder):
    (folder / "val.images.npy").unlink()
    (folder / "val.images.npy").symlink_to("/dev/zero")
    return None


def pipe(folder):
    (folder / "index.json").unlink()
    os.mkfifo(folder / "index.json")


@pytest.mark.parametrize("damage", [other_shape, other_type, link_to_elsewhere, device, pipe])
def test_a_cache_from_elsewhere_is_of_its_own_arrays_or_built_again(tmp_path, damage):
    cache = open_cache(Numbers(), SIZE, tmp_path)
    contents = json.loads((cache.folder / "index.json").read_text(encoding="utf-8"))
    if file := damage(cache.folder):
        contents["files"][file] = [(cache.folder / file).stat().st_size, array_cache.checksum(cache.folder / file)]
    if damage is device:
        contents["files"]["val.images.npy"] = [0, 0]
    if damage is not pipe:
        (cache.folder / "index.json").write_text(json.dumps(contents), encoding="utf-8")
    reader = Numbers()
    assert values(open_cache(reader, SIZE, tmp_path).splits["val"]) == [0, 1, 2]
    assert len(reader.reads) == 12


def test_an_index_cut_short_anywhere_is_noticed(tmp_path):
    cache = open_cache(Numbers(), SIZE, tmp_path)
    whole = (cache.folder / "index.json").read_bytes()
    assert json.loads(whole)["splits"] == ["train", "val", "test"]
    for length in (1, len(whole) // 2, len(whole) - 1):
        (cache.folder / "index.json").write_bytes(whole[:length])
        reader = Numbers()
        open_cache(reader, SIZE, tmp_path)
        assert len(reader.reads) == 12


PROCESS = """
import sys, time
from pathlib import Path
import numpy as np
from datamodules.array_cache import open_cache
from datamodules.readers.base import SplitIndex

own, other, cache_dir, log = map(Path, sys.argv[1:])

class Slow:
    name = "slow"
    def attributes(self): return ["a"]
    def fingerprint(self): return {}
    def splits(self):
        return {s: SplitIndex(["1", "2"], np.array([[0], [1]], np.int8)) for s in ("train", "val", "test")}
    def read(self, name, size):
        with log.open("a") as stream: stream.write(name)
        time.sleep(0.1)
        return np.full((size, size, 3), int(name), np.uint8)

own.touch()
while not other.exists():  # both begin at once
    time.sleep(0.005)
train = open_cache(Slow(), 4, cache_dir).splits["train"]
print(train.images[:, 0, 0, 0].tolist(), train.labels.ravel().tolist(), "torch" in sys.modules)
"""


def test_two_processes_at_once_share_one_build(tmp_path):
    marks = [tmp_path / "a", tmp_path / "b"]
    cache_dir, log = tmp_path / "cache", tmp_path / "log"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, *map(str, (own, other, cache_dir, log))],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for own, other in (marks, marks[::-1])
    ]
    outputs = [p.communicate(timeout=60)[0].splitlines()[-1] for p in processes]
    assert [p.returncode for p in processes] == [0, 0]
    assert outputs == ["[1, 2] [0, 1] False"] * 2
    assert sorted(log.read_text(encoding="utf-8")) == ["1"] * 3 + ["2"] * 3
    assert len(entries(cache_dir)) == 1


@pytest.mark.parametrize("error", [DataError, RuntimeError, KeyboardInterrupt])
def test_a_failing_build_leaves_nothing(tmp_path, error):
    with pytest.raises(error, match="train/5 is damaged"):
        open_cache(Numbers(bad=["train/5"], error=error), SIZE, tmp_path)
    assert entries(tmp_path) == []
    assert values(open_cache(Numbers(), SIZE, tmp_path).splits["train"]) == [0, 1, 2, 3, 4, 5, 6]


def test_a_failing_rebuild_does_not_bring_the_damaged_cache_back(tmp_path):
    cache = open_cache(Numbers(), SIZE, tmp_path)
    truncate(cache.folder / "train.images.npy")
    for _ in range(2):
        with pytest.raises(DataError, match="val/1 is damaged"):
            open_cache(Numbers(bad=["val/1"]), SIZE, tmp_path)
    assert len(entries(tmp_path)) <= 1
    assert values(open_cache(Numbers(), SIZE, tmp_path).splits["train"]) == [0, 1, 2, 3, 4, 5, 6]


def test_skipped_images_are_counted_and_labels_stay_aligned(tmp_path, caplog):
    bad = ["train/0", "train/3", "test/1"]
    cache = open_cache(Numbers(bad=bad), SIZE, tmp_path, "skip")
    assert cache.skipped == 3
    assert values(cache.splits["train"]) == [1, 2, 4, 5, 6]
    assert cache.splits["train"].labels.tolist() == [[1, 1], [0, 2], [0, 1], [1, 2], [0, 0]]
    assert values(cache.splits["val"]) == [0, 1, 2]
    assert values(cache.splits["test"]) == [0]
    assert "skipped 3 unreadable images of numbers; the first: train/0 is damaged" in caplog.text
    again = Numbers(bad=bad)
    assert open_cache(again, SIZE, tmp_path, "skip").skipped == 3
    assert again.reads == []


def test_skipping_does_not_hide_errors_that_are_not_the_datas(tmp_path):
    with pytest.raises(RuntimeError, match="train/1"):
        open_cache(Numbers(bad=["train/1"], error=RuntimeError), SIZE, tmp_path, "skip")


def test_a_split_without_a_readable_image_is_an_error(tmp_path):
    bad = [f"val/{i}" for i in range(3)]
    with pytest.raises(
        DataError, match="no image of the val split can be read; fetch them again; the first: val/0 is damaged"
    ):
        open_cache(Numbers(bad=bad), SIZE, tmp_path, "skip")
    assert entries(tmp_path) == []


def test_an_empty_split_is_an_error(tmp_path):
    reader = Numbers(test=0)
    with pytest.raises(DataError, match="the test split of numbers is empty"):
        open_cache(reader, SIZE, tmp_path)
    assert reader.reads == []
    assert entries(tmp_path) == []


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "zip"])
def test_nothing_is_written_to_the_data_root(write_celeba, tmp_path, archive):
    root = write_celeba(tmp_path / "data", archive=archive)

    def listing():
        return sorted((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in [root, *root.rglob("*")])

    before = listing()
    open_cache(CelebA(str(root)), 64, tmp_path / "cache")
    assert listing() == before


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "zip"])
def test_celeba_in_the_cache_is_what_the_reader_reads(write_celeba, tmp_path, archive):
    reader = CelebA(str(write_celeba(tmp_path / "data", archive=archive)))
    cache = open_cache(reader, 64, tmp_path / "cache")
    for split, index in reader.splits().items():
        np.testing.assert_array_equal(cache.splits[split].images, [reader.read(name, 64) for name in index.names])
        np.testing.assert_array_equal(cache.splits[split].labels, index.labels)


def test_a_replaced_image_gets_a_new_cache(celeba_root, tmp_path):
    before = open_cache(CelebA(str(celeba_root)), 64, tmp_path / "cache")
    images = celeba_root / "img_align_celeba"
    (images / "000001.jpg").write_bytes((images / "000006.jpg").read_bytes())
    after = open_cache(CelebA(str(celeba_root)), 64, tmp_path / "cache")
    assert after.folder != before.folder
    np.testing.assert_array_equal(after.splits["train"].images[0], after.splits["test"].images[1])


# ------------------------------------------------------------------------------------------------------------ odd disks


def test_an_array_takes_its_space_before_it_is_filled(tmp_path):
    images = allocate(tmp_path / "a.npy", (300, 16, 16, 3))
    images[7] = 3
    images.flush()
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= 300 * 16 * 16 * 3
    assert np.load(tmp_path / "a.npy")[6:9, 0, 0, 0].tolist() == [0, 3, 0]


@pytest.mark.parametrize("error", [OSError(errno.EOPNOTSUPP, "not here"), AttributeError])
def test_a_disk_that_cannot_reserve_space_is_filled_with_zeros(tmp_path, monkeypatch, error):
    def refuse(*_):
        raise error

    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    assert not allocate(tmp_path / "a.npy", (300, 64, 64, 3)).any()
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= 300 * 64 * 64 * 3


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("place", ["posix_fallocate", "mkdir", "utime", "rename"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, place):
    (tmp_path / "other").mkdir()
    target = Path if place in ("mkdir", "rename") else os
    monkeypatch.setattr(target, place, no_space)
    if place == "utime":  # a sign of life that cannot be given is no reason to stop
        monkeypatch.setattr(array_cache, "SIGN_OF_LIFE", -1.0)
        assert values(open_cache(Numbers(), SIZE, tmp_path).splits["val"]) == [0, 1, 2]
        return
    with pytest.raises(SavingError, match=r"^the cache /.* cannot be written \(No space left.* MiB are free there\)"):
        open_cache(Numbers(), SIZE, tmp_path)
    monkeypatch.undo()
    assert entries(tmp_path) == ["other"]


def test_a_cache_larger_than_the_disk_is_refused_before_anything_is_read(tmp_path):
    reader = Numbers()
    with pytest.raises(SavingError, match=r"it needs \d+ MiB.*data\.cache_dir=PATH"):
        open_cache(reader, 10**9, tmp_path)
    assert reader.reads == []
    reader.splits = lambda: pytest.fail("labels are drawn for more images than the disk can have")
    reader.counts = {"train": 1 << 65}
    with pytest.raises(SavingError, match="it needs"):
        open_cache(reader, SIZE, tmp_path)


def test_a_complete_cache_is_served_where_nothing_can_be_written(tmp_path, monkeypatch):
    open_cache(Numbers(), SIZE, tmp_path)

    def read_only(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(array_cache, "file_lock", read_only)
    monkeypatch.setattr(Path, "mkdir", read_only)
    reader = Numbers()
    assert values(open_cache(reader, SIZE, tmp_path).splits["val"]) == [0, 1, 2]
    assert reader.reads == []
    with pytest.raises(SavingError, match="Read-only file system"):
        open_cache(Numbers(version=2), SIZE, tmp_path)


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_has_a_cache_all_the_same(tmp_path, monkeypatch, code):
    def flock(*_):
        raise OSError(code, "flock")

    monkeypatch.setattr(fcntl, "flock", flock)
    assert values(open_cache(Numbers(), SIZE, tmp_path).splits["val"]) == [0, 1, 2]
    reader = Numbers()
    open_cache(reader, SIZE, tmp_path)
    assert reader.reads == []


def test_a_lock_that_a_dead_machine_left_is_passed_by(tmp_path, monkeypatch):
    monkeypatch.setattr(array_cache, "PATIENCE", 0.2)
    folder = open_cache(Numbers(), SIZE, tmp_path / "a").folder
    (tmp_path / "b").mkdir()
    with file_lock(tmp_path / "b" / f"{folder.name}.lock") as state:
        assert state == "held"
        assert values(open_cache(Numbers(), SIZE, tmp_path / "b").splits["val"]) == [0, 1, 2]


def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path):
    folder = open_cache(Numbers(), SIZE, tmp_path).folder
    for left in (f".{folder.name}.part", f".{folder.name}.0a1b2c3d.part"):
        (tmp_path / left).mkdir()
    truncate(folder / "train.images.npy")
    open_cache(Numbers(), SIZE, tmp_path)
    assert entries(tmp_path) == [folder.name]


def test_of_two_builds_without_a_common_lock_one_stays(tmp_path):
    class Late(Numbers):
        def read(self, name, size):
            if not (other := tmp_path / "done").exists():
                other.touch()
                open_cache(Numbers(), SIZE, tmp_path / "cache")
            return super().read(name, size)

    array_cache.PATIENCE, patience = 0.0, array_cache.PATIENCE
    try:
        cache = open_cache(Late(), SIZE, tmp_path / "cache")
    finally:
        array_cache.PATIENCE = patience
    assert values(cache.splits["train"]) == [0, 1, 2, 3, 4, 5, 6]
    assert entries(tmp_path / "cache") == [cache.folder.name]


@pytest.mark.parametrize("name", ["x" * 400, "../../up", "a/b", "größe"])
def test_the_name_of_a_cache_is_a_plain_file_name(tmp_path, name):
    reader = Numbers()
    reader.name = name
    folder = open_cache(reader, SIZE, tmp_path / "cache").folder
    assert folder.parent == tmp_path / "cache"
    assert len(folder.name) < 200
    assert [f.name for f in tmp_path.iterdir()] == ["cache"]


def test_a_folder_for_the_cache_with_too_long_a_name_is_one_sentence(tmp_path):
    with pytest.raises(SavingError, match=r"cannot be written \(File name too long\); set data.cache_dir=PATH"):
        open_cache(Numbers(), SIZE, tmp_path / ("x" * 300))
