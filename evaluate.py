"""Measure a trained model: `python evaluate.py RUN`; see `python evaluate.py --help`."""

from __future__ import annotations

import argparse
from pathlib import Path

from adversaria.config.errors import ConfigError, one_sentence_errors
from adversaria.runs import run_folder
from adversaria.runs.record import METRICS
from adversaria.tools import configuration
from adversaria.tools.evaluate import append, evaluate
from datamodules.readers.base import SPLITS

EXAMPLES = """
examples:
  python evaluate.py outputs/gan_celeba/RUN                            # as at the end of its training
  python evaluate.py outputs/vae_celeba/RUN --checkpoint best --split val
  python evaluate.py outputs/gan_celeba/RUN --metrics inception callbacks.generation_metrics.count=50000
  python evaluate.py outputs/classifier_mnistm/RUN --data usps --root PATH
  python evaluate.py some.ckpt --data celeba --root PATH --output figures.json

The metrics are printed, and appended to `evaluations` in the run's metrics.json with their protocol.
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
        config = configuration.configuration(
            folder, model, options.data, options.root, options.metrics, options.overrides
        )
        record = evaluate(config, file, options.split, options.device)

        from adversaria.tools.results import print_results  # torch is there by now

        print_results(record["metrics"], title=f"{record['protocol']['split']} split")
        if output := options.output or (folder and folder / METRICS):
            append(record, output, lock=not options.output)
            print(f"appended to {output}")


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
