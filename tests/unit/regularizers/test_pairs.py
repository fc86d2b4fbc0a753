"""Two regularizers together reach the optimum of the problem that both state, on a convex problem.

Least squares with a bias: mean (y − Xw − b)² + s₁|w|₁ + ½ s₂‖w‖² subject to ‖w‖ ≤ r. What each regularizer adds to s₁,
s₂ and r, or that it adds nothing, is its row of `ADDS`; the optimum is found by a solver of this file, not regbench's.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from regbench.errors import ConfigError
from tests.unit.training.small_runs import make_setting, make_split, train_alone

ROWS, COLUMNS = 60, 6

SETTINGS: dict[str, dict[str, object]] = {
    "l1": {"strength": 0.3},
    "l2": {"strength": 0.2},
    "elastic_net": {"strength": 0.4, "l1_ratio": 0.5},
    "weight_decay": {"strength": 0.15},
    "max_norm": {"radius": 1.1, "scope": "layer"},
    "lp": {"strength": 0.1, "p": 2.0},
    "ema": {"decay": 0.5},
    "gradient_clipping": {"limit": 0.8},
}
ADDS: dict[str, tuple[float, float, float]] = {
    "l1": (0.3, 0.0, math.inf),
    "l2": (0.0, 0.2, math.inf),
    "elastic_net": (0.2, 0.2, math.inf),
    "weight_decay": (0.0, 0.15, math.inf),
    "max_norm": (0.0, 0.0, 1.1),
    "lp": (0.0, 0.2, math.inf),
    "ema": (0.0, 0.0, math.inf),
    "gradient_clipping": (0.0, 0.0, math.inf),
}
"""Weight of |w|₁, weight of ½‖w‖² and radius that each adds; decay by lr · strength · w is an L2 penalty under SGD."""

EXCLUDED = {("l1", "elastic_net"), ("l1", "gradient_clipping"), ("elastic_net", "gradient_clipping")}


def draw_problem() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    generator = np.random.default_rng(3)
    x = generator.standard_normal((ROWS, COLUMNS))
    return x, x @ np.array([1.5, -1.0, 0.5, 0.05, 0.0, -0.6]) + 0.7 + 0.1 * generator.standard_normal(ROWS)


def solve(l1: float, l2: float, radius: float) -> NDArray[np.float64]:
    """Return the optimal w by proximal gradient steps with a small rate, until nothing moves."""
    x, y = draw_problem()
    w, b, rate = np.zeros(COLUMNS), 0.0, 0.1
    for _ in range(2_000):
        error = x @ w + b - y
        b -= rate * 2.0 * error.mean()
        moved = w - rate * (2.0 * x.T @ error / ROWS + l2 * w)
        moved = np.sign(moved) * np.maximum(np.abs(moved) - rate * l1, 0.0)
        w = moved * min(1.0, radius / max(float(np.linalg.norm(moved)), 1e-300))
    return w


def fit(*names: str) -> NDArray[np.float64]:
    """Return the weights that regbench ends with."""
    x, y = draw_problem()
    split = make_split(np.concatenate([x, x[:2]]), np.concatenate([y, y[:2]]), test=2)
    schedule = {"optimizer": {"name": "sgd", "lr": 0.15}, "batch_size": "full", "epochs": 200, "precision": "float64"}
    model = {"name": "linear", "initialisation": "zeros"}
    setting = make_setting(split, model, {name: SETTINGS[name] for name in names}, **schedule)
    return train_alone(setting).best["linear.weight"].numpy()[0]


@pytest.mark.matrix(cases=4)
@pytest.mark.parametrize("names", [(), *((name,) for name in SETTINGS)], ids=lambda names: "+".join(names) or "none")
def test_alone_each_reaches_the_optimum_of_its_own_problem(names: tuple[str, ...]) -> None:
    l1, l2, radius = ADDS[names[0]] if names else (0.0, 0.0, math.inf)
    np.testing.assert_allclose(fit(*names), solve(l1, l2, radius), atol=1e-8)


@pytest.mark.matrix(cases=7)
@pytest.mark.parametrize("pair", list(combinations(SETTINGS, 2)), ids="+".join)
def test_together_two_reach_the_optimum_of_their_joint_problem(pair: tuple[str, str]) -> None:
    if pair in EXCLUDED:
        with pytest.raises(ConfigError, match="excludes"):
            fit(*pair)
        return
    (first1, first2, radius1), (second1, second2, radius2) = (ADDS[name] for name in pair)
    joint = solve(first1 + second1, first2 + second2, min(radius1, radius2))
    np.testing.assert_allclose(fit(*pair), joint, atol=1e-8)
