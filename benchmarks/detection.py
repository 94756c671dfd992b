"""The benchmark of compression detection at the size that recommendations rest on; writes detection.csv, detection.md, what
`infoflow.recommend` says and, for figures T8 and T9, the reference tables of `estimators`.

    python benchmarks/detection.py [trajectories]         # 540, about twenty minutes on two cores
    python benchmarks/detection.py trajectories seed      # rates on other layers, printed alone

`infoflow bench module:function` tries an estimator of your own on the same layers.
"""

import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
import torch

from infoflow.estimation.live import SUITED
from infoflow.storage.files import write_json
from infoflow.storage.tables import write_table
from infoflow.truth.detection import CANDIDATES, REGIMES, evaluate, trajectory
from infoflow.truth.recommendation import MARKS, TABLE, markdown
from infoflow.verdicts.detection import by_size, effects, rates

SEED, WORKERS = 2019, 2
SHOWN = ["rate", "low", "high", "threshold", "auc", "rate_at_margin", "alarms_at_margin", "planted", "fakes"]


def part(number, seed=SEED):
    """Falls of one trajectory, and what each estimator took."""
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = pd.DataFrame(evaluate(trajectory(number, seed), CANDIDATES, seed))
    return effects(rows), rows.drop_duplicates("estimator")[["number", "regime", "d", "n", "estimator", "seconds"]]


def again(count, seed):
    """Rates on layers that no choice was made on."""
    with ProcessPoolExecutor(WORKERS) as pool:
        falls = [fall for fall, _ in pool.map(part, range(count), [seed] * count)]
    table = rates(pd.concat(falls)).sort_values(["regime", "rate", "auc"], ascending=[True, False, False])
    print(table.round(3).to_string(index=False))


def recommended(rows, regime):
    """The estimator of information that sees most in a regime, as `infoflow.recommend` gives it."""
    information = rows["estimator"].map(lambda name: CANDIDATES[name].quantity).isin(["I_XT", "H_T", "h_T"])
    best = rows[information].sort_values(["rate", "auc"], ascending=False).iloc[0]
    asked = CANDIDATES[best["estimator"]].asked
    return {
        "units": [REGIMES[regime][0], REGIMES[regime][-1]],
        "estimator": {"kind": asked, **SUITED.get(asked, {})} if isinstance(asked, str) else dict(asked),
        **{name: best[name] if name == "kind" else round(float(best[name]), 4) for name in ("kind", "threshold", "rate", "low", "high", "rate_at_margin", "alarms_at_margin")},
        "layers": int(best["planted"]),
    }  # fmt: skip


def main():
    """Run all trajectories and write the tables."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 540
    falls, costs = [], []
    with ProcessPoolExecutor(WORKERS) as pool:
        for fall, cost in pool.map(part, range(count)):
            falls.append(fall)
            costs.append(cost)
            if len(falls) % 30 == 0:
                print(f"{len(falls)}/{count}", flush=True)
    table, seconds = pd.concat(falls), pd.concat(costs).groupby(["regime", "estimator"])["seconds"].median()
    made = rates(table).merge(seconds.reset_index(), on=["regime", "estimator"])
    sizes = by_size(table).pivot_table(index=["regime", "estimator", "kind"], columns="from", values="rate")
    made = made.merge(sizes.add_prefix("rate_from_").reset_index(), on=["regime", "estimator", "kind"])
    made = made.sort_values(["regime", "rate", "auc"], ascending=[True, False, False])
    here = Path(__file__)
    reference = here.parents[1] / "results/reference/estimators"
    write_table(reference / "detection.parquet", table.sort_values(["estimator", "kind", "number"], ignore_index=True))
    write_table(reference / "detection_costs.parquet", pd.concat(costs, ignore_index=True))
    made.round(4).to_csv(here.with_suffix(".csv"), index=False)
    write_json(TABLE, [recommended(made[made["regime"] == regime], regime) for regime in REGIMES])
    page = here.parents[1] / "docs/which-estimator.md"
    before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
    page.write_text(before + markdown() + rest.split(MARKS[1])[1], encoding="utf-8")
    lines = [
        "# Who would have seen the compression", "",
        f"`python benchmarks/detection.py {count}`: {count} layers over ten steps, see `infoflow.truth.detection`. Rate: share of the layers "
        "whose known information falls by 0.10 nats or more in which the estimate falls further than in 95 % of those where it does not "
        "(Wilson's 95 % interval). Seconds: median of a layer and step, one thread.",
    ]  # fmt: skip
    for regime, own in made.groupby("regime", sort=False):
        lines += ["", f"## {regime}: {own['planted'].max()} fall, {own['fakes'].max()} do not", "",
                  "| estimator | kind | rate | interval | fall that counts | AUC | at 0.10 nats | false alarms there | 0.1–0.3 | 0.3–1 | over 1 | s |",
                  "|" + "---|" * 12]  # fmt: skip
        for row in own.itertuples():
            bins = own.loc[row.Index, [name for name in own if name.startswith("rate_from_")]].tolist()
            shown = " | ".join("–" if value != value else f"{value:.2f}" for value in bins)
            lines.append(
                f"| {row.estimator} | {row.kind} | {row.rate:.2f} | {row.low:.2f}–{row.high:.2f} | {row.threshold:.3g} | {row.auc:.2f} | "
                f"{row.rate_at_margin:.2f} | {row.alarms_at_margin:.2f} | {shown} | {row.seconds:.3f} |"
            )
    here.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    again(*map(int, sys.argv[1:])) if len(sys.argv) > 2 else main()
