"""What to measure pictures against, and with what: checked and opened before torch is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from omegaconf import OmegaConf

from adversaria.config import containers, schema
from adversaria.config.errors import ConfigError
from adversaria.config.types import Split
from adversaria.measures import kept_classifiers, shipped_classifiers
from adversaria.measures.protocol import NEEDED
from adversaria.measures.reference_files import Reference, check_output, read_reference
from adversaria.runs import run_folder
from adversaria.tools.compose import compose
from adversaria.tools.configuration import configuration_for
from datamodules.readers.pictures import Pictures

KEY = "generation_metrics"  # of the callback that says how generated images are measured
OTHERWISE = "add --metrics imagenet or inception, or --classifier RUN with any run of model=classifier"


@dataclass(frozen=True)
class Options:
    """What to measure, against what, and with which extractor. Of `run`, `against` and `reference` there must be one.

    Attributes:
        images: a folder of pictures to measure; None to write a reference alone.
        run: a run folder, or a checkpoint, whose data are the real images.
        data: another data set, for a checkpoint without a run folder.
        root: another folder of the data.
        against: a folder of real images.
        reference: a reference file.
        save_reference: a reference file to write, of the real images.
        classifier: a run folder or checkpoint of the classifier whose features are compared.
        metrics: a choice of conf/metrics, where the run does not say it.
        resize: whether to cut the centre square of pictures of another size, and to resize it.
        split: of a run's data; None for the one that its metrics are compared with.
        batch_size: images at a time; None for that of the metrics.
        device: `auto`, `cpu` or `cuda`.
        overrides: `key=value`, as of a run's evaluation; without a run of `callbacks.generation_metrics` alone.
    """

    images: Path | None = None
    run: Path | None = None
    data: str | None = None
    root: str | None = None
    against: Path | None = None
    reference: Path | None = None
    save_reference: Path | None = None
    classifier: Path | None = None
    metrics: str | None = None
    resize: bool = False
    split: Split | None = None
    batch_size: int | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    overrides: Sequence[str] = ()


@dataclass(frozen=True)
class Opened:
    """What the options name, opened and checked: the pictures, what they are compared with, and how.

    Attributes:
        pictures: to measure.
        data: the configuration of a run's data,
        folder: or a folder of real images,
        reference: or what a reference file holds.
        size: side of all images in pixels.
        metrics: the configuration of `callbacks.metrics.generation.GenerationMetrics`.
        classifier: checkpoint of the classifier that was chosen.
    """

    pictures: Pictures | None
    data: dict[str, Any] | None
    folder: Pictures | None
    reference: Reference | None
    size: int
    metrics: dict[str, Any]
    classifier: Path | None


def open_all(options: Options) -> Opened:
    """Check the options, and open what they name, without torch; the errors are those of `measure`."""
    _check(options)
    reference = None if options.reference is None else read_reference(options.reference, NEEDED)
    folder = None if options.against is None else Pictures(options.against, "--against", NEEDED)
    pictures = None if options.images is None else Pictures(options.images, "--images", NEEDED)
    classifier = None if options.classifier is None else run_folder.find(options.classifier, "last")[1]
    data, metrics = _data_and_metrics(options)
    if data is not None:
        size = data["image_size"]
    elif reference is not None:
        size = reference.image_size
    else:
        assert folder is not None
        size = folder.side()
    for given in (folder, pictures):
        if given is not None and not options.resize:
            given.check_size(size)
    return Opened(pictures, data, folder, reference, size, metrics, classifier)


def _check(options: Options) -> None:
    real = {"RUN": options.run, "--against DIR": options.against, "--reference FILE": options.reference}
    given = [name for name, value in real.items() if value is not None]
    if len(given) != 1:
        found = f"{' and '.join(given)} are given" if given else "none of them is given"
        raise ConfigError(f"give one of {', '.join(real)}: the real images to compare with; {found}")
    if options.images is None and options.save_reference is None:
        raise ConfigError(f"{given[0]}: there is nothing to measure; add --images DIR, or --save-reference FILE")
    if options.save_reference is not None:
        if options.reference is not None:
            raise ConfigError("--save-reference: the file of --reference is one already; copy it")
        check_output(options.save_reference)
    for option, value in (("--data", options.data), ("--root", options.root), ("--split", options.split)):
        if value is not None and options.run is None:
            raise ConfigError(f"{option} {value}: this is of the data of a run; give RUN too, or leave it out")
    if options.batch_size is not None and options.batch_size < 1:
        raise ConfigError(f"--batch-size {options.batch_size}: give 1 or more")
    if options.classifier is not None and options.metrics is not None:
        raise ConfigError(f"--classifier and --metrics {options.metrics} both say what measures; leave one out")


def _data_and_metrics(options: Options) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return the configurations of the data, None without a run, and of what measures."""
    choice = "classifier" if options.classifier is not None else options.metrics
    if options.run is None:
        return None, _metrics_alone(options, choice)
    config = configuration_for(options.run, "last", options.data, options.root, choice, options.overrides)[2]
    if "reader" not in config["data"]:
        raise ConfigError("the data of this run is a pair of sets; compare with --against DIR or --reference FILE")
    metrics: dict[str, Any] | None = config["callbacks"].get(KEY)
    if metrics is None:
        raise ConfigError(f"{options.run} does not say what measures images; add --metrics classifier; or {OTHERWISE}")
    if options.classifier is None:
        kept_classifiers.check(config, OTHERWISE)
        shipped_classifiers.check(config)
    return config["data"], metrics


def _metrics_alone(options: Options, choice: str | None) -> dict[str, Any]:
    strange = [override for override in options.overrides if not override.startswith(f"callbacks.{KEY}.")]
    if strange:
        raise ConfigError(f"{strange[0]}: without a run, only keys of callbacks.{KEY} can be set")
    if choice in (None, "none") or (choice == "classifier" and options.classifier is None):
        asked = "there is no run that says what measures" if choice is None else f"--metrics {choice} needs a run"
        raise ConfigError(f"{asked}; {OTHERWISE}")
    composed = OmegaConf.create(compose("run_dir=unused", "name=unused", "model=gan", f"metrics={choice}"))
    for override in options.overrides:
        containers.set_key(composed, override, "what measures images")
    config = containers.plain(composed)
    schema.check(config)
    metrics: dict[str, Any] = config["callbacks"][KEY]
    return metrics
