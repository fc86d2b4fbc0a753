"""Names of seed groups: short in a table, and as the overrides that train a group again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import cache

from regbench.compose.spelling import spell_value
from regbench.errors import ConfigError, escape
from regbench.sweeps.ranking import SeedGroup, is_data, spell


def telling_keys(groups: Sequence[SeedGroup]) -> list[str]:
    """Return the keys that tell the groups apart once their regularizers, models and other choices are named.

    In a sweep over l2 and dropout, `l2.scope` differs only because dropout has none, so it tells nothing.
    """
    keys = groups[0].keys if groups else ()
    return [key for key in keys if _tells(key, keys, groups)]


def label_groups(groups: Sequence[SeedGroup], keys: Sequence[str]) -> list[str]:
    """Return a short name for each group from the keys that tell them apart, such as `l2 strength=0.001`."""
    short = {key: _shorten(key, keys) for key in keys}
    return [escape(_label(group, keys, short)) for group in groups]


def name_data(group: SeedGroup) -> str:
    """Return what tells the group's data from the others of the sweep; empty where all are the same."""
    keys = [key for key, _ in group.data]
    return escape(", ".join(f"{_shorten(key, keys)}={value}" for key, value in group.data))


def list_overrides(group: SeedGroup, groups: Sequence[SeedGroup]) -> list[str]:
    """Return the overrides that train this group's configuration, besides those that all runs share.

    Settings that only name the default of a chosen regularizer or model are left out.
    """
    (words,) = list_all_overrides([group], groups)
    return words


def list_all_overrides(chosen: Sequence[SeedGroup], groups: Sequence[SeedGroup]) -> list[list[str]]:
    """Return the overrides of some of the groups; what tells groups apart, and all options, are looked at once."""
    from regbench.config.catalogue import list_options

    shown, options = set(telling_keys(groups)), {(option.group, option.name): option for option in list_options()}

    @cache
    def read(kind: str, name: str) -> Mapping[str, object]:
        try:
            return options[kind, name].values() if (kind, name) in options else {}
        except ConfigError:
            return {}  # not a YAML mapping any more: then its settings are written out

    return [_list_overrides(group, shown, _find_defaults(group, read)) for group in chosen]


def _list_overrides(group: SeedGroup, shown: Set[str], defaults: Mapping[str, object]) -> list[str]:
    words = [_choose("regularizer", group.values.get("regularizer", "none"))]
    for key, value in group.values.items():
        if key == "regularizer" or (key not in group.keys and not key.startswith("regularizer.")):
            continue
        if key.endswith(".name"):
            words.append(_choose(key.removesuffix(".name").replace(".", "/"), value))
        elif key in shown or key not in defaults or defaults[key] != value:
            words.append(f"{key}={spell_value(value)}")
    return words


def _tells(key: str, keys: Iterable[str], groups: Sequence[SeedGroup]) -> bool:
    if len({spell(group.values[key]) for group in groups if key in group.values}) > 1:
        return True
    owner = _owner(key, keys)
    among: dict[str, set[bool]] = {}
    for group in groups:
        among.setdefault(spell(group.values.get(owner)), set()).add(key in group.values)
    return any(len(presence) > 1 for presence in among.values())


def _owner(key: str, keys: Iterable[str]) -> str:
    """Return the choice that brings a setting along: the list of regularizers, or the nearest `name` above it."""
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


def _label(group: SeedGroup, keys: Sequence[str], short: dict[str, str]) -> str:
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


def _find_defaults(group: SeedGroup, read: Callable[[str, str], Mapping[str, object]]) -> dict[str, object]:
    """Return the settings that the shipped and the person's own files give to what this group chose, by dotted key."""
    chosen = {("regularizer", name): "regularizer" for name in str(group.values.get("regularizer")).split("+")}
    for key, value in group.values.items():
        if key.endswith(".name"):
            where = key.removesuffix(".name")
            chosen[where.replace(".", "/"), str(value)] = where
    defaults: dict[str, object] = {}
    for (kind, name), where in sorted(chosen.items()):
        defaults.update(_flatten(read(kind, name), where))
    return defaults


def _flatten(node: Mapping[str, object], where: str) -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in node.items():
        flat.update(_flatten(value, f"{where}.{key}") if isinstance(value, Mapping) else {f"{where}.{key}": value})
    return flat
