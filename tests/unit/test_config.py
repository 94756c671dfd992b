import importlib
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from factories import ROOT, model, raw_config

from infoflow import config
from infoflow.cli import main
from infoflow.config.base import kinds
from infoflow.config.datasets import DatasetSection
from infoflow.config.estimators import NEEDS, EstimatorSection
from infoflow.config.loading import default_files, read_default
from infoflow.config.models import ModelSection
from infoflow.config.yamlfile import load
from infoflow.data.reading import local_files
from infoflow.errors import InputError
from infoflow.plan import Plan


@pytest.fixture
def fault(tmp_path):
    """The message that an overlay over the default config gives."""

    def read(overlay: str) -> str:
        file = tmp_path / "overlay.yaml"
        file.write_text(overlay, encoding="utf-8")
        with pytest.raises(InputError) as caught:
            Plan(read_default(file)).train_jobs()
        message = str(caught.value)
        assert "\n" not in message
        return message

    return read


def test_unknown_key_names_file_path_nearest_and_allowed(fault):
    message = fault("experiments: {kong_f2: {training: {learning_rat: 0.1}}}")
    assert "overlay.yaml:1: experiments.kong_f2.training.learning_rat: unknown key" in message
    assert "did you mean 'learning_rate'?" in message
    assert "allowed: " in message
    assert "batch_size" in message


@pytest.mark.parametrize(
    ("overlay", "path"),
    [
        ("sed: 3", "sed"),
        ("datasets: {szt12: {fraction: 0.5}}", "datasets.szt12.fraction"),
        ("estimators: {linearised: {draw: 2}}", "estimators.linearised.draw"),
        ("convergence: {repeat: 2}", "convergence.repeat"),
        ("truth: {size: [100]}", "truth.size"),
        ("truth: {sweeps: {factor: [1.0]}}", "truth.sweeps.factor"),
        ("documents: {kong2019: {titel: x}}", "documents.kong2019.titel"),
        (
            "experiments: {goldfeld_noisy: {probe: {replicas: {cout: 2}}}}",
            "experiments.goldfeld_noisy.probe.replicas.cout",
        ),
    ],
)
def test_unknown_keys_of_every_section(fault, overlay, path):
    message = fault(overlay)
    assert f"overlay.yaml:1: {path}: unknown key" in message
    assert "allowed: " in message


@pytest.mark.parametrize(
    ("overlay", "path", "said"),
    [
        ("experiments: {kong_f2: {training: {epochs: many}}}", "experiments.kong_f2.training.epochs", "found 'many'"),
        ("experiments: {kong_f2: {seeds: 0}}", "experiments.kong_f2.seeds", "greater than or equal to 1"),
        ("experiments: {kong_f2: {training: {shuffle: 1}}}", "experiments.kong_f2.training.shuffle", "bool"),
        ("datasets: {szt12: {train_fraction: 1.5}}", "datasets.szt12.train_fraction", "found 1.5"),
        ("datasets: {szt12: {kind: szt13}}", "datasets.szt12", "szt12"),
        ("only: kong2019", "only", "found 'kong2019'"),
        ("rehearsal: perhaps", "rehearsal", "found 'perhaps'"),
        ("seed: 1.5", "seed", "found 1.5"),
    ],
)
def test_wrong_type_or_value(fault, overlay, path, said):
    message = fault(overlay)
    assert f"overlay.yaml:1: {path}" in message
    assert said in message


@pytest.mark.parametrize(
    ("overlay", "line", "said"),
    [
        (
            "seed: 1\nexperiments:\n  kong_f2:\n    training:\n      epochs: 3\n      learning_rat: 0.1\n",
            6,
            "experiments.kong_f2.training.learning_rat: unknown key",
        ),
        (
            "# a comment\nexperiments:\n  kong_f2:\n    training: {epochs: many}\n",
            4,
            "experiments.kong_f2.training.epochs: Input should be a valid integer; found 'many'",
        ),
        (
            "experiments:\n  kong_f2:\n    seeds: 3\n    first_seed: 0\n    seeds: 4\n",
            5,
            "seeds: also on line 3, and only the last would count",
        ),
        (
            "experiments:\n  kong_f2:\n    seeds: 3\n  mine:\n    extends: kong_f22\n",
            5,
            "experiments.mine.extends: unknown id 'kong_f22' (did you mean 'kong_f2'?)",
        ),
        (
            "experiments:\n  kong_f2:\n    estimators:\n      - scalar_chain\n      - Scalar\n",
            5,
            "experiments.kong_f2.estimators.1: ",
        ),
        (
            "seed: 1\nexperiments:\n  kong_e2:\n    seeds: 2\n    dataset: nothing\n",
            5,
            "experiments.kong_e2.dataset: unknown id 'nothing'",
        ),
        ("only:\n  - kong2019\n  - kong\n", 1, "only: unknown id 'kong' (did you mean 'kong2019'?)"),
        ("- a\n- b\n", 1, "expected keys and their values, found sequence"),
        ("experiments:\n  kong_f2: null\n", 2, "experiments.kong_f2: "),
        (
            "experiments:\n  mine:\n    extends: [kong_f2]\n",
            3,
            "experiments.mine.extends: unknown id ['kong_f2']",
        ),
    ],
)
def test_a_fault_names_the_line_of_the_overlay(fault, tmp_path, overlay, line, said):
    assert fault(overlay).startswith(f"{tmp_path}/overlay.yaml:{line}: {said}")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("    seeds: 20\n    variants:", "    sed: 50\n    variants:", "experiments.kong_f2.sed: unknown key"),
        ("      batch_size: 100\n      epochs: 300\n      decay:", "      batch_size: 100\n      epochs: x\n      decay:",
         "experiments.kong_f3.training.epochs: "),
        ("    extends: kong_f2\n    dataset: eight100", "    extends: kong_g2\n    dataset: eight100",
         "experiments.kong_f3.extends: unknown id 'kong_g2'"),
    ],
)  # fmt: skip
def test_a_fault_of_a_shipped_file_names_its_line(tmp_path, before, after, said):
    own = (ROOT / "configs/documents/kong2019.yaml").read_text(encoding="utf-8")
    assert before in own
    changed = own.replace(before, after, 1)
    lines = zip(own.splitlines(), changed.splitlines(), strict=True)
    (line,) = [number for number, (old, new) in enumerate(lines, 1) if old != new]
    file = tmp_path / "kong2019.yaml"
    file.write_text(changed, encoding="utf-8")
    files = [file if Path(name).name == file.name else name for name in default_files()]
    with pytest.raises(InputError) as caught:
        config.read(*files)
    assert f"{file}:{line}: {said}" in str(caught.value).splitlines()[0]


def test_number_that_yaml_reads_as_text(fault):
    message = fault("experiments: {kong_f2: {training: {learning_rate: 1e-3}}}")
    assert "overlay.yaml:1: experiments.kong_f2.training.learning_rate" in message
    assert "write 1.0e-3" in message


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml: no such config file"):
        read_default(tmp_path / "nowhere.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("experiments: {kong_f2: [", encoding="utf-8")
    with pytest.raises(InputError, match=r"broken\.yaml: not valid YAML") as caught:
        config.read(broken)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overlay", "path", "said"),
    [
        ("experiments: {kong_e2: {dataset: majority8}}", "experiments.kong_e2.dataset", "'majority9'"),
        ("experiments: {kong_e2: {estimators: [linearized]}}", "experiments.kong_e2.estimators", "'linearised'"),
        ("experiments: {kong_e2: {document: kong2018}}", "experiments.kong_e2.document", "'kong2019'"),
        ("only: [kong2018]", "only", "'kong2019'"),
        ("experiments: {mine: {extends: kong_f22}}", "experiments.mine.extends", "'kong_f2'"),
        ("experiments: {kong_f2: {extends: kong_f2}}", "experiments.kong_f2.extends", "extends itself"),
    ],
)
def test_ids_that_do_not_exist(fault, overlay, path, said):
    message = fault(overlay)
    assert path in message
    assert said in message
    assert "overlay.yaml" in message


@pytest.mark.parametrize(
    ("experiment", "change"),
    [
        ("kong_e1_net1", "axes: {dataset: [uniform3, uniform9]}"),
        ("kong_f4", "variants: {corrected: {dataset: gauss9}}"),
    ],
)
def test_an_unknown_data_set_of_a_variant_or_axis(fault, experiment, change):
    message = fault(f"experiments: {{{experiment}: {{{change}}}}}")
    assert f"overlay.yaml:1: experiments.{experiment}, point" in message
    assert "unknown id" in message
    assert "did you mean" in message


def test_bad_variant_override(fault):
    message = fault("experiments: {kong_f2: {variants: {corrected: {training: {epoch: 5}}}}}")
    assert "overlay.yaml:1: experiments.kong_f2" in message
    assert "corrected" in message
    assert "training.epoch" in message


def test_bad_stack(fault):
    message = fault("experiments: {kong_f6_shuffled: {stack: [training.orthonormal]}}")
    assert "overlay.yaml:1: experiments.kong_f6_shuffled" in message
    assert "training.orthonormal is not among the axes" in message
    axes = "{training.batch_size: [128, 256]}"
    message = fault(f"experiments: {{goldfeld_shuffled: {{axes: {axes}, stack: [training.batch_size]}}}}")
    assert "experiments.goldfeld_shuffled.stack" in message
    assert "training differs" in message


def test_network_shapes_are_checked(fault):
    message = fault("experiments: {goldfeld_shuffled: {model: {activations: [tanh]}}}")
    assert "overlay.yaml:1: experiments.goldfeld_shuffled.model" in message
    assert "6 layers of weights" in message


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        ("experiments: {kong_f2: {variants: {corrected: {dataset: nowhere}}}}", "point corrected: dataset: unknown id"),
        ("experiments: {yu_depth: {axes: {training.epochs: [0, 3]}}}", "training.epochs: Input should be"),
    ],
)
def test_a_fault_of_a_variant_or_an_axis_names_the_file_that_sets_it(fault, overlay, words):
    message = fault(overlay)
    assert "overlay.yaml:1: experiments." in message
    assert words in message


def test_a_fault_of_the_command_line_is_blamed_on_it(raw):
    with pytest.raises(InputError, match="^--config: seed: Input should be a valid integer"):
        config.parse({**raw, "seed": "word"}, default_files(), {"seed": "word"})


def test_a_fault_ends_a_command_with_one_line(capsys, tmp_path):
    (tmp_path / "settings.json").write_text("{}", encoding="utf-8")
    options = ["record", "--settings", str(tmp_path / "settings.json"), "--output", str(tmp_path / "out.h5")]
    assert main([*options, "--weights", "none.safetensors", "--dataset", str(tmp_path / "none.h5")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def overlays():
    return sorted(str(p.relative_to(ROOT)) for p in (ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("overlay", [None, *overlays()])
def test_every_config_of_the_repository_loads(overlay, tmp_path):
    (tmp_path / "emodb/wav").mkdir(parents=True)  # what configs/huang2016.yaml asks for
    made = read_default(*filter(None, [overlay]))
    plan = Plan(made.model_copy(update={"data_root": str(tmp_path)}))
    jobs = plan.train_jobs()
    assert len({job.id for job in jobs}) == len(jobs)
    tables = [table for name in plan.experiments for table in plan.estimates_of(name)] + plan.truth_parts()
    assert len(set(tables)) == len(tables) > 0
    assert plan.targets()
    plan.check()


@pytest.mark.parametrize("overlay", [None, *overlays()])
def test_chains_of_extends_are_at_most_two_deep(overlay):
    experiments = raw_config(*[load(ROOT / file).values for file in [overlay] if file])["experiments"]

    def depth(name):
        return 1 + depth(experiments[name]["extends"]) if "extends" in experiments[name] else 0

    assert not {name: depth(name) for name in experiments if depth(name) > 2}
    assert any(depth(name) for name in experiments)


def test_the_shipped_files_are_short_enough_to_read():
    assert len((ROOT / "config.yaml").read_text(encoding="utf-8").splitlines()) <= 150
    files = [ROOT / "config.yaml", *(ROOT / "configs").rglob("*.yaml")]
    assert len(files) > 10
    long = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 100
    ]
    assert not long


def test_show_prints_a_resolved_experiment(capsys):
    assert main(["config", "show", "kong_f5"]) == 0
    said = yaml.safe_load(capsys.readouterr().out)
    assert list(said) == ["kong_f5"]
    experiment = read_default().experiments["kong_f5"]
    assert "extends" in raw_config()["experiments"]["kong_f5"]
    assert "extends" not in said["kong_f5"]
    assert config.Experiment.model_validate(said["kong_f5"]) == experiment
    assert said["kong_f5"]["dataset"] == "gauss30"
    assert said["kong_f5"]["model"]["layers"] == [1, 1, 1]


def test_show_lays_overlays_over_the_config(capsys, tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("experiments: {kong_f4: {seeds: 3}}", encoding="utf-8")  # kong_f5 extends it
    assert main(["config", "show", "kong_f5", "szt12", "linearised", "--configfile", str(overlay)]) == 0
    said = yaml.safe_load(capsys.readouterr().out)
    assert list(said) == ["kong_f5", "szt12", "linearised"]
    assert said["kong_f5"]["seeds"] == 3
    assert said["szt12"]["kind"] == "szt12"
    assert said["linearised"]["draws"] == 1


def test_show_without_names_lists_every_id(capsys):
    assert main(["config", "show"]) == 0
    raw = raw_config()
    said = yaml.safe_load(capsys.readouterr().out)
    controls = [name for name, entry in raw["experiments"].items() if entry.get("controls")]
    generated = [f"{name}_{control}" for name in controls for control in raw["experiments"][name]["controls"]]
    written = {family: list(raw[family]) for family in ("experiments", "datasets", "estimators")}
    assert said == written | {"experiments": [*written["experiments"], *generated]}


def test_show_refuses_an_unknown_id_with_the_nearest(capsys):
    assert main(["config", "show", "kong_f55"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: unknown id 'kong_f55' (did you mean 'kong_f5'?); known: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("section", list(kinds(EstimatorSection)), ids=lambda section: section.__name__)
def test_every_kind_of_estimator_has_its_module(section):
    kind = kind_of(section)
    assert callable(importlib.import_module(f"infoflow.estimation.{kind}").estimate)
    assert set(section.needs) <= set(NEEDS)


@pytest.mark.parametrize("section", list(kinds(DatasetSection)), ids=lambda section: section.__name__)
def test_every_kind_of_data_set_has_its_module_and_its_search(section):
    assert callable(importlib.import_module(f"infoflow.data.{kind_of(section)}").make)
    assert not section.locate or callable(getattr(local_files, f"locate_{section.locate}"))
    assert set(section.models) <= {kind_of(model) for model in kinds(ModelSection)}
    assert importlib.util.find_spec(f"infoflow.training.{section.trainer}")
    assert section.offers <= set(NEEDS)


@pytest.mark.parametrize("section", list(kinds(ModelSection)), ids=lambda section: section.__name__)
def test_every_kind_of_model_has_its_network(section):
    module, name = section.network.split(":")
    assert isinstance(getattr(importlib.import_module(f"infoflow.models.{module}"), name), type)


def test_no_kind_is_there_twice():
    for family in (EstimatorSection, DatasetSection, ModelSection):
        names = [kind_of(section) for section in kinds(family)]
        assert len(set(names)) == len(names) > 5


def kind_of(section):
    (kind,) = section.model_fields["kind"].annotation.__args__
    return kind


def test_a_key_that_a_file_has_twice_is_refused(tmp_path, root):
    twice = tmp_path / "twice.yaml"
    twice.write_text("datasets:\n  szt12: {noise: 0.1}\nseed: 2\ndatasets:\n  szt12: {}\n")
    with pytest.raises(InputError, match=r"twice\.yaml:4: datasets: also on line 1"):
        config.read(root / "config.yaml", twice)


def test_fixed_initial_values_leave_nothing_to_draw():
    chain = {"kind": "mlp", "layers": [1, 1], "activations": ["tanh"], "initial": {"weights": [0.0], "biases": [0.0]}}
    model(**chain)
    with pytest.raises(ValueError, match="nothing is drawn"):
        model(**chain, initialisation="truncated_normal")


def test_schema_is_up_to_date(root):
    stored = json.loads((root / "workflow/schemas/config.schema.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(config.json_schema())), "run `infoflow schema --output …`"


def test_config_and_plan_import_nothing_heavy():
    code = (
        "import sys, infoflow.config, infoflow.plan\n"
        "from infoflow.config.loading import read_default\n"
        "infoflow.plan.Plan(read_default()).check()\n"
        "print([m for m in ('torch', 'pandas', 'numpy', 'scipy', 'h5py') if m in sys.modules])"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"


def test_merge_leaves_its_inputs_alone():
    base = {"a": {"b": [1], "c": 2}}
    made = config.merge(base, {"a": {"b": [3]}, "d": 4})
    assert made == {"a": {"b": [3], "c": 2}, "d": 4}
    assert base == {"a": {"b": [1], "c": 2}}


# --- the environment ---------------------------------------------------------------------------------------


def names(requirements):
    return {re.match(r"[A-Za-z0-9_.-]+", r)[0].lower() for r in requirements}


@pytest.fixture(scope="module")
def environment():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def test_environment_has_the_pinned_versions(root, environment):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    tested = [extras[name] for name in ("workflow", "audio", "images", "test")]
    direct = names(project["dependencies"]).union(*map(names, tested)) - {"infoflow"}
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.strip().lower() for line in lines if line.strip() and not line.startswith("#")}
    assert all("==" in line for line in pinned)
    assert direct <= names(pinned)
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert {"--constraint constraints.txt", "--editable .[test]"} <= set(pip)
    listed = [line.lower() for line in pip if not line.startswith("--")]
    assert set(listed) <= pinned


def test_conda_specs_parse(environment):
    rattler = pytest.importorskip("rattler")
    specs = [rattler.MatchSpec(d) for d in environment["dependencies"] if isinstance(d, str)]
    found = {spec.name.normalized for spec in specs}
    assert {"python", "pip", "make"} <= found


@pytest.mark.parametrize("control", ["kong_f2", "kong_f3", "kong_f4", "kong_f5", "kong_f6", "goldfeld"])
@pytest.mark.parametrize("overlay", [None, "configs/paper.yaml"])
def test_a_control_is_recorded_at_the_snapshots_of_its_network(control, overlay):
    """Falls from peak to end are compared on the snapshots that both have, which must not be fewer than either's."""
    experiments = read_default(*filter(None, [overlay])).experiments
    network, null = (
        experiments[f"{control}_noisy" if control == "goldfeld" else control],
        experiments[f"{control}_shuffled"],
    )
    assert (null.snapshots, null.probe.thinning) == (network.snapshots, network.probe.thinning)
    assert {k: v.get("training", {}).get("epochs") for k, v in null.variants.items()} == {
        k: v.get("training", {}).get("epochs") for k, v in network.variants.items()
    }
