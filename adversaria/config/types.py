"""The vocabulary of the configuration: types that also state a range.

They annotate the parameters of everything a configuration can name; `adversaria.config.schema` reads them from the
source to check a configuration, so the signature is the only place where a key's type and range are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from msgspec import Meta

if TYPE_CHECKING:
    from torch import Tensor

Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
FractionBelowOne = Annotated[float, Meta(ge=0, lt=1)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
PositiveFraction = Annotated[float, Meta(gt=0, le=1)]
MANY = 2**31 - 1  # the largest number that every count of PyTorch can be
IntAtLeast2 = Annotated[int, Meta(ge=2, le=MANY)]
PositiveInt = Annotated[int, Meta(gt=0, le=MANY)]
NonNegativeInt = Annotated[int, Meta(ge=0, le=MANY)]
Seed = Annotated[int, Meta(ge=0, le=2**32 - 1)]  # what numpy takes
Layers = Annotated[int, Meta(ge=0, le=100)]  # more would take long to build before anything else finds it wrong
PositiveInts = Annotated[tuple[PositiveInt, ...], Meta(min_length=1)]
Labels = tuple[str, ...] | None  # names; None: all of the data, which `datamodules.preflight` fills in
Classes = Mapping[str, Annotated[Sequence[str], Meta(min_length=2)]]  # label -> the names of its values, in their order
ValueRange = tuple[float, float]
ScaleRange = tuple[Positive, Positive]
NonNegatives = Annotated[list[NonNegative], Meta(min_length=1)]
Split = Literal["train", "val", "test"]
Domain = Literal["source", "target"]
BatchNorm = Literal["joint", "separate", "split"]
OnBadImage = Literal["error", "skip"]
Crop = Literal["centre", "top", "none"]  # which square of an image is used; none: the whole, squeezed
Conditioning = Literal["append", "append_scaled", "multiply"]  # how labels enter a generator
AugmentPolicy = tuple[Literal["colour", "translation", "cutout"], ...]  # changes of what a discriminator sees
LatentSampler = Literal["prior", "mixture"]  # what a VAE's latents are drawn from
Mode = Literal["min", "max"]  # whether the lowest or the highest value of a metric is the best

Batch: TypeAlias = "dict[str, Tensor]"  # what a loader delivers and a step is given, by name
