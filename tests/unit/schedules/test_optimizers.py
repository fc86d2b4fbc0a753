"""Optimizer declarations against the classes of torch.optim that they stand for."""

from __future__ import annotations

import inspect
from dataclasses import asdict

import pytest
import torch

from regbench.config.containers import declared
from regbench.config.fields import hyper_names
from regbench.errors import ConfigError
from regbench.schedules.optimizers import OPTIMIZERS, SGD, AdamW

PEERS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}


@pytest.mark.parametrize("name", PEERS)
def test_defaults_are_torchs_except_the_rate_of_sgd(name: str) -> None:
    peer = {key: value.default for key, value in inspect.signature(PEERS[name]).parameters.items()}
    if "betas" in peer:
        peer["beta1"], peer["beta2"] = peer["betas"]
    ours = asdict(OPTIMIZERS[name]())
    if name == "sgd":
        assert ours.pop("lr") == 0.1  # torch's 1e-3 dates from 2024 and suits no published SGD setting
    assert ours == {key: peer[key] for key in ours}


@pytest.mark.parametrize("name", PEERS)
def test_only_rate_and_decay_may_differ_inside_a_cohort(name: str) -> None:
    assert hyper_names(OPTIMIZERS[name]) == (("lr", "weight_decay") if name == "adamw" else ("lr",))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_field_says_what_it_is(name: str) -> None:
    assert OPTIMIZERS[name].name == name
    assert all(fact.help for fact in declared(OPTIMIZERS[name]).values())


def test_decay_can_be_switched_off() -> None:
    assert declared(AdamW)["weight_decay"].off == 0.0


def test_nesterov_without_momentum_is_refused() -> None:
    with pytest.raises(ValueError, match="Nesterov momentum requires a momentum"):
        torch.optim.SGD([torch.zeros(1)], lr=1.0, nesterov=True)  # torch would, but in the middle of a run
    with pytest.raises(ConfigError, match=r"nesterov=true needs schedule\.optimizer\.momentum in \(0, 1\)"):
        SGD(nesterov=True)
