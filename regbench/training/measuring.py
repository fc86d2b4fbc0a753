"""The figures of one epoch: means over its steps, the evaluation after it, and what the weights look like."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from regbench.metrics import PARTS
from regbench.training.cohort import Cohort
from regbench.training.gradients import StepReport
from regbench.training.networks import Networks
from regbench.training.spec import TrainingSpec
from regbench.training.starts import Seen
from regbench.training.watched import Watched, measure_watched, share_cuts


class Measured:
    """Reports of the steps of one epoch, for all networks; its figures are means over each run's ensemble."""

    def __init__(self, spec: TrainingSpec) -> None:
        self._spec = spec
        self.objectives: list[Tensor] = []
        self.losses: list[Tensor] = []
        self.penalties: dict[str, list[Tensor]] = {}
        self.effects: dict[str, list[Tensor]] = {}
        self.alive: list[Tensor] = []

    def take(self, report: StepReport, alive: Tensor) -> None:
        """Keep one step's figures, each `[S·M]`: copies, for the next step may lie in the same memory."""
        self.objectives.append(report.objective.clone())
        self.losses.append(report.loss.clone())
        self.alive.append(alive)
        for name, value in report.penalties.items():
            self.penalties.setdefault(name, []).append(value.clone())
        for name, value in report.effects.items():
            self.effects.setdefault(name, []).append(value.clone())

    def divergences(self, epoch: int, norms: Sequence[float | None], rates: Sequence[float]) -> list[str | None]:
        """Say for each run where it stopped being finite, if it did.

        Args:
            epoch: the epoch that was measured.
            norms: of the weights after the epoch.
            rates: each run's learning rate as it was set, which is named wherever a step came before.
        """
        alive = self._spec.by_run(torch.stack(self.alive, 1)).all(1)
        places: list[str | None] = []
        for good, norm, rate in zip(alive.sum(1).tolist(), norms, rates, strict=True):
            hint = f"; schedule.optimizer.lr={rate:g} may be too high" if epoch > 1 or good > 0 else ""
            if good < len(self.alive):
                places.append(f"the objective or the gradient was not finite at epoch {epoch}, step {good + 1}{hint}")
            elif not math.isfinite(norm or 0.0):
                places.append(f"the norm of the weights was not finite after epoch {epoch}{hint}")
            else:
                places.append(None)
        return places

    def columns(self) -> dict[str, Tensor]:
        """Return objective, penalty and effects of each run, means over the epoch's steps, each `[S]`."""
        loss = self._mean(self.losses)
        shares = {name: self._mean(values) for name, values in self.penalties.items()}
        penalty = sum(shares.values(), torch.zeros_like(loss))
        effects = {name: self._mean(values) for name, values in self.effects.items()}
        effects |= {f"{name}.penalty_over_loss": share / loss for name, share in shares.items()}
        return {"objective": self._mean(self.objectives), "penalty": penalty, **effects}

    def _mean(self, steps: list[Tensor]) -> Tensor:
        return self._spec.by_run(torch.stack(steps).mean(0)).mean(1)


def measure_epoch(
    cohort: Cohort, evaluated: Networks, watched: Watched, measured: Measured, lagged: Tensor | None
) -> list[dict[str, float | None]]:
    """Return the columns of metrics.csv for each run, without epoch and learning rate.

    Figures, norm and sparsity are those of the networks as evaluated, which are saved; the change since `lagged` is
    that of the weights that are trained.
    """
    spec = cohort.spec
    parts = _evaluate(cohort, evaluated, watched)
    columns = {f"{part}_{name}": own for part, found in zip(PARTS, parts, strict=False) for name, own in found.items()}
    columns |= measured.columns() | describe_weights(cohort, evaluated, lagged)
    table = torch.stack([column.to(torch.float64) for column in columns.values()], 1).tolist()
    empty = dict.fromkeys(spec.header[2:])
    return [{**empty, **dict(zip(columns, values, strict=True))} for values in table]


def _evaluate(cohort: Cohort, evaluated: Networks, watched: Watched) -> list[dict[str, Tensor]]:
    """Return the figures of each part, played back where they do not depend on hyper-parameters that change."""
    spec, shared = cohort.spec, share_cuts(cohort.spec, cohort.rows.cuts, cohort.size)
    if any(name in spec.schedule.ramp for name, _ in spec.stages["evaluated_activations"]):
        return measure_watched(evaluated, watched, shared)
    return cohort.tapes.follow(
        ("evaluation",), Seen(evaluated), lambda seen: measure_watched(seen.networks, watched, shared)
    )


def describe_weights(cohort: Cohort, evaluated: Networks, lagged: Tensor | None) -> dict[str, Tensor]:
    """Return norm and sparsity of the networks as evaluated, and the change of the weights that are trained.

    The norm is the L2 norm of all parameters, the sparsity the share of weights exactly zero, and the change that
    since `lagged`.
    """
    by_run = cohort.spec.by_run
    flat = by_run(evaluated.flat).flatten(1)
    matrices = evaluated.flat[:, : cohort.layout.weight_count]
    columns = {
        "weight_norm": torch.linalg.vector_norm(flat, dim=1),
        "sparsity": by_run((matrices == 0).to(torch.float32).mean(1)).mean(1),
    }
    if lagged is None:
        return columns
    change = (cohort.flat - lagged).view_as(flat)
    columns["weight_change_l2"] = torch.linalg.vector_norm(change, dim=1)
    columns["weight_change_max"] = change.abs().amax(1)
    return columns
