"""Reuse of an earlier run: only with the configuration, the data and the code that made it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import yaml

from regbench.config.differences import describe_differences
from regbench.config.run_config import RunConfig
from regbench.data.fingerprint import FileRecord, hash_file, locate
from regbench.data.loading import load
from regbench.errors import ConfigError, escape
from regbench.formatting import join_words
from regbench.runs.provenance import DATA_PACKAGES, Origin, describe_origin, differences, read_versions
from regbench.runs.sources import describe_sources
from regbench.store.checkpoint import CheckpointError
from regbench.store.run_folder import RunFolder

REMEDY = "add resume=fresh to train it again, or name=OTHER to keep it and train another"
UNKNOWN = "run.json does not say which data and code made this run; resume=fresh trains it again"


class StaleRunError(CheckpointError, ConfigError):
    """An earlier run was made from other data, other code or another configuration than those of now.

    Nothing was changed. It is a mistake of the command (exit code 2), not a failure of the run.
    """


@dataclass(frozen=True)
class Stale:
    """Why an earlier run must not be used now."""

    fault: str
    """Words that follow "was", such as "trained on other data"."""
    reason: str
    """What differs, such as "rows.csv has changed since"."""

    def __str__(self) -> str:
        return f"{self.fault}: {self.reason}"


class PresentOrigins:
    """Data and code as they are now; each file and each data set is looked at once, however many runs ask."""

    def __init__(self) -> None:
        self._hash_file = cache(hash_file)
        self._checksums: dict[str, str] = {}

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """Versions of the packages that a result depends on."""
        return read_versions()

    def origin(self, config: RunConfig) -> Origin:
        """Return the code that would train a run now; of its data, nothing is read."""
        return Origin(config_hash=config.config_hash(), sources=describe_sources(config), versions=self.versions)

    def is_unchanged(self, record: FileRecord) -> bool:
        """Tell whether a file has the bytes that were recorded; one that cannot be read has not."""
        try:
            return record.is_unchanged(self._hash_file)
        except (OSError, ValueError, RuntimeError):
            return False

    def checksum(self, dataset: Mapping[str, object]) -> str:
        """Read a data set, which may take long, and return the checksum of its prepared rows.

        Raises:
            ConfigError: it cannot be read.
        """
        key = json.dumps(dataset, sort_keys=True)
        if key not in self._checksums:
            self._checksums[key] = load(dataset).checksum
        return self._checksums[key]


def judge_finished(
    config: RunConfig, recorded: Origin, read_config: Callable[[], bytes | None], present: PresentOrigins
) -> Stale | None:
    """Return why a finished run must not be used now; None where it may.

    As long as all that the data depend on is as recorded (files, packages, the data set's code), they are not read.
    A run of another version of regbench is reused if its data are the same: every version changes some code.

    Args:
        config: the run's configuration.
        recorded: what its `run.json` says.
        read_config: returns its `config.yaml`; called only where that is another configuration's.
        present: data and code of now.

    Raises:
        ConfigError: the data cannot be read any more.
    """
    return (
        _judge_configuration(config, recorded.config_hash, read_config)
        or judge_code(config, recorded, present)
        or _judge_data(config, recorded, present)
    )


def judge_interrupted(
    config: RunConfig, recorded: Origin, read_config: Callable[[], bytes | None], present: PresentOrigins
) -> Stale | None:
    """Return why an interrupted run must not be resumed now, as far as its `run.json` tells; None where it may.

    Its code must be that of now, whatever the version: resumed with other code it would be neither run.

    Raises:
        ConfigError: the data cannot be read any more.
    """
    now = present.origin(config)
    return (
        _judge_configuration(config, recorded.config_hash, read_config)
        or _judge_data(config, recorded, present)
        or _judge_code(_changed_code(recorded, now), now)
    )


def judge_code(config: RunConfig, recorded: Origin, present: PresentOrigins) -> Stale | None:
    """Return why a run's weights must not be used with the code of now; None where they may.

    A run that recorded nothing, or that another version of regbench made, is judged by its own code's plugins alone.
    """
    now = present.origin(config)
    upgraded = recorded.versions.get("regbench") != now.versions["regbench"]
    changed = [name for name in _changed_code(recorded, now) if not upgraded or not recorded.sources[name].shipped]
    return _judge_code(changed, now)


def describe_note(config: RunConfig, recorded: Origin, present: PresentOrigins) -> str | None:
    """Return in one line what has to be known of a finished run that may be used; None where there is nothing."""
    now = present.origin(config)
    if recorded.data_checksum is None:
        return UNKNOWN
    if recorded.versions.get("regbench") == now.versions["regbench"]:
        return None
    code = _changed_code(recorded, now)
    note = f"this run was made by regbench {recorded.versions.get('regbench')}, this is {now.versions['regbench']}"
    return f"{note}; the code of {join_words(code)} has changed since" if code else note


def check_finished(config: RunConfig, folder: RunFolder, present: PresentOrigins) -> str | None:
    """Require that a finished run was made from the configuration, the data and the code of now.

    Returns:
        What a person should know of the run all the same, in one line; None where there is nothing.

    Raises:
        StaleRunError: it was not.
        ConfigError: the data cannot be read any more.
    """
    recorded = describe_origin(folder.recorded_run() or {})
    _refuse(folder, judge_finished(config, recorded, folder.recorded_config, present))
    return describe_note(config, recorded, present)


def check_resumable(config: RunConfig, checksum: str, folder: RunFolder, commit: Mapping[str, object]) -> None:
    """Require that an interrupted run was begun with the configuration, the data and the code of now.

    Args:
        config: the run's configuration.
        checksum: that of the data as read now.
        folder: the run's folder.
        commit: the facts of its newest commit.

    Raises:
        StaleRunError: it was not; to resume it would mix two runs.
    """
    recorded, present = describe_origin(folder.recorded_run() or {}), PresentOrigins()
    _refuse(folder, _judge_configuration(config, commit.get("config_hash"), folder.recorded_config))
    if any(known not in (None, checksum) for known in (recorded.data_checksum, commit.get("data_checksum"))):
        _refuse(folder, _other_data(config, recorded, present))
    now = present.origin(config)
    _refuse(folder, _judge_code(_changed_code(recorded, now), now))


def _refuse(folder: RunFolder, stale: Stale | None) -> None:
    if stale is not None:
        raise StaleRunError(f"{folder.path} was {stale}; {REMEDY}")


def _changed_code(recorded: Origin, now: Origin) -> list[str]:
    """Return the model and the regularizers whose code is not that of then; of the data set, the rows are compared."""
    gone = [name for name in recorded.sources if name not in now.sources]
    names = [*differences(recorded, now).sources, *gone]
    return [name for name in names if not name.startswith("dataset ")]


def _is_read_alike(config: RunConfig, recorded: Origin, now: Origin) -> bool:
    """Tell whether the code and the packages that decide the rows of a data set are those of then."""
    name = f"dataset {config.dataset['name']}"
    source = now.sources.get(name)
    return (
        source is not None
        and source.sha256 is not None
        and source == recorded.sources.get(name)
        and all(recorded.versions.get(name) == now.versions.get(name) for name in ("regbench", *DATA_PACKAGES))
    )


def _has_same_files(recorded: Origin, present: PresentOrigins) -> bool:
    return recorded.data_files is not None and all(present.is_unchanged(record) for record in recorded.data_files)


def _judge_configuration(config: RunConfig, owner: object, read_config: Callable[[], bytes | None]) -> Stale | None:
    """Return in what the configuration of a folder's owner differs; a folder that was renamed has another's."""
    if owner is None or owner == config.config_hash():
        return None
    now = config.identity()
    try:
        stored = yaml.safe_load(read_config() or b"")
    except yaml.YAMLError:
        stored = None
    known = {key: stored[key] for key in now if key in stored} if isinstance(stored, Mapping) else {}
    what = describe_differences(known, now) if known else ""
    what = what or f"{str(owner)[:10]}, not {config.config_hash()[:10]}"  # as when a file was copied from another run
    return Stale("trained with another configuration", what)


def _judge_code(changed: list[str], now: Origin) -> Stale | None:
    if not changed:
        return None
    what = [f"{name} {'has changed since' if name in now.sources else 'is not installed now'}" for name in changed]
    return Stale("trained by other code", join_words(what))


def _judge_data(config: RunConfig, recorded: Origin, present: PresentOrigins) -> Stale | None:
    if recorded.data_checksum is None:
        return None
    if _is_read_alike(config, recorded, present.origin(config)) and _has_same_files(recorded, present):
        return None
    if present.checksum(config.dataset) == recorded.data_checksum:
        return None
    return _other_data(config, recorded, present)


def _other_data(config: RunConfig, recorded: Origin, present: PresentOrigins) -> Stale:
    changed = [record for record in recorded.data_files or () if not present.is_unchanged(record)]
    what = join_words([_describe_change(record) for record in changed])
    return Stale("trained on other data", what or f"dataset={config.dataset['name']} gives other rows now")


def _describe_change(record: FileRecord) -> str:
    given = escape(record.given)
    if str(locate(record.given)) != record.path:
        return f"{given} was {escape(record.path)} then"
    return f"{given} has changed since"
