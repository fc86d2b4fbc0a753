"""Provenance of a result besides its configuration: data, code, versions, machine; recorded in `run.json`."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypedDict

import regbench
from regbench.data.fingerprint import FileRecord, read_file_record
from regbench.runs.sources import Source, read_sources
from regbench.store.run_files import RUN_SCHEMA

DATA_PACKAGES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
"""Packages that decide what rows a data set has: they read it, make it or split it."""

PACKAGES = (*DATA_PACKAGES, "torch", "imbalanced-learn", "hydra-core", "omegaconf", "safetensors")


class Environment(TypedDict):
    """Surroundings of a training, the same for all runs of a process."""

    schema: int
    versions: Mapping[str, str]
    git_commit: str | None
    host: str
    machine: str
    device: str
    threads: int
    cohort: str | None
    """Names the runs that are trained side by side, because figures are rounded by their number; None: it is alone."""


@dataclass(frozen=True)
class Origin:
    """Data and code that made a result; what a run of an earlier regbench did not record is None or absent."""

    config_hash: str | None = None
    data_checksum: str | None = None
    """Of the rows as prepared: equal checksums are equal data."""
    data_files: tuple[FileRecord, ...] | None = None
    """Files that the rows were read from; none for a data set that settings and packages decide."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    """By `dataset NAME`, `model NAME`, `regularizer NAME`."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of regbench, Python and the packages in `PACKAGES`."""
    rows_checksum: str | None = None
    """Of the rows as read, however they are cut into parts."""

    def to_json(self) -> dict[str, object]:
        """Return what `run.json` records of it."""
        files = None if self.data_files is None else [record.to_json() for record in self.data_files]
        return {
            "config_hash": self.config_hash,
            "data_checksum": self.data_checksum,
            "rows_checksum": self.rows_checksum,
            "data_files": files,
            "sources": {name: source.to_json() for name, source in self.sources.items()},
            "versions": dict(self.versions),
        }


@dataclass(frozen=True)
class Differences:
    """Differences between the origins of two results; what only one of them records does not count."""

    data: bool = False
    sources: tuple[str, ...] = ()
    """Classes whose code differs, such as `regularizer l2`."""
    versions: tuple[tuple[str, str, str], ...] = ()
    """Package, its version in the first, its version in the second."""

    def __bool__(self) -> bool:
        return self.data or bool(self.sources) or bool(self.versions)


def describe_origin(run_json: Mapping[str, object]) -> Origin:
    """Return the origin that `run.json` records; an entry that cannot be read counts as not recorded."""
    versions = run_json.get("versions")
    known = versions if isinstance(versions, Mapping) else {}
    own = {str(name): number for name, number in known.items() if isinstance(number, str)}
    if run_json.get("schema") != RUN_SCHEMA:  # its checksum covers less, so that it equals none of today
        return Origin(versions=own)
    return Origin(
        config_hash=_text(run_json.get("config_hash")),
        data_checksum=_text(run_json.get("data_checksum")),
        rows_checksum=_text(run_json.get("rows_checksum")),
        data_files=_files(run_json.get("data_files")),
        sources=read_sources(run_json.get("sources")),
        versions=own,
    )


def differences(one: Origin, other: Origin) -> Differences:
    """Compare the data and the code that made two results."""
    checksums = {origin.data_checksum for origin in (one, other)} - {None}
    both = [name for name in one.sources if name in other.sources]
    return Differences(
        data=len(checksums) > 1,
        sources=tuple(name for name in both if one.sources[name] != other.sources[name]),
        versions=tuple(_differing_versions(one.versions, other.versions)),
    )


def read_versions() -> dict[str, str]:
    """Return the versions of regbench, Python and the packages that a result depends on, where they are installed."""
    found = {"regbench": regbench.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe_environment(device: str, cohort: str | None = None) -> Environment:
    """Return the content of `run.json` that depends on neither the run nor its data."""
    import torch

    return {
        "schema": RUN_SCHEMA,
        "versions": read_versions(),
        "git_commit": find_commit(Path(regbench.__file__).parent),
        "host": platform.node(),
        "machine": platform.machine(),
        "device": device,
        "threads": torch.get_num_threads(),
        "cohort": cohort,
    }


def find_commit(folder: Path) -> str | None:
    """Return the commit of the sources, with `+` if they were changed since; None outside a git checkout."""
    if not (folder.parent / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _differing_versions(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name, number in one.items():
        if other.get(name, number) != number:
            yield name, number, other[name]


def _files(facts: object) -> tuple[FileRecord, ...] | None:
    records = [read_file_record(entry) for entry in facts] if isinstance(facts, list) else [None]
    sound = tuple(record for record in records if record is not None)
    return sound if len(sound) == len(records) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
