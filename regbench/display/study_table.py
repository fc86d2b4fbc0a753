"""The verdict of a study as lines of a terminal, from the content of study.json and verdict.json."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regbench.errors import escape
from regbench.formatting import count_noun, spell_seconds
from regbench.metrics import METRICS, Metric
from regbench.studies.sentences import describe_how, list_warnings, mark_warnings, show_change, show_figure

MOST_ARMS = 12
BAR = 6
"""Characters of the bar of the largest difference."""

LABEL = 11
NO_BREAK = "\N{NO-BREAK SPACE}"
SHORT = {"no practical difference": "no difference", None: "-"}


@dataclass(frozen=True)
class Row:
    """The cells of an arm; `needs` is `+55`, the replicates that would decide it."""

    name: str
    figure: str
    change: str
    interval: str
    bar: str
    word: str
    needs: str
    cost: str
    wins: str
    marks: str


@dataclass(frozen=True)
class Layout:
    """Spaces between the columns of the table, and which of those that can be missed it has."""

    gap: int
    bars: bool
    marks: bool
    wins: bool


LAYOUTS = (
    Layout(4, bars=True, marks=True, wins=True),
    Layout(2, bars=True, marks=True, wins=True),
    Layout(2, bars=False, marks=True, wins=True),
    Layout(2, bars=False, marks=False, wins=True),
    Layout(2, bars=False, marks=False, wins=False),
)
"""From wide to narrow: the first that fits the terminal is taken. Marks are also told below the table."""


def list_plan(plan: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield what a study is about to do: data, network, arms and plan."""
    data, sizes, estimate = plan["data"], plan["sizes"], plan["estimate"]
    yield from say("data", _describe_data(data), width)
    for note in data.get("notes", ()):
        yield from say("", f"note: {note}", width)
    if plan["metric"]["why"].startswith("imbalanced"):
        yield from say("", f"judged by {plan['metric']['name']}: {escape(plan['metric']['why'])}", width)
    parameters = plan["network"]["parameters"]
    yield from say("network", f"{plan['network']['text']}; {parameters:,} parameters", width)
    cocktail = " and a cocktail of the best three" if plan.get("cocktail") else ""
    arms, trials = len(plan["arms"]) - 1 - bool(cocktail), sizes["trials"]
    tuned = f"every arm tunes its learning rate, {count_noun(trials, 'trial')} each"
    told = f"{count_noun(arms, 'technique')}{cocktail} against {escape(plan['baseline'])}; {tuned}"
    yield from say("arms", told, width)
    for skipped in plan["skipped"]:
        yield from say("", f"skipped: {escape(skipped['name'])}: {escape(skipped['reason'])}", width)
    finalists = f" + 2 x {sizes['finalists']} finalists" if sizes["finalists"] else ""
    each = sizes["replicates"] * (trials + 2 * sizes["finalists"] + 1)
    replicates = f"{count_noun(sizes['replicates'], 'replicate')} ({plan['cut']['text']})"
    runs = f"({trials} trials{finalists} + 1 fresh run) = {each} runs an arm, {estimate['runs']:,} runs"
    time = f"about {spell_seconds(estimate['seconds'])} on {count_noun(estimate['workers'], 'worker')}"
    yield from say("plan", f"{replicates} x {runs}, {time}", width)
    if "curves" in plan:
        points, further = plan["curves"]["points"], plan["curves"]["runs"]
        told = f"{escape(plan['baseline'])} and the leader again on fewer rows or with wrong labels"
        yield from say("", f"{further:,} of them train {told}, {points} times each", width)


def _describe_data(data: Mapping[str, Any]) -> str:
    parts = [f"{escape(data['name'])}: {data['rows']:,} rows", data["inputs"]]
    if data["classes"]:
        parts.append(count_noun(len(data["classes"]), "class").replace("classs", "classes"))
    told = f"{data['train']:,} training rows"
    if data.get("label_noise"):
        told += f", {100 * data['label_noise']:.0f} % of their labels wrong"
    return f"{', '.join(parts)}; {told}"


def list_verdict(plan: Mapping[str, Any], verdict: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield the table of the arms and what is said of them; commands and paths are lines that can be copied."""
    metric = METRICS[verdict["metric"]]
    yield from _list_table(metric, verdict, width)
    yield from _list_scale(metric, plan, verdict, width)
    yield ""
    if not verdict["complete"]:
        done = f"{verdict['replicates']} of {count_noun(plan['sizes']['replicates'], 'replicate')}"
        rest = "the rest" if verdict["replicates"] < plan["sizes"]["replicates"] else "the runs that are left"
        yield from say("incomplete", f"{done} judged; the study's command goes on with {rest}", width)
    yield from say("verdict", verdict["headline"], width)
    if verdict["how"]:
        yield f"{'how':<{LABEL}}{escape(verdict['how'])}"
    if verdict.get("final"):
        yield f"{'model':<{LABEL}}regbench run {describe_how(verdict['final'])}"
        yield from say("", "trains it on all rows; so does this command with --final", width)
    diagnosis = verdict.get("diagnosis")
    if diagnosis:
        yield from say("diagnosis", diagnosis["sentence"], width)
        for advice in diagnosis.get("advice", ()):
            yield from say("", advice, width)
    own = {verdict["baseline"]["name"]: verdict["warnings"]} | {arm["name"]: arm["warnings"] for arm in verdict["arms"]}
    for warning in list_warnings(own):
        yield from say("warning", warning, width)
    for note in verdict["notes"]:
        yield from say("note", note, width)
    if verdict["surer"]:
        yield from say("surer", verdict["surer"], width)
    if verdict["look"] > 1:
        yield from say("look", f"number {verdict['look']}: it spends alpha {verdict['alpha']:g}", width)


def list_files(folder: Path | None, page: Path | None, width: int) -> Iterator[str]:
    """Yield where the results lie; the path stands alone where the rest does not fit beside it."""
    label, where = ("files", folder) if page is None else ("page", page)
    if where is None:
        return
    rest = f"verdict.json, trials.csv, fresh.csv{'' if page is None else ' beside it'}"
    line = f"{label:<{LABEL}}{escape(str(where))}"
    if len(line) + len(rest) + 5 <= width:
        yield f"{line}   ({rest})"
    else:
        yield line
        yield from say("", rest, width)


def _list_table(metric: Metric, verdict: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield the arms, the best first, in the widest layout that fits."""
    rows, arms = _list_rows(metric, verdict), verdict["arms"]
    for layout in LAYOUTS:
        lines = _lay_out(metric, rows, layout)
        if max(map(len, lines)) <= width:
            break
    yield from lines
    if len(arms) > MOST_ARMS:
        better = sum(arm["word"] == "better" for arm in arms[MOST_ARMS:])
        yield f"and {len(arms) - MOST_ARMS} more, {better or 'none'} better"


def _list_rows(metric: Metric, verdict: Mapping[str, Any]) -> list[Row]:
    arms, base = verdict["arms"][:MOST_ARMS], verdict["baseline"]
    sign = 1 if metric.higher_is_better else -1
    largest = max((abs(arm["difference"]) for arm in verdict["arms"]), default=0.0)
    rows = [_make_row(metric, arm, verdict["replicates"], largest) for arm in arms]
    better = sum(sign * arm["difference"] > 0 for arm in arms)
    name, cost = escape(base["name"]), f"{base['cost']['train_ratio']:.1f}"
    marks = mark_warnings(verdict["warnings"])
    return [
        *rows[:better],
        Row(name, show_figure(metric, base["mean"]), "", "", "", "", "", cost, "", marks),
        *rows[better:],
    ]


def _make_row(metric: Metric, arm: Mapping[str, Any], replicates: int, largest: float) -> Row:
    word, needs = _describe_word(arm)
    return Row(
        name=escape(arm["name"]),
        figure=show_figure(metric, arm["mean"]),
        change=show_change(metric, arm["difference"]),
        interval=f"[{show_change(metric, arm['low'])}, {show_change(metric, arm['high'])}]",
        bar="█" * round(BAR * abs(arm["difference"]) / largest) if largest else "",
        word=word,
        needs=needs,
        cost=f"{arm['cost']['train_ratio']:.1f}",
        wins=f"{arm['wins']:g}/{replicates}",
        marks=mark_warnings(arm["warnings"]),
    )


def _describe_word(arm: Mapping[str, Any]) -> tuple[str, str]:
    """Return the word for an arm, and the replicates that it lacks."""
    word, needs = SHORT.get(arm["word"], arm["word"]), arm["needs"]
    if arm["identical"]:
        return "identical results", ""
    if needs is None:
        return str(word), ""
    if needs["replicates"] is not None:
        return str(word), f"+{needs['replicates']:,}"
    return f"{word}  more rows" if needs["rows"] is None else f"{word}  about {needs['rows']:,} rows", ""


def _lay_out(metric: Metric, rows: Sequence[Row], layout: Layout) -> list[str]:
    """Return the table, the heads of its columns first."""
    wide = {cell: max(len(getattr(row, cell)) for row in rows) for cell in Row.__annotations__}
    told = max(len(row.word) + (2 + wide["needs"]) * bool(row.needs) for row in rows)
    lower = "" if metric.higher_is_better else " (lower is better)" if layout.bars else ", lower"
    columns = [["arm", *(row.name for row in rows)], [metric.name + lower, *(row.figure for row in rows)]]
    changes = ["difference, 95 % interval" if layout.bars else "difference, 95 %"]
    for row in rows:
        change = f"{row.change:>{wide['change']}}  {row.interval:<{wide['interval']}}"
        bar = f"{' ' * layout.gap}{row.bar:<{BAR}}" if layout.bars else ""
        changes.append(f"{change}{bar}".rstrip() if row.change else "baseline")
    words = [f"{row.word}{row.needs:>{told - len(row.word)}}" if row.needs else row.word for row in rows]
    columns += [changes, ["word", *words], ["x train", *(row.cost for row in rows)]]
    if layout.wins:
        columns.append(["wins", *(row.wins for row in rows)])
    if layout.marks:
        columns.append(["", *(row.marks for row in rows)])
    return list(align(columns, layout.gap))


def align(columns: Sequence[Sequence[str]], gap: int) -> Iterator[str]:
    """Yield columns of cells as lines; those of names, differences, words and marks stand to the left."""
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        cells = [
            cell.ljust(width) if column[0][:4] in ("arm", "diff", "word", "") else cell.rjust(width)
            for cell, column, width in zip(row, columns, widths, strict=True)
        ]
        yield (" " * gap).join(cells).rstrip()


def _list_scale(metric: Metric, plan: Mapping[str, Any], verdict: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield what the untuned baseline and other models reach, the best model first."""
    told = []
    typed, sign = verdict.get("as_typed"), -1 if metric.higher_is_better else 1
    if typed:
        rate = plan.get("identity", {}).get("schedule", {}).get("optimizer", {}).get("lr")
        told.append(
            f"as typed ({'' if rate is None else f'lr {rate:g}, '}untuned) {show_figure(metric, typed['mean'])}"
        )
    references = verdict.get("references") or {}
    if references:
        best = sorted(references.items(), key=lambda item: sign * item[1]["mean"])
        others = ", ".join(f"{name} {show_figure(metric, found['mean'])}" for name, found in best)
        told.append(f"scikit-learn: {others}")
    if told:
        yield from wrap(f"for scale: {'; '.join(told)}", width, " " * LABEL)


def say(label: str, text: str, width: int) -> list[str]:
    """Return a text with its label as lines, wrapped beside it; a number stays with its unit."""
    first, *rest = wrap(text, max(20, width - LABEL)) or [""]
    return [f"{label:<{LABEL}}{first}".rstrip(), *(" " * LABEL + line for line in rest)]


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Return a text as printable lines, those after the first with an indent; a number stays with its unit."""
    joined = re.sub(r"(?<=\d) (?=(%|s|min|h|points?)(?!\w))", NO_BREAK, escape(text))
    lines = textwrap.wrap(joined, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return [line.replace(NO_BREAK, " ") for line in lines]
