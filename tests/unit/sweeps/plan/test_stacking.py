"""Which runs a cohort may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from regbench.config.run_config import RunConfig
from regbench.sweeps.plan.stacking import Stack, find_stacks, gather_stack
from tests.unit.sweeps.folders import DATASET, MODEL, SCHEDULE, configure


def stack_runs(configs: Sequence[RunConfig]) -> list[Stack]:
    """Stack as the launcher does: a worker finds the places, the command gathers the runs."""
    return [gather_stack(configs, places) for places in find_stacks(configs)]


def count_stacks(*configs: RunConfig) -> int:
    stacks = stack_runs(configs)
    assert sorted(id(run) for stack in stacks for run in stack.runs) == sorted(map(id, configs)), "each exactly once"
    return len(stacks)


def scheduled(**changes: Any) -> Mapping[str, Any]:
    return {**SCHEDULE, **changes}


L2 = {"l2": {"strength": 0.1, "scope": "weights"}}
BASE = configure(L2, schedule=scheduled(optimizer={"name": "adamw", "lr": 0.1, "weight_decay": 0.0}))


def with_optimizer(name: str = "adamw", **settings: Any) -> RunConfig:
    return replace(BASE, schedule=scheduled(optimizer={"name": name, "lr": 0.1, "weight_decay": 0.0, **settings}))


def with_techniques(techniques: Mapping[str, Mapping[str, Any]]) -> RunConfig:
    return replace(BASE, regularizers=configure(techniques).regularizers)


STACKABLE = {
    "seed": replace(BASE, seed=7),
    "hyper-parameter": with_techniques({"l2": {"strength": 0.2, "scope": "weights"}}),
    "learning rate": with_optimizer(lr=0.2),
    "AdamW's decay": with_optimizer(weight_decay=0.5),
    "seed of the split": replace(BASE, dataset={**DATASET, "split": {"seed": 1, "val": 0.2}}),
    "fold": replace(BASE, dataset={**DATASET, "split": {"seed": 0, "val": 0.2, "fold": 3}}),
    "seed of the validation rows": replace(BASE, dataset={**DATASET, "split": {"seed": 0, "val": 0.2, "val_seed": 3}}),
    "how it is shown": replace(BASE, quiet=True, overrides=("seed=3",)),
}
APART = {
    "choice": with_techniques({"l2": {"strength": 0.1, "scope": "all"}}),
    "technique": with_techniques({"l1": {"strength": 0.1}}),
    "one technique more": with_techniques({**L2, "dropout": {"rate": 0.1}}),
    "optimizer": replace(BASE, schedule=scheduled(optimizer={"name": "adam", "lr": 0.1})),
    "static number of the optimizer": with_optimizer(beta1=0.5),
    "epochs": replace(BASE, schedule={**BASE.schedule, "epochs": 51}),
    "precision": replace(BASE, schedule={**BASE.schedule, "precision": "float64"}),
    "batch size": replace(BASE, schedule={**BASE.schedule, "batch_size": 32}),
    "stopping rule": replace(BASE, schedule={**BASE.schedule, "stop": {"name": "val_loss", "patience": 3}}),
    "data set": replace(BASE, dataset={**DATASET, "name": "iris"}),
    "share of validation rows": replace(BASE, dataset={**DATASET, "split": {"seed": 0, "val": 0.3}}),
    "number of folds": replace(BASE, dataset={**DATASET, "split": {"seed": 0, "val": 0.2, "folds": 5}}),
    "rows": replace(BASE, dataset={**DATASET, "train_size": 100}),
    "model": replace(BASE, model={**MODEL, "name": "linear"}),
    "width": replace(BASE, model={**MODEL, "widths": [64, 63]}),
    "threads": replace(BASE, threads=2),
    "device": replace(BASE, device="cuda"),
}


@pytest.mark.parametrize("what", STACKABLE)
def test_what_a_cohort_may_differ_in(what: str) -> None:
    assert count_stacks(BASE, STACKABLE[what]) == 1


@pytest.mark.parametrize("what", APART)
def test_what_a_cohort_must_have_in_common(what: str) -> None:
    assert count_stacks(BASE, APART[what]) == 2


def test_static_numbers_of_techniques_keep_runs_apart() -> None:
    runs = [configure({"bagging": {"members": members}}) for members in (2, 3)]
    assert count_stacks(*runs) == 2
    runs = [configure({"dropout": {"rate": 0.1, "layers": layers}}) for layers in ({}, {"hidden1": 0.5})]
    assert count_stacks(*runs) == 2


@pytest.mark.parametrize(
    ("techniques", "stacks"),
    [
        ({"smote": {}}, 1),
        ({"smote": {"kind": "adasyn"}}, 1),  # as many rows as the data say
        ({"smote": {"kind": "kmeans"}}, 2),
        ({"smote": {"kind": "svm"}, "bagging": {"members": 2}}, 2),
        ({"resampling": {"form": "enn"}}, 1),
        ({"resampling": {"form": "smote_enn"}}, 2),
        ({"outlier_removal": {}}, 1),
        ({"outlier_removal": {}, "resampling": {"form": "tomek"}}, 2),  # which rows the second sees is drawn
        ({"smote": {}, "bagging": {"members": 2}, "balanced_batches": {}, "curriculum": {}}, 1),
    ],
)
def test_seeds_are_kept_apart_where_they_decide_how_many_rows_there_are(
    techniques: Mapping[str, Mapping[str, Any]], stacks: int
) -> None:
    assert count_stacks(*(configure(techniques, seed=seed) for seed in (0, 1))) == stacks


def test_cuts_are_kept_apart_where_the_seed_decides_how_many_rows_there_are() -> None:
    cuts = [{**DATASET, "split": {"seed": seed, "val": 0.2}} for seed in (0, 1)]
    assert count_stacks(*(configure({"smote": {"kind": "kmeans"}}, dataset=cut) for cut in cuts)) == 2
    assert count_stacks(*(configure({"smote": {}}, dataset=cut) for cut in cuts)) == 1


def test_runs_of_one_cut_lie_one_after_the_other() -> None:
    cuts = [{**DATASET, "split": {"seed": seed, "val": 0.2}} for seed in (4, 2)]
    (stack,) = stack_runs([configure(seed=seed, dataset=cut) for seed in (0, 1, 2) for cut in cuts])
    assert [(run.dataset["split"]["seed"], run.seed) for run in stack.runs] == [
        *((4, seed) for seed in (0, 1, 2)),
        *((2, seed) for seed in (0, 1, 2)),
    ]


def test_the_order_of_keys_and_techniques_means_nothing() -> None:
    one = configure({"l2": {"strength": 0.1}, "dropout": {"rate": 0.2}})
    other = replace(
        configure({"dropout": {"rate": 0.3}, "l2": {"strength": 0.1}}), dataset=dict(reversed(DATASET.items()))
    )
    assert count_stacks(one, other) == 1


def test_groups_and_their_runs_keep_the_order_of_the_sweep() -> None:
    kinds = [{"l2": {"strength": 0.1}}, {"dropout": {"rate": 0.5}}, {}]
    runs = [configure(kinds[number % 3], seed=number) for number in range(9)]
    stacks = stack_runs(runs)
    assert [stack.label for stack in stacks] == ["digits mlp l2", "digits mlp dropout", "digits mlp none"]
    assert [[run.seed for run in stack.runs] for stack in stacks] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    assert stack_runs([]) == []
