"""Sweeps against their peers, whole commands on the clock: `python -m benchmarks.sweeps [--only ROW] [--quick]`.

All sides of a contest take turns (a b c, a b c, ...), each time in fresh folders and processes; a figure is the median
of the ratios of single turns. A peer whose runs all cost the same trains some of them, and the rest is scaled.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import sweep_costs
from benchmarks.contestants import REPETITIONS, describe_spread
from benchmarks.sweep_clock import Timing, time_in_turn, time_peer, time_regbench
from benchmarks.sweep_settings import Part, Settings
from benchmarks.sweep_tasks import (
    BREAST_CANCER,
    DIGITS,
    MNIST1D,
    MNIST1D_CONV,
    PICTURES,
    Sweep,
    write_images,
)
from benchmarks.table import Row, print_rows, warn_if_busy


@dataclass(frozen=True, kw_only=True)
class Side:
    """A peer of a sweep: who, in how many processes of how many threads, and how many runs it really trains."""

    peer: str
    at_least: float
    trained: int
    contestant: str = "hand_written"
    processes: int = 1
    threads: int = 1
    """One is the hand-written loop's best on every network here but the 2-D convolutions."""

    def time(self, sweep: Sweep, images: Path) -> Timing:
        """Return what the whole sweep takes this side."""
        if self.contestant == "in_turn":
            return time_in_turn(sweep, images, self.trained)
        return time_peer(self.contestant, sweep, images, self.trained, self.processes, self.threads)


@dataclass(frozen=True, kw_only=True)
class Contest:
    """A sweep and those it is compared with; `minutes` is what a repetition takes about, on two cores."""

    what: str
    sweep: Sweep
    sides: tuple[Side, ...]
    minutes: float

    @property
    def title(self) -> str:
        """How many runs of what."""
        return f"{len(self.sweep.members())} runs, {self.what}"


IN_TURN = "hand-written loops in turn, one thread"
CONTESTS = (
    Contest(
        what="digits, MLP 64-64",
        sweep=DIGITS,
        minutes=2.7,
        sides=(
            Side(peer=IN_TURN, at_least=6, trained=64),
            Side(peer="hand-written loops, two processes", at_least=4, trained=64, processes=2),
            Side(peer="Lightning, same services, in turn", at_least=40, trained=16, contestant="lightning"),
            Side(peer="regbench, one run after another", at_least=8, trained=32, contestant="in_turn"),
        ),
    ),
    Contest(
        what="breast_cancer, MLP 256-256",
        sweep=BREAST_CANCER,
        minutes=1.5,
        sides=(Side(peer=IN_TURN, at_least=2, trained=64),),
    ),
    Contest(
        what="mnist1d, MLP 100-100",
        sweep=MNIST1D,
        minutes=1.5,
        sides=(Side(peer=IN_TURN, at_least=3, trained=64),),
    ),
    Contest(
        what="mnist1d, 1-D CNN",
        sweep=MNIST1D_CONV,
        minutes=1.7,
        sides=(Side(peer=IN_TURN, at_least=2.5, trained=64),),
    ),
    Contest(
        what="28x28 images, 2-D CNN",
        sweep=PICTURES,
        minutes=1.3,
        sides=(Side(peer="hand-written loops in turn, two threads", at_least=1.5, trained=16, threads=2),),
    ),
)


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the rows asked for, as they are measured."""
    parts = [*contests(settings), *sweep_costs.parts(settings)]
    minutes = 2.0 if settings.quick else sum(part.minutes for part in parts)
    print(f"sweeps: about {minutes:.0f} minutes", flush=True)
    for part in parts:
        start = time.perf_counter()
        for row in part.measure():
            print(
                f"{row.what}, {row.peer}: {row.value:.3g} {row.unit} ({time.perf_counter() - start:.0f} s)", flush=True
            )
            yield dataclasses.replace(row, at_least=None, at_most=None) if settings.quick else row


def contests(settings: Settings) -> list[Part]:
    """Return the comparisons with peers that are asked for."""
    found: list[Part] = []
    for contest in CONTESTS:
        sides = tuple(side for side in contest.sides if settings.wants(contest.title, side.peer))
        chosen = dataclasses.replace(contest, sides=sides)
        if settings.quick:
            chosen = dataclasses.replace(chosen, sweep=contest.sweep.shrunk())
        if sides:
            found.append(Part(contest.minutes * settings.repetitions, partial(compare, chosen, settings.repetitions)))
    return found


def compare(contest: Contest, repetitions: int) -> list[Row]:
    """Return the rows of a contest, one for each side."""
    turns = []
    with TemporaryDirectory() as name:
        images = Path(name) / "images.npz"
        write_images(images)
        for _ in range(repetitions):
            ours = time_regbench(contest.sweep, images)
            turns.append((ours, [side.time(contest.sweep, images) for side in contest.sides]))
    return [
        make_row(contest, side, [ours for ours, _ in turns], [others[place] for _, others in turns])
        for place, side in enumerate(contest.sides)
    ]


def make_row(contest: Contest, side: Side, ours: Sequence[Timing], theirs: Sequence[Timing]) -> Row:
    """Return how many times faster the sweep is: the median over the turns of the ratio in each."""
    runs = len(contest.sweep.members())
    ratios = [peer.seconds / own.seconds for own, peer in zip(ours, theirs, strict=True)]
    speeds = [runs / median(timing.seconds for timing in timings) for timings in (ours, theirs)]
    trained = theirs[0].trained
    scaled = f"; {trained} of {runs} trained" if trained < runs else ""
    learnt = [median(timing.accuracy for timing in timings) for timings in (ours, theirs)]
    return Row(
        what=f"{contest.title}, speed",
        value=median(ratios),
        unit="x",
        peer=side.peer,
        detail=(
            f"{speeds[0]:.2f} against {speeds[1]:.2f} runs/s{scaled}; ratio {describe_spread(ratios)}; "
            f"accuracy {learnt[0]:.3f} against {learnt[1]:.3f}"
        ),
        at_least=side.at_least,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweeps", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="turns of every contest (default 5)")
    parser.add_argument("--only", default="", metavar="ROW", help="rows whose text contains this")
    parser.add_argument("--quick", action="store_true", help="a few tiny runs: shows that all works, measures nothing")
    given = parser.parse_args()
    settings = Settings(1 if given.quick else max(1, given.repetitions), given.only, given.quick)
    warn_if_busy()
    rows = list(measure(settings))
    if settings.quick:
        print("quick: a few tiny runs, so that no figure below means anything")
    print_rows(rows)


if __name__ == "__main__":
    main()
