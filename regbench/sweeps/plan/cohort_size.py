"""Cohort sizes: the least time for a stack of runs, given how long steps of some sizes took.

A step of S stacked runs costs about a + b·S seconds: a is what a step costs however many runs it trains, b what each
adds. Stacking pays where a is a large part; it does not where one run's step already fills the processor.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

LADDER = (1, 4, 16, 32, 64, 128)
"""Sizes that are measured."""

GPU_LADDER = (1, 16, 64, 256, 1024, 4096)
"""Sizes that are measured on a GPU, which is idle most of the time with few small networks."""

WORTH = 0.97
"""A step up the ladder must bring the time of a run below this share of what it was, or no larger size is tried."""


COHORT_SECONDS = 0.3
"""Seconds that a cohort of any size costs: reading the data, opening and closing folders, an epoch's own work."""


@dataclass(frozen=True)
class Sample:
    """A measured step: `size` runs stacked, seconds for all of them."""

    size: int
    seconds: float

    @property
    def per_run(self) -> float:
        """Seconds of one run's share of the step."""
        return self.seconds / self.size


@dataclass(frozen=True)
class Measurement:
    """The result of a short trial of one stack."""

    samples: tuple[Sample, ...]
    steps: int
    """Updates of a run that trains all its epochs."""
    overhead: float
    """Seconds of everything besides the steps, as a share of them: evaluation, files."""
    bytes_per_run: int
    available: int
    """Bytes of memory that are free on the machine."""

    def run_seconds(self, size: int) -> float:
        """Estimate the seconds of one run that trains all its epochs in a cohort of this size."""
        return step_seconds(self.samples, size) / size * self.steps * (1.0 + self.overhead)


@dataclass(frozen=True)
class Cut:
    """The size of the cohorts into which a stack is cut, and why."""

    size: int
    reason: str


def step_seconds(samples: Sequence[Sample], size: int) -> float:
    """Interpolate the seconds of a step between measured sizes; beyond the largest, a run costs what it did there."""
    sizes = [sample.size for sample in samples]
    at = bisect_left(sizes, size)
    if at < len(samples) and sizes[at] == size:
        return samples[at].seconds
    if at == len(samples):
        return samples[-1].per_run * size
    if at == 0:
        return samples[0].seconds
    low, high = samples[at - 1], samples[at]
    share = (size - low.size) / (high.size - low.size)
    return low.seconds + share * (high.seconds - low.seconds)


def worth_climbing(samples: Sequence[Sample]) -> bool:
    """Tell whether a larger cohort is worth a trial: the last step up must have saved something."""
    return len(samples) < 2 or samples[-1].per_run < WORTH * samples[-2].per_run


def choose_size(measured: Measurement, runs: int, workers: int) -> Cut:
    """Choose the cohort size with which `workers` processes finish `runs` runs first.

    Sizes considered are those that cut the runs into whole rounds of equal cohorts, and the measured ones; the memory
    of all workers together stays below half of what is free. Of sizes within 2 % the smaller is taken.
    """
    most = max(1, int(0.5 * measured.available / (workers * max(1, measured.bytes_per_run))))
    # Not beyond the largest measured size: what lies in the processor's cache there need not do so in a larger cohort.
    largest = min(runs, most, max(sample.size for sample in measured.samples))
    sizes = {sample.size for sample in measured.samples if sample.size <= largest} | {1}
    rounds = range(1, math.ceil(runs / workers) + 1)
    sizes |= {size for r in rounds if (size := math.ceil(runs / (workers * r))) <= largest}
    each = COHORT_SECONDS / measured.steps
    spans = {size: makespan(measured.samples, size, runs, workers, each) for size in sorted(sizes)}
    best = min(spans.values())
    size = next(size for size, seconds in spans.items() if seconds <= 1.02 * best)
    return Cut(size, explain(measured, size, most if most == largest < runs else None))


def makespan(samples: Sequence[Sample], size: int, runs: int, workers: int, each: float = 0.0) -> float:
    """Return the seconds of one step of every run: cohorts of `size`, the last one smaller, spread over workers.

    `each` are the seconds that a cohort costs besides, by the step.
    """
    whole, rest = divmod(runs, size)
    rounds, over = divmod(whole, workers)
    full = step_seconds(samples, size) + each
    seconds = rounds * full
    if over:
        return seconds + full
    return seconds + (step_seconds(samples, rest) + each if rest else 0.0)


def explain(measured: Measurement, size: int, memory_limit: int | None) -> str:
    """Say what was measured, in one line for the sweep's log; `memory_limit` is the size that memory allows."""
    figures = ", ".join(f"{sample.size}: {1e6 * sample.per_run:.0f}" for sample in measured.samples)
    share = step_seconds(measured.samples, size) / size
    gain = measured.samples[0].per_run / share
    stacked = f"stacked, {gain:.1f} times as fast as alone" if size > 1 else "one by one, because stacking does not pay"
    limit = "" if memory_limit is None else f"; memory allows {memory_limit}"
    return f"{stacked}; microseconds of a run's step by cohort size: {figures}{limit}"
