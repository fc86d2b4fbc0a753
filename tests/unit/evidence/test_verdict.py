"""The verdict: order, leader, headline and refusals, on tables whose answer is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np
import pytest

from regbench.evidence.flips import flip
from regbench.evidence.intervals import describe_rows, measure_difference
from regbench.evidence.verdict import Headline, RowScores, Rules, Verdict, choose_headline, judge
from regbench.evidence.words import Limits, Needs, Word, find_needs

NAMES = ("none", "dropout", "mixup", "l2", "sam")


def table(effects: Sequence[float], replicates: int = 20, sd: float = 0.01, seed: int = 0) -> np.ndarray:
    """Scores of a baseline and arms with true effects; cuts that are easy are so for all."""
    rng = np.random.default_rng(seed)
    cuts = rng.normal(0.8, 0.03, replicates)
    return np.vstack([cuts + effect + sd * rng.normal(size=replicates) for effect in (0.0, *effects)])


def floats(value: object) -> Iterator[float]:
    """Every number in a record made of dictionaries, lists and tuples."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from floats(part)
    elif isinstance(value, (int, float)):
        yield float(value)


def test_planted_effects_get_their_words_and_order() -> None:
    verdict = judge(table([0.04, 0.035, -0.05, 0.0]), NAMES, "none", Rules(rope=0.012, folds=5))
    assert [(arm.name, arm.word) for arm in verdict.arms] == [
        ("dropout", Word.BETTER),
        ("mixup", Word.BETTER),
        ("sam", Word.NO_DIFFERENCE),
        ("l2", Word.WORSE),
    ]
    assert verdict.headline is Headline.SOME_BETTER
    assert (verdict.leader, verdict.not_told_apart) == ("dropout", ("mixup",))
    assert (verdict.alpha, verdict.replicates) == (0.025, 20)


def test_figures_are_those_of_the_parts() -> None:
    scores = table([0.02, 0.0, 0.01, -0.01])
    verdict, matrix = judge(scores, NAMES, "none"), scores[1:] - scores[0]
    flips = flip(matrix)
    adjusted = flips.adjust(np.array([measure_difference(row).statistic for row in matrix]))
    for place, name in enumerate(NAMES[1:]):
        arm, own = verdict.arm(name), measure_difference(matrix[place])
        assert (arm.difference, arm.interval, arm.p_adjusted) == (own, own.interval(), adjusted[place])
        assert arm.together == own.interval_of(flips.critical(0.025))
        assert arm.together.low < arm.interval.low < arm.interval.high < arm.together.high
        assert arm.mean == scores[place + 1].mean()
    assert (verdict.baseline_mean, verdict.baseline_sd) == (scores[0].mean(), scores[0].std(ddof=1))


def without_rounding(verdict: Verdict) -> list[float]:
    return [float(f"{value:.9g}") for value in floats(asdict(verdict))]


def test_the_order_of_arms_does_not_matter() -> None:
    scores, order = table([0.02, 0.02, 0.01, -0.01]), [3, 1, 4, 0, 2]
    verdict = judge(scores, NAMES, "none")
    permuted = judge(scores[order], [NAMES[index] for index in order], "none")
    assert [arm.name for arm in permuted.arms] == [arm.name for arm in verdict.arms]
    assert (permuted.leader, permuted.not_told_apart) == (verdict.leader, verdict.not_told_apart)
    assert without_rounding(permuted) == without_rounding(verdict)


def test_swapping_arm_and_baseline_mirrors() -> None:
    scores = table([0.03])
    forward, backward = judge(scores, NAMES[:2], "none"), judge(scores, NAMES[:2], "dropout")
    assert (forward.arms[0].word, backward.arms[0].word) == (Word.BETTER, Word.WORSE)
    assert backward.arms[0].difference.mean == -forward.arms[0].difference.mean
    assert backward.arms[0].p_adjusted == forward.arms[0].p_adjusted


def test_a_leader_not_called_better_is_the_largest() -> None:
    scores = table([0.004, 0.002], sd=0.02)
    verdict = judge(scores, NAMES[:3], "none")
    assert Word.BETTER not in [arm.word for arm in verdict.arms]
    assert verdict.headline is Headline.UNDECIDED
    assert verdict.leader == verdict.arms[0].name
    for arm in verdict.arms:
        assert (arm.needs is not None) == (arm.word is Word.UNDECIDED)


def test_the_leader_is_better_though_a_wilder_arm_is_ahead() -> None:
    scores = table([0.02, 0.0])
    scores[2] = scores[0] + 0.03 + 0.12 * np.tile([1, -1], 10)
    verdict = judge(scores, NAMES[:3], "none")
    assert [(arm.name, arm.word) for arm in verdict.arms] == [("mixup", Word.UNDECIDED), ("dropout", Word.BETTER)]
    assert (verdict.leader, verdict.not_told_apart) == ("dropout", ("mixup",))


@pytest.mark.parametrize(
    ("words", "headline"),
    [
        ([Word.NO_DIFFERENCE, Word.NO_DIFFERENCE], Headline.NONE_NEEDED),
        ([Word.NO_DIFFERENCE, Word.WORSE], Headline.NONE_HELPS),
        ([Word.WORSE, Word.UNDECIDED], Headline.UNDECIDED),
        ([Word.UNDECIDED, Word.BETTER], Headline.SOME_BETTER),
        ([None, None], Headline.NO_WORDS),
    ],
)
def test_headlines_follow_the_words(words: list[Word | None], headline: Headline) -> None:
    assert choose_headline(words) is headline


def test_few_replicates_are_judged_without_words() -> None:
    verdict = judge(table([0.2, 0.0], replicates=5), NAMES[:3], "none")
    assert [(arm.word, arm.needs) for arm in verdict.arms] == [(None, None), (None, None)]
    assert verdict.headline is Headline.NO_WORDS


def row_scores(effect: float, sd_row: float, seed: int = 3) -> tuple[np.ndarray, RowScores]:
    """Scores of a baseline and one arm on one locked test part of 40 rows, whose rows differ lastingly."""
    rng = np.random.default_rng(seed)
    lasting = effect + sd_row * rng.normal(size=40)
    base = rng.normal(size=(20, 40))
    rows = np.stack([base, base + lasting + 0.05 * rng.normal(size=(20, 40))])
    return rows.mean(axis=2), RowScores(rows, np.ones((20, 40), dtype=bool))


def test_rows_tested_again_widen_the_interval_and_ask_for_rows() -> None:
    scores, rows = row_scores(0.05, 0.3)
    blind, judged = (judge(scores, NAMES[:2], "none", rows=given).arms[0] for given in (None, rows))
    assert blind.interval.high - blind.interval.low < (judged.interval.high - judged.interval.low) / 3
    assert judged.difference.q_row == pytest.approx(0.09, rel=0.5)
    assert judged.word is Word.UNDECIDED
    assert judged.needs is not None
    assert judged.needs.replicates is None
    assert (judged.needs.rows or 0) > 40


def test_rows_may_come_one_arm_at_a_time_and_serve_the_leader_too() -> None:
    scores, rows = row_scores(1.0, 0.3)
    scores, values = np.vstack([scores, scores[1:]]), [*rows.scores, rows.scores[1] + np.tile([0.2, -0.2], 20)]
    verdict = judge(scores, NAMES[:3], "none", rows=RowScores(values, rows.tested))
    assert (verdict.leader, verdict.not_told_apart) == ("dropout", ("mixup",))
    own = measure_difference(scores[2] - scores[0], values[2] - values[0], describe_rows(rows.tested))
    assert verdict.arm("mixup").difference == own


def test_ties_everywhere_give_a_word_for_every_arm_and_no_nan() -> None:
    rng = np.random.default_rng(5)
    tested = np.zeros((10, 10), dtype=bool)
    for replicate in range(10):
        tested[replicate, 2 * (replicate % 5) : 2 * (replicate % 5) + 2] = True
    right = (rng.random((4, 10, 10)) < 0.7).astype(float)
    right[2] = right[0]
    right[3] = 0.0
    scores = (right * tested).sum(axis=2) / 2
    for rows in (None, RowScores(right, tested)):
        verdict = judge(scores, NAMES[:4], "none", Rules(folds=5), rows)
        assert all(arm.word is not None for arm in verdict.arms)
        assert verdict.arm("mixup").identical
        assert verdict.arm("mixup").word is Word.NO_DIFFERENCE
        assert not any(math.isnan(value) for value in floats(asdict(verdict)))


def test_constant_scores_are_judged() -> None:
    scores = np.repeat([[0.5], [0.5], [0.75]], 12, axis=1)
    verdict = judge(scores, NAMES[:3], "none")
    assert [(arm.name, arm.word, arm.identical) for arm in verdict.arms] == [
        ("mixup", Word.BETTER, False),
        ("dropout", Word.NO_DIFFERENCE, True),
    ]


def test_later_looks_spend_less() -> None:
    scores = table([0.0045], sd=0.008, seed=4)
    first, third = (judge(scores, NAMES[:2], "none", Rules(rope=0.001, look=look)) for look in (1, 3))
    assert third.alpha == first.alpha / 4
    assert third.critical > first.critical
    assert 0.00625 < first.arms[0].p_adjusted < 0.025
    assert (first.arms[0].word, third.arms[0].word) == (Word.BETTER, Word.UNDECIDED)


def test_needs_are_those_of_the_next_look() -> None:
    scores = table([0.012, 0.0, 0.005], sd=0.02)
    verdict, flips = judge(scores, NAMES[:4], "none", Rules(look=2)), flip(scores[1:] - scores[0])
    limits = Limits(0.01, 0.0125, flips.critical(0.0125), flips.critical(0.00625))
    undecided = [arm for arm in verdict.arms if arm.word is Word.UNDECIDED]
    assert undecided
    assert [arm.needs for arm in undecided] == [find_needs(arm.difference, limits) for arm in undecided]


def test_arms_of_one_difference_are_sorted_by_name() -> None:
    scores = np.repeat(table([0.02]), [1, 4], axis=0)
    verdict = judge(scores, NAMES, "none")
    assert [arm.name for arm in verdict.arms] == ["dropout", "l2", "mixup", "sam"]
    assert verdict.not_told_apart == ("l2", "mixup", "sam")


def test_needs_are_whole_partitions() -> None:
    scores = table([0.012, 0.0, 0.005, -0.004], replicates=10, sd=0.02)
    needs = [arm.needs for arm in judge(scores, NAMES, "none", Rules(folds=5)).arms if arm.needs]
    assert needs
    assert all(isinstance(need, Needs) and need.replicates and need.replicates % 5 == 0 for need in needs)


def test_the_seed_moves_only_random_flips() -> None:
    scores = table([0.01, 0.0])
    first, second = (judge(scores, NAMES[:3], "none", Rules(seed=seed)) for seed in (0, 1))
    assert first == judge(scores, NAMES[:3], "none")
    assert first.critical != second.critical
    few = [judge(scores[:, :10], NAMES[:3], "none", Rules(seed=seed)) for seed in (0, 1)]
    assert replace(few[1], rules=few[0].rules) == few[0]


@pytest.mark.parametrize(
    ("scores", "names", "message"),
    [
        (np.ones((2, 10)), ("none", "none"), "a name of their own"),
        (np.ones((2, 10)), ("l2", "sam"), "one of them is the baseline"),
        (np.ones((3, 10)), ("none", "l2"), "a row for each arm"),
        (np.ones((1, 10)), ("none",), "an arm besides"),
        (np.ones((2, 1)), ("none", "l2"), "two replicates"),
        (np.array([[1.0, 2.0], [1.0, math.nan]]), ("none", "l2"), "not finite"),
    ],
)
def test_tables_that_cannot_be_judged_are_refused(scores: np.ndarray, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        judge(scores, names, "none")
