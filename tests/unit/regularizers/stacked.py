"""What the tests of regularizers share: rows, facts, contexts, and runs alone against stacked runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from regbench.models.network import Site
from regbench.randomness import Randomness, Stacked, stack_seeds
from regbench.regularizers.base import Context, Facts, Moment, Regularizer, Rows, State
from regbench.regularizers.context import no_forward
from regbench.tasks import Task

RANDOM = Randomness(3)
SEEDS = (11, 12, 13)
SITES = (
    Site("input", "input", (6,)),
    Site("hidden0.pre", "preactivation", (8,)),
    Site("hidden0", "hidden", (8,)),
)


def make_rows(rows: int, *shape: int, classes: int = 3, dtype: torch.dtype = torch.float32) -> Rows:
    """Return rows with inputs in [0, 1), one-hot targets and weights 1."""
    random = Randomness(5)
    labels = random.at("y").integers(classes, (rows,))
    y = torch.nn.functional.one_hot(labels, classes).to(dtype)
    return Rows(random.at("x").uniform((rows, *shape), dtype), y, torch.ones(rows, dtype=dtype))


def make_facts(**changes: Any) -> Facts:
    """Return the facts of a small classification run with one hidden layer."""
    facts = Facts(
        task=Task.CLASSIFICATION,
        layout="table",
        shape=(6,),
        class_counts=(20, 12, 8),
        nonnegative=True,
        rows=40,
        batch_size=8,
        sites=SITES,
    )
    return replace(facts, **changes)


def make_context(
    random: Randomness = RANDOM,
    effects: dict[str, Tensor] | None = None,
    state: State | None = None,
    update: int = 0,
    facts: Facts | None = None,
) -> Context:
    """Return the context of a stage whose random source is `random`; `effects` gets every figure."""

    def record(effect: str, value: Tensor | Callable[[], Tensor]) -> None:
        if effects is not None:
            effects[effect] = value() if callable(value) else value

    return Context(
        common=random,
        key=(),
        effect=record,
        moment=Moment(epoch=1, step=update, update=update, last_of_epoch=True, updates=10_000),
        facts=facts or make_facts(),
        state=state or {},
        numbers=torch.arange(8),
        about={},
        forward=no_forward,
    )


Act = Callable[[Any, Randomness, Tensor], Any]


def assert_stacked_equals_alone(regularizer: Regularizer, act: Act, x: Tensor, **hypers: tuple[float, ...]) -> None:
    """Check that three stacked runs, each with its own seed and hyper-parameters, get the bits of runs alone."""

    def one(seed: Stacked, x: Tensor, values: dict[str, Tensor]) -> Any:
        return act(replace(regularizer, **values), Randomness(seed).at("test"), x)

    values = {name: torch.tensor(column, dtype=torch.float64) for name, column in hypers.items()}
    together = torch.vmap(one, (Stacked(None, 0), 0, 0), randomness="same")(
        stack_seeds(SEEDS), torch.stack([x] * 3), values
    )
    for place, seed in enumerate(SEEDS):
        own = replace(regularizer, **{name: column[place] for name, column in hypers.items()})
        expected = act(own, Randomness(seed).at("test"), x)
        for stacked, alone in zip(_leaves(together), _leaves(expected), strict=True):
            assert stacked.dtype == alone.dtype
            assert torch.equal(stacked[place], alone)


def _leaves(value: Any) -> list[Tensor]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, tuple) else [value]
