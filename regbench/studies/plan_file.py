"""study.json: the plan of a study as it is written, read again, and extended by further replicates."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from regbench.config.differences import describe_differences
from regbench.config.values import canonical
from regbench.errors import ConfigError, escape
from regbench.metrics import METRICS
from regbench.studies.arms import AUTO_COCKTAIL
from regbench.studies.cocktail_plan import add_cocktail
from regbench.studies.curve_points import count_points
from regbench.studies.cuts import FRESH
from regbench.studies.plan import (
    ArmPlan,
    Pilot,
    StudyPlan,
    estimate_seconds,
)
from regbench.studies.request import Contestant, StudyRequest, describe_identity
from regbench.studies.survey import Survey

SCHEMA = 1


def make_arm(contestant: Contestant, pilot: Pilot | None) -> ArmPlan:
    """Return an arm with what its pilot showed."""
    assert pilot is not None
    choice = contestant.choice
    return ArmPlan(choice.name, contestant.config, choice.overrides, choice.members, contestant.space, pilot)


def describe_plan(plan: StudyPlan, request: StudyRequest, survey: Survey) -> dict[str, Any]:
    """Return the content of study.json."""
    metric = METRICS[plan.metric]
    identity = canonical(describe_identity(request, survey.checksum))
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
        "estimate": _estimate(plan),
        "pilot": {arm.name: asdict(arm.pilot) for arm in plan.arms},
        **({"cocktail": list(plan.cocktail.arms)} if plan.cocktail else {}),
        "interactions": list(plan.settings.interactions),
        "versions": _list_versions(),
        **_describe_curves(plan),
    }


def _estimate(plan: StudyPlan) -> dict[str, Any]:
    seconds = estimate_seconds([arm.pilot for arm in plan.arms], plan.sizes, plan.workers, plan.points)
    return {"seconds": seconds, "workers": plan.workers, "runs": plan.runs()}


def _describe_curves(plan: StudyPlan) -> dict[str, Any]:
    """Return what study.json says of the curves; nothing where they were not asked for."""
    if not plan.points:
        return {}
    return {"curves": {"points": plan.points, "runs": 2 * plan.points * plan.replicates}}


def follow_curves(stored: Mapping[str, Any], plan: StudyPlan) -> dict[str, Any]:
    """Return study.json with the curves as they are asked for now, which may have changed since it was written."""
    if ("curves" in stored) == bool(plan.points):
        return dict(stored)
    kept = {key: value for key, value in stored.items() if key != "curves"}
    return {**kept, "estimate": _estimate(plan), **_describe_curves(plan)}


def _count_test(survey: Survey) -> int | None:
    """Return the test rows of a replicate; None where they lie in a file that is not opened yet."""
    card = survey.card
    if card["published_test"]:
        return None
    if survey.rule.method == "kfold":
        return int(card["rows"]) // survey.rule.folds
    if survey.rule.method == "forward":
        tested = survey.rule.settings(0, FRESH)["test"]
        assert isinstance(tested, float)
        return int(round(tested * int(card["rows"]), 9)) // survey.rule.folds
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
        make_arm(contestant, Pilot(**stored["pilot"][contestant.choice.name]))
        for contestant in request.contestants
        if contestant.choice.name not in skipped
    )
    arms, cocktail = add_cocktail(request, arms, _read_cocktail_pilot(stored))
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
        points=count_points(request.settings.curves, survey),
        cocktail=cocktail,
    )


def _read_cocktail_pilot(stored: Mapping[str, Any]) -> Pilot | None:
    return Pilot(**stored["pilot"][AUTO_COCKTAIL]) if stored.get("cocktail") else None


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
    block = plan.rule.block
    return (*plan.looks, plan.replicates + math.ceil(more / block) * block)


def extend_plan(stored: Mapping[str, Any], plan: StudyPlan) -> dict[str, Any]:
    """Return study.json for a plan with one look more; the estimate is that of its new replicates."""
    added = replace(plan, looks=(plan.looks[-1] - plan.looks[-2],))
    estimate = {**stored["estimate"], **_estimate(added)}
    cut = {**stored["cut"], "text": plan.rule.describe(plan.replicates)}
    return {
        **stored,
        "sizes": asdict(plan.sizes),
        "looks": list(plan.looks),
        "cut": cut,
        "estimate": estimate,
        **_describe_curves(plan),
    }
