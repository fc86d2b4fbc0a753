"""Differences of two configurations: complete, by name, in one line, and none exactly where the runs are one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.config.differences import describe_differences, differing_keys
from regbench.config.run_config import RunConfig

IDENTITY: dict[str, Any] = {
    "seed": 0,
    "dataset": {"name": "digits", "split": {"seed": 0, "val": 0.2}},
    "model": {"name": "mlp", "widths": [64, 64]},
    "schedule": {"epochs": 10},
    "regularizer": {"l2": {"name": "l2", "strength": 1.0}},
}


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the identity with another value at one path."""
    values = copy.deepcopy(IDENTITY)
    *parents, last = path.split(".")
    node = values
    for key in parents:
        node = node[key]
    node[last] = value
    return values


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("seed", 1, "seed=0 there, 1 here"),
        ("seed", False, "seed=0 there, false here"),
        ("seed", "0", "seed=0 there, '0' here"),
        ("dataset.split.val", None, "dataset.split.val=0.2 there, null here"),
        ("dataset.split.val", 0.2 + 1e-15, "dataset.split.val=0.2 there, 0.200000000000001 here"),
        ("model.widths", [128], "model.widths=[64,64] there, [128] here"),
        ("model.depth", 3, "model.depth not set there, 3 here"),
        ("regularizer", {}, "regularizer.l2={name:l2,strength:1} there, not set here"),
        ("regularizer.l2", "a\nb", r"regularizer.l2={name:l2,strength:1} there, a\nb here"),
    ],
)
def test_a_difference_is_named_with_both_values(path: str, value: object, words: str) -> None:
    assert describe_differences(IDENTITY, changed(path, value)) == words


def test_values_that_differ_where_they_are_cut_are_shown_whole() -> None:
    one, other = changed("dataset.path", f"{'x' * 80}/a.csv"), changed("dataset.path", f"{'x' * 80}/b.csv")
    assert differing_keys(one, other) == ["dataset.path"]
    assert describe_differences(one, other).count("x" * 80) == 2
    assert "/a.csv' there" in describe_differences(one, other)


def test_spellings_of_the_same_values_do_not_differ() -> None:
    same = dict(reversed(changed("regularizer.l2.strength", 1).items())) | {
        "model": {"widths": (64.0, 64), "name": "mlp"}
    }
    assert differing_keys(IDENTITY, same) == []
    assert describe_differences(IDENTITY, same) == ""


def test_many_differences_are_counted() -> None:
    there, here = ({f"k{place}": value for place in range(8)} for value in (0, 1))
    words = describe_differences(there, here)
    assert words.startswith("k0=0 there, 1 here; k1=0 there, 1 here; ")
    assert words.endswith("; k4=0 there, 1 here; and 3 more")
    assert describe_differences(there, here, most=8).endswith("; k7=0 there, 1 here")


LEAVES = st.none() | st.booleans() | st.integers(-1, 1) | st.sampled_from([0.0, 0.5, 1.0, "0", "a"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner), max_leaves=4
)
SETTINGS = st.dictionaries(st.sampled_from("ab"), VALUES)


@given(SETTINGS, SETTINGS)
def test_nothing_differs_exactly_where_the_hashes_are_equal(one: dict[str, object], other: dict[str, object]) -> None:
    hashes = [RunConfig(dataset={"name": "x"}, model=values, schedule={}).config_hash() for values in (one, other)]
    assert (differing_keys(one, other) == []) == (hashes[0] == hashes[1])


@given(SETTINGS, SETTINGS)
def test_both_directions_name_the_same_keys(one: dict[str, object], other: dict[str, object]) -> None:
    assert set(differing_keys(one, other)) == set(differing_keys(other, one))
