"""Whole evaluate.py, generate.py and export on run folders from elsewhere: a result, or one sentence and no more."""

import contextlib
import copy
import io
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from support.hostile import PLAIN, Watch, change, places

import evaluate
import generate
from adversaria.config import schema
from adversaria.config.instantiate import instantiate
from adversaria.tools import export
from lightning_modules.checkpoint import KEY

watch = Watch()
FACES = [
    *("data=synthetic_faces", "data.reader.train=48", "data.reader.val=12", "data.reader.test=12", "data.batch_size=8"),
    *("trainer.accelerator=cpu", "trainer.enable_progress_bar=false"),
]
MODELS = {
    "vae": ["model.network.width=4", "model.network.latent_dim=16"],
    "gan": ["model=gan", "model.network.width=2", "model.network.latent_dim=4"],
    "acgan": ["model=acgan", "labels=[Smiling]", "model.network.width=2", "model.network.latent_dim=4"],
    "classifier": ["model=classifier", "labels=[Smiling]", "model.network.width=2"],
}
#: What may stand in a model, each in a place that is not its own.
COMPONENTS: list[dict[str, Any]] = [
    {"_target_": "torch.nn.Linear", "in_features": 3, "out_features": 3},
    {"_target_": "torch.nn.Conv2d", "in_channels": 3, "out_channels": 2, "kernel_size": 99},
    {"_target_": "torch.nn.LSTM", "input_size": 2, "hidden_size": 2},
    {"_target_": "torch.nn.LazyLinear", "out_features": 3},
    {"_target_": "torch.nn.ModuleList"},
    {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.1},
    {"_target_": "lightning_modules.schedules.constant", "_partial_": True, "value": 1},
    {"_target_": "lightning_modules.networks.vae.WideVAE", "width": 2, "latent_dim": 4},
    {"_target_": "lightning_modules.networks.gan.CompactGAN", "image_size": 28, "width": 2, "labels": ["digit"]},
    {"_target_": "lightning_modules.networks.classifier.ConvClassifier", "labels": ["Male", "digit"], "width": 2},
]
SMALL = [0, 1, 2, 3, 8, 63, 64, 1024, 0.5, -1, [2, 2], ["digit"], ["Male", "Male"], [0, 1], [-1, 1], True, None]


def checkpoint_of(model: dict[str, Any]) -> dict[str, Any]:
    """Return what a checkpoint of a model has, its own weights."""
    torch.manual_seed(0)
    module = instantiate(copy.deepcopy(model))
    module.config, content = model, {"state_dict": module.state_dict()}
    module.on_save_checkpoint(content)
    return {KEY: {k: content[KEY][k] for k in ("iteration", "images", "model")}, "state_dict": content["state_dict"]}


def write(folder: Path, config: dict[str, Any], checkpoint: dict[str, Any]) -> Path:
    (folder / "checkpoints").mkdir(parents=True)
    plain = json.loads(json.dumps(config, default=str))
    (folder / "config.yaml").write_text(yaml.safe_dump(plain), encoding="utf-8")
    torch.save(checkpoint, folder / "checkpoints" / "last.ckpt")
    return folder


def replace(node: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value


def said(main: Callable[[list[str]], None], arguments: list[str], folder: Path) -> str:
    """Run a command that may write in a folder; return its sentence, or an empty text where there was a result."""
    errors, start = io.StringIO(), time.monotonic()
    with watch.only_in(folder), contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        code: Any = 0
        try:
            main(arguments)
        except SystemExit as left:
            code = left.code
    assert time.monotonic() - start < 20
    sentences = [line for line in errors.getvalue().splitlines() if line.startswith("error: ")]
    assert (code, len(sentences)) in ((0, 0), (2, 1))
    return "".join(sentences)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    return tmp_path


def commands(run: Path, place: Path) -> list[tuple[Callable[[list[str]], None], list[str]]]:
    return [
        (evaluate.main, [str(run), "--device", "cpu", f"data.cache_dir={place}/cache"]),
        (generate.main, [str(run), "--device", "cpu", "-n", "2", "--output", f"{place}/out.png", "--overwrite"]),
    ]


@pytest.mark.faults
def test_changed_anywhere_a_run_is_used_or_refused(compose, place: Path) -> None:
    configs = {name: compose(*FACES, *model) for name, model in MODELS.items()}
    checkpoints = {name: checkpoint_of(config["model"]) for name, config in configs.items()}
    used, refused = 0, 0
    for number in range(60):
        chosen = random.Random(number)
        name = chosen.choice(list(MODELS))
        config, checkpoint = copy.deepcopy(configs[name]), checkpoints[name]
        part = config[chosen.choice(["data", "callbacks", "trainer", "model", "model", "model"])]
        found = list(places(part))
        if number % 3 == 0:
            change(config, chosen, PLAIN)
        elif number % 3 == 1:
            replace(part, chosen.choice([path for path in found if path[-1] != "_target_"]), chosen.choice(SMALL))
        else:
            nodes = [path[:-1] for path in found if path[-1] == "_target_" and len(path) > 1]
            replace(part, chosen.choice(nodes or [("network",)]), copy.deepcopy(chosen.choice(COMPONENTS)))
        if config.get("model") != configs[name]["model"]:
            model = config.get("model")
            checkpoint = {**checkpoint, KEY: {**checkpoint[KEY], "model": model}}
            with contextlib.suppress(Exception):  # what cannot be built has other weights
                schema.check_component(model, "model")
                checkpoint = checkpoint_of(model)  # type: ignore[arg-type]
        run = write(place / str(number), config, checkpoint)
        for main, arguments in commands(run, place):
            sentence = said(main, arguments, place)
            used, refused = used + (not sentence), refused + bool(sentence)
    assert used > 20
    assert refused > 40


@pytest.mark.parametrize(
    ("path", "value"), [(("loss",), {"_target_": "torch.nn.ModuleList"}), (("network", "labels"), ["Smiling", "digit"])]
)
def test_parts_that_do_not_fit_each_other_are_one_sentence(compose, place: Path, path: Any, value: Any) -> None:
    config = compose(*FACES, *MODELS["acgan"])
    replace(config["model"], path, value)
    run = write(place / "run", config, checkpoint_of(config["model"]))
    main, arguments = commands(run, place)[0]
    assert said(main, arguments, place)


def test_a_model_that_cannot_compute_is_one_sentence(compose, place: Path, monkeypatch) -> None:
    from lightning_modules.networks.gan import CompactGAN

    config = compose(*FACES, *MODELS["gan"])
    run = write(place / "run", config, checkpoint_of(config["model"]))
    built = CompactGAN.__init__

    def other(self: CompactGAN, *arguments: Any, **named: Any) -> None:
        built(self, *arguments, **named)
        self.generator.forward = torch.nn.Linear(3, 3).forward  # type: ignore[method-assign]

    monkeypatch.setattr(CompactGAN, "__init__", other)
    exported = (export.main, [str(run), "--output", f"{place}/out.pt2"])
    for main, arguments in [*commands(run, place), exported]:
        sentence = said(main, arguments, place)
        assert f"the model in {run}/checkpoints/last.ckpt cannot be used" in sentence
    assert not (place / "out.png").exists()
