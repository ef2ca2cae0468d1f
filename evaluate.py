"""Evaluate a trained model, or pictures: `python evaluate.py RUN`; see `python evaluate.py --help`."""

from __future__ import annotations

import argparse
import gc
from dataclasses import fields
from pathlib import Path

from adversaria.config.errors import one_sentence_errors
from adversaria.config.errors import options as choices
from adversaria.tools import measure
from adversaria.tools.arguments import add_device, add_pictures, add_run, add_version
from adversaria.tools.evaluate import Options, append_to, evaluated
from datamodules.readers.base import SPLITS

EXAMPLES = """
examples:
  python evaluate.py outputs/gan_celeba/RUN                            # as at the end of its training
  python evaluate.py outputs/vae_celeba/RUN --checkpoint best --split val
  python evaluate.py outputs/gan_celeba/RUN --metrics inception callbacks.generation_metrics.count=50000
  python evaluate.py outputs/classifier_mnistm/RUN --data usps --root PATH
  python evaluate.py some.ckpt --data celeba --root PATH --output metrics.json
  python evaluate.py outputs/gan_celeba/RUN --images DIR               # any pictures, against the data of this run
  python evaluate.py --images DIR --against DIR --metrics inception

The metrics are printed, and appended with their protocol to `evaluations` in the run's metrics.json. Those of pictures
are appended to --output FILE alone.
"""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    with one_sentence_errors():
        options = _options(arguments)
        if measure.is_asked(options):
            return measure.command(options)
        given = {field.name: getattr(options, field.name) for field in fields(Options)}
        record, output, steps = evaluated(Options(**given))
        from adversaria.tools.results import print_results, print_steps  # rich takes a while to import

        try:
            if output:
                append_to(output, record, lock=not options.output)
        finally:  # shown even if it cannot be written
            weights, split = record["protocol"]["weights"], record["protocol"]["split"]
            tested = f"the {weights} weights" if weights in ("last", "best") else options.run
            print_results(record, f"results of {tested}, {split} split")
        if output:
            print(f"appended to {output}")
        print_steps(steps)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Evaluate a trained model, as at the end of its training or in another way; or any pictures.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_run(parser, "?")
    add_device(parser)
    add_version(parser)
    add = parser.add_argument
    add("overrides", nargs="*", metavar="key=value", help="settings of data, callbacks or trainer")
    add("--split", choices=SPLITS, help="split to evaluate on (default: test)")
    add("--data", metavar="NAME", help="another data set, as data=NAME of train.py")
    add("--root", metavar="PATH", help="another folder of the data")
    add("--metrics", choices=choices("metrics"), help="of generated images (default: the run's)")
    add("--batch-size", type=int, metavar="N", help="images at a time (default: the run's)")
    add("--output", type=Path, metavar="FILE", help="append to this file instead of the run's metrics.json")
    add_pictures(parser)
    options = parser.parse_intermixed_args(arguments)
    if options.run is None and not measure.is_asked(options):
        parser.error("the following arguments are required: RUN_OR_CHECKPOINT")
    return options


if __name__ == "__main__":
    gc.disable()  # until the heavy imports are done, as in train.py
    main()
