"""Cuts of a study's replicates, and the data of its search: equal folds, seeds of validation, and no test row read."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.model_selection import StratifiedKFold

from regbench.data.dataset import Dataset, SplitRule
from regbench.data.fingerprint import read_recorded
from regbench.data.loading import build_dataset
from regbench.data.preparing import prepare
from regbench.data.records import TEST, Categorical, Column, Numeric, Part, Raw, Rows, Split, Texts
from regbench.data.search_split import has_published_test, list_parts, prepare_search, without_published_test
from regbench.data.splitting import RowParts
from regbench.errors import ConfigError

BUNDLED = ("digits", "breast_cancer", "wine", "iris", "diabetes", "polynomial", "moons", "circles", "spirals")
FOLDS: Mapping[str, Any] = {"method": "folds", "fold": 3, "equal": True, "seed": 4, "val_seed": 9}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given(Dataset):
    """Rows that the test gives: the features of each, its class, and its group."""

    x: tuple[tuple[float, ...], ...]
    y: tuple[int, ...]
    groups: tuple[int, ...] | None = None

    def read(self) -> Raw:
        """Return the rows."""
        return Raw(
            origin="given",
            task="classification",
            layout="table",
            x=np.array(self.x),
            y=np.array(self.y),
            classes=tuple("abcdef"[: max(self.y) + 1]),
            features=tuple(f"x{number}" for number in range(len(self.x[0]))),
            groups=None if self.groups is None else np.array(self.groups),
        )


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

    @settings(max_examples=25)
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
        tested = np.concatenate([cut.test for cut in cuts])
        assert len(np.unique(tested)) == len(tested)

    def test_a_noisy_few_of_the_digits_train_beside_the_usual_validation_rows(self) -> None:
        rule = {"method": "folds", "equal": True, "seed": 2}
        few = {"train_size": 150, "label_noise": 0.2}
        seen = [make("digits", {**rule, "fold": fold}, **few) for fold in (0, 4)]
        whole = make("digits", {**rule, "fold": 4})
        for dataset in seen:
            assert [len(part.y) for part in _list_parts(prepare(dataset, dataset.read()))] == [150, 360, 359]
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


def make(name: str, split: Mapping[str, Any], **options: Any) -> Dataset:
    return build_dataset({"name": name, "split": dict(split), **options})


def make_frame() -> pd.DataFrame:
    """Return 240 rows with numbers, categories, empty cells, copies, weights, patients, days and parts."""
    rng, rows = np.random.default_rng(5), 240
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=rows).round(3),
            "count": rng.integers(0, 9, rows).astype(float),
            "colour": rng.choice(["red", "green", "blue"], rows),
            "shape": rng.choice(["round", "flat"], rows),
            "weight": rng.integers(1, 4, rows),
            "patient": np.repeat(np.arange(60), 4),
            "day": rng.permutation(rows),
            "part": np.resize(["train", "train", "test", "train"], rows),
            "y": rng.choice(["ill", "well", "unsure"], rows),
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[::11, "colour"] = np.nan
    frame.loc[200:215, ["size", "count", "colour", "shape"]] = frame.loc[
        20:35, ["size", "count", "colour", "shape"]
    ].to_numpy()
    return frame


METHODS: Mapping[str, Mapping[str, Any]] = {
    "random": {"method": "random"},
    "folds": FOLDS,
    "groups": {"method": "groups", "groups": "patient"},
    "group folds": {**FOLDS, "groups": "patient"},
    "time": {"method": "time", "time": "day"},
    "given": {"method": "given", "column": "part"},
}
KEYS = ("patient", "day", "part")


def table(folder: Path, method: str, frame: pd.DataFrame | None = None, **split: Any) -> Dataset:
    rule = {**METHODS[method], **split}
    path = folder / "rows.csv"
    (make_frame() if frame is None else frame).to_csv(path, index=False)
    drop = [name for name in KEYS if name not in rule.values()]
    values = {"path": str(path), "target": "y", "weight": "weight", "drop": drop}
    return make("csv", rule, **values)


def images(folder: Path, parts: bool) -> Dataset:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (90, 1, 4, 4), dtype=np.uint8), np.resize([0, 1, 2], 90)
    x[60:70] = x[:10]
    arrays = {"x_train": x[:60], "y_train": y[:60], "x_test": x[60:], "y_test": y[60:]} if parts else {"x": x, "y": y}
    np.savez(folder / "images.npz", **arrays)
    return make("npz", {}, path=str(folder / "images.npz"))


def texts(folder: Path) -> Dataset:
    rng = np.random.default_rng(2)
    words = [" ".join(rng.choice(["sun", "rain", "wind", "ice", "fog"], 6)) for _ in range(80)]
    pd.DataFrame({"text": words, "y": np.resize(["a", "b"], 80)}).to_csv(folder / "texts.csv", index=False)
    return make("text", {}, path=str(folder / "texts.csv"), target="y", standardize=True)


def forecast(folder: Path) -> Dataset:
    rows = np.arange(120)
    frame = pd.DataFrame({"t": rows, "load": np.sin(rows / 5), "heat": np.cos(rows / 3)})
    frame.to_csv(folder / "load.csv", index=False)
    return make("forecast", {"method": "time"}, path=str(folder / "load.csv"), target="load", time="t", lookback=5)


def sources(folder: Path) -> dict[str, Dataset]:
    """Return data sets of every kind, cut in every way."""
    bundled = {name: make(name, {}) for name in BUNDLED}
    folds = {f"{name}, folds": make(name, FOLDS) for name in ("digits", "diabetes")}
    tables = {}
    for method in METHODS:
        place = folder / method
        place.mkdir()
        tables[f"table, {method}"] = table(place, method)
    for kind in ("images", "parts"):
        (folder / kind).mkdir()
    return {
        **bundled,
        **folds,
        **tables,
        "digits, few and noisy": make("digits", FOLDS, train_size=150, label_noise=0.2, imbalance=2.0),
        "mnist1d": make("mnist1d", {"val_seed": 1}),
        "images": images(folder / "images", parts=False),
        "images in parts": images(folder / "parts", parts=True),
        "texts": texts(folder),
        "forecast": forecast(folder),
    }


def _list_parts(split: Split) -> tuple[Part, Part, Part]:
    return split.train, split.val, split.test


def assert_equal_parts(one: Part, two: Part) -> None:
    for first, second in ((one.x, two.x), (one.y, two.y), (one.weights, two.weights)):
        if first is None or second is None:
            assert first is second
        else:
            assert (first.dtype, first.tobytes()) == (second.dtype, second.tobytes())


def assert_identical(one: Split, two: Split) -> None:
    for first, second in zip(_list_parts(one), _list_parts(two), strict=True):
        assert_equal_parts(first, second)
    for field in dataclasses.fields(Split):
        if field.name not in ("train", "val", "test"):
            assert getattr(one, field.name) == getattr(two, field.name), field.name


def test_a_search_has_the_rows_and_values_of_the_run_and_no_test_row(tmp_path: Path) -> None:
    for name, dataset in sources(tmp_path).items():
        raw = dataset.read()
        search, run = prepare_search(dataset, raw, np.float32), prepare(dataset, dataset.read(), np.float32)
        assert_equal_parts(search.train, run.train)
        assert_equal_parts(search.val, run.val)
        assert (len(run.test.y) > 0, search.test.x.shape, len(search.test.y)) == (
            True,
            (0, *run.test.x.shape[1:]),
            0,
        ), name
        assert search.test.y.shape[1:] == run.test.y.shape[1:]
        for field in ("task", "layout", "classes", "features", "target_scale", "target_mean", "preprocessing"):
            assert getattr(search, field) == getattr(run, field), (name, field)
        assert search.reading.rows == {**run.reading.rows, "test": 0}
        assert search.reading.origin == run.reading.origin
        assert not any("test" in note.removeprefix("parts") for note in search.reading.notes), name
        assert search.checksum != run.checksum
        assert_identical(search, prepare_search(dataset, raw, np.float32, list_parts(dataset, raw)))


def test_the_numbers_of_the_parts_find_the_rows_of_a_run_in_the_source(tmp_path: Path) -> None:
    for name, dataset in sources(tmp_path).items():
        if dataset.standardize or dataset.label_noise or name in ("diabetes", "polynomial", "texts", "forecast"):
            continue
        raw, split = dataset.read(), prepare(dataset, dataset.read())
        assert isinstance(raw.x, np.ndarray)
        for rows, part in zip(list_parts(dataset, raw)[:3], _list_parts(split), strict=True):
            assert np.array_equal(raw.x[rows] / raw.divisor, part.x), name
            assert np.array_equal(raw.y[rows], part.y), name


def spoil(raw: Raw, tested: Rows, *, keeps_classes: bool) -> Raw:
    """Return a source whose test rows hold garbage: extreme numbers, names and words that no other row has."""
    spoiled = np.zeros(len(raw.y), dtype=bool)
    spoiled[tested] = True
    y = raw.y.copy()
    if raw.task == "classification":
        y[tested] = np.roll(y[tested], 1) if keeps_classes else 10**6
    else:
        y[tested] = -1.7e308
    if isinstance(raw.x, np.ndarray):
        x: Any = raw.x.copy()
        x[tested] = np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).max
    else:
        x = tuple(_spoil_column(column, spoiled) for column in raw.x)
    weights = None if raw.weights is None else np.where(spoiled, 1e300, raw.weights)
    aside = tuple(_spoil_column(column, spoiled) for column in raw.aside)
    return dataclasses.replace(raw, x=x, y=y, weights=weights, aside=aside)


def _spoil_column(column: Column, spoiled: np.ndarray) -> Column:
    if isinstance(column, Numeric):
        garbage = np.where(np.arange(len(spoiled)) % 2, 1.7e308, np.nan)
        return dataclasses.replace(column, values=np.where(spoiled, garbage, column.values))
    if isinstance(column, Texts):
        return dataclasses.replace(column, texts=tuple(np.where(spoiled, "zebra sun", column.texts).tolist()))
    codes = np.where(column.codes < 0, -1, column.codes + 1)  # a name before all others
    return Categorical(column.name, np.where(spoiled, 0, codes), ("!!", *column.levels))


def test_garbage_in_the_test_rows_changes_not_a_bit_of_a_search(tmp_path: Path) -> None:
    for dataset in sources(tmp_path).values():
        raw = dataset.read()
        parts = list_parts(dataset, raw)
        before = prepare_search(dataset, raw, np.float32, parts)
        assert_identical(
            before, prepare_search(dataset, spoil(raw, parts.test, keeps_classes=False), np.float32, parts)
        )


def test_garbage_in_a_published_test_part_does_not_even_change_the_cut(tmp_path: Path) -> None:
    for name in ("table, given", "images in parts", "mnist1d"):
        place = tmp_path / name
        place.mkdir()
        dataset = sources(place)[name]
        raw = dataset.read()
        assert raw.roles is not None
        tested = np.flatnonzero(raw.roles == TEST)
        spoiled = spoil(raw, tested, keeps_classes=True)
        assert_identical(prepare_search(dataset, raw), prepare_search(dataset, spoiled))


def test_a_free_row_is_cut_alike_whether_or_not_a_row_of_the_test_part_equals_it() -> None:
    features = [(float(number % 40),) for number in range(80)]
    roles = np.zeros(100, dtype=np.int8)
    roles[:20] = TEST
    data = Given(x=tuple([(100.0 + number,) for number in range(20)] + features), y=tuple(np.arange(100) % 2))
    alone = dataclasses.replace(data.read(), roles=roles)
    assert isinstance(alone.x, np.ndarray)
    copied = alone.x.copy()
    copied[:20] = copied[[39 + 2 * number for number in range(20)]]
    equal = dataclasses.replace(alone, x=copied)
    one, two = (list_parts(data, raw) for raw in (alone, equal))
    assert np.array_equal(one.val, two.val)


def test_a_file_with_garbage_in_the_rows_that_a_column_calls_test_is_searched_alike(tmp_path: Path) -> None:
    frame = make_frame()
    splits = []
    for garbage in (False, True):
        tested = frame["part"] == "test"
        if garbage:
            frame.loc[tested, ["size", "count"]] = 1e30
            frame.loc[tested, "colour"] = "aaa"
            frame.loc[tested, "shape"] = np.nan
            frame.loc[tested, "y"] = "ill"
        dataset = table(tmp_path, "given", frame)
        splits.append(prepare_search(dataset, dataset.read()))
    assert_identical(*splits)


def make_pipes(folder: Path) -> dict[str, dict[str, Any]]:
    """Return data sets whose test part is a pipe to which nobody writes."""
    lines = "".join(f"{'+1' if row % 3 else '-1'} 1:{row}.5 2:{row % 7}\n" for row in range(60))
    (folder / "rows.svm").write_text(lines)
    table(folder, "random")
    frame = pd.DataFrame({"text": [f"word{n % 9} and {n}" for n in range(60)], "y": np.resize(["a", "b"], 60)})
    frame.to_csv(folder / "texts.csv", index=False)
    head = "@relation r\n@attribute a real\n@attribute c {p,q}\n@data\n"
    (folder / "r-tra.dat").write_text(head + "".join(f"{n}.5,{'pq'[n % 2]}\n" for n in range(60)))
    series = "\n".join(f"{n % 2}\t" + "\t".join(str((n * k) % 11) for k in range(1, 7)) for n in range(60))
    (folder / "walk.tsv").write_text(series)
    (folder / "images").write_bytes(bytes.fromhex("00000803 00000032 00000002 00000002") + os.urandom(200))
    (folder / "labels").write_bytes(bytes.fromhex("00000801 00000032") + bytes(n % 2 for n in range(50)))
    for kind, suffix in (("photos", ".png"), ("mails", ".txt")):
        for part in ("train", "test"):
            for name in ("cat", "dog"):
                (folder / kind / part / name).mkdir(parents=True)
        os.mkfifo(folder / kind / "test" / "cat" / f"0{suffix}")
    for number in range(30):
        for name in ("cat", "dog"):
            image = Image.new("L", (3, 3), number + 100 * (name == "cat"))
            image.save(folder / "photos" / "train" / name / f"{number}.png")
            (folder / "mails" / "train" / name / f"{number}.txt").write_text(f"{name} {number}")
    os.mkfifo(folder / "pipe")
    pipe = str(folder / "pipe")
    return {
        "csv": {"path": str(folder / "rows.csv"), "target": "y", "weight": "weight", "test_path": pipe},
        "libsvm": {"path": str(folder / "rows.svm"), "test_path": pipe},
        "keel": {"path": str(folder / "r-tra.dat"), "test_path": pipe},
        "series": {"path": str(folder / "walk.tsv"), "test_path": pipe},
        "idx": {
            "train_images": str(folder / "images"),
            "train_labels": str(folder / "labels"),
            "test_images": pipe,
            "test_labels": pipe,
        },
        "image_folder": {"path": str(folder / "photos"), "channels": "grey"},
        "text": {"path": str(folder / "texts.csv"), "target": "y", "test_path": pipe},
        "text ": {"path": str(folder / "mails")},
    }


def test_a_published_test_file_is_not_opened(tmp_path: Path) -> None:
    for name, values in make_pipes(tmp_path).items():
        dataset = make(name.strip(), {}, **values)
        assert has_published_test(dataset)
        searched = without_published_test(dataset)
        assert searched is not None
        split, files = read_recorded(searched, lambda own=searched: prepare_search(own, own.read()))
        assert files is not None
        assert all(Path(file.path).exists() for file in files)
        assert len(split.test.y) == 0
        rows = sum(split.reading.rows.values())
        assert rows == len(searched.read().y)
        assert split.reading.rows["validation"] == -(-rows // (10 if name == "idx" else 5)), (
            "no fifth is cut for a test"
        )


def test_rows_are_those_that_a_run_has_with_the_published_test_part(tmp_path: Path) -> None:
    frame = make_frame().drop(columns=["part", "day", "patient", "weight"])
    frame[:180].to_csv(tmp_path / "train.csv", index=False)
    frame[180:].to_csv(tmp_path / "test.csv", index=False)
    paths = {"path": str(tmp_path / "train.csv"), "test_path": str(tmp_path / "test.csv")}
    for rule in ({"method": "given", "val_seed": 5}, {"seed": 2}):
        dataset = make("csv", rule, target="y", **paths)
        searched = without_published_test(dataset)
        assert searched is not None
        search, run = (prepare_search(own, own.read()) for own in (searched, dataset))
        assert_equal_parts(search.train, run.train)
        assert_equal_parts(search.val, run.val)
        assert search.checksum == run.checksum
        one, two = (list_parts(own, own.read()) for own in (searched, dataset))
        assert np.array_equal(one.val, two.val)
        assert (len(one.test), len(two.test)) == (0, 60)
        assert searched.files() == (paths["path"],)


def test_a_published_test_part_goes_with_no_cut_of_another(tmp_path: Path) -> None:
    table(tmp_path, "random")
    values = {"path": str(tmp_path / "rows.csv"), "target": "y", "test_path": str(tmp_path / "absent.csv")}
    for rule, said in (({"method": "folds"}, "has parts of its own"), ({"test": 0.3}, "has a test part of its own,")):
        searched = without_published_test(make("csv", rule, **values))
        assert searched is not None
        with pytest.raises(ConfigError, match=said):
            list_parts(searched, searched.read())


def test_a_source_without_a_test_file_says_so(tmp_path: Path) -> None:
    for name, dataset in sources(tmp_path).items():
        assert without_published_test(dataset) is None
        assert not has_published_test(dataset)
        own = name in ("table, given", "images in parts", "mnist1d")
        assert has_published_test(dataset, dataset.read()) is own


def test_rows_that_follow_each_other_are_not_copied(tmp_path: Path) -> None:
    dataset = images(tmp_path, parts=True)
    raw = dataset.read()
    assert isinstance(raw.x, np.ndarray)
    raw.x.flags.writeable = False
    assert prepare_search(dataset, raw).train.x.shape[1:] == (1, 4, 4)
    from regbench.data.search_split import _take

    assert np.shares_memory(_take(raw.x, np.arange(60)), raw.x)


def test_messages_on_rows_say_that_others_are_missing(tmp_path: Path) -> None:
    frame = make_frame()
    frame.loc[4, "size"] = 1e300
    frame.loc[frame["size"].isna(), "size"] = 0.0
    dataset = dataclasses.replace(table(tmp_path, "given", frame), standardize=False)
    with pytest.raises(ConfigError, match=r"rows.csv, without the test rows, row \d+, column 'size': 1e\+300 is too"):
        prepare_search(dataset, dataset.read())
