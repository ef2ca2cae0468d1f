"""Ship a trained classifier with the project, for metrics=reference: `python -m adversaria.tools.ship RUN NAME DATA`.

Its weights and their record go into adversaria/measures/shipped, to be committed. DATA are the names of the data sets
whose generators it is to measure; the files of conf/data that set `override /metrics: none` for them must then not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

from adversaria.config.errors import ConfigError, one_sentence_errors
from adversaria.images.files import scratch_beside
from adversaria.measures.shipped_classifiers import FOLDER, LARGEST
from adversaria.report.reading import read
from adversaria.runs import run_folder
from adversaria.runs.safe_file import SUFFIX

KEPT = ("data", "n_train", "n_test", "image_size", "iteration", "weights", "seed")  # of the protocol


def ship(run: Path, name: str, data: list[str], folder: Path = FOLDER) -> Path:
    """Write the classifier of a run and its record; return the file of its weights. It replaces one of this name.

    Args:
        run: a run folder of `model=classifier`, tested.
        name: `digits`; metrics will name it `reference-digits`.
        data: names of the data sets that it measures.
        folder: where the shipped classifiers are.

    Raises:
        CheckpointError: there is no such run.
        ConfigError: it is no classifier, was not tested, or is too large.
    """
    home, file = run_folder.find(run, "last")
    record = None if home is None else read(home)
    if record is None or "accuracy" not in record.metrics:
        raise ConfigError(f"{run} is not the run folder of a classifier that was tested; give one of model=classifier")
    import lightning_modules
    from lightning_modules.safe_weights import save

    target = folder / f"{name}{SUFFIX}"
    with scratch_beside(target) as scratch:
        save(lightning_modules.load(file), scratch, small=True)
        if (size := scratch.stat().st_size) > LARGEST:
            raise ConfigError(
                f"{run}: its weights have {size:,} bytes, and {LARGEST:,} may be shipped; train one of "
                "less model.network.width"
            )
        said = {
            "data": data,
            "image_size": record.config["data"]["image_size"],
            "bytes": size,
            "sha256": hashlib.sha256(scratch.read_bytes()).hexdigest(),
            **_measured(record),
        }
        scratch.replace(target)
    target.with_suffix(".json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    return target


def _measured(record: Any) -> dict[str, Any]:
    """Return the test metrics of a run, how they were measured, and the command that trained it, without its places."""
    places = ("output_root=", "data.root=", "data.cache_dir=", "name=")
    words = [word for word in record.starts[0]["overrides"] if not word.startswith(places)]
    return {
        "metrics": {f"test/{key}": value for key, value in record.metrics.items()},
        "protocol": {key: record.protocol[key] for key in KEPT if key in record.protocol},
        "command": shlex.join(["python", "train.py", *words]),
        "commit": record.commit,
    }


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m adversaria.tools.ship",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder of model=classifier")
    parser.add_argument("name", metavar="NAME", help="of the classifier, as in reference-NAME")
    parser.add_argument("data", nargs="+", metavar="DATA", help="name of a data set that it measures")
    with one_sentence_errors():
        options = parser.parse_args(arguments)
        print(f"wrote {ship(options.run, options.name, options.data)} and its .json")


if __name__ == "__main__":
    main()
