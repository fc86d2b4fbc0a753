"""Costs of a step: measured ones are of techniques that exist, and the card prints them."""

from __future__ import annotations

from pathlib import Path

import pytest

from regbench.cards import costs
from regbench.cards.card import make_card
from regbench.cards.costs import Cost, describe_cost, read_costs
from regbench.config.catalogue import Option, list_options
from regbench.regularizers import registry

OPTIONS = {option.name: option for option in list_options() if option.group == "regularizer"}


def cost_on_card(option: Option) -> str:
    return dict(make_card(option).facts)["cost"]


def test_only_regularizers_that_exist_have_a_cost() -> None:
    assert read_costs()
    assert set(read_costs()) <= set(registry.names())


@pytest.mark.parametrize("name", sorted(read_costs()))
def test_a_measured_cost_is_a_factor_and_stands_on_the_card(name: str) -> None:
    cost = read_costs()[name]
    assert 0.5 < cost.alone < 1000
    assert 0.5 < cost.stacked < 1000
    told = cost_on_card(OPTIONS[name])
    assert f"{cost.alone:.2f} times" in told
    assert f"{cost.stacked:.2f} in a stack of 32" in told
    assert cost.machine in told
    assert cost.date in told


def test_a_technique_without_a_measurement_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(costs, "read_costs", lambda: {"l2": read_costs()["l2"]})
    assert cost_on_card(OPTIONS["dropout"]) == "not measured"
    assert cost_on_card(OPTIONS["l2"]) != "not measured"
    assert read_costs(tmp_path / "absent.csv") == {}
    assert describe_cost("no such thing") == "not measured"


def test_what_the_benchmark_writes_is_what_the_cards_read(tmp_path: Path) -> None:
    from benchmarks.costs import write_table

    cost = Cost(1.25, 1.5, 'a "task", quoted', "a machine, load 3", "2026-01-02", "9.9.9")
    (tmp_path / "costs.csv").write_text(write_table([("l2", cost)]), encoding="utf-8")
    assert read_costs(tmp_path / "costs.csv") == {"l2": cost}
