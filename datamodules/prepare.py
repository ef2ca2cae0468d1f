"""Fetch and verify a data set: `python -m datamodules.prepare celeba [root]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from adversaria.config.errors import DataError, UserError, first_line
from datamodules.readers import not_found
from datamodules.readers.celeba import CelebA


def prepare_celeba(root: Path) -> str:
    """Fetch CelebA (1.4 GB) through torchvision unless it is there, verify it, and return a sentence on what is there.

    Raises:
        DataError: the download failed, or what is there is incomplete.
    """
    source = CelebA(str(root))
    try:
        source.attributes()
    except DataError:
        _download_celeba(root)
    tables = source.tables()
    for split, table in tables.items():
        if not table.names:
            raise not_found(f"CelebA's {split} part", [root], "lists of all three parts", "fetch the lists again")
        for name in (table.names[0], table.names[-1]):
            source.read(name, 64)
    if missing := source.missing(tables):
        raise DataError(f"{len(missing)} of CelebA's listed images are missing in {root}, the first {missing[0]}")
    counts = {split: len(table) for split, table in tables.items()}
    return f"CelebA in {root}: {counts['train']} train, {counts['val']} validation, {counts['test']} test images"


def _download_celeba(root: Path) -> None:
    from torchvision.datasets import CelebA as Published

    try:
        Published(str(root), split="all", download=True)
    except Exception as error:  # whatever the network, Google Drive's quota, gdown or torchvision's checks raise
        raise DataError(
            f"CelebA could not be fetched into {root} ({first_line(error)}); needs `pip install gdown` and a network. "
            "When the download quota is used up, fetch img_align_celeba.zip, list_attr_celeba.txt and "
            f"list_eval_partition.txt by hand from the CelebA page and put them into {root / 'celeba'}"
        ) from error


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m datamodules.prepare", description=__doc__)
    parser.add_argument("dataset", choices=["celeba"])
    parser.add_argument("root", nargs="?", type=Path, default=Path("data"), help="where to put it (default: data)")
    options = parser.parse_args(arguments)
    try:
        print(prepare_celeba(options.root))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
