"""A command line as people type it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from adversaria.config.as_typed import as_hydra_reads
from adversaria.config.command_lines import value_of
from adversaria.config.errors import ConfigError
from adversaria.config.foreign_errors import describe_error
from adversaria.config.version import version

ODD = ["faces (copy)", "a=b", "x,y", "it's", "{x}", "b[1]", "bär", "a b", "2024", "c:d", "$x", "a#b", "100%", "null"]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("key", ["data.root", "output_root", "data.cache_dir", "ckpt_path", "+data.root"])
def test_a_path_arrives_as_it_was_typed(key: str, name: str) -> None:
    (argument,) = as_hydra_reads([f"{key}=/tmp/{name}"])
    assert value_of(argument) == f"/tmp/{name}"


@pytest.mark.parametrize("name", ["faces (copy)", "a=b", "x,y", "it's", "2024"])
def test_a_path_beside_this_folder_too(name: str) -> None:
    assert value_of(as_hydra_reads([f"data.root={name}"])[0]) == name


def test_what_hydra_reads_stays_as_it_is() -> None:
    typed = [
        *("--cfg", "job", "-sc", "install=bash", "data.root='/my pictures'", "data.root=null", "ckpt_path=last"),
        *("data.root=${output_root}/x", "seed=1", "model=vae", "+x=[1,2]", "labels=[Male]", "labels=null"),
    ]
    assert as_hydra_reads(typed) == typed


def test_options_may_stand_between_overrides() -> None:
    typed = ["model=vae", "-m", "seed=0,1", "--package", "model", "data=digits"]
    assert as_hydra_reads(typed) == ["-m", "--package", "model", "model=vae", "seed=0,1", "data=digits"]


@pytest.mark.parametrize("flag", ["--config-dir", "-cd"])
def test_a_folder_of_groups_becomes_an_override(flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my conf").mkdir()
    monkeypatch.chdir(tmp_path)
    for typed in ([flag, "my conf", "model=mine"], [f"{flag}=my conf", "model=mine"]):
        path, model = as_hydra_reads(typed)
        assert (path.partition("=")[0], model) == ("hydra.searchpath", "model=mine")
        assert value_of(path) == [f"file://{tmp_path}/my conf"]
    with pytest.raises(ConfigError, match=f"^{flag}: there is no folder {tmp_path}/conf$"):
        as_hydra_reads([flag, "conf"])
    with pytest.raises(ConfigError, match=r"^--config-name: a run could not be composed again"):
        as_hydra_reads(["--config-name=mine"])


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    typed = ["data.root=~/data", "output_root=~", "data.cache_dir='~/a b'", "data.root=~nobody_at_all/x", "name=~x"]
    assert as_hydra_reads(typed)[:3] == [
        "data.root=/home/me/data",
        "output_root=/home/me",
        "data.cache_dir='/home/me/a b'",
    ]
    assert as_hydra_reads(["-m", "data.root=~/a,~/b"])[1] == "data.root=/home/me/a,/home/me/b"


def test_labels_need_no_brackets() -> None:
    assert as_hydra_reads(["labels=Smiling,Male", "data.attributes=Male"]) == [
        "labels=[Smiling,Male]",
        "data.attributes=[Male]",
    ]
    assert as_hydra_reads(["-m", "labels=Smiling,Male"]) == ["-m", "labels=[Smiling],[Male]"]
    assert as_hydra_reads(["-m", "labels=[Smiling],[Male]"]) == ["-m", "labels=[Smiling],[Male]"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "gan"], "--model gan: write key=value: model=gan"),
        (["--epochs", "3"], "--epochs 3: write key=value: trainer.max_epochs=3"),
        (["--batch-size=8"], "--batch-size=8: write key=value: data.batch_size=8"),
        (["-cfg", "job"], "-cfg: there is no such option; did you mean --cfg job?"),
        (["--hlep"], "did you mean --help?"),
        (["-x"], "see python train.py --help"),
        (["-m", "seed=0,1", "--cfg", "job"], "--cfg prints one configuration, and -m starts several runs"),
        (["data=/my/pics"], "data=folder data.root=/my/pics"),
        (["data=~/pics", "model=gan"], "python train.py model=gan data=folder "),
    ],
)
def test_what_is_no_option_is_one_sentence(
    arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    with pytest.raises(ConfigError) as error:
        as_hydra_reads(arguments)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", ["my run (2)", "a=b", "it's", "{x", "x[", 'say "hi"', "a\\'b"])
def test_another_value_that_hydra_cannot_read_gets_the_command_to_paste(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    override = f"name={value}"
    monkeypatch.setattr(sys, "argv", ["train.py", "model=vae", override])
    with pytest.raises(Exception) as error:  # noqa: PT011  # Hydra's
        OverridesParser.create().parse_overrides([override])
    sentence = describe_error(error.value)
    assert sentence is not None
    command = sentence.partition("quote it: ")[2]
    *start, pasted = shlex.split(command)
    assert start == ["python", "train.py", "model=vae"]
    assert value_of(pasted) == value


@pytest.mark.parametrize(
    ("arguments", "at", "cure"),
    [
        (
            ["data.root=../my", "pics", "seed=1"],
            1,
            "belongs to data.root=../my, quote both: \"data.root='../my pics'\"",
        ),
        (["model", "=", "gan"], 0, "cannot read 'model'; write model=gan, without spaces"),
        (["-m", "seed=1,", "2"], 1, "cannot read 'seed=1,'; write seed=1,2, without a space after the comma"),
        (["seed=1,"], 0, "if its value is a text, quote it: python train.py \"seed='1,'\""),
        (["gan"], 0, "cannot read 'gan'; write key=value"),
    ],
)
def test_a_space_too_many_is_shown(arguments: list[str], at: int, cure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    with pytest.raises(Exception) as error:  # noqa: PT011  # Hydra's
        OverridesParser.create().parse_overrides([arguments[at]])
    assert cure in str(describe_error(error.value))


def test_the_version_is_ours() -> None:
    text = (Path(__file__).resolve().parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{version().removeprefix("adversaria ")}"' in text
