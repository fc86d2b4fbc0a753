"""Live progress of one run: a small table on a terminal, plain lines in a pipe or a log, or nothing.

An epoch may take 5 ms and progress must not be where the time goes, so a terminal is redrawn at most
`FRAMES_PER_SECOND` times a second, a log gets about `PLAIN_LINES` lines, and every other epoch costs a few comparisons.
Progress goes to standard output, where the result follows it; programs read the run's folder instead.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Protocol, TextIO

from regbench.formatting import format_figure, format_seconds
from regbench.runs.observer import SILENT_RUN, Row, RunObserver, RunStart

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

FRAMES_PER_SECOND = 8
PLAIN_LINES = 20
WIDTHS = (9, 9, 9, 9, 9, 5, 8, 7)
"""Characters of each column; with two spaces between them a row fits into 80 columns."""


class Painter(Protocol):
    """The place where rows appear, and how often."""

    def start(self, start: RunStart) -> None:
        """Announce the run."""

    def due(self, epoch: int) -> bool:
        """Tell whether this epoch is to be shown."""

    def draw(self, cells: tuple[str, ...], epoch: int) -> None:
        """Show the cells of one epoch, in the order of the headings."""

    def stop(self) -> None:
        """Give the terminal back."""


def open_progress(stream: TextIO | None = None) -> RunObserver:
    """Return the progress display that suits the output: a live table on a terminal, else plain lines.

    Args:
        stream: where to write; standard output by default.
    """
    stream = stream or sys.stdout
    if stream is None:  # the person closed it
        return SILENT_RUN
    live = stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    return Display(LiveTable(stream) if live else PlainLines(stream))


class Display:
    """Follows one run: keeps its best epoch and pace, and hands rows to a painter when one is due."""

    def __init__(self, painter: Painter) -> None:
        self.painter = painter
        self.figures: tuple[str, ...] = ()
        self.epochs = 0
        self.warm: tuple[float, int] | None = None
        self.best: tuple[float, int] | None = None
        self.last: Row | None = None
        self.unseen = False
        self.running = False

    def begin(self, start: RunStart) -> None:
        """Announce the run."""
        self.figures = ("train_loss", "val_loss", f"train_{start.metric}", f"val_{start.metric}")
        self.epochs, self.running = start.epochs, True
        self.painter.start(start)

    def epoch(self, row: Row) -> None:
        """Take note of an epoch, and show it if it is time to."""
        number, loss = _epoch_of(row), row.get("val_loss")
        if loss is not None and (self.best is None or loss < self.best[0]):
            self.best = (loss, number)
        if self.warm is None:
            # The first epoch pays for everything that is done once, so the pace is that of those after it.
            self.warm = (time.monotonic(), number)
        self.last, self.unseen = row, True
        if self.painter.due(number):
            self._draw(row)

    def end(self) -> None:
        """Show the last epoch, if it is not on display yet, and give the terminal back; a second call does nothing."""
        if not self.running:
            return
        self.running = False
        try:
            if self.unseen and self.last is not None:
                self._draw(self.last)
        finally:
            self.painter.stop()

    def _draw(self, row: Row) -> None:
        number, lr = _epoch_of(row), row.get("lr")
        seen = self.best[1] if self.best else None
        best = row.get("best_epoch", seen)
        cells = (
            f"{number}/{self.epochs}",
            *(format_figure(row.get(name)) for name in self.figures),
            "-" if best is None else str(best),
            "-" if lr is None else f"{lr:.3g}",
            format_seconds(self._time_left(number)),
        )
        self.unseen = False
        self.painter.draw(cells, number)

    def _time_left(self, number: int) -> float | None:
        if number == self.epochs:
            return 0.0
        if self.warm is None or number == self.warm[1]:
            return None
        since, first = self.warm
        return (time.monotonic() - since) / (number - first) * (self.epochs - number)


def _epoch_of(row: Row) -> int:
    number = row["epoch"]
    assert number is not None, "a row of metrics always has its epoch"
    return int(number)


class PlainLines:
    """One line for the first epoch, every twentieth part of the run, and the last: for pipes, logs and CI."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.first = self.step = 1

    def start(self, start: RunStart) -> None:
        """Print how the data were read, the run's name and the headings."""
        self.first = start.first_epoch
        self.step = max(1, -(-(start.epochs - self.first + 1) // PLAIN_LINES))
        self._print(*start.data, start.run_id, *start.order, *headings(start.metric))

    def due(self, epoch: int) -> bool:
        """Tell whether the epoch is the first or ends a twentieth of the run."""
        return epoch == self.first or epoch % self.step == 0

    def draw(self, cells: tuple[str, ...], epoch: int) -> None:
        """Print one line."""
        self._print(align(cells))

    def stop(self) -> None:
        """Do nothing: every line is out already."""

    def _print(self, *lines: str) -> None:
        print(*lines, sep="\n", file=self.stream, flush=True)


class LiveTable:
    """Headings, one row that changes in place, and a bar."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.live: Live | None = None
        self.heading: tuple[str, ...] = ()
        self.epochs = 1
        self.next_frame = 0.0

    def start(self, start: RunStart) -> None:
        """Print how the data were read, and put up the headings and an empty row."""
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        self.heading, self.epochs = (start.run_id, *start.order, *headings(start.metric)), start.epochs
        empty = (f"{start.first_epoch - 1}/{start.epochs}", *("-" for _ in WIDTHS[1:]))
        console = Console(file=self.stream, highlight=False, markup=False, emoji=False)
        for line in start.data:
            console.print(Text(line, "dim"), soft_wrap=True)
        # auto_refresh would draw from a second thread, in competition with the training.
        self.live = Live(self._picture(empty, start.first_epoch - 1), console=console, auto_refresh=False)
        self.live.start(refresh=True)

    def due(self, epoch: int) -> bool:
        """Tell whether the last frame is old enough."""
        return time.monotonic() >= self.next_frame

    def draw(self, cells: tuple[str, ...], epoch: int) -> None:
        """Replace the row."""
        if self.live is not None:
            self.live.update(self._picture(cells, epoch), refresh=True)
        self.next_frame = time.monotonic() + 1 / FRAMES_PER_SECOND

    def stop(self) -> None:
        """Leave the last row on the screen and show the cursor again."""
        if self.live is not None:
            self.live.stop()

    def _picture(self, cells: tuple[str, ...], epoch: int) -> Group:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        run_id, *columns = self.heading
        lines = [(run_id, "bold"), *((line, "dim") for line in columns), (align(cells), "")]
        bar = ProgressBar(total=self.epochs, completed=epoch, width=len(align(cells)))
        return Group(*(Text(line, style, no_wrap=True, overflow="crop") for line, style in lines), bar)


def headings(metric: str) -> tuple[str, str]:
    """Return the two lines above the columns: what is measured, then on which part."""
    pair = WIDTHS[1] + 2 + WIDTHS[2]
    groups = f"{'':{WIDTHS[0]}}  {'loss':^{pair}}  {metric[:pair]:^{pair}}"
    return groups.rstrip(), align(("epoch", "train", "val", "train", "val", "best", "lr", "left"))


def align(cells: tuple[str, ...]) -> str:
    """Set the cells flush right under their headings."""
    return "  ".join(cell.rjust(width) for cell, width in zip(cells, WIDTHS, strict=True))
