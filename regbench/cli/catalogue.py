"""`regbench list` and `regbench show`: what there is to choose from, and the card of one choice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from regbench.config.catalogue import Option, list_options, stages_of_source
from regbench.errors import ConfigError, suggest

if TYPE_CHECKING:
    from rich.console import RenderableType


MORE = "more:   regbench list GROUP, regbench show NAME"


def list_groups(group: str | None) -> int:
    """Print every group with its options, or one group (and those inside it) with a line for each option.

    Returns:
        The exit code 0.

    Raises:
        ConfigError: there is no such group.
    """
    options = list_options()
    if group is None:
        _print(make_overview(options), "\nchoose: regbench run GROUP=NAME, or 'regularizer=[NAME,NAME]'", MORE)
        return 0
    chosen = [option for option in options if option.group == group or option.group.startswith(f"{group}/")]
    if not chosen:
        raise ConfigError(f"{group!r}: unknown group; {suggest(group, {option.group for option in options})}")
    for name, members in groupby(chosen, lambda option: option.group):
        _print("", make_listing(name, list(members)))
    return 0


def show(name: str) -> int:
    """Print the card of everything that has this name: a regularizer, data set, model, part of a schedule, experiment.

    Returns:
        The exit code 0.

    Raises:
        ConfigError: nothing has this name.
    """
    from regbench.display.card import make_card

    options = list_options()
    found = [option for option in options if option.name == name]
    if not found:
        raise ConfigError(f"{name!r}: nothing has this name; {suggest(name, {option.name for option in options})}")
    _print(*(part for option in found for part in make_card(option)))
    return 0


def make_overview(options: Sequence[Option]) -> RenderableType:
    """Return the groups, each with the names of its options."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for group, members in groupby(options, lambda option: option.group):
        table.add_row(group, ", ".join(option.name for option in members))
    return table


def make_listing(group: str, options: Iterable[Option]) -> RenderableType:
    """Return one group: the name of each option, what it is, and for regularizers where in training they act."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(group, no_wrap=True, style="bold")
    table.add_column("what it is", ratio=1)
    if group == "regularizer":
        table.add_column("stages", max_width=20)
    for option in options:
        source = option.source() if group == "regularizer" else None
        stages = [", ".join(stages_of_source(source)) if source else ""] if group == "regularizer" else []
        table.add_row(option.name, option.summary(), *stages)
    return table


def _print(*parts: RenderableType) -> None:
    from rich.console import Console

    # Texts are printed as they are: `[B, C]` is a shape and no markup.
    console = Console(markup=False, emoji=False, highlight=False)
    for part in parts:
        console.print(part)
