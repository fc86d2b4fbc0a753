"""Plain values of a configuration (mappings, lists, texts, numbers, true, false, null): checked, compared, spelled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeGuard

from regbench.errors import ConfigError

LONGEST_TEXT = 300
REQUIRED = "???"
"""The value of a setting that a person must give; OmegaConf writes and prints it the same way."""


def check_plain(value: object, where: str) -> object:
    """Return a resolved value as plain mappings, lists, texts and numbers.

    Raises:
        ConfigError: it is of another type, a text is too long or unprintable, or a key asks Hydra for Python code.
    """
    if isinstance(value, dict):
        for key in value:
            _check_text(str(key), where)
            if re.fullmatch(r"_\w+_", str(key)):
                raise ConfigError(f"{where}.{key} is not allowed; a configuration names techniques, never Python code")
        return {str(key): check_plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [check_plain(item, f"{where}[{place}]") for place, item in enumerate(value)]
    if isinstance(value, str):
        _check_text(value, where)
    elif value is not None and not isinstance(value, (bool, int, float)):
        raise ConfigError(f"{where} is a {type(value).__name__}; it takes a text, number, true, false, null or list")
    return value


def _check_text(value: str, where: str) -> None:
    if not value.isprintable():
        raise ConfigError(f"{where}={shorten(value)} is not allowed; it holds a control character")
    if len(value) > LONGEST_TEXT:
        raise ConfigError(f"{where}={shorten(value)} is not allowed; it has {len(value)} of {LONGEST_TEXT} characters")


def canonical(value: object) -> object:
    """Return a value in the one form that all its spellings share: 1.0 is 1, a tuple is a list, keys are sorted.

    >>> canonical({"b": (1.0, 0.5), "a": True})
    {'a': True, 'b': [1, 0.5]}
    """
    if isinstance(value, Mapping):
        return {key: canonical(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def spell(value: object) -> str:
    """Write a value as a person types it on the command line; floats keep every digit that they need.

    >>> [spell(v) for v in (None, True, 1e-4, 1 / 3, 64, (64, 64), "relu", {}, "???")]
    ['null', 'true', '0.0001', '0.3333333333333333', '64', '[64,64]', 'relu', '{}', 'required']
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, (tuple, list)):
        return f"[{','.join(spell(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{spell(item)}" for key, item in value.items()) + "}"
    return "required" if value == REQUIRED else str(value)


def shorten(value: object) -> str:
    """Return a value as a refusal shows it: quoted, escaped, at most 60 characters."""
    return cut(repr(value))


def cut(text: str) -> str:
    """Return a text of at most 60 characters; three dots stand for the rest."""
    return text if len(text) <= 60 else f"{text[:57]}..."


def is_whole(value: object) -> TypeGuard[int]:
    """Tell whether a value is a whole number; true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether a value is a number; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
