"""Hydra's flags: all of them, anywhere among the overrides."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
import yaml

from tests.cli.session import Session, write


def test_flags_may_stand_anywhere_among_the_overrides(regbench: Session) -> None:
    words = ["regularizer=l2", "-m", "seed=0,1", "-q"]
    for order in permutations(words):
        assert regbench("run", *order) == 0
        assert [run.seed for run in regbench.runs] == [0, 1]
        assert all(list(run.regularizers) == ["l2"] and run.quiet for run in regbench.runs)


def test_cfg_job_prints_the_job_and_runs_nothing(regbench: Session) -> None:
    assert regbench("run", "seed=3", "--cfg", "job", "regularizer=l2") == 0
    shown = yaml.safe_load(regbench.out)
    assert shown["seed"] == 3
    assert shown["regularizer"]["l2"]["name"] == "l2"
    assert "hydra" not in shown
    assert regbench.runs == []


@pytest.mark.parametrize(("which", "keys"), [("hydra", {"hydra"}), ("all", {"hydra", "seed", "model"})])
def test_cfg_hydra_and_all(regbench: Session, which: str, keys: set[str]) -> None:
    assert regbench("run", "--cfg", which) == 0
    assert keys <= set(yaml.safe_load(regbench.out))


def test_package_narrows_and_resolve_replaces_references(regbench: Session) -> None:
    assert regbench("run", "--cfg", "job", "-p", "model", "+model.twin=${seed}", "seed=5", "--resolve") == 0
    assert yaml.safe_load(regbench.out)["twin"] == 5
    assert regbench("run", "--cfg", "job", "-p", "seed", "seed=5") == 0
    assert regbench.out == "5\n"
    assert "did you mean 'model'?" in regbench.refusal("run", "--cfg", "job", "-p", "modle")


def test_help_shows_groups_options_and_the_configuration(regbench: Session) -> None:
    assert regbench("run", "--help") == 0
    assert "regularizer: " in regbench.out
    assert "schedule/optimizer: " in regbench.out
    assert "seed: 0" in regbench.out
    assert "--multirun" in regbench.out
    assert "--dry-run" in regbench.out
    assert "workers: auto" in regbench.out
    assert " -- " in regbench.out


@pytest.mark.parametrize("info", ["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"])
def test_info_answers(regbench: Session, info: str) -> None:
    assert regbench("run", "--info", info) == 0
    assert regbench.runs == []


def test_hydra_help_answers(regbench: Session) -> None:
    assert regbench("run", "--hydra-help") == 0
    assert "Hydra" in regbench.out


def test_a_primary_configuration_of_ones_own_builds_on_the_shipped_one(regbench: Session, tmp_path: Path) -> None:
    write(tmp_path / "mybench.yaml", "defaults: [config, _self_]\nseed: 11\n")
    assert regbench("run", "--config-dir", str(tmp_path), "-cn", "mybench") == 0
    assert regbench.runs[0].seed == 11


def test_adding_and_deleting_keys(regbench: Session) -> None:
    assert regbench("run", "+model.extra=1", "~schedule.batch_size") == 0
    assert regbench.runs[0].model["extra"] == 1
    assert "batch_size" not in regbench.runs[0].schedule


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--mutlirun"], "did you mean '--multirun'"),
        (["--dry-rnu", "-m"], "did you mean '--dry-run'"),
        (["--dry-run"], "add -m"),
        (["seed=0", "--", "model=mlp"], "add -m"),
        (["seed=0,1", "--", "model=mlp", "-m"], "-m stands after --"),
        (["-m", "seed=0,1", "--", "--dry-run"], "--dry-run stands after --"),
        (["-m", "--", "seed=0", "--config-dir", "x"], "--config-dir stands after --"),
        (["--cfg"], "expected one argument"),
        (["--cfg", "jobs"], "choose from"),
        (["--cfg", "job", "-m"], "together"),
        (["--resolve"], "--cfg"),
        (["--experimental-rerun", "x.pickle"], "execute"),
        (["--config-dir", "/nowhere/at/all"], "no folder"),
        (["-cn", "nowhere"], "no configuration named"),
        (["hydra.searchpath=[file:///nowhere/at/all]"], "no folder"),
    ],
)
def test_a_mistaken_flag_is_one_line(regbench: Session, words: list[str], hint: str) -> None:
    assert hint in regbench.refusal("run", *words)
