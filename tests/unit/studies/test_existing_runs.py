"""Comparing runs that exist: which are arms, which setting of each is judged, on which replicates, and what is said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from regbench.errors import ConfigError
from regbench.evidence.words import Word
from regbench.studies.comparison import compare_arms
from regbench.studies.existing import Field, list_fields
from regbench.sweeps.run_status import RunStatus
from tests.unit.sweeps.folders import make_status, result

RATE = {"schedule.optimizer.lr": 0.001}


def train(
    name: str, tests: Sequence[float | None], val: float = 0.9, metric: str = "accuracy", first: int = 0, **more: object
) -> list[RunStatus]:
    """Runs of one setting, a seed each; None for one that diverged."""
    return [
        make_status(
            {"regularizer": name, **RATE, **more, "seed": seed},
            result(val, test or 0.5, metric=metric, status="diverged" if test is None else "complete"),
            f"{name}-{val}-{seed}",
        )
        for seed, test in enumerate(tests, start=first)
    ]


def field_of(runs: Sequence[RunStatus], metric: str | None = None) -> Field:
    (found,) = list_fields(runs, metric)
    return found


def noise(mean: float, seed: int, count: int = 12) -> list[float]:
    return [mean + 0.004 * value for value in np.random.default_rng(seed).standard_normal(count)]


def test_an_arm_is_a_choice_of_regularizers_and_validation_chooses_its_setting() -> None:
    runs = [
        *train("none", noise(0.80, 0)),
        *train("l2", noise(0.95, 1), val=0.5, **{"regularizer.l2.strength": 0.1}),
        *train("l2", noise(0.70, 2), val=0.6, **{"regularizer.l2.strength": 0.2}),
    ]
    field = field_of(runs)
    arms = {arm.name: arm for arm in field.arms}
    assert set(arms) == {"none", "l2"}
    assert arms["l2"].settings == 2
    assert {run.run.values["regularizer.l2.strength"] for run in arms["l2"].runs} == {0.2}  # its test figure is worse
    assert compare_arms(field, None, None).verdict is not None


def test_differences_are_paired_by_seed_and_words_are_those_of_the_closed_form() -> None:
    base = noise(0.80, 0)
    runs = [
        *train("none", base),
        *train("l2", [value + 0.05 for value in base]),
        *train("ema", [value - 0.05 for value in base]),
        *train("sam", base),
    ]
    comparison = compare_arms(field_of(runs), None, None)
    assert comparison.verdict is not None
    words = {arm.name: arm.word for arm in comparison.verdict.arms}
    assert words == {"l2": Word.BETTER, "ema": Word.WORSE, "sam": Word.NO_DIFFERENCE}
    assert comparison.verdict.arm("l2").difference.mean == pytest.approx(0.05)
    assert comparison.verdict.arm("sam").identical


def test_of_an_error_less_is_better() -> None:
    base = noise(2.0, 0)
    runs = [*train("none", base, metric="mse"), *train("l2", [value - 0.5 for value in base], metric="mse")]
    comparison = compare_arms(field_of(runs), None, 0.1)
    assert comparison.verdict is not None
    assert comparison.verdict.arm("l2").word is Word.BETTER


def test_only_seeds_that_all_arms_have_are_compared_and_the_others_are_counted() -> None:
    field = field_of([*train("none", noise(0.8, 0, 14)), *train("l2", noise(0.9, 1, 12), first=2)])
    assert [draw.seed for draw in field.replicates] == list(range(2, 14))
    assert field.left_out == 2
    assert any("2 runs of seeds or splits" in note for note in compare_arms(field, None, None).notes)


def test_an_arm_that_diverged_once_is_listed_and_gets_no_word() -> None:
    best = [*noise(0.99, 1, 11), None]
    comparison = compare_arms(field_of([*train("none", noise(0.8, 0)), *train("l2", best)]), None, None)
    assert comparison.verdict is None
    assert [(arm.name, arm.lost) for arm in comparison.lost] == [("l2", 1)]


def test_a_setting_that_diverges_is_not_chosen() -> None:
    runs = [
        *train("none", noise(0.8, 0)),
        *train("l2", [*noise(0.9, 1, 11), None], val=0.99, **{"regularizer.l2.strength": 0.1}),
        *train("l2", noise(0.85, 2), val=0.6, **{"regularizer.l2.strength": 0.2}),
    ]
    (l2,) = (arm for arm in field_of(runs).arms if arm.name == "l2")
    assert (l2.lost, l2.runs[0].run.values["regularizer.l2.strength"]) == (0, 0.2)


def test_fewer_than_ten_replicates_give_no_word() -> None:
    runs = [*train("none", noise(0.1, 0, 9)), *train("l2", noise(0.9, 1, 9))]
    comparison = compare_arms(field_of(runs), None, None)
    assert comparison.verdict is not None
    assert [arm.word for arm in comparison.verdict.arms] == [None]
    assert comparison.notes[0].startswith("9 replicates")


def test_what_a_study_would_have_ensured_is_said() -> None:
    runs = [
        *train("none", noise(0.8, 0)),
        *train("l2", noise(0.8, 1), val=0.5, **{"regularizer.l2.strength": 0.1}),
        *train("l2", noise(0.8, 2), val=0.6, **{"regularizer.l2.strength": 0.2}),
    ]
    notes = " | ".join(compare_arms(field_of(runs), None, None).notes)
    assert "the best of 2 has an advantage" in notes
    assert "lr not tuned: every arm has 0.001" in notes
    assert "one test part for all" in notes


def test_data_sets_are_judged_apart() -> None:
    runs = [
        run
        for seed, data in enumerate(("iris", "wine"))
        for name in ("none", "l2")
        for run in train(name, noise(0.8, seed), **{"dataset.name": data})
    ]
    assert {field.data for field in list_fields(runs, None)} == {"dataset=iris", "dataset=wine"}


@pytest.mark.parametrize(
    ("names", "baseline", "said"),
    [
        (("l2", "ema"), None, "the baseline must be named"),
        (("none", "l2"), "l1", "no such arm"),
    ],
)
def test_a_baseline_that_is_not_there_is_refused(names: Sequence[str], baseline: str | None, said: str) -> None:
    field = field_of([run for name in names for run in train(name, noise(0.8, 0))])
    with pytest.raises(ConfigError, match=said):
        compare_arms(field, baseline, None)


def test_a_baseline_that_lost_runs_is_refused() -> None:
    field = field_of([*train("none", [*noise(0.8, 0, 11), None]), *train("l2", noise(0.9, 1))])
    with pytest.raises(ConfigError, match="the baseline none lost 1 of 12 runs"):
        compare_arms(field, None, None)


def test_arms_without_a_common_seed_are_refused() -> None:
    with pytest.raises(ConfigError, match="no split and seed was trained by all arms"):
        list_fields([*train("none", [0.8, 0.8]), *train("l2", [0.9], first=7)], None)


def test_a_figure_that_was_not_measured_is_refused() -> None:
    with pytest.raises(ConfigError, match="metric=auc is not measured"):
        list_fields([*train("none", [0.8]), *train("l2", [0.9])], "auc")


def test_several_settings_without_validation_are_refused() -> None:
    runs = [
        make_status({"regularizer": "l2", "regularizer.l2.strength": strength, "seed": 0}, result(None, 0.8))
        for strength in (0.1, 0.2)
    ]
    with pytest.raises(ConfigError, match="no validation part to choose"):
        list_fields(runs, None)
