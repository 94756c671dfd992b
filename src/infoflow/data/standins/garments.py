"""Drawn garments that stand in for Fashion-MNIST: ten classes of textured silhouettes on black, 28 × 28 grey.

A garment is a list of strokes in the unit square (x to the right, y down): filled outlines and seams, each with a tone
relative to the cloth (0 is the background). Cut, pose, cloth and light vary from image to image. Long sleeves, necklines
and fastenings tell the upper garments apart, so the classes overlap as those of Fashion-MNIST do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SIDE = 28
FINE = 4  # pixels drawn for each pixel kept, along a side

Points = np.ndarray  # (n, 2)
Stroke = tuple[Points, float, float]  # points, tone, width (0: filled outline)


def draw(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 28, 28) uint8 and labels (count,) uint8, the classes as equally frequent as can be, shuffled."""
    labels = rng.permutation(np.arange(count) % len(CLASSES)).astype(np.uint8)
    return np.stack([_render(GARMENTS[label](rng), rng) for label in labels]), labels


# --- strokes ---------------------------------------------------------------------------------------------


def _fill(points: list[tuple[float, float]], tone: float = 1.0) -> Stroke:
    return np.array(points), tone, 0.0


def _seam(points: list[tuple[float, float]], tone: float, width: float = 0.03) -> Stroke:
    return np.array(points), tone, width


def _disc(x: float, y: float, rx: float, ry: float, tone: float) -> Stroke:
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], 1), tone, 0.0


def _mirrored(half: list[tuple[float, float]], tone: float = 1.0) -> Stroke:
    """The outline whose right half, from top to bottom, is given as distances from the middle."""
    right = np.array(half)
    left = right[::-1] * [-1, 1]
    return np.concatenate([right, left]) + [0.5, 0], tone, 0.0


def _both_sides(points: list[tuple[float, float]], tone: float, width: float) -> list[Stroke]:
    line = np.array(points)
    return [(line * [side, 1] + [0.5, 0], tone, width) for side in (1, -1)]


# --- garments --------------------------------------------------------------------------------------------


def _torso(rng: np.random.Generator, sleeve: float, width: float, hem: float, flare: float = 0.0) -> list[Stroke]:
    """Body with sleeves; `sleeve` is their length from 0 (none) to 1 (the wrist), widths are from the middle."""
    shoulder, top = width + rng.uniform(-0.01, 0.03), rng.uniform(0.07, 0.12)
    spread = rng.uniform(0.10, 0.24)  # how far the arms are held from the body
    cuff_x, cuff_y = shoulder + spread * (0.35 + 0.65 * sleeve), top + 0.12 + 0.68 * sleeve
    thick = rng.uniform(0.10, 0.14) - 0.03 * sleeve
    strokes = [_mirrored([(0.07, top - 0.03), (shoulder, top + 0.05), (width, 0.4), (width + flare, hem)])]
    if sleeve > 0.05:
        arm = [(shoulder - 0.05, top + 0.02), (shoulder + 0.02, top + 0.07), (cuff_x, cuff_y)]
        arm += [(cuff_x - thick, cuff_y + 0.03), (width - 0.05, top + 0.3)]
        strokes += [(np.array(arm) * [side, 1] + [0.5, 0], 1.0, 0.0) for side in (1, -1)]
        strokes += _both_sides([(width, top + 0.24), (width, min(hem, cuff_y))], rng.uniform(0.35, 0.75), 0.02)
    return strokes


def _neck(rng: np.random.Generator, deep: float) -> list[Stroke]:
    """An opening for the head with its edge."""
    wide, angle = rng.uniform(0.08, 0.12), np.linspace(0.1 * np.pi, 0.9 * np.pi, 12)
    edge = np.stack([0.5 + wide * np.cos(angle), 0.05 + deep * np.sin(angle)], 1)
    return [_disc(0.5, 0.05, wide, deep, 0.0), (edge, rng.uniform(0.6, 1.3), 0.035)]


def _front(rng: np.random.Generator, hem: float, width: float, tone: float) -> list[Stroke]:
    """A line of fastening down the middle."""
    x = 0.5 + rng.uniform(-0.02, 0.02)
    return [_seam([(x, 0.14), (x, hem)], tone, width)]


def _tshirt(rng: np.random.Generator) -> list[Stroke]:
    width, hem = rng.uniform(0.19, 0.26), rng.uniform(0.82, 0.95)
    strokes = _torso(rng, rng.uniform(0.05, 0.30), width, hem) + _neck(rng, rng.uniform(0.05, 0.14))
    if rng.random() < 0.35:  # a print
        strokes.append(_disc(0.5, rng.uniform(0.35, 0.5), *rng.uniform(0.06, 0.14, 2), rng.choice([0.4, 0.6, 1.5])))
    return strokes


def _trouser(rng: np.random.Generator) -> list[Stroke]:
    waist, hem, apart = rng.uniform(0.13, 0.19), rng.uniform(0.9, 0.97), rng.uniform(0.02, 0.09)
    crotch, leg = rng.uniform(0.32, 0.45), rng.uniform(0.09, 0.15)
    if rng.random() < 0.12:  # shorts
        hem = rng.uniform(0.6, 0.7)
    outer = apart + leg
    half = [(waist, 0.05), (waist + 0.04, 0.3), (outer, hem), (apart, hem), (0.005, crotch)]
    return [_mirrored(half), _seam([(0.5 - waist, 0.08), (0.5 + waist, 0.08)], rng.uniform(0.5, 0.8), 0.03)]


def _pullover(rng: np.random.Generator) -> list[Stroke]:
    width, hem = rng.uniform(0.21, 0.28), rng.uniform(0.82, 0.93)
    strokes = _torso(rng, rng.uniform(0.8, 1.0), width, hem) + _neck(rng, rng.uniform(0.03, 0.09))
    tone = rng.uniform(0.6, 0.9)
    return [*strokes, _seam([(0.5 - width, hem - 0.03), (0.5 + width, hem - 0.03)], tone, 0.05)]


def _dress(rng: np.random.Generator) -> list[Stroke]:
    bust, waist, flare = rng.uniform(0.12, 0.17), rng.uniform(0.09, 0.14), rng.uniform(0.14, 0.28)
    middle, hem = rng.uniform(0.36, 0.46), rng.uniform(0.88, 0.97)
    strokes = [_mirrored([(0.08, 0.04), (bust, 0.12), (bust, 0.28), (waist, middle), (flare, hem)])]
    if rng.random() < 0.5:
        strokes = _torso(rng, rng.choice([0.15, 0.4]), bust, middle) + strokes
    if rng.random() < 0.5:
        strokes.append(_seam([(0.5 - waist, middle), (0.5 + waist, middle)], rng.choice([0.4, 0.6, 1.4]), 0.04))
    return strokes + _neck(rng, rng.uniform(0.05, 0.16))


def _coat(rng: np.random.Generator) -> list[Stroke]:
    width, hem = rng.uniform(0.21, 0.27), rng.uniform(0.88, 0.97)
    strokes = _torso(rng, rng.uniform(0.85, 1.0), width, hem, flare=rng.uniform(0.0, 0.05))
    strokes += _front(rng, hem, rng.uniform(0.05, 0.10), rng.uniform(0.0, 0.2))
    low = rng.uniform(0.28, 0.45)  # lapels
    strokes += _both_sides([(0.07, 0.05), (0.09, 0.2), (0.0, low)], rng.uniform(0.4, 0.7), 0.03)
    strokes += _both_sides([(0.08, 0.64), (width - 0.05, 0.62)], rng.uniform(0.4, 0.75), 0.03)  # pockets
    return strokes


def _sandal(rng: np.random.Generator) -> list[Stroke]:
    heel, sole = rng.choice([0.0, rng.uniform(0.1, 0.3)]), rng.uniform(0.72, 0.80)
    back = sole - heel
    strokes = [
        _fill([(0.04, sole), (0.35, sole), (0.94, back), (0.96, back + 0.07), (0.4, sole + 0.07), (0.05, sole + 0.06)])
    ]
    if heel:
        strokes.append(_fill([(0.84, back), (0.95, back), (0.92, sole + 0.07), (0.88, sole + 0.07)], 0.8))
    for x in np.linspace(0.12, 0.5, rng.integers(1, 4)) + rng.uniform(-0.03, 0.05):  # straps across the foot
        high, tone, y = rng.uniform(0.10, 0.2) + 0.15 * x, rng.uniform(0.6, 1.2), sole - 0.5 * heel * max(0.0, x - 0.1)
        arch = [(x, y), (x + 0.04, y - 0.7 * high), (x + 0.11, y - high), (x + 0.19, y - 0.8 * high), (x + 0.24, y)]
        strokes.append(_seam(arch, tone, rng.uniform(0.04, 0.07)))
    if rng.random() < 0.6:  # a strap round the ankle
        top = back - rng.uniform(0.18, 0.32)
        strokes.append(_seam([(0.93, back), (0.9, top), (0.66, top + 0.05), (0.6, back)], 1.0, 0.045))
    return strokes


def _shirt(rng: np.random.Generator) -> list[Stroke]:
    width, hem = rng.uniform(0.19, 0.26), rng.uniform(0.85, 0.96)
    sleeve = rng.choice([rng.uniform(0.1, 0.35), rng.uniform(0.8, 1.0)])
    strokes = _torso(rng, sleeve, width, hem) + _front(rng, hem, 0.02, rng.uniform(0.5, 0.8))
    dark = rng.uniform(0.2, 0.6)
    strokes += [_disc(0.5, y, 0.015, 0.015, dark) for y in np.arange(0.22, hem - 0.05, 0.13)]  # buttons
    collar = [(0.0, 0.14), (0.06, 0.22), (0.13, 0.08), (0.07, 0.03)]
    return strokes + [(np.array(collar) * [s, 1] + [0.5, 0], rng.uniform(1.1, 1.5), 0.0) for s in (1, -1)]


def _shoe(rng: np.random.Generator, shaft: float, sole: float) -> list[Stroke]:
    """A shoe with its toe on the left; `shaft` is the height of its opening, `sole` of its sole."""
    toe, instep = sole - rng.uniform(0.10, 0.16), rng.uniform(0.42, 0.58)
    rise = shaft + 0.55 * (toe - shaft)
    outline = [(0.04, sole), (0.06, toe), (0.2, toe - 0.04), (instep, rise), (instep + 0.06, shaft)]
    return [_fill([*outline, (0.9, shaft + rng.uniform(-0.03, 0.03)), (0.95, sole - 0.08), (0.95, sole)])]


def _sneaker(rng: np.random.Generator) -> list[Stroke]:
    sole, shaft = rng.uniform(0.66, 0.72), rng.uniform(0.36, 0.46)
    strokes = _shoe(rng, shaft, sole)
    strokes.append(
        _fill([(0.03, sole), (0.96, sole), (0.95, sole + 0.07), (0.05, sole + 0.07)], rng.choice([0.5, 1.5]))
    )
    for x in np.linspace(0.3, 0.5, rng.integers(2, 5)):  # laces
        strokes.append(
            _seam([(x, 0.62 - 0.5 * (x - 0.2)), (x + 0.1, 0.66 - 0.4 * (x - 0.2))], rng.uniform(0.3, 0.6), 0.025)
        )
    if rng.random() < 0.6:
        strokes.append(_seam([(0.55, sole - 0.03), (0.8, shaft + 0.1)], rng.choice([0.4, 1.5]), 0.05))
    return strokes


def _bag(rng: np.random.Generator) -> list[Stroke]:
    top, wide, bottom = rng.uniform(0.3, 0.5), rng.uniform(0.28, 0.44), rng.uniform(0.78, 0.92)
    taper, high = rng.uniform(-0.08, 0.06), rng.uniform(0.06, 0.18)
    grip = wide * rng.uniform(0.35, 0.8)
    handle = [(0.5 - grip, top), (0.5 - 0.8 * grip, high), (0.5 + 0.8 * grip, high), (0.5 + grip, top)]
    strokes = [_seam(handle, rng.uniform(0.6, 1.1), rng.uniform(0.03, 0.06))]
    strokes.append(_mirrored([(wide + taper, top), (wide, bottom)]))
    if rng.random() < 0.7:  # a flap
        edge = top + rng.uniform(0.08, 0.25)
        strokes.append(_seam([(0.5 - wide, edge), (0.5 + wide, edge)], rng.uniform(0.3, 0.7), 0.03))
        strokes.append(_disc(0.5, edge, 0.04, 0.03, rng.choice([0.3, 1.6])))
    return strokes


def _boot(rng: np.random.Generator) -> list[Stroke]:
    sole, shaft = rng.uniform(0.80, 0.87), rng.uniform(0.10, 0.32)
    strokes = _shoe(rng, shaft, sole)
    heel = rng.uniform(0.03, 0.1)
    strokes.append(
        _fill(
            [
                (0.04, sole),
                (0.95, sole),
                (0.95, sole + heel),
                (0.7, sole + heel),
                (0.66, sole + 0.03),
                (0.05, sole + 0.03),
            ],
            0.6,
        )
    )
    x = rng.uniform(0.6, 0.75)
    if rng.random() < 0.6:  # a zip or an elastic side
        strokes.append(
            _seam([(x, shaft + 0.04), (x - 0.04, sole - 0.1)], rng.uniform(0.4, 0.7), rng.uniform(0.02, 0.1))
        )
    return strokes


GARMENTS: tuple[Callable[[np.random.Generator], list[Stroke]], ...] = (
    _tshirt, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _boot,
)  # fmt: skip


# --- cloth and camera ------------------------------------------------------------------------------------


def _render(strokes: list[Stroke], rng: np.random.Generator) -> np.ndarray:
    """One image (28, 28) uint8: the strokes in a random pose, filled with cloth under soft light."""
    side = SIDE * FINE
    angle, scale = rng.normal(0, 0.06), rng.uniform(0.7, 1.0) * rng.uniform(0.9, 1.0, 2)
    shift = rng.uniform(-0.45, 0.45, 2) * (1.05 - scale)  # anywhere within the frame
    mirror = rng.choice([-1, 1])
    pose = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale * [mirror, 1]
    canvas = Image.new("L", (side, side))
    pen = ImageDraw.Draw(canvas)
    for points, tone, width in strokes:
        placed = [tuple(p) for p in ((points - 0.5) @ pose.T + 0.5 + shift) * side]
        if width:
            pen.line(placed, fill=round(100 * tone), width=max(1, round(width * side)), joint="curve")
        else:
            pen.polygon(placed, fill=round(100 * tone))
    tone = np.asarray(canvas, float) / 100
    image = tone * _cloth(rng, side) * _light(rng, side)
    small = image.reshape(SIDE, FINE, SIDE, FINE).mean((1, 3))
    worn = small + (small > 0.02) * rng.normal(0, 0.03, small.shape)
    return (255 * np.clip(worn, 0, 1)).astype(np.uint8)


def _cloth(rng: np.random.Generator, side: int) -> np.ndarray:
    """Brightness (side, side) of a plain, striped, checked, knitted or printed cloth."""
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    base, depth, period = rng.uniform(0.75, 1.0), rng.uniform(0.1, 0.4), rng.uniform(2.5, 8) * FINE
    phase = rng.uniform(0, 2 * np.pi)
    stripes = [np.sin(2 * np.pi * line / period + phase) for line in (down, across)]
    kind = rng.choice(
        ["plain", "hoops", "pinstripes", "checks", "knit", "print"], p=[0.55, 0.12, 0.08, 0.05, 0.12, 0.08]
    )
    pattern = {
        "plain": lambda: np.zeros((side, side)),
        "hoops": lambda: np.sign(stripes[0]),
        "pinstripes": lambda: np.sign(stripes[1]),
        "checks": lambda: np.sign(stripes[0]) * np.sign(stripes[1]),
        "knit": lambda: np.clip(_blotches(rng, side, 0.5 * FINE) / 2, -1, 1),
        "print": lambda: np.sign(_blotches(rng, side, 1.5 * FINE)),
    }[kind]()
    return base * (1 + depth * (pattern - 1) / 2)


def _light(rng: np.random.Generator, side: int) -> np.ndarray:
    """Folds and a slow change of light, (side, side), about 1."""
    ramp = np.linspace(-0.5, 0.5, side)
    slope = rng.normal(0, 0.15, 2)
    return 1 + 0.08 * _blotches(rng, side, 2.5 * FINE) + slope[0] * ramp + slope[1] * ramp[:, None]


def _blotches(rng: np.random.Generator, side: int, size: float) -> np.ndarray:
    """Smooth noise (side, side) of unit standard deviation and correlation length `size` pixels."""
    noise = gaussian_filter(rng.standard_normal((side // 2, side // 2)), size / 2, mode="wrap")
    return np.kron(noise / noise.std(), np.ones((2, 2)))
