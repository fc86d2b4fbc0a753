"""A study on a terminal: what it is about to do, how far it has come, and its verdict."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from regbench.display.study_budget import list_budget
from regbench.display.study_table import LABEL, list_files, list_plan, list_verdict
from regbench.display.warning import print_warning
from regbench.errors import escape
from regbench.formatting import format_clock

BAR, NARROW_BAR = 20, 8
"""Characters of the bar of a stage; the narrow one where the line would not fit."""

FRAME_SECONDS = 0.25
SECONDS_BETWEEN_LINES = 10.0
LINES_A_STAGE = 10
WIDEST = 120

STYLES = {
    r"^verdict(?= )": "bold",
    r"^(?:warning|incomplete)(?= )": "yellow",
    r"(?<=  )better(?=  |$)": "green",
    r"(?<=  )worse(?=  |$)": "red",
    r"(?<=  )undecided(?=  )": "yellow",
}
"""What is coloured on a terminal, as regular expressions; words of the table stand between two spaces or more."""


class StudyDisplay:
    """Shows a study; quiet, it shows the sentence of the verdict alone.

    Progress is a line that changes in place on a terminal. Elsewhere it is a line at the end of each stage, and before
    that one every tenth of it, if ten seconds have passed.
    """

    def __init__(self, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet, self._clock = quiet or sys.stdout is None, clock
        self._live = not self._quiet and sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
        self._stage, self._total, self._done, self._tenth = "", 0, 0, 0
        self._began, self._first, self._due = 0.0, 0, 0.0
        self._open = self._ended = False

    def begin(self, plan: Mapping[str, Any]) -> None:
        """Print data, network, arms and plan."""
        if not self._quiet:
            print_lines(list_plan(plan, find_width()))

    def search(self, done: int, total: int, arm: str) -> None:
        """Show how many trials are done."""
        self._show("search", done, total, f"{done:,} of {total:,} trials   {escape(arm)}")

    def confirm(self, done: int, total: int) -> None:
        """Show how many fresh runs are done."""
        self._show("confirm", done, total, f"{done:,} of {total:,} fresh runs")

    def curves(self, done: int, total: int) -> None:
        """Show how many runs on fewer rows, or with wrong labels, are done."""
        self._show("curves", done, total, f"{done:,} of {total:,} runs on fewer rows or with wrong labels")

    def keep(self, done: int, total: int) -> None:
        """Show how many trials have a folder of their own."""
        self._show("keep", done, total, f"{done:,} of {total:,} trials as runs with a folder")

    def note(self, text: str) -> None:
        """Print a sentence that a person has to know."""
        self.close()
        print_warning(text)

    def end(
        self, plan: Mapping[str, Any], verdict: Mapping[str, Any], page: Path | None, folder: Path | None = None
    ) -> None:
        """Print the verdict, and where the results lie."""
        self.close()
        if self._quiet:
            print(verdict["headline"])
            return
        width = find_width()
        print_lines(["", *list_verdict(plan, verdict, width), *list_files(folder, page, width)])

    def close(self) -> None:
        """End the line that changes in place, so that others may print."""
        if self._open:
            print(flush=True)
            self._open = False

    def _show(self, stage: str, done: int, total: int, text: str) -> None:
        if self._quiet or not total:
            return
        now = self._clock()
        if (stage, total) != (self._stage, self._total) or done < self._done:  # a search may have several parts
            self.close()
            self._stage, self._total, self._began, self._first = stage, total, now, done
            self._due, self._ended = now + (0.0 if self._live else SECONDS_BETWEEN_LINES), False
            self._tenth = LINES_A_STAGE * done // total
        self._done, tenth = done, LINES_A_STAGE * done // total
        waits = now < self._due or (not self._live and tenth == self._tenth)
        if self._ended or (done < total and waits):
            return
        self._tenth, self._ended = tenth, done == total
        line = self._draw(stage, done, total, text, now)
        if not self._live:
            print(line, flush=True)
            self._due = now + SECONDS_BETWEEN_LINES
            return
        print(f"\r\x1b[K{line[: find_width() - 1]}", end="", flush=True)
        self._open, self._due = True, now + FRAME_SECONDS
        if self._ended:
            self.close()

    def _draw(self, stage: str, done: int, total: int, text: str, now: float) -> str:
        gained = done - self._first
        left = (now - self._began) * (total - done) / gained if gained and done < total else None
        more = "" if left is None else f"   {format_clock(left)} left"
        told = f" {100 * done // total:3d} %   {text.rstrip()}{more}"
        wide = BAR if LABEL + BAR + 2 + len(told) < find_width() else NARROW_BAR
        filled = wide * done // total
        return f"{stage:<{LABEL}}[{'#' * filled}{'.' * (wide - filled)}]{told}"


def print_plan(plan: Mapping[str, Any], begun: bool, keep: str = "fresh") -> None:
    """Print what a dry run says; `begun` says that the plan lies in its folder already, `keep` is study.keep."""
    width = find_width()
    print_lines([*list_plan(plan, width), *list_budget(plan, begun, keep, width)])


def find_width() -> int:
    """Return the width of the terminal, at most 120; 120 where there is none."""
    return min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines, on a terminal in colours; a line is never broken, so that commands and paths can be copied."""
    if not sys.stdout.isatty():
        print(*lines, sep="\n", flush=True)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    for line in lines:
        text = Text(line)
        for pattern, style in STYLES.items():
            text.highlight_regex(pattern, style)
        console.print(text, soft_wrap=True)
