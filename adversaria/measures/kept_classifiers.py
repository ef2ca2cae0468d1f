"""The trained classifiers in the cache, by data and labels: the best of those with most labels measures generators.

`<cache_dir>/classifiers/` has `<data>-attr_<size>.ckpt`, or with a label of classes in the place of `attr` where it is
the only one, of the classifier that knows all labels of its data. One of fewer labels, or of other data of the same
name, has a digest of both at the end of its name. Beside each is a JSON file with its labels and their classes, the
cache of its data, and its accuracies; version 0.1.0 wrote the accuracies alone. A classifier of other classes than the
data has is not used.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from adversaria.config.errors import CheckpointError, ConfigError
from adversaria.config.labels import is_attribute, value_names
from adversaria.config.loaded import read_json
from adversaria.runs.whole_files import replace_text, written_whole
from datamodules.labels import classes_of, select_attributes
from datamodules.readers.base import reader_of

ACCURACY = "test/accuracy"


@dataclass(frozen=True)
class Kept:
    """A classifier in the cache.

    Attributes:
        file: its checkpoint.
        labels: that it predicts.
        data: name of the cache of its data; None if it is not known.
        accuracy: on its test images, in [0, 1].
    """

    file: Path
    labels: list[str]
    data: str | None
    accuracy: float


def find(datamodule: Any) -> Kept | None:
    """Return the classifier that measures generators of these data: that with most labels; None if there is none.

    Of several with as many it is one of the very same data, and the most accurate of those.
    """
    data = _data(datamodule)
    kept = [found for file in _files(datamodule) if (found := _read(file))]
    return max(kept, key=lambda k: (len(k.labels), k.data == data, k.data is None, k.accuracy), default=None)


def check(config: Mapping[str, Any], otherwise: str = "set metrics=none") -> None:
    """Check that a run whose metrics need a classifier of its data has one, without torch.

    Args:
        config: a plain configuration, of which the data is there.
        otherwise: what else can be done where there is none.

    Raises:
        ConfigError: there is none.
    """
    data = config["data"]
    if chosen_extractors(config, "ClassifierFeatures") and "reader" in data:
        reader = reader_of(data)
        attributes = select_attributes(data.get("attributes"), reader.attributes())
        found = SimpleNamespace(**{**data, "reader": reader, "attributes": attributes, "classes": classes_of(reader)})
        if not any(_files(found)):
            raise missing(found, otherwise)


def chosen_extractors(config: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the extractors of this class that the callbacks of a plain configuration measure with."""
    nodes = [node for node in (config.get("callbacks") or {}).values() if isinstance(node, dict)]
    extractors = [node["extractor"] for node in nodes if isinstance(node.get("extractor"), dict)]
    return [extractor for extractor in extractors if extractor["_target_"].endswith(f".{name}")]


def missing(datamodule: Any, otherwise: str = "set metrics=none") -> ConfigError:
    """Return the error of a run that would need a classifier of its data."""
    return ConfigError(
        f"metrics=classifier: there is no classifier of {datamodule.reader.name} at {datamodule.image_size} pixels "
        f"yet; train it once with model=classifier and the same data, or {otherwise}"
    )


def name_of(datamodule: Any) -> str:
    """Return how metrics name the classifiers of these data: `<data>-attr`, or `<data>-digit` for its only label."""
    labels = datamodule.attributes
    of_classes = len(labels) == 1 and not is_attribute(labels[0], datamodule.classes)
    kind = re.sub(r"[^\w.-]", "-", labels[0]) if of_classes else "attr"
    return f"{getattr(datamodule.reader, 'title', datamodule.reader.name)}-{kind}"


def keep(
    checkpoint: Path, datamodule: Any, labels: Sequence[str], accuracies: Mapping[str, float], whole: bool = True
) -> Kept | None:
    """Put a classifier's checkpoint into the cache, unless one of the same labels and data is as accurate: return that.

    Where not the whole of the test images was tested, it replaces none.

    Raises:
        SavingError: it cannot be written.
    """
    file = _file_for(datamodule, labels)
    before = _read(file)
    if before is not None and (before.accuracy >= accuracies[ACCURACY] or not whole):
        return before
    about = file.with_suffix(".json")
    about.unlink(missing_ok=True)  # without it a kill from here on leaves nothing to be found
    with checkpoint.open("rb") as source, written_whole(file, shared=True) as stream:
        shutil.copyfileobj(source, stream)
        stream.flush()
        os.fsync(stream.fileno())
    classes = {name: names for name, names in datamodule.classes.items() if name in labels}
    said = {**accuracies, "labels": list(labels), "classes": classes, "data": _data(datamodule)}
    replace_text(about, json.dumps(said, indent=2) + "\n")
    return None


def _default_file(datamodule: Any) -> Path:
    return Path(datamodule.cache_dir) / "classifiers" / f"{name_of(datamodule)}_{datamodule.image_size}.ckpt"


def _files(datamodule: Any) -> list[Path]:
    default = _default_file(datamodule)
    files = [default, *sorted(default.parent.glob(f"{default.stem}_*.ckpt"))]
    return [f for f in files if f.exists() and f.with_suffix(".json").exists() and _same_classes(f, datamodule)]


def _same_classes(file: Path, datamodule: Any) -> bool:
    """Tell whether the labels of a classifier have the same classes as in the data, as far as is known of it."""
    try:
        said = read_json(file.with_suffix(".json"))
        labels, classes = said.get("labels", []), said.get("classes", {})
        return all(value_names(name, classes) == value_names(name, datamodule.classes) for name in labels)
    except (ValueError, TypeError, AttributeError):  # damaged, which `_read` says
        return True


def _file_for(datamodule: Any, labels: Sequence[str]) -> Path:
    default, data = _default_file(datamodule), _data(datamodule)
    if set(labels) == set(datamodule.reader.attributes()):
        there = _read(default)
        if there is None or (set(there.labels) == set(labels) and there.data in (None, data)):
            return default
    digest = hashlib.blake2b(json.dumps([sorted(labels), data]).encode(), digest_size=4).hexdigest()
    return default.with_name(f"{default.stem}_{digest}.ckpt")


def _data(datamodule: Any) -> str:
    name: str = datamodule.cache.folder.name  # it has a digest of all that determines the images and labels
    return name


def _read(file: Path) -> Kept | None:
    about = file.with_suffix(".json")
    if not (file.exists() and about.exists()):
        return None
    try:
        from lightning_modules.rebuild import load_module  # which imports torch

        said = read_json(about)
        classifier: Any = None if "labels" in said else load_module(file)
        labels = said["labels"] if classifier is None else classifier.labels
        return Kept(file, [str(label) for label in labels], said.get("data"), float(said[ACCURACY]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{about} is damaged; remove it, and train its classifier again") from error
