"""What sweeps cost by themselves: growth, the share of the matrix-product peak, the start, memory and `status`."""

from __future__ import annotations

import dataclasses
import json
import sys
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.contestants import ROOT, describe_spread
from benchmarks.sweep_clock import Timing, finish, start_process, time_regbench
from benchmarks.sweep_settings import Part, Settings
from benchmarks.sweep_start import time_start, time_status
from benchmarks.sweep_tasks import DIGITS
from benchmarks.table import Row

GROWTH = "cost per run, 64 to 4,096 runs"
GROWTH_EPOCHS = 20
PRODUCTS = "cohort step, share of matrix-product peak"
SIZES = (1, 4, 16, 64)
REGULARIZERS = ("none", "dropout")
STARTS = {1000: 5.0, 10_000: 40.0}
MEMORY = 2000.0
FINISHED = 10_000
STATUS = "sweep.csv rebuilt"


def parts(settings: Settings) -> list[Part]:
    """Return the parts that are asked for."""
    turns, found = settings.repetitions, []
    if settings.wants(GROWTH, "itself"):
        found.append(Part(3.0 * turns, partial(measure_growth, settings)))
    if settings.wants(PRODUCTS):
        found.append(Part(0.7 * turns, partial(measure_products, settings)))
    for runs, bound in STARTS.items():
        if settings.wants(f"{runs:,} runs: to the first epoch, memory of the main process"):
            count = runs // 250 if settings.quick else runs
            found.append(Part(bound / 50 * turns, partial(measure_start, count, bound, turns)))
    if settings.wants(STATUS):
        found.append(Part(1.0 + 0.2 * turns, partial(measure_status, settings)))
    return found


def measure_growth(settings: Settings) -> list[Row]:
    """Return the cost of a run in a sweep of 4,096 over that in one of 64, start of the command included."""
    seeds = (1, 2) if settings.quick else (16, 1024)
    sweeps = [dataclasses.replace(DIGITS, epochs=2 if settings.quick else GROWTH_EPOCHS, seeds=n) for n in seeds]
    turns = [[time_regbench(sweep, Path()) for sweep in sweeps] for _ in range(settings.repetitions)]
    ratios = [cost(large) / cost(small) for small, large in turns]
    later = median(cost(large, started=True) / cost(small, started=True) for small, large in turns)
    small, large = (1e3 * median(cost(turn[place]) for turn in turns) for place in (0, 1))
    detail = f"{small:.0f} and {large:.0f} ms a run, {sweeps[0].epochs} epochs; ratio {describe_spread(ratios)}"
    detail += f"; {later:.2f} from the first run's start"
    return [Row(what=GROWTH, value=median(ratios), unit="x", peer="itself", detail=detail, at_most=1.1)]


def cost(timing: Timing, started: bool = False) -> float:
    """Return the seconds of a run: of the whole command, or from when the first run has begun."""
    return (timing.seconds - (timing.start or 0.0 if started else 0.0)) / timing.trained


def measure_products(settings: Settings) -> list[Row]:
    """Return for each regularizer the share of the peak at the cohort size that reaches most; one run is no cohort."""
    sizes = SIZES[:2] if settings.quick else SIZES
    rows = []
    for regularizer in REGULARIZERS:
        words = [sys.executable, "-m", "benchmarks.sweep_products", regularizer, ",".join(map(str, sizes))]
        answers = [json.loads(finish(start_process(words, ROOT))) for _ in range(settings.repetitions)]
        shares = [100 * median(answer["shares"][place] for answer in answers) for place in range(len(sizes))]
        peak = median(answer["peak"] for answer in answers)
        each = ", ".join(f"{size}: {share:.0f}" for size, share in zip(sizes, shares, strict=True))
        rows.append(
            Row(
                what=PRODUCTS,
                value=max(share for size, share in zip(sizes, shares, strict=True) if size > 1),
                unit="%",
                peer=f"{peak:.0f} GFLOP/s of one thread",
                detail=f"MLP 512-512, batch 256, {regularizer}; % by cohort size: {each}",
                at_least=50,
            )
        )
    return rows


def measure_start(runs: int, bound: float, repetitions: int) -> list[Row]:
    """Return the time to the first trained epoch of a sweep, and the peak memory of its main process by then."""
    starts = [time_start(runs) for _ in range(repetitions)]
    seconds, memory = [start.seconds for start in starts], [start.megabytes for start in starts]
    what = f"{runs:,} runs"
    return [
        Row(
            what=f"{what}: to the first epoch",
            value=median(seconds),
            unit="s",
            peer="the clock",
            detail=f"{min(seconds):.1f} to {max(seconds):.1f} s from the command to a row of a metrics.csv",
            at_most=bound,
        ),
        Row(
            what=f"{what}: memory of the main process",
            value=median(memory),
            unit="MB",
            peer="the system",
            detail=f"peak until the first epoch, workers apart; {min(memory):.0f} to {max(memory):.0f} MB",
            at_most=MEMORY,
        ),
    ]


def measure_status(settings: Settings) -> list[Row]:
    """Return the time in which `regbench status` writes sweep.csv anew for 10,000 finished runs."""
    runs = FINISHED // 250 if settings.quick else FINISHED
    seconds = time_status(runs, settings.repetitions)
    detail = f"regbench status, {runs:,} finished runs; {min(seconds):.1f} to {max(seconds):.1f} s"
    return [Row(what=STATUS, value=median(seconds), unit="s", peer="the clock", detail=detail, at_most=10)]
