"""Registry of models: one module each in this folder, and the entry points `regbench.models`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regbench.config.fields import build
from regbench.config.registry import Registry
from regbench.errors import ConfigError
from regbench.models.base import Model

MODELS: Registry[Model] = Registry(
    group="model",
    base=Model,
    package="regbench.models",
    helpers=("base", "registry", "network", "layers", "images", "blocks", "normalization"),
)


def names() -> list[str]:
    """Return the names of all models, shipped and installed, sorted."""
    return MODELS.names()


def build_model(values: Mapping[str, Any]) -> Model:
    """Turn the `model` mapping of a configuration, with the model's `name`, into a record.

    Raises:
        ConfigError: no model has this name, a key is unknown, or a value is not allowed.
    """
    name = values.get("name")
    if not isinstance(name, str):
        raise ConfigError(f"model.name={name!r} is not allowed; it takes one of {', '.join(names())}")
    return build(MODELS.load(name), values, "model")
