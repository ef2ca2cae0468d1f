"""Make a small set of faces with one attribute out of CelebA: `python examples/few_faces.py PATH few`.

The new folder has CelebA's published layout, so `data=celeba data.root=few` reads it. Its training images are the first
of CelebA's own training part that have the attribute; validation and test are of persons that are not among them.
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

VALIDATION = 100  # images; the others of CelebA's validation part go to the test


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("celeba", type=Path, help="folder with img_align_celeba.zip and the lists")
    parser.add_argument("output", type=Path, help="new folder")
    parser.add_argument("--attribute", default="Eyeglasses")
    parser.add_argument("--count", type=int, default=300, help="training images")
    options = parser.parse_args()
    _, titles, *rows = (options.celeba / "list_attr_celeba.txt").read_text(encoding="utf-8").splitlines()
    column = titles.split().index(options.attribute) + 1
    having = {row.split()[0]: row for row in rows if row.split()[column] == "1"}
    parts: dict[str, list[str]] = {"0": [], "1": [], "2": []}
    for line in (options.celeba / "list_eval_partition.txt").read_text(encoding="utf-8").splitlines():
        name, part = line.split()
        if name in having:
            parts[part].append(name)
    train, val = parts["0"][: options.count], parts["1"][:VALIDATION]
    chosen = {"0": train, "1": val, "2": parts["1"][VALIDATION:] + parts["2"]}
    names = [name for part in chosen.values() for name in part]
    folder = options.output / "img_align_celeba"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(options.celeba / "img_align_celeba.zip") as archive:
        members = {Path(member).name: member for member in archive.namelist()}
        for name in names:
            (folder / name).write_bytes(archive.read(members[name]))
    lists = {
        "list_attr_celeba.txt": [str(len(names)), titles, *(having[name] for name in names)],
        "list_eval_partition.txt": [f"{name} {part}" for part, chosen_names in chosen.items() for name in chosen_names],
    }
    for file, lines in lists.items():
        (options.output / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print({part: len(found) for part, found in zip(("train", "val", "test"), chosen.values(), strict=True)})


if __name__ == "__main__":
    main()
