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
ONE_CHANGE = ("reset", "reset_more_samples")  # between the two, of F6
SHUFFLED = "the same networks on shuffled labels"
TANH = "the networks of F4, whose hidden layer is tanh"
NOISELESS = "_noiseless"  # of the names of experiments that train without noise
ENUMERATED = ("kong_f2", "kong_f3")  # experiments whose input takes a few values
SPANS = {"uniform3": "U(−3, 3)", "uniform1": "U(−1, 1)"}
DATA = {
    "kong_f2": "four points",
    "kong_f3": "eight points",
    "kong_f4": "Gaussian",
    "kong_f5": "Gaussian",
    "kong_f6": "mixture of Gaussians",
}
# Values of the document's curves where their epoch can be told, (layer, epoch, nats): the peaks near 50, the ends.
PLOTTED = {
    "kong_f2": (("T1", 200, 0.57),),
    "kong_f3": (("T1", 300, 1.78), ("T2", 300, 0.76)),
    "kong_f4": (("T1", 50, 2.30), ("T1", 300, 2.0), ("T2", 50, 1.82), ("T2", 300, 1.07)),
    "kong_f5": (("T1", 50, 2.3), ("T1", 300, 3.1), ("T2", 50, 1.83), ("T2", 300, 1.05)),
    "kong_f6": (("T1", 50, 2.06), ("T1", 300, 0.94)),
}
