"""What one asks of a GPU that is at hand for ten minutes: `python -m benchmarks.gpu [--minutes 10] [--only PARTS]`.

`speed`: images a second of the systems below with the switches of speed, each alone. `kernels`: what the slow ones
wait for. `tests`: those that need a GPU. `jobs`: images a second of several runs of our DANN at once, which use the GPU
in turn, or share it. What was found is written to a folder as soon as it is known, so that nothing
is lost where the time ends. All of it also runs without a GPU, with `--tiny`, to see that it works.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.profiler import ProfilerActivity, profile, schedule

from adversaria.sweeps.shared_gpu import share_gpu
from benchmarks.growth import runs_at_once
from benchmarks.processes import fresh
from benchmarks.suite import ROOT, Skipped, machine
from benchmarks.systems import SYSTEMS, System, faces

TESTS = ("tests/faults/test_exact_resume.py", "-k", "on_a_gpu", "-n0", "-q", "-p", "no:cacheprovider")
#: Name -> system and batch size; those after the first four are profiled only if `--match` names them.
MEASURED: dict[str, tuple[System, int]] = {
    "B1": (faces("B1, VAE", "experiment=report_b/vae"), 64),
    "B2": (faces("B2, GAN", "experiment=report_b/gan"), 64),
    "B3": (faces("B3, ACGAN", "experiment=report_b/acgan"), 64),
    "C1": (faces("C1, VAE", "experiment=report_c/vae"), 64),
    "A1": (SYSTEMS["A1"], 128),
    "A2": (SYSTEMS["A2"], 64),
    "C2": (SYSTEMS["C2"], 128),
    "GAN": (faces("our GAN", "model=gan"), 64),
    "DANN": (SYSTEMS["DANN"], 64),
}
PROFILED = ("B1", "B2", "B3", "C1")
SWITCHES: dict[str, tuple[str, ...]] = {
    "none": (),
    "trainer.benchmark": ("trainer.benchmark=true",),
    "performance.tf32": ("performance.tf32=true",),
    "both": ("trainer.benchmark=true", "performance.tf32=true"),
    "bf16-mixed": ("trainer.precision=bf16-mixed",),
    "bf16-mixed, trainer.benchmark": ("trainer.precision=bf16-mixed", "trainer.benchmark=true"),
}
PARTS = ("speed", "kernels", "tests", "jobs")
AT_ONCE = (1, 2, 4, 8, 14)  # runs
WAIT, WARM_UP, ACTIVE = 20, 5, 20  # steps before the profiler starts, until it is warm, and that it watches


class Profiled(pl.Callback):
    """Write which kernels take the time of some steps.

    Args:
        file: the text file.
        steps: before the profiler, of its warm-up, and watched.
    """

    def __init__(self, file: str, steps: list[int]) -> None:
        self.file = Path(file)
        wait, warm_up, active = steps
        self.watched, self.begun = active, 0.0
        kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
        plan = schedule(wait=wait, warmup=warm_up, active=active, repeat=1)
        self.profiler = profile(activities=kinds, schedule=plan, on_trace_ready=self.write)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Start the profiler."""
        self.profiler.start()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Tell the profiler that a step has ended."""
        self.profiler.step()

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Stop the profiler, which then writes what is not written yet."""
        self.profiler.stop()

    def write(self, profiler: profile) -> None:
        """Write the kernels that take the most time, or the operations where there is no GPU."""
        averages = profiler.key_averages()
        gpu = torch.cuda.is_available()
        kind = "self_device_time_total" if gpu else "self_cpu_time_total"
        busy = sum(getattr(event, kind) for event in averages) / self.watched / 1000
        table = averages.table(sort_by=kind, row_limit=20, max_name_column_width=90)
        self.file.write_text(f"{busy:.3f} ms a step of {'kernels' if gpu else 'operations'}\n{table}\n", "utf-8")


def speeds(name: str, batch: int, steps: int, epochs: int) -> dict[str, float]:
    """Return images a second in the last epoch by the switches that are on."""
    from benchmarks import through_train

    system, _ = MEASURED[name]
    fixed = (f"trainer.max_epochs={epochs}",)
    return {
        switch: through_train.images_per_second(system, batch, steps, *fixed, *overrides)
        for switch, overrides in SWITCHES.items()
    }


def kernels(name: str, batch: int, file: str, steps: list[int]) -> None:
    """Write the kernels of a system's steps to a file."""
    from benchmarks import through_train

    system, _ = MEASURED[name]
    with tempfile.TemporaryDirectory() as folder:
        limit = f"trainer.limit_train_batches={sum(steps) + 1}"
        config = system.config(batch, *through_train.FIXED, f"run_dir={folder}", limit)
        config["callbacks"] = {key: config["callbacks"][key] for key in through_train.IN_A_STEP}
        through_train.train(config, Profiled(file, steps))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 1 if a part failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="begin nothing after this time (default: 10)")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--match", metavar="NAMES", default=",".join(MEASURED), help=f"some of {','.join(MEASURED)}")
    parser.add_argument("--tiny", action="store_true", help="a few steps of two images, to see that it works")
    parser.add_argument("--output", type=Path, default=ROOT / "outputs" / "benchmarks" / "gpu", help="folder")
    options = parser.parse_args(arguments)
    (folder := options.output / f"{datetime.now():%Y-%m-%d_%H-%M-%S}").mkdir(parents=True)
    end, failed = time.monotonic() + 60 * options.minutes, False
    for part in options.only.split(","):
        for name in _names(part, [name for name in MEASURED if name in options.match.split(",")]):
            if time.monotonic() > end:
                print(f"no time left for {part} of {name}", flush=True)
                continue
            print(f"{part}: {name}", flush=True)
            try:
                _measure(part, name, folder, options.tiny, end)
            except Skipped as reason:
                print(f"{part} of {name}: {reason}", flush=True)
            except (RuntimeError, subprocess.SubprocessError) as error:
                print(f"{part} of {name} failed: {error}", flush=True)
                failed = True
    print(folder)
    return int(failed)


def _names(part: str, names: list[str]) -> list[str]:
    """Return what a part measures, one after the other."""
    jobs = [f"{count} {how}" for how in ("in turn", "shared") for count in AT_ONCE]  # in this order: the service stays
    return {"speed": names, "kernels": [n for n in names if n in PROFILED], "tests": ["tests"], "jobs": jobs}[part]


def _measure(part: str, name: str, folder: Path, tiny: bool, end: float) -> None:
    if part in ("speed", "kernels"):
        system, batch = MEASURED[name]
        batch = 2 if tiny else batch
    if part == "speed":
        rates = fresh(speeds, name, batch, 3 if tiny else 90, 1 if tiny else 3)
        _add_row(folder / "speed.md", ["system", "batch", *SWITCHES], [system.name, batch, *rates.values()])
    elif part == "kernels":
        profiled = str(folder / f"kernels_{name}.txt")
        fresh(kernels, name, batch, profiled, [1, 1, 1] if tiny else [WAIT, WARM_UP, ACTIVE])
    elif part == "jobs":
        count, _, how = name.partition(" ")
        if how == "shared" and (problem := share_gpu()):
            raise Skipped(problem)
        rate = runs_at_once(int(count), *((2, 2) if tiny else (100, 57)), OMP_NUM_THREADS="1")
        _add_row(folder / "jobs.md", ["runs at once", "the GPU is used", "images/s, together"], [count, how, rate])
    else:
        with (folder / "tests.txt").open("w", encoding="utf-8") as file:
            command = [sys.executable, "-m", "pytest", *TESTS]
            left = max(1.0, end - time.monotonic())
            subprocess.run(command, cwd=ROOT, stdout=file, stderr=file, check=True, timeout=left)


def _add_row(table: Path, head: list[str], cells: list[Any]) -> None:
    if not table.exists():
        table.write_text(f"{_device()}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}\n", encoding="utf-8")
    texts = [f"{cell:,.0f}" if isinstance(cell, float) else str(cell) for cell in cells]
    with table.open("a", encoding="utf-8") as file:
        file.write(f"| {' | '.join(texts)} |\n")


def _device() -> str:
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{name}; {machine()}"


if __name__ == "__main__":
    sys.exit(main())
