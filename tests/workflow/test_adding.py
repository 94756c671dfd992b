"""What CONTRIBUTING says of adding a kind, walked in a copy of the project: no other file is touched."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("src", "workflow", "profiles", "configs", "notebooks", "Snakefile", "config.yaml", "environment.yml")


@pytest.fixture
def project(tmp_path):
    """A copy of the project; `touched` counts the files that a recipe writes."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copyfile(source, tmp_path / part)
    return tmp_path


def python(project, code):
    """What a program prints that uses the copy."""
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    run = subprocess.run([sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def insert(file, before, text):
    """Put text before a line of a file."""
    content = file.read_text(encoding="utf-8")
    assert content.count(before) == 1
    file.write_text(content.replace(before, f"{text}\n\n\n{before}"), encoding="utf-8")


SIZES = """
import torch
torch.set_num_threads(1)
from infoflow.config.loading import read_default
from infoflow.plan import Plan
"""


def test_an_estimator_is_a_function_a_section_and_an_entry(project):
    (project / "src/infoflow/estimation/largest.py").write_text(
        "from infoflow.estimation import layers\n"
        "def estimate(job, recordings):\n"
        "    return layers.table_of(job, recordings, rows)\n"
        "def rows(job, layer, recording):\n"
        "    yield {'quantity': 'largest', 'value': float(layer.values.abs().max()), 'unit': 'none'}\n",
        encoding="utf-8",
    )
    insert(
        project / "src/infoflow/config/estimators.py",
        "Estimator = union_of(EstimatorSection)",
        'class Largest(LayerEstimator):\n    """The largest absolute value of a layer."""\n\n    kind: Literal["largest"]',
    )
    (project / "my.yaml").write_text(
        "estimators: {largest: {kind: largest}}\n"
        "experiments: {goldfeld_deterministic: {seeds: 2, training: {epochs: 1}, estimators: [largest]}}\n",
        encoding="utf-8",
    )
    code = f"""{SIZES}
import pandas as pd
from infoflow.data import stage as data
from infoflow.estimation import stage
from infoflow.training import stage as training
plan = Plan(read_default("my.yaml"))
(group,) = plan.groups_of("goldfeld_deterministic")
assert "src/infoflow/estimation/largest.py" in plan.group_sources(group)
data.run(plan.dataset_settings("szt12"), "d.h5")
(job,) = [job for job in plan.train_jobs() if job.experiment == "goldfeld_deterministic"]
training.run(job.settings, "d.h5", ["out"], "resume")
stage.run(plan.group_settings(group), {{"weights": ["out/weights.safetensors"], "dataset": ["d.h5"]}}, ["t.parquet"])
table = pd.read_parquet("t.parquet")
print(len(table), table["value"].between(0, 1).all())
"""
    assert python(project, code).splitlines()[-1] == "20 True"  # two seeds, two snapshots, five layers


def test_a_model_is_a_module_and_a_section(project):
    (project / "src/infoflow/models/plain.py").write_text(
        "from infoflow.models.mlp import Mlp\n"
        "class Plain(Mlp):\n"
        "    def __init__(self, input_shape, width):\n"
        "        super().__init__(input_shape, [input_shape[0], width, 2], ['tanh', 'linear'])\n",
        encoding="utf-8",
    )
    insert(
        project / "src/infoflow/config/models.py",
        "Model = union_of(ModelSection)",
        'class PlainModel(ModelSection):\n    """A hidden layer."""\n\n    kind: Literal["plain"]\n'
        '    network: ClassVar[str] = "plain:Plain"\n    width: Count = 3\n    noise_std: Literal[0.0] = 0.0\n\n'
        '    def units(self) -> int:\n        """Hidden units."""\n        return self.width',
    )
    (project / "my.yaml").write_text(
        "experiments:\n  mine:\n    document: goldfeld2019\n    dataset: szt12\n    model: {kind: plain, width: 4}\n"
        "    training: {loss: cross_entropy, optimiser: sgd, learning_rate: 0.1, batch_size: 512, epochs: 2}\n    seeds: 2\n",
        encoding="utf-8",
    )
    code = f"""{SIZES}
from infoflow.data import stage as data
from infoflow.training import stage
from infoflow.storage.weights import read_weights
plan = Plan(read_default("my.yaml"))
data.run(plan.dataset_settings("szt12"), "d.h5")
(job,) = [job for job in plan.train_jobs() if job.experiment == "mine"]
assert job.priority >= 100
stage.run(job.settings, "d.h5", ["out"], "resume")
print(sorted(read_weights("out/weights.safetensors")), read_weights("out/weights.safetensors")[2]["W1.weight"].shape)
"""
    assert python(project, code).splitlines()[-1] == "[0, 2] torch.Size([2, 4, 12])"


def test_a_generated_data_set_is_a_module_and_a_section(project):
    (project / "src/infoflow/data/corners.py").write_text(
        "import numpy as np\n"
        "def make(job):\n"
        "    x = np.eye(job.section.size, dtype=np.float32)\n"
        "    y = np.arange(job.section.size) % 2\n"
        "    facts = {'source': 'generated', 'tier': 'T0', 'licence': 'MIT', 'stand_in': False, 'classes': 2}\n"
        "    return {'x': x, 'y': y, 'split': np.zeros(len(y), np.int8)}, facts\n",
        encoding="utf-8",
    )
    insert(
        project / "src/infoflow/config/datasets.py",
        "Dataset = union_of(DatasetSection)",
        'class CornersData(DatasetSection):\n    """Corners of a cube."""\n\n    kind: Literal["corners"]\n    size: Count = 8',
    )
    (project / "my.yaml").write_text(
        "datasets: {corners: {kind: corners, size: 12}}\nexperiments: {goldfeld_deterministic: {dataset: corners}}\n",
        encoding="utf-8",
    )
    code = f"""{SIZES}
from infoflow.data import stage
from infoflow.storage.hdf5 import read_h5
plan = Plan(read_default("my.yaml"))
assert plan.dataset_of("goldfeld_deterministic", "orthonormal~0.0") == "results/data/corners.h5"
stage.run(plan.dataset_settings("corners"), "d.h5")
print(read_h5("d.h5")[0]["x"].shape)
"""
    assert python(project, code).splitlines()[-1] == "(12, 12)"


def test_a_figure_is_a_function_and_a_verdict_is_one_too(project):
    folder = project / "src/infoflow/documents/kong2019"
    with open(folder / "figures.py", "a", encoding="utf-8") as file:
        file.write(
            '\n\n@drawn_from(tables=["curves"], experiments=["kong_f2"])\ndef f9(document: Document) -> Figure:\n'
            '    """A new figure.\n\n    What it shows.\n    """\n    figure, _ = style.new(1, 1, 2.0)\n    return figure\n'
        )
    with open(folder / "claims.py", "a", encoding="utf-8") as file:
        file.write(
            '\n\n@claim("V-002-99", "F9", "Something", Each("effect", above=0.5))\ndef something(results: Results) -> Evidence:\n'
            '    return Evidence(np.arange(1.0, 6.0), np.zeros(5), "nothing")\n'
        )
    code = f"""{SIZES}
from infoflow.documents.kong2019 import claims, figures
from infoflow.verdicts.rule import CLAIMS, decide
plan = Plan(read_default())
print("F9" in plan.figures_of("kong2019"), plan.figures_of("kong2019")["F9"].title, plan.figures_of("kong2019")["F9"].caption)
print(type(figures.f9(None)).__name__)
claim = CLAIMS[claims.__name__]["V-002-99"]
print(decide(claim, claim.test(None), rehearsal=False)["outcome"])
"""
    assert python(project, code).splitlines()[-3:] == ["True A new figure What it shows.", "Figure", "holds"]


def test_a_document_is_a_folder_a_config_and_a_notebook(project):
    folder = project / "src/infoflow/documents/sixth"
    folder.mkdir()
    (folder / "__init__.py").write_text('TABLES = ("curves",)\nREADS = ()\n', encoding="utf-8")
    (folder / "claims.py").write_text("def study(results):\n    return results\n", encoding="utf-8")
    (folder / "tables.py").write_text(
        "def tables(results):\n    return {'curves': results.estimates('sixth_net')}\n", encoding="utf-8"
    )
    (folder / "figures.py").write_text(
        'from infoflow.plotting.document import drawn_from\n\n\n@drawn_from(tables=["curves"], experiments=["sixth_net"])\n'
        'def f1(document):\n    """A figure."""\n',
        encoding="utf-8",
    )
    (project / "configs/documents/sixth.yaml").write_text(
        "documents: {sixth: {title: A sixth document, citation: nobody}}\n"
        "experiments:\n  sixth_net: {extends: goldfeld_deterministic, document: sixth}\n",
        encoding="utf-8",
    )
    nbformat.write(nbformat.v4.new_notebook(cells=[]), project / "notebooks/sixth.ipynb")
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "sixth"]
    run = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    for rule in ("notebook_sixth", "claims_sixth", "estimate_sixth_net", "train_sixth_net"):
        assert rule in run.stdout
