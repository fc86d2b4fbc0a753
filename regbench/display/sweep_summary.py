"""The table at the end of a sweep: its seed groups by rank, the best configuration, and the runs that did not end."""

from __future__ import annotations

import shlex
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.errors import escape
from regbench.formatting import describe_idle, format_figure, format_seconds, join_words
from regbench.statuses import ENDED, RunState
from regbench.sweeps.averaging import Score
from regbench.sweeps.labels import label_groups, list_all_overrides, name_data, telling_keys
from regbench.sweeps.origins import list_differences
from regbench.sweeps.ranking import (
    COMMON_DRAWS,
    COMMON_SEEDS,
    MEANS,
    MIXED_DATA,
    NO_VALIDATION,
    SeedGroup,
    best,
    list_tied,
    rank,
)
from regbench.sweeps.readings import read_readings
from regbench.sweeps.result import SweepResult
from regbench.sweeps.run_status import RunStatus
from regbench.sweeps.table import FILE

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

LEFT = (RunState.RUNNING, RunState.INTERRUPTED, RunState.MISSING)
"""States of runs that have still to be trained, or to be trained on."""

MOST_GROUPS = 20
MOST_LISTED = 10
MOST_SOURCES = 3
MOST_TIED = 3
NARROW = 60
"""Characters of a terminal below which the table has no test figures."""


def print_sweep(statuses: Sequence[RunStatus], folder: Path) -> None:
    """Print the groups by rank, the best configuration, the runs that failed or are left, and the table's path."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    groups = rank(statuses)
    console.print()
    for reading in islice(read_readings(statuses, folder), MOST_SOURCES):
        for line in (*reading.lines(), *(f"note: {note}" for note in reading.notes)):
            console.print(Text(line, "dim"), soft_wrap=True)
    for part in make_leaderboard(groups, console, MOST_GROUPS):
        console.print(part)
    for note in sorted({note for status in statuses for note in status.notes}):
        console.print(Text(escape(note), "dim"))
    for line in list_differences(statuses):
        console.print(Text(line, "yellow"))
    console.print()
    for label, lines in _summary(statuses, groups, folder):
        for place, line in enumerate(lines):
            console.print(Text(f"{'' if place else label:<11}  {line}"), soft_wrap=True)


def print_outcome(result: SweepResult) -> None:
    """Print one line on what became of the runs, to the error stream where some failed or a signal ended the sweep."""
    failed, left = len(result.failed), result.left
    line = f"{len(result.statuses) - failed - left} complete, {failed} failed"
    interrupted = result.signal is not None and left > 0
    if interrupted:
        word = "interrupted" if result.signal == signal.SIGINT else "terminated"
        line = f"{word}: {line}, {left} left; the same command resumes from here"
    print(f"regbench: {line}", file=sys.stderr if interrupted or failed else sys.stdout, flush=True)


def make_leaderboard(groups: Sequence[SeedGroup], console: Console, most: int) -> Iterator[RenderableType]:
    """Yield a table for the groups of the same data, together of about `most`, and what has to be said about them."""
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
        yield from (Text(line, "yellow") for line in _explain_idle(members[:each]))
        hidden += len(members[each:])
    hidden += sum(map(len, parts[most:]))
    yield from (Text(line, "dim") for line in _more(hidden))
    if any(group.checksum is not None for group in groups):
        yield Text(MIXED_DATA, "yellow")
    over = dict.fromkeys(group.over for group in groups if group.over)
    if over:
        yield Text(MEANS.format(over=" or ".join(over)), "dim")
    for count in sorted({group.compared for group in groups if group.compared is not None}):
        yield Text((COMMON_DRAWS if over else COMMON_SEEDS).format(count=count), "dim")
    if any(not group.has_validation for group in groups):
        yield Text(NO_VALIDATION, "yellow")


def format_score(score: Score | None) -> str:
    """Write a mean and its standard error, `0.9611 ± 0.0012`; the error of a single run is `-`."""
    if score is None:
        return "-"
    return f"{format_figure(score.mean)} ± {format_figure(score.error)}"


def count_runs(statuses: Sequence[RunStatus]) -> str:
    """Return how many runs are in which state: `3/6 complete (1 diverged), 1 failed, 2 missing`."""
    states = Counter(status.state for status in statuses)
    ended = sum(states[state] for state in ENDED)
    diverged = f" ({states[RunState.DIVERGED]} diverged)" if states[RunState.DIVERGED] else ""
    left = [f"{states[state]} {state}" for state in LEFT if states[state]]
    return ", ".join([f"{ended}/{len(statuses)} complete{diverged}", f"{states[RunState.FAILED]} failed", *left])


def _table(rows: Sequence[tuple[str, SeedGroup]], *, narrow: bool) -> RenderableType:
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
    if not narrow:
        table.add_column("at last epoch", justify="right", no_wrap=True)
    for label, group in rows:
        scores = [format_score(score) for score in (group.validation, group.test, group.last)]
        marks = [f"{escape(name)}: off" for name in group.idle]
        table.add_row(Text("\n".join([label, *marks])), "\n".join(_count(group)), *scores[: 1 if narrow else 3])
    return table


def _explain_idle(groups: Sequence[SeedGroup]) -> list[str]:
    """Return why regularizers of the groups change nothing, each reason once."""
    reasons = dict.fromkeys(item for group in groups for item in group.idle.items())
    lines = [f"{escape(name)} is {describe_idle(escape(reason))}" for name, reason in reasons]
    return [*lines[:MOST_LISTED], *_more(len(lines) - MOST_LISTED)]


def _count(group: SeedGroup) -> list[str]:
    """Return how many seeds stand behind a mean, and how many of the group do not: `3/4`, `1 diverged`."""
    return [f"{group.ended - group.diverged - group.undefined}/{group.runs}", *_count_lost(group)]


def _count_lost(group: SeedGroup) -> list[str]:
    """Return how many runs of a group have no part in its mean, by reason."""
    reasons = ((group.diverged, "diverged"), (group.failed, "failed"), (group.undefined, "undefined"))
    return [f"{count} {word}" for count, word in reasons if count]


def _summary(
    statuses: Sequence[RunStatus], groups: Sequence[SeedGroup], folder: Path
) -> Iterator[tuple[str, Sequence[str]]]:
    yield from (("best", lines) for lines in _describe_best(groups))
    failed = [status for status in statuses if status.state is RunState.FAILED]
    if failed:
        lines = [line for status in failed[:MOST_LISTED] for line in _describe_failure(status, folder)]
        yield "failed", [*lines, *_more(len(failed) - MOST_LISTED)]
    for state in LEFT:
        runs = [escape(status.run.run_id) for status in statuses if status.state is state]
        if runs:
            yield state, [*runs[:MOST_LISTED], *_more(len(runs) - MOST_LISTED)]
    yield "runs", [count_runs(statuses)]
    seconds = sum(float(status.number("seconds") or 0) for status in statuses)
    yield "training", [f"{format_seconds(seconds)} in all runs together"]
    yield "table", [escape(str(folder / FILE))]


def _describe_best(groups: Sequence[SeedGroup]) -> Iterator[list[str]]:
    """Yield lines on the best group of each data set: overrides, figures, and ties."""
    tied = [(first, list_tied(first, members)) for first, members in _pair_best(groups)]
    named = [group for first, others in tied for group in (first, *others[:MOST_TIED])]
    words = iter([" ".join(shlex.quote(escape(word)) for word in own) for own in list_all_overrides(named, groups)])
    for group, others in tied:
        data, lost = name_data(group), _count_lost(group)
        figures = f"val {group.metric} {format_score(group.validation)}, test {format_score(group.test)}"
        missing = f", without {join_words(lost)} of {group.runs} runs" if lost else ""
        lines = [next(words), f"{figures}{f', {data}' if data else ''}{missing}"]
        shown = [next(words) for _ in others[:MOST_TIED]]
        yield [*lines, *_describe_ties(shown, len(others))]


def _pair_best(groups: Sequence[SeedGroup]) -> Iterator[tuple[SeedGroup, list[SeedGroup]]]:
    """Yield the best group of each data set with all groups of these data."""
    by_data: dict[tuple[tuple[str, str], ...], list[SeedGroup]] = {}
    for group in groups:
        by_data.setdefault(group.data, []).append(group)
    yield from ((first, by_data[first.data]) for first in best(groups))


def _describe_ties(shown: Sequence[str], count: int) -> list[str]:
    """Say which groups are as good to the last digit as the one that is named best; the first few by name."""
    if not count:
        return []
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    return [f"a tie, to the last digit, with {'; '.join(shown)}{more}: the simplest is named"]


def _describe_failure(status: RunStatus, folder: Path) -> Iterator[str]:
    yield f"{escape(status.run.run_id)}: {escape(_first_line(status.error or ''))[:300]}"
    yield f"  see {escape(str(folder / status.run.run_id / 'run.log'))}"


def _more(hidden: int) -> list[str]:
    return [f"... and {hidden} more in {FILE}"] if hidden > 0 else []


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "")
