"""Cuts of a study's replicates: folds of one size, and validation parts drawn by a seed of their own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from regbench.data.dataset import SplitRule
from regbench.data.loading import build_dataset
from regbench.data.preparing import prepare
from regbench.data.search_split import list_parts
from regbench.data.splitting import RowParts
from regbench.errors import ConfigError
from tests.unit.data.study_sources import Given, list_arrays, make, table


def cut_all_folds(data: Given, **rule: Any) -> list[RowParts]:
    folds = rule["folds"]
    cuts = [SplitRule(method="folds", equal=True, fold=fold, **rule) for fold in range(folds)]
    return [list_parts(own, own.read()) for own in (dataclasses.replace(data, split=cut) for cut in cuts)]


class TestEqualFolds:
    @settings(max_examples=60)
    @given(
        counts=st.lists(st.integers(14, 60), min_size=2, max_size=5),
        folds=st.integers(2, 6),
        seed=st.integers(0, 2**32 - 1),
        stratify=st.booleans(),
    )
    def test_parts_have_the_same_sizes_in_every_fold_of_every_partition(
        self, counts: list[int], folds: int, seed: int, stratify: bool
    ) -> None:
        y = np.repeat(np.arange(len(counts)), counts)
        rows = len(y)
        data = Given(x=tuple((float(row),) for row in range(rows)), y=tuple(y.tolist()))
        sizes = set()
        for partition in (seed, (seed + 1) % 2**32):
            cuts = cut_all_folds(data, folds=folds, seed=partition, stratify=stratify)
            sizes |= {(len(train), len(val), len(test)) for train, val, test, _ in cuts}
            tested = np.concatenate([cut.test for cut in cuts])
            left_over = np.setdiff1d(np.arange(rows), tested)
            assert len(np.unique(tested)) == len(tested), "each row is tested once at most"
            assert len(left_over) == rows % folds
            for train, val, test, _ in cuts:
                assert sorted([*train, *val, *test]) == list(range(rows))
                assert np.isin(left_over, train).all(), "rows left over always train"
                if stratify:
                    share = np.array(counts) * len(test) / rows
                    assert (np.abs(np.bincount(y[test], minlength=len(counts)) - share) < 1.5).all()
                    assert (np.bincount(y[test], minlength=len(counts)) > 0).all()
        ((_, val_size, test_size),) = sizes
        assert (val_size, test_size) == (-(-rows // 5), rows // folds)

    def test_folds_are_the_usual_ones_less_the_rows_by_which_some_are_larger(self) -> None:
        y = np.repeat([0, 1, 2], [41, 23, 19])
        data = Given(x=tuple((float(row),) for row in range(83)), y=tuple(y.tolist()))
        usual = [set(inside) for _, inside in StratifiedKFold(5, shuffle=True, random_state=7).split(y, y)]
        found = [set(cut.test) for cut in cut_all_folds(data, folds=5, seed=7)]
        assert all(fold <= other for fold, other in zip(found, usual, strict=True))
        assert [len(fold) for fold in found] == [16] * 5
        assert sorted(len(fold) for fold in usual) == [16, 16, 17, 17, 17]

    @settings(max_examples=25)
    @given(copies=st.lists(st.integers(1, 4), min_size=40, max_size=60), seed=st.integers(0, 2**32 - 1))
    def test_equal_rows_are_in_one_part_and_sizes_are_equal_all_the_same(self, copies: list[int], seed: int) -> None:
        copies = [*copies, *[1] * 40]  # rows that stand alone
        case = np.repeat(np.arange(len(copies)), copies)
        data = Given(x=tuple((float(number),) for number in case), y=tuple((case % 3).tolist()))
        cuts = cut_all_folds(data, folds=5, seed=seed)
        assert {len(cut.test) for cut in cuts} == {len(case) // 5}
        assert len({(len(cut.train), len(cut.val)) for cut in cuts}) == 1
        for cut in cuts:
            assert sum(len(np.unique(case[part])) for part in cut[:3]) == len(copies)

    @settings(max_examples=12)
    @given(sizes=st.lists(st.integers(1, 9), min_size=25, max_size=50), seed=st.integers(0, 2**32 - 1))
    def test_groups_are_in_one_part_and_sizes_nearer_to_each_other(self, sizes: list[int], seed: int) -> None:
        who = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
        x, y = tuple((float(row),) for row in range(len(who))), tuple((who % 2).tolist())
        data = Given(x=x, y=y, groups=tuple(who.tolist()))
        cuts = cut_all_folds(data, folds=5, seed=seed)
        usual = [dataclasses.replace(data, split=SplitRule(method="folds", fold=fold, seed=seed)) for fold in range(5)]
        for cut, other in zip(cuts, usual, strict=True):
            assert sum(len(np.unique(who[part])) for part in cut[:3]) == len(sizes)
            before = list_parts(other, other.read()).test
            assert set(cut.test) <= set(before)
            excess = len(before) - len(who) // 5
            left = np.bincount(who[np.setdiff1d(before, cut.test)]).sum()
            assert left <= max(0, excess), "a fold gives up what it has too many, and no more"
            smallest = np.bincount(who[cut.test])[np.unique(who[cut.test])].min()
            assert smallest > excess - left, "and all that it can"
        tested = np.concatenate([cut.test for cut in cuts])
        assert len(np.unique(tested)) == len(tested)

    def test_a_noisy_few_of_the_digits_train_beside_the_usual_validation_rows(self) -> None:
        rule = {"method": "folds", "equal": True, "seed": 2}
        few = {"train_size": 150, "label_noise": 0.2}
        seen = [make("digits", {**rule, "fold": fold}, **few) for fold in (0, 4)]
        whole = make("digits", {**rule, "fold": 4})
        for dataset in seen:
            assert [len(part.y) for part in list_arrays(prepare(dataset, dataset.read()))] == [150, 360, 359]
        noisy, clean = (prepare(dataset, dataset.read()) for dataset in (seen[1], whole))
        assert len(clean.train.y) == 1797 - 360 - 359
        assert np.array_equal(noisy.val.y, clean.val.y)
        parts = list_parts(seen[1], seen[1].read())
        assert (noisy.train.y != seen[1].read().y[parts.train]).sum() == 30


class TestValSeed:
    def test_it_draws_the_validation_part_and_nothing_else(self) -> None:
        for rule in ({"seed": 3}, {"seed": 3, "method": "folds", "equal": True}):
            cuts = [make("breast_cancer", {**rule, **own}) for own in ({}, {"val_seed": 3}, {"val_seed": 8})]
            usual, same, other = (list_parts(dataset, dataset.read()) for dataset in cuts)
            assert all(np.array_equal(one, two) for one, two in zip(usual[:3], same[:3], strict=True))
            assert np.array_equal(usual.test, other.test)
            assert len(usual.val) == len(other.val)
            assert len(np.intersect1d(usual.val, other.val)) < 0.5 * len(usual.val)

    def test_groups_and_a_published_test_part_go_with_it(self, tmp_path: Path) -> None:
        for method in ("groups", "given"):
            raws = [table(tmp_path, method, val_seed=seed) for seed in (0, 1)]
            one, two = (list_parts(dataset, dataset.read()) for dataset in raws)
            assert np.array_equal(one.test, two.test)
            assert not np.array_equal(one.val, two.val)


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (
            {"equal": True},
            "dataset.split.equal=true has no effect with dataset.split.method=random; add dataset.split.method=folds, "
            "or leave it out (dataset.split.equal=false)",
        ),
        (
            {"val": 0, "val_seed": 3},
            "dataset.split.val_seed=3 has no effect with dataset.split.val=0, which draws no validation part; "
            "leave it out (dataset.split.val_seed=null)",
        ),
        ({"method": "time", "time": "when", "val_seed": 3}, "dataset.split.val_seed=3 has no effect with"),
        ({"equal": "yes", "method": "folds"}, "dataset.split.equal"),
        ({"val_seed": -1}, "dataset.split.val_seed=-1 is not allowed"),
    ],
)
def test_settings_without_effect_are_refused(split: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make("digits", split)
    assert said in str(refused.value)


def test_val_seed_is_refused_where_the_source_says_what_validates(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    part = np.resize(["train", "train", "val", "test"], 60)
    pd.DataFrame({"a": np.arange(60.0), "part": part, "y": np.resize(["p", "q", "r"], 60)}).to_csv(path, index=False)
    rule = {"method": "given", "column": "part", "val_seed": 1}
    dataset = build_dataset({"name": "csv", "path": str(path), "target": "y", "split": rule})
    with pytest.raises(ConfigError, match=r"dataset.split.val_seed=1 has no effect with .* validation part of its own"):
        list_parts(dataset, dataset.read())
