"""The order in which an epoch sees the training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from regbench.randomness import Randomness
from regbench.regularizers.base import Context, Moment
from regbench.regularizers.context import no_forward
from regbench.schedules.ramps import ramp_regularizers
from regbench.training.contexts import ignore

if TYPE_CHECKING:
    from regbench.training.cohort import Cohort


def order_rows(cohort: Cohort, moment: Moment) -> Tensor:
    """Return the numbers of the rows in the order in which each network sees them in an epoch, int64 `[S, M]`.

    Args:
        cohort: the networks.
        moment: the start of the epoch.
    """
    count, device = cohort.rows.count, cohort.spec.device
    orders = [Randomness(seed, device=device).at("order", moment.epoch).permutation(count) for seed in cohort.seeds]
    if cohort.spec.stages["row_order"]:
        orders = [_change(cohort, place, order, moment) for place, order in enumerate(orders)]
    return torch.stack(orders)


def _change(cohort: Cohort, place: int, numbers: Tensor, moment: Moment) -> Tensor:
    """Let the regularizers of one network change the order of its rows."""
    member, rows = cohort.members[place], cohort.rows.of(place)
    regularizers = ramp_regularizers(member.regularizers, cohort.spec.schedule.ramp, moment.progress)
    for name, _ in cohort.spec.stages["row_order"]:
        ctx = Context(
            common=Randomness(member.seed, device=numbers.device).at("order", moment.epoch, name),
            key=("row_order",),
            effect=ignore,
            moment=moment,
            facts=cohort.rows.facts_of(place),
            state={key: value[place] for key, value in cohort.states.get(name, {}).items()},
            numbers=torch.arange(cohort.rows.count, device=numbers.device),
            about={key: value[place] for key, value in cohort.rows.about.get(name, {}).items()},
            forward=no_forward,
        )
        numbers = regularizers[name].row_order(numbers, rows, ctx)
    return numbers
