"""Signals and crashes of whole runs: what is saved, what is said, and with which code the run ends."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from support.processes import children, wait_for

from adversaria.runs.curves import read_metrics

LONG = [
    *("data.reader.train=96", "data.reader.val=24", "data.reader.test=24", "data.batch_size=2"),
    *("model.network.width=4", "model.network.latent_dim=16", "trainer.max_epochs=500"),
    *(
        "callbacks.tsne=null",
        "callbacks.curves=null",
        "callbacks.samples=null",
        "callbacks.reconstructions=null",
    ),
    *("trainer.log_every_n_steps=5", "trainer.enable_progress_bar=false", "trainer.accelerator=cpu"),
]
EPOCH = 48  # iterations
UNVALIDATED = ["trainer.limit_val_batches=0", "callbacks.checkpoint.monitor=null"]
TWO = ["trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu"]


def run_of(folder: Path) -> Path:
    (run,) = (folder / "outputs" / "vae_synthetic_faces").iterdir()
    return run


def iteration_in(run: Path) -> int:
    return int(torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["adversaria"]["iteration"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_saves_says_how_to_go_on_and_gives_its_exit_code(number, start, cli, tmp_path: Path) -> None:
    process = start(tmp_path, *LONG)
    wait_for(process, "epoch 2/")
    time.sleep(0.1)
    process.send_signal(number)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    run = run_of(tmp_path)
    assert f"{number.name}: stopping as soon as everything is saved" in rest
    assert (
        f"stopped; go on with: python {Path(__file__).parents[2] / 'train.py'} ckpt_path={run.relative_to(tmp_path)}"
        in rest
    )
    assert "Traceback" not in rest
    stopped = iteration_in(run)
    assert stopped >= 2 * EPOCH
    more = cli(tmp_path, f"ckpt_path={run.relative_to(tmp_path)}", f"trainer.max_epochs={stopped // EPOCH + 2}")
    assert more.returncode == 0, more.stderr
    logged = read_metrics(run / "metrics.csv")["train/loss"][0]
    assert len(set(logged)) == len(logged)
    assert all(i % 5 == 0 or i % EPOCH == 0 for i in logged)  # no point at the stop, none lost, none twice
    assert set(range(5, logged[-1], 5)) <= set(logged)


@pytest.mark.parametrize(  # both signals have one handler
    ("iterations", "overrides", "number"),
    [
        (1, [], signal.SIGTERM),
        (1, [], signal.SIGINT),
        (1, UNVALIDATED, signal.SIGINT),
        (1, ["trainer.check_val_every_n_epoch=3"], signal.SIGTERM),
        (2, [], signal.SIGINT),
        (2, TWO, signal.SIGTERM),
    ],
)
def test_epochs_of_few_iterations_are_stopped_as_others(
    iterations: int, overrides: list[str], number: int, start, cli, tmp_path: Path
) -> None:
    processes = 2 if overrides is TWO else 1
    size = f"data.batch_size={96 // iterations // processes}"
    process = start(tmp_path, *LONG, size, *overrides, "trainer.max_epochs=100000", "trainer.log_every_n_steps=1001")
    lines = wait_for(process, "epoch 3/").splitlines()
    assert not [line for line in lines if " 0 images/s" in line]
    process.send_signal(number)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number, rest
    assert "stopped; go on with: " in rest
    run, stopped = run_of(tmp_path), iteration_in(run_of(tmp_path))
    assert 3 * iterations <= stopped < 1000
    more = cli(tmp_path, f"ckpt_path={run.relative_to(tmp_path)}", f"trainer.max_epochs={stopped // iterations + 2}")
    assert more.returncode == 0, more.stderr
    assert " 0 images/s" not in more.stderr
    assert iteration_in(run) == (stopped // iterations + 2) * iterations


def test_a_stopped_sweep_says_how_to_go_on_with_all_of_it(start, tmp_path: Path) -> None:
    arguments = ["-m", "seed=0,1", *LONG]
    process = start(tmp_path, *arguments)
    wait_for(process, "epoch 1/")
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    script = Path(__file__).parents[2] / "train.py"
    said = "stopped; go on with the sweep, whose finished jobs are skipped: "
    (command,) = (line.partition(said)[2] for line in rest.splitlines() if said in line)
    assert shlex.split(command)[1:] == [str(script), *arguments]
    assert "seed=1" not in rest.replace(command, "")  # which is never started


def test_a_second_signal_stops_at_once(start, tmp_path: Path) -> None:
    slow = [*LONG, "data.reader.val=600"]
    process = start(tmp_path, *slow)
    wait_for(process, "epoch 1/")  # from here on a first signal waits for the end of an iteration or a validation
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    # the signal itself where the process was at its very end, when nothing of ours runs any more; a shell says 130 then
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in rest


def test_a_signal_before_the_training_ends_the_run_at_once(start, tmp_path: Path) -> None:
    process = start(tmp_path, *LONG, "data.reader.train=200000")
    wait_for(process, "run folder")  # now it makes its data
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "Traceback" not in rest


def test_auto_goes_on_with_the_newest_that_loads_and_names_the_damaged(cli, tmp_path: Path) -> None:
    short = [*LONG, "trainer.max_epochs=1", "data.batch_size=32", "ckpt_path=auto"]
    first = cli(tmp_path, *short)  # nothing there: a new run
    assert first.returncode == 0, first.stderr
    run = run_of(tmp_path)
    last, best = (run / "checkpoints" / f"{name}.ckpt" for name in ("last", "best"))
    shutil.copy(last, best)
    os.utime(best, (1, 1))
    last.write_bytes(last.read_bytes()[:-2000])
    again = cli(tmp_path, *short, "trainer.max_epochs=2")
    assert again.returncode == 0, again.stderr
    assert f"{last.relative_to(tmp_path)} is damaged; looking for an older one" in again.stderr
    assert run_of(tmp_path) == run
    assert iteration_in(run) == 6

    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 255
    last.write_bytes(content)
    named = cli(tmp_path, "ckpt_path=last")
    assert named.returncode == 2
    assert "last.ckpt is damaged; ckpt_path=auto takes the newest undamaged one" in named.stderr


def ended_within(process: subprocess.Popen[str], seconds: float) -> str:
    rest, _ = process.communicate(timeout=seconds)
    return rest


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def assert_gone(pid: int) -> None:
    deadline = time.monotonic() + 60
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(pid), "an orphan"


@pytest.mark.parametrize("killed", ["first", "second"])
def test_a_killed_process_ends_the_other_within_a_minute(killed: str, start, tmp_path: Path) -> None:
    process = start(tmp_path, *LONG, *TWO)
    wait_for(process, "epoch 2/")  # the first one's checkpoint is written by now
    (child,) = children(process)
    os.kill(process.pid if killed == "first" else child, signal.SIGKILL)
    ended_within(process, 60)
    assert process.returncode != 0
    assert_gone(child)
    assert iteration_in(run_of(tmp_path)) >= EPOCH // 2


def test_a_signal_to_any_of_two_processes_stops_both_with_one_checkpoint(start, tmp_path: Path) -> None:
    process = start(tmp_path, *LONG, *TWO)
    wait_for(process, "epoch 1/")
    (child,) = children(process)
    os.kill(child, signal.SIGTERM)
    rest = ended_within(process, 60)
    assert process.returncode == 143, rest
    assert_gone(child)
    stopped = iteration_in(run_of(tmp_path))
    assert stopped % 5 == 0 or stopped % (EPOCH // 2) == 0  # at a logged point or an epoch's end, where they meet
