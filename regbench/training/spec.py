"""Specification of a training: what the stacked runs of a cohort have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import torch
from torch import Tensor

from regbench.config.fields import Hyper, hyper_fields, hyper_names
from regbench.metrics import BY_TASK, LOSS, METRICS, MONITORED, PARTS, Metric, find_metric
from regbench.models.network import Network
from regbench.randomness import CPU, Randomness
from regbench.regularizers.base import Facts, Regularizer
from regbench.regularizers.stages import Stages, arrange, overrides
from regbench.schedules.ramps import Ramps, ramp_regularizers
from regbench.schedules.schedule import AUTO, DEFAULT_BATCH, FULL, Schedule

Hypers: TypeAlias = dict[str, dict[str, Hyper]]
"""Hyper-parameters by regularizer and field: one value per stacked network, or a number for all."""

FIXED_COLUMNS = ("weight_norm", "weight_change_l2", "weight_change_max", "sparsity")


@dataclass(frozen=True)
class TrainingSpec:
    """Everything static about a training; runs with equal specifications can be stacked."""

    facts: Facts
    network: Network
    regularizers: Mapping[str, Regularizer]
    schedule: Schedule
    further: tuple[str, ...] = ()
    """Names of figures that every epoch has besides the loss, the task's own and the one that is watched."""
    device: torch.device = CPU
    """Where the networks and their training rows lie: the one place that decides it."""

    @property
    def metric(self) -> Metric:
        """The figure besides the loss: accuracy, or mse in the target's own unit."""
        return BY_TASK[self.facts.task]

    @cached_property
    def figures(self) -> tuple[Metric, ...]:
        """The figures of every epoch: the loss, the task's own, the one that the stopping rule watches, and others."""
        watched = self.schedule.stop.watches or ""
        extra = [find_metric(watched)] if watched in MONITORED else []
        extra += [METRICS[name] for name in self.further]
        return tuple(dict.fromkeys((LOSS, self.metric, *extra)))

    @cached_property
    def parameters(self) -> int:
        """Number of parameters of one network."""
        weights = self.network.initial_weights(Randomness(0), self.dtype)
        return sum(tensor.numel() for tensor in weights.values())

    @property
    def batch_size(self) -> int | None:
        """Training rows per update; None for all of them, however many regularizers make of them."""
        return None if self.schedule.batch_size == FULL else self.facts.batch_size

    @property
    def dtype(self) -> torch.dtype:
        """Type of the stored weights; bfloat16 runs keep float32 weights and compute in bfloat16."""
        return torch.float64 if self.schedule.precision == "float64" else torch.float32

    @property
    def compute_dtype(self) -> torch.dtype | None:
        """Type in which the forward pass computes, where it is not the weights' own."""
        return torch.bfloat16 if self.schedule.precision == "bfloat16" else None

    @cached_property
    def stages(self) -> Stages:
        """The regularizers as configured, by stage."""
        return arrange(self.regularizers)

    def stages_with(self, hypers: Hypers) -> Stages:
        """Return the regularizers by stage, with hyper-parameters that take the place of the configured ones."""
        if not hypers:
            return self.stages
        own = {n: replace(r, **hypers[n]) if n in hypers else r for n, r in self.regularizers.items()}
        # The order depends on classes alone: sorting anew would cost more than a small network's step.
        return {method: tuple((name, own[name]) for name, _ in acting) for method, acting in self.stages.items()}

    @cached_property
    def ensemble_size(self) -> int:
        """Number of networks of each run, M: they lie one after the other, runs `[S]` being networks `[S·M]`."""
        return max((r.ensemble_size for _, r in self.stages["ensemble_size"]), default=1)

    def by_run(self, networks: Tensor) -> Tensor:
        """Return figures of networks `[S·M, ...]` with an axis for each run's ensemble, `[S, M, ...]`."""
        return networks.view(-1, self.ensemble_size, *networks.shape[1:])

    @cached_property
    def effect_columns(self) -> tuple[str, ...]:
        """Columns `<regularizer>.<effect>`: what regularizers report, and each penalty's share of the loss."""
        columns = []
        for name, regularizer in self.regularizers.items():
            columns += [f"{name}.{effect}" for effect in regularizer.effects]
            if overrides(regularizer, "penalty") or overrides(regularizer, "site_penalty"):
                columns.append(f"{name}.penalty_over_loss")
        return tuple(columns)

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The columns of metrics.csv."""
        figures = (f"{part}_{figure.name}" for part in PARTS[:2] for figure in self.figures)
        return ("epoch", "lr", "objective", "penalty", *figures, *FIXED_COLUMNS, *self.effect_columns)


def make_spec(
    network: Network,
    regularizers: Mapping[str, Regularizer],
    schedule: Schedule,
    facts: Facts,
    device: torch.device = CPU,
) -> TrainingSpec:
    """Check every regularizer against the data and model, and let regularizers change the network.

    Raises:
        ConfigError: a regularizer does not fit.
    """
    for regularizer in regularizers.values():
        regularizer.check(facts)
    for _, regularizer in arrange(regularizers)["architecture"]:
        network = regularizer.architecture(network, facts)
    return TrainingSpec(facts, network, regularizers, schedule, device=device)


def note_batch(spec: TrainingSpec) -> list[str]:
    """Return the sentence that the default batch size was made to fit the training rows; none where it was not."""
    size = spec.facts.batch_size
    if spec.schedule.batch_size != AUTO or size >= DEFAULT_BATCH:
        return []
    return [f"schedule.batch_size=auto takes all {size} training rows, which are fewer than {DEFAULT_BATCH}"]


def ramp_hypers(
    hypers: Hypers,
    regularizers: Mapping[str, Regularizer],
    ramps: Ramps,
    progress: float,
    size: int,
    device: torch.device = CPU,
) -> Hypers:
    """Return hyper-parameters with the ramped ones as they are at a share of training, float64 `[S]`.

    Those of a single network are 0-d. Before a ramp begins and where it has ended, a value that all networks have is a
    plain number, as without a ramp: what is switched off is then bit-identical to what is absent.
    """
    if not ramps:
        return hypers
    now = {name: dict(fields) for name, fields in hypers.items()}
    for name, fields in ramps.items():
        given = replace(regularizers[name], **now.get(name, {}))
        values = ramp_regularizers({name: given}, {name: fields}, progress)[name]
        for field, ramp in fields.items():
            value, rise = getattr(values, field), ramp.rise(progress)
            if rise == 0.0:
                value = hyper_fields(type(given), vars(given))[field].off
            elif rise < 1.0 and not isinstance(value, Tensor):
                value = torch.tensor(value, dtype=torch.float64, device=device).expand((size,) if size > 1 else ())
            now.setdefault(name, {})[field] = value
    return now


def collect_hypers(networks: Sequence[Mapping[str, Regularizer]], device: torch.device = CPU) -> Hypers:
    """Stack the hyper-parameters in which networks with the same regularizers differ, float64 `[S]` each.

    Those that are the same in all stay plain numbers: a product with a number is quicker than one with a tensor.
    """
    hypers: Hypers = {}
    for name, regularizer in networks[0].items():
        for field in hyper_names(type(regularizer)):
            values = [float(getattr(own[name], field)) for own in networks]
            if len(set(values)) > 1:
                hypers.setdefault(name, {})[field] = torch.tensor(values, dtype=torch.float64, device=device)
    return hypers
