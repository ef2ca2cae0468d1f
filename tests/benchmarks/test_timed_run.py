import gc
import json
import sys
from pathlib import Path

import pytest

from benchmarks import startup, timed_run
from benchmarks.suite import Trial

TRAIN = """
import sys
from pathlib import Path
from pytorch_lightning.profilers import PassThroughProfiler

def work(loops):
    return sum(range(loops))

profiler = PassThroughProfiler()
with profiler.profile("[Callback]Figures.on_fit_start"):
    work(3_000_000)
for loops in (1, 2):
    with profiler.profile("run_training_batch"):
        work(loops)
    with profiler.profile("[Callback]Summary.on_train_epoch_end"):
        import wasted
with profiler.profile("[Callback]Figures.on_train_end"):
    work(3_000_000)
sys.exit(0 if sys.argv == ["train.py", "model=vae"] else 1)
"""


@pytest.fixture
def noted(tmp_path, monkeypatch):
    """Time a program that is called train.py; return what was noted."""
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    (tmp_path / "wasted.py").write_text("sum(range(3_000_000))", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "argv", [])
    try:
        with pytest.raises(SystemExit, match="0"):
            timed_run.main("noted.json", ["model=vae"])
    finally:
        gc.enable()
    return json.loads((tmp_path / "noted.json").read_text(encoding="utf-8"))


def test_the_parts_of_a_run_are_timed_before_its_first_step_and_after_its_last_without_imports(noted):
    (first, before), (last, until), (end, imports) = (noted["marks"][m] for m in ("first step", "last step", "end"))
    assert first < last < end
    assert before < until == imports  # `wasted` is imported between both steps
    assert list(noted["before"]) == ["[Callback]Figures.on_fit_start"]
    assert noted["after"]["[Callback]Figures.on_train_end"] > noted["after"]["[Callback]Summary.on_train_epoch_end"]
    assert noted["before"]["[Callback]Figures.on_fit_start"] <= first - before


def test_a_row_has_the_longer_side_and_the_parts_that_take_long(monkeypatch):
    noted = {
        "marks": {"first step": [9.0, 4.0], "last step": [9.5, 4.0], "end": [17.0, 5.0]},
        "before": {"[Callback]A{'x': 1}.setup": 0.2, "[Callback]B.setup": 0.05},
        "after": {"[Callback]C.on_train_end": 6.0},
    }
    runs = []

    def run(command, **_):
        runs.append(command)
        Path(command[3]).write_text(json.dumps(noted), encoding="utf-8")

    monkeypatch.setattr(startup.subprocess, "run", run)
    trial = Trial()
    assert startup.around_the_steps(["model=vae"], trial) == 6.5
    assert len(runs) == 2  # the first reads the data into the cache
    assert trial.notes == {
        "before the first step, s": 5.0,
        "after the last step, s": 6.5,
        "imports, s": 5.0,
        "before: [Callback]A, s": 0.2,
        "after: [Callback]C.on_train_end, s": 6.0,
    }
