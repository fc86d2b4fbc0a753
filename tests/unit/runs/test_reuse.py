"""Earlier runs against the present, judged from what they recorded alone: no folder, no lock, no data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

import regbench
from regbench.config.run_config import RunConfig
from regbench.data.fingerprint import FileRecord
from regbench.runs.provenance import Origin, read_versions
from regbench.runs.reuse import UNKNOWN, PresentOrigins, describe_note, judge_finished, judge_interrupted
from regbench.runs.sources import Source, describe_sources
from tests.unit.sweeps.folders import configure

CONFIG = configure({"l2": {"strength": 0.1}})
FILE = FileRecord("rows.csv", "/nowhere/rows.csv", 1, 2, 3, 4, "ab")


class Present(PresentOrigins):
    """A present in which the data have a given checksum; how often they were read is counted."""

    def __init__(self, checksum: str) -> None:
        super().__init__()
        self.now, self.reads = checksum, 0

    def checksum(self, dataset: Mapping[str, object]) -> str:
        self.reads += 1
        return self.now


def origin(**changes: object) -> Origin:
    """What a run of now would record, but for some changes."""
    sources, versions = describe_sources(CONFIG), read_versions()
    known = Origin(CONFIG.config_hash(), "old", (), sources, versions)
    return replace(known, **changes)  # type: ignore[arg-type]


def no_config() -> bytes | None:
    raise AssertionError("config.yaml is read for the right configuration too")


def earlier(version: str) -> dict[str, str]:
    return read_versions() | {"regbench": version}


def edited(name: str, module: str) -> dict[str, Source]:
    return describe_sources(CONFIG) | {name: Source(module, "0")}


@pytest.mark.parametrize("judge", [judge_finished, judge_interrupted])
def test_what_is_as_recorded_may_be_used_and_no_data_are_read(judge: object) -> None:
    present = Present("new")
    assert callable(judge)
    assert judge(CONFIG, origin(), no_config, present) is None
    assert present.reads == 0
    assert judge(CONFIG, Origin(), no_config, present) is None, "what recorded nothing cannot be refused"


@pytest.mark.parametrize("judge", [judge_finished, judge_interrupted])
def test_other_files_are_judged_by_their_rows(judge: object) -> None:
    assert callable(judge)
    moved = origin(data_files=(FILE,))
    assert judge(CONFIG, moved, no_config, Present("old")) is None
    stale = judge(CONFIG, moved, no_config, Present("new"))
    assert str(stale).startswith("trained on other data: rows.csv was /nowhere/rows.csv then")
    unknown = origin(data_files=None)
    assert str(judge(CONFIG, unknown, no_config, Present("new"))) == (
        "trained on other data: dataset=digits gives other rows now"
    )


def test_code_of_another_version_binds_interrupted_runs_only() -> None:
    older = origin(versions=earlier("0.0.1"), sources=edited("regularizer l2", "regbench.regularizers.l2"))
    assert judge_finished(CONFIG, older, no_config, Present("old")) is None
    assert describe_note(CONFIG, older, Present("old")) == (
        f"this run was made by regbench 0.0.1, this is {regbench.__version__}; "
        "the code of regularizer l2 has changed since"
    )
    stale = judge_interrupted(CONFIG, older, no_config, Present("old"))
    assert str(stale) == "trained by other code: regularizer l2 has changed since"


def test_code_of_the_same_version_or_another_package_binds_finished_runs() -> None:
    same = origin(sources=edited("regularizer l2", "regbench.regularizers.l2"))
    own = origin(versions=earlier("0.0.1"), sources=edited("regularizer l2", "ownreg"))
    for recorded in (same, own):
        assert str(judge_finished(CONFIG, recorded, no_config, Present("old"))) == (
            "trained by other code: regularizer l2 has changed since"
        )


def test_another_configuration_is_told_by_what_differs() -> None:
    other: RunConfig = configure({"l2": {"strength": 0.1}}, seed=7)
    stale = judge_finished(
        CONFIG, origin(config_hash=other.config_hash()), lambda: other.to_yaml().encode(), Present("")
    )
    assert str(stale) == "trained with another configuration: seed=7 there, 0 here"


def test_notes_are_made_where_there_is_something_to_know() -> None:
    assert describe_note(CONFIG, origin(), Present("old")) is None
    assert describe_note(CONFIG, Origin(), Present("old")) == UNKNOWN
