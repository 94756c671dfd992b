"""How the experiments and controls of goldfeld2019 are named."""

from __future__ import annotations

PLAIN, REGULAR = "orthonormal~0.0", "orthonormal~0.0001"
NOISY, SHUFFLED, TWIN = "goldfeld_noisy", "goldfeld_shuffled", "goldfeld_deterministic"
CNNS = {"tanh": "goldfeld_mnist_cnn", "ReLU": "goldfeld_mnist_cnn_relu"}  # by activation
LAYERS = [f"T{k}" for k in range(1, 6)]
WIDTHS = ("0.0001", "0.001", "0.01", "0.1")  # of the bins of F3
TASK = "12-bit task, all 4096 patterns"
CONTROL = "the same network on shuffled labels"
UNREGULARISED = "the same network without regularisation"
END, BEST = "end", "best epoch"

# The released run: I(X;T4), I(X;T5) in nats, training and test loss and test accuracy without noise, by epoch.
RELEASED = {
    1: (5.52, 2.52, 0.719, 0.716, 0.488),
    26: (6.73, 4.89, 0.533, 0.526, 0.884),
    72: (5.20, 3.33, 0.270, 0.266, 0.889),
    291: (6.73, 4.53, 0.190, 0.197, 0.916),
    509: (7.09, 4.92, 0.152, 0.166, 0.930),
    1177: (6.96, 4.09, 0.050, 0.097, 0.961),
    2983: (6.31, 3.16, 0.019, 0.122, 0.972),
    9999: (5.57, 2.30, 0.001, 0.169, 0.980),
}
