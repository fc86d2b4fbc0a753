"""What a sweep came to: `sweep.csv` with a row a run, and the table of its groups at the end."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.errors import ConfigError, escape
from regbench.formatting import format_figure, format_seconds
from regbench.store import durable
from regbench.store.locks import hold
from regbench.sweeps.labels import label_groups, list_overrides, name_data, telling_keys
from regbench.sweeps.manifest import BOOKS, TURN, varying
from regbench.sweeps.ranking import NO_VALIDATION, Group, Score, best, rank, spell
from regbench.sweeps.run_status import PARTS, Standing

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

FILE = "sweep.csv"
MOST_GROUPS = 20
MOST_LISTED = 10
NARROW = 60
"""Characters of a terminal below which the table has no test figures."""

FORMULA = ("=", "+", "-", "@")


def write_csv(folder: Path, standings: Sequence[Standing]) -> Path:
    """Write `sweep.csv`, one row a run whatever became of it, and return its path.

    Figures are those at each run's best epoch. A missing setting or figure is an empty cell.

    Raises:
        ConfigError: the folder cannot be written.
        StorageError: the disk refused; the old file, if any, is intact.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_rows(standings))
    path = folder / FILE
    try:
        durable.make_folder(folder / BOOKS)
        with hold(folder / BOOKS / TURN):
            durable.replace(path, text.getvalue().encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    return path


def print_sweep(standings: Sequence[Standing], folder: Path, *, quiet: bool) -> None:
    """Print the groups by rank, the best configuration, the failures and where the table is; nothing if `quiet`."""
    if quiet:
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    groups = rank(standings)
    console.print()
    for part in make_leaderboard(groups, console, MOST_GROUPS):
        console.print(part)
    console.print()
    for label, lines in _summary(standings, groups, folder):
        for place, line in enumerate(lines):
            console.print(Text(f"{'' if place else label:<10}  {line}"), soft_wrap=True)


def make_leaderboard(groups: Sequence[Group], console: Console, most: int) -> Iterator[RenderableType]:
    """Yield a table for each data set, together of about `most` groups, and what has to be said about them."""
    from rich.text import Text

    keys = telling_keys(groups)
    names = dict(zip(map(id, groups), label_groups(groups, keys), strict=True))
    parts = [list(members) for _, members in groupby(groups, lambda group: group.data)]
    each = max(1, most // max(1, len(parts)))
    hidden = 0
    for members in parts[:most]:
        if len(parts) > 1:
            yield Text(name_data(members[0]), "bold")
        yield _table([(names[id(group)], group) for group in members[:each]], narrow=console.width < NARROW)
        hidden += len(members[each:])
    hidden += sum(map(len, parts[most:]))
    yield from (Text(line, "dim") for line in _more(hidden))
    if any(not group.has_validation for group in groups):
        yield Text(NO_VALIDATION, "yellow")


def format_score(score: Score | None) -> str:
    """Write a mean and its standard error, `0.9611 ± 0.0012`; the error of a single run is `-`."""
    if score is None:
        return "-"
    return f"{format_figure(score.mean)} ± {format_figure(score.error)}"


def count_runs(standings: Sequence[Standing]) -> str:
    """Return how the runs of a sweep stand, in words."""
    states = Counter(standing.state for standing in standings)
    diverged = sum(standing.status == "diverged" for standing in standings)
    words = [f"{states['done']}/{len(standings)} complete" + (f" ({diverged} diverged)" if diverged else "")]
    words.append(f"{states['failed']} failed")
    if states["waiting"]:
        words.append(f"{states['waiting']} not done")
    return ", ".join(words)


def _table(rows: Sequence[tuple[str, Group]], *, narrow: bool) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    metrics = [group.metric for _, group in rows if group.metric]
    metric = metrics[0] if metrics else ""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("group", overflow="fold")
    table.add_column("runs", justify="right", no_wrap=True)
    for part in ("val",) if narrow else ("val", "test"):
        table.add_column(f"{part} {metric}".rstrip(), justify="right", no_wrap=True)
    for label, group in rows:
        scores = [format_score(group.validation), format_score(group.test)]
        table.add_row(Text(label), "\n".join(_count(group)), *scores[: 1 if narrow else 2])
    return table


def _count(group: Group) -> list[str]:
    """Return how many seeds stand behind a mean, and how many of the group do not: `3/4`, `1 diverged`."""
    lost = [f"{n} {word}" for n, word in ((group.diverged, "diverged"), (group.failed, "failed")) if n]
    return [f"{group.done - group.diverged}/{group.runs}", *lost]


def _summary(
    standings: Sequence[Standing], groups: Sequence[Group], folder: Path
) -> Iterator[tuple[str, Sequence[str]]]:
    for group in best(groups):
        data = name_data(group)
        figures = f"val {group.metric} {format_score(group.validation)}, test {format_score(group.test)}"
        yield "best", [list_overrides(group, groups), f"{figures}{f', {data}' if data else ''}"]
    failed = [standing for standing in standings if standing.state == "failed"]
    if failed:
        lines = [line for standing in failed[:MOST_LISTED] for line in _describe_failure(standing, folder)]
        yield "failed", [*lines, *_more(len(failed) - MOST_LISTED)]
    waiting = [escape(standing.entry.run_id) for standing in standings if standing.state == "waiting"]
    if waiting:
        yield "not done", [*waiting[:MOST_LISTED], *_more(len(waiting) - MOST_LISTED)]
    yield "runs", [count_runs(standings)]
    seconds = sum(float(standing.number("seconds") or 0) for standing in standings)
    yield "training", [f"{format_seconds(seconds)} in all runs together"]
    yield "table", [escape(str(folder / FILE))]


def _describe_failure(standing: Standing, folder: Path) -> Iterator[str]:
    yield f"{escape(standing.entry.run_id)}: {escape(_first_line(standing.error or ''))[:300]}"
    yield f"  see {escape(str(folder / standing.entry.run_id / 'run.log'))}"


def _more(hidden: int) -> list[str]:
    return [f"... and {hidden} more in {FILE}"] if hidden > 0 else []


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "")


def _rows(standings: Sequence[Standing]) -> Iterator[list[str]]:
    keys = varying([standing.entry for standing in standings])
    columns = list(_figure_columns(standings))
    figures = [f"{part}_{name}" for part, name in columns]
    titles = ("run_id", *keys, "status", "best_epoch", "epochs", *figures, "seconds", "error")
    yield [_cell(title) for title in titles]
    for standing in standings:
        values = standing.entry.values
        at_best = {part: standing.figures(part) for part in PARTS}
        cells = (
            *(values.get(key, "") for key in keys),
            standing.status,
            *(_blank(standing.number(name)) for name in ("best_epoch", "epochs")),
            *(_blank(at_best[part].get(name)) for part, name in columns),
            _blank(standing.number("seconds")),
            standing.error or "",
        )
        yield [_cell(cell) for cell in (standing.entry.run_id, *cells)]


def _figure_columns(standings: Iterable[Standing]) -> Iterator[tuple[str, str]]:
    found = (name for standing in standings for part in PARTS for name in standing.figures(part))
    names = list(dict.fromkeys(["loss", *found]))
    yield from ((part, name) for part in PARTS for name in names)


def _blank(number: float | int | None) -> float | int | str:
    return "" if number is None else number


def _cell(value: object) -> str:
    """Write a cell: a number so that it reads back equal, a text so that no spreadsheet takes it for a formula."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value)
    text = escape(spell(value))
    return f"'{text}" if text.startswith(FORMULA) else text
