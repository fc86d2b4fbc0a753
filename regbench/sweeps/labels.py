"""What a group of runs is called: short in a table, and as the overrides that a person would type to train it again."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from regbench.errors import ConfigError, escape
from regbench.sweeps.ranking import Group, is_data, spell

BARE = re.compile(r"[A-Za-z_./][A-Za-z0-9_./+-]*")
NUMBER_LIKE = ("true", "false", "null", "nan", "inf")


def telling_keys(groups: Sequence[Group]) -> list[str]:
    """Return the keys that tell the groups apart once their techniques, models and other choices are named.

    In a sweep over l2 and dropout, `l2.scope` differs only because dropout has none, so it tells nothing.
    """
    keys = groups[0].keys if groups else ()
    return [key for key in keys if _tells(key, keys, groups)]


def label_groups(groups: Sequence[Group], keys: Sequence[str]) -> list[str]:
    """Return a short name for each group from the keys that tell them apart, such as `l2 strength=0.001`."""
    short = {key: _shorten(key, keys) for key in keys}
    return [escape(_label(group, keys, short)) for group in groups]


def name_data(group: Group) -> str:
    """Return what tells the group's data set from the others of the sweep; nothing where there is one."""
    keys = [key for key, _ in group.data]
    return escape(", ".join(f"{_shorten(key, keys)}={value}" for key, value in group.data))


def list_overrides(group: Group, groups: Sequence[Group]) -> str:
    """Return what a person types after `regbench run`, beside what all runs share, to train this group's configuration.

    Settings that only name the default of a chosen technique or model are left out.
    """
    shown = set(telling_keys(groups))
    defaults = _find_defaults(group)
    words = [_choose("regularizer", group.values.get("regularizer", "none"))]
    for key, value in group.values.items():
        if key == "regularizer" or (key not in group.keys and not key.startswith("regularizer.")):
            continue
        if key.endswith(".name"):
            words.append(_choose(key.removesuffix(".name").replace(".", "/"), value))
        elif key in shown or key not in defaults or defaults[key] != value:
            words.append(f"{key}={_write(value)}")
    return " ".join(shlex.quote(escape(word)) for word in words)


def _tells(key: str, keys: Iterable[str], groups: Sequence[Group]) -> bool:
    if len({spell(group.values[key]) for group in groups if key in group.values}) > 1:
        return True
    owner = _owner(key, keys)
    among: dict[str, set[bool]] = {}
    for group in groups:
        among.setdefault(spell(group.values.get(owner)), set()).add(key in group.values)
    return any(len(presence) > 1 for presence in among.values())


def _owner(key: str, keys: Iterable[str]) -> str:
    """Return the choice that brings a setting along: its technique's list, or the nearest `name` above it."""
    if key.startswith("regularizer."):
        return "regularizer"
    parent = key.rpartition(".")[0]
    while parent and f"{parent}.name" not in keys:
        parent = parent.rpartition(".")[0]
    return f"{parent}.name"


def _shorten(key: str, keys: Iterable[str]) -> str:
    """Return the shortest end of a dotted key that no other key has."""
    others = [other.removesuffix(".name").split(".") for other in keys if other != key]
    parts = key.removesuffix(".name").split(".")
    for length in range(1, len(parts)):
        if all(other[-length:] != parts[-length:] for other in others):
            return ".".join(parts[-length:])
    return ".".join(parts)


def _label(group: Group, keys: Sequence[str], short: dict[str, str]) -> str:
    techniques = str(group.values.get("regularizer", "none"))
    words = [techniques] if any(key.startswith("regularizer") for key in keys) else []
    for key in keys:
        if key in group.values and key != "regularizer" and not is_data(key):
            value = group.values[key]
            words.append(f"{short[key]}={f'{value:.6g}' if isinstance(value, float) else spell(value)}")
    return " ".join(words) or techniques


def _choose(group: str, value: object) -> str:
    names = str(value).split("+") if group == "regularizer" else [str(value)]
    return f"{group}={names[0]}" if len(names) == 1 else f"{group}=[{','.join(names)}]"


def _write(value: object) -> str:
    """Write a value in Hydra's grammar of overrides."""
    if isinstance(value, list):
        return f"[{','.join(_write(item) for item in value)}]"
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if BARE.fullmatch(value) and value.lower() not in NUMBER_LIKE:
        return value
    # In Hydra's quotes a backslash is one, unless it stands before a quote.
    return "'" + re.sub(r"(\\*)('|$)", lambda end: end[1] * 2 + ("\\'" if end[2] else ""), value) + "'"


def _find_defaults(group: Group) -> dict[str, Any]:
    """Return the settings that the shipped and the person's own files give to what this group chose, by dotted key."""
    from regbench.config.catalogue import list_options

    chosen = {("regularizer", name): "regularizer" for name in str(group.values.get("regularizer")).split("+")}
    for key, value in group.values.items():
        if key.endswith(".name"):
            where = key.removesuffix(".name")
            chosen[where.replace(".", "/"), str(value)] = where
    defaults: dict[str, Any] = {}
    for option in list_options():
        if (option.group, option.name) in chosen:
            try:
                defaults.update(_flatten(option.values(), chosen[option.group, option.name]))
            except ConfigError:
                continue  # no YAML mapping any more: then its settings are written out
    return defaults


def _flatten(node: dict[str, Any], where: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in node.items():
        flat.update(_flatten(value, f"{where}.{key}") if isinstance(value, dict) else {f"{where}.{key}": value})
    return flat
