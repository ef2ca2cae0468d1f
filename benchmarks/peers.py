"""Steps of train.py against those of other projects' own code, from a checkout that the user has: `--peers DIR`.

Each side runs in a process of its own, in turn, on the GPU if there is one. The peers read CelebA-sized JPEGs with as
many workers as they ask for and this machine has cores; train.py reads the same files through its array cache. Steps
before the clock starts are not counted: they start workers and fill caches.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.data_path import celeba
from benchmarks.processes import fresh
from benchmarks.suite import PEERS, Row, Skipped, Trial, at_least
from benchmarks.systems import System

BATCH, WARM_UP = 64, 3
IMAGES = "img_align_celeba"
#: Where the peers' training loop prints a step.
DCGAN_STEP = re.compile(r"^\[0/1\]\[(\d+)/\d+\]")


@dataclass(frozen=True)
class Peer:
    """Another project, and the same networks here.

    Args:
        repository: on GitHub.
        file: a file of it that is needed.
        rate: returns images a second, of the checkout, a folder with a folder of images, and the number of steps.
        overrides: those of train.py.
    """

    repository: str
    file: str
    rate: Callable[[Path, Path, int], float]
    overrides: tuple[str, ...]

    def checkout(self) -> Path:
        """Return the folder of the checkout.

        Raises:
            Skipped: there is none; the sentence has the command that makes one.
        """
        place = Path(os.environ.get(PEERS) or "peers")
        folder = place / self.repository.rpartition("/")[2]
        if not (folder / self.file).exists():
            raise Skipped(
                f"{folder / self.file} is missing (git clone https://github.com/{self.repository} {folder}; "
                "--peers DIR names another folder than peers)"
            )
        return folder


def dcgan(checkout: Path, root: Path, steps: int) -> float:
    """Run pytorch/examples' dcgan/main.py as it is; return images a second by the times of its printed steps."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-u", str(checkout / "dcgan" / "main.py"), "--dataset", "folder", "--niter", "1"]
        command += ["--dataroot", str(root), "--outf", folder, "--batchSize", str(BATCH), "--workers", str(_cores(2))]
        command += ["--accel"] if _gpu() else []
        times: dict[int, float] = {}
        said = ""
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8") as process:
            assert process.stdout is not None
            for line in process.stdout:
                said = f"{said}{line}"[-300:]
                if step := DCGAN_STEP.match(line):
                    times[int(step[1])] = time.perf_counter()
                if WARM_UP + steps in times:
                    process.terminate()
                    break
    if WARM_UP + steps not in times:
        raise RuntimeError(f"dcgan/main.py ended before step {WARM_UP + steps}: {said}")
    return BATCH * steps / (times[WARM_UP + steps] - times[WARM_UP])


def vae(checkout: Path, root: Path, steps: int) -> float:
    """Train PyTorch-VAE's own Lightning module with its own settings; return images a second.

    Its run.py and its data module need an older Lightning and CelebA's lists. So its trainer, with TensorBoard, and its
    loader are made here as they are there, with the same transforms.
    """
    sys.path.insert(0, str(checkout))
    import pytorch_lightning as pl
    import yaml
    from pytorch_lightning.loggers import TensorBoardLogger

    settings = yaml.safe_load((checkout / "configs" / "vae.yaml").read_text(encoding="utf-8"))
    kinds = importlib.import_module("models").vae_models
    model = kinds[settings["model_params"].pop("name")](**settings["model_params"])
    times: list[float] = []

    class Experiment(importlib.import_module("experiment").VAEXperiment):  # type: ignore[misc]
        """Without the argument of a step that Lightning 2 no longer knows."""

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return super().training_step(batch, batch_idx)

        def on_train_batch_end(self, *_: Any) -> None:
            times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        logger, limit = TensorBoardLogger(folder), WARM_UP + 1 + steps
        trainer = pl.Trainer(logger=logger, max_epochs=1, limit_train_batches=limit, devices=1)
        trainer.fit(Experiment(model, settings["exp_params"]), _loader(root, settings["data_params"]))
    return BATCH * steps / (times[WARM_UP + steps] - times[WARM_UP])


def _loader(root: Path, settings: dict[str, Any]) -> Any:
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    shape = [transforms.RandomHorizontalFlip(), transforms.CenterCrop(148), transforms.Resize(settings["patch_size"])]
    images = datasets.ImageFolder(str(root), transforms.Compose([*shape, transforms.ToTensor()]))
    return DataLoader(images, BATCH, shuffle=True, num_workers=_cores(settings["num_workers"]), pin_memory=_gpu())


def train_py(overrides: tuple[str, ...], root: Path, steps: int) -> float:
    """Return the images a second of train.py over the same files."""
    from benchmarks import through_train

    data = ("data=folder", f"data.root={root / IMAGES}", f"data.cache_dir={root.parent / 'cache'}")
    system = System("ours", (*overrides, *data), (steps + 1) * BATCH)
    epochs = 2 if _gpu() else 1  # the last one counts; in the first, a GPU's steps are recorded
    return through_train.images_per_second(system, BATCH, steps, f"trainer.max_epochs={epochs}")


def against(peer: Peer, trial: Trial) -> float:
    """Return the images a second of train.py over those of a peer."""
    checkout, steps = peer.checkout(), trial.size(200 if _gpu() else 20, 2)
    root = celeba((WARM_UP + 2 + steps) * BATCH * 10 // 9)
    return trial.ratio(
        lambda: fresh(train_py, peer.overrides, root, steps),
        lambda: fresh(peer.rate, checkout, root, steps),
        ("train.py", peer.repository),
        "images/s",
    )


def _cores(workers: int) -> int:
    return min(workers, os.cpu_count() or 1)


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()


DCGAN = Peer(
    "pytorch/examples",
    "dcgan/main.py",
    dcgan,
    ("experiment=report_c/gan", "model.network.latent_dim=100"),
)
VAE = Peer("AntixK/PyTorch-VAE", "experiment.py", vae, ("experiment=report_a/vae",))
ROWS = [
    Row("DCGAN, batch 64: train.py / pytorch/examples", functools.partial(against, DCGAN), at_least(1.35)),
    Row("VAE, batch 64: train.py / AntixK/PyTorch-VAE", functools.partial(against, VAE), at_least(1.8)),
]
