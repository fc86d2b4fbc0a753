"""Arms over several data sets: ranks, what can be told apart, and scores on one scale (docs/compare.md)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from regbench.errors import ConfigError, escape, suggest
from regbench.evidence.aggregates import (
    Aggregate,
    normalise_scores,
    performance_profile,
    probability_of_improvement,
    summarise,
)
from regbench.evidence.arrays import Booleans, Floats
from regbench.evidence.several import (
    FEWEST_SETS,
    Posterior,
    compare_pairs,
    compare_ranks,
    critical_difference,
    group_ranks,
    mean_ranks,
    signed_rank_chances,
)
from regbench.formatting import count_noun, join_words
from regbench.metrics import LOSS, Metric
from regbench.studies.contests import Contest

ALPHA = 0.05
TAUS = (0.5, 0.75, 0.9, 1.0)
"""Normalised scores whose share of data sets is told: 1 is the best reference model."""


@dataclass(frozen=True)
class Pairs:
    """What signed-rank tests over data sets say, all pairs accounted for (Holm).

    `better[i, j]` is true where arm i is told apart from arm j and better; `chances` are those of each arm against the
    baseline with `rope`, None for the baseline itself.
    """

    better: Booleans
    chances: tuple[Posterior | None, ...]
    rope: float


@dataclass(frozen=True)
class Tests:
    """What five data sets and more say.

    `differ` is Friedman's answer, None with two arms. Mean ranks that differ by less than `critical` are not told
    apart: `groups` are the arms (places) that share a bar. `needed` data sets is where signed ranks can tell a pair
    apart at all. `improvement` `[A]` is the chance that a run beats a run of the baseline, mean over data sets.
    """

    differ: bool | None
    critical: float
    groups: tuple[tuple[int, ...], ...]
    needed: int
    improvement: Floats
    pairs: Pairs | None


@dataclass(frozen=True)
class Normalised:
    """Scores from 0 (a constant guess) to 1 (the best reference model) over some data sets, the same for all arms.

    `means` are interquartile means with their intervals, `profile` `[A, T]` the shares of data sets on which an arm's
    mean reaches each of TAUS.
    """

    data: tuple[str, ...]
    replicates: int
    means: tuple[Aggregate, ...]
    profile: Floats


@dataclass(frozen=True)
class Several:
    """Arms that all data sets have, the best mean rank first, of equal ones the baseline.

    `figures` `[D, A]` are means in each figure's own unit. `tests` are None with fewer than five data sets; then only
    the table is shown.
    """

    contests: tuple[Contest, ...]
    names: tuple[str, ...]
    baseline: str
    figures: Floats
    ranks: Floats
    tests: Tests | None
    normalised: Normalised | None
    notes: tuple[str, ...]


def compare_data_sets(contests: Sequence[Contest], rope: float | None) -> Several:
    """Compare the arms that all data sets have.

    Args:
        contests: two data sets or more, with one baseline.
        rope: half the width of no practical difference; None takes the widest that a data set was judged with.

    Raises:
        ConfigError: baselines differ, or no arm besides the baseline is everywhere.
    """
    baseline = _find_baseline(contests)
    common = [name for name in contests[0].names if all(name in contest.names for contest in contests)]
    if len(common) < 2:
        raise ConfigError(
            f"no arm besides {escape(baseline)} is in all {len(contests)} data sets; "
            + "; ".join(f"{contest.data} has {join_words([*map(escape, contest.names)])}" for contest in contests)
        )
    scores = _settle(np.stack([contest.take(common).mean(axis=1) for contest in contests]))
    reached = mean_ranks(scores)
    order = sorted(range(len(common)), key=lambda arm: (reached[arm], common[arm] != baseline, common[arm]))
    names, scores = tuple(common[place] for place in order), scores[:, order]
    enough = len(contests) >= FEWEST_SETS
    return Several(
        contests=tuple(contests),
        names=names,
        baseline=baseline,
        figures=scores * np.array([[contest.sign] for contest in contests]),
        ranks=mean_ranks(scores),
        tests=_test(contests, names, scores, rope) if enough else None,
        normalised=_normalise(contests, names) if enough else None,
        notes=tuple(_list_notes(contests, names)),
    )


def _settle(scores: Floats) -> Floats:
    """Return scores of ten digits, so that means of the same shares tie in whatever order they were summed."""
    settled: Floats = np.vectorize(lambda score: float(f"{score:.10g}"))(scores)
    return settled


def _find_baseline(contests: Sequence[Contest]) -> str:
    known = {contest.baseline for contest in contests}
    if len(known) > 1:
        shared = set.intersection(*(set(contest.names) for contest in contests))
        raise ConfigError(
            f"the data sets have different baselines ({join_words(sorted(map(escape, known)))}); name one: "
            f"--baseline ARM; {suggest('', shared)}"
        )
    return known.pop()


def _test(contests: Sequence[Contest], names: tuple[str, ...], scores: Floats, rope: float | None) -> Tests:
    sets, arms = scores.shape
    differ = compare_ranks(scores).f_p <= ALPHA if arms > 2 else None
    critical = critical_difference(arms, sets, ALPHA)
    # Where Friedman's test finds no difference at all, no two arms are told apart by their ranks.
    groups = (tuple(range(arms)),) if differ is False else group_ranks(mean_ranks(scores), critical)
    base = names.index(contests[0].baseline)
    improvement = [
        np.mean([probability_of_improvement(own[None, arm], own[None, base]) for own in _take_all(contests, names)])
        for arm in range(arms)
    ]
    return Tests(
        differ=differ,
        critical=critical,
        groups=groups,
        needed=count_needed(arms),
        improvement=np.array(improvement),
        pairs=_compare_pairs(scores, base, rope or max(contest.rope for contest in contests))
        if find_unit(contests) is not None
        else None,
    )


def _take_all(contests: Sequence[Contest], names: Sequence[str]) -> Iterator[Floats]:
    return (contest.take(names) for contest in contests)


def count_needed(arms: int) -> int:
    """Return the least number of data sets D at which a pair can be told apart: 2/2^D times the pairs is ALPHA or less.

    >>> [count_needed(arms) for arms in (2, 3, 13)]
    [6, 7, 12]
    """
    return math.ceil(math.log2(arms * (arms - 1) / ALPHA))


def find_unit(contests: Sequence[Contest]) -> Metric | None:
    """Return the figure of all data sets where differences in it can be compared over them, else None.

    A squared error in each target's own unit cannot; ranks can in any figure.
    """
    metric = contests[0].metric
    if any(contest.metric != metric for contest in contests) or metric.unit.startswith("target"):
        return None
    if metric == LOSS and len({contest.task for contest in contests}) > 1:
        return None
    return metric


def _compare_pairs(scores: Floats, base: int, rope: float) -> Pairs:
    from scipy.stats import rankdata

    arms = scores.shape[1]
    apart = compare_pairs(scores).adjusted <= ALPHA
    differences = scores[:, :, None] - scores[:, None, :]
    signed = (np.sign(differences) * rankdata(np.abs(differences), axis=0)).sum(axis=0)
    chances = [
        None if arm == base else signed_rank_chances(scores[:, arm] - scores[:, base], rope) for arm in range(arms)
    ]
    return Pairs(apart & (signed > 0), tuple(chances), rope)


def _normalise(contests: Sequence[Contest], names: tuple[str, ...]) -> Normalised | None:
    kept = [contest for contest in contests if contest.unscaled is None]
    if len(kept) < FEWEST_SETS:
        return None
    replicates = min(contest.scores.shape[1] for contest in kept)
    scaled = np.stack(
        [normalise_scores(own.take(names), own.chance or 0.0, own.best or 0.0)[:, :replicates] for own in kept], axis=1
    )
    means = np.stack([normalise_scores(c.take(names), c.chance or 0.0, c.best or 0.0).mean(axis=1) for c in kept])
    return Normalised(
        data=tuple(contest.data for contest in kept),
        replicates=replicates,
        means=tuple(summarise(own) for own in scaled),
        profile=np.stack([performance_profile(means[:, arm], np.array(TAUS)) for arm in range(len(names))]),
    )


def _list_notes(contests: Sequence[Contest], names: Sequence[str]) -> Iterator[str]:
    """Yield what is missing, and why."""
    sets, arms = len(contests), len(names)
    for name in dict.fromkeys(name for contest in contests for name in contest.names if name not in names):
        lacking = [contest.data for contest in contests if name not in contest.names]
        yield f"{escape(name)} left out: it is not in {join_words(lacking)}"
    if sets < FEWEST_SETS:
        yield (
            f"the table alone: {count_noun(sets, 'data set')} are too few to test anything over data sets, which takes "
            f"{FEWEST_SETS}"
        )
        return
    if find_unit(contests) is None:
        units = Counter(f"{contest.metric.name}" for contest in contests)
        yield (
            f"differences are not compared over data sets, because {join_words(sorted(units))} "
            f"{'have no common unit' if len(units) > 1 else 'has another unit on each'}: ranks alone"
        )
    elif sets < count_needed(arms):
        yield (
            f"with {sets} data sets signed ranks cannot tell two of {arms} arms apart, however large the differences: "
            f"it takes {count_needed(arms)}"
        )
    reasons: dict[str, list[str]] = {}
    for contest in contests:
        if contest.unscaled is not None:
            reasons.setdefault(contest.unscaled, []).append(contest.data)
    for reason, data in reasons.items():
        where = "no data set" if len(data) == sets else f"without {join_words(data)}"
        yield f"scores on one scale: {where}, because there {'are' if 'models' in reason else 'is'} {reason}"
