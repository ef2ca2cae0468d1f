"""Evaluate a trained model: `python evaluate.py RUN`; see `python evaluate.py --help`."""

from __future__ import annotations

import argparse
from pathlib import Path

from adversaria.config.errors import ConfigError, one_sentence_errors
from adversaria.runs import run_folder
from adversaria.runs.record import METRICS
from adversaria.tools.arguments import add_device, add_run, add_version
from adversaria.tools.configuration import run_configuration
from adversaria.tools.evaluate import append_to, evaluate
from datamodules.readers.base import SPLITS

EXAMPLES = """
examples:
  python evaluate.py outputs/gan_celeba/RUN                            # as at the end of its training
  python evaluate.py outputs/vae_celeba/RUN --checkpoint best --split val
  python evaluate.py outputs/gan_celeba/RUN --metrics inception callbacks.generation_metrics.count=50000
  python evaluate.py outputs/classifier_mnistm/RUN --data usps --root PATH
  python evaluate.py some.ckpt --data celeba --root PATH --output metrics.json

The metrics are printed, and appended with their protocol to `evaluations` in the run's metrics.json.
"""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    with one_sentence_errors():
        options = _options(arguments)
        folder, file = run_folder.find(options.run, options.checkpoint)
        model = None
        if folder is None:
            if options.data is None:
                raise ConfigError(f"{file} is not in a run folder, so its data is not known; add --data NAME")
            import lightning_modules

            model = lightning_modules.load(file).config
        if options.batch_size is not None:
            options.overrides.insert(0, f"data.batch_size={options.batch_size}")
        config = run_configuration(folder, model, options.data, options.root, options.metrics, options.overrides)
        record = evaluate(config, file, options.split, options.device)

        from adversaria.tools.results import print_results  # rich takes a while to import

        output = options.output or (folder and folder / METRICS)
        try:
            if output:
                append_to(output, record, lock=not options.output)
        finally:  # shown even if it cannot be written
            print_results(record["metrics"], title=f"{record['protocol']['split']} split")
        if output:
            print(f"appended to {output}")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Evaluate a trained model, as at the end of its training or with other data or metrics.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_run(parser)
    add_device(parser)
    add_version(parser)
    add = parser.add_argument
    add("overrides", nargs="*", metavar="key=value", help="settings of data, callbacks or trainer")
    add("--split", choices=SPLITS, help="split to evaluate on (default: test)")
    add("--data", metavar="NAME", help="another data set, as data=NAME of train.py")
    add("--root", metavar="PATH", help="another folder of the data")
    add("--metrics", choices=["none", "classifier", "inception"], help="of generated images (default: the run's)")
    add("--batch-size", type=int, metavar="N", help="images at a time (default: the run's)")
    add("--output", type=Path, metavar="FILE", help="append to this file instead of the run's metrics.json")
    return parser.parse_intermixed_args(arguments)


if __name__ == "__main__":
    main()
