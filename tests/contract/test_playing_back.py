"""What every regularizer keeps when steps are played back: the bits of steps that are not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from regbench.errors import ConfigError
from regbench.regularizers import registry
from regbench.regularizers.base import Regularizer
from tests.contract.conftest import SHAPES, TASKS, Memory, make_setting, train
from tests.contract.test_regularizers import spread

NAMES = ("none", *registry.names())


def cases() -> Iterator[tuple[str, str, str]]:
    for name in NAMES:
        for layout in SHAPES:
            for task in TASKS if layout == "table" else TASKS[:1]:
                yield name, layout, task


def train_both(
    monkeypatch: pytest.MonkeyPatch, name: str, layout: str, task: str, runs: int
) -> tuple[list[Memory], list[Memory], list[str]]:
    """Train runs of differing hyper-parameters with steps played back and without; the last one diverges."""
    members: list[dict[str, Regularizer]] = [{}] * runs
    if name != "none":
        members = [{name: regularizer} for regularizer in spread(registry.load(name), runs)]
    try:
        setting = make_setting(members[0], layout, task, epochs=4)
    except ConfigError:
        pytest.skip("does not fit these data")
    rates = [0.01] * (runs - 1) + [1e30 if runs > 1 else 0.01]
    slow: list[str] = []
    try:
        played = train(*setting, members, list(range(runs)), rates, slow)
    except ConfigError:
        pytest.skip("does not fit these rows")
    with monkeypatch.context() as patch:
        patch.setenv("REGBENCH_TAPES", "off")
        plain = train(*setting, members, list(range(runs)), rates)
    return played, plain, slow


def assert_same(played: list[Memory], plain: list[Memory]) -> None:
    for one, other in zip(played, plain, strict=True):
        assert repr(one.rows) == repr(other.rows), "NaN is like itself"
        torch.testing.assert_close(one.final, other.final, rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(one.best, other.best, rtol=0, atol=0, equal_nan=True)


@pytest.mark.matrix(cases=16)
@pytest.mark.parametrize(("name", "layout", "task"), list(cases()))
def test_played_back_a_run_alone_leaves_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, name: str, layout: str, task: str
) -> None:
    played, plain, slow = train_both(monkeypatch, name, layout, task, runs=1)
    assert slow == []
    assert_same(played, plain)


@pytest.mark.matrix(cases=12)
@pytest.mark.parametrize(("name", "layout", "task"), list(cases()))
def test_played_back_a_cohort_of_which_one_run_leaves_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, name: str, layout: str, task: str
) -> None:
    played, plain, slow = train_both(monkeypatch, name, layout, task, runs=4)
    assert slow == []
    assert_same(played, plain)
