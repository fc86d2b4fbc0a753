"""Hashes of source code: what a class's own package says, found without running any of it."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from regbench.runs.sources import Source, describe_sources, hash_source, read_sources
from tests.unit.sweeps.folders import configure

FILES = {
    "__init__.py": "from ownreg.penalty import Penalty\nraise RuntimeError('imported')\n",
    "penalty.py": "import math\nfrom ownreg.shared import factor\nfrom . import powers\nclass Penalty: pass\n",
    "shared.py": "from .deep.inner import value\nfactor = 1.0\n",
    "powers.py": "import torch\n",
    "deep/__init__.py": "",
    "deep/inner.py": "value = 1\n",
    "unrelated.py": "number = 1\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that fails when it is imported, on the path."""
    for name, text in FILES.items():
        file = tmp_path / "ownreg" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "ownreg"


def fresh_hash(module: str) -> str | None:
    """Return the hash that a new process would find."""
    importlib.invalidate_caches()
    for function in (hash_source, sys.modules["regbench.runs.sources"]._find_spec):
        function.cache_clear()
    return hash_source(module)


@pytest.mark.parametrize("module", ["ownreg.penalty", "ownreg"])
@pytest.mark.parametrize("name", ["penalty.py", "shared.py", "powers.py", "deep/inner.py"])
def test_a_change_of_the_class_or_of_what_it_imports_from_its_package_shows(
    package: Path, module: str, name: str
) -> None:
    before = fresh_hash(module)
    assert before is not None
    assert len(before) == 64
    (package / name).write_text(FILES[name] + "\n")
    assert fresh_hash(module) != before


def test_files_that_it_does_not_import_do_not_matter(package: Path) -> None:
    before = fresh_hash("ownreg.penalty")
    (package / "unrelated.py").write_text("number = 2\n")
    (package / "__init__.py").write_text("")
    assert fresh_hash("ownreg.penalty") == before


@pytest.mark.parametrize("module", ["ownreg.nowhere", "nowhere", "nowhere.at.all", "sys", "ownreg.penalty.inner"])
def test_what_has_no_source_file_has_no_hash(package: Path, module: str) -> None:
    assert fresh_hash(module) is None


def test_a_source_that_is_not_python_is_hashed_as_it_is(package: Path) -> None:
    (package / "penalty.py").write_text("class Penalty(:\n")
    assert fresh_hash("ownreg.penalty") is not None


def test_a_class_of_regbench_is_told_by_its_own_folder() -> None:
    """Checked from outside: a change of the optimizers' file must not show in a regularizer."""
    read: list[str] = []
    path_read = Path.read_bytes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda self: read.append(str(self)) or path_read(self))  # type: ignore[func-returns-value]
        fresh_hash("regbench.regularizers.dropout")
    assert any(name.endswith("regularizers/dropout.py") for name in read)
    assert {Path(name).parent.name for name in read} == {"regularizers"}


def test_the_sources_of_a_run_are_found_without_importing_them() -> None:
    code = (
        "import sys; from regbench.config.run_config import RunConfig; from regbench.runs.sources import *\n"
        "config = RunConfig(dataset={'name': 'csv'}, model={'name': 'mlp'}, schedule={}, regularizers={'l2': {}})\n"
        "found = describe_sources(config)\n"
        "print({name: source.module for name, source in found.items()}, all(s.sha256 for s in found.values()))\n"
        "print(sorted({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    answer = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    modules = {
        "dataset csv": "regbench.data.tables",
        "model mlp": "regbench.models.mlp",
        "regularizer l2": "regbench.regularizers.l2",
    }
    assert answer.stdout == f"{modules} True\n[]\n"


def test_sources_read_back_equal_and_nothing_else_does() -> None:
    known = {"model mlp": Source("regbench.models.mlp", "ab"), "regularizer own": Source("ownreg", None)}
    assert read_sources({name: source.to_json() for name, source in known.items()}) == known
    assert [source.shipped for source in known.values()] == [True, False]
    assert Source("regbench_extra.penalties", "ab").shipped is False
    for damaged in (None, [], "x", {"a": 1}, {"a": {"module": 1, "sha256": "x"}}, {"a": {"module": "m", "sha256": 3}}):
        assert read_sources(damaged) == {}


def test_runs_of_a_cohort_that_are_begun_at_once_parse_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsers in several threads fail now and then in Python 3.11; a cohort that fails is trained in other stacks."""
    parse, together = ast.parse, Barrier(8)
    parsing: list[bytes] = []
    most: list[int] = []

    def slowly(content: bytes) -> ast.Module:
        parsing.append(content)
        most.append(len(parsing))
        time.sleep(0.001)  # lets the others come in, if they can
        parsing.remove(content)
        return parse(content)

    def describe(_: int) -> dict[str, Source]:
        together.wait()
        return describe_sources(configure({"l2": {}, "dropout": {}}))

    hash_source.cache_clear()
    with monkeypatch.context() as patch, ThreadPoolExecutor(8) as threads:
        patch.setattr(ast, "parse", slowly)
        found = list(threads.map(describe, range(8)))
    assert max(most) == 1
    assert all(each == found[0] for each in found)
