"""Runs of every method are stopped at random writes, by SIGKILL or SIGTERM, go on, and end as if never stopped.

A moment is a file that a run is about to open, rename or remove: while it builds its cache, trains, saves a checkpoint,
draws, or tests. Moments are chosen by a seeded generator, a kind of file at a time.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from support import warm
from support.methods import METHODS
from support.processes import children, processes_of, wait_for

from adversaria.runs.curves import read_metrics

KILLED = Path(warm.__file__).with_name("killed.py")
SMALL = [
    *("trainer.max_epochs=2", "trainer.limit_train_batches=3", "trainer.limit_val_batches=1", "data.cache_dir=cache"),
    *("trainer.limit_test_batches=1", "trainer.log_every_n_steps=1", "trainer.accelerator=cpu"),
    *("trainer.deterministic=true", "trainer.enable_progress_bar=false", "logger.tensorboard=null"),
]
DRAWN = {
    "vae": "tsne",
    "dann": "tsne",
    **dict.fromkeys(("wgan", "adda", "adamatch", "dsn"), "curves"),
}  # what they leave out elsewhere, as it takes a while
COMMANDS = {
    name: [
        *(o for o in options if DRAWN.get(name, "-") not in o),
        *SMALL,
        *(["callbacks.tsne.count=10"] * (name == "vae")),
    ]
    for name, options in METHODS.items()
    if name != "dann in turn"
}
KINDS = ("cache/", "/checkpoints/", "/figures/", "metrics.csv", ".json")
MOMENTS = int(os.environ.get("ADVERSARIA_MOMENTS", "25"))
METHOD_OF = [list(COMMANDS)[number % len(COMMANDS)] for number in range(MOMENTS)]


def run(cwd: Path, *arguments: str, at: int = 0, number: int = 0) -> tuple[int, list[str]]:
    """Run train.py, stop it at a write, and return its status and what it wrote."""
    cwd.mkdir(exist_ok=True)
    log = cwd.parent / f"{cwd.name}.log"
    log.unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KILL_AT", f"{at},{number}")
        patch.setenv("KILL_LOG", str(log))
        done = warm.run(KILLED, arguments, cwd, 100)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, log.read_text(encoding="utf-8").splitlines()


def finished(cwd: Path) -> dict[str, Path]:
    """Return the folders of finished runs, by the job of a sweep."""
    records = [file for file in cwd.rglob("metrics.json") if "metrics" in json.loads(file.read_text(encoding="utf-8"))]
    return {file.parent.name if "sweeps" in file.parts else "": file.parent for file in records}


def contents(folder: Path) -> dict[str, Any]:
    """Return what an unstopped run and one that went on have in common."""
    curves = read_metrics(folder / "metrics.csv")
    curves.pop("perf/images_per_second", None)
    record = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    record.pop("seconds")
    weights = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return {
        "curves": curves,
        "record": record,
        "weights": {name: value.tolist() for name, value in weights.items()},
        "files": sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file() and f.name != ".lock"),
    }


def assert_equal(cwd: Path, expected: Path) -> None:
    ours, theirs = finished(cwd), finished(expected)
    assert len(list(cwd.rglob("metrics.json"))) == len(theirs), "done twice"
    assert ours.keys() == theirs.keys()
    for job, folder in ours.items():
        found, wanted = contents(folder), contents(theirs[job])
        assert [part for part in wanted if found[part] != wanted[part]] == [], (found["files"], wanted["files"])


@pytest.fixture(scope="module")
def unstopped(tmp_path_factory: pytest.TempPathFactory):
    """Folder and writes of a command that was never stopped, made when it is first asked for."""
    done: dict[tuple[str, ...], tuple[Path, list[str]]] = {}

    def of(*command: str) -> tuple[Path, list[str]]:
        if command not in done:
            folder = tmp_path_factory.mktemp("unstopped")
            status, writes = run(folder, *command)
            assert status == 0
            done[command] = folder, writes
        return done[command]

    return of


def moment(writes: list[str], number: int) -> int:
    """Choose a write, counted from 1."""
    kind = KINDS[number % len(KINDS)]
    return random.Random(number).choice([i for i, file in enumerate(writes, 1) if kind in f"/{file}"])


@pytest.mark.parametrize(
    "number",
    [  # the unstopped run of a method is made once
        pytest.param(n, id=f"{n}-{method}", marks=pytest.mark.xdist_group(f"kills of {method}"))
        for n, method in enumerate(METHOD_OF)
    ],
)
def test_a_run_stopped_at_any_moment_goes_on_to_the_same_end(number: int, unstopped, tmp_path: Path) -> None:
    command = COMMANDS[METHOD_OF[number]]
    expected, writes = unstopped(*command)
    stop = (signal.SIGKILL, signal.SIGTERM)[number % 2]
    cwd = tmp_path / "stopped"
    status, before = run(cwd, *command, at=moment(writes, number), number=stop)
    assert status in ((-9,) if stop == signal.SIGKILL else (143, -15)), before[-1:]
    if not finished(cwd):
        status, _ = run(cwd, *command, "ckpt_path=auto")
        assert status == 0
    assert_equal(cwd, expected)


@pytest.mark.xdist_group("kills of a sweep")
@pytest.mark.parametrize("number", range(3))
def test_a_sweep_stopped_at_any_moment_goes_on_with_what_is_missing(number: int, unstopped, tmp_path: Path) -> None:
    command = ["-m", "seed=0,1", *COMMANDS["classifier"]]
    expected, writes = unstopped(*command)
    second = next(i for i, file in enumerate(writes) if "seed=1" in file)
    at = (second, moment(writes, number), random.Random(number).randrange(second, len(writes)))[number]
    cwd = tmp_path / "stopped"
    status, _ = run(cwd, *command, at=at, number=(signal.SIGKILL, signal.SIGTERM)[number % 2])
    assert status
    status, _ = run(cwd, *command)
    assert status == 0
    assert_equal(cwd, expected)


def test_a_sweep_of_joblib_leaves_no_worker_when_killed_and_outlives_a_killed_job(start, tmp_path: Path) -> None:
    command = ["-m", "seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", *COMMANDS["classifier"]]
    command.append("trainer.max_epochs=12")
    process = start(tmp_path, *command)
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("last.ckpt")) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 16
    while processes_of(process.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(process.pid) == []
    again = start(tmp_path, *command)
    said = wait_for(again, "resuming from")
    os.kill(children(again, "LokyProcess")[0], signal.SIGKILL)
    said += again.communicate(timeout=200)[0]
    assert again.returncode == 0, said
    assert said.count("a job's process was killed") == 1
    assert finished(tmp_path).keys() == {"seed=0", "seed=1"}
