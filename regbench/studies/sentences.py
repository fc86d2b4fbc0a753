"""Sentences of a verdict: what a person should keep of it, in the figure's own unit."""

from __future__ import annotations

import math
from collections.abc import Mapping

from regbench.errors import escape
from regbench.evidence.verdict import ArmVerdict, Headline, Verdict
from regbench.evidence.words import Word
from regbench.formatting import format_figure, format_seconds, join_words
from regbench.metrics import Metric

PERCENT = ("accuracy", "balanced_accuracy", "macro_f1", "label_accuracy")
"""Shares that people read in per cent."""

HALF = 0.5
"""Share of the leader's cost below which an arm that is not told apart from it is named first."""

NONE = "none"


def show_figure(metric: Metric, value: float) -> str:
    """Return a mean with its unit: `84.4 %`."""
    return f"{100 * value:.1f} %" if metric.name in PERCENT else format_figure(value)


def show_change(metric: Metric, value: float) -> str:
    """Return a difference with its sign: `+2.6`."""
    if metric.name in PERCENT:
        return f"{100 * value:+.1f}"
    return f"{'-' if value < 0 else '+'}{format_figure(abs(value))}"


def show_end(metric: Metric, value: float) -> str:
    """Return an end of an interval, without a sign where it is positive."""
    return f"{100 * value:.1f}" if metric.name in PERCENT else format_figure(value)


def show_amount(metric: Metric, value: float) -> str:
    """Return a size with its unit, such as `2.6 points`."""
    if metric.name not in PERCENT:
        return format_figure(abs(value))
    points = f"{100 * abs(value):.1f}".removesuffix(".0")
    return f"{points} point{'' if points == '1' else 's'}"


def describe_headline(verdict: Verdict, metric: Metric, costs: Mapping[str, float], where: str) -> str:
    """Return the sentence that a person should keep of a study.

    Args:
        verdict: what the statistics say.
        metric: the judged figure.
        costs: training of each arm over that of the baseline; empty where it is not known.
        where: says where the others' numbers stand, for what is undecided.
    """
    arms = len(verdict.arms)
    baseline, leader = _name_baseline(verdict.baseline), verdict.arm(verdict.leader)
    if verdict.headline is Headline.NO_WORDS:
        return f"none: {verdict.replicates} replicates say too little; words are given from 10 on"
    if verdict.headline is Headline.SOME_BETTER:
        ratio = costs.get(leader.name)
        cost = "" if ratio is None else f", at {ratio:.1f} times the training time"
        return (
            f"Use {escape(leader.name)}: better than {baseline} by {show_amount(metric, leader.difference.mean)} of "
            f"{metric.name} ({describe_range(metric, leader, arms)}){cost}.{_list_close(verdict, costs)}"
        )
    within = f"{metric.name} by more than {show_amount(metric, verdict.rules.rope)}"
    if verdict.headline is Headline.NONE_NEEDED:
        if arms == 1:
            return f"This network does not need {escape(leader.name)}: it does not change {within}."
        return f"This network needs none of the {arms}: none changes {within}."
    named = {word: [escape(arm.name) for arm in verdict.arms if arm.word is word] for word in Word}
    if verdict.headline is Headline.NONE_HELPS:
        rest = named[Word.NO_DIFFERENCE]
        same = f"; {join_words(rest)} {'do' if len(rest) > 1 else 'does'} not change {within}" if rest else ""
        return f"Nothing is better than {baseline}: {join_words(named[Word.WORSE])} worse{same}."
    return f"Undecided: {join_words(named[Word.UNDECIDED])} against {baseline}; {where}."


def _name_baseline(name: str) -> str:
    return "the same network without it" if name == NONE else escape(name)


def _list_close(verdict: Verdict, costs: Mapping[str, float]) -> str:
    """Name the arms that are not told apart from the leader, the cheapest first if it costs under half."""
    close = [name for name in verdict.not_told_apart if name != verdict.baseline]
    leader = costs.get(verdict.leader)
    cheapest = min(close, key=lambda name: costs.get(name, math.inf), default=None)
    if cheapest is not None and leader is not None and costs.get(cheapest, math.inf) < HALF * leader:
        close = [cheapest, *(name for name in close if name != cheapest)]
        share = f" ({escape(cheapest)} trains in {costs[cheapest] / leader:.0%} of its time)"
    else:
        share = ""
    return f" Not told apart from it: {join_words([escape(name) for name in close])}{share}." if close else ""


def describe_range(metric: Metric, leader: ArmVerdict, arms: int) -> str:
    """Return by how much an arm may be better.

    The step-down test of the sign finds more than the interval that holds for all arms at once: where that holds 0, the
    arm's own is given.
    """
    own = leader.together.holds(0.0)
    ends = leader.interval if own else leader.together
    span = f"{show_end(metric, ends.low)} to {show_end(metric, ends.high)}"
    if arms == 1:
        return span
    accounted = f"with all {arms} arms accounted for"
    return f"{span} for this arm alone; that it is better holds {accounted}" if own else f"{span} {accounted}"


def describe_surer(verdict: Verdict, seconds: float, command: str = "the same command") -> str | None:
    """Return what would decide the undecided arm that is nearest to it; None where there is none.

    Args:
        verdict: what the statistics say.
        seconds: of a further replicate.
        command: the one that takes `--more`.
    """
    undecided = [arm for arm in verdict.arms if arm.word is Word.UNDECIDED and arm.needs is not None]
    by_replicates = [arm for arm in undecided if arm.needs is not None and arm.needs.replicates is not None]
    if by_replicates:
        nearest = min(by_replicates, key=lambda arm: (arm.needs.replicates, arm.name))  # type: ignore[union-attr]
        assert nearest.needs is not None
        count = nearest.needs.replicates or 0
        return (
            f"{command} with --more {count}: about 80 % chance to decide {escape(nearest.name)}, "
            f"{format_seconds(count * seconds)}"
        )
    rows = [(arm.needs.rows, arm.name) for arm in undecided if arm.needs is not None and arm.needs.rows is not None]
    if rows:
        least, name = min(rows)
        return f"more replicates cannot decide {escape(name)}: it takes about {least:,} rows to test"
    return None
