"""A setting that belongs to another form does nothing, and the run says so."""

from __future__ import annotations

from typing import Any

import pytest

from regbench.regularizers.registry import load
from tests.unit.regularizers.stacked import make_context

UNUSED: list[tuple[str, dict[str, Any], str]] = [
    ("norm_ball", {"norm": "l2", "l1_ratio": 0.9}, "l1_ratio=0.9 has no effect here: it belongs to norm=elastic"),
    ("initial_distance", {"form": "ball", "radius": 1.0, "strength": 5.0}, "strength=5 has no effect here"),
    ("orthogonal", {"form": "cosine", "scale": 3.0}, "scale=3 has no effect here"),
    ("class_weights", {"beta": 0.5}, "beta=0.5 has no effect here: it belongs to form=effective"),
]


@pytest.mark.parametrize(("name", "settings", "sentence"), UNUSED)
def test_it_is_said(name: str, settings: dict[str, Any], sentence: str) -> None:
    note = load(name)(**settings).note(make_context().facts)
    assert note is not None
    assert note.startswith(sentence)


@pytest.mark.parametrize(("name", "settings"), [(name, settings) for name, settings, _ in UNUSED])
def test_nothing_is_said_of_what_nobody_gave(name: str, settings: dict[str, Any]) -> None:
    forms = {key: value for key, value in settings.items() if isinstance(value, str) or key == "radius"}
    assert load(name)(**forms).note(make_context().facts) is None
