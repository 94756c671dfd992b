"""What kong2019 states, and how its experiments are named here."""

from __future__ import annotations

import math

NOISE_STD = 0.05
PLATEAUS = (
    math.log(4),
    1.5 * math.log(2),
    math.log(4) - 0.75 * math.log(3),
)  # 4, 3 and 2 clusters of four points
MIDS = tuple((a + b) / 2 for a, b in zip(PLATEAUS, PLATEAUS[1:], strict=False))
PUBLISHED, CORRECTED = "as_published", "corrected"
SHUFFLED = "the same networks on shuffled labels"
TANH = "the networks of F4, whose hidden layer is tanh"
ENUMERATED = ("kong_f2", "kong_f3")  # experiments whose input takes a few values
SPANS = {"uniform3": "U(−3, 3)", "uniform1": "U(−1, 1)"}
DATA = {
    "kong_f2": "four points",
    "kong_f3": "eight points",
    "kong_f4": "Gaussian",
    "kong_f5": "Gaussian",
    "kong_f6": "mixture of Gaussians",
}
