"""Images a second of report A's VAE (A1, batch 128) in train.py, against bare loops over the same network.

    python -m benchmarks.training_step [--root DATA] [--rounds 5] [--steps 40]

`plain eager` is what one writes first: NCHW, default optimizer, default allocator. `bare, our settings` is the same
loop with the settings of train.py: channels-last, fused optimizer, an allocator that keeps its memory. Both have their
normalised batches in memory. Each sample is a process of its own, since the allocator cannot be set back; the first
step is left out. Without --root the rendered faces are used; the arithmetic is the same.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.alternate import alternate

ROOT = Path(__file__).resolve().parents[1]
BATCH = 128


def bare_loop(steps: int, tuned: bool) -> float:
    """Return images a second of a bare training loop."""
    if tuned:
        from adversaria.performance import keep_memory

        keep_memory()
    import torch

    from lightning_modules.losses import gaussian_kld, image_mse, reparameterize
    from lightning_modules.networks.vae import StridedVAE

    torch.manual_seed(0)
    network = StridedVAE()
    batches = [torch.rand(BATCH, 3, 64, 64) * 2 - 1 for _ in range(8)]
    if tuned:
        network = network.to(memory_format=torch.channels_last)
        batches = [b.contiguous(memory_format=torch.channels_last) for b in batches]
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=tuned or None)
    start = 0.0
    for step in range(steps):
        image = batches[step % len(batches)]
        mu, logvar = network.encode(image)
        decoded = network.decode(reparameterize(mu, logvar))
        loss = image_mse(decoded, image).mean() + 1e-4 * gaussian_kld(mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 0:
            start = time.perf_counter()
    return BATCH * (steps - 1) / (time.perf_counter() - start)


def through_train(steps: int, data: list[str]) -> float:
    """Return images a second as train.py itself reports them, with its callbacks, loggers and progress bar."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "train.py", "experiment=report_a/vae", *data, f"output_root={folder}"]
        limits = [f"trainer.limit_train_batches={steps}", "trainer.limit_val_batches=1", "trainer.max_epochs=1"]
        subprocess.run(
            [*command, *limits, "test=null", "callbacks.tsne=null"], cwd=ROOT, check=True, capture_output=True
        )
        with next(Path(folder).rglob("metrics.csv")).open() as stream:
            rows = list(csv.DictReader(stream))
    return next(float(r["value"]) for r in rows if r["metric"] == "perf/images_per_second")


def in_process(*arguments: str) -> float:
    """Run one bare loop in a fresh interpreter."""
    command = [sys.executable, "-m", "benchmarks.training_step", *arguments]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="folder of CelebA")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--loop", choices=["plain", "tuned"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loop:
        print(bare_loop(options.steps, tuned=options.loop == "tuned"))
        return
    data = (
        [f"data.root={options.root.resolve()}"] if options.root else ["data=synthetic_faces", "data.source.train=6000"]
    )
    steps = f"--steps={options.steps}"
    alternate(
        {
            "plain eager": lambda: in_process("--loop=plain", steps),
            "bare, our settings": lambda: in_process("--loop=tuned", steps),
            "train.py": lambda: through_train(options.steps, data),
        },
        options.rounds,
        "images/s",
        against="bare, our settings",
    )


if __name__ == "__main__":
    main()
