"""One run with everything on (evaluation, CSV, commits) against a hand-written loop and against Lightning."""

from __future__ import annotations

from statistics import median

from benchmarks.contestants import alternate, describe_spread
from benchmarks.table import Row, print_rows, warn_if_busy

EPOCHS = 100


def measure() -> list[Row]:
    """Return regbench's time an epoch as a ratio to each peer: the median over repetitions of the ratio in each."""
    seconds = alternate(("ours", "hand_written", "lightning"), EPOCHS)
    bounds = {
        "hand_written": (1.15, "hand-written PyTorch loop"),
        "lightning": (0.2, "Lightning Trainer, same services"),
    }
    rows = []
    for name, (bound, peer) in bounds.items():
        ratios = [ours / theirs for ours, theirs in zip(seconds["ours"], seconds[name], strict=True)]
        medians = f"{1e3 * median(seconds['ours']):.2f} against {1e3 * median(seconds[name]):.2f} ms an epoch"
        detail = f"{medians}, one thread each; ratio {describe_spread(ratios)}"
        rows.append(
            Row(what="one run, time an epoch", value=median(ratios), unit="x", peer=peer, detail=detail, at_most=bound)
        )
    return rows


if __name__ == "__main__":
    warn_if_busy()
    print_rows(measure())
