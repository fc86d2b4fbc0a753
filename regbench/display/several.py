"""Arms over several data sets as lines of a terminal: the table, a drawing of the ranks, and what can be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regbench.display.study_table import say
from regbench.errors import escape
from regbench.evidence.words import Word
from regbench.formatting import count_noun, join_words
from regbench.studies.sentences import show_amount, show_figure
from regbench.studies.several import ALPHA, TAUS, Normalised, Pairs, Several, Tests, find_unit

MARKS = {Word.BETTER: "+", Word.WORSE: "-", Word.NO_DIFFERENCE: "="}
"""Beside a figure: the word that the arm got on that data set."""

TRACK = 41
"""Characters of the drawing of the ranks."""

MOST_PAIRS = 12


def list_several(several: Several, width: int) -> Iterator[str]:
    """Yield the lines: figures by arm and data set, then what is true over data sets, and the notes."""
    yield from _list_table(several, width)
    tests = several.tests
    if tests is not None:
        yield ""
        yield from _draw_ranks(several, tests)
        yield ""
        yield from _list_tests(several, tests, width)
        yield ""
        yield from say("verdict", describe_several(several, tests), width)
        if tests.pairs is not None and (pairs := _list_pairs(several.names, tests.pairs)):
            yield from say("apart", pairs, width)
    else:
        yield ""
    for note in (*several.notes, *_explain(several)):
        yield from say("note", note, width)


def _list_table(several: Several, width: int) -> Iterator[str]:
    """Yield the figures, in as many blocks of data sets as the width needs."""
    metrics = {contest.metric for contest in several.contests}
    shared = metrics.pop() if len(metrics) == 1 else None
    head = ["arm", "mean rank"]
    left = [head, *([] if shared else [["", ""]])]
    left += [[escape(name), f"{rank:.2f}"] for name, rank in zip(several.names, several.ranks, strict=True)]
    columns = [_list_column(several, place, shared is None) for place in range(len(several.contests))]
    if shared is not None:
        lower = "" if shared.higher_is_better else " (lower is better)"
        yield f"{shared.name}{lower} of {len(several.names)} arms on {count_noun(len(columns), 'data set')}"
    room = width - sum(max(len(row[place]) for row in left) + 2 for place in (0, 1))
    for block in _split(columns, room):
        yield from _align([own + [column[place] for column in block] for place, own in enumerate(left)])


def _list_column(several: Several, place: int, named: bool) -> list[str]:
    contest = several.contests[place]
    marks = [MARKS.get(word, " ") if (word := contest.words.get(name)) else " " for name in several.names]
    shown = [show_figure(contest.metric, float(figure)) for figure in several.figures[place]]
    cells = [f"{figure} {mark}" for figure, mark in zip(shown, marks, strict=True)]
    return [f"{contest.data}  ", *([f"{contest.metric.name}  "] if named else []), *cells]


def _split(columns: Sequence[list[str]], room: int) -> Iterator[list[list[str]]]:
    """Yield the columns in blocks that fit, each of one column or more."""
    block: list[list[str]] = []
    taken = 0
    for column in columns:
        wide = max(map(len, column)) + 2
        if block and taken + wide > room:
            yield block
            block, taken = [], 0
        block, taken = [*block, column], taken + wide
    yield block


def _draw_ranks(several: Several, tests: Tests) -> Iterator[str]:
    """Yield the critical-difference diagram: a line an arm, and a column of bars for each group."""
    arms = len(several.names)
    wide = max(len("mean rank"), *(len(escape(name)) for name in several.names))
    places = [_place(rank, arms) for rank in range(1, arms + 1)]
    numbers = [" "] * (TRACK + 2)
    for rank, place in enumerate(places, start=1):
        numbers[place : place + len(str(rank))] = str(rank)
    if arms > TRACK // 3:
        numbers = list(f"{1:<{TRACK - 2}}{arms}")
    yield f"{'mean rank':<{wide}}  {''.join(numbers).rstrip()}"
    for arm, name in enumerate(several.names):
        track = ["-"] * TRACK
        for place in places:
            track[place] = "|"
        track[_place(float(several.ranks[arm]), arms)] = "o"
        bars = "".join("|" if arm in group else " " for group in tests.groups)
        yield f"{escape(name):<{wide}}  {''.join(track)}  {several.ranks[arm]:5.2f}  {bars}".rstrip()


def _place(rank: float, arms: int) -> int:
    return round((rank - 1) / (arms - 1) * (TRACK - 1))


def _list_tests(several: Several, tests: Tests, width: int) -> Iterator[str]:
    """Yield what is said of each arm: one table where it fits, else the scores on one scale below the rest."""
    rows = [_list_heads(several, tests), *_list_arms(several, tests)]
    lines = list(_align(rows))
    if several.normalised is None or max(map(len, lines)) <= width:
        yield from lines
        return
    first = len(rows[0]) - 1 - len(TAUS)
    yield from _align([row[:first] for row in rows])
    yield ""
    yield from _align([[row[0], *row[first:]] for row in rows])


def _list_heads(several: Several, tests: Tests) -> list[str]:
    base = escape(several.baseline)
    heads = ["arm", f"beats {base}"]
    if tests.pairs is not None:
        heads = ["arm", f"against {base}", "better", "same", "worse", f"beats {base}"]
    if several.normalised is not None:
        heads += ["on one scale, 95 % interval", *(f">= {tau:g}" for tau in TAUS)]
    return heads


def _list_arms(several: Several, tests: Tests) -> Iterator[list[str]]:
    base = several.names.index(several.baseline)
    for arm, name in enumerate(several.names):
        cells = [escape(name)]
        if tests.pairs is not None:
            chances = tests.pairs.chances[arm]
            shares = ("", "", "") if chances is None else (chances.better, chances.same, chances.worse)
            cells.append("baseline" if arm == base else _describe_pair(tests.pairs, arm, base))
            cells += [share if isinstance(share, str) else f"{100 * share:.0f} %" for share in shares]
        cells.append("" if arm == base else f"{100 * tests.improvement[arm]:.0f} %")
        if several.normalised is not None:
            cells += _describe_scale(several.normalised, arm)
        yield cells


def _describe_pair(pairs: Pairs, one: int, other: int) -> str:
    if pairs.better[one, other]:
        return "better"
    return "worse" if pairs.better[other, one] else "not told apart"


def _describe_scale(normalised: Normalised, arm: int) -> list[str]:
    mean = normalised.means[arm]
    shares = [f"{100 * share:.0f} %" for share in normalised.profile[arm]]
    return [f"{mean.value:.3f}  [{mean.interval.low:.3f}, {mean.interval.high:.3f}]", *shares]


def describe_several(several: Several, tests: Tests) -> str:
    """Return the sentence that a person should keep."""
    count = count_noun(len(several.contests), "data set")
    first, base = several.names[0], several.names.index(several.baseline)
    shown, rank = escape(first), f"{several.ranks[0]:.2f}"
    if tests.pairs is None:
        told = "" if tests.differ else ", but ranks as different as these may be chance"
        return f"Over {count} {shown} has the best mean rank, {rank}{told}."
    close = [
        escape(name)
        for arm, name in enumerate(several.names)
        if arm not in (0, base) and not tests.pairs.better[0, arm] and not tests.pairs.better[arm, 0]
    ]
    near = f" Not told apart from it: {join_words(close)}." if close else ""
    baseline = escape(several.baseline)
    if base == 0:
        return f"Nothing has a better mean rank than {baseline} over {count}.{near}"
    if tests.pairs.better[0, base]:
        return f"Use {shown}: better than {baseline} over {count}, all pairs of arms accounted for.{near}"
    return (
        f"Undecided over {count}: {shown} has the best mean rank, {rank}, and is not told apart from {baseline}.{near}"
    )


def _list_pairs(names: Sequence[str], pairs: Pairs) -> str:
    """Return the pairs that are told apart, as `dropout > none`."""
    found = [
        f"{escape(one)} > {escape(other)}"
        for place, one in enumerate(names)
        for against, other in enumerate(names)
        if pairs.better[place, against]
    ]
    more = f", and {len(found) - MOST_PAIRS} more" if len(found) > MOST_PAIRS else ""
    return ", ".join(found[:MOST_PAIRS]) + more


def _explain(several: Several) -> Iterator[str]:
    """Yield what the signs and columns mean."""
    baseline, tests = escape(several.baseline), several.tests
    if any(word in MARKS for contest in several.contests for word in contest.words.values()):
        yield f"+ better, - worse, = no practical difference against {baseline} on that data set"
    if tests is None:
        return
    if tests.differ is False:
        yield "ranks as different as these may be chance (Friedman), so that one bar holds all arms"
    else:
        yield f"arms that share a bar are closer than the critical difference of mean ranks, {tests.critical:.2f}"
    metric = find_unit(several.contests)
    if tests.pairs is not None and metric is not None:
        yield (
            f"against {baseline}: signed ranks over data sets, all pairs at {100 * ALPHA:g} % (Holm); better, same, "
            "worse: chances that this is so of data sets like these, same being within "
            f"{show_amount(metric, tests.pairs.rope)}"
        )
    yield f"beats {baseline}: chance that a run has a better figure than one of {baseline}, mean over data sets"
    if (scale := several.normalised) is not None:
        yield (
            f"on one scale: 0 is a constant guess and 1 the best reference model; interquartile mean of "
            f"{scale.replicates} replicates on each of {len(scale.data)} data sets; >= t: data sets where the arm "
            "reaches t"
        )


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows of cells as lines, the first column to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *rest = [(cell, wide) for cell, wide in zip(row, widths, strict=True)]
        yield "  ".join([first[0].ljust(first[1]), *(cell.rjust(wide) for cell, wide in rest)]).rstrip()
