import contextlib
import copy
import functools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adversaria.config import signatures, types
from adversaria.config.errors import ConfigError
from adversaria.config.schema import check
from adversaria.config.signatures import Component, signature

ROOT = Path(__file__).resolve().parents[3]
WARMUP = {
    "_target_": "lightning_modules.schedules.linear_warmup",
    "_partial_": True,
    "end": 1e-4,
    "iterations": 100,
}


@pytest.fixture(scope="module")
def default(compose):
    return compose()


@pytest.fixture
def changed(default):
    """The default configuration with one key set to another value, or removed for `...`."""

    def change(path, value):
        config = copy.deepcopy(default)
        *parents, key = path.split(".")
        node = config
        for parent in parents:
            node = node[parent]
        if value is ...:
            del node[key]
        else:
            node[key] = value
        return config

    return change


@pytest.fixture
def refusal(changed):
    """The sentence with which a changed configuration is refused."""

    def refused(path, value):
        with pytest.raises(ConfigError) as error:
            check(changed(path, value))
        text = str(error.value)
        assert "\n" not in text
        return text

    return refused


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["data=celeba"],
        ["data=lab_faces", "data.root=/somewhere"],
        ["model/network=wide_vae", "data.value_range=[0,1]"],
        ["model/network=tanh_bottleneck_vae"],
        ["experiment=report_a/vae"],
        ["experiment=report_b/vae"],
        ["experiment=report_c/vae"],
        ["callbacks.tsne=null", "test=null", "objective=null"],
    ],
    ids=" ".join,
)
def test_what_the_repository_offers_is_accepted(compose, overrides):
    check(compose(*overrides))


def test_checking_changes_nothing(default):
    before = copy.deepcopy(default)
    check(default)
    assert default == before


def test_checking_imports_no_torch():
    script = """
import sys
from hydra import compose, initialize_config_dir
from adversaria.config import containers, schema
from adversaria.tools.compose import register_resolvers
register_resolvers()
with initialize_config_dir(sys.argv[1], version_base="1.3"):
    config = containers.plain(compose("train", overrides=["name=x", "run_dir=/tmp/x"]))
schema.check(config)
print(sorted({m.split(".")[0] for m in sys.modules} & {"torch", "torchvision", "pytorch_lightning", "matplotlib"}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT / "conf")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("data.batch_size", "many", "data.batch_size='many': expected int, got str"),
        ("data.batch_size", 12.5, "data.batch_size=12.5: expected int, got float"),
        ("data.batch_size", 128.0, "data.batch_size=128.0: expected int, got float"),
        ("data.batch_size", True, "data.batch_size=True: expected int, got bool"),
        ("data.batch_size", None, "data.batch_size=None: expected int, got null"),
        ("data.horizontal_flip", 1, "data.horizontal_flip=1: expected bool, got int"),
        ("data.cache_dir", 3, "data.cache_dir=3: expected str, got int"),
        ("data.attributes", "Male", "data.attributes='Male': expected list"),
        ("data.attributes", ["Male", 3], "expected str, got int at [1]"),
        ("data.value_range", [0, 1, 2], "expected list of length 2, got 3"),
        ("model.lambda_kl", "big", "model.lambda_kl='big': expected one of float, a component, 'auto'"),
        ("model.lambda_kl", False, "model.lambda_kl=False: expected one of float, a component, 'auto'"),
        ("model.network", 5, "model.network=5: expected"),
        ("model.network", None, "model.network=None: expected"),
        ("seed", "0", "seed='0': expected int, got str"),
        ("performance.keep_memory", "yes", "expected bool, got str"),
    ],
)
def test_a_wrong_type_is_named_with_the_right_one(refusal, path, value, expected):
    assert expected in refusal(path, value)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("data.batch_size", 0, "data.batch_size=0: expected int >= 1"),
        ("data.seed", -1, "data.seed=-1: expected int >= 0"),
        ("data.reader.train", 0, "data.reader.train=0: expected int >= 1"),
        ("model.lambda_kl", -1e-3, "model.lambda_kl=-0.001: expected float >= 0"),
        ("callbacks.samples.rows", 0, "callbacks.samples.rows=0: expected int >= 1"),
        ("callbacks.samples.every_n_epochs", -1, "expected int >= 0"),
        ("seed", -1, "seed=-1: expected int >= 0"),
        ("name", "", "name='': expected str of length >= 1"),
    ],
)
def test_a_value_out_of_range_is_named_with_the_range(refusal, path, value, expected):
    assert expected in refusal(path, value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("path", ["model.lambda_kl", "model.optimizer.lr", "callbacks.curves.smoothing"])
def test_numbers_that_are_not_finite_are_refused(refusal, path, value):
    assert refusal(path, value) == f"{path}={value}: expected a finite number"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.value_range", [float("nan"), 1.0]),
        ("data.value_range", [0.0, float("inf")]),
        ("model.optimizer.betas", [0.9, float("nan")]),
        ("model.lambda_kl", WARMUP | {"end": float("inf")}),
        (
            "model.lambda_kl",
            {
                "_target_": "lightning_modules.schedules.piecewise",
                "_partial_": True,
                "milestones": [[0, 1e-5], [10, float("nan")]],
            },
        ),
    ],
    ids=["nan in a range", "inf in a range", "betas", "schedule", "milestones"],
)
def test_numbers_that_are_not_finite_are_refused_inside_containers(refusal, path, value):
    assert path in refusal(path, value)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("data.on_bad_image", "skp", "data.on_bad_image='skp': expected one of 'error', 'skip'"),
        ("model.kld_reduction", "max", "model.kld_reduction='max': expected one of 'sum', 'mean'"),
        ("trainer.accelerator", "gup", "'gpu'"),
        ("trainer.precision", "bf16", "'bf16-mixed'"),
        ("test", "first", "test='first': expected one of 'last', 'best'"),
    ],
)
def test_a_choice_outside_the_list_names_the_list(refusal, path, value, expected):
    assert expected in refusal(path, value)


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("data.batchsize", "batch_size"),
        ("data.reader.trian", "train"),
        ("model.lambda_k", "lambda_kl"),
        ("model.network.latent_dims", "latent_dim"),
        ("callbacks.tsne.attribute", "attributes"),
        ("logger.csv.folders", "folder"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(refusal, path, nearest):
    text = refusal(path, 1)
    assert text.startswith(f"{path}: ")
    assert "has no such key" in text
    assert nearest in text.partition("has no such key")[2]


def test_an_unknown_key_of_performance_is_refused(refusal):
    assert "channel_last" in refusal("performance.channel_last", True)


@pytest.mark.parametrize("path", ["model.network", "model.optimizer", "data.reader", "logger.csv.folder"])
def test_a_missing_required_key_is_named(refusal, path, default):
    assert refusal(path, ...).startswith(f"{path} is missing: ")


def test_a_partial_may_leave_required_keys_open(changed):
    check(changed("model.lambda_kl", WARMUP))
    check(changed("model.lambda_kl", {"_target_": WARMUP["_target_"], "_partial_": True}))


@pytest.mark.parametrize("target", ["os.system", "builtins.eval", "torch.load", "subprocess.Popen", "", 5, ["x"]])
def test_a_target_outside_the_allowed_packages_is_refused(refusal, target):
    text = refusal("model._target_", target)
    assert text.startswith(f"model._target_={target} is not allowed; a target in model is one of ")
    assert "lightning_modules.*" in text


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("lightning_modules.vea.VAE", "there is no module lightning_modules.vea; did you mean vae"),
        ("lightning_modules.vae.VEA", "lightning_modules.vae has no VEA; did you mean VAE?"),
        ("lightning_modules.networks.vae.StridedVae", "did you mean StridedVAE"),
        ("lightning_modules.vae.torch", "lightning_modules.vae has no torch"),
        ("lightning_modules.vae.reparameterize", "has no reparameterize"),
    ],
)
def test_an_unknown_module_or_class_is_named_with_the_nearest(refusal, target, expected):
    text = refusal("model._target_", target)
    assert f"_target_={target}: " in text
    assert expected in text


def test_nested_components_are_checked(refusal):
    assert refusal("model.lambda_kl", WARMUP | {"iterations": 0}) == ("model.lambda_kl.iterations=0: expected int >= 1")
    nested = {
        "_target_": "lightning_modules.schedules.piecewise",
        "_partial_": True,
        "milestones": [[0, 1e-5], [100, WARMUP | {"end": -1}]],
    }
    assert "milestones[1][1].end=-1: expected float >= 0" in refusal("model.lambda_kl", nested)
    nested["milestones"] = [[0, -1e-5]]
    assert "model.lambda_kl.milestones" in refusal("model.lambda_kl", nested)


def test_lists_and_dictionaries_of_components_are_checked(changed):
    good = {"_target_": "callbacks.figures.sample_grid.SampleGrid", "rows": 2}
    bad = good | {"rows": "two"}
    check(changed("callbacks", {"one": good, "none": None}))
    with pytest.raises(ConfigError, match=r"^callbacks.two.rows='two': expected int"):
        check(changed("callbacks", {"one": good, "two": bad}))
    with pytest.raises(ConfigError, match=r"^callbacks\[1\].rows='two': expected int"):
        check(changed("callbacks", [good, bad]))
    with pytest.raises(ConfigError, match=r"^callbacks.deep\[0\]\[1\].rows='two': expected int"):
        check(changed("callbacks", {"deep": [[good, bad]]}))


def test_a_schedule_stands_for_a_number_where_one_is_taken(changed):
    check(changed("model.lambda_kl", WARMUP))
    check(changed("model.lambda_kl", 0))
    check(changed("model.lambda_kl", 0.5))
    check(changed("model.lambda_kl", "auto"))


@pytest.mark.parametrize("path", ["data.batch_size", "data.value_range", "data.cache_dir", "model.network.latent_dim"])
def test_an_object_is_refused_where_plain_data_is_taken(refusal, path):
    text = refusal(path, WARMUP)
    assert text.startswith(f"{path}: expected ")
    assert text.endswith("not an object (lightning_modules.schedules.linear_warmup)")


def test_the_refusal_of_an_object_names_the_type_as_a_user_knows_it(refusal):
    assert "Annotated" not in refusal("data.batch_size", WARMUP)
    assert "int" in refusal("data.batch_size", WARMUP)


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("lr", [1e-3, 1], [0, -1e-3, "fast", None]),
        ("betas", [[0.5, 0.999], [0, 0]], [[0.5], [0.9, 1.0], 0.9, [-0.1, 0.9]]),
        ("alpha", [0.99], [1, -0.5]),
        ("eps", [1e-8], [0]),
        ("weight_decay", [0, 0.1], [-0.1, None]),
        ("momentum", [0, 0.9], [-1]),
        ("fused", [True, None], [1, "yes"]),
    ],
)
def test_keys_of_torchs_optimizers(changed, key, good, bad):
    takes_and_refuses(changed, f"model.optimizer.{key}", good, bad)


def takes_and_refuses(changed, path, good, bad):
    for value in good:
        check(changed(path, value))
    for value in bad:
        with pytest.raises(ConfigError, match=f"^{re.escape(path)}="):
            check(changed(path, value))


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("max_epochs", [1, 100], [0, -1, 2.5, "3", None]),
        ("max_time", [None, "00:01:30:00", {"hours": 1}], [90, {"hours": "one"}]),
        ("limit_train_batches", [None, 0, 10, 0.5, 1.0], [-1, 1.5, "all"]),
        ("limit_val_batches", [None, 0, 10, 0.5, 1.0], [-1, 1.5, "all"]),
        ("limit_test_batches", [None, 0, 10, 0.5, 1.0], [-1, 1.5, "all"]),
        ("devices", [1, "auto", [0, 1], -1], [1.5, None, ["a"]]),
        ("accelerator", ["auto", "cpu", "gpu"], ["cup", None, 1]),
        ("precision", ["32-true", "bf16-mixed", 32], ["16", 16, None]),
        ("deterministic", [True, False, "warn"], ["yes", None]),
        ("gradient_clip_val", [None, 1, 0.5], [0, -1, "x"]),
        ("accumulate_grad_batches", [1, 4], [0, 1.5]),
        ("fast_dev_run", [True, 3], ["yes", 1.5]),
        ("enable_progress_bar", [True, False], [None, 1]),
        ("check_val_every_n_epoch", [1, 2], [0]),
        ("log_every_n_steps", [1], [0]),
        ("profiler", [None, "simple"], [1]),
    ],
)
def test_keys_of_the_trainer(changed, key, good, bad):
    takes_and_refuses(changed, f"trainer.{key}", good, bad)


@pytest.mark.parametrize(
    ("path", "value", "missing"),
    [("trainer.deterministic", "yes", "bool"), ("test", "first", "null"), ("data.value_range", "x", "list")],
)
def test_the_refusal_names_everything_that_is_accepted(refusal, path, value, missing):
    assert missing in refusal(path, value)


def test_the_refusal_of_a_key_of_performance_names_that_key(refusal):
    assert refusal("performance.keep_memory", 1).startswith("performance.keep_memory=1: expected bool")


# ------------------------------------------------------------------------------------------------------- signatures


def test_the_signature_of_a_function_has_types_ranges_and_what_is_required():
    assert signature("lightning_modules.schedules.linear_warmup") == {
        "iteration": (int, True),
        "end": (types.NonNegative, True),
        "iterations": (types.PositiveInt, True),
        "start": (types.NonNegative, False),
    }


def test_the_signature_of_a_class_is_that_of_its_init():
    assert signature("datamodules.readers.lab_faces.LabFaces") == {
        "root": (str, True),
        "val_fraction": (types.FractionBelowOne, False),
    }


def test_the_signature_of_a_class_with_options_has_those_of_its_base_in_another_module():
    found = signature("lightning_modules.wgan.WGAN")
    gan = signature("lightning_modules.gan.GAN")
    assert found == gan | {"weight_clip": (types.Positive | None, False)}
    assert {name for name, (_, required) in found.items() if required} == {
        "network",
        "generator",
        "discriminator",
        "loss",
    }
    assert found["r1"] == (types.NonNegative | Component, False)
    assert found["r1_every"] == (types.PositiveInt, False)
    assert "**" not in found
    assert signature("lightning_modules.acgan.ACGAN").keys() - gan.keys() == {"label_weight", "label_on_fake"}


def test_the_signature_of_a_named_tuple_and_of_a_dataclass_is_that_of_their_fields():
    assert signature("lightning_modules.losses.AdversarialLoss") == {
        "discriminator": (Component, True),
        "generator": (Component, True),
        "boundary": (float, False),
        "paired": (bool, False),
    }
    assert signature("lightning_modules.adversarial.OptimizerSettings") == {
        "optimizer": (Component, True),
        "lr_factor": (types.Positive | Component, False),
        "every": (types.PositiveInt | Component, False),
        "repeat": (types.NonNegativeInt | Component, False),
        "accumulate": (types.PositiveInt, False),
        "clip": (types.Positive | None, False),
    }


def test_the_signature_of_a_class_that_inherits_its_init_is_that_of_its_base():
    found = signature("datamodules.readers.usps.USPS")
    assert found == signature("datamodules.readers.digits.DigitReader")
    assert found.keys() == {"root", "val_fraction", "margin"}
    assert found["val_fraction"] == (types.FractionBelowOne, False)


@pytest.fixture(scope="module")
def wgan(compose):
    return compose("experiment=report_a/wgan")


def with_key(config, path, value):
    """The configuration with one key set to another value, or removed for `...`."""
    config = copy.deepcopy(config)
    *parents, key = path.split(".")
    node = functools.reduce(lambda n, k: n[k], parents, config)
    if value is ...:
        del node[key]
    else:
        node[key] = value
    return config


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model.r1", 0.5),
        ("model.r1_every", 4),
        ("model.weight_clip", None),
        ("model.instance_noise", WARMUP),
        ("model.generator.every", 5),
        ("model.generator.lr_factor", WARMUP),
        ("model.generator.clip", None),
    ],
)
def test_the_options_of_a_wgan_are_taken(wgan, path, value):
    check(wgan)
    check(with_key(wgan, path, value))


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("model.r9", 1.0, "model.r9: lightning_modules.wgan.WGAN has no such key; known: "),
        ("model.r1_evry", 4, "model.r1_evry: lightning_modules.wgan.WGAN has no such key; did you mean r1_every"),
        (
            "model.weigth_clip",
            1,
            "model.weigth_clip: lightning_modules.wgan.WGAN has no such key; did you mean weight_",
        ),
        ("model.label_weight", 1.0, "model.label_weight: lightning_modules.wgan.WGAN has no such key"),
        ("model.options", {}, "model.options: lightning_modules.wgan.WGAN has no such key"),
        ("model.r1", -1, "model.r1=-1: expected float >= 0"),
        ("model.r1_every", 0, "model.r1_every=0: expected int >= 1"),
        ("model.augment", ["color"], "model.augment=['color']: expected a list of 'colour', 'translation', 'cutout'"),
        ("model.augment", "cutout", "model.augment='cutout': expected a list of 'colour', 'translation', 'cutout'"),
        ("model.weight_clip", 0, "model.weight_clip=0: expected float > 0"),
        ("model.spectral_norm", 1, "model.spectral_norm=1: expected bool, got int"),
        ("model.network", ..., "model.network is missing: lightning_modules.wgan.WGAN needs it"),
        ("model.loss", ..., "model.loss is missing: lightning_modules.wgan.WGAN needs it"),
        ("model.generator.every", 0, "model.generator.every=0: expected "),
        (
            "model.generator.evry",
            2,
            "model.generator.evry: lightning_modules.adversarial.OptimizerSettings has no such key; did you",
        ),
        ("model.generator.repeat", -1, "model.generator.repeat=-1: expected "),
        ("model.generator.clip", 0, "model.generator.clip=0: expected "),
        (
            "model.generator.optimizer",
            ...,
            "model.generator.optimizer is missing: lightning_modules.adversarial.OptimizerSettings",
        ),
        ("model.loss.critic", {}, "model.loss.critic: lightning_modules.losses.AdversarialLoss has no such key"),
        (
            "model.loss.generator",
            ...,
            "model.loss.generator is missing: lightning_modules.losses.AdversarialLoss needs",
        ),
    ],
)
def test_a_wrong_option_of_a_wgan_is_named_wherever_it_is_defined(wgan, path, value, expected):
    with pytest.raises(ConfigError) as error:
        check(with_key(wgan, path, value))
    assert str(error.value).startswith(expected)


def test_the_known_keys_of_a_wgan_are_named_with_those_of_its_base(wgan):
    with pytest.raises(ConfigError) as error:
        check(with_key(wgan, "model.r9", 1.0))
    known = str(error.value).partition("known: ")[2].split(", ")
    assert {"r1", "weight_clip", "gradient_penalty"} < set(known)


def test_the_options_of_a_digit_set_are_those_of_its_base(compose):
    usps = compose("experiment=report_d/acgan", "data=usps")
    check(with_key(usps, "data.reader.margin", 1))
    with pytest.raises(ConfigError, match=r"^data\.reader\.val_fraction=1: expected float < 1"):
        check(with_key(usps, "data.reader.val_fraction", 1))
    with pytest.raises(ConfigError, match=r"^data\.reader\.margn: .* has no such key; did you mean margin\?"):
        check(with_key(usps, "data.reader.margn", 1))


SOURCE = '''
from dataclasses import dataclass
from typing import NamedTuple
from callbacks.others import Remote as Distant
from elsewhere import Base, Thing

class Plain:
    def __init__(self, number: int, thing: Thing, *, text: str | None = None, many: list[int],
                 choice: Literal["a"] = "a", either: NonNegative | Thing = 1, untyped=3, anything: Any = None):
        ...

class Child(Plain):
    """Inherits."""

class Changed(Plain):
    def __init__(self, only: bool = True): ...

class Open:
    def __init__(self, first: int = 1, **rest: int): ...

class Foreign(Base):
    """Defined elsewhere."""

class Far(Distant):
    """Inherits from another module of ours."""

class Further(Far):
    """Twice."""

class Handing(Distant):
    def __init__(self, own: PositiveInt, near: str = "x", **options: Any): ...

class HandingAbroad(Base):
    def __init__(self, own: PositiveInt, **options: Any): ...

class Pair(NamedTuple):
    """A pair."""
    left: PositiveInt
    right: Thing
    middle: float | None = None

@dataclass(frozen=True)
class Record:
    """A record."""
    size: PositiveInt
    name: str = "x"

def function(a, b: float = 2.0): ...

class _Hidden:
    def __init__(self): ...

CONSTANT = 3
'''


OTHERS = """
class Remote:
    def __init__(self, far: NonNegative, near: int = 1): ...
"""


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """A package `callbacks` with the modules `parts` and `others`, in place of the repository."""
    (tmp_path / "callbacks").mkdir()
    (tmp_path / "callbacks/parts.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "callbacks/others.py").write_text(OTHERS, encoding="utf-8")
    monkeypatch.setattr(signatures, "ROOT", tmp_path)


@pytest.mark.usefixtures("parts")
class TestSignatureOf:
    def test_a_class(self):
        found = signature("callbacks.parts.Plain")
        assert {k: required for k, (_, required) in found.items()} == {
            "number": True,
            "thing": True,
            "text": False,
            "many": True,
            "choice": False,
            "either": False,
            "untyped": False,
            "anything": False,
        }
        assert found["number"][0] is int
        assert found["text"][0] == str | None
        assert found["many"][0] == list[int]
        assert found["choice"][0] == Literal["a"]
        assert found["untyped"][0] is Any
        assert found["anything"][0] is Any
        assert found["thing"][0] == Component
        assert found["either"][0] == types.NonNegative | Component

    def test_a_class_that_inherits_its_init(self):
        assert signature("callbacks.parts.Child") == signature("callbacks.parts.Plain")

    def test_a_class_with_another_init_than_its_base(self):
        assert signature("callbacks.parts.Changed") == {"only": (bool, False)}

    def test_a_class_that_takes_any_keyword(self):
        assert signature("callbacks.parts.Open") == {"first": (int, False), "**": (Any, False)}
        check({"callbacks": {"_target_": "callbacks.parts.Open", "first": 2, "whatever": "y"}})
        with pytest.raises(ConfigError, match=r"^callbacks\.first"):
            check({"callbacks": {"_target_": "callbacks.parts.Open", "first": "y"}})

    def test_a_class_whose_init_is_elsewhere(self):
        assert signature("callbacks.parts.Foreign") is None
        check({"callbacks": {"_target_": "callbacks.parts.Foreign", "whatever": "y"}})

    @pytest.mark.parametrize("name", ["Far", "Further"])
    def test_a_class_that_inherits_its_init_from_another_module(self, name):
        assert signature(f"callbacks.parts.{name}") == {"far": (types.NonNegative, True), "near": (int, False)}
        check({"callbacks": {"_target_": f"callbacks.parts.{name}", "far": 2}})
        with pytest.raises(ConfigError, match=r"^callbacks\.far=-2: expected float >= 0"):
            check({"callbacks": {"_target_": f"callbacks.parts.{name}", "far": -2}})
        with pytest.raises(ConfigError, match=r"^callbacks\.fur: .*; did you mean far\?"):
            check({"callbacks": {"_target_": f"callbacks.parts.{name}", "fur": 2}})
        with pytest.raises(ConfigError, match=r"^callbacks\.far is missing"):
            check({"callbacks": {"_target_": f"callbacks.parts.{name}"}})

    def test_a_class_that_hands_other_keys_to_a_base_in_another_module(self):
        assert signature("callbacks.parts.Handing") == {
            "own": (types.PositiveInt, True),
            "far": (types.NonNegative, True),
            "near": (str, False),  # its own, not the base's
        }

    def test_a_class_that_hands_other_keys_to_another_library(self):
        assert signature("callbacks.parts.HandingAbroad") == {"own": (types.PositiveInt, True), "**": (Any, False)}

    def test_a_named_tuple(self):
        assert signature("callbacks.parts.Pair") == {
            "left": (types.PositiveInt, True),
            "right": (Component, True),
            "middle": (float | None, False),
        }

    def test_a_dataclass(self):
        assert signature("callbacks.parts.Record") == {"size": (types.PositiveInt, True), "name": (str, False)}

    def test_a_function(self):
        assert signature("callbacks.parts.function") == {"a": (Any, True), "b": (float, False)}

    @pytest.mark.parametrize("name", ["_Hidden", "CONSTANT", "Base", "dataclass", "Playn"])
    def test_a_name_that_the_module_does_not_define(self, name):
        with pytest.raises(ConfigError, match=f"callbacks.parts has no {name}"):
            signature(f"callbacks.parts.{name}")

    def test_another_library(self):
        assert signature("torch.optim.AdamW") is None


@pytest.mark.parametrize("path", [("seed",), ("data", "value_range", 0), ("trainer", "max_epochs")])
def test_a_number_that_no_machine_has_is_a_config_error(default, path):
    node = config = copy.deepcopy(default)
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = 10**400
    with pytest.raises(ConfigError, match=r"expected a number below 2\^63"):
        check(config)


# ------------------------------------------------------------------------------------------------------- any junk


def leaves(node, path=()):
    if isinstance(node, dict) and node:
        return [leaf for key, value in node.items() for leaf in leaves(value, (*path, key))]
    return [path]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
TARGETS = st.sampled_from(["os.system", "lightning_modules.vae.VAE", "torch.nn.Linear", "datamodules.", "callbacks..x"])
KEYS = st.text() | st.integers() | st.sampled_from(["_target_", "_partial_", "network", "milestones"])
JUNK = st.recursive(
    SCALARS | TARGETS | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner | TARGETS, max_size=3),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None, database=None)
@given(data=st.data())
def test_any_junk_in_any_place_is_accepted_or_a_config_error(default, data):
    path = data.draw(st.sampled_from(leaves(default)))
    config = copy.deepcopy(default)
    node = config
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = data.draw(JUNK)
    with contextlib.suppress(ConfigError):
        check(config)
