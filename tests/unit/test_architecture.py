"""The shape of the package: what may import what, and where documents keep what is theirs."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src/infoflow"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
# A part imports only parts to its left, itself, and the leaves.
ORDER = (
    "config", "storage", "data", "models", "training", "recording", "estimation", "truth", "plan", "verdicts",
    "documents", "plotting", "runtime", "report", "api", "cli",
)  # fmt: skip
LEAVES = {"errors", "seeds", "progress", "functions", "studies", "estimators"}
EXCEPTIONS = {("documents", "plotting")}  # figures.py, which claims never import


def imports(module):
    """Modules of the package that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in full]
        found |= {name for name in names if name in MODULES and name != module}
    return found


def part(module):
    return module.split(".")[1] if "." in module else ""


def test_no_module_imports_one_that_comes_after_it():
    upward = [
        (module, other)
        for module in MODULES
        for other in imports(module)
        if part(module) in ORDER
        and part(other) in ORDER
        and ORDER.index(part(other)) > ORDER.index(part(module))
        and (part(module), part(other)) not in EXCEPTIONS
    ]
    assert upward == []


def test_the_estimators_import_nothing_else_of_the_package():
    others = {
        o for m in MODULES if part(m) == "estimators" for o in imports(m) if part(o) not in ("estimators", "errors")
    }
    assert others == set()


def test_no_modules_import_each_other():
    def reached(module, seen):
        for other in imports(module) - seen:
            seen.add(other)
            reached(other, seen)
        return seen

    assert [module for module in MODULES if module in reached(module, set())] == []


@pytest.mark.parametrize(
    "document",
    sorted(path.name for path in (PACKAGE / "documents").iterdir() if path.is_dir() and path.name != "__pycache__"),
)
def test_a_colour_never_reruns_a_verdict(document):
    from infoflow.plan import sources

    files = sources(
        f"infoflow.documents.{document}.claims", f"infoflow.documents.{document}.tables", "infoflow.verdicts.stage"
    )
    assert not [file for file in files if "plotting" in file or file.endswith("figures.py")]


def test_the_plan_follows_the_imports_that_the_parser_sees():
    import importlib

    followed = importlib.import_module("infoflow.plan.sources")._imports
    for module, path in MODULES.items():
        assert imports(module) == {name for name in followed(path) if name in MODULES and name != module}, module


def test_few_dictionaries_of_anything_are_left():
    lines = [line for path in MODULES.values() for line in path.read_text(encoding="utf-8").splitlines()]
    assert sum("dict[str, Any]" in line for line in lines) <= 60
