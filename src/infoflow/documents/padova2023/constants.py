"""What padova2023 states, and how its experiments and estimates are named here."""

from __future__ import annotations

TANH, RELU, NULL = "padova_tanh", "padova_relu", "padova_shuffled"
AUDIO = (
    TANH,
    RELU,
    NULL,
    "padova_filters",
    "padova_full_batch",
    "padova_sgd",
    "padova_sgd_full_batch",
    "padova_resnet",
)
LAYERS = [f"T{k}" for k in range(1, 5)]
POOLED, JOINT, VARIANCE = {"pooled": True, "width": 0.05}, {"width": 0.05}, {"variance": 0.01}
SAXE_VARIANCE, SAXE_BINS = {"variance": 0.001}, {"run_bins": 30}
CONTROL = "the same network on shuffled labels"
# what the names of a data set's experiments start with, and what its rows are called
DATA = {"padova": "", "padova_speech": "speech", "padova_mnist": "digits"}
HIDDEN = 100  # units of the linear student, where its width is no axis
PUBLISHED_KDE = 8.077477118  # bits: log2 1000 − 0.239 log2 239
PUBLISHED_KNN = {"T1": -520e3, "T2": -271e3, "T3": -134e3, "T4": -68e3}  # read off slide 25
PUBLISHED_SIZES = {"T1": 41216, "T2": 20608, "T3": 10368, "T4": 5248}  # units of the layers there
# Read off the slides: the ranges of H(T) and I(T;Y) in nats of slide 15, and accuracies at the end of slide 24.
PLOTTED_PLANES = {RELU: ((1.4, 2.4), (0.007, 0.017)), TANH: ((2.85, 3.3), (0.045, 0.054))}
PLOTTED_ACCURACY = {
    RELU: {"training": (0.85, 0.85), "held out": (0.48, 0.55)},
    TANH: {"training": (1.0, 1.0), "held out": (0.6, 0.8)},
}
