"""Data and code that made the runs of a sweep, compared with those of now and with each other."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from regbench.config.run_config import RunConfig
from regbench.data.fingerprint import FileRecord
from regbench.errors import ConfigError, escape
from regbench.formatting import join_words
from regbench.runs.provenance import Origin
from regbench.runs.reuse import PresentOrigins, Stale, describe_note, judge_finished, judge_interrupted
from regbench.runs.sources import Source
from regbench.statuses import RunState
from regbench.store.run_files import read_optional
from regbench.sweeps.run_status import RunStatus, read_origin, read_unended

MOST_REASONS = 3


def check_reusable(
    statuses: Sequence[RunStatus], configs: Mapping[str, RunConfig], warn: Callable[[str], None]
) -> None:
    """Require that what is there of a sweep's runs was made from the configurations, the data and the code of now.

    Args:
        statuses: the runs as they are.
        configs: their configurations, by run id.
        warn: takes a line for what has to be known of runs that may be used.

    Raises:
        ConfigError: some were not, or the data cannot be read any more.
    """
    present, total = PresentOrigins(), len(statuses)
    stale = _find_stale(statuses, configs, present)
    if stale:
        remedy = f"add resume=fresh to train all {total} again, or name=OTHER to keep them and train others"
        raise ConfigError(f"{_describe_stale(stale, configs)}; {remedy}")
    ended = [status for status in statuses if status.state.ended]
    notes = Counter(describe_note(configs[status.run.run_id], status.origin, present) for status in ended)
    for note, count in notes.items():
        if note is not None:
            warn(f"{count} of {total} runs: {note}")


def describe_changes(statuses: Sequence[RunStatus], configs: Mapping[str, RunConfig]) -> str | None:
    """Return in one line what of a sweep is stale once it has trained: its data may have changed meanwhile."""
    ended = [status for status in statuses if status.state.ended]
    try:
        stale = _find_stale(ended, configs, PresentOrigins())
    except ConfigError as error:  # the data are gone; what was trained on them is not
        return str(error)
    return _describe_stale(stale, configs) if stale else None


@dataclass(frozen=True)
class FileChanges:
    """Data files that finished runs were trained on and that are not as they were, a line each."""

    changed: str | None = None
    missing: str | None = None


def compare_files(statuses: Sequence[RunStatus]) -> FileChanges:
    """Look at the data files of finished runs, where they were at training; no data set is read.

    Other bytes may have the same rows: runs that share their checksum with a run whose files are all unchanged are left
    out.
    """
    present = PresentOrigins()
    others = [_find_others(status.origin, present) for status in statuses]
    intact = {status.origin.data_checksum for status, records in zip(statuses, others, strict=True) if records == []}
    changed: dict[str, list[str]] = {}
    missing: dict[str, list[str]] = {}
    for status, records in zip(statuses, others, strict=True):
        if status.origin.data_checksum in intact:
            continue
        for record in records or ():
            found = changed if os.path.exists(record.path) else missing
            found.setdefault(status.run.run_id, []).append(record.given)
    return FileChanges(_describe_files(changed, "have changed since"), _describe_files(missing, "are not there now"))


def list_differences(statuses: Sequence[RunStatus]) -> list[str]:
    """Return a line for the versions and one for the classes that differ between finished runs.

    Another version of regbench has other code, so where that differs its classes are not named.
    """
    origins = [status.origin for status in statuses if status.state.ended]
    versions = {name: numbers for name, numbers in _gather_versions(origins).items() if len(numbers) > 1}
    sources = [
        name
        for name, found in _gather_sources(origins).items()
        if len(found) > 1 and not ("regbench" in versions and all(source.shipped for source in found))
    ]
    lines = []
    if versions:
        words = [f"{name} {join_words(list(numbers))}" for name, numbers in versions.items()]
        lines.append(f"made with {', '.join(map(escape, words))}")
    if sources:
        lines.append(f"code of {escape(join_words(sources))} differs between runs")
    return lines


def _find_stale(
    statuses: Sequence[RunStatus], configs: Mapping[str, RunConfig], present: PresentOrigins
) -> dict[str, Stale]:
    """Return the runs that must not be used, by run id."""
    found = {status.run.run_id: _judge(status, configs[status.run.run_id], present) for status in statuses}
    return {run_id: stale for run_id, stale in found.items() if stale is not None}


def _find_others(origin: Origin, present: PresentOrigins) -> list[FileRecord] | None:
    """Return the files that are not as they were, wherever this command was given; None where none are recorded."""
    if origin.data_files is None:
        return None
    return [record for record in origin.data_files if not present.is_unchanged(replace(record, given=record.path))]


def _judge(status: RunStatus, config: RunConfig, present: PresentOrigins) -> Stale | None:
    """Return why what is there of a run must not be used; None where it may, or where there is nothing."""
    folder = config.folder()
    read_config = partial(read_optional, folder / "config.yaml")
    if status.state.ended:
        return judge_finished(config, status.origin, read_config, present)
    begun = status.state in (RunState.INTERRUPTED, RunState.FAILED)
    if not begun or read_unended(str(folder)) is not RunState.INTERRUPTED:
        return None
    try:
        recorded = read_origin(folder)
    except ValueError:
        return None  # the worker that claims it refuses it by name
    return judge_interrupted(config, recorded, read_config, present)


def _describe_stale(stale: Mapping[str, Stale], configs: Mapping[str, RunConfig]) -> str:
    if len(stale) == 1:
        ((run_id, only),) = stale.items()
        return f"{configs[run_id].folder()} was {only}"
    return "; ".join(_count_faults(stale.values(), len(configs)))


def _count_faults(stale: Iterable[Stale], total: int) -> Iterator[str]:
    found = list(stale)
    for fault, count in Counter(one.fault for one in found).items():
        reasons = list(dict.fromkeys(one.reason for one in found if one.fault == fault))
        more = len(reasons) - MOST_REASONS
        words = join_words([*reasons[:MOST_REASONS], *([f"{more} more"] if more > 0 else [])])
        yield f"{count} of {total} runs {'was' if count == 1 else 'were'} {fault}: {words}"


def _describe_files(found: Mapping[str, Sequence[str]], what: str) -> str | None:
    if not found:
        return None
    names = dict.fromkeys(escape(name) for own in found.values() for name in own)
    runs = f"{len(found)} run{'' if len(found) == 1 else 's'}"
    return f"the data of {runs} {what}: {', '.join(names)}"


def _gather_versions(origins: Sequence[Origin]) -> dict[str, dict[str, None]]:
    found: dict[str, dict[str, None]] = {}
    for origin in origins:
        for name, number in origin.versions.items():
            found.setdefault(name, {}).setdefault(number)
    return found


def _gather_sources(origins: Sequence[Origin]) -> dict[str, set[Source]]:
    found: dict[str, set[Source]] = {}
    for origin in origins:
        for name, source in origin.sources.items():
            found.setdefault(name, set()).add(source)
    return found
