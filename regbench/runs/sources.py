"""Source code of the classes that a run uses, told apart by its hash and found without importing anything.

A class's source is the file that defines it and, as far as imports lead there, the other files of its own package: for
a class of regbench the folder it lies in (`regbench.regularizers`), for one of another package all of that package.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import entry_points
from pathlib import Path

from regbench.config.run_config import RunConfig
from regbench.data import loading

OWN = "regbench"
PACKAGES = {"model": "regbench.models", "regularizer": "regbench.regularizers"}

_one_at_a_time = threading.Lock()
"""`ast.parse` in two threads at once raises SystemError now and then before Python 3.11.8 (python/cpython#106905)."""


@dataclass(frozen=True)
class Source:
    """Origin of a class and the hash of its source."""

    module: str
    """Module that defines the class, or through which its package offers it."""
    sha256: str | None
    """Of its source files; None where there are none to read."""

    @property
    def shipped(self) -> bool:
        """Whether the class lies in regbench itself."""
        return _top(self.module) == OWN

    def to_json(self) -> dict[str, object]:
        """Return the record as JSON values."""
        return {"module": self.module, "sha256": self.sha256}


def describe_sources(config: RunConfig) -> dict[str, Source]:
    """Return the sources of a run's classes: `dataset NAME`, `model NAME`, and `regularizer NAME` for each of them."""
    named = [("dataset", config.dataset["name"]), ("model", config.model["name"])]
    named += [("regularizer", name) for name in sorted(config.regularizers)]
    with _one_at_a_time:
        found = {f"{group} {name}": _find_module(group, name) for group, name in named}
        return {name: Source(module, hash_source(module)) for name, module in found.items() if module is not None}


def read_sources(facts: object) -> dict[str, Source]:
    """Return the sources that `run.json` records; those that are not written as they should be are left out."""
    found: dict[str, Source] = {}
    for name, entry in facts.items() if isinstance(facts, Mapping) else ():
        if not isinstance(entry, Mapping):
            continue
        module, sha256 = entry.get("module"), entry.get("sha256")
        if isinstance(module, str) and (sha256 is None or isinstance(sha256, str)):
            found[str(name)] = Source(module, sha256)
    return found


# As this process first saw it: a file that is edited later is not the code that has been imported.
@cache
def hash_source(module: str) -> str | None:
    """Return the sha256 of a module's file and of the files of its own package that it imports, in hex.

    None where the module has no source file.
    """
    package = module.rpartition(".")[0] if _top(module) == OWN else _top(module)
    contents: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in contents or not f"{name}.".startswith(f"{package}."):
            continue
        spec = _find_spec(name)
        content = None if spec is None else _read_source(spec)
        if spec is not None and content is not None:
            contents[name] = content
            waiting += _imported(content, spec)
    if module not in contents:
        return None
    lines = [f"{name} {hashlib.sha256(contents[name]).hexdigest()}\n" for name in sorted(contents)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@cache
def _find_module(group: str, name: str) -> str | None:
    """Return the module of the class that a configuration names; None where no such class is installed."""
    if group == "dataset":
        value, points = loading.SOURCES.get(name), loading.GROUP
    else:
        points = PACKAGES[group]
        value = f"{points}.{name}" if _find_spec(f"{points}.{name}") is not None else None
    if value is None:
        value = next((point.value for point in entry_points(group=points, name=name)), None)
    return None if value is None else value.partition(":")[0].strip()


@cache
def _find_spec(module: str) -> ModuleSpec | None:
    """Find a module as importing it would, but without running its package's code."""
    package, _, _ = module.rpartition(".")
    try:
        if not package:
            return importlib.util.find_spec(module)
        above = _find_spec(package)
        folders = None if above is None else above.submodule_search_locations
        return None if folders is None else PathFinder.find_spec(module, list(folders))
    except (ImportError, ValueError):
        return None


def _read_source(spec: ModuleSpec) -> bytes | None:
    if not spec.has_location or spec.origin is None:
        return None
    try:
        return Path(spec.origin).read_bytes()
    except OSError:  # inside an archive
        return None


def _imported(content: bytes, spec: ModuleSpec) -> Iterator[str]:
    """Yield the modules that a source imports; of `from a import b` that is a.b where there is one, and else a."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # compiled, or not Python
        return
    package = spec.name if spec.submodule_search_locations is not None else spec.name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}" if _find_spec(f"{base}.{alias.name}") is not None else base


def _top(module: str) -> str:
    return module.partition(".")[0]
