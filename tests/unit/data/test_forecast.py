"""Windows of a table in time: what they see and forecast by definition, and parts that know nothing of later ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regbench.data import load
from regbench.data.dataset import Dataset, SplitRule
from regbench.data.loading import build_dataset
from regbench.data.records import FREE, TEST, VAL, Raw
from regbench.data.splitting import split_rows
from regbench.data.windows import cut_windows
from regbench.errors import ConfigError

T = 120
ROW = np.arange(T)
DAYS = pd.date_range("2020-01-01", periods=T).strftime("%Y-%m-%d")


def frame(**columns: Any) -> pd.DataFrame:
    """Return 120 days: `load` is the number of the row, `temp` a hundred more."""
    return pd.DataFrame({"day": DAYS, "load": ROW, "temp": ROW + 100, **columns})


def settings_of(folder: Path) -> dict[str, Any]:
    """Return the settings of `build`."""
    return {"name": "forecast", "path": str(folder / "load.csv"), "time": "day", "target": "load", "lookback": 5}


def build(folder: Path, table: pd.DataFrame, **options: Any) -> Dataset:
    table.to_csv(folder / "load.csv", index=False)
    return build_dataset({**settings_of(folder), **options})


def read(folder: Path, table: pd.DataFrame, **options: Any) -> Raw:
    return build(folder, table, **options).read()


def refusal(folder: Path, table: pd.DataFrame, **options: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        read(folder, table, **options)
    assert str(refused.value).isprintable()
    return str(refused.value)


def parts(dataset: Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the last row that each window of a part sees, and the rows that it forecasts; `load` counts the rows."""
    raw = dataset.read()
    assert isinstance(raw.x, np.ndarray)
    y = raw.y.reshape(len(raw.y), -1)
    return [(raw.x[rows][:, 0, -1], y[rows]) for rows in split_rows(raw, dataset)[:3]]


@pytest.mark.parametrize(("lookback", "gap", "horizon"), [(5, 0, 1), (7, 2, 1), (4, 0, 3), (3, 2, 4)])
def test_windows_see_the_rows_before_and_forecast_those_after_the_gap(
    tmp_path: Path, lookback: int, gap: int, horizon: int
) -> None:
    raw = read(tmp_path, frame(), lookback=lookback, gap=gap, horizon=horizon)
    assert (raw.layout, raw.task) == ("series", "regression")
    assert isinstance(raw.x, np.ndarray)
    ends = raw.x[:, 0, -1]
    assert np.array_equal(raw.x[:, 0], ends[:, None] + np.arange(1 - lookback, 1))
    assert np.array_equal(raw.x[:, 1], raw.x[:, 0] + 100)
    ahead = gap + 1 + np.arange(horizon)
    assert np.array_equal(raw.y.reshape(len(ends), -1), ends[:, None] + ahead)
    assert raw.y.shape == ((len(ends),) if horizon == 1 else (len(ends), horizon))
    assert raw.outputs == (() if horizon == 1 else tuple(f"load+{step}" for step in ahead))


def test_several_columns_are_forecast_side_by_side(tmp_path: Path) -> None:
    raw = read(tmp_path, frame(), target=["temp", "load"], horizon=2, gap=1)
    assert raw.outputs == ("temp+2", "temp+3", "load+2", "load+3")
    assert isinstance(raw.x, np.ndarray)
    assert np.array_equal(raw.y, raw.x[:, 0, -1:] + np.array([102, 103, 2, 3]))
    said = "naive forecast of temp in the test part, the last value: mse 6.5, mae 2.5"  # 2 and 3 rows of 1 each
    assert said in raw.test_notes


@pytest.mark.parametrize(("gap", "horizon"), [(0, 1), (3, 1), (0, 4), (2, 3)])
@pytest.mark.parametrize("fractions", [{}, {"val": 0.1, "test": 0.33}])
def test_all_targets_of_a_part_are_known_when_the_first_forecast_of_the_next_is_made(
    tmp_path: Path, gap: int, horizon: int, fractions: dict[str, float]
) -> None:
    train, val, test = parts(build(tmp_path, frame(), gap=gap, horizon=horizon, split=fractions))
    for (_, targets), (ends, _) in ((train, val), (val, test)):
        assert targets.max() == ends.min()
    assert test[1].max() == T - 1
    assert train[0].min() == 4


@settings(max_examples=60, deadline=None)
@given(
    windows=st.integers(1, 200),
    reach=st.integers(1, 8),
    val=st.sampled_from([0.0, 0.1, 0.25, 0.5]),
    test=st.sampled_from([None, 0.05, 0.3]),
)
def test_parts_are_apart_and_of_the_size_that_was_asked_for(
    windows: int, reach: int, val: float, test: float | None
) -> None:
    try:
        kept, roles = cut_windows(np.arange(windows), SplitRule(val=val, test=test), reach, "load.csv")
    except ConfigError:
        assert windows <= (reach - 1) * (1 + (val > 0)) + 10  # so few that rounding up leaves none for training
        return
    counts = [int((roles == role).sum()) for role in (FREE, VAL, TEST)]
    assert counts[1] == -(-round(val * len(kept) * 100) // 100)
    assert counts[2] == -(-round((0.2 if test is None else test) * len(kept) * 100) // 100)
    steps = np.diff(kept)
    assert sorted(set(steps[np.diff(roles) != 0])) == [reach]
    assert set(steps[np.diff(roles) == 0]) <= {1}
    assert kept[-1] == windows - 1


def test_rows_are_put_in_the_order_of_time_and_that_is_said(tmp_path: Path) -> None:
    raw, sorted_raw = (read(tmp_path, table) for table in (frame().sample(frac=1.0, random_state=0), frame()))
    assert np.array_equal(raw.x, sorted_raw.x)
    assert any("were sorted" in note for note in raw.notes)
    assert not any("were sorted" in note for note in sorted_raw.notes)


def test_missing_inputs_are_the_last_known_value_and_never_a_later_one(tmp_path: Path) -> None:
    temp = np.where(np.isin(ROW, [0, 1, 20, 21]), np.nan, ROW + 100.0)
    raw = read(tmp_path, frame(temp=temp))
    assert isinstance(raw.x, np.ndarray)
    assert raw.x[0, 0, 0] == 2  # windows that see rows 0 and 1 have nothing to be filled with
    window = raw.x[raw.x[:, 0, -1] == 22][0]
    assert window[1].tolist() == [118.0, 119.0, 119.0, 119.0, 122.0]
    assert any("2 missing value(s) count as the last known" in note for note in raw.notes)


def test_windows_whose_target_is_missing_are_left_out(tmp_path: Path) -> None:
    raw = read(tmp_path, frame(load=np.where(ROW == 50, np.nan, ROW)), horizon=3)
    forecast = {tuple(row) for row in raw.y.tolist()}
    assert not any({48.0, 49.0} <= set(row) and 51.0 in row for row in forecast)
    assert np.isfinite(raw.y).all()
    assert (51.0, 52.0, 53.0) in forecast
    assert (49.0, 50.0, 51.0) not in forecast


def test_columns_that_hold_no_numbers_are_left_out_and_named(tmp_path: Path) -> None:
    raw = read(tmp_path, frame(name=np.where(ROW % 2, "a", "b"), on=ROW % 3 == 0), drop=["temp"])
    assert raw.left_out == {"day": "time", "temp": "dataset.drop", "name": "not numbers"}
    assert raw.x.shape[1] == 2


@pytest.mark.parametrize("name", ["B", "MS", "ME", "QS", "YS", "W", "h", "15min"])
def test_equal_steps_of_every_calendar_are_taken(tmp_path: Path, name: str) -> None:
    times = pd.date_range("2020-01-01", periods=T, freq=name)
    assert len(read(tmp_path, frame(day=times)).y) == T - 5


def test_numbers_and_months_are_times_too(tmp_path: Path) -> None:
    assert len(read(tmp_path, frame(day=ROW * 0.1)).y) == T - 5
    months = pd.date_range("2000-01-01", periods=T, freq="MS").strftime("%Y-%m")
    assert len(read(tmp_path, frame(day=months)).y) == T - 5
    said = refusal(tmp_path, frame(day=months).drop(index=30))
    assert "row 31: 2002-08-01 00:00:00 does not follow 2002-06-01 00:00:00" in said


def test_naive_forecasts_are_those_of_their_definition(tmp_path: Path) -> None:
    load = np.sin(ROW * 2 * np.pi / 7) + 0.01 * ROW
    dataset = build(tmp_path, frame(load=load), horizon=2, season=7)
    raw = dataset.read()
    tested = split_rows(raw, dataset).test
    ends = np.array([np.flatnonzero(load == value)[0] for value in raw.x[tested][:, 0, -1]])
    ahead = ends[:, None] + np.array([1, 2])
    last, season = load[ends][:, None] - load[ahead], load[ahead - 7] - load[ahead]
    assert sum("naive forecast of load in the test part" in note for note in raw.test_notes) == 2
    for name, error in (("the last value", last), ("the value 7 row(s) before", season)):
        said = f"{name}: mse {np.square(error).mean():.6g}, mae {np.abs(error).mean():.6g}"
        assert any(note.endswith(said) for note in raw.test_notes), said


def test_a_season_shorter_than_the_horizon_looks_at_what_is_known(tmp_path: Path) -> None:
    raw = read(tmp_path, frame(load=ROW % 3), horizon=7, season=3, gap=1)
    assert any("the value 3 row(s) before: mse 0, mae 0" in note for note in raw.test_notes)


@pytest.mark.parametrize(
    ("row", "cell", "message"),
    [
        (30, "2020-01-30", "column 'day': rows 30 and 31 have one time, 2020-01-30 00:00:00"),
        (30, "2020-01-30 12:00:00", "row 31: 2020-01-30 12:00:00 does not follow 2020-01-30 00:00:00 by the step"),
        (30, "", "column 'day', row 31: the time is missing"),
        (30, "2020-02-31", "column 'day', row 31: '2020-02-31' is neither a number nor a date"),
    ],
)
def test_times_that_are_not_in_equal_steps_are_named(tmp_path: Path, row: int, cell: str, message: str) -> None:
    table = frame()
    table.loc[row, "day"] = cell
    assert message in refusal(tmp_path, table)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": "days"}, "dataset.time=days: no such column"),
        ({"target": "day"}, "dataset.time, dataset.target and dataset.drop must name different columns"),
        ({"target": "name"}, "dataset.target=name is not allowed; the column does not hold numbers"),
        ({"lookback": T}, "120 rows give no window of dataset.lookback=120"),
        ({"lookback": 90, "horizon": 25}, "6 windows leave none for training"),
        ({"season": 118}, "dataset.season=118 is not allowed"),
        ({"split": {"method": "random"}}, "dataset.split.method=random is not allowed; windows overlap"),
    ],
)
def test_settings_that_do_not_fit_the_table_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    assert message in refusal(tmp_path, frame(name="n"), **options)


def test_what_comes_later_changes_nothing_that_is_fitted(tmp_path: Path) -> None:
    values = {"name": "forecast", "path": str(tmp_path / "load.csv"), "time": "day", "target": "load", "lookback": 5}
    frame().to_csv(tmp_path / "load.csv", index=False)
    before = load(values)
    last = int(before.train.y.argmax())
    assert last == len(before.train.y) - 1
    known = len(before.train.y) + 5  # rows that a training window sees or forecasts
    frame(load=np.where(known <= ROW, 1e6, ROW), temp=np.where(known <= ROW, -1e6, ROW + 100)).to_csv(
        tmp_path / "load.csv", index=False
    )
    after = load(values)
    assert before.preprocessing == after.preprocessing
    assert np.array_equal(before.train.x, after.train.x)
    assert np.array_equal(before.train.y, after.train.y)


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_row_numbers_are_left_out(tmp_path: Path, name: str) -> None:
    table = frame()
    table.insert(0, name, ROW)
    raw = read(tmp_path, table)
    assert raw.x.shape[1] == 2
    assert raw.left_out == {name: "row numbers", "day": "time"}
    assert load(settings_of(tmp_path)).reading.lines()[1].startswith("inputs: 2 x 5; left out: ")
    times = read(tmp_path, table.drop(columns="day"), time=name)
    assert times.left_out == {name: "time"}
    assert np.array_equal(read(tmp_path, table.drop(columns="load"), target=name).y, raw.y)


def test_a_counter_besides_time_and_target_is_noted(tmp_path: Path) -> None:
    raw = read(tmp_path, frame(wave=np.sin(ROW)))
    assert [note.split(" may number")[0] for note in raw.notes if "may number the rows" in note] == ["column 'temp'"]


MONTHS = [f"{month:02}/01/20{year:02}" for year in range(10, 20) for month in range(1, 13)]


def test_dates_are_read_as_the_person_says(tmp_path: Path) -> None:
    assert "set dataset.dates=day_first or dataset.dates=month_first" in refusal(tmp_path, frame(day=MONTHS))
    raw = read(tmp_path, frame(day=MONTHS), dates="month_first")  # months are equal steps, days of 28 to 31 are not
    assert np.array_equal(raw.x, read(tmp_path, frame()).x)
    said = refusal(tmp_path, frame(day=MONTHS).drop(index=30), dates="month_first")
    assert "row 31: 2012-08-01 00:00:00 does not follow 2012-06-01 00:00:00" in said
    assert len(read(tmp_path, frame(day=MONTHS).head(12), dates="day_first").y) == 7


def test_texts_that_stand_for_missing_values_are_named_and_taken(tmp_path: Path) -> None:
    gaps = frame(temp=np.where(ROW == 20, "NA", (ROW + 100).astype(str)))
    said = refusal(tmp_path, gaps)
    assert "'NA' is not a number, but other cells are; set 'dataset.missing=[NA]'" in said
    assert "'dataset.drop=[temp]'" in said
    assert "dataset.categories" not in said
    assert np.array_equal(
        read(tmp_path, gaps, missing=["NA"]).x, read(tmp_path, frame(temp=gaps["temp"].mask(ROW == 20))).x
    )
    said = refusal(tmp_path, frame(load=np.where(ROW == 20, "NA", ROW.astype(str))))
    assert "dataset.missing" in said
    assert not {"dataset.drop", "dataset.categories"} & set(re.findall(r"dataset\.\w+", said))


def test_a_file_is_read_as_the_person_says_it_is_written(tmp_path: Path) -> None:
    place = tmp_path / "load.csv"
    rows = "".join(f"{day}|{row},5|'1.{row:03}'|\n" for day, row in zip(DAYS, ROW, strict=True))
    place.write_bytes(("day|load|größe|\n" + rows).encode("latin-1"))
    written = {"separator": "|", "decimal": ",", "thousands": ".", "quote": "'", "encoding": "latin-1"}
    raw = build_dataset({**settings_of(tmp_path), **written}).read()
    assert isinstance(raw.x, np.ndarray)
    assert raw.x[0].tolist() == [[row + 0.5 for row in range(5)], [1000.0 + row for row in range(5)]]
    with pytest.raises(ConfigError, match=r"is not UTF-8; .* dataset\.encoding=latin-1"):
        build_dataset(settings_of(tmp_path)).read()


def test_free_text_and_dates_besides_time_are_left_out(tmp_path: Path) -> None:
    rows = 1100
    days = pd.date_range("2020-01-01", periods=rows).strftime("%Y-%m-%d")
    table = pd.DataFrame({"day": days, "load": np.arange(rows), "note": [f"note {row}" for row in range(rows)]})
    raw = read(tmp_path, table.assign(seen="03/04/2020"))
    assert raw.left_out == {"day": "time", "note": "not numbers", "seen": "not numbers"}
