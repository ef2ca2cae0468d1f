"""Synthetic faces: a seeded renderer of cartoon faces whose attributes carry CelebA's names.

They are the default data set, so that every command runs on a new machine without a download. Light, colours,
background and the shape of each face vary, and every attribute changes the picture, so a model has something to learn
and a conditional model has something to control. The faces are aligned and their backgrounds muted, so that a small
model spends its first minutes on the faces.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from adversaria.config.limits import check_memory
from adversaria.config.types import PositiveInt, Seed
from datamodules.readers.base import SplitIndex

#: Attribute -> its probability, before `draw_attributes` applies the rules between attributes.
ATTRIBUTES = {
    "Bangs": 0.25,
    "Black_Hair": 0.3,
    "Blond_Hair": 0.25,
    "Brown_Hair": 0.25,
    "Eyeglasses": 0.2,
    "Gray_Hair": 0.1,
    "Male": 0.45,
    "Mouth_Slightly_Open": 0.45,
    "No_Beard": 0.8,
    "Smiling": 0.5,
    "Wearing_Hat": 0.12,
    "Wearing_Lipstick": 0.3,
    "Young": 0.7,
}
_HAIR = {
    "Black_Hair": (0.08, 0.07, 0.07),
    "Blond_Hair": (0.88, 0.74, 0.42),
    "Brown_Hair": (0.38, 0.22, 0.12),
    "Gray_Hair": (0.68, 0.68, 0.70),
}
_OTHER_HAIR = (0.62, 0.26, 0.12)  # none of the four: red
_SKIN = np.array([(0.98, 0.84, 0.74), (0.92, 0.74, 0.60), (0.80, 0.58, 0.43), (0.58, 0.38, 0.26), (0.40, 0.26, 0.18)])
_INK = np.array((0.12, 0.09, 0.09))

BYTES_OF_A_FACE = 300  # in memory, of its name and its labels

Mask = np.ndarray  # (size, size) float32 in [0, 1]


class SyntheticFaces:
    """Reader of rendered faces; image i of a split is a function of (seed, split, i) alone.

    Args:
        train: number of training faces.
        val: number of validation faces.
        test: number of test faces.
        seed: seed of attributes and appearance.
    """

    name = "synthetic_faces"

    def __init__(
        self,
        train: PositiveInt = 4000,
        val: PositiveInt = 500,
        test: PositiveInt = 500,
        seed: Seed = 0,
    ) -> None:
        self.counts = {"train": train, "val": val, "test": test}
        for split, count in self.counts.items():
            check_memory(count * BYTES_OF_A_FACE, f"data.reader.{split}={count}")
        self.seed = seed

    def attributes(self) -> list[str]:
        """Return the attribute names, a subset of CelebA's."""
        return list(ATTRIBUTES)

    def fingerprint(self) -> dict[str, Any]:
        """Return counts, seed and the version of the renderer."""
        return {"counts": self.counts, "seed": self.seed, "recipe": 4}

    def splits(self) -> dict[str, SplitIndex]:
        """Return the splits; names are `<split>/<number>`."""
        return dict(self._splits)

    @functools.cached_property
    def _splits(self) -> dict[str, SplitIndex]:
        splits = {}
        for code, (split, count) in enumerate(self.counts.items()):
            labels = [draw_attributes(np.random.default_rng([self.seed, code, i]), 1)[0] for i in range(count)]
            splits[split] = SplitIndex([f"{split}/{i}" for i in range(count)], np.stack(labels))
        return splits

    def read(self, name: str, size: int) -> np.ndarray:
        """Render one face, (size, size, 3) uint8."""
        split, number = name.split("/")
        rng = np.random.default_rng([self.seed, list(self.counts).index(split), int(number)])
        labels = draw_attributes(rng, 1)[0]  # the same as in `splits`: they come first in the image's random stream
        return render_face(dict(zip(ATTRIBUTES, labels.tolist(), strict=True)), rng, size)


def draw_attributes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw (count, 13) int8 attributes: at most one hair colour, beard and lipstick by sex, grey hair if old."""
    labels = (rng.random((count, len(ATTRIBUTES))) < np.array(list(ATTRIBUTES.values()))).astype(np.int8)
    column = {name: labels[:, i] for i, name in enumerate(ATTRIBUTES)}
    colours = ["Black_Hair", "Blond_Hair", "Brown_Hair"]
    choice = rng.choice(4, size=count, p=[0.36, 0.28, 0.28, 0.08])
    for i, colour in enumerate(colours):
        column[colour][:] = choice == i
    column["Gray_Hair"][:] = (column["Young"] == 0) & (rng.random(count) < 0.4)
    for colour in colours:
        column[colour][column["Gray_Hair"] == 1] = 0
    column["No_Beard"][column["Male"] == 0] = 1
    column["No_Beard"][column["Male"] == 1] = rng.random(int(column["Male"].sum())) < 0.55
    column["Wearing_Lipstick"][column["Male"] == 1] = 0
    return labels


def render_face(attributes: dict[str, int], rng: np.random.Generator, size: int = 64) -> np.ndarray:
    """Render one face.

    Args:
        attributes: attribute name -> 0 or 1, all of `ATTRIBUTES`.
        rng: draws everything that the attributes do not determine; equal states give equal pictures.
        size: side in pixels.

    Returns:
        (size, size, 3) uint8.
    """
    face = _Face(attributes, rng, size)
    face.background()
    face.back_hair()
    face.body()
    face.head()
    face.eyes()
    face.nose()
    face.beard()
    face.mouth()
    face.front_hair()
    face.glasses()
    face.hat()
    return face.finish()


class _Face:
    """A picture in coordinates of the head: x right, y down, chin near y = 1, ears near |x| = 0.75."""

    def __init__(self, attributes: dict[str, int], rng: np.random.Generator, size: int) -> None:
        self.has = {name: bool(value) for name, value in attributes.items()}
        self.rng = rng
        u = rng.uniform
        axis = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1) * 1.45
        self.image = np.empty((3, size, size), dtype=np.float32)
        self.grid_x, self.grid_y = np.meshgrid(axis, axis)
        tilt, scale = u(-0.05, 0.05), u(0.98, 1.06)  # aligned, as published faces are
        dx, dy = self.grid_x - u(-0.03, 0.03), self.grid_y - u(0.04, 0.09)
        self.x = (np.cos(tilt) * dx + np.sin(tilt) * dy) / scale
        self.y = (-np.sin(tilt) * dx + np.cos(tilt) * dy) / scale
        self.soft = 1.45 * 2 / size / scale  # one pixel in head coordinates: the width of an edge
        self.yaw = u(-0.08, 0.08)  # features shift sideways as the head turns
        self.pitch = u(-0.03, 0.03)
        male, young = self.has["Male"], self.has["Young"]
        self.width = u(0.66, 0.74) + 0.05 * male
        self.jaw = u(0.02, 0.12) + 0.12 * male
        position = u(0, len(_SKIN) - 1.001)
        low = int(position)
        self.skin = _SKIN[low] + (position - low) * (_SKIN[low + 1] - _SKIN[low]) + u(-0.02, 0.02, 3)
        self.skin = self.skin * (1.0 if young else 0.94)
        hair = next((rgb for name, rgb in _HAIR.items() if self.has[name]), _OTHER_HAIR)
        self.hair = np.clip(np.array(hair) * u(0.85, 1.15) + u(-0.03, 0.03, 3), 0, 1)
        self.light = np.array([u(-0.15, 0.15), u(-0.1, 0.06)])

    # -- drawing: every shape is a soft mask made from a signed distance or level function
    def edge(self, level: np.ndarray, blur: float = 1.0) -> Mask:
        """Turn a level function (positive inside, in head units) into a mask."""
        return np.clip(level / (self.soft * blur) + 0.5, 0, 1)

    def ellipse(self, x: float, y: float, a: float, b: float, blur: float = 1.0) -> Mask:
        r = np.sqrt(((self.x - x) / a) ** 2 + ((self.y - y) / b) ** 2)
        return self.edge((1 - r) * min(a, b), blur)

    def paint(self, mask: Mask, colour: np.ndarray | tuple[float, ...], opacity: float = 1.0) -> None:
        self.image += mask * np.float32(opacity) * (_planes(colour) - self.image)

    # -- parts, back to front
    def background(self) -> None:
        u = self.rng.uniform
        first, second = (u(0.4, 0.8) + u(-0.12, 0.12, 3) for _ in range(2))  # muted, as behind real portraits
        angle = u(0, 2 * np.pi)
        ramp = np.clip(0.5 + 0.35 * (np.cos(angle) * self.grid_x + np.sin(angle) * self.grid_y), 0, 1)
        self.image[:] = _planes(first) * (1 - ramp) + _planes(second) * ramp
        for _ in range(self.rng.integers(0, 4)):  # out-of-focus things behind the head
            cx, cy, r = u(-1.4, 1.4), u(-1.4, 1.4), u(0.2, 0.6)
            blob = np.clip(1.5 - np.hypot(self.grid_x - cx, self.grid_y - cy) / r, 0, 1)
            self.paint(blob, u(0.1, 0.9) + u(-0.25, 0.25, 3), 0.25)

    def back_hair(self) -> None:
        if self.has["Male"]:
            self.long = 0.0
            self.paint(self.ellipse(0, -0.2, self.width + 0.1, 0.9), self.hair)
            return
        self.long = self.rng.uniform(0.5, 1.3)
        shade = self.hair * 0.8
        self.paint(self.ellipse(0, -0.18, self.width + 0.22, 0.95), shade)
        spread = self.width + 0.2 + 0.06 * np.sin(5 * self.y + self.rng.uniform(0, 6))
        fall = np.minimum(np.minimum(spread - np.abs(self.x), self.y + 0.3), self.long - self.y)
        self.paint(self.edge(fall, 1.5), shade)

    def body(self) -> None:
        cloth = self.rng.uniform(0.05, 0.95, 3)
        shoulders = self.edge(self.y - 1.12 - 0.25 * self.x**2, 1.5)
        neck = self.edge(np.minimum(0.34 + 0.06 * self.has["Male"] - np.abs(self.x), self.y - 0.3))
        self.paint(neck, self.skin * 0.8)
        self.paint(shoulders, cloth)

    def head(self) -> None:
        for side in (-1, 1):
            self.paint(self.ellipse(side * self.width + 0.3 * self.yaw, 0.08, 0.11, 0.2), self.skin * 0.9)
        lower = np.clip(self.y, 0, 1)
        half = self.width * (1 + self.jaw * lower - 0.2 * lower**2)
        self.outline = self.edge((1 - np.sqrt((self.x / half) ** 2 + ((self.y - 0.02) / 0.99) ** 2)) * self.width)
        self.paint(self.outline, self.skin)
        blush = np.array((0.92, 0.45, 0.42))
        for side in (-1, 1):
            self.paint(self.ellipse(side * 0.4 + self.yaw, 0.34, 0.2, 0.14, 8), blush, 0.12)
        if not self.has["Young"]:
            crease = self.skin * 0.68
            for y in (-0.42, -0.52):
                wave = 0.012 - np.abs(self.y - y - 0.03 * np.cos(4 * self.x))
                self.paint(self.edge(np.minimum(wave, 0.34 - np.abs(self.x - self.yaw))), crease, 0.6)
            for side in (-1, 1):
                fold = 0.02 - np.abs(self.x - self.yaw - side * (0.24 + 0.22 * (self.y - 0.3)))
                self.paint(self.edge(np.minimum(fold, 0.16 - np.abs(self.y - 0.46))), crease, 0.7)

    def eyes(self) -> None:
        u = self.rng.uniform
        self.eye_y = -0.1 + self.pitch
        self.gap = u(0.29, 0.34)
        iris = np.array(((0.25, 0.16, 0.1), (0.3, 0.45, 0.62), (0.32, 0.45, 0.28), (0.15, 0.1, 0.08)))[
            self.rng.integers(4)
        ]
        gaze, opening = u(-0.035, 0.035), u(0.065, 0.095) - 0.012 * self.has["Smiling"]
        brow = self.hair * 0.55 if not self.has["Gray_Hair"] else self.hair * 0.8
        lift, tilt = u(0.0, 0.06), u(-0.15, 0.15)
        thick = 0.05 if self.has["Male"] else 0.032
        for side in (-1, 1):
            cx = side * self.gap + self.yaw
            if not self.has["Male"]:
                self.paint(self.ellipse(cx, self.eye_y - 0.02, 0.17, opening + 0.045), _INK, 0.75)
            white = self.ellipse(cx, self.eye_y, 0.145, opening)
            self.paint(white, (0.96, 0.95, 0.93))
            self.paint(white * self.ellipse(cx + gaze, self.eye_y, 0.075, 0.08), iris)
            self.paint(white * self.ellipse(cx + gaze, self.eye_y, 0.036, 0.04), _INK)
            dx = self.x - cx
            curve = self.eye_y - 0.21 - lift + 1.2 * dx**2 - side * tilt * dx
            self.paint(self.edge(np.minimum(thick - np.abs(self.y - curve), 0.19 - np.abs(dx))), brow)

    def nose(self) -> None:
        cx, length = 1.35 * self.yaw, self.rng.uniform(0.2, 0.28)
        self.paint(
            self.ellipse(cx - 0.05 * np.sign(self.light[0]), 0.05 + length / 2, 0.05, length / 2, 3),
            self.skin * 0.8,
            0.6,
        )
        for side in (-1, 1):
            self.paint(self.ellipse(cx + side * 0.065, 0.06 + length, 0.035, 0.025), self.skin * 0.55)

    def beard(self) -> None:
        if self.has["No_Beard"]:
            return
        around = self.edge(self.y - 0.28 - 0.5 * (0.75 - np.abs(self.x)).clip(0), 2)
        self.paint(self.outline * around, self.hair * 0.7, 0.85)
        self.paint(self.ellipse(1.2 * self.yaw, 0.42, 0.27, 0.07, 2), self.hair * 0.65, 0.9)

    def mouth(self) -> None:
        u = self.rng.uniform
        cx, cy = 1.2 * self.yaw, 0.57 + self.pitch
        smiling, opened = self.has["Smiling"], self.has["Mouth_Slightly_Open"]
        half = u(0.2, 0.25) + 0.1 * smiling
        bend = (u(0.75, 1.15) if smiling else u(-0.35, 0.1)) * (0.6 if opened else 1)
        dx = self.x - cx
        middle = cy + 0.03 - bend * dx**2 + 0.06 * smiling
        inside = np.sqrt(np.clip(1 - (dx / half) ** 2, 0, None))
        lip_colour = np.array((0.76, 0.12, 0.2)) if self.has["Wearing_Lipstick"] else self.skin * (0.8, 0.58, 0.58)
        opening = (u(0.06, 0.1) + 0.03 * smiling) if opened else 0.0
        lip = 0.035 + 0.02 * (not self.has["Male"]) + 0.012 * self.has["Wearing_Lipstick"]
        offset = self.y - middle
        ends = (half - np.abs(dx)) * 0.5
        self.paint(self.edge(np.minimum((opening + lip) * inside - np.abs(offset), ends)), lip_colour)
        if opened:
            hole = self.edge(np.minimum(opening * inside - np.abs(offset), ends))
            self.paint(hole, (0.3, 0.06, 0.08))
            self.paint(hole * self.edge(-offset - 0.012), (0.97, 0.96, 0.93))
        else:
            self.paint(self.edge(np.minimum(0.014 - np.abs(offset), ends)), lip_colour * 0.45)

    def front_hair(self) -> None:
        line = -0.62 + self.rng.uniform(-0.06, 0.04) + 0.35 * self.x**2
        crown = np.minimum(self.width + 0.06 - np.abs(self.x), line - self.y)
        cap = np.minimum(
            (1.02 - np.sqrt((self.x / (self.width + 0.1)) ** 2 + ((self.y + 0.1) / 0.98) ** 2)) * 0.7, crown
        )
        self.paint(self.edge(cap), self.hair)
        part = self.rng.uniform(-0.3, 0.3)
        streak = np.clip(np.sin(14 * np.arctan2(self.x - part, self.y + 1.6)), 0, 1)
        self.paint(self.edge(cap) * streak, np.clip(self.hair * 1.35 + 0.05, 0, 1), 0.35)
        if self.has["Bangs"]:
            strands = -0.36 + 0.05 * np.sin(16 * self.x + self.rng.uniform(0, 6)) + 0.12 * self.x**2
            fringe = np.minimum(strands - self.y, self.width - 0.02 - np.abs(self.x))
            scalp = self.ellipse(0, -0.1, self.width + 0.08, 0.96)
            self.paint(self.edge(fringe) * scalp, self.hair * 0.93)
        if self.long:
            for side in (-1, 1):
                lock = 0.1 - np.abs(self.x - side * (self.width + 0.03 + 0.04 * np.sin(4 * self.y)))
                self.paint(
                    self.edge(np.minimum(np.minimum(lock, self.y + 0.62), self.long * 0.8 - self.y)),
                    self.hair,
                )

    def glasses(self) -> None:
        if not self.has["Eyeglasses"]:
            return
        rim = self.rng.uniform(0.03, 0.3, 3)
        tint = self.rng.uniform(0.1, 0.45)
        radius, wide = 0.2, self.rng.uniform(1.0, 1.25)
        for side in (-1, 1):
            cx = side * self.gap + self.yaw
            r = np.sqrt(((self.x - cx) / wide) ** 2 + (self.y - self.eye_y - 0.01) ** 2)
            self.paint(self.edge(radius - r), (0.35, 0.42, 0.5), tint)
            self.paint(self.edge(0.032 - np.abs(r - radius)), rim)
        bridge = np.minimum(0.022 - np.abs(self.y - self.eye_y), 0.09 - np.abs(self.x - self.yaw))
        temple = np.minimum(0.022 - np.abs(self.y - self.eye_y), np.abs(self.x - self.yaw) - self.gap - radius)
        temple = np.minimum(temple, self.width - np.abs(self.x))
        self.paint(self.edge(np.maximum(bridge, temple)), rim)

    def hat(self) -> None:
        if not self.has["Wearing_Hat"]:
            return
        colour = self.rng.uniform(0.05, 0.95, 3)
        crown = np.minimum(self.ellipse(0, -0.62, self.width + 0.12, 0.72), self.edge(-0.56 - self.y))
        self.paint(crown, colour)
        self.paint(crown * self.edge(0.09 - np.abs(self.y + 0.68)), colour * 0.55)
        brim = np.minimum(0.07 - np.abs(self.y + 0.56 - 0.08 * self.x**2), self.width + 0.32 - np.abs(self.x))
        self.paint(self.edge(brim), colour * 0.75)

    def finish(self) -> np.ndarray:
        """Light the scene, add the sensor's noise and quantise."""
        shading = 1 + self.light[0] * self.grid_x / 1.45 + self.light[1] * self.grid_y / 1.45
        noise = self.rng.standard_normal(self.image.shape, dtype=np.float32) * np.float32(0.008)
        picture = self.image * (shading * self.rng.uniform(0.88, 1.08)) + noise
        return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)


def _planes(colour: np.ndarray | tuple[float, ...]) -> np.ndarray:
    return np.asarray(colour, dtype=np.float32)[:, None, None]
