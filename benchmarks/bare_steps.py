"""Training steps of bare loops, one function for each method: the same arithmetic as train.py's, and nothing else."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from adversaria.config.instantiate import instantiate
from adversaria.config.types import Batch
from adversaria.speed.settings import channels_last
from datamodules.labels import label_sizes
from lightning_modules.losses import domain_loss, entropy, gaussian_kld, image_mse, label_loss, reparameterize
from lightning_modules.networks.adaptation import reverse_gradient
from lightning_modules.networks.batch_norm import judged

#: `plain` is a first draft: NCHW, PyTorch's default optimizers and allocator, images for the discriminator generated
#: with a graph that is then detached, no freezing of the discriminator in the generator's update. `tuned` has the
#: settings of train.py. `graphed` is `tuned` with the whole step in one CUDA graph, so that only the device takes time.
Settings = Literal["plain", "tuned", "graphed"]
Step = Callable[[Batch], None]
#: Options of the models that the steps do not implement.
UNUSED = ("r1", "r2", "gradient_penalty", "instance_noise", "augment", "ema", "conditional", "label_on_fake", "gate")


def step_of(config: dict[str, Any], settings: Settings = "tuned", device: str = "cpu") -> Step:
    """Return the training step of a configuration, as a function of a batch.

    Raises:
        ValueError: the configuration has an option that the steps do not implement.
    """
    model = config["model"]
    if options := [key for key in UNUSED if model.get(key)]:
        raise ValueError(f"the bare loops do not implement {', '.join(options)}")
    return LOOPS[model["_target_"].rpartition(".")[2]](model, Builder(settings, device))


@dataclass(frozen=True)
class Builder:
    """Builds networks and optimizers of a configuration with the settings of a loop."""

    settings: Settings
    device: str

    @property
    def plain(self) -> bool:
        """Whether the settings are `plain`."""
        return self.settings == "plain"

    def network(self, node: Any, *arguments: Any) -> Any:
        """Build a network; a factory of one is called with the arguments."""
        network = instantiate(node)
        network = (network(*arguments) if arguments else network).to(self.device)
        if not self.plain:
            channels_last(network)
        return network

    def optimizer(self, node: Any, *networks: nn.Module) -> torch.optim.Optimizer:
        """Build an optimizer of all parameters of some networks."""
        factory: functools.partial[torch.optim.Optimizer] = instantiate(node)
        options = {key: value for key, value in factory.keywords.items() if not (self.plain and key == "fused")}
        if self.settings == "graphed" and "capturable" in inspect.signature(factory.func).parameters:
            options["capturable"] = True
        return factory.func([p for network in networks for p in network.parameters()], **options)

    @contextlib.contextmanager
    def frozen(self, network: nn.Module) -> Iterator[None]:
        """Compute no gradients of a network's parameters; a plain loop computes them."""
        network.requires_grad_(self.plain)
        yield
        network.requires_grad_(True)

    def without_graph(self) -> Any:
        """Build no graph; a plain loop builds one, which is detached afterwards."""
        return torch.enable_grad() if self.plain else torch.no_grad()


def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def vae(model: dict[str, Any], build: Builder) -> Step:
    """Return the step of a VAE."""
    network = build.network(model["network"])
    optimizer = build.optimizer(model["optimizer"], network)

    def step(batch: Batch) -> None:
        mu, logvar = network.encode(batch["image"])
        decoded = network.decode(reparameterize(mu, logvar))
        _update(optimizer, image_mse(decoded, batch["image"]).mean() + model["lambda_kl"] * gaussian_kld(mu, logvar))

    return step


def gan(model: dict[str, Any], build: Builder) -> Step:
    """Return the step of a GAN, a WGAN with weight clipping, or an ACGAN; each update draws new noise."""
    network = build.network(model["network"])
    generator, discriminator = network.generator, network.discriminator
    loss = instantiate(model["loss"])
    of_d = build.optimizer(model["discriminator"]["optimizer"], discriminator)
    of_g = build.optimizer(model["generator"]["optimizer"], generator)
    sizes, clip = label_sizes(network.labels), model.get("weight_clip")
    every, batches = model["generator"]["every"], model["generator_batches"]
    number = 0

    def noise(count: int, batch: Batch) -> Tensor:
        return torch.randn(count, network.latent_dim, device=batch["image"].device)

    def step(batch: Batch) -> None:
        nonlocal number
        number += 1
        image, labels = batch["image"], batch.get("labels")
        of_d.zero_grad()  # the plain generator's update left gradients
        with build.without_graph():
            fake = generator(noise(len(image), batch), labels).detach()
        (real_logits, real_labels), (fake_logits, _) = discriminator(image), discriminator(fake)
        total = loss.discriminator(real_logits, fake_logits)
        _update(of_d, total if labels is None else total + label_loss(real_labels, labels, sizes))
        if clip:
            weights = [p.data for p in discriminator.parameters()]
            torch._foreach_clamp_max_(weights, clip)
            torch._foreach_clamp_min_(weights, -clip)
        if number % every == 0:
            with build.frozen(discriminator):
                labels = None if labels is None else labels.repeat(batches, 1)
                logits, predicted = discriminator(generator(noise(len(image) * batches, batch), labels))
                total = loss.generator(logits)
                _update(of_g, total if labels is None else total + label_loss(predicted, labels, sizes))

    return step


def dann(model: dict[str, Any], build: Builder) -> Step:
    """Return the step of a DANN with gradient reversal."""
    if model["discriminator_update"]:
        raise ValueError("the bare loop of a DANN has no separate update of its discriminator")
    network = build.network(model["network"])
    discriminator = build.network(model["domain_discriminator"], network.num_features)
    optimizer = build.optimizer(model["update"]["optimizer"], network, discriminator)
    weight = model["target_terms"]["entropy"]

    def step(batch: Batch) -> None:
        images = batch["source"], batch["target"]
        if model["batch_norm"] == "joint":
            features, logits = (both.chunk(2) for both in network(torch.cat(images)))
        else:
            features, logits = zip(*map(network, images), strict=True)
        domain_logits = judged(discriminator, *(reverse_gradient(part, model["weight"]) for part in features))
        loss = functional.cross_entropy(logits[0], batch["labels"]) + domain_loss(*domain_logits)
        _update(optimizer, loss + weight * entropy(logits[1]).mean() if weight else loss)

    return step


def adda(model: dict[str, Any], build: Builder) -> Step:
    """Return the step of ADDA's adaptation."""
    network, target = build.network(model["network"]), build.network(model["network"]).encoder
    discriminator = build.network(model["domain_discriminator"], network.num_features)
    of_d = build.optimizer(model["discriminator_update"]["optimizer"], discriminator)
    of_encoder = build.optimizer(model["update"]["optimizer"], target)
    weight = model["target_terms"]["entropy"]
    network.eval()

    def step(batch: Batch) -> None:
        of_d.zero_grad()  # the plain encoder's update left gradients
        with build.without_graph():
            features = network.encoder(batch["source"]).detach(), target(batch["target"]).detach()
        _update(of_d, domain_loss(*judged(discriminator, *features)))
        with build.frozen(discriminator), build.frozen(network.classifier):
            adapted = target(batch["target"])
            loss = functional.softplus(-discriminator(adapted)).mean()
            uncertainty = entropy(network.classifier(adapted)).mean()
            _update(of_encoder, loss + weight * uncertainty if weight else loss)

    return step


LOOPS: dict[str, Callable[[dict[str, Any], Builder], Step]] = {
    "VAE": vae,
    "GAN": gan,
    "WGAN": gan,
    "ACGAN": gan,
    "DANN": dann,
    "ADDA": adda,
}
