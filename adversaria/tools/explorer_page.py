"""The page of explore.py: sliders, and the images with their settings."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import math
import random
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from adversaria.images.grid import grid
from adversaria.tools.bounded_control import bounded, bounded_control

if TYPE_CHECKING:
    import numpy as np

    from adversaria.tools.explorer import Explorer, Slider

LARGEST_SEED = 2**32 - 1
STYLE = Path(__file__).with_name("explorer.css")


class Page:
    """The page in one browser: settings on the left, images on the right.

    Args:
        explorer: draws the images, and knows the settings.
        given: settings to start from, as in the page's address; those without sense are left out.
    """

    def __init__(self, explorer: Explorer, given: Mapping[str, str] = MappingProxyType({})) -> None:
        self.explorer = explorer
        self.title = type(explorer.module).__name__
        limits = {name: slider[:2] for group in explorer.sliders.values() for name, slider in group.items()}
        self.settings = {
            name: bounded(given.get(name), *limits.get(name, (0, LARGEST_SEED)), start)
            for name, start in explorer.initial.items()
        }
        self.initial: list[tuple[Any, Any]] = []  # controls and their initial values
        self.controls: dict[str, Any] = {}  # by the names of their settings
        self.others: list[Page] = []  # of other runs beside this one, which follow it
        self.changes = 0

    def lay_out(self, about: str, note: str, report: str | None) -> None:
        """Build the page; `about` describes the model, `note` says what is missing, `report` is where its report is."""
        from nicegui import ui

        ui.page_title(f"{self.title} · adversaria")
        ui.add_css(STYLE)
        with ui.element("section").classes("controls"):
            ui.html(self.title, tag="h1")
            for text in filter(None, (about, note)):
                ui.label(text).classes("note")
            if report:
                ui.link("report of the run", report, new_tab=True).classes("note")
            for name in ("seed", "to seed"):
                self._seed(name)
            for heading, group in self.explorer.sliders.items():
                if heading and group:
                    ui.html(heading, tag="h2")
                for name, slider in group.items():
                    self._setting(name, slider)
        with ui.element("section").classes("images"):
            with ui.element("div").classes("picture") as self.picture:
                numbers = range(1, self.explorer.max_images + 1)
                self.tiles = [ui.element("img").props(f'alt="image {number}"') for number in numbers]
            with ui.element("div").classes("buttons"):
                ui.button("download the picture", on_click=self.download).props("outline no-caps")
                ui.button("reset the sliders", on_click=self.reset).props("outline no-caps")
        self.show()

    def _seed(self, name: str) -> None:
        from nicegui import ui

        with ui.element("div").classes("setting seed"):
            ui.label(name)
            field = bounded_control(ui.number, 0, LARGEST_SEED)
            number = self._connect(name, field(value=self.settings[name], min=0, max=LARGEST_SEED, precision=0))
            number.props("dense outlined")
            ui.button("another seed", on_click=partial(_reseed, number)).props("flat no-caps")

    def _setting(self, name: str, slider: Slider) -> None:
        from nicegui import ui

        low, high, step, start, names = slider
        value = self.settings[name]
        with ui.element("div").classes("setting"):
            ui.label(name.replace("_", " "))
            if names:
                menu = bounded_control(ui.select, low, high, whole=True)
                control = self._connect(name, menu(dict(enumerate(names)), value=round(value)))
            elif (low, high, step) == (0, 1, 1):
                control = self._connect(name, bounded_control(ui.switch, 0, 1)(value=bool(value)))
            else:
                moved = bounded_control(ui.slider, low, high)(min=low, max=high, step=step, value=value)
                control = self._connect(name, moved)
                # The server would echo each value, and so set a slider back that has moved since. NiceGUI has no public
                # switch against that. Without LOOPBACK sliders jump back while they are dragged; a test expects it.
                control.LOOPBACK = control.props["loopback"] = False
                control.classes("two-sided" if low < 0 else "")
                ui.label().classes("value").bind_text_from(control, "value", "{:g}".format)
            self.initial.append((control, type(control.value)(start)))

    def _connect(self, name: str, control: Any) -> Any:
        control.props["aria-label"] = name
        self.controls[name] = control
        return control.on_value_change(lambda event: self.change(name, event.value))

    async def change(self, name: str, value: float | None) -> None:
        """Set a value, and draw unless another change follows at once: a slider can move faster than a model draws."""
        self.settings[name] = float(value or 0)
        for other in self.others:
            if name in other.controls and other.controls[name].value != value:
                other.controls[name].value = value
        self.changes = mine = self.changes + 1
        await asyncio.sleep(0.01)
        if mine == self.changes:
            self.show()
            self.remember()

    def show(self) -> None:
        """Draw the images."""
        images = self.explorer.draw(self.settings)
        self.picture.style(f"--columns: {_columns(images)}")
        for tile, image in itertools.zip_longest(self.tiles, images):
            tile.set_visibility(image is not None)
            if image is not None:
                tile.props["src"] = f"data:image/png;base64,{base64.b64encode(_png(image)).decode()}"

    def remember(self) -> None:
        """Keep what differs from the start in the page's address, so that a page that is opened again goes on there."""
        from nicegui import ui

        changed = {
            name: f"{value:.10g}"
            for page in (*self.others, self)
            for name, value in page.settings.items()
            if value != page.explorer.initial[name]
        }
        ui.navigate.history.replace(f"?{urlencode(changed)}")

    def download(self) -> None:
        """Let the browser download the images as one picture."""
        from nicegui import ui

        images = self.explorer.draw(self.settings)
        name = f"{self.title.lower()}_seed_{self.settings['seed']:.0f}.png"
        ui.download.content(_png(grid(images, _columns(images))), name)

    def reset(self) -> None:
        """Set all controls but the seeds to their initial values."""
        for control, value in self.initial:
            control.value = value


def _reseed(number: Any) -> None:
    number.value = random.randrange(10_000)


def _columns(images: np.ndarray) -> int:
    return math.ceil(math.sqrt(len(images)))


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png", compress_level=1)
    return buffer.getvalue()
