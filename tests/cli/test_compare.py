"""`regbench compare`: what it prints of finished runs, what it requires of them, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regbench.sweeps.manifest import describe, register
from tests.cli.session import Session
from tests.unit.sweeps.folders import configure, put_result, result

SETTINGS: dict[str, Mapping[str, Any]] = {"none": {}, "l2": {"l2": {"strength": 0.1}}, "ema": {"ema": {"decay": 0.9}}}
SHIFT = {"none": 0.0, "l2": 0.05, "ema": 0.001}


@pytest.fixture
def sweep() -> str:
    """Three arms with twelve seeds each: l2 is five points better than none, and ema hardly at all."""
    folder, noise = Path("runs/mine"), 0.005 * np.random.default_rng(0).standard_normal((3, 12))
    runs = {(name, seed): configure(SETTINGS[name], seed) for name in SETTINGS for seed in range(12)}
    planned = describe(list(runs.values()))
    register(folder, planned)
    for (name, seed), run in zip(runs, planned, strict=True):
        put_result(folder, run, result(0.9, 0.8 + SHIFT[name] + noise[list(SETTINGS).index(name), seed]))
    return str(folder)


def test_the_best_arm_is_named_with_its_interval_and_its_overrides(regbench: Session, sweep: str) -> None:
    assert regbench("compare", sweep) == 0
    lines = regbench.out.splitlines()
    assert lines[0].split() == ["arm", "accuracy", "difference", "95", "%", "interval", "word", "wins"]
    assert lines[1].split()[0] == "l2"
    assert {line.split()[0] for line in lines[2:4]} == {"ema", "none"}
    assert "better" in lines[1]
    assert "12/12" in lines[1]
    assert "verdict    Use l2: better than the same network without it by " in regbench.out
    assert "points of accuracy" in regbench.out
    assert "with all 2 arms accounted for" in regbench.out
    assert "how        regularizer=l2 regularizer.l2.strength=0.1" in regbench.out
    assert regbench.err == ""


def test_a_verdict_of_the_sign_alone_claims_no_range_for_all_arms(regbench: Session) -> None:
    """An arm that is much worse in every replicate widens the range of all arms at once, and not the test of a sign."""
    steps = np.linspace(-1.0, 1.0, 10) / np.linspace(-1.0, 1.0, 10).std(ddof=1)
    gains = 0.005 * (1.0 + 0.9 * steps)  # T = 3.5
    errors = {"none": np.full(10, 2.0), "l2": 2.0 - gains, "ema": 3.0 + 1e-4 * steps}
    for name, values in errors.items():
        configs = [configure(SETTINGS[name], seed) for seed in range(10)]
        for config, run, value in zip(configs, describe(configs), values, strict=True):
            put_result(Path("runs/mine"), run, result(2.0, float(value), metric="mse"))
            (Path("runs/mine") / run.run_id / "config.yaml").write_text(config.to_yaml())
    assert regbench("compare", "runs/mine", "--rope", "0.0001", "--require", "l2=better") == 0
    (verdict,) = (line for line in regbench.out.splitlines() if line.startswith("verdict"))
    low, high = (float(word) for word in verdict.partition("(")[2].split(" for ")[0].split(" to "))
    assert 0 < low < high
    assert "for this arm alone; that it is better holds with all 2 arms accounted for" in verdict


def test_what_ci_requires_decides_the_exit_code(regbench: Session, sweep: str) -> None:
    assert regbench("compare", sweep, "--require", "l2=better", "--require", "ema=no_difference") == 0
    assert regbench("compare", "--require", "ema=better", sweep) == 3
    assert regbench.err == "regbench: ema is no practical difference, not better, as --require asks\n"
    assert "verdict" in regbench.out


def test_the_baseline_can_be_another_arm(regbench: Session, sweep: str) -> None:
    assert regbench("compare", sweep, "--baseline", "l2") == 0
    assert "Nothing is better than l2" in regbench.out


def test_sweeps_folders_of_runs_and_single_runs_are_compared_together(regbench: Session, sweep: str) -> None:
    single = [configure({"max_norm": {"radius": 1.0}}, seed) for seed in range(12)]
    for config, planned in zip(single, describe(single), strict=True):
        folder = Path("runs/one" if config.seed == 0 else "runs/others")
        put_result(folder, planned, result(0.9, 0.6 + config.seed / 1000))
        (folder / planned.run_id / "config.yaml").write_text(config.to_yaml())
    words = (sweep, "runs/others", f"runs/one/{single[0].run_id()}")
    assert regbench("compare", *words, "--require", "max_norm=worse") == 0
    assert regbench("compare", sweep, "--require", "max_norm=worse") == 2


def test_it_changes_no_file(regbench: Session, sweep: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    assert regbench("compare", sweep) == 0
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs/nowhere"], "runs/nowhere does not exist"),
        (["runs"], "runs holds no runs"),
        (["runs/mine", "--baseline", "l3"], "--baseline l3: no such arm"),
        (["runs/mine", "--metric", "acuracy"], "accuracy"),
        (["runs/mine", "--rope", "0"], "--rope 0.0 is not allowed"),
        (["runs/mine", "--rope", "wide"], "--rope"),
        (["runs/mine", "--require", "l2"], "ARM=WORD is needed"),
        (["runs/mine", "--require", "l2=best"], "better"),
        (["runs/mine", "--require", "none=better"], "no such arm besides the baseline"),
        ([], "FOLDER"),
    ],
)
def test_mistakes_are_one_line(regbench: Session, sweep: str, words: list[str], said: str) -> None:
    assert regbench("compare", *words) == 2
    assert regbench.out == ""
    assert len(regbench.err.splitlines()) == 1
    assert said in regbench.err


def test_help_says_what_it_takes(regbench: Session) -> None:
    assert regbench("compare", "--help") == 0
    assert "--require ARM=WORD" in regbench.out
