"""The epochs of a cohort: train, measure, decide, write; a run that has ended leaves the stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from regbench.regularizers.base import Moment
from regbench.schedules.ramps import ramp_regularizers
from regbench.schedules.stopping import ranking
from regbench.store.checkpoint import Checkpoint
from regbench.store.concurrently import concurrently
from regbench.store.staged_end import StagedEnd
from regbench.training.cohort_run import CohortRun, Interrupted, Observer
from regbench.training.measuring import Measured, measure_epoch
from regbench.training.networks import Member, Networks
from regbench.training.ordering import order_rows
from regbench.training.results import describe_results
from regbench.training.saving import clone, load_runs, name_parameters, replace_networks, save_run
from regbench.training.spec import TrainingSpec, note_batch
from regbench.training.stacked_rows import StackedRows
from regbench.training.stacked_runs import stack_runs
from regbench.training.tracking import Ending, Epoch, Track, begin_track, find_ending, follow
from regbench.training.train_step import train_step
from regbench.training.training_set import TrainingSet
from regbench.training.watched import watch

COMMIT_SECONDS = 30.0
"""Training time between two commits: what a kill can cost at most."""

PATIENT_SECONDS = 2.0
"""How long an epoch may take for an interruption to wait for its end, where its state can still be committed."""

COMMIT_SHARE = 1 / 40
"""Most of the training time that commits after long epochs may take: those of a large cohort are not cheap."""


def fit(
    spec: TrainingSpec,
    runs: Sequence[CohortRun],
    sets: Sequence[TrainingSet],
    observer: Observer,
    rows: StackedRows | None = None,
) -> list[dict[str, object]]:
    """Train runs side by side and return their results, in their order.

    Args:
        spec: what the runs have in common.
        runs: the runs; they may differ in seed, hyper-parameters and learning rate. All begin, or all resume from
            checkpoints of the same epoch; one that has already ended there is finished without training.
        sets: what they are trained and measured on: each run has one of these cuts, all of the same shapes.
        observer: is told how it goes.
        rows: the training rows as the runs' regularizers leave them; None: they are still to do so.

    Raises:
        CheckpointError: a checkpoint does not fit its run.
        Interrupted: the observer asked for it; all runs are committed, where epochs are short up to the last whole one.
        ValueError: the checkpoints are of different epochs, or the cuts of different shapes.
    """
    checkpoints = [run.checkpoint for run in runs if run.checkpoint is not None]
    epochs = {int(checkpoint.facts["track"]["epoch"]) for checkpoint in checkpoints}
    if len(epochs) > 1 or len(checkpoints) not in (0, len(runs)):
        raise ValueError("runs of one cohort resume from checkpoints of the same epoch, or all of them begin")
    training = _Training(spec, runs, sets, observer, rows)
    if checkpoints:
        training.restore(checkpoints)
    results: dict[int, dict[str, object]] = training.retire()
    while training.active:
        training.train_epoch()
        results |= training.retire()
        observer.progress(training.epoch, len(training.active))
    return [results[number] for number in range(len(runs))]


class _Training:
    """The runs still training: their cohort, their tracks and the best networks so far."""

    def __init__(
        self,
        spec: TrainingSpec,
        runs: Sequence[CohortRun],
        sets: Sequence[TrainingSet],
        observer: Observer,
        rows: StackedRows | None,
    ) -> None:
        self.spec, self.observer = spec, observer
        self.runs = list(runs)
        self.active = list(range(len(runs)))
        self.slow: set[str] = set()
        self.sets, self.watched = list(sets), watch(sets, spec.device)
        self.cohort = stack_runs(spec, runs, sets, rows)
        self.epoch = 0
        self.best = clone(self.cohort.evaluated(self._end_of(0)))
        self.history: list[Tensor] = [self.cohort.flat.clone()]
        rule = spec.schedule.stop
        self.tracks = [begin_track(rule) for _ in runs]
        self.ranked_by = ranking(rule, has_validation=len(sets[0].watched_ends) > 1)
        self.committed_at, self.commit_seconds = observer.clock(), 0.0

    def restore(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Continue from the commits of all runs, which are of one epoch."""
        self.tracks = [Track.from_json(checkpoint.facts["track"]) for checkpoint in checkpoints]
        self.epoch = self.tracks[0].epoch
        remembered = min(self.epoch + 1, self.spec.schedule.stop.lag)  # the initial weights count as epoch 0's
        self.history = load_runs(self.cohort, self.best, [c.tensors for c in checkpoints], remembered)
        members = [
            self._as_of(member, track)
            for member, track in zip(self.cohort.members, self._each(self.tracks), strict=True)
        ]
        self.best = replace(self.best, members=members)

    def train_epoch(self) -> None:
        """Train and measure one epoch, and write its rows."""
        started = self.observer.clock()
        self.epoch += 1
        measured = Measured(self.spec)
        lr = self._take_steps(measured, started)
        evaluated = self.cohort.evaluated(self._end_of(self.epoch))
        rows = measure_epoch(self.cohort, evaluated, self.watched, measured, self._lagged())
        self._remember()
        self._tell_slow()
        self._write(rows, self.spec.by_run(lr)[:, 0].tolist(), measured, started)
        self.best = replace_networks(evaluated, self.best, self._improved())
        self._commit_when_due(started)

    def _take_steps(self, measured: Measured, started: float) -> Tensor:
        """Train on every batch of an epoch, and return the learning rates of the last step."""
        steps = self._batches()
        lr = peaks = self._peak_rates()
        updates = len(steps) * self.spec.schedule.epochs
        for number, chosen in enumerate(steps):
            update = (self.epoch - 1) * len(steps) + number
            lr = peaks * self.spec.schedule.curve.factor(update, len(steps), updates)
            moment = Moment(self.epoch, number, update, number == len(steps) - 1, updates)
            measured.take(train_step(self.cohort, chosen.long(), moment, lr), self.cohort.alive)
            if self.observer.stop_requested() and self.observer.clock() - started > PATIENT_SECONDS:
                raise Interrupted
        return lr

    def retire(self) -> dict[int, dict[str, object]]:
        """Finish the runs that have ended, take them off the stack, and return their results by number."""
        schedule = self.spec.schedule
        found = [find_ending(track, schedule.stop, schedule.epochs, self.ranked_by) for track in self.tracks]
        endings = {place: ending for place, ending in enumerate(found) if ending is not None}
        if not endings:
            return {}
        ended = list(endings)
        rows = self._networks(ended)
        last, best = self.cohort.evaluated(self._end_of(self.epoch)).select(rows), self.best.select(rows)
        tracks: list[Track] = [self.tracks[place] for place in ended]
        sets = [self.sets[self.runs[self.active[place]].cut] for place in ended]
        results = describe_results(last, best, sets, tracks, list[Ending](endings.values()))
        results = [{**result, **self._remarks(place)} for place, result in zip(ended, results, strict=True)]
        numbers = [self.active[place] for place in ended]
        self._finish(ended, results, best)
        self._drop(ended)
        return dict(zip(numbers, results, strict=True))

    def _tell_slow(self) -> None:
        for (name, *_), why in self.cohort.tapes.refused.items():
            stage = str(name)
            if stage not in self.slow:
                self.slow.add(stage)
                self.observer.slow(f"{stage} cannot be played back, and takes its full time: {why}")

    def _remarks(self, place: int) -> dict[str, object]:
        """Return what a person has to know about a run's figures: `notes`, and why regularizers are `idle`."""
        first = self._rows_of(place).start
        idle, facts = self.cohort.rows.idle[first], self.cohort.rows.facts_of(first)
        acting = {name: r for name, r in self.runs[self.active[place]].regularizers.items() if name not in idle}
        said = ((name, regularizer.note(facts)) for name, regularizer in acting.items())
        return {
            "notes": [*note_batch(self.spec), *(f"{name}: {note}" for name, note in said if note)],
            "idle": dict(idle),
        }

    def _end_of(self, epoch: int) -> Moment:
        """Return the time at which an epoch is over; 0 is the time before the first."""
        return Moment(epoch, 0, epoch, last_of_epoch=True, updates=self.spec.schedule.epochs)

    def _as_of(self, member: Member, track: Track) -> Member:
        """Return a network with its ramped hyper-parameters as they were at the run's best epoch."""
        progress = self._end_of(track.best_epoch).progress
        return replace(member, regularizers=ramp_regularizers(member.regularizers, self.spec.schedule.ramp, progress))

    def _batches(self) -> list[Tensor]:
        """Return the row numbers of each step, `[S, B]`, in each network's own order.

        A single row left over at the end is skipped this epoch: no batch statistics can be taken from one row.
        """
        epochs = self.spec.schedule.epochs
        start = Moment(self.epoch, 0, self.epoch - 1, last_of_epoch=False, updates=epochs)
        orders = order_rows(self.cohort, start)
        size = self.spec.batch_size or orders.shape[1]
        batches = list(orders.split(size, 1))
        return batches[:-1] if len(batches) > 1 and size > 1 and batches[-1].shape[1] == 1 else batches

    def _peak_rates(self) -> Tensor:
        """Return each network's learning rate at the curve's peak, as lowered by the stopping rule so far."""
        scales = [self.spec.schedule.stop.decide(track.stop).lr_scale for track in self._each(self.tracks)]
        lr = self.cohort.optimizer_hypers["lr"]
        return lr * torch.tensor(scales, dtype=torch.float64, device=lr.device)

    def _lagged(self) -> Tensor | None:
        """Return the weights `lag` epochs before this one, while there are any."""
        return self.history[0] if len(self.history) == self.spec.schedule.stop.lag else None

    def _remember(self) -> None:
        lag = self.spec.schedule.stop.lag
        self.history = [*self.history, self.cohort.flat.clone()][-lag:]

    def _write(
        self, rows: Sequence[dict[str, float | None]], lr: Sequence[float], measured: Measured, started: float
    ) -> None:
        seconds = (self.observer.clock() - started) / len(self.active)
        norms = [figures["weight_norm"] for figures in rows]
        rates = [float(self.runs[number].optimizer.lr) for number in self.active]
        diverged = measured.divergences(self.epoch, norms, rates)
        effects = set(self.spec.effect_columns)
        for place, (number, figures) in enumerate(zip(self.active, rows, strict=True)):
            row = {"epoch": self.epoch, "lr": lr[place], **figures}
            seen = {name: value for name, value in figures.items() if name in effects}
            done = Epoch(row=row, seconds=seconds, effects=seen, diverged=diverged[place])
            self.tracks[place] = follow(self.tracks[place], done, self.spec.schedule.stop, self.ranked_by)
            self.runs[number].sink.append(row, {"epoch": self.epoch, "seconds": seconds})
            if self.observer.epoch is not None:
                self.observer.epoch({**row, "best_epoch": self.tracks[place].best_epoch})

    def _improved(self) -> list[int]:
        places = [place for place, track in enumerate(self.tracks) if track.best_epoch == self.epoch]
        return self._networks(places).tolist()

    def _networks(self, places: Sequence[int]) -> Tensor:
        """Return the numbers of the networks of some runs."""
        numbers = self.spec.by_run(torch.arange(self.cohort.size))
        return numbers[torch.tensor(places, dtype=torch.int64)].flatten()

    def _each(self, tracks: Sequence[Track]) -> list[Track]:
        """Return the track of each network's run."""
        return [track for track in tracks for _ in range(self.spec.ensemble_size)]

    def _commit_when_due(self, started: float) -> None:
        """Commit every so often, and after epochs so long that an interruption would not wait for their end."""
        requested, now = self.observer.stop_requested(), self.observer.clock()
        since = now - self.committed_at
        lasting = now - started >= PATIENT_SECONDS and since * COMMIT_SHARE >= self.commit_seconds
        if not requested and not lasting and since < COMMIT_SECONDS:
            return
        concurrently(self._commit, range(len(self.active)))
        self.committed_at = self.observer.clock()
        self.commit_seconds = self.committed_at - now
        if requested:
            raise Interrupted

    def _rows_of(self, place: int) -> slice:
        size = self.spec.ensemble_size
        return slice(place * size, (place + 1) * size)

    def _commit(self, place: int) -> None:
        self.runs[self.active[place]].sink.commit(*self._state_of(place))

    def _state_of(self, place: int) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Return the tensors and the facts that a run resumes from."""
        tensors = save_run(self.cohort, self.best, self.history, self._rows_of(place))
        return tensors, {**self.runs[self.active[place]].record, "track": self.tracks[place].to_json()}

    def _finish(self, ended: Sequence[int], results: Sequence[Mapping[str, object]], best: Networks) -> None:
        """Store result and best weights of the runs that have ended, and mark all of them; `best` holds these only."""
        stored: list[StagedEnd] = []

        def store(at: int) -> None:
            sink = self.runs[self.active[ended[at]]].sink
            sink.end(*self._state_of(ended[at]))
            end = sink.finish(results[at], name_parameters(best, self._rows_of(at)))
            if end is not None:
                stored.append(end)

        try:
            concurrently(store, range(len(ended)))
        finally:  # one that cannot be stored does not keep the others from their end
            concurrently(StagedEnd.mark, stored)
            concurrently(StagedEnd.settle, stored)

    def _drop(self, ended: Sequence[int]) -> None:
        stay = [place for place in range(len(self.active)) if place not in set(ended)]
        self.active = [self.active[place] for place in stay]
        self.tracks = [self.tracks[place] for place in stay]
        if not stay:
            return
        rows = self._networks(stay)
        self.cohort.keep(rows)
        self.best = self.best.select(rows)
        rows = rows.to(self.spec.device)
        self.history = [flat[rows] for flat in self.history]
