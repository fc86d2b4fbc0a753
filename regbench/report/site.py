"""The site of all cards: one page with an index and a search, which needs no network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from regbench import __version__
from regbench.cards.card import Card, make_card
from regbench.cards.docstring import split_blocks
from regbench.cards.grouping import group_options
from regbench.config.catalogue import Option, list_options
from regbench.errors import ConfigError, escape
from regbench.report.libraries import require_libraries
from regbench.report.templating import render
from regbench.store import durable

PAGE = "index.html"

TITLES = {
    "regularizer": "regularizers",
    "dataset": "data sets",
    "model": "models",
    "schedule": "schedules",
    "schedule/curve": "learning-rate curves",
    "schedule/optimizer": "optimizers",
    "schedule/stop": "stopping rules",
    "experiment": "experiments",
    "study": "studies",
}
"""Headings of groups, in the order of the page; groups of a person's own come last."""

LINKED = ("regularizer", "schedule/optimizer")
"""Groups whose names link to their cards wherever texts have them in backquotes; others are names of settings too."""


@dataclass(frozen=True)
class Word:
    """A piece of a text: plain, or the name of something, which links to its card if there is one."""

    text: str
    code: bool = False
    target: str = ""


@dataclass(frozen=True)
class Entry:
    """A card and the anchor at which it stands."""

    card: Card
    anchor: str


@dataclass(frozen=True)
class Section:
    """Cards under one heading; without a title it is all of its chapter."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Chapter:
    """All cards of one group."""

    title: str
    sections: tuple[Section, ...]


def write_site(folder: Path) -> Path:
    """Write the site of everything that can be chosen into a folder, and return the path of its page.

    Raises:
        ConfigError: jinja2 is missing, the folder cannot be made, or one in REGBENCH_CONFIG_PATH does not exist.
        RegbenchError: the disk refused.
    """
    require_libraries(["jinja2"])
    content = format_site(list_options()).encode("utf-8", "backslashreplace")
    try:
        durable.make_folder(folder)
    except (OSError, ValueError) as error:  # a file is in the way; may not be written; a zero byte
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{escape(str(folder))} cannot be made: {reason}; name a folder for the page") from None
    durable.replace(folder / PAGE, content)
    return folder / PAGE


def format_site(options: Sequence[Option]) -> str:
    """Return the page of some options: equal options give equal bytes."""
    chapters = make_chapters(options)
    entries = [entry for chapter in chapters for section in chapter.sections for entry in section.entries]
    anchors = {entry.card.name: entry.anchor for entry in entries if entry.card.group in LINKED and not entry.card.yaml}

    def words(text: str, own: str = "") -> list[Word]:
        return split_words(text, {name: anchor for name, anchor in anchors.items() if anchor != own})

    return render(
        "site.html.j2",
        ["page.css", "site.css"],
        "site.js",
        chapters=chapters,
        count=len(entries),
        version=__version__,
        blocks=split_blocks,
        words=words,
        plain=lambda text: split_words(text, {}),
        names=lambda text: [Word(name, True, anchors.get(name, "")) for name in text.split(", ")],
    )


def make_chapters(options: Iterable[Option]) -> list[Chapter]:
    """Return the cards of all options by group, and regularizers in each by what they are for."""
    order = list(TITLES)
    by_group = {group: list(members) for group, members in groupby(options, lambda option: option.group)}
    groups = sorted(by_group, key=lambda group: (order.index(group) if group in order else len(order), group))
    taken: set[str] = set()
    chapters = []
    for group in groups:
        whole = [("", by_group[group])]
        parts = group_options(by_group[group], "aim") if group == "regularizer" else whole
        sections = tuple(
            Section(title, tuple(Entry(_read_card(option), _make_anchor(option, taken)) for option in members))
            for title, members in parts
        )
        chapters.append(Chapter(TITLES.get(group, group), sections))
    return chapters


def split_words(text: str, anchors: Mapping[str, str]) -> list[Word]:
    """Return a text with the words in backquotes apart.

    >>> split_words("beside `l1` only", {"l1": "regularizer-l1"})[1]
    Word(text='l1', code=True, target='regularizer-l1')
    """
    pieces = re.split(r"`([^`]+)`", text)
    return [
        Word(piece, True, anchors.get(piece, "")) if place % 2 else Word(piece)
        for place, piece in enumerate(pieces)
        if piece
    ]


def _read_card(option: Option) -> Card:
    """Return an option's card; one that cannot be loaded says why, and hides no other."""
    try:
        return make_card(option)
    except ConfigError as refusal:
        return Card(option.group, option.name, option.summary(), body=str(refusal))


def _make_anchor(option: Option, taken: set[str]) -> str:
    """Return an anchor that no other card has, of letters that need no quoting in an address."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{option.group}-{option.name}")
    anchor, number = plain, 2
    while anchor in taken:
        anchor, number = f"{plain}-{number}", number + 1
    taken.add(anchor)
    return anchor
