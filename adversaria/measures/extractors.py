"""What generated images are measured with: our own classifiers, or networks that were trained on ImageNet.

An extractor is a module from (n, 3, h, w) uint8 images to (n, num_features); `logits` are those of its classes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from adversaria.config.errors import ConfigError, first_line
from adversaria.config.loaded import check_file
from adversaria.measures import kept_classifiers, shipped_classifiers
from datamodules.images import normalize
from lightning_modules.rebuild import load_module

LARGEST = 2**30  # bytes of Inception's weights, which have a tenth


class ClassifierFeatures(nn.Module):
    """The features of our own classifier of the same data; metrics over it are named `…_<data>-attr` or `…-digit`."""

    cure = "metrics=classifier: train it again with labels including those"

    def __init__(self, datamodule: Any) -> None:
        kept = kept_classifiers.find(datamodule)
        if kept is None:
            raise kept_classifiers.missing(datamodule)
        self._load(kept.file, kept_classifiers.name_of(datamodule), kept.accuracy)

    def _load(self, file: Path, name: str, accuracy: float | None) -> None:
        nn.Module.__init__(self)
        classifier: Any = load_module(file)
        if not hasattr(classifier, "classify"):
            raise ConfigError(f"{file} is a checkpoint of {type(classifier).__name__}; give one of model=classifier")
        self.classifier, self.labels, self.sizes = classifier, list(classifier.labels), classifier.sizes
        self.num_features: int = classifier.network.num_features
        self.name, self.accuracy = name, accuracy
        self.digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]  # tells classifiers of one name apart

    def forward(self, image: Tensor) -> Tensor:
        """Map uint8 images to features."""
        features: Tensor = self.classifier.features(normalize(image, self.classifier.value_range))
        return features

    def logits(self, image: Tensor) -> Tensor:
        """Map uint8 images to logits of the labels."""
        logits: Tensor = self.classifier.classify(normalize(image, self.classifier.value_range))
        return logits

    @torch.no_grad()
    def both(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Map uint8 images to features and logits, in one pass through the network."""
        features = self(image)
        return features, self.classifier.network.head(features)

    def describe(self) -> dict[str, Any]:
        """Return the part of the protocol that is about the extractor."""
        return {
            "extractor": self.name,
            "extractor_digest": self.digest,
            "extractor_labels": self.labels,
            **({} if self.accuracy is None else {"extractor_accuracy": self.accuracy}),
        }


class ChosenClassifier(ClassifierFeatures):
    """The features of the classifier in a checkpoint, of whatever data; metrics over it are named `…_classifier`.

    Raises:
        ConfigError: it is no classifier.
    """

    def __init__(self, file: Path, accuracy: float | None = None) -> None:
        self._load(file, "classifier", accuracy)


class ReferenceFeatures(ClassifierFeatures):
    """The features of a classifier that ships with the project; metrics over it are named `…_reference-<classifier>`.

    Images of another size than it was trained at are resized, bilinear and antialiased.

    Args:
        datamodule: whose data set chooses the classifier.
        classifier: name of a shipped classifier; None for that of the data.

    Raises:
        ConfigError: there is none, or its file is not the one that was shipped.
    """

    cure = f"metrics=reference: {shipped_classifiers.OTHERWISE}"

    def __init__(self, datamodule: Any, classifier: str | None = None) -> None:
        found = shipped_classifiers.find(None if datamodule is None else datamodule.reader.name, classifier)
        found.check()
        self._load(found.file, f"reference-{found.name}", found.accuracy)
        self.image_size = found.image_size

    def forward(self, image: Tensor) -> Tensor:
        """Map uint8 images to features."""
        return super().forward(self._resized(image))

    def logits(self, image: Tensor) -> Tensor:
        """Map uint8 images to logits of the labels."""
        return super().logits(self._resized(image))

    def _resized(self, image: Tensor) -> Tensor:
        size = (self.image_size, self.image_size)
        if image.shape[2:] == size:
            return image
        return interpolate(image.float(), size, mode="bilinear", antialias=True).round().clamp(0, 255).to(torch.uint8)


class InceptionFeatures(nn.Module):
    """The Inception network of the original FID, through torch-fidelity, resized as there: without antialiasing.

    Args:
        datamodule: not used; every extractor is given it.
        weights: the file weights-inception-2015-12-05-6726825d.pth; None to let torch-fidelity download it.
        features: which layer.
    """

    name = "inception"
    labels: list[str] = []
    sizes: list[int] = []

    def __init__(
        self, datamodule: Any, weights: str | None = None, features: Literal[64, 192, 768, 2048] = 2048
    ) -> None:
        super().__init__()
        self.num_features = features
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ModuleNotFoundError as error:
            raise ConfigError("metrics=inception needs torch-fidelity: pip install -e '.[inception]'") from error
        try:
            if weights is not None:
                check_file(Path(weights), LARGEST)  # a pipe would be waited for
                torch.load(weights, weights_only=True, map_location="cpu")  # torch-fidelity would execute a pickle
            self.network = FeatureExtractorInceptionV3(self.name, [str(features), "logits_unbiased"], weights)
        except Exception as error:  # whatever a download or a damaged file raises
            raise ConfigError(
                f"metrics=inception: no weights ({first_line(error)}); fetch weights-inception-2015-12-05-6726825d"
                ".pth from torch-fidelity's releases and set callbacks.generation_metrics.extractor.weights to the file"
            ) from error

    def forward(self, image: Tensor) -> Tensor:
        """Map uint8 images to features."""
        return self.both(image)[0]

    def logits(self, image: Tensor) -> Tensor:
        """Map uint8 images to logits of ImageNet's classes, without their bias."""
        return self.both(image)[1]

    @torch.no_grad()
    def both(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Map uint8 images to features and logits, in one pass through the network."""
        features, logits = self.network(image)
        return features, logits

    def describe(self) -> dict[str, Any]:
        """Return the part of the protocol that is about the extractor."""
        digest = hashlib.sha256()
        for name, weight in self.network.state_dict().items():
            digest.update(name.encode() + weight.cpu().numpy().tobytes())
        return {"extractor": self.name, "extractor_digest": digest.hexdigest()[:8]}
