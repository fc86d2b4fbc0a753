"""Keys that settings were given after runs had been recorded: at the value that changes nothing they are left out.

A run's identity is its configuration. At this value a run computes what it computed before the key existed, so it has
to be the same run in the same folder, whether or not its configuration names the key.
"""

from __future__ import annotations

from collections.abc import Mapping

from regbench.config.values import is_number

ADDED: Mapping[str, object] = {
    "dataset.split.val_seed": None,
    "dataset.split.equal": False,
    "regularizer.dropout.output_rate": 0.0,
    "regularizer.elastic_net.bias_strength": 0.0,
    "regularizer.elastic_net.correction": "none",
    "regularizer.elastic_net.layers": {},
    "regularizer.l1.bias_strength": 0.0,
    "regularizer.l1.layers": {},
    "regularizer.l2.bias_strength": 0.0,
    "regularizer.l2.layers": {},
    "regularizer.max_norm.layers": {},
    "regularizer.max_norm.minimum": 0.0,
    "regularizer.max_norm.pull": 1.0,
}
"""Dotted keys with the value that changes nothing, which is the default of the record that declares the key."""

ABSENT = object()


def leave_out_idle(settings: Mapping[str, object], group: str) -> Mapping[str, object]:
    """Return the settings of a group without its added keys that change nothing; the same object where it has none.

    A group is `dataset`, or one regularizer, as in `regularizer.l2`.

    >>> leave_out_idle({"name": "iris", "split": {"seed": 1, "equal": False, "val_seed": 3}}, "dataset")
    {'name': 'iris', 'split': {'seed': 1, 'val_seed': 3}}
    """
    for key, idle in ADDED.items():
        if key.startswith(f"{group}."):
            settings = _leave_out(settings, key.removeprefix(f"{group}.").split("."), idle)
    return settings


def _leave_out(node: Mapping[str, object], path: list[str], idle: object) -> Mapping[str, object]:
    first, *rest = path
    found = node.get(first, ABSENT)
    if not rest:
        # 0 for a truth value is refused later; for a number it is 0.0.
        alike = type(found) is type(idle) or (is_number(found) and is_number(idle))
        return {key: value for key, value in node.items() if key != first} if alike and found == idle else node
    if not isinstance(found, Mapping):
        return node
    inner = _leave_out(found, rest, idle)
    return node if inner is found else {**node, first: inner}
