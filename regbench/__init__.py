"""regbench: which regularization does this network need, on this data, and how much does it help?

The functions and classes listed in `__all__` are the Python API; each is imported when it is first used, so that
`import regbench` costs nothing. `docs/python.md` shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regbench.api import run, study, sweep
    from regbench.config.fields import Hyper, choice, flag, hyper, integer, number
    from regbench.errors import ConfigError, RegbenchError
    from regbench.regularizers.base import Regularizer
    from regbench.runs.load_model import load_model
    from regbench.runs.result import RunResult, load_run
    from regbench.statuses import RunState
    from regbench.studies.verdict_result import StudyVerdict
    from regbench.sweeps.result import SweepResult

__version__ = "0.1.0"

_MODULES = {
    "ConfigError": "regbench.errors",
    "Hyper": "regbench.config.fields",
    "RegbenchError": "regbench.errors",
    "Regularizer": "regbench.regularizers.base",
    "RunResult": "regbench.runs.result",
    "RunState": "regbench.statuses",
    "StudyVerdict": "regbench.studies.verdict_result",
    "SweepResult": "regbench.sweeps.result",
    "choice": "regbench.config.fields",
    "flag": "regbench.config.fields",
    "hyper": "regbench.config.fields",
    "integer": "regbench.config.fields",
    "load_model": "regbench.runs.load_model",
    "load_run": "regbench.runs.result",
    "number": "regbench.config.fields",
    "run": "regbench.api",
    "study": "regbench.api",
    "sweep": "regbench.api",
}
"""The module that defines each name of the API."""

__all__ = [
    "ConfigError",
    "Hyper",
    "RegbenchError",
    "Regularizer",
    "RunResult",
    "RunState",
    "StudyVerdict",
    "SweepResult",
    "choice",
    "flag",
    "hyper",
    "integer",
    "load_model",
    "load_run",
    "number",
    "run",
    "study",
    "sweep",
]


def __getattr__(name: str) -> object:
    """Import a name of the API when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module 'regbench' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the names of the API besides those that are loaded already."""
    return sorted({*globals(), *_MODULES})
