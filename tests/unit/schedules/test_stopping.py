"""Stopping rules: expected epochs by hand, best epochs, resumption."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.errors import ConfigError
from regbench.metrics import MONITORED, find_metric
from regbench.schedules.stopping import (
    RULES,
    Decision,
    LargestChange,
    Metric,
    Never,
    Observation,
    StopRule,
    StopState,
    WeightChange,
    better,
    check_monitor,
    needs_validation,
    ranking,
)

NAN, INF = math.nan, math.inf


@dataclass
class Trace:
    """What a curve of values led to: the epoch of the stop, the best epoch, the scale after each epoch."""

    stop: int | None = None
    best: int | None = None
    reason: str | None = None
    scales: list[float] = field(default_factory=list)


def observe_all(rule: StopRule, values: Sequence[float], *, resume_at: int = -1) -> Trace:
    """Feed one value an epoch until the rule stops; at `resume_at` the state goes through strict JSON."""
    trace, state, best = Trace(), rule.begin(), None
    column, rank = rule.watches or "val_loss", ranking(rule, has_validation=True)
    for epoch, value in enumerate(values, start=1):
        if epoch == resume_at:
            state = StopState.from_json(json.loads(json.dumps(state.to_json(), allow_nan=False)))
        state, decision = rule.observe(state, Observation(epoch, {column: value}))
        trace.scales.append(decision.lr_scale)
        if rank == column and better(rank, value, best):
            best, trace.best = value, epoch
        if decision.stop:
            trace.stop, trace.reason = epoch, decision.reason
            break
    return trace


def loss(**fields: Any) -> Metric:
    return Metric(**{"patience": 3, **fields})


def accuracy(**fields: Any) -> Metric:
    return loss(monitor="val_accuracy", **fields)


# name: (rule, one value an epoch, epoch of the stop, best epoch); counted by hand
TABLE: dict[str, tuple[Metric, list[float], int | None, int | None]] = {
    "best first": (loss(), [1, 2, 3, 4, 5], 4, 1),
    "best last": (loss(), [5, 4, 3, 2, 1], None, 5),
    "best in the middle": (loss(), [3, 2, 1, 2, 2, 2, 0], 6, 3),
    "improves in the last epoch of patience": (loss(), [1, 2, 2, 0.5, 2, 2, 2], 7, 4),
    "tied: the earlier one": (loss(), [2, 1, 1, 1, 1, 1], 5, 2),
    "never improves": (loss(), [1, 1, 1, 1, 1], 4, 1),
    "patience 1": (loss(patience=1), [3, 2, 2, 1], 3, 2),
    "patience 1, falling": (loss(patience=1), [3, 2, 1], None, 3),
    "patience longer than the run": (loss(patience=9), [1, 2, 3, 4], None, 1),
    "NaN first": (loss(), [NAN, NAN, 3, 2, 4, 4, 4], 7, 4),
    "NaN in the middle": (loss(), [3, NAN, 2, NAN, NAN, NAN, 1], 6, 3),
    "NaN always": (loss(), [NAN] * 6, 3, None),
    "inf first": (loss(), [INF, 3, 4, 4, 4], 5, 2),
    "inf always": (loss(), [INF] * 6, 3, None),
    "minus infinity is no loss": (loss(), [1, -INF, -INF, -INF], 4, 1),
    "negative losses": (loss(), [-1, -2, -1.5, -1, -1], 5, 2),
    "accuracy rises": (accuracy(), [0.1, 0.2, 0.3, 0.4, 0.5], None, 5),
    "accuracy falls": (accuracy(), [0.5, 0.4, 0.3, 0.2, 0.1], 4, 1),
    "accuracy infinite": (accuracy(), [0.5, INF, INF, INF], 4, 1),
    "mse rises": (loss(monitor="val_mse"), [1, 2, 3, 4, 5], 4, 1),
    "min_delta: small steps are misses": (loss(min_delta=0.5), [4, 3.75, 3.625, 3.5, 1], 4, 4),
    "min_delta: small steps add up": (loss(min_delta=0.5), [4, 3.75, 3.25, 3, 2.5, 2.5, 2.5, 2.5], 8, 5),
    "min_delta: exactly so much is a miss": (loss(min_delta=0.5), [4, 3.5, 3.5, 3.5, 3], 4, 2),
    "min_delta, accuracy": (accuracy(min_delta=0.25), [0.25, 0.5, 0.5, 0.5], 4, 2),
    "min_epochs: misses before do not count": (loss(min_epochs=4), [1, 2, 2, 2, 2, 2, 2, 2], 7, 1),
    "min_epochs: a best before counts": (loss(min_epochs=4), [5, 5, 1, 2, 0.5, 2, 2, 2], 8, 5),
    "reduce once": (loss(reduce_lr=1), [1] * 10, 7, 1),
    "reduce twice": (loss(reduce_lr=2), [1] * 12, 10, 1),
    "reduce twice, patience 1": (loss(reduce_lr=2, patience=1), [1] * 12, 4, 1),
    "reduced, then better": (loss(reduce_lr=1), [2, 2, 2, 2, 1, 1, 1, 1, 1], 8, 5),
}


@pytest.mark.parametrize("case", TABLE)
def test_stops_and_finds_the_best_where_expected(case: str) -> None:
    rule, values, stop, best = TABLE[case]
    trace = observe_all(rule, values)
    assert (trace.stop, trace.best) == (stop, best)


@pytest.mark.parametrize("case", TABLE)
def test_resumed_at_any_epoch_it_decides_the_same(case: str) -> None:
    rule, values, _, _ = TABLE[case]
    straight = observe_all(rule, values)
    for epoch in range(1, len(values) + 1):
        assert observe_all(rule, values, resume_at=epoch) == straight


@pytest.mark.parametrize("case", TABLE)
def test_a_rule_that_has_stopped_stays_stopped_when_resumed(case: str) -> None:
    rule, values, stop, _ = TABLE[case]
    state, decision = rule.begin(), Decision()
    for epoch, value in enumerate(values[:stop], start=1):
        state, decision = rule.observe(state, Observation(epoch, {rule.column: value}))
    restored = StopState.from_json(json.loads(json.dumps(state.to_json())))
    assert restored == state
    assert rule.decide(restored) == decision
    assert decision.stop is (stop is not None)
    if stop is not None:
        wonderful = Observation(stop + 1, {rule.column: 1e9 if find_metric(rule.column).higher_is_better else -1e9})
        assert rule.observe(restored, wonderful) == (state, decision)


def test_the_rate_is_lowered_r_times_and_stays_low() -> None:
    trace = observe_all(loss(patience=2, reduce_lr=2, reduce_factor=0.5), [3, 3, 3, 2, 2, 2, 1, 1, 1])
    assert trace.scales == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    assert trace.stop == 9


@given(
    values=st.lists(st.floats(width=16), max_size=30),
    patience=st.integers(1, 4),
    reduce_lr=st.integers(0, 3),
    min_delta=st.floats(0, 2),
)
def test_any_curve_survives_json_and_stops_no_earlier_than_its_patience(
    values: list[float], patience: int, reduce_lr: int, min_delta: float
) -> None:
    rule = loss(patience=patience, reduce_lr=reduce_lr, min_delta=min_delta)
    straight = observe_all(rule, values)
    assert straight.scales == sorted(straight.scales, reverse=True)
    assert all(observe_all(rule, values, resume_at=epoch) == straight for epoch in range(1, len(values) + 1))
    finite = [value for value in values[: straight.stop] if math.isfinite(value)]
    assert straight.best == (1 + values.index(min(finite)) if finite else None)
    if straight.stop is not None:
        assert straight.stop >= patience * (reduce_lr + 1)
        assert straight.reason is not None
        assert "\n" not in straight.reason


@pytest.mark.parametrize(
    ("rule", "values", "reason"),
    [
        (loss(), [0.25, 1, 1, 1], "val_loss has not improved for 3 epochs (last: 0.25 at epoch 1)"),
        (loss(patience=1), [1, 1], "val_loss has not improved for 1 epoch (last: 1 at epoch 1)"),
        (
            loss(min_delta=0.1),
            [1, 1, 1, 1],
            "val_loss has not improved by more than 0.1 for 3 epochs (last: 1 at epoch 1)",
        ),
        (loss(), [NAN] * 3, "val_loss was not finite for 3 epochs"),
        (
            accuracy(patience=1, reduce_lr=2),
            [0.5] * 4,
            "val_accuracy has not improved for 1 epoch (last: 0.5 at epoch 1), learning rate lowered 2 times before",
        ),
        (WeightChange(), [1e-4], "weight_change_l2 over 1 epoch stayed below 0.001 for 1 epoch"),
        (LargestChange(patience=2, lag=5), [0, 0], "weight_change_max over 5 epochs stayed below 0.0001 for 2 epochs"),
    ],
)
def test_the_reason_is_one_plain_line(rule: StopRule, values: list[float], reason: str) -> None:
    assert observe_all(rule, values).reason == reason


@pytest.mark.parametrize("kind", [WeightChange, LargestChange])
@pytest.mark.parametrize(
    ("fields", "values", "stop"),
    [
        ({}, [3, 2, 0.5, 0.1], 3),
        ({}, [3, 1, 1, 1], None),  # below means strictly below
        ({"patience": 3}, [0.5, 0.5, 2, 0.5, 0.5, 0.5], 6),  # in a row
        ({"patience": 2}, [0.5, NAN, 0.5, INF, 0.5, 0.5], 6),
        ({"min_epochs": 3}, [0.5] * 5, 4),
        ({"reduce_lr": 2}, [0.5] * 5, 3),
        ({"reduce_lr": 1, "patience": 2}, [0.5, 0.5, 0.5, 2, 0.5, 0.5], 6),
        ({}, [0.0], 1),
    ],
)
def test_weights_that_stand_still_stop_the_run(
    kind: type[WeightChange] | type[LargestChange], fields: dict[str, Any], values: list[float], stop: int | None
) -> None:
    rule = kind(epsilon=1.0, **fields)
    trace = observe_all(rule, values)
    assert trace.stop == stop
    assert all(observe_all(rule, values, resume_at=epoch) == trace for epoch in range(1, len(values) + 1))


def test_each_weight_rule_reads_its_own_norm() -> None:
    change = Observation(1, {"weight_change_l2": 1.0, "weight_change_max": 0.1, "val_loss": 0.0})
    for rule, stops in ((WeightChange(epsilon=0.5), False), (LargestChange(epsilon=0.5), True)):
        assert rule.observe(rule.begin(), change)[1].stop is stops


def test_epochs_without_weights_old_enough_do_not_count() -> None:
    rule = WeightChange(epsilon=1.0, lag=2)
    state, decision = rule.observe(rule.begin(), Observation(1, {}))
    assert not decision.stop
    assert state == rule.begin()
    assert rule.observe(state, Observation(2, {"weight_change_l2": 0.5}))[1].stop


def test_none_never_stops() -> None:
    assert observe_all(Never(), [NAN, INF, 1.0] * 50).stop is None
    assert Never().decide(Never().begin()) == Decision(stop=False, reason=None, lr_scale=1.0)


def test_lag_is_known_for_every_rule() -> None:
    assert [rule.lag for rule in (Never(), Metric(), WeightChange(), LargestChange(lag=7))] == [1, 1, 1, 7]


@pytest.mark.parametrize("monitor", MONITORED)
def test_better_is_strict_and_never_infinite(monitor: str) -> None:
    up = monitor.endswith(("accuracy", "f1", "auc", "r2"))
    assert better(monitor, 0.5, 0.25) is up
    assert better(monitor, 0.25, 0.5) is not up
    assert not better(monitor, 0.5, 0.5)
    assert better(monitor, 0.5, None)
    for bad in (NAN, INF, -INF):
        assert not better(monitor, bad, None)
        assert not better(monitor, bad, 0.5)


@pytest.mark.parametrize(
    ("rule", "with_validation", "needs"),
    [
        (Metric(), "val_loss", True),
        (Metric(monitor="val_accuracy"), "val_accuracy", True),
        (WeightChange(), "val_loss", False),
        (LargestChange(), "val_loss", False),
        (Never(), "val_loss", False),
    ],
)
def test_best_is_chosen_on_validation_and_is_the_last_without(
    rule: StopRule, with_validation: str, needs: bool
) -> None:
    assert ranking(rule, has_validation=True) == with_validation
    assert ranking(rule, has_validation=False) is None
    assert needs_validation(rule) is needs


def test_a_figure_that_is_not_measured_is_refused_before_training() -> None:
    columns = ["epoch", "val_loss", "val_mse"]
    check_monitor(Metric(monitor="val_mse"), columns)
    check_monitor(WeightChange(), [])
    with pytest.raises(ConfigError, match=r"monitor=val_accuracy is not measured here; .*val_loss, val_mse$"):
        check_monitor(Metric(monitor="val_accuracy"), columns)


@pytest.mark.parametrize("name", RULES)
def test_observing_changes_nothing_in_place(name: str) -> None:
    rule = RULES[name]()
    before = rule.begin()
    rule.observe(before, Observation(1, {"val_loss": 1.0, "weight_change_l2": 0.0, "weight_change_max": 0.0}))
    assert before == rule.begin() == replace(before)
