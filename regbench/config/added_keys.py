"""Keys that settings were given after runs had been recorded: at the value that changes nothing they are left out.

A run's identity is its configuration. At this value a run computes what it computed before the key existed, so it has
to be the same run in the same folder, whether or not its configuration names the key.
"""

from __future__ import annotations

from collections.abc import Mapping

ADDED: Mapping[str, object] = {"dataset.split.val_seed": None, "dataset.split.equal": False}
"""Dotted keys with the value that changes nothing, which is the default of the record that declares the key."""

ABSENT = object()


def leave_out_idle(settings: Mapping[str, object], group: str) -> Mapping[str, object]:
    """Return the settings of a group without its added keys that change nothing; the same object where it has none.

    >>> leave_out_idle({"name": "iris", "split": {"seed": 1, "equal": False, "val_seed": 3}}, "dataset")
    {'name': 'iris', 'split': {'seed': 1, 'val_seed': 3}}
    """
    for key, idle in ADDED.items():
        head, *path = key.split(".")
        if head == group:
            settings = _leave_out(settings, path, idle)
    return settings


def _leave_out(node: Mapping[str, object], path: list[str], idle: object) -> Mapping[str, object]:
    first, *rest = path
    found = node.get(first, ABSENT)
    if not rest:
        is_idle = type(found) is type(idle) and found == idle  # 0 is refused later: it is no truth value
        return {key: value for key, value in node.items() if key != first} if is_idle else node
    if not isinstance(found, Mapping):
        return node
    inner = _leave_out(found, rest, idle)
    return node if inner is found else {**node, first: inner}
