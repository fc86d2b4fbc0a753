"""Dates that are written as texts: which shapes are read, how a column decides what comes first, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regbench.data.columns import read_numbers
from regbench.data.date_texts import DateTexts, UnreadDate, read_date_texts

EPOCH = date(1970, 1, 1).toordinal()
HALF_PAST_TEN = 10.5 / 24
DATES = st.dates(min_value=date(1, 1, 1), max_value=date(9999, 12, 31))
TIMES = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31))
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def read(texts: Sequence[str], order: str = "infer") -> DateTexts:
    found = read_date_texts(texts, order)
    assert found is not None
    return found


def refusal(texts: Sequence[str], order: str = "infer") -> tuple[str, str]:
    with pytest.raises(UnreadDate) as caught:
        read_date_texts(texts, order)
    return caught.value.text, caught.value.reason


def write(day: date, shape: str) -> str:
    """Return a date as strftime would: that one writes the year 1 with one digit, and names in the user's language."""
    fields = {
        "%Y": f"{day.year:04d}",
        "%m": f"{day.month:02d}",
        "%d": f"{day.day:02d}",
        "%e": str(day.day),
        "%n": str(day.month),
        "%B": MONTHS[day.month - 1],
        "%b": MONTHS[day.month - 1][:3],
        "%A": WEEKDAYS[day.weekday()],
        "%a": WEEKDAYS[day.weekday()][:3],
    }
    for field, text in fields.items():
        shape = shape.replace(field, text)
    return shape


class TestShapes:
    @pytest.mark.parametrize(
        ("text", "day"),
        [
            ("1970-01-01", 0.0),
            ("1969-12-31", -1.0),
            ("2000-03-01", 11017.0),
            ("0001-01-01", -719162.0),
            ("9999-12-31", 2932896.0),
            (" 1970-01-02\t", 1.0),
            ("1970-01-01T12:00", 0.5),
            ("1970-01-01 06:00:00", 0.25),
            ("1970-01-01T00:00:00.864", 1e-5),
            ("1970-01-01T00:00:00Z", 0.0),
            ("1970-01-01T00:00+06:00", -0.25),
            ("1970-01-01 00:00-0600", 0.25),
            ("1970-01-01 23:30 +0000", 23.5 / 24),
        ],
    )
    def test_iso_texts_are_plain(self, text: str, day: float) -> None:
        found = read([text])
        assert (found.days.tolist(), found.order, found.read_as) == ([day], "year_first", "")

    @pytest.mark.parametrize(
        ("text", "read_as"),
        [
            ("2020/12/31", "dates, year first"),
            ("2020.12.31", "dates, year first"),
            ("31/12/2020", "dates, day first"),
            ("31.12.2020", "dates, day first"),
            ("31-12-2020", "dates, day first"),
            ("12/31/2020", "dates, month first"),
            ("12-31-2020", "dates, month first"),
            ("31 Dec 2020", "dates, months by name"),
            ("31-Dec-2020", "dates, months by name"),
            ("31-DEC-2020", "dates, months by name"),
            ("31. december 2020", "dates, months by name"),
            ("Dec 31, 2020", "dates, months by name"),
            ("Dec. 31, 2020", "dates, months by name"),
            ("December 31 2020", "dates, months by name"),
            ("Thu, 31 Dec 2020", "dates, months by name"),
            ("THURSDAY December 31, 2020", "dates, months by name"),
            ("thurs. 31 dec 2020", "dates, months by name"),
        ],
    )
    def test_other_shapes_say_how_they_were_read(self, text: str, read_as: str) -> None:
        found = read([text])
        assert (found.days.tolist(), found.read_as) == ([18627.0], read_as)
        assert read([f"{text} 10:30"]).days == pytest.approx([18627 + HALF_PAST_TEN], abs=1e-9)
        assert np.array_equal(read([f"{text} 10:30:00 PM"]).days, read([f"{text} 22:30"]).days)

    @pytest.mark.parametrize(
        ("time", "same"),
        [("12:00 AM", "00:00"), ("12:30 pm", "12:30"), ("1:05PM", "13:05"), ("11:59:59 am", "11:59:59")],
    )
    def test_halves_of_the_day(self, time: str, same: str) -> None:
        assert np.array_equal(read([f"12/31/2020 {time}"]).days, read([f"2020-12-31 {same}"]).days)

    @pytest.mark.parametrize("day", ["Sep 1 2020", "Sept 1, 2020", "1-Sept.-2020", "September 1 2020"])
    def test_september_has_three_names(self, day: str) -> None:
        assert np.array_equal(read([day]).days, read(["2020-09-01"]).days)

    @pytest.mark.parametrize(
        "texts",
        [
            [],
            ["20201231", "20210101"],
            ["2020", "2021"],
            ["12:30", "23:59:59"],
            ["3.14", "2.72"],
            ["1/2", "3/4"],
            ["10.0.0.1", "1.2.3"],
            ["May", "June"],
            ["march on", "Dec 2020"],
            ["192-168-2020"],
            ["2020-12/31"],
            ["２０２０-01-01"],
        ],
    )
    def test_what_is_no_date(self, texts: list[str]) -> None:
        assert read_date_texts(texts) is None

    def test_fewer_than_half_are_names_unless_more_than_twenty(self) -> None:
        names = [f"name {number}" for number in range(100)]
        days = [f"2020-01-{day:02d}" for day in range(1, 22)]
        assert read_date_texts([*names, *days[:20]]) is None
        assert read_date_texts([*names[:20], *days[:19]]) is None
        assert refusal([*names, *days])[0] == "name 0"
        assert refusal([*names[:19], *days[:19]])[0] == "name 0"


class TestOrder:
    def test_one_text_decides_for_all(self) -> None:
        assert read(["03/04/2020", "13/04/2020"]).days.tolist() == [18355.0, 18365.0]
        assert read(["03/04/2020", "04/13/2020"]).days.tolist() == [18325.0, 18365.0]

    def test_a_person_decides(self) -> None:
        assert read(["03/04/2020"], "day_first").days.tolist() == [18355.0]
        assert read(["03/04/2020"], "month_first").days.tolist() == [18325.0]
        assert read(["2020-12-31"], "day_first").order == "day_first"
        assert read(["2020-12-31"], "day_first").read_as == ""

    def test_either_is_refused(self) -> None:
        said = "reads as a day or as a month first; set dataset.dates=day_first or dataset.dates=month_first"
        assert refusal(["2020-12-31", "05/05/2020", "03/04/2020", "04/03/2020"]) == ("03/04/2020", said)

    def test_equal_day_and_month_need_no_order(self) -> None:
        found = read(["01/01/2020", "05/05/2020"])
        assert (found.days.tolist(), found.order) == ([18262.0, 18387.0], "year_first")
        assert refusal(["01/02/2020"], found.order)[0] == "01/02/2020"

    def test_both_orders_are_refused_at_the_rarer(self) -> None:
        text, reason = refusal(["12/31/2020", "31/12/2020", "30/12/2020", "01/02/2020"])
        assert (text, reason.split(";")[0]) == ("12/31/2020", "has day and month the other way round than other cells")
        assert refusal(["31/12/2020", "12/31/2020", "12/30/2020"])[0] == "31/12/2020"
        assert refusal(["31/12/2020", "12/31/2020"])[0] == "12/31/2020"

    @pytest.mark.parametrize(
        ("text", "order"), [("12/31/2020", "day_first"), ("31/12/2020", "month_first"), ("31/12/2020", "year_first")]
    )
    def test_what_does_not_fit_the_order_is_refused(self, text: str, order: str) -> None:
        assert refusal(["2020-01-01", text], order)[0] == text

    def test_shapes_may_be_mixed(self) -> None:
        found = read(["2020-12-31", "31/12/2020", "31.12.2020", "Dec 31, 2020", "2020/12/31"])
        assert (set(found.days), found.order, found.read_as) == ({18627.0}, "day_first", "dates, day first")

    def test_an_order_that_is_none_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="allowed are infer, year_first, day_first, month_first"):
            read_date_texts(["2020-12-31"], "dayfirst")


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("0000-00-00", "is not a day of the calendar"),
            ("0000-01-01", "is not a day of the calendar"),
            ("31/02/2020", "is not a day of the calendar"),
            ("02/30/2020", "is not a day of the calendar"),
            ("13/13/2020", "is not a day of the calendar"),
            ("00/12/2020", "is not a day of the calendar"),
            ("2020-13-01", "is not a day of the calendar"),
            ("2021-02-29", "is not a day of the calendar"),
            ("31 Nov 2020", "is not a day of the calendar"),
            ("31/12/20", "has a year of two digits; write four"),
            ("20/12/31", "has a year of two digits; write four"),
            ("31-Dec-20", "has a year of two digits; write four"),
            ("2020-12-31 24:00", "has no time of day"),
            ("2020-12-31T10:60", "has no time of day"),
            ("2020-12-31T10:30:60", "has no time of day"),
            ("2020-12-31T10:30+24:00", "has no time of day"),
            ("12/31/2020 13:00 PM", "has no time of day"),
            ("12/31/2020 0:30 AM", "has no time of day"),
            ("unknown", "is not a date, but other cells are; set 'dataset.missing=[unknown]'"),
            ("20201231", "is not a date, but other cells are"),
            ("12:30", "is not a date, but other cells are"),
            ("", "is not a date, but other cells are"),
        ],
    )
    def test_texts_among_dates(self, text: str, reason: str) -> None:
        found, said = refusal(["2020-01-01", text, "2020-01-02"])
        assert found == text
        assert said.startswith(reason)

    def test_a_column_of_years_of_two_digits_is_meant_as_dates(self) -> None:
        assert refusal(["31/12/20", "30/12/20"]) == ("31/12/20", "has a year of two digits; write four")

    def test_the_first_in_the_order_given_is_named_as_it_was_given(self) -> None:
        bad = ["unknown", " 31/02/2020 ", "0000-00-00", "31/12/20"]
        good = ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"]
        for shift in range(len(bad)):
            texts = [*good, *bad[shift:], *bad[:shift]]
            assert refusal(texts)[0] == bad[shift]


class TestRoundTrips:
    @pytest.mark.parametrize(
        "shape",
        [
            *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y/%n/%e", "%d %b %Y", "%d-%b-%Y", "%e %B %Y", "%b %d, %Y"),
            *("%B %e %Y", "%B %d, %Y", "%a %d %b %Y", "%a, %d %b %Y", "%A, %B %e, %Y"),
        ],
    )
    @settings(deadline=None)
    @given(days=st.lists(DATES, min_size=1, max_size=5))
    def test_shapes_that_say_their_order(self, shape: str, days: list[date]) -> None:
        for change in (str, str.upper, str.lower):
            found = read([change(write(day, shape)) for day in days])
            assert found.days.tolist() == [day.toordinal() - EPOCH for day in days]

    @pytest.mark.parametrize("mark", ["/", ".", "-"])
    @pytest.mark.parametrize(
        ("shape", "order"),
        [
            *(("%d/%m/%Y", "day_first"), ("%e/%n/%Y", "day_first")),
            *(("%m/%d/%Y", "month_first"), ("%n/%e/%Y", "month_first")),
        ],
    )
    @settings(deadline=None)
    @given(days=st.lists(DATES, min_size=1, max_size=5))
    def test_shapes_that_leave_it_to_the_column(self, shape: str, mark: str, order: str, days: list[date]) -> None:
        texts = [write(day, shape).replace("/", mark) for day in [*days, date(2020, 12, 31)]]
        expected = [day.toordinal() - EPOCH for day in days]
        found = read(texts)
        assert (found.order, found.days[:-1].tolist()) == (order, expected)
        assert read(texts[:-1], order).days.tolist() == expected

    @settings(deadline=None)
    @given(instants=st.lists(TIMES, min_size=1, max_size=5), minutes=st.integers(-23 * 60, 23 * 60))
    def test_times_and_offsets(self, instants: list[datetime], minutes: int) -> None:
        zone = timezone(timedelta(minutes=minutes))
        plain, zoned = (
            read([instant.isoformat() for instant in instants]),
            read([instant.replace(tzinfo=zone).isoformat(" ") for instant in instants]),
        )
        micros = [(instant - datetime(1970, 1, 1)) // timedelta(microseconds=1) for instant in instants]
        assert plain.days.tolist() == [count / (86_400 * 10**6) for count in micros]
        assert zoned.days.tolist() == [(count - minutes * 60 * 10**6) / (86_400 * 10**6) for count in micros]

    @settings(deadline=None)
    @given(instant=TIMES)
    def test_halves_of_the_day_are_read_back(self, instant: datetime) -> None:
        clock = f"{(instant.hour + 11) % 12 + 1}:{instant:%M:%S} {'PM' if instant.hour > 11 else 'AM'}"
        found = read([f"{write(instant, '%m/%d/%Y')} {clock}"], "month_first")
        assert np.array_equal(found.days, read([instant.isoformat(timespec="seconds")]).days)

    @settings(deadline=None)
    @given(instants=st.lists(TIMES, min_size=1, max_size=5))
    def test_texts_and_columns_of_dates_are_the_same_numbers(self, instants: list[datetime]) -> None:
        typed = read_numbers(pd.Series(np.array(instants, dtype="datetime64[us]"), name="a"))
        whole = read_numbers(pd.Series(np.array(instants, dtype="datetime64[s]"), name="a"))
        assert typed is not None
        assert whole is not None
        found = read([instant.isoformat() for instant in instants])
        np.testing.assert_allclose(found.days, typed.values, rtol=1e-14, atol=1e-14)
        found = read([instant.isoformat(timespec="seconds") for instant in instants])
        assert np.array_equal(found.days, whole.values)


class TestLaws:
    SHAPES = ("%Y-%m-%d", "%Y/%m/%d", "%d %b %Y", "%B %d, %Y", "%A %e %B %Y 7:15 pm")

    @staticmethod
    def columns(draw: st.DrawFn) -> list[str]:
        """Return the texts of a column whose order can be found out."""
        last = draw(st.sampled_from(["%d/%m/%Y", "%m/%d/%Y"]))
        shapes = draw(st.lists(st.sampled_from([*TestLaws.SHAPES, last]), min_size=1, max_size=8))
        texts = [write(draw(DATES), shape) for shape in shapes]
        return [*texts, write(date(2020, 12, 31), last if last in shapes else "%Y-%m-%d")]

    @settings(deadline=None)
    @given(data=st.data())
    def test_the_order_of_texts_does_not_matter(self, data: st.DataObject) -> None:
        texts = data.draw(st.composite(TestLaws.columns)())
        places = data.draw(st.permutations(range(len(texts))))
        found, other = read(texts), read([texts[place] for place in places])
        assert (found.order, found.read_as) == (other.order, other.read_as)
        assert np.array_equal(found.days[places], other.days)

    @settings(deadline=None)
    @given(data=st.data())
    def test_a_subset_is_read_alike_in_the_order_found(self, data: st.DataObject) -> None:
        texts = data.draw(st.composite(TestLaws.columns)())
        kept = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1, unique=True))
        found = read(texts)
        subset = read([texts[place] for place in kept], found.order)
        assert subset.order == found.order
        assert np.array_equal(subset.days, found.days[kept])

    @settings(deadline=None)
    @given(st.lists(st.text("0123456789-/.:+ TZJanuaryDecPMfri,", max_size=20), max_size=4))
    def test_any_text_is_read_refused_or_no_date(self, texts: list[str]) -> None:
        refused, found = "", None
        try:
            found = read_date_texts(["2020-12-31", *texts])
        except UnreadDate as unread:
            refused = unread.text
        assert refused in {"", *texts}
        assert found is None or (len(found.days) == len(texts) + 1 and bool(np.isfinite(found.days).all()))
