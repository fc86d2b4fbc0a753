"""Reuse of an earlier run: only with the configuration, the data and the code that made it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

import yaml

from regbench.config.differences import describe_differences
from regbench.config.run_config import RunConfig
from regbench.data.fingerprint import FileRecord, hash_file, locate
from regbench.data.loading import load
from regbench.errors import ConfigError, escape
from regbench.runs.provenance import DATA_PACKAGES, Origin, describe_origin, differences, present_origin
from regbench.store.checkpoint import CheckpointError
from regbench.store.run_folder import RunFolder

REMEDY = "add resume=fresh to train it again, or name=OTHER to keep it and train another"
UNKNOWN = "run.json does not say which data and code made this run; resume=fresh trains it again"


class StaleRunError(CheckpointError, ConfigError):
    """An earlier run was made from other data, other code or another configuration than those of now.

    Nothing was changed. It is a mistake of the command (exit code 2), not a failure of the run.
    """


class PresentData:
    """Data as they are now; each file and each data set is looked at once, however many runs ask."""

    def __init__(self) -> None:
        self._hash_file = cache(hash_file)
        self._checksums: dict[str, str] = {}

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


def check_finished(config: RunConfig, folder: RunFolder, present: PresentData) -> str | None:
    """Require that a finished run was made from the configuration, the data and the code of now.

    As long as all that the data depend on is as recorded (files, packages, the data set's code), they are not read.
    A run of another version of regbench is reused if its data are the same: every version changes some code.

    Returns:
        What a person should know of the run all the same, in one line; None where there is nothing.

    Raises:
        StaleRunError: it was not.
        ConfigError: the data cannot be read any more.
    """
    recorded, now = describe_origin(folder.recorded_run() or {}), present_origin(config)
    _refuse_other_configuration(config, folder, recorded.config_hash)
    code = _changed_code(recorded, now)
    upgraded = recorded.versions.get("regbench") != now.versions["regbench"]
    binding = [name for name in code if not upgraded or not recorded.sources[name].shipped]
    if binding:
        raise _other_code(folder, binding, now)
    if recorded.data_checksum is None:
        return UNKNOWN
    quick = _is_read_alike(config, recorded, now) and _has_same_files(recorded, present)
    if not quick and present.checksum(config.dataset) != recorded.data_checksum:
        raise _other_data(folder, config, recorded)
    if not upgraded:
        return None
    note = f"this run was made by regbench {recorded.versions.get('regbench')}, this is {now.versions['regbench']}"
    return f"{note}; the code of {_join(code)} has changed since" if code else note


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
    recorded = describe_origin(folder.recorded_run() or {})
    _refuse_other_configuration(config, folder, commit.get("config_hash"))
    if any(known not in (None, checksum) for known in (recorded.data_checksum, commit.get("data_checksum"))):
        raise _other_data(folder, config, recorded)
    now = present_origin(config)
    code = _changed_code(recorded, now)
    if code:
        raise _other_code(folder, code, now)


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


def _has_same_files(recorded: Origin, present: PresentData) -> bool:
    return recorded.data_files is not None and all(present.is_unchanged(record) for record in recorded.data_files)


def _refuse_other_configuration(config: RunConfig, folder: RunFolder, owner: object) -> None:
    """Refuse the folder of another configuration, naming what differs; a folder that was renamed is one."""
    if owner is None or owner == config.config_hash():
        return
    now = config.identity()
    try:
        stored = yaml.safe_load(folder.recorded_config() or b"")
    except yaml.YAMLError:
        stored = None
    known = {key: stored[key] for key in now if key in stored} if isinstance(stored, Mapping) else {}
    what = describe_differences(known, now) if known else ""
    what = what or f"{str(owner)[:10]}, not {config.config_hash()[:10]}"  # as when a file was copied from another run
    raise StaleRunError(f"{folder.path} belongs to another configuration: {what}; {REMEDY}")


def _other_data(folder: RunFolder, config: RunConfig, recorded: Origin) -> StaleRunError:
    present = PresentData()
    changed = [record for record in recorded.data_files or () if not present.is_unchanged(record)]
    what = _join([_describe_change(record) for record in changed])
    if not changed:
        what = f"dataset={config.dataset['name']} gives other rows now"
    return StaleRunError(f"{folder.path} was trained on other data: {what}; {REMEDY}")


def _describe_change(record: FileRecord) -> str:
    given = escape(record.given)
    if str(locate(record.given)) != record.path:
        return f"{given} was {escape(record.path)} then"
    return f"{given} has changed since"


def _other_code(folder: RunFolder, names: list[str], now: Origin) -> StaleRunError:
    what = _join([f"{name} {'has changed since' if name in now.sources else 'is not installed now'}" for name in names])
    return StaleRunError(f"{folder.path} was trained by other code: {what}; {REMEDY}")


def _join(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
