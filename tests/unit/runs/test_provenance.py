"""Origins of results: what run.json records of them, and in what two of them differ."""

from __future__ import annotations

import json
from dataclasses import replace

from regbench.data.fingerprint import FileRecord
from regbench.runs.provenance import Differences, Origin, describe_origin, differences, read_versions
from regbench.runs.sources import Source
from regbench.store.run_files import RUN_SCHEMA, format_json

FILE = FileRecord("rows.csv", "/data/rows.csv", 10, 1_795_629_703_335_681_617, 2, 3, "ab")
ORIGIN = Origin(
    config_hash="c0ffee",
    data_checksum="da7a",
    data_files=(FILE,),
    sources={"model mlp": Source("regbench.models.mlp", "1"), "regularizer own": Source("ownreg", "2")},
    versions={"regbench": "0.1.0", "torch": "2.13.0"},
)


def test_an_origin_reads_back_equal_from_json() -> None:
    for origin in (ORIGIN, replace(ORIGIN, data_files=()), replace(ORIGIN, data_files=None)):
        assert describe_origin(json.loads(format_json({"schema": RUN_SCHEMA, **origin.to_json()}))) == origin


def test_what_an_earlier_schema_recorded_is_known_and_the_rest_is_not() -> None:
    old = {"schema": 1, "versions": {"regbench": "0.1.0"}, "data_checksum": "of another formula", "host": "x"}
    assert describe_origin(old) == Origin(versions={"regbench": "0.1.0"})
    assert describe_origin({}) == Origin()


def test_entries_that_cannot_be_read_count_as_not_recorded() -> None:
    damaged = {"config_hash": 7, "data_checksum": [], "data_files": "x", "sources": 3, "versions": [1]}
    assert describe_origin({"schema": RUN_SCHEMA, **damaged}) == Origin()
    half = {"data_files": [FILE.to_json(), {}], "versions": {"torch": 2}}
    assert describe_origin({"schema": RUN_SCHEMA, **half}) == Origin()


def test_equal_origins_differ_in_nothing() -> None:
    assert differences(ORIGIN, ORIGIN) == Differences()
    assert not differences(ORIGIN, ORIGIN)
    assert not differences(ORIGIN, replace(ORIGIN, data_files=None)), "where the rows lay does not matter"


def test_data_code_and_versions_are_told_apart() -> None:
    sources = {**ORIGIN.sources, "regularizer own": Source("ownreg", "3")}
    assert differences(ORIGIN, replace(ORIGIN, data_checksum="0")) == Differences(data=True)
    assert differences(ORIGIN, replace(ORIGIN, sources=sources)) == Differences(sources=("regularizer own",))
    versions = {"regbench": "0.1.0", "torch": "2.14.0"}
    expected = Differences(versions=(("torch", "2.13.0", "2.14.0"),))
    assert differences(ORIGIN, replace(ORIGIN, versions=versions)) == expected


def test_what_only_one_of_two_records_is_not_a_difference() -> None:
    assert not differences(ORIGIN, Origin())
    assert not differences(Origin(), ORIGIN)


def test_the_packages_that_read_data_are_recorded() -> None:
    assert {
        "regbench",
        "python",
        "torch",
        "numpy",
        "pandas",
        "pyarrow",
        "scikit-learn",
        "scipy",
    } <= read_versions().keys()
    assert "imbalanced-learn" in read_versions()
    recorded = read_versions().keys()
    assert recorded >= {"regbench", "python", "torch", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy"}
    assert "imbalanced-learn" in recorded
