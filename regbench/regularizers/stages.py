"""Stages of training at which regularizers act, and the order in which they act within each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from regbench.errors import ConfigError
from regbench.regularizers.base import Regularizer

STAGES: dict[str, str] = {
    "training_data": "training data",
    "architecture": "architecture",
    "row_order": "order of rows",
    "batch": "batch",
    "forward_weights": "forward weights",
    "activations": "activations",
    "site_penalty": "penalty at sites",
    "row_loss": "loss per row",
    "batch_loss": "loss of the batch",
    "penalty": "penalty",
    "gradient_rule": "gradient rule",
    "gradients": "gradients",
    "after_update": "after the update",
    "average": "averaging",
    "ensemble_size": "ensemble",
}
"""Protocol method of each stage, in the order in which they act, and the stage's name."""

RANKS: dict[str, tuple[str, ...]] = {
    "training_data": ("remove rows", "make rows", "weigh rows"),
    "batch": ("make targets", "mix rows", "add noise", "mask"),
    "forward_weights": ("normalise", "add noise", "mask"),
    "activations": ("mix rows", "add noise", "mask"),
    "row_loss": ("replace", "add", "weigh"),
    "gradients": ("centralise", "clip", "add noise"),
    "after_update": ("decay", "shrink", "project", "freeze"),
    "averaged": ("average", "normalise"),
}
"""Ranks of the stages in which order matters, the first to act first: noise after a mask would fill what it hid, and
a projection before a step would not hold after it. A regularizer names its rank in `ranks`, else it acts in the last;
within a rank the order is that of names."""

BESIDES = ("evaluated_activations", "averaged", "about", "begin", "subgradient")
"""Methods that belong to a stage above and are no stage of their own."""

Stages: TypeAlias = dict[str, tuple[tuple[str, Regularizer], ...]]
"""Regularizers that act at each stage, by protocol method, in the order in which they act."""


def arrange(regularizers: Mapping[str, Regularizer]) -> Stages:
    """Sort regularizers into the stages at which they act, in each by rank and name."""
    return {
        method: tuple(
            sorted(
                ((name, r) for name, r in regularizers.items() if overrides(r, method)),
                key=lambda item: (rank_of(item[1], method), item[0]),
            )
        )
        for method in (*STAGES, *BESIDES)
    }


def rank_of(regularizer: Regularizer | type[Regularizer], method: str) -> int:
    """Return the place of a regularizer's rank at a stage.

    Raises:
        ConfigError: it names a rank that the stage does not have.
    """
    ranks = RANKS.get(method, ("",))
    named = regularizer.ranks.get(method, ranks[-1])
    if named not in ranks:
        cls = regularizer if isinstance(regularizer, type) else type(regularizer)
        raise ConfigError(f"{cls.__name__}.ranks: {method} has no rank {named!r}; it has {', '.join(ranks)}")
    return ranks.index(named)


def overrides(regularizer: Regularizer | type[Regularizer], method: str) -> bool:
    """Tell whether a regularizer has its own version of a protocol method."""
    cls = regularizer if isinstance(regularizer, type) else type(regularizer)
    return getattr(cls, method) is not getattr(Regularizer, method)


def stages_of(regularizer: Regularizer | type[Regularizer]) -> tuple[str, ...]:
    """Return the names of the stages at which a regularizer acts, in order."""
    return tuple(stage for method, stage in STAGES.items() if overrides(regularizer, method))


def describe_stages(regularizer: Regularizer | type[Regularizer]) -> str:
    """Return the stages at which a regularizer acts with its rank at each that has ranks: `batch (mask)`."""
    words = []
    for method, stage in STAGES.items():
        if overrides(regularizer, method):
            ranks = RANKS.get(method)
            words.append(f"{stage} ({ranks[rank_of(regularizer, method)]})" if ranks else stage)
    return ", ".join(words)


def counts_by_seed(regularizers: Mapping[str, Regularizer]) -> bool:
    """Tell whether runs that differ in the seed may be left different numbers of training rows.

    That is where a regularizer says so (`alone`), and where several remove or make rows: which ones the first leaves
    may depend on the seed, and on these how many the next one does.
    """
    weighing = RANKS["training_data"].index("weigh rows")
    counting = [
        regularizer
        for regularizer in regularizers.values()
        if overrides(regularizer, "training_data") and rank_of(regularizer, "training_data") < weighing
    ]
    return len(counting) > 1 or any(regularizer.alone() for regularizer in regularizers.values())


def describe_order(stages: Stages) -> list[dict[str, object]]:
    """Return the stages at which something acts, each with its regularizers in order, for run.json."""
    return [
        {"stage": name, "regularizers": names_of(stages[method])} for method, name in STAGES.items() if stages[method]
    ]


def describe_shared(stages: Stages) -> tuple[str, ...]:
    """Return the stages at which several regularizers act and order matters: `batch: mixup, cutout`."""
    shared = ((stage, names_of(stages[method])) for method, stage in STAGES.items() if method in RANKS)
    return tuple(f"{stage}: {', '.join(names)}" for stage, names in shared if len(names) > 1)


def names_of(acting: Iterable[tuple[str, Regularizer]]) -> list[str]:
    """Return the names of regularizers at a stage, in their order."""
    return [name for name, _ in acting]
