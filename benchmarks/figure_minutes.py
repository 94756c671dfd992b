"""Minutes that each figure's own jobs took in a run, divided by two cores: the last column of the table in docs/figures.md.

python benchmarks/figure_minutes.py            after `make results`
"""

from collections import defaultdict
from pathlib import Path

import pandas as pd

from infoflow.config.documents import Figure
from infoflow.config.loading import read_default
from infoflow.plan import Plan

STUDIES = {  # jobs that make tables without an experiment
    "truth": "truth/part", "costs": "truth/part", "widths": "truth/sweeps", "subadditivity": "truth/sweeps",
    "consistency": "truth/sweeps", "characteristics": "claims/verdicts", "units": "claims/verdicts",
    "detection": "truth/detection",
}  # fmt: skip


def seconds(folder: Path) -> dict[str, float]:
    """Seconds of every job by its benchmark file."""
    found = sorted(folder.rglob("*.tsv"))
    return {str(p.relative_to(folder)): float(pd.read_csv(p, sep="\t")["s"].iloc[0]) for p in found}


def by_experiment(plan: Plan, jobs: dict[str, float]) -> dict[str, float]:
    """Seconds of every experiment: its trainings, activations and estimates."""
    trained = {f"train/{job.id}.tsv": job.experiment for job in plan.train_jobs()}
    total: dict[str, float] = defaultdict(float)
    for name, spent in jobs.items():
        stage, second = name.split("/")[:2]
        total[trained.get(name) or (second if stage in ("activations", "estimate") else stage)] += spent
    return total


def minutes(figure: Figure, experiments: dict[str, float], jobs: dict[str, float]) -> float:
    """Minutes of one figure on two cores."""
    spent = sum(experiments[name] for name in figure.experiments if figure.tables)
    prefixes = {STUDIES[table] for table in figure.tables if table in STUDIES}
    spent += sum(s for name, s in jobs.items() if any(name.startswith(p) for p in prefixes))
    spent += experiments["convergence"] if "convergence" in figure.tables else 0
    return spent / 60 / 2


if __name__ == "__main__":
    plan = Plan(read_default())
    jobs = seconds(Path(plan.root) / "benchmarks")
    experiments = by_experiment(plan, jobs)
    for document in plan.documents:
        for key, figure in plan.figures_of(document).items():
            spent = minutes(figure, experiments, jobs)
            print(f"| {document} | {key} | {'< 0.1' if spent < 0.05 else f'{spent:.1f}'} |")
