"""The table at the end of a run: train, validation and test at the best epoch and at the last, and the gap."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.formatting import format_figure, format_seconds

if TYPE_CHECKING:
    from rich.table import Table

WHENS = ("best", "last")
PARTS = {"train": "train", "val": "validation", "test": "test"}
HEADLINES = {
    "finished": ("finished", "bold green"),
    "stopped_early": ("stopped early", "bold green"),
    "diverged": ("diverged", "bold yellow"),
    "failed": ("failed", "bold red"),
}

Figures = Mapping[str, Any]


def print_result(result: Mapping[str, Any], folder: Path, *, quiet: bool) -> None:
    """Print the result of a run to standard output, or nothing if `quiet`.

    Args:
        result: the run's `result.json`; parts that do not exist (no validation rows, a run that failed) show as `-`.
        folder: the run's folder, which ends the output on a line of its own.
        quiet: print nothing.
    """
    if not quiet:
        _print(result, folder, "")


def print_already_done(result: Mapping[str, Any], folder: Path) -> None:
    """Print the result of a run that an earlier command had finished, and say that nothing was left to do."""
    _print(result, folder, "finished already, nothing to do; ")


def _print(result: Mapping[str, Any], folder: Path, preface: str) -> None:
    from rich.console import Console
    from rich.text import Text

    # Rich takes a pipe for 80 columns wide and drops the colours; paths are never wrapped, so that they can be copied.
    console = Console(highlight=False, markup=False, emoji=False)
    words, style = HEADLINES.get(str(result.get("status")), (str(result.get("status")), "bold"))
    reason = (result.get("stopping") or {}).get("reason")
    console.print(Text.assemble("\n", preface, (words, style), f": {reason}" if reason else ""))
    console.print()
    console.print(make_table(result))
    console.print()
    for line in describe(result):
        console.print(Text(line), soft_wrap=True)
    console.print(Text(f"folder      {folder}"), soft_wrap=True)


def make_table(result: Mapping[str, Any]) -> Table:
    """Return the table of losses and metrics; its last row is the generalization gap, test minus train."""
    from rich import box
    from rich.table import Table

    metrics = metric_names(result)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    for when, epoch in (("best", result.get("best_epoch")), ("last", result.get("epochs"))):
        for metric in metrics:
            title = f"{when} epoch{'' if epoch is None else f' {epoch}'}" if metric == metrics[0] else ""
            table.add_column(f"{title}\n{metric}", justify="right", no_wrap=True)
    for part, label in PARTS.items():
        table.add_row(label, *(format_figure(_figure(result, when, part, m)) for when in WHENS for m in metrics))
    table.add_section()
    table.add_row("gap (test - train)", *(format_gap(result, when, m) for when in WHENS for m in metrics))
    return table


def metric_names(result: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the figures of a result: the loss, then its metrics in order."""
    parts = ((result.get(when) or {}).get(part) or {} for when in WHENS for part in PARTS)
    return tuple(dict.fromkeys(["loss", *(name for figures in parts for name in figures)]))


def format_gap(result: Mapping[str, Any], when: str, metric: str) -> str:
    """Write test minus train with its sign: positive in the loss and negative in the accuracy mean overfitting."""
    train, test = (_figure(result, when, part, metric) for part in ("train", "test"))
    if train is None or test is None:
        return "-"
    text = format_figure(test - train)
    return text if text.startswith(("-", "nan")) else f"+{text}"


def describe(result: Mapping[str, Any]) -> list[str]:
    """Return the lines under the table: rollback, size, time, and what each technique did."""
    lines, rolled_back = [], result.get("rolled_back_to")
    if rolled_back is not None:
        epochs = result.get("epochs")
        target = f"epoch {rolled_back} of {epochs}" if rolled_back else "the initial ones"
        lines.append(f"weights     {'those of' if rolled_back == epochs else 'rolled back to'} {target}")
    parameters = result.get("parameters")
    if parameters is not None:
        lines.append(f"parameters  {parameters:,}")
    if result.get("seconds") is not None:
        lines.append(f"time        {format_seconds(result['seconds'])}")
    for name, effects in (result.get("effects") or {}).items():
        shown = ", ".join(f"{effect} {_effect(value)}" for effect, value in (effects or {}).items())
        if shown:
            lines.append(f"{name:<11} {shown}")
    return lines


def _figure(result: Mapping[str, Any], when: str, part: str, metric: str) -> float | None:
    figures: Figures = (result.get(when) or {}).get(part) or {}
    value = figures.get(metric)
    return None if value is None else float(value)


def _effect(value: object) -> str:
    return format_figure(value) if value is None or isinstance(value, float) else str(value)
