"""A small part of the smoke workflow in a copy of the repository: what a run does, does again and does not."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.workflow
TARGET = "results-smoke/estimates/kong_f2/as_published/all.scalar_clusters.parquet"
TRAINING, GROUP = "train_kong_f2_as_published", "estimate_kong_f2_as_published_all"  # the rules that make it


def copy_to(folder):
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for file in filter(lambda f: (ROOT / f).is_file(), files.splitlines()):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, folder / file)
    return folder


def snakemake(folder, *options, overlays=(), target=TARGET):
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", "configs/smoke.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    made = subprocess.run(
        [*command, *overlays, *options, "--", target], cwd=folder, env=environment, capture_output=True, text=True
    )
    made.said = made.stdout + made.stderr
    return made


def rules(folder, overlay=None):
    """Rules that a dry run would run, with one change of the config."""
    if overlay:
        (folder / "overlay.yaml").write_text(overlay, encoding="utf-8")
    made = snakemake(folder, "--dry-run", overlays=["overlay.yaml"] if overlay else [])
    assert made.returncode == 0, made.said
    return set(re.findall(r"^([a-z_0-9]+) +\d+$", made.stdout, re.M)) - {"total"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = copy_to(tmp_path_factory.mktemp("repository"))
    made = snakemake(folder)
    assert made.returncode == 0, made.said
    return folder


def test_the_copy_runs_its_own_code(run):
    code = "import infoflow; print(infoflow.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(run / "src")}
    made = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert made.stdout.startswith(str(run))


def test_the_table_is_there_and_a_second_run_does_nothing(run):
    assert len(pd.read_parquet(run / TARGET)) > 0
    assert "Nothing to be done" in snakemake(run).said


def test_touching_reruns_nothing(run):
    (run / "src/infoflow/training/ensemble.py").touch()
    (run / "config.yaml").touch()
    assert rules(run) == set()


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        ("estimators: {scalar_clusters: {gap: 4.0}}", {GROUP}),
        ("estimators: {scalar_density: {bins: 50}}", {GROUP}),  # of the same recording
        ("estimators: {linearised: {draws: 2}}", set()),
        ("experiments: {kong_f2: {training: {learning_rate: 1.0e-3}}}", {TRAINING, GROUP}),
        ("experiments: {kong_f3: {seeds: 4}}", set()),
        ("datasets: {four30: {std: 0.6}}", {"dataset", TRAINING, GROUP}),
        ("documents: {kong2019: {title: Another}}", set()),
    ],
)
def test_an_edit_of_the_config_reruns_what_depends_on_it(run, overlay, expected):
    assert rules(run, overlay) == expected


def test_editing_an_estimator_does_not_retrain(run):
    file = run / "src/infoflow/estimators/clustering.py"
    before = file.read_text(encoding="utf-8")
    file.write_text(before + "# a comment\n", encoding="utf-8")
    try:
        assert rules(run) == {GROUP}
    finally:
        file.write_text(before, encoding="utf-8")


def test_an_unknown_key_ends_the_run_with_one_clear_line(run):
    (run / "overlay.yaml").write_text("experiments: {kong_f2: {training: {learning_rat: 0.1}}}", encoding="utf-8")
    made = snakemake(run, overlays=["overlay.yaml"])
    assert made.returncode != 0
    (line,) = [line for line in made.said.splitlines() if "learning_rat:" in line]
    assert "overlay.yaml:1: experiments.kong_f2.training.learning_rat: unknown key" in line
    assert "Traceback" not in made.said


def test_reference_figures_are_those_of_the_documents_that_have_reference_results(run):
    made = snakemake(run, "--dry-run", target="reference")
    assert made.returncode == 0, made.said
    kept = {path.parent.name for path in (ROOT / "results/reference").glob("*/claims.parquet")}
    assert set(re.findall(r"^reference_([a-z0-9]+) +\d+$", made.stdout, re.M)) == kept


def test_a_dry_run_writes_no_file(run):
    """Not even those that settings travel in, of jobs that a run would start."""
    before = sorted((run / "results-smoke/.settings").iterdir())
    assert rules(run, "experiments: {kong_f2: {training: {learning_rate: 2.0e-3}}}") != set()
    assert sorted((run / "results-smoke/.settings").iterdir()) == before


def test_a_job_of_a_cluster_writes_the_files_that_it_lacks(run):
    """An executor's job parses the Snakefile again, in another process and perhaps on another host."""
    settings = run / "results-smoke/.settings"
    names = sorted(path.name for path in settings.iterdir())
    shutil.rmtree(settings)
    options = ["--mode", "remote", "--target-jobs", f"{GROUP}:", "--allowed-rules", GROUP, "--nolock", "--force"]
    made = snakemake(run, *options)
    assert made.returncode == 0, made.said
    assert {path.name for path in settings.iterdir()} <= set(names)
    assert "Nothing to be done" in snakemake(run).said


@pytest.mark.parametrize(("target", "status"), [("no_such_target", 1), (TARGET, 0)])
def test_infoflow_run_ends_with_the_status_of_snakemake(run, target, status):
    command = [sys.executable, "-m", "infoflow.cli", "run", "--cores", "1", "--configfile", "configs/smoke.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(run / "src")}
    made = subprocess.run([*command, "--", target], cwd=run, env=environment, capture_output=True, text=True)
    assert made.returncode == status, made.stdout + made.stderr


def test_the_environment_of_another_folder_is_refused(run, tmp_path):
    other = tmp_path / "src"
    shutil.copytree(run / "src", other)
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--configfile", "configs/smoke.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(other)}
    made = subprocess.run(command, cwd=run, env=environment, capture_output=True, text=True)
    assert made.returncode != 0
    assert "activate the environment of this folder" in made.stdout + made.stderr


@pytest.mark.parametrize(("options", "blamed"), [([], "overlay.yaml:1"), (["--config", "seed=text"], "--config")])
def test_a_wrong_value_is_blamed_on_what_sets_it(run, options, blamed):
    """Snakemake lists the Snakefile's own config last, although what is given beside it overrides it."""
    (run / "overlay.yaml").write_text("seed: word", encoding="utf-8")
    made = snakemake(run, "--dry-run", *options, overlays=["overlay.yaml"])
    assert made.returncode != 0
    assert f"{blamed}: seed: Input should be a valid integer" in made.said
