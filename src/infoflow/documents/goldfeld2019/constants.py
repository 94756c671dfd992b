"""How the experiments and controls of goldfeld2019 are named."""

from __future__ import annotations

PLAIN, REGULAR = "orthonormal~0.0", "orthonormal~0.0001"
NOISY, SHUFFLED, TWIN = "goldfeld_noisy", "goldfeld_shuffled", "goldfeld_deterministic"
LAYERS = [f"T{k}" for k in range(1, 6)]
TASK = "12-bit task, all 4096 patterns"
CONTROL = "the same network on shuffled labels"
PAIRS = "two unregularised networks that differ in their seed alone"
UNTRAINED = "the untrained network"
