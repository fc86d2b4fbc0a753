"""Cards of what is shipped: complete, and the same in the terminal as in the data."""

from __future__ import annotations

import pytest

from regbench.cards.card import Card, make_card
from regbench.cli.catalogue import show
from regbench.config.catalogue import Option, list_options
from regbench.regularizers.aims import AIMS

REGULARIZERS = [option for option in list_options() if option.group == "regularizer" and option.source()]


@pytest.mark.parametrize("option", REGULARIZERS, ids=lambda option: option.name)
def test_a_regularizer_says_when_to_use_it_what_for_and_at_what_cost(
    option: Option, capsys: pytest.CaptureFixture[str]
) -> None:
    card = make_card(option)
    facts = dict(card.facts)
    assert facts["for"] in AIMS.values()
    assert list(facts) == ["for", "stages", "conflicts", "ramps", "reports", "cost", "reference"]
    told = (option.load_class() or object).__doc__ or ""
    assert [told.count(f"\n    {label}:") for label in ("When", "Source")] == [1, 1], "once, not twice after a merge"
    assert told.count("\n    Other libraries:") <= 1
    assert len(card.when.split()) >= 12, "a card says when to use it, and when not"
    show(option.name)
    out = " ".join(capsys.readouterr().out.split())
    for label, text in (("when", card.when), ("other libraries", card.others), *card.facts):
        assert f"{label} {text}".rstrip() in out or not text


def test_conversions_to_other_libraries_are_told() -> None:
    told = {option.name: make_card(option).others for option in REGULARIZERS}
    assert "strength 2λ" in told["l2"]  # Keras' λ Σ w² against ½ · strength · Σ w²
    assert "strength · rate_0" in told["weight_decay"]  # Composer's decay against torch's
    assert "decay 2^(−1/h)" in told["ema"]  # Composer's half-life
    assert "1 − momentum" in told["batch_norm"]  # Keras'


def test_an_option_without_a_class_has_its_yaml_alone() -> None:
    assert make_card(Option("mine", "one", "# What it is\nx: 1\n")) == Card(
        "mine", "one", "What it is", yaml="# What it is\nx: 1"
    )
