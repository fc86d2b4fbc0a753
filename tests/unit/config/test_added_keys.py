"""Keys that came after runs had been recorded: at their default a run keeps its identity, its folder and its YAML."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from regbench.compose.loader import PRIMARY, CheckedLoader, open_loader
from regbench.compose.single_run import compose_run
from regbench.config.added_keys import ADDED, leave_out_idle
from regbench.config.containers import defaults_of
from regbench.data.dataset import SplitRule
from regbench.regularizers.registry import load, names

TABLE = ("dataset=csv", "dataset.path=mine.csv", "dataset.target=y")
RECORDED = {
    ("dataset=digits",): ("digits-mlp-none-s0-c4a086bc27", "c0c1e39642"),
    ("dataset=digits", "dataset.split.method=folds", "dataset.split.fold=2", "dataset.label_noise=0.2"): (
        "digits-mlp-none-s0-3ac9b53602",
        "73120c0180",
    ),
    ("dataset=breast_cancer", "regularizer=[l2,dropout]", "seed=3"): (
        "breast_cancer-mlp-dropout+l2-s3-fae52e21e4",
        "6a253f1f22",
    ),
    ("dataset=mnist1d", "model=conv1d"): ("mnist1d-conv1d-none-s0-f5fa766687", "05b0d685a7"),
    ("dataset=moons", "model=linear", "dataset.split.seed=7"): ("moons-linear-none-s0-0d3e8ac0d0", "a1b8f0b21b"),
    (*TABLE, "dataset.split.method=groups", "dataset.split.groups=who"): ("csv-mlp-none-s0-03b9e63f16", "563052fb12"),
    ("dataset=npz", "dataset.path=mine.npz"): ("npz-mlp-none-s0-680376ed9e", "7de683de37"),
    ("dataset=forecast", "dataset.path=a.csv", "dataset.target=y", "dataset.time=t"): (
        "forecast-mlp-none-s0-0d639175ad",
        "29304d51a0",
    ),
}
"""Run ids, and the first digits of the sha256 of config.yaml, as they were before the keys existed."""


@pytest.fixture(scope="module")
def loader() -> Iterator[CheckedLoader]:
    with open_loader(None, None, lambda line: None) as opened:
        yield opened


@pytest.mark.parametrize("words", RECORDED, ids=" ".join)
def test_runs_are_those_recorded_before(loader: CheckedLoader, words: tuple[str, ...]) -> None:
    for typed in (words, (*words, "dataset.split.val_seed=null", "dataset.split.equal=false")):
        config = compose_run(loader, PRIMARY, typed)
        plain = config.to_yaml().encode()
        assert (config.run_id(), hashlib.sha256(plain).hexdigest()[:10]) == RECORDED[words]


def test_a_value_that_changes_something_is_another_run(loader: CheckedLoader) -> None:
    folds = ("dataset=digits", "dataset.split.method=folds")
    values = ((), ("dataset.split.equal=true",), ("dataset.split.val_seed=0",), ("dataset.split.val_seed=1",))
    configs = [compose_run(loader, PRIMARY, (*folds, *own)) for own in values]
    assert len({config.config_hash() for config in configs}) == 4
    assert "equal: true" in configs[1].to_yaml()


def test_a_penalty_keeps_its_runs_whichever_way_zero_is_written(loader: CheckedLoader) -> None:
    plain = compose_run(loader, PRIMARY, ("dataset=digits", "regularizer=l2"))
    idle = ("regularizer.l2.layers={}", "regularizer.l2.bias_strength=0")
    for words in (idle[:1], idle[1:], idle, ("regularizer.l2.bias_strength=0.0",)):
        assert compose_run(loader, PRIMARY, ("dataset=digits", "regularizer=l2", *words)).run_id() == plain.run_id()
    for word in ("regularizer.l2.layers={output:0}", "regularizer.l2.bias_strength=1e-3"):
        assert compose_run(loader, PRIMARY, ("dataset=digits", "regularizer=l2", word)).run_id() != plain.run_id()


def test_the_value_that_changes_nothing_is_the_default() -> None:
    defaults = {f"dataset.split.{name}": value for name, value in defaults_of(SplitRule).items()}
    for name in names():
        defaults |= {f"regularizer.{name}.{field}": value for field, value in defaults_of(load(name)).items()}
    assert {key: defaults[key] for key in ADDED} == ADDED
    assert all(type(defaults[key]) is type(value) for key, value in ADDED.items())


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({"name": "x"}, {"name": "x"}),
        ({"name": "x", "split": {}}, {"name": "x", "split": {}}),
        ({"name": "x", "split": {"equal": False}}, {"name": "x", "split": {}}),
        ({"split": {"equal": 0}}, {"split": {"equal": 0}}),
        ({"split": {"val_seed": False}}, {"split": {"val_seed": False}}),
        ({"split": "random"}, {"split": "random"}),
        ({"equal": False, "val_seed": None}, {"equal": False, "val_seed": None}),
    ],
)
def test_only_these_keys_with_these_values_are_left_out(settings: dict[str, Any], left: dict[str, Any]) -> None:
    assert leave_out_idle(settings, "dataset") == left
    assert leave_out_idle(settings, "model") is settings
