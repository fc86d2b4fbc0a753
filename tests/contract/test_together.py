"""Any two or three regularizers together: they run, stack and resume, or one line says why they cannot."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Mapping
from functools import cache
from itertools import combinations
from typing import Any

import pytest
import torch

from regbench.config import kinds
from regbench.config.containers import declared
from regbench.errors import ConfigError
from regbench.regularizers import registry
from regbench.regularizers.base import Regularizer
from regbench.training.spec import TrainingSpec
from regbench.training.stacked_rows import Trained, stack_rows
from regbench.training.training_set import TrainingSet
from tests.contract.conftest import assert_resumes, make_setting, train
from tests.contract.test_regularizers import DAMPED, spread

NAMES = registry.names()
SEED = 20
PAIRS, TRIPLES = 300, 100
LAYOUTS = ("table", "image", "series", "mixed", "blurred")


def draw_sets(size: int, count: int) -> list[tuple[str, ...]]:
    """Return different sets of names that do not exclude each other, drawn with a fixed seed."""
    excluded = {frozenset((name, other)) for name in NAMES for other in registry.load(name).conflicts}
    every = list(combinations(NAMES, size))
    drawn = random.Random(SEED).sample(every, k=min(4 * count, len(every)))
    free = [names for names in drawn if not any(frozenset(pair) in excluded for pair in combinations(names, 2))]
    return free[:count]


def draw_members(names: tuple[str, ...], count: int) -> list[dict[str, Regularizer]]:
    """Return the regularizers of so many runs: choices are drawn, hyper-parameters spread."""
    source = random.Random(f"{SEED} {names}")
    members: list[dict[str, Regularizer]] = [{} for _ in range(count)]
    for name in names:
        cls = registry.load(name)
        choices = {field: source.choice(list_options(fact)) for field, fact in iterate_choices(cls)}
        for member, made in zip(members, spread(cls, count), strict=True):
            member[name] = dataclasses.replace(made, **choices)
    return members


def iterate_choices(cls: type[Regularizer]) -> list[tuple[str, kinds.Choice]]:
    return [(field, fact) for field, fact in declared(cls).items() if isinstance(fact, kinds.Choice)]


def list_options(fact: kinds.Choice) -> list[str]:
    """Return the options that do something; the first, which is the default, as often as all others together."""
    options = [option for option in fact.options if option != fact.off]
    return [options[0]] * max(1, len(options) - 1) + options[1:]


def find_setting(members: Mapping[str, Regularizer]) -> tuple[TrainingSpec, TrainingSet] | list[str]:
    """Return the first setting that the regularizers accept, or what is said to each."""
    refusals = []
    for layout in LAYOUTS:
        try:
            spec, data = make_setting(members, layout, precision="float64", optimizer=DAMPED, epochs=2)
            stack_rows([data.rows], [Trained(0, members)], spec.facts)
        except ConfigError as refusal:
            refusals.append(str(refusal))
        else:
            return spec, data
    return refusals


@cache
def find_composed(size: int) -> frozenset[tuple[str, ...]]:
    """Return the sets of default settings that some data and model accept."""
    sets = draw_sets(size, TRIPLES)
    return frozenset(
        names for names in sets if not isinstance(find_setting({name: registry.load(name)() for name in names}), list)
    )


def assert_together(names: tuple[str, ...]) -> None:
    members = draw_members(names, 3)
    setting = find_setting(members[0])
    if isinstance(setting, list):
        assert all(re.fullmatch(r"regularizers? [^\n]{10,}", refusal) for refusal in setting), setting
        return
    spec, data = setting
    if not any(regularizer.alone() for regularizer in members[0].values()):
        together = train(spec, data, members, [0, 1, 2], [0.01, 0.02, 0.03])
        assert_as_alone(together, spec, data, members)
    assert_resumes(spec, data, members[0])


def assert_as_alone(together: list[Any], spec: TrainingSpec, data: TrainingSet, members: list[dict[str, Any]]) -> None:
    for place, member in enumerate(members):
        own = dataclasses.replace(spec, regularizers=member)
        alone = train(own, data, [member], [place], [0.01 * (place + 1)])[0]
        assert together[place].result["best_epoch"] == alone.result["best_epoch"]
        assert together[place].final.keys() == alone.final.keys()
        for key, tensor in alone.final.items():
            torch.testing.assert_close(together[place].final[key], tensor, rtol=1e-9, atol=1e-9, msg=key)


@pytest.mark.matrix(cases=6)
@pytest.mark.parametrize("names", draw_sets(2, PAIRS), ids="+".join)
def test_two_of_them_run_stack_and_resume(names: tuple[str, ...], committed_each_epoch: None) -> None:
    assert_together(names)


@pytest.mark.matrix(cases=3)
@pytest.mark.parametrize("names", draw_sets(3, TRIPLES), ids="+".join)
def test_three_of_them_run_stack_and_resume(names: tuple[str, ...], committed_each_epoch: None) -> None:
    assert_together(names)


@pytest.mark.parametrize(("size", "least"), [(2, 0.9), (3, 0.8)])
def test_most_of_them_fit_together(size: int, least: float) -> None:
    assert len(find_composed(size)) >= least * len(draw_sets(size, TRIPLES))
