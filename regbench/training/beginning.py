"""The states that regularizers have before the first step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from regbench.randomness import stack_seeds
from regbench.regularizers.base import Params, Rows
from regbench.training import stacking
from regbench.training.contexts import Contexts, Run, States, random_at
from regbench.training.stacked_rows import START

if TYPE_CHECKING:
    from regbench.training.cohort import Cohort

Begin: TypeAlias = Callable[[Run, tuple[Params, Rows]], States]


def begin_states(cohort: Cohort) -> States:
    """Return the states that regularizers make of the initial weights and of all training rows.

    Networks of one cut see its rows without a copy for each.
    """
    spec = cohort.spec
    if not spec.stages["begin"]:
        return {}

    def one(run: Run, given: tuple[Params, Rows]) -> States:
        contexts, (weights, rows) = Contexts(spec.facts, run, START), given
        stages = spec.stages_with(run.hypers)
        return {name: r.begin(weights, rows, contexts.at(name, "begin")) for name, r in stages["begin"]}

    groups = cohort.rows.by_cut(cohort.size)
    begun = [stacking.map_tensors(_dense, _begin_on(cohort, one, networks)) for networks in groups]
    if len(begun) == 1:
        return begun[0]
    order = torch.cat(groups).argsort().to(cohort.spec.device)
    return {
        name: {key: _join([own[name][key] for own in begun], order) for key in state}
        for name, state in begun[0].items()
    }


def _begin_on(cohort: Cohort, one: Begin, networks: Tensor) -> States:
    """Return the states of some networks, all of one cut."""
    device = cohort.spec.device
    rows = cohort.rows.all_rows(networks)
    numbers = torch.arange(cohort.rows.count, device=device).expand(len(networks), -1)
    seeds = [cohort.seeds[place] for place in networks.tolist()]
    networks = networks.to(device)
    weights = cohort.layout.views(cohort.flat[networks])
    weights |= {name: value[networks] for name, value in cohort.buffers.items()}
    hypers = cohort.hypers_at(START)
    if cohort.size == 1:
        run = Run(random_at(seeds[0], START, device), hypers, {}, {}, {}, numbers[0], {})
        return stacking.stack_one(one(run, stacking.first((weights, rows))))
    hypers = stacking.map_tensors(lambda values: values[networks], hypers)
    run = Run(random_at(stack_seeds(seeds, device), START, device), hypers, {}, {}, {}, numbers, {})
    return stacking.stacked(one)(run, (weights, rows))


def _join(states: list[Tensor], order: Tensor) -> Tensor:
    """Return the states of all networks in their order, laid out in memory as those of one cut are."""
    return stacking.lay_out(torch.cat(states)[order], states[0].stride()[1:])


def _dense(value: Tensor) -> Tensor:
    """Return a tensor in memory of its own: one that repeats values without storing them cannot be written to."""
    repeated = any(stride == 0 and size > 1 for stride, size in zip(value.stride(), value.shape, strict=True))
    return value.contiguous() if repeated else value
