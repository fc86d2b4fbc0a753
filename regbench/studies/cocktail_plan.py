"""The cocktail in a study's plan: its place among the arms, what it may cost, and what it is made of in the end.

Of which arms a replicate makes it is known after the search of the others. Until then an arm without techniques holds
its place; afterwards its most frequent combination stands for it, where one is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import pandas as pd

from regbench.errors import escape
from regbench.formatting import count_noun
from regbench.studies.arms import AUTO_COCKTAIL
from regbench.studies.cocktail import (
    SIZE,
    check_cocktail,
    combine,
    list_combinable,
    pick_three,
    read_combined,
    spell_combined,
)
from regbench.studies.plan import ArmPlan, Cocktail, Pilot, StudyPlan
from regbench.studies.request import StudyRequest
from regbench.studies.spaces import read_space
from regbench.studies.winners import Rank

COLUMN = "combined"
"""Of trials.csv and fresh.csv: the arms of a cocktail."""

FEWEST_TOGETHER = 4
"""Trials that are sure to be stacked, where no other replicate combines the same arms: those of the smallest plan."""

MOST_NAMED = 3
"""Combinations that are told one by one."""


def add_cocktail(
    request: StudyRequest, arms: Sequence[ArmPlan], pilot: Pilot | None = None
) -> tuple[tuple[ArmPlan, ...], Cocktail | None]:
    """Return the arms of a study with the cocktail, and what that is mixed of; without one the arms as they are.

    Args:
        request: as the study was asked for.
        arms: those that fit the data.
        pilot: what stands in study.json; None: it is estimated.

    Raises:
        ConfigError: no three arms go together.
    """
    if not request.settings.cocktail:
        return tuple(arms), None
    pool = list_combinable(arms, request.base, request.settings.baseline)
    chosen = [arm for arm in arms if arm.name in pool]
    check_cocktail(request.base, chosen)
    base = next(arm for arm in arms if arm.name == request.settings.baseline)
    space = read_space(request.base, [], request.settings.search)
    network = replace(request.base, overrides=())
    found = pilot or _estimate(base.pilot, [arm.pilot for arm in chosen])
    return (*arms, ArmPlan(AUTO_COCKTAIL, network, (), (), space, found)), Cocktail(network, pool)


def _estimate(base: Pilot, pilots: Sequence[Pilot]) -> Pilot:
    """Return the pilot of the combination that costs about the mean of all: any three are as likely."""
    found = [join_pilots(base, three) for three in combinations(pilots, SIZE)]
    mean = sum(pilot.run_seconds for pilot in found) / len(found)
    return min(found, key=lambda pilot: abs(pilot.run_seconds - mean))


def join_pilots(base: Pilot, pilots: Sequence[Pilot]) -> Pilot:
    """Return what arms together cost, from what each costs by itself: factors over the baseline multiply.

    Nothing is timed: a study that goes on elsewhere would come to other figures.
    """

    def multiply(field: str) -> float:
        found = own = float(getattr(base, field))
        for pilot in pilots:
            found *= float(getattr(pilot, field)) / own if own else 1.0
        return found

    return Pilot(
        epochs=max(pilot.epochs for pilot in pilots),
        steps=max(pilot.steps for pilot in pilots),
        cohort=min(pilot.cohort for pilot in pilots),
        step_seconds=max(multiply("step_seconds"), multiply("alone") / FEWEST_TOGETHER),
        alone=multiply("alone"),
        inference=multiply("inference"),
        evaluation=max(pilot.evaluation for pilot in pilots),
        memory=round(multiply("memory")),
        parameters=round(multiply("parameters")),
    )


def pick_combined(plan: StudyPlan, ranks: Mapping[str, Rank]) -> tuple[str, ...]:
    """Return the arms that a replicate's cocktail combines, by the ranks of the winners there."""
    assert plan.cocktail is not None
    return pick_three(plan.cocktail.base, [plan.arm(name) for name in plan.cocktail.arms], ranks)


def mix(plan: StudyPlan, names: Sequence[str]) -> ArmPlan:
    """Return the cocktail of some arms."""
    assert plan.cocktail is not None
    arms = [plan.arm(name) for name in names]
    made = combine(plan.cocktail.base, arms)
    pilot = join_pilots(plan.arm(plan.baseline).pilot, [arm.pilot for arm in arms])
    return ArmPlan(AUTO_COCKTAIL, made.config, made.overrides, made.members, made.space, pilot, tuple(names))


def find_arm(plan: StudyPlan, name: str, combined: Sequence[str] = ()) -> ArmPlan:
    """Return an arm, a cocktail as it was mixed; the baseline for the rows that are made from it."""
    if combined:
        return mix(plan, combined)
    known = {arm.name: arm for arm in plan.arms}
    return known.get(name, known[plan.baseline])


def read_cocktails(trials: pd.DataFrame) -> dict[int, tuple[str, ...]]:
    """Return what each replicate's cocktail combined, from trials.csv; none where the study has no cocktail."""
    if COLUMN not in trials:
        return {}
    own = trials[trials["arm"] == AUTO_COCKTAIL].drop_duplicates("replicate")
    return {int(r): read_combined(str(text)) for r, text in zip(own["replicate"], own[COLUMN], strict=True)}


def count_combined(cocktails: Mapping[int, tuple[str, ...]]) -> list[tuple[tuple[str, ...], int]]:
    """Return the combinations with the number of their replicates, most frequent first; ties by first replicate."""
    return Counter(cocktails[replicate] for replicate in sorted(cocktails)).most_common()


def settle_cocktail(plan: StudyPlan, trials: pd.DataFrame) -> StudyPlan:
    """Return the plan with the most frequent combination in the place of the cocktail."""
    found = count_combined(read_cocktails(trials))
    if not found:
        return plan
    settled = mix(plan, found[0][0])
    return replace(plan, arms=(*plan.ordinary, settled))


def describe_cocktails(plan: StudyPlan, trials: pd.DataFrame) -> list[str]:
    """Return the sentence that says which combinations were taken how often; none without a cocktail."""
    counted = count_combined(read_cocktails(trials))
    if not counted:
        return []
    told = [f"{escape(spell_combined(names))} in {count}" for names, count in counted[:MOST_NAMED]]
    told[0] += f" of {count_noun(plan.replicates, 'replicate')}"
    if rest := counted[MOST_NAMED:]:
        told.append(f"{count_noun(len(rest), 'other combination')} in {sum(count for _, count in rest)}")
    first = "" if len(counted) == 1 else "; the settings recommended of it are those of the first"
    return [f"{AUTO_COCKTAIL} took {', '.join(told)}{first}"]
