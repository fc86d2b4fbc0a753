"""What an arm searches: declared ranges, what `study.search` says, and every refusal in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from regbench.config.fields import hyper_fields
from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError
from regbench.regularizers import registry
from regbench.schedules.optimizers import OPTIMIZERS
from regbench.studies.spaces import LR, Coordinate, Space, check_search, list_keys, read_space
from tests.unit.sweeps.folders import SCHEDULE, configure

RATE = Coordinate(LR, 1e-4, 0.1, log=True)
DROPOUT = Coordinate("regularizer.dropout.rate", 0.05, 0.8, log=False)
INPUT = Coordinate("regularizer.dropout.input_rate", 0.0, 0.5, log=False)
L2 = Coordinate("regularizer.l2.strength", 1e-6, 0.1, log=True)


def space(*own: str, base: tuple[str, ...] = (), **wanted: Any) -> Space:
    return read_space(configure({name: {} for name in (*own, *base)}), own, wanted)


def search(values: Mapping[str, object], *own: str) -> Space:
    return read_space(configure({name: {} for name in own}), own, values)


def refusal(values: Mapping[str, object], *own: str) -> str:
    with pytest.raises(ConfigError) as caught:
        search(values, *own)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def with_optimizer(name: str) -> RunConfig:
    return replace(configure(), schedule={**SCHEDULE, "optimizer": {"name": name}})


def test_the_rate_is_first_and_the_declared_ranges_of_the_arms_own_regularizers_follow() -> None:
    assert space() == Space((RATE,))
    assert space("dropout") == Space((RATE, DROPOUT, INPUT))
    assert space("l2", "dropout").coordinates == (RATE, L2, DROPOUT, INPUT)  # in the order of the arm
    assert space("batch_norm") == Space((RATE,))  # integers, choices and static numbers stay as they are


def test_regularizers_of_the_network_as_typed_are_searched_only_where_they_are_named() -> None:
    assert space("l2", base=("dropout",)).coordinates == (RATE, L2)
    named = space("l2", base=("dropout",), **{"dropout.rate": [0.1, 0.2]})
    assert named.coordinates == (RATE, L2, replace(DROPOUT, low=0.1, high=0.2))


def test_an_extra_that_is_off_is_searched_only_where_it_is_named() -> None:
    """Or an arm named l2 would be two penalties, and take more of the trials than it needs."""
    biases = Coordinate("regularizer.l2.bias_strength", 1e-6, 0.1, log=True)
    for off in ({}, {"bias_strength": 0}, {"bias_strength": 0.0}):
        assert read_space(configure({"l2": off}), ("l2",), {}).coordinates == (RATE, L2)
    on = read_space(configure({"l2": {"bias_strength": 0.01}}), ("l2",), {})
    assert on.coordinates == (RATE, L2, biases)
    assert search({"l2.bias_strength": [1e-6, 0.1]}, "l2").coordinates == (RATE, L2, biases)


def test_a_range_that_depends_on_a_choice_is_that_of_the_arms_own() -> None:
    kept = Coordinate("regularizer.label_smoothing.epsilon", 0.6, 0.99, log=False)
    settings = {"label_smoothing": {"form": "kept", "epsilon": 0.9}}
    assert read_space(configure(settings), ("label_smoothing",), {}).coordinates == (RATE, kept)


@pytest.mark.parametrize(
    ("optimizer", "low", "high"), [("sgd", 1e-3, 1.0), ("adam", 1e-4, 0.1), ("rmsprop", 1e-4, 0.1)]
)
def test_the_range_of_the_rate_is_that_of_the_optimizer(optimizer: str, low: float, high: float) -> None:
    assert read_space(with_optimizer(optimizer), (), {}).coordinates == (Coordinate(LR, low, high, log=True),)


def test_two_numbers_for_a_number_replace_its_range_in_place_and_keep_its_scale() -> None:
    found = search({"dropout.rate": [0.1, 0.6], LR: [0.001, 0.01]}, "dropout")
    assert found.coordinates == (Coordinate(LR, 0.001, 0.01, log=True), replace(DROPOUT, low=0.1, high=0.6), INPUT)
    assert search({"l2.strength": [1, 2]}, "l2").coordinates[1] == replace(L2, low=1.0, high=2.0)


def test_a_static_number_becomes_a_coordinate_on_a_log_scale_if_its_ends_are_far_apart() -> None:
    found = search({"batch_norm.momentum": [0.01, 0.5], "batch_norm.epsilon": [1e-6, 1e-2]}, "batch_norm")
    assert [(c.key.rpartition(".")[2], c.log) for c in found.coordinates] == [
        ("lr", True),
        ("momentum", False),
        ("epsilon", True),
    ]


def test_other_lists_are_choices_and_form_groups() -> None:
    placements = ("before_activation", "after_activation")
    found = search({"schedule.batch_size": [16, "full"], "batch_norm.placement": [*placements]}, "batch_norm")
    assert found.coordinates == (RATE,)
    assert found.groups == (("regularizer.batch_norm.placement", placements), ("schedule.batch_size", (16, "full")))
    assert found.combinations == 4
    assert space().combinations == 1


def test_two_whole_numbers_for_a_whole_number_are_choices_and_three_for_a_number_too() -> None:
    assert search({"bagging.members": [3, 5]}, "bagging").groups == (("regularizer.bagging.members", (3, 5)),)
    assert search({"model.widths": [[64], [128, 64]]}).groups == (("model.widths", ([64], [128, 64])),)
    found = search({"dropout.rate": [0.1, 0.3, 0.5]}, "dropout")
    assert found.coordinates == (RATE, INPUT)
    assert found.groups == ((DROPOUT.key, (0.1, 0.3, 0.5)),)


def test_dotted_nested_and_full_keys_are_one_spelling() -> None:
    dotted = search({"dropout.rate": [0.1, 0.6]}, "dropout")
    assert dotted == search({"dropout": {"rate": [0.1, 0.6]}}, "dropout")
    assert dotted == search({"regularizer.dropout.rate": [0.1, 0.6]}, "dropout")
    assert "given twice" in refusal({"dropout.rate": [0.1, 0.6], "dropout": {"rate": [0.1, 0.5]}}, "dropout")


def test_keys_of_regularizers_that_the_arm_lacks_are_left_to_other_arms() -> None:
    wanted = {"dropout.rate": [0.1, 0.6]}
    assert search(wanted, "l2") == space("l2")
    check_search(wanted, {*list_keys(configure({"dropout": {}}), ["dropout"]), *list_keys(configure(), [])})
    with pytest.raises(ConfigError, match=r"study\.search\.dropuot\.rate: no arm has this .* mean 'dropout\.rate'"):
        check_search({"dropuot.rate": [0.1, 0.6]}, list_keys(configure({"dropout": {}}), ["dropout"]))
    with pytest.raises(ConfigError, match="no arm has this setting"):
        check_search(wanted, list_keys(configure(), []))
    with pytest.raises(ConfigError, match=r"study\.search\.dataset\.train_size: no arm has this setting"):
        check_search({"dataset.train_size": [100, 200]}, list_keys(configure(), []))  # the data are the same for all


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("dropout.rat", [0.1, 0.2], "did you mean 'dropout.rate'"),
        ("schedule.batchsize", [16, 32], "did you mean 'schedule.batch_size'"),
        ("schedule.optimizer.momentum", [0.0, 0.9], "no arm has this setting"),  # adam has none
        ("dropout.rate", [0.6, 0.1], "study.search.dropout.rate=[0.6,0.1] is not allowed; the first end"),
        ("dropout.rate", [0.1, 0.1], "must be less than the second"),
        ("dropout.rate", [0.1, 1.0], "numbers in [0, 1)"),
        ("dropout.rate", [-0.1, 0.5], "numbers in [0, 1)"),
        ("dropout.rate", [0.1, float("inf")], "numbers in [0, 1)"),
        ("l2.strength", [0.0, 0.1], "log scale, so the first end must be greater than 0"),
        ("dropout.rate", 0.3, "it takes a list: the two ends of a range, or choices"),
        ("dropout.rate", [], "it takes a list"),
        ("dropout.rate", "0.1", "it takes a list"),
        ("dropout.rate", [0.1, 0.2, 2.0], "study.search.dropout.rate[2]=2.0 is not allowed"),
        ("dropout.scaling", ["inverted", "up"], "one of inverted, original"),
        ("dropout.scaling", ["inverted", "inverted"], "names a choice twice"),
        ("schedule.batch_size", [16, 16.0], "is not allowed"),
        (LR, [0.1, 0.2, 0.3], "two ends of a range"),
        (LR, [0.0, 0.1], "numbers in (0, inf"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(key: str, value: object, said: str) -> None:
    assert said in refusal({key: value}, "dropout", "l2")


def test_an_arm_with_too_many_coordinates_is_refused() -> None:
    own = [name for name in registry.names() if hyper_fields(registry.load(name))]
    with pytest.raises(ConfigError, match="at most 16 are allowed"):
        read_space(configure({name: {} for name in own}), own, {})


RECORDS = {name: registry.load(name) for name in registry.names()} | {
    f"optimizer {k}": v for k, v in OPTIMIZERS.items()
}


@pytest.mark.parametrize("name", RECORDS)
def test_declared_ranges_are_allowed_hold_the_default_and_never_switch_off_between_their_ends(name: str) -> None:
    for field, kind in hyper_fields(RECORDS[name]).items():
        low, high = kind.search
        assert low < high, field
        assert low in kind.range, field
        assert high in kind.range, field
        assert low > 0 or not kind.log, field
        assert kind.off is None or not low <= kind.off <= high or kind.off == 0.0, field
        assert kind.off != 0.0 or low >= 0.0, field
        default = getattr(RECORDS[name], field)
        assert low <= default <= high or (kind.extra and default == kind.off), field


def test_weight_decay_reaches_strengths_that_act_within_a_short_training() -> None:
    """At the default rate of 1e-3, 300 updates shrink a weight to exp(-0.3 strength): 0.1 is 3 %, 10 is 95 %."""
    low, high = hyper_fields(registry.load("weight_decay"))["strength"].search
    assert (1 - 1e-3 * high) ** 300 < 0.1
    assert 0.1 * high <= 1.0  # the largest rate searched takes no more than the whole weight off
    assert low > 0.0
