"""The end of a run in the terminal: the table of test metrics, and the commands below it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adversaria.tools.next_steps import next_steps
from adversaria.tools.results import print_results, print_steps, result_fields

GENERATOR = {
    **{"fid_x": 28.5113, "fid_x_floor": 2.56476, "kid_x": 0.5, "recall_x": 0.25, "is_x": 5.3194},
    **{"accuracy_fake": 0.78611, "accuracy_real": 0.7},
}
CLASSES = {f"accuracy/{'a rather long name of a class ' * (n == 3)}{n}": 0.75 + n / 100 for n in range(12)}
ADAPTED = {"accuracy": 0.8034, **CLASSES, "accuracy_source": 0.93678, "my_metric": 12345.678}


class Sampler:
    """A model that generates images."""

    def noise(self) -> None:
        """Nothing."""

    def sample(self) -> None:
        """Nothing."""


def record(metrics: Mapping[str, Any], **protocol: Any) -> dict[str, Any]:
    return {"metrics": {f"test/{name}": value for name, value in metrics.items()}, "protocol": protocol}


def test_brackets_and_colons_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_results(record({"own/[/old] :smile:": 0.5}), "[/b] split", "run folder  /data/[old]/[/x]")
    said = capsys.readouterr().out
    for text in ("own/[/old] :smile:", "/data/[old]/[/x]", "[/b] split"):
        assert text in said


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("metrics", [GENERATOR, ADAPTED], ids=["generator", "adapted"])
def test_it_fits_the_terminal_and_its_commands_can_be_pasted(tmp_path: Path, columns: int, metrics: Any) -> None:
    pytest.importorskip("pyte", reason="pyte is not installed: pip install -e '.[dev]'")
    pytest.importorskip("termios", reason="there are no pseudo-terminals here")
    from support.screen import Screen

    script = tmp_path / "script.py"
    said = (
        f"print_results({record(metrics, target='b')!r}, 'test')\nprint_steps({{'report': {'python ' + 'a' * 150!r}}})"
    )
    script.write_text(f"from adversaria.tools.results import print_results, print_steps\n{said}\n", encoding="utf-8")
    root = Path(__file__).resolve().parents[3]
    screen = Screen([sys.executable, str(script)], root, columns, COLUMNS="300", PYTHONPATH=str(root))
    screen.screens(60)
    assert screen.code == 0, screen.text
    rule = next(line for line in screen.text.splitlines() if "───" in line)
    assert len(rule.strip()) <= columns
    lines = screen.text.splitlines()
    row = next(line for line in lines if "accuracy on the target" in line or "Fréchet distance" in line)
    assert ("28.5   real images: 2.56" in row) or ("80.3 %   guessing: 8 %" in row)  # not broken
    start = next(number for number, line in enumerate(lines) if line.startswith("report"))
    assert "".join(lines[start:]) == f"report  python {'a' * 150}"  # the terminal's own breaks alone


def test_a_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_steps({"report": "python " + "a" * 300, "generate": "b"})
    assert capsys.readouterr().out.splitlines() == ["", "report    python " + "a" * 300, "generate  b"]


def test_the_line_of_a_job_has_the_same_words() -> None:
    assert result_fields(record(ADAPTED, target="b"))[:2] == [
        "accuracy on the target 80.3 %",
        "accuracy by label, median 80.5 %",
    ]


@pytest.mark.parametrize("active", [True, False])
def test_commands_of_an_odd_folder_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, active: bool) -> None:
    folder = tmp_path / "my runs (1)" / "it's"
    for inside in ("figures", "tensorboard"):
        (folder / inside).mkdir(parents=True)
    (folder / "figures" / "samples_0000001.png").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent if active else tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    steps = next_steps(folder, Sampler)
    assert list(steps) == ["pictures", "report", "generate", "explore", "curves"]
    words = {what: shlex.split(command) for what, command in steps.items()}
    assert [parts[-1] for parts in words.values()] == [f"my runs (1)/it's{end}" for end in ("/figures", "", "", "", "")]
    assert all(Path(words[what][1]).is_file() for what in ("report", "generate", "explore"))
    assert words["report"][0] == ("python" if active else sys.executable)
    if sys.platform == "linux":
        shown = subprocess.run(["bash", "-c", steps["pictures"]], capture_output=True, text=True, check=True)
        assert shown.stdout == "samples_0000001.png\n"


def test_only_what_the_run_has_is_offered(tmp_path: Path) -> None:
    assert list(next_steps(tmp_path, object)) == ["report"]
    assert list(next_steps(tmp_path, Sampler)) == ["report", "generate", "explore"]
