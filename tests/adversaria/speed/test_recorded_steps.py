"""Steps that may be recorded, watched without a GPU; `faults/test_exact_resume.py` compares recorded ones on one."""

from __future__ import annotations

import contextlib
import types
import unittest.mock
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from support.methods import R3GAN
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from adversaria.config.errors import ConfigError, options
from adversaria.config.instantiate import instantiate
from adversaria.speed.recorded_steps import GraphReplayer, Recording
from lightning_modules import recorded
from lightning_modules.adversarial import AdversarialModule
from lightning_modules.vae import VAE

PAIR = ["data=digit_pair"]
ADAPTING = ["adamatch", "adda", "dann", "dsn", "mcc", "source_only", "target_only"]
TERMS = [f"model.target_terms.{name}=0.1" for name in ("entropy", "information_maximisation", "mcc", "vat")]
SYSTEMS: dict[str, list[str]] = {
    **{f"report: {e}": [f"experiment={e}"] for e in options("experiment")},
    **{m: [f"model={m}", *(PAIR if m in ADAPTING else [])] for m in options("model")},
    "vae by its own variance": ["model=vae", "model.lambda_kl=auto"],
    "classifier of digits": ["model=classifier", "data=digits"],
    "gan, all options": [
        "model=gan",
        "model.instance_noise=0.1",
        "model.gradient_penalty=1",
        "model.spectral_norm=true",
    ],
    "gan by r3gan's loss": ["model=gan", *R3GAN],
    "wgan, augmented": ["model=wgan", "model.augment=[colour,translation,cutout]", "model.r2=1"],
    "acgan by r3gan's loss": ["model=acgan", "data=digits", *R3GAN, "model.generator_batches=2"],
    "acgan of digits": ["model=acgan", "data=digits", "model.label_on_fake=true"],
    "acgan with embeddings": ["model=acgan", "data=digits", "model.network.conditioning=multiply"],
    "dann in turn": ["model=dann", *PAIR, "model/update@model.discriminator_update=adam_digits"],
    "cdan": ["model=dann", *PAIR, "model.conditional=true", "model.entropy_conditioning=true"],
    "grey digits as house numbers": ["model=source_only", "data=usps_svhn"],
    "house numbers as grey digits": ["model=source_only", "data=svhn_usps"],
    "dann, all terms": ["model=dann", *PAIR, *TERMS],
    "adda, all terms": ["model=adda", *PAIR, *TERMS],
    "source_only, all terms, joint": ["model=source_only", *PAIR, *TERMS],
    "adamatch, strong on both": ["model=adamatch", *PAIR, "model.strong_source=true"],
}


class Watched(TorchDispatchMode):
    """Refuses what a recording cannot have: values read from the device, and tensors made of Python's numbers.

    Such a tensor is brought there from the CPU in no operation of its own, so it is one that none has given.
    """

    def __init__(self, known: list[Tensor]) -> None:
        super().__init__()
        self.known = {tensor.untyped_storage()._cdata: tensor for tensor in known}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if any(t.untyped_storage()._cdata not in self.known for t in self._there((args, kwargs))):
            raise AssertionError(f"{function} of a tensor from the CPU")
        self.known |= {t.untyped_storage()._cdata: t for t in self._there(result)}
        return result

    @staticmethod
    def _there(values: Any) -> list[Tensor]:
        # a single number on the CPU goes along with the launch
        return [t for t in tree_leaves(values) if isinstance(t, Tensor) and (t.dim() or t.device.type != "cpu")]


@pytest.fixture
def step(compose, monkeypatch: pytest.MonkeyPatch):
    """Build a system on a device without memory, and compute each of its losses with gradients as if recorded."""
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: None)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())  # it knows no meta device

    def steps(*overrides: str) -> tuple[Any, list[Recording]]:
        config = compose(*overrides)
        data = config["data"]
        with torch.device("meta"):
            module = instantiate(config["model"])
            image = torch.zeros(4, 3, data["image_size"], data["image_size"])
            labels = torch.zeros(4, len(getattr(module, "labels", [])), dtype=torch.int8)
            batch = (
                {"source": image, "labels": labels[:, 0], "target": image}
                if module.needs_domain_pair
                else {"image": image, "labels": labels}
            )
        module._trainer = types.SimpleNamespace(world_size=1, max_epochs=4, num_training_batches=10)
        losses = [p.loss for p in module.phases()] if isinstance(module, AdversarialModule) else [module.loss]
        recordings = []
        for loss in losses:
            recordings.append(Recording(batch))
            module.replayer = types.SimpleNamespace(recording=recordings[-1])
            there = [*module.state_dict().values(), *recordings[-1].batch.values(), recordings[-1]._values]
            module.zero_grad()
            with Watched(there):
                loss(recordings[-1].batch).backward()
        if augmentation := data.get("augmentation"):
            with Watched([image]):
                instantiate(augmentation)(image)
        return module, recordings

    return steps


@pytest.mark.parametrize("system", SYSTEMS)
def test_no_step_that_may_be_recorded_reads_a_value_or_brings_one(system: str, step) -> None:
    module, recordings = step(*SYSTEMS[system])
    assert module.recordable
    assert all(recording.scalars for recording in recordings)


def test_a_step_that_reads_a_value_is_not_recorded(step) -> None:
    with pytest.raises((RuntimeError, AttributeError)):
        step("model=adda", *PAIR, "model.gate=0.5")


def test_adda_with_a_gate_is_not_recorded(compose) -> None:
    gated, free = (instantiate(compose("model=adda", *PAIR, f"model.gate={gate}")["model"]) for gate in (0.5, "null"))
    assert not gated.recordable
    assert free.recordable


def test_a_subclass_must_say_for_itself_that_its_steps_may_be_recorded() -> None:
    class Another(VAE):
        pass

    assert VAE.recordable
    assert not Another.recordable


class Watching(pl.Callback):
    def on_after_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the gradients."""


@pytest.mark.parametrize(
    ("callback", "may"),
    [
        (pl.callbacks.LearningRateMonitor(), True),
        (Watching(), False),
        (pl.callbacks.LambdaCallback(on_after_backward=print), False),
        (pl.callbacks.GradientAccumulationScheduler({0: 4}), False),
        (pl.callbacks.StochasticWeightAveraging(swa_lrs=0.1), False),
    ],
)
def test_steps_are_not_recorded_where_a_callback_needs_each(
    step, callback: pl.Callback, may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _ = step("model=vae")
    module._trainer = types.SimpleNamespace(
        world_size=1, accumulate_grad_batches=1, precision="32-true", callbacks=[callback]
    )
    monkeypatch.setattr(recorded, "GraphReplayer", lambda *_: "replayer")
    with unittest.mock.patch.object(type(module), "device", torch.device("cuda")):
        for wanted in (True, False):
            module.cuda_graphs = wanted
            module.start_recording()
            assert (module.replayer is not None) == (may and wanted)
    module.cuda_graphs = True
    with unittest.mock.patch.object(type(module), "device", torch.device("cpu")):
        module.start_recording()
    assert module.replayer is None


def test_numbers_that_change_are_asked_for_anew(step) -> None:
    module, (recording,) = step("model=dann", *PAIR)
    (number,) = recording._dynamic_scalars.values()
    module.iteration = 20  # of 40
    assert number() == module.strength == pytest.approx(0.098661, abs=1e-5)
    scalars = {name: value for _, values, _ in recording.scalars for name, value in values.items()}
    assert scalars["lambda"] is number


def test_a_plain_number_in_a_recorded_step_is_refused(step) -> None:
    _, (recording,) = step("model=vae")
    with pytest.raises(TypeError, match=r"lambda is a Python number, which stays .*; wrap it in self\.dynamic_scalar"):
        recording.record("train", {"lambda": 0.5}, 1)


class FakeGenerator:
    """A GPU's generator in PyTorch 2.11: a recording that fails leaves its state as if it were still recorded."""

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Any] = {"numbers": torch.arange(16, dtype=torch.uint8), "recorded": False}

    def get_state(self) -> Tensor:
        return self.state["numbers"].clone()

    def set_state(self, numbers: Tensor) -> None:
        self.state["numbers"] = numbers

    def graphsafe_set_state(self, other: FakeGenerator) -> None:
        self.state = other.state


class FakeGPU:
    """What a recording uses of `torch.cuda`, where none can be ended after an operation that cannot be recorded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stream, self.resets, self.generator = "usual", 0, FakeGenerator()
        fakes = {
            "CUDAGraph": lambda: types.SimpleNamespace(reset=self.reset),
            "Stream": lambda _: "of recordings",
            "graph_pool_handle": lambda: None,
            "current_stream": lambda _: self.stream,
            "default_generators": (self.generator,),
            "stream": self.on,
            "graph": self.graph,
        }
        for name, fake in fakes.items():
            monkeypatch.setattr(torch.cuda, name, fake)
        monkeypatch.setattr(torch, "Generator", FakeGenerator)

    def reset(self) -> None:
        self.resets += 1

    @contextlib.contextmanager
    def on(self, stream: Any) -> Any:
        before = self.stream
        try:
            yield
        finally:
            self.stream = before

    @contextlib.contextmanager
    def graph(self, graph: Any, pool: Any, stream: Any, capture_error_mode: str) -> Any:
        self.generator.state["recorded"], self.stream = True, stream
        try:
            yield
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")


def test_a_step_that_cannot_be_recorded_leaves_stream_and_generator_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu = FakeGPU(monkeypatch)
    numbers = gpu.generator.get_state()
    replayer = GraphReplayer(torch.device("cuda", 0))

    def step(batch: Any) -> None:
        assert (gpu.stream, gpu.generator.state["recorded"]) == ("of recordings", True)
        raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(ConfigError, match=r"cannot be recorded \(operation not permitted .*cuda_graphs=false"):
        replayer._capture(step, {"image": torch.zeros(1)}, [])
    assert (gpu.stream, gpu.generator.state["recorded"]) == ("usual", False)
    assert torch.equal(gpu.generator.get_state(), numbers)
    assert (gpu.resets, replayer.recording) == (1, None)
