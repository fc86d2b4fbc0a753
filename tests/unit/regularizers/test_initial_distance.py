"""Distance from the initial weights: the quadratic problem's closed form, the ball, and the start kept on resume."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from regbench.errors import ConfigError
from regbench.randomness import Randomness
from regbench.regularizers.base import Params, State, Update
from regbench.regularizers.idle import explain_idle
from regbench.regularizers.initial_distance import InitialDistance
from regbench.regularizers.registry import build_regularizers
from tests.contract.conftest import assert_resumes, make_setting, train
from tests.unit.regularizers.stacked import assert_stacked_equals_alone, make_context, make_facts, make_rows
from tests.unit.training import small_runs
from tests.unit.training.small_runs import make_split, train_alone


def draw(*shape: int, seed: int = 4) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


START = {"a.weight": draw(4, 3), "a.bias": draw(4), "b.weight": draw(2, 4)}
NOW = {name: w + draw(*w.shape, seed=9) for name, w in START.items()}


def begin(own: InitialDistance, start: Params) -> State:
    return own.begin(start, make_rows(4, 3), make_context())


def test_the_penalty_is_half_the_squared_distance_with_gradient_strength_times_the_way() -> None:
    own = InitialDistance(strength=0.3)
    state = begin(own, START)
    leaves = {name: w.clone().requires_grad_() for name, w in NOW.items()}
    value = torch.as_tensor(own.penalty(leaves, make_context(state=state)))
    weights = ("a.weight", "b.weight")
    assert value.item() == pytest.approx(0.15 * sum((NOW[n] - START[n]).square().sum().item() for n in weights))
    slopes = torch.autograd.grad(value, [leaves[n] for n in weights])
    for name, slope in zip(weights, slopes, strict=True):
        torch.testing.assert_close(slope, 0.3 * (NOW[name] - START[name]))


def test_the_start_is_no_view_of_weights_that_training_changes_in_place() -> None:
    w = torch.ones(2, 2)
    state = begin(InitialDistance(), {"a.weight": w})
    w.add_(1.0)
    assert (state["a.weight"] == 1.0).all()


def test_a_layer_outside_its_ball_is_brought_onto_it_and_one_inside_stays_bit_for_bit() -> None:
    own = InitialDistance(form="ball", radius=2.0)
    now = {**NOW, "b.weight": START["b.weight"] + 0.1}
    assert (now["a.weight"] - START["a.weight"]).norm() > 2.0
    found, _ = own.after_update(Update(now, now, torch.tensor(0.1), {}), make_context(state=begin(own, START)))
    moved = found["a.weight"] - START["a.weight"]
    assert moved.norm().item() == pytest.approx(2.0, rel=1e-14)
    way = now["a.weight"] - START["a.weight"]
    torch.testing.assert_close(moved * way.norm(), way * 2.0)
    assert torch.equal(found["b.weight"], now["b.weight"])
    assert found["a.bias"] is now["a.bias"]
    still, _ = own.after_update(Update(START, START, torch.tensor(0.1), {}), make_context(state=begin(own, START)))
    assert all(torch.equal(still[name], w) for name, w in START.items()), "a weight that has not moved has no direction"


ROWS, COLUMNS = 40, 5
SCHEDULE: dict[str, Any] = {
    "batch_size": "full",
    "precision": "float64",
    "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True},
}


@pytest.mark.parametrize("strength", [0.05, 1.0])
def test_least_squares_ends_at_the_closed_form_around_its_start(strength: float) -> None:
    """Minimises mean (y − Xw − b)² + ½ λ‖w − w₀‖²; b is free."""
    generator = np.random.default_rng(7)
    x = generator.standard_normal((ROWS + 1, COLUMNS)) + 0.3
    y = x @ np.array([1.0, -2.0, 0.5, 0.0, 1.5]) + 1.0 + 0.3 * generator.standard_normal(ROWS + 1)
    model = {"name": "linear", "initialisation": "torch"}
    own = {"initial_distance": {"strength": strength}}
    setting = small_runs.make_setting(make_split(x, y), model, own, **SCHEDULE, epochs=600)
    w0 = setting.spec.network.initial_weights(Randomness(5), torch.float64)["linear.weight"].numpy()[0]
    assert np.abs(w0).max() > 0.1
    centred, target = x[:ROWS] - x[:ROWS].mean(0), y[:ROWS] - y[:ROWS].mean()
    left = 2 / ROWS * centred.T @ centred + strength * np.eye(COLUMNS)
    expected = np.linalg.solve(left, 2 / ROWS * centred.T @ target + strength * w0)
    found = train_alone(setting, seed=5).best["linear.weight"].numpy()[0]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_no_layer_of_a_run_leaves_its_ball() -> None:
    own = {"initial_distance": InitialDistance(form="ball", radius=0.05)}
    spec, data = make_setting(own, precision="float64")
    best = train(spec, data, [own], [3], [0.05])[0].best
    start = spec.network.initial_weights(Randomness(3), torch.float64)
    for name in ("hidden0.weight", "hidden1.weight", "output.weight"):
        assert (best[name] - start[name]).norm().item() == pytest.approx(0.05, rel=1e-9)


@pytest.mark.parametrize("own", [InitialDistance(strength=0.5), InitialDistance(form="ball", radius=0.05)])
def test_the_start_is_in_the_checkpoint(own: InitialDistance, committed_each_epoch: None) -> None:
    members = {"initial_distance": own}
    assert_resumes(*make_setting(members), members)


@pytest.fixture
def committed_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regbench.training.fit.COMMIT_SECONDS", 0.0)


def test_stacked_runs_with_their_own_radius_equal_runs_alone() -> None:
    def act(own: InitialDistance, random: object, w: Tensor) -> Tensor:
        weights = {"a.weight": w}
        update = Update(weights, weights, torch.tensor(0.1), {})
        return own.after_update(update, make_context(state={"a.weight": START["a.weight"]}))[0]["a.weight"]

    assert_stacked_equals_alone(InitialDistance(form="ball"), act, NOW["a.weight"], radius=(math.inf, 0.3, 2.0))


def test_a_radius_that_cannot_act_is_refused_and_an_infinite_one_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^regularizer initial_distance: radius=2 has no effect with form=penalty"):
        build_regularizers({"initial_distance": {"name": "initial_distance", "radius": 2.0}})
    facts = make_facts()
    assert explain_idle(InitialDistance(form="ball"), facts) == "form=ball has the radius inf"
    assert explain_idle(InitialDistance(strength=0.0, radius=2.0), facts) == "form=penalty has the strength 0"
    assert explain_idle(InitialDistance(), facts) is None
    assert explain_idle(InitialDistance(form="ball", radius=1.0), facts) is None
