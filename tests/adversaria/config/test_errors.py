import io
import signal
from typing import Annotated, Any

import msgspec
import pytest

from adversaria.config import errors
from adversaria.config.command_lines import given_from_python
from adversaria.config.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    UserError,
    one_sentence_errors,
    options,
    suggest,
)
from adversaria.config.foreign_errors import JOBLIB_KILLED, SUBMITIT_KILLED, describe_conversion, describe_error
from adversaria.tools import compose


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("celba", ["celeba", "lab_faces"], "; did you mean celeba?"),
        ("CELEBA", ["celeba", "lab_faces"], "; did you mean celeba?"),
        ("male", ["Male", "Smiling"], "; did you mean Male?"),
        ("wide", ["strided_vae", "wide_vae"], "; did you mean wide_vae?"),  # a part of the name
        ("xyz", ["b", "a"], "; known: a, b"),
        ("xyz", [f"name{i:02d}" for i in range(17)], ""),
        ("xyz", [f"name{i:02d}" for i in range(16)], "; known: " + ", ".join(f"name{i:02d}" for i in range(16))),
        ("xyz", [], ""),
    ],
)
def test_suggest(name, known, expected):
    assert suggest(name, known) == expected


def test_suggest_names_at_most_as_many_as_asked_nearest_first():
    known = ["batch_size", "batch_sizes", "batch_side", "batches"]
    assert suggest("batch_sise", known, limit=2) == "; did you mean batch_size or batch_side?"
    assert suggest("batch", [f"batch_{i}_of_many" for i in range(9)]).count(" or ") == 2


def test_options_lists_the_choices_of_a_group():
    assert set(options("data")) >= {"celeba", "lab_faces", "synthetic_faces"}
    assert set(options("experiment")) >= {"report_a/vae", "report_b/vae", "report_c/vae"}
    assert "_faces" not in options("data")
    assert options("no_such_group") == []


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("data=celba", ["data=celba: there is no such data", "did you mean celeba"]),
        ("model=vea", ["model=vea: there is no such model", "did you mean vae"]),
        ("model/network=wide", ["model/network=wide: there is no such network", "did you mean wide_vae"]),
        ("experiment=report_a/vea", ["experiment=report_a/vea: there is no such experiment", "report_a/vae"]),
        ("data.batchsize=3", ["data.batchsize: there is no such key; did you mean data.batch_size=3?"]),
        ("modle.lambda_kl=1", ["modle.lambda_kl: there is no such key; did you mean model.lambda_kl=1?"]),
        ("batch_size=3", ["batch_size: there is no such key; did you mean data.batch_size=3?"]),
        ("callbacks.samples.row=3", ["did you mean callbacks.samples.rows=3?"]),
        ("datas=celeba", ["datas: there is no such key; did you mean data=celeba?"]),
        ("lamda_kl=1e-5", ["lamda_kl: there is no such key; did you mean model.lambda_kl=1e-5?"]),
        ("xyzzy=1", ["xyzzy: there is no such key; see --cfg job for all keys"]),
        ("data.root=/x", ["the chosen data has no key 'root'", "data=celeba", "data=lab_faces"]),
        (
            "data.reader.val_fraction=0.1",
            ["the chosen data has no key", "belongs to data=lab_faces"],
        ),
        ("data.batch_size", ["cannot read 'data.batch_size'; write key=value"]),
        ("data.batch_size=[1,", ["cannot read 'data.batch_size=[1,'"]),
        ("data.batch_size=a=b", ["cannot read 'data.batch_size=a=b'"]),
        ("~data.nothing", ["data.nothing"]),
        ("+data=celeba", ["Multiple values for data"]),
        ("seed=${nothing}", ["nothing", "not found"]),
        ("seed=???", ["seed"]),
        ("model/domain_discriminator=mlp", ["the chosen model has no model/domain_discriminator; choose a model"]),
        ("data=null", ["a group needs a choice"]),
        ("trainer=null", ["a group needs a choice"]),
        ("data=" + 300 * "x", ["there is no such data"]),
        ("callbacks.samples=[1]", ["Error merging override callbacks.samples=[1] (Cannot merge DictConfig with ListC"]),
        ("trainer=[null]", ["these overrides cannot be composed", "check the choices of groups"]),
        ("hydra/launcher=[1,2]", ["these overrides cannot be composed"]),
        ("hydra/launcher=../x", ["hydra/launcher/..=x: there is no such .."]),
    ],
)
def test_what_hydra_finds_wrong_is_explained_in_one_line(compose, override, expected):
    with pytest.raises(Exception) as error:  # noqa: PT011
        compose(override)
    with given_from_python([override]):  # as on a command line, which a cure repeats
        sentence = describe_error(error.value)
    assert sentence is not None
    assert "\n" not in sentence
    for part in expected:
        assert part in sentence


def test_a_key_of_another_architecture_is_not_suggested_for_itself(compose):
    with pytest.raises(Exception, match="width") as error:
        compose("model/network=strided_vae", "model.network.width=3")  # of wide_vae
    sentence = describe_error(error.value)
    assert "did you mean model.network.width" not in sentence
    assert "wide_vae" in sentence


def test_a_user_error_inside_a_resolver_keeps_its_own_words(monkeypatch):
    from omegaconf import OmegaConf

    compose.register_resolvers()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    config = OmegaConf.create({"dir": "${run_dir:of_this_test,name}"})
    with pytest.raises(Exception, match="torchrun") as error:
        _ = config.dir
    assert not isinstance(error.value, UserError)
    assert describe_error(error.value).startswith("torchrun: its processes need a common name")


def test_what_lightning_finds_wrong_is_explained_in_one_line():
    from pytorch_lightning import Trainer

    with pytest.raises(Exception, match="max_epochs") as error:
        Trainer(max_epochs=-2, logger=False)
    assert describe_error(error.value) == " ".join(str(error.value).split())


KILLED = "a job's process was killed; out of memory? run again: finished jobs are skipped"


def test_a_killed_job_of_joblib_is_explained():
    joblib = pytest.importorskip("joblib", reason="joblib is not installed: pip install -e '.[sweep]'")
    with pytest.raises(Exception, match="terminated") as error:
        joblib.Parallel(n_jobs=2)(joblib.delayed(signal.raise_signal)(signal.SIGKILL) for _ in range(2))
    assert type(error.value).__name__ == JOBLIB_KILLED
    assert describe_error(error.value) == KILLED


def test_a_killed_job_of_submitit_is_explained():
    assert describe_error(type(SUBMITIT_KILLED, (RuntimeError,), {})("signal 9\nand a log")) == KILLED
    utils = pytest.importorskip("submitit.core.utils", reason="submitit is not installed: pip install -e '.[sweep]'")
    assert hasattr(utils, SUBMITIT_KILLED)


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyError("x"), TypeError("y"), ValueError("z")])
def test_other_errors_are_not_explained(error):
    assert describe_error(error) is None


@pytest.mark.parametrize("kind", [UserError, ConfigError, DataError, CheckpointError])
def test_a_user_error_becomes_one_line_and_status_2(kind, capsys):
    with pytest.raises(SystemExit) as ended, one_sentence_errors():
        raise kind("the thing is missing; get it")
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.err == "error: the thing is missing; get it\n"
    assert captured.out == ""


def test_a_hydra_error_becomes_one_line_and_status_2(compose, capsys):
    with pytest.raises(SystemExit) as ended, one_sentence_errors():
        compose("data=celba")
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: data=celba: there is no such data; did you mean celeba?\n"


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_unexpected_exceptions_propagate(error, capsys):
    with pytest.raises(type(error)) as raised, one_sentence_errors():
        raise error
    assert raised.value is error
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("suppressed", [False, True])
def test_a_bug_met_while_handling_a_user_error_is_not_hidden_behind_it(suppressed):
    def handle():
        try:
            raise DataError("no data")
        except DataError:
            if suppressed:
                raise RuntimeError("bug in the handler") from None
            raise RuntimeError("bug in the handler")  # noqa: B904

    with pytest.raises(RuntimeError, match="bug in the handler"), one_sentence_errors():
        handle()


def test_no_error_no_effect(capsys):
    with one_sentence_errors():
        pass
    assert capsys.readouterr().err == ""


def test_fail_leaves_with_status_2(capsys):
    with pytest.raises(SystemExit) as ended:
        errors.fail("so it is")
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: so it is\n"


def test_a_text_of_others_is_one_line_that_steers_no_terminal(capsys):
    with pytest.raises(SystemExit):
        errors.fail("name=a\nb\x1b[2J\x9b\x00")
    assert capsys.readouterr().err == "error: name=a b?[2J??\n"


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("x", int, "expected int, got str"),
        (-1, Annotated[int, msgspec.Meta(ge=0)], "expected int >= 0"),
        ([0.5, 2.0], tuple[float, Annotated[float, msgspec.Meta(lt=1)]], "expected float < 1.0 at [1]"),
        ("x", int | dict[str, Any], "expected int or a component, got str"),
    ],
)
def test_what_msgspec_expects_is_said_without_its_marks(value: Any, kind: Any, expected: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(value, kind)
    assert describe_conversion(refused.value) == expected


def test_letters_that_the_terminal_lacks_are_printed_as_question_marks(monkeypatch):
    terminal = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(terminal, encoding="ascii"))
    with one_sentence_errors():
        print("1 • 2", flush=True)
    assert terminal.getvalue() == b"1 ? 2\n"
