"""Cuts and seeds of a study: functions of its seed, the replicate and the stage alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from regbench.config.run_config import RunConfig
from regbench.data.loading import build_dataset
from regbench.data.search_split import list_parts
from regbench.errors import ConfigError
from regbench.studies.cuts import FRESH, SEARCH, CutRule, choose_method
from regbench.studies.variants import draw_seed, read_value, shorten_key, vary
from tests.unit.data.study_sources import Given

CONFIG = RunConfig(
    dataset={"name": "digits", "split": {"method": "random", "seed": 0, "val": 0.2}},
    model={"name": "mlp", "widths": [8]},
    schedule={"optimizer": {"name": "adam", "lr": 0.001}, "epochs": 3},
    regularizers={"l2": {"name": "l2", "strength": 0.01}},
    runs=Path("runs"),
)


def rule(method: str = "kfold", fixed: bool = False) -> CutRule:
    return CutRule(method, 5, 7, fixed, {})


def test_five_replicates_test_the_five_folds_of_one_partition() -> None:
    cuts = [rule().settings(replicate, SEARCH) for replicate in range(10)]
    assert [cut["fold"] for cut in cuts] == [0, 1, 2, 3, 4] * 2
    assert len({cut["seed"] for cut in cuts[:5]}) == 1
    assert len({cut["seed"] for cut in cuts}) == 2
    assert all(cut["equal"] and cut["method"] == "folds" and cut["test"] is None for cut in cuts)


def test_each_replicate_and_stage_has_validation_rows_of_its_own() -> None:
    for method in ("kfold", "locked"):
        seeds = {rule(method).settings(r, stage)["val_seed"] for r in range(10) for stage in (SEARCH, FRESH)}
        assert len(seeds) == 20


def test_by_time_the_search_looks_at_earlier_rows_than_the_fresh_runs() -> None:
    cuts = [rule("forward").settings(replicate, SEARCH) for replicate in range(10)]
    assert [cut["fold"] for cut in cuts] == [0, 1, 2, 3, 4] * 2
    assert len({cut["val_seed"] for cut in cuts}) == 10
    assert all(cut["test"] == 0.3 and not {"method", "seed"} & set(cut) for cut in cuts)
    assert all(rule("forward").settings(replicate, FRESH)["val_seed"] is None for replicate in range(10))
    assert CutRule("forward", 5, 7, fixed=False, typed={"test": 0.1}).settings(3, FRESH)["test"] == 0.1


def test_a_locked_test_part_stays_as_it_was_typed() -> None:
    assert set(rule("locked").settings(3, FRESH)) == {"val_seed"}
    assert rule("locked", fixed=True).settings(3, FRESH) == {}


@pytest.mark.parametrize(
    ("rows", "published", "method", "free", "expected"),
    [
        (569, False, "random", True, "kfold"),
        (5000, False, "random", True, "locked"),
        (569, True, "random", True, "locked"),
        (569, False, "time", True, "forward"),
        (50_000, False, "time", True, "forward"),
        (569, True, "time", True, "locked"),
        (569, False, "time", False, "locked"),
        (569, False, "groups", True, "kfold"),
        (569, False, "random", False, "locked"),
    ],
)
def test_few_rows_without_a_test_part_are_folded(
    rows: int, published: bool, method: str, free: bool, expected: str
) -> None:
    assert choose_method("auto", rows, published, method, free) == expected
    assert choose_method("kfold", rows, published, method, free) == "kfold"


def test_seeds_depend_on_the_names_alone() -> None:
    assert draw_seed(0, "trial", 1, 2) == draw_seed(0, "trial", 1, 2)
    assert len({draw_seed(seed, stage, n) for seed in range(5) for stage in ("a", "b") for n in range(50)}) == 500
    assert all(0 <= draw_seed(0, "x", number) < 2**31 for number in range(1000))


def test_a_varied_run_differs_in_what_was_varied_and_nothing_else() -> None:
    values = {"schedule.optimizer.lr": 0.1, "regularizer.l2.strength": 0.5, "model.widths": [16]}
    run = vary(CONFIG, values, 9, {"val_seed": 4, "method": "folds"})
    assert [read_value(run, key) for key in values] == list(values.values())
    assert run.seed == 9
    assert run.dataset["split"] == {"method": "folds", "seed": 0, "val": 0.2, "val_seed": 4}
    assert vary(run, {key: read_value(CONFIG, key) for key in values}, 0, None).schedule == CONFIG.schedule
    assert CONFIG.dataset["split"] == {"method": "random", "seed": 0, "val": 0.2}


@pytest.mark.parametrize("key", ["schedule.optimizer.rate", "regularizer.dropout.rate", "model.widths.first"])
def test_a_key_that_leads_nowhere_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        vary(CONFIG, {key: 1}, 0)


def test_keys_are_shown_without_what_all_have() -> None:
    shown = [shorten_key(key) for key in ("schedule.optimizer.lr", "regularizer.l2.strength", "model.widths")]
    assert shown == ["lr", "l2.strength", "model.widths"]


@pytest.mark.parametrize("method", ["kfold", "locked"])
def test_no_stage_of_any_replicate_tears_equal_rows_apart(method: str) -> None:
    case = np.repeat(np.arange(90), np.where(np.arange(90) % 6 == 0, 4, 1))
    rows = Given(x=tuple((float(number),) for number in case), y=tuple((case % 2).tolist()))
    sizes = set()
    for replicate, stage in product(range(10), (SEARCH, "finalist1", FRESH)):
        split = build_dataset({"name": "digits", "split": rule(method).settings(replicate, stage)}).split
        own = replace(rows, split=split)
        parts = list_parts(own, own.read())[:3]
        sizes.add(tuple(len(part) for part in parts))
        assert sum(len(np.unique(case[part])) for part in parts) == 90
    assert sizes == {(81, 27, 27)}
