"""The objective, and whether a run will have the metrics that it is chosen and compared by."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from adversaria.config.errors import ConfigError, options
from adversaria.config.signatures import declares
from adversaria.runs.objective import Objective, check_metrics, objective_of, objective_value


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, None),
        ({"objective": None}, None),
        ({"objective": "val/loss"}, Objective("val/loss", "min")),
        ({"objective": {"metric": "a"}}, Objective("a", "min")),
        ({"objective": {"metric": "a", "mode": "max"}}, Objective("a", "max")),
        ({"objective": "a", "callbacks": {"checkpoint": {"monitor": "a", "mode": "max"}}}, Objective("a", "max")),
        ({"objective": "b", "callbacks": {"checkpoint": {"monitor": "a", "mode": "max"}}}, Objective("b", "min")),
        ({"objective": "a", "callbacks": {"checkpoint": None}}, Objective("a", "min")),
        ({"objective": "test/coverage_inception"}, Objective("test/coverage_inception", "max")),
        ({"objective": "test/fid_inception"}, Objective("test/fid_inception", "min")),
        ({"objective": {"metric": "test/psnr", "mode": "min"}}, Objective("test/psnr", "min")),
    ],
)
def test_the_objective_has_a_direction(config, expected) -> None:
    assert objective_of(config) == expected


def test_its_value_is_measured_or_the_last_that_was_logged(tmp_path: Path) -> None:
    config = {"objective": {"metric": "val/loss", "mode": "min"}}
    assert objective_value(config, {"val/loss": 0.5}, tmp_path) == 0.5
    (tmp_path / "metrics.csv").write_text("iteration,metric,value\n1,val/loss,3\n2,val/loss,2\n", encoding="utf-8")
    assert objective_value(config, {}, tmp_path) == 2
    assert objective_value({"objective": None}, {}, tmp_path) is None
    with pytest.raises(ConfigError, match=r"objective=val/los: this run has no such metric; did you mean val/loss\?"):
        objective_value({"objective": "val/los"}, {}, tmp_path)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["objective=val/psnrr"], "objective=val/psnrr: this run logs no such metric"),
        (
            ["callbacks.checkpoint.monitor=val/los"],
            "monitor=val/los: this run logs no such metric",
        ),
        (["callbacks.checkpoint.monitor=test/loss"], "callbacks.checkpoint.monitor=test/loss: this run logs no such"),
        (["callbacks.checkpoint.monitor=loss"], "did you mean val/loss or train/loss"),
        (
            ["trainer.limit_val_batches=0"],
            "monitor=val/loss is never measured, because of trainer.limit",
        ),
        (["trainer.limit_val_batches=0.0"], "is never measured"),
        (["trainer.max_epochs=2", "trainer.check_val_every_n_epoch=3"], "trainer.check_val_every_n_epoch=3 with"),
        (["objective=test/psnr", "test=null"], "objective=test/psnr is never measured, because of test=null"),
        (["objective=test/psnr", "trainer.limit_test_batches=0"], "because of trainer.limit_test_batches=0"),
        (
            ["objective=test/psnr", "callbacks.reconstruction_metrics=null"],
            "test/psnr: this run logs no such",
        ),
        (["model=gan", "objective=val/loss"], "objective=val/loss: this run logs no such metric"),
        (["model=wgan", "objective=val/accuracy_real"], "objective=val/accuracy_real: this run logs no such metric"),
        (["model=gan", "objective=test/kid_inception"], "objective=test/kid_inception: this run logs no such metric"),
        (["model=classifier", "objective=test/accuracy/Smilin"], "did you mean test/accuracy/Smiling"),
        (["model=gan", "test=best"], "test=best: nothing keeps the best"),
        (["objective={metric:val/los,mode:max}"], "objective=val/los: this run logs no such metric"),
    ],
)
def test_a_metric_that_will_not_be_there_is_refused(compose, overrides: list[str], expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_metrics(compose(*overrides))
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["objective=test/psnr"],
        ["objective=test/loss", "callbacks.checkpoint.monitor=null", "trainer.limit_val_batches=0"],
        ["model=gan", "objective=health/diversity"],
        ["model=wgan", "objective=val/wasserstein"],
        ["model=acgan", "objective=val/label_accuracy_real"],
        ["model=gan", "metrics=inception", "objective=test/kid_inception"],
        ["model=classifier", "objective=test/accuracy/Smiling", "callbacks.checkpoint.monitor=val/accuracy"],
        ["model=dann", "data=digits_mnist5k", "callbacks.checkpoint.monitor=val/target_entropy"],
        ["model=dann", "data=digits_mnist5k", "objective=test/accuracy/3"],
        ["objective=perf/images_per_second", "callbacks.checkpoint.monitor=train/loss"],
    ],
)
def test_a_metric_that_will_be_there_is_taken(compose, overrides: list[str]) -> None:
    check_metrics(compose(*overrides))


@pytest.mark.parametrize(
    ("metric", "refused"),
    [
        ("test/accuracy", True),
        ("test/accuracy/3", True),
        ("test/accuracy_oracle", True),
        ("val/oracle_accuracy", True),
        ("test/accuracy_source", False),
        ("val/accuracy", False),
    ],
)
def test_what_needs_labels_of_a_target_that_has_none_is_refused(compose, metric: str, refused: bool) -> None:
    config = compose("model=dann", "data=digits_mnist5k", f"objective={metric}")
    check_metrics(config)
    expected = f"^objective={metric} is never measured, because the target has no labels; set objective=null, or give"
    with pytest.raises(ConfigError, match=expected) if refused else contextlib.nullcontext():
        check_metrics(config, labelled=False)


def test_a_model_that_says_nothing_of_its_metrics_can_have_any(compose) -> None:
    config = compose("objective=val/of_my_own", "callbacks.checkpoint.monitor=null")
    config["model"]["_target_"] = "lightning_modules.single_optimizer.SingleOptimizerModule"
    assert not declares(config["model"]["_target_"], "logs")
    check_metrics(config)


def test_every_model_says_what_it_logs(compose) -> None:
    for model in options("model"):
        assert declares(compose(f"model={model}")["model"]["_target_"], "logs"), model
