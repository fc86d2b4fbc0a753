"""Seed groups are compared on the seeds that all of them have, and lost seeds count against a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from regbench.statuses import RunState
from regbench.sweeps.manifest import PlannedRun
from regbench.sweeps.ranking import SeedGroup, best, rank
from regbench.sweeps.run_status import RunStatus
from tests.unit.sweeps.folders import result


def runs(regularizer: str, figures: Mapping[int, float | None]) -> list[RunStatus]:
    """Return a run for each seed with this validation accuracy; None for one that diverged."""
    statuses = []
    for seed, figure in figures.items():
        planned = PlannedRun(f"{regularizer}-s{seed}", {"regularizer": regularizer, "seed": seed})
        status = "complete" if figure is not None else "diverged"
        content = result(figure if figure is not None else 0.99, figure or 0.0, status=status)
        statuses.append(RunStatus(planned, RunState(status), content))
    return statuses


def names(groups: Sequence[SeedGroup]) -> list[object]:
    return [group.values["regularizer"] for group in groups]


def test_a_group_that_lost_seeds_comes_behind_those_that_lost_none() -> None:
    survivor = runs("l1", {seed: 0.95 if seed == 0 else None for seed in range(8)})
    whole = runs("l2", dict.fromkeys(range(8), 0.9))
    groups = rank([*survivor, *whole])
    assert names(groups) == ["l2", "l1"]
    assert names(best(groups)) == ["l2"]
    assert [group.diverged for group in groups] == [0, 7]


def test_fewer_lost_seeds_come_first() -> None:
    many = runs("l1", {0: 0.99, 1: None, 2: None})
    few = runs("l2", {0: 0.80, 1: 0.80, 2: None})
    assert names(rank([*many, *few])) == ["l2", "l1"]


def test_one_lucky_seed_does_not_beat_four() -> None:
    lucky = runs("l1", {0: 0.93})
    steady = runs("l2", {0: 0.94, 1: 0.90, 2: 0.90, 3: 0.90})
    groups = rank([*lucky, *steady])
    assert names(groups) == ["l2", "l1"], "on the seed that both have, l2 is better"
    assert [group.compared for group in groups] == [1, None]


def test_groups_without_a_common_seed_are_judged_by_their_own() -> None:
    assert names(rank([*runs("l1", {0: 0.8}), *runs("l2", {1: 0.9})])) == ["l2", "l1"]


def test_seeds_that_have_not_ended_are_neither_lost_nor_compared() -> None:
    waiting = RunStatus(PlannedRun("l1-s1", {"regularizer": "l1", "seed": 1}))
    groups = rank([*runs("l1", {0: 0.95}), waiting, *runs("l2", {0: 0.9, 1: 0.9})])
    assert names(groups) == ["l1", "l2"]
