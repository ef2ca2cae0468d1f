"""What a VAE is compared with: PCA of the same images with as many components as its latent has numbers.

    python -m adversaria.tools.pca_bound data=celeba data.root=PATH components=1024,512,128

Prints the error of the whole test split, and writes a folder that `python -m adversaria.tools.ledger` takes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from adversaria.config import schema
from adversaria.config.errors import ConfigError, one_sentence_errors
from adversaria.config.instantiate import instantiate
from adversaria.runs import data_record
from adversaria.runs.record import METRICS, replace_text
from adversaria.tools.compose import compose

COMPONENTS = "components="
FROM_PROTOCOL = ("data", "n_train", "n_test", "image_size")


def measure(overrides: Sequence[str], components: Sequence[int], folder: Path) -> dict[str, float]:
    """Measure, and write metrics.json, environment.json and data.json into a folder; return the metrics.

    Args:
        overrides: of the data, as those of train.py.
        components: numbers of components.
        folder: where to write, which is created.

    Raises:
        UserError: an override is wrong, the data is missing, or there are not as many components.
    """
    start = time.time()
    config = compose("run_dir=unused", "name=unused", *overrides)
    schema.check(config)
    import torch

    from adversaria.measures.pca import reconstruction_errors
    from adversaria.runs.environment import git_state

    words = ["-m", "adversaria.tools.pca_bound", *overrides, COMPONENTS + ",".join(map(str, components))]
    versions = {"torch": version("torch"), "device": "cpu", "threads": torch.get_num_threads()}
    environment = {"command": words, **versions, **git_state(Path(__file__).parent)}  # of the code as it is now
    data = instantiate(config["data"])
    if not hasattr(data, "reader"):
        raise ConfigError("a pair of data sets has two sets of images; choose one of them with data=")
    data.prepare_data()
    data.setup("test")
    errors = reconstruction_errors(data.pixels("train")["image"], data.pixels("test")["image"], components)
    metrics = {f"test/mse_{scale}/{k}": factor * errors[k] for scale, factor in (("01", 1), ("pm1", 4)) for k in errors}
    folder.mkdir(parents=True, exist_ok=True)
    data_record.write(folder, data.fingerprint())
    record: dict[str, Any] = {
        "metrics": metrics,
        "protocol": {k: v for k, v in data.describe().items() if k in FROM_PROTOCOL},
        "data_digests": data_record.digests(folder),
        "seconds": round(time.time() - start),
    }
    replace_text(folder / "environment.json", json.dumps([environment]) + "\n")
    replace_text(folder / METRICS, json.dumps(record, indent=2) + "\n")
    return metrics


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        "python -m adversaria.tools.pca_bound",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="+", metavar="KEY=VALUE", help="settings of the data, and components=N,N,...")
    parser.add_argument("--output", type=Path, help="the folder to write (default: outputs/bounds/pca_<data>)")
    options = parser.parse_args(arguments)
    with one_sentence_errors():
        overrides = [word for word in options.words if not word.startswith(COMPONENTS)]
        given = [word.removeprefix(COMPONENTS) for word in options.words if word.startswith(COMPONENTS)]
        numbers = given[-1].split(",") if given else []
        if not numbers or not all(number.isdecimal() for number in numbers):
            raise ConfigError("say how many components: components=1024,512,128")
        name = next((word.partition("=")[2] for word in overrides if word.startswith("data=")), "data")
        folder = options.output or Path("outputs", "bounds", f"pca_{name}")
        for metric, value in measure(overrides, [int(number) for number in numbers], folder).items():
            print(f"{metric:24} {value:.6f}")
        print(f"wrote {folder}; keep it with: python -m adversaria.tools.ledger {folder}")


if __name__ == "__main__":
    main()
