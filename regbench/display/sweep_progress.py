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
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TextIO

from regbench.display.sweep_summary import make_leaderboard
from regbench.errors import escape
from regbench.formatting import format_seconds
from regbench.sweeps.heartbeat import BeatState
from regbench.sweeps.ranking import rank
from regbench.sweeps.run_status import Standing

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
    """How a sweep stands; `progress` counts runs, a running one by the part of its epochs that is done."""

    total: int
    done: int
    failed: int
    running: int
    progress: float


@dataclass(frozen=True)
class Pace:
    """Runs completed per second, and seconds that are left; None while there is nothing to tell by."""

    rate: float | None = None
    left: float | None = None


class SweepView(Protocol):
    """Shows how far a sweep has come; leaving the context gives the terminal back, whatever ended the sweep."""

    def update(self, standings: Sequence[Standing], beats: Sequence[BeatState], elapsed: float) -> None:
        """Show the present state, if it is time to; `elapsed` is in seconds since the sweep began."""

    def __enter__(self) -> SweepView: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_sweep_view(*, quiet: bool, total: int, folder: Path, stream: TextIO | None = None) -> SweepView:
    """Return the view that suits the output: live, plain lines, or nothing if `quiet`.

    Args:
        quiet: show nothing.
        total: the number of runs.
        folder: the sweep's folder, named above the live view.
        stream: where to write; standard output by default.
    """
    stream = stream or sys.stdout
    if quiet or stream is None:  # None: the person closed it
        return Silence()
    if stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        return LiveView(total, folder, stream)
    return PlainLines(total, stream)


def count(standings: Sequence[Standing], beats: Sequence[BeatState], total: int) -> Counts:
    """Return how the sweep stands; the runs of living workers are running as far as they are not complete yet."""
    done = sum(standing.state == "done" for standing in standings)
    failed = sum(standing.state == "failed" for standing in standings)
    rest = max(0, total - done - failed)
    # A worker says so at most every half second, and its runs may be complete before.
    said = sum(beat.runs for beat in beats)
    running = min(rest, said)
    begun = sum(beat.runs * min(1.0, beat.epoch / beat.epochs) for beat in beats if beat.epochs)
    return Counts(total, done, failed, running, done + failed + (begun * running / said if said else 0.0))


def describe_counts(counts: Counts, pace: Pace) -> str:
    """Return one line: `37/256 done, 128 running, 0 failed, 12.3 runs/s, about 14 s left`."""
    words = [f"{counts.done}/{counts.total} done", f"{counts.running} running", f"{counts.failed} failed"]
    if pace.rate:
        words.append(f"{pace.rate:.1f} runs/s" if pace.rate >= 0.1 else f"{pace.rate * 60:.1f} runs/min")
    if pace.left is not None and counts.done + counts.failed < counts.total:
        words.append(f"about {format_seconds(pace.left)} left")
    return ", ".join(words)


def list_workers(beats: Sequence[BeatState], most: int) -> list[str]:
    """Return a line for each living worker, at most `most` of them: what it trains, and its epoch."""
    shown = beats if len(beats) <= most else beats[: most - 1]
    lines = [
        f"{escape(beat.worker)}  {beat.runs} run{'' if beat.runs == 1 else 's'}, "
        f"epoch {beat.epoch}/{beat.epochs}  {escape(beat.label)}"
        for beat in shown
    ]
    return lines if len(shown) == len(beats) else [*lines, f"... and {len(beats) - len(shown)} more workers"]


class Stopwatch:
    """The pace of a sweep since it was first looked at: what earlier commands had done does not count."""

    def __init__(self) -> None:
        self._start: tuple[Counts, float] | None = None

    def read(self, counts: Counts, elapsed: float) -> Pace:
        """Return the pace; what running runs have done of their epochs counts for the time left."""
        if self._start is None:
            self._start = (counts, elapsed)
        before, since = self._start
        seconds = elapsed - since
        if seconds <= 0:
            return Pace()
        ended = counts.done + counts.failed - before.done - before.failed
        gained = counts.progress - before.progress
        left = (counts.total - counts.progress) * seconds / gained if gained > 0 else None
        return Pace(max(0, ended) / seconds, left)


class Silence:
    """Shows nothing."""

    def update(self, standings: Sequence[Standing], beats: Sequence[BeatState], elapsed: float) -> None:
        """Say nothing."""

    def __enter__(self) -> SweepView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class PlainLines:
    """A line at most every ten seconds, when something has changed, and one at the end: for pipes, logs and CI."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total = total
        self._stream = stream
        self._watch = Stopwatch()
        self._shown: Counts | None = None
        self._last: tuple[Counts, Pace] | None = None
        self._due = 0.0

    def update(self, standings: Sequence[Standing], beats: Sequence[BeatState], elapsed: float) -> None:
        """Print a line, if something has changed and the last one is old enough."""
        counts = count(standings, beats, self._total)
        self._last = (counts, self._watch.read(counts, elapsed))
        if elapsed >= self._due and counts.progress > 0:
            self._print(elapsed)

    def __enter__(self) -> SweepView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._print(0.0)

    def _print(self, elapsed: float) -> None:
        if self._last is not None and self._last[0] != self._shown:
            self._shown = self._last[0]
            self._due = elapsed + SECONDS_BETWEEN_LINES
            print(describe_counts(*self._last), file=self._stream, flush=True)


class LiveView:
    """A bar, the counts, a line for each worker and the best groups so far; it is gone when the sweep ends."""

    def __init__(self, total: int, folder: Path, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._total = total
        self._folder = folder
        self._console: Console = Console(file=stream, highlight=False, markup=False, emoji=False)
        # auto_refresh would draw from a second thread; the final table takes the place of the view.
        self._live: Live = Live(console=self._console, auto_refresh=False, transient=True)
        self._watch = Stopwatch()
        self._frame_due = -float("inf")
        self._rank_due = -float("inf")
        self._leaders: list[RenderableType] = []

    def update(self, standings: Sequence[Standing], beats: Sequence[BeatState], elapsed: float) -> None:
        """Draw, unless the last frame is too young."""
        if elapsed < self._frame_due:
            return
        self._frame_due = elapsed + 1 / FRAMES_PER_SECOND
        counts = count(standings, beats, self._total)
        pace = self._watch.read(counts, elapsed)
        if counts.done and elapsed >= self._rank_due:
            began = time.monotonic()
            self._leaders = list(make_leaderboard(rank(standings), self._console, MOST_GROUPS))
            self._rank_due = elapsed + RANKING_SHARE * (time.monotonic() - began)
        self._live.update(self._picture(counts, pace, beats), refresh=True)

    def __enter__(self) -> SweepView:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def _picture(self, counts: Counts, pace: Pace, beats: Sequence[BeatState]) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        bar = Table.grid()  # a bar alone does not end its line
        bar.add_row(ProgressBar(total=max(1, counts.total), completed=counts.progress, width=self._console.width))
        workers = [Text(line, "dim", no_wrap=True, overflow="ellipsis") for line in list_workers(beats, MOST_WORKERS)]
        title = Text(escape(str(self._folder)), "bold", no_wrap=True, overflow="ellipsis")
        style = "red" if counts.failed else ""
        parts = [title, Text(describe_counts(counts, pace), style), bar, *workers, Text(), *self._leaders]
        return Group(*parts)
