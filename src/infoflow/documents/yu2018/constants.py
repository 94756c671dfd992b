"""How the experiments, controls and limits of yu2018 are named."""

from __future__ import annotations

MAIN, ORDER_2 = "main", "α = 2"
MEDIAN = "median σ"
CONTROLS = [ORDER_2, MEDIAN, "h = 1", "h = 2.5", "h = 10", "offset 4", "rescaled"]
TENSOR, TRAIN, HELD = "tensor kernel", "training batches", "first σ"
WHOLE = [TENSOR, f"{TENSOR}, {TRAIN}", f"{TENSOR}, {HELD}"]  # kernels over whole layers
KERNELS = [MAIN, TRAIN, *WHOLE]  # under which the deep networks are estimated
DEEP = {"yu_vgg11": "VGG-11", "yu_resnet18": "ResNet-18"}
AUTOENCODER = "yu_autoencoder"
# Intrinsic dimension of MNIST's digits: 7 to 13 by maximum likelihood over 3 to 20 neighbours (Pope et al., ICLR 2021, table 1).
# Bottlenecks of NARROW units or fewer are surely below it, those of WIDE or more surely above.
DIMENSION, NARROW, WIDE = (7, 13), 4, 32
FALL = 0.15  # bits: a smaller fall is none
TIES = 0.98  # both values above this share of S(X): the pair says nothing
FILTERS = ["2-2", "2-6", "6-16", "32-64"]
BASELINES = ["yu_baseline", "yu_baseline_relu", "yu_svhn", "yu_svhn_relu"]
INITIALISATIONS = {"default": "default_init", "xavier": "gain_4"}
UNTRAINED, SHUFFLED = "the same networks untrained", "the baseline on shuffled labels"
DRAWS = "independent draws of untrained networks"
POOLED = "all networks that learn"
BESIDE = "beside shuffled labels"  # of a network whose twin was trained on shuffled labels
LEARNED = 0.5  # test accuracy of a network that left chance, 0.1
OTHERS = ("yu_baseline_tanh", "yu_mlp")  # does the statement on compression hang on the kind of network?
TRAINED = (3.0, 10.0)  # epochs of the trained panels; the last recorded ones where a run is shorter
