"""The YAML of a run's configuration: what OmegaConf would write, and what it reads back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from regbench.config.yaml_text import format_yaml

TEXTS = st.one_of(
    st.sampled_from(["1e-3", "1", "-2.5", ".5", "true", "null", "no", "~", "", "1_000", "nan", "inf", "0x1f", "a: b"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f\x85$"), max_size=12),
)
LEAVES = st.one_of(TEXTS, st.integers(-(2**40), 2**40), st.booleans(), st.none(), st.floats(allow_nan=False))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex("[a-z]{1,6}", fullmatch=True), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex("[a-z]{1,6}", fullmatch=True), VALUES, max_size=4))
def test_omegaconf_reads_back_what_was_written(values: dict[str, object]) -> None:
    assert OmegaConf.to_container(OmegaConf.create(format_yaml(values) or "{}")) == values


def test_it_is_the_text_that_omegaconf_writes() -> None:
    values = {
        "name": "default",
        "lr": 1e-3,
        "texts": ["1e-3", "l2", ""],
        "none": None,
        "deep": {"a": {}, "b": [], "c": True},
    }
    assert format_yaml(values) == OmegaConf.to_yaml(OmegaConf.create(values))
