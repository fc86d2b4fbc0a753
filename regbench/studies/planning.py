"""From a request to a plan: a pilot of every arm, the largest plan that fits the budget, and study.json."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from regbench.config.differences import describe_differences
from regbench.config.values import canonical
from regbench.errors import ConfigError, escape
from regbench.formatting import count_noun
from regbench.metrics import METRICS
from regbench.studies.pilot import PilotReport, PilotTask, run_pilot
from regbench.studies.plan import (
    ArmPlan,
    Pilot,
    Sizes,
    StudyPlan,
    choose_sizes,
    estimate_seconds,
)
from regbench.studies.request import Contestant, StudyRequest, describe_identity
from regbench.studies.survey import Survey
from regbench.sweeps.backends import Backend
from regbench.sweeps.workers.dispatch import work_on

SCHEMA = 1
MOST_RUNS = 160
"""Runs of an arm that the pilot allows for before the plan is known: those of the default plan."""


def make_plan(request: StudyRequest, survey: Survey, backend: Backend) -> StudyPlan:
    """Try every arm shortly, and decide how many replicates and trials there are.

    Raises:
        ConfigError: a named arm does not fit the data, or no plan fits the budget.
    """
    settings = request.settings
    _check_replicates(request, survey)
    runs = MOST_RUNS if settings.planned else (settings.replicates or 1) * (settings.trials or 1)
    reports = _run_pilots(request, survey, backend, runs)
    skipped = _find_skipped(request, reports)
    arms = tuple(
        _make_arm(contestant, reports[number].pilot)
        for number, contestant in enumerate(request.contestants)
        if contestant.choice.name not in skipped
    )
    if len(arms) < 2:
        raise ConfigError(f"no arm fits these data: {'; '.join(f'{n}: {why}' for n, why in skipped.items())}")
    sizes = _decide_sizes(request, survey, arms, backend.workers)
    return StudyPlan(
        name=request.name,
        settings=settings,
        baseline=settings.baseline,
        arms=arms,
        skipped=skipped,
        rule=survey.rule,
        metric=survey.metric,
        trials=sizes.trials,
        finalists=sizes.finalists,
        looks=(sizes.replicates,),
        workers=backend.workers,
    )


def _check_replicates(request: StudyRequest, survey: Survey) -> None:
    replicates, folds = request.settings.replicates, survey.rule.folds
    if survey.rule.method == "kfold" and replicates is not None and replicates % folds:
        nearest = max(1, round(replicates / folds)) * folds
        raise ConfigError(
            f"study.replicates={replicates} is not allowed; it is a multiple of study.folds={folds}, such as {nearest}"
        )


def _run_pilots(request: StudyRequest, survey: Survey, backend: Backend, runs: int) -> dict[int, PilotReport]:
    tasks = [
        PilotTask(
            number=number,
            config=contestant.config,
            rule=survey.rule,
            metric=survey.metric,
            runs=runs,
            workers=backend.workers,
            base=Path.cwd(),
        )
        for number, contestant in enumerate(request.contestants)
    ]
    done = work_on(backend, run_pilot, tasks)
    found = {report.number: report for report in done.results}
    lost = [task.config.name for task in tasks if task.number not in found]
    if lost:
        raise ConfigError(f"the pilot of {count_noun(len(lost), 'arm')} could not be run: {done.lost or 'interrupted'}")
    return found


def _find_skipped(request: StudyRequest, reports: Mapping[int, PilotReport]) -> dict[str, str]:
    """Return the arms that do not fit the data, with the reason; one that a person named is refused."""
    skipped: dict[str, str] = {}
    for number, contestant in enumerate(request.contestants):
        refusal, choice = reports[number].refusal, contestant.choice
        if refusal is None:
            continue
        if choice.name == request.settings.baseline:
            raise ConfigError(refusal)
        if choice.asked:
            raise ConfigError(f"study.arms: {escape(choice.name)}: {refusal}")
        skipped[choice.name] = refusal
    return skipped


def _make_arm(contestant: Contestant, pilot: Pilot | None) -> ArmPlan:
    assert pilot is not None
    choice = contestant.choice
    return ArmPlan(choice.name, contestant.config, choice.overrides, choice.members, contestant.space, pilot)


def _decide_sizes(request: StudyRequest, survey: Survey, arms: Sequence[ArmPlan], workers: int) -> Sizes:
    """Return the plan as given, or the largest that fits into the budget.

    Raises:
        ConfigError: not even the smallest fits.
    """
    settings, pilots = request.settings, [arm.pilot for arm in arms]
    if settings.replicates is not None and settings.trials is not None:
        return Sizes(settings.replicates, settings.trials, settings.finalists or 0)
    folds = survey.rule.folds if survey.rule.method == "kfold" else None
    sizes, fits = choose_sizes(pilots, settings.seconds, folds, workers)
    if fits:
        return sizes
    needed = estimate_seconds(pilots, sizes, workers)
    fitting = _count_fitting(pilots, sizes, settings.seconds, workers)
    raise ConfigError(
        f"study.budget={settings.budget} is too little for {count_noun(len(arms), 'arm')}: the smallest study "
        f"({sizes.replicates} replicates x {sizes.trials} trials) takes about {_spell(needed)}; "
        + (f"{fitting} arms fit, named by study.arms" if fitting > 1 else "no two arms fit")
    )


def _count_fitting(pilots: Sequence[Pilot], sizes: Sizes, budget: float, workers: int) -> int:
    """Return how many arms fit, the baseline and the cheapest first."""
    chosen = [pilots[0], *sorted(pilots[1:], key=lambda pilot: pilot.run_seconds)]
    count = 1
    while count < len(chosen) and estimate_seconds(chosen[: count + 1], sizes, workers) <= budget:
        count += 1
    return count


def _spell(seconds: float) -> str:
    """Return a time as a budget is typed, rounded up."""
    return f"{math.ceil(seconds / 60)}m" if seconds > 120 else f"{math.ceil(seconds)}s"


def describe_plan(plan: StudyPlan, request: StudyRequest, survey: Survey) -> dict[str, Any]:
    """Return the content of study.json."""
    metric = METRICS[plan.metric]
    identity = canonical(describe_identity(request, survey.checksum))
    seconds = estimate_seconds([arm.pilot for arm in plan.arms], plan.sizes, plan.workers)
    return {
        "schema": SCHEMA,
        "hash": hash_identity(identity),
        "identity": identity,
        "name": plan.name,
        "command": list(request.words),
        "data": {**survey.card, "test": _count_test(survey)},
        "network": dict(survey.network),
        "metric": {
            "name": metric.name,
            "unit": metric.unit,
            "higher_is_better": metric.higher_is_better,
            "why": survey.why,
        },
        "baseline": plan.baseline,
        "arms": [_describe_arm(arm) for arm in plan.arms],
        "skipped": [{"name": name, "reason": why} for name, why in plan.skipped.items()],
        "sizes": asdict(plan.sizes),
        "looks": list(plan.looks),
        "cut": {
            "method": plan.rule.method,
            "folds": plan.rule.folds,
            "text": plan.rule.describe(plan.replicates),
        },
        "estimate": {"seconds": seconds, "workers": plan.workers, "runs": plan.runs()},
        "pilot": {arm.name: asdict(arm.pilot) for arm in plan.arms},
        "interactions": list(plan.settings.interactions),
        "versions": _list_versions(),
    }


def _count_test(survey: Survey) -> int | None:
    """Return the test rows of a replicate; None where they lie in a file that is not opened yet."""
    card = survey.card
    if card["published_test"]:
        return None
    if survey.rule.method == "kfold":
        return int(card["rows"]) // survey.rule.folds
    test = survey.rule.typed.get("test")
    share = test if isinstance(test, float) else 0.2
    return math.ceil(round(share * int(card["rows"]), 9))


def _describe_arm(arm: ArmPlan) -> dict[str, Any]:
    return {
        "name": arm.name,
        "overrides": list(arm.overrides),
        "members": list(arm.members),
        "space": [{"key": c.key, "low": c.low, "high": c.high, "log": c.log} for c in arm.space.coordinates],
        "groups": {key: list(options) for key, options in arm.space.groups},
    }


def _list_versions() -> dict[str, str]:
    import platform
    from importlib.metadata import version

    from regbench import __version__

    packages = {name: version(name) for name in ("numpy", "scikit-learn", "scipy", "torch")}
    return {"python": platform.python_version(), "regbench": __version__, **packages}


def hash_identity(identity: object) -> str:
    """Return the sha256 of an identity as JSON with sorted keys, in hex."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def restore_plan(stored: Mapping[str, Any], request: StudyRequest, survey: Survey) -> StudyPlan:
    """Return the plan that a folder holds, so that nothing is planned anew.

    Raises:
        ConfigError: what is asked for now would train something else.
    """
    _check_same(stored, request, survey)
    skipped = {entry["name"]: entry["reason"] for entry in stored["skipped"]}
    arms = tuple(
        _make_arm(contestant, Pilot(**stored["pilot"][contestant.choice.name]))
        for contestant in request.contestants
        if contestant.choice.name not in skipped
    )
    sizes = stored["sizes"]
    return StudyPlan(
        name=request.name,
        settings=request.settings,
        baseline=request.settings.baseline,
        arms=arms,
        skipped=skipped,
        rule=survey.rule,
        metric=survey.metric,
        trials=sizes["trials"],
        finalists=sizes["finalists"],
        looks=tuple(stored["looks"]),
        workers=stored["estimate"]["workers"],
    )


def _check_same(stored: Mapping[str, Any], request: StudyRequest, survey: Survey) -> None:
    """Refuse to go on with a study that is another than the one asked for."""
    where = escape(str(request.base.runs / request.name))
    advice = "take another name=, or resume=fresh to begin anew"
    if stored.get("schema") != SCHEMA:
        raise ConfigError(f"{where} holds a study of another version of regbench; {advice}")
    now = canonical(describe_identity(request, survey.checksum))
    if stored["identity"] != now:
        there = dict(stored["identity"])
        here = dict(now) if isinstance(now, Mapping) else {}
        if there.pop("data", None) != here.pop("data", None) and there == here:
            raise ConfigError(f"{where} holds a study of other data: the rows have changed since; {advice}")
        raise ConfigError(f"{where} holds another study: {describe_differences(there, here, 2)}; {advice}")
    for key in ("replicates", "trials", "finalists"):
        asked, had = getattr(request.settings, key), stored["sizes"][key]
        first = stored["looks"][0] if key == "replicates" else had
        if asked is not None and asked not in (had, first):
            raise ConfigError(f"{where} holds a study with study.{key}={had}, not {asked}; {advice}")


def extend_looks(plan: StudyPlan, more: int) -> tuple[int, ...]:
    """Return the looks of a study with further replicates, in whole partitions."""
    folds = plan.rule.folds if plan.rule.method == "kfold" else 1
    return (*plan.looks, plan.replicates + math.ceil(more / folds) * folds)


def extend_plan(stored: Mapping[str, Any], plan: StudyPlan) -> dict[str, Any]:
    """Return study.json for a plan with one look more; the estimate is that of its new replicates."""
    added = replace(plan, looks=(plan.looks[-1] - plan.looks[-2],))
    pilots = [arm.pilot for arm in plan.arms]
    estimate = {
        **stored["estimate"],
        "seconds": estimate_seconds(pilots, added.sizes, plan.workers),
        "runs": added.runs(),
    }
    cut = {**stored["cut"], "text": plan.rule.describe(plan.replicates)}
    return {**stored, "sizes": asdict(plan.sizes), "looks": list(plan.looks), "cut": cut, "estimate": estimate}


def default_workers() -> int:
    """Return how many processes a study takes: one for each core."""
    return len(os.sched_getaffinity(0))


__all__ = [
    "default_workers",
    "describe_plan",
    "extend_looks",
    "extend_plan",
    "make_plan",
    "restore_plan",
]
