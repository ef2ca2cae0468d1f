"""The systems whose steps are timed: overrides of the command line, with data that every machine has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class System:
    """A model and its data.

    Args:
        name: its name in the table.
        overrides: its overrides on the command line.
        images: number of training images.
    """

    name: str
    overrides: tuple[str, ...]
    images: int

    def config(self, batch: int, *overrides: str) -> dict[str, Any]:
        """Return its plain configuration with this batch size and further overrides."""
        from adversaria.tools.compose import compose

        fixed = ("run_dir=unused", "name=benchmark", f"data.batch_size={batch}")
        return compose(*fixed, *self.overrides, *overrides)


def images_in_a_step(config: dict[str, Any]) -> int:
    """Return the number of images in a step, those of both domains if there are two."""
    size: int = config["data"]["batch_size"]
    return 2 * size if "sets" in config["data"] else size


def faces(name: str, *overrides: str) -> System:
    """Return a system that trains on rendered faces."""
    data = ("data=synthetic_faces", "data.reader.train=6000", "data.horizontal_flip=false")
    return System(name, (*overrides, *data), 6000)


def _digits(name: str, *overrides: str) -> System:
    data = ("data=mnist5k_blended", "data/augmentation=none", "data.target_augmentation=null")
    return System(name, (*overrides, *data), 3680)


SYSTEMS = {
    "A1": faces("A1, VAE", "experiment=report_a/vae"),
    "C2": faces("C2, DCGAN", "experiment=report_c/gan"),
    "E1": faces("E1, DCGAN with two batches of noise", "experiment=report_e/gan"),
    "A2": faces("A2, WGAN", "experiment=report_a/wgan"),
    "C3": faces("C3, ACGAN", "experiment=report_c/acgan"),
    "E3": _digits("E3, DANN", "experiment=report_e/dann"),
    "E4": _digits("E4, ADDA", "experiment=report_e/adda", "model.pretrain_epochs=0"),
    "DANN": _digits("our DANN", "model=dann"),
    "ADDA": _digits("our ADDA", "model=adda", "model.pretrain_epochs=0"),
}
