"""Train tiny models on the same images in some processes and save their weights; run by test_several_processes.py.

    python two_processes.py PROCESSES FOLDER METHOD ...

For two processes it is started twice, with LOCAL_RANK 0 and 1, as torchrun does: both train all methods, one by one.
The networks have no batch norm, and the noise of an image is a function of the image, so that the result must not
depend on how many processes share a batch.
"""

import functools
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pytorch_lightning as pl
import torch
from torch import nn

import lightning_modules.gan
from lightning_modules.acgan import ACGAN
from lightning_modules.adda import ADDA
from lightning_modules.adversarial import OptimizerSettings
from lightning_modules.dann import DANN
from lightning_modules.ema import ExponentialAverage
from lightning_modules.gan import GAN
from lightning_modules.losses import (
    AdversarialLoss,
    cross_entropy_discriminator,
    linear_generator,
    nonsaturating_generator,
    relativistic_discriminator,
    relativistic_generator,
)
from lightning_modules.networks.adaptation import DomainDiscriminator, EncoderClassifier
from lightning_modules.networks.gan import GANNetwork
from lightning_modules.networks.vae import VAENetwork
from lightning_modules.penalties import gradient_penalty
from lightning_modules.target_terms import TargetTerms
from lightning_modules.vae import VAE
from lightning_modules.wgan import WGAN, wasserstein_critic

GLOBAL_BATCH, BATCHES = 8, 4


class Linear(GANNetwork):
    """A pair without batch norm, on 4×4 images."""

    image_size = 4

    def __init__(self, labels=()):
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.Tanh())
        super().__init__(
            4,
            lambda inputs: nn.Sequential(nn.Linear(inputs, 48), nn.Tanh(), nn.Unflatten(1, (3, 4, 4))),
            encoder,
            lambda outputs: nn.Linear(16, outputs),
            labels,
        )


class NoiseOfImages:
    """Makes the noise of each image from its pixels."""

    def discriminator_loss(self, batch):
        self.image = batch["image"]
        return super().discriminator_loss(batch)

    def generator_loss(self, batch):
        self.image = batch["image"]
        return super().generator_loss(batch)

    def _noise(self, count):
        return self.image.flatten(1)[:, :4] * 2


class Shard:
    """Every process's part of the same global batches."""

    def __init__(self, rank, world_size):
        g = torch.Generator().manual_seed(1)
        images = torch.rand(BATCHES, GLOBAL_BATCH, 3, 4, 4, generator=g) * 2 - 1
        labels = torch.randint(0, 2, (BATCHES, GLOBAL_BATCH, 1), generator=g)
        self.batches = [
            {"image": x[rank::world_size], "labels": y[rank::world_size]} for x, y in zip(images, labels, strict=True)
        ]

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return iter(self.batches)


class PairShard(Shard):
    """The same of a labelled source and its negatives as the target."""

    def __init__(self, rank, world_size):
        super().__init__(rank, world_size)
        digits = [(b["image"].mean((1, 2, 3)) * 1e4).long() % 10 for b in self.batches]
        self.batches = [
            {"source": b["image"], "labels": y, "target": -b["image"]}
            for b, y in zip(self.batches, digits, strict=True)
        ]


class Data(pl.LightningDataModule):
    def train_dataloader(self):
        shard = PairShard if self.trainer.lightning_module.needs_domain_pair else Shard
        return shard(self.trainer.global_rank, self.trainer.world_size)


class NoisyVAE(VAE):
    """Makes the noise of each image from its pixels."""

    def objective(self, image, noise=None):
        return super().objective(image, image.flatten(1)[:, :4] * 2)


class LinearVAE(VAENetwork):
    image_size = 4

    def __init__(self):
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.Tanh())
        super().__init__(encoder, 16, 4, nn.Sequential(nn.Linear(4, 48), nn.Tanh(), nn.Unflatten(1, (3, 4, 4))))


def weighted_penalty(critic, real, fake):
    """Take the point between a real and a generated image from the real one's pixels."""
    return gradient_penalty(critic, real, fake, real.flatten(1).sum(1).sigmoid().view(-1, 1, 1, 1))


def adapting(method, update):
    digits = EncoderClassifier(nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.Tanh()), nn.Linear(16, 10), 16)
    discriminator = functools.partial(DomainDiscriminator, width=8, layers=1)
    if method == "dann":
        return DANN(update(), discriminator, weight=1.0, target_terms=TargetTerms(), network=digits)
    options = {"pretrain_epochs": 1, "gate": 0.4, "target_terms": TargetTerms()}
    return ADDA(update(), update(), update(), discriminator, **options, network=digits)


def build(method):
    update = functools.partial(OptimizerSettings, functools.partial(torch.optim.Adam, lr=0.01))
    if method == "vae":
        return NoisyVAE(LinearVAE(), functools.partial(torch.optim.Adam, lr=0.01), lambda_kl=0.01)
    if method in ("dann", "adda"):
        return adapting(method, update)
    options = {"generator": update(every=2), "discriminator": update(), "ema": ExponentialAverage}
    if method.startswith("wgan"):
        loss = AdversarialLoss(wasserstein_critic, linear_generator)
        options |= {"weight_clip": 0.1, "gradient_penalty": 0.0} if method == "wgan" else {}
        lightning_modules.gan.gradient_penalty = weighted_penalty
        return type("W", (NoiseOfImages, WGAN), {})(network=Linear(), loss=loss, **options)
    loss = AdversarialLoss(cross_entropy_discriminator, nonsaturating_generator)
    if method == "r3gan":
        loss = AdversarialLoss(relativistic_discriminator, relativistic_generator, paired=True)
        options["r2"] = 0.5
    if method == "acgan":
        options["generator"] = update(accumulate=2)
        return type("A", (NoiseOfImages, ACGAN), {})(network=Linear(["Smiling"]), loss=loss, r1=0.0, **options)
    return type("G", (NoiseOfImages, GAN), {})(network=Linear(), loss=loss, r1=1.0, r1_every=2, **options)


def train(method, processes, file):
    torch.manual_seed(0)
    module = build(method)
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=processes,
        strategy="ddp" if processes > 1 else "auto",
        max_epochs=3,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    module.check_trainer(trainer)
    trainer.fit(module, datamodule=Data())
    assert trainer.world_size == processes
    if trainer.is_global_zero:
        torch.save({"weights": module.state_dict(), "iteration": module.iteration}, file)


def main(processes, folder, *methods):
    warnings.simplefilter("ignore")
    for method in methods:
        train(method, int(processes), Path(folder) / f"{method}_{processes}.pt")


if __name__ == "__main__":
    main(*sys.argv[1:])
