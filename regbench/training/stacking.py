"""Functions of one network applied to all networks of a cohort."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper
from regbench.randomness import Randomness, Stacked
from regbench.training.contexts import Run

Given = TypeVar("Given")
Done = TypeVar("Done")
Tree = TypeVar("Tree")

ALONG = Run._make([Randomness._make([Stacked._make([None, 0]), None, None, None, None]), 0, 0, 0, 0, 0, 0])
"""The axis of each field of a run along which networks are stacked: all share the keys that each draws from."""


def alone(function: Callable[[Run, Given], Done]) -> Callable[[Run, Given], Done]:
    """Return the function as it is: of the only network."""
    return function


def stacked(function: Callable[[Run, Given], Done]) -> Callable[[Run, Given], Done]:
    """Return the function of all networks, from that of one."""

    def mapped(run: Run, given: Given) -> Done:
        axes = {name: {field: _axis(value) for field, value in own.items()} for name, own in run.hypers.items()}
        done: Done = torch.vmap(function, (Run._make((ALONG[0], axes, *ALONG[2:])), 0), randomness="same")(run, given)
        return done

    return mapped


def _axis(value: Hyper) -> int | None:
    """Return the axis of the networks of a hyper-parameter; None where it is a number for all."""
    return 0 if isinstance(value, Tensor) else None


def first(tree: Tree) -> Tree:
    """Return the first network's tensors of stacked ones, in nested tuples and dicts."""
    return map_tensors(lambda tensor: tensor[0], tree)


def stack_one(tree: Tree) -> Tree:
    """Return the tensors of one network as a stack of one."""
    return map_tensors(lambda tensor: tensor.unsqueeze(0), tree)


def map_tensors(function: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    """Apply a function to every tensor in nested tuples and dicts."""
    mapped: Tree = torch.utils._pytree.tree_map_only(Tensor, function, tree)
    return mapped


def lay_out(value: Tensor, strides: tuple[int, ...]) -> Tensor:
    """Return a copy of a tensor `[S, ...]` whose networks lie in memory with these strides, given without that of S."""
    size = max(1, value[0].numel()) if len(value) else 1
    return torch.empty_strided(value.shape, (size, *strides), dtype=value.dtype, device=value.device).copy_(value)
