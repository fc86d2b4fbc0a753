"""The page of a sweep: its ranking, and how its runs depend on what was swept."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from regbench.errors import ConfigError, escape
from regbench.formatting import count_noun, describe_idle
from regbench.metrics import METRICS
from regbench.report.figures.loss_panels import LossCurves, best_epoch_of, draw_losses, read_metrics
from regbench.report.figures.response import Response, draw_panels
from regbench.report.figures.weights import SPARSE, draw_weights, read_weights
from regbench.report.page import Card, Cell, Leaderboard, Page, Row
from regbench.report.papers import list_references
from regbench.report.picture import Picture, Swatch
from regbench.report.wording import Measure, read_list
from regbench.store.run_files import read_run
from regbench.sweeps.averaging import Score
from regbench.sweeps.labels import label_groups, telling_keys
from regbench.sweeps.ranking import SeedGroup, best, is_data, rank
from regbench.sweeps.run_status import RunStatus

PLACES = ("runs=", "name=", "quiet=", "resume=", "sweep")
"""Overrides that say nothing of what is trained."""
MOST = 12
"""Groups of which loss curves and weights are drawn: the best ones."""


def make_sweep_page(folder: Path, statuses: Sequence[RunStatus], warn: Callable[[str], None]) -> Page:
    """Return the page of a sweep.

    Args:
        folder: holds the folders of its runs.
        statuses: its runs, read.
        warn: takes a line for what is left out.

    Raises:
        ConfigError: none of its runs has ended.
    """
    if not any(run.state.ended for run in statuses):
        raise ConfigError(f"{escape(str(folder))}: none of its runs has ended; there is nothing to show")
    groups = rank(statuses)
    labels = label_groups(groups, telling_keys(groups))
    measure = _find_measure(groups)
    ended = sum(run.state.ended for run in statuses)
    first = next(iter(best(groups)), None)
    place = next((n for n, group in enumerate(groups) if group is first), None)
    members = sorted({name for group in groups for name in str(group.values.get("regularizer")).split("+")})
    return Page(
        title=f"The sweep {escape(folder.resolve().name)}",
        mark=f"regbench sweep, {count_noun(len(statuses), 'run')}",
        kind="ranking",
        headline=_say(labels, groups, place, measure),
        command=_find_command(folder, first),
        warnings=_list_idle(groups, labels),
        banner="" if ended == len(statuses) else f"Incomplete: {ended} of {len(statuses)} runs have ended.",
        notes=(
            "Groups are ordered by validation figures, each of them the best epoch of its run, so that the first "
            "is too good to be true; regbench compare judges their differences on test rows, and a study tunes "
            "them alike.",
        ),
        cards=(_describe_sweep(groups, statuses),),
        leaderboard=_make_table(groups, labels, measure),
        figures=tuple(_draw(folder, groups, labels, measure)),
        files=(("sweep.csv", "a row for each run"),) if (folder / "sweep.csv").exists() else (),
        references=list_references(members),
    )


def _list_idle(groups: Sequence[SeedGroup], labels: Sequence[str]) -> tuple[str, ...]:
    """Return a line for each regularizer that changes nothing on the data of its runs."""
    return tuple(
        f"{escape(label)}: {name} is {describe_idle(escape(reason))}"
        for group, label in zip(groups, labels, strict=True)
        for name, reason in group.idle.items()
    )


def _find_measure(groups: Sequence[SeedGroup]) -> Measure:
    metric = METRICS.get(next((group.metric for group in groups if group.metric), "loss"), METRICS["loss"])
    return Measure(metric.name, metric.unit, metric.higher_is_better)


def _say(labels: Sequence[str], groups: Sequence[SeedGroup], place: int | None, measure: Measure) -> str:
    if place is None:
        return "No group has a validation figure, so none is called best."
    return f"Best by validation: {labels[place]}, {measure.words} {_write(groups[place].validation, measure)}."


def _find_command(folder: Path, first: SeedGroup | None) -> str:
    """Return the command that trains a run of the best group again; empty where none is best."""
    run = _median_run(first) if first else None
    if run is None:
        return ""
    facts = read_run(folder / run.run.run_id / "run.json") or {}
    words = [str(word) for word in read_list(facts, "overrides")]
    kept = [word for word in words if not word.startswith(PLACES)]
    return escape(" ".join(["regbench run", *map(shlex.quote, kept)])) if words else ""


def _write(score: Score | None, measure: Measure) -> str:
    if score is None:
        return "-"
    error = "" if score.error is None else f" ± {measure.difference(score.error).lstrip('+')}"
    return f"{measure.value(score.mean)}{error}"


def _describe_sweep(groups: Sequence[SeedGroup], statuses: Sequence[RunStatus]) -> Card:
    values = groups[0].values
    counts: dict[str, int] = {}
    for run in statuses:
        counts[run.state.value] = counts.get(run.state.value, 0) + 1
    facts = [
        ("data", escape(str(values.get("dataset.name", "")))),
        ("network", escape(str(values.get("model.name", "")))),
        ("groups", str(len(groups))),
        ("runs", ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts.items())),
        ("swept", escape(", ".join(telling_keys(groups))) or "seeds only"),
    ]
    return Card("the sweep", tuple((name, text) for name, text in facts if text))


def _make_table(groups: Sequence[SeedGroup], labels: Sequence[str], measure: Measure) -> Leaderboard:
    columns = (
        ("group", "runs that differ in seed and split only"),
        ("data", "what tells its data from the others"),
        (f"validation {measure.label}", "mean at each run's best epoch, ± its standard error"),
        (f"test {measure.label}", "mean at the same epochs"),
        ("validation loss", "mean at the same epochs"),
        ("runs", "ended of planned"),
        ("diverged", "runs that diverged"),
    )
    several = len({group.data for group in groups}) > 1
    rows = []
    for number, (group, label) in enumerate(zip(groups, labels, strict=True)):
        data = ", ".join(f"{key.removeprefix('dataset.')}={value}" for key, value in group.data)
        cells = (
            Cell(label),
            *((Cell(escape(data), data),) if several else ()),
            *(Cell(_write(score, measure), score.mean if score else None) for score in (group.validation, group.test)),
            Cell(f"{group.loss.mean:.4f}" if group.loss else "-", group.loss.mean if group.loss else None),
            Cell(f"{group.ended}/{group.runs}", group.ended),
            Cell(str(group.diverged), group.diverged, "warn" if group.diverged else ""),
        )
        rows.append(Row(cells, number, label))
    kept = columns if several else (columns[0], *columns[2:])
    return Leaderboard(
        kept, tuple(rows), caption="In the order of the ranking; a click on a column's name sorts by it."
    )


def _draw(folder: Path, groups: Sequence[SeedGroup], labels: Sequence[str], measure: Measure) -> Iterator[Picture]:
    responses = list(_list_responses(groups, measure))
    if responses:
        drawn = draw_panels(responses, f"validation {measure.label}", measure.factor)
        caption = (
            f"Validation {measure.label} of every run against each number that was swept; the line joins the "
            "means. Where it is best at a border (marked in red), the sweep should reach further."
        )
        legend = (Swatch("muted", "dot", "a run"), Swatch("blue", "line", "mean"), Swatch("ink", "dash", "best mean"))
        yield replace(drawn, caption=caption, legend=legend)
    shown = list(enumerate(zip(groups, labels, strict=True)))[:MOST]
    curves: list[LossCurves] = []
    weights = []
    for number, (group, label) in shown:
        run = _median_run(group)
        if run is None:
            continue
        path = folder / run.run.run_id
        found = read_metrics(path / "metrics.csv", label, best_epoch_of(run.result or {}), number)
        curves += [found] if found else []
        names = str(group.values.get("regularizer", "none")).split("+")
        if number == 0 or names == ["none"] or any(name in SPARSE for name in names):
            own = read_weights(path, label, number)
            weights += [own] if own else []
    if curves:
        yield draw_losses(curves, "the run whose validation figure is its group's median")
    if weights:
        yield draw_weights(weights)


def _median_run(group: SeedGroup) -> RunStatus | None:
    """Return the run whose validation figure is the median; without figures, one that has ended."""
    metric = group.metric or ""
    known = [run for run in group.statuses if metric in run.figures("val")]
    known.sort(key=lambda run: (run.figures("val")[metric], run.run.run_id))
    if known:
        return known[(len(known) - 1) // 2]
    return next((run for run in group.statuses if run.state.ended), None)


def _list_responses(groups: Sequence[SeedGroup], measure: Measure) -> Iterator[Response]:
    """Yield, for each choice of regularizers and each number that was swept within it, its runs and their means."""
    families: dict[str, list[tuple[int, SeedGroup]]] = {}
    for number, group in enumerate(groups):
        families.setdefault(str(group.values.get("regularizer", "none")), []).append((number, group))
    for name, members in families.items():
        for key in members[0][1].keys:
            values = [group.values.get(key) for _, group in members]
            numbers = {float(v) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)}
            if len(numbers) >= 3 and not is_data(key) and len(numbers) == len(set(map(str, values))):
                yield _make_response(name, members, key, measure)


def _make_response(name: str, members: Sequence[tuple[int, SeedGroup]], key: str, measure: Measure) -> Response:
    spots = [
        (float(str(group.values[key])), figure)
        for _, group in members
        for figure in group.by_draw.values()
        if figure is not None and math.isfinite(figure)
    ]
    x, y = np.array([a for a, _ in spots]), np.array([b for _, b in spots])
    at = np.unique(x)
    means = np.array([y[x == value].mean() for value in at])
    positive = len(at) > 0 and at.min() > 0
    chosen = (means.argmax() if measure.higher_is_better else means.argmin()) if len(at) else 0
    return Response(
        arm=members[0][0],
        name=name,
        key=key,
        log=bool(positive and at.max() / at.min() >= 20),
        tried=(x, y),
        curve=(at, means, means, means) if len(at) else None,
        recommended=float(at[chosen]) if len(at) else math.nan,
        at_edge=bool(len(at) and chosen in (0, len(at) - 1)),
    )
