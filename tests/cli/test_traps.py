"""What Hydra accepts in silence and would corrupt a benchmark: each is refused, or made harmless."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.session import Session, write

STRAY = "has settings but is not selected"


@pytest.mark.parametrize(
    "words",
    [
        ["+regularizer.l2.strength=3"],
        ["++regularizer.l2.strength=3"],
        ["regularizer=dropout", "++regularizer.l2.strength=3"],
        ["-m", "regularizer=[l2],[dropout]", "++regularizer.l2.strength=1e-4,1e-3"],
    ],
)
def test_settings_without_their_technique_are_refused(regbench: Session, words: list[str]) -> None:
    assert STRAY in regbench.refusal("run", *words)


def test_sweeping_settings_over_members_that_lack_them_starts_nothing(regbench: Session) -> None:
    line = regbench.refusal("run", "-m", "regularizer=[l2],[dropout]", "regularizer.l2.strength=1e-4,1e-3")
    assert "l2 is not selected in every run" in line
    assert line.endswith("-- 'regularizer=[l2]' regularizer.l2.strength=1e-4,1e-3 -- 'regularizer=[dropout]'")


def test_the_command_that_a_refused_sweep_names_is_the_sweep_that_was_meant(regbench: Session) -> None:
    words = ["regularizer=l2,dropout,none", "regularizer.l2.strength=1e-4,1e-3", "regularizer.dropout.rate=0.1,0.3"]
    command = regbench.refusal("run", "-m", *words, "seed=0,1").partition("-m ... ")[2]
    assert regbench("run", "-m", "seed=0,1", *shlex.split(command)) == 0
    shown = [(run.seed, *run.overrides[1:]) for run in regbench.runs]
    assert len(shown) == 10
    assert shown[:2] == [
        (0, "regularizer=l2", "regularizer.l2.strength=0.0001"),
        (0, "regularizer=l2", "regularizer.l2.strength=0.001"),
    ]
    assert shown[-1] == (1, "regularizer=none")


def test_an_experiments_settings_do_not_outlive_its_list(regbench: Session, own: Path) -> None:
    start = ("run", "--config-dir", str(own), "experiment=cocktail")
    assert STRAY in regbench.refusal(*start, "regularizer=mixup")
    assert regbench(*start, "regularizer=[l2,dropout,mixup]") == 0
    assert list(regbench.runs[0].regularizers) == ["dropout", "l2", "mixup"]
    assert regbench.runs[0].regularizers["l2"]["strength"] == 3e-3


def test_a_misspelt_experiment_does_not_run_the_default(regbench: Session, own: Path) -> None:
    line = regbench.refusal("run", "--config-dir", str(own), "experiment=coktail")
    assert "did you mean 'cocktail'?" in line


def test_an_experiments_own_top_level_keys_take_effect(regbench: Session, own: Path) -> None:
    assert regbench("run", "--config-dir", str(own), "experiment=cocktail") == 0
    assert (regbench.runs[0].seed, regbench.runs[0].name) == (7, "mine")


def test_an_experiment_that_is_a_sweep_needs_m(regbench: Session, own: Path) -> None:
    start = ("run", "--config-dir", str(own))
    assert "add -m" in regbench.refusal(*start, "experiment=grid")
    assert regbench(*start, "-m", "experiment=grid") == 0
    assert [list(run.regularizers) for run in regbench.runs] == [[], ["l2"], ["dropout", "l2"]]


def test_an_experiment_that_is_a_sweep_cannot_be_swept_over(regbench: Session, own: Path) -> None:
    line = regbench.refusal("run", "--config-dir", str(own), "-m", "experiment=cocktail,grid")
    assert "declares a sweep" in line


def test_mode_is_a_flag_and_not_a_setting(regbench: Session) -> None:
    assert "-m" in regbench.refusal("run", "hydra.mode=MULTIRUN")


def test_the_order_of_a_list_makes_no_other_run(regbench: Session) -> None:
    spellings = ["[l2,dropout]", "[dropout,l2]", "[none,l2,dropout]"]
    assert regbench("run", "-m", f"regularizer={','.join(spellings)}") == 0
    assert len({run.run_id() for run in regbench.runs}) == 1
    assert {tuple(run.regularizers) for run in regbench.runs} == {("dropout", "l2")}


@pytest.mark.parametrize("spelling", ["[l2,l2]", "[l2, dropout, 'l2']", "[dropout],[l2,l2]"])
def test_a_member_twice_is_refused(regbench: Session, spelling: str) -> None:
    assert "l2 stands twice" in regbench.refusal("run", "-m", f"regularizer={spelling}")


def test_a_list_of_numbers_may_repeat_one(regbench: Session) -> None:
    assert regbench("run", "model.widths=[8,8]") == 0


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["seed=1", "seed=2"], "seed"),
        (["-m", "seed=0,1", "seed=5"], "seed"),
        (["regularizer=l2", "regularizer=dropout"], "regularizer"),
        (["+model.extra=1", "++model.extra=2"], "model.extra"),
        (["-q", "quiet=false"], "quiet"),
    ],
)
def test_a_key_twice_is_refused(regbench: Session, words: list[str], key: str) -> None:
    assert f"{key} is given twice" in regbench.refusal("run", *words)


def test_a_typed_key_takes_the_place_of_an_experiments_sweep(regbench: Session, own: Path) -> None:
    assert regbench("run", "--config-dir", str(own), "-m", "experiment=grid", "regularizer=l2") == 0
    assert [list(run.regularizers) for run in regbench.runs] == [["l2"]]


def test_a_sweep_over_nothing_is_refused(regbench: Session) -> None:
    assert "seed=range(3,0)" in regbench.refusal("run", "-m", "seed=range(3,0)", "regularizer=l2,dropout")


@pytest.mark.parametrize("spelling", [".hidden0=0.3", "={hidden0:0.3}", "={hidden0:0.2,hidden1:0.4}"])
def test_an_empty_mapping_takes_a_persons_own_keys(regbench: Session, spelling: str) -> None:
    assert regbench("run", "regularizer=dropout", f"regularizer.dropout.layers{spelling}") == 0
    expected = {"hidden0": 0.2, "hidden1": 0.4} if "hidden1" in spelling else {"hidden0": 0.3}
    assert regbench.runs[0].regularizers["dropout"]["layers"] == expected


def test_the_keys_of_an_empty_mapping_can_be_swept(regbench: Session) -> None:
    assert regbench("run", "-m", "regularizer=dropout", "regularizer.dropout.layers.hidden0=0.1,0.3") == 0
    assert [run.regularizers["dropout"]["layers"]["hidden0"] for run in regbench.runs] == [0.1, 0.3]


@pytest.mark.parametrize("spelling", ["l2/strong", "[l2/strong]", "../dataset/digits", "[l2,../model/mlp]"])
def test_an_option_name_has_no_path(regbench: Session, spelling: str) -> None:
    assert "a name without a path" in regbench.refusal("run", f"regularizer={spelling}")


@pytest.mark.parametrize("sign", ["+", "++"])
@pytest.mark.parametrize("before", [[], ["regularizer=[l2]"], ["regularizer=l2"], ["-m", "regularizer=[l2],[]"]])
def test_adding_to_the_list_is_refused_because_hydra_drops_it(regbench: Session, sign: str, before: list[str]) -> None:
    assert "spell the whole list" in regbench.refusal("run", *before, f"{sign}regularizer=dropout")


@pytest.mark.parametrize("spelling", ["none", "[]", "[none]"])
def test_no_regularizer_has_one_identity(regbench: Session, spelling: str) -> None:
    assert regbench("run", "-m", f"regularizer=[],{spelling}") == 0
    assert len({run.run_id() for run in regbench.runs}) == 1
    assert "-none-s0-" in regbench.runs[0].run_id()


def test_seed_zero_is_a_seed(regbench: Session) -> None:
    assert regbench("run", "seed=0") == 0
    assert regbench.runs[0].seed == 0


def test_a_file_hidden_by_a_shipped_one_is_reported(
    regbench: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = write(tmp_path / "regularizer/l2.yaml", "l2: {name: l2, strength: 99}\n")
    for words in (["--config-dir", str(tmp_path)], [f"hydra.searchpath=[file://{tmp_path}]"]):
        assert regbench("run", "regularizer=l2", *words) == 0
        assert regbench.runs[0].regularizers["l2"]["strength"] != 99
        assert regbench.err.count(f"warning: {hidden} is ignored") == 1
    monkeypatch.setenv("REGBENCH_CONFIG_PATH", str(tmp_path))
    assert regbench("run", "-m", "seed=0,1", "regularizer=l2") == 0
    assert regbench.err.count(f"warning: {hidden} is ignored") == 1
