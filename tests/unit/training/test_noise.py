"""Input noise on a linear model with squared loss is an L2 penalty in expectation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from regbench.randomness import Randomness
from tests.unit.training.small_runs import make_setting, make_split, train_alone

SIGMA, EPOCHS, ROWS, COLUMNS = 0.7, 400, 200, 5


@pytest.mark.parametrize("distribution", ["gaussian", "uniform", "laplace"])
def test_expected_loss_gains_variance_times_squared_weights(distribution: str) -> None:
    """E[(ỹ−y)²] = E[(ŷ−y)²] + σ²Σw², within 3 standard errors; the rate is too small to move the weights."""
    generator = np.random.default_rng(8)
    x = generator.standard_normal((ROWS + 1, COLUMNS))
    split = make_split(x, x.sum(1) + generator.standard_normal(ROWS + 1))
    setting = make_setting(
        split,
        {"name": "linear", "initialisation": "he_normal"},
        {"input_noise": {"strength": SIGMA, "distribution": distribution}},
        epochs=EPOCHS,
        batch_size="full",
        precision="float64",
        optimizer={"name": "sgd", "lr": 1e-30},
    )
    sink = train_alone(setting)
    weight = setting.spec.network.initial_weights(Randomness(0), torch.float64)["linear.weight"]
    assert torch.equal(sink.best["linear.weight"], weight)
    noisy = np.array([row["objective"] for row in sink.rows])
    clean = sink.rows[0]["train_loss"]
    standard_error = noisy.std(ddof=1) / np.sqrt(EPOCHS)
    penalty = SIGMA**2 * float(weight.square().sum())
    assert penalty > 30 * standard_error, "too few draws to tell the penalty from none"
    assert abs(noisy.mean() - clean - penalty) <= 3 * standard_error
