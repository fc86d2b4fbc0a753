"""Registry of regularizers: one module each in this folder, and the entry points `regbench.regularizers`."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from regbench.config.fields import build
from regbench.config.registry import Registry
from regbench.errors import ConfigError
from regbench.regularizers.base import Regularizer, refuse
from regbench.regularizers.stages import STAGES, overrides

REGULARIZERS: Registry[Regularizer] = Registry(
    group="regularizer",
    base=Regularizer,
    package="regbench.regularizers",
    helpers=("aims", "base", "context", "idle", "registry", "stages"),
)


def names() -> list[str]:
    """Return the names of all regularizers, shipped and installed, sorted."""
    return REGULARIZERS.names()


def load(name: str) -> type[Regularizer]:
    """Return the class of a regularizer.

    Raises:
        ConfigError: no regularizer has this name, its module holds none, or the one that it holds acts at no stage.
    """
    found = REGULARIZERS.load(name)
    if not any(overrides(found, method) for method in STAGES):
        own = [word for word in vars(found) if not word.startswith("_") and callable(getattr(found, word))]
        near = next((near for word in own for near in get_close_matches(word, STAGES, n=1)), None)
        question = f"; did you mean {near!r}?" if near else ""
        raise ConfigError(f"regularizer {name} acts at no stage{question}; its methods are named {', '.join(STAGES)}")
    return found


def build_regularizers(members: Mapping[str, Mapping[str, Any]]) -> dict[str, Regularizer]:
    """Build the selected regularizers by name, sorted, each checked against its declaration.

    Raises:
        ConfigError: an unknown regularizer or key, a value out of range, or two settings or regularizers that exclude
            each other.
    """
    regularizers = {name: build(load(name), members[name], f"regularizer.{name}") for name in sorted(members)}
    for name, regularizer in regularizers.items():
        reason = regularizer.contradiction()
        if reason is not None:
            raise refuse(name, reason)
        for other in regularizer.conflicts:
            if other in regularizers:
                raise ConfigError(f"regularizer {name} excludes {other}: choose one of the two")
        apart = [other for other, r in regularizers.items() if r.acts_apart and regularizer.needs_whole_gradient]
        if apart:
            raise ConfigError(
                f"regularizer {name} excludes {apart[0]} with method=proximal, whose penalty is not in the gradients; "
                f"take regularizer.{apart[0]}.method=subgradient"
            )
    return regularizers
