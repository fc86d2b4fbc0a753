"""What the tests of the command line share: the command run in this process, with the training replaced by a record."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from regbench.cli import run
from tests.cli.session import Session, write


@pytest.fixture
def regbench(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> Iterator[Session]:
    """The command, in an empty folder, with what trains replaced by a record of the runs it was given."""
    session = Session(capsys)
    monkeypatch.setattr(run, "_train", session.record)
    monkeypatch.setattr(run, "_sweep", session.record_sweep)
    monkeypatch.setattr(run, "_plan", session.record_plan)
    monkeypatch.delenv("REGBENCH_CONFIG_PATH", raising=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("work"))
    handlers, level = list(logging.root.handlers), logging.root.level
    yield session
    logging.root.handlers[:], logging.root.level = handlers, level  # `--info` answers through the root logger


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A person's own configuration folder: a preset, a grid, and a technique's settings under another file name."""
    write(
        tmp_path / "experiment/cocktail.yaml",
        "# @package _global_\n"
        "defaults:\n  - override /regularizer: [l2, dropout]\n"
        "seed: 7\nname: mine\nregularizer: {l2: {strength: 3.0e-3}}\n",
    )
    write(
        tmp_path / "experiment/grid.yaml",
        '# @package _global_\nhydra: {sweeper: {params: {regularizer: "[],[l2],[l2,dropout]"}}}\n',
    )
    return tmp_path
