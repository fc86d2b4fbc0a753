"""Many writes at a time: the disk is waited for once instead of once for each run.

Making a file durable takes some milliseconds in which neither this process nor the disk has much to do. A cohort of 128
runs would wait for seconds. Asked for at the same time, file systems make many files durable in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

AT_ONCE = 32

Item = TypeVar("Item")
Done = TypeVar("Done")


def concurrently(function: Callable[[Item], Done], items: Iterable[Item]) -> list[Done]:
    """Apply a function that mostly waits for the disk to all items at once; return its results in their order.

    Raises:
        Exception: what it raised for the first item for which it did; it was still applied to all others.
    """
    given = list(items)
    if len(given) < 2:
        return [function(item) for item in given]
    with ThreadPoolExecutor(min(AT_ONCE, len(given)), "regbench-store") as threads:
        waiting = [threads.submit(function, item) for item in given]
    return [done.result() for done in waiting]
