"""`regbench show NAME --plot ramp`, and what cards say of ramps."""

from __future__ import annotations

import re
import shlex

import pytest

from regbench.config.fields import hyper_fields
from regbench.regularizers import registry
from regbench.schedules.ramps import list_rampable
from tests.cli.session import Session

NAMES = registry.names()
STILL = [name for name in NAMES if not list_rampable(registry.load(name))]


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_it_draws_what_is_not_off_by_default_over_the_whole_training(regbench: Session) -> None:
    assert regbench("show", "dropout", "--plot", "ramp") == 0
    assert regbench.out.startswith("dropout.rate: linear from 0 (off) to 0.5\n\nrate\n 0.5 +")
    assert "share of training done" in regbench.out
    assert "input_rate" not in regbench.out


def test_its_last_line_is_the_command_that_trains_so(regbench: Session) -> None:
    words = ("shape=cosine", "begin=0.25", "regularizer.dropout.rate=0.3", "end=0.75")
    assert regbench("show", "dropout", "--plot", "ramp", *words) == 0
    assert regbench.out.startswith("dropout.rate: cosine from 0 (off) to 0.3 between 0.25 and 0.75\n")
    command = shlex.split(regbench.out.splitlines()[-1])
    assert command[:2] == ["regbench", "run"]
    assert regbench(*command[1:]) == 0
    (config,) = regbench.runs
    assert config.schedule["ramp"] == {"dropout": {"rate": {"shape": "cosine", "begin": 0.25, "end": 0.75}}}
    assert config.regularizers["dropout"]["rate"] == 0.3


def test_a_ramp_as_a_run_takes_it_is_drawn_for_each_of_its_settings(regbench: Session) -> None:
    ramp = "schedule.ramp={dropout: {input_rate: {shape: step, end: 0.5}, rate: {}}}"
    assert regbench("show", "--plot", "ramp", "dropout", ramp, "regularizer.dropout.input_rate=0.2") == 0
    titles = re.findall(r"^dropout\..*$", regbench.out, re.MULTILINE)
    assert titles == [
        "dropout.input_rate: step from 0 (off) to 0.2 at 0.25",
        "dropout.rate: linear from 0 (off) to 0.5",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["batch_norm", "--plot", "ramp"],
            "batch_norm has nothing to ramp: that takes a hyper-parameter with a finite",
        ),
        (["mlp", "--plot", "ramp"], "'mlp': no regularizer has this name; "),
        (["dropuot", "--plot", "ramp"], "did you mean 'dropout'"),
        (["dropout", "--plot", "rmp"], "--plot rmp: not allowed; it takes ramp"),
        (["dropout", "--plot"], "usage: regbench show NAME"),
        (["--plot", "ramp"], "usage: regbench show NAME"),
        (["dropout", "begin=0.5"], "usage: regbench show NAME"),
        (["l2", "--plot", "ramp", "begin=x"], "schedule.ramp.l2.strength.begin='x' is not allowed; it takes a number"),
        (["l2", "--plot", "ramp", "begin=nan"], "schedule.ramp.l2.strength.begin=nan is not allowed"),
        (["l2", "--plot", "ramp", "begin=0.5", "end=0.2"], "begin=0.5 is not allowed; it must be less than end=0.2"),
        (["l2", "--plot", "ramp", "shape={"], "schedule.ramp.l2.strength.shape='{' is not allowed; it takes one of"),
        (["l2", "--plot", "ramp", "shap=step"], "shap: unknown key"),
        (["l2", "--plot", "ramp", "regularizer.l2.strength=-1"], "regularizer.l2.strength=-1 is not allowed"),
        (["l2", "--plot", "ramp", "regularizer.l2.strength=0"], "regularizer.l2.strength=0 is its off value"),
        (["l2", "--plot", "ramp", "schedule.ramp={l1: {strength: {}}}"], "schedule.ramp.l1: this regularizer is not s"),
        (
            ["l2", "--plot", "ramp", "schedule.ramp={l2: {strength: {}}}", "end=0.5"],
            "end=0.5: not beside schedule.ramp",
        ),
    ],
)
def test_mistakes_are_refused_in_one_line(regbench: Session, words: list[str], message: str) -> None:
    assert message in regbench.refusal("show", *words)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in STILL])
def test_the_card_says_how_each_technique_is_ramped_and_the_ramp_can_be_drawn(regbench: Session, name: str) -> None:
    assert regbench("show", name) == 0
    card = " ".join(regbench.out.split())
    cls, first = registry.load(name), list_rampable(registry.load(name))[0]
    written = f"schedule.ramp={{{name}: {{{first}: {{shape: linear, begin: 0, end: 1}}}}}}"
    assert f"ramps {', '.join(list_rampable(cls))}: '{written}'; regbench show {name} --plot ramp" in card
    full = next(value for value in hyper_fields(cls)[first].search if value != hyper_fields(cls)[first].off)
    assert regbench("show", name, "--plot", "ramp", written, f"regularizer.{name}.{first}={full}") == 0
    assert regbench.out.startswith(f"{name}.{first}: linear from ")


@pytest.mark.parametrize("name", STILL)
def test_the_card_says_where_nothing_can_be_ramped(regbench: Session, name: str) -> None:
    assert regbench("show", name) == 0
    assert "ramps none: no hyper-parameter has a finite off value" in " ".join(regbench.out.split())
