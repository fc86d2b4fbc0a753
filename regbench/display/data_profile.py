"""The answer of `regbench data`: the columns, the target, and what to look at before training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from regbench.data.profile import BINS, ColumnProfile, Profile
from regbench.errors import escape
from regbench.formatting import count_noun

if TYPE_CHECKING:
    from rich.table import Table

BARS = " ▁▂▃▄▅▆▇█"
MOST_COLUMNS, MOST_CLASSES = 40, 20
WIDEST = 18
"""Characters of a name or value that a cell shows."""


def print_profile(profile: Profile, command: str) -> None:
    """Print how the data were read, a table of columns, the target, suspicions, and the command to type."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    for line in profile.reading.lines():
        console.print(line, soft_wrap=True)
    if profile.columns:
        console.print()
        console.print(_tabulate(profile.columns[:MOST_COLUMNS], "column"))
        for line in _count_hidden(len(profile.columns) - MOST_COLUMNS, "the columns"):
            console.print(line)
    console.print()
    named = _tabulate(profile.targets[:MOST_CLASSES], "target")
    console.print(_tabulate_classes(profile.classes) if profile.classes else named)
    for found, noun in ((profile.classes, "classes"), (profile.targets, "targets")):
        for line in _count_hidden(len(found) - MOST_CLASSES, f"the {noun}"):
            console.print(line)
    console.print()
    for line in (*(f"note: {note}" for note in profile.reading.notes), *list_suspicions(profile)):
        console.print(line, soft_wrap=True)
    console.print("\nto train:")
    console.print(f"  {command}", soft_wrap=True)


def list_suspicions(profile: Profile) -> Iterator[str]:
    """Yield what makes figures on these data better than they are: duplicated rows, columns that know the target."""
    if profile.duplicates:
        other = f", {profile.contradictions} of them with another target" if profile.contradictions else ""
        yield (
            f"duplicates: {profile.duplicates} of {count_noun(profile.held_out, 'held-out row')} "
            f"equal a training row in every input{other}"
        )
    for column in profile.columns:
        if column.leaks and column.alone is not None:
            yield (
                f"leak? {escape(column.name)} alone tells the target of held-out rows ({column.alone:.3f}); "
                "if it would not be known beforehand, leave it out with dataset.drop"
            )


def draw_bars(counts: Sequence[int]) -> str:
    """Draw a histogram as characters, the highest bar full and no bar but that of 0 empty.

    >>> draw_bars([0, 1, 50, 100])
    ' ▁▄█'
    """
    top = max(counts, default=0)
    return "".join(BARS[0] if count == 0 else BARS[max(1, round(count / top * 8))] for count in counts)


def _tabulate(columns: Sequence[ColumnProfile], title: str) -> Table:
    table = _make_table(title, "kind")
    for heading, width in (("missing", 7), ("distinct", 8), ("alone", 5)):
        table.add_column(heading, justify="right", no_wrap=True, min_width=width)
    table.add_column("values", no_wrap=True, min_width=BINS)
    table.add_column("range", no_wrap=True)
    for column in columns:
        alone = "-" if column.alone is None else f"{column.alone:.2f}"
        cells = (str(column.missing), str(column.distinct), alone, draw_bars(column.histogram), _describe_range(column))
        table.add_row(_shorten(column.name), column.kind, *cells)
    return table


def _tabulate_classes(classes: Sequence[tuple[str, int]]) -> Table:
    table = _make_table("class", "")
    table.add_column("rows", justify="right")
    table.add_column("share", justify="right")
    whole = sum(count for _, count in classes)
    top = max(count for _, count in classes)
    for name, count in classes[:MOST_CLASSES]:
        table.add_row(_shorten(name), "█" * round(20 * count / top), str(count), f"{count / whole:.3f}")
    return table


def _make_table(first: str, second: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    table.add_column(first, no_wrap=True)
    table.add_column(second, no_wrap=True, min_width=len("category") if second else None)
    return table


def _describe_range(column: ColumnProfile) -> str:
    low, high = (_shorten(f"{value:g}" if isinstance(value, float) else value) for value in (column.low, column.high))
    if column.kind == "category":
        return f"{low}, {high}" if high else low
    return f"{low} to {high}"


def _shorten(text: str) -> str:
    shown = escape(text)
    return shown if len(shown) <= WIDEST else f"{shown[: WIDEST - 3]}..."


def _count_hidden(hidden: int, what: str) -> list[str]:
    return [f"... and {hidden} more of {what}"] if hidden > 0 else []
