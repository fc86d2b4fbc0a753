"""The verdict of a study: from the scores of its arms to their words, the leader and the headline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from regbench.evidence.arrays import Booleans, Floats
from regbench.evidence.effects import (
    Chances,
    Wins,
    count_wins,
    find_chances,
    relative_error_change,
    standardised_difference,
)
from regbench.evidence.flips import FLIPS, flip
from regbench.evidence.intervals import (
    Difference,
    Interval,
    RowLayout,
    describe_rows,
    measure_difference,
)
from regbench.evidence.words import Limits, Needs, Word, choose_word, find_needs, is_identical, spend_alpha


class Headline(StrEnum):
    """What the first sentence of a verdict says."""

    SOME_BETTER = "some arm is better"
    NONE_NEEDED = "every arm is within the rope"
    NONE_HELPS = "every arm is within the rope or worse"
    UNDECIDED = "no arm is better, some undecided"
    NO_WORDS = "too few replicates for words"


@dataclass(frozen=True)
class Rules:
    """How a study is judged.

    `rope` is half the width of no practical difference in the metric's unit, `look` counts judged ends from 1, `folds`
    the replicates of a partition, `perfect` the score without error (0 for negated losses), `seed` that of the flips,
    `overlap` n_test/n_train where intervals are corrected by it, else 0.
    """

    rope: float = 0.01
    alpha: float = 0.05
    look: int = 1
    folds: int = 1
    perfect: float = 1.0
    seed: int = 0
    overlap: float = 0.0


@dataclass(frozen=True)
class RowScores:
    """Values of rows whose mean over a replicate's test rows is its score, larger is better.

    `scores[a]` is `[R, N]` for each arm in the order of the names (an array `[A+1, R, N]`, or a sequence that loads one
    arm at a time); `tested` `[R, N]` is true where a replicate tests a row. Other entries are ignored.
    """

    scores: Sequence[Floats] | Floats
    tested: Booleans


@dataclass(frozen=True)
class ArmVerdict:
    """What a study says of one arm against the baseline; `together` is the interval that holds for all arms at once."""

    name: str
    mean: float
    difference: Difference
    interval: Interval
    together: Interval
    p_adjusted: float
    word: Word | None
    identical: bool
    needs: Needs | None
    wins: Wins
    chances: Chances
    relative_error_change: float | None
    standardised: float | None


@dataclass(frozen=True)
class Verdict:
    """What a study says: arms sorted by difference, the best first; those of one difference by name.

    `leader` is the arm called better with the largest difference, else the arm with the largest; `not_told_apart` are
    those whose paired 95 % interval against it holds 0, best first. `alpha` is what this look spends, `critical` its k.
    """

    baseline: str
    baseline_mean: float
    baseline_sd: float
    replicates: int
    rules: Rules
    alpha: float
    critical: float
    headline: Headline
    leader: str
    not_told_apart: tuple[str, ...]
    arms: tuple[ArmVerdict, ...]

    def arm(self, name: str) -> ArmVerdict:
        """Return the verdict on one arm; KeyError where there is none of that name."""
        found = {arm.name: arm for arm in self.arms}
        return found[name]


DEFAULTS = Rules()


@dataclass(frozen=True)
class Table:
    """Scores `[A+1, R]` of all arms and, where they are known, the values of their rows."""

    scores: Floats
    rows: RowScores | None
    tested: RowLayout | None
    overlap: float = 0.0

    def compare(self, arm: int, other: int) -> Difference:
        """Return the difference of an arm from another, paired by replicate."""
        differences = self.scores[arm] - self.scores[other]
        rows = None if self.rows is None else self.rows.scores[arm] - self.rows.scores[other]
        return replace(measure_difference(differences, rows, self.tested), overlap=self.overlap)


def judge(
    scores: Floats, names: Sequence[str], baseline: str, rules: Rules = DEFAULTS, rows: RowScores | None = None
) -> Verdict:
    """Return the verdict on scores `[A+1, R]`, larger is better, of the named arms, the baseline among them.

    Raises:
        ValueError: names and scores do not agree, there is no arm, a score is not finite, or R < 2.
    """
    check_scores(scores, names, baseline)
    base = list(names).index(baseline)
    table = Table(scores, rows, None if rows is None else describe_rows(rows.tested), rules.overlap)
    others = [index for index in range(len(names)) if index != base]
    differences = [table.compare(index, base) for index in others]
    adjusted, limits = account_for_all(scores[others] - scores[base], differences, rules)
    arms = [
        describe_arm(names[index], scores[[index, base]], difference, p_adjusted, limits, rules)
        for index, difference, p_adjusted in zip(others, differences, adjusted, strict=True)
    ]
    arms.sort(key=lambda arm: (-arm.difference.mean, arm.name))
    leader = next((arm.name for arm in arms if arm.word is Word.BETTER), arms[0].name)
    return Verdict(
        baseline=baseline,
        baseline_mean=float(scores[base].mean()),
        baseline_sd=float(scores[base].std(ddof=1)),
        replicates=scores.shape[1],
        rules=rules,
        alpha=limits.alpha,
        critical=limits.critical,
        headline=choose_headline([arm.word for arm in arms]),
        leader=leader,
        not_told_apart=list_not_told_apart(table, names, [arm.name for arm in arms], leader),
        arms=tuple(arms),
    )


def check_scores(scores: Floats, names: Sequence[str], baseline: str) -> None:
    """Refuse scores that cannot be judged."""
    if scores.ndim != 2 or len(scores) != len(names) or len(set(names)) != len(names) or baseline not in names:
        raise ValueError("scores need a row for each arm, arms a name of their own, and one of them is the baseline")
    if len(names) < 2 or scores.shape[1] < 2:
        raise ValueError("a verdict needs an arm besides the baseline, and two replicates")
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite: a replicate that one arm lacks is dropped for all arms")


def account_for_all(matrix: Floats, differences: Sequence[Difference], rules: Rules) -> tuple[list[float], Limits]:
    """Return the adjusted p-values of all arms and what decides, of d `[A, R]`."""
    flips = flip(matrix, FLIPS, rules.seed)
    adjusted = flips.adjust(np.array([difference.statistic for difference in differences]))
    alpha, following = (spend_alpha(rules.alpha, look) for look in (rules.look, rules.look + 1))
    limits = Limits(rules.rope, alpha, flips.critical(alpha), flips.critical(following))
    return adjusted.tolist(), limits


def describe_arm(
    name: str, scores: Floats, difference: Difference, p_adjusted: float, limits: Limits, rules: Rules
) -> ArmVerdict:
    """Return what a study says of an arm, of scores `[2, R]`: the arm's, then the baseline's."""
    word = choose_word(difference, p_adjusted, limits)
    return ArmVerdict(
        name=name,
        mean=float(scores[0].mean()),
        difference=difference,
        interval=difference.interval(),
        together=difference.interval_of(limits.critical),
        p_adjusted=p_adjusted,
        word=word,
        identical=is_identical(difference),
        needs=find_needs(difference, limits, rules.folds) if word is Word.UNDECIDED else None,
        wins=count_wins(scores[0] - scores[1]),
        chances=find_chances(difference, rules.rope),
        relative_error_change=relative_error_change(difference.mean, float(scores[1].mean()), rules.perfect),
        standardised=standardised_difference(difference),
    )


def choose_headline(words: Sequence[Word | None]) -> Headline:
    """Return what the first sentence says, of the words of all arms."""
    if None in words:
        return Headline.NO_WORDS
    if Word.BETTER in words:
        return Headline.SOME_BETTER
    if Word.UNDECIDED in words:
        return Headline.UNDECIDED
    return Headline.NONE_HELPS if Word.WORSE in words else Headline.NONE_NEEDED


def list_not_told_apart(table: Table, names: Sequence[str], arms: Sequence[str], leader: str) -> tuple[str, ...]:
    """Return those of the arms whose paired 95 % interval against the leader holds 0, in the order given."""
    index = {name: place for place, name in enumerate(names)}
    first = index[leader]
    return tuple(name for name in arms if name != leader and table.compare(index[name], first).interval().holds(0.0))
