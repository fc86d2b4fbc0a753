"""Sentences of a verdict: what a person should keep of it, in the figure's own unit."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from regbench.errors import escape
from regbench.evidence.verdict import ArmVerdict, Headline, Verdict
from regbench.evidence.words import FEWEST, Needs, Word
from regbench.formatting import count_noun, format_figure, join_words, spell_seconds
from regbench.metrics import Metric

if TYPE_CHECKING:
    from regbench.data.repeats import Repeats

PERCENT = ("accuracy", "balanced_accuracy", "macro_f1", "label_accuracy")
"""Shares that people read in per cent."""

HALF = 0.5
"""Share of the leader's cost below which an arm that is not told apart from it is named first."""

MOST_NAMED = 5
"""Arms that a sentence lists; the table has all."""

NONE = "none"
LR = "schedule.optimizer.lr"


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


def describe_headline(verdict: Verdict, metric: Metric, costs: Mapping[str, float], where: str | None = None) -> str:
    """Return the sentence that a person should keep of a study.

    Args:
        verdict: what the statistics say.
        metric: the judged figure.
        costs: training of each arm over that of the baseline; empty where it is not known.
        where: says where one finds what would decide what is undecided; None says what would decide the nearest.
    """
    if verdict.headline is Headline.NO_WORDS:
        few = count_noun(verdict.replicates, "replicate")
        return f"No words yet: {few} say too little; words are given from {FEWEST} on."
    if verdict.headline is Headline.SOME_BETTER:
        leader = verdict.arm(verdict.leader)
        ratio = costs.get(leader.name)
        cost = "" if ratio is None else f", at {ratio:.1f} times the training time"
        gain = show_amount(metric, leader.difference.mean)
        by = f" by {gain} of {metric.name}" if metric.higher_is_better else f": {metric.name} lower by {gain}"
        return (
            f"Use {escape(leader.name)}: better than {_name_baseline(verdict.baseline, 1)}{by} "
            f"({describe_range(metric, leader, len(verdict.arms))}){cost}.{_list_close(verdict, costs)}"
        )
    within = f"{metric.name} by more than {show_amount(metric, verdict.rules.rope)}"
    if verdict.headline is Headline.NONE_NEEDED:
        return _describe_no_need(verdict, within)
    named = {word: [escape(arm.name) for arm in verdict.arms if arm.word is word] for word in Word}
    if verdict.headline is Headline.NONE_HELPS:
        worse, rest = named[Word.WORSE], named[Word.NO_DIFFERENCE]
        base = _name_baseline(verdict.baseline, len(verdict.arms))
        same = f"; {_list_some(rest)} {'do' if len(rest) > 1 else 'does'} not change {within}" if rest else ""
        return f"Nothing is better than {base}: {_list_some(worse)} {'are' if len(worse) > 1 else 'is'} worse{same}."
    undecided = named[Word.UNDECIDED]
    base = _name_baseline(verdict.baseline, len(undecided))
    return f"Undecided: {_list_some(undecided)} against {base}{_say_where(verdict, where)}."


def _describe_no_need(verdict: Verdict, within: str) -> str:
    arms = len(verdict.arms)
    what = f"none of the {arms} arms changes" if arms > 1 else f"{escape(verdict.leader)} does not change"
    if verdict.baseline != NONE:
        return f"Against {escape(verdict.baseline)}, {what} {within}."
    if arms == 1:
        return f"This network does not need {escape(verdict.leader)}: it does not change {within}."
    return f"This network needs none of the {arms}: none changes {within}."


def _name_baseline(name: str, arms: int) -> str:
    """Name the baseline in a sentence about so many arms."""
    if name != NONE:
        return escape(name)
    return f"the same network without {'it' if arms == 1 else 'them'}"


def _list_some(names: Sequence[str]) -> str:
    """Return a few names, as a sentence has them, and how many more there are."""
    if len(names) <= MOST_NAMED:
        return join_words(names)
    return join_words([*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} more"])


def _say_where(verdict: Verdict, where: str | None) -> str:
    if where is not None:
        return f"; {where}"
    nearest = find_nearest(verdict)
    if nearest is not None:
        names, count = nearest
        return f"; {count_noun(count, 'further replicate')} would decide {_list_some(names)} in about 80 % of cases"
    rows = find_least_rows(verdict)
    return "" if rows is None else f"; more replicates cannot decide {rows[0]}, more rows can"


def _list_close(verdict: Verdict, costs: Mapping[str, float]) -> str:
    """Name the arms that are not told apart from the leader, the cheapest first if it costs under half."""
    close = [name for name in verdict.not_told_apart if name != verdict.baseline]
    leader = costs.get(verdict.leader)
    cheapest = min(close, key=lambda name: costs.get(name, math.inf), default=None)
    share = ""
    if cheapest is not None and leader is not None and costs.get(cheapest, math.inf) < HALF * leader:
        close = [cheapest, *(name for name in close if name != cheapest)]
        share = f" ({escape(cheapest)} trains in {100 * costs[cheapest] / leader:.0f} % of its time)"
    return f" Not told apart from it: {_list_some([escape(name) for name in close])}{share}." if close else ""


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


def describe_how(overrides: Sequence[str]) -> str:
    """Return overrides as one types them in a shell."""
    return " ".join(shlex.quote(escape(word)) for word in overrides)


def find_nearest(verdict: Verdict) -> tuple[list[str], int] | None:
    """Return the undecided arms that the fewest further replicates would decide, and how many; None if none would."""
    needs = {name: need.replicates for name, need in _list_needs(verdict) if need.replicates is not None}
    if not needs:
        return None
    least = min(needs.values())
    return [escape(name) for name, count in needs.items() if count == least], least


def find_least_rows(verdict: Verdict) -> tuple[str, int] | None:
    """Return the undecided arm that the fewest tested rows would decide, and how many; None if rows are not short."""
    needs = [(need.rows, name) for name, need in _list_needs(verdict) if need.rows is not None]
    if not needs:
        return None
    rows, name = min(needs)
    return escape(name), rows


def _list_needs(verdict: Verdict) -> list[tuple[str, Needs]]:
    return [(arm.name, arm.needs) for arm in verdict.arms if arm.word is Word.UNDECIDED and arm.needs is not None]


def describe_surer(verdict: Verdict, seconds: float, command: str = "the same command") -> str | None:
    """Return what would decide the undecided arms that are nearest to it; None where nothing is known to.

    Args:
        verdict: what the statistics say; its numbers of replicates are whole partitions.
        seconds: of a further replicate.
        command: the one that takes `--more`.
    """
    nearest = find_nearest(verdict)
    if nearest is not None:
        names, count = nearest
        each = " each" if len(names) > 1 else ""
        return (
            f"{command} with --more {count}: about 80 % chance{each} to decide {_list_some(names)}, "
            f"{spell_seconds(count * seconds)}"
        )
    short = find_least_rows(verdict)
    if short is None:
        return None
    return f"more replicates cannot decide {short[0]}: it takes about {short[1]:,} rows to test"


def describe_lost_tuning(trials: int, loss: float, metric: Metric) -> str:
    """Return the note on a baseline that so many trials made worse than the settings as typed, by a loss above 0."""
    return (
        f"{count_noun(trials, 'trial')} lost {show_amount(metric, loss)} against the settings as typed: "
        f"study.trials={2 * trials} may raise every arm"
    )


def describe_few_rows(rows: int, metric: Metric) -> str:
    """Return the warning that a replicate tests few rows."""
    worth = f", so that one row is {100 / rows:.1f} points" if metric.name == "accuracy" else ""
    return f"few rows: a replicate tests {count_noun(rows, 'row')}{worth}"


def describe_repeats(repeats: Repeats) -> str:
    """Return the warning that rows repeat others, and whether the parts tear them apart."""
    many = f"duplicates: {repeats.rows:,} of {repeats.total:,} rows repeat another in all inputs"
    if repeats.together:
        return f"{many}; equal rows are kept in one part (dataset.split.duplicates=apart if they are different cases)"
    torn = [
        f"{count:,} of {size:,} {part} rows equal one that {others}"
        for count, size, part, others in (
            (repeats.test, repeats.test_rows, "test", "trains or validates"),
            (repeats.val, repeats.val_rows, "validation", "trains"),
        )
        if count
    ]
    return f"{many}; {join_words(torn)}, so that figures on them may be too good"


def list_warnings(found: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a sentence for each kind of warning, of the warnings of each arm, of which the first word is the kind."""
    kinds: dict[str, list[str]] = {"inert": [], "edge": [], "diverged": []}
    for arm, warnings in found.items():
        for warning in warnings:
            kind, told = _part(warning)
            kinds.setdefault(kind, []).append(_name_case(kind, escape(arm), escape(told)))
    explain = {
        "inert": "no trial of {} changed a validation figure by 0.5 %; widen what is tried with study.search",
        "edge": "recommended at the end of what is tried, which study.search widens: {}",
        "diverged": "{} trials",
    }
    return [f"{kind}: {explain.get(kind, '{}').format(_list_some(cases))}" for kind, cases in kinds.items() if cases]


def mark_warnings(warnings: Sequence[str]) -> str:
    """Return the kinds of an arm's warnings, for a column: `inert`, `edge`, `diverged 3/160`."""
    parts = [_part(warning) for warning in warnings]
    return " ".join(dict.fromkeys(f"{kind} {told}" if kind == "diverged" else kind for kind, told in parts))


def _part(warning: str) -> tuple[str, str]:
    kind, _, told = warning.partition(" ")
    return kind.rstrip(":"), told


def _name_case(kind: str, arm: str, told: str) -> str:
    """Return what a warning is about: an arm, or a setting, or both."""
    if kind != "edge":
        return f"{arm} {told}" if kind == "diverged" else arm
    key = "lr" if told == LR else told.removeprefix("regularizer.")
    return key if key.startswith(f"{arm}.") else f"{key} of {arm}"
