"""The classifiers that ship with the project: as accurate as stated, refused where changed, named in each metric."""

import json
import shutil
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import instantiate
from adversaria.measures import shipped_classifiers
from adversaria.measures.distances import RealFeatures, distances
from adversaria.measures.extractors import ReferenceFeatures
from adversaria.measures.shipped_classifiers import find, shipped
from lightning_modules.losses import predict_labels


@pytest.mark.parametrize("one", shipped(), ids=lambda one: one.name)
def test_each_is_small_and_the_file_that_its_record_states(one) -> None:
    said = json.loads(one.file.with_suffix(".json").read_text(encoding="utf-8"))
    one.check()
    assert one.file.stat().st_size == said["bytes"] <= 2 * 2**20
    assert said["command"].startswith("python train.py model=classifier ")
    assert one.accuracy > (0.93 if one.name == "faces" else 0.95)  # a mean over 13 attributes of faces


@pytest.mark.parametrize("data", ["digits", "mnist5k"])
def test_each_is_as_accurate_on_the_test_images_as_stated(compose, cache_dir, data: str) -> None:
    datamodule = instantiate(compose(f"data={data}", f"data.cache_dir={cache_dir}")["data"])
    extractor = ReferenceFeatures(datamodule).eval()
    batch = datamodule.pixels("test", 360)
    right = predict_labels(extractor.logits(batch["image"]), [10]) == batch["labels"]
    # all test images of one set, and the first of the other: those are within three standard errors
    assert right.float().mean().item() == pytest.approx(extractor.accuracy, abs=1e-6 if data == "digits" else 0.035)
    assert (extractor.name, extractor.labels) == (f"reference-{data}", ["digit"])
    described = extractor.describe()
    assert described["extractor"] == f"reference-{data}"
    assert find(data).sha256.startswith(described["extractor_digest"])


def test_that_of_faces_is_as_accurate_as_stated(compose, cache_dir, shared_data: Path) -> None:
    places = (f"data.root={shared_data}", f"data.cache_dir={cache_dir}")
    data = compose("data=celeba", "data.attributes=${labels}", *places)["data"]
    datamodule = instantiate(data)
    extractor = ReferenceFeatures(datamodule).eval()
    batch = datamodule.pixels("test", 300)
    right = predict_labels(extractor.logits(batch["image"]), extractor.sizes) == batch["labels"]
    assert right.float().mean().item() == pytest.approx(extractor.accuracy, abs=0.015)  # of the first of 4,640 images
    assert (extractor.name, len(extractor.labels)) == ("reference-faces", 13)


def test_noise_is_farther_from_real_digits_than_other_real_digits(compose, cache_dir) -> None:
    datamodule = instantiate(compose("data=digits", f"data.cache_dir={cache_dir}")["data"])
    extractor = ReferenceFeatures(datamodule).eval()
    noise = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (100, 3, 28, 28), np.uint8))
    real, other, noisy = (extractor(x) for x in (*(datamodule.pixels(s)["image"] for s in ("test", "val")), noise))
    near, far = (distances(RealFeatures.of(real), features, "x")["fid_x"] for features in (other, noisy))
    assert 10 * near < far


def test_images_of_another_size_are_resized_to_that_of_its_training() -> None:
    extractor = ReferenceFeatures(None, "digits").eval()
    image = torch.randint(0, 256, (2, 3, 7, 7), dtype=torch.uint8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    small = extractor._resized(image)
    assert small.shape == (2, 3, 28, 28)
    assert small.dtype == torch.uint8
    assert torch.equal(small[:, :, 1::4, 1::4].short(), small[:, :, 2::4, 2::4].short())  # the middle of each square
    torch.testing.assert_close(extractor(image), extractor(small))


@pytest.fixture
def copied(tmp_path: Path, monkeypatch) -> Path:
    """The shipped files in another folder, that a test may change."""
    folder = tmp_path / "shipped"
    shutil.copytree(shipped_classifiers.FOLDER, folder)
    monkeypatch.setattr(shipped_classifiers, "FOLDER", folder)
    return folder


@pytest.mark.parametrize("content", [None, b"", b"\x80\x04\x95 a pickle that would run"])
def test_a_file_that_was_not_shipped_is_refused_before_it_is_read(copied: Path, monkeypatch, content) -> None:
    file = copied / "digits.safetensors"
    file.unlink() if content is None else file.write_bytes(content)
    monkeypatch.setattr("adversaria.measures.extractors.load_module", lambda file: pytest.fail("it was read"))
    with pytest.raises(ConfigError, match=r"is not the classifier that ships.*set metrics=none$"):
        ReferenceFeatures(None, "digits")


def test_one_changed_bit_is_noticed(copied: Path) -> None:
    file = copied / "digits.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="is not the classifier that ships"):
        ReferenceFeatures(None, "digits")


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        ("usps", None, "no classifier of usps ships with the project; set metrics=none; or train one"),
        (None, None, "no run says the data; set callbacks.generation_metrics.extractor.classifier to one of digits"),
        ("digits", "cats", "classifier=cats: there is no such classifier; set "),
    ],
)
def test_where_there_is_none_the_cure_is_named(data, name, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        find(data, name)
    assert "\n" not in str(caught.value)


def test_a_run_is_checked_without_torch(compose) -> None:
    shipped_classifiers.check(compose("model=gan", "data=digits"))
    with pytest.raises(ConfigError, match="no classifier of synthetic_faces ships"):
        shipped_classifiers.check(compose("model=gan", "metrics=reference"))


def test_the_name_chooses_one_for_any_data() -> None:
    datamodule = types.SimpleNamespace(reader=types.SimpleNamespace(name="usps"))
    assert ReferenceFeatures(datamodule, "mnist5k").name == "reference-mnist5k"
