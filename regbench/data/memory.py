"""Memory that the machine still has, that is given back to it, and the refusal of arrays that it cannot hold."""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Sequence
from pathlib import Path

from regbench.errors import ConfigError

FLOAT32, GIB = 4, 2**30
MOST_OF_MEMORY = 0.4
"""Share of the available memory that the float32 values of a data set may take: preparing them takes as much again."""


def available_memory() -> int:
    """Return the bytes of memory that programs can still have: Linux's own estimate, else what is free."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def refuse_too_big(shape: Sequence[int], path: str, remedy: str) -> None:
    """Refuse an array of this shape, which is still to be made, where the machine's memory does not hold it.

    Raises:
        ConfigError: names the shape, the bytes that it takes and those that are there, and ends with `remedy`.
    """
    needed, available = math.prod(shape) * FLOAT32, available_memory()
    if needed > MOST_OF_MEMORY * available:
        raise ConfigError(
            f"{path}: {' x '.join(f'{size:,}' for size in shape)} values take {needed / GIB:,.1f} GiB, and of the "
            f"{available / GIB:,.1f} GiB of memory that are available a data set may take {MOST_OF_MEMORY:.0%}; "
            f"{remedy}"
        )


def release_memory() -> None:
    """Give back to the system what was let go; the allocator of the GNU C library keeps it, others do without."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
