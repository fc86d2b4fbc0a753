"""Claimed runs of one stack, trained side by side: each cut of the data is prepared once, runs of all cuts are stacked.

Cuts that cannot be stacked, because they differ in their shapes, say, are trained one after the other; so are cuts
that together take more than their share of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from regbench.config.run_config import RunConfig
from regbench.data.memory import release_memory
from regbench.errors import ConfigError, RegbenchError
from regbench.runs.lifecycle import FolderSink, begin_run, open_run
from regbench.runs.prepare import PreparedRun, Records, check_regularizers, prepare_stack
from regbench.runs.threads import torch_threads
from regbench.store.checkpoint import Checkpoint, CheckpointError
from regbench.store.concurrently import concurrently
from regbench.store.run_folder import RunFolder
from regbench.sweeps.cohorts import name_cohort
from regbench.sweeps.plan.stacking import group_by_cut
from regbench.sweeps.workers.stop_requests import StopRequests

if TYPE_CHECKING:
    from regbench.training.cohort_run import CohortRun
    from regbench.training.stackable import CutKind

Progress: TypeAlias = Callable[[int, int, int], None]
"""Reports what is trained: runs, epoch, epochs."""

MOST_BYTES = 512 << 20
"""Most bytes of the rows of all cuts that are trained side by side."""


@dataclass(frozen=True)
class Claim:
    """A run whose folder this worker owns, checked and still to be trained."""

    config: RunConfig
    folder: RunFolder
    records: Records


@dataclass(frozen=True)
class Opened:
    """A claimed run whose tables are open at its last commit, and its cut of the data."""

    claim: Claim
    prepared: PreparedRun
    checkpoint: Checkpoint | None

    @property
    def epoch(self) -> int:
        """Epochs trained so far."""
        return 0 if self.checkpoint is None else int(self.checkpoint.facts["track"]["epoch"])


def train_claims(
    claims: Sequence[Claim], errors: dict[str, str], requests: StopRequests, report: Progress
) -> list[str]:
    """Train runs of one stack, those interrupted at different epochs separately; return what was not played back.

    Args:
        claims: the runs.
        errors: gets one line, by run id, for each run that is refused; a refusal is that run's alone, or its cut's.
        requests: tell whether to stop.
        report: is told what is trained.

    Raises:
        Interrupted: the sweep is to stop; everything so far is committed.
        Exception: whatever a run raises; all are left as of their last commits.
    """
    from regbench.training.timing import count_bytes

    waiting: list[Opened] = []
    slow: list[str] = []
    held = 0
    for places in group_by_cut([claim.config for claim in claims]):
        members = [claims[place] for place in places]
        prepared = _prepare(members, errors)
        if prepared is None:
            continue
        size = count_bytes(prepared.data)
        if waiting and held + size > MOST_BYTES:
            slow += _train(waiting, requests, report)
            waiting, held = [], 0
            release_memory()
        waiting += _open_all(members, prepared, errors)
        held += size
    return slow + _train(waiting, requests, report)


def _prepare(claims: Sequence[Claim], errors: dict[str, str]) -> PreparedRun | None:
    """Return the cut of some runs; None where its data or the model, which all have in common, are refused."""
    try:
        return prepare_stack([claim.config for claim in claims], [claim.records for claim in claims])
    except ConfigError as refusal:
        for claim in claims:
            claim.folder.fail(refusal)
            errors[claim.config.run_id()] = str(refusal)
        return None


def _open_all(claims: Sequence[Claim], prepared: PreparedRun, errors: dict[str, str]) -> list[Opened]:
    """Return the runs of one cut that can be trained."""
    found = []
    for claim, opened in zip(claims, concurrently(lambda claim: _open(claim, prepared), claims), strict=True):
        if isinstance(opened, Opened):
            found.append(opened)
        else:
            errors[claim.config.run_id()] = str(opened)
    return found


def _open(claim: Claim, prepared: PreparedRun) -> Opened | RegbenchError:
    """Check one run against the data and open its folder, or return why not; a refusal is this run's alone."""
    try:
        check_regularizers(claim.records, prepared.facts)
        return Opened(claim, prepared, open_run(claim.config, prepared, claim.folder))
    except CheckpointError as refusal:
        return refusal  # to touch what is there: nothing is written
    except ConfigError as refusal:
        claim.folder.fail(refusal)
        return refusal


def _train(runs: Sequence[Opened], requests: StopRequests, report: Progress) -> list[str]:
    return [why for cohort in find_cohorts(runs) for why in _fit(cohort, requests, report)]


def find_cohorts(runs: Sequence[Opened]) -> list[list[Opened]]:
    """Return the runs that are trained side by side: at the same epoch, on cuts that can be stacked."""
    from regbench.training.stackable import describe_cut

    cuts = {id(run.prepared): run.prepared for run in runs}
    kinds: dict[int, CutKind | None] = dict.fromkeys(cuts)
    if len(cuts) > 1:
        kinds |= {key: describe_cut(prepared.spec, prepared.data) for key, prepared in cuts.items()}
    cohorts: list[tuple[tuple[int, CutKind | None], list[Opened]]] = []
    for run in sorted(runs, key=lambda run: run.epoch):
        key = run.epoch, kinds[id(run.prepared)]
        members = next((members for own, members in cohorts if own == key), None)
        if members is None:
            cohorts.append((key, [run]))
        else:
            members.append(run)
    return [members for _, members in cohorts]


def _fit(cohort: Sequence[Opened], requests: StopRequests, report: Progress) -> list[str]:
    import torch

    from regbench.runs.provenance import describe_environment
    from regbench.training.cohort_run import Observer
    from regbench.training.fit import fit

    first, spec = cohort[0], cohort[0].prepared.spec
    epochs = spec.schedule.epochs
    before = {} if first.checkpoint is None else first.checkpoint.facts
    threads = first.claim.config.threads or before.get("threads") or 1
    with torch_threads(threads), torch.no_grad():
        # Those that are left of a cohort keep its name: whoever is interrupted again finds the others by it.
        name = before.get("cohort") or name_cohort([run.claim.config for run in cohort])
        environment = describe_environment(first.claim.config.device, name)
        concurrently(
            lambda run: begin_run(run.claim.config, run.prepared, run.claim.folder, run.checkpoint, environment), cohort
        )
        cuts = {id(run.prepared): run.prepared for run in cohort}
        numbers = {key: number for number, key in enumerate(cuts)}
        runs = [_make_run(run, numbers[id(run.prepared)], threads, name) for run in cohort]
        report(len(cohort), first.epoch, epochs)
        slow: list[str] = []
        observer = Observer(
            progress=lambda epoch, active: report(active, epoch, epochs),
            stop_requested=requests.requested,
            slow=slow.append,
        )
        fit(spec, runs, [prepared.data for prepared in cuts.values()], observer)
    return slow


def _make_run(run: Opened, cut: int, threads: int, cohort: str) -> CohortRun:
    from regbench.training.cohort_run import make_run

    records, record = run.claim.records, run.prepared.commit_record(threads, cohort)
    spec = replace(run.prepared.spec, regularizers=records.regularizers, schedule=records.schedule)
    made = make_run(spec, run.claim.config.seed, FolderSink(run.claim.folder), record, run.checkpoint)
    return replace(made, cut=cut)
