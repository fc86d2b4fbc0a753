"""Where techniques are found: one module each in this folder, and the entry points `regbench.regularizers`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regbench.config.fields import build
from regbench.config.registry import Registry
from regbench.errors import ConfigError
from regbench.regularizers.base import Regularizer

TECHNIQUES: Registry[Regularizer] = Registry(
    group="regularizer", base=Regularizer, package="regbench.regularizers", helpers=("base", "registry")
)


def names() -> list[str]:
    """Return the names of all techniques, shipped and installed, sorted."""
    return TECHNIQUES.names()


def load(name: str) -> type[Regularizer]:
    """Return the class of a technique.

    Raises:
        ConfigError: no technique has this name, or its module holds none.
    """
    return TECHNIQUES.load(name)


def build_techniques(members: Mapping[str, Mapping[str, Any]]) -> dict[str, Regularizer]:
    """Build the selected techniques, each checked against its declaration, in the order in which they act.

    Raises:
        ConfigError: an unknown technique or key, a value out of range, or two techniques that exclude each other.
    """
    techniques = {name: build(load(name), values, f"regularizer.{name}") for name, values in members.items()}
    for name, technique in techniques.items():
        for other in technique.conflicts:
            if other in techniques:
                raise ConfigError(f"regularizer {name} excludes {other}: choose one of the two")
    return order_techniques(techniques)


def order_techniques(techniques: Mapping[str, Regularizer]) -> dict[str, Regularizer]:
    """Order techniques by name, but each behind those that it declares to act `after`.

    The order of the person's list plays no part, so that `[a,b]` and `[b,a]` are one run.
    """
    waiting, ordered = sorted(techniques), dict[str, Regularizer]()
    while waiting:
        ready = [name for name in waiting if not set(techniques[name].after) & set(waiting)]
        if not ready:
            raise ConfigError(f"regularizer: {', '.join(waiting)} each declare to act after another of them")
        ordered[ready[0]] = techniques[ready[0]]
        waiting.remove(ready[0])
    return ordered
