"""The classifiers that ship with the project: they measure the generators of known data sets, for all users alike.

`shipped/` has for each `<name>.safetensors`, its weights with what rebuilds it, and `<name>.json`: the names of the
data sets that it measures, the image size that it was trained at, its test accuracies with their protocol, the command
that trained it, and the SHA-256 of its weights. `adversaria.tools.ship` writes both. This module imports no torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adversaria.config.errors import ConfigError
from adversaria.config.loaded import MIB, check_file
from adversaria.measures.kept_classifiers import chosen_extractors
from adversaria.runs.safe_file import SUFFIX
from datamodules.readers.base import reader_of

FOLDER = Path(__file__).with_name("shipped")
LARGEST = 2 * MIB  # of the weights of one
OTHERWISE = "set metrics=none; or train one with model=classifier and the same data, and set metrics=classifier"


@dataclass(frozen=True)
class Shipped:
    """A classifier that ships with the project.

    Attributes:
        name: `digits`; metrics name it `reference-digits`.
        file: its weights.
        data: names of the data sets that it measures.
        image_size: side in pixels of the images that it was trained on, and that others are resized to.
        accuracy: on the test images of its data, in [0, 1].
        sha256: of the file.
    """

    name: str
    file: Path
    data: list[str]
    image_size: int
    accuracy: float
    sha256: str

    @classmethod
    def read(cls, about: Path) -> Shipped:
        """Return the one that a JSON file is about."""
        said = json.loads(about.read_text(encoding="utf-8"))
        values = said["data"], said["image_size"], said["metrics"]["test/accuracy"], said["sha256"]
        return cls(about.stem, about.with_suffix(SUFFIX), *values)

    def check(self) -> None:
        """Check that the file is the one that was shipped, before anything reads its content.

        Raises:
            ConfigError: it is missing, or has other bytes.
        """
        try:
            check_file(self.file, LARGEST)
            changed = hashlib.sha256(self.file.read_bytes()).hexdigest() != self.sha256
        except (OSError, ValueError):
            changed = True
        if changed:
            raise ConfigError(
                f"metrics=reference: {self.file} is not the classifier that ships with this version; install the "
                "project again, or set metrics=none"
            )


def shipped() -> list[Shipped]:
    """Return all of them."""
    return [Shipped.read(about) for about in sorted(FOLDER.glob("*.json"))]


def find(data: str | None, name: str | None = None) -> Shipped:
    """Return the classifier of this name, or else the one that measures the data set of a name.

    Raises:
        ConfigError: there is none.
    """
    known = shipped()
    found = [one for one in known if (one.name == name if name else data in one.data)]
    if not found:
        names = ", ".join(one.name for one in known)
        key = "callbacks.generation_metrics.extractor.classifier"
        if name or data is None:
            said = f"{key}={name}: there is no such classifier" if name else "metrics=reference: no run says the data"
            raise ConfigError(f"{said}; set {key} to one of {names}")
        raise ConfigError(f"metrics=reference: no classifier of {data} ships with the project; {OTHERWISE}")
    return found[0]


def check(config: Mapping[str, Any]) -> None:
    """Check that a run whose metrics need a shipped classifier has one for its data, without torch.

    Args:
        config: a plain configuration, of which the data is there.

    Raises:
        ConfigError: there is none.
    """
    for extractor in chosen_extractors(config, "ReferenceFeatures"):
        if "reader" in config["data"]:
            find(reader_of(config["data"]).name, extractor.get("classifier"))
