"""Stopping rules: pure state machines that look at one epoch after another and say when to stop.

`begin` gives the state before the first epoch, `observe` the next state and the decision; the whole decision follows
from the state (`decide`), so a resumed run that had stopped knows it without training again.

The *best* epoch is kept apart from the rule and with no margin: `ranking` names its column, `better` compares. So
whatever ended training, the same epoch is rolled back to, and min_delta never costs the better weights.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from regbench.config.fields import choice, integer, number
from regbench.errors import ConfigError, suggest
from regbench.metrics import BY_METRIC, MONITORED, find_metric, monitored_column


@dataclass(frozen=True)
class Observation:
    """Figures of one epoch: its number, the first being 1, and its columns by name.

    `weight_change_l2` and `weight_change_max` compare with the weights `rule.lag` epochs ago (the initial weights
    count as epoch 0); they are left out while there are none so old.
    """

    epoch: int
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class StopState:
    """Memory of a rule between epochs.

    `misses` counts the epochs in a row that speak for stopping: without improvement or, for the weight rules, with
    too small a change. `best_value` is the last *improvement* (by more than min_delta), always finite or None.
    """

    best_value: float | None = None
    best_epoch: int | None = None
    misses: int = 0
    reductions: int = 0
    reason: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the state as a mapping that strict JSON can hold; `from_json` gives exactly this state back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> StopState:
        """Return the state that `to_json` described."""
        return cls(**values)


@dataclass(frozen=True)
class Decision:
    """Decision about the next epoch: stop and why, else the factor of the learning rate (1.0: as the curve)."""

    stop: bool = False
    reason: str | None = None
    lr_scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class StopRule(ABC):
    """Rule that ends training before the last epoch of the schedule."""

    name: ClassVar[str]

    @property
    def watches(self) -> str | None:
        """The column of the observation that the rule looks at; None: no column."""
        return None

    @property
    def lag(self) -> int:
        """The k of w_t − w_{t−k}, in epochs."""
        return 1

    def begin(self) -> StopState:
        """Return the state before the first epoch."""
        return StopState()

    @abstractmethod
    def observe(self, state: StopState, observation: Observation) -> tuple[StopState, Decision]:
        """Return the state after one more epoch and what it decides; a state that has stopped stays as it is."""

    @abstractmethod
    def decide(self, state: StopState) -> Decision:
        """Return the decision that a state stands for, for example one read from a checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Never(StopRule):
    """No early stopping: training ends after the schedule's last epoch."""

    name: ClassVar[str] = "none"

    def observe(self, state: StopState, observation: Observation) -> tuple[StopState, Decision]:
        """Return the state as it is, and go on."""
        return state, self.decide(state)

    def decide(self, state: StopState) -> Decision:
        """Go on at the curve's rate."""
        return Decision()


@dataclass(frozen=True, kw_only=True)
class PatientRule(StopRule):
    """A rule that stops after exactly `patience` epochs in a row that speak for it (misses ≥ patience).

    If reduce_lr = r > 0, the first r times the patience is used up the learning rate is multiplied by reduce_factor
    and counting begins anew; the next time, training stops. Reductions are never given back.
    """

    patience: int = integer(10, low=1, help="epochs in a row that speak for stopping before it stops")
    min_epochs: int = integer(0, low=0, help="no epoch up to this one counts; 0 counts all")
    reduce_lr: int = integer(0, low=0, help="how often the learning rate is lowered before it stops; 0 is off")
    reduce_factor: float = number(0.1, low=0.0, high=1.0, open_low=True, open_high=True, help="each lowering's factor")

    def observe(self, state: StopState, observation: Observation) -> tuple[StopState, Decision]:
        """Count the epoch, then lower the rate or stop if the patience is used up."""
        if state.reason is None:
            state = self._spend(self._count(state, observation))
        return state, self.decide(state)

    def decide(self, state: StopState) -> Decision:
        """Stop if the state has a reason; the rate is reduce_factor to the power of the reductions so far."""
        return Decision(state.reason is not None, state.reason, self.reduce_factor**state.reductions)

    def _spend(self, state: StopState) -> StopState:
        if state.misses < self.patience:
            return state
        if state.reductions < self.reduce_lr:
            return replace(state, misses=0, reductions=state.reductions + 1)
        lowered = f", learning rate lowered {times(self.reduce_lr, 'time')} before" if self.reduce_lr else ""
        return replace(state, reason=self._explain(state) + lowered)

    @abstractmethod
    def _count(self, state: StopState, observation: Observation) -> StopState:
        """Return the state with this epoch counted."""

    @abstractmethod
    def _explain(self, state: StopState) -> str:
        """Say in a few words why training stops in this state."""


@dataclass(frozen=True, kw_only=True)
class Metric(PatientRule):
    """Stop when a validation figure has not improved for `patience` epochs.

    An epoch improves if its value is finite and beats the last improvement by more than min_delta: value <
    best − min_delta for a loss or an error, value > best + min_delta for an accuracy. A tie, NaN or inf is a miss.

    Source: Prechelt 1998, "Early stopping - but when?"; the patience form of Goodfellow et al. 2016, algorithm 7.1.
    """

    name: ClassVar[str] = "metric"
    monitor: str = choice(
        *MONITORED, BY_METRIC, help="the figure; metric: the one that the setting metric names, else the loss"
    )
    min_delta: float = number(0.0, low=0.0, help="what an improvement must exceed, in the figure's own unit; 0 is off")

    @property
    def watches(self) -> str | None:
        """The monitored figure."""
        return self.column

    @property
    def column(self) -> str:
        """The column of the monitored figure."""
        return monitored_column(self.monitor, None)

    def _count(self, state: StopState, observation: Observation) -> StopState:
        value = observation.values[self.column]
        if better(self.column, value, state.best_value, self.min_delta):
            return replace(state, best_value=value, best_epoch=observation.epoch, misses=0)
        return replace(state, misses=state.misses + (observation.epoch > self.min_epochs))

    def _explain(self, state: StopState) -> str:
        waited = times(self.patience, "epoch")
        if state.best_value is None:
            return f"{self.column} was not finite for {waited}"
        margin = f" by more than {self.min_delta:g}" if self.min_delta else ""
        return (
            f"{self.column} has not improved{margin} for {waited} "
            f"(last: {state.best_value:.6g} at epoch {state.best_epoch})"
        )


@dataclass(frozen=True, kw_only=True)
class ChangeRule(PatientRule):
    """Stop when the weights have moved by less than epsilon over `lag` epochs, `patience` epochs in a row.

    The measure is absolute, not relative to the size of the weights. Any small step looks like convergence: with a
    warm-up, a falling curve or a lowered learning rate choose min_epochs and epsilon accordingly.
    """

    patience: int = integer(1, low=1, help="epochs in a row with too small a change before it stops")
    epsilon: float = number(1e-3, low=0.0, open_low=True, help="the change below which the weights stand still")
    lag: int = integer(1, low=1, help="epochs k between the weights compared; k copies of them are kept")

    def _count(self, state: StopState, observation: Observation) -> StopState:
        change = observation.values.get(self.watches or "", math.nan)
        small = change < self.epsilon and observation.epoch > self.min_epochs  # NaN is not small
        return replace(state, misses=state.misses + 1 if small else 0)

    def _explain(self, state: StopState) -> str:
        span = f"over {times(self.lag, 'epoch')}"
        return f"{self.watches} {span} stayed below {self.epsilon:g} for {times(self.patience, 'epoch')}"


@dataclass(frozen=True, kw_only=True)
class WeightChange(ChangeRule):
    """Stop when ‖w_t − w_{t−k}‖₂ < epsilon over all parameters, `patience` epochs in a row."""

    name: ClassVar[str] = "weight_change"

    @property
    def watches(self) -> str | None:
        """The L2 norm of the change."""
        return "weight_change_l2"


@dataclass(frozen=True, kw_only=True)
class LargestChange(ChangeRule):
    """Stop when max_i |w_t,i − w_{t−k},i| < epsilon over all parameters, `patience` epochs in a row."""

    name: ClassVar[str] = "largest_change"
    epsilon: float = number(1e-4, low=0.0, open_low=True, help="the change below which the weights stand still")

    @property
    def watches(self) -> str | None:
        """The largest component of the change."""
        return "weight_change_max"


RULES: dict[str, type[StopRule]] = {kind.name: kind for kind in (Never, Metric, WeightChange, LargestChange)}


def better(monitor: str, candidate: float, incumbent: float | None, margin: float = 0.0) -> bool:
    """Tell whether a value beats the best so far by more than a margin ≥ 0; None means that there is none so far.

    Ties keep the earlier epoch. NaN and ±inf are never better, and any finite value beats None.
    """
    if not math.isfinite(candidate):
        return False
    if incumbent is None:
        return True
    return candidate > incumbent + margin if find_metric(monitor).higher_is_better else candidate < incumbent - margin


def ranking(rule: StopRule, has_validation: bool) -> str | None:
    """Return the column by which the best epoch is chosen: the rule's own figure, else the validation loss.

    None: the data set has no validation part, and the last epoch counts as the best.
    """
    if not has_validation:
        return None
    return rule.column if isinstance(rule, Metric) else "val_loss"


def needs_validation(rule: StopRule) -> bool:
    """Tell whether the rule looks at a validation figure, so that a data set without validation part is refused."""
    return isinstance(rule, Metric)


def check_monitor(rule: StopRule, measured: Collection[str]) -> None:
    """Refuse a rule whose figure this task does not measure, such as val_accuracy on a regression.

    Raises:
        ConfigError: the monitored column is none of the measured ones.
    """
    if isinstance(rule, Metric) and rule.column not in measured:
        raise ConfigError(f"schedule.stop.monitor={rule.column} is not measured here; {suggest(rule.column, measured)}")


def times(count: int, noun: str) -> str:
    """Return a count with its noun: `1 epoch`, `3 epochs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
