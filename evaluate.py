"""Measure a trained model: `python evaluate.py RUN`; see `python evaluate.py --help`."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

from adversaria import evaluation, performance, run_folder
from adversaria.errors import ConfigError, UserError, one_sentence_errors
from adversaria.hush import hush
from adversaria.instantiate import callbacks_of, instantiate
from adversaria.types import Split
from datamodules.sources import SPLITS

EXAMPLES = """
examples:
  python evaluate.py outputs/gan_celeba/RUN                            # as at the end of its training
  python evaluate.py outputs/vae_celeba/RUN --checkpoint best --split val
  python evaluate.py outputs/gan_celeba/RUN --metrics inception callbacks.generation_metrics.count=50000
  python evaluate.py outputs/classifier_mnistm/RUN --data usps --root PATH
  python evaluate.py some.ckpt --data celeba --root PATH --output figures.json

The figures are printed, and appended to `evaluations` in the run's metrics.json with their protocol.
"""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = _options(arguments)
    with one_sentence_errors():
        folder, file = run_folder.find(options.run, options.checkpoint)
        model = None
        if folder is None:
            if options.data is None:
                raise ConfigError(f"{file} is in no run folder, whose config.yaml names the data; add --data NAME")
            import lightning_modules

            model = lightning_modules.load(file).config
        if options.batch_size is not None:
            options.overrides.insert(0, f"data.batch_size={options.batch_size}")
        config = evaluation.configuration(folder, model, options.data, options.root, options.metrics, options.overrides)
        record = evaluate(config, file, options.split, options.device)

        from callbacks.run_record import print_results  # torch is there by now

        print_results(record["metrics"], title=f"{record['protocol']['split']} split")
        if output := options.output or (folder and folder / run_folder.METRICS):
            try:
                with contextlib.nullcontext() if options.output else run_folder.locked(output.parent):
                    run_folder.append_evaluation(output, record)
            except (UserError, OSError) as error:
                raise UserError(
                    f"the figures above are not in {output} ({error}); --output FILE writes another"
                ) from error
            print(f"appended to {output}")


def evaluate(config: dict[str, Any], file: Path, split: Split | None = None, device: str = "auto") -> dict[str, Any]:
    """Measure the weights in a checkpoint as a checked, plain configuration says.

    Args:
        config: of a run, see `adversaria.evaluation`; of its callbacks only the measurements take part.
        file: the checkpoint.
        split: to measure on; None for the test split, and whatever split the callbacks were configured with.
        device: `auto`, `cpu` or `cuda`.

    Returns:
        `time`, `metrics`, their `protocol`, and `seconds`.

    Raises:
        CheckpointError: the checkpoint is not readable.
        ConfigError: the data does not fit the model, or there is no such device.
    """
    start = time.time()
    if config["performance"]["keep_memory"]:
        performance.keep_memory()
    import pytorch_lightning as pl

    import lightning_modules
    from callbacks.measurement import Measurement
    from callbacks.run_record import record_of

    hush()
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    datamodule, module = instantiate(config["data"]), lightning_modules.load(file)
    module.check_data(datamodule)
    if config["performance"]["channels_last"]:
        performance.channels_last(module)
    callbacks = callbacks_of(config)
    measurements = [c for c in callbacks if isinstance(c, Measurement)]
    if split is not None:
        datamodule.test_split = split
        for measurement in measurements:
            measurement.split = split
    single = {"accelerator": evaluation.device(device).type, "devices": 1, "num_nodes": 1, "strategy": "auto"}
    with tempfile.TemporaryDirectory() as scratch:  # for pictures that measurements draw besides
        trainer = instantiate(
            {**config["trainer"], **single},
            callbacks=[*measurements, *(c for c in callbacks if isinstance(c, pl.callbacks.ProgressBar))],
            logger=False,
            enable_checkpointing=False,
            default_root_dir=scratch,
        )
        trainer.test(module, datamodule=datamodule, verbose=False)
    weights = file.stem if file.parent.name == "checkpoints" else str(file)
    record = record_of(trainer, module, split=datamodule.test_split, weights=weights, seed=config["seed"])
    return {"time": time.strftime("%Y-%m-%d %H:%M:%S"), **record, "seconds": round(time.time() - start)}


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure a trained model, as its training did at its end or otherwise.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN_OR_CHECKPOINT", help="a run folder, or a checkpoint")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="keys of data, callbacks or trainer")
    parser.add_argument("--checkpoint", choices=["last", "best"], default="last", help="of a run folder (last)")
    parser.add_argument("--split", choices=SPLITS, help="images to measure on (test)")
    parser.add_argument("--data", metavar="NAME", help="another data set, as data=NAME of train.py")
    parser.add_argument("--root", metavar="PATH", help="another folder of the data")
    parser.add_argument(
        "--metrics", choices=["none", "classifier", "inception"], help="of generated images (the run's)"
    )
    parser.add_argument("--batch-size", type=int, metavar="N", help="images at a time (the run's)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="append to this file, not to the run's metrics.json"
    )
    return parser.parse_intermixed_args(arguments)


if __name__ == "__main__":
    main()
