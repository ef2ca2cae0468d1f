"""What a run costs besides its steps, and how long commands take to start, each in a new process.

The parts of a run are in seconds of the processor with one thread. Where others use the machine too, they grow less
than seconds of the clock, but they do grow: compare them with those of the imports beside them.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.suite import ROOT, Row, Trial, at_most

FIRST_STEP = [
    "trainer.limit_train_batches=1",
    "trainer.limit_val_batches=0",
    "trainer.max_epochs=1",
    "trainer.log_every_n_steps=1",
    "callbacks.tsne=null",  # it runs after the fit, as `test` does
    "test=null",
    "callbacks.checkpoint.monitor=null",  # which takes the objective along: there is no validation
]


#: Runs with all that they do by default besides two training steps.
WHOLE = ["trainer.limit_train_batches=2", "trainer.max_epochs=1"]
RUNS = {
    "the default run": [],
    "a GAN with metrics": ["model=gan", "data=digits", "metrics=reference"],
    "a DANN": ["model=dann", "data=digits_mnist5k"],
}
SMALL = 0.1  # seconds; shorter parts are not listed


def seconds(arguments: list[str], status: int) -> float:
    """Return the wall time in seconds of one Python process, which must end with this status."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    elapsed = time.perf_counter() - start
    if done.returncode != status:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr[-300:]}")
    return elapsed


def first_step() -> float:
    """Return the seconds from the start of `python train.py` to its first step's metrics."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "train.py", *FIRST_STEP, f"output_root={folder}"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        elapsed = None
        while process.poll() is None:  # it ends later, after pictures and a checkpoint
            if elapsed is None and any(file.stat().st_size for file in Path(folder).rglob("metrics.csv")):
                elapsed = time.perf_counter() - start
            time.sleep(0.005)
        if process.returncode or elapsed is None:
            raise RuntimeError(f"train.py ended with {process.returncode} before its first step")
        return elapsed


def bare_import() -> float:
    """Return the seconds from the start of Python to the end of importing Lightning, without Python's own end."""
    with tempfile.TemporaryDirectory() as folder:
        done = Path(folder) / "done"
        start = time.time()
        seconds(["-c", f"import pytorch_lightning; open({str(done)!r}, 'w', encoding='utf-8').write('.')"], status=0)
        return done.stat().st_mtime - start


def above_import(trial: Trial) -> float:
    """Return the seconds to the first step above those of importing Lightning."""
    if trial.round == 0:
        first_step()  # renders the faces into the cache
    names = ("first step", "import pytorch_lightning")
    trial.ratio(first_step, bare_import, names, "s")
    ours, imports = trial.notes.values()
    return ours - imports


def answer(arguments: list[str], status: int, trial: Trial) -> float:
    """Return the seconds of a command that trains nothing."""
    return seconds(["train.py", *arguments], status)


def around_the_steps(overrides: list[str], trial: Trial) -> float:
    """Return the seconds before the first step or after the last, whichever are more, without those of imports."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "parts.json"
        command = [*overrides, *WHOLE, "trainer.accelerator=cpu", f"output_root={folder}"]
        for _ in range(2 if trial.round == 0 else 1):  # the first run reads the images into the cache
            subprocess.run(
                [sys.executable, "-m", "benchmarks.timed_run", str(file), *command],
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                capture_output=True,
                check=True,
            )
        noted = json.loads(file.read_text(encoding="utf-8"))
    (first, before), (last, until), (end, imports) = (noted["marks"][m] for m in ("first step", "last step", "end"))
    sides = {"before the first step, s": first - before, "after the last step, s": end - last - (imports - until)}
    trial.notes |= {**sides, "imports, s": imports}
    for side, parts in (("before", noted["before"]), ("after", noted["after"])):
        trial.notes |= {f"{side}: {name.partition('{')[0]}, s": s for name, s in parts.items() if s > SMALL}
    return max(sides.values())


def above_bare_import(command: list[str], trial: Trial) -> float:
    """Return the seconds of a command on a trained model above those of importing Lightning."""
    with tempfile.TemporaryDirectory() as folder:
        few = [*WHOLE, "trainer.limit_val_batches=1", "test=null", f"output_root={folder}"]
        seconds(["train.py", "model=gan", "data=digits", *few], status=0)
        run = next(Path(folder).rglob("checkpoints")).parent
        whole = processor_seconds([part.format(folder=folder, run=run) for part in command])
    imports = processor_seconds(["-c", "import pytorch_lightning"])
    trial.notes |= {"the command, s": whole, "import pytorch_lightning, s": imports}
    return whole - imports


def processor_seconds(arguments: list[str]) -> float:
    """Return the seconds of the processor of one Python process, which must end well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds(arguments, status=0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


GENERATE = ["generate.py", "{run}", "-n", "1", "--output", "{folder}/one.png", "--device", "cpu"]
EVALUATE = ["evaluate.py", "{run}", "--device", "cpu", "trainer.limit_test_batches=1"]
ROWS = [
    Row("cold start to the first step, above the import of Lightning, s", above_import, at_most(1)),
    *(
        Row(f"{name}: before its first step or after its last, without imports, s", measure, at_most(5))
        for name, measure in ((name, functools.partial(around_the_steps, o)) for name, o in RUNS.items())
    ),
    Row("generate.py of one image, above the import of Lightning, s", functools.partial(above_bare_import, GENERATE)),
    Row("evaluate.py of one batch, above the import of Lightning, s", functools.partial(above_bare_import, EVALUATE)),
    Row("train.py --help, s", functools.partial(answer, ["--help"], 0), at_most(0.5)),
    Row("a configuration error, s", functools.partial(answer, ["model.lambda_kl=-1"], 2), at_most(0.5)),
]
