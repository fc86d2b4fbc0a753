"""The state of a run, in one enumeration."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """State of a run, as its folder tells it.

    The first three are the states of a run that has ended and has a result; a diverged run has one too.
    """

    COMPLETE = "complete"
    STOPPED_EARLY = "stopped_early"
    DIVERGED = "diverged"
    FAILED = "failed"
    RUNNING = "running"
    MISSING = "missing"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """Whether the run has a result and nothing is left to train."""
        return self in ENDED


ENDED = (RunState.COMPLETE, RunState.STOPPED_EARLY, RunState.DIVERGED)
RECORDED = (*ENDED, RunState.FAILED)
"""States that a `result.json` can hold."""

FORMER_NAMES = {"finished": RunState.COMPLETE}
"""Names in results of earlier versions."""


def read_state(value: object) -> RunState | None:
    """Return the state that a `result.json` holds, by its present or a former name; None for anything else."""
    if not isinstance(value, str):
        return None
    state = FORMER_NAMES.get(value) or (RunState(value) if value in set(RunState) else None)
    return state if state in RECORDED else None
