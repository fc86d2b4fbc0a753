"""Arms: what the words, lists and mappings of study.arms stand for, and what is refused."""

from __future__ import annotations

import pytest

from regbench.config.study_settings import build_study
from regbench.errors import ConfigError
from regbench.studies.arms import CORE, ArmChoice, list_arms
from regbench.studies.request import list_regularizers

KNOWN = list_regularizers()


def arms(base: tuple[str, ...] = (), **settings: object) -> list[ArmChoice]:
    return list_arms(build_study(settings), base, KNOWN)


def test_core_and_all_leave_out_what_the_network_has_already() -> None:
    assert [arm.name for arm in arms()] == ["none", *CORE]
    assert "batch_norm" not in [arm.name for arm in arms(("batch_norm",))]
    assert {arm.name for arm in arms(arms="all")} == {*KNOWN, "none"}
    assert not any(arm.asked for arm in arms(arms="all"))


def test_every_technique_of_the_core_exists() -> None:
    assert set(CORE) <= set(KNOWN)


def test_a_list_inside_is_a_combination() -> None:
    found = arms(arms=["l2", "dropout", ["l2", "dropout"]])
    assert [arm.name for arm in found] == ["none", "l2", "dropout", "l2+dropout"]
    assert found[-1].overrides == ("regularizer=[l2,dropout]",)
    assert found[-1].members == ("l2", "dropout")


def test_a_mapping_is_anything_but_the_data() -> None:
    big, drop = arms(arms={"big": ["model.widths=[256,256]"], "drop": ["regularizer=dropout"]})[1:]
    assert big.members == ()
    assert drop.members == ("dropout",)
    with pytest.raises(ConfigError, match=r"study\.arms\.x: dataset\.path=y is not allowed"):
        arms(arms={"x": ["dataset.path=y"]})
    with pytest.raises(ConfigError, match="as_typed has a meaning of its own"):
        arms(arms={"as_typed": ["regularizer=l2"]})


def test_interactions_add_the_techniques_and_their_pairs() -> None:
    names = [arm.name for arm in arms(arms=["l2"], interactions=["l2", "dropout", "mixup"])]
    assert names == ["none", "l2", "dropout", "mixup", "l2+dropout", "l2+mixup", "dropout+mixup"]


def test_another_baseline_stands_first() -> None:
    assert [arm.name for arm in arms(arms=["l2", "dropout"], baseline="dropout")] == ["dropout", "l2"]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"arms": ["l3"]}, r"study\.arms: unknown technique l3; allowed: activation_noise"),
        ({"arms": ["l2", "l2"]}, r"study\.arms: l2 is named twice"),
        ({"arms": [["l2", "l2"]]}, r"l2\+l2 names a technique twice"),
        ({"arms": ["l2"], "baseline": "dropuot"}, r"study\.baseline=dropuot: no such arm"),
        ({"arms": ["none"]}, "at least one arm"),
        ({"arms": "most"}, r"study\.arms='most' is not allowed"),
        ({"budget": "3 minutes"}, "a time such as 90s"),
        ({"sampler": "tpe"}, "study.trials=32"),
        ({"trials": 4, "finalists": 5}, "study.finalists=5 is more than study.trials=4"),
        ({"replicats": 10}, r"study\.replicats: unknown key; did you mean"),
    ],
)
def test_what_cannot_be_a_study_is_refused_in_one_line(settings: dict[str, object], line: str) -> None:
    with pytest.raises(ConfigError, match=line) as refusal:
        arms(**settings)
    assert "\n" not in str(refusal.value)


def test_one_of_replicates_and_trials_settles_the_plan() -> None:
    assert build_study({}).planned
    one = build_study({"replicates": 40})
    assert (one.replicates, one.trials, one.finalists, one.planned) == (40, 8, 0, False)
    assert (build_study({"trials": 4}).replicates, build_study({"trials": 4}).trials) == (20, 4)
