"""The data of a search: those of the run bit for bit, and whatever stands in test rows changes nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from regbench.data.dataset import SplitRule
from regbench.data.preparing import prepare
from regbench.data.records import TEST
from regbench.data.row_units import find_units
from regbench.data.search_split import list_parts, prepare_search, take_rows
from regbench.errors import ConfigError
from tests.unit.data.study_sources import (
    Given,
    assert_equal_parts,
    assert_identical,
    images,
    list_arrays,
    make_frame,
    sources,
    spoil,
    table,
)


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
        for rows, part in zip(list_parts(dataset, raw)[:3], list_arrays(split), strict=True):
            assert np.array_equal(raw.x[rows] / raw.divisor, part.x), name
            assert np.array_equal(raw.y[rows], part.y), name


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


def test_free_rows_alone_tell_whether_equal_rows_are_copies() -> None:
    pairs = [(float(number // 5), float(number % 5)) for number in range(18)]
    features = [*pairs, pairs[3], pairs[4], *[(0.0, 1.0)] * 30]
    roles = np.repeat(np.array([0, TEST], dtype=np.int8), [20, 30])
    raw = Given(x=tuple(features), y=tuple(np.arange(50) % 2)).read()
    units = find_units(dataclasses.replace(raw, roles=roles), SplitRule())
    assert units.numbers is not None
    assert (units.numbers[18], units.numbers[19]) == (3, 4)
    assert find_units(raw, SplitRule()).numbers is None, "50 rows of 25 different ones must repeat"


def test_keys_that_training_and_validation_share_are_said(tmp_path: Path) -> None:
    frame = make_frame()
    frame["size"], frame["count"] = (np.random.default_rng(n).normal(size=60)[frame["patient"]] for n in (0, 1))
    frame["colour"] = np.resize(["red", "green", "blue"], 60)[frame["patient"]]
    frame["size"] += np.arange(240) / 1e6
    dataset = table(tmp_path, "random", frame)
    notes = prepare_search(dataset, dataset.read()).reading.notes
    assert any("column 'patient' looks like a key" in note for note in notes)


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


def test_rows_that_follow_each_other_are_not_copied(tmp_path: Path) -> None:
    dataset = images(tmp_path, parts=True)
    raw = dataset.read()
    assert isinstance(raw.x, np.ndarray)
    raw.x.flags.writeable = False
    assert prepare_search(dataset, raw).train.x.shape[1:] == (1, 4, 4)
    assert np.shares_memory(take_rows(raw.x, np.arange(60)), raw.x)


def test_messages_on_rows_say_that_others_are_missing(tmp_path: Path) -> None:
    frame = make_frame()
    frame.loc[4, "size"] = 1e300
    frame.loc[frame["size"].isna(), "size"] = 0.0
    dataset = dataclasses.replace(table(tmp_path, "given", frame), standardize=False)
    with pytest.raises(ConfigError, match=r"rows.csv, without the test rows, row \d+, column 'size': 1e\+300 is too"):
        prepare_search(dataset, dataset.read())
