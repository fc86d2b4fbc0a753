"""Figures of a network over its replicates, from the results of its runs and from the rows of their cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError
from regbench.evidence.arrays import Floats
from regbench.formatting import count_noun
from regbench.runs.saved_config import FILE, read_config
from regbench.statuses import RunState
from regbench.studies.cut_reader import CutReader
from regbench.studies.diagnosis import Observed
from regbench.studies.diagnosis_groups import Replicates, Subject
from regbench.studies.references import Reference, choose_reference, measure_references, note_limits
from regbench.studies.scoring import error_of, measure_constant
from regbench.sweeps.averaging import Draw
from regbench.sweeps.ranking import find_ranked
from regbench.sweeps.run_status import RunStatus

LATE = 0.9
"""Share of the limit after which the best epoch is at the edge."""
REFERENCE_SEED = 0
LEAST_LOSS = 1e-12


@dataclass(frozen=True)
class CutFacts:
    """What the rows of one cut say: the constant prediction's error on training and validation rows, and references.

    `data` says what was read; `notes` are on the references. `checksum` is that of the data.
    """

    train: float
    val: float
    references: tuple[Reference, ...]
    data: str
    checksum: str
    notes: tuple[str, ...]


class CutBook:
    """The facts of each cut, measured once for all networks that were trained on it.

    Args:
        folder: of the runs.
        report: is told the number of cuts measured so far.
    """

    def __init__(self, folder: Path, report: Callable[[int], None], reader: CutReader) -> None:
        self._folder = folder
        self._report = report
        self._reader = reader
        self._known: dict[tuple[str, str], CutFacts] = {}

    def config(self, run: RunStatus) -> RunConfig:
        """Return the configuration of a run.

        Raises:
            RegbenchError: it cannot be read.
        """
        alone = (self._folder / FILE).is_file()
        return read_config(self._folder if alone else self._folder / run.run.run_id)

    def look_up(self, run: RunStatus, metric: str) -> CutFacts:
        """Return the facts of the rows that a run was trained on.

        Raises:
            ConfigError: they cannot be read, or are not those of the run any more.
            RegbenchError: the configuration of the run cannot be read.
        """
        config = self.config(run)
        key = (repr(config.dataset), metric)
        if key not in self._known:
            self._known[key] = self._measure(config, metric)
            self._report(len(self._known))
        facts = self._known[key]
        if run.origin.data_checksum not in (None, facts.checksum):
            raise ConfigError(
                f"{run.run.run_id} was trained on other data than are there now, so nothing can be compared with them; "
                "train it again with resume=fresh"
            )
        return facts

    def _measure(self, config: RunConfig, metric: str) -> CutFacts:
        split = self._reader.split(config)
        if not len(split.val.x):
            raise ConfigError("these runs have no validation part; train with dataset.split.val in (0, 1)")
        train, val = (measure_constant(split, part, metric) for part in (split.train, split.val))
        references = tuple(measure_references(split, metric, REFERENCE_SEED))
        noise = config.dataset.get("label_noise")
        wrong = f"; {100 * noise:g} % of the training labels wrong" if isinstance(noise, float) and noise else ""
        data = f"{split.reading.lines()[0]}{wrong}"
        return CutFacts(train, val, references, data, split.checksum, tuple(note_limits(split)))


@dataclass(frozen=True)
class Evidence:
    """Figures of one network over its replicates, and what they were made of.

    `constant` is the mean error of the constant prediction on validation rows. `missing` says what is not known.
    """

    observed: Observed
    metric: str
    constant: float
    reference: str
    data: str
    replicates: int
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def collect(subject: Subject, book: CutBook) -> Evidence:
    """Return the figures of a network.

    Raises:
        ConfigError: its data cannot be read, or have no validation part.
        RegbenchError: the configuration of a run cannot be read.
    """
    own = subject.own
    metric = find_ranked(list(own.runs.values())) or "loss"
    facts = {draw: book.look_up(run, metric) for draw, run in own.runs.items()}
    read = _Reader(metric, facts)
    reference, errors = choose_reference([facts[draw].references for draw in own.runs])
    looser = [read(group, "train", "best") for group in subject.looser]
    known = [values for values in looser if np.isfinite(values).any()]
    observed = Observed(
        train=read(own, "train", "best"),
        val=read(own, "val", "best"),
        edge=read.edges(own),
        diverged=np.array([run.state is RunState.DIVERGED for run in own.runs.values()], dtype=np.float64),
        train_last=read(subject.unstopped, "train", "last") if subject.unstopped else None,
        val_last=read(subject.unstopped, "val", "last") if subject.unstopped else None,
        rise=read.rises(subject.unstopped) if subject.unstopped else None,
        reference=errors,
        looser=min(known, key=np.nanmean) if known else None,
        halved=read(subject.halved, "val", "best") if subject.halved else None,
        regularized=bool(own.techniques),
        stopped=not own.never_stops,
    )
    return Evidence(
        observed=observed,
        metric=metric,
        constant=float(np.mean([each.val for each in facts.values()])),
        reference=reference,
        data=next(iter(facts.values())).data,
        replicates=len(own.runs),
        missing=tuple(_list_missing(subject)),
        notes=tuple(dict.fromkeys(_list_notes(own, facts))),
    )


def _list_notes(own: Replicates, facts: Mapping[Draw, CutFacts]) -> Iterator[str]:
    """Yield what has to be known of the figures."""
    if len(own.runs) > 1 and len({draw.cut for draw in own.runs}) == 1:
        yield "all replicates have the same rows in each part, so the intervals hold the noise of training alone"
    for each in facts.values():
        yield from each.notes


class _Reader:
    """Reads figures of runs, an array with an entry for each replicate of the network in question."""

    def __init__(self, metric: str, facts: Mapping[Draw, CutFacts]) -> None:
        self.metric = metric
        self.facts = facts

    def __call__(self, group: Replicates, part: str, at: str) -> Floats:
        """Return errors as shares of the constant prediction's."""
        return self._each(group, lambda run, facts: self._error(run, facts, part, at))

    def edges(self, group: Replicates) -> Floats:
        """Return 1 where the best epoch is among the last tenth of the limit."""
        return self._each(group, lambda run, facts: float(float(run.number("best_epoch") or 0) > LATE * group.limit))

    def rises(self, group: Replicates) -> Floats:
        """Return by how much the validation loss rose from the best epoch to the last, as a share of the best."""
        return self._each(group, lambda run, facts: _measure_rise(run))

    def _error(self, run: RunStatus, facts: CutFacts, part: str, at: str) -> float:
        constant = facts.train if part == "train" else facts.val
        error = error_of(self.metric, run.figures(part, at).get(self.metric, np.nan))
        return error / constant if constant > 0 else np.nan

    def _each(self, group: Replicates, read: Callable[[RunStatus, CutFacts], float]) -> Floats:
        found = []
        for draw, facts in self.facts.items():
            run = group.runs.get(draw)
            sound = run is not None and run.state is not RunState.DIVERGED
            found.append(read(run, facts) if run is not None and sound else np.nan)
        return np.array(found, dtype=np.float64)


def _measure_rise(run: RunStatus) -> float:
    best, last = (run.figures("val", at).get("loss", np.nan) for at in ("best", "last"))
    return (last - best) / max(best, LEAST_LOSS)


def _list_missing(subject: Subject) -> list[str]:
    """Return what these runs cannot tell, and which runs would."""
    said = []
    count = len(subject.own.runs)
    if count < 2:
        said.append("one run has no interval, so nothing is certain: train it with several seeds and splits")
    if subject.unstopped is None:
        said.append("runs were stopped early, so the gap at the end is not known: train with schedule/stop=none too")
    if subject.halved is None:
        said.append("whether more rows would help is not known: train with dataset.train_size=0.5 and twice the epochs")
    if subject.own.techniques and not subject.looser:
        said.append("whether regularization is too strong is not known: train with regularizer=none too")
    for what, group in (("without stopping", subject.unstopped), ("with half the rows", subject.halved)):
        if group is not None and len(set(group.runs) & set(subject.own.runs)) < count:
            lacking = count - len(set(group.runs) & set(subject.own.runs))
            said.append(f"{count_noun(lacking, 'replicate')} without a run {what}")
    return said
