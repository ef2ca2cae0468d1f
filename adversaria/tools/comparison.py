"""The comparison of a folder of pictures with real images, computed as a run measures what it generates."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import instantiate
from adversaria.images.progress import progress
from adversaria.images.sampling import in_batches
from adversaria.measures.distances import RealFeatures, compare
from adversaria.measures.extractors import ChosenClassifier
from adversaria.measures.neighbours import spread_evenly
from adversaria.measures.protocol import PROTOCOL
from adversaria.measures.reference_files import ARRAYS, Reference, write_reference
from adversaria.tools.configuration import choose_device
from adversaria.tools.measure_options import Opened, Options
from datamodules.readers.pictures import Pictures


def compared(opened: Opened, options: Options) -> dict[str, Any]:
    """Return `metrics` and `protocol`, and write a reference file if asked, for `adversaria.tools.measure.measure`.

    It moves torch's generators.
    """
    data = None if opened.data is None else instantiate(opened.data)
    settings = instantiate(opened.metrics)  # a `callbacks.metrics.generation.GenerationMetrics`
    settings.split, settings.batch_size = options.split or settings.split, options.batch_size or settings.batch_size
    device = choose_device(options.device)
    chosen = opened.classifier
    extractor = (ChosenClassifier(chosen) if chosen else settings.make_extractor(data)).eval().to(device)
    if opened.reference is not None:
        _check_same(opened.reference, extractor, options)
    features = partial(_features, extractor, opened.size, options.resize, settings.batch_size, device)
    torch.manual_seed(settings.seed)  # the subsets of the KID are drawn as in a run
    with torch.no_grad():
        real, protocol = _real(opened, data, settings.split, features, device)
        if options.save_reference is not None:
            _save(options.save_reference, opened.size, extractor, protocol, real)
        if opened.pictures is None:
            return {"metrics": {}, "protocol": protocol}
        described = extractor.describe() if opened.reference is None else opened.reference.extractor
        name = described["extractor"]
        values = compare(real, features(opened.pictures), name)
        if data is not None and settings.split != "val":
            floor = compare(real, features(data.pixels("val")["image"]), name)
            values |= {f"{key}_floor": value for key, value in floor.items()}
            protocol["floor_split"] = "val"
    metrics = {f"test/{key}": float(value) for key, value in values.items()}
    return {
        "metrics": {key: value if math.isfinite(value) else None for key, value in metrics.items()},
        "protocol": {**protocol, **_of_pictures(opened, options), **PROTOCOL, **described},
    }


def _features(
    extractor: Any, size: int, resize: bool, batch_size: int, device: torch.device, images: Tensor | Pictures
) -> Tensor:
    """Return the features (n, d) of images in memory, or of the pictures of a folder."""
    if isinstance(images, Tensor):
        return in_batches(extractor, images, batch_size, device)
    batches = images.batches(size, resize, batch_size)
    shown = progress(batches, f"measuring {images.folder.name}", math.ceil(len(images) / batch_size))
    return torch.cat([extractor(torch.from_numpy(batch).permute(0, 3, 1, 2).to(device)) for batch in shown])


def _real(
    opened: Opened, data: Any, split: str, features: Callable[..., Tensor], device: torch.device
) -> tuple[RealFeatures, dict[str, Any]]:
    """Return the features of the real images, and the part of the protocol that is about these images."""
    if data is not None:
        return RealFeatures.of(features(data.pixels(split)["image"])), {**data.describe(), "compared_with": split}
    if opened.folder is not None:
        real = RealFeatures.of(features(opened.folder))
        return real, {"reference": opened.folder.folder.name, "n_reference": real.count}
    reference: Any = opened.reference
    tensors = (torch.from_numpy(getattr(reference, name)).to(device) for name in ARRAYS)
    return RealFeatures(reference.count, *tensors), {**reference.protocol, "n_reference": reference.count}


def _check_same(reference: Reference, extractor: Any, options: Options) -> None:
    """Check that a reference has the features of this extractor.

    Raises:
        ConfigError: it has those of another one.
    """
    theirs, mine = reference.extractor, extractor.describe()
    lengths = len(reference.total), extractor.num_features
    if theirs.get("extractor_digest") != mine["extractor_digest"] or lengths[0] != lengths[1]:
        raise ConfigError(
            f"--reference {options.reference} has {lengths[0]} features of the extractor {theirs['extractor']}, digest "
            f"{theirs.get('extractor_digest')}, and this is {mine['extractor']}, digest {mine['extractor_digest']}, "
            f"with {lengths[1]}; choose the same with --classifier RUN or --metrics, or write the file again"
        )


def _save(file: Path, size: int, extractor: Any, protocol: dict[str, Any], real: RealFeatures) -> None:
    """Write a reference file, with the features of so many images as are compared one by one."""
    arrays = [real.total, real.products, spread_evenly(real.features).float()]
    kept = {key: value for key, value in protocol.items() if key not in ("batch_size", "horizontal_flip")}
    write_reference(
        file, Reference(real.count, size, extractor.describe(), kept, *(array.cpu().numpy() for array in arrays))
    )


def _of_pictures(opened: Opened, options: Options) -> dict[str, Any]:
    """Return the part of the protocol that is about the pictures."""
    pictures: Any = opened.pictures
    return {
        **({} if options.reference is None else {"reference": str(options.reference)}),
        "images": str(pictures.folder),
        "n_generated": len(pictures),
        "n_unreadable_pictures": len(pictures.unreadable),
        "resized": options.resize,
        "image_size": opened.size,
    }
