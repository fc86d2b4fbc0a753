"""Regularizers that change nothing on some data, and the reason."""

from __future__ import annotations

from regbench.config.containers import declared
from regbench.regularizers.base import Facts, Regularizer
from regbench.regularizers.stages import STAGES, overrides

NO_ROW = "they give it no training row to change"


def explain_idle(regularizer: Regularizer, facts: Facts) -> str | None:
    """Return why a regularizer changes nothing on these data; None where it does, or is switched off by its settings.

    Hyper-parameters are plain numbers.
    """
    return None if is_off(regularizer) else regularizer.idle(facts)


def is_off(regularizer: Regularizer) -> bool:
    """Tell whether every setting that can switch a regularizer off does so."""
    kinds = declared(type(regularizer), vars(regularizer))
    offs = {name: kind.off for name, kind in kinds.items() if kind.off is not None}
    return bool(offs) and all(getattr(regularizer, name) == off for name, off in offs.items())


def acts_on_rows_only(regularizer: Regularizer) -> bool:
    """Tell whether a regularizer acts on the training set before the first step and nowhere else."""
    return [method for method in STAGES if overrides(regularizer, method)] == ["training_data"]
