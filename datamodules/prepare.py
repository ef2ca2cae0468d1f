"""Fetch and verify a data set: `python -m datamodules.prepare celeba [root]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from adversaria.config.errors import DataError, UserError, first_line
from datamodules.readers.base import not_found
from datamodules.readers.celeba import CelebA


def prepare_celeba(root: Path) -> str:
    """Download CelebA (1.4 GB) through torchvision unless it exists, check it, and return a sentence with its counts.

    Raises:
        DataError: the download failed, or the data is incomplete.
    """
    reader = CelebA(str(root))
    try:
        reader.attributes()
    except DataError:
        _download_celeba(root)
    splits = reader.splits()
    for split, index in splits.items():
        if not index.names:
            raise not_found(f"CelebA's {split} split", [root], "lists of all three splits", "fetch the lists again")
        for name in (index.names[0], index.names[-1]):
            reader.read(name, 64)
    if missing := reader.missing(splits):
        raise DataError(
            f"{len(missing)} of CelebA's listed images are missing in {root}, the first {missing[0]}; fetch them again"
        )
    counts = {split: len(index) for split, index in splits.items()}
    return f"CelebA in {root}: {counts['train']} train, {counts['val']} validation, {counts['test']} test images"


def _download_celeba(root: Path) -> None:
    from torchvision.datasets import CelebA as Published

    try:
        Published(str(root), split="all", download=True)
    except Exception as error:  # errors of the network, Google Drive's quota, gdown and torchvision have no common type
        raise DataError(
            f"CelebA could not be downloaded into {root} ({first_line(error)}); this needs `pip install gdown` and a "
            "network. If the download quota is used up, fetch img_align_celeba.zip, list_attr_celeba.txt and "
            f"list_eval_partition.txt by hand from the CelebA page and put them into {root / 'celeba'}; or read "
            "the copy on the Hugging Face hub: data=huggingface data.name=flwrlabs/celeba"
        ) from error


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m datamodules.prepare", description=__doc__)
    parser.add_argument("dataset", choices=["celeba"])
    parser.add_argument("root", nargs="?", type=Path, default=Path("data"), help="where to put it (default: data)")
    options = parser.parse_args(arguments)
    try:
        print(prepare_celeba(options.root.absolute()))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
