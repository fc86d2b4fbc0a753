"""Sixty-four runs as one stacked computation against sixty-four hand-written loops, one after another."""

from __future__ import annotations

from statistics import median

from benchmarks.contestants import alternate, describe_spread
from benchmarks.table import Row, print_rows, warn_if_busy

RUNS = 64
EPOCHS = 30


def measure() -> list[Row]:
    """Return how many times faster a run is inside the cohort: the median over repetitions of the ratio in each."""
    seconds = alternate(("cohort", "hand_written"), EPOCHS)
    ratios = [RUNS * alone / cohort for cohort, alone in zip(seconds["cohort"], seconds["hand_written"], strict=True)]
    each, alone = 1e3 * median(seconds["cohort"]) / RUNS, 1e3 * median(seconds["hand_written"])
    return [
        Row(
            what=f"cohort of {RUNS}, speed of each run",
            value=median(ratios),
            unit="x",
            peer=f"{RUNS} hand-written loops in turn, one thread",
            detail=f"{each:.2f} against {alone:.2f} ms an epoch and run; ratio {describe_spread(ratios)}",
            at_least=3,
        )
    ]


if __name__ == "__main__":
    warn_if_busy()
    print_rows(measure())
