"""Arguments of operations: tensors, numbers and what else, in lists and dicts. A general walk over trees takes longer
than the operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def replace_each(kind: type, function: Callable[[Any], object], tree: Any) -> Any:
    """Return arguments with what a function makes of each one of a kind in its place."""
    if isinstance(tree, kind):
        return function(tree)
    if type(tree) is tuple:
        return tuple([replace_each(kind, function, part) for part in tree])
    if type(tree) is list:
        return [replace_each(kind, function, part) for part in tree]
    if type(tree) is dict:
        return {name: replace_each(kind, function, part) for name, part in tree.items()}
    return tree


def each_of(kind: type, tree: Any) -> Iterator[Any]:
    """Yield each argument of a kind."""
    if isinstance(tree, kind):
        yield tree
    elif type(tree) in (tuple, list):
        for part in tree:
            yield from each_of(kind, part)
    elif type(tree) is dict:
        yield from each_of(kind, list(tree.values()))
