"""Figures that are not finite, and where the best epoch lies: what a run is marked as and what it is rolled back to."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from regbench.randomness import Randomness
from regbench.schedules.schedule import build_schedule
from regbench.training import train_step
from regbench.training.cohort import Cohort
from regbench.training.cohort_run import Observer, make_run
from regbench.training.fit import COMMIT_SECONDS, fit
from regbench.training.starts import Now
from regbench.training.tracking import Epoch, Track, begin_track, find_ending, follow
from tests.contract.conftest import Memory
from tests.unit.training.small_runs import Setting, draw_classes, make_setting, make_split, with_rate

NAN, INF = math.nan, math.inf
HUGE, HUGE_DOUBLE = 1e38, 1e307
"""Learning rates at which any step leaves float32, or float64."""
RATES = [0.01 * (number + 1) for number in range(8)]
STEPS = 3
"""Updates in an epoch of the small setting."""


def make_small(epochs: int = 5, **schedule: Any) -> Setting:
    split = make_split(*draw_classes(130, (5,), spread=1.5), val=40, test=20)
    regularizers: dict[str, dict[str, Any]] = {"batch_norm": {}, "dropout": {}, "ema": {}}
    settings = {"epochs": epochs, "batch_size": 24, "optimizer": {"name": "adam", "lr": 0.05}, **schedule}
    return make_setting(split, {"name": "mlp", "widths": [8]}, regularizers, **settings)


def train_cohort(setting: Setting, rates: Sequence[float]) -> list[Memory]:
    """Train one run for each learning rate, side by side, committed after every epoch."""
    sinks = [Memory() for _ in rates]
    runs = [
        with_rate(make_run(setting.spec, seed, sink), rate)
        for seed, (rate, sink) in enumerate(zip(rates, sinks, strict=True))
    ]
    ticks = itertools.count(0.0, COMMIT_SECONDS)
    with torch.no_grad():
        fit(setting.spec, runs, [setting.data], Observer(clock=lambda: next(ticks)))
    return sinks


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str], None]:
    """Return what lets the objective, or only one gradient, be NaN at one update of every run."""

    def install(update: int, part: str) -> None:
        real = train_step.gradients_of

        def poisoned(cohort: Cohort, now: Now) -> Any:
            gradients, report = real(cohort, now)
            moment = now.moment
            if moment.update != update:
                return gradients, report
            if part == "objective":
                return gradients, report._replace(objective=report.objective * NAN)
            return torch.cat([gradients[:, :1] * NAN, gradients[:, 1:]], 1), report

        monkeypatch.setattr(train_step, "gradients_of", poisoned)
        monkeypatch.setenv("REGBENCH_TAPES", "off")

    return install


# -- one run of a cohort diverges ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 3, 7])
def test_neighbours_of_a_diverged_run_are_untouched_bit_for_bit(place: int) -> None:
    # The other group loses the same run in the same epoch, in good health: its weights stand still, which ends it.
    setting = make_small(stop={"name": "weight_change", "epsilon": 1e-9})
    diverged, still = (train_cohort(setting, replaced(RATES, place, rate)) for rate in (HUGE, 1e-15))
    assert diverged[place].result["status"] == "diverged"
    assert still[place].result["status"] == "stopped_early"
    assert len(diverged[place].rows) == len(still[place].rows) == 1, "both leave the stack"
    for mine, theirs in zip(without(diverged, place), without(still, place), strict=True):
        assert mine.rows == theirs.rows
        assert {**mine.result, "seconds": None} == {**theirs.result, "seconds": None}
        assert all(torch.equal(mine.final[name], tensor) for name, tensor in theirs.final.items())


def test_neighbours_of_a_diverged_run_end_where_they_end_in_a_healthy_cohort() -> None:
    setting = make_small(precision="float64")
    diverged, healthy = train_cohort(setting, replaced(RATES, 3, HUGE_DOUBLE)), train_cohort(setting, RATES)
    assert diverged[3].result["status"] == "diverged"
    for mine, theirs in zip(without(diverged, 3), without(healthy, 3), strict=True):
        assert mine.rows[0] == theirs.rows[0], "up to the epoch in which it leaves, bit for bit"
        for name, tensor in theirs.final.items():  # later a smaller stack may round differently
            assert torch.allclose(mine.final[name], tensor, rtol=1e-9, atol=1e-11), name


def replaced(rates: Sequence[float], place: int, rate: float) -> list[float]:
    return [*rates[:place], rate, *rates[place + 1 :]]


def without(sinks: Sequence[Memory], place: int) -> list[Memory]:
    return [sink for number, sink in enumerate(sinks) if number != place]


# -- where a diverged run is rolled back to --------------------------------------------------------------------------


def test_run_that_diverges_at_once_is_rolled_back_to_its_initial_weights() -> None:
    setting = make_small()
    (sink,) = train_cohort(setting, [HUGE])
    assert sink.result["status"] == "diverged"
    assert sink.result["best_epoch"] == sink.result["rolled_back_to"] == 0
    initial = setting.spec.network.initial_weights(Randomness(0), setting.spec.dtype)
    assert all(torch.equal(sink.best[name], weight) for name, weight in initial.items())


@pytest.mark.parametrize("part", ["objective", "gradient"])
@pytest.mark.parametrize("runs", [1, 3])
def test_run_that_diverges_later_is_rolled_back_to_its_best_epoch(
    poison: Callable[[int, str], None], part: str, runs: int
) -> None:
    setting = make_small(epochs=6)
    healthy = train_cohort(setting, RATES[:runs])
    poison(3 * STEPS + 1, part)
    for rate, sink, clean in zip(RATES, train_cohort(setting, RATES[:runs]), healthy, strict=False):
        assert sink.result["status"] == "diverged"
        assert sink.result["stopping"]["reason"] == (
            "the objective or the gradient was not finite at epoch 4, step 2; "
            f"schedule.optimizer.lr={rate:g} may be too high"
        )
        assert sink.rows[:3] == clean.rows[:3]
        assert len(sink.rows) == 4
        best = lowest([row["val_loss"] for row in clean.rows[:3]])
        assert sink.result["best_epoch"] == sink.result["rolled_back_to"] == best
        assert_holds(sink.best, clean, best)
        kept = [tensor for name, tensor in sink.final.items() if not name.startswith("optimizer.")]
        assert all(tensor.isfinite().all() for tensor in kept), "weights, norm statistics and averages stay finite"


def lowest(values: Sequence[float]) -> int:
    """Return the epoch of the smallest value, the first one if tied; an oracle that knows nothing of the rules."""
    return 1 + min(range(len(values)), key=lambda place: (values[place], place))


def assert_holds(best: Mapping[str, Tensor], run: Memory, epoch: int) -> None:
    """Require that these are the averaged weights, which evaluation sees, as a run had them after an epoch."""
    committed = run.commits[epoch - 1][0]
    assert all(torch.equal(tensor, committed[f"state.ema.{name}"][0]) for name, tensor in best.items())


def test_validation_rows_that_give_no_figure_leave_no_best_epoch() -> None:
    setting = make_small()
    watched = setting.data.watched._replace(x=setting.data.watched.x.clone())
    watched.x[setting.data.watched_ends[0] :] = NAN
    blind = dataclasses.replace(setting, data=dataclasses.replace(setting.data, watched=watched))
    (sink,) = train_cohort(blind, [0.01])
    assert [math.isnan(row["val_loss"]) for row in sink.rows] == [True] * 5
    assert sink.result["status"] == "diverged"
    assert sink.result["stopping"]["reason"] == "val_loss was never finite"
    assert sink.result["rolled_back_to"] == 0


# -- which epoch is best ---------------------------------------------------------------------------------------------

COURSES: list[tuple[str, list[float], dict[str, Any], tuple[str, int, int]]] = [
    # validation losses, epoch by epoch; rule; status, best epoch, last epoch
    ("best is the first", [1, 2, 3, 4, 5], {"patience": 3}, ("stopped_early", 1, 4)),
    ("best is the last", [5, 4, 3, 2, 1], {"patience": 3}, ("complete", 5, 5)),
    ("best in the middle, all epochs done", [5, 1, 3, 4, 2], {"patience": 4}, ("complete", 2, 5)),
    ("tied", [3, 2, 2, 2, 2], {"patience": 2}, ("stopped_early", 2, 4)),
    ("patience 1", [3, 2, 4, 1, 1], {"patience": 1}, ("stopped_early", 2, 3)),
    ("min_delta ends it, lowest counts", [3, 2.9, 2.8, 0], {"patience": 2, "min_delta": 1}, ("stopped_early", 3, 3)),
    ("NaN first", [NAN, 3, 2, 1, 4], {"patience": 2}, ("complete", 4, 5)),
    ("NaN in the middle", [3, NAN, 2, 4, 5], {"patience": 3}, ("complete", 3, 5)),
    ("NaN uses up patience", [3, NAN, NAN, 1, 1], {"patience": 2}, ("stopped_early", 1, 3)),
    ("infinite first", [INF, -INF, 2, 1, 3], {"patience": 3}, ("complete", 4, 5)),
    ("NaN last", [3, 2, 1, NAN, NAN], {"patience": 3}, ("complete", 3, 5)),
    ("always NaN", [NAN] * 5, {"patience": 9}, ("diverged", 0, 5)),
    ("always infinite", [INF] * 5, {"patience": 2}, ("diverged", 0, 2)),
]


@pytest.mark.parametrize(("losses", "rule", "expected"), [c[1:] for c in COURSES], ids=[c[0] for c in COURSES])
def test_best_epoch_status_and_last_epoch(
    losses: list[float], rule: dict[str, Any], expected: tuple[str, int, int]
) -> None:
    stop = build_schedule({"stop": {"name": "metric", "monitor": "val_loss", **rule}}).stop
    track, status = begin_track(stop), None
    for epoch, loss in enumerate(losses, start=1):
        done = Epoch(row={"epoch": epoch, "val_loss": loss}, seconds=0.1, effects={}, diverged=None)
        track = again(follow(track, done, stop, "val_loss"))
        end = find_ending(track, stop, len(losses), "val_loss")
        if end is not None:
            status = end.state.value
            break
    assert (status, track.best_epoch, track.epoch) == expected


def again(track: Track) -> Track:
    """Return a track as it comes back from a checkpoint."""
    return Track.from_json(json.loads(json.dumps(track.to_json())))


RULES: dict[str, dict[str, Any]] = {
    "none": {"name": "none"},
    "patience 1": {"name": "metric", "monitor": "val_loss", "patience": 1},
    "patience 2": {"name": "metric", "monitor": "val_loss", "patience": 2},
    "weights stand still": {"name": "weight_change", "epsilon": 1.0},
}


@pytest.mark.parametrize("rule", RULES)
def test_whatever_ends_training_the_best_epochs_weights_are_restored(rule: str) -> None:
    setting = make_small(epochs=8, stop=RULES[rule])
    for sink in train_cohort(setting, [0.01, 0.05, 0.3]):
        best = lowest([row["val_loss"] for row in sink.rows])
        assert sink.result["best_epoch"] == sink.result["rolled_back_to"] == best
        assert_holds(sink.best, sink, best)
        assert sink.result["best"]["val"]["loss"] == pytest.approx(sink.rows[best - 1]["val_loss"], rel=1e-5)
        assert sink.result["last"]["val"]["loss"] == pytest.approx(sink.rows[-1]["val_loss"], rel=1e-5)
