"""Words of a study: which are its own, and how overrides inside of them are quoted for Hydra."""

from __future__ import annotations

import pytest

from regbench.compose.loader import PRIMARY, open_loader
from regbench.compose.single_run import compose_run
from regbench.compose.study_arms import compose_arm, compose_study, list_members, quote_arms, split_words
from regbench.compose.sweep_runs import compose_sweep
from regbench.errors import ConfigError

WORDS = ["regularizer=[batch_norm]", "regularizer.batch_norm.placement=before_activation"]


def test_words_are_the_studys_or_the_networks() -> None:
    assert split_words(["study=quick", "model=mlp", "study.budget=1m", "+study.x=1"]) == (
        "quick",
        ["study.budget=1m", "+study.x=1"],
        ["model=mlp"],
    )


@pytest.mark.parametrize(
    ("typed", "quoted"),
    [
        ("{a: [model.widths=[8,8]]}", "{a: ['model.widths=[8,8]']}"),
        ("{a:[x=1,y=2],b:[z={p:1}]}", "{a:['x=1','y=2'],b:['z={p:1}']}"),
        ("{a: ['x=1', \"y=2\"]}", "{a: ['x=1', \"y=2\"]}"),
        ("[l2,dropout]", "[l2,dropout]"),
        ("core", "core"),
    ],
)
def test_overrides_inside_a_mapping_are_quoted(typed: str, quoted: str) -> None:
    assert quote_arms(f"study.arms={typed}") == f"study.arms={quoted}"


def test_an_arm_adds_to_the_regularizers_that_every_arm_has() -> None:
    with open_loader(None, None, print) as loader:
        _, base = compose_study(loader, PRIMARY, WORDS)
        arm = compose_arm(loader, PRIMARY, WORDS, ["regularizer=dropout", "schedule.optimizer.lr=0.1"], base)
        plain = compose_arm(loader, PRIMARY, WORDS, [], base)
    assert list(arm.regularizers) == ["batch_norm", "dropout"]
    assert arm.regularizers["batch_norm"]["placement"] == "before_activation"
    assert arm.schedule["optimizer"]["lr"] == 0.1  # type: ignore[index]
    assert plain.config_hash() == base.config_hash()


def test_members_of_a_choice() -> None:
    assert [list_members(f"regularizer={value}") for value in ("l2", "[l2, dropout]", "none", "[]")] == [
        ["l2"],
        ["l2", "dropout"],
        [],
        [],
    ]


def test_settings_of_a_study_come_from_its_option_and_the_words() -> None:
    with open_loader(None, None, print) as loader:
        settings, base = compose_study(loader, PRIMARY, ["study=quick", "study.rope=0.02", "seed=3"])
        assert (settings.budget, settings.rope, base.seed) == ("1m", 0.02, 3)
        with pytest.raises(ConfigError, match="study=slow: no such study"):
            compose_study(loader, PRIMARY, ["study=slow"])
        with pytest.raises(ConfigError, match=r"declares a sweep"):
            compose_study(loader, PRIMARY, ["experiment=strengths"])


@pytest.mark.parametrize("word", ["study=quick", "+study=quick", "study.budget=1m"])
def test_a_run_and_a_sweep_name_the_command_that_makes_studies(word: str) -> None:
    with open_loader(None, None, print) as loader:
        for compose in (lambda: compose_run(loader, PRIMARY, [word]), lambda: compose_sweep(loader, PRIMARY, [[word]])):
            with pytest.raises(ConfigError, match="is a setting of a study: regbench bench "):
                compose()
