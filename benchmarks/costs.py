"""What a training step costs with each technique, over a plain step: the figures that `regbench show` prints.

    python -m benchmarks.costs              all techniques found in the folder; writes regbench/regularizers/costs.csv
    python -m benchmarks.costs mixup sam    these only; the others' figures stay

Default settings, on the first of three tasks at which the technique does something; one thread. Steps of the plain and
of the regularized network take turns, so that a slow minute of the machine meets both, and the least processor time of
many counts: work beside it can lengthen a step, and nothing shortens it.
"""

from __future__ import annotations

import csv
import io
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from datetime import UTC, datetime

import torch

from benchmarks.table import processor_name, warn_if_busy
from regbench import __version__
from regbench.cards.costs import HEADER, PATH, STACK, Cost, read_costs
from regbench.compose.loader import PRIMARY, open_loader
from regbench.compose.sweep_runs import compose_sweep
from regbench.errors import ConfigError
from regbench.randomness import Randomness
from regbench.regularizers import registry
from regbench.regularizers.base import Moment
from regbench.runs.prepare import build_records, prepare_run
from regbench.store import durable
from regbench.training.cohort import Cohort
from regbench.training.cohort_run import make_run
from regbench.training.stacked_runs import stack_runs
from regbench.training.timing import NoSink, draw_batch
from regbench.training.train_step import train_step

TASKS = {
    "digits, 64-64 units, batch 64": ("dataset=digits", "model=mlp"),
    "digits, small CNN, batch 64": ("dataset=digits_image", "model=cnn"),
    "diabetes, 64-64 units, batch 64": ("dataset=diabetes", "model=mlp"),
}
WARM_UP = 8
"""Steps of each that are not timed: some are recorded, to be played back from then on."""
TURNS = {1: 400, STACK: 80}
"""Timed steps of each, by the number of runs."""


class Stepper:
    """Runs side by side, one step after the other."""

    def __init__(self, words: Sequence[str], regularizer: str, runs: int) -> None:
        chosen = [*words, "schedule.batch_size=64", f"regularizer={regularizer}"]
        with open_loader(None, None, warn=print) as loader:
            config = compose_sweep(loader, PRIMARY, [chosen])[0]
        prepared = prepare_run(config, build_records(config))
        spec = prepared.spec
        made = [make_run(spec, seed, NoSink()) for seed in range(runs)]
        self.cohort: Cohort = stack_runs(spec, made, [prepared.data])
        self.updates = 2 * (WARM_UP + max(TURNS.values()))
        rows = self.cohort.rows.count
        draws = (Randomness(seed, device=spec.device).at("trial") for seed in self.cohort.seeds)
        self.chosen = torch.stack([draw_batch(random, rows, min(64, rows)) for random in draws])
        self.number = 0

    @property
    def idle(self) -> str:
        """Why the technique does nothing at this task; empty where it does something."""
        return "; ".join(self.cohort.rows.idle[0].values())

    def step(self) -> float:
        """Take a step and return its processor time in seconds."""
        moment = Moment(1, self.number, self.number, False, self.updates)
        self.number += 1
        start = time.process_time()
        train_step(self.cohort, self.chosen, moment, self.cohort.optimizer_hypers["lr"])
        return time.process_time() - start


def main(names: Sequence[str]) -> None:
    """Measure and write."""
    warn_if_busy()
    torch.set_num_threads(1)
    costs = dict(read_costs())
    with torch.no_grad():
        for name in names or registry.names():
            cost = measure(name)
            if cost is not None:
                costs[name] = cost
                print(f"{name}: {cost.alone:.2f} alone, {cost.stacked:.2f} stacked ({cost.task})", flush=True)
    known = {name: cost for name, cost in sorted(costs.items()) if name in registry.names()}
    durable.replace(PATH, write_table(known.items()).encode())


def measure(name: str) -> Cost | None:
    """Return the cost of a technique at the first task at which it does something; None where it does nowhere."""
    reasons = []
    for task, words in TASKS.items():
        try:
            reason = Stepper(words, name, 1).idle
        except ConfigError as refusal:
            reason = str(refusal)
        if reason:
            reasons.append(reason)
            continue
        alone, stacked = (compare(words, name, runs) for runs in TURNS)
        machine = f"{processor_name()}, torch {torch.__version__}, load {os.getloadavg()[0]:.0f}"
        date = datetime.now(UTC).date().isoformat()
        return Cost(round(alone, 2), round(stacked, 2), task, machine, date, __version__)
    print(f"{name}: not measured: {' | '.join(reasons)}", flush=True)
    return None


def compare(words: Sequence[str], name: str, runs: int) -> float:
    """Return the least time of a step with a technique over the least time of one without, of so many runs."""
    pair = Stepper(words, "none", runs), Stepper(words, name, runs)
    for stepper in pair:
        for _ in range(WARM_UP):
            stepper.step()
    plain: list[float] = []
    regularized: list[float] = []
    for _ in range(TURNS[runs]):
        plain.append(pair[0].step())
        regularized.append(pair[1].step())
    return min(regularized) / min(plain)


def write_table(costs: Iterable[tuple[str, Cost]]) -> str:
    """Return the table that the cards read."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((name, *astuple(cost)) for name, cost in costs)
    return out.getvalue()


if __name__ == "__main__":
    main(sys.argv[1:])
