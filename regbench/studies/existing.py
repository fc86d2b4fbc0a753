"""Arms and replicates of runs that exist already: what can be compared of sweeps that no study planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from regbench.data.records import Floats
from regbench.errors import ConfigError, escape, suggest
from regbench.metrics import METRICS, main_metric
from regbench.statuses import RunState
from regbench.sweeps.averaging import Draw, find_draw
from regbench.sweeps.labels import list_overrides, name_data
from regbench.sweeps.manifest import METRIC
from regbench.sweeps.ranking import SeedGroup, is_data, rank, spell
from regbench.sweeps.run_status import RunStatus

LR = "schedule.optimizer.lr"


@dataclass(frozen=True)
class Arm:
    """One contestant: the setting of it that the mean validation figure chose.

    `overrides` train it again; `settings` is the number of settings that it was chosen among. `runs` are those of the
    chosen setting on the replicates that are compared; `lost` of them diverged, failed or lack the figure.
    """

    name: str
    overrides: tuple[str, ...]
    settings: int
    rates: tuple[object, ...]
    runs: tuple[RunStatus, ...]
    lost: int


@dataclass(frozen=True)
class Field:
    """The arms of one data set with the replicates that all of them have: the same rows, cut and seed.

    `data` names the data set where several are compared. `left_out` counts runs of other replicates, and `unended` runs
    that have not come to an end.
    """

    data: str
    metric: str
    arms: tuple[Arm, ...]
    replicates: tuple[Draw, ...]
    left_out: int
    unended: int

    def scores(self, part: str = "test") -> Floats:
        """Return the figure of each arm's runs `[A, R]`; NaN where a run was lost."""
        rows = [[_read_figure(run, part, self.metric) for run in arm.runs] for arm in self.arms]
        return np.array(rows, dtype=np.float64).reshape(len(self.arms), len(self.replicates))


def list_fields(statuses: Sequence[RunStatus], metric: str | None) -> list[Field]:
    """Return what can be compared, data set by data set.

    Args:
        statuses: runs of one sweep or several.
        metric: the figure to judge by; None takes that of the sweep, or of its task.

    Raises:
        ConfigError: no run has ended, or the figure is none of theirs.
    """
    groups = rank(statuses)
    ended = [group for group in groups if any(map(_has_ended, group.statuses))]
    if not any(run.state.ended for group in ended for run in group.statuses):
        raise ConfigError("none of these runs has ended; there is nothing to compare")
    parts = [list(members) for _, members in groupby(ended, lambda group: group.data)]
    return [_make_field(members, groups, metric) for members in parts]


def _make_field(groups: Sequence[SeedGroup], all_groups: Sequence[SeedGroup], metric: str | None) -> Field:
    judged = _find_metric(groups, metric)
    by_group = [{find_draw(run.run): run for run in group.statuses if _has_ended(run)} for group in groups]
    common = [draw for draw in by_group[0] if all(draw in runs for runs in by_group)]
    if not common:
        raise ConfigError("no split and seed was trained by all arms; train each arm with the same seeds and splits")
    by_arm: dict[str, list[int]] = {}
    for place, name in enumerate(_name_arms(groups)):
        by_arm.setdefault(name, []).append(place)
    arms = []
    for name, places in by_arm.items():
        runs = [[by_group[place][draw] for draw in common] for place in places]
        chosen = _choose(name, runs, judged)
        arms.append(
            Arm(
                name=name,
                overrides=tuple(list_overrides(groups[places[chosen]], all_groups)),
                settings=len(places),
                rates=tuple({spell(groups[place].values.get(LR)) for place in places}),
                runs=tuple(runs[chosen]),
                lost=_count_lost(runs[chosen], judged),
            )
        )
    ended = sum(map(len, by_group))
    return Field(
        data=name_data(groups[0]),
        metric=judged,
        arms=tuple(arms),
        replicates=tuple(common),
        left_out=ended - len(common) * len(groups),
        unended=sum(len(group.statuses) for group in groups) - ended,
    )


def _has_ended(run: RunStatus) -> bool:
    return run.state.ended or run.state is RunState.FAILED


def _find_metric(groups: Sequence[SeedGroup], asked: str | None) -> str:
    """Return the figure to judge by.

    Raises:
        ConfigError: the runs do not have the one that was asked for.
    """
    runs = [run for group in groups for run in group.statuses if run.state.ended]
    names = {name for run in runs for name in run.result_names("test")}
    by_sweep = next((str(run.run.values[METRIC]) for run in runs if METRIC in run.run.values), None)
    metric = asked or by_sweep or ("r2" if "r2" in names else main_metric(names))
    if metric not in names:
        known = [name for name in METRICS if name in names]
        raise ConfigError(f"metric={escape(str(metric))} is not measured in these runs; {suggest(str(metric), known)}")
    return metric


def _name_arms(groups: Sequence[SeedGroup]) -> list[str]:
    """Return the arm that each group is a setting of: its regularizers, and the models and other choices that vary."""
    keys = [key for key in groups[0].keys if key.endswith(".name") and not is_data(key)]
    telling = [key for key in keys if len({spell(group.values.get(key)) for group in groups}) > 1]
    return [
        " ".join(
            [
                str(group.values.get("regularizer", "none")),
                *(f"{_shorten(key)}={spell(group.values[key])}" for key in telling if key in group.values),
            ]
        )
        for group in groups
    ]


def _shorten(key: str) -> str:
    return key.removesuffix(".name").rpartition(".")[2]


def _choose(arm: str, settings: Sequence[Sequence[RunStatus]], metric: str) -> int:
    """Return the setting with the fewest lost runs and, of these, the best mean validation figure; ties: the first.

    Raises:
        ConfigError: there are several and no validation part to choose by.
    """
    if len(settings) == 1:
        return 0
    if not any(run.has_part("val") for runs in settings for run in runs):
        raise ConfigError(
            f"{escape(arm)} has {len(settings)} settings and the runs have no validation part to choose one by; "
            "compare one setting of each arm, or train with dataset.split.val=0.2"
        )
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0

    def merit(place: int) -> tuple[int, float]:
        figures = [run.figures("val").get(metric, np.nan) for run in settings[place]]
        known = [figure for figure in figures if np.isfinite(figure)]
        return _count_lost(settings[place], metric), -sign * float(np.mean(known)) if known else np.inf

    return min(range(len(settings)), key=merit)


def _count_lost(runs: Sequence[RunStatus], metric: str) -> int:
    return sum(np.isnan(_read_figure(run, "test", metric)) for run in runs)


def _read_figure(run: RunStatus, part: str, metric: str) -> float:
    """Return a run's figure; NaN where it diverged or failed, or the rows leave the figure undefined."""
    return np.nan if run.state is RunState.DIVERGED else run.figures(part).get(metric, np.nan)
