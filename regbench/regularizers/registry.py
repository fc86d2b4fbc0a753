"""Where techniques are found: one module each in this folder, and the entry points `regbench.regularizers`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from regbench.errors import ConfigError, suggest
from regbench.fields import build
from regbench.regularizers.base import Regularizer

GROUP = "regbench.regularizers"
NOT_TECHNIQUES = ("base", "registry")


def names() -> list[str]:
    """Return the names of all techniques, shipped and installed, sorted."""
    return sorted({*_shipped(), *_installed()})


def load(name: str) -> type[Regularizer]:
    """Return the class of a technique.

    Raises:
        ConfigError: no technique has this name, or its module holds none.
    """
    if name in _shipped():
        module = importlib.import_module(f"regbench.regularizers.{name}")
        found = [item for item in vars(module).values() if _is_technique(item, module.__name__)]
        if len(found) != 1:
            raise ConfigError(f"regularizer {name}: {module.__name__} must hold exactly one Regularizer")
        return found[0]
    if name in _installed():
        loaded = _installed()[name].load()
        if not (isinstance(loaded, type) and issubclass(loaded, Regularizer)):
            raise ConfigError(f"regularizer {name}: its entry point is no Regularizer")
        return loaded
    raise ConfigError(f"regularizer={name}: no such technique; {suggest(name, names())}")


def build_techniques(members: Mapping[str, Mapping[str, Any]]) -> dict[str, Regularizer]:
    """Build the selected techniques in the order of the mapping, each checked against its declaration.

    Raises:
        ConfigError: an unknown technique or key, a value out of range, or two techniques that exclude each other.
    """
    techniques = {name: build(load(name), values, f"regularizer.{name}") for name, values in members.items()}
    for name, technique in techniques.items():
        for other in technique.conflicts:
            if other in techniques:
                raise ConfigError(f"regularizer {name} excludes {other}: choose one of the two")
    return techniques


def _is_technique(item: object, module: str) -> bool:
    return isinstance(item, type) and issubclass(item, Regularizer) and item.__module__ == module


@cache
def _shipped() -> tuple[str, ...]:
    folder = str(Path(__file__).parent)
    return tuple(m.name for m in pkgutil.iter_modules([folder]) if m.name not in NOT_TECHNIQUES)


@cache
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
