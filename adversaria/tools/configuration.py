"""What a finished run, or a bare checkpoint, is measured and generated with: its configuration, and a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from adversaria.config import containers, schema
from adversaria.config.errors import CONF, ConfigError, options
from adversaria.config.renamed import renamed_override
from adversaria.runs import resume
from adversaria.tools.compose import compose
from datamodules.preflight import preflight

if TYPE_CHECKING:
    import torch

#: Keys of the data that follow the run, not the other data set that it is evaluated on.
OF_THE_RUN = ("image_size", "value_range", "batch_size", "on_bad_image", "cache_dir", "seed", "labelled")


def configuration(
    folder: Path | None,
    model: dict[str, Any] | None = None,
    data: str | None = None,
    root: str | None = None,
    metrics: str | None = None,
    overrides: list[str] | None = None,
) -> dict[str, Any]:
    """Return the checked, plain configuration of a run, changed as asked.

    Args:
        folder: the run's folder; None for a bare checkpoint.
        model: the model of a bare checkpoint, whose measurements are those of its kind.
        data: another data set, a choice of conf/data, of the run's image size and range; needed for a bare checkpoint.
        root: another folder of the data.
        metrics: other metrics of generated images, a choice of conf/metrics.
        overrides: `key=value` of data, callbacks or trainer.

    Raises:
        CheckpointError: the run folder is damaged.
        ConfigError, DataError: a choice, key or value that does not exist or fit, or data that is not there.
    """
    config = containers.plain(resume.saved_config(folder)) if folder else {}
    if data or metrics or not folder:
        kind = [] if model is None else [f"model={_choice(model['_target_'])}"]
        groups = [f"{group}={choice}" for group, choice in (("data", data), ("metrics", metrics)) if choice]
        composed = compose("run_dir=unused", "name=unused", *kind, *groups)
        config = config or {**composed, "model": model}
        if data and folder:
            kept = {k: config["data"][k] for k in OF_THE_RUN if k in config["data"] and k in composed["data"]}
            config["data"] = {**composed["data"], **kept}
        if metrics:
            config["callbacks"]["generation_metrics"] = composed["callbacks"].get("generation_metrics")
    if root:
        if "root" not in config["data"]:
            raise ConfigError(f"--root {root}: this data set reads no files; leave it out")
        config["data"] = containers.replace_prefix(config["data"], config["data"]["root"], root)
    changed = OmegaConf.create(config)
    for override in map(renamed_override, overrides or []):
        if not override.startswith(("data.", "callbacks.", "trainer.")) or "=" not in override:
            raise ConfigError(f"{override}: set key=value of data, callbacks or trainer; the model is the checkpoint's")
        containers.set_key(changed, override, "this run")
    config = containers.plain(changed)
    schema.check(config)
    preflight(config["data"], config["model"])
    return config


def device(name: str) -> torch.device:
    """Return the device of `auto`, the GPU if there is one, `cpu` or `cuda`.

    Raises:
        ConfigError: `cuda` where there is no GPU.
    """
    import torch

    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise ConfigError("--device cuda: torch finds no GPU; use --device cpu")
    return torch.device("cuda" if found and name != "cpu" else "cpu")


def _choice(target: str) -> str:
    """Return the first choice of conf/model that builds this class.

    Raises:
        ConfigError: none does.
    """
    nodes = {name: OmegaConf.load(CONF / "model" / f"{name}.yaml") for name in options("model")}
    for name, node in nodes.items():
        if OmegaConf.select(node, "_target_") == target:
            return name
    raise ConfigError(f"no choice of conf/model builds {target}; give its run folder, not a bare checkpoint")
