"""Seeded hostile lists, images and archives: each ends in arrays or in one sentence, and nothing else happens."""

import functools
import gzip
import io
import json
import os
import shutil
import signal
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from adversaria.config.errors import UserError
from datamodules.array_cache import open_cache
from datamodules.readers.celeba import CelebA
from datamodules.readers.folder import Folder
from datamodules.readers.lab_digits import LabDigits
from datamodules.readers.lab_faces import LabFaces
from datamodules.readers.mnist import MNIST
from datamodules.readers.mnistm import MNISTM
from datamodules.readers.svhn import SVHN
from datamodules.readers.usps import USPS

COUNT, SIDE = 20, 8
PRIVATE = (201, 33, 7)  # the colour of a picture outside the data's folder
SECONDS = 20  # within which a reader must have ended


def encoded(pixels, kind="PNG", **options):
    stream = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(stream, kind, **options)
    return stream.getvalue()


def pixels(*shape):
    return np.random.default_rng(COUNT).integers(0, 256, shape, np.uint8)


# ------------------------------------------------------------------------------------------------- sets that are good


def lab(folder, header, labels):
    for part in ("train", "test"):
        (folder / part).mkdir(parents=True)
        rows = [header]
        for i, image in enumerate(pixels(COUNT, SIDE, SIDE, 3)):
            (folder / part / f"{i:03d}.png").write_bytes(encoded(image))
            rows.append(f"{i:03d}.png,{labels(i)}")
        (folder / f"{part}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def lab_faces(root):
    lab(root / "face", "image_name,Male,Smiling", lambda i: f"{i % 2},{i // 2 % 2}")
    return LabFaces(str(root), 0.2)


def lab_digits(root):
    lab(root / "digits/usps", "image_name,label", lambda i: i % 10)
    return LabDigits(str(root), "usps")


def celeba(root, archive):
    root.mkdir()
    names = [f"{i:06d}.jpg" for i in range(COUNT)]
    images = dict(zip(names, (encoded(image, "JPEG") for image in pixels(COUNT, SIDE, SIDE, 3)), strict=True))
    rows = "".join(f"{name} {(-1) ** i} 1\n" for i, name in enumerate(names))
    (root / "list_attr_celeba.txt").write_text(f"{COUNT}\nMale Young\n{rows}", encoding="utf-8")
    parts = "".join(f"{name} {i % 3}\n" for i, name in enumerate(names))
    (root / "list_eval_partition.txt").write_text(parts, encoding="utf-8")
    if archive:
        with zipfile.ZipFile(root / "img_align_celeba.zip", "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in images.items():
                packed.writestr(f"img_align_celeba/{name}", data)
    else:
        (root / "img_align_celeba").mkdir()
        for name, data in images.items():
            (root / "img_align_celeba" / name).write_bytes(data)
    return CelebA(str(root))


def mnist(root):
    root.mkdir()
    for part in ("train", "t10k"):
        images = struct.pack(">4I", 2051, COUNT, SIDE, SIDE) + pixels(COUNT, SIDE, SIDE).tobytes()
        labels = struct.pack(">2I", 2049, COUNT) + (np.arange(COUNT, dtype=np.uint8) % 10).tobytes()
        (root / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (root / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    return MNIST(str(root))


def mnistm(root):
    for part in ("train", "test"):
        (root / f"mnist_m_{part}").mkdir(parents=True)
        for i, image in enumerate(pixels(COUNT, 32, 32, 3)):
            (root / f"mnist_m_{part}/{i:03d}.png").write_bytes(encoded(image))
        rows = "".join(f"{i:03d}.png {i % 10}\n" for i in range(COUNT))
        (root / f"mnist_m_{part}_labels.txt").write_text(rows, encoding="utf-8")
    return MNISTM(str(root))


def sheets(root):
    root.mkdir()
    for part in ("train", "test"):
        (root / f"svhn_{part}_00.webp").write_bytes(encoded(pixels(32, 32 * COUNT, 3), "WEBP", lossless=True))
        rows = "".join(f"{i % 10}\n" for i in range(COUNT))
        (root / f"svhn_{part}_labels.txt").write_text(rows, encoding="utf-8")
    return SVHN(str(root))


def svhn(root):
    root.mkdir()
    arrays = {"X": pixels(32, 32, 3, COUNT), "y": (np.arange(COUNT) % 10 + 1)[:, None]}
    for part in ("train", "test"):
        savemat(root / f"{part}_32x32.mat", arrays, do_compression=True)
    return SVHN(str(root))


def excerpt(root):
    root.mkdir()
    np.savez_compressed(root / "svhn_train_a.npz", X=pixels(40, 32, 32, 3), y=np.arange(40) % 10)
    return SVHN(str(root), test_fraction=0.25)


def usps(root):
    import bz2

    root.mkdir()
    line = " ".join(f"{i}:{(-1) ** i * 0.5}" for i in range(1, 257))
    for name in ("usps.bz2", "usps.t.bz2"):
        (root / name).write_bytes(bz2.compress("".join(f"{i % 10 + 1} {line}\n" for i in range(COUNT)).encode()))
    return USPS(str(root))


def own_images(root, kind):
    """Write class folders, a table of them, or an archive."""
    for i, image in enumerate(pixels(COUNT, SIDE, SIDE, 3)):
        file = root / "ab"[i % 2] / f"{i:03d}.{('png', 'JPG')[i // 2 % 2]}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(image, ("PNG", "JPEG")[i // 2 % 2]))
    rows = [f"{i:03d},{i % 3},{('no', 'yes')[i % 2]}" for i in range(COUNT)]
    if kind == "csv":
        (root / "labels.csv").write_text("\n".join(["file,kind,nice", *rows]), encoding="utf-8")
    if kind == "json":
        content = {name: {"kind": value} for name, value, _ in (row.split(",") for row in rows)}
        (root / "labels.json").write_text(json.dumps(content, indent=0), encoding="utf-8")
    if kind not in ("zip", "tar"):
        return Folder(str(root))
    shutil.make_archive(str(root / "all"), kind, root)
    for folder in "ab":
        shutil.rmtree(root / folder)
    return Folder(str(root / f"all.{kind}"))


SETS = {
    **{f"folder {kind}": functools.partial(own_images, kind=kind) for kind in ("classes", "csv", "json", "zip", "tar")},
    "lab_faces": lab_faces,
    "lab_digits": lab_digits,
    "celeba": lambda root: celeba(root, archive=False),
    "celeba zip": lambda root: celeba(root, archive=True),
    "mnist": mnist,
    "mnistm": mnistm,
    "sheets": sheets,
    "svhn": svhn,
    "excerpt": excerpt,
    "usps": usps,
}


# -------------------------------------------------------------------------------------------------------- what is not


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *extra):
    rows = zlib.compress(bytes(min((1 + width // 8) * height, 1 << 20)), 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(extra) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


BAD_IMAGES = [
    b"",
    b"<html>quota</html>",
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n",
    b"II*\0" + b"\xff" * 200,
    b"BM" + b"\xff" * 60,
    b"RIFF\x20\0\0\0WEBPVP8 " + b"\xff" * 40,
    b"P6 99999 99999 255\n",
    b"GIF89a\xff\xff\xff\xff\0\0\0;",
    b"8BPS\0\1" + b"\0" * 30,
    png(20_000, 20_000),
    png(2**31 - 1, 1),
    png(8, 8, chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1 << 24), 9))),
    encoded(np.zeros((9, 9), np.float32), "TIFF"),
    encoded(np.full((9, 9), 700, np.uint16)),
    encoded(np.zeros((9, 9, 4), np.uint8)),
    encoded(Image.new("CMYK", (9, 9)), "JPEG"),
    encoded(Image.new("P", (9, 9)), "GIF", save_all=True, append_images=[Image.new("P", (9, 9), 3)]),
]
BAD_NAMES = [
    "../private.png",
    "/dev/zero",
    "../../../../../../dev/zero",
    "",
    "a" * 300,
    "x\0y",
    "pipe",
    "link",
    "zero",
    ".",
]
BAD_CELLS = ["nan", "-1", "1e400", "99999999999999999999", "½", "1;0", '"', "", "0x1", "True"]


def on_lines(change):
    def damage(file, rng):
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        file.write_bytes("".join(change(lines, rng)).encode("utf-8", "replace"))

    return damage


def swap_word(words):
    def change(lines, rng):
        lines = lines or ["\n"]
        i = rng.integers(len(lines))
        delimiter = "," if "," in lines[i] else " "
        cells = lines[i].rstrip("\n").split(delimiter)
        cells[rng.integers(len(cells))] = words[rng.integers(len(words))]
        return [*lines[:i], delimiter.join(cells) + "\n", *lines[i + 1 :]]

    return on_lines(change)


def flip(file, rng):
    data = bytearray(file.read_bytes())
    for position in rng.integers(0, len(data), 4) if data else []:
        data[position] = rng.integers(256)
    file.write_bytes(data)


def replace(file, make):
    file.unlink()
    make(file)


TEXT = [
    on_lines(lambda lines, rng: lines[: rng.integers(1 + len(lines))]),
    on_lines(lambda lines, rng: [*lines, *lines[:1]]),
    on_lines(lambda lines, rng: lines[1:]),
    on_lines(lambda lines, rng: [line.replace(",", ";\t"[rng.integers(2)]) for line in lines]),
    on_lines(lambda lines, rng: ["\ufeff", *(line.replace("\n", "\r\n") for line in lines)]),
    on_lines(lambda lines, rng: sorted(lines, key=lambda line: line[-3:])),
    swap_word(BAD_NAMES),
    swap_word(BAD_NAMES),
    swap_word(BAD_CELLS),
    lambda file, rng: file.write_bytes(file.read_text(encoding="utf-8").encode("utf-16")),
]
ANY = [
    flip,
    flip,
    lambda file, rng: file.write_bytes(file.read_bytes()[: rng.integers(1 + file.stat().st_size)]),
    lambda file, rng: file.write_bytes(file.read_bytes() + rng.bytes(40)),
    lambda file, rng: file.write_bytes(rng.bytes(500)),
    lambda file, rng: file.write_bytes(b""),
    lambda file, rng: replace(file, os.mkfifo),
    lambda file, rng: replace(file, Path.mkdir),
    lambda file, rng: replace(file, lambda f: f.symlink_to("/dev/zero")),
    lambda file, rng: replace(file, lambda f: f.symlink_to("nowhere")),
    lambda file, rng: replace(file, lambda f: f.symlink_to(f.name)),
    lambda file, rng: replace(file, lambda f: f.symlink_to(root_of(f) / "../private.png")),
]
IMAGE = [lambda file, rng: file.write_bytes(BAD_IMAGES[rng.integers(len(BAD_IMAGES))])]


def root_of(file):
    return next(parent for parent in file.parents if parent.name == "data")


def damage(root, rng):
    """Damage one or two files."""
    for _ in range(rng.integers(1, 3)):
        files = sorted(f for f in root.rglob("*") if f.is_file() and not f.is_symlink())
        texts = [f for f in files if f.suffix in (".csv", ".txt", ".json")]
        pool = texts if texts and rng.random() < 0.5 else files
        if not pool:
            return
        file = pool[rng.integers(len(pool))]
        ways = ANY + 2 * TEXT if file in texts else ANY + 12 * IMAGE if file.suffix in (".png", ".jpg", ".JPG") else ANY
        ways[rng.integers(len(ways))](file, rng)


def listing(folder):
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[str(path)] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


def no_child(*_, **__):
    raise AssertionError("a child process was started")


def too_long(*_):
    raise AssertionError(f"no end within {SECONDS} seconds")


@pytest.fixture(autouse=True)
def _watched(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", no_child)
    monkeypatch.setattr(os, "system", no_child)
    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", SETS)
def test_a_good_set_is_read(tmp_path, name):
    cache = open_cache(SETS[name](tmp_path / "data"), SIDE, tmp_path / "cache")
    assert min(len(split) for split in cache.splits.values()) > 0


@pytest.mark.parametrize("name", SETS)
def test_damaged_and_hostile_sets_end_in_arrays_or_in_one_sentence(tmp_path, name):
    sentences = []
    for seed in range(14):
        rng = np.random.default_rng([seed, *name.encode()])
        place = tmp_path / str(seed)
        place.mkdir()
        (place / "private.png").write_bytes(encoded(Image.new("RGB", (32, 32), PRIVATE)))
        reader = SETS[name](place / "data")
        damage(place / "data", rng)
        before = listing(place)
        try:
            cache = open_cache(reader, SIDE, tmp_path / "cache" / str(seed), ("error", "skip")[seed % 2])
        except UserError as error:
            sentences.append(str(error))
        else:
            middles = [split.images[:, 4, 4].astype(int) for split in cache.splits.values()]
            private = sum((abs(middle - PRIVATE).sum(-1) < 6).sum() for middle in middles)
            assert private <= (reader.found.elsewhere if isinstance(reader, Folder) else 0)  # links, which it counts
            for split in cache.splits.values():
                assert len(split.images) == len(split.labels)
        assert listing(place) == before
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    assert len(sentences) >= 3
    assert all(sentence and len(sentence) < 1000 for sentence in sentences)
