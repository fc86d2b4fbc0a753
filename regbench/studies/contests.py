"""What one data set says of its arms, in the form in which data sets are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regbench.errors import ConfigError, escape
from regbench.evidence.arrays import Floats
from regbench.evidence.words import Word
from regbench.metrics import BY_TASK, Metric
from regbench.studies.comparison import ROPE, Comparison
from regbench.studies.judging_again import JudgedAgain


@dataclass(frozen=True)
class Contest:
    """Arms on one data set: scores `[A, R]`, larger being better, and the words against the baseline.

    `chance` is the score of the constant predictor and `best` that of the best reference model; None where they are not
    known. `rows` is equal for equal rows, None where they are not known.
    """

    data: str
    metric: Metric
    task: str
    baseline: str
    names: tuple[str, ...]
    scores: Floats
    words: Mapping[str, Word | None]
    rope: float
    chance: float | None = None
    best: float | None = None
    rows: str | None = None

    @property
    def sign(self) -> float:
        """-1 where smaller figures are better."""
        return 1.0 if self.metric.higher_is_better else -1.0

    @property
    def unscaled(self) -> str | None:
        """Why its scores cannot be brought to the scale from chance to the best reference; None where they can."""
        if self.best is None:
            return "no reference models in this figure"
        if self.chance is None:
            return "a constant guess has no known score"
        return "no reference model is better than a constant guess" if self.best <= self.chance else None

    def take(self, names: Sequence[str]) -> Floats:
        """Return the scores `[A, R]` of some arms."""
        found: Floats = self.scores[[self.names.index(name) for name in names]]
        return found


def contest_of_study(judged: JudgedAgain, data: str) -> Contest:
    """Return a study, judged, as one data set of several.

    Args:
        judged: the study.
        data: a name that no other data set has.
    """
    sign = 1.0 if judged.metric.higher_is_better else -1.0
    means = [sign * float(found["mean"]) for found in judged.content["references"].values()]
    return Contest(
        data=data,
        metric=judged.metric,
        task=judged.study.task,
        baseline=judged.verdict.baseline,
        names=judged.scores.names,
        scores=judged.scores.matrix,
        words={arm.name: arm.word for arm in judged.verdict.arms},
        rope=judged.verdict.rules.rope,
        chance=judged.chance,
        best=max(means, default=None),
    )


def contests_of_sweeps(compared: Sequence[Comparison]) -> list[Contest]:
    """Return runs that exist already as data sets to compare: the arms that lost no run.

    Raises:
        ConfigError: two of them are the same rows, thinned or spoilt in different ways.
    """
    contests = [_read_sweep(comparison) for comparison in compared]
    for place, contest in enumerate(contests):
        for other in contests[:place]:
            if contest.rows is not None and contest.rows == other.rows:
                raise ConfigError(f"{other.data} and {contest.data} are the same data, which would count twice")
    return contests


def _read_sweep(comparison: Comparison) -> Contest:
    field, metric = comparison.field, comparison.metric
    kept = [place for place, arm in enumerate(field.arms) if not arm.lost]
    arms = comparison.verdict.arms if comparison.verdict is not None else ()
    origins = {run.origin.rows_checksum for arm in field.arms for run in arm.runs if run.state.ended}
    figures = {name for arm in field.arms for run in arm.runs for name in run.result_names("test")}
    return Contest(
        data=field.data,
        metric=metric,
        task=next((task for task, main in BY_TASK.items() if main.name in figures), ""),
        baseline=comparison.baseline,
        names=tuple(field.arms[place].name for place in kept),
        scores=field.scores()[kept] * (1.0 if metric.higher_is_better else -1.0),
        words={arm.name: arm.word for arm in arms},
        rope=ROPE if comparison.verdict is None else comparison.verdict.rules.rope,
        rows=origins.pop() if len(origins) == 1 else None,
    )


def label_contests(names: Sequence[Sequence[str]]) -> list[str]:
    """Return a name for each data set that no other has: the first of its candidates that no other data set has.

    Args:
        names: candidates of each, equally many; the last are all different.
    """
    columns = list(zip(*names, strict=True))
    labels = [
        next((name for place, name in enumerate(own) if columns[place].count(name) == 1), own[-1]) for own in names
    ]
    chosen = labels if len(set(labels)) == len(labels) else [own[-1] for own in names]
    return [escape(name) for name in chosen]
