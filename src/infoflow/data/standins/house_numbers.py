"""Drawn house numbers that stand in for SVHN: photograph-like crops, 32 × 32 colour, the digit in the middle counts.

A number of one to three digits is set in one of several typefaces on a wall (plaster, brick, boards) or a plate, seen at
a small angle, lit from one side, and taken by a slightly blurred and noisy camera. Neighbouring digits reach into the
picture, as do plate edges, screws, cables and shadows.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

SIDE = 32
FINE = 3  # pixels drawn for each pixel kept, along a side
TYPEFACES = (
    "DejaVuSans-Bold", "DejaVuSans", "DejaVuSerif-Bold", "DejaVuSerif", "DejaVuSansMono-Bold",
    "STIXGeneralBol", "DejaVuSans-BoldOblique", "cmss10",
)  # fmt: skip


def draw(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 32, 32, 3) uint8 and the digits 0–9 (count,) uint8, as equally frequent as can be, shuffled."""
    digits = rng.permutation(np.arange(count) % 10).astype(np.uint8)
    return np.stack([_photograph(int(digit), rng) for digit in digits]), digits


# --- the number ------------------------------------------------------------------------------------------


@functools.cache
def _glyph(typeface: str, digit: int, height: int) -> np.ndarray:
    """Coverage (height, width) in 0–1 of one digit, cut to its ink."""
    import matplotlib  # its wheel ships the typefaces

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{typeface}.ttf"
    font = ImageFont.truetype(str(file), 2 * height, layout_engine=ImageFont.Layout.BASIC)
    left, top, right, bottom = font.getbbox(str(digit))
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).text((-left, -top), str(digit), fill=255, font=font)
    width = max(1, round(height * image.width / image.height))
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float32) / 255


def _number(digit: int, rng: np.random.Generator) -> np.ndarray:
    """Coverage (side, side) of the number: the digit in the middle, neighbours beside it, seen at an angle."""
    side = SIDE * FINE
    typeface, height = str(rng.choice(TYPEFACES)), 4 * round(side * rng.uniform(0.62, 0.88) / 4)
    canvas = np.zeros((side, 3 * side), np.float32)  # wide enough for the neighbours
    top, gap = (side - height) // 2, round(rng.uniform(0.04, 0.22) * height)
    middle = _glyph(typeface, digit, height)
    start = (canvas.shape[1] - middle.shape[1]) // 2
    stop = start + middle.shape[1]
    canvas[top : top + height, start:stop] = middle
    for on_the_left in (True, False):
        if rng.random() < 0.55:
            other = _glyph(typeface, int(rng.integers(10)), height)
            at = start - gap - other.shape[1] if on_the_left else stop + gap
            canvas[top : top + height, at : at + other.shape[1]] = other
    angle, shear, squeeze = rng.normal(0, 0.12), rng.normal(0, 0.12), rng.uniform(0.95, 1.25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    view = turn @ np.array([[squeeze, shear], [0, 1]])  # from the picture to the canvas
    shift = rng.normal(0, 0.05, 2) * side
    origin = np.array([canvas.shape[1] / 2, side / 2]) - view @ (np.array([side / 2, side / 2]) + shift)
    matrix = (*view[0], origin[0], *view[1], origin[1])
    seen = Image.fromarray(canvas).transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return np.asarray(seen)


# --- the scene -------------------------------------------------------------------------------------------


def _photograph(digit: int, rng: np.random.Generator) -> np.ndarray:
    """One image (32, 32, 3) uint8."""
    side = SIDE * FINE
    ink = _number(digit, rng)
    wall, paint = _colours(rng)
    scene = wall * (1 + _wall(rng, side))[..., None]
    scene = _clutter(scene, rng)
    depth = rng.integers(0, 4)  # raised digits throw a shadow
    shadow = np.roll(ink, (depth, rng.integers(-depth, depth + 1)), (0, 1)) * (0.5 if depth else 0.0)
    scene = scene * (1 - 0.6 * shadow[..., None])
    worn = ink * np.clip(1 - 0.15 * np.abs(_blotches(rng, side, 6)), 0, 1)
    scene = scene * (1 - worn[..., None]) + paint * worn[..., None]
    return _camera(scene * _daylight(rng, side)[..., None], rng)


def _colours(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colours of wall and digits, each (3,): muted, apart in brightness, mostly light digits on a dark wall."""
    contrast = rng.uniform(0.35, 0.7)
    dark = rng.uniform(0.08, 0.92 - contrast)
    light_wall = rng.random() < 0.15
    brightness = (dark + contrast, dark) if light_wall else (dark, dark + contrast)
    made = []
    for level in brightness:
        tint = rng.normal(0, 0.07, 3)
        made.append(np.clip(level + tint - tint @ [0.299, 0.587, 0.114], 0.02, 1.0))
    return made[0], made[1]


def _wall(rng: np.random.Generator, side: int) -> np.ndarray:
    """Relative brightness (side, side) of plaster, bricks, boards or smooth paint, about 0."""
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    kind = rng.choice(["plaster", "bricks", "boards", "paint"], p=[0.35, 0.2, 0.2, 0.25])
    if kind == "plaster":
        return 0.10 * _blotches(rng, side, 3) + 0.06 * _blotches(rng, side, 12)
    if kind == "bricks":
        high, start = rng.uniform(0.22, 0.35) * side, rng.uniform(0, side)
        row = (down + start) // high
        joint = ((down + start) % high < FINE) | ((across + row * high + start) % (2 * high) < FINE)
        return rng.uniform(-0.35, 0.35) * joint + 0.08 * _blotches(rng, side, 4)
    if kind == "boards":
        wide, start = rng.uniform(0.25, 0.6) * side, rng.uniform(0, side)
        line, other = (across, down) if rng.random() < 0.5 else (down, across)
        grain = 0.06 * np.sin(2 * np.pi * (line / rng.uniform(4, 9) + 0.5 * np.sin(other / side)))
        return grain - 0.4 * ((line + start) % wide < FINE) + 0.05 * _blotches(rng, side, 3)
    return 0.05 * _blotches(rng, side, 15)


def _clutter(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The scene with the edge of a plate, screws, a cable or leaves, each now and then."""
    side = len(scene)
    image = Image.fromarray((255 * np.clip(scene, 0, 1)).astype(np.uint8))
    pen = ImageDraw.Draw(image)

    def colour() -> tuple[int, ...]:
        return tuple(int(c) for c in np.clip(rng.uniform(30, 225) + rng.normal(0, 20, 3), 0, 255))

    if rng.random() < 0.35:  # what lies beyond the plate, above or below, left or right
        edge, beyond = round(rng.uniform(0.02, 0.10) * side), colour()
        for box in ((0, 0, side, edge), (0, side - edge, side, side), (0, 0, edge, side), (side - edge, 0, side, side)):
            if rng.random() < 0.5:
                pen.rectangle(box, fill=beyond)
    if rng.random() < 0.3:
        for x in (0.12, 0.88):
            y, r = rng.uniform(0.08, 0.92) * side, 0.03 * side
            pen.ellipse((x * side - r, y - r, x * side + r, y + r), fill=colour())
    if rng.random() < 0.2:
        x = rng.choice([rng.uniform(0, 0.2), rng.uniform(0.8, 1)]) * side
        pen.line(
            (x, 0, x + rng.normal(0, 0.08) * side, side), fill=colour(), width=round(rng.uniform(0.02, 0.06) * side)
        )
    if rng.random() < 0.15:
        corner, leaf = rng.choice([0, side], 2), np.array([40, 80, 30]) * rng.uniform(0.5, 1.8)
        for x, y in corner + rng.normal(0, 0.1 * side, (12, 2)):
            pen.ellipse((x - 5, y - 3, x + 5, y + 3), fill=tuple(int(c) for c in leaf * rng.uniform(0.7, 1.3)))
    return np.asarray(image, float) / 255


def _daylight(rng: np.random.Generator, side: int) -> np.ndarray:
    """Brightness (side, side): a ramp, and sometimes the edge of a cast shadow."""
    ramp = np.linspace(-0.5, 0.5, side)
    slope, angle = rng.normal(0, 0.2, 2), rng.uniform(0, 2 * np.pi)
    light = 1 + slope[0] * ramp + slope[1] * ramp[:, None]
    if rng.random() < 0.2:
        distance = np.cos(angle) * ramp + np.sin(angle) * ramp[:, None] - rng.uniform(-0.2, 0.4)
        light = light * (1 - rng.uniform(0.15, 0.4) / (1 + np.exp(-40 * distance)))
    return light


def _camera(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The scene (side, side, 3) blurred, reduced to 32 × 32 and made noisy, uint8."""
    blurred = gaussian_filter(scene, (*[FINE * rng.uniform(0.3, 1.1)] * 2, 0))
    small = blurred.reshape(SIDE, FINE, SIDE, FINE, 3).mean((1, 3))
    noisy = small + rng.normal(0, rng.uniform(0.005, 0.03), small.shape)
    return (255 * np.clip(noisy, 0, 1)).astype(np.uint8)


def _blotches(rng: np.random.Generator, side: int, size: float) -> np.ndarray:
    """Smooth noise (side, side) of unit standard deviation and correlation length `size` pixels."""
    noise = gaussian_filter(rng.standard_normal((side // 2, side // 2)), size / 2, mode="wrap")
    return np.kron(noise / noise.std(), np.ones((2, 2)))
