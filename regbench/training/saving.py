"""A run's state as named tensors: what a checkpoint holds, cut out of a cohort and put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from regbench.store.checkpoint import FRESH, CheckpointError, check_tensors
from regbench.training.cohort import Cohort
from regbench.training.networks import Networks


def save_run(cohort: Cohort, best: Networks, history: Sequence[Tensor], rows: slice) -> dict[str, Tensor]:
    """Return everything that one run needs to continue; `rows` are its networks in the cohort."""
    tensors = {
        "weights": cohort.flat[rows],
        "alive": cohort.alive[rows],
        "best.weights": best.flat[rows],
        **{f"buffer.{name}": value[rows] for name, value in cohort.buffers.items()},
        **{f"best.buffer.{name}": value[rows] for name, value in best.buffers.items()},
        **{f"history.{age}": flat[rows] for age, flat in enumerate(history)},
    }
    for regularizer, state in cohort.states.items():
        tensors |= {f"state.{regularizer}.{name}": value[rows] for name, value in state.items()}
    for name, value in cohort.optimizer.state().items():
        tensors[f"optimizer.{name}"] = value[rows] if value.ndim == 2 else value
    return {name: tensor.cpu() for name, tensor in tensors.items()}


def load_runs(cohort: Cohort, best: Networks, saved: Sequence[Mapping[str, Tensor]], remembered: int) -> list[Tensor]:
    """Put the saved states of all its runs into a fresh cohort; return the history of weights.

    Args:
        cohort: the fresh cohort.
        best: its best networks, overwritten too.
        saved: what `save_run` returned for each run, in the order of the cohort.
        remembered: how many weights of earlier epochs belong to it.

    Raises:
        CheckpointError: a tensor is missing, unknown, or of another shape or type, or runs differ in what they share.
    """
    for place, own in enumerate(saved):
        rows = slice(place * cohort.spec.ensemble_size, (place + 1) * cohort.spec.ensemble_size)
        check_tensors(save_run(cohort, best, [cohort.flat] * remembered, rows), own)
    tensors = {name: _join(name, [own[name] for own in saved]).to(cohort.spec.device) for name in saved[0]}
    cohort.place(tensors["weights"])
    cohort.alive = tensors["alive"]
    best.flat.copy_(tensors["best.weights"])
    for name in cohort.buffers:
        cohort.buffers[name] = tensors[f"buffer.{name}"]
        best.buffers[name].copy_(tensors[f"best.buffer.{name}"])
    cohort.load_state({r: {name: tensors[f"state.{r}.{name}"] for name in state} for r, state in cohort.states.items()})
    optimizer = {k.removeprefix("optimizer."): v for k, v in tensors.items() if k.startswith("optimizer.")}
    cohort.optimizer.load(optimizer)
    return [tensors[f"history.{age}"] for age in range(remembered)]


def _join(name: str, parts: Sequence[Tensor]) -> Tensor:
    """Stack the rows of several runs; a 0-d tensor is one that all of them share."""
    if parts[0].ndim > 0:
        return torch.cat(list(parts))
    if any(not torch.equal(part, parts[0]) for part in parts):
        raise CheckpointError(f"checkpoints of runs that should continue together differ in {name}; {FRESH}")
    return parts[0].clone()


def name_parameters(best: Networks, rows: slice) -> dict[str, Tensor]:
    """Return a run's best weights and buffers by name; an ensemble's have one more axis in front."""
    tensors = {**best.layout.views(best.flat[rows]), **{name: value[rows] for name, value in best.buffers.items()}}
    single = len(best.flat[rows]) == 1
    return {name: (value[0] if single else value).contiguous().cpu() for name, value in tensors.items()}


def replace_networks(source: Networks, target: Networks, rows: Sequence[int]) -> Networks:
    """Return `target` with some of its networks replaced by those of `source`; its tensors are overwritten."""
    if not rows:
        return target
    chosen = torch.tensor(rows, device=target.flat.device)
    target.flat[chosen] = source.flat[chosen]
    for name, buffer in target.buffers.items():
        buffer[chosen] = source.buffers[name][chosen]
    taken = set(rows)
    pairs = enumerate(zip(source.members, target.members, strict=True))
    return replace(target, members=[new if place in taken else old for place, (new, old) in pairs])


def clone(networks: Networks) -> Networks:
    """Return the same networks in memory of their own."""
    buffers = {name: value.clone() for name, value in networks.buffers.items()}
    return replace(networks, flat=networks.flat.clone(), buffers=buffers)
