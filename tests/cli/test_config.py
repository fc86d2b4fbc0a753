"""The identity of a run: equal for equal computations, different for different ones, and safe as a folder's name."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from regbench.config.run_config import RunConfig, parse
from regbench.errors import ConfigError

BASE: dict[str, Any] = {
    "name": "default",
    "seed": 0,
    "device": "cpu",
    "threads": None,
    "metric": None,
    "resume": "auto",
    "quiet": False,
    "runs": "runs",
    "dataset": {"name": "digits"},
    "model": {"name": "mlp", "widths": [64, 64]},
    "schedule": {"epochs": 3, "optimizer": {"name": "adam", "lr": 1e-3}},
    "regularizer": {"l2": {"name": "l2", "strength": 1e-4}, "dropout": {"name": "dropout", "p": 0.5}},
}


def make(**changes: Any) -> RunConfig:
    return parse(OmegaConf.create(BASE | changes), ())


def test_the_run_id_is_what_the_design_says() -> None:
    config = make(seed=3)
    identity = {"seed": 3} | {key: BASE[key] for key in ("dataset", "model", "schedule", "regularizer")}
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert config.config_hash() == digest
    assert config.run_id() == f"digits-mlp-dropout+l2-s3-{digest[:10]}"
    assert config.folder() == Path("runs/default") / config.run_id()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"device": "cuda:1"},
        {"threads": 2},
        {"metric": "auc"},
        {"resume": "fresh"},
        {"quiet": True},
        {"runs": "elsewhere"},
        {"sweep": {"cohort": 8, "workers": 2}},
        {"regularizer": dict(reversed(BASE["regularizer"].items()))},
        {"schedule": {"optimizer": {"lr": 0.001, "name": "adam"}, "epochs": 3.0}},
    ],
)
def test_what_does_not_change_the_computation_does_not_change_the_identity(change: dict[str, Any]) -> None:
    assert make(**change).run_id() == make().run_id()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"dataset": {"name": "digits", "label_noise": 0.1}},
        {"model": {"name": "mlp", "widths": [64, 65]}},
        {"schedule": {"epochs": 4, "optimizer": {"name": "adam", "lr": 1e-3}}},
        {"regularizer": {"l2": {"name": "l2", "strength": 1e-4}}},
        {"regularizer": {"l2": {"name": "l2", "strength": 2e-4}, "dropout": {"name": "dropout", "p": 0.5}}},
    ],
)
def test_what_changes_the_computation_changes_the_identity(change: dict[str, Any]) -> None:
    assert make(**change).config_hash() != make().config_hash()


def test_members_are_applied_in_the_order_of_their_names() -> None:
    assert list(make().regularizers) == ["dropout", "l2"]


words = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True)


@given(words, words, st.lists(words, max_size=60, unique=True), st.integers(0, 2**31 - 1))
def test_the_run_id_is_always_a_safe_folder_name(dataset: str, model: str, members: list[str], seed: int) -> None:
    regularizers = {name: {"name": name} for name in members}
    config = RunConfig(
        dataset={"name": dataset}, model={"name": model}, schedule={}, regularizers=regularizers, seed=seed
    )
    assert len(config.run_id()) < 200
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", config.run_id())


@given(st.permutations(["l1", "l2", "dropout", "mixup", "ema"]))
def test_every_order_of_members_is_one_run(order: list[str]) -> None:
    members = {name: {"name": name} for name in order}
    assert make(regularizer=members).run_id() == make(regularizer=dict(sorted(members.items()))).run_id()


def test_the_yaml_holds_the_resolved_configuration() -> None:
    config = make(model={"name": "mlp", "depth": "${seed}"}, seed=4)
    shown = yaml.safe_load(config.to_yaml())
    assert shown["model"] == {"name": "mlp", "depth": 4}
    assert parse(OmegaConf.create(shown), ()) == config


def test_how_a_sweep_is_executed_is_checked_and_not_written_down() -> None:
    config = make(sweep={"workers": 2, "job": {"slurm_partition": "cpu"}})
    assert config.sweep == {"workers": 2, "job": {"slurm_partition": "cpu"}}
    assert "sweep" not in yaml.safe_load(config.to_yaml())
    for wrong, hint in (
        ({"workers": 0}, "whole number"),
        ({"wrokers": 2}, "did you mean 'workers'"),
        (None, "mapping"),
    ):
        with pytest.raises(ConfigError, match=hint):
            make(sweep=wrong)


def test_the_hash_is_that_of_the_changed_copy() -> None:
    config = make()
    assert config.config_hash() != dataclasses.replace(config, seed=1).config_hash()


def test_a_run_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(make(), "seed", 1)  # noqa: B010 - the assignment is what is tested


@pytest.mark.parametrize("key", ["seed", "name", "runs", "dataset", "model", "schedule"])
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(ConfigError, match=f"^{key}: missing"):
        parse(OmegaConf.create({k: v for k, v in BASE.items() if k != key}), ())


@pytest.mark.parametrize("node", [None, "digits", 3, ["digits"], {}, {"name": None}, {"name": "../x"}])
def test_a_dataset_and_a_model_have_a_name_that_fits_a_path(node: Any) -> None:
    for key in ("dataset", "model"):
        with pytest.raises(ConfigError, match=key):
            make(**{key: node})


def test_hydras_own_node_is_no_part_of_a_run() -> None:
    cfg = OmegaConf.create(BASE | {"hydra": {"verbose": True, "secret": "hunter2"}})
    assert parse(cfg, ()).run_id() == make().run_id()
    with pytest.raises(ConfigError, match=r"hydra\.secret"):
        parse(OmegaConf.create(BASE | {"hydra": {"secret": "x"}, "model": {"name": "${hydra.secret}"}}), ())
