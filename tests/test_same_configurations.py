"""Every experiment, model and data set composes as in version 0.1.0, but for the names that have changed since."""

import json
from pathlib import Path
from typing import Any

import pytest

from adversaria.config.errors import options
from adversaria.config.renamed import renamed
from adversaria.tools.compose import compose

#: Command line -> the plain configuration that version 0.1.0 composed, with name=NAME and run_dir=RUN.
SAVED: dict[str, Any] = json.loads(
    (Path(__file__).parent / "fixtures" / "configurations_0.1.0.json")
    .read_text(encoding="utf-8")
    .replace('"labels that count"', '"pseudo-label rate"')  # the title of a panel, which nothing refers to
)
LATER = {"init_from": None}  # keys of the top level that came later, with the values that change nothing
#: Data sets with another augmentation since, and what gives them the former one.
AUGMENTED = {
    f"data={pair}" for pair in ("usps_svhn", "mnist_svhn", "mnistm_svhn", "svhn_usps", "svhn_mnist", "svhn_mnistm")
}
UNMEASURED = "metrics=none"  # the default of then, of all data
FORMER = ("data/augmentation=colour", "data.target_augmentation=null")
#: Network, learning rate and epochs that the VAE had, whose default is another one since.
FORMER_VAE = ("model/network=strided_vae", "model.optimizer.lr=1e-3", "trainer.max_epochs=5")
#: Pairs that are trained for more epochs since.
LONGER = {"data=digits_mnist5k", "data=mnist5k_blended"}
#: Callbacks that came later, by the one that those of their models had.
LATER_CALLBACKS = {"reconstruction_metrics": "latent_mixture"}
LATER_SWITCHES = {"tf32": False, "share_gpu": False}  # of performance
FORMER_COUNT, COUNT = 1000, 500  # images of each domain in the t-SNE of two domains
LATER_OF_GANS = {"r2": 0.0, "augment": []}  # of the models that have r1


@pytest.mark.parametrize("overrides", list(SAVED))
def test_a_command_line_composes_as_before(overrides: str) -> None:
    former = [
        *(FORMER if AUGMENTED & set(overrides.split()) else ()),
        *(FORMER_VAE if "model=vae" in overrides.split() else ()),
        *(["trainer.max_epochs=5"] if LONGER & set(overrides.split()) else []),
        *([] if "metrics=" in overrides else [UNMEASURED]),
    ]
    now = compose("run_dir=RUN", "name=NAME", *overrides.split(), *former)
    then = renamed(SAVED[overrides])
    then["performance"] = {**LATER_SWITCHES, **then["performance"]}
    if "r1" in then["model"]:
        then["model"] = {**LATER_OF_GANS, **then["model"]}
    if (tsne := then["callbacks"].get("tsne")) and tsne["count"] == FORMER_COUNT:
        tsne["count"] = COUNT
    for known, later in LATER_CALLBACKS.items():
        if known in then["callbacks"]:
            del now["callbacks"][later]
    assert now == {**LATER, **then}


def test_every_choice_of_then_is_there_still() -> None:
    for group in ("experiment", "model", "data"):
        chosen = {part.removeprefix(f"{group}=") for line in SAVED for part in line.split() if part.startswith(group)}
        assert chosen
        assert chosen <= set(options(group))


def test_the_comparison_sees_a_changed_value_and_a_new_key() -> None:
    saved = renamed(SAVED["model=dann data=usps_mnistm"])
    assert saved != renamed({**SAVED["model=dann data=usps_mnistm"], "seed": 1})
    assert saved["model"]["domain_discriminator"]["width"] == 256  # mapped from `discriminator`
    assert saved["data"]["sets"]["usps"]["_target_"] == "datamodules.readers.usps.USPS"  # from `sources`
