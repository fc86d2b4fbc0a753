"""Diagnoses as lines of a terminal: data and network, what is wrong, what to do, and the figures behind it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from regbench.errors import escape
from regbench.formatting import count_noun
from regbench.studies.diagnosing import Diagnosed
from regbench.studies.diagnosis import Figure
from regbench.studies.diagnosis_words import Wording

MOST = 12
"""Networks of a folder that are shown."""
INDENT = 11
ERRORS = {
    "e_train": "training error at the best epoch",
    "e_val": "validation error at the best epoch",
    "gap": "gap at the best epoch",
    "e_train_last": "training error at the last epoch",
    "e_val_last": "validation error at the last epoch",
    "gap_last": "gap at the last epoch",
    "e_ref": "validation error of the best reference",
    "halved": "rise of validation error with half the rows",
    "loosened": "fall of training error with less regularization",
}
RATES = {
    "rise": "rise of validation loss after the best",
    "edge": "runs with the best epoch in the last tenth",
    "diverged": "runs that diverged",
}
"""Figures that are no errors: shares of the validation loss or of the runs."""


def print_diagnoses(found: Sequence[Diagnosed], folder: Path | None = None) -> None:
    """Print the diagnosis of each network, and the folder of the runs that were trained for it."""
    for line in list_diagnoses(found):
        print(line)
    if folder is not None:
        if not (found[-1].missing or found[-1].notes):
            print()
        print(f"{'runs':<{INDENT}}{escape(str(folder))}")


def list_diagnoses(found: Sequence[Diagnosed]) -> Iterator[str]:
    """Yield the lines of some networks, and how many more there are."""
    for place, diagnosed in enumerate(found[:MOST]):
        if place:
            yield ""
        yield from _list_one(diagnosed)
    if len(found) > MOST:
        yield ""
        yield f"and {len(found) - MOST} more networks; name the folder of one run, or compare fewer"


@contextmanager
def show_references() -> Iterator[Callable[[int], None]]:
    """Provide what shows on a terminal how many cuts have reference models; the line is gone at the end."""
    stream = sys.stderr
    shown = stream is not None and stream.isatty()

    def report(done: int) -> None:
        if shown:
            print(f"\rreference models of {count_noun(done, 'cut')}", end="", file=stream, flush=True)

    try:
        yield report
    finally:
        if shown:
            print("\r\033[K", end="", file=stream, flush=True)


def _list_one(diagnosed: Diagnosed) -> Iterator[str]:
    diagnosis = diagnosed.diagnosis
    if diagnosed.label:
        yield diagnosed.label
    told = (("data", diagnosed.data), ("network", _add_replicates(diagnosed)))
    yield from (f"{label:<{INDENT}}{text}" for label, text in told if text)
    yield f"{'diagnosis':<{INDENT}}{escape(diagnosis.sentence)}"
    yield from (f"{'advice':<{INDENT}}{escape(line)}" for line in diagnosis.advice)
    yield ""
    yield from _list_figures(diagnosed)
    if diagnosed.missing or diagnosed.notes:
        yield ""
    yield from (f"{'missing':<{INDENT}}{escape(line)}" for line in diagnosed.missing)
    yield from (f"{'note':<{INDENT}}{escape(line)}" for line in diagnosed.notes)


def _add_replicates(diagnosed: Diagnosed) -> str:
    count = count_noun(diagnosed.replicates, "replicate")
    return f"{diagnosed.network}; {count}" if diagnosed.network else count


def _list_figures(diagnosed: Diagnosed) -> Iterator[str]:
    figures, wording = diagnosed.diagnosis.figures, diagnosed.wording
    rows = [(title, _in_unit(figures[name], wording)) for name, title in ERRORS.items() if name in figures]
    rows += [(title, _in_percent(figures[name])) for name, title in RATES.items() if name in figures]
    width = max((len(title) for title, _ in rows), default=0)
    yield f"{'figure':<{width}}  {'mean':>7}  95 % interval"
    yield from (f"{title:<{width}}  {mean:>7}  {interval}".rstrip() for title, (mean, interval) in rows)


def _in_unit(figure: Figure, wording: Wording) -> tuple[str, str]:
    mean, interval = _write(figure, wording.scale)
    return mean, f"{interval} {wording.unit}".strip()


def _in_percent(figure: Figure) -> tuple[str, str]:
    mean, interval = _write(figure, 100.0)
    return mean, f"{interval} %".strip()


def _write(figure: Figure, scale: float) -> tuple[str, str]:
    mean, *ends = (f"{scale * value:z.1f}" for value in (figure.mean, figure.low, figure.high) if value is not None)
    return mean, f"[{', '.join(ends)}]" if ends else ""
