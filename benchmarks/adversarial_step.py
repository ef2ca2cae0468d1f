"""Images a second of two adversarial systems in train.py, against bare loops that do the same arithmetic.

    python -m benchmarks.adversarial_step [--rounds 5] [--steps 16] [--systems wgan gan]

`wgan` is report A's A2 (weight clipping, 5 critic steps to one of the generator, batch 64), `gan` report C's C2 (a
DCGAN, batch 128). Both variants of a system take turns in one process, with the same allocator, channels-last, fused
optimizers, fakes for the discriminator made without gradients and the other network frozen. The first step of each
sample is left out. The data are rendered faces; the arithmetic is the same.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings

from benchmarks.alternate import alternate
from benchmarks.through_train import images_per_second

BATCH = {"wgan": 64, "gan": 128}
EXPERIMENT = {"wgan": "report_a/wgan", "gan": "report_c/gan"}


def through_train(system: str, steps: int) -> float:
    """Return images a second of the experiment on rendered faces, without pictures."""
    left_out = [f"callbacks.{name}=null" for name in ("samples", "curves", "health", "interpolation")]
    data = ["data=synthetic_faces", f"data.batch_size={BATCH[system]}", "data.horizontal_flip=false"]
    return images_per_second([f"experiment={EXPERIMENT[system]}", *data, *left_out], steps)


def bare_loop(system: str, steps: int) -> float:
    """Return images a second of a loop over normalised batches in memory."""
    import torch
    from torch.nn import functional

    from lightning_modules.networks.report_gan import DCGAN, LinearStemGAN

    torch.manual_seed(0)
    wasserstein = system == "wgan"
    pair = (LinearStemGAN() if wasserstein else DCGAN(latent_dim=256)).to(memory_format=torch.channels_last)
    generator, critic = pair.generator, pair.discriminator
    size, latent = BATCH[system], pair.latent_dim

    def optimizer(network: torch.nn.Module) -> torch.optim.Optimizer:
        if wasserstein:
            return torch.optim.RMSprop(network.parameters(), lr=5e-5)
        return torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)

    for_critic, for_generator = optimizer(critic), optimizer(generator)
    batches = [torch.rand(size, 3, 64, 64).mul(2).sub(1).to(memory_format=torch.channels_last) for _ in range(4)]
    start = 0.0
    for step, image in zip(range(steps), itertools.cycle(batches), strict=False):
        with torch.no_grad():
            fake = generator(torch.randn(size, latent))
        real_logits, fake_logits = critic(image)[0], critic(fake)[0]
        if wasserstein:
            loss = fake_logits.mean() - real_logits.mean()
        else:
            loss = functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()
        loss.backward()
        for_critic.step()
        for_critic.zero_grad()
        if wasserstein:
            weights = [p.data for p in critic.parameters()]
            torch._foreach_clamp_max_(weights, 0.01)
            torch._foreach_clamp_min_(weights, -0.01)
        if not wasserstein or step % 5 == 4:
            critic.requires_grad_(False)
            logits = critic(generator(torch.randn(size, latent)))[0]
            (-logits.mean() if wasserstein else functional.softplus(-logits).mean()).backward()
            for_generator.step()
            for_generator.zero_grad()
            critic.requires_grad_(True)
        if step == 0:
            start = time.perf_counter()
    return size * (steps - 1) / (time.perf_counter() - start)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--systems", nargs="+", choices=list(BATCH), default=list(BATCH))
    options = parser.parse_args()
    from adversaria.performance import keep_memory

    keep_memory()
    warnings.simplefilter("ignore")
    for system in options.systems:
        print(f"\n{EXPERIMENT[system]}, batch {BATCH[system]}")
        alternate(
            {
                "bare loop": lambda s=system: bare_loop(s, options.steps),  # type: ignore[misc]
                "train.py": lambda s=system: through_train(s, options.steps),  # type: ignore[misc]
            },
            options.rounds,
            "images/s",
            against="bare loop",
        )


if __name__ == "__main__":
    main()
