"""The page: what stands on it, and the HTML that jinja2 makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from regbench.report.picture import DataTable, Picture
from regbench.report.templating import render


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, the value that it is sorted by, and the word that styles it."""

    text: str
    value: float | str | None = None
    kind: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the leaderboard; `arm` is the number that figures know it by."""

    cells: tuple[Cell, ...]
    arm: int | None = None
    name: str = ""
    target: str = ""
    """What the name links to."""


@dataclass(frozen=True)
class Leaderboard:
    """The sortable table: columns with a title that explains each, rows, and rows below that stand for scale."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    scale: tuple[tuple[str, str], ...] = ()
    caption: str = ""


@dataclass(frozen=True)
class Card:
    """A short list of facts."""

    title: str
    facts: tuple[tuple[str, str], ...]
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class ArmDetails:
    """What is known of one arm besides its row, folded away until it is asked for."""

    arm: int
    name: str
    summary: str
    command: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Page:
    """All that a page says; whatever is empty leaves no trace."""

    title: str
    mark: str
    headline: str
    kind: str = "verdict"
    badge: str = ""
    command: str = ""
    final: str = ""
    """The command that trains on all rows."""
    citation: str = ""
    banner: str = ""
    """What is incomplete."""
    diagnosis: str = ""
    advice: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cards: tuple[Card, ...] = ()
    leaderboard: Leaderboard | None = None
    figures: tuple[Picture, ...] = ()
    details: tuple[ArmDetails, ...] = ()
    protocol: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    references: tuple[tuple[str, str], ...] = ()
    extra: tuple[tuple[str, DataTable], ...] = ()
    """Further tables with their titles."""


def format_page(page: Page) -> str:
    """Return the page as one HTML file: no network, everything that comes from data escaped."""
    return render("page.html.j2", ["page.css"], "page.js", page=page)
