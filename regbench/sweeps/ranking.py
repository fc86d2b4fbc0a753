"""Ranking of seed groups: runs that differ only in seeds and folds are averaged, and groups of one data set compared.

Runs of the same settings but different data, as when a file was changed in between, are groups of their own.
A group is judged by its validation metric at the best epoch of each run, never by a training or a test figure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property

from regbench.metrics import METRICS, main_metric
from regbench.statuses import RunState
from regbench.sweeps.averaging import AVERAGED, Draw, Score, average, compare_rows, describe_draws, find_draw
from regbench.sweeps.manifest import ABSENT, METRIC, varying
from regbench.sweeps.run_status import RunStatus

DIGITS = 10
"""Hex digits of a checksum that a table shows."""

UNKNOWN_DATA = "unknown"
NO_DATA = "none yet"

MIXED_DATA = (
    "runs of the same settings were trained on different data (first digits of its checksum); "
    "their figures are neither averaged nor compared"
)
COMMON_SEEDS = "groups are compared on the {count} seed(s) that all of them have; their means are over their own"
COMMON_DRAWS = (
    "groups are compared on the {count} split(s) and seed(s) that all of them have; their means are over their own"
)
MEANS = "means are over {over}; ± counts that splits share training rows (Nadeau and Bengio 2003)"
NO_VALIDATION = "no validation part, so the groups are in the order of the plan and none is called best"


@dataclass(frozen=True)
class SeedGroup:
    """Runs that differ only in their seed, and in the seed and the fold of their split.

    `values` are all they share; `keys` those of them in which the sweep's groups differ, and `data` the part of them
    that says on which data they were trained. `checksum` is that of the data where runs of the same settings had
    several (`mark_data`). `over` says what the means are over where that is more than seeds. Diverged runs are counted
    and have no part in the scores.
    """

    values: Mapping[str, object]
    keys: tuple[str, ...]
    runs: int
    ended: int
    failed: int
    diverged: int
    undefined: int
    """Runs that have ended without the figure, such as an AUC of rows of one class."""
    metric: str | None
    validation: Score | None
    test: Score | None
    loss: Score | None
    has_validation: bool
    last: Score | None = None
    """Test metric at the last epoch."""
    by_draw: Mapping[Draw, float | None] = field(default_factory=dict)
    """Validation metric of each run that has come to an end; None where it diverged or failed."""
    over: str = ""
    compared: int | None = None
    """Number of runs on which the groups of these data are compared, where it is not all that this group has."""
    checksum: str | None = None
    idle: Mapping[str, str] = field(default_factory=dict)
    """Regularizers that change nothing in any of the runs that have ended, with the reason."""
    statuses: tuple[RunStatus, ...] = ()
    """The runs themselves."""

    @property
    def mean(self) -> float | None:
        """Mean validation metric at the best epoch over the runs."""
        return self.validation.mean if self.validation else None

    @property
    def error(self) -> float | None:
        """Standard error of that mean; None for a single run."""
        return self.validation.error if self.validation else None

    @cached_property
    def data(self) -> tuple[tuple[str, str], ...]:
        """What tells its data from the others of the sweep; only groups of the same data can be compared."""
        settings = [(key, spell(self.values[key])) for key in self.keys if is_data(key) and key in self.values]
        return (*settings, *([] if self.checksum is None else [("data", self.checksum)]))


def rank(statuses: Sequence[RunStatus]) -> list[SeedGroup]:
    """Return the groups, data set by data set in the order of the plan, the best first.

    Groups of the same data are compared on the splits and seeds that all of them have: first by how many of these they
    lost (to divergence or failure), then by the mean validation metric; of equal ones the simpler comes first, that of
    fewer regularizers, then that of the lower validation loss. Groups without a figure keep the order of the plan,
    last.
    """
    keys = [key for key in varying([status.run for status in statuses]) if key not in AVERAGED]
    by_values: dict[tuple[str | None, ...], list[RunStatus]] = {}
    for status, checksum in zip(statuses, mark_data(statuses, keys), strict=True):
        by_values.setdefault((checksum, *_pick(status, keys)), []).append(status)
    groups = [replace(_score(runs, tuple(keys)), checksum=known[0]) for known, runs in by_values.items()]
    by_data: dict[tuple[tuple[str, str], ...], list[SeedGroup]] = {}
    for group in groups:
        by_data.setdefault(group.data, []).append(group)
    return [group for members in by_data.values() for group in _compare(members)]


def _compare(groups: Sequence[SeedGroup]) -> list[SeedGroup]:
    """Return groups of the same data, the best first, each with the number of runs that it is compared on."""
    known = [set(group.by_draw) for group in groups if group.by_draw]
    common = set.intersection(*known) if known else set()
    told = [replace(g, compared=len(common) if common and set(g.by_draw) != common else None) for g in groups]
    return sorted(told, key=lambda group: _merit(group, common))


def best(groups: Sequence[SeedGroup]) -> list[SeedGroup]:
    """Return the best group of each data set, from groups as `rank` orders them; none where nothing was validated."""
    first: dict[tuple[tuple[str, str], ...], SeedGroup] = {}
    for group in groups:
        if group.validation:
            first.setdefault(group.data, group)
    return list(first.values())


def mark_data(statuses: Sequence[RunStatus], keys: Sequence[str]) -> list[str | None]:
    """Return the first digits of each run's data checksum where runs of the same data set settings had several data.

    It is `UNKNOWN_DATA` for a result that does not say it, `NO_DATA` for a run without a result, and None where all
    runs of the same settings had the same data. Runs of several cuts have the same data if they were cut from the same
    rows; the digits are then those of the rows' checksum.

    Args:
        statuses: the runs.
        keys: the settings in which they differ.
    """
    marks: list[str | None] = [None] * len(statuses)
    alike: dict[tuple[str, ...], list[int]] = {}
    for place, status in enumerate(statuses):
        own = _pick(status, [key for key in keys if is_data(key) and key not in AVERAGED])
        alike.setdefault(own, []).append(place)
    for places in alike.values():
        for place, mark in zip(places, _mark_alike([statuses[place] for place in places]), strict=True):
            marks[place] = mark
    return marks


def _mark_alike(statuses: Sequence[RunStatus]) -> list[str | None]:
    """Return what tells the data of runs of the same settings apart; None for all where they are the same."""
    ended = [status for status in statuses if status.state.ended]
    cuts = [find_draw(status.run).cut for status in ended]
    checksums = [_shorten(status.origin.data_checksum) for status in ended]
    rows = [_shorten(status.origin.rows_checksum) for status in ended]
    one_each = len(set(zip(cuts, checksums, strict=True))) == len(set(cuts))
    if one_each and len(set(rows)) <= 1:
        return [None] * len(statuses)
    # Rows that were prepared in two ways have two checksums: then the rows tell too little.
    by_rows = len(set(cuts)) > 1 and len(set(zip(cuts, rows, strict=True))) == len(
        set(zip(cuts, rows, checksums, strict=True))
    )
    found = iter(rows if by_rows else checksums)
    return [next(found) if status.state.ended else NO_DATA for status in statuses]


def is_data(key: str) -> bool:
    """Tell whether a key says on which data a run is trained."""
    return key.startswith("dataset.")


def spell(value: object) -> str:
    """Write a value as a configuration does: `null`, `true`, `[64, 64]`, `0.001`."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shorten(checksum: str | None) -> str:
    return (checksum or UNKNOWN_DATA)[:DIGITS]


def _pick(status: RunStatus, keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(_mark(status.run.values.get(key, ABSENT)) for key in keys)


def _mark(value: object) -> str:
    """Return a text equal for equal values; 1 and 1.0 are the same number, and a text is neither."""
    if value is ABSENT:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return repr(value)


def _score(runs: Sequence[RunStatus], keys: tuple[str, ...]) -> SeedGroup:
    ended = [run for run in runs if run.state.ended]
    metric = find_ranked(runs)
    diverged = sum(run.state is RunState.DIVERGED for run in ended)
    part = "val" if any(run.has_part("val") for run in ended) else "test"
    # A run that diverged, or whose figure is undefined, would make the mean one of something else.
    sound = [run for run in ended if run.state is not RunState.DIVERGED and metric in run.figures(part)]
    return SeedGroup(
        values=_share([run.run.values for run in runs]),
        keys=keys,
        runs=len(runs),
        ended=len(ended),
        failed=sum(run.state is RunState.FAILED for run in runs),
        diverged=diverged,
        undefined=len(ended) - diverged - len(sound),
        metric=metric,
        validation=_average(sound, "val", metric),
        test=_average(sound, "test", metric),
        loss=_average(sound, "val", "loss"),
        has_validation=part == "val" or not ended,
        idle={
            name: reason
            for name, reason in (ended[0].idle.items() if ended else ())
            if all(name in r.idle for r in ended)
        },
        last=_average(sound, "test", metric, "last"),
        by_draw=_judge_all(runs, sound, metric),
        over=describe_draws([find_draw(run.run) for run in sound]),
        statuses=tuple(runs),
    )


def find_ranked(runs: Sequence[RunStatus]) -> str | None:
    """Return the figure that runs are ranked by: the one that the sweep names, else their task's; None without any."""
    asked = next((str(run.run.values[METRIC]) for run in runs if METRIC in run.run.values), None)
    return asked or main_metric({name for run in runs if run.state.ended for name in run.result_names("test")})


def list_tied(first: SeedGroup, groups: Sequence[SeedGroup]) -> list[SeedGroup]:
    """Return the other groups of the same data whose validation metric equals that of the best to the last digit."""
    others = [group for group in groups if group is not first and group.data == first.data and group.validation]
    return [group for group in others if _merit(group, set())[:3] == _merit(first, set())[:3]]


def _share(values: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return the settings that the runs of a group share."""
    own = {key for key in AVERAGED if key == "seed" or len({_mark(each.get(key, ABSENT)) for each in values}) > 1}
    return {key: value for key, value in values[0].items() if key not in own}


def _average(runs: Sequence[RunStatus], part: str, name: str | None, at: str = "best") -> Score | None:
    """Return the mean of a figure over the runs that have it."""
    having = [run for run in runs if name in run.figures(part, at)]
    figures = [(find_draw(run.run), run.figures(part, at)[name or ""]) for run in having]
    return average(figures, compare_rows([run.rows for run in having], part))


def _has_ended(run: RunStatus) -> bool:
    return run.state.ended or run.state is RunState.FAILED


def _judge_all(runs: Sequence[RunStatus], sound: Sequence[RunStatus], metric: str | None) -> dict[Draw, float | None]:
    """Return the validation metric of each run that has come to an end; None where the run was lost."""
    counted = set(map(id, sound))
    ended = [run for run in runs if _has_ended(run)]
    return {find_draw(run.run): run.figures("val").get(metric or "") if id(run) in counted else None for run in ended}


def _merit(group: SeedGroup, common: Set[object]) -> tuple[bool, int, float, int, float]:
    """Return what sorts groups of the same data, the best first.

    Args:
        group: the group.
        common: the splits and seeds that all groups have; without any, each is judged by its own.
    """
    if group.validation is None:
        return True, 0, 0.0, 0, 0.0
    draws = common or set(group.by_draw)
    figures = [(draw, figure) for draw, figure in group.by_draw.items() if draw in draws and figure is not None]
    lost = sum(figure is None for draw, figure in group.by_draw.items() if draw in draws)
    compared = average(figures, None) or group.validation
    loss = group.loss.mean if group.loss else math.inf
    metric = METRICS.get(group.metric or "")
    lower = metric is not None and not metric.higher_is_better
    return False, lost, compared.mean if lower else -compared.mean, _count_regularizers(group), loss


def _count_regularizers(group: SeedGroup) -> int:
    name = str(group.values.get("regularizer", "none"))
    return 0 if name == "none" else 1 + name.count("+")
