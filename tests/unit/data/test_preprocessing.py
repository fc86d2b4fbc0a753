"""The fitted preprocessing: what it does to a row, by its definition, and that storing it loses no bit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.data import load
from regbench.data.dataset import Computed
from regbench.data.encoding import CategoryColumn, NumberColumn, fit_encodings
from regbench.data.loading import SOURCES, dataset_class
from regbench.data.preprocessing import Preprocessing
from regbench.data.records import Categorical, Numeric
from regbench.errors import ConfigError

NAN = np.nan
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


def names(*values: str | None, name: str = "town") -> Categorical:
    """Return a column of names as a table gives it."""
    levels = tuple(sorted({value for value in values if value is not None}))
    codes = [-1 if value is None else levels.index(value) for value in values]
    return Categorical(name, np.array(codes, dtype=np.int64), levels)


class TestEncoding:
    def test_a_missing_number_is_the_median_of_the_training_rows(self) -> None:
        column = Numeric("age", np.array([10.0, NAN, 20.0, 60.0, 1000.0]))
        (encoding,) = fit_encodings((column,), np.array([0, 1, 2, 3]), "here")
        assert encoding == NumberColumn("age", "number", 20.0)
        assert encoding.encode(column).tolist() == [[10.0], [20.0], [20.0], [60.0], [1000.0]]

    def test_levels_are_those_of_the_training_rows(self) -> None:
        column = names("b", "a", "c", "b")
        (encoding,) = fit_encodings((column,), np.array([0, 1, 3]), "here")
        assert encoding == CategoryColumn("town", ("a", "b"), missing=False)
        assert encoding.encode(column).tolist() == [[0, 1], [1, 0], [0, 0], [0, 1]]

    def test_missing_is_a_level_where_a_training_row_had_it(self) -> None:
        column = names("b", None, "a")
        (with_missing,) = fit_encodings((column,), np.arange(3), "here")
        (without,) = fit_encodings((column,), np.array([0, 2]), "here")
        assert with_missing.features == ("town=a", "town=b", "town=(missing)")
        assert with_missing.encode(column).tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
        assert without.encode(column).tolist() == [[0, 1], [0, 0], [1, 0]]

    def test_a_level_called_like_the_mark_of_missing_is_another_one(self) -> None:
        encoding = CategoryColumn("town", ("(missing)", "a"), missing=True)
        assert encoding.encode(names("(missing)", None, "a")).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]

    def test_levels_are_found_by_name_whatever_their_numbers_are_in_new_rows(self) -> None:
        encoding = CategoryColumn("town", ("a", "b", "c"), missing=True)
        assert encoding.find_levels(names("c", "new", None, "a")).tolist() == [2, -1, 3, 0]

    def test_a_column_without_a_training_value_is_refused(self) -> None:
        column = Numeric("age", np.array([NAN, NAN, 3.0]))
        with pytest.raises(ConfigError, match=r"here: column 'age' has no value in the training rows"):
            fit_encodings((column,), np.array([0, 1]), "here")


class TestApplying:
    @pytest.mark.parametrize("shape", [(3,), (3, 5), (3, 4, 4)])
    def test_every_feature_or_channel_is_scaled_by_its_own_mean_and_deviation(self, shape: tuple[int, ...]) -> None:
        fitted = Preprocessing(
            task="regression", layout="any", shape=shape, mean=(1.0, 2.0, 3.0), deviation=(2.0, 0.0, 0.5)
        )
        x = np.random.default_rng(0).standard_normal((7, *shape))
        z = fitted.apply(x)
        assert np.array_equal(z[:, 0], (x[:, 0] - 1.0) / 2.0)
        assert np.all(z[:, 1] == 0.0)
        assert np.array_equal(z[:, 2], (x[:, 2] - 3.0) / 0.5)

    def test_without_means_rows_stay_as_they_are(self) -> None:
        x = np.random.default_rng(0).standard_normal((7, 2))
        fitted = Preprocessing(task="regression", layout="table", shape=(2,))
        assert np.array_equal(fitted.apply(x), x)

    @pytest.mark.parametrize("name", [name for name in SOURCES if issubclass(dataset_class(name), Computed)])
    def test_training_rows_have_mean_0_and_deviation_1(self, name: str) -> None:
        split = load({"name": name, "standardize": True})
        axes = (0, *range(2, split.train.x.ndim))
        deviation = split.train.x.std(axes)
        assert np.allclose(split.train.x.mean(axes), 0.0, atol=1e-10)
        assert np.all(np.isclose(deviation, 1.0) | (deviation == 0.0))
        assert np.array_equal(deviation == 0.0, np.array(split.preprocessing.deviation) == 0.0)


def json_round_trip(fitted: Preprocessing) -> Preprocessing:
    values: dict[str, Any] = json.loads(json.dumps(fitted.to_json()))
    return Preprocessing.from_json(values)


@given(
    mean=st.lists(FINITE, min_size=1, max_size=4),
    fill=FINITE,
    levels=st.lists(st.text(max_size=5), unique=True, max_size=4),
    target=FINITE,
)
def test_stored_as_json_the_record_is_equal_to_the_last_bit(
    mean: list[float], fill: float, levels: list[str], target: float
) -> None:
    fitted = Preprocessing(
        task="regression",
        layout="table",
        shape=(len(mean),),
        columns=(
            NumberColumn("a", "date", fill),
            NumberColumn("b", "number", None),
            CategoryColumn("c", tuple(levels), True),
        ),
        ignored=("y",),
        mean=tuple(mean),
        deviation=tuple(abs(value) for value in mean),
        outputs=("u", "v"),
        target_mean=(target, 0.0),
        target_scale=(abs(target) + 1.0, 1.0),
    )
    again = json_round_trip(fitted)
    assert again == fitted
    assert np.array(again.mean).tobytes() == np.array(fitted.mean).tobytes()


@pytest.mark.parametrize("name", ["digits", "diabetes", "iris", "mnist1d"])
def test_the_record_of_a_split_survives_storing(name: str) -> None:
    fitted = load({"name": name, "standardize": True}).preprocessing
    assert json_round_trip(fitted) == fitted
