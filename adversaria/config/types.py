"""The vocabulary of the configuration: types that also state a range.

They annotate the parameters of everything a configuration can name; `adversaria.config.schema` reads them from the
source to check a configuration, so the signature is the only place where a key's type and range are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from msgspec import Meta

if TYPE_CHECKING:
    from torch import Tensor

Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
FractionBelowOne = Annotated[float, Meta(ge=0, lt=1)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
PositiveFraction = Annotated[float, Meta(gt=0, le=1)]
IntAtLeast2 = Annotated[int, Meta(ge=2)]
PositiveInt = Annotated[int, Meta(gt=0)]
NonNegativeInt = Annotated[int, Meta(ge=0)]
PositiveInts = Annotated[tuple[PositiveInt, ...], Meta(min_length=1)]
Names = tuple[str, ...]
ValueRange = tuple[float, float]
ScaleRange = tuple[Positive, Positive]
NonNegatives = Annotated[list[NonNegative], Meta(min_length=1)]
Split = Literal["train", "val", "test"]
Domain = Literal["source", "target"]
BatchNorm = Literal["joint", "separate", "split"]
OnBadImage = Literal["error", "skip"]
Conditioning = Literal["append", "multiply"]

Batch: TypeAlias = "dict[str, Tensor]"  # what a loader delivers and a step is given, by name
