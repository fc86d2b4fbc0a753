"""OpenML's data sets from a cache in scikit-learn's form, and one line where there is neither cache nor network."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from regbench.data.loading import build_dataset
from regbench.data.records import Categorical, Numeric, Raw
from regbench.errors import ConfigError

COLOURS = ("red", "green")
ROWS = [f"{place},{place / 2},{COLOURS[place % 2]},{'yes' if place % 3 else 'no'}" for place in range(30)]
ARFF = "@relation toy\n@attribute id numeric\n@attribute size real\n@attribute colour {red,green}\n" + (
    "@attribute good {yes,no}\n@data\n" + "\n".join(ROWS) + "\n"
)
KINDS = {"id": "numeric", "size": "numeric", "colour": "nominal", "good": "nominal"}


def cache(home: Path, place: str, content: bytes) -> None:
    """Write a file of the cache: its path is that of its address."""
    path = home / "openml" / "openml.org" / f"{place}.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content))


def fill_cache(home: Path, target: str = "good", content: str = ARFF) -> None:
    """Write what OpenML answers for the data set 7777, a table with a column of row numbers."""
    features = [
        {
            "index": str(place),
            "name": name,
            "data_type": kind,
            "number_of_missing_values": "0",
            "is_target": str(name == target).lower(),
            "is_ignore": "false",
            "is_row_identifier": str(name == "id").lower(),
        }
        for place, (name, kind) in enumerate(KINDS.items())
    ]
    described = {
        "id": "7777",
        "name": "toy",
        "version": "3",
        "description": "rows",
        "format": "ARFF",
        "status": "active",
        "url": "https://api.openml.org/data/v1/download/7777/toy.arff",
        "file_id": "7777",
        "md5_checksum": hashlib.md5(ARFF.encode()).hexdigest(),
    }
    answers: dict[str, Any] = {
        "api/v1/json/data/7777": {"data_set_description": described},
        "api/v1/json/data/features/7777": {"data_features": {"feature": features}},
        "api/v1/json/data/qualities/7777": {
            "data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "30.0"}]}
        },
        "api/v1/json/data/list/data_name/toy/limit/2/data_version/3": {"data": {"dataset": [{"did": 7777}]}},
    }
    for place, answer in answers.items():
        cache(home, place, json.dumps(answer).encode())
    cache(home, "data/v1/download/7777/toy.arff", content.encode())


def refuse_connections(*_: object, **__: object) -> None:
    raise URLError("no network here")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sklearn.datasets._openml.urlopen", refuse_connections)
    monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda _: None)


def read(home: Path, **options: Any) -> Raw:
    return build_dataset({"name": "openml", "data_home": str(home), **options}).read()


def refusal(home: Path, **options: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        read(home, **options)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_cached_data_set_is_read_without_a_network(tmp_path: Path) -> None:
    fill_cache(tmp_path)
    raw = read(tmp_path, data_id=7777)
    size, colour = raw.x
    assert isinstance(size, Numeric)
    assert isinstance(colour, Categorical)
    assert size.values.tolist() == [place / 2 for place in range(30)]
    assert [colour.levels[code] for code in colour.codes] == [COLOURS[place % 2] for place in range(30)]
    assert (raw.classes, raw.y.tolist()) == (("no", "yes"), [int(place % 3 > 0) for place in range(30)])
    assert raw.origin == "openml 7777"


def test_the_checksum_and_the_default_target_are_said(tmp_path: Path) -> None:
    fill_cache(tmp_path)
    notes = read(tmp_path, data_id=7777).notes
    assert notes[0] == f"version 3 of 'toy', MD5 {hashlib.md5(ARFF.encode()).hexdigest()}"
    assert notes[1] == "target good: OpenML's default, because dataset.target is empty"


def test_name_and_version_are_the_same_data_set(tmp_path: Path) -> None:
    fill_cache(tmp_path)
    one, other = read(tmp_path, data_id=7777), read(tmp_path, title="toy", version=3)
    assert np.array_equal(one.y, other.y)
    assert other.origin == "openml 'toy'"


def test_another_target_can_be_named(tmp_path: Path) -> None:
    fill_cache(tmp_path)
    raw = read(tmp_path, data_id=7777, target="size", drop=["colour"])
    assert (raw.task, [column.name for column in raw.x], raw.y[3]) == ("regression", ["good"], 1.5)


class TestRefused:
    def test_neither_cached_nor_reachable(self, tmp_path: Path) -> None:
        end = "is not in the cache and cannot be downloaded: no network here"
        assert refusal(tmp_path, data_id=61) == f"openml 61 {end}"
        assert refusal(tmp_path, title="iris") == f"openml 'iris' {end}"

    def test_a_cached_file_with_other_bytes_than_openml_has(self, tmp_path: Path) -> None:
        fill_cache(tmp_path, content=ARFF.replace("3,1.5", "3,2.5"))
        assert "openml 7777" in refusal(tmp_path, data_id=7777)

    def test_a_damaged_cache(self, tmp_path: Path) -> None:
        fill_cache(tmp_path)
        for path in sorted(tmp_path.rglob("*.gz")):
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
            options = {"title": "toy", "version": 3} if "data_name" in str(path) else {"data_id": 7777}
            assert refusal(tmp_path, **options).startswith("openml ")
            path.write_bytes(whole)

    def test_a_version_that_has_no_effect(self, tmp_path: Path) -> None:
        assert "dataset.version=2 has no effect with dataset.data_id" in refusal(tmp_path, data_id=7777, version=2)
