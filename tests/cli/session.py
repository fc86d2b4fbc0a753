"""The command line as a person meets it, run in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from regbench.cli.main import main
from regbench.config.run_config import RunConfig


@dataclass
class Session:
    """`regbench` as a person meets it: exit code, both streams, and the runs that were asked for."""

    capture: pytest.CaptureFixture[str]
    runs: list[RunConfig] = field(default_factory=list)
    dry: bool = False
    out: str = ""
    err: str = ""

    def __call__(self, *words: str) -> int:
        self.runs.clear()
        code = main(list(words))
        self.out, self.err = self.capture.readouterr()
        return code

    def refusal(self, *words: str) -> str:
        """Run a command that must be refused before anything starts and return the one line it prints."""
        code = self(*words)
        assert code == 2, f"exit code {code} instead of 2\n{self.out}{self.err}"
        assert self.runs == []
        assert self.out == ""
        assert len(self.err.splitlines()) == 1, self.err
        assert self.err.startswith("regbench: ")
        assert list(Path().iterdir()) == [], "a refused command must leave no file behind"
        return self.err.removeprefix("regbench: ").strip()

    def record(self, config: RunConfig) -> int:
        """Take note of a run and return the exit code."""
        self.runs.append(config)
        return 0

    def record_sweep(self, configs: Sequence[RunConfig]) -> int:
        """Take note of a sweep and return the exit code."""
        self.runs.extend(configs)
        self.dry = False
        return 0

    def record_plan(self, configs: Sequence[RunConfig]) -> int:
        """Take note of a dry run and return the exit code."""
        self.runs.extend(configs)
        self.dry = True
        return 0


def write(path: Path, text: str) -> Path:
    """Write a text file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
