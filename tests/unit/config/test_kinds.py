"""Kinds of fields: what each takes and in which type, and the one line that refuses everything else."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.config.containers import ListOf
from regbench.config.kinds import (
    Amount,
    Choice,
    Flag,
    Folder,
    Hyper,
    Kind,
    Pattern,
    Range,
    Real,
    Text,
    Whole,
    WholeOr,
    WholeOrWord,
)
from regbench.errors import ConfigError

SHARE = Range(0.0, 1.0, open_high=True)
STRENGTH = Hyper(range=Range(low=0.0), search=(1e-5, 0.1), log=True, off=0.0)
LIMIT = Real(range=Range(low=0.0, open_low=True), off=math.inf)
MEMBERS = Whole(range=Range(2, 10), off=1)
AUTO = WholeOr(word="auto", range=Range(low=1))
BATCH = WholeOrWord(words=(("auto", "for a guess"), ("full", "for the whole training set")), range=Range(low=1))
BATCHES = "it takes a whole number in [1, inf), auto for a guess, or full for the whole training set"
VARIANT = Choice(options=("norm", "value"), off="norm")
NAME = Pattern(pattern=re.compile("[a-z]+"), words="small letters")
HUGE = 10**400

TAKEN: list[tuple[Kind[object], object, object]] = [
    (STRENGTH, 0, 0.0),
    (STRENGTH, 1, 1.0),
    (STRENGTH, 1e-3, 1e-3),
    (Real(range=SHARE), 0.999, 0.999),
    (LIMIT, math.inf, math.inf),
    (LIMIT, 5e-324, 5e-324),
    (Real(optional=True), None, None),
    (Whole(), -(10**20), -(10**20)),
    (MEMBERS, 1, 1),
    (MEMBERS, 10, 10),
    (AUTO, "auto", None),
    (AUTO, 1, 1),
    (BATCH, "auto", "auto"),
    (BATCH, "full", "full"),
    (BATCH, 1, 1),
    (Amount(), 2, 2),
    (Amount(), 1.0, 1.0),
    (Amount(), 0.1, 0.1),
    (VARIANT, "value", "value"),
    (Flag(), False, False),
    (Text(), "", ""),
    (Text(optional=True), None, None),
    (NAME, "abc", "abc"),
    (Folder(words="a folder"), "a/b", Path("a/b")),
]

REFUSED: list[tuple[Kind[object], object, str]] = [
    (STRENGTH, -1e-9, "key=-1e-09 is not allowed; it takes a number in [0, inf)"),
    (STRENGTH, "1e-3", "key='1e-3' is not allowed; it takes a number in [0, inf)"),
    (STRENGTH, True, "key=True is not allowed; it takes a number in [0, inf)"),
    (STRENGTH, None, "key=None is not allowed; it takes a number in [0, inf)"),
    (STRENGTH, math.nan, "key=nan is not allowed; it takes a number in [0, inf)"),
    (STRENGTH, math.inf, "key=inf is not allowed; it takes a number in [0, inf)"),
    (Real(range=SHARE), 1, "key=1 is not allowed; it takes a number in [0, 1)"),
    (Real(), -math.inf, "key=-inf is not allowed; it takes a number"),
    (Real(), HUGE, f"key=1{'0' * 56}... is not allowed; it takes a number"),
    (Real(optional=True), "null", "key='null' is not allowed; it takes a number, or null"),
    (LIMIT, 0, "key=0 is not allowed; it takes a number in (0, inf), or inf for off"),
    (Whole(range=Range(low=0)), 1.0, "key=1.0 is not allowed; it takes a whole number in [0, inf)"),
    (
        Whole(range=Range(high=2**31 - 1)),
        2**31,
        "key=2147483648 is not allowed; it takes a whole number in (-inf, 2147483647]",
    ),
    (Whole(), True, "key=True is not allowed; it takes a whole number"),
    (MEMBERS, 0, "key=0 is not allowed; it takes a whole number in [2, 10], or 1 for off"),
    (AUTO, 0, "key=0 is not allowed; it takes a whole number in [1, inf), or auto"),
    (AUTO, None, "key=None is not allowed; it takes a whole number in [1, inf), or auto"),
    (BATCH, 0, f"key=0 is not allowed; {BATCHES}"),
    (BATCH, None, f"key=None is not allowed; {BATCHES}"),
    (BATCH, True, f"key=True is not allowed; {BATCHES}"),
    (BATCH, 2.0, f"key=2.0 is not allowed; {BATCHES}"),
    (BATCH, "all", f"key='all' is not allowed; {BATCHES}"),
    (WholeOr(word="auto"), 2.0, "key=2.0 is not allowed; it takes a whole number, or auto"),
    (Amount(), 1, "key=1 is not allowed; it takes a whole number of at least 2 (a count) or a fraction in (0, 1]"),
    (Amount(), 0.0, "key=0.0 is not allowed; it takes a whole number of at least 2 (a count) or a fraction in (0, 1]"),
    (Amount(), 2.0, "key=2.0 is not allowed; it takes a whole number of at least 2 (a count) or a fraction in (0, 1]"),
    (VARIANT, "l1", "key='l1' is not allowed; it takes one of norm, value"),
    (VARIANT, ["norm"], "key=['norm'] is not allowed; it takes one of norm, value"),
    (Flag(), 1, "key=1 is not allowed; it takes true or false"),
    (Flag(), "false", "key='false' is not allowed; it takes true or false"),
    (Text(), 3, "key=3 is not allowed; it takes a text"),
    (NAME, "../a", "key='../a' is not allowed; it takes small letters"),
    (NAME, "a\n", r"key='a\n' is not allowed; it takes small letters"),
    (Folder(words="the folder of results"), "", "key='' is not allowed; it takes the folder of results"),
]


@pytest.mark.parametrize(("kind", "value", "typed"), TAKEN)
def test_an_allowed_value_comes_back_in_the_fields_type(kind: Kind[object], value: object, typed: object) -> None:
    taken = kind.check(value, "key")
    assert taken == typed
    assert type(taken) is type(typed)


@pytest.mark.parametrize(("kind", "value", "message"), REFUSED)
def test_every_other_value_is_refused_in_one_line(kind: Kind[object], value: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        kind.check(value, "key")
    assert str(caught.value) == message


def test_the_home_of_a_person_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/her")
    assert Folder(words="a folder").check("~/runs", "runs") == Path("/home/her/runs")


ENDS = [-1.0, 0.0, 0.5, 1.0]


@given(
    st.sampled_from([-math.inf, *ENDS]),
    st.sampled_from([*ENDS, math.inf]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2, -1e300]),
)
def test_a_range_holds_what_its_notation_says(low: float, high: float, left: bool, right: bool, value: float) -> None:
    bounds = Range(low, high, open_low=left, open_high=right)
    notation = re.fullmatch(r" in ([\[(])(.*), (.*)([\])])", str(bounds) or " in (-inf, inf)")
    assert notation is not None
    begin, first, last, end = notation.groups()
    above = float(first) <= value if begin == "[" else float(first) < value
    below = value <= float(last) if end == "]" else value < float(last)
    assert (value in bounds) == (above and below)


@given(st.floats(allow_nan=True) | st.integers())
def test_no_range_holds_a_number_that_is_not_finite(value: float) -> None:
    assert (value in Range()) == (not isinstance(value, float) or math.isfinite(value))


def test_a_column_may_be_called_3_where_a_text_is_due() -> None:
    names = ListOf(item=Text())
    assert Text().read_name(3) == "3"
    assert names.read_name([3, "a", True]) == ["3", "a", True]
    assert names.read_name("abc") == "abc"
    assert Text().read_name(True) is True
    for kind in (Whole(), VARIANT, ListOf(item=Whole())):
        assert kind.read_name(3) == 3


def test_words_for_cards() -> None:
    assert STRENGTH.describe_search() == "1e-05..0.1 log"
    assert Hyper(range=SHARE, search=(0.05, 0.8)).describe_search() == "0.05..0.8"
    assert MEMBERS.describe_search() == ""
    assert (AUTO.spell(None), AUTO.spell("auto"), AUTO.spell(32), MEMBERS.spell(None)) == ("auto", "auto", "32", "null")
    assert (BATCH.spell("full"), BATCH.spell(32)) == ("full", "32")


@pytest.mark.parametrize(("value", "word"), [(True, "yes"), (False, "no"), ("no", "no")])
def test_what_yaml_reads_for_yes_and_no_are_these_options(value: object, word: str) -> None:
    assert Choice(options=("no", "yes")).convert(value, "orthogonal.last") == word


def test_a_truth_value_is_no_other_option() -> None:
    with pytest.raises(ConfigError, match="one of norm, value"):
        VARIANT.convert(True, "by")
