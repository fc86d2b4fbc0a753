"""Dates in texts: what comes first is decided for the whole column, and what fits no calendar is named."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.data.date_texts import UnreadDate, read_date_texts

EPOCH = datetime(1970, 1, 1)
DAYS = [date(2020, 12, 31), date(1999, 1, 2), date(1969, 12, 30)]
SHAPES = {
    "%Y-%m-%d": "",
    "%Y/%m/%d": "",
    "%Y.%m.%d": "",
    "%d/%m/%Y": "dates, day first",
    "%d.%m.%Y": "dates, day first",
    "%m/%d/%Y": "dates, month first",
    "%d %b %Y": "",
    "%d-%b-%Y": "",
    "%B %d, %Y": "",
    "%a, %d %b %Y": "",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_read_in_any_order(shape: str) -> None:
    texts = [day.strftime(shape) for day in DAYS]
    for order in (texts, texts[::-1]):
        found = read_date_texts(order)
        assert found is not None
        days = [float((day - date(1970, 1, 1)).days) for day in DAYS]
        assert found.days.tolist() == (days if order is texts else days[::-1])
        assert found.read_as == SHAPES[shape]


@given(st.lists(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)), min_size=1, max_size=20, unique=True))
def test_times_are_fractions_of_a_day(moments: list[datetime]) -> None:
    whole = [moment.replace(microsecond=0) for moment in moments]
    found = read_date_texts([moment.strftime("%Y-%m-%d %H:%M:%S").rjust(19, "0") for moment in whole])
    assert found is not None
    for days, moment in zip(found.days, whole, strict=True):
        assert days == pytest.approx((moment - EPOCH) / timedelta(days=1), abs=1e-9)


def test_zones_and_halves_of_the_day_count() -> None:
    found = read_date_texts(["1970-01-02T01:00:00+02:00", "1970-01-02T00:00Z", "1/1/1970 12:30 PM"])
    assert found is not None
    assert found.days.tolist() == pytest.approx([1 - 1 / 24, 1.0, 12.5 / 24])


@pytest.mark.parametrize(
    ("texts", "cell", "said"),
    [
        (["2020-01-01", "0000-00-00"], "0000-00-00", "not a day of the calendar"),
        (["31/02/2020", "30/01/2020"], "31/02/2020", "not a day of the calendar"),
        (["2020-13-01", "2020-01-01"], "2020-13-01", "not a day of the calendar"),
        (["2020-01-01", "unknown"], "unknown", "is not a date, but other cells are"),
        (["01/02/2020", "03/04/2020"], "01/02/2020", "dataset.dates=day_first or dataset.dates=month_first"),
        (["13/02/2020", "14/02/2020", "02/13/2020"], "02/13/2020", "the other way round"),
        (["31/12/20", "30/12/20"], "31/12/20", "a year of two digits"),
        (["2020-01-01 25:00", "2020-01-01 10:00"], "2020-01-01 25:00", "not a time of day"),
    ],
)
def test_what_may_be_misread_is_refused_by_its_cell(texts: list[str], cell: str, said: str) -> None:
    with pytest.raises(UnreadDate) as refused:
        read_date_texts(texts)
    assert refused.value.text == cell
    assert said in refused.value.reason


@pytest.mark.parametrize(("order", "days"), [("day_first", 31.0), ("month_first", 1.0)])
def test_the_person_decides_where_both_readings_fit(order: str, days: float) -> None:
    found = read_date_texts(["01/02/1970"], order)
    assert found is not None
    assert found.days.tolist() == [days]


@pytest.mark.parametrize("texts", [["20201231", "20200101"], ["12:30", "13:45"], ["2020", "2021"], ["red", "may"]])
def test_what_is_no_date_is_left_alone(texts: list[str]) -> None:
    assert read_date_texts(texts) is None
