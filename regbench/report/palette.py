"""Colours of figures: what matplotlib draws with, and the CSS variable that stands in its place on the page.

Figures are drawn in placeholders that no reader sees; the page's style sheet gives each variable one value for light
and one for dark. Blue and vermilion are those of Okabe and Ito (2008), which colour-blind readers tell apart; whatever
a colour says is said besides by a shape, a dash or a word.
"""

from __future__ import annotations

import re

INK, MUTED, GRID, PAPER = "#010101", "#020202", "#030303", "#040404"
BLUE, RED, BAND, AMBER = "#050505", "#060606", "#070707", "#080808"

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--paper",
    BLUE: "--blue",
    RED: "--red",
    BAND: "--band",
    AMBER: "--amber",
}
PLACEHOLDER = re.compile("|".join(VARIABLES))

RASTER = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (120, 120, 120))
"""Colours of classes in pictures made of pixels, RGB; shown half transparent, so that they suit light and dark."""


def name_colours(text: str) -> str:
    """Return a style or attribute with the variable of each placeholder in its place.

    >>> name_colours("fill: #050505; stroke: none")
    'fill: var(--blue); stroke: none'
    """
    return PLACEHOLDER.sub(lambda found: f"var({VARIABLES[found.group()]})", text)


WORD_MARKS = {
    "better": (BLUE, "^", BLUE),
    "worse": (RED, "v", RED),
    "no practical difference": (MUTED, "s", MUTED),
    "undecided": (MUTED, "o", PAPER),
    "baseline": (INK, "D", INK),
}
"""Colour, marker and filling of each word: shape and filling say the same as the colour."""


def mark_of(word: str | None) -> tuple[str, str, str]:
    """Return colour, marker and filling of a word; those of undecided where there is none."""
    return WORD_MARKS.get(word or "undecided", WORD_MARKS["undecided"])
