"""The configuration and the device with which a finished run, or a checkpoint alone, is evaluated or used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from adversaria.config import containers, schema, sense
from adversaria.config.as_typed import as_hydra_reads
from adversaria.config.command_lines import value_of
from adversaria.config.errors import CONF, CheckpointError, ConfigError, UserError, first_line, options
from adversaria.config.renamed import renamed_override
from adversaria.runs import resume, run_folder, zoo
from adversaria.tools.compose import compose
from datamodules.preflight import preflight

if TYPE_CHECKING:
    import torch

#: Keys of the data that keep the run's values when it is evaluated on another data set.
KEPT_FROM_RUN = ("image_size", "value_range", "batch_size", "on_bad_image", "cache_dir", "seed", "labelled")
NEEDED = ("data", "model", "trainer", "callbacks")  # keys that a run's configuration needs to be evaluated
CACHE = ".cache"  # where arrays are kept unless a command line says otherwise


def configuration_for(
    run: Path,
    checkpoint: str,
    data: str | None = None,
    root: str | None = None,
    metrics: str | None = None,
    overrides: Sequence[str] = (),
) -> tuple[Path | None, Path, dict[str, Any]]:
    """Return the run folder, None for a bare checkpoint, the checkpoint's file, and the configuration to use it with.

    Args:
        run: a run folder or a checkpoint.
        checkpoint: `last` or `best`, where `run` is a run folder.
        data: as the others, see `run_configuration`.

    Raises:
        UserError: as `run_folder.find` and `run_configuration`; or nothing says which data a bare checkpoint is of.
    """
    folder, file = run_folder.find(run, checkpoint)
    model = None
    if folder is None:
        data = data or zoo.data_of(run)
        if data is None:
            raise ConfigError(f"{file} is not in a run folder, so its data is not known; add --data NAME")
        import lightning_modules

        model = lightning_modules.load(file).config
    return folder, file, run_configuration(folder, model, data, root, metrics, overrides)


def run_configuration(
    folder: Path | None,
    model: dict[str, Any] | None = None,
    data: str | None = None,
    root: str | None = None,
    metrics: str | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the plain configuration of a run, changed as the other arguments say, and checked.

    Args:
        folder: the run's folder; None for a checkpoint that is in no run folder.
        model: the configuration of such a checkpoint's model, which determines the metrics.
        data: another data set, a choice of conf/data, at the run's image size and range; such a checkpoint needs it.
        root: another folder of the data, as `data.root` in `overrides`.
        metrics: other metrics of generated images, a choice of conf/metrics.
        overrides: `key=value` with keys of data, callbacks or trainer.

    Raises:
        CheckpointError: the run folder is damaged.
        ConfigError: a choice, key or value does not exist or does not fit.
        DataError: the data is missing.
    """
    renamed = as_hydra_reads([renamed_override(override) for override in overrides])
    config = saved(folder) if folder else {}
    if data or metrics or not folder:
        config = _with_choices(config, model, data, metrics)
    roots = [override for override in renamed if override.startswith("data.root=")]
    if root := str(value_of(roots[-1])) if roots else root:
        config["data"] = _with_root(config["data"], root)
    config = _with_overrides(config, [override for override in renamed if override not in roots])
    schema.check(config)
    sense.check_images_fit(config)
    run_folder.check_data(folder, config["data"])
    _check_data(config, own_cache=not folder or any(override.startswith("data.cache_dir=") for override in renamed))
    return config


def _check_data(config: dict[str, Any], own_cache: bool) -> None:
    try:
        if not own_cache:
            _choose_cache(config["data"])
        preflight(config["data"], config["model"])
    except UserError:
        raise
    except Exception as error:  # of a run from elsewhere, whose parts have the right types and do not fit each other
        raise ConfigError(f"data cannot be built from its configuration ({first_line(error)})") from error


def _with_root(data: dict[str, Any], root: str) -> dict[str, Any]:
    """Return the configuration of the data with another root, for all that is below the old one."""
    if "target_root" in data:
        raise ConfigError(
            f"--root {root}: this data has two folders; write data.source_root=FOLDER or data.target_root=FOLDER"
        )
    if "root" not in data:
        raise ConfigError(f"--root {root}: this data set reads no files; leave it out")
    return {**containers.replace_prefix(data, data["root"], root), "root": root}


def saved(folder: Path) -> dict[str, Any]:
    """Return the configuration of a run, which someone else may have written: it is checked first.

    Raises:
        CheckpointError: it is missing, damaged, or names what no run has.
    """
    config = containers.plain(resume.saved_config(folder))
    for key in NEEDED:
        if not isinstance(config.get(key), dict):
            raise CheckpointError(f"cannot read the run in {folder}: config.yaml has no {key}")
    wrong = [k for k, node in config["callbacks"].items() if node is not None and not schema.has_target(node)]
    if wrong:
        raise CheckpointError(f"cannot use the run in {folder}: its callbacks.{wrong[0]} is not a component")
    config["performance"] = {**dict.fromkeys(schema.PERFORMANCE, False), **(config.get("performance") or {})}
    return {"seed": 0, **config}


def _choose_cache(data: dict[str, Any]) -> None:
    """Let a run from elsewhere choose no folder to write to: its cache is used if there is one, else the default."""
    cache = data.get("cache_dir", CACHE)
    if cache != CACHE and not any(Path(cache).glob(f"*_{'[0-9a-f]' * 16}/index.json")):
        print(
            f"there is no cache of images in {cache}; using {CACHE} (data.cache_dir=FOLDER names another)",
            file=sys.stderr,
        )
        data["cache_dir"] = CACHE


def _with_choices(
    config: dict[str, Any], model: dict[str, Any] | None, data: str | None, metrics: str | None
) -> dict[str, Any]:
    """Return a run's configuration with other data or metrics, or a new one for a checkpoint without a run."""
    kind = [] if model is None else [f"model={_choice(model['_target_'])}"]
    groups = [f"{group}={choice}" for group, choice in (("data", data), ("metrics", metrics)) if choice]
    composed = compose("run_dir=unused", "name=unused", *kind, *groups)
    if not config:
        return {**composed, "model": model}
    if data:
        kept = {k: config["data"][k] for k in KEPT_FROM_RUN if k in config["data"] and k in composed["data"]}
        config["data"] = {**composed["data"], **kept}
    if metrics:
        config["callbacks"]["generation_metrics"] = composed["callbacks"].get("generation_metrics")
    return config


def _with_overrides(config: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    changed = OmegaConf.create(config)
    for override in overrides:
        if not override.startswith(("data.", "callbacks.", "trainer.")) or "=" not in override:
            raise ConfigError(
                f"{override}: only key=value of data, callbacks or trainer can be set; the checkpoint has the model's"
            )
        containers.set_key(changed, override, "this run")
    return containers.plain(changed)


def _choice(target: str) -> str:
    """Return the first choice of conf/model that builds this class.

    Raises:
        ConfigError: there is none.
    """
    nodes = {name: OmegaConf.load(CONF / "model" / f"{name}.yaml") for name in options("model")}
    for name, node in nodes.items():
        if OmegaConf.select(node, "_target_") == target:
            return name
    raise ConfigError(f"no choice of conf/model builds {target}; give its run folder instead of the checkpoint alone")


def choose_device(name: str) -> torch.device:
    """Return the device `cpu`, `cuda`, or for `auto` the GPU if there is one.

    Raises:
        ConfigError: `cuda` without a GPU.
    """
    import torch

    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise ConfigError("--device cuda: torch finds no GPU; use --device cpu")
    return torch.device("cuda" if found and name != "cpu" else "cpu")
