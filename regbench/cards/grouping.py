"""Regularizers by what a person wants, and by where in training they act; nothing is imported to find out."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.config.catalogue import Option, aim_of_source, read_stages, stages_of_source
from regbench.regularizers.aims import AIMS

OTHERS = "others"
"""Heading of those that do not say what they are for: of installed packages, and mixtures of a person's own."""

BY = ("aim", "stage")


def group_options(options: Sequence[Option], by: str) -> list[tuple[str, list[Option]]]:
    """Return regularizers under headings, by `aim` or by `stage`; empty headings are left out.

    By stage, one that acts at several stages stands under each.
    """
    headings = AIMS.values() if by == "aim" else read_stages().values()
    found: dict[str, list[Option]] = {heading: [] for heading in headings}
    found[OTHERS] = []
    for option in options:
        for heading in _headings(option, by):
            found[heading].append(option)
    return [(heading, members) for heading, members in found.items() if members]


def aim_of(option: Option) -> str:
    """Return the heading of what a regularizer is for."""
    source = option.source()
    return AIMS.get(aim_of_source(source), OTHERS) if source else OTHERS


def stages_at(option: Option) -> tuple[str, ...]:
    """Return the stages at which a regularizer acts; none for one without a class of regbench's own."""
    source = option.source()
    return stages_of_source(source) if source else ()


def _headings(option: Option, by: str) -> tuple[str, ...]:
    return (aim_of(option),) if by == "aim" else stages_at(option) or (OTHERS,)
