"""Lists of options in the terminal: all groups with their names, or one group with a line for each option."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from regbench.cards.grouping import aim_of, group_options, stages_at

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from regbench.config.catalogue import Option


def make_overview(options: Sequence[Option]) -> RenderableType:
    """Return the groups, each with the names of its options; regularizers by what they are for."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for group, members in groupby(options, lambda option: option.group):
        if group == "regularizer":
            for place, (heading, inside) in enumerate(group_options(list(members), "aim")):
                table.add_row("" if place else group, f"{heading}: {_names(inside)}")
        else:
            table.add_row(group, _names(members))
    return table


def make_listing(group: str, options: Sequence[Option], by: str) -> Iterator[RenderableType]:
    """Yield the tables of one group; of regularizers one under each heading, `by` aim or stage."""
    from rich.padding import Padding
    from rich.text import Text

    if group != "regularizer":
        yield _tabulate([(option.name, option.summary()) for option in options], (group, "what it is"))
        return
    width = max(len(option.name) for option in options)
    yield Text(f"regularizers by {by}; behind each, {'where it acts' if by == 'aim' else 'what it is for'}")
    for heading, members in group_options(options, by):
        rows = [
            (
                option.name.ljust(width),
                option.summary(),
                ", ".join(stages_at(option)) if by == "aim" else aim_of(option),
            )
            for option in members
        ]
        yield Text(f"\n{heading}", style="bold")
        yield Padding(_tabulate(rows, ()), (0, 0, 0, 2))


def _names(options: Iterable[Option]) -> str:
    return ", ".join(option.name for option in options)


def _tabulate(rows: Sequence[tuple[str, ...]], heads: tuple[str, ...]) -> Table:
    """Return a table: names, what each is, and at the right what its rows have besides."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD if heads else None, pad_edge=False, show_edge=False, show_header=bool(heads))
    name, what = heads or ("", "")
    table.add_column(name, no_wrap=True, style="bold")
    table.add_column(what, ratio=1)
    if len(rows[0]) > 2:
        table.add_column("", width=20)
    for row in rows:
        table.add_row(*row)
    return table
