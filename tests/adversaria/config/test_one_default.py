"""A value has one default: where a YAML file sets it, the signature of its target has none, or the same."""

import functools
import inspect
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from adversaria.config.errors import CONF, options
from adversaria.config.signatures import signature

GROUPS = [
    *("model", "model/network", "model/update", "model/loss", "model/domain_discriminator", "model/target_terms"),
    *("callbacks", "metrics", "logger", "data", "data/reader", "data/augmentation", "sweep"),
]
ABSENT = "absent"  # what a file has that leaves a key out: the default of the signature
COMPONENT = "a component"
#: Target -> keys (`*` for all) whose default is right for the choices that leave them out; the others are variations.
VARIATIONS = {
    "adversaria.sweeps.uda_table.UDATable": {"note"},  # of quick tables
    "datamodules.augmentation.Augmentation": {"*"},  # data/augmentation=none sets nothing
    "datamodules.images.ImagesDataModule": {"root"},  # generated data sets read no files
    "datamodules.own_images.OwnImagesDataModule": {"root"},  # data sets of the hub have a name
    "lightning_modules.losses.AdversarialLoss": {"boundary", "paired"},  # of least squares, and of relativistic pairs
}


@functools.cache
def content(file: Path) -> DictConfig:
    """Return what a file says, over the files of its own group that its defaults list names."""
    own = OmegaConf.load(file)
    assert isinstance(own, DictConfig)
    bases = [entry for entry in own.pop("defaults", []) if isinstance(entry, str) and entry != "_self_"]
    merged = OmegaConf.merge(*(content(file.with_name(f"{base}.yaml")) for base in bases), own)
    assert isinstance(merged, DictConfig)
    return merged


def nodes(node: Any, path: str = "") -> Iterator[tuple[str, DictConfig]]:
    """Yield each mapping with a `_target_`, at any depth, with its path."""
    if not OmegaConf.is_dict(node):
        return
    if "_target_" in node:
        yield path, node
    for key in node:
        if not OmegaConf.is_interpolation(node, key):
            yield from nodes(node[key], f"{path}.{key}")


def value_of(node: DictConfig, key: str) -> set[Any]:
    """Return the value of a key; where it is taken from another key, all that this one is in conf/data."""
    if not OmegaConf.is_interpolation(node, key):
        value = node[key]
        return {comparable(value)}
    text = OmegaConf.to_container(node, resolve=False)[key]  # type: ignore[call-overload,index]  # a mapping
    found = set()
    for context in contexts():
        context["value"] = text
        try:
            found.add(comparable(context.value))
        except OmegaConfBaseException:  # as ${run_dir}: no value of the configuration
            return set()
    return found


@functools.cache
def contexts() -> list[DictConfig]:
    """Return the keys that others refer to, once with each data set."""
    top = {"seed": OmegaConf.load(CONF / "train.yaml").seed}
    plain = {"image_size", "value_range", "root"}
    return [OmegaConf.create({**top, "data": {k: v for k, v in data.items() if k in plain}}) for data in data_sets()]


def data_sets() -> list[dict[str, Any]]:
    return [OmegaConf.to_container(content_of("data", choice), resolve=False) for choice in options("data")]  # type: ignore[misc]


def content_of(group: str, choice: str) -> DictConfig:
    return content(CONF / group / f"{choice}.yaml")


def comparable(value: Any) -> Any:
    """Return a value that equals itself whether YAML or Python wrote it: lists are tuples, 1 is 1.0."""
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value, resolve=False)
    if isinstance(value, list | tuple):
        return tuple(map(comparable, value))
    return COMPONENT if isinstance(value, dict) or callable(value) else value


@functools.cache
def places() -> dict[str, dict[str, DictConfig]]:
    """Return target -> file and path -> its node, over all choices of all groups."""
    found: dict[str, dict[str, DictConfig]] = defaultdict(dict)
    for group in GROUPS:
        for choice in options(group):
            for path, node in nodes(content_of(group, choice)):
                if signature(node["_target_"]) is not None:
                    found[node["_target_"]][f"{group}/{choice}{path}"] = node
    return found


def settings(target: str) -> dict[str, dict[str, set[Any]]]:
    """Return key -> file and path -> values that conf/ sets; the key "" has all files, with no value."""
    found: dict[str, dict[str, set[Any]]] = defaultdict(dict)
    for place, node in places()[target].items():
        found[""][place] = set()
        for key in node:
            if key not in ("_target_", "_partial_"):
                found[key][place] = value_of(node, key)
    return found


def default_of(target: Any, key: str) -> Any:
    """Return the default of a parameter, an inherited one for `**options`; `inspect.Parameter.empty` for none."""
    for kind in inspect.getmro(target) if inspect.isclass(target) else [target]:
        if inspect.isclass(target) and "__init__" not in vars(kind) and "__new__" not in vars(kind):
            continue
        parameters = inspect.signature(kind).parameters
        if key in parameters:
            return parameters[key].default
    raise AssertionError(f"{target} has no parameter {key}")


def differences(target: Any, key: str, set_by: dict[str, set[Any]]) -> list[str]:
    """Return the files whose value is not the signature's default."""
    default = default_of(target, key)
    if default is inspect.Parameter.empty:
        return []
    default = comparable(default)
    wrong = {file: values for file, values in set_by.items() if values - {default}}
    return [f"{file}: {key}={' or '.join(map(str, v))}, not {default}" for file, v in sorted(wrong.items())]


@pytest.mark.parametrize("target", sorted(places()))
def test_where_yaml_sets_a_value_the_signature_has_none_or_the_same(target: str) -> None:
    keys = settings(target)
    checked = {key: by for key, by in keys.items() if key and not {key, "*"} & VARIATIONS.get(target, set())}
    assert [line for key, by in checked.items() for line in differences(get_object(target), key, by)] == []


@pytest.mark.parametrize("target", VARIATIONS)
def test_a_variation_is_left_out_by_one_file_and_set_by_another(target: str) -> None:
    keys = settings(target)
    varied = [key for key in keys if key and {key, "*"} & VARIATIONS[target]]
    assert varied
    assert all(keys[key] and set(keys[key]) < set(keys[""]) for key in varied)


class Base:
    def __init__(self, weight: float = 1.0, scale: tuple[float, float] = (1.0, 1.0), part: Any = None) -> None:
        pass


class Method(Base):
    def __init__(self, own: int = 3, **options: Any) -> None:
        super().__init__(**options)


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("own", [{3}, {4}], ["b: own=4, not 3"]),
        ("weight", [{0.1}, {1}], ["a: weight=0.1, not 1.0"]),
        ("scale", [{(1, 1)}, {(1, 2)}], ["b: scale=(1, 2), not (1.0, 1.0)"]),
        ("part", [{COMPONENT}, {None}], [f"a: part={COMPONENT}, not None"]),
        ("own", [{4}], ["a: own=4, not 3"]),  # the other file leaves it out
        ("own", [{3}], []),
    ],
)
def test_a_made_up_difference_is_found(key: str, values: list[set[Any]], expected: list[str]) -> None:
    assert differences(Method, key, dict(zip("ab", values, strict=False))) == expected


def test_the_settings_are_those_of_the_files() -> None:
    assert settings("lightning_modules.dann.DANN")["batch_norm"] == {"model/dann": {"split"}}
    assert settings("lightning_modules.wgan.WGAN")["r1"] == {"model/wgan": {0.0}}  # inherited from _gan.yaml
    assert settings("lightning_modules.networks.gan.CompactGAN")["image_size"] == {
        "model/network/compact_gan": {28, 64},
        "model/network/compact_gan_wide": {28, 64},
    }
    assert settings("callbacks.record.run_checkpoint.RunCheckpoint")["dirpath"] == {
        "callbacks/default.checkpoint": set()
    }
    assert len(places()) > 40
