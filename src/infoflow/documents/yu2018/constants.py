"""How the experiments, controls and limits of yu2018 are named."""

from __future__ import annotations

MAIN, ORDER_2 = "main", "α = 2"
CONTROLS = [ORDER_2, "median σ", "h = 1", "h = 2.5", "h = 10", "offset 4", "rescaled"]
TENSOR, TRAIN = "tensor kernel", "training batches"
KERNELS = [MAIN, TRAIN, TENSOR, f"{TENSOR}, {TRAIN}"]  # under which the deep networks are estimated
DEEP = {"yu_vgg11": "VGG-11", "yu_resnet18": "ResNet-18"}
FALL = 1.5  # × 0.10: falls are measured in bits, and the limit is 0.15 bit
TIES = 0.98  # both values above this share of S(X): the pair says nothing
FILTERS = ["2-2", "2-6", "6-16", "32-64"]
BASELINES = ["yu_baseline", "yu_baseline_relu", "yu_svhn", "yu_svhn_relu"]
INITIALISATIONS = {"default": "default_init", "xavier": "gain_4"}
UNTRAINED, SHUFFLED = "the same networks untrained", "the baseline on shuffled labels"
PAIRS = "two networks that differ in their seed alone"
TRAINED = (3.0, 10.0)  # epochs of the trained panels; the last recorded ones where a run is shorter
