"""Origins of a sweep's runs: in what finished runs differ, and which of their files are not as they were."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from regbench.data.fingerprint import FileRecord, hash_file
from regbench.runs.provenance import Origin
from regbench.runs.sources import Source
from regbench.sweeps.origins import FileChanges, compare_files, list_differences
from regbench.sweeps.run_status import RunStatus
from tests.unit.sweeps.folders import make_status, result

SHIPPED = Source("regbench.regularizers.l2", "1")
OWN = Source("ownreg", "2")
ORIGIN = Origin(
    data_checksum="da7a",
    sources={"regularizer l2": SHIPPED, "regularizer own": OWN},
    versions={"regbench": "0.1.0", "torch": "2.1"},
)


def ended(*origins: Origin) -> list[RunStatus]:
    statuses = [make_status({"seed": seed}, result(), f"run{seed}") for seed in range(len(origins))]
    return [replace(status, origin=origin) for status, origin in zip(statuses, origins, strict=True)]


def changed(name: str, source: Source) -> Origin:
    return replace(ORIGIN, sources={**ORIGIN.sources, name: source})


def versions(**numbers: str) -> Origin:
    return replace(ORIGIN, versions={**ORIGIN.versions, **numbers})


def test_equal_origins_and_unknown_ones_have_nothing_to_say() -> None:
    assert list_differences([]) == []
    assert list_differences(ended(ORIGIN, ORIGIN, Origin())) == []
    assert list_differences([*ended(ORIGIN), make_status({"seed": 9})]) == []


def test_versions_that_differ_are_named_once_each() -> None:
    found = list_differences(ended(ORIGIN, versions(regbench="0.2.0", torch="2.2"), versions(regbench="0.3.0")))
    assert found == ["made with regbench 0.1.0, 0.2.0 and 0.3.0, torch 2.1 and 2.2"]


def test_classes_whose_code_differs_are_named() -> None:
    other = changed("regularizer own", Source("ownreg", "3"))
    assert list_differences(ended(ORIGIN, other)) == ["code of regularizer own differs between runs"]
    shipped = changed("regularizer l2", Source(SHIPPED.module, "9"))
    assert list_differences(ended(ORIGIN, shipped, other)) == [
        "code of regularizer l2 and regularizer own differs between runs"
    ]


def test_another_version_has_other_code_without_saying_so_of_each_class() -> None:
    newer = replace(changed("regularizer l2", Source(SHIPPED.module, "9")), versions={"regbench": "0.2.0"})
    assert list_differences(ended(ORIGIN, newer)) == ["made with regbench 0.1.0 and 0.2.0"]
    own = replace(newer, sources={**newer.sources, "regularizer own": Source("ownreg", "3")})
    assert list_differences(ended(ORIGIN, own))[1:] == ["code of regularizer own differs between runs"]


def test_nothing_from_a_file_acts_on_the_terminal() -> None:
    hostile = replace(changed("regularizer \x1b[31m", OWN), versions={"regbench": "\x1b[31m"})
    other = replace(changed("regularizer \x1b[31m", SHIPPED), versions={"regbench": "2"})
    assert all(line.isprintable() for line in list_differences(ended(hostile, other)))


def record(path: Path) -> FileRecord:
    """The record of a file, seen from a folder in which it has another name."""
    facts = os.stat(path)
    return FileRecord("rows.csv", str(path), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, 0, hash_file(path))


def reading(path: Path, checksum: str) -> Origin:
    return Origin(data_checksum=checksum, data_files=(record(path),))


def test_files_are_compared_where_they_were(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("1\n")
    statuses = ended(reading(file, "x"), reading(file, "x"), Origin())
    assert compare_files(statuses) == FileChanges()
    file.write_text("2\n")
    assert compare_files(statuses) == FileChanges(changed="the data of 2 runs have changed since: rows.csv")
    assert compare_files(statuses[:1]) == FileChanges(changed="the data of 1 run have changed since: rows.csv")
    file.unlink()
    assert compare_files(statuses) == FileChanges(missing="the data of 2 runs are not there now: rows.csv")


def test_a_run_with_the_rows_of_an_unchanged_file_has_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("1\n")
    before = reading(file, "x")
    file.write_text("1\n\n")  # other bytes, read as the same rows
    after = reading(file, "x")
    assert compare_files(ended(before, after)) == FileChanges()
    assert compare_files(ended(replace(before, data_checksum="y"), after)).changed is not None
