"""Lists, mappings and records of declared fields, and the fields that a record declares."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from regbench.config import fields
from regbench.config.containers import ListOf, MappingOf, Nested, OneOrSeveral, Settings, accept, declared, defaults_of
from regbench.config.fields import build, hyper_fields, hyper_names
from regbench.config.kinds import Kind, Range, Real, Text, Whole
from regbench.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A record inside another."""

    seed: int = fields.integer(3, low=0)
    path: str = fields.text("???")


@dataclass(frozen=True, kw_only=True)
class Outer:
    """A record with a field of every kind."""

    name: str = "outer"
    inner: Inner = fields.nested(Inner(seed=7))
    strength: fields.Hyper = fields.hyper(0.5, search=(0.1, 1.0), off=0.0)
    rate: fields.Hyper = fields.hyper(0.1, high=1.0, open_high=True, search=(0.1, 0.5), log=True)
    noise: float = fields.number(0.0)
    batch: int | None = fields.integer_or("full", 64, low=1)
    form: str = fields.choice("a", "b")
    switch: bool = fields.flag(True)
    widths: tuple[int, ...] = fields.integers((64,), low=1)
    points: tuple[float, ...] = fields.numbers((0.5,), high=2.0)
    drop: tuple[str, ...] = fields.texts(())
    sites: Mapping[str, float] = fields.rates()
    weights: Mapping[str, float] = fields.rates(high=math.inf)
    job: Mapping[str, object] = fields.settings(example="{a: 1}")
    size: float | None = fields.amount(None, optional=True)


def test_a_record_without_any_value_has_its_defaults() -> None:
    assert build(Outer, {}, "outer") == Outer()
    assert defaults_of(Outer) == {field.name: getattr(Outer(), field.name) for field in dataclasses.fields(Outer)}


def test_values_arrive_in_the_types_of_their_fields() -> None:
    given = {"inner": {"path": "x"}, "strength": 1, "batch": "full", "widths": [1, 2], "points": [1], "drop": ["a"]}
    assert build(Outer, given | {"sites": {"hidden0": 0}, "weights": {"hidden0": 3}}, "outer") == Outer(
        inner=Inner(seed=7, path="x"),
        strength=1.0,
        batch=None,
        widths=(1, 2),
        points=(1.0,),
        drop=("a",),
        sites={"hidden0": 0.0},
        weights={"hidden0": 3.0},
    )


def test_a_name_names_the_record_and_is_not_a_field() -> None:
    assert build(Outer, {"name": "another"}, "outer").name == "outer"
    assert "name" not in declared(Outer)


def test_hyper_parameters_are_those_that_may_differ_in_a_cohort() -> None:
    assert hyper_names(Outer) == ("strength", "rate")
    assert {name: (kind.off, kind.search, kind.log) for name, kind in hyper_fields(Outer).items()} == {
        "strength": (0.0, (0.1, 1.0), False),
        "rate": (None, (0.1, 0.5), True),
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strenght": 1}, "outer.strenght: unknown key; did you mean 'strength'? allowed: batch, drop, "),
        ({"inner": {"sed": 1}}, "outer.inner.sed: unknown key; did you mean 'seed'? allowed: path, seed"),
        ({"inner": {"seed": -1}}, "outer.inner.seed=-1 is not allowed; it takes a whole number in [0, inf)"),
        ({"inner": 3}, "outer.inner=3 is not allowed; it takes a mapping"),
        ({"widths": [4, 0]}, "outer.widths[1]=0 is not allowed; it takes a whole number in [1, inf)"),
        ({"widths": "64"}, "outer.widths='64' is not allowed; it takes a list of whole numbers in [1, inf)"),
        ({"widths": None}, "outer.widths=None is not allowed; it takes a list of whole numbers in [1, inf)"),
        ({"points": [math.nan]}, "outer.points[0]=nan is not allowed; it takes a number in (-inf, 2]"),
        ({"points": 1}, "outer.points=1 is not allowed; it takes a list of numbers in (-inf, 2]"),
        ({"drop": ["a", 3]}, "outer.drop[1]=3 is not allowed; it takes a text"),
        ({"drop": {"a": 1}}, "outer.drop={'a': 1} is not allowed; it takes a list of texts"),
        ({"sites": {"hidden0": 1}}, "outer.sites.hidden0=1 is not allowed; it takes a number in [0, 1)"),
        ({"sites": [0.5]}, "outer.sites=[0.5] is not allowed; it takes a mapping of names to numbers in [0, 1)"),
        ({"weights": 1}, "outer.weights=1 is not allowed; it takes a mapping of names to numbers in [0, inf)"),
        ({"job": "cpu"}, "outer.job='cpu' is not allowed; it takes a mapping, as in {a: 1}"),
        ({"noise": True}, "outer.noise=True is not allowed; it takes a number"),
    ],
)
def test_mistakes_are_refused_at_their_place(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Outer, values, "outer")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_one_value_and_a_list_of_one_are_the_same() -> None:
    kind = OneOrSeveral(item=Text())
    assert kind.check("abc", "target") == kind.check(["abc"], "target") == "abc"
    assert kind.check(["a", "b"], "target") == ("a", "b")
    assert (kind.read_name(3), kind.read_name([3, "a"]), kind.read_name("abc")) == ("3", ["3", "a"], "abc")
    for value in ([], ["a", "a"], {"a": 1}, 3, None, ["a", 3]):
        with pytest.raises(ConfigError, match=r"^target(\[1\])?=.* is not allowed; it takes a text"):
            kind.check(value, "target")


def test_keys_at_the_top_have_no_path() -> None:
    with pytest.raises(ConfigError, match=r"^seed=-1 is not allowed"):
        accept(Inner, {"seed": -1})
    with pytest.raises(ConfigError, match=r"^sed: unknown key"):
        accept(Inner, {"sed": 1})


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ListOf(item=Whole(range=Range(low=1))), "a list of whole numbers in [1, inf)"),
        (ListOf(item=Text()), "a list of texts"),
        (OneOrSeveral(item=Text()), "a text, or a list of different texts"),
        (MappingOf(item=Real()), "a mapping of names to numbers"),
        (Settings(), "a mapping"),
        (Nested(inner=Inner()), "a mapping"),
        (Nested(inner=Inner(), optional=True), "a mapping, or null"),
    ],
)
def test_cards_say_what_is_allowed(kind: Kind[object], words: str) -> None:
    assert kind.allowed() == words
