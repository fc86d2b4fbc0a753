"""Live progress of a whole sweep: a view that changes in place on a terminal, plain lines in a log, or nothing.

Time comes from the caller as seconds since the sweep began, so that a view shows no clock of its own.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from regbench.display.sweep_summary import make_leaderboard
from regbench.display.warning import print_warning
from regbench.errors import escape
from regbench.formatting import format_seconds
from regbench.statuses import RunState
from regbench.sweeps.heartbeat import Heartbeat
from regbench.sweeps.observer import SilentSweep, SweepObserver, SweepProgress
from regbench.sweeps.ranking import rank
from regbench.sweeps.run_status import RunStatus

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

FRAMES_PER_SECOND = 4
SECONDS_BETWEEN_LINES = 10.0
MOST_GROUPS = 8
MOST_WORKERS = 8
RANKING_SHARE = 20
"""Ranking ten thousand runs takes a while: it is done again after this many times the time it took."""


@dataclass(frozen=True)
class Counts:
    """Runs of a sweep by state; `progress` counts runs, a running one by the part of its epochs that is trained."""

    total: int
    ended: int
    failed: int
    running: int
    progress: float


@dataclass(frozen=True)
class Pace:
    """Runs ended per second, and seconds that are left; None while there is nothing to tell by."""

    rate: float | None = None
    left: float | None = None


def open_sweep_view(stream: TextIO | None = None) -> SweepObserver:
    """Return the view that suits the output: live on a terminal, else plain lines.

    Args:
        stream: where to write; standard output by default.
    """
    stream = stream or sys.stdout
    if stream is None:  # the person closed it
        return QuietSweep()
    if stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        return LiveView(stream)
    return PlainLines(stream)


def count(statuses: Sequence[RunStatus], heartbeats: Sequence[Heartbeat]) -> Counts:
    """Return how many runs are in which state; living workers tell how far the running ones are."""
    ended = sum(status.state.ended for status in statuses)
    failed = sum(status.state is RunState.FAILED for status in statuses)
    running = sum(status.state is RunState.RUNNING for status in statuses)
    reported = sum(heartbeat.runs for heartbeat in heartbeats)
    trained = sum(beat.runs * min(1.0, beat.epoch / beat.epochs) for beat in heartbeats if beat.epochs)
    share = trained / reported if reported else 0.0
    return Counts(len(statuses), ended, failed, running, ended + failed + running * share)


def describe_counts(counts: Counts, pace: Pace) -> str:
    """Return one line: `37/256 complete, 128 running, 0 failed, 12.3 runs/s, about 14 s left`."""
    words = [f"{counts.ended}/{counts.total} complete", f"{counts.running} running", f"{counts.failed} failed"]
    if pace.rate:
        words.append(f"{pace.rate:.1f} runs/s" if pace.rate >= 0.1 else f"{pace.rate * 60:.1f} runs/min")
    if pace.left is not None and counts.ended + counts.failed < counts.total:
        words.append(f"about {format_seconds(pace.left)} left")
    return ", ".join(words)


def list_workers(heartbeats: Sequence[Heartbeat], most: int) -> list[str]:
    """Return a line for each living worker, at most `most` of them: what it trains, and its epoch."""
    shown = heartbeats if len(heartbeats) <= most else heartbeats[: most - 1]
    lines = [
        f"{escape(heartbeat.worker)}  {heartbeat.runs} run{'' if heartbeat.runs == 1 else 's'}, "
        f"epoch {heartbeat.epoch}/{heartbeat.epochs}  {escape(heartbeat.label)}"
        for heartbeat in shown
    ]
    return lines if len(shown) == len(heartbeats) else [*lines, f"... and {len(heartbeats) - len(shown)} more workers"]


class Stopwatch:
    """The pace of a sweep since it was first looked at: what earlier commands trained does not count."""

    def __init__(self) -> None:
        self._start: tuple[Counts, float] | None = None

    def read(self, counts: Counts, elapsed: float) -> Pace:
        """Return the pace; the epochs of running runs count for the time left."""
        if self._start is None:
            self._start = (counts, elapsed)
        before, since = self._start
        seconds = elapsed - since
        if seconds <= 0:
            return Pace()
        ended = counts.ended + counts.failed - before.ended - before.failed
        gained = counts.progress - before.progress
        left = (counts.total - counts.progress) * seconds / gained if gained > 0 else None
        return Pace(max(0, ended) / seconds, left)


class QuietSweep(SilentSweep):
    """Shows nothing but warnings."""

    def warn(self, line: str) -> None:
        """Print it."""
        print_warning(line)


class PlainLines(QuietSweep):
    """A line at most every ten seconds, when something has changed, and one at the end: for pipes, logs and CI."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._watch = Stopwatch()
        self._shown: Counts | None = None
        self._last: tuple[Counts, Pace] | None = None
        self._due = 0.0

    def update(self, progress: SweepProgress) -> None:
        """Print a line, if something has changed and the last one is old enough."""
        counts = count(progress.statuses, progress.heartbeats)
        self._last = (counts, self._watch.read(counts, progress.elapsed))
        if progress.elapsed >= self._due and counts.progress > 0:
            self._print(progress.elapsed)

    def end(self) -> None:
        """Print the last state, if it was not printed yet."""
        self._print(0.0)

    def _print(self, elapsed: float) -> None:
        if self._last is not None and self._last[0] != self._shown:
            self._shown = self._last[0]
            self._due = elapsed + SECONDS_BETWEEN_LINES
            print(describe_counts(*self._last), file=self._stream, flush=True)


class LiveView(QuietSweep):
    """A bar, the counts, a line for each worker and the best groups so far; it is gone when the sweep ends."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._folder = Path()
        self._console: Console = Console(file=stream, highlight=False, markup=False, emoji=False)
        # auto_refresh would draw from a second thread; the final table takes the place of the view.
        self._live: Live = Live(console=self._console, auto_refresh=False, transient=True)
        self._watch = Stopwatch()
        self._frame_due = -float("inf")
        self._rank_due = -float("inf")
        self._leaders: list[RenderableType] = []

    def begin(self, folder: Path, total: int) -> None:
        """Take over the lower part of the terminal."""
        self._folder = folder
        self._live.start()

    def update(self, progress: SweepProgress) -> None:
        """Draw, unless the last frame is too young."""
        if progress.elapsed < self._frame_due:
            return
        self._frame_due = progress.elapsed + 1 / FRAMES_PER_SECOND
        counts = count(progress.statuses, progress.heartbeats)
        pace = self._watch.read(counts, progress.elapsed)
        if counts.ended and progress.elapsed >= self._rank_due:
            began = time.monotonic()
            self._leaders = list(make_leaderboard(rank(progress.statuses), self._console, MOST_GROUPS))
            self._rank_due = progress.elapsed + RANKING_SHARE * (time.monotonic() - began)
        self._live.update(self._picture(counts, pace, progress.heartbeats), refresh=True)

    def end(self) -> None:
        """Give the terminal back."""
        self._live.stop()

    def _picture(self, counts: Counts, pace: Pace, heartbeats: Sequence[Heartbeat]) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        bar = Table.grid()  # a bar alone does not end its line
        bar.add_row(ProgressBar(total=max(1, counts.total), completed=counts.progress, width=self._console.width))
        workers = [
            Text(line, "dim", no_wrap=True, overflow="ellipsis") for line in list_workers(heartbeats, MOST_WORKERS)
        ]
        title = Text(escape(str(self._folder)), "bold", no_wrap=True, overflow="ellipsis")
        style = "red" if counts.failed else ""
        parts = [title, Text(describe_counts(counts, pace), style), bar, *workers, Text(), *self._leaders]
        return Group(*parts)
