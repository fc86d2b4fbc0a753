"""`-m`: which runs, in which order, and what the exit code says about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from regbench.config import RunConfig
from regbench.errors import ConfigError
from regbench.paths import config_dir
from tests.cli.session import Session, write


def test_a_sweep_is_the_product_with_the_last_key_fastest(regbench: Session) -> None:
    assert regbench("run", "-m", "regularizer=[],[l2],[l2,dropout]", "seed=0,1") == 0
    runs = [("+".join(run.regularizers), run.seed) for run in regbench.runs]
    assert runs == [("", 0), ("", 1), ("l2", 0), ("l2", 1), ("dropout+l2", 0), ("dropout+l2", 1)]
    assert regbench.runs[3].overrides == ("regularizer=[l2]", "seed=1")
    assert regbench.out.splitlines()[-1] == "regbench: 6 complete, 0 failed"


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
    regbench.refusal("run", "-m", "seed=interval(0,1)")


def outcome(seed: int) -> int:
    """Return or raise what run number `seed` of the next test does."""
    if seed == 1:
        raise ValueError("a defect")
    if seed == 2:
        raise ConfigError("regularizer.l2.strength=-1 is not allowed")
    return 1 if seed == 3 else 0


def test_a_failure_does_not_stop_the_rest(regbench: Session) -> None:
    regbench.train = lambda config: outcome(config.seed)
    assert regbench("run", "-m", "seed=0,1,2,3,4") == 1
    assert [run.seed for run in regbench.runs] == [0, 1, 2, 3, 4]
    assert regbench.err.splitlines()[-1] == "regbench: 2 complete, 3 failed"
    assert "regbench: regularizer.l2.strength=-1 is not allowed" in regbench.err


def test_all_refused_is_a_bad_configuration(regbench: Session) -> None:
    regbench.train = lambda config: 2
    assert regbench("run", "-m", "seed=0,1") == 2


@pytest.mark.parametrize("code", [130, 143])
@pytest.mark.parametrize("raised", [False, True])
def test_an_interruption_stops_the_sweep_and_counts_what_is_left(regbench: Session, code: int, raised: bool) -> None:
    def train(config: RunConfig) -> int:
        if config.seed < 2:
            return 0
        if raised:
            raise KeyboardInterrupt if code == 130 else SystemExit(code)
        return code

    regbench.train = train
    assert regbench("run", "-m", "seed=0,1,2,3,4,5") == code
    assert len(regbench.runs) == 3
    assert "2 complete, 0 failed, 4 not done" in regbench.err


def test_quiet_prints_only_the_sum(regbench: Session) -> None:
    assert regbench("run", "-q", "-m", "seed=0,1") == 0
    assert regbench.out == "regbench: 2 complete, 0 failed\n"


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
