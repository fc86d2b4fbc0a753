"""A person's own table: what becomes of its columns, and what is said about a bad one."""

from __future__ import annotations

import datetime
import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regbench.data import load
from regbench.data.records import Split
from regbench.errors import ConfigError

N = 60
ROW = np.arange(N)


def frame(**columns: Any) -> pd.DataFrame:
    """Return 60 rows: their number, two balanced classes, and the given columns."""
    return pd.DataFrame({"row": ROW, **columns, "y": np.where(ROW % 2 == 0, "no", "yes")})


def load_csv(folder: Path, table: pd.DataFrame | str | bytes, **options: Any) -> Split:
    path = folder / "table.csv"
    if isinstance(table, pd.DataFrame):
        table = table.to_csv(index=False)
    path.write_bytes(table.encode() if isinstance(table, str) else table)
    return load({"name": "csv", "path": str(path), "target": "y", "standardize": False, **options})


def load_parquet(folder: Path, table: pd.DataFrame, **options: Any) -> Split:
    table.to_parquet(folder / "table.parquet")
    path = str(folder / "table.parquet")
    return load({"name": "parquet", "path": path, "target": "y", "standardize": False, **options})


def column(split: Split, name: str) -> np.ndarray:
    """Return a feature of all 60 rows, in the order of the file."""
    x = np.concatenate([part.x for part in (split.train, split.val, split.test)])
    values = np.empty(N)
    values[x[:, split.features.index("row")].astype(int)] = x[:, split.features.index(name)]
    return values


def train_rows(split: Split) -> np.ndarray:
    return split.train.x[:, split.features.index("row")].astype(int)


def refusal(folder: Path, table: pd.DataFrame | str | bytes, **options: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        load_csv(folder, table, **options)
    assert "\n" not in str(refused.value)
    return str(refused.value)


READERS = pytest.mark.parametrize("read", [load_csv, load_parquet])


class TestColumns:
    @READERS
    def test_numbers_stay_numbers(self, tmp_path: Path, read: Any) -> None:
        values = np.random.default_rng(0).normal(size=N)
        split = read(tmp_path, frame(a=values, b=ROW * 7))
        assert split.features == ("row", "a", "b")
        assert split.classes == ("no", "yes")
        assert np.array_equal(column(split, "a"), values)
        assert np.array_equal(column(split, "b"), ROW * 7.0)

    @READERS
    def test_missing_numbers_become_the_median_of_the_training_rows(self, tmp_path: Path, read: Any) -> None:
        values = np.where(ROW % 5 == 0, np.nan, ROW**2.0)
        split = read(tmp_path, frame(a=values))
        trained = values[train_rows(split)]
        expected = np.median(trained[~np.isnan(trained)])
        assert expected != np.nanmedian(values)
        assert np.array_equal(column(split, "a"), np.where(np.isnan(values), expected, values))

    @READERS
    def test_texts_become_marks_and_missing_is_a_text(self, tmp_path: Path, read: Any) -> None:
        texts = np.array(["red", "green", None], dtype=object)[ROW % 3]
        split = read(tmp_path, frame(colour=texts))
        assert split.features == ("row", "colour=green", "colour=red", "colour=(missing)")
        for place, name in enumerate(("red", "green", "(missing)")):
            assert np.array_equal(column(split, f"colour={name}"), place == ROW % 3)

    def test_a_text_that_training_lacks_gives_zeros(self, tmp_path: Path) -> None:
        test_row = next(iter(set(range(N)) - set(train_rows(load_csv(tmp_path, frame())))))
        split = load_csv(tmp_path, frame(a=np.where(test_row == ROW, "rare", np.array(["b", "c"])[ROW % 2])))
        assert split.features == ("row", "a=b", "a=c")
        assert np.array_equal(column(split, "a=b") + column(split, "a=c"), (test_row != ROW) * 1.0)

    @READERS
    def test_truth_values_are_zero_and_one(self, tmp_path: Path, read: Any) -> None:
        split = read(tmp_path, frame(a=ROW % 3 == 0, b=pd.Series(ROW % 3 == 0).where(ROW > 5, None).astype("boolean")))
        assert np.array_equal(column(split, "a"), ROW % 3 == 0)
        assert np.array_equal(column(split, "b")[6:], (ROW % 3 == 0)[6:])
        assert np.all(column(split, "b")[:6] == 0.0)

    @READERS
    def test_dates_are_days_since_1970(self, tmp_path: Path, read: Any) -> None:
        days = [datetime.date(1970, 1, 1) + datetime.timedelta(days=int(row) * 400 - 5000) for row in ROW]
        instants = pd.to_datetime(days) + pd.Timedelta(hours=6)
        split = read(tmp_path, frame(day=days, at=instants, zoned=instants.tz_localize("Europe/Berlin")))
        assert np.array_equal(column(split, "day"), ROW * 400.0 - 5000.0)
        assert np.array_equal(column(split, "at"), ROW * 400.0 - 4999.75)
        assert set(np.round((column(split, "at") - column(split, "zoned")) * 24)) <= {1.0, 2.0}

    @READERS
    def test_the_first_and_the_last_day_of_the_calendar_are_dates(self, tmp_path: Path, read: Any) -> None:
        ends = [datetime.date.min, datetime.date.max]
        split = read(tmp_path, frame(day=[ends[row % 2] for row in ROW]))
        days = [end.toordinal() - datetime.date(1970, 1, 1).toordinal() for end in ends]
        assert np.array_equal(column(split, "day"), np.array(days)[ROW % 2])

    def test_what_only_looks_like_a_date_is_refused_by_its_cell(self, tmp_path: Path) -> None:
        table = frame(a=np.array(["2024-01-01", "2024-13-45"])[ROW % 2])
        assert "column 'a', row 2: '2024-13-45' is not a day of the calendar" in refusal(tmp_path, table)
        assert load_csv(tmp_path, table, categories=["a"]).features[1:] == ("a=2024-01-01", "a=2024-13-45")

    def test_parquet_types_of_its_own(self, tmp_path: Path) -> None:
        split = load_parquet(
            tmp_path,
            frame(
                kind=pd.Categorical(np.array(["b", "a"])[ROW % 2], categories=["b", "a", "unused"]),
                price=[Decimal(int(row)) / 4 for row in ROW],
                small=pd.array([None, *ROW[1:]], dtype="Int8"),
                wait=pd.to_timedelta(ROW * 12, unit="h"),
            ),
        )
        assert split.features == ("row", "kind=a", "kind=b", "price", "small", "wait")
        assert np.array_equal(column(split, "kind=a"), ROW % 2)
        assert np.array_equal(column(split, "price"), ROW / 4)
        assert np.array_equal(column(split, "small")[1:], ROW[1:])
        assert np.array_equal(column(split, "wait"), ROW / 2)

    def test_columns_can_be_dropped(self, tmp_path: Path) -> None:
        split = load_csv(tmp_path, frame(name=[f"person {row}" for row in ROW]), drop=["name"])
        assert split.features == ("row",)

    def test_csv_and_parquet_of_one_table_are_one_data_set(self, tmp_path: Path) -> None:
        table = frame(a=np.where(ROW % 7 == 0, np.nan, ROW / 3), b=np.array(["u", "v", None], dtype=object)[ROW % 3])
        assert load_csv(tmp_path, table).checksum == load_parquet(tmp_path, table).checksum

    def test_standardisation_sees_the_training_rows_only(self, tmp_path: Path) -> None:
        table = frame(a=np.exp(ROW / 10), b=np.array(["u", "v"])[ROW // 30])
        plain, scaled = load_csv(tmp_path, table), load_csv(tmp_path, table, standardize=True)
        mean, deviation = plain.train.x.mean(axis=0), plain.train.x.std(axis=0)
        for before, after in ((plain.train, scaled.train), (plain.val, scaled.val), (plain.test, scaled.test)):
            np.testing.assert_allclose(after.x, (before.x - mean) / deviation, atol=1e-12)

    def test_other_rows_do_not_change_the_training_rows(self, tmp_path: Path) -> None:
        values = ROW * 1.0
        split = load_csv(tmp_path, frame(a=values), standardize=True)
        rest = np.setdiff1d(ROW, train_rows(load_csv(tmp_path, frame(a=values))))
        values[rest] = 1e6
        assert np.array_equal(load_csv(tmp_path, frame(a=values), standardize=True).train.x[:, 1], split.train.x[:, 1])


class TestTargets:
    @pytest.mark.parametrize(
        ("target", "task", "classes"),
        [
            (np.array(["b", "a"])[ROW % 2], "classification", ("a", "b")),
            (ROW % 2, "classification", ("0", "1")),
            (np.where(ROW % 2, 10.0, 9.0), "classification", ("9", "10")),
            (ROW % 2 == 0, "classification", ("False", "True")),
            (ROW, "regression", ()),
            (ROW % 2 / 2, "regression", ()),
        ],
    )
    @READERS
    def test_the_task_is_inferred(self, tmp_path: Path, read: Any, target: Any, task: str, classes: Any) -> None:
        split = read(tmp_path, pd.DataFrame({"x": ROW, "y": target}))
        assert (split.task, split.classes) == (task, classes)

    def test_regression_is_standardised_on_the_training_rows(self, tmp_path: Path) -> None:
        split = load_csv(tmp_path, pd.DataFrame({"row": ROW, "y": ROW**2.0}))
        trained = train_rows(split) ** 2.0
        assert (*split.target_mean, *split.target_scale) == pytest.approx((trained.mean(), trained.std()))
        np.testing.assert_allclose(split.train.y * split.target_scale[0] + split.target_mean[0], trained)

    def test_the_task_can_be_given(self, tmp_path: Path) -> None:
        table = pd.DataFrame({"x": ROW, "y": ROW % 5 + 3})
        assert load_csv(tmp_path, table).task == "regression"
        assert load_csv(tmp_path, table, task="classification").classes == ("3", "4", "5", "6", "7")
        assert load_csv(tmp_path, table.assign(y=ROW % 2), task="regression").task == "regression"


class TestFiles:
    def test_separator_byte_order_mark_gzip_and_line_ends_do_not_matter(self, tmp_path: Path) -> None:
        table = frame(a=["x, y; z" if row % 2 else 'say "so"' for row in ROW])
        expected = load_csv(tmp_path, table).checksum
        for separator in (";", "\t", "|"):
            assert load_csv(tmp_path, table.to_csv(index=False, sep=separator)).checksum == expected
        plain = table.to_csv(index=False)
        assert load_csv(tmp_path, b"\xef\xbb\xbf" + plain.encode()).checksum == expected
        assert load_csv(tmp_path, gzip.compress(plain.encode())).checksum == expected
        assert load_csv(tmp_path, plain.replace("\n", "\r\n")).checksum == expected

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "the file is empty"),
            ("\n\n", "the file is empty"),
            ("a,y\n", "the table has no rows"),
            (b"a,y\n\xff\xfe,1\n", "byte 4 is not UTF-8"),
            ("a,y\n1,2\n3\n", "line 3 has 1 field(s), the header has 2; they must agree"),
            ("a,y\n1,2,3\n", "line 2 has 3 field(s), the header has 2"),
            ('a,y\n"1,2\n', "line 2: unexpected end of data"),
            ("a,a,y\n1,2,3\n", "the column name 'a' appears twice"),
            ("y\n1\n2\n", "no column is left to learn from besides the target 'y'"),
            ("a,Y\n1,2\n", "dataset.target=y: no such column in"),
            ("a,y\n1,2\n3,\0\n", "line 3 has a zero byte"),
        ],
    )
    def test_a_file_that_is_no_table_is_refused(self, tmp_path: Path, content: str | bytes, message: str) -> None:
        said = refusal(tmp_path, content)
        assert message in said
        assert str(tmp_path / "table.csv") in said

    def test_the_nearest_column_is_suggested(self, tmp_path: Path) -> None:
        table = frame().rename(columns={"y": "outcome"})
        assert "did you mean 'outcome'? allowed: outcome, row" in refusal(tmp_path, table, target="outcom")
        assert "dataset.drop=rwo: no such column" in refusal(tmp_path, table, target="outcome", drop=["rwo"])

    def test_no_parquet_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "table.parquet").write_bytes(b"PAR1 and nothing else")
        with pytest.raises(ConfigError, match="no readable Parquet file"):
            load({"name": "parquet", "path": str(tmp_path / "table.parquet"), "target": "y"})

    def test_nested_values_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"column 'a', row 1: holds a value of type ndarray; allowed are numbers"):
            load_parquet(tmp_path, frame(a=[[1, 2]] * N))


class TestValues:
    @pytest.mark.parametrize(
        ("columns", "options", "message"),
        [
            ({"a": np.where(ROW == 7, np.inf, 1.5)}, {}, "column 'a', row 8: 'inf' is not a number"),
            ({"a": [None] * N}, {}, "column 'a' has no value in any row; leave it out: 'dataset.drop=[a]'"),
            ({}, {"drop": ["y"]}, "dataset.drop=y is not allowed; it is the target"),
            ({}, {"drop": ["row"]}, "no column is left to learn from"),
            ({}, {"task": "regression"}, "the target has texts such as 'no'"),
            ({}, {"train_size": 0.01}, "it takes a row for each of 2 classes"),
            ({}, {"split": {"val": 0.5, "test": 0.5}}, "leave no training row of 60"),
        ],
    )
    def test_columns_that_cannot_be_used_are_named(
        self, tmp_path: Path, columns: dict[str, Any], options: dict[str, Any], message: str
    ) -> None:
        assert message in refusal(tmp_path, frame(**columns), **options)

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            (np.where(ROW == 4, np.nan, ROW), "column 'y', row 5: the target is missing (in 1 row(s) in all)"),
            (np.where(ROW == 4, np.inf, ROW), "column 'y', row 5: 'inf' is not a number"),
            (np.full(N, "same"), "every row is of class 'same'; at least 2"),
            (np.where(ROW == 4, "rare", np.array(["a", "b"])[ROW % 2]), "class 'rare' has 1 row(s), too few"),
            (np.full(N, 3.25), "the target cannot be standardised, its deviation over the training rows is 0"),
        ],
    )
    def test_targets_that_cannot_be_used_are_named(self, tmp_path: Path, target: Any, message: str) -> None:
        assert message in refusal(tmp_path, pd.DataFrame({"x": ROW, "y": target}))

    def test_few_rows_are_refused(self, tmp_path: Path) -> None:
        assert "9 row(s) are too few; at least 10 are needed" in refusal(tmp_path, frame().head(9))

    def test_ten_thousand_texts_are_refused_and_a_thousand_are_not(self, tmp_path: Path) -> None:
        rows = np.arange(10_000)
        names = np.array([f"n{row}" for row in rows])
        said = refusal(tmp_path, pd.DataFrame({"name": names, "y": rows % 2}))
        assert "column 'name' has 10000 distinct texts, 1000 are allowed; leave it out: 'dataset.drop=[name]'" in said
        assert len(load_csv(tmp_path, pd.DataFrame({"name": names[rows % 1000], "y": rows % 2})).features) > 900

    def test_a_mark_among_numbers_is_pointed_out(self, tmp_path: Path) -> None:
        rows = np.arange(3000)
        table = pd.DataFrame({"a": np.where(rows == 41, "?", (rows / 7).astype(str)), "y": rows % 2})
        assert "column 'a', row 42: '?' is not a number, but other cells are" in refusal(tmp_path, table)

    def test_a_column_without_values_in_training_is_refused(self, tmp_path: Path) -> None:
        held_out = np.setdiff1d(ROW, train_rows(load_csv(tmp_path, frame())))
        said = refusal(tmp_path, frame(a=np.where(np.isin(ROW, held_out), 1.5, np.nan)))
        assert "column 'a' has no value in the training rows" in said

    def test_numbers_beyond_every_type_count_as_infinite(self, tmp_path: Path) -> None:
        digits = ["9" * 400] + ["1"] * (N - 1)
        assert "is too large" in refusal(tmp_path, frame(a=digits))
        assert "is too large" in refusal(tmp_path, frame().assign(y=digits))

    def test_categories_of_parquet_are_limited_too(self, tmp_path: Path) -> None:
        rows = np.arange(3000)
        table = pd.DataFrame({"name": pd.Categorical([f"n{row}" for row in rows]), "y": rows % 2})
        with pytest.raises(ConfigError, match="column 'name' has 3000 distinct texts"):
            load_parquet(tmp_path, table)
