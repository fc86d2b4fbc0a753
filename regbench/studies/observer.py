"""Whoever follows a study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


class StudyObserver(Protocol):
    """Is told how a study goes."""

    def begin(self, plan: Mapping[str, Any]) -> None:
        """Take the content of study.json, before anything is trained."""

    def search(self, done: int, total: int, arm: str) -> None:
        """Take how many trials are done, and the arm that was last at work."""

    def confirm(self, done: int, total: int) -> None:
        """Take how many fresh runs are done."""

    def curves(self, done: int, total: int) -> None:
        """Take how many runs on fewer rows, or with wrong labels, are done."""

    def keep(self, done: int, total: int) -> None:
        """Take how many trials have a folder of their own."""

    def note(self, text: str) -> None:
        """Take a sentence that a person has to know."""

    def end(self, plan: Mapping[str, Any], verdict: Mapping[str, Any], page: Path | None) -> None:
        """Take the verdict, and where the page lies."""


class SilentStudy:
    """Shows nothing."""

    def begin(self, plan: Mapping[str, Any]) -> None:
        """Do nothing."""

    def search(self, done: int, total: int, arm: str) -> None:
        """Do nothing."""

    def confirm(self, done: int, total: int) -> None:
        """Do nothing."""

    def curves(self, done: int, total: int) -> None:
        """Do nothing."""

    def keep(self, done: int, total: int) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def end(self, plan: Mapping[str, Any], verdict: Mapping[str, Any], page: Path | None) -> None:
        """Do nothing."""
