"""What the command lines do, as functions; `adversaria` has them under its own name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.tools import evaluate as evaluation
from adversaria.tools import generate as generation
from adversaria.tools import measure_options as pictures
from adversaria.tools import push as pushing
from adversaria.tools.arguments import from_keywords
from adversaria.tools.in_process import in_process, run_of, sweep_of
from adversaria.tools.measure import measure
from adversaria.tools.run import Run, load

if TYPE_CHECKING:
    import os

    import numpy as np
    from pandas import DataFrame

__all__ = ["Run", "evaluate", "generate", "load", "open_run", "push", "sweep", "train"]


def train(*overrides: str) -> Run:
    """Train, test and record a run, as `python train.py` with these arguments does, to the last bit.

    Relative paths are those of the current folder. Nothing else of the process changes: generators of random numbers,
    logging, handlers of signals, environment variables and settings of libraries are afterwards what they were before.

    Args:
        overrides: `group=choice` and `key=value`, such as `"model=gan", "data=digits", "trainer.max_epochs=3"`;
            `"ckpt_path=last"` goes on with a run.

    Raises:
        UserError: what a command line would say in one sentence.
        KeyboardInterrupt: Ctrl+C. The run is saved first, and `train("ckpt_path=last")` goes on with it. A thread other
            than the main one gets no signals.
    """
    return Run(run_of(overrides))


def sweep(*overrides: str) -> DataFrame:
    """Run every combination of values, as `python train.py -m` does; called again, it goes on with what is missing.

    Args:
        overrides: as of `train`, with several values separated by commas: `"model.lambda_kl=1e-5,1e-4", "seed=0,1"`.

    Returns:
        A row for each job, the best first: the keys that differ, `objective`, the test metrics, `status` (`done`, or
        why the job failed) and `folder`, which `open_run` takes. Jobs of earlier calls with other values are in it too.

    Raises:
        UserError: the sweep is refused as a whole. A job that fails has its reason in the table.
        KeyboardInterrupt: Ctrl+C. The job that was running is saved first.
    """
    from adversaria.sweeps import summary

    return summary.frame(summary.read(sweep_of(overrides)))


def open_run(path: str | os.PathLike[str]) -> Run:
    """Return the run in a folder.

    Raises:
        CheckpointError: it is not a run folder.
    """
    return Run(path)


def evaluate(run: str | os.PathLike[str] | None = None, *overrides: str, **options: Any) -> dict[str, Any]:
    """Measure a trained model, or pictures, as `python evaluate.py` does.

    The record of a model is appended to the run's metrics.json, that of pictures to `output` alone.

    Args:
        run: a run, its folder, or a checkpoint; none where pictures are compared with others.
        overrides: `key=value` with settings of data, callbacks or trainer.
        options: those of the command line, such as `split="val"` and `batch_size=64`, or `images="pics"`.

    Returns:
        `metrics` by name, the `protocol` by which they were measured, `time` and `seconds`.

    Raises:
        UserError: what the command line would say in one sentence.
    """
    of_pictures = {field.name for field in fields(pictures.Options)} - {f.name for f in fields(evaluation.Options)}
    given = {"overrides": overrides, **options} | ({} if run is None else {"run": run})
    with in_process():
        if of_pictures & set(options) or run is None:
            output = given.pop("output", None)
            record = measure(from_keywords(pictures.Options, **given))
            if output is not None:
                evaluation.append_to(Path(output), record, lock=False)
            return record
        chosen = from_keywords(evaluation.Options, **given)
        record, file, _ = evaluation.evaluated(chosen)
        if file:
            evaluation.append_to(file, record, lock=not chosen.output)
        return record


def push(
    run: str | os.PathLike[str],
    name: str,
    *,
    checkpoint: str = "last",
    license: str | None = None,
    private: bool = False,
) -> str:
    """Push the model of a run to the Hugging Face hub, as `python -m adversaria.tools.push` does; return its address.

    Args:
        run: a run, or its folder.
        name: `owner/name` on the hub.
        checkpoint: `last` or `best`.
        license: identifier of the model's licence, as the hub names them; None for that of its data, where it is known.
        private: whether a new model is for its owner alone.

    Raises:
        UserError: what the command line would say in one sentence.
    """
    with in_process():
        from adversaria.runs.library_state import for_a_run

        with for_a_run():
            return pushing.push(Path(run).expanduser(), name, checkpoint, license, private)


def generate(run: str | os.PathLike[str], **options: Any) -> np.ndarray:
    """Generate images, as `python generate.py` does, and return them.

    Args:
        run: a run, its folder, or a checkpoint.
        options: those of the command line: `n=16`, `seed=1`, `label={"Smiling": 1}`, `interpolate=(1, 2)`, ... With
            `output` the images are written too; without it nothing is.

    Returns:
        (n, h, w, 3) uint8, row by row.

    Raises:
        UserError: what the command line would say in one sentence.
    """
    if isinstance(label := options.get("label"), Mapping):
        options["label"] = [f"{name}={value}" for name, value in label.items()]
    images: list[np.ndarray] = []
    with in_process():
        chosen = from_keywords(generation.Options, run=run, **options)
        generation.generate(chosen, images, write="output" in options)
    import numpy as np

    return np.concatenate(images)
