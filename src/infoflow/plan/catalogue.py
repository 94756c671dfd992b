"""What the folder of a document holds: read without importing its figures, which would take matplotlib."""

from __future__ import annotations

import ast
import functools
import importlib
from collections.abc import Iterable
from types import ModuleType

from infoflow.config.documents import Figure
from infoflow.plan.sources import PACKAGE
from infoflow.studies import package

OF_INPUT = {"kde", "binning", "knn", "renyi", "linearised", "scalar_chain", "propagation"}  # kinds that see the input
OF_STUDY = {
    "training": Figure(
        title="training", caption="Loss and accuracy: training samples solid, held-out ones dashed; controls in grey, scored on the true labels too.", tables=["history"]
    ),
    "trajectories": Figure(
        title="information over training", tables=["estimates"],
        caption="A row an estimator: what layers keep of the input, and what they know of the labels. Of bounds the upper one is solid, the lower one dotted. Hollow: flagged values. Dashed: ceilings.",
    ),
    "plane": Figure(
        title="information plane", tables=["estimates"],
        caption="Paths of the layers, paler where training begins. Hollow: flagged values. Dashed: ceilings.",
    ),
    "agreement": Figure(
        title="estimator against estimator", tables=["estimates"],
        caption="Rank correlation of the trajectories of what a layer keeps of its input, the median over layers.",
    ),
    "geometry": Figure(
        title="geometry beside information", tables=["estimates"],
        caption="Distances within classes over all distances, effective rank, participation ratio, saturated share.",
    ),
}  # fmt: skip


def of_study(experiment: str, point: str, estimators: Iterable[str]) -> dict[str, Figure]:
    """The figures of one point of a study's experiment, by kind: those that its kinds of estimators have something for."""
    name = experiment if point == "base" else f"{experiment}, {point}"
    kinds = set(estimators)
    drawn = {"training"}
    drawn |= {"trajectories"} if kinds & OF_INPUT else set()
    drawn |= {"plane"} if kinds & {"kde", "binning", "renyi"} else set()
    drawn |= {"agreement"} if len(kinds & OF_INPUT) > 1 else set()
    drawn |= {"geometry"} if "clustering" in kinds else set()
    return {
        kind: figure.model_copy(update={"title": f"{name}: {figure.title}", "experiments": [experiment]})
        for kind, figure in OF_STUDY.items()
        if kind in drawn
    }


def document(key: str) -> ModuleType:
    """The package of a document, whose `TABLES` and `READS` say what its claims stage makes and needs."""
    return importlib.import_module(package(key))


@functools.cache
def figures(key: str) -> dict[str, Figure]:
    """Figures of a document by id: the functions of its `figures.py` under `@drawn_from(…)`.

    A function's name in capitals is the figure's id; the first line of its docstring is the title, the rest the caption.
    The document's own figures come first, then further views (X), then extensions (E).
    """
    file = PACKAGE / "documents" / key / "figures.py"
    result = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        for decorator in getattr(node, "decorator_list", []):
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "drawn_from":
                title, _, caption = (ast.get_docstring(node) or "").partition("\n")
                facts = {k.arg: list(ast.literal_eval(k.value)) for k in decorator.keywords}
                result[node.name.upper()] = Figure(title=title.rstrip("."), caption=" ".join(caption.split()), **facts)
    return dict(sorted(result.items(), key=lambda item: (item[0][0] in "XE", item[0][0] == "E", int(item[0][1:]))))
