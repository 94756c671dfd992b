import copy
import functools
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from infoflow.config import Thinning, parse, read
from infoflow.io import InputError, canonical_json
from infoflow.plan import Plan, snapshot_epochs, sources, spread, thinned

ROOT = Path(__file__).resolve().parents[2]

DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
for _document in DEFAULT["documents"].values():
    _document["enabled"] = True  # also those that the default run leaves out


def settings(plan):
    """Settings of every job of a plan: {(kind, names…): canonical JSON}."""
    jobs = {("dataset", name): plan.dataset_settings(name) for name in plan.datasets()}
    jobs |= {("train", job.experiment, job.id): job.settings for job in plan.train_jobs()}
    for name in plan.experiments:
        for point, one in plan.points[name].items():
            for estimator in one.experiment.estimators:
                if point not in plan.estimate_points(name, estimator):
                    continue
                for block in plan.estimate_blocks(name, point, estimator):
                    jobs["estimate", name, estimator, point, block] = plan.estimate_settings(
                        name, point, block, estimator
                    )
                    if not plan.reads_weights(estimator):
                        jobs["activations", name, point, block] = plan.activation_settings(name, point, block)
        for estimator in plan.experiments[name].estimators:
            for stack in set(plan.estimate_points(name, estimator)) - set(plan.points[name]):
                jobs["estimate", name, estimator, stack, "all"] = plan.estimate_settings(name, stack, "all", estimator)
    for document in plan.documents:
        jobs["claims", document] = plan.claims_settings(document)
        jobs["notebook", document] = plan.notebook_settings(document)
    jobs["convergence",] = plan.convergence_settings()
    jobs |= {("truth", str(k)): plan.truth_settings(str(k)) for k in range(len(plan.truth_parts()))}
    jobs["truth", "sweeps"] = plan.truth_sweep_settings()
    jobs["page",] = plan.report_settings()
    return {key: canonical_json(value) for key, value in jobs.items()}


@functools.cache
def before():
    return settings(Plan(parse(DEFAULT)))


def leaves(node, path=()):
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    else:
        yield path, node


def changed_value(path, value):
    """Another valid value of a leaf, or None where there is none to be had by a rule this simple."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + (10 if path[-1] == "every_until" else 1)  # a log-spaced grid may hold the next epoch already
    if isinstance(value, float):
        return value / 2 if value else 0.25
    if path[-1] in ("title", "caption", "citation", "results", "data_root"):
        return value + "x"
    if (
        isinstance(value, list)
        and len(value) > 1
        and path[-1] in ("estimators", "values", "widths", "counts", "sizes", "factors", "sigmas")
    ):
        return value[:-1]
    others = {
        "tanh": "relu", "sgd": "adam", "adam": "sgd", "hidden": "all", "all": "hidden",
        "shuffled": "task", "majority": "parity", "T5": "T4",
    }  # fmt: skip
    return others.get(value) if isinstance(value, str) else None


def family(name):
    """An experiment and those that extend it."""
    found = {name}
    while more := {k for k, e in DEFAULT["experiments"].items() if e.get("extends") in found} - found:
        found |= more
    return found


def allowed(path, job):
    """Whether a job's settings may change with the leaf at `path`."""
    kind = job[0]
    if kind == "page":
        return True  # the manifest holds the whole config
    top, name = path[0], path[1] if len(path) > 1 else ""
    if top == "seed":
        return True
    if top == "rehearsal":
        return kind == "claims"
    if top == "data_root":
        return kind == "dataset"
    if top == "datasets":
        return job == ("dataset", name)
    if top == "convergence":
        return kind == "convergence"
    if top == "truth":
        return kind == "truth" and (name == "sweeps") == (job[1] == "sweeps")
    if top == "estimators":
        return kind == "notebook" or (kind == "estimate" and job[2] == name)
    if top == "documents":
        return kind == "notebook" and job[1] == name
    if kind in ("claims", "notebook"):
        used = {DEFAULT["experiments"][name].get("document"), *parents_document(name)}
        return job[1] in used
    if kind in ("dataset", "convergence", "truth") or job[1] not in family(name):
        return False
    if part(path) == "probe":
        return kind in ("activations", "estimate")
    if part(path) == "estimators":
        return kind in ("estimate", "activations")
    if part(path) == "training" and path[-1] not in ("epochs", "steps_per_epoch", "loss"):
        return kind == "train"
    return True


def part(path):
    """The part of an experiment that a leaf stands in, of a variant's too."""
    return path[4] if path[2] == "variants" and len(path) > 4 else path[2]


def required(path, different):
    """Whether a job that certainly reads the leaf at `path` is among those whose settings changed."""
    top, name = path[0], path[1] if len(path) > 1 else ""
    if top == "datasets":
        return ("dataset", name) in different or ("dataset", name) not in before()
    if top in ("truth", "convergence"):
        return any(job[0] == top for job in different)
    if top == "estimators":
        users = {job for job in before() if job[0] == "estimate" and job[2] == name}
        return not users or bool(users & different)
    if top == "experiments":
        if path[-1] in ("keep_activations", "snapshots_per_file") or not any(job[1:2] == (name,) for job in before()):
            return True  # how files are cut and kept, or an experiment of a document that is switched off
        kinds = {"probe": {"activations", "estimate"}, "estimators": {"activations", "estimate"}}
        return any(job[0] in kinds.get(part(path), {"train"}) and job[1] == name for job in different)
    return True


def parents_document(name):
    while "extends" in DEFAULT["experiments"][name]:
        name = DEFAULT["experiments"][name]["extends"]
    return {DEFAULT["experiments"][name]["document"]}


CASES = [(path, new) for path, old in leaves(DEFAULT) if (new := changed_value(path, old)) is not None]


def test_the_cases_cover_every_section():
    assert {path[0] for path, _ in CASES} >= set(DEFAULT) - {"results"}
    assert len(CASES) > 150


@pytest.mark.parametrize("section", sorted({".".join(path[:2]) for path, _ in CASES}))
def test_a_leaf_changes_only_jobs_that_depend_on_it(section):
    for path, new in (case for case in CASES if ".".join(case[0][:2]) == section):
        raw = copy.deepcopy(DEFAULT)
        functools.reduce(dict.__getitem__, path[:-1], raw)[path[-1]] = new
        after = settings(Plan(parse(raw)))
        if path == ("results",):  # where files lie is no setting but that of the links on the page
            assert {k[0] for k in after if after[k] != before()[k]} == {"page"}
            continue
        different = {job for job in after.keys() | before().keys() if after.get(job) != before().get(job)}
        if path[-1] == "enabled":
            assert {job[1] for job in different if job[0] in ("claims", "notebook")} == {path[1]}
            continue
        wrong = sorted(job for job in different if not allowed(path, job))
        assert not wrong, f"{'.'.join(map(str, path))} reruns {wrong[:3]}"
        assert ("page",) in different, f"{'.'.join(map(str, path))} changes nothing"
        assert required(path, different), f"{'.'.join(map(str, path))} must rerun a job that reads it"


def test_snapshots_of_the_12_bit_experiment():
    experiment = read("config.yaml").experiments["goldfeld_noisy"]
    epochs = snapshot_epochs(experiment)
    assert len(epochs) == 86
    assert epochs[0] == 0
    assert epochs[1] == 1
    assert epochs[-1] == 10000
    few = spread(epochs, 21)
    assert set(few) < set(epochs)
    assert {0, 10000} < set(few)
    assert len(few) <= 21


def test_every_seed_lies_in_one_block():
    plan = Plan(read("config.yaml"))
    for name in plan.experiments:
        for point, one in plan.points[name].items():
            blocks = plan.blocks(name, point).values()
            assert [seed for block in blocks for seed in block.seeds] == list(range(one.experiment.seeds))


def test_the_benchmark_reaches_its_document_and_no_other():
    plan = Plan(read("config.yaml"))
    shown = [document for document in plan.documents if plan.claims_inputs(document).get("truth")]
    assert shown == ["estimators"]
    assert set(plan.claims_inputs("estimators")["truth"]) == {*plan.truth_parts(), *plan.truth_sweeps().values()}
    assert [plan.truth_settings(str(k))["part"] for k in range(len(plan.truth_parts()))] == [0, 1, 2, 3]
    assert plan.look_inside("estimators") == "infoflow.truth"
    stage = sources("infoflow.truth.stage")
    assert {f"src/infoflow/estimators/{name}.py" for name in ("binning", "kde", "knn", "noisy", "renyi")} < set(stage)
    assert not [file for file in stage if "/figures/" in file or "/claims/" in file or "/training/" in file]


def test_an_overlay_runs_the_benchmark_alone():
    plan = Plan(read("config.yaml", "configs/paper.yaml", "configs/estimators.yaml"))
    assert list(plan.documents) == ["estimators"]
    assert not plan.experiments
    assert plan.config.truth.sizes[-1] == 8192
    assert plan.config.truth.seeds == 10


@pytest.mark.parametrize(("document", "extensions"), [("goldfeld2019", {"X3", "E1", "E2"}), ("yu2018", {"E1"})])
def test_an_overlay_runs_a_document_and_its_extensions_alone(document, extensions):
    plan = Plan(read("config.yaml", "configs/paper.yaml", f"configs/{document}.yaml"))
    assert list(plan.documents) == [document]
    assert extensions <= set(plan.documents[document].figures)


def test_sources_follow_imports_and_stay_apart():
    training = sources("infoflow.training.ensemble")
    assert {
        "src/infoflow/training/ensemble.py", "src/infoflow/training/optimisers.py", "src/infoflow/training/losses.py",
        "src/infoflow/models/mlp.py", "src/infoflow/io.py", "src/infoflow/seeds.py",
    } <= set(training)  # fmt: skip
    assert not [file for file in training if "/estimators/" in file or "/figures/" in file or "/claims/" in file]
    plan = Plan(read("config.yaml"))
    linearised, binned = plan.estimate_sources("linearised"), plan.estimate_sources("binned")
    assert "src/infoflow/estimators/noisy.py" in linearised
    assert "src/infoflow/estimators/noisy.py" not in binned
    assert "src/infoflow/estimators/binning.py" in binned


def test_thinning_by_every_keeps_the_shape_of_the_grid():
    assert thinned(list(range(0, 101, 10)), Thinning(every=4)) == [0, 20, 60, 100]
    assert thinned(list(range(301)), Thinning(every=8))[-3:] == [284, 292, 300]


@pytest.mark.parametrize("given", [{}, {"every": 8, "log_spaced": 21}])
def test_thinning_takes_one_rule(given):
    with pytest.raises(ValidationError, match="one of every, log_spaced"):
        Thinning(**given)


def test_a_disabled_document_costs_nothing():
    raw = copy.deepcopy(DEFAULT)
    raw["documents"]["yu2018"]["enabled"] = False
    plan = Plan(parse(raw))
    assert "yu2018" in plan.config.documents
    assert "yu2018" not in plan.documents
    assert not [job for job in plan.train_jobs() if job.id.startswith("yu_")]
    assert not {"mnist", "fashion_mnist", "svhn"} & set(plan.datasets())


def test_snapshots_within_an_epoch_and_lists_as_axis_values():
    plan = Plan(parse(DEFAULT))
    assert "dataset~mnist.initialisation~xavier.filters~6-16" in plan.points["yu_filters"]
    (point,) = [p for p in plan.points["yu_baseline"] if p == "dataset~mnist.initialisation~xavier"]
    steps = snapshot_epochs(plan.points["yu_baseline"][point].experiment)
    assert {0, 1, 469, 1407, 4690} <= set(steps)
    assert steps[-1] == 4690
    assert sum(0 < step < 469 for step in steps) >= 10
    controls = plan.estimate_settings("yu_baseline", point, "all", "renyi_controls")
    assert {0, 1407, 4690} <= set(controls["snapshots"]) <= set(steps)
    assert (
        plan.estimate_settings("yu_filters", "dataset~mnist.initialisation~xavier.filters~2-6", "all", "renyi_maps")[
            "axes"
        ]["model.filters"]
        == "2-6"
    )


def test_one_line_changes_the_data_set():
    raw = copy.deepcopy(DEFAULT)
    raw["experiments"]["yu_depth"]["axes"]["dataset"] = ["fashion_mnist"]
    plan = Plan(parse(raw))
    assert {p.experiment.dataset for p in plan.points["yu_depth"].values()} == {"fashion_mnist"}


def test_matrix_renyi_reads_convolutional_networks_only():
    raw = copy.deepcopy(DEFAULT)
    raw["experiments"]["goldfeld_deterministic"]["estimators"] = ["renyi_planes"]
    plan = Plan(parse(raw))
    with pytest.raises(InputError, match="models of kind cnn, vgg11, resnet18, not mlp"):
        plan.estimate_settings("goldfeld_deterministic", "orthonormal~0.0", "all", "renyi_planes")
