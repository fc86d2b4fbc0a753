"""Rows to predict are read as training read its own, and what cannot be is refused with column, row and cell."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regbench.data.encoding import CategoryColumn, NumberColumn, encode
from regbench.data.preprocessing import Preprocessing
from regbench.data.raw_rows import list_unseen, read_array, read_frame
from regbench.data.row_files import read_rows
from regbench.errors import ConfigError

NUMBER, DATE = NumberColumn("age", "number", 40.0), NumberColumn("since", "date", 100.0)
TRUTH, DURATION = NumberColumn("member", "truth", 0.0), NumberColumn("lasting", "duration", 1.0)
TOWN = CategoryColumn("town", ("Aachen", "Bonn"), missing=False)


def fit(*columns: NumberColumn | CategoryColumn, **more: Any) -> Preprocessing:
    """Return a preprocessing that scales nothing."""
    width = sum(len(column.features) for column in columns)
    return Preprocessing(
        task="classification", layout="table", shape=(width,), classes=("a", "b"), columns=columns, **more
    )


def read(values: Any, column: NumberColumn | CategoryColumn) -> list[Any]:
    """Read one column and return it encoded."""
    fitted = fit(column)
    x = encode(fitted.columns, read_frame(pd.DataFrame({column.name: values}), fitted, "rows"))
    return x[:, 0].tolist() if x.shape[1] == 1 else x.tolist()


def refusal(values: Any, column: NumberColumn | CategoryColumn) -> str:
    with pytest.raises(ConfigError) as refused:
        read(values, column)
    assert "\n" not in str(refused.value)
    return str(refused.value)


class TestCells:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([1, 2], [1, 2]),
            ([1.5, None], [1.5, 40]),
            ([None, None], [40, 40]),
            (["1.5", "2"], [1.5, 2]),
            (["1e400", "2"], "row 1: the value is inf; it must be a finite number"),
            ([True, False], [1, 0]),
            (pd.Categorical([3, 4]), [3, 4]),
            (pd.array([1, None], dtype="Int64"), [1, 40]),
            (["1.5", "old"], "row 2: 'old' is not one of the numbers of training"),
            ([1.5, "old"], "row 2: 'old' is not one of the numbers of training"),
            ([1.5, [2]], "row 2: [2] is not one of the numbers of training"),
            ([1.0, np.inf], "row 2: the value is inf; it must be a finite number"),
            (pd.to_datetime(["2020-01-01", None]), "holds dates; in training it held numbers"),
        ],
        ids=str,
    )
    def test_numbers(self, values: Any, expected: list[float] | str) -> None:
        self.check(values, NUMBER, expected)

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([True, False], [1, 0]),
            ([True, None], [1, 0]),
            ([1, 0], [1, 0]),
            ([1, 2], "holds numbers; in training it held truth values"),
            (["yes", "no"], "row 1: 'yes' is not one of the truth values of training"),
        ],
        ids=str,
    )
    def test_truth_values(self, values: Any, expected: list[float] | str) -> None:
        self.check(values, TRUTH, expected)

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (["1970-01-02", "1970-01-03 12:00"], [1, 2.5]),
            (pd.to_datetime(["1970-01-02", None]), [1, 100]),
            ([datetime.date(1970, 1, 11), None], [10, 100]),
            (pd.to_datetime(["1970-01-02 01:00"]).tz_localize("Europe/Berlin"), [1]),
            ([3.0, 4.0], "holds numbers; in training it held dates"),
            (["1970-01-02", "soon"], "row 2: 'soon' is not one of the dates of training"),
            (["1970-01-02", "1970-13-01"], "row 2: '1970-13-01' is not one of the dates of training"),
        ],
        ids=str,
    )
    def test_dates(self, values: Any, expected: list[float] | str) -> None:
        self.check(values, DATE, expected)

    def test_durations(self) -> None:
        self.check(pd.to_timedelta(["36h", None]), DURATION, [1.5, 1.0])
        self.check([1.0, 2.0], DURATION, "holds numbers; in training it held durations")

    def test_categories_are_texts_whatever_type_they_have(self) -> None:
        digits = CategoryColumn("code", ("1", "2"), missing=False)
        for values in (["1", "2"], [1, 2], pd.Categorical([1, 2])):
            assert read(values, digits) == [[1, 0], [0, 1]]
        self.check(
            [[1], [2]], digits, "row 1: holds a value of type list; allowed are numbers, texts, truth values and dates"
        )

    def test_where_training_had_no_missing_values_none_is_filled(self) -> None:
        exact = NumberColumn("x1", "number", None)
        assert read([1.0, 2.0], exact) == [1.0, 2.0]
        assert "column 'x1', row 2: the value is missing, and none was in training" in refusal([1.0, None], exact)

    def check(self, values: Any, column: NumberColumn | CategoryColumn, expected: list[float] | str) -> None:
        if isinstance(expected, str):
            line = refusal(values, column)
            assert line.startswith(f"rows: column '{column.name}'")
            assert line.endswith(expected)
        else:
            assert read(values, column) == expected


class TestTables:
    fitted = fit(NUMBER, TOWN, ignored=("y", "id"))

    def read(self, **columns: Any) -> list[list[float]]:
        frame = pd.DataFrame(columns)
        return encode(self.fitted.columns, read_frame(frame, self.fitted, "rows.csv")).tolist()

    def test_columns_are_found_by_name_and_the_target_may_be_there(self) -> None:
        expected = [[1.0, 0.0, 1.0]]
        assert self.read(age=[1], town=["Bonn"]) == expected
        assert self.read(town=["Bonn"], y=["a"], age=[1], id=[7]) == expected

    @pytest.mark.parametrize(
        ("columns", "line"),
        [
            ({"age": [1], "twon": ["Bonn"]}, "column 'twon' was not there in training; did you mean 'town'?"),
            ({"age": [1]}, "column 'town' is missing; the model was trained with it"),
            ({"age": [], "town": []}, "the table has no rows"),
        ],
    )
    def test_other_columns_are_refused(self, columns: dict[str, Any], line: str) -> None:
        with pytest.raises(ConfigError) as refused:
            self.read(**columns)
        assert str(refused.value).startswith(f"rows.csv: {line}")

    def test_two_columns_of_one_name_are_refused(self) -> None:
        frame = pd.DataFrame([[1, 2, "Bonn"]], columns=["age", "age", "town"])
        with pytest.raises(ConfigError, match="the column name 'age' appears twice"):
            read_frame(frame, self.fitted, "rows")

    def test_rows_are_counted_from_1_whatever_the_index_says(self) -> None:
        frame = pd.DataFrame({"age": [1.0, "x"], "town": ["Bonn", "Bonn"]}, index=[70, 80])
        with pytest.raises(ConfigError, match="row 2: 'x'"):
            read_frame(frame, self.fitted, "rows")

    def test_the_persons_table_is_not_changed(self) -> None:
        frame = pd.DataFrame({"age": [1.0, None], "town": ["Bonn", "Ulm"]}, index=[70, 80])
        before = frame.copy(deep=True)
        read_frame(frame, self.fitted, "rows")
        pd.testing.assert_frame_equal(frame, before)

    def test_unseen_levels_are_told_with_their_rows(self) -> None:
        columns = read_frame(pd.DataFrame({"age": [1, 2, 3], "town": ["Ulm", "Bonn", None]}), self.fitted, "rows")
        (line,) = list_unseen(columns, self.fitted)
        assert line.startswith("column 'town': 2 row(s) hold what no training row had ('Ulm', (missing))")
        known = read_frame(pd.DataFrame({"age": [1], "town": ["Bonn"]}), self.fitted, "rows")
        assert list_unseen(known, self.fitted) == []


class TestArrays:
    images = Preprocessing(task="classification", layout="image", shape=(1, 4, 4), classes=("a", "b"))

    def test_numbers_of_any_type_become_float64(self) -> None:
        rows = np.arange(32, dtype=np.uint8).reshape(2, 1, 4, 4)
        read = read_array(rows, self.images, "rows")
        assert read.dtype == np.float64
        assert np.array_equal(read, rows)

    @pytest.mark.parametrize(
        ("rows", "line"),
        [
            (np.zeros((2, 4, 4)), r"an array of shape \(2, 4, 4\); the model takes rows \[N, 1, 4, 4\]"),
            (np.zeros((1, 4, 4)), r"shape \(1, 4, 4\)"),
            (np.zeros((0, 1, 4, 4)), "at least one"),
            (np.full((2, 1, 4, 4), np.nan), r"rows\[0, 0, 0, 0\] is nan; it must be a finite number"),
            (np.full((1, 1, 4, 4), "a"), "an array of type <U1; it must be numbers"),
        ],
    )
    def test_others_are_refused(self, rows: Any, line: str) -> None:
        with pytest.raises(ConfigError, match=line):
            read_array(rows, self.images, "rows")


class TestFiles:
    coded = fit(NUMBER, CategoryColumn("code", ("007", "1.50", "True"), missing=True), ignored=("y",))

    def read(self, path: Path) -> list[list[float]]:
        frame = read_rows(str(path), self.coded)
        assert isinstance(frame, pd.DataFrame)
        return encode(self.coded.columns, read_frame(frame, self.coded, "rows")).tolist()

    def test_the_texts_of_a_csv_stay_texts_where_training_read_texts(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.csv"
        for text, place in (("007", 0), ("1.50", 1), ("True", 2), ("", 3)):
            path.write_text(f"code;age\n{text};3\n")
            assert self.read(path) == [[3.0, *(float(number == place) for number in range(4))]]

    def test_parquet_is_told_by_its_bytes(self, tmp_path: Path) -> None:
        pd.DataFrame({"age": [1.0, None], "code": ["007", None]}).to_parquet(tmp_path / "rows")
        assert self.read(tmp_path / "rows") == [[1.0, 1, 0, 0, 0], [40.0, 0, 0, 0, 1]]

    def test_arrays_are_x_of_an_archive(self, tmp_path: Path) -> None:
        rows = np.random.default_rng(0).random((2, 1, 4, 4))
        np.savez(tmp_path / "rows.npz", x=rows)
        assert np.array_equal(read_rows(str(tmp_path / "rows.npz"), TestArrays.images), rows)

    def test_a_file_of_the_wrong_kind_is_refused(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "rows.npz", x=np.zeros((2, 3)))
        np.savez(tmp_path / "other.npz", z=np.zeros((2, 3)))
        (tmp_path / "rows.csv").write_text("age\n1\n")
        for name, fitted, line in (
            ("rows.npz", self.coded, "holds arrays; the model was trained on a table"),
            ("rows.csv", TestArrays.images, "is not an .npz archive"),
            ("other.npz", TestArrays.images, "no array 'x'"),
            ("nothing.csv", self.coded, "no such file"),
        ):
            with pytest.raises(ConfigError, match=line):
                read_rows(str(tmp_path / name), fitted)
