"""The verdict of a study as lines of a terminal, from the content of study.json and verdict.json."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from regbench.errors import escape
from regbench.formatting import count_noun, format_seconds
from regbench.metrics import METRICS, Metric
from regbench.studies.sentences import show_change, show_figure

MOST_ARMS = 12
BAR = 6
"""Characters of the bar of the largest difference."""

LABEL = 11
SHORT = {"no practical difference": "no difference", None: "-"}
LEFT = ("arm", "", "word", " ")
"""Columns whose text stands to the left."""


def list_plan(plan: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield what a study is about to do: data, network, arms and plan."""
    data, sizes, estimate = plan["data"], plan["sizes"], plan["estimate"]
    yield from say("data", _describe_data(data), width)
    for note in data.get("notes", ()):
        yield from say("", f"note: {note}", width)
    parameters = plan["network"]["parameters"]
    yield from say("network", f"{plan['network']['text']}; {parameters:,} parameters", width)
    arms, trials = len(plan["arms"]) - 1, sizes["trials"]
    tuned = f"every arm tunes its learning rate, {count_noun(trials, 'trial')} each"
    yield from say("arms", f"{count_noun(arms, 'technique')} against {escape(plan['baseline'])}; {tuned}", width)
    for skipped in plan["skipped"]:
        yield from say("", f"skipped: {escape(skipped['name'])}: {escape(skipped['reason'])}", width)
    finalists = f" + 2 x {sizes['finalists']} finalists" if sizes["finalists"] else ""
    each = sizes["replicates"] * (trials + 2 * sizes["finalists"] + 1)
    replicates = f"{count_noun(sizes['replicates'], 'replicate')} ({plan['cut']['text']})"
    runs = f"({trials} trials{finalists} + 1 fresh run) = {each} runs an arm, {estimate['runs']:,} runs"
    time = f"about {format_seconds(estimate['seconds'])} on {count_noun(estimate['workers'], 'worker')}"
    yield from say("plan", f"{replicates} x {runs}, {time}", width)


def _describe_data(data: Mapping[str, Any]) -> str:
    parts = [f"{escape(data['name'])}: {data['rows']:,} rows", data["inputs"]]
    if data["classes"]:
        parts.append(count_noun(len(data["classes"]), "class").replace("classs", "classes"))
    told = f"{data['train']:,} training rows"
    if data.get("label_noise"):
        told += f", {100 * data['label_noise']:.0f} % of their labels wrong"
    return f"{', '.join(parts)}; {told}"


def list_verdict(plan: Mapping[str, Any], verdict: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield the table of the arms and what is said of them."""
    metric = METRICS[verdict["metric"]]
    yield from _align([_list_heads(metric), *_list_rows(metric, verdict)])
    yield from _list_scale(metric, plan, verdict, width)
    yield ""
    if not verdict["complete"]:
        yield from say("incomplete", f"{verdict['replicates']} of {plan['sizes']['replicates']} replicates", width)
    yield from say("verdict", verdict["headline"], width)
    yield from say("how", verdict["how"], width)
    if verdict.get("final"):
        final = " ".join(shlex.quote(escape(word)) for word in verdict["final"])
        yield from say("model", f"on all rows: regbench run {final}   (or this command with --final)", width)
    diagnosis = verdict.get("diagnosis")
    if diagnosis:
        yield from say("diagnosis", diagnosis["sentence"], width)
        for advice in diagnosis.get("advice", ()):
            yield from say("", advice, width)
    for note in (*verdict["notes"], *verdict["warnings"]):
        yield from say("note", note, width)
    if verdict["surer"]:
        yield from say("surer", verdict["surer"], width)
    if verdict["look"] > 1:
        yield from say("look", f"number {verdict['look']}: it spends alpha {verdict['alpha']:g}", width)


def list_files(folder: Path, page: Path | None, width: int) -> Iterator[str]:
    """Yield where the results lie."""
    if page is not None:
        yield from say("page", f"{page}   (verdict.json, trials.csv, fresh.csv beside it)", width)
    else:
        yield from say("files", f"{folder}   (verdict.json, trials.csv, fresh.csv)", width)


def _list_heads(metric: Metric) -> list[str]:
    lower = "" if metric.higher_is_better else " (lower is better)"
    return ["arm", f"{metric.name}{lower}", "difference", "95 % interval", "", "word", "x train", "wins", " "]


def _list_rows(metric: Metric, verdict: Mapping[str, Any]) -> Iterator[list[str]]:
    arms, base = verdict["arms"], verdict["baseline"]
    sign = 1 if metric.higher_is_better else -1
    shown = [arm for arm in arms[:MOST_ARMS] if sign * arm["difference"] > 0]
    rest = arms[len(shown) : MOST_ARMS]
    largest = max((abs(arm["difference"]) for arm in arms), default=0.0)
    yield from (_row(metric, arm, verdict["replicates"], largest) for arm in shown)
    cost = f"{base['cost']['train_ratio']:.1f}"
    warned = _list_marks(verdict["warnings"])
    yield [escape(base["name"]), show_figure(metric, base["mean"]), "baseline", "", "", "", cost, "", warned]
    yield from (_row(metric, arm, verdict["replicates"], largest) for arm in rest)
    if len(arms) > MOST_ARMS:
        better = sum(arm["word"] == "better" for arm in arms[MOST_ARMS:])
        yield [f"and {len(arms) - MOST_ARMS} more, {better or 'none'} better", *[""] * 8]


def _row(metric: Metric, arm: Mapping[str, Any], replicates: int, largest: float) -> list[str]:
    bar = "█" * round(BAR * abs(arm["difference"]) / largest) if largest else ""
    return [
        escape(arm["name"]),
        show_figure(metric, arm["mean"]),
        show_change(metric, arm["difference"]),
        f"[{show_change(metric, arm['low'])}, {show_change(metric, arm['high'])}]",
        bar,
        _describe_word(arm),
        f"{arm['cost']['train_ratio']:.1f}",
        f"{arm['wins']:g}/{replicates}",
        _list_marks(arm["warnings"]),
    ]


def _describe_word(arm: Mapping[str, Any]) -> str:
    word = SHORT.get(arm["word"], arm["word"])
    if arm["identical"]:
        return "identical results"
    needs = arm["needs"]
    if needs is None:
        return str(word)
    if needs["replicates"] is not None:
        return f"{word}  +{needs['replicates']}"
    return f"{word}  more rows" if needs["rows"] is None else f"{word}  about {needs['rows']:,} rows"


def _list_marks(warnings: Sequence[str]) -> str:
    """Return the kinds of an arm's warnings: `inert`, `edge`, `diverged 3/160`."""
    marks = []
    for warning in warnings:
        first, _, rest = warning.partition(" ")
        kind = first.rstrip(":")
        marks.append(f"{kind} {rest.partition(' ')[0]}" if kind == "diverged" else kind)
    return " ".join(dict.fromkeys(marks))


def _list_scale(metric: Metric, plan: Mapping[str, Any], verdict: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield what the untuned baseline and other models reach."""
    told = []
    typed = verdict.get("as_typed")
    if typed:
        told.append(f"as typed (untuned) {show_figure(metric, typed['mean'])}")
    references = verdict.get("references") or {}
    if references:
        others = ", ".join(f"{name} {show_figure(metric, found['mean'])}" for name, found in references.items())
        told.append(f"scikit-learn: {others}")
    if told:
        yield from textwrap.wrap(f"for scale: {'; '.join(told)}", width, subsequent_indent=" " * LABEL)


def list_budget(plan: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield what a dry run says besides the plan: what each arm's pilot showed, and the disk that is needed."""
    yield from _align(
        [
            ["arm", "epochs", "steps an epoch", "runs stacked", "s a run"],
            *[
                [
                    escape(name),
                    f"{pilot['epochs']:.0f}",
                    f"{pilot['steps']}",
                    f"{pilot['cohort']}",
                    f"{pilot['epochs'] * pilot['steps'] * pilot['step_seconds'] * (1 + pilot['evaluation']):.3f}",
                ]
                for name, pilot in plan["pilot"].items()
            ],
        ]
    )
    fresh = (len(plan["arms"]) + 2) * plan["sizes"]["replicates"]
    yield from say("disk", f"about {fresh * 0.2 + 5:.0f} MB ({fresh} fresh runs with a folder each)", width)
    yield from say("dry run", "nothing was trained but this pilot, and nothing was written", width)


def say(label: str, text: str, width: int) -> list[str]:
    """Return a text with its label as lines, wrapped beside it."""
    indent = " " * LABEL
    lines = textwrap.wrap(text, max(20, width - LABEL), break_long_words=False, break_on_hyphens=False) or [""]
    return [f"{label:<{LABEL}}{lines[0]}".rstrip(), *(indent + line for line in lines[1:])]


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows of cells as lines; the first row names the columns."""
    widths = [max(len(row[place]) for row in rows if any(row[1:])) for place in range(len(rows[0]))]
    for row in rows:
        cells = zip(row, widths, rows[0], strict=True)
        line = "  ".join(cell.ljust(width) if head in LEFT else cell.rjust(width) for cell, width, head in cells)
        yield line.rstrip()
