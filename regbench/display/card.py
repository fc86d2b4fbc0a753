"""Card of one option in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from regbench.cards.card import Card, Setting
from regbench.cards.docstring import refill

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def lay_out_card(card: Card) -> Iterator[RenderableType]:
    """Yield the parts of a card; that of an option without a class (an experiment) shows its YAML."""
    from rich.padding import Padding
    from rich.text import Text

    yield Text(f"{card.group}={card.name}", style="bold")
    if card.yaml:
        yield Padding(Text(card.yaml), (1, 0, 1, 2))
        return
    yield Padding(Text("\n".join(refill(card.body))), (1, 0, 0, 2))
    if card.settings:
        yield Padding(make_settings_table(card.settings), (1, 0, 0, 2))
    for label, text in (("when", card.when), ("other libraries", card.others)):
        if text:
            yield Padding(Text.assemble((f"{label}  ", "bold"), text), (1, 0, 0, 2))
    if card.facts:
        yield Padding(make_facts_table(card.facts), (1, 0, 0, 2))
    yield ""


def make_settings_table(settings: Iterable[Setting]) -> Table:
    """Return the table of settings: default, the value that switches it off, the tuner's range, meaning and range."""
    from rich import box
    from rich.table import Table

    rows = list(settings)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    searched = any(setting.search for setting in rows)
    switched = any(setting.off for setting in rows)
    table.add_column("setting", no_wrap=True, style="bold")
    table.add_column("default", overflow="fold", max_width=14)
    if switched:
        table.add_column("off", no_wrap=True)
    if searched:
        table.add_column("tuned in", max_width=12)
    table.add_column("meaning, and what is allowed", ratio=1)
    for setting in rows:
        row = [setting.name, setting.default]
        row += [setting.off] if switched else []
        row += [setting.search] if searched else []
        table.add_row(*row, setting.meaning)
    return table


def make_facts_table(facts: Iterable[tuple[str, str]]) -> Table:
    """Return what is known besides text and settings, a line for each fact."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for label, text in facts:
        table.add_row(label, text)
    return table
