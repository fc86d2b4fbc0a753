"""Which group is best: scores against closed forms, and what must never be compared."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from hypothesis import given
from hypothesis import strategies as st

from regbench.runs.provenance import Origin
from regbench.sweeps.labels import label_groups, list_overrides, telling_keys
from regbench.sweeps.manifest import describe
from regbench.sweeps.ranking import SeedGroup, best, rank
from regbench.sweeps.run_status import RunStatus
from tests.unit.sweeps.folders import MODEL, configure, make_status, result

RATES = st.floats(min_value=-1e6, max_value=1e6)


def group_of(figures: list[float | None], **settings: Any) -> list[RunStatus]:
    """One group: a run for each validation metric, None for one that is missing."""
    return [
        make_status(
            {"regularizer": "l2", **settings, "seed": seed}, None if value is None else result(value, value / 2)
        )
        for seed, value in enumerate(figures)
    ]


def named(groups: list[SeedGroup], key: str) -> list[Any]:
    return [group.values[key] for group in groups]


@given(st.lists(RATES, min_size=2, max_size=9))
def test_mean_and_standard_error_are_those_of_statistics(figures: list[float]) -> None:
    (group,) = rank(group_of([*figures]))
    assert group.mean == pytest.approx(statistics.fmean(figures), abs=1e-9)
    assert group.error == pytest.approx(statistics.stdev(figures) / math.sqrt(len(figures)), rel=1e-9, abs=1e-9)
    assert group.test is not None
    assert group.test.mean == pytest.approx(statistics.fmean(figures) / 2, abs=1e-9)


def test_one_run_has_no_error_and_none_no_mean() -> None:
    (one,) = rank(group_of([0.5, None]))
    assert (one.mean, one.error, one.runs, one.ended) == (0.5, None, 2, 1)
    (none,) = rank(group_of([None]))
    assert (none.mean, none.error, none.metric, none.has_validation) == (None, None, None, True)
    assert best([none]) == []


def test_huge_figures_do_not_overflow_the_mean() -> None:
    (group,) = rank(group_of([1.5e308, 1.5e308]))
    assert group.mean == 1.5e308


def test_accuracy_is_best_when_high_and_an_error_when_low() -> None:
    runs = [s for name, value in (("a", 0.2), ("b", 0.9), ("c", 0.5)) for s in group_of([value], model=name)]
    assert named(rank(runs), "model") == ["b", "c", "a"]
    runs = [
        make_status({"model": name}, result(value, metric="mse"))
        for name, value in (("a", 2.0), ("b", 9.0), ("c", 0.5))
    ]
    assert named(rank(runs), "model") == ["c", "a", "b"]


def test_the_test_and_training_figures_decide_nothing() -> None:
    runs = [make_status({"model": "a"}, result(0.8, 0.1)), make_status({"model": "b"}, result(0.7, 0.99))]
    assert named(rank(runs), "model") == ["a", "b"]


def test_validation_loss_breaks_a_tie() -> None:
    better = result(0.5)
    better["best"] = {**better["best"], "val": {"loss": 0.4, "accuracy": 0.5}}
    runs = [
        make_status({"model": "a"}, result(0.5)),
        make_status({"model": "b"}, better),
        make_status({"model": "c"}, result(0.5)),
    ]
    assert named(rank(runs), "model") == ["b", "a", "c"]


def test_diverged_and_failed_runs_are_counted_and_not_averaged() -> None:
    values = {"regularizer": "l2"}
    contents = [result(0.5), result(0.7), result(1.0, status="diverged"), {"status": "failed", "error": "x"}, None]
    (group,) = rank([make_status({**values, "seed": seed}, content) for seed, content in enumerate(contents)])
    assert (group.runs, group.ended, group.failed, group.diverged) == (5, 3, 1, 1)
    assert group.mean == pytest.approx(0.6)
    assert group.test is not None
    assert group.test.mean == pytest.approx(0.8)


def test_a_finished_run_without_a_finite_figure_is_not_averaged_either() -> None:
    broken = result(0.5)
    broken["best"] = {**broken["best"], "val": {"loss": None, "accuracy": None}}
    (group,) = rank([make_status({"seed": 0}, broken), make_status({"seed": 1}, result(0.25))])
    assert (group.mean, group.diverged, group.undefined) == (0.25, 0, 1)


def test_without_a_validation_part_the_plan_decides_and_nothing_is_best() -> None:
    runs = [make_status({"model": name}, result(None, test)) for name, test in (("b", 0.1), ("a", 0.9))]
    groups = rank(runs)
    assert named(groups, "model") == ["b", "a"]
    assert not any(group.has_validation for group in groups)
    assert best(groups) == []
    assert [group.test.mean if group.test else None for group in groups] == [0.1, 0.9]


def test_data_sets_are_ranked_apart() -> None:
    runs = [
        make_status({"model": model, "dataset.name": data}, result(value))
        for data, model, value in (("iris", "a", 0.1), ("iris", "b", 0.2), ("wine", "a", 0.9), ("wine", "b", 0.8))
    ]
    groups = rank(runs)
    assert list(zip(named(groups, "dataset.name"), named(groups, "model"), strict=True)) == [
        ("iris", "b"), ("iris", "a"), ("wine", "a"), ("wine", "b"),
    ]  # fmt: skip
    assert best(groups) == [groups[0], groups[2]]


def test_groups_without_a_figure_come_last_in_the_order_of_the_plan() -> None:
    runs = [make_status({"model": "z"}), make_status({"model": "y"}), make_status({"model": "x"}, result(0.1))]
    assert named(rank(runs), "model") == ["x", "z", "y"]


def swept(*configs: Any) -> list[SeedGroup]:
    """The groups of configurations none of which has ended."""
    return rank([RunStatus(run) for run in describe(configs)])


L2 = {"strength": 0.001, "scope": "weights", "scaling": "half"}
DROPOUT = {"rate": 0.5, "input_rate": 0.0, "layers": {}, "scaling": "inverted"}


def test_a_label_says_what_differs_and_no_more() -> None:
    groups = swept(
        configure(), configure({"l2": L2}), configure({"l2": {**L2, "strength": 0.1}}), configure({"dropout": DROPOUT})
    )
    assert telling_keys(groups) == ["regularizer", "regularizer.l2.strength"]
    assert label_groups(groups, telling_keys(groups)) == ["none", "l2 strength=0.001", "l2 strength=0.1", "dropout"]


def test_a_setting_that_only_some_runs_have_is_told() -> None:
    groups = swept(configure({"dropout": DROPOUT}), configure({"dropout": {**DROPOUT, "layers": {"fc1": 0.2}}}))
    assert label_groups(groups, telling_keys(groups)) == ["dropout", "dropout fc1=0.2"]


def test_equal_ends_of_keys_are_told_apart() -> None:
    groups = swept(
        configure({"l1": L2, "l2": L2}), configure({"l1": {**L2, "strength": 0.5}, "l2": {**L2, "strength": 0.25}})
    )
    labels = label_groups(groups, telling_keys(groups))
    assert labels == ["l1+l2 l1.strength=0.001 l2.strength=0.001", "l1+l2 l1.strength=0.5 l2.strength=0.25"]


def test_one_group_has_its_techniques_as_a_name() -> None:
    groups = swept(configure({"l2": L2, "dropout": DROPOUT}, 0), configure({"l2": L2, "dropout": DROPOUT}, 1))
    assert label_groups(groups, telling_keys(groups)) == ["dropout+l2"]


def test_labels_show_no_control_characters() -> None:
    groups = rank([make_status({"regularizer": "\x1b[31m", "a\n": "\x07"}), make_status({"regularizer": "x"})])
    assert all(label.isprintable() for label in label_groups(groups, telling_keys(groups)))


def test_overrides_are_what_a_person_would_type() -> None:
    groups = swept(
        configure({"l2": L2}),
        configure(
            {"l2": {**L2, "strength": 0.1}, "dropout": {**DROPOUT, "rate": 0.2}}, model={**MODEL, "widths": [8, 4]}
        ),
        configure(schedule={"optimizer": {"name": "sgd", "lr": 0.1}, "epochs": 50}),
    )
    assert [" ".join(list_overrides(group, groups)) for group in groups] == [
        "regularizer=l2 regularizer.l2.strength=0.001 model.widths=[64,64] "
        "schedule/optimizer=adam schedule.optimizer.lr=0.001 schedule/stop=none",
        "regularizer=[dropout,l2] regularizer.dropout.rate=0.2 regularizer.l2.strength=0.1 model.widths=[8,4] "
        "schedule/optimizer=adam schedule.optimizer.lr=0.001 schedule/stop=none",
        "regularizer=none model.widths=[64,64] schedule/optimizer=sgd schedule.optimizer.lr=0.1",
    ]  # fmt: skip


def test_a_setting_common_to_a_technique_is_typed_unless_it_is_the_default() -> None:
    groups = swept(configure(), configure({"l2": {**L2, "scope": "all", "strength": 1e-4}}))
    assert list_overrides(groups[1], groups) == ["regularizer=l2", "regularizer.l2.scope=all"]


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 3, 1e-5, -0.5, [64, 64], [[1, 2], "a b"], []),
        *("relu", "1e3", "null", "TRUE", "nan", "", "a b", "$(x)", "it's", "a\\b", "a\\'b", "a b\\", "x=y,z", "é"),
    ],
)
def test_overrides_come_back_from_hydra(value: object) -> None:
    groups = rank([make_status({"m.x": value}), make_status({"m.x": "other"})])
    techniques, word = list_overrides(groups[0], groups)
    parsed = OverridesParser.create().parse_override(word)
    assert techniques == "regularizer=none"
    assert parsed.key_or_group == "m.x"
    assert unquoted(parsed.value()) == value


def unquoted(value: object) -> object:
    """What Hydra's parser read, with its own records of quoted texts as texts."""
    if isinstance(value, list):
        return [unquoted(item) for item in value]
    return value.text if isinstance(value, QuotedString) else value


def of_data(checksum: str | None, figures: list[float | None], first: int = 0, **settings: Any) -> list[RunStatus]:
    """One group whose data have this checksum, with seeds from `first` on."""
    return [
        replace(
            status,
            run=replace(status.run, values={**status.run.values, "seed": seed}),
            origin=Origin(data_checksum=checksum),
        )
        for seed, status in enumerate(group_of(figures, **settings), start=first)
    ]


OLD, NEW = "0123456789abcdef", "fedcba9876543210"


@given(st.lists(RATES, min_size=1, max_size=4), st.lists(RATES, min_size=1, max_size=4))
def test_figures_of_different_data_are_never_averaged(old: list[float], new: list[float]) -> None:
    groups = rank([*of_data(OLD, [*old]), *of_data(NEW, [*new], len(old))])
    assert [group.checksum for group in groups] == [OLD[:10], NEW[:10]]
    assert [group.mean for group in groups] == pytest.approx([statistics.fmean(old), statistics.fmean(new)], abs=1e-9)
    assert best(groups) == groups, "nor compared"


def test_the_same_data_need_no_checksum() -> None:
    (group,) = rank([*of_data(OLD, [0.5, 0.7]), *of_data(OLD, [None], 2)])
    assert (group.checksum, group.data, group.runs) == (None, (), 3)


def test_groups_are_compared_with_those_of_their_own_data_only() -> None:
    runs = [
        *of_data(OLD, [0.1], model="a"), *of_data(NEW, [0.9], model="b"),
        *of_data(OLD, [0.2], model="c"), *of_data(NEW, [0.8], model="d"),
    ]  # fmt: skip
    groups = rank(runs)
    assert named(groups, "model") == ["c", "a", "b", "d"]
    assert named(best(groups), "model") == ["c", "b"]
    assert [dict(group.data)["data"] for group in best(groups)] == [OLD[:10], NEW[:10]]


def test_unknown_data_are_data_of_their_own() -> None:
    groups = rank([*of_data(OLD, [0.5]), *of_data(None, [0.7], 1), *of_data(None, [None], 2)])
    assert [(group.checksum, group.runs) for group in groups] == [(OLD[:10], 1), ("unknown", 1), ("none yet", 1)]
    (group,) = rank([*of_data(None, [0.5]), *of_data(None, [0.7], 1)])
    assert group.checksum is None


def test_settings_that_name_other_data_explain_other_checksums() -> None:
    runs = [*of_data(OLD, [0.5], **{"dataset.name": "iris"}), *of_data(NEW, [0.7], **{"dataset.name": "wine"})]
    assert [group.checksum for group in rank(runs)] == [None, None]
    groups = rank([*runs, *of_data("abc", [0.9], 1, **{"dataset.name": "wine"})])
    assert [group.checksum for group in groups] == [None, NEW[:10], "abc"]
