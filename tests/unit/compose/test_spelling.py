"""Values spelled for Hydra come back as they were."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from hypothesis import given
from hypothesis import strategies as st

from regbench.compose.spelling import keep_names, spell_override, spell_value
from regbench.errors import ConfigError

PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), max_size=20)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | PRINTABLE
    | st.text("\\' ,=:[]{}()$\"", max_size=8) | st.text("0123456789.eE+-_ax/", max_size=8)
)  # fmt: skip


def read(word: str) -> object:
    """The value that Hydra reads, with its own records of quoted texts as texts."""
    override = OverridesParser.create().parse_override(word)
    assert override.key_or_group == "a.b"
    assert not override.is_sweep_override()
    return plain(override.value())


def plain(value: object) -> object:
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    return value.text if isinstance(value, QuotedString) else value


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_any_value_comes_back(value: object) -> None:
    found = read(spell_override("a.b", value))
    assert (found, repr(found)) == (value, repr(value))  # 1, 1.0 and True are equal, and differ


@pytest.mark.parametrize("value", ["nan", "-inf", ".5", "1_000", "1e3", "True", "null", "${seed}x", "a\\", "\\'"])
def test_texts_that_look_like_something_else_are_texts(value: str) -> None:
    assert read(spell_override("a.b", value)) == value


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (Path("a dir/x,y.csv"), "a dir/x,y.csv"),
        ((1, (2, "x")), [1, [2, "x"]]),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.float64(0.1), 0.1),
        ({"fc1": 0.5, "b_c": [1, None, {"x": "y z"}]}, {"fc1": 0.5, "b_c": [1, None, {"x": "y z"}]}),
        (Fraction(1, 4), 0.25),
    ],
)
def test_paths_tuples_mappings_and_the_numbers_of_numpy(value: object, meant: object) -> None:
    found = read(spell_override("a.b", value))
    assert (found, type(found)) == (meant, type(meant))


@pytest.mark.parametrize("value", [object(), {1, 2}, Decimal(1), range(3), np.arange(3), b"x"])
def test_what_no_configuration_can_hold_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match=r"^a\.b: a \w+ is not allowed; a setting takes a text"):
        spell_override("a.b", value)


@pytest.mark.parametrize("key", ["b c", "a:b", 1.5, ""])
def test_keys_that_hydra_cannot_read_are_refused(key: object) -> None:
    with pytest.raises(ConfigError, match=r"^a\.b: the key .* is not allowed"):
        spell_override("a.b", {key: 1})


@pytest.mark.parametrize("key", ["", "a=b", "a b", "-m", "seed,x", "a..b", "0", "a\nb", "é"])
def test_names_that_cannot_be_settings_are_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="is not the name of a setting"):
        spell_override(key, 1)


@pytest.mark.parametrize("key", ["seed", "a.b", "schedule/optimizer", "+model.extra", "++a.b", "~seed"])
def test_names_of_settings(key: str) -> None:
    assert spell_override(key, 1) == f"{key}=1"


def test_doctest_of_the_spelling() -> None:
    assert [spell_value(v) for v in (None, True, 1e-3, "relu", "a, b", [8, "x y"], {"fc1": 0.5})] == [
        "null", "true", "0.001", "relu", "'a, b'", "[8,'x y']", "{fc1:0.5}",
    ]  # fmt: skip


NAMES = st.text("0123456789_.eExabintrufls+-", min_size=1, max_size=6)


class TestNamesOfColumns:
    """What a person types for a column is that column, whatever number Hydra would read in it."""

    @given(st.lists(NAMES, min_size=1, max_size=3))
    def test_a_list_of_names_is_read_as_typed(self, names: list[str]) -> None:
        override = keep_names(f"dataset.drop=[{','.join(names)}]")
        assert plain(OverridesParser.create().parse_override(override).value()) == names

    @pytest.mark.parametrize("name", ["1_1", "11", "1e3", "0x10", "1.0", "true", "False", "-1", "007", "nan"])
    def test_one_name_is_read_as_typed(self, name: str) -> None:
        for typed in (name, f"'{name}'", f'"{name}"'):
            override = keep_names(f"dataset.target={typed}")
            assert plain(OverridesParser.create().parse_override(override).value()) == name

    def test_an_axis_of_names_stays_one(self) -> None:
        parsed = OverridesParser.create().parse_override(keep_names('dataset.drop=[1_1],["2_2",b],[]'))
        assert [plain(value) for value in parsed.value().list] == [["1_1"], ["2_2", "b"], []]
        single = OverridesParser.create().parse_override(keep_names("dataset.weight=1_1,null"))
        assert [plain(value) for value in single.value().list] == ["1_1", None]

    @pytest.mark.parametrize("mark", [*",;. |:'", "\t"])
    def test_a_single_mark_is_read_as_typed(self, mark: str) -> None:
        assert plain(OverridesParser.create().parse_override(keep_names(f"dataset.thousands={mark}")).value()) == mark

    @pytest.mark.parametrize("override", ["seed=1_1", "-m", "dataset.drop", "model=mlp,linear", "dataset.weight=null"])
    def test_all_else_is_left_alone(self, override: str) -> None:
        assert keep_names(override) == override
