"""The house: imports point one way, and only the command line and the displays print.

What counts as an import of `regbench`: every `import` and `from ... import`, wherever it stands, in functions and
under `TYPE_CHECKING` too, because a type from above is knowledge of what is above. Two things do not count, because
every module may need them and neither leads anywhere: the version, and the place of the package on the disk.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import regbench

ROOT = Path(regbench.__file__).parent

ORDER = (
    "errors", "tasks", "metrics", "statuses", "formatting", "signals", "losses", "evidence",
    "config", "draws", "randomness", "tape", "data", "models", "regularizers", "schedules", "cards",
    "store", "training", "plots", "runs", "compose", "sweeps", "studies", "report",
    "display", "api", "cli", "__main__", "__init__",
)  # fmt: skip
"""Packages and modules of `regbench`; each may import those before it."""

PRINTING = ("cli", "display")
FREE = ("__version__", "__file__")


def modules() -> list[Path]:
    """Every module, but for the shipped configurations."""
    return sorted(path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] != "configs")


def room(path: Path) -> str:
    """The package or module of `regbench` that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The packages and modules of `regbench` that a module imports, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"regbench.{alias.name}" for alias in node.names] if node.module == "regbench" else [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == "regbench" and rest not in FREE:
                yield (rest.partition(".")[0] or "__init__"), node.lineno


def uses_only_what_is_free(tree: ast.AST) -> bool:
    """Tell whether a module that imports `regbench` itself takes nothing but its version and place."""
    used = (
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "regbench"
    )
    return set(used) <= set(FREE)


def test_every_room_has_its_place() -> None:
    assert {room(path) for path in modules()} == set(ORDER)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_points_up(path: Path) -> None:
    tree, own = ast.parse(path.read_text(encoding="utf-8")), room(path)
    wrong = [
        f"line {line}: {own} -> {other}"
        for other, line in imported(tree)
        if ORDER.index(other) > ORDER.index(own) and not (other == "__init__" and uses_only_what_is_free(tree))
    ]
    assert wrong == []


def prints(tree: ast.AST) -> Iterator[int]:
    """The lines in which a module prints: `print`, a Console, or anything of sys.stdout and sys.stderr."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "Console"):
            yield node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Console":
            yield node.lineno
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys":
            yield from [node.lineno] * (node.attr.strip("_") in ("stdout", "stderr"))
        if isinstance(node, ast.ImportFrom) and node.module == "sys":
            yield from (node.lineno for alias in node.names if alias.name in ("stdout", "stderr"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_command_line_and_the_displays_print(path: Path) -> None:
    found = list(prints(ast.parse(path.read_text(encoding="utf-8"))))
    assert found == [] or room(path) in PRINTING, f"lines {found}"


def test_these_checks_see_what_they_look_for() -> None:
    tree = ast.parse(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from regbench.cli import main\n"
        "def f():\n    import regbench.display.card\n    from regbench import sweep, __version__\n"
        "    print(1)\n    sys.stderr.write('x')\n    rich.console.Console()\n"
    )
    assert [name for name, _ in imported(tree)] == ["cli", "display", "sweep"]
    assert sorted(prints(tree)) == [7, 8, 9]
