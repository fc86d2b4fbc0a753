"""Cuts of the data whose runs can be trained as one stacked computation."""

from __future__ import annotations

from dataclasses import replace

from regbench.regularizers.base import Regularizer
from regbench.regularizers.stages import RANKS, overrides, rank_of
from regbench.training.spec import TrainingSpec
from regbench.training.training_set import TrainingSet


def can_stack_cuts(one: tuple[TrainingSpec, TrainingSet], other: tuple[TrainingSpec, TrainingSet]) -> bool:
    """Tell whether runs on two cuts can be stacked.

    Their rows must have the same shapes, and what is known of them may differ in the rows of each class only, which no
    stage of a step asks for: and not even in these where a regularizer removes or makes rows, so many of each class.
    """
    (spec, data), (_, second) = one, other
    shapes = [(own.rows.x.shape, own.rows.y.shape, own.watched.x.shape, own.watched_ends) for own in (data, second)]
    if shapes[0] != shapes[1]:
        return False
    facts = [each.facts for each, _ in (one, other)]
    if not any(changes_count(regularizer) for regularizer in spec.regularizers.values()):
        facts = [replace(own, class_counts=tuple(bool(count) for count in own.class_counts)) for own in facts]
    return facts[0] == facts[1]


def changes_count(regularizer: Regularizer) -> bool:
    """Tell whether a regularizer removes or makes training rows."""
    weighing = RANKS["training_data"].index("weigh rows")
    return overrides(regularizer, "training_data") and rank_of(regularizer, "training_data") < weighing
