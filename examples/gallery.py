"""Make the pictures of docs/gallery.md: train each system for some minutes and take one picture of each run.

python examples/gallery.py outputs/gallery           # trains what is not there yet
python examples/gallery.py outputs/gallery gan dann  # these systems alone
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to be started from anywhere

import adversaria

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images" / "gallery"
WIDEST = 700  # pixels of a plot; grids of images keep their size
ONE_PICTURE = "callbacks.curves=null"  # not those of each epoch
PAIR = ("data=digits_mnist5k", ONE_PICTURE, "callbacks.oracle=null", "callbacks.criteria=null")
FEATURES = (*PAIR, "callbacks.tsne.count=500")
SHORT = ("data=digits", "model.network.width=24", "metrics=none", "trainer.max_epochs=12", ONE_PICTURE)
GAN = (*SHORT, "callbacks.samples.every_n_epochs=0", "callbacks.interpolation=null", "callbacks.health=null")
VAE = (
    *SHORT,
    "model/network=compact_vae",
    "callbacks.samples=null",
    "callbacks.tsne=null",
    "callbacks.latent_mixture=null",
)
#: System -> the kind of picture, and the settings of its run beside `model=`; all data come with the packages.
SYSTEMS = {
    "vae": ("reconstructions", *VAE, "callbacks.reconstructions.every_n_epochs=0"),
    "cvae": ("labels", *VAE, "callbacks.reconstructions=null", "callbacks.conditional_grid.every_n_epochs=0"),
    "gan": ("samples", "data=digits", "trainer.max_epochs=16"),
    "wgan": ("samples", *GAN, "trainer.max_epochs=300"),  # its generator steps once in three iterations
    "acgan": ("labels", *GAN, "callbacks.conditional_grid.every_n_epochs=0"),
    "classifier": ("confusion", "data=digits"),
    **dict.fromkeys(("source_only", "target_only"), ("confusion", *PAIR, "callbacks.tsne=null")),
    **dict.fromkeys(("dann", "mcc", "adamatch"), ("domains", *FEATURES)),
    "dsn": ("domains", *FEATURES, "trainer.max_epochs=5"),  # each takes three times as long as one of a DANN
    "adda": ("domains", *FEATURES),  # five of its epochs are on the source alone
}


def main(output: str, *systems: str) -> None:
    """Train the systems that have no finished run in a folder, and write the picture of each."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for system in systems or SYSTEMS:
        kind, *settings = SYSTEMS[system]
        finished = sorted(Path(output, system).glob("*/metrics.json"))
        run = (
            adversaria.open_run(finished[-1].parent)
            if finished
            else adversaria.train(f"model={system}", *settings, f"output_root={output}", f"name={system}")
        )
        small(Image.open(run.figures[kind]).convert("RGB"), kind).save(FOLDER / f"{system}.png", optimize=True)


def small(picture: Image.Image, kind: str) -> Image.Image:
    """Return a picture for the page: plots shrunk to its width, grids pixel by pixel, with few colours."""
    if kind not in ("confusion", "domains"):
        return picture.quantize(64)
    if picture.width > WIDEST:
        picture = picture.resize((WIDEST, round(picture.height * WIDEST / picture.width)), Image.Resampling.LANCZOS)
    return picture.quantize(256)


if __name__ == "__main__":
    main(*sys.argv[1:])
