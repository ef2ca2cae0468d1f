"""Write a pair of digit sets as folders of PNGs, a folder for each class, which `data=folder_pair` reads.

python examples/exported_digits.py data=mnist_mnistm data.root=PATH --output FOLDER

writes FOLDER/SOURCE and FOLDER/TARGET, each with train/, val/ and test/, in which 7/00042.png is a 7, number 42 of its
set and split, with the pixels that the run would be trained on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to be started from anywhere

from adversaria.config.errors import one_sentence_errors
from adversaria.config.instantiate import instantiate
from adversaria.images.files import scratch_beside
from adversaria.tools.compose import compose
from datamodules.readers.base import Reader


def write_set(reader: Reader, folder: Path, size: int, count: int | None = None) -> None:
    """Write the images of a set of digits, the first `count` of each split, all by default."""
    for split, index in reader.splits().items():
        for number, name in enumerate(index.names[:count]):
            place = folder / split / str(index.labels[number, 0])
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(reader.read(name, size)).save(place / f"{number:05d}.png")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="+", help="the pair, as train.py takes it: data=NAME data.root=PATH")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write; it must not exist")
    parser.add_argument("--count", type=int, help="images of each split; all by default")
    options = parser.parse_args(arguments)
    if options.output.exists():
        parser.error(f"--output {options.output} exists; choose another")
    with one_sentence_errors():
        data = compose("run_dir=unused", "name=unused", "model=source_only", *options.overrides)["data"]
        with scratch_beside(options.output.absolute()) as scratch:
            for name in (data["source"], data["target"]):
                write_set(instantiate(data["sets"][name])(), scratch / name, data["image_size"], options.count)
            scratch.rename(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
