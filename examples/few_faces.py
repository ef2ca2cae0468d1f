"""Make a small set of faces with one attribute out of CelebA: python examples/few_faces.py --root PATH --output few

PATH has img_align_celeba.zip and the two lists. The new folder has the same layout, so that `data=celeba data.root=few`
reads it. Its training images are the first of CelebA's training part that have the attribute. Of the others, in which
no person is the same, the first 100 of its validation part are for validation, and the rest for the test.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to be started from anywhere

from adversaria.images.files import scratch_beside

ATTRIBUTES, PARTITION = "list_attr_celeba.txt", "list_eval_partition.txt"
VALIDATION = 100


def write(root: Path, folder: Path, attribute: str, count: int) -> dict[str, int]:
    """Write the images and lists, with `count` training images; return the number of images of each part."""
    _, titles, *lines = (root / ATTRIBUTES).read_text(encoding="utf-8").splitlines()
    column = titles.split().index(attribute) + 1
    rows = {line.split()[0]: line for line in lines if line.split()[column] == "1"}
    found: dict[str, list[str]] = {"0": [], "1": [], "2": []}
    for name, part in map(str.split, (root / PARTITION).read_text(encoding="utf-8").splitlines()):
        if name in rows:
            found[part].append(name)
    val = found["1"]
    parts = {"0": found["0"][:count], "1": val[:VALIDATION], "2": val[VALIDATION:] + found["2"]}
    names = [name for part in parts.values() for name in part]
    (folder / "img_align_celeba").mkdir(parents=True)
    with zipfile.ZipFile(root / "img_align_celeba.zip") as archive:
        members = {Path(member).name: member for member in archive.namelist()}
        for name in names:
            (folder / "img_align_celeba" / name).write_bytes(archive.read(members[name]))
    lists = {
        ATTRIBUTES: [str(len(names)), titles, *map(rows.__getitem__, names)],
        PARTITION: [f"{name} {part}" for part, chosen in parts.items() for name in chosen],
    }
    for file, content in lists.items():
        (folder / file).write_text("\n".join(content) + "\n", encoding="utf-8")
    return dict(zip(("train", "val", "test"), map(len, parts.values()), strict=True))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="the folder of CelebA")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write; it must not exist")
    parser.add_argument("--attribute", default="Eyeglasses")
    parser.add_argument("--count", type=int, default=300, help="training images")
    options = parser.parse_args(arguments)
    if options.output.exists():
        parser.error(f"--output {options.output} exists; choose another")
    with scratch_beside(options.output.absolute()) as scratch:
        print(write(options.root, scratch, options.attribute, options.count))
        scratch.rename(options.output)


if __name__ == "__main__":
    main()
