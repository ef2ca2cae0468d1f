"""The terms of the data sets, for what is published of models that were trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Licence:
    """The terms of a data set.

    Attributes:
        identifier: of the licence, as the Hugging Face hub names it.
        sentence: the terms, for people.
    """

    identifier: str
    sentence: str


_PHOTOS = "of CelebA, which is for non-commercial research only; its terms forbid passing the photos on"
_SCIKIT_LEARN = "the digits that come with scikit-learn, of UCI's Optical Recognition of Handwritten Digits, CC BY 4.0"
#: Class of a reader -> the terms of what it reads.
LICENCES = {
    "CelebA": Licence("other", f"The faces are {_PHOTOS}."),
    "LabFaces": Licence("other", f"The faces are {_PHOTOS}."),
    "SyntheticFaces": Licence("mit", "The faces are rendered by the project itself, under the MIT licence."),
    "MNIST": Licence("cc-by-sa-3.0", "MNIST is given as CC BY-SA 3.0."),
    "EmbeddedMNIST": Licence("cc-by-sa-3.0", "The digits are of MNIST, which is given as CC BY-SA 3.0."),
    "MNISTM": Licence("other", "MNIST-M is made of MNIST and the photos of BSDS500, for non-commercial research."),
    "USPS": Licence("other", "USPS is given without a stated licence."),
    "SVHN": Licence("other", "SVHN is for non-commercial use."),
    "EmbeddedDigits": Licence("cc-by-4.0", f"The digits are {_SCIKIT_LEARN}."),
}


def licence_of(data: Mapping[str, Any]) -> Licence | None:
    """Return the terms of the data of a plain configuration, of a pair those of both; None if they are not known."""
    if isinstance(data.get("sets"), dict):
        nodes = [data["sets"].get(data.get(key)) for key in ("source", "target")]
    else:
        nodes = [data.get("reader")]
    names = [str(node.get("_target_", "")).rpartition(".")[2] if isinstance(node, dict) else "" for node in nodes]
    found = [LICENCES[name] for name in names if name in LICENCES]
    if len(found) < len(names):
        return None
    same = {licence.identifier for licence in found}
    sentence = " ".join(dict.fromkeys(licence.sentence for licence in found))
    return Licence(same.pop() if len(same) == 1 else "other", sentence)
