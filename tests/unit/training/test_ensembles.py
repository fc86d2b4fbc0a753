"""Ensembles: their networks lie one after the other in a cohort, and their figures are by run."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from regbench.randomness import Randomness
from regbench.regularizers.bagging import Bagging
from regbench.regularizers.base import Params, Regularizer
from regbench.training.cohort_run import make_run
from regbench.training.stacked_runs import stack_runs
from tests.contract.conftest import Memory
from tests.unit.training.small_runs import Settings, train_alone, train_seeds
from tests.unit.training.test_protocol import Witness
from tests.unit.training.toys import EPOCHS, assert_cohort_equals_alone, make_toy_setting

MEMBERS = 3
BAGGED: dict[str, Settings | Regularizer] = {"bagging": {"members": MEMBERS}}
DOUBLE: dict[str, Any] = {"precision": "float64"}


def test_the_networks_of_a_run_are_one_axis_of_its_figures() -> None:
    spec = make_toy_setting(**BAGGED).spec
    assert spec.ensemble_size == MEMBERS
    assert spec.by_run(torch.arange(12)).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert spec.by_run(torch.zeros(6, 4, 2)).shape == (2, MEMBERS, 4, 2)
    alone = make_toy_setting().spec
    assert alone.ensemble_size == 1
    assert alone.by_run(torch.arange(4)).tolist() == [[0], [1], [2], [3]]


def test_a_cohort_holds_the_networks_of_each_run_one_after_the_other() -> None:
    setting = make_toy_setting(**BAGGED)
    cohort = stack_runs(setting.spec, [make_run(setting.spec, seed, Memory()) for seed in (4, 9)], [setting.data])
    assert cohort.size == 2 * MEMBERS
    assert len(set(cohort.seeds)) == 2 * MEMBERS
    assert cohort.spec.by_run(torch.tensor([seed % (1 << 32) for seed in cohort.seeds])).tolist() == [[4] * 3, [9] * 3]
    for place, seed in ((0, 4), (MEMBERS, 9)):
        first = setting.spec.network.initial_weights(Randomness(seed), torch.float32)
        assert all(torch.equal(cohort.weights[name][place], tensor) for name, tensor in first.items())


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"batch_norm": {}, "ema": {"decay": 0.5}, "dropout": {"rate": 0.3}},
        {"l1": {"method": "subgradient"}, "mixup": {}, "sam": {}},
        {"l1": {}},
    ],
    ids=["bagging", "stateful", "objective", "proximal"],
)
def test_three_bagged_runs_in_a_cohort_equal_them_alone(others: dict[str, Any]) -> None:
    # A large eps: Adam turns gradients that are rounding noise around zero into full steps.
    schedule = {**DOUBLE, "optimizer": {"name": "adam", "lr": 0.01, "eps": 1e-4}}
    for sink in assert_cohort_equals_alone(make_toy_setting(schedule=schedule, **BAGGED, **others)):
        assert sink.best["hidden0.weight"].shape == (MEMBERS, 24, 5)
        # A normalised layer has a scale and a shift in place of its bias.
        normed = 24 + 6 if "batch_norm" in others else 0
        assert sink.result["parameters"] == MEMBERS * (24 * 5 + 24 + 6 * 24 + 6 + 3 * 6 + 3 + normed)


def test_the_weight_norm_of_an_ensemble_is_that_of_all_its_networks_and_other_figures_are_means() -> None:
    setting = make_toy_setting(schedule={**DOUBLE, "epochs": 1}, **BAGGED, l2={"strength": 0.1})
    sink = train_alone(setting)
    weights: Params = sink.best
    total = sum(w.square().sum().item() for w in weights.values())
    assert sink.rows[0]["weight_norm"] == pytest.approx(total**0.5, rel=1e-12)
    assert sink.final["weights"].shape == (MEMBERS, sink.result["parameters"] // MEMBERS)


def test_a_single_member_is_the_run_without_bagging() -> None:
    one, none = train_alone(make_toy_setting(bagging=Bagging(members=1))), train_alone(make_toy_setting())
    assert all(torch.equal(one.best[name], tensor) for name, tensor in none.best.items())


def test_each_member_has_rows_and_numbers_of_its_own() -> None:
    """Seen from one run alone, whose members are stacked: their contexts hold the numbers of all of them."""
    witness = Witness()
    (sink,) = train_seeds(make_toy_setting(witness=witness, **BAGGED), [2])
    before = [ctx.random for stage, _, ctx in witness.seen if stage == "training_data"]
    assert len(set(before)) == len(before) == MEMBERS
    assert sink.final["state.witness.updates"].tolist() == [EPOCHS * 5] * MEMBERS
