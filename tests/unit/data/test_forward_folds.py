"""Folds in the order of time: what comes before what, how large parts are, and which seeds move what."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regbench.data import load
from regbench.data.dataset import SplitRule
from regbench.data.forward import cut_window, find_scarce, measure_window
from regbench.data.loading import build_dataset
from regbench.data.records import Raw, Split
from regbench.data.search_split import list_parts, prepare_search
from regbench.errors import ConfigError
from regbench.studies.cuts import FRESH, SEARCH, CutRule

RULE = SplitRule(method="time", folds=5, test=0.3)


def source(times: Any, classes: Any = None) -> Raw:
    count = len(times)
    labels = np.linspace(0, 1, count) if classes is None else np.asarray(classes)
    names = () if classes is None else ("a", "b")
    x = np.arange(count, dtype=np.float64)[:, None]
    task = "regression" if classes is None else "classification"
    return Raw(origin="rows", task=task, layout="table", x=x, y=labels, classes=names, times=np.asarray(times, float))


rules = st.builds(
    lambda folds, share, val, back: SplitRule(
        method="time", folds=folds, fold=int(share * folds), test=0.4, val=val, val_seed=back
    ),
    st.integers(2, 8),
    st.floats(0, 0.99),
    st.sampled_from([0.0, 0.1, 0.2, 0.3]),
    st.none() | st.integers(0, 10**6),
)


@given(rule=rules, count=st.integers(80, 300), shuffle=st.integers(0, 99))
def test_training_comes_before_validation_and_that_before_the_test(rule: SplitRule, count: int, shuffle: int) -> None:
    times = np.random.default_rng(shuffle).permutation(count)
    raw = source(times)
    parts = cut_window(raw, rule)
    window = measure_window(count, rule, "rows")
    assert [len(part) for part in parts] == [window.train, window.val, window.test]
    ordered = np.concatenate([np.sort(times[part]) for part in parts])
    assert (np.diff(ordered) > 0).all()


@given(rule=rules, times=st.lists(st.integers(0, 40), min_size=100, max_size=200).filter(lambda t: len(set(t)) > 35))
@settings(max_examples=50)
def test_rows_of_equal_time_are_not_torn_apart(rule: SplitRule, times: list[int]) -> None:
    try:
        parts = cut_window(source(times), rule)
    except ConfigError:
        return  # moments are too few for this many folds
    moments = [set(np.asarray(times)[part].tolist()) for part in parts]
    for early, late in itertools.combinations([own for own in moments if own], 2):
        assert max(early) < min(late)
    for own, part in zip(moments, parts, strict=True):
        assert len(part) == sum(times.count(moment) for moment in own)


def test_folds_follow_each_other_to_the_last_row() -> None:
    tested = [cut_window(source(np.arange(200)), replace(RULE, fold=fold))[2] for fold in range(5)]
    assert [len(part) for part in tested] == [12] * 5
    assert np.concatenate(tested).tolist() == list(range(140, 200))


@given(rule=rules, count=st.integers(80, 3000))
def test_the_first_window_moved_back_as_far_as_may_be_begins_at_the_first_rows(rule: SplitRule, count: int) -> None:
    window = measure_window(count, rule, "rows")
    first = count - rule.folds * window.test - 2 * window.val - window.train  # type: ignore[operator]
    assert 0 <= first <= 2


def test_another_seed_of_validation_leaves_the_test_rows_and_moves_the_others_back() -> None:
    raw = source(np.arange(200))
    train, val, test = cut_window(raw, replace(RULE, fold=2))
    assert val[-1] + 1 == test[0]
    backs = set()
    for seed in range(200):
        moved = cut_window(raw, replace(RULE, fold=2, val_seed=seed))
        back = int(val[0] - moved[1][0])
        assert moved[2].tolist() == test.tolist()
        assert moved[0].tolist() == (train - back).tolist()
        backs.add(back)
    assert backs == set(range(1, len(val) + 1))


def test_a_class_that_some_training_stretch_lacks_is_found() -> None:
    count = measure_window(200, RULE, "rows").train
    alternating = np.arange(200) % 2
    assert find_scarce(source(np.arange(200), alternating), RULE) is None
    late = np.where(np.arange(200) < count, 0, alternating)
    assert find_scarce(source(np.arange(200), late), RULE) == "b"


def write(folder: Path, count: int = 150) -> dict[str, Any]:
    """A table whose first feature is the number of the row; later rows stand first."""
    rng = np.random.default_rng(0)
    columns = {"row": np.arange(count) + 0.5, "a": rng.normal(size=count), "when": np.arange(count)[::-1]}
    pd.DataFrame({**columns, "y": rng.normal(size=count)}).to_csv(folder / "rows.csv", index=False)
    split = {"method": "time", "time": "when"}
    return {"name": "csv", "path": str(folder / "rows.csv"), "target": "y", "split": split, "standardize": False}


def test_a_study_searches_and_confirms_on_windows_of_one_size(tmp_path: Path) -> None:
    config = write(tmp_path)
    rule, sizes, ends = CutRule("forward", 10, 3, fixed=False, typed={}), set(), set()
    for replicate in range(20):
        parts = {}
        for stage in (SEARCH, "finalist1", FRESH):
            own = build_dataset({**config, "split": {**config["split"], **rule.settings(replicate, stage)}})
            found = list_parts(own, own.read())
            parts[stage] = found
            train, val, test = (149 - part for part in found[:3])  # times
            assert train.max() < val.min() <= val.max() < test.min()
            sizes.add((len(train), len(val), len(test)))
        assert parts[SEARCH].test.tolist() == parts[FRESH].test.tolist()
        assert all(found.val.tolist() != parts[FRESH].val.tolist() for found in (parts[SEARCH], parts["finalist1"]))
        assert parts[FRESH].val.min() - parts[FRESH].test.max() == 1
        ends.add(int(parts[FRESH].test.min()))
    assert len(sizes) == 1
    assert len(ends) == 10


def test_the_search_holds_no_trace_of_rows_after_its_validation(tmp_path: Path) -> None:
    config = write(tmp_path)
    rule = CutRule("forward", 10, 3, fixed=False, typed={})
    dataset = build_dataset({**config, "split": {**config["split"], **rule.settings(7, SEARCH)}})
    raw = dataset.read()
    parts = list_parts(dataset, raw)
    others = np.setdiff1d(np.arange(150), np.concatenate([parts.train, parts.val]))
    garbage = raw.y.copy()
    garbage[others] = 1e6
    splits: list[Split] = [prepare_search(dataset, own) for own in (raw, replace(raw, y=garbage))]
    assert splits[0].checksum == splits[1].checksum
    assert len(splits[0].test.y) == 0


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"method": "time", "time": "when", "folds": 200}, "150 rows are too few for dataset.split.folds=200"),
        ({"method": "time", "time": "when", "folds": 5, "test": 0.95}, "lower one of them"),
        ({"method": "time", "time": "when", "fold": 5}, "dataset.split.fold=5 is not allowed"),
        ({"method": "time", "time": "when", "folds": 5, "equal": True}, "dataset.split.equal=true has no effect"),
        ({"method": "time", "time": "when", "val_seed": 3}, "dataset.split.val_seed=3 has no effect"),
        ({"method": "random", "folds": 5}, "dataset.split.folds=5 has no effect with dataset.split.method=random"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(tmp_path: Path, split: dict[str, Any], message: str) -> None:
    config = {**write(tmp_path), "split": split}
    with pytest.raises(ConfigError, match=message):
        load(config)
