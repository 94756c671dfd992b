"""Time infoflow's estimators side by side with their peers and floors, and measure how they grow.

Each case runs in a process of its own: one warm-up, then the median of repeated calls, and the peak of extra
resident memory during them. Run `python benchmarks/compare.py` on an idle machine; it writes results.csv and
results.md beside this file. Words after it (`k-NN`, `growth: Renyi`) name the works to measure again.
"""

import csv
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
THREADS = int(os.environ.get("THREADS", "2"))
SECONDS = 3.0  # of repeated calls a case, at least three calls

# work: (rows of the table: who, function of cases.py, arguments)
WORK = {
    "KDE, both bounds of I(X;T) and I(T;Y), n=10000 d=10": [
        ("infoflow", "kde_table", (10_000, 10)),
        ("floor: product + exponential", "kde_floor", (10_000, 10)),
    ],
    "KDE, the same at d=1024": [
        ("infoflow", "kde_table", (10_000, 1024)),
        ("floor: product", "product_floor", (10_000, 1024)),
    ],
    "k-NN entropy, k=3, n=10000 d=10": [
        ("infoflow", "knn_entropy", (10_000, 10)),
        ("infomeasure", "knn_entropy_infomeasure", (10_000, 10)),
        ("ennemi", "knn_entropy_ennemi", (10_000, 10)),
        ("scikit-learn brute neighbours", "neighbours_sklearn", (10_000, 10)),
    ],
    "k-NN entropy, k=3, n=10000 d=64": [
        ("infoflow", "knn_entropy", (10_000, 64)),
        ("infomeasure", "knn_entropy_infomeasure", (10_000, 64)),
        ("ennemi", "knn_entropy_ennemi", (10_000, 64)),
        ("scikit-learn brute neighbours", "neighbours_sklearn", (10_000, 64)),
    ],
    "KSG, k=3, n=10000, 10 + 10 dimensions": [
        ("infoflow", "ksg", (10_000, 10)),
        ("infomeasure", "ksg_infomeasure", (10_000, 10)),
    ],
    "KSG, k=3, n=10000, 2 + 2 dimensions": [
        ("infoflow", "ksg", (10_000, 2)),
        ("infomeasure", "ksg_infomeasure", (10_000, 2)),
    ],
    "Renyi I(X;T), alpha=1.01, n=1000 d=784": [
        ("infoflow", "renyi_information", (1000, 784)),
        ("floor: products + eigenvalues", "renyi_floor", (1000, 784)),
    ],
    "Renyi I(X;T), alpha=1.01, n=2000 d=784": [
        ("infoflow", "renyi_information", (2000, 784)),
        ("floor: products + eigenvalues", "renyi_floor", (2000, 784)),
    ],
    "Renyi joint entropy of 64 maps of 14 x 14, n=512": [
        ("infoflow", "renyi_maps", (512, 64, 14)),
        ("floor: one Gram + eigenvalues", "renyi_maps_floor", (512, 64, 14)),
    ],
    "Gaussian mixture entropy, 4096 centres, 100000 samples, d=10": [
        ("infoflow", "mixture", (4096, 10, 100_000)),
        (
            "torch.distributions, a tenth of the samples, chunks of 16",
            "mixture_torch",
            (4096, 10, 10_000, 0.2, 16),
        ),
        (
            "torch.distributions, a tenth of the samples, chunks of 64",
            "mixture_torch",
            (4096, 10, 10_000, 0.2, 64),
        ),
    ],
    "Gaussian mixture entropy, five layers of a trained net, noise 0.005, 100000 samples": [
        ("infoflow", "trained_mixtures", (100_000,)),
        ("floor: all pairs in blocks", "trained_mixtures_dense", (100_000,)),
    ],
    "binned entropy, n=60000 d=10": [
        ("infoflow", "binned", (60_000, 10)),
        ("numpy unique rows", "binned_numpy", (60_000, 10)),
    ],
}
AIMS = {  # in multiples of infoflow's seconds, like the table
    "KDE, both bounds of I(X;T) and I(T;Y), n=10000 d=10": "floor ≥ 0.5, extra ≤ 64 MiB",
    "KDE, the same at d=1024": "floor ≥ 0.77",
    "k-NN entropy, k=3, n=10000 d=10": "infomeasure, ennemi ≥ 3; scikit-learn ≥ 1",
    "k-NN entropy, k=3, n=10000 d=64": "infomeasure, ennemi ≥ 10; scikit-learn ≥ 1",
    "KSG, k=3, n=10000, 10 + 10 dimensions": "≥ 3",
    "KSG, k=3, n=10000, 2 + 2 dimensions": "≥ 1",
    "Renyi I(X;T), alpha=1.01, n=1000 d=784": "floor ≥ 0.83, extra ≤ 100 MiB",
    "Renyi I(X;T), alpha=1.01, n=2000 d=784": "floor ≥ 0.83, extra ≤ 100 MiB",
    "Renyi joint entropy of 64 maps of 14 x 14, n=512": "floor ≥ 0.77",
    "Gaussian mixture entropy, 4096 centres, 100000 samples, d=10": "≥ 4 (a tenth of the samples)",
    "Gaussian mixture entropy, five layers of a trained net, noise 0.005, 100000 samples": "≥ 5",
}
SIZES = (1000, 4000, 16_000, 64_000)
GROWTH = {  # name: (function, arguments that follow n)
    "KDE, d=10": ("kde_table", (10,)),
    "k-NN entropy, d=10": ("knn_entropy", (10,)),
    "Gaussian mixture, n samples, d=10": ("mixture", (10, None, 1.0)),
    "Renyi, alpha=2, d=10": ("renyi_square", (10,)),
    "binned entropy, d=10": ("binned", (10,)),
}


def main() -> None:
    if sys.argv[1:2] == ["--case"]:
        print(json.dumps(_measure(sys.argv[2], json.loads(sys.argv[3]))))
        return
    words, rows = sys.argv[1:], []
    kept = _read() if words else {}  # rows of works that no word names stay as they are
    for work, who, n, function, arguments in _cases():
        if words and not any(word in work for word in words):
            rows.append(kept[work, who, str(n)])
            continue
        rows.append({"work": work, "who": who, "n": n, **_in_own_process(function, arguments)})
        print(rows[-1], flush=True)
        if not words:
            _write(rows)
    _write(rows)


def _read() -> dict:
    with open(HERE / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        (r["work"], r["who"], r["n"]): {**r, "n": int(r["n"]) if r["n"] else ""}
        | {k: float(r[k]) for k in ("seconds", "extra_mib")}
        for r in rows
    }


def _cases():
    """Yield (work, who, n, function, arguments) of every row."""
    for work, entries in WORK.items():
        yield from ((work, who, "", function, arguments) for who, function, arguments in entries)
    for name, (function, tail) in GROWTH.items():
        for n in SIZES:
            yield f"growth: {name}", "infoflow", n, function, (n, *(n if v is None else v for v in tail))


def _in_own_process(function: str, arguments) -> dict:
    command = [sys.executable, __file__, "--case", function, json.dumps(arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def _measure(function: str, arguments) -> dict:
    import torch

    sys.path.insert(0, str(HERE))
    import cases

    torch.set_num_threads(THREADS)
    call = getattr(cases, function)(*arguments)
    if function.startswith("mixture_torch"):
        return _timed(call, once=True)
    call()
    return _timed(call)


def _timed(call, once: bool = False) -> dict:
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    times = []
    while not times or (not once and (len(times) < 3 or sum(times) < SECONDS)):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
        if times[0] > 20:
            break
    return {"seconds": statistics.median(times), "extra_mib": max(0.0, (_status("VmHWM") - before) / 1024)}


def _status(field: str) -> int:
    """Return a field of the process's status in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def _exponent(rows: list[dict], column: str, smallest: float) -> float:
    """Return the slope of log value against log n over the three largest sizes; less than `smallest` is noise."""
    points = [(math.log(r["n"]), math.log(max(r[column], smallest))) for r in rows[-3:]]
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return covariance / sum((x - mean_x) ** 2 for x, _ in points)


def _machine() -> str:
    import numpy
    import torch

    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, numpy {numpy.__version__}"
    load = f"load average {os.getloadavg()[2]:.1f} of {os.cpu_count()} cores"
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{model.split(': ')[1]}, {THREADS} threads, {versions}, {capability}, {load}"


def _write(rows: list[dict]) -> None:
    with open(HERE / "results.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    lines = [
        "# Speed",
        "",
        f"`python benchmarks/compare.py`: {_machine()}; float64; medians.",
        "",
        "| work | who | seconds | of infoflow's | extra MiB | aim |",
    ]
    lines.append("|---|---|---|---|---|---|")
    for work in WORK:
        mine = [r for r in rows if r["work"] == work]
        for r in mine:
            share = r["seconds"] / mine[0]["seconds"]
            aim = AIMS.get(work, "") if r is mine[0] else ""
            lines.append(f"| {work} | {r['who']} | {r['seconds']:.4f} | {share:.2f} | {r['extra_mib']:.0f} | {aim} |")
    lines += [
        "",
        "| growth | " + " | ".join(f"n={n}" for n in SIZES) + " | time exponent | memory exponent |",
    ]
    lines.append("|---|" + "---|" * (len(SIZES) + 2))
    for name in GROWTH:
        mine = [r for r in rows if r["work"] == f"growth: {name}"]
        if len(mine) == len(SIZES):
            cells = " | ".join(f"{r['seconds']:.4f} s, {r['extra_mib']:.0f} MiB" for r in mine)
            exponents = " | ".join(f"{_exponent(mine, *of):.2f}" for of in (("seconds", 1e-4), ("extra_mib", 4.0)))
            lines.append(f"| {name} | {cells} | {exponents} |")
    (HERE / "results.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
