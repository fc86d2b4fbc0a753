"""Which inputs a result names as kept and dropped: those whose weights a penalty left, or set to exactly zero."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import Lasso

from tests.unit.training.small_runs import draw_classes, make_setting, make_split, train_alone, train_seeds

LINEAR = {"name": "linear", "initialisation": "zeros"}
EXACT = {"optimizer": {"name": "sgd", "lr": 0.1}, "batch_size": "full", "epochs": 400, "precision": "float64"}


def test_they_are_those_of_the_lasso() -> None:
    generator = np.random.default_rng(4)
    x = generator.standard_normal((60, 8))
    y = x @ np.array([1.0, 0.0, 0.4, 0.0, 0.0, -0.7, 0.05, 0.0]) + 0.5 * generator.standard_normal(60)
    reference = Lasso(alpha=0.15, tol=1e-10, max_iter=100_000).fit(x[:-1], y[:-1])
    setting = make_setting(make_split(x, y), LINEAR, {"l1": {"strength": 0.3}}, **EXACT)
    found = train_alone(setting).result["inputs"]
    assert found["kept"] == [str(number) for number in np.flatnonzero(reference.coef_)]
    assert found["dropped"] == [str(number) for number in np.flatnonzero(reference.coef_ == 0.0)]
    assert min(map(len, found.values())) > 0


def test_a_column_of_several_inputs_is_dropped_if_all_of_them_are() -> None:
    generator = np.random.default_rng(1)
    x = generator.standard_normal((80, 6))
    setting = make_setting(make_split(x, x[:, 0] + x[:, 2]), LINEAR, {"l1": {"strength": 0.2}}, **EXACT)
    columns = (("a", 2), ("colour", 2), ("both gone", 2))
    setting = dataclasses.replace(setting, data=dataclasses.replace(setting.data, columns=columns))
    assert train_alone(setting).result["inputs"] == {"kept": ["a", "colour"], "dropped": ["both gone"]}


@pytest.mark.parametrize(
    ("model", "regularizers"),
    [
        (LINEAR, {}),
        (LINEAR, {"l2": {"strength": 0.1}}),
        (LINEAR, {"l1": {"strength": 0.1, "method": "subgradient"}}),
        (LINEAR, {"elastic_net": {"strength": 0.1, "l1_ratio": 0.0}}),
        ({"name": "polynomial", "degree": 2}, {"l1": {"strength": 0.1}}),
    ],
    ids=["none", "l2", "subgradient", "no L1 part", "powers"],
)
def test_nothing_is_named_where_no_input_can_be_dropped_by_itself(model: dict, regularizers: dict) -> None:  # type: ignore[type-arg]
    x, y = draw_classes(50, (3,))
    setting = make_setting(make_split(x, y), model, regularizers, epochs=2)
    assert "inputs" not in train_alone(setting).result


def test_each_run_of_a_cohort_names_its_own() -> None:
    x, y = draw_classes(60, (10,), spread=2.0)
    setting = make_setting(make_split(x, y), {"name": "mlp", "widths": [4]}, {"l1": {"strength": 0.1}}, epochs=200)
    together = [memory.result["inputs"] for memory in train_seeds(setting, [0, 1, 2])]
    assert together == [train_alone(setting, seed).result["inputs"] for seed in range(3)]
    assert len({tuple(found["kept"]) for found in together}) > 1


def test_an_ensemble_keeps_what_one_of_its_networks_keeps() -> None:
    x, y = draw_classes(60, (10,), spread=2.0)
    techniques = {"l1": {"strength": 0.2}, "bagging": {"members": 3}}
    setting = make_setting(make_split(x, y), {"name": "mlp", "widths": [4]}, techniques, epochs=200)
    memory = train_alone(setting)
    first = memory.best["hidden0.weight"]  # [M, 4, 10]
    used = [{str(number) for number in np.flatnonzero((w != 0.0).any(0))} for w in first]
    assert set(memory.result["inputs"]["kept"]) == set.union(*used)
    assert len(set.union(*used)) > min(map(len, used))
