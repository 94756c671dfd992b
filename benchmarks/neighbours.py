"""What approximate neighbours gain and costs: entropies of normals against exact neighbours.

Run `python benchmarks/neighbours.py` (needs the extra `index`); it writes neighbours.md beside this file.
"""

import argparse
import math
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import torch

from infoflow.estimators import Estimate, knn

K = 3
CASES = [(5000, 10), (5000, 64), (20_000, 10), (20_000, 64), (50_000, 64), (100_000, 10), (1_000_000, 10)]
EXACT = 100_000  # samples beyond which all pairs take a quarter of an hour


def exact(x: torch.Tensor) -> tuple[float, float]:
    start = time.perf_counter()
    return knn.entropy(x, K, index="brute").item(), time.perf_counter() - start


def approximate(x: torch.Tensor) -> tuple[Estimate, float]:
    start = time.perf_counter()
    return knn.entropy(x, K, approximation="inverted_file"), time.perf_counter() - start


def row(n: int, d: int) -> str:
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found, fast = approximate(x)
    known, slow = exact(x) if n <= EXACT else (math.nan, math.nan)
    truth = d / 2 * math.log(2 * math.pi * math.e)
    value, error = found.value.item(), found.std_error.item()
    return f"| {n} | {d} | {truth:.3f} | {known:.3f} | {value:.3f} | {value - known:.4f} | {error:.4f} | {slow:.2f} | {fast:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    approximate(torch.randn(1000, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    lines = [
        f"Entropy of N(0, I) by k-NN, k = {K}, in nats; seconds on {torch.get_num_threads()} thread(s) of "
        f"{platform.machine()} ({os.cpu_count()} cores), torch {version('torch')}, faiss {version('faiss-cpu')}.",
        "",
        "| n | d | truth | exact | approximate | difference | its standard error | exact, s | approximate, s |",
        "|---|---|---|---|---|---|---|---|---|",
        *(row(n, d) for n, d in CASES),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
