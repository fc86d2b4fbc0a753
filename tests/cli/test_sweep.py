"""`-m`: which runs, in which order, and from whose configurations."""

from __future__ import annotations

from pathlib import Path

import pytest

from regbench.config.paths import config_dir
from tests.cli.session import Session, write


def test_a_sweep_is_the_product_with_the_last_key_fastest(regbench: Session) -> None:
    assert regbench("run", "-m", "regularizer=[],[l2],[l2,dropout]", "seed=0,1") == 0
    runs = [("+".join(run.regularizers), run.seed) for run in regbench.runs]
    assert runs == [("", 0), ("", 1), ("l2", 0), ("l2", 1), ("dropout+l2", 0), ("dropout+l2", 1)]
    assert regbench.runs[3].overrides == ("regularizer=[l2]", "seed=1")


def test_a_glob_is_every_single_technique(regbench: Session) -> None:
    shipped = sorted(path.stem for path in (config_dir() / "regularizer").glob("*.yaml"))
    assert regbench("run", "-m", "regularizer=glob(*,exclude=none)") == 0
    assert sorted(name for run in regbench.runs for name in run.regularizers) == [s for s in shipped if s != "none"]


def test_a_run_of_a_sweep_is_the_run_alone(regbench: Session) -> None:
    assert regbench("run", "-m", "regularizer=l2,dropout", "seed=0,1") == 0
    swept = regbench.runs[1].folder()
    assert regbench("run", "seed=1", "regularizer=[l2]") == 0
    assert regbench.runs[0].folder() == swept


def test_one_bad_value_starts_nothing(regbench: Session) -> None:
    assert "did you mean 'dropout'" in regbench.refusal("run", "-m", "regularizer=l2,droput")
    assert "whole number" in regbench.refusal("run", "-m", "seed=0,1.5")
    assert "write range(START,STOP,STEP)" in regbench.refusal("run", "-m", "seed=interval(0,1)")


def test_a_value_out_of_reach_of_memory_is_refused(regbench: Session) -> None:
    assert "it may have" in regbench.refusal("run", "-m", "seed=range(2000000000)")
    assert "it may have" in regbench.refusal("run", "-m", "seed=range(100000)", "threads=range(1,101)")


def test_whole_cocktails_share_a_setting_of_a_technique_that_all_have(regbench: Session) -> None:
    words = ["regularizer=[l2],[l2,dropout]", "regularizer.l2.strength=1e-3"]
    assert regbench("run", "-m", *words) == 0
    assert [list(run.regularizers) for run in regbench.runs] == [["l2"], ["dropout", "l2"]]
    assert {run.regularizers["l2"]["strength"] for run in regbench.runs} == {1e-3}


def test_a_run_that_occurs_twice_is_planned_once(regbench: Session) -> None:
    assert regbench("run", "-m", "regularizer=[l2,dropout],l2,[dropout,l2]", "seed=0,1,1") == 0
    runs = [("+".join(run.regularizers), run.seed) for run in regbench.runs]
    assert runs == [("dropout+l2", 0), ("dropout+l2", 1), ("l2", 0), ("l2", 1)]
    assert regbench.runs[0].overrides == ("regularizer=[l2,dropout]", "seed=0")
    assert "warning: 5 of 9 runs are the same as another" in regbench.err


def test_a_dry_run_is_told_to_the_launcher(regbench: Session) -> None:
    assert regbench("run", "-m", "seed=0,1") == 0
    assert not regbench.dry
    assert regbench("run", "--dry-run", "seed=0,1", "-m") == 0
    assert regbench.dry
    assert len(regbench.runs) == 2


def test_hydra_leaves_nothing_behind(regbench: Session) -> None:
    assert regbench("run", "regularizer=l2") == 0
    assert regbench("run", "-m", "seed=0,1") == 0
    assert list(Path().iterdir()) == []


def test_ones_own_options_come_from_every_documented_place(
    regbench: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "regularizer/mine.yaml", "mine: {name: mine, depth: 2}\n")
    for words in (["--config-dir", str(tmp_path)], [f"hydra.searchpath=[file://{tmp_path}]"]):
        assert regbench("run", *words, "regularizer=[mine,l2]") == 0
        assert regbench.runs[0].regularizers["mine"] == {"name": "mine", "depth": 2}
    monkeypatch.setenv("REGBENCH_CONFIG_PATH", f"{tmp_path}")
    assert regbench("run", "-m", "regularizer=mine,l2") == 0
    assert [list(run.regularizers) for run in regbench.runs] == [["mine"], ["l2"]]
    monkeypatch.setenv("REGBENCH_CONFIG_PATH", f"{tmp_path}/nowhere")
    assert "REGBENCH_CONFIG_PATH" in regbench.refusal("run")


def test_an_installed_package_adds_options(regbench: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "myreg/conf/__init__.py", "")
    write(tmp_path / "myreg/__init__.py", "")
    write(tmp_path / "myreg/conf/regularizer/theirs.yaml", "theirs: {name: theirs}\n")
    write(tmp_path / "myreg-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: myreg\nVersion: 1.0\n")
    write(tmp_path / "myreg-1.0.dist-info/entry_points.txt", "[regbench.configs]\nmyreg = myreg.conf\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert regbench("run", "regularizer=theirs") == 0
    assert list(regbench.runs[0].regularizers) == ["theirs"]
