"""What a figure is on the page: drawings with a caption and the numbers behind them."""

from __future__ import annotations

from dataclasses import dataclass

from regbench.formatting import count_noun

MOST_ARMS = 30
"""Arms that small multiples show in one grid, and rasters at all."""


@dataclass(frozen=True)
class DataTable:
    """The numbers of a figure, as texts."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Panel:
    """One drawing; `arm` is the number of the arm that all of it is about, `name` what the filter looks for."""

    svg: str
    arm: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Swatch:
    """An entry of a legend: a variable of the style sheet without its dashes, and whether it is a line, dashes or an
    area."""

    colour: str
    kind: str
    label: str


@dataclass(frozen=True)
class Fold:
    """Panels of one family of arms, folded away until they are asked for unless they are `open`."""

    family: str
    panels: tuple[Panel, ...]
    open: bool = False

    @property
    def summary(self) -> str:
        """The family, and how many arms of it there are."""
        return f"{self.family}: {count_noun(len({panel.arm for panel in self.panels}), 'arm')}"


@dataclass(frozen=True)
class Picture:
    """A figure: `key` is its identifier on the page, `caption` says what to see.

    Small multiples have many `panels`; `wide` figures take both columns.
    """

    key: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    table: DataTable | None = None
    legend: tuple[Swatch, ...] = ()
    wide: bool = False
    row: bool = False
    """Whether three panels share the width; else more than two are small multiples."""
    folds: tuple[Fold, ...] = ()
    """All panels by family, where they are too many for one grid."""

    @property
    def small(self) -> bool:
        """Whether the panels are small multiples."""
        return len(self.panels) > 2 and not self.row
