from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _at_root(monkeypatch):
    """Tests name the repository's files as the rules do: relative to its root."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture
def raw():
    """A fresh copy of the default config as plain mappings."""
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
