"""Explore a trained VAE, GAN, WGAN or ACGAN with sliders: `python explore.py RUN`; see `python explore.py --help`."""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import importlib.util
import io
import itertools
import math
import random
import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria import performance, run_folder
from adversaria.errors import ConfigError, one_sentence_errors
from generate import load

if TYPE_CHECKING:
    import numpy as np

    from adversaria.explorer import Explorer

HOST = "127.0.0.1"
STYLE = Path(__file__).parent / "adversaria" / "explorer.css"


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = _options(arguments)
    with one_sentence_errors():
        if importlib.util.find_spec("nicegui") is None:
            raise ConfigError("the page needs NiceGUI, which is not installed; pip install -e '.[explore]'")
        folder, file = run_folder.find(options.run, options.checkpoint)
        port = free(options.port)
        performance.keep_memory()
        from adversaria.explorer import prepare

        explorer, note = prepare(load(file, options.device), folder, options.root)
        from nicegui import ui

        weights = "averaged" if getattr(explorer.module, "ema", None) is not None else "live"
        about = f"iteration {explorer.module.iteration:,} · {weights} weights · {options.run}"
        print(f"http://{HOST}:{port} until Ctrl-C", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            ui.run(
                partial(page, explorer, about, note),
                host=HOST,
                port=port,
                dark=None,  # as the system is
                reload=False,
                show=False,
                show_welcome_message=False,
                tailwind=False,
                message_history_length=0,  # of pictures
            )


def free(port: int) -> int:
    """Return the port, or any free one for 0.

    Raises:
        ConfigError: it cannot be listened on.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"--port {port}: {reason}; choose another, or 0 for any free one") from error
        return int(probe.getsockname()[1])


def page(explorer: Explorer, about: str, note: str) -> None:
    """Lay the page out in one browser: what can be set, and the images."""
    from nicegui import ui

    from adversaria.explorer import MOST
    from callbacks.figures import grid

    title = type(explorer.module).__name__
    settings: dict[str, float] = {"seed": 0, "to seed": 1}
    first: list[tuple[Any, Any]] = []  # sliders, and what they were at
    changes = 0

    def add(name: str, control: Any) -> Any:
        control.props["aria-label"] = name
        return control.on_value_change(lambda event: change(name, event.value))

    async def change(name: str, value: float | None) -> None:
        nonlocal changes
        settings[name] = float(value or 0)
        changes = mine = changes + 1
        await asyncio.sleep(0.01)  # a slider may report faster than a large model draws: only the last is drawn
        if mine == changes:
            show()

    def show() -> None:
        images = explorer.draw(settings)
        picture.style(f"--columns: {_columns(images)}")
        for tile, image in itertools.zip_longest(tiles, images):
            tile.set_visibility(image is not None)
            if image is not None:
                tile.props["src"] = f"data:image/png;base64,{base64.b64encode(_png(image)).decode()}"

    def download() -> None:
        images = explorer.draw(settings)
        ui.download.content(_png(grid(images, _columns(images))), f"{title.lower()}_seed_{settings['seed']:.0f}.png")

    def reset() -> None:
        for control, value in first:
            control.value = value

    ui.page_title(f"{title} · adversaria")
    ui.add_css(STYLE)
    with ui.element("section").classes("controls"):
        ui.html(title, tag="h1")
        for text in filter(None, (about, note)):
            ui.label(text).classes("note")
        for name in ("seed", "to seed"):
            with ui.element("div").classes("setting seed"):
                ui.label(name)
                number = add(name, ui.number(value=settings[name], min=0, precision=0))
                number.props("dense outlined")
                ui.button("another seed", on_click=partial(_reseed, number)).props("flat no-caps")
        for heading, group in explorer.sliders.items():
            if heading and group:
                ui.html(heading, tag="h2")
            for name, (low, high, step, value) in group.items():
                settings[name] = value
                with ui.element("div").classes("setting"):
                    ui.label(name.replace("_", " "))
                    if (low, high, step) == (0, 1, 1):
                        control = add(name, ui.switch(value=bool(value)))
                    else:
                        control = add(name, ui.slider(min=low, max=high, step=step, value=value))
                        # As in a text field: the server's echo would set back a slider that has moved on.
                        control.LOOPBACK = control.props["loopback"] = False
                        control.classes("two-sided" if low < 0 else "")
                        ui.label().classes("value").bind_text_from(control, "value", "{:g}".format)
                    first.append((control, control.value))
    with ui.element("section").classes("images"):
        with ui.element("div").classes("picture") as picture:
            tiles = [ui.element("img").props(f'alt="image {number}"') for number in range(1, MOST + 1)]
        with ui.element("div").classes("buttons"):
            ui.button("download the picture", on_click=download).props("outline no-caps")
            ui.button("reset the sliders", on_click=reset).props("outline no-caps")
    show()


def _reseed(number: Any) -> None:
    number.value = random.randrange(10_000)


def _columns(images: np.ndarray) -> int:
    return math.ceil(math.sqrt(len(images)))


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png", compress_level=1)
    return buffer.getvalue()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Explore a trained VAE, GAN, WGAN or ACGAN with sliders in a browser.")
    add = parser.add_argument
    add("run", type=Path, metavar="RUN_OR_CHECKPOINT", help="a run folder, or a checkpoint")
    add("--port", type=int, default=7860, help="of the page, which only this machine can open (7860)")
    add("--root", metavar="PATH", help="another folder of the data, which tells a VAE's directions")
    add("--checkpoint", choices=["last", "best"], default="last", help="of a run folder (last)")
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
