import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from infoflow import config
from infoflow.cli import main
from infoflow.io import InputError
from infoflow.plan import Plan

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fault(tmp_path):
    """The message that an overlay over the default config gives."""

    def read(overlay: str) -> str:
        file = tmp_path / "overlay.yaml"
        file.write_text(overlay, encoding="utf-8")
        with pytest.raises(InputError) as caught:
            Plan(config.read("config.yaml", file)).train_jobs()
        message = str(caught.value)
        assert "\n" not in message
        return message

    return read


def test_unknown_key_names_file_path_nearest_and_allowed(fault):
    message = fault("experiments: {kong_f2: {training: {learning_rat: 0.1}}}")
    assert "overlay.yaml: experiments.kong_f2.training.learning_rat: unknown key" in message
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
        ("documents: {kong2019: {figures: {F1: {titel: x}}}}", "documents.kong2019.figures.F1.titel"),
        (
            "experiments: {goldfeld_noisy: {probe: {replicas: {cout: 2}}}}",
            "experiments.goldfeld_noisy.probe.replicas.cout",
        ),
    ],
)
def test_unknown_keys_of_every_section(fault, overlay, path):
    message = fault(overlay)
    assert f"overlay.yaml: {path}: unknown key" in message
    assert "allowed: " in message


@pytest.mark.parametrize(
    ("overlay", "path", "said"),
    [
        ("experiments: {kong_f2: {training: {epochs: many}}}", "experiments.kong_f2.training.epochs", "found 'many'"),
        ("experiments: {kong_f2: {seeds: 0}}", "experiments.kong_f2.seeds", "greater than or equal to 1"),
        ("experiments: {kong_f2: {training: {shuffle: 1}}}", "experiments.kong_f2.training.shuffle", "bool"),
        ("datasets: {szt12: {train_fraction: 1.5}}", "datasets.szt12.train_fraction", "found 1.5"),
        ("datasets: {szt12: {kind: szt13}}", "datasets.szt12", "szt12"),
        ("documents: {kong2019: {enabled: perhaps}}", "documents.kong2019.enabled", "found 'perhaps'"),
        ("seed: 1.5", "seed", "found 1.5"),
    ],
)
def test_wrong_type_or_value(fault, overlay, path, said):
    message = fault(overlay)
    assert f"overlay.yaml: {path}" in message
    assert said in message


def test_number_that_yaml_reads_as_text(fault):
    message = fault("experiments: {kong_f2: {training: {learning_rate: 1e-3}}}")
    assert "overlay.yaml: experiments.kong_f2.training.learning_rate" in message
    assert "write 1.0e-3" in message


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml: no such config file"):
        config.read("config.yaml", tmp_path / "nowhere.yaml")
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
    assert f"overlay.yaml: experiments.{experiment}, point" in message
    assert "unknown id" in message
    assert "did you mean" in message


def test_bad_variant_override(fault):
    message = fault("experiments: {kong_f2: {variants: {corrected: {training: {epoch: 5}}}}}")
    assert "experiments.kong_f2" in message
    assert "corrected" in message
    assert "training.epoch" in message


def test_bad_stack(fault):
    message = fault("experiments: {kong_f6_shuffled: {stack: [training.orthonormal]}}")
    assert "experiments.kong_f6_shuffled" in message
    assert "training.orthonormal is not among the axes" in message
    axes = "{training.batch_size: [128, 256]}"
    message = fault(f"experiments: {{goldfeld_shuffled: {{axes: {axes}, stack: [training.batch_size]}}}}")
    assert "experiments.goldfeld_shuffled.stack" in message
    assert "training differs" in message


def test_network_shapes_are_checked(fault):
    message = fault("experiments: {goldfeld_shuffled: {model: {activations: [tanh]}}}")
    assert "experiments.goldfeld_shuffled.model" in message
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
    assert "overlay.yaml: experiments." in message
    assert words in message


def test_a_fault_of_the_command_line_is_blamed_on_it(raw):
    with pytest.raises(InputError, match="^--config: seed: Input should be a valid integer"):
        config.parse({**raw, "seed": "word"}, ["config.yaml"], {"seed": "word"})


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
    (tmp_path / "emodb/wav").mkdir(parents=True)  # what configs/emodb.yaml asks for
    made = config.read("config.yaml", *filter(None, [overlay]))
    plan = Plan(made.model_copy(update={"data_root": str(tmp_path)}))
    jobs = plan.train_jobs()
    assert len({job.id for job in jobs}) == len(jobs)
    tables = [table for name in plan.experiments for table in plan.estimates_of(name)] + plan.truth_parts()
    assert len(set(tables)) == len(tables) > 0
    assert plan.targets()


def test_a_key_that_a_file_has_twice_is_refused(tmp_path, root):
    twice = tmp_path / "twice.yaml"
    twice.write_text("datasets:\n  szt12: {noise: 0.1}\nseed: 2\ndatasets:\n  szt12: {}\n")
    with pytest.raises(InputError, match=r"twice\.yaml: datasets: on line 1 and again on line 4"):
        config.read(root / "config.yaml", twice)


def test_fixed_initial_values_leave_nothing_to_draw():
    chain = {"kind": "mlp", "layers": [1, 1], "activations": ["tanh"], "initial": {"weights": [0.0], "biases": [0.0]}}
    config.MlpModel(**chain)
    with pytest.raises(ValueError, match="nothing is drawn"):
        config.MlpModel(**chain, initialisation="truncated_normal")


def test_schema_is_up_to_date(root):
    stored = json.loads((root / "workflow/schemas/config.schema.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(config.json_schema())), "run `infoflow schema --output …`"


def test_config_and_plan_import_nothing_heavy():
    code = (
        "import sys, infoflow.config, infoflow.plan\n"
        "from infoflow.config import read\n"
        "infoflow.plan.Plan(read('config.yaml')).train_jobs()\n"
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
    direct = names(project["dependencies"]) | names(project["optional-dependencies"]["test"])
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.strip().lower() for line in lines if line.strip() and not line.startswith("#")}
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    listed = [line.lower() for line in pip if not line.startswith("--")]
    assert set(listed) <= pinned
    assert names(listed) == direct
    assert {"--constraint constraints.txt", "--editable ."} <= set(pip)


def test_conda_specs_parse(environment):
    rattler = pytest.importorskip("rattler")
    specs = [rattler.MatchSpec(d) for d in environment["dependencies"] if isinstance(d, str)]
    found = {spec.name.normalized for spec in specs}
    assert {"python", "pip", "make"} <= found
