"""Checkpoints from elsewhere, damaged or hostile: each becomes a model or one sentence, and does nothing else."""

import ast
import copy
import os
import random
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from support.hostile import PLAIN, Watch, change, many, places

import generate
import lightning_modules
from adversaria.config import schema
from adversaria.config.errors import CheckpointError, ConfigError
from adversaria.config.signatures import role
from lightning_modules.checkpoint import KEY

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["model=gan", "data=digits", "model.network.width=2", "model.network.latent_dim=4"]
watch = Watch()

#: Values that a pickle can have; each is given what was there.
PICKLED = [
    *PLAIN,
    lambda old: torch.zeros(3),
    lambda old: torch.zeros(1).expand(2**38),
    lambda old: torch.zeros(3, device="meta"),
    lambda old: torch.zeros(2, 2).to_sparse(),
    lambda old: (1, 2),
    lambda old: bytearray(3),
    lambda old: many(),
    lambda old: old.to(torch.int8) if isinstance(old, torch.Tensor) else b"x",
    lambda old: old.flatten() if isinstance(old, torch.Tensor) else {1, 2},
    lambda old: old * float("nan") if isinstance(old, torch.Tensor) else 1j,
]


@pytest.fixture(scope="module")
def content(untrained) -> dict[str, Any]:
    saved = torch.load(untrained(*SMALL), weights_only=True)
    return {KEY: {k: saved[KEY][k] for k in ("iteration", "images", "model")}, "state_dict": dict(saved["state_dict"])}


def outcome(file: Path, folder: Path) -> str:
    """Load a checkpoint; return the sentence why not, or an empty text."""
    start = time.monotonic()
    with watch.only_in(folder):
        try:
            module = lightning_modules.load(file)
        except CheckpointError as error:
            sentence = str(error)
            assert "\n" not in sentence
            assert str(file) in sentence
        else:
            sentence = ""
            assert isinstance(module, torch.nn.Module)
    assert time.monotonic() - start < 5
    return sentence


def test_changed_anywhere_it_is_a_model_or_one_sentence(content, tmp_path: Path) -> None:
    chosen = random.Random(0)
    refused = 0
    for number in range(130):
        changed = copy.deepcopy(content)
        change(changed if number % 2 else changed[KEY], chosen, PICKLED)
        file = tmp_path / f"{number}.ckpt"
        torch.save(changed, file)
        refused += bool(outcome(file, tmp_path))
    assert refused > 90  # what is left has another value that fits, as a learning rate of 3


def test_what_is_wrong_is_said(content, tmp_path: Path) -> None:
    first = next(iter(content["state_dict"]))
    network: Any = content[KEY]["model"]["network"]
    cases: dict[str, tuple[Any, str]] = {
        "shape": ({"state_dict": {first: torch.zeros(3)}}, f"{first} is torch.float32 [3], not torch.float32 ["),
        "extra": ({"state_dict": {"more": torch.zeros(3)}}, "the model has no more"),
        "text": ({"state_dict": {first: "x"}}, f"it has a str as the weight {first}"),
        "huge": ({"state_dict": {first: torch.zeros(1).expand(2**38)}}, "does not store each of its numbers"),
        "iteration": ({KEY: {"iteration": "x"}}, "it does not say how many iterations it has seen"),
        "unknown": ({KEY: {"model": {"nonsense": 1}}}, "model.nonsense: lightning_modules.gan.GAN has no such key"),
        "negative": ({KEY: {"model": {"network": {**network, "latent_dim": -5}}}}, "expected int >= 1"),
        "large": ({KEY: {"model": {"network": {**network, "width": 10**6}}}}, "it is larger than the weights"),
        "eval": ({KEY: {"model": {"network": {"_target_": "builtins.eval"}}}}, "builtins.eval is not allowed"),
        "metric": ({KEY: {"model": {"network": {"_target_": "torchmetrics.Accuracy"}}}}, "is not allowed"),
        "logger": ({KEY: {"model": {"_target_": "adversaria.runs.csv_logger.CSVLogger"}}}, "is not allowed"),
        "no model": ({KEY: {"model": {"_target_": "lightning_modules.ema.ExponentialAverage"}}}, "model"),
    }
    for name, (replaced, sentence) in cases.items():
        changed = copy.deepcopy(content)
        for part, values in replaced.items():
            for key, value in values.items():
                merge = isinstance(value, dict) and "_target_" not in value
                changed[part][key] = {**changed[part].get(key, {}), **value} if merge else value
        file = tmp_path / f"{name}.ckpt"
        torch.save(changed, file)
        assert sentence in outcome(file, tmp_path), name
    for key in ("state_dict", KEY):
        file = tmp_path / "without.ckpt"
        torch.save({k: v for k, v in content.items() if k != key}, file)
        assert f"it has no {key}" in outcome(file, tmp_path)


def test_damaged_bytes_are_one_sentence(content, tmp_path: Path) -> None:
    chosen, file = random.Random(0), tmp_path / "x.ckpt"
    torch.save(content, file)
    whole = file.read_bytes()
    for _ in range(25):
        damaged = bytearray(whole[: chosen.choice([len(whole), len(whole), chosen.randrange(len(whole))])])
        for _ in range(chosen.randrange(1, 20)):
            damaged[chosen.randrange(len(damaged))] ^= chosen.randrange(1, 256)
        file.write_bytes(damaged)
        outcome(file, tmp_path)
    for foreign in (b"", b"x", b"PK\x03\x04", b"\x80\x02.", b"\x00" * 10_000, b"<html>" * 100):
        file.write_bytes(foreign)
        assert "is not a readable checkpoint of this project" in outcome(file, tmp_path)


def test_what_is_no_archive_of_tensors_is_one_sentence(content, tmp_path: Path) -> None:
    whole, bomb, other = (tmp_path / f"{name}.ckpt" for name in ("whole", "bomb", "other"))
    torch.save(content, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for member in source.infolist():
            target.writestr(member.filename, source.read(member))
    assert "is compressed" in outcome(bomb, tmp_path)
    with zipfile.ZipFile(other, "w") as target:
        target.writestr("a.txt", "hello")
    assert "is not a readable checkpoint" in outcome(other, tmp_path)
    torch.save({**content, "more": bytearray(3)}, other)
    assert "bytearray, which is not a part of checkpoints" in outcome(other, tmp_path)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(other, "w") as target:
        largest = max(source.infolist(), key=lambda member: member.file_size * ("/data/" in member.filename))
        for member in source.infolist():
            target.writestr(member.filename, source.read(member)[: 8 if member is largest else None])
    assert "claims to have weights of another size than those in the file" in outcome(other, tmp_path)
    torch.save({**content, "more": ["x"] * 2**21}, other)
    assert "has more than 4 MiB beside its weights" in outcome(other, tmp_path)
    os.mkfifo(tmp_path / "pipe.ckpt")
    assert "is not a regular file" in outcome(tmp_path / "pipe.ckpt", tmp_path)
    (tmp_path / "zero.ckpt").symlink_to("/dev/zero")
    assert "is not a regular file" in outcome(tmp_path / "zero.ckpt", tmp_path)
    (tmp_path / "loop.ckpt").symlink_to("loop.ckpt")
    assert "there is no checkpoint" in outcome(tmp_path / "loop.ckpt", tmp_path)


def functions() -> list[str]:
    """Return all public functions of the project that may do more than compute, as targets."""
    found = []
    for top in ("adversaria", "callbacks", "datamodules", "lightning_modules"):
        for file in sorted((ROOT / top).rglob("*.py")):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            nodes = ast.parse(file.read_text(encoding="utf-8")).body
            found += [f"{module}.{n.name}" for n in nodes if isinstance(n, ast.FunctionDef) and n.name[0] != "_"]
    return [f for f in found if role(f) == "function"]


def test_no_function_can_be_named_anywhere_in_a_model(content) -> None:
    assert len(functions()) > 150
    nodes = [path for path in places(content[KEY]["model"]) if path[-1] == "_target_"]
    for number, target in enumerate(functions()):
        model = copy.deepcopy(content[KEY]["model"])
        node = model
        for key in nodes[number % len(nodes)][:-1]:
            node = node[key]
        node["_target_"] = target
        with pytest.raises(ConfigError, match="is not allowed"):
            schema.check_component(model, "model")


@pytest.mark.parametrize(
    "target",
    [
        *(
            "torch.nn.init.normal_",
            "torch.nn.utils.clip_grad_norm_",
            "torch.nn.functional.relu",
            "torch.optim.lr_scheduler.StepLR",
        ),
        *("datamodules.readers.mnist.MNIST", "callbacks.record.run_record.RunRecord", "torchmetrics.MetricCollection"),
        *("pytorch_lightning.profilers.AdvancedProfiler", "pytorch_lightning.loggers.CSVLogger"),
        *(
            "lightning_modules.vae.torch.load",
            "lightning_modules..vae.VAE",
            "lightning_modules.vae",
            "torch.nn.modules",
        ),
    ],
)
def test_only_what_a_model_is_made_of_can_be_named(target: str, content, tmp_path: Path) -> None:
    changed = copy.deepcopy(content)
    changed[KEY]["model"]["network"] = {"_target_": target}
    torch.save(changed, tmp_path / "x.ckpt")
    assert "holds a model that cannot be built" in outcome(tmp_path / "x.ckpt", tmp_path)


def test_generate_says_it_in_one_sentence(content, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    gadget = {"_target_": "adversaria.runs.record.replace_text", "file": str(victim), "text": "theirs"}
    for place in ("network", "ema", "loss"):
        changed = copy.deepcopy(content)
        changed[KEY]["model"][place] = gadget
        torch.save(changed, tmp_path / "x.ckpt")
        with pytest.raises(SystemExit) as left:
            generate.main(["x.ckpt", "--output", "out.png"])
        assert left.value.code == 2
        assert "replace_text is not allowed" in capsys.readouterr().err
        assert victim.read_text(encoding="utf-8") == "mine"
