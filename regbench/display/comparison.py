"""A comparison of arms as lines of a terminal: the table, the verdict, and what has to be known of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regbench.errors import escape
from regbench.evidence.intervals import Interval
from regbench.evidence.verdict import ArmVerdict, Headline, Verdict
from regbench.evidence.words import Word
from regbench.studies.comparison import Comparison
from regbench.studies.sentences import describe_headline, describe_how, show_change, show_figure

MOST_ARMS = 12
BAR = 6
"""Characters of the bar of the largest difference."""

SHORT = {Word.NO_DIFFERENCE: "no difference"}
LEFT = ("arm", "", "word")
"""Columns whose text stands to the left."""


def list_comparison(comparison: Comparison) -> Iterator[str]:
    """Yield the lines: a table of the arms, the verdict, the overrides of the arm it names, and the notes."""
    if comparison.field.data:
        yield comparison.field.data
    yield from _align([_list_heads(comparison), *_list_rows(comparison)])
    yield ""
    verdict = comparison.verdict
    if verdict is not None:
        yield f"verdict    {describe_verdict(comparison, verdict)}"
        if verdict.headline is Headline.SOME_BETTER:
            (leader,) = (arm for arm in comparison.field.arms if arm.name == verdict.leader)
            yield f"how        {describe_how(leader.overrides)}"
    for note in comparison.notes:
        yield f"note       {note}"


def describe_verdict(comparison: Comparison, verdict: Verdict) -> str:
    """Return the sentence that a person should keep."""
    return describe_headline(verdict, comparison.metric, {}, "the column 'word' says how many replicates would do")


def _list_heads(comparison: Comparison) -> list[str]:
    lower = "" if comparison.metric.higher_is_better else " (lower is better)"
    return ["arm", f"{comparison.field.metric}{lower}", "difference", "95 % interval", "", "word", "wins"]


def _list_rows(comparison: Comparison) -> Iterator[list[str]]:
    """Yield the cells of each arm, the best first, the baseline in its place, and last those that lost runs."""
    verdict, scores = comparison.verdict, comparison.field.scores()
    means = {arm.name: float(row.mean()) for arm, row in zip(comparison.field.arms, scores, strict=True)}
    base = [
        escape(comparison.baseline),
        show_figure(comparison.metric, means[comparison.baseline]),
        "",
        "",
        "",
        "baseline",
        "",
    ]
    arms = verdict.arms if verdict is not None else ()
    shown = [arm for arm in arms[:MOST_ARMS] if arm.difference.mean > 0]
    rest = arms[len(shown) : MOST_ARMS]
    largest = max((abs(arm.difference.mean) for arm in arms), default=0.0)
    yield from (_row(comparison, arm, means[arm.name], largest) for arm in shown)
    yield base
    yield from (_row(comparison, arm, means[arm.name], largest) for arm in rest)
    if len(arms) > MOST_ARMS:
        better = sum(arm.word is Word.BETTER for arm in arms[MOST_ARMS:])
        yield [f"and {len(arms) - MOST_ARMS} more, {better or 'none'} better", *[""] * 6]
    for lost in comparison.lost:
        yield [escape(lost.name), "-", "", "", "", f"lost {lost.lost} of {len(lost.runs)} runs: not judged", ""]


def _row(comparison: Comparison, arm: ArmVerdict, mean: float, largest: float) -> list[str]:
    low, high = _orient(comparison, arm.interval)
    bar = "█" * round(BAR * abs(arm.difference.mean) / largest) if largest else ""
    shift = arm.difference.mean * (1 if comparison.metric.higher_is_better else -1)
    return [
        escape(arm.name),
        show_figure(comparison.metric, mean),
        show_change(comparison.metric, shift),
        f"[{show_change(comparison.metric, low)}, {show_change(comparison.metric, high)}]",
        bar,
        _describe_word(arm),
        f"{arm.wins.count:g}/{arm.difference.replicates}",
    ]


def _describe_word(arm: ArmVerdict) -> str:
    if arm.word is None:
        return "-"
    if arm.identical:
        return "identical results"
    needs = arm.needs
    if needs is None:
        return SHORT.get(arm.word, arm.word.value)
    if needs.replicates is not None:
        return f"{arm.word}  +{needs.replicates} replicates"
    return f"{arm.word}  more rows" if needs.rows is None else f"{arm.word}  about {needs.rows} rows"


def _orient(comparison: Comparison, interval: Interval) -> tuple[float, float]:
    """Return the ends of an interval as differences of the figure itself, of which lower may be better."""
    ends = (interval.low, interval.high)
    return ends if comparison.metric.higher_is_better else (-interval.high, -interval.low)


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows of cells as lines; the first row names the columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, rows[0], strict=True)
        line = "  ".join(cell.ljust(width) if head in LEFT else cell.rjust(width) for cell, width, head in cells)
        yield line.rstrip()
