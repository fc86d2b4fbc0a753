"""The end of a run that is stored whole but for its mark, so that runs of one cohort are marked at one moment.

Killed in between, some would have ended and the others resume without them, in a stack that rounds otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from regbench.store import durable


@dataclass(frozen=True)
class StagedEnd:
    """A run's `result.json`, durable but not in its place, and the commits that nobody needs once it is."""

    result: Path
    commits: tuple[Path, ...]

    def mark(self) -> None:
        """Mark the run as ended; it takes no time.

        Raises:
            StorageError: the disk refused; the run has not ended.
        """
        durable.show(self.result)

    def settle(self) -> None:
        """Make the mark durable, and drop the commits."""
        durable.settle(self.result.parent)
        durable.drop(*self.commits)
