"""A sweep leaves the folders that its runs leave when each is made alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest

from tests.sweep.commands import (
    SMALL,
    TINY,
    alone,
    assert_same_trees,
    folders,
    printed,
    results,
    shape,
    sweep,
)

STOPPING = ("schedule.epochs=30", "schedule.stop.patience=2", "schedule.optimizer.lr=0.03")
"""Epochs of which early stopping takes some."""

RATES, STRENGTHS, SEEDS = ("0.1", "0.3"), ("0.001", "0.1"), ("0", "1")
COCKTAIL = (*TINY, "regularizer=[dropout,l2]", *STOPPING)
GRID = (
    f"regularizer.dropout.rate={','.join(RATES)}",
    f"regularizer.l2.strength={','.join(STRENGTHS)}",
    f"seed={','.join(SEEDS)}",
)
SINGLE = [
    (*COCKTAIL, f"regularizer.dropout.rate={rate}", f"regularizer.l2.strength={strength}", f"seed={seed}")
    for rate, strength, seed in product(RATES, STRENGTHS, SEEDS)
]


@pytest.fixture(scope="module")
def made_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("alone")
    alone(work, SINGLE)
    assert len(folders(work)) == 8
    ended = {result["epochs"] for result in results(work).values()}
    assert len(ended) > 2, "early stopping should have ended the runs at different epochs"
    return work


@pytest.mark.matrix(cases=2)
@pytest.mark.parametrize(
    "how",
    [
        ["sweep.cohort=auto"],
        ["sweep.cohort=1", "sweep.workers=1"],
        ["sweep.cohort=3", "sweep.workers=1"],
        pytest.param(["sweep.cohort=4", "sweep.workers=2"], marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_the_tree_of_a_sweep_is_that_of_its_runs_alone(work: Path, made_alone: Path, how: Sequence[str]) -> None:
    ended = sweep(work, *COCKTAIL, *GRID, *how)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "regbench: 8 complete, 0 failed\n"
    assert_same_trees(work, made_alone, relative=1e-5, absolute=1e-6)


def test_in_float64_every_figure_agrees_to_six_digits(work: Path, tmp_path: Path) -> None:
    double = "schedule.precision=float64"
    alone(tmp_path / "alone", [(*words, double) for words in SINGLE])
    assert sweep(work, *COCKTAIL, *GRID, double, "sweep.cohort=5", "sweep.workers=1").code == 0
    for ours, theirs in zip(folders(work), folders(tmp_path / "alone"), strict=True):
        assert shape(ours) == shape(theirs)
        assert printed(ours) == printed(theirs)


@pytest.mark.parametrize("technique", ["dropout", "dropconnect"])
def test_a_rate_of_zero_next_to_others(work: Path, tmp_path: Path, technique: str) -> None:
    words = (*SMALL, f"regularizer={technique}")
    assert sweep(work, *words, f"regularizer.{technique}.rate=0.0,0.5", "sweep.cohort=2", "sweep.workers=1").code == 0
    alone(tmp_path / "alone", [(*words, f"regularizer.{technique}.rate={rate}") for rate in ("0.0", "0.5")])
    assert_same_trees(work, tmp_path / "alone", relative=1e-5, absolute=1e-6)


PARTS = {
    "l2": ("regularizer=l2", "regularizer.l2.strength=0.001,0.01"),
    "bagging": ("regularizer=[bagging,l1]", "regularizer.bagging.members=3"),
    "smote": ("regularizer=[smote,mixup]",),
    "batch_norm": ("regularizer=[batch_norm,ema,gradient_clipping]",),
}


def test_several_techniques_each_over_its_own_values(work: Path, tmp_path: Path) -> None:
    parts = [word for part in PARTS.values() for word in ("--", *part)]
    assert sweep(work, *SMALL, "seed=0,1", "sweep.workers=1", *parts).code == 0
    single = []
    for part, seed in product(PARTS.values(), ("0", "1")):
        values = part[-1].partition("=")[2].split(",") if len(part) > 1 and "," in part[-1] else [None]
        for value in values:
            own = part if value is None else (*part[:-1], f"{part[-1].partition('=')[0]}={value}")
            single.append((*SMALL, *own, f"seed={seed}"))
    alone(tmp_path / "alone", single)
    assert len(folders(work)) == 10
    assert_same_trees(work, tmp_path / "alone", relative=1e-5, absolute=1e-6)


def test_learning_rates_and_decays_of_their_own(work: Path, tmp_path: Path) -> None:
    common = (*TINY, "schedule.epochs=4", "schedule/optimizer=adamw", "schedule/curve=cosine")
    rates, decays = ("0.001", "0.03"), ("0.0", "0.1")
    words = (f"schedule.optimizer.lr={','.join(rates)}", f"schedule.optimizer.weight_decay={','.join(decays)}")
    ended = sweep(work, *common, *words, "sweep.workers=1")
    assert ended.code == 0, ended.err
    assert "4 runs in cohorts of 4" in (work / "runs/default/sweep.log").read_text()
    single = [
        (*common, f"schedule.optimizer.lr={rate}", f"schedule.optimizer.weight_decay={decay}")
        for rate, decay in product(rates, decays)
    ]
    alone(tmp_path / "alone", single)
    assert_same_trees(work, tmp_path / "alone", relative=1e-5, absolute=1e-6)
