"""The epochs of a cohort: train, measure, decide, write; a run that has ended leaves the stack."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from regbench.randomness import Randomness
from regbench.regularizers.base import Regularizer
from regbench.schedules.optimizers import AdamW
from regbench.schedules.stopping import ranking
from regbench.store.checkpoint import Checkpoint
from regbench.store.concurrently import concurrently
from regbench.training.cohort import Cohort, Networks
from regbench.training.measuring import Measured, measure_epoch
from regbench.training.results import describe_results
from regbench.training.saving import clone, copy_rows, load_runs, name_parameters, save_run
from regbench.training.spec import Plan
from regbench.training.tracking import Track, begin_track, ending, follow
from regbench.training.train_step import Moment
from regbench.training.training_set import TrainingSet, stack_training_data

COMMIT_SECONDS = 30.0
"""Training time between two commits: what a kill can cost at most."""

PATIENT_SECONDS = 2.0
"""How long an epoch may take for an interruption to wait for its end, where its state can still be committed."""

COMMIT_SHARE = 1 / 40
"""Most of the training time that commits after long epochs may take: those of a large cohort are not cheap."""


class Interrupted(Exception):
    """Training was asked to stop; everything up to the last commit is kept."""


class Sink(Protocol):
    """Where a run's rows, checkpoints and result go."""

    def append(self, metrics: Mapping[str, object], timing: Mapping[str, object]) -> None:
        """Take one epoch's row."""

    def commit(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Make everything so far durable."""

    def finish(self, result: Mapping[str, Any], best: Mapping[str, Tensor]) -> None:
        """Take the result and the best weights."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run to train in a cohort."""

    seed: int
    techniques: Mapping[str, Regularizer]
    lr: float
    decay: float
    """AdamW's weight decay; ignored by other optimizers."""
    sink: Sink
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What every commit holds beside the state, for whoever goes on from it."""
    checkpoint: Checkpoint | None = None
    """The run's last commit, from where it goes on; None: it begins."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Who looks on while a cohort trains."""

    epoch: Callable[[Mapping[str, float | int | None]], None] | None = None
    """Called with every row of metrics.csv, and `best_epoch`: for the display of a single run."""
    progress: Callable[[int, int], None] = lambda epoch, active: None
    """Called once an epoch, with its number and how many runs train on after it."""
    stop_requested: Callable[[], bool] = lambda: False
    """Asked at every step: whether training should be interrupted."""
    clock: Callable[[], float] = time.monotonic


def make_job(
    plan: Plan, seed: int, sink: Sink, facts: Mapping[str, Any] | None = None, checkpoint: Checkpoint | None = None
) -> Job:
    """Return the job of a run that has the plan's own techniques and learning rate."""
    optimizer = plan.schedule.optimizer
    return Job(
        seed=seed,
        techniques=plan.techniques,
        lr=float(optimizer.lr),
        decay=float(optimizer.weight_decay) if isinstance(optimizer, AdamW) else 0.0,
        sink=sink,
        facts=facts or {},
        checkpoint=checkpoint,
    )


def fit(plan: Plan, jobs: Sequence[Job], data: TrainingSet, watch: Watch) -> list[dict[str, Any]]:
    """Train runs side by side and return their results, in the order of the jobs.

    Args:
        plan: what the runs have in common.
        jobs: the runs; they may differ in seed, hyper-parameters and learning rate. All begin, or all go on from
            checkpoints of the same epoch; one that has already ended there is finished without training.
        data: what all are trained and measured on.
        watch: who looks on.

    Raises:
        CheckpointError: a checkpoint does not fit its run.
        Interrupted: `watch` asked for it; all runs are committed, where epochs are short up to the last whole one.
        ValueError: the checkpoints are of different epochs.
    """
    checkpoints = [job.checkpoint for job in jobs if job.checkpoint is not None]
    epochs = {int(checkpoint.facts["track"]["epoch"]) for checkpoint in checkpoints}
    if len(epochs) > 1 or len(checkpoints) not in (0, len(jobs)):
        raise ValueError("runs of one cohort go on from checkpoints of the same epoch, or all of them begin")
    training = _Training(plan, jobs, data, watch)
    if checkpoints:
        training.restore(checkpoints)
    results: dict[int, dict[str, Any]] = training.retire()
    while training.active:
        training.train_epoch()
        results |= training.retire()
        watch.progress(training.epoch, len(training.active))
    return [results[number] for number in range(len(jobs))]


class _Training:
    """The runs still training: their cohort, their tracks and the best networks so far."""

    def __init__(self, plan: Plan, jobs: Sequence[Job], data: TrainingSet, watch: Watch) -> None:
        self.plan, self.data, self.watch = plan, data, watch
        self.jobs = list(jobs)
        self.active = list(range(len(jobs)))
        self.members = plan.ensemble[0]
        self.cohort = stack_jobs(plan, jobs, data)
        self.best = clone(self.cohort.evaluated())
        self.history: list[Tensor] = [self.cohort.flat.clone()]
        rule = plan.schedule.stop
        self.tracks = [begin_track(rule) for _ in jobs]
        self.ranked_by = ranking(rule, has_validation=len(data.watched_ends) > 1)
        self.rows = len(self.cohort.data.weight[0] if self.cohort.stacked[2] else self.cohort.data.weight)
        self.epoch = 0
        self.committed_at, self.commit_seconds = watch.clock(), 0.0

    def restore(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Go on from the commits of all runs, which are of one epoch."""
        self.tracks = [Track.from_json(checkpoint.facts["track"]) for checkpoint in checkpoints]
        self.epoch = self.tracks[0].epoch
        remembered = min(self.epoch + 1, self.plan.schedule.stop.lag)  # the initial weights count as epoch 0's
        self.history = load_runs(self.cohort, self.best, [c.tensors for c in checkpoints], remembered)

    def train_epoch(self) -> None:
        """Train and measure one epoch, and write its rows."""
        started = self.watch.clock()
        self.epoch += 1
        steps = self._batches()
        peaks, rates = self._peak_rates(), self.cohort.rates
        measured = Measured()
        for number, chosen in enumerate(steps):
            update = (self.epoch - 1) * len(steps) + number
            rates = peaks * self.plan.schedule.curve.factor(update, len(steps), len(steps) * self.plan.schedule.epochs)
            moment = Moment(self.epoch, number, update, number == len(steps) - 1)
            measured.take(*self.cohort.step(chosen, moment, rates), self.cohort.alive)
            if self.watch.stop_requested() and self.watch.clock() - started > PATIENT_SECONDS:
                raise Interrupted
        evaluated = self.cohort.evaluated()
        rows = measure_epoch(self.plan, self.cohort, evaluated, self.data, measured, self._lagged(), self.members)
        self._remember()
        self._write(rows, rates[:: self.members].tolist(), measured, started)
        copy_rows(evaluated, self.best, self._improved())
        self._commit_when_due(started)

    def retire(self) -> dict[int, dict[str, Any]]:
        """Finish the runs that have ended, take them off the stack, and return their results by job number."""
        schedule = self.plan.schedule
        endings = [ending(track, schedule.stop, schedule.epochs, self.ranked_by) for track in self.tracks]
        ended = [place for place, end in enumerate(endings) if end is not None]
        if not ended:
            return {}
        rows = self._networks(ended)
        last, best = self.cohort.evaluated().select(rows), self.best.select(rows)
        tracks = [self.tracks[place] for place in ended]
        outcomes = [end for end in endings if end is not None]
        results = describe_results(self.plan, last, best, self.data, tracks, outcomes, self.members, self.ranked_by)
        numbers = [self.active[place] for place in ended]
        self._finish(ended, results, best)
        self._drop(ended)
        return dict(zip(numbers, results, strict=True))

    def _batches(self) -> list[Tensor]:
        """Return the row numbers of each step, `[S, B]`, in each network's own order.

        A single row left over at the end is skipped this epoch: no batch statistics can be taken from one row.
        """
        size = self.plan.schedule.batch_size or self.rows
        seeds = self.cohort.seeds.tolist()
        orders = [Randomness(seed).at("order", self.epoch).permutation(self.rows) for seed in seeds]
        batches = list(torch.stack(orders).split(size, 1))
        return batches[:-1] if len(batches) > 1 and size > 1 and batches[-1].shape[1] == 1 else batches

    def _peak_rates(self) -> Tensor:
        """Return each network's learning rate at the curve's peak, as lowered by the stopping rule so far."""
        scales = [self.plan.schedule.stop.decide(track.stop).lr_scale for track in self.tracks]
        return self.cohort.rates * torch.tensor(scales, dtype=torch.float64).repeat_interleave(self.members)

    def _lagged(self) -> Tensor | None:
        """Return the weights `lag` epochs before this one, while there are any."""
        return self.history[0] if len(self.history) == self.plan.schedule.stop.lag else None

    def _remember(self) -> None:
        lag = self.plan.schedule.stop.lag
        self.history = [*self.history, self.cohort.flat.clone()][-lag:]

    def _write(
        self, rows: list[dict[str, float | None]], rates: list[float], measured: Measured, started: float
    ) -> None:
        seconds = (self.watch.clock() - started) / len(self.active)
        norms = [figures["weight_norm"] for figures in rows]
        diverged = measured.divergences(self.epoch, self.members, norms)
        effects = set(self.plan.effect_columns)
        for place, (number, figures) in enumerate(zip(self.active, rows, strict=True)):
            row = {"epoch": self.epoch, "lr": rates[place], **figures}
            seen = {name: value for name, value in figures.items() if name in effects}
            self.tracks[place] = follow(
                self.tracks[place], row, self.plan.schedule.stop, self.ranked_by, seconds, seen, diverged[place]
            )
            self.jobs[number].sink.append(row, {"epoch": self.epoch, "seconds": seconds})
            if self.watch.epoch is not None:
                self.watch.epoch({**row, "best_epoch": self.tracks[place].best_epoch})

    def _improved(self) -> list[int]:
        places = [place for place, track in enumerate(self.tracks) if track.best_epoch == self.epoch]
        return self._networks(places).tolist()

    def _networks(self, places: Sequence[int]) -> Tensor:
        """Return the numbers of the networks of some runs."""
        return torch.tensor([p * self.members + m for p in places for m in range(self.members)], dtype=torch.int64)

    def _commit_when_due(self, started: float) -> None:
        """Commit every so often, and after epochs so long that an interruption would not wait for their end."""
        requested, now = self.watch.stop_requested(), self.watch.clock()
        since = now - self.committed_at
        lasting = now - started >= PATIENT_SECONDS and since * COMMIT_SHARE >= self.commit_seconds
        if not requested and not lasting and since < COMMIT_SECONDS:
            return
        concurrently(self._commit, range(len(self.active)))
        self.committed_at = self.watch.clock()
        self.commit_seconds = self.committed_at - now
        if requested:
            raise Interrupted

    def _commit(self, place: int) -> None:
        rows = slice(place * self.members, (place + 1) * self.members)
        tensors = save_run(self.cohort, self.best, self.history, rows)
        job = self.jobs[self.active[place]]
        job.sink.commit(tensors, {**job.facts, "track": self.tracks[place].to_json()})

    def _finish(self, ended: Sequence[int], results: Sequence[Mapping[str, Any]], best: Networks) -> None:
        """Store the last state, result and best weights of the runs that have ended; `best` holds these runs only."""

        def store(at: int) -> None:
            place = ended[at]
            self._commit(place)
            parameters = name_parameters(best, slice(at * self.members, (at + 1) * self.members))
            self.jobs[self.active[place]].sink.finish(results[at], parameters)

        concurrently(store, range(len(ended)))

    def _drop(self, ended: Sequence[int]) -> None:
        stay = [place for place in range(len(self.active)) if place not in set(ended)]
        self.active = [self.active[place] for place in stay]
        self.tracks = [self.tracks[place] for place in stay]
        if not stay:
            return
        rows = self._networks(stay)
        self.cohort.keep(rows)
        self.best = self.best.select(rows)
        self.history = [flat[rows] for flat in self.history]


def stack_jobs(plan: Plan, jobs: Sequence[Job], data: TrainingSet) -> Cohort:
    """Return the cohort of all jobs; an ensemble's members are networks with seeds of their own."""
    members = plan.ensemble[0]
    seeds = [_member_seed(job.seed, member) for job in jobs for member in range(members)]
    each = [job for job in jobs for _ in range(members)]
    techniques = [job.techniques for job in each]
    rows, stacked = stack_training_data(data.rows, techniques, seeds)
    rates, decays = [job.lr for job in each], [job.decay for job in each]
    return Cohort(plan, techniques, seeds, rates, decays, rows, stacked)


def _member_seed(seed: int, member: int) -> int:
    """Return the seed of an ensemble's member; the first has the run's own. Runs' seeds lie below 2^31."""
    return seed + (member << 32)


__all__ = ["Interrupted", "Job", "Sink", "Watch", "fit", "make_job", "stack_jobs"]
