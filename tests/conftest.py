import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # `import factories`


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
    from factories import raw_config

    return raw_config()
