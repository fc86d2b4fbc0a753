"""The contract that every regularizer keeps, shipped or added later: it is found by listing the folder."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from regbench.config import kinds
from regbench.config.containers import declared
from regbench.config.fields import hyper_fields
from regbench.config.paths import config_dir
from regbench.errors import ConfigError
from regbench.regularizers import registry
from regbench.regularizers.base import Regularizer
from regbench.regularizers.stages import RANKS, overrides, rank_of, stages_of
from tests.contract.conftest import Memory, assert_resumes, fitting_setting, make_setting, train

NAMES = registry.names()
DAMPED = {"name": "adam", "eps": 1e-4}
"""Adam that does not turn gradients which are rounding noise around zero into full steps."""
CONVOLUTIONAL = ("series", "image")
LONG = 100
"""Epochs after which small networks know their rows by heart."""


def spread(cls: type[Regularizer], count: int, **choices: str) -> list[Regularizer]:
    """Return regularizers of some choices whose hyper-parameters differ, spread over their search ranges."""
    made = []
    for place in range(count):
        values: dict[str, Any] = dict(choices)
        for name, fact in hyper_fields(cls, choices).items():
            low, high = fact.search
            share = (place + 0.5) / count
            values[name] = low * (high / low) ** share if fact.log else low + (high - low) * share
        made.append(cls(**values))
    return made


def neutral(cls: type[Regularizer]) -> Regularizer:
    """Return the regularizer switched off by its declared values."""
    values = {name: fact.off for name, fact in declared(cls).items() if fact.off is not None}
    assert values, f"{cls.__name__} declares no value that switches it off"
    return cls(**values)


@pytest.mark.parametrize("name", NAMES)
def test_switched_off_is_bit_identical_to_absent(name: str) -> None:
    regularizer = neutral(registry.load(name))
    spec, data = fitting_setting({name: regularizer})
    layout = {1: "table", 2: "series", 3: "image"}[len(data.rows.x.shape) - 1]
    bare, bare_data = make_setting({}, layout, spec.facts.task)
    off = train(spec, data, [{name: regularizer}], [3], [0.01])[0]
    absent = train(bare, bare_data, [{}], [3], [0.01])[0]
    assert off.best.keys() == absent.best.keys()
    assert all(torch.equal(off.best[k], absent.best[k]) for k in absent.best)
    assert torch.equal(off.final["weights"], absent.final["weights"])
    shared = [c for c in bare.header if c != "penalty"]
    assert [{c: row[c] for c in shared} for row in off.rows] == [{c: row[c] for c in shared} for row in absent.rows]


@pytest.mark.matrix(cases=12)
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_a_cohort_of_eight_equals_eight_runs_alone(name: str, precision: str) -> None:
    members = [{name: regularizer} for regularizer in spread(registry.load(name), 8)]
    optimizer = DAMPED if precision == "float32" else {"name": "adam"}
    spec, data = fitting_setting(members[0], precision=precision, optimizer=optimizer)
    seeds, rates = list(range(8)), [0.002 * (k + 1) for k in range(8)]
    together = train(spec, data, members, seeds, rates)
    tolerance = 1e-5 if precision == "float32" else 1e-10
    for place in range(8):
        own = dataclasses.replace(spec, regularizers=members[place])
        alone = train(own, data, [members[place]], [seeds[place]], [rates[place]])[0]
        for key, tensor in alone.final.items():
            torch.testing.assert_close(
                together[place].final[key], tensor, rtol=tolerance, atol=tolerance, msg=lambda m, k=key: f"{k}: {m}"
            )
        assert together[place].result["best_epoch"] == alone.result["best_epoch"]


VARIANTS = [
    (name, field, option)
    for name in NAMES
    for field, fact in declared(registry.load(name)).items()
    if isinstance(fact, kinds.Choice)
    for option in fact.options[1:]
]


@pytest.mark.matrix(cases=16)
@pytest.mark.parametrize(("name", "field", "option"), VARIANTS)
def test_every_variant_in_a_cohort_equals_it_alone(name: str, field: str, option: str) -> None:
    members = [{name: regularizer} for regularizer in spread(registry.load(name), 3, **{field: option})]
    if members[0][name].alone():
        pytest.skip("runs of this variant are never stacked")
    spec, data = fitting_setting(members[0], precision="float64", optimizer=DAMPED)
    together = train(spec, data, members, [0, 1, 2], [0.01, 0.02, 0.03])
    for place in range(3):
        own = dataclasses.replace(spec, regularizers=members[place])
        alone = train(own, data, [members[place]], [place], [0.01 * (place + 1)])[0]
        torch.testing.assert_close(together[place].final["weights"], alone.final["weights"], rtol=1e-10, atol=1e-10)
        assert together[place].result["best_epoch"] == alone.result["best_epoch"]


def find_refusal(regularizers: dict[str, Regularizer], task: str) -> str | None:
    """Return what regularizers say to a task that they do not take."""
    try:
        make_setting(regularizers, task=task)
    except ConfigError as refusal:
        return str(refusal)
    return None


@pytest.mark.matrix(cases=13)
@pytest.mark.parametrize("task", ["several numbers", "multilabel"])
@pytest.mark.parametrize("name", NAMES)
def test_it_takes_several_numbers_and_labels_or_says_what_it_needs(name: str, task: str) -> None:
    members = [{name: regularizer} for regularizer in spread(registry.load(name), 2)]
    refusal = find_refusal(members[0], task)
    if refusal is not None:
        assert re.fullmatch(rf"regularizer {name}: needs [^\n]+", refusal)
        return
    spec, data = make_setting(members[0], task=task, precision="float64", optimizer=DAMPED)
    together = train(spec, data, members, [0, 1], [0.01, 0.02])
    for place in range(2):
        own = dataclasses.replace(spec, regularizers=members[place])
        alone = train(own, data, [members[place]], [place], [0.01 * (place + 1)])[0]
        torch.testing.assert_close(together[place].final["weights"], alone.final["weights"], rtol=1e-9, atol=1e-9)
        assert together[place].result["status"] == "complete"
    off, bare = {name: neutral(registry.load(name))}, make_setting({}, task=task)
    absent = train(*bare, [{}], [3], [0.01])[0]
    switched_off = train(*make_setting(off, task=task), [off], [3], [0.01])[0]
    assert all(torch.equal(switched_off.best[k], tensor) for k, tensor in absent.best.items())
    assert torch.equal(switched_off.final["weights"], absent.final["weights"])


@pytest.mark.matrix(cases=13)
@pytest.mark.parametrize("layout", CONVOLUTIONAL)
@pytest.mark.parametrize("name", NAMES)
def test_a_cohort_of_convolutional_networks_equals_runs_alone(name: str, layout: str) -> None:
    members = [{name: regularizer} for regularizer in spread(registry.load(name), 3)]
    spec, data = make_setting(members[0], layout, precision="float64", epochs=1)
    together = train(spec, data, members, [5, 6, 7], [0.01] * 3)
    for place, seed in enumerate((5, 6, 7)):
        own = dataclasses.replace(spec, regularizers=members[place])
        alone = train(own, data, [members[place]], [seed], [0.01])[0]
        torch.testing.assert_close(together[place].final["weights"], alone.final["weights"], rtol=1e-9, atol=1e-9)


@pytest.mark.matrix(cases=14)
@pytest.mark.parametrize("name", NAMES)
def test_resumed_after_each_epoch_equals_straight_through(name: str, committed_each_epoch: None) -> None:
    members = {name: spread(registry.load(name), 1)[0]}
    assert_resumes(*fitting_setting(members), members)


@pytest.mark.parametrize("name", NAMES)
def test_its_rank_is_named_wherever_order_matters(name: str) -> None:
    cls = registry.load(name)
    ordered = {method for method, ranks in RANKS.items() if len(ranks) > 1 and overrides(cls, method)}
    assert set(cls.ranks) == ordered
    assert all(rank_of(cls, method) >= 0 for method in ordered), "a rank that does not exist is refused"


# -- off on some data ------------------------------------------------------------------------------------------------

SMALL_DATA = [("regression", layout) for layout in ("table", "series", "image", "narrow")] + [
    ("classification", layout) for layout in ("table", "series", "image", "mixed", "narrow", "balanced")
]


def strongest(cls: type[Regularizer]) -> Regularizer:
    """Return the regularizer with every hyper-parameter that has an off value at the other end of its range."""
    values = {
        name: fact.search[0] if math.isinf(fact.off) else fact.search[1]
        for name, fact in hyper_fields(cls).items()
        if fact.off is not None
    }
    return cls(**values)


def train_with_and_without(
    regularizers: dict[str, Regularizer], layout: str, task: str, **schedule: Any
) -> tuple[Memory, Memory]:
    """Train a run with regularizers and one without."""
    bare = {key: value for key, value in schedule.items() if key != "ramp"}
    own = train(*make_setting(regularizers, layout, task, **schedule), [regularizers], [3], [0.01])[0]
    return own, train(*make_setting({}, layout, task, **bare), [{}], [3], [0.01])[0]


def are_same(one: Memory, other: Memory) -> bool:
    """Tell whether two runs have the same bits: the weights that evaluation chose, and the last ones."""
    best = one.best.keys() == other.best.keys() and all(torch.equal(one.best[k], other.best[k]) for k in other.best)
    return best and torch.equal(one.final["weights"], other.final["weights"])


@pytest.mark.matrix(cases=32)
@pytest.mark.parametrize(("task", "layout"), SMALL_DATA)
@pytest.mark.parametrize("name", NAMES)
def test_it_changes_the_run_or_says_why_not(name: str, task: str, layout: str) -> None:
    regularizer = strongest(registry.load(name))
    try:
        spec, _ = make_setting({name: regularizer}, layout, task)
    except ConfigError:
        return  # refused, which is to say why not as well
    reason = regularizer.idle(spec.facts)
    # What has to wait for a low loss gets the time for it.
    for epochs in (2, *([] if reason else [LONG])):
        own, absent = train_with_and_without({name: regularizer}, layout, task, epochs=epochs)
        same = are_same(own, absent)
        if not same:
            break
    assert own.result["idle"].get(name) == reason
    assert same == (reason is not None), f"idle: {reason}"
    if reason is not None:
        assert torch.equal(own.final["weights"], absent.final["weights"])
        assert reason == reason.strip(" .")


# -- ramps -----------------------------------------------------------------------------------------------------------

RAMPED = [
    (name, field)
    for name in NAMES
    for field, fact in hyper_fields(registry.load(name)).items()
    if fact.off is not None and math.isfinite(fact.off)
]


def ramp_of(name: str, field: str, begin: float = 0.2, end: float = 0.8) -> dict[str, Any]:
    return {name: {field: {"shape": "linear", "begin": begin, "end": end}}}


def ramped(name: str, field: str, count: int) -> list[Regularizer]:
    """Return regularizers with different values of the field, none of them off."""
    made = spread(registry.load(name), count)
    assert all(getattr(regularizer, field) != hyper_fields(type(regularizer))[field].off for regularizer in made)
    return made


@pytest.mark.matrix(cases=12)
@pytest.mark.parametrize(("name", "field"), RAMPED)
def test_ramps_in_a_cohort_equal_ramps_alone(name: str, field: str) -> None:
    members = [{name: regularizer} for regularizer in ramped(name, field, 4)]
    spec, data = fitting_setting(members[0], ramp=ramp_of(name, field), precision="float64", optimizer=DAMPED)
    seeds, rates = [0, 1, 2, 3], [0.01, 0.02, 0.03, 0.04]
    together = train(spec, data, members, seeds, rates)
    for place, (seed, rate) in enumerate(zip(seeds, rates, strict=True)):
        alone = train(spec, data, [members[place]], [seed], [rate])[0]
        for key, tensor in alone.final.items():
            torch.testing.assert_close(together[place].final[key], tensor, rtol=1e-10, atol=1e-10, msg=key)
        assert together[place].result["best_epoch"] == alone.result["best_epoch"]


@pytest.mark.matrix(cases=10)
@pytest.mark.parametrize(("name", "field"), RAMPED)
def test_a_ramp_resumed_after_each_epoch_equals_straight_through(
    name: str, field: str, committed_each_epoch: None
) -> None:
    members = {name: ramped(name, field, 1)[0]}
    assert_resumes(*fitting_setting(members, ramp=ramp_of(name, field)), members)


@pytest.mark.matrix(cases=12)
@pytest.mark.parametrize(("name", "field"), RAMPED)
def test_a_ramp_changes_the_run_and_one_that_never_begins_is_bit_identical_to_absent(name: str, field: str) -> None:
    # Everything but the ramped field is switched off too, where there is a value for that.
    cls = registry.load(name)
    regularizer = dataclasses.replace(neutral(cls), **{field: getattr(ramped(name, field, 1)[0], field)})
    spec, data = fitting_setting({name: regularizer}, ramp=ramp_of(name, field, 0.999, 1.0))
    layout = {1: "table", 2: "series", 3: "image"}[len(data.rows.x.shape) - 1]
    bare, bare_data = make_setting({}, layout, spec.facts.task)
    late = train(spec, data, [{name: regularizer}], [3], [0.01])[0]
    absent = train(bare, bare_data, [{}], [3], [0.01])[0]
    assert all(torch.equal(late.best[k], tensor) for k, tensor in absent.best.items())
    assert torch.equal(late.final["weights"], absent.final["weights"])
    pairs = (
        train_with_and_without({name: regularizer}, layout, spec.facts.task, ramp=ramp_of(name, field), epochs=epochs)
        for epochs in (3, LONG)
    )
    assert any(not are_same(grown, never) for grown, never in pairs)


# -- what is declared ------------------------------------------------------------------------------------------------


@pytest.mark.matrix(cases=16)
@pytest.mark.parametrize("name", NAMES)
def test_effects_are_reported_in_declared_columns(name: str) -> None:
    regularizer = spread(registry.load(name), 1)[0]
    spec, data = fitting_setting({name: regularizer})
    row = train(spec, data, [{name: regularizer}], [3], [0.01])[0].rows[-1]
    assert tuple(row) == spec.header
    missing = [column for column in spec.effect_columns if row[column] is None]
    assert not missing


@pytest.mark.parametrize("name", NAMES)
def test_yaml_holds_the_declared_defaults_and_nothing_else(name: str) -> None:
    cls = registry.load(name)
    written = yaml.safe_load((Path(config_dir()) / "regularizer" / f"{name}.yaml").read_text())
    values = dict(written[name])
    assert list(written) == [name]
    assert values.pop("name") == name
    defaults = {f.name: getattr(cls(), f.name) for f in dataclasses.fields(cls)}
    assert values == {k: list(v) if isinstance(v, tuple) else v for k, v in defaults.items()}


@pytest.mark.parametrize("name", NAMES)
def test_card_names_formula_off_value_and_source(name: str) -> None:
    cls = registry.load(name)
    card = cls.__doc__ or ""
    assert card.splitlines()[0].strip()
    assert "Source:" in card
    assert re.search(r"\boff\b", card)
    assert stages_of(cls)


@pytest.mark.parametrize("name", NAMES)
def test_a_regularizer_is_one_file_that_keeps_nothing_on_itself(name: str) -> None:
    cls = registry.load(name)
    assert cls.__module__.rpartition(".")[2] == name
    assert dataclasses.is_dataclass(cls)
    with pytest.raises(dataclasses.FrozenInstanceError):
        cls().anything = 1  # type: ignore[attr-defined]
