"""A study on a terminal: what it is about to do, how far it has come, and its verdict."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from regbench.display.study_table import list_budget, list_files, list_plan, list_verdict
from regbench.display.warning import print_warning
from regbench.errors import escape
from regbench.formatting import format_seconds

BAR = 24
SECONDS_BETWEEN_LINES = 10.0
FRAME_SECONDS = 0.25
WIDEST = 120
LABEL = 11


class StudyDisplay:
    """Shows a study; quiet, it shows the sentence of the verdict alone.

    Progress is one line that changes in place on a terminal, and a line every ten seconds elsewhere.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live = not quiet and sys.stdout.isatty()
        self._stage, self._began, self._first, self._due = "", 0.0, 0, 0.0
        self._open = self._ended = False

    def begin(self, plan: Mapping[str, Any]) -> None:
        """Print data, network, arms and plan."""
        if not self._quiet:
            _print(list_plan(plan, find_width()))

    def search(self, done: int, total: int, arm: str) -> None:
        """Show how many trials are done."""
        self._show("search", done, total, f"{done:,} of {total:,} trials   {escape(arm)}")

    def confirm(self, done: int, total: int) -> None:
        """Show how many fresh runs are done."""
        self._show("confirm", done, total, f"{done:,} of {total:,} fresh runs")

    def note(self, text: str) -> None:
        """Print a sentence that a person has to know."""
        self._close()
        print_warning(text)

    def end(self, plan: Mapping[str, Any], verdict: Mapping[str, Any], page: Path | None) -> None:
        """Print the verdict."""
        self._close()
        if self._quiet:
            print(verdict["headline"])
            return
        width = find_width()
        print()
        _print(list_verdict(plan, verdict, width))
        _print(list_files(Path("runs") / str(plan["name"]), page, width))

    def _show(self, stage: str, done: int, total: int, text: str) -> None:
        if self._quiet or not total:
            return
        now = time.monotonic()
        if stage != self._stage:
            self._close()
            self._stage, self._began, self._first = stage, now, done
            self._due, self._ended = now + (0.0 if self._live else SECONDS_BETWEEN_LINES), done == total
        if self._ended or (done < total and now < self._due):
            return
        line = self._draw(stage, done, total, text, now)
        self._ended = done == total
        if not self._live:
            print(line, flush=True)
            self._due = now + SECONDS_BETWEEN_LINES
            return
        print(f"\r\x1b[K{line[: find_width() - 1]}", end="", flush=True)
        self._open, self._due = True, now + FRAME_SECONDS
        if self._ended:
            self._close()

    def _draw(self, stage: str, done: int, total: int, text: str, now: float) -> str:
        filled = BAR * done // total
        gained = done - self._first
        left = (now - self._began) * (total - done) / gained if gained and done < total else None
        more = "" if left is None else f"   {format_seconds(left)} left"
        return (
            f"{stage:<{LABEL}}[{'#' * filled}{'.' * (BAR - filled)}] {100 * done // total:3d} %   {text.rstrip()}{more}"
        )

    def _close(self) -> None:
        """End the line that changes in place."""
        if self._open:
            print(flush=True)
            self._open = False


def print_plan(plan: Mapping[str, Any]) -> None:
    """Print what a dry run says."""
    width = find_width()
    _print(list_plan(plan, width))
    _print(list_budget(plan, width))


def find_width() -> int:
    """Return the width of the terminal, and 120 where there is none."""
    return min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
