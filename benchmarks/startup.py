"""Seconds that a command takes before anything is trained.

python -m benchmarks.startup [--rounds 5]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.alternate import alternate

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = {
    "import torch": ["-c", "import torch"],
    "import pytorch_lightning": ["-c", "import pytorch_lightning"],
    "train.py --help": ["train.py", "--help"],
    "configuration error": ["train.py", "model.lambda_kl=-1"],
    "unknown data set": ["train.py", "data=celebaa"],
    "missing data": ["train.py", "data=celeba", "data.root=/nowhere"],
}


def seconds(arguments: list[str]) -> float:
    """Return the wall time of one Python process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=False)
    return time.perf_counter() - start


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    variants = {name: (lambda a=arguments: seconds(a)) for name, arguments in COMMANDS.items()}
    alternate(variants, rounds, "s", against="import torch")


if __name__ == "__main__":
    main()
