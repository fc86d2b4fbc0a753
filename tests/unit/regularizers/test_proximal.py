"""Proximal penalties, which act on the weights after the step: what they cannot be combined with, and their slopes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from regbench.errors import ConfigError
from regbench.randomness import Randomness
from regbench.regularizers.elastic_net import ElasticNet
from regbench.regularizers.l1 import L1
from regbench.regularizers.registry import build_regularizers, load, names
from tests.unit.regularizers.stacked import make_context

SPARSE = ("l1", "elastic_net", "group_lasso")
WHOLE = ("adaptive_clipping", "gradient_clipping", "sam")


def members(*chosen: str, **settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {"name": name, **settings.get(name, {})} for name in chosen}


def test_these_are_all_that_act_apart_and_all_that_need_the_whole_gradient() -> None:
    classes = {name: load(name) for name in names()}
    both = {name for name, cls in classes.items() if "after_update" in vars(cls) and "penalty" in vars(cls)}
    assert both - {"initial_distance"} == {*SPARSE}, "initial_distance has one or the other"
    assert {name for name, cls in classes.items() if cls().acts_apart} == {*SPARSE}
    assert {name for name, cls in classes.items() if cls.needs_whole_gradient} == {*WHOLE}


@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("sparse", SPARSE)
def test_a_proximal_penalty_is_refused_where_the_whole_gradient_is_needed(sparse: str, whole: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        build_regularizers(members("dropout", sparse, whole))
    assert str(refusal.value) == (
        f"regularizer {whole} excludes {sparse} with method=proximal, whose penalty is not in the gradients; "
        f"take regularizer.{sparse}.method=subgradient"
    )
    given = members(sparse, whole, **{sparse: {"method": "subgradient"}})
    assert set(build_regularizers(given)) == {sparse, whole}


@pytest.mark.parametrize("scope", ["weights", "all"])
@pytest.mark.parametrize("kind", [L1, ElasticNet])
def test_the_subgradient_of_a_proximal_penalty_is_the_slope_of_what_it_reports(
    kind: type[L1 | ElasticNet], scope: str
) -> None:
    weights = {
        "a.weight": Randomness(1).normal((4, 3), torch.float64),
        "a.bias": Randomness(2).normal((4,), torch.float64),
    }
    own = kind(strength=0.3, scope=scope)
    slopes = own.subgradient(weights, make_context())
    assert set(slopes) == ({"a.weight", "a.bias"} if scope == "all" else {"a.weight"})
    for name, slope in slopes.items():
        for place in range(slope.numel()):
            ends = []
            for shift in (1e-6, -1e-6):
                moved = weights[name].clone()
                moved.view(-1)[place] += shift
                ends.append(own.penalty({**weights, name: moved}, make_context()))
            assert float(slope.view(-1)[place]) == pytest.approx(float(ends[0] - ends[1]) / 2e-6, rel=1e-6)
    assert kind(method="subgradient").subgradient(weights, make_context()) == {}
