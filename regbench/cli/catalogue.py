"""`regbench list` and `regbench show`: what there is to choose from, and the card of one choice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from regbench.cards.grouping import BY
from regbench.cli.words import Words
from regbench.config.catalogue import list_options
from regbench.errors import ConfigError, suggest

if TYPE_CHECKING:
    from rich.console import RenderableType


MORE = "more:   regbench list GROUP, regbench show NAME, regbench docs"

USAGE = "usage: regbench list [group] [--by aim|stage]"

HELP = f"""\
{USAGE}

  group         all of a group, with a line for each; without it, all groups
  --by aim      regularizers by what a person wants: smaller weights, rare classes, ...; so they are listed anyway
  --by stage    regularizers by where in training they act; one that acts at several stages stands under each
"""


def list_command(words: Sequence[str]) -> int:
    """Print every group, or one.

    Returns:
        The exit code 0.

    Raises:
        ConfigError: a word cannot be used, or there is no such group.
    """
    if words and words[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    parser = Words("list", USAGE, add_help=False, allow_abbrev=False)
    parser.add_argument("group", nargs="?")
    parser.add_argument("--by", choices=BY)
    given = parser.parse_intermixed_args(words)
    if given.by and given.group not in (None, "regularizer"):
        raise ConfigError(f"--by {given.by} is for regularizers: regbench list regularizer --by {given.by}")
    return list_groups("regularizer" if given.by else given.group, given.by or BY[0])


def list_groups(group: str | None, by: str = BY[0]) -> int:
    """Print every group with its options, or one group (and those inside it) with a line for each option.

    Returns:
        The exit code 0.

    Raises:
        ConfigError: there is no such group.
    """
    from regbench.display.listing import make_listing, make_overview

    options = list_options()
    if group is None:
        _print(make_overview(options), "\nchoose: regbench run GROUP=NAME, or 'regularizer=[NAME,NAME]'", MORE)
        return 0
    chosen = [option for option in options if option.group == group or option.group.startswith(f"{group}/")]
    if not chosen:
        raise ConfigError(f"{group!r}: unknown group; {suggest(group, {option.group for option in options})}")
    for name, members in groupby(chosen, lambda option: option.group):
        _print("", *make_listing(name, list(members), by))
    return 0


def show(name: str) -> int:
    """Print the card of everything that has this name: a regularizer, data set, model, part of a schedule, experiment.

    Returns:
        The exit code 0.

    Raises:
        ConfigError: nothing has this name.
    """
    from regbench.cards.card import make_card
    from regbench.display.card import lay_out_card

    options = list_options()
    found = [option for option in options if option.name == name]
    if not found:
        raise ConfigError(f"{name!r}: nothing has this name; {suggest(name, {option.name for option in options})}")
    _print(*(part for option in found for part in lay_out_card(make_card(option))))
    return 0


def _print(*parts: RenderableType) -> None:
    from rich.console import Console

    # Texts are printed as they are: `[B, C]` is a shape and no markup.
    console = Console(markup=False, emoji=False, highlight=False)
    for part in parts:
        console.print(part)
