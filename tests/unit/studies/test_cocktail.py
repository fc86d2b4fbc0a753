"""The cocktail: which arms can be combined, which three a replicate takes, and what the three are as one arm."""

from __future__ import annotations

import math
from functools import cache

import pytest

from regbench.compose.loader import PRIMARY, open_loader
from regbench.errors import ConfigError
from regbench.studies.cocktail import combine, join_spaces, list_combinable, pick_three
from regbench.studies.cocktail_plan import count_combined, join_pilots
from regbench.studies.plan import Pilot
from regbench.studies.request import Contestant, StudyRequest, make_request
from regbench.studies.spaces import LR, Coordinate, Space
from regbench.studies.winners import Rank

RATE = Coordinate(LR, 1e-4, 0.1, log=True)


@cache
def ask(*words: str) -> StudyRequest:
    with open_loader(None, None, print) as loader:
        return make_request(loader, PRIMARY, words)


def pool(request: StudyRequest) -> list[Contestant]:
    names = list_combinable(request.contestants, request.base, request.settings.baseline)
    return [contestant for contestant in request.contestants if contestant.name in names]


def pick(request: StudyRequest, **figures: float) -> tuple[str, ...]:
    """The three of a replicate in which arms, `+` written `_`, have these accuracies, all at one loss."""
    ranks = {name.replace("__", "+"): Rank(0, -figure, 0.5, 0) for name, figure in figures.items()}
    return pick_three(request.base, pool(request), ranks)


def measure(**changes: float) -> Pilot:
    figures = {"step_seconds": 1.0, "alone": 1.0, "inference": 1.0, "memory": 100, "parameters": 10, "cohort": 8}
    return Pilot(**{"epochs": 5.0, "steps": 3, "evaluation": 0.1, **figures, **changes})  # type: ignore[arg-type]


def test_an_arm_can_be_combined_if_it_only_adds_techniques() -> None:
    others = "mild: [regularizer=mixup, regularizer.mixup.alpha=0.1], big: [model.widths=[9]]"
    drop = "drop: [regularizer=dropout, schedule.curve.name=cosine], strong: [regularizer.ema.decay=0.5]"
    request = ask("regularizer=ema", f"study.arms={{plain: [regularizer=l2], {others}, {drop}}}")
    assert [arm.name for arm in pool(request)] == ["plain", "mild"]


def test_the_baseline_is_not_combined() -> None:
    assert [arm.name for arm in pool(ask("study.arms=[l2,dropout,mixup]", "study.baseline=l2"))] == ["dropout", "mixup"]


def test_the_three_best_are_taken_in_the_order_of_the_arms() -> None:
    request = ask("study.arms=[l2,dropout,mixup,sam]")
    assert pick(request, l2=0.7, dropout=0.9, mixup=0.6, sam=0.8) == ("l2", "dropout", "sam")


def test_ties_go_by_loss_then_to_the_arm_that_stands_first() -> None:
    request = ask("study.arms=[l2,dropout,mixup,sam]")
    assert pick(request, l2=0.7, dropout=0.7, mixup=0.7, sam=0.7) == ("l2", "dropout", "mixup")
    ranks = {arm.name: Rank(0, -0.7, loss, 0) for arm, loss in zip(pool(request), (0.9, 0.5, 0.6, 0.8), strict=True)}
    assert pick_three(request.base, pool(request), ranks) == ("dropout", "mixup", "sam")


def test_an_arm_whose_trials_all_went_bad_is_taken_last() -> None:
    request = ask("study.arms=[l2,dropout,mixup,sam]")
    ranks = {arm.name: Rank(0, -0.1, 2.0, 0) for arm in pool(request)} | {"l2": Rank(1, math.inf, math.inf, 0)}
    assert pick_three(request.base, pool(request), ranks) == ("dropout", "mixup", "sam")


def test_where_two_have_a_technique_in_common_the_next_best_takes_the_place_of_the_worse() -> None:
    request = ask("study.arms=[l2,dropout,mixup,sam,[l2,dropout]]")
    assert pick(request, l2__dropout=0.9, l2=0.8, dropout=0.7, mixup=0.6, sam=0.5) == ("mixup", "sam", "l2+dropout")
    assert pick(request, l2__dropout=0.7, l2=0.8, dropout=0.9, mixup=0.6, sam=0.5) == ("l2", "dropout", "mixup")


def test_where_one_technique_excludes_another_the_next_best_takes_its_place() -> None:
    proximal = "l1: [regularizer=l1, regularizer.l1.method=proximal]"
    others = "sam: [regularizer=sam], l2: [regularizer=l2], mixup: [regularizer=mixup]"
    request = ask(f"study.arms={{{proximal}, {others}}}")
    assert pick(request, l1=0.9, sam=0.8, l2=0.7, mixup=0.6) == ("l1", "l2", "mixup")
    chosen = ask("study.arms=[l1,sam,l2,mixup]", "study.search={l1.method: [subgradient, proximal]}")
    assert pick(chosen, l1=0.9, sam=0.8, l2=0.7, mixup=0.6) == ("l1", "l2", "mixup")


def test_a_combination_searches_the_rate_what_each_adds_and_what_all_have() -> None:
    request = ask("study.arms=[mixup,dropout,l2]", "study.search={schedule.batch_size: [16, 32]}", "regularizer=ema")
    made = combine(request.base, pool(request))
    assert [c.key.removeprefix("regularizer.") for c in made.space.coordinates] == [
        *(LR, "dropout.rate", "dropout.input_rate", "l2.strength", "mixup.alpha"),
    ]
    assert made.space.groups == (("schedule.batch_size", (16, 32)),)
    assert made.members == ("dropout", "l2", "mixup")
    assert list(made.config.regularizers) == ["dropout", "ema", "l2", "mixup"]


def test_a_combination_is_the_network_that_its_techniques_make_as_typed() -> None:
    request = ask("study.arms=[sam,dropout,l2,[sam,dropout,l2]]", "study.search={schedule.epochs: [3, 4]}")
    *three, typed = pool(request)
    assert combine(request.base, three).config.identity() == typed.config.identity()
    assert combine(request.base, three).space == typed.space


def test_what_an_arm_sets_itself_stays_set() -> None:
    request = ask(
        "study.arms={a: [regularizer=l2, regularizer.l2.strength=3], b: [regularizer=sam], c: [regularizer=ema]}"
    )
    made = combine(request.base, pool(request))
    assert made.config.regularizers["l2"]["strength"] == 3
    assert "regularizer.l2.strength" not in [c.key for c in made.space.coordinates]
    assert made.overrides == ("regularizer=[ema,l2,sam]", "regularizer.l2.strength=3")


def test_more_settings_than_the_sequence_has_columns_do_not_go_together() -> None:
    spaces = [
        Space((RATE, *(Coordinate(f"regularizer.{name}.{n}", 0.0, 1.0, log=False) for n in range(count))))
        for name, count in (("a", 5), ("b", 5), ("c", 5))
    ]
    assert len(join_spaces(spaces, ("a", "b", "c")).coordinates) == 16
    more = Space(spaces[0].coordinates, (("schedule.batch_size", (16, 32)),))
    assert len(join_spaces([more, *spaces[1:]], ("a", "b", "c")).groups) == 0
    with pytest.raises(ConfigError, match="17 settings to search are too many"):
        join_spaces([Space(space.coordinates, more.groups) for space in spaces], ("a", "b", "c"))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["study.arms=[l2,dropout]"], r"and 2 arms can be combined \(l2, dropout\);"),
        (["study.arms=[l2,dropout,sam]", "study.baseline=sam"], "and 2 arms can be combined"),
        (["study.arms={big: [model.widths=[9]]}"], "and 0 arms can be combined;"),
        (["study.arms=[l2,sam,[l2,sam]]"], "and 3 arms can be combined .*no three of them with each other;"),
        (["study.arms={auto_cocktail: [regularizer=l2]}"], "auto_cocktail is the arm that study.cocktail=true adds"),
        (["study.arms=[l2,sam,ema]", "study.baseline=auto_cocktail"], "study.baseline=auto_cocktail: no such arm"),
    ],
)
def test_a_cocktail_of_fewer_than_three_is_refused(words: list[str], line: str) -> None:
    with pytest.raises(ConfigError, match=line) as refusal:
        ask("study.cocktail=true", *words)
    assert "\n" not in str(refusal.value)


def test_costs_multiply() -> None:
    dear = measure(step_seconds=2.0, alone=3.0, memory=150, epochs=9.0, cohort=4)
    found = join_pilots(measure(), [dear, measure(step_seconds=1.5, parameters=20), measure()])
    assert (found.step_seconds, found.alone, found.memory, found.parameters) == (3.0, 3.0, 150, 20)
    assert (found.epochs, found.cohort, found.steps) == (9.0, 4, 3)


def test_a_cocktail_may_be_trained_in_stacks_of_four() -> None:
    quick = measure(step_seconds=0.1)
    assert join_pilots(quick, [quick] * 3).step_seconds == 0.25


def test_the_most_frequent_combination_stands_first_then_the_one_that_came_first() -> None:
    one, two, three = ("a", "b", "c"), ("a", "b", "d"), ("b", "c", "d")
    assert count_combined({3: two, 0: three, 1: two, 2: one}) == [(two, 2), (three, 1), (one, 1)]
