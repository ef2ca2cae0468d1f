"""Values are quoted for Hydra, then for the shell, so that what is printed can be pasted."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adversaria.config import command_lines
from adversaria.config.command_lines import combined, override, overrides_in, pasteable, quoted, value_of

ODD = [
    *(
        "outputs/a",
        "a=b",
        "my runs",
        "runs (1)",
        "it's",
        'say "so"',
        "{x}",
        "b[1]",
        "x,y",
        "über",
        "a\\",
        "a\\'b",
        "$HOME",
    ),
    *(
        "`date`",
        "a!b",
        "null",
        "1e3",
        "0012",
        "~/a",
        "*",
        "a:b",
        "#1",
        "tab\tin",
        " ends ",
        "a;b",
        "",
        "…",
        "%d",
        "a|b&c",
    ),
]


@pytest.mark.parametrize("value", ODD)
def test_hydra_reads_a_quoted_value_as_it_was(value: str) -> None:
    assert value_of(override("data.root", value)) == value


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("value", ODD)
def test_a_shell_gives_back_what_was_pasted(shell: str, value: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    pasted = pasteable("printf", "%s", override("data.root", value))
    done = subprocess.run([shell, "-c", pasted], capture_output=True, text=True, check=True)
    assert value_of(done.stdout) == value


def test_plain_words_stay_as_they_are() -> None:
    assert quoted("outputs/vae/2026-01-02_03-04-05_ab") == "outputs/vae/2026-01-02_03-04-05_ab"
    assert command_lines.resume_command("a b") == "python train.py \"ckpt_path='a b'\""
    assert shlex.split(command_lines.resume_command("it's")) == ["python", "train.py", r"ckpt_path='it\'s'"]


def test_a_command_names_the_script_and_the_interpreter_that_started_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = str(Path(__file__).parents[3] / "train.py")
    assert command_lines.script_command("train.py", "seed=1") == "python train.py seed=1"
    monkeypatch.chdir(tmp_path)
    assert shlex.split(command_lines.script_command("train.py")) == ["python", elsewhere]
    monkeypatch.setenv("PATH", "")  # the environment is not activated
    assert shlex.split(command_lines.resume_command("run")) == [sys.executable, elsewhere, "ckpt_path=run"]
    monkeypatch.chdir(Path(sys.executable).parents[2])
    assert shlex.split(command_lines.script_command("train.py"))[0] == os.path.relpath(sys.executable)


def test_an_interpolation_in_a_name_is_none() -> None:
    from omegaconf import OmegaConf

    assert OmegaConf.create({"root": value_of(override("root", "a${b}"))}).root == "a${b}"


def test_the_overrides_of_a_command_line_are_told_from_its_options() -> None:
    arguments = ["--cfg", "job", "model=vae", "~callbacks.tsne", "+a.b=1", "-m", "data/reader@data.sets.usps=digits"]
    assert overrides_in(arguments) == ["model=vae", "~callbacks.tsne", "+a.b=1", "data/reader@data.sets.usps=digits"]


@pytest.mark.parametrize(
    ("earlier", "later", "both"),
    [
        (["a=1", "b=2"], ["a=3"], ["b=2", "a=3"]),
        (["a=1"], ["~a"], ["~a"]),
        (["~a"], ["a=1"], ["a=1"]),
        (["+a=1"], ["a=2"], ["++a=2"]),
        (["+a=1"], ["~a"], []),
        (["g@x=1"], ["g@y=1"], ["g@x=1", "g@y=1"]),
        (["a=1"], ["a=1"], ["a=1"]),
    ],
)
def test_of_two_command_lines_the_later_one_counts(earlier: list[str], later: list[str], both: list[str]) -> None:
    assert combined(earlier, later) == both
