"""Values in the grammar of Hydra's overrides, so that they are read back as they were."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from numbers import Integral, Real

from regbench.config.values import shorten
from regbench.errors import ConfigError

BARE = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+-]*")
"""Texts that need no quotes."""

NUMBER_LIKE = ("true", "false", "null", "nan", "inf")
NAMES = frozenset(
    f"dataset.{key}"
    for key in (
        *("drop", "target", "weight", "categories", "missing", "split.groups", "split.time", "split.column"),
        *("id", "time", "values", "text_column"),
    )
)
"""Settings that take names of columns, or texts of cells."""

MARKS = frozenset(f"dataset.{key}" for key in ("separator", "decimal", "thousands", "quote"))
"""Settings that take one character, which Hydra may read as a part of its own grammar."""

READ_AS_NUMBER = re.compile(r"[+-]?\.?\d[\w.+-]*|true|false|null|[+-]?(nan|inf)", re.IGNORECASE)
TOKEN = re.compile(r"'(\\.|[^'])*'|\"(\\.|[^\"])*\"|[^\[\](),'\"]+")
"""What stands between the marks of a list or of a choice; quotes around it belong to it."""

KEY = re.compile(r"[+~]{0,2}[A-Za-z_][\w-]*([./@][A-Za-z_][\w-]*)*", re.ASCII)


def spell_override(key: str, value: object) -> str:
    """Return `key=value`, the value as `spell_value` spells it.

    Raises:
        ConfigError: the key cannot be one, or the value is none that a configuration can hold.
    """
    if not KEY.fullmatch(key):
        raise ConfigError(f"{shorten(key)} is not the name of a setting; it takes one such as seed or dataset.path")
    try:
        return f"{key}={spell_value(value)}"
    except TypeError as error:
        raise ConfigError(f"{key}: {error}") from None


def spell_value(value: object) -> str:
    """Return a value in Hydra's grammar of overrides.

    >>> [spell_value(v) for v in (None, True, 1e-3, "relu", "a, b", [8, "x y"], {"fc1": 0.5})]
    ['null', 'true', '0.001', 'relu', "'a, b'", "[8,'x y']", '{fc1:0.5}']

    Raises:
        TypeError: it is not a text, path, number, bool, None, or a list or mapping of these by name.
    """
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return repr(float(value))
    if isinstance(value, (str, os.PathLike)):
        return _spell_text(os.fspath(value))
    if isinstance(value, (list, tuple)):
        return f"[{','.join(spell_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_spell_key(key)}:{spell_value(item)}' for key, item in value.items())}}}"
    kind = type(value).__name__
    raise TypeError(f"a {kind} is not allowed; a setting takes a text, path, number, bool, None, list or mapping")


def keep_names(override: str) -> str:
    """Return an override with the names of columns, and single marks, in quotes where Hydra would read something else.

    >>> [keep_names(text) for text in ("dataset.drop=[1_1,b]", "dataset.target=1e3,null", "dataset.decimal=,")]
    ["dataset.drop=['1_1',b]", "dataset.target='1e3',null", "dataset.decimal=','"]
    """
    key, equals, value = override.partition("=")
    if key.lstrip("+") in MARKS and len(value) == 1:
        return f"{key}={spell_value(value)}"
    if not equals or key.lstrip("+") not in NAMES:
        return override
    return f"{key}={TOKEN.sub(_quote_number, value)}"


def _quote_number(token: re.Match[str]) -> str:
    """Return a token in quotes if Hydra reads something else than a text in it; null outside a list is none."""
    item, before = token[0].strip(), token.string[: token.start()]
    listed = before.count("[") > before.count("]")
    return f"'{item}'" if READ_AS_NUMBER.fullmatch(item) and (listed or item.lower() != "null") else token[0]


def _spell_key(key: object) -> str:
    # Hydra's grammar has no quotes for the keys of a mapping.
    if isinstance(key, str) and BARE.fullmatch(key):
        return key
    raise TypeError(f"the key {shorten(key)} is not allowed; a mapping's keys are names without spaces and signs")


def _spell_text(text: str) -> str:
    if BARE.fullmatch(text) and text.lower() not in NUMBER_LIKE:
        return text
    # In Hydra's quotes a backslash is one, unless it stands before a quote.
    return "'" + re.sub(r"(\\*)('|$)", lambda end: end[1] * 2 + ("\\'" if end[2] else ""), text) + "'"
