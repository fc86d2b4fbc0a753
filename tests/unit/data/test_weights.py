"""Weights of rows: read or refused, scaled to mean 1, and counted in everything that is fitted to the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from regbench.data.weights import measure_weighted, scale_weights
from regbench.errors import ConfigError
from tests.unit.data.test_tables import READERS, ROW, N, load_csv, refusal, train_rows

WEIGHTS = (ROW % 4).astype(float)


def table(**columns: Any) -> pd.DataFrame:
    """Return 60 rows with a number to predict, and weights 0 to 3."""
    return pd.DataFrame({"row": ROW, "a": np.cos(ROW), "w": WEIGHTS, "y": np.sin(ROW) + 5.0, **columns})


@READERS
@pytest.mark.parametrize("factor", [1.0, 1e-300, 1e300])
def test_they_have_mean_one_over_the_training_rows_and_are_no_feature(tmp_path: Path, read: Any, factor: float) -> None:
    split = read(tmp_path, table(w=WEIGHTS * factor), weight="w")
    assert split.features == ("row", "a")
    assert split.train.weights.mean() == pytest.approx(1.0, rel=1e-12)
    mean = WEIGHTS[train_rows(split)].mean()
    for part in (split.train, split.val, split.test):
        np.testing.assert_allclose(part.weights, WEIGHTS[part.x[:, 0].astype(int)] / mean, rtol=1e-12)
    assert split.reading.left_out == {"y": "target", "w": "weight"}
    assert "w (weight)" in split.reading.lines()[1]


def test_truth_values_are_weights_and_without_the_setting_there_are_none(tmp_path: Path) -> None:
    weights = load_csv(tmp_path, table(w=ROW % 2 == 0), weight="w").train.weights
    assert weights is not None
    assert len(np.unique(weights)) == 2
    plain = load_csv(tmp_path, table())
    assert plain.train.weights is None
    assert "w" in plain.features


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.where(ROW == 4, -1.0, 1.0), "column 'w', row 5: the weight is -1; it must be a finite number, at least 0"),
        (np.where(ROW == 4, np.nan, 1.0), "column 'w', row 5: the weight is missing"),
        (np.where(ROW == 4, np.inf, 1.0), "column 'w', row 5: 'inf' is not a number"),
        (np.where(ROW % 2 == 0, "much", "little"), "column 'w' holds no numbers"),
        (["2020-01-01"] * N, "column 'w' holds no numbers"),
        (np.zeros(N), "every training row has weight 0, so that none counts"),
    ],
)
def test_what_is_no_weight_is_refused(tmp_path: Path, values: Any, message: str) -> None:
    assert message in refusal(tmp_path, table(w=values), weight="w")


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_part_in_which_no_row_counts_is_refused(tmp_path: Path, part: str) -> None:
    split = load_csv(tmp_path, table())
    rows = (split.val if part == "validation" else split.test).x[:, 0].astype(int)
    weights = np.where(np.isin(ROW, rows), 0.0, 1.0)
    assert f"every {part} row has weight 0" in refusal(tmp_path, table(w=weights), weight="w")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": "v"}, "dataset.weight=v: no such column"),
        ({"weight": "y"}, "dataset.weight=y is not allowed; it is the target"),
        ({"weight": "w", "drop": ["w"]}, "dataset.drop=w is not allowed; it is the weight"),
    ],
)
def test_a_column_has_one_meaning(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    assert message in refusal(tmp_path, table(), **options)


def test_inputs_are_standardised_as_scikit_learn_does_with_weights(tmp_path: Path) -> None:
    plain = load_csv(tmp_path, table(a=1e6 + np.cos(ROW)), weight="w")
    scaled = load_csv(tmp_path, table(a=1e6 + np.cos(ROW)), weight="w", standardize=True)
    oracle = StandardScaler().fit(plain.train.x, sample_weight=plain.train.weights)
    for before, after in ((plain.train, scaled.train), (plain.test, scaled.test)):
        np.testing.assert_allclose(after.x, oracle.transform(before.x), rtol=1e-9, atol=1e-9)


def test_a_column_that_differs_in_rows_of_weight_0_only_is_constant(tmp_path: Path) -> None:
    split = load_csv(tmp_path, table(a=np.where(WEIGHTS == 0.0, ROW, 0.1)), weight="w", standardize=True)
    assert np.all(split.train.x[:, 1] == 0.0)


@pytest.mark.parametrize("scale", [1e-150, 1e-24, 1.0, 1e24, 1e150])
def test_a_row_of_weight_2_is_measured_as_the_row_twice_at_every_size(scale: float) -> None:
    values = scale * (3.0 + np.sin(ROW))
    twice = np.repeat(values, WEIGHTS.astype(int))
    expected = twice.mean(), np.sqrt(np.mean(np.square(twice / scale - twice.mean() / scale))) * scale
    assert measure_weighted(values, WEIGHTS) == pytest.approx(expected, rel=1e-12)
    assert measure_weighted(values, None) == pytest.approx((values.mean(), (values / scale).std() * scale), rel=1e-12)
    assert measure_weighted(np.full(N, 0.1 * scale), WEIGHTS)[1] == 0.0


def test_equal_weights_are_exactly_one() -> None:
    parts = np.arange(30), np.arange(30, 45), np.arange(45, 60)
    assert np.array_equal(scale_weights(np.full(N, 0.3), parts, "here"), np.ones(N))
    with pytest.raises(ConfigError, match="every test row"):
        scale_weights((ROW < 45).astype(float), parts, "here")
