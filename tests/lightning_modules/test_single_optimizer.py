"""Methods with one optimizer: a step that computes its gradients with its loss, as a recorded one, is the same step."""

import functools
import types
from typing import Any

import pytest
import torch

from lightning_modules.classifier import Classifier
from lightning_modules.networks.classifier import ConvClassifier
from lightning_modules.networks.vae import VAENetwork
from lightning_modules.vae import VAE


class TinyVAE(VAENetwork):
    image_size = 12

    def __init__(self) -> None:
        encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(432, 8), torch.nn.Tanh())
        decoder = torch.nn.Sequential(torch.nn.Linear(4, 432), torch.nn.Unflatten(1, (3, 12, 12)))
        super().__init__(encoder, 8, 4, decoder)


def build(method: str) -> Any:
    torch.manual_seed(0)
    adam = functools.partial(torch.optim.Adam, lr=0.01)
    if method == "vae":
        return VAE(TinyVAE(), adam, lambda_kl=0.01)
    return Classifier(ConvClassifier(("digit", "Smiling"), width=4, num_features=8), adam)


def run(key: str, compute: Any, batch: Any, network: torch.nn.Module) -> Any:
    """Stand in for `GraphReplayer.run`, which clears the gradients too."""
    network.zero_grad()
    return compute(batch)


@pytest.mark.parametrize("method", ["vae", "classifier"])
def test_gradients_that_the_training_step_has_computed_are_used(method, make_batches, train_on, monkeypatch) -> None:
    weights, losses = [], []
    for replayed in (False, True):
        module = build(method)
        if replayed:
            replayer = types.SimpleNamespace(recording=None, run=run)
            monkeypatch.setattr(module, "start_recording", lambda m=module, r=replayer: setattr(m, "replayer", r))
        trainer = train_on(module, make_batches(3), epochs=2, gradient_clip_val=0.5)
        weights.append(module.state_dict())
        losses.append(trainer.callback_metrics["val/loss"])
        assert module.replayer is None  # and its memory free, after the fit
    assert losses[0] == losses[1]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_without_a_recording_the_training_step_computes_no_gradients(make_batches) -> None:
    vae = build("vae")
    vae.training_step(make_batches(1)[0], 0)
    assert all(p.grad is None for p in vae.parameters())
