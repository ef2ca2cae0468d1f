"""What a person sees of a run: the screen of a pseudo-terminal is replayed, at several widths."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import warm

pytest.importorskip("pyte", reason="pyte is not installed: pip install -e '.[dev]'")
pytest.importorskip("termios", reason="there are no pseudo-terminals here")
from support.screen import Screen

pytestmark = pytest.mark.faults  # each run is a process of its own, which imports torch
ROOT = Path(__file__).resolve().parents[1]
RUN = [
    *("data.reader.train=96", "data.reader.val=24", "data.reader.test=24", "data.batch_size=16"),
    *("model.network.width=4", "model.network.latent_dim=16", "trainer.log_every_n_steps=1"),
    *("callbacks.tsne=null", "callbacks.curves=null", "callbacks.samples=null", "callbacks.reconstructions=null"),
    *("trainer.accelerator=cpu", "trainer.max_epochs=3"),
]
TRAIN = [sys.executable, str(ROOT / "train.py")]
#: Of other packages, which have nothing to say to who trains a model.
ADVERTS = ["Lightning", "litlogger", "wandb", "tip:", "💡", "TPU", "ipywidgets", "Warning", "Trainer.fit"]


def entries(screen: str) -> list[str]:
    """Return the lines of the log that tell of an epoch."""
    return re.findall(r"^.*\[[\d:]{8}\] epoch (\d+/\d+)  loss .*$", screen, re.MULTILINE)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_one_display_below_the_epochs_and_nothing_of_it_stays(tmp_path: Path, columns: int) -> None:
    screen = Screen([*TRAIN, *RUN], tmp_path, columns, COLUMNS="80")  # of a shell that was resized
    screens = screen.screens()
    assert screen.code == 0, screen.text
    assert entries(screen.text) == ["1/3", "2/3", "3/3"]
    assert not re.search("^(epoch|test|reading) ", screen.text, re.MULTILINE)
    assert not [advert for advert in ADVERTS if advert in screen.text]
    table, _, then = screen.text.partition("results of the last weights")[2].partition("lower is better.")
    assert re.search(r"MSE, latents at their means ↓ +\S+ +pixels from -1 to 1", table) or columns == 60
    assert "KLD, divergence" in table
    assert max(map(len, table.splitlines())) <= columns
    commands = "".join(then.split())  # the terminal breaks them, so that a paste has no line ends
    (run,) = (tmp_path / "outputs" / "vae_synthetic_faces").iterdir()
    for entry in ("report.py", "generate.py", "explore.py", "-mtensorboard.main--logdir"):
        assert f"{entry}{run.relative_to(tmp_path)}" in commands
    assert not screen.cursor_is_hidden
    displays = [re.findall(r"^epoch (\d)/3 .*? (\d+)/18\b.*$", shown, re.MULTILINE) for shown in screens]
    assert max(map(len, displays)) == 1  # never two
    last = [shown for shown, display in zip(screens, displays, strict=True) if display][-1].splitlines()
    assert re.match(r"epoch 3/3 \S+ 18/18  \d+ images/s( |$)", last[-2])
    assert ("0:00:00 left" in last[-2]) == (columns >= 60)
    assert "loss " in last[-1]
    for shown in screens:  # what is counted in the display is what the log counts
        current = re.search(r"^epoch (\d)/3 .* (\d+)/18\b", shown, re.MULTILINE)
        assert current is None or int(current[2]) in range(6 * int(current[1]) - 6, 6 * int(current[1]) + 1)


def test_piped_there_are_plain_lines(tmp_path: Path) -> None:
    done = warm.run(ROOT / "train.py", RUN, tmp_path, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert done.stderr == ""
    lines = [line for line in done.stdout.splitlines() if "epoch " in line]
    assert len(lines) == 3
    assert re.fullmatch(
        r"\[.{8}\] epoch 3/3  loss \S+  val loss \S+  \d+ images/s  0:00:00 left  iteration 18", lines[-1]
    )


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_each_line_of_a_job_of_a_sweep_begins_with_its_name(tmp_path: Path, launcher: str) -> None:
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="hydra-joblib-launcher is not installed")
    command = [*TRAIN, *RUN, "-m", "seed=0,1", f"hydra/launcher={launcher}", "trainer.max_epochs=2"]
    screen = Screen(command, tmp_path, 80)
    screens = screen.screens()
    assert screen.code == 0, screen.text
    for job in ("seed=0", "seed=1"):
        lines = [line for line in screen.text.splitlines() if line.startswith(f"{job}  [")]
        assert entries("\n".join(lines)) == ["1/2", "2/2"]
        assert "] test  " in lines[-1]
    assert screen.text.count("] epoch") == 4  # none is without a name
    assert any(re.search(r"^epoch 2/2 .*\nseed=1  ", shown, re.MULTILINE) for shown in screens) == (launcher == "basic")
    assert not [advert for advert in ADVERTS if advert in screen.text]


def test_ctrl_c_leaves_the_log_and_the_command_to_resume(tmp_path: Path) -> None:
    screen = Screen([*TRAIN, *RUN, "trainer.max_epochs=500"], tmp_path, 80)
    screen.wait_for("] epoch 2/500", "images/s")
    screen.press(b"\x03")
    screens = screen.screens()
    assert screen.code == 130, screen.text
    assert "SIGINT: stopping as soon as everything is saved; a second signal stops at once\n" in screen.text
    command = f"stopped; go on with: python {ROOT / 'train.py'} ckpt_path=outputs"
    assert command in screen.text.replace("\n", "")  # a long one goes over several lines
    assert not re.search("^epoch ", screen.text, re.MULTILINE)
    assert not screen.cursor_is_hidden
    assert all(len(re.findall("^epoch ", shown, re.MULTILINE)) <= 1 for shown in screens)


def test_in_tmux(tmp_path: Path) -> None:
    tmux = shutil.which("tmux")
    if tmux is None:
        pytest.skip("tmux is not installed: apt-get install tmux")
    server = [tmux, "-f", "/dev/null", "-S", str(tmp_path / "tmux")]
    command = " ".join(f"'{word}'" for word in [*TRAIN, *RUN])
    subprocess.run(
        [*server, "new-session", "-d", "-x", "80", "-y", "50", f"{command}; echo ended; sleep 100"],
        cwd=tmp_path,
        check=True,
    )
    try:
        shown, until = [""], time.monotonic() + 200
        while "ended" not in shown[-1] and time.monotonic() < until:
            time.sleep(0.2)
            pane = subprocess.run([*server, "capture-pane", "-p"], capture_output=True, text=True, check=True)
            shown.append(pane.stdout)
    finally:
        subprocess.run([*server, "kill-server"], check=True)
    assert entries(shown[-1]) == ["1/3", "2/3", "3/3"]
    assert not re.search("^epoch ", shown[-1], re.MULTILINE)
    assert any(re.search("^epoch . *", pane, re.MULTILINE) for pane in shown)
