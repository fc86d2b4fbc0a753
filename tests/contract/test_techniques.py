"""The contract that every technique keeps, shipped or added later: it is found by listing the folder."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
import torch
import yaml

from regbench.config import kinds
from regbench.config.containers import declared
from regbench.config.fields import hyper_fields
from regbench.config.paths import config_dir
from regbench.regularizers import registry
from regbench.regularizers.base import Regularizer, stages_of
from regbench.store.checkpoint import Checkpoint
from regbench.training.fit import Job, Watch, fit
from tests.contract.conftest import Memory, fitting_setting, make_setting, train

NAMES = registry.names()
CONVOLUTIONAL = ("series", "image")


def spread(cls: type[Regularizer], count: int) -> list[Regularizer]:
    """Return techniques whose hyper-parameters differ, spread over their search ranges."""
    made = []
    for place in range(count):
        values: dict[str, Any] = {}
        for name, fact in hyper_fields(cls).items():
            low, high = fact.search
            share = (place + 0.5) / count
            values[name] = low * (high / low) ** share if fact.log else low + (high - low) * share
        made.append(cls(**values))
    return made


def neutral(cls: type[Regularizer]) -> Regularizer:
    """Return the technique switched off by its declared values."""
    values = {name: fact.off for name, fact in declared(cls).items() if fact.off is not None}
    assert values, f"{cls.__name__} declares no value that switches it off"
    return cls(**values)


@pytest.mark.parametrize("name", NAMES)
def test_switched_off_is_bit_identical_to_absent(name: str) -> None:
    technique = neutral(registry.load(name))
    plan, data = fitting_setting({name: technique})
    layout = {1: "table", 2: "series", 3: "image"}[len(data.rows.x.shape) - 1]
    bare, bare_data = make_setting({}, layout, plan.task)
    off = train(plan, data, [{name: technique}], [3], [0.01])[0]
    absent = train(bare, bare_data, [{}], [3], [0.01])[0]
    assert off.best.keys() == absent.best.keys()
    assert all(torch.equal(off.best[k], absent.best[k]) for k in absent.best)
    assert torch.equal(off.final["weights"], absent.final["weights"])
    shared = [c for c in bare.header if c != "penalty"]
    assert [{c: row[c] for c in shared} for row in off.rows] == [{c: row[c] for c in shared} for row in absent.rows]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_a_cohort_of_eight_equals_eight_runs_alone(name: str, precision: str) -> None:
    members = [{name: technique} for technique in spread(registry.load(name), 8)]
    plan, data = fitting_setting(members[0], precision=precision)
    seeds, rates = list(range(8)), [0.002 * (k + 1) for k in range(8)]
    together = train(plan, data, members, seeds, rates)
    tolerance = 1e-5 if precision == "float32" else 1e-10
    for place in range(8):
        own = dataclasses.replace(plan, techniques=members[place])
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


@pytest.mark.parametrize(("name", "field", "option"), VARIANTS)
def test_every_variant_in_a_cohort_equals_it_alone(name: str, field: str, option: str) -> None:
    made = spread(registry.load(name), 3)
    members = [{name: dataclasses.replace(technique, **{field: option})} for technique in made]
    # A large eps, for Adam turns gradients that are rounding noise around zero into full steps.
    plan, data = fitting_setting(members[0], precision="float64", optimizer={"name": "adam", "eps": 1e-4})
    together = train(plan, data, members, [0, 1, 2], [0.01, 0.02, 0.03])
    for place in range(3):
        own = dataclasses.replace(plan, techniques=members[place])
        alone = train(own, data, [members[place]], [place], [0.01 * (place + 1)])[0]
        torch.testing.assert_close(together[place].final["weights"], alone.final["weights"], rtol=1e-10, atol=1e-10)
        assert together[place].result["best_epoch"] == alone.result["best_epoch"]


@pytest.mark.parametrize("layout", CONVOLUTIONAL)
@pytest.mark.parametrize("name", NAMES)
def test_a_cohort_of_convolutional_networks_equals_runs_alone(name: str, layout: str) -> None:
    members = [{name: technique} for technique in spread(registry.load(name), 3)]
    plan, data = make_setting(members[0], layout, precision="float64", epochs=1)
    together = train(plan, data, members, [5, 6, 7], [0.01] * 3)
    for place, seed in enumerate((5, 6, 7)):
        own = dataclasses.replace(plan, techniques=members[place])
        alone = train(own, data, [members[place]], [seed], [0.01])[0]
        torch.testing.assert_close(together[place].final["weights"], alone.final["weights"], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_resumed_after_each_epoch_equals_straight_through(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regbench.training.fit.COMMIT_SECONDS", 0.0)
    technique = spread(registry.load(name), 1)[0]
    plan, data = fitting_setting({name: technique})
    straight = train(plan, data, [{name: technique}], [3], [0.01])[0]
    for epoch in (1, 2, 3):
        tensors, facts = straight.commits[epoch - 1]
        sink = Memory()
        start = Checkpoint(tensors, facts)
        job = Job(seed=3, techniques={name: technique}, lr=0.01, decay=0.0, sink=sink, checkpoint=start)
        with torch.no_grad():
            fit(plan, [job], data, Watch())
        assert sink.rows == straight.rows[epoch:]
        assert all(torch.equal(sink.final[k], v) for k, v in straight.final.items())
        without_clock = {**sink.result, "seconds": None}
        assert without_clock == {**straight.result, "seconds": None}


@pytest.mark.parametrize("name", NAMES)
def test_effects_are_reported_in_declared_columns(name: str) -> None:
    technique = spread(registry.load(name), 1)[0]
    plan, data = fitting_setting({name: technique})
    row = train(plan, data, [{name: technique}], [3], [0.01])[0].rows[-1]
    assert tuple(row) == plan.header
    missing = [column for column in plan.effect_columns if row[column] is None]
    assert not missing


@pytest.mark.parametrize("name", NAMES)
def test_yaml_holds_the_declared_defaults_and_nothing_else(name: str) -> None:
    cls = registry.load(name)
    written = yaml.safe_load((config_dir_path() / "regularizer" / f"{name}.yaml").read_text())
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
def test_a_technique_is_one_file_that_keeps_nothing_on_itself(name: str) -> None:
    cls = registry.load(name)
    assert cls.__module__.rpartition(".")[2] == name
    assert dataclasses.is_dataclass(cls)
    with pytest.raises(dataclasses.FrozenInstanceError):
        cls().anything = 1  # type: ignore[attr-defined]


def config_dir_path() -> Any:
    """Return the folder of the shipped configurations."""
    from pathlib import Path

    return Path(config_dir())
