"""Every method of cutting rows into parts, on tables whose rows carry their own number as a feature."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, StratifiedKFold

from regbench.data import load
from regbench.data.records import Split
from regbench.errors import ConfigError


def write(folder: Path, columns: dict[str, Any], name: str = "rows.csv") -> Path:
    path = folder / name
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def cut(path: Path, split: dict[str, Any], **options: Any) -> Split:
    plain = {"standardize": False, "standardize_target": False, **options}
    return load({"name": "csv", "path": str(path), "target": "y", "split": split, **plain})


def numbers(split: Split) -> tuple[list[int], list[int], list[int]]:
    """The numbers of the rows in each part; the first feature of a row is its number and a half."""
    train, val, test = ([int(x) for x in part.x[:, 0]] for part in (split.train, split.val, split.test))
    return train, val, test


def table(rows: int, **columns: Any) -> dict[str, Any]:
    """Columns of a table whose first feature is the number of the row, plus a half: no key, no two rows equal."""
    return {"row": np.arange(rows) + 0.5, **columns}


CLASSES = np.array(["a", "b", "c"])[np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [90, 45, 15]))]


class TestFolds:
    @pytest.mark.parametrize(("folds", "stratify"), [(5, True), (3, False), (7, True)])
    def test_they_are_those_of_scikit_learn(self, tmp_path: Path, folds: int, stratify: bool) -> None:
        path = write(tmp_path, table(150, y=CLASSES))
        kind = StratifiedKFold if stratify else KFold
        expected = kind(folds, shuffle=True, random_state=4).split(np.zeros(150), CLASSES)
        for fold, (_, inside) in enumerate(expected):
            split = cut(path, {"method": "folds", "folds": folds, "fold": fold, "seed": 4, "stratify": stratify})
            assert numbers(split)[2] == inside.tolist()

    def test_each_row_is_in_one_test_part_and_validation_is_a_fifth_of_all(self, tmp_path: Path) -> None:
        path = write(tmp_path, table(150, y=CLASSES))
        splits = [numbers(cut(path, {"method": "folds", "fold": fold})) for fold in range(5)]
        assert sorted(itertools.chain.from_iterable(test for _, _, test in splits)) == list(range(150))
        for train, val, test in splits:
            assert sorted(train + val + test) == list(range(150))
            assert [np.sum(CLASSES[val] == name) for name in "abc"] == [18, 9, 3]

    def test_a_regression_is_cut_without_classes(self, tmp_path: Path) -> None:
        path = write(tmp_path, table(41, y=np.linspace(0, 1, 41)))
        expected = [inside.tolist() for _, inside in KFold(4, shuffle=True, random_state=0).split(np.zeros(41))]
        found = [numbers(cut(path, {"method": "folds", "folds": 4, "fold": fold}))[2] for fold in range(4)]
        assert found == expected

    def test_groups_and_equal_rows_stay_in_one_fold(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(3)
        who = np.repeat(np.arange(30), rng.integers(2, 9, 30))
        path = write(tmp_path, table(len(who), who=who, y=rng.choice(["a", "b"], len(who))))
        rule = {"method": "folds", "groups": "who"}
        tests = [numbers(cut(path, {**rule, "fold": fold}))[2] for fold in range(5)]
        assert sorted(itertools.chain.from_iterable(tests)) == list(range(len(who)))
        assert sum(len(set(who[test])) for test in tests) == 30
        assert all(abs(len(test) - len(who) / 5) <= 8 for test in tests)


class TestGroups:
    @settings(max_examples=25, deadline=None)
    @given(
        sizes=st.lists(st.integers(1, 12), min_size=20, max_size=40),
        seed=st.integers(0, 2**32 - 1),
        task=st.sampled_from(["mixed", "pure", "number"]),
    )
    def test_parts_are_whole_groups_of_the_right_size(
        self, tmp_path_factory: pytest.TempPathFactory, sizes: list[int], seed: int, task: str
    ) -> None:
        rng = np.random.default_rng(seed)
        who = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
        pure = np.array(["a", "b"])[np.arange(len(sizes)) % 2][who]
        y = {"mixed": rng.permutation(np.resize(["a", "b"], len(who))), "pure": pure, "number": rng.random(len(who))}
        path = write(tmp_path_factory.mktemp("groups"), table(len(who), who=[f"p{w}" for w in who], y=y[task]))
        split = cut(path, {"method": "groups", "groups": "who", "seed": seed})
        parts = numbers(split)
        assert sorted(itertools.chain.from_iterable(parts)) == list(range(len(who)))
        owners = [set(who[part]) for part in parts]
        assert sum(map(len, owners)) == len(set(who))
        assert split.features == ("row",)
        for part in parts[1:]:
            assert abs(len(part) - 0.2 * len(who)) <= 12
            if task != "number":
                assert abs(np.mean(y[task][part] == "a") - np.mean(y[task] == "a")) < 0.3

    def test_the_seed_decides_and_repeats(self, tmp_path: Path) -> None:
        who = np.repeat(np.arange(40), 5)
        path = write(tmp_path, table(200, who=who, y=np.resize(["a", "b"], 200)))
        first, again, other = (cut(path, {"method": "groups", "groups": "who", "seed": seed}) for seed in (1, 1, 2))
        assert first.checksum == again.checksum
        assert numbers(first)[2] != numbers(other)[2]

    def test_each_group_is_tested_about_as_often_as_another(self, tmp_path: Path) -> None:
        who = np.repeat(np.arange(20), 5)
        path = write(tmp_path, table(100, who=who, y=np.linspace(0, 1, 100)))
        counts = np.zeros(20)
        for seed in range(60):
            counts[sorted(set(who[numbers(cut(path, {"method": "groups", "groups": "who", "seed": seed}))[2]]))] += 1
        assert counts.sum() == 60 * 4
        assert counts.min() >= 2, "12 are expected, with a standard deviation of 3.1"
        assert counts.max() <= 25

    def test_sizes_and_noise_work_as_ever(self, tmp_path: Path) -> None:
        path = write(tmp_path, table(200, who=np.repeat(np.arange(40), 5), y=np.resize(["a", "b"], 200)))
        rule = {"method": "groups", "groups": "who"}
        whole, half, fewer = (cut(path, rule, train_size=size) for size in (None, 60, 30))
        assert set(numbers(fewer)[0]) < set(numbers(half)[0]) < set(numbers(whole)[0])
        assert numbers(whole)[1:] == numbers(fewer)[1:]
        noisy = cut(path, rule, label_noise=0.5)
        assert (noisy.train.y != whole.train.y).sum() == round(0.5 * len(whole.train.y))
        assert np.array_equal(noisy.test.y, whole.test.y)

    def test_a_part_far_from_its_size_is_said(self, tmp_path: Path) -> None:
        path = write(tmp_path, table(100, who=np.repeat([0, 1, 2], [40, 30, 30]), y=np.linspace(0, 1, 100)))
        split = cut(path, {"method": "groups", "groups": "who"})
        assert len(split.test.y) in (30, 40)
        assert [note for note in split.reading.notes if "test part has" in note and "20 were asked for" in note]


class TestTime:
    @pytest.mark.parametrize("form", ["number", "date", "date and time"])
    def test_the_last_rows_are_tested_and_those_before_them_validate(self, tmp_path: Path, form: str) -> None:
        days = np.random.default_rng(2).permutation(100)
        dates = pd.Timestamp("2020-02-20") + pd.to_timedelta(days, unit="D")
        when = {
            "number": days / 8,
            "date": dates.strftime("%Y-%m-%d"),
            "date and time": dates.strftime("%Y-%m-%d 10:00"),
        }
        path = write(tmp_path, table(100, when=when[form], y=np.resize(["a", "b"], 100)))
        split = cut(path, {"method": "time", "time": "when", "val": 0.1})
        train, val, test = (sorted(days[part]) for part in numbers(split))
        assert (train, val, test) == (list(range(70)), list(range(70, 80)), list(range(80, 100)))
        assert split.features == ("row",)

    @settings(max_examples=25, deadline=None)
    @given(times=st.lists(st.integers(0, 12), min_size=40, max_size=60).filter(lambda t: len(set(t)) > 4))
    def test_rows_of_equal_time_are_not_torn_apart(
        self, tmp_path_factory: pytest.TempPathFactory, times: list[int]
    ) -> None:
        when = np.array(times)
        path = write(tmp_path_factory.mktemp("time"), table(len(when), when=when, y=np.linspace(0, 1, len(when))))
        train, val, test = (when[part] for part in numbers(cut(path, {"method": "time", "time": "when"})))
        assert len(train) + len(val) + len(test) == len(when)
        assert train.max() < val.min()
        assert val.max() < test.min()
        largest = np.bincount(when).max()
        assert abs(len(test) - 0.2 * len(when)) <= largest / 2 + 1


class TestGiven:
    def test_a_column_says_the_part_of_each_row(self, tmp_path: Path) -> None:
        part = np.resize(["train", "train", "test", "train", "Validation", "dev", "valid"], 70)
        path = write(tmp_path, table(70, part=part, y=np.resize(["a", "b"], 70)))
        split = cut(path, {"method": "given", "column": "part"})
        train, val, test = numbers(split)
        assert set(part[train]) == {"train"}
        assert set(part[test]) == {"test"}
        assert set(part[val]) == {"Validation", "dev", "valid"}
        assert len(train) + len(val) + len(test) == 70
        assert split.features == ("row",)
        assert "column 'part': read 'Validation' as val, 'dev' as val, 'valid' as val" in split.reading.notes

    def test_without_validation_rows_they_are_cut_from_training(self, tmp_path: Path) -> None:
        part = np.repeat(["test", "train"], [30, 70])
        path = write(tmp_path, table(100, part=part, y=np.resize(["a", "b"], 100)))
        train, val, test = numbers(cut(path, {"method": "given", "column": "part", "val": 0.2}))
        assert test == list(range(30))
        assert len(val) == 14
        assert sorted(train + val) == list(range(30, 100))

    def test_further_files_are_the_other_parts(self, tmp_path: Path) -> None:
        y = np.resize(["a", "b"], 40)
        train, val, test = (
            write(tmp_path, {"y": y, "row": np.arange(40) + start + 0.5}, f"{start}.csv") for start in (0, 40, 80)
        )
        files = {"test_path": str(test), "val_path": str(val)}
        split = cut(train, {"method": "given"}, **files)
        assert numbers(split) == (list(range(40)), list(range(40, 80)), list(range(80, 120)))
        assert numbers(cut(train, {}, **files)) == numbers(split), "as with a published part, random keeps them"
        only_test = cut(train, {"val": 0.25}, test_path=str(test))
        assert [len(part) for part in numbers(only_test)] == [30, 10, 40]

    def test_columns_in_another_order_are_the_same_columns(self, tmp_path: Path) -> None:
        y = np.resize(["a", "b"], 20)
        train = write(tmp_path, {"row": np.arange(20) + 0.5, "z": np.arange(20) / 7, "y": y}, "train.csv")
        test = write(tmp_path, {"y": y, "z": np.arange(20) / 7 + 9, "row": np.arange(20) + 20.5}, "test.csv")
        split = cut(train, {"method": "given"}, test_path=str(test))
        assert numbers(split)[2] == list(range(20, 40))
        assert np.array_equal(split.test.x[:, 1], np.arange(20) / 7 + 9)

    def test_equal_rows_in_training_and_test_are_counted_and_stay(self, tmp_path: Path) -> None:
        row = np.concatenate([np.arange(50), np.arange(20)]) + 0.5
        part = np.repeat(["train", "test"], [50, 20])
        path = write(tmp_path, {"row": row, "part": part, "y": np.resize(["a", "b"], 70)})
        split = cut(path, {"method": "given", "column": "part"})
        assert numbers(split)[2] == list(range(20))
        assert split.reading.notes[-1] == "20 of 20 test row(s) equal a row of an earlier part in all features"


class TestDuplicates:
    @pytest.mark.parametrize("split", [{}, {"method": "folds", "fold": 1}, {"stratify": False}])
    def test_equal_rows_are_in_one_part_whatever_their_labels(self, tmp_path: Path, split: dict[str, Any]) -> None:
        row = np.random.default_rng(1).permutation(np.repeat(np.arange(60), 3)) + 0.5
        y = np.random.default_rng(2).choice(["a", "b"], 180)
        path = write(tmp_path, {"row": row, "y": y})
        for seed in range(3):
            parts = numbers(cut(path, {**split, "seed": seed}))
            assert [len(part) for part in parts] == [108, 36, 36]
            assert not any(set(one) & set(other) for one, other in itertools.combinations(parts, 2))

    def test_they_are_said_and_may_be_apart_on_request(self, tmp_path: Path) -> None:
        path = write(tmp_path, {"row": np.resize(np.arange(60), 180) + 0.5, "y": np.resize(["a", "b"], 180)})
        kept, torn = cut(path, {}), cut(path, {"duplicates": "apart"})
        assert [
            note
            for note in kept.reading.notes
            if note.startswith("120 row(s) repeat another in all features; equal rows")
        ]
        train, _, test = numbers(torn)
        assert set(train) & set(test)

    def test_a_table_without_equal_rows_is_cut_as_ever(self) -> None:
        for name in ("wine", "diabetes"):
            splits = [load({"name": name, "split": {"duplicates": how}}) for how in ("together", "apart")]
            assert splits[0].checksum == splits[1].checksum
            assert splits[0].reading.notes == ()

    def test_few_equal_rows_leave_sizes_and_proportions_exact(self) -> None:
        for seed in range(5):
            split = load({"name": "iris", "split": {"seed": seed}, "standardize": False})
            for part, count in ((split.train, 30), (split.val, 10), (split.test, 10)):
                assert np.bincount(part.y).tolist() == [count] * 3
            rows = [{tuple(row) for row in part.x} for part in (split.train, split.val, split.test)]
            assert sum(map(len, rows)) == 149, "scikit-learn's iris has one row twice"

    def test_a_table_of_few_possible_rows_is_not_cut_by_value(self, tmp_path: Path) -> None:
        kind, colour = np.resize(["a", "b", "c"], 120), np.repeat(["x", "y"], 60)
        path = write(tmp_path, {"kind": kind, "colour": colour, "y": np.linspace(0, 1, 120)})
        split = cut(path, {})
        assert len(np.unique(split.train.x, axis=0)) == 6
        assert [note for note in split.reading.notes if note.startswith("114 row(s) repeat another") and "must" in note]

    def test_equal_rows_join_groups(self, tmp_path: Path) -> None:
        who, row = np.arange(60) // 3, np.arange(60)
        row[3] = 0  # a row of group 1 equals one of group 0
        path = write(tmp_path, {"row": row + 0.5, "who": who, "y": np.linspace(0, 1, 60)})
        for seed in range(8):
            parts = [set(part) for part in numbers(cut(path, {"method": "groups", "groups": "who", "seed": seed}))]
            assert any({0, 1, 2, 4, 5} <= part for part in parts)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "fold without folds": (
        {"fold": 1}, {}, "dataset.split.fold=1 has no effect with dataset.split.method=random; add dataset.split."
    ),
    "folds without folds": ({"folds": 5}, {}, "dataset.split.folds=5 has no effect with dataset.split.method=random"),
    "a fold too many": ({"method": "folds", "fold": 5}, {}, "5 folds have the numbers 0 to 4"),
    "more folds than rows": ({"method": "folds", "folds": 99, "stratify": False}, {}, "dataset.split.folds=99 is not"),
    "too many folds for a class": ({"method": "folds", "folds": 25}, {}, "class 'a' has 20 row(s), too few"),
    "a test share of folds": ({"method": "folds", "test": 0.2}, {}, "because the fold is the test part; leave it out"),
    "groups at random": ({"groups": "who"}, {}, "dataset.split.groups=who has no effect with"),
    "groups without a column": ({"method": "groups"}, {}, "method=groups needs dataset.split.groups=COLUMN"),
    "no such column": ({"method": "groups", "groups": "whom"}, {}, "no such column in {path}; did you mean 'who'?"),
    "an empty group": ({"method": "groups", "groups": "hole"}, {}, "column 'hole', row 3: the cell is empty (in 1"),
    "the target as group": ({"method": "groups", "groups": "y"}, {}, "dataset.split.groups=y is not allowed; it is"),
    "one group": ({"method": "groups", "groups": "one"}, {}, "too few groups of rows stay together as a whole"),
    "time without a column": ({"method": "time"}, {}, "dataset.split.method=time needs dataset.split.time=COLUMN"),
    "no time": ({"method": "time", "time": "who"}, {}, "column 'who', row 1: 'p0' is neither a number nor a date"),
    "no time in a row": ({"method": "time", "time": "hole"}, {}, "column 'hole', row 3: the cell is empty"),
    "one time": ({"method": "time", "time": "one"}, {}, "have one time"),
    "a seed of time": ({"method": "time", "time": "row", "seed": 3}, {}, "dataset.split.seed=3 has no effect with"),
    "duplicates in time": ({"method": "time", "time": "row", "duplicates": "apart"}, {}, "split.duplicates=apart"),
    "nothing given": ({"method": "given"}, {}, "dataset.split.column=COLUMN or dataset.test_path=FILE"),
    "no part": ({"method": "given", "column": "who"}, {}, "column 'who', row 1: 'p0' is not a part"),
    "no test rows": ({"method": "given", "column": "learn"}, {}, "no row says test"),
    "a share of what is given": ({"method": "given", "column": "part", "test": 0.3}, {}, "the source says which rows"),
    "a validation share": ({"method": "given", "column": "part", "val": 0.3}, {}, "dataset.split.val=0.3 has no"),
    "a seed of nothing": ({"method": "given", "column": "part", "seed": 1}, {}, "dataset.split.seed=1 has no"),
    "folds of given parts": ({"method": "folds"}, {"test_path": "{path}"}, "dataset.split.method=folds is not allowed"),
    "both kinds of given": (
        {"method": "given", "column": "part"}, {"test_path": "{path}"}, "does not go with dataset.split.column"
    ),
    "no test file": ({}, {"test_path": "no.csv"}, "dataset.test_path=no.csv: no such file"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_go_together_is_refused_in_one_line(tmp_path: Path, what: str) -> None:
    split, options, message = REFUSED[what]
    y, rows = np.resize(["a", "b"], 40), np.arange(40)
    columns = table(
        40, who=[f"p{n // 2}" for n in rows], one=1, hole=[None if n == 2 else n for n in rows], y=y,
        part=np.resize(["train", "val", "train", "test"], 40), learn="train",
    )  # fmt: skip
    path = write(tmp_path, columns)
    given = {key: value.replace("{path}", str(path)) for key, value in options.items()}
    with pytest.raises(ConfigError) as refused:
        cut(path, split, **given)
    assert message.replace("{path}", str(path)) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"row": [0.5], "y": ["a"]}, "test.csv: column 'z' is missing"),
        ({"row": [0.5], "z": [1], "new": [1], "y": ["a"]}, "test.csv: column 'new' is not in"),
        ({"row": ["many"], "z": [1], "y": ["a"]}, "test.csv: column 'row', row 1: 'many', but in"),
    ],
)
def test_a_second_file_of_other_columns_is_refused(tmp_path: Path, other: dict[str, Any], message: str) -> None:
    path = write(tmp_path, table(40, z=np.arange(40), y=np.resize(["a", "b"], 40)))
    test = write(tmp_path, other, "test.csv")
    with pytest.raises(ConfigError) as refused:
        cut(path, {"method": "given"}, test_path=str(test))
    assert message in str(refused.value)


def test_a_source_without_columns_refuses_their_names() -> None:
    for method, key in (("groups", "groups"), ("time", "time"), ("given", "column")):
        with pytest.raises(ConfigError, match=f"dataset.split.{key}=who is not allowed; digits has no columns"):
            load({"name": "digits", "split": {"method": method, key: "who"}})


def test_a_column_may_be_called_by_a_number(tmp_path: Path) -> None:
    path = write(tmp_path, table(40, **{"7": np.arange(40) // 2, "y": np.resize(["a", "b"], 40)}))
    assert cut(path, {"method": "groups", "groups": 7}).features == ("row",)
