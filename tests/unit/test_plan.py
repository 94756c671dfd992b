import copy
import functools

import pytest
from factories import config, plan, raw_config
from pydantic import ValidationError

from infoflow import studies
from infoflow.config import Thinning, parse
from infoflow.config.grids import spread
from infoflow.config.loading import read_default
from infoflow.errors import InputError
from infoflow.plan import Plan, sources
from infoflow.plan.snapshots import snapshot_epochs, thinned
from infoflow.storage.files import canonical_json

DEFAULT = raw_config()


def settings(plan):
    """Settings of every job of a plan, and of every table of estimates: {(kind, names…): canonical JSON}."""
    jobs = {("dataset", name): plan.dataset_settings(name) for name in plan.datasets()}
    jobs |= {("contexts", name): plan.contexts_settings(name) for name in plan.encoders()}
    jobs |= {("train", job.experiment, job.id): job.settings for job in plan.train_jobs()}
    for name in plan.experiments:
        for place, block, estimator in plan.tables_of(name):
            jobs["estimate", name, estimator, place, block] = plan.estimate_settings(name, place, block, estimator)
        for point, block in recordings(plan, name):
            jobs["activations", name, point, block] = plan.activation_settings(name, point, block)
    for group in plan.estimate_groups():
        jobs[group_key(group)] = plan.group_settings(group)
    for document in plan.documents:
        jobs["claims", document] = plan.claims_settings(document)
        jobs["notebook", document] = plan.notebook_settings(document)
    jobs["convergence",] = plan.convergence_settings()
    jobs |= {("truth", str(k)): plan.truth_settings(str(k)) for k in range(len(plan.truth_parts()))}
    jobs["truth", "sweeps"] = plan.truth_sweep_settings()
    parts = range(len(plan.detection_parts()))
    jobs |= {("detection", str(k)): plan.detection_settings(str(k)) for k in parts}
    jobs["page",] = plan.report_settings()
    return {key: canonical_json(value.model_dump()) for key, value in jobs.items()}


def recordings(plan, experiment):
    """Point and block of the activation files that some estimator reads."""
    return sorted({(group.place, group.block) for group in plan.groups_of(experiment) if group.from_file})


def group_key(group):
    return ("group", group.experiment, group.place, group.block, group.together, group.from_file)


def members(plan):
    """The tables of every group by the keys of both."""
    return {
        group_key(group): {("estimate", group.experiment, e, group.place, group.block) for e in group.estimators}
        for group in plan.estimate_groups()
    }


@functools.cache
def before():
    return settings(plan())


@functools.cache
def members_before():
    return members(plan())


def leaves(node, path=()):
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    else:
        yield path, node


CUT = (
    "estimators", "values", "widths", "counts", "sizes", "factors", "sigmas", "dimensions", "samples", "chains",
    "alphas", "variances",
)  # fmt: skip


def changed_value(path, value):
    """Another valid value of a leaf, or None where there is none to be had by a rule this simple."""
    if path[-1] == "output":
        return None  # a network without hidden layers has nothing else
    if path == ("experiments", "kong_f2", "model", "observe"):
        return None  # one layer, which quantised_scalars looks at
    if isinstance(value, bool):
        return not value
    if path[-1] == "values":
        return [*value[:-1], value[-1] + 1]  # each has its target
    if path[-1] == "every_until":
        return 0 if value else 10  # a log-spaced grid may hold the next epoch already, and no epoch is after the last
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2 if value else 0.25
    if path[-1] in ("title", "caption", "citation", "results", "data_root"):
        return value + "x"
    if isinstance(value, list) and len(value) > 1 and (path[-1] in CUT or path[-2:-1] == ("axes",)):
        return value[:-1]
    others = {
        "tanh": "relu", "relu": "tanh", "sigmoid": "tanh", "adam": "sgd", "hidden": "all", "all": "hidden",
        "shuffled": "task", "majority": "parity", "T5": "T4",
    }  # fmt: skip
    return others.get(value) if isinstance(value, str) else None


def family(name):
    """An experiment, those that extend it, and their generated controls."""
    found = {name}
    while more := {k for k, e in DEFAULT["experiments"].items() if e.get("extends") in found} - found:
        found |= more
    return found | {f"{k}_{control}" for k in found for control in DEFAULT["experiments"][k].get("controls", [])}


def allowed(path, job):
    """Whether a job's settings may change with the leaf at `path`; what a group may do, its tables say."""
    kind = job[0]
    if kind == "page":
        return True  # the manifest holds the whole config
    top, name = path[0], path[1] if len(path) > 1 else ""
    if top == "seed" or (top == "experiments" and job == COMPARISON):
        return True
    if top == "rehearsal":
        return kind == "claims"
    if top == "data_root":
        return kind == "dataset"
    if top == "datasets":
        return job == ("dataset", name)
    if top == "convergence":
        return kind == "convergence"
    if top == "truth" and name == "detection":
        return kind == "detection" or (path[-1] == "jobs" and job == ("claims", "estimators"))  # which lists its files
    if top == "truth":
        return kind == "truth" and (name == "sweeps") == (job[1] == "sweeps")
    if top == "estimators":
        return kind == "notebook" or (kind == "estimate" and job[2] == name)
    if top == "documents":
        return kind == "notebook" and job[1] == name
    if kind in ("claims", "notebook"):
        only_training = part(path) == "training" and path[-1] not in COUNTED
        used = {DEFAULT["experiments"][name].get("document"), *parents_document(name)}
        return job[1] in used and (not only_training or (kind == "notebook" and path[-1] in ("loss", "fold")))
    if kind in ("dataset", "convergence", "truth", "detection") or job[1] not in family(name):
        return False
    if kind == "contexts":
        return part(path) in ("model", "axes", "dataset")
    if part(path) == "probe":
        return kind in ("activations", "estimate")
    if part(path) == "estimators":
        return kind in ("estimate", "activations")
    if part(path) == "training" and path[-1] not in (*COUNTED, "loss"):
        return kind == "train"
    return True


COMPARISON = ("claims", "claims")  # which lists the files of every experiment
COUNTED = ("epochs", "steps_per_epoch")  # of the training, on which the snapshots depend


def part(path):
    """The part of an experiment that a leaf stands in, of a variant's too."""
    return path[4] if path[2] == "variants" and len(path) > 4 else path[2]


def required(path, different):
    """Whether a job that certainly reads the leaf at `path` is among those whose settings changed."""
    top, name = path[0], path[1] if len(path) > 1 else ""
    if top == "datasets":
        return ("dataset", name) in different or ("dataset", name) not in before()
    if top in ("truth", "convergence"):
        return any(job[0] == (name if name == "detection" else top) for job in different)
    if top == "estimators":
        users = {job for job in before() if job[0] == "estimate" and job[2] == name}
        return not users or bool(users & different)
    if top == "experiments":
        if path[-1] in ("keep_activations", "snapshots_per_job") or not any(job[1:2] == (name,) for job in before()):
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
    assert {path[0] for path, _ in CASES} >= set(DEFAULT) - {"results", "only"}
    assert {path[1] for path, _ in CASES if path[0] == "documents"} == set(DEFAULT["documents"])
    parts = {part(path) for path, _ in CASES if path[0] == "experiments"}
    assert parts == {"model", "training", "snapshots", "seeds", "axes", "probe", "estimators"}
    assert len(CASES) > 350


@pytest.mark.parametrize("section", sorted({".".join(path[:2]) for path, _ in CASES}))
def test_a_leaf_changes_only_jobs_that_depend_on_it(section):
    for path, new in (case for case in CASES if ".".join(case[0][:2]) == section):
        leaf, raw = ".".join(map(str, path)), copy.deepcopy(DEFAULT)
        functools.reduce(dict.__getitem__, path[:-1], raw)[path[-1]] = new
        changed = Plan(parse(raw))
        after = settings(changed)
        different = {job for job in after.keys() | before().keys() if after.get(job) != before().get(job)}
        if path == ("results",):  # where files lie is no setting but that of the stages that find many by name
            assert {job[0] for job in different} == {"page", "claims"}
            continue
        groups = members(changed)
        regrouped = {
            job
            for job in groups.keys() | members_before().keys()
            if groups.get(job) != members_before().get(job) or groups[job] & different
        }
        assert {job for job in different if job[0] == "group"} == regrouped, f"{leaf}: a group is more than its tables"
        unused = {job for job in different if job[0] == "dataset" and path[2:3] == ("axes",) and job not in after}
        wrong = sorted(job for job in different - regrouped - unused if not allowed(path, job))
        assert not wrong, f"{leaf} reruns {wrong[:3]}"
        assert ("page",) in different, f"{leaf} changes nothing"
        assert required(path, different), f"{leaf} must rerun a job that reads it"


@pytest.mark.parametrize("document", sorted(DEFAULT["documents"]))
def test_a_run_without_a_document_differs_in_its_jobs_alone(document):
    others = [name for name in DEFAULT["documents"] if name != document]
    left = plan({"only": others})
    after = settings(left)
    different = {job for job in after.keys() | before().keys() if after.get(job) != before().get(job)}
    different -= {COMPARISON} if document != "claims" else set()
    assert {job[1] for job in different if job[0] in ("claims", "notebook")} == {document}
    gone = {name for name, experiment in config().experiments.items() if experiment.document == document}
    assert different - {("page",)} == before().keys() - after.keys()
    kinds = ("train", "contexts", "estimate", "activations", "group")
    assert {job[1] for job in different if job[0] in kinds} == {job[1] for job in before() if job[0] in kinds} & gone
    assert {job[1] for job in different if job[0] == "dataset"} == set(plan().datasets()) - set(left.datasets())


def test_titles_of_figures_are_settings_of_the_page_alone():
    assert set(DEFAULT["documents"]["kong2019"]) == {"title", "citation"}
    title = plan().figures_of("kong2019")["F1"].title
    assert [job for job, text in before().items() if title in text] == [("page",)]


def test_a_full_run_has_few_jobs():
    full = plan()
    studies = [["truth_sweeps"], ["convergence"], ["page"]]
    jobs = [
        full.datasets(),
        full.train_jobs(),
        [(name, *recording) for name in full.experiments for recording in recordings(full, name)],
        full.estimate_groups(),
        full.encoders(),
        [("claims", document) for document in full.documents],
        [("notebook", document) for document in full.documents],
        full.truth_parts(),
        full.detection_parts(),
        *studies,
    ]
    assert set(full.documents) == set(DEFAULT["documents"])
    assert all(jobs)
    assert sum(map(len, jobs)) <= 270


def test_groups_hold_every_table_once():
    full = plan()
    tables = [full.estimates(name, *table) for name in full.experiments for table in full.tables_of(name)]
    grouped = [path for group in full.estimate_groups() for path in full.group_outputs(group)]
    assert sorted(grouped) == sorted(tables)
    assert len(set(grouped)) == len(grouped)
    names = [group.name for group in full.estimate_groups()]
    assert len(set(names)) == len(names)
    for group in full.estimate_groups():
        jobs = full.group_settings(group).jobs
        assert [job.estimator for job in jobs] == list(group.estimators)
        assert {job.experiment for job in jobs} == {group.experiment}
        kept = full.experiments[group.experiment].probe.keep_activations
        assert {kept and full.config.estimators[name].from_file for name in group.estimators} == {group.from_file}
        assert ("activations" in full.group_inputs(group)) == group.from_file


def test_snapshots_of_the_12_bit_experiment():
    experiment = config().experiments["goldfeld_noisy"]
    epochs = snapshot_epochs(experiment)
    assert len(epochs) == 56
    assert epochs[0] == 0
    assert epochs[1] == 1
    assert epochs[-1] == 10000
    few = spread(epochs, 21)
    assert set(few) < set(epochs)
    assert {0, 10000} < set(few)
    assert len(few) <= 21


def test_every_seed_lies_in_one_block():
    full = plan()
    for name in full.experiments:
        for point, one in full.points[name].items():
            blocks = full.blocks(name, point).values()
            first = one.experiment.first_seed
            assert [seed for block in blocks for seed in block.seeds] == list(
                range(first, first + one.experiment.seeds)
            )


def test_the_benchmark_reaches_its_document_and_no_other():
    full = plan()
    truth = {*full.truth_parts(), *full.truth_sweeps().values(), *full.detection_parts()}
    read = {document: set(full.claims_inputs(document).get("studies", [])) for document in full.documents}
    assert [document for document in full.documents if read[document] & truth] == ["estimators"]
    assert read["estimators"] == truth
    assert [document for document in full.documents if full.needs_benchmark(document)] == ["estimators"]
    assert [full.truth_settings(str(k)).part for k in range(len(full.truth_parts()))] == [0, 1, 2, 3]
    assert "src/infoflow/truth/tasks.py" in full.notebook_sources("estimators")
    assert "src/infoflow/truth/tasks.py" not in full.notebook_sources("kong2019")
    stage = sources("infoflow.truth.stage")
    assert {f"src/infoflow/estimators/{name}.py" for name in ("binning", "kde", "knn", "noisy", "renyi")} < set(stage)
    assert not [file for file in stage if any(part in file for part in ("/documents/", "/plotting/", "/training/"))]


def test_an_overlay_runs_the_benchmark_alone():
    plan = Plan(read_default("configs/paper.yaml", "configs/estimators.yaml"))
    assert list(plan.documents) == ["estimators"]
    assert not plan.experiments
    assert plan.config.truth.sizes[-1] == 8192
    assert plan.config.truth.seeds == 10


@pytest.mark.parametrize(("document", "extensions"), [("goldfeld2019", {"X3", "E1", "E2"}), ("yu2018", {"E1"})])
def test_an_overlay_runs_a_document_and_its_extensions_alone(document, extensions):
    alone = Plan(read_default("configs/paper.yaml", f"configs/{document}.yaml"))
    assert list(alone.documents) == [document]
    assert extensions <= set(alone.figures_of(document))
    assert not extensions & set(plan().figures_of(document))


def apart(files, *parts):
    """None of the files lies in one of these parts of the package."""
    return not [file for file in files if any(file.startswith(f"src/infoflow/{part}/") for part in parts)]


def test_sources_follow_imports_and_stay_apart():
    full = plan()
    training = full.train_sources("kong_f2_as_published")
    assert {
        "src/infoflow/training/stage.py", "src/infoflow/training/ensemble.py", "src/infoflow/training/optimisers.py",
        "src/infoflow/training/losses.py", "src/infoflow/models/__init__.py", "src/infoflow/models/mlp.py",
        "src/infoflow/storage/files.py", "src/infoflow/seeds.py",
    } <= set(training)  # fmt: skip
    assert apart(training, "estimators", "estimation", "documents", "plotting", "verdicts", "report", "plan", "config")
    assert "src/infoflow/models/cnn.py" not in training
    binned = sources("infoflow.estimation.stage", "infoflow.estimation.binning")
    linearised = sources("infoflow.estimation.stage", "infoflow.estimation.linearised")
    assert "src/infoflow/estimators/noisy.py" in linearised
    assert "src/infoflow/estimators/noisy.py" not in binned
    assert "src/infoflow/estimators/binning.py" in binned


def test_jobs_with_networks_rerun_with_their_networks_code():
    full = plan()
    for job in full.train_jobs():
        files, settings = full.train_sources(job.id), job.settings
        assert network_file(settings.model) in files, job.id
        assert f"src/infoflow/training/{settings.trainer}.py" in files
    for name in full.experiments:
        networks = {network_file(point.experiment.model) for point in full.points[name].values()}
        assert networks <= set(full.record_sources(name))
        assert "src/infoflow/recording/record.py" in full.record_sources(name)
        assert networks <= set(full.notebook_sources(full.experiments[name].document))
        for group in full.groups_of(name):
            if "weights" in full.group_inputs(group):
                assert networks <= set(full.group_sources(group)), group.path
    for encoder in full.encoders():
        assert network_file(full.experiments[encoder].model) in sources("infoflow.recording.contexts")


def network_file(model):
    return f"src/infoflow/models/{model.network.split(':')[0]}.py"


@pytest.mark.parametrize("document", sorted(DEFAULT["documents"]))
def test_claims_and_notebooks_rerun_with_their_documents_code(document):
    full, folder = plan(), f"src/{studies.package(document).replace('.', '/')}"
    claims, notebook = full.claims_sources(document), full.notebook_sources(document)
    assert {f"{folder}/{name}.py" for name in ("__init__", "claims", "tables")} <= set(claims)
    assert "src/infoflow/verdicts/rule.py" in claims
    assert apart(claims, "plotting", "report", "training", "plan", "config")
    assert f"{folder}/figures.py" not in claims
    assert f"{folder}/figures.py" in notebook
    assert f"{folder}/claims.py" not in notebook
    others = [name for name in DEFAULT["documents"] if name != document]
    assert apart({*claims, *notebook}, *(f"documents/{name}" for name in others))
    kinds = {
        full.config.estimators[name].kind
        for experiment in full.document_experiments(document)
        for name in full.experiments[experiment].estimators
    }
    assert {f"src/infoflow/estimation/{kind}.py" for kind in kinds} <= set(notebook)


def test_a_group_is_made_by_its_own_estimators_alone():
    full = plan()
    kinds = {f"src/infoflow/estimation/{section.kind}.py" for section in full.config.estimators.values()}
    for group in full.estimate_groups():
        own = {f"src/infoflow/estimation/{full.config.estimators[name].kind}.py" for name in group.estimators}
        made_by = set(full.group_sources(group))
        assert {*own, "src/infoflow/estimation/stage.py"} <= made_by
        assert made_by & kinds <= imported_by(own), group.path
        assert apart(made_by, "documents", "plotting", "verdicts", "report", "plan", "config")


def imported_by(files):
    """Package files that those are made of: themselves and what they import."""
    modules = [file.removeprefix("src/").removesuffix(".py").replace("/", ".") for file in files]
    return set(sources(*modules))


def test_thinning_by_every_keeps_the_shape_of_the_grid():
    assert thinned(list(range(0, 101, 10)), Thinning(every=4)) == [0, 20, 60, 100]
    assert thinned(list(range(301)), Thinning(every=8))[-3:] == [284, 292, 300]


@pytest.mark.parametrize("given", [{}, {"every": 8, "log_spaced": 21}])
def test_thinning_takes_one_rule(given):
    with pytest.raises(ValidationError, match="one of every, log_spaced"):
        Thinning(**given)


def test_a_disabled_document_costs_nothing():
    left = plan({"only": [name for name in DEFAULT["documents"] if name not in ("yu2018", "your_own")]})
    assert "yu2018" in left.config.documents
    assert "yu2018" not in left.documents
    assert not [job for job in left.train_jobs() if job.id.startswith("yu_")]
    assert not {"mnist", "fashion_mnist", "svhn"} & set(left.datasets())


def test_snapshots_within_an_epoch_and_lists_as_axis_values():
    full = plan()
    assert "dataset~mnist.initialisation~xavier.filters~6-16" in full.points["yu_filters"]
    (point,) = [p for p in full.points["yu_baseline"] if p == "dataset~mnist.initialisation~xavier"]
    steps = snapshot_epochs(full.points["yu_baseline"][point].experiment)
    assert {0, 1, 469, 1407} <= set(steps)
    assert steps[-1] == 1407
    assert sum(0 < step < 469 for step in steps) >= 10
    controls = full.estimate_settings("yu_baseline", point, "all", "renyi_controls")
    assert {0, 469, 1407} <= set(controls.snapshots) <= set(steps)
    small = "dataset~mnist.initialisation~xavier.filters~2-6"
    (labels,) = full.estimate_settings("yu_filters", small, "all", "renyi_maps").points
    assert labels.axes["model.filters"] == "2-6"


def test_one_line_changes_the_data_set():
    changed = plan({"experiments": {"yu_depth": {"axes": {"dataset": ["fashion_mnist"]}}}})
    assert {p.experiment.dataset for p in changed.points["yu_depth"].values()} == {"fashion_mnist"}


@pytest.mark.parametrize(
    ("experiment", "estimator", "lacking"),
    [
        ("yu_baseline", "linearised", "needs noise after the layers"),
        ("goldfeld_shuffled", "replicas", "needs noisy passes: probe.replicas"),
        ("goldfeld_deterministic", "replicas", "needs noisy passes"),
        ("saxe_tanh", "scalar_chain", "needs a chain of scalars"),
        ("kong_e1_net1", "gaussian", "needs linear layers"),
        ("kong_e1_net1", "scalar_density", "has no entry for kong_e1_net1 in its ranges"),
    ],
)
def test_what_an_estimator_lacks_is_said_in_one_line(experiment, estimator, lacking):
    changed = plan({"experiments": {experiment: {"estimators": [estimator]}}})
    with pytest.raises(InputError) as caught:
        changed.check()
    assert lacking in str(caught.value)
    assert str(caught.value).startswith(f"experiments.{experiment}.estimators: {estimator} (")
    assert "\n" not in str(caught.value)


def test_estimators_that_look_everywhere_look_at_every_network_with_hidden_layers():
    everywhere = ["kde", "quantised"]
    overlay = {"everywhere": everywhere, "estimators": {"kde": {"snapshots": 5}}}
    whole = plan(overlay)
    for name, experiment in whole.experiments.items():
        own = [e for e in config().experiments[name].estimators if e not in everywhere]
        hidden = "layers" in experiment.model.offers()
        assert [e for e in experiment.estimators if e not in everywhere] == own
        assert set(everywhere) <= set(experiment.estimators) or not hidden, name
    assert "kde" not in whole.experiments["huang_logistic"].estimators
    (point, *_) = whole.points["goldfeld_noisy"]
    block = whole.estimate_blocks("goldfeld_noisy", point, "kde")[0]
    epochs = whole.estimate_settings("goldfeld_noisy", point, block, "kde").epochs[0]
    assert (len(epochs), epochs[0], epochs[-1]) == (5, 0, 10_000)
    compared = whole.claims_settings("claims").compared
    assert any(path.endswith("kde.parquet") for path in compared["goldfeld_noisy"].estimates)
    assert whole.claims_settings("claims").families["quantised"] == "quantised"
    for wrong, message in (("scalar_chain", "does not look at the layers"), ("kdee", "kde")):
        with pytest.raises(InputError, match=f"everywhere.*{message}"):
            plan({"everywhere": [wrong]})
