"""Elastic net without its second shrinkage: on an orthonormal design it is the lasso."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from regbench.errors import ConfigError
from regbench.regularizers.elastic_net import ElasticNet
from tests.contract import conftest as contract
from tests.unit.regularizers.stacked import make_context, make_facts
from tests.unit.training.small_runs import make_setting, make_split, train_alone

ROWS, COLUMNS = 40, 6
STRENGTH, RATIO = 0.8, 0.4
SCHEDULE: dict[str, Any] = {
    "epochs": 200,
    "batch_size": "full",
    "precision": "float64",
    "optimizer": {"name": "sgd", "lr": 0.2, "momentum": 0.5},
}
COEFFICIENTS = np.array([2.0, -1.0, 0.5, 0.1, 0.0, -0.05])


def draw(outputs: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return columns of mean 0 and mean square 1, orthogonal to each other, and what they make, with noise."""
    generator = np.random.default_rng(4)
    raw = generator.standard_normal((ROWS, COLUMNS))
    x = np.linalg.qr(raw - raw.mean(0))[0] * np.sqrt(ROWS)
    y = np.outer(x @ COEFFICIENTS, [1.0, -0.6][:outputs]) + 3.0 + 0.1 * generator.standard_normal((ROWS, outputs))
    return np.concatenate([x, x[:1]]), np.concatenate([y, y[:1]])


def fit(outputs: int, regularizers: dict[str, Any]) -> NDArray[np.float64]:
    """Return the weights that evaluation uses, `[outputs, columns]`."""
    x, y = draw(outputs)
    split = make_split(x, y if outputs > 1 else y[:, 0])
    setting = make_setting(split, {"name": "linear", "initialisation": "zeros"}, regularizers, **SCHEDULE)
    return train_alone(setting).best["linear.weight"].numpy()


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_corrected_elastic_net_is_the_lasso_with_its_l1_part(outputs: int) -> None:
    own = {"strength": STRENGTH, "l1_ratio": RATIO}
    corrected = fit(outputs, {"elastic_net": {**own, "correction": "zou_hastie"}})
    x, y = draw(outputs)
    least_squares = (x[:ROWS].T @ (y[:ROWS] - y[:ROWS].mean(0)) / ROWS).T
    threshold = outputs * STRENGTH * RATIO / 2
    closed = np.sign(least_squares) * np.maximum(np.abs(least_squares) - threshold, 0.0)
    assert 0 < np.count_nonzero(closed) < closed.size
    np.testing.assert_allclose(corrected, closed, rtol=1e-6, atol=0.0)
    np.testing.assert_allclose(corrected, fit(outputs, {"l1": {"strength": STRENGTH * RATIO}}), rtol=1e-6, atol=0.0)
    plain = fit(outputs, {"elastic_net": own})
    np.testing.assert_allclose(plain * (1 + outputs * STRENGTH * (1 - RATIO) / 2), corrected, rtol=1e-9)


def test_each_parameter_is_corrected_by_its_own_strength_and_what_is_free_stays() -> None:
    weights = {name: torch.ones(2, 2) for name in ("a.weight", "a.bias", "b.weight", "norm0.mean")}
    own = ElasticNet(
        strength=0.4, l1_ratio=0.5, layers={"b": 0.0}, bias_strength=0.8, correction="zou_hastie", method="subgradient"
    )
    found = own.averaged(weights, make_context(facts=make_facts(outputs=())))
    assert {name: w.unique().item() for name, w in found.items()} == pytest.approx(
        {"a.weight": 1.1, "a.bias": 1.2, "b.weight": 1.0, "norm0.mean": 1.0}
    )
    assert ElasticNet(strength=0.4).averaged(weights, make_context()) is weights


def test_training_goes_on_with_the_weights_as_they_are() -> None:
    own = {"elastic_net": ElasticNet(strength=0.3, correction="zou_hastie")}
    plain = {"elastic_net": ElasticNet(strength=0.3)}
    runs = [contract.train(*contract.make_setting(r, "plain", "regression"), [r], [3], [0.01])[0] for r in (own, plain)]
    assert torch.equal(runs[0].final["weights"], runs[1].final["weights"])
    assert not torch.equal(runs[0].best["linear.weight"], runs[1].best["linear.weight"])


def test_classes_and_hidden_layers_are_refused() -> None:
    own = {"elastic_net": ElasticNet(correction="zou_hastie")}
    for layout, task in (("plain", "classification"), ("plain", "multilabel"), ("table", "regression")):
        with pytest.raises(ConfigError, match=r"^regularizer elastic_net: needs [^\n]+ correction=zou_hastie"):
            contract.make_setting(own, layout, task)
