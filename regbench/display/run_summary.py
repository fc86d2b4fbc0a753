"""The table at the end of a run: train, validation and test at the best epoch and at the last, and the gap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from regbench.errors import escape
from regbench.formatting import describe_idle, format_figure, format_seconds
from regbench.runs.result import Figures, RunResult
from regbench.statuses import RunState

if TYPE_CHECKING:
    from rich.table import Table

MOST_INPUTS = 12
"""Names of columns that are printed; `result.json` has all."""

EQUAL = 1e-6
"""Difference of two shares that is rounding: accuracies are means in float32."""

PARTS = {"train": "train", "val": "validation", "test": "test"}
STYLES = {
    RunState.COMPLETE: "bold green",
    RunState.STOPPED_EARLY: "bold green",
    RunState.DIVERGED: "bold yellow",
}


def print_result(result: RunResult, metric: str | None = None) -> None:
    """Print the result of a run to standard output; parts that the data do not have (validation) show as `-`.

    Besides the loss and the task's own figure it shows `metric`, if one was asked for.
    """
    from rich.console import Console
    from rich.text import Text

    # Rich takes a pipe for 80 columns wide and drops the colours; paths are never wrapped, so that they can be copied.
    console = Console(highlight=False, markup=False, emoji=False)
    preface = "trained already, nothing to do; " if result.reused else ""
    words = result.status.replace("_", " ")
    reason = f": {result.reason}" if result.reason else ""
    console.print(Text.assemble("\n", preface, (words, STYLES.get(result.status, "bold")), reason))
    console.print()
    console.print(make_table(result, metric))
    console.print()
    for line in describe(result):
        console.print(Text(line), soft_wrap=True)
    console.print(Text(f"folder      {result.folder}"), soft_wrap=True)


def make_table(result: RunResult, asked: str | None = None) -> Table:
    """Return the table of losses and metrics; its last row is the generalization gap, test minus train."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    shown = dict.fromkeys((*result.metrics[:2], *([asked] if asked in result.metrics else [])))
    columns = [
        (f"{when} epoch {epoch}", figures, metric)
        for when, epoch, figures in (("best", result.best_epoch, result.best), ("last", result.epochs, result.last))
        for metric in shown
    ]
    for title, _, metric in columns:
        table.add_column(f"{title if metric == result.metrics[0] else ''}\n{metric}", justify="right", no_wrap=True)
    for part, label in PARTS.items():
        table.add_row(label, *(format_figure(figures.get(part, {}).get(metric)) for _, figures, metric in columns))
    table.add_section()
    table.add_row("gap (test - train)", *(format_gap(figures, metric) for _, figures, metric in columns))
    return table


def format_gap(figures: Figures, metric: str) -> str:
    """Write test minus train with its sign: positive in the loss and negative in the accuracy mean overfitting."""
    train, test = (figures.get(part, {}).get(metric) for part in ("train", "test"))
    if train is None or test is None:
        return "-"
    text = format_figure(test - train)
    return text if text.startswith(("-", "nan")) else f"+{text}"


def describe(result: RunResult) -> list[str]:
    """Return the lines under the table: rollback, size, time, effects, and regularizers that change nothing."""
    lines, rolled_back = [], result.rolled_back_to
    if rolled_back is not None:
        target = f"epoch {rolled_back} of {result.epochs}" if rolled_back else "the initial ones"
        lines.append(f"weights     {'those of' if rolled_back == result.epochs else 'rolled back to'} {target}")
    lines.append(f"parameters  {result.parameters:,}")
    lines.append(f"time        {format_seconds(result.seconds)}")
    lines += [f"note        {note}" for note in warn_of_majority(result)]
    for name, effects in result.effects.items():
        shown = ", ".join(f"{effect} {_format_effect(value)}" for effect, value in effects.items())
        if shown:
            lines.append(f"{name:<11} {shown}")
    lines += describe_inputs(result)
    lines += [f"{name:<11} {describe_idle(reason)}" for name, reason in result.idle.items()]
    lines += [f"note        {note}" for note in result.notes]
    return lines


def describe_inputs(result: RunResult) -> list[str]:
    """Say which columns the network uses and which not, where a regularizer sets weights to zero."""
    if not result.inputs:
        return []
    kept, dropped = result.inputs.get("kept", ()), result.inputs.get("dropped", ())
    if not dropped:
        return [f"inputs      all {len(kept)} kept"]
    lines = [f"inputs      {len(kept)} of {len(kept) + len(dropped)} kept: {_shorten(kept) or 'none'}"]
    return [*lines, f"            {len(dropped)} dropped: {_shorten(dropped)}"]


def _shorten(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_INPUTS} more" if len(names) > MOST_INPUTS else ""
    return ", ".join(map(escape, names[:MOST_INPUTS])) + more


def warn_of_majority(result: RunResult) -> list[str]:
    """Say that an accuracy is what one and the same answer gives, where it is no better."""
    rows = [sum(row) for row in result.confusion.get("test", ())]
    accuracy = result.best.get("test", {}).get("accuracy")
    if accuracy is None or not sum(rows):
        return []
    largest = max(range(len(rows)), key=rows.__getitem__)
    share = rows[largest] / sum(rows)
    if accuracy > share + EQUAL:
        return []
    return [
        f"a test accuracy of {format_figure(accuracy)} is no more than always answering {result.classes[largest]!r} "
        f"gives ({format_figure(share)}); metric=balanced_accuracy or metric=auc tells more"
    ]


def _format_effect(value: float | int | None) -> str:
    return str(value) if isinstance(value, int) else format_figure(value)
