"""The pure core imports the standard library, networkx and itself, and so does all that it imports."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import sdn_orch

ROOT = Path(sdn_orch.__file__).parent
PURE = ("intent", "openflow", "dataplane")
#: Of the package itself, the pure core may import its own parts and these.
ALSO = ("sdn_orch.errors",)
#: The standard library, but nothing of it that reaches outside or tells the time.
FORBIDDEN = {
    "asyncio",
    "http",
    "logging",
    "multiprocessing",
    "os",
    "random",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
    "urllib",
}

FILES = sorted(file for layer in PURE for file in (ROOT / layer).rglob("*.py"))


def imported(file: Path) -> set[str]:
    """The full names of all modules that a file imports, wherever in it."""
    package = ["sdn_orch", *file.relative_to(ROOT).parent.parts]
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" if module == "sdn_orch" else module for alias in node.names}
    return found


def pure(module: str) -> bool:
    if module.split(".")[0] == "sdn_orch":
        return module in ALSO or any(f"{module}.".startswith(f"sdn_orch.{layer}.") for layer in PURE)
    top = module.split(".")[0]
    return top == "networkx" or (top in sys.stdlib_module_names and top not in FORBIDDEN)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_only_pure_modules_are_imported(file: Path) -> None:
    assert [module for module in sorted(imported(file)) if not pure(module)] == []


def test_nothing_is_imported_by_name() -> None:
    """`importlib` and `__import__` would hide an import from the test above."""
    for file in FILES:
        names = {node.id for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Name)}
        assert not {"__import__", "importlib"} & names, file


def test_the_test_sees_what_it_should() -> None:
    assert len(FILES) > 15
    assert imported(ROOT / "store" / "sqlite.py") >= {"sqlite3", "sdn_orch.intent.model", "os"}
    assert not pure("sdn_orch.store.base")
    assert not pure("sqlite3")
    assert not pure("os_ken.lib")
    assert pure("networkx.algorithms")
    assert all(map(pure, imported(ROOT / "errors.py")))
