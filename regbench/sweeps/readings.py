"""How the data of a sweep's runs were read, from what the runs recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from regbench.data.reading import Reading
from regbench.store.json_file import read_json
from regbench.sweeps.run_status import LARGEST_FILE, RunStatus


def read_readings(statuses: Sequence[RunStatus], folder: Path) -> Iterator[Reading]:
    """Yield how each source was read, once, as the first of its runs that has ended recorded it.

    Nothing is told of data sets that settings and installed packages decide.
    """
    seen: set[str] = set()
    checksums: set[str | None] = set()
    for status in statuses:
        origin = status.origin
        if not status.state.ended or origin.data_files == () or origin.data_checksum in checksums:
            continue
        checksums.add(origin.data_checksum)
        reading = _read(folder / status.run.run_id)
        if reading is not None and reading.origin not in seen:
            seen.add(reading.origin)
            yield reading


def _read(folder: Path) -> Reading | None:
    """Return what a run recorded; None where it did not, as an earlier version, or in another form."""
    try:
        facts = read_json(folder / "run.json", LARGEST_FILE)
        return Reading.from_json(facts["data"]) if isinstance(facts, dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
