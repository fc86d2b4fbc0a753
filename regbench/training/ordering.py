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

LARGEST = torch.iinfo(torch.int32).max


def order_rows(cohort: Cohort, moment: Moment) -> Tensor:
    """Return the numbers of the rows in the order in which each network sees them in an epoch, `[S, M]`.

    They are of the smallest type that holds them: the orders of a cohort on many rows are larger than the rows.

    Args:
        cohort: the networks.
        moment: the start of the epoch.
    """
    first = _order(cohort, 0, moment)
    orders = torch.empty(cohort.size, len(first), dtype=number_type(cohort.rows.count), device=cohort.spec.device)
    orders[0] = first
    for place in range(1, cohort.size):
        orders[place] = _order(cohort, place, moment)
    return orders


def number_type(rows: int) -> torch.dtype:
    """Return the type in which the numbers of so many rows are kept."""
    return torch.int32 if rows <= LARGEST else torch.int64


def _order(cohort: Cohort, place: int, moment: Moment) -> Tensor:
    random = Randomness(cohort.seeds[place], device=cohort.spec.device)
    order = random.at("order", moment.epoch).permutation(cohort.rows.count)
    return _change(cohort, place, order, moment) if cohort.spec.stages["row_order"] else order


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
