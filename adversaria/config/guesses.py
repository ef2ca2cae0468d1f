"""What a key or a choice that does not exist was probably meant to be, by what the rest of the command line chooses."""

from __future__ import annotations

import contextlib
import difflib
import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from adversaria.config.command_lines import current_arguments, key_of, override, overrides_in, script_command
from adversaria.config.errors import CONF, options, suggest
from adversaria.config.foreign_keys import STEPS

#: Last part of a key as other programs call it -> as it is called here.
SYNONYMS = {
    **dict.fromkeys(("epoch", "epochs", "n_epochs", "num_epochs", "nb_epochs"), "max_epochs"),
    **dict.fromkeys(("learning_rate", "learningrate", "lr_rate", "rate"), "lr"),
    **dict.fromkeys(("batchsize", "bs", "batch", "bsz", "train_batch_size"), "batch_size"),
    **dict.fromkeys(("gpus", "num_gpus", "n_gpus"), "devices"),
    **dict.fromkeys(("size", "resolution", "img_size", "imagesize", "imsize"), "image_size"),
    **dict.fromkeys(("z_dim", "zdim", "nz", "latent", "latent_size", "latents"), "latent_dim"),
    **dict.fromkeys(("dataroot", "data_root", "data_dir", "datadir", "data_path", "dir", "path", "folder"), "root"),
    **dict.fromkeys(("out", "output", "outdir", "out_dir", "output_dir", "save_dir", "logdir"), "output_root"),
    **dict.fromkeys(("beta", "kl", "kl_weight", "beta_kl", "lambda"), "lambda_kl"),
    **dict.fromkeys(("resume", "checkpoint", "resume_from", "ckpt"), "ckpt_path"),
    **dict.fromkeys(("pretrained", "from_pretrained", "finetune", "fine_tune", "init", "init_weights"), "init_from"),
    **dict.fromkeys(("dataset", "dataset_name"), "data"),
    **dict.fromkeys(("arch", "architecture", "net"), "network"),
    **dict.fromkeys(("random_seed", "manual_seed"), "seed"),
    "fp16": "precision",
}
STEP_COUNTS = ("steps", "max_steps", "min_steps", "iterations", "iters", "max_iterations", "max_iters", "num_steps")


def unknown_key(key: str) -> str:
    """Explain a key that does not exist: the choices that have it, or the nearest keys of what is chosen."""
    given = next((a for a in current_arguments() if key_of(a).partition("@")[0] == key), "")
    _, equals, value = given.partition("=")
    owners = _owners(CONF)
    if key.rpartition(".")[2] in STEP_COUNTS:
        return f"{key} {STEPS}"
    if key == "data.root" and "data=folder_pair" in current_arguments():
        return f"{key}: a pair of folders has two; write data.source_root={value or 'PATH'} data.target_root=PATH"
    if "." in key and key in owners:
        group, leaf = owners[key][0].partition("=")[0], key.removeprefix(f"{owners[key][0].partition('=')[0]}.")
        cure = f"; {_folder_readers(value or 'PATH')}" if key == "data.root" else ""
        return f"{key}: the chosen {group} has no key '{leaf}'; it belongs to {', '.join(owners[key])}{cure}"
    if "/" in key and key in owners:
        group = key.rpartition("/")[0]
        return f"{key}: the chosen {group} has no {key}; choose a {group} that has it, in the same command"
    if likely := _likely(key, value):
        return f"{key}: there is no such key; did you mean {' or '.join(name + equals + value for name in likely)}?"
    near = difflib.get_close_matches(key, owners, 1, 0.75) or difflib.get_close_matches(key, owners, 1, 0.5)
    cure = f"did you mean {near[0]}{equals}{value}?" if near else "see --cfg job for all keys"
    return f"{key}: there is no such key; {cure}"


def as_override(key: str, value: str) -> str:
    """Return the override, or several, that an option of another program is here: `epochs`, `trainer.max_epochs=3`."""
    return " or ".join(f"{name}={value}" for name in _likely(key, value) or [key])


def unknown_choice(missing: str) -> str:
    """Explain `group/choice`, a file of conf/ that does not exist: the nearest choices, or all."""
    parts, group = missing.split("/"), ""
    while len(parts) > 1 and parts[0].strip(".") and group != "experiment" and (CONF / group / parts[0]).is_dir():
        group = f"{group}/{parts.pop(0)}".strip("/")
    name = "/".join(parts)
    if missing.startswith("hydra/") or not group:
        group, _, name = missing.rpartition("/")
    if group in ("hydra/launcher", "hydra/sweeper"):
        cure = "; joblib, submitit_local, submitit_slurm and optuna come with pip install -e '.[sweep]'"
    elif group == "data" and (is_path(name) or os.path.isdir(name)):  # noqa: PTH112 (it may be too long for a name)
        return folder_as_data(name)
    else:
        known = options(group)
        cure = suggest(name, known) or (f"; there are {', '.join(known)}" if known else "")
    return f"{group}={name}: there is no such {group.rsplit('/')[-1]}{cure}"


def is_path(text: str) -> bool:
    """Say whether a text can only be the path of a file or folder."""
    return text.startswith(("/", "~", "./", "../"))


def folder_as_data(folder: str) -> str:
    """Explain `data=FOLDER`."""
    return f"data={folder}: data= names what is read, not where; {_folder_readers(folder)}"


def corrected(old: str, new: str) -> str:
    """Return this command with one argument replaced, to be pasted; the argument alone where it is not in it."""
    arguments = current_arguments()
    return script_command("train.py", *(new if a == old else a for a in arguments)) if old in arguments else new


def _folder_readers(folder: str) -> str:
    """Say which choices of the data read a folder, and a command with the most general one."""
    names = [name for name in options("data") if "root" in _content(CONF / "data" / f"{name}.yaml")]
    single = [name for name in names if "target" not in _content(CONF / "data" / f"{name}.yaml")]
    chosen = next(name for name in ("folder", "lab_faces", *single) if name in single)
    others = [argument for argument in current_arguments() if key_of(argument) not in ("data", "data.root")]
    command = script_command("train.py", *others, f"data={chosen}", override("data.root", folder))
    return f"write e.g. {command} (what reads folders: {', '.join(single)}, and pairs)"


def _content(file: Path) -> dict[str, Any]:
    """Return what a configuration file and the files of its own group that its defaults name define."""
    own = _yaml(file)
    bases = [entry for entry in own.get("defaults", []) if isinstance(entry, str) and entry != "_self_"]
    return {k: v for base in bases for k, v in _content(file.with_name(f"{base}.yaml")).items()} | own


def _likely(key: str, value: str) -> list[str]:
    """Return the keys and groups of what is chosen that end as this one does, or as its usual synonym here."""
    parts = key.replace("/", ".").split(".")
    wanted = SYNONYMS.get(parts[-1].lower().replace("-", "_"), parts[-1])
    groups = [name for name in _owners(CONF) if "." not in name and name.rpartition("/")[2] == wanted]
    if fitting := [group for group in groups if value in options(group)]:
        return fitting
    found = [name for name in _chosen_keys(tuple(current_arguments())) if name.rpartition(".")[2] == wanted]
    found = [name for name in found if name.startswith(f"{parts[0]}.")] or found
    return [name for name in found if name.count(".") == min(n.count(".") for n in found)]


@functools.cache
def _chosen_keys(arguments: Sequence[str]) -> list[str]:
    """Return the dotted keys of the configuration that the groups of a command line compose."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    groups = [o for o in overrides_in(list(arguments)) if (CONF / key_of(o).partition("@")[0]).is_dir()]
    with contextlib.suppress(Exception), initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=[group.partition(",")[0] for group in groups])
        return list(_flatten(OmegaConf.to_container(config), ""))
    return []


@functools.cache
def _owners(conf: Path) -> dict[str, list[str]]:
    """Return the choices that have a key, by the key as the command line names it, and the groups."""
    owners: dict[str, list[str]] = {}
    for file in sorted(conf.rglob("*.yaml")):
        choice = "=".join(file.relative_to(CONF).with_suffix("").as_posix().rsplit("/", 1))
        for known in _keys(file):
            owners.setdefault(known, []).append(choice)
    return owners


def _yaml(file: Path) -> dict[str, Any]:
    import yaml

    # eight times as fast as OmegaConf's loader, which differs in numbers alone
    content = yaml.load(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return content if isinstance(content, dict) else {}


def _keys(file: Path) -> set[str]:
    """Return the dotted keys that a configuration file defines, as the command line names them."""
    parts = file.relative_to(CONF).parts
    if parts[0] in ("hydra", "experiment"):
        return set()
    top = {"/".join(parts[:-1])} if len(parts) > 1 else set()
    package = "callbacks" if parts[0] == "callbacks" else ".".join(parts[:-1])
    return top | set(_flatten(_yaml(file), package))


def _flatten(node: Any, prefix: str) -> Iterator[str]:
    for key, value in node.items():
        if key in ("defaults", "hydra") or str(key).startswith("_"):
            continue
        dotted = f"{prefix}.{key}" if prefix else str(key)
        yield dotted
        if isinstance(value, dict):
            yield from _flatten(value, dotted)
