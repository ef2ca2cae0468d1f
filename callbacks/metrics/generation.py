"""Fréchet and kernel distances, precision and others of generated images, over a stated extractor's features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from adversaria.config.errors import ConfigError
from adversaria.config.types import IntAtLeast2, PositiveInt, Seed, Split
from adversaria.images.sampling import in_batches, labels_in_turn, sample_pixels
from adversaria.measures.conditional import label_metrics
from adversaria.measures.distances import RealFeatures, compare, inception_score
from adversaria.measures.protocol import PROTOCOL
from callbacks.base import add_metrics, datamodule_of
from callbacks.metrics.base import TestMetricCallback
from lightning_modules.modes import drawing_from
from lightning_modules.protocols import ConditionalSampler, Sampler


class GenerationMetrics(TestMetricCallback):
    """Add these test metrics, computed on an extractor's features; each name ends with the extractor's.

    `test/fid_<extractor>`: Fréchet distance (Heusel et al. 2017); `test/kid_<extractor>`: kernel distance, unbiased
    (Bińkowski et al. 2018); `test/precision_<extractor>`, `recall`, `density` and `coverage`: by nearest neighbours
    (`adversaria.measures.neighbours`); `test/is_<extractor>`: inception score (Salimans et al. 2016) over the
    extractor's classes, where it has one label of several. `…_floor` are the same of the real images of the validation
    split, which neither the generator nor our classifiers were trained on: a perfect generator would have these values.
    `…_mixture` are those of images from a VAE's mixture of latents in place of its prior, where it has one.
    Conditional models add the accuracy of the extractor's classifier; see `adversaria.measures.conditional`.

    Args:
        extractor: factory of the extractor (`adversaria.measures.extractors`), given the data module.
        count: number of generated images; fewer than 2,000 make the distances noisy.
        split: of the real images to compare with, all of them.
        label_images: number of generated images whose labels are checked, as many of each value.
        seed: of the noise.
        batch_size: images at a time.
    """

    needs = Sampler
    logs = {
        "test": "fid_* kid_* precision_* recall_* density_* coverage_* is_* "
        "label_accuracy_* pair_accuracy_* pair_distance_*"
    }

    def __init__(
        self,
        extractor: Callable[[Any], Any],
        count: IntAtLeast2 = 5000,
        split: Split = "test",
        label_images: PositiveInt = 1000,
        seed: Seed = 3,
        batch_size: PositiveInt = 100,
    ) -> None:
        self.make_extractor, self.count, self.split = extractor, count, split
        self.label_images, self.seed, self.batch_size = label_images, seed, batch_size
        self.extractor: Any = None

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that the model samples, and load the extractor: before training, not after it."""
        super().setup(trainer, pl_module, stage)
        if self.extractor is None:
            self.extractor = self.make_extractor(datamodule_of(trainer)).eval()
            labels = pl_module.labels if isinstance(pl_module, ConditionalSampler) else []
            unknown = [label for label in labels if self.extractor.labels and label not in self.extractor.labels]
            if unknown:
                cure = getattr(self.extractor, "cure", "leave labels out that it does not know")
                raise ConfigError(f"{self.place}: {self.extractor.name} does not know {', '.join(unknown)}; {cure}")
            sizes = pl_module.sizes if labels else []
            if self.label_images < max(sizes, default=0):
                raise ConfigError(f"{self.place}.label_images={self.label_images}: a label has {max(sizes)} values")

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Generate and measure; each process does the same, so that all have the same values."""
        data = datamodule_of(trainer)
        self.extractor.to(pl_module.device)
        real, held_out = data.pixels(self.split), data.pixels("val")
        name, device = self.extractor.name, pl_module.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
            torch.manual_seed(self.seed)
            generated = self._generated(pl_module, real)
            features, floor = (
                in_batches(self.extractor, pixels, self.batch_size, device)
                for pixels in (real["image"], held_out["image"])
            )
            made, logits = self._outputs(generated, device)
            references = RealFeatures.of(features)
            values = compare(references, made, name)
            if self.split != "val":  # of which the floor is
                values |= {f"{k}_floor": v for k, v in compare(references, floor, name).items()}
            if getattr(pl_module, "mixture", None) is not None:
                with drawing_from(pl_module, "mixture"):
                    drawn = self._generated(pl_module, real)
                drawn = in_batches(self.extractor, drawn, self.batch_size, device)
                values |= {f"{k}_mixture": v for k, v in compare(references, drawn, name).items()}
            if logits is not None:
                values[f"is_{name}"] = inception_score(logits)
            if isinstance(pl_module, ConditionalSampler) and self.extractor.labels:
                values |= label_metrics(pl_module, self.extractor, real, self.label_images, self.batch_size, self.seed)
        add_metrics(pl_module, "test", values)
        self.extractor.cpu()

    def _outputs(self, pixels: Tensor, device: torch.device) -> tuple[Tensor, Tensor | None]:
        """Return the features of generated images, and the logits where the inception score is defined over them."""
        if not hasattr(self.extractor, "both") or [size > 2 for size in self.extractor.sizes] not in ([], [True]):
            return in_batches(self.extractor, pixels, self.batch_size, device), None
        outputs = in_batches(lambda image: torch.cat(self.extractor.both(image), 1), pixels, self.batch_size, device)
        features, logits = outputs.tensor_split([self.extractor.num_features], 1)
        return features.contiguous(), logits.contiguous()

    def _generated(self, module: Any, real: Mapping[str, Tensor]) -> Tensor:
        """Return generated images (count, 3, h, w) uint8, with the labels of the real ones if they need any."""
        noise = module.noise(self.count, self.seed)
        labels = labels_in_turn(module, real, noise) if isinstance(module, ConditionalSampler) else None
        return sample_pixels(module, noise, labels, self.batch_size)

    def protocol(self) -> dict[str, Any]:
        """Return the part of the protocol that is about generated images; see `adversaria.runs.wording`."""
        return {
            "n_generated": self.count,
            "compared_with": self.split,
            **({} if self.split == "val" else {"floor_split": "val"}),
            "generated_labels_of": self.split,
            "noise_seed": self.seed,
            **PROTOCOL,
            "n_label_images": self.label_images,
            **self.extractor.describe(),
        }
