"""What people write into a config by mistake: one line with file, line and key when the config is read, never a trace later."""

import copy

import factories
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infoflow.config import parse
from infoflow.config.loading import read_default
from infoflow.errors import InputError
from infoflow.models import build

OWN = """documents: {{s: {{title: t}}}}
experiments:
  a: {{document: s, dataset: szt12, model: {{kind: mlp, layers: [{}, 4, 2], activations: [tanh, linear]}}, estimators: [kde]{}}}
"""
FAULTS = [
    ("results: ''", 1, "results: expected the name of a folder of its own"),
    ("results: /", 1, "results: expected the name"),
    ("results: ./", 1, "results: expected the name"),
    ("results: a/../..", 1, "results: expected the name"),
    ("results: ~", 1, "results: "),
    ("results: 'a{b}'", 1, "results: '{' '}' in the name of a folder"),
    ('results: "a\\nb"', 1, r"results: '\n' in the name"),
    ("results: 'a*'", 1, "results: '*'"),
    ("results: results/reference", 1, "results/reference is a folder of the project"),
    ("results: src/x", 1, "src/x is a folder of the project"),
    ("results: " + 201 * "x", 1, "longer than 200 bytes"),
    ("seed: 99999999999999999999", 1, "seed: Input should be less than"),
    ("experiments: {kong_f2: {axes: {training.learning_rate: []}}}", 1, "axes.training.learning_rate: no value"),
    (OWN.format(12, ", axes: {training.learning_rate: [0.1, 0.1]}"), 3, "axes.training.learning_rate: 0.1 is there twice"),
    (OWN.format(12, ", axes: {model.x: [1], training.x: [2]}"), 3, "axes: x: two axes of one last name"),
    (OWN.format(13, ""), 3, "model.layers: begins with 13, and szt12 has 12 inputs"),
    ("experiments: {kong_f2: {training: {learning_rate: .nan}}}", 1, "learning_rate: Input should be a finite number"),
    ("experiments: {kong_f2: {training: {learning_rate: .inf}}}", 1, "learning_rate: Input should be a finite number"),
    ("experiments: {kong_f2: {snapshots: {at: [999]}}}", 1, "snapshots.at: 999 is after the last epoch, 200"),
    ("experiments: {yu_baseline: {model: {filters: [1000000000, 2]}}}", 1, "filters.0: Input should be less than"),
    ("datasets: {uniform1: {low: 1.0, high: -1.0}}", 1, "from 1 to -1; expected the lower end first"),
    ("datasets: {gauss30: {resolution: 1.0e-12}}", 1, "resolution: Input should be greater than"),
    ("datasets: {four30: {values: []}}", 1, "0 points and 4 targets"),
    ("datasets: {gauss30: {targets: [1.0]}}", 1, "targets: 1; expected two"),
    ("datasets: {teacher: {relevant: 200}}", 1, "relevant: 200 of 100 inputs"),
    ("datasets: {im: {kind: image_folder, path: x, size: 1000000000}}", 1, "size: Input should be less than"),
    ("estimators: {histograms: {bins: 1000000000000}}", 1, "bins: Input should be less than"),
    ("estimators: {histograms: {low: 2.0}}", 1, "low: from 2 to 1"),
    ("estimators: {binned_sweep: {edges: [[1.0, -1.0, 30.0]]}}", 1, "edges: from 1 to -1"),
    ("estimators: {binned_sweep: {edges: [[-1.0, 0.0, 1.5]]}}", 1, "1.5 bins is no whole number"),
    ("estimators: {scalar_density: {ranges: {kong_f2: [[1.5, -1.5]]}}}", 1, "ranges: kong_f2: from 1.5 to -1.5"),
    ("estimators: {binned: {widths: [.inf]}}", 1, "widths.0: Input should be a finite number"),
    ("estimators: {values: {seed_index: 99}}", 1, "values.seed_index: 99 is not there; goldfeld_noisy has the seeds 0 to 4"),
    ("estimators: {values: {layer: T9}}", 1, "values.layer: T9 is no layer of goldfeld_noisy; it has T1, T2"),
    ("estimators: {clusters: {layers: [T5, T9]}}", 1, "clusters.layers: T9 is no layer of"),
    ("estimators: {replicas: {counts: [16, 64]}}", 1, "replicas.counts: 64 noisy passes, and goldfeld_noisy keeps 32"),
    ("estimators: {replicas: {published: [4, 1000]}}", 1, "replicas.published: 1000 noisy passes"),
    ("experiments: {x: {extends: [a, b]}}", 1, "experiments.x.extends: unknown id"),
    ("experiments: {x: null}", 1, "experiments.x: expected keys and their values"),
    ("- a", 1, "expected keys and their values, found sequence"),
    ("hello", 1, "expected keys and their values, found scalar"),
    ("documents: {'<b>': {title: M}}", 1, "documents.<b>"),
    ("documents: {'../x': {title: M}}", 1, "documents.../x"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "message"), FAULTS)
def test_a_fault_is_named_with_file_line_and_key(text, line, message, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_default(file)
    assert str(error.value).startswith(f"{file}:{line}: ")
    assert message in str(error.value)


def test_a_file_of_another_encoding_is_named_with_its_line(tmp_path):
    (tmp_path / "mine.yaml").write_bytes("seed: 1\n# \xe4\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"mine.yaml:2: not UTF-8"):
        read_default(tmp_path / "mine.yaml")


def test_folders_of_home_and_of_other_names_are_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, expected in (("~/r", f"{tmp_path}/r"), ("../run ü 2/", "../run ü 2"), (f"{tmp_path}/x", f"{tmp_path}/x")):
        (tmp_path / "mine.yaml").write_text(f"results: '{name}'\ndata_root: ~/data\n", encoding="utf-8")
        config = read_default(tmp_path / "mine.yaml")
        assert (config.results, config.data_root) == (expected, f"{tmp_path}/data")


SHAPES = {
    "mlp": (12,), "autoencoder": (1, 28, 28), "cnn": (1, 28, 28), "simple_cnn": (1, 128, 65), "audio_resnet": (1, 128, 65),
    "vgg11": (1, 28, 28), "resnet18": (1, 28, 28), "recurrent": (9,), "blstm": (28,),
}  # fmt: skip


@pytest.mark.parametrize("experiment", sorted(factories.config().experiments))
def test_the_config_knows_the_layers_of_a_network(experiment):
    section = factories.config().experiments[experiment].model
    known = section.layer_names()
    if known is None:
        assert section.kind in ("python", "recurrent", "vgg11", "resnet18", "audio_resnet")
        return
    shape = (section.layers[0],) if section.kind == "mlp" else SHAPES[section.kind]
    assert known == list(build(section, shape, 4).layers)


def test_the_config_knows_the_layers_of_an_autoencoder():
    section = factories.model(kind="autoencoder", widths=[9, 5], bottleneck=2)
    assert section.layer_names() == list(build(section, (1, 4, 4)).layers)


# --- any value anywhere ------------------------------------------------------------------------------------------

KEPT = ("kong_f2", "goldfeld_noisy", "yu_baseline", "padova_tanh")
SMALL = copy.deepcopy(factories.raw_config())
SMALL["experiments"] = {name: SMALL["experiments"][name] for name in KEPT}
SMALL["datasets"] = {k: v for k, v in SMALL["datasets"].items() if v["kind"] != "contexts"}


def paths(node, path=()):
    """Every place of a config, sections too."""
    if path:
        yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in children:
        yield from paths(value, (*path, key))


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.sampled_from(["all", "tanh", "auto", "~", ".."]),
    st.lists(st.one_of(st.integers(-3, 3), st.floats(), st.text(max_size=3), st.none()), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)  # fmt: skip


@settings(max_examples=2000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(list(paths(SMALL))), value=VALUES)
def test_any_value_anywhere_is_taken_or_refused(path, value):
    raw = copy.deepcopy(SMALL)
    node = raw
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    try:
        parse(raw)
    except InputError as refused:
        assert str(refused).strip()  # noqa: PT017 (either outcome is right)
