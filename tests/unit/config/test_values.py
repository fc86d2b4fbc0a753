"""Plain values: what a configuration may hold, when two are the same, and how a person types them."""

from __future__ import annotations

import math
from datetime import date

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from regbench.config.values import LONGEST_TEXT, canonical, check_plain, shorten, spell
from regbench.errors import ConfigError


@pytest.mark.parametrize("value", [None, True, False, 7, 0.25, 1e-07, 1 / 3, (64, 64), (), "relu", {}, {"a": 0.5}])
def test_values_are_spelled_as_they_are_typed(value: object) -> None:
    parsed = OverridesParser.create().parse_override(f"key={spell(value)}").value()
    assert parsed == (list(value) if isinstance(value, tuple) else value)


def test_a_value_that_must_be_given_is_spelled_so() -> None:
    assert spell("???") == "required"


@given(st.floats(allow_nan=False))
def test_a_spelled_float_is_read_back_exactly(value: float) -> None:
    assert float(spell(value)) == value


def test_all_spellings_of_a_value_have_one_canonical_form() -> None:
    assert repr(canonical({"b": (1.0, 2), "a": {"d": True, "c": -0.0}})) == "{'a': {'c': 0, 'd': True}, 'b': [1, 2]}"
    assert canonical(0.5) == 0.5
    assert canonical(math.inf) == math.inf


@pytest.mark.parametrize("value", [None, True, 3, 0.5, "x", [1, ["a"]], {"a": {"b": None}}])
def test_plain_values_are_taken_as_they_are(value: object) -> None:
    assert check_plain(value, "key") == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"_target_": "os.system"}, "key._target_ is not allowed; a configuration names techniques, never Python code"),
        ({"a": [0, {"_args_": 1}]}, "key.a[1]._args_ is not allowed"),
        ("a\nb", r"key='a\nb' is not allowed; it holds a control character"),
        ({"a\x1b": 1}, r"key='a\x1b' is not allowed"),
        ("x" * (LONGEST_TEXT + 1), "it has 301 of 300 characters"),
        ([date(2020, 1, 1)], "key[0] is a date; it takes a text, number, true, false, null or list"),
        (b"a", "key is a bytes"),
    ],
)
def test_other_values_are_refused_in_one_line(value: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_plain(value, "key")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_long_value_is_shown_by_its_beginning() -> None:
    assert shorten("short") == "'short'"
    assert shorten("x" * 100) == f"'{'x' * 56}..."
