"""`infoflow check` goes through every job of every config that ships, and says what is wrong with one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.workflow


def check(*options):
    command = [sys.executable, "-m", "infoflow.cli", "check", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("overlay", [None, *sorted(path.name for path in (ROOT / "configs").glob("*.yaml"))])
def test_every_job_of_every_config_is_fine(overlay, tmp_path):
    (tmp_path / "emodb/wav").mkdir(parents=True)  # what configs/huang2016.yaml asks for
    configs = [] if overlay is None else ["--configfile", f"configs/{overlay}"]
    made = check(
        *configs, "--config", f"data_root={tmp_path}", f"results={tmp_path}/it's $(touch x)"
    )  # every path is quoted
    assert made.returncode == 0, made.stderr
    said = re.match(
        r"(\d+) jobs .* no command is longer than (\d+) bytes, none asks for more than (\d+) MB", made.stdout
    )
    jobs, longest, largest = map(int, said.groups())
    assert jobs > 5
    assert longest < 16_000
    assert largest <= 5000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["emodb"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "experiments: {kong_f2: {training: {learning_rate: fast}}}",
            "kong_f2.training.learning_rate: Input should be",
        ),
        ("experiments: {kong_f2: {dataset: nowhere}}", "unknown id 'nowhere'"),
        ("experiments: {yu_baseline: {estimators: [linearised]}}", "linearised (linearised) needs noise after"),
    ],
)
def test_a_fault_of_an_overlay_is_said_with_its_file(text, words, tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(text, encoding="utf-8")
    made = check("--configfile", overlay)
    assert made.returncode == 2
    assert words in made.stderr
    assert "Traceback" not in made.stderr
