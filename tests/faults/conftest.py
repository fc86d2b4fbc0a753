"""The run that everything in this folder disturbs, and what it comes to when nothing does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from regbench.cli.main import main
from tests.faults.children import command, fingerprint, run_folder

WORDS = (
    "dataset=iris",
    "model.widths=[8]",
    "regularizer=[batch_norm,dropout,ema]",
    "schedule.epochs=3",
    "schedule.batch_size=30",
    "schedule.optimizer.lr=0.1",
    "threads=1",
)
"""A short run that has everything a resume can lose: Adam's moments, buffers, a technique's state, random masks."""

Undisturbed: TypeAlias = Callable[..., Mapping[str, Any]]


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Pay once for the imports and for torch's first step; the forks have them for nothing."""
    runs = tmp_path_factory.mktemp("warm")
    assert main(["run", *WORDS, "quiet=true", f"runs={runs}"]) == 0


@pytest.fixture(scope="session")
def undisturbed(warm: None, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Return the fingerprint of a run that nothing disturbs, for these words; each is run once."""
    known: dict[tuple[str, ...], Mapping[str, Any]] = {}

    def fingerprint_of(*words: str) -> Mapping[str, Any]:
        if words not in known:
            work = tmp_path_factory.mktemp("undisturbed")
            ended = command(work, *words).wait()
            assert ended.code == 0, ended.err
            known[words] = fingerprint(run_folder(work))
        return known[words]

    return fingerprint_of


@pytest.fixture
def reference(undisturbed: Undisturbed) -> Mapping[str, Any]:
    """The fingerprint of `WORDS`."""
    return undisturbed(*WORDS)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """An empty folder to run in."""
    return tmp_path / "work"
