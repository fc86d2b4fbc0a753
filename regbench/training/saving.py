"""A run's state as named tensors: what a checkpoint holds, cut out of a cohort and put back."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from regbench.store.checkpoint import check_tensors
from regbench.training.cohort import Cohort, Networks


def save_run(cohort: Cohort, best: Networks, history: list[Tensor], rows: slice) -> dict[str, Tensor]:
    """Return everything that one run needs to go on; `rows` are its networks in the cohort."""
    tensors = {
        "weights": cohort.flat[rows],
        "alive": cohort.alive[rows],
        "best.weights": best.flat[rows],
        **{f"buffer.{name}": value[rows] for name, value in cohort.buffers.items()},
        **{f"best.buffer.{name}": value[rows] for name, value in best.buffers.items()},
        **{f"history.{age}": flat[rows] for age, flat in enumerate(history)},
    }
    for technique, state in cohort.states.items():
        tensors |= {f"state.{technique}.{name}": value[rows] for name, value in state.items()}
    for name, value in cohort.optimizer.state().items():
        tensors[f"optimizer.{name}"] = value[rows] if value.ndim == 2 else value
    return tensors


def load_run(cohort: Cohort, best: Networks, saved: Mapping[str, Tensor], remembered: int) -> list[Tensor]:
    """Put a run's saved state into a fresh cohort of this run alone; return the history of weights.

    Args:
        cohort: the fresh cohort.
        best: its best networks, overwritten too.
        saved: what `save_run` returned.
        remembered: how many weights of earlier epochs belong to it.

    Raises:
        CheckpointError: a tensor is missing, unknown, or of another shape or type.
    """
    check_tensors(save_run(cohort, best, [cohort.flat] * remembered, slice(None)), saved)
    cohort.place(saved["weights"].clone())
    cohort.alive = saved["alive"].clone()
    best.flat.copy_(saved["best.weights"])
    for name in cohort.buffers:
        cohort.buffers[name] = saved[f"buffer.{name}"].clone()
        best.buffers[name].copy_(saved[f"best.buffer.{name}"])
    for technique, state in cohort.states.items():
        for name in state:
            state[name] = saved[f"state.{technique}.{name}"].clone()
    optimizer = {k.removeprefix("optimizer."): v for k, v in saved.items() if k.startswith("optimizer.")}
    cohort.optimizer.load(optimizer)
    return [saved[f"history.{age}"].clone() for age in range(remembered)]


def name_parameters(best: Networks, rows: slice) -> dict[str, Tensor]:
    """Return a run's best weights and buffers by name; an ensemble's have one more axis in front."""
    tensors = {**best.layout.views(best.flat[rows]), **{name: value[rows] for name, value in best.buffers.items()}}
    single = len(best.flat[rows]) == 1
    return {name: (value[0] if single else value).contiguous() for name, value in tensors.items()}


def copy_rows(source: Networks, target: Networks, rows: list[int]) -> None:
    """Overwrite some networks of `target` with those of `source`."""
    if not rows:
        return
    chosen = torch.tensor(rows)
    target.flat[chosen] = source.flat[chosen]
    for name, buffer in target.buffers.items():
        buffer[chosen] = source.buffers[name][chosen]


def clone(networks: Networks) -> Networks:
    """Return the same networks in memory of their own."""
    buffers = {name: value.clone() for name, value in networks.buffers.items()}
    return Networks(networks.plan, networks.layout, networks.members, networks.flat.clone(), buffers)
