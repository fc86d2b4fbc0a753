"""The figures of one epoch: means over its steps, the evaluation after it, and what the weights look like."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from regbench.training.cohort import Cohort, Networks
from regbench.training.evaluation import measure_parts
from regbench.training.spec import Plan
from regbench.training.train_step import Report
from regbench.training.training_set import TrainingSet


class Measured:
    """What the steps of one epoch reported, for all networks."""

    def __init__(self) -> None:
        self.objectives: list[Tensor] = []
        self.losses: list[Tensor] = []
        self.penalties: dict[str, list[Tensor]] = {}
        self.notes: dict[str, list[Tensor]] = {}
        self.alive: list[Tensor] = []

    def take(self, objective: Tensor, report: Report, alive: Tensor) -> None:
        """Keep one step's figures, each `[S]`."""
        self.objectives.append(objective)
        self.losses.append(report.loss)
        self.alive.append(alive)
        for name, value in report.penalties.items():
            self.penalties.setdefault(name, []).append(value)
        for name, value in report.notes.items():
            self.notes.setdefault(name, []).append(value)

    def divergences(self, epoch: int, members: int, norms: Sequence[float | None]) -> list[str | None]:
        """Say for each run where it stopped being finite, if it did; `norms` are its weights' after the epoch."""
        alive = torch.stack(self.alive, 1).unflatten(0, (-1, members)).all(1)
        total = len(self.alive)
        return [
            f"the objective or the gradient was not finite at epoch {epoch}, step {good + 1}"
            if good < total
            else f"the norm of the weights was not finite after epoch {epoch}"
            if not math.isfinite(norm or 0.0)
            else None
            for good, norm in zip(alive.sum(1).tolist(), norms, strict=True)
        ]

    def columns(self, members: int) -> dict[str, Tensor]:
        """Return objective, penalty and effects of each run, means over the epoch's steps, each `[R]`."""
        loss = _mean(self.losses, members)
        shares = {name: _mean(values, members) for name, values in self.penalties.items()}
        penalty = sum(shares.values(), torch.zeros_like(loss))
        effects = {name: _mean(values, members) for name, values in self.notes.items()}
        effects |= {f"{name}.penalty_over_loss": share / loss for name, share in shares.items()}
        return {"objective": _mean(self.objectives, members), "penalty": penalty, **effects}


def measure_epoch(
    plan: Plan,
    cohort: Cohort,
    evaluated: Networks,
    data: TrainingSet,
    measured: Measured,
    lagged: Tensor | None,
    members: int,
) -> list[dict[str, float | None]]:
    """Return the columns of metrics.csv for each run, without epoch and learning rate.

    Train and validation figures come from the networks as evaluated; norm, change and sparsity from the weights that
    are trained. `lagged` are the weights that the change is measured from.
    """
    parts = measure_parts(evaluated, data.watched, data.watched_ends)
    columns = {"train_loss": parts[:, 0, 0], f"train_{plan.metric}": parts[:, 0, 1]}
    if parts.shape[1] > 1:
        columns |= {"val_loss": parts[:, 1, 0], f"val_{plan.metric}": parts[:, 1, 1]}
    columns |= measured.columns(members) | describe_weights(cohort, lagged, members)
    table = torch.stack([column.to(torch.float64) for column in columns.values()], 1).tolist()
    empty = dict.fromkeys(plan.header[2:])
    return [{**empty, **dict(zip(columns, values, strict=True))} for values in table]


def describe_weights(cohort: Cohort, lagged: Tensor | None, members: int) -> dict[str, Tensor]:
    """Return the L2 norm of all parameters, their change since `lagged`, and the share of weights exactly zero."""
    flat = cohort.flat.view(-1, members * cohort.layout.total)
    matrices = cohort.flat[:, : cohort.layout.weight_count]
    columns = {
        "weight_norm": torch.linalg.vector_norm(flat, dim=1),
        "sparsity": (matrices == 0).to(torch.float32).mean(1).view(-1, members).mean(1),
    }
    if lagged is None:
        return columns
    change = (cohort.flat - lagged).view_as(flat)
    columns["weight_change_l2"] = torch.linalg.vector_norm(change, dim=1)
    columns["weight_change_max"] = change.abs().amax(1)
    return columns


def _mean(steps: list[Tensor], members: int) -> Tensor:
    return torch.stack(steps).mean(0).view(-1, members).mean(1)
