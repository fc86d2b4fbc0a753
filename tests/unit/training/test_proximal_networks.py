"""Proximal penalties on networks, where the way to the optimum matters: they end no worse than their subgradients."""

from __future__ import annotations

from statistics import mean, median
from typing import Any

import pytest

from tests.unit.training.small_runs import draw_classes, make_setting, make_split, train_seeds

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"name": "sgd", "lr": 0.1},
    "nesterov": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True},
    "adam": {"name": "adam", "lr": 3e-3},
    "rmsprop": {"name": "rmsprop", "lr": 1e-3, "momentum": 0.5},
}
STRENGTHS = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2)


SEEDS = range(5)


def final_objective(name: str, method: str, strength: float, optimizer: dict[str, Any]) -> float:
    """Return the data loss plus the penalty over the last epochs, as metrics.csv has them: the median of five seeds.

    A network has optima of different depth, and a single seed finds the better one by chance.
    """
    x, y = draw_classes(160, (12,), spread=1.0)
    split = make_split(x, y, val=20, test=20)
    schedule = {"optimizer": optimizer, "epochs": 60, "batch_size": 20}
    techniques = {name: {"method": method, "strength": strength}}
    setting = make_setting(split, {"name": "mlp", "widths": [24, 16]}, techniques, **schedule)
    sinks = train_seeds(setting, SEEDS)
    return median(mean(row["objective"] for row in sink.rows[-5:]) for sink in sinks)


@pytest.mark.matrix(cases=4)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", ["l1", "elastic_net"])
def test_the_objective_is_no_worse_than_the_subgradients(name: str, strength: float, optimizer: str) -> None:
    proximal, subgradient = (
        final_objective(name, method, strength, OPTIMIZERS[optimizer]) for method in ("proximal", "subgradient")
    )
    assert proximal <= 1.01 * subgradient
