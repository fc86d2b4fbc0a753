"""Later generations of a search by Optuna's tree of Parzen estimators (TPE): `study.sampler=tpe`.

A sampler that lives on cannot be resumed: restored, it proposes other points than one that went straight through. So
every generation has a sampler of its own, seeded by where it stands, and is told all trials before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from regbench.errors import ConfigError
from regbench.evidence.arrays import Floats
from regbench.randomness import Randomness
from regbench.studies.spaces import Space

INSTALL = "pip install 'regbench[tpe]'"
WORST = -1e300
"""What a trial without a finite figure counts as; Optuna orders figures and takes none that is missing."""


@dataclass(frozen=True)
class History:
    """The trials of an arm and replicate so far: shares of the ranges `[n, d]`, figures `[n]`, larger is better."""

    points: Floats
    values: Floats


def seed_generation(seed: int, arm: str, replicate: int, generation: int) -> int:
    """Return the seed of a generation's sampler, a function of the study's seed and of where the generation stands."""
    source = Randomness(seed).at("study", "tpe", arm, replicate, generation)
    return int(source.integers(2**31, ()).item())


def check_tpe() -> None:
    """Refuse the sampler where Optuna is not installed.

    Raises:
        ConfigError: it is not; the message has the command that installs it.
    """
    _import_optuna()


def propose(space: Space, history: History, count: int, seed: int) -> Floats:
    """Return the next points to try together, `[count, d]`, shares of the ranges of the space in [0, 1].

    Each is proposed as if those before it had turned out badly (constant liar), so that they lie apart.

    Raises:
        ConfigError: Optuna is not installed.
    """
    optuna = _import_optuna()
    names = [coordinate.key for coordinate in space.coordinates]
    ranges = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in names}
    with _quiet(optuna):
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        study = optuna.create_study(sampler=sampler, direction="maximize")
        for point, value in zip(history.points.tolist(), history.values.tolist(), strict=True):
            figure = value if math.isfinite(value) else WORST
            params = dict(zip(names, point, strict=True))
            study.add_trial(optuna.trial.create_trial(params=params, distributions=ranges, value=figure))
        asked: Sequence[Any] = [study.ask(ranges) for _ in range(count)]
    return np.array([[trial.params[name] for name in names] for trial in asked], dtype=np.float64)


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise ConfigError(f"study.sampler=tpe needs Optuna, which is not installed: {INSTALL}") from None
    return optuna


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Keep Optuna from writing a line for every study; its level is then what it was."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
