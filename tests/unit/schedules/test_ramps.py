"""Ramps: their closed forms, what is refused, and that a ramp is part of what runs must have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.compose.loader import PRIMARY, open_loader
from regbench.compose.sweep_runs import compose_sweep
from regbench.errors import ConfigError
from regbench.regularizers.registry import build_regularizers
from regbench.runs.prepare import build_records
from regbench.schedules.ramps import Ramp, build_ramps, check_ramps, ramp_regularizers
from regbench.schedules.schedule import build_schedule
from regbench.sweeps.plan.stacking import find_stacks

SHAPES = ("linear", "cosine", "step")

# -- closed forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("linear", [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]),
        ("cosine", [0.0, 0.0, (1 - math.sqrt(0.5)) / 2, 0.5, (1 + math.sqrt(0.5)) / 2, 1.0, 1.0]),
        ("step", [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_rise_follows_its_closed_form(shape: str, expected: list[float]) -> None:
    ramp = Ramp(shape=shape, begin=0.2, end=0.6)
    assert [ramp.rise(p) for p in (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0)] == pytest.approx(expected, abs=1e-12)


@given(shape=st.sampled_from(SHAPES), begin=st.floats(0.0, 0.9), length=st.floats(1e-3, 1.0), p=st.floats(0.0, 1.0))
def test_it_is_exactly_off_up_to_begin_and_exactly_full_from_end(
    shape: str, begin: float, length: float, p: float
) -> None:
    ramp = Ramp(shape=shape, begin=begin, end=min(begin + length, 1.0))
    assert ramp.rise(ramp.begin) == ramp.rise(0.0) == 0.0
    assert ramp.rise(ramp.end) == ramp.rise(1.0) == 1.0
    assert 0.0 <= ramp.rise(p) <= 1.0
    assert ramp.rise(p) <= ramp.rise(min(p + 0.05, 1.0))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_ramped_value_goes_from_its_off_value_to_the_configured_one(shape: str) -> None:
    regularizers = build_regularizers({"dropout": {"rate": 0.4, "input_rate": 0.1}, "l2": {"strength": 0.01}})
    ramps = build_ramps({"dropout": {"rate": {"shape": shape, "begin": 0.25, "end": 0.75}}})
    for progress, rate in ((0.0, 0.0), (0.25, 0.0), (0.75, 0.4), (1.0, 0.4)):
        found = ramp_regularizers(regularizers, ramps, progress)
        assert found["dropout"].rate == rate  # type: ignore[attr-defined]
        assert found["dropout"].input_rate == 0.1  # type: ignore[attr-defined]
        assert found["l2"] is regularizers["l2"]
    assert ramp_regularizers(regularizers, {}, 0.1) is regularizers


# -- what is refused -------------------------------------------------------------------------------------------------

SELECTED = {"dropout": {}, "max_norm": {}, "l2": {}, "gradient_noise": {}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (3, r"schedule\.ramp=3 is not allowed; it takes a mapping of a regularizer to its ramps"),
        ({"l2": 1}, r"schedule\.ramp\.l2=1 is not allowed; it takes a mapping of a field to its ramp"),
        (
            {"l2": {"strength": "linear"}},
            r"schedule\.ramp\.l2\.strength='linear' is not allowed; it takes a mapping of shape, begin and end to",
        ),
        ({"l2": {"strength": {"shpe": "step"}}}, r"ramp\.l2\.strength\.shpe: unknown key; did you mean 'shape'\?"),
        ({"l2": {"strength": {"shape": "cubic"}}}, r"shape='cubic' is not allowed; it takes one of linear, cosine, st"),
        ({"l2": {"strength": {"begin": 1.0}}}, r"begin=1\.0 is not allowed; it takes a number in \[0, 1\)"),
        ({"l2": {"strength": {"end": 0.0}}}, r"end=0\.0 is not allowed; it takes a number in \(0, 1\]"),
        (
            {"l2": {"strength": {"begin": 0.5, "end": 0.5}}},
            r"schedule\.ramp\.l2\.strength: begin=0\.5 is not allowed; it must be less than end=0\.5",
        ),
        ({"l2": {"strength": {"begin": 0.8, "end": 0.2}}}, r"begin=0\.8 is not allowed; it must be less than end=0\.2"),
        ({"drpout": {"rate": {}}}, r"schedule\.ramp\.drpout: this regularizer is not selected; did you mean 'dropout'"),
        ({"ema": {"decay": {}}}, r"schedule\.ramp\.ema: this regularizer is not selected; "),
        ({"dropout": {"rat": {}}}, r"ramp\.dropout\.rat: only a hyper-parameter with a finite off value can be ramped"),
        ({"dropout": {"scaling": {}}}, r"ramp\.dropout\.scaling: only a hyper-parameter with a finite off value"),
        ({"max_norm": {"radius": {}}}, r"ramp\.max_norm\.radius: only a hyper-parameter with a finite off value"),
        ({"gradient_noise": {"gamma": {}}}, r"gradient_noise\.gamma: only a hyper-parameter with a finite off .*eta"),
    ],
)
def test_mistakes_are_refused_in_one_line(values: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        check_ramps(build_schedule({"ramp": values}).ramp, build_regularizers(SELECTED))
    assert "\n" not in str(refusal.value)


def test_every_default_is_a_line_over_the_whole_training() -> None:
    ramps = build_schedule({"ramp": {"l2": {"strength": {}}}}).ramp
    assert ramps == {"l2": {"strength": Ramp(shape="linear", begin=0.0, end=1.0)}}
    check_ramps(ramps, build_regularizers(SELECTED))


# -- in a sweep ------------------------------------------------------------------------------------------------------


def compose(*words: str) -> list[Any]:
    with open_loader(None, None, warn=pytest.fail) as loader:
        return compose_sweep(loader, PRIMARY, [list(words)])


def test_runs_with_different_ramps_are_not_stacked_and_runs_with_the_same_are() -> None:
    ends = ["{dropout:{rate:{end:0.5}}}", "{dropout:{rate:{end:1.0}}}", "{}"]
    words = ("regularizer=dropout", "regularizer.dropout.rate=0.2,0.4", f"schedule.ramp={','.join(ends)}", "seed=0,1")
    configs = compose(*words)
    assert len(configs) == 12
    stacks = find_stacks(configs)
    ramps: list[Mapping[str, Any]] = [build_records(configs[places[0]]).schedule.ramp for places in stacks]
    assert sorted(map(len, stacks)) == [4, 4, 4]
    assert sorted(len(ramp) for ramp in ramps) == [0, 1, 1]


def test_a_ramp_of_a_regularizer_that_is_not_selected_is_refused_before_any_data_is_read() -> None:
    (config,) = compose(
        "regularizer=l2",
        "dataset=csv",
        "dataset.path=no_such.csv",
        "dataset.target=y",
        "schedule.ramp={dropout:{rate:{}}}",
    )
    with pytest.raises(ConfigError, match=r"schedule\.ramp\.dropout: this regularizer is not selected"):
        build_records(config)
