"""A trained generator, as the tools use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import ConfigError
from adversaria.config.types import LatentSampler
from adversaria.speed import settings
from adversaria.tools.configuration import choose_device

if TYPE_CHECKING:
    from adversaria.tools.generate import Options


def load_generator(file: Path, device: str) -> Any:
    """Load a model that generates images onto the device `auto`, `cpu` or `cuda`.

    Raises:
        CheckpointError: the file is not a readable checkpoint.
        ConfigError: the model does not generate images, or there is no such device.
    """
    place = choose_device(device)
    import lightning_modules
    from lightning_modules.protocols import Sampler

    settings.collect_garbage()
    module: Any = lightning_modules.load(file)
    name, samples = type(module).__name__, isinstance(module, Sampler)
    if not samples:
        raise ConfigError(
            f"{file} is a checkpoint of {name}, which generates no images; give a VAE or a GAN of any kind"
        )
    settings.channels_last(module)
    return module.to(place)


def weights_of(module: Any) -> str:
    """Say which weights generate the images: `averaged` or `live`."""
    return "averaged" if getattr(module, "ema", None) is not None else "live"


def draw_from(module: Any, file: Path, sampler: LatentSampler) -> None:
    """Let a model draw its latents from the prior or, if it is a VAE that has one, from the mixture fitted to them.

    Raises:
        ConfigError: there is no mixture.
    """
    if sampler == "prior":
        return
    if not hasattr(module, "mixture"):
        raise ConfigError(
            f"--sampler mixture needs a VAE, but {file} is a checkpoint of {type(module).__name__}; remove --sampler"
        )
    module.sampler = sampler
    module.noise(1, seed=0)  # a missing mixture is said at once


def configure(module: Any, file: Path, options: Options) -> None:
    """Set the model's truncation and weights as the options say.

    Raises:
        ConfigError: the model cannot do what is asked.
    """
    from lightning_modules.protocols import Autoencoder

    name = type(module).__name__
    if (options.edit or options.traverse is not None) and not isinstance(module, Autoencoder):
        raise ConfigError(f"--traverse and --edit need a VAE, but {file} is a checkpoint of {name}; use --interpolate")
    if options.truncation is not None:
        if not hasattr(module, "truncation"):
            raise ConfigError(f"--truncation: {name} does not truncate its noise; remove --truncation")
        module.truncation = options.truncation
    draw_from(module, file, options.sampler)
    if options.live_weights and hasattr(module, "ema"):
        module.ema = None
