"""A configuration is data: whatever it holds, nothing is executed, nothing written outside, and no secret copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.session import Session, write

PRESENT = "regularizer=mine"


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


def hostile(folder: Path, body: str) -> tuple[str, str, str]:
    """Write an experiment that reaches Hydra's own node and return the words that choose it."""
    write(folder / "experiment/hostile.yaml", f"# @package _global_\n{body}\n")
    return "--config-dir", str(folder), "experiment=hostile"


@pytest.mark.parametrize("mode", [[], ["-m"], ["--cfg", "job"], ["--help"], ["--info", "config"]], ids=" ".join)
@pytest.mark.parametrize(
    "body",
    [
        "hydra: {{callbacks: {{x: {{_target_: pathlib.Path.write_text, self: {canary}, data: x}}}}}}",
        "hydra: {{job_logging: {{root: {{handlers: [f]}}, handlers: {{f: {{class: logging.FileHandler, "
        "filename: {canary}}}}}}}}}",
        "hydra: {{hydra_logging: {{root: {{handlers: [f]}}, handlers: {{f: {{class: logging.FileHandler, "
        "filename: {canary}}}}}}}}}",
        "hydra: {{run: {{dir: {canary}}}}}",
        "hydra: {{sweep: {{dir: {canary}}}}}",
        "hydra: {{sweep: {{subdir: {canary}}}}}",
        "hydra: {{output_subdir: {canary}}}",
        "hydra: {{job: {{env_set: {{REGBENCH_CANARY: {canary}}}}}}}",
        "hydra: {{job: {{chdir: true}}}}",
    ],
)
def test_a_file_cannot_make_hydra_act(
    regbench: Session, tmp_path: Path, canary: Path, mode: list[str], body: str
) -> None:
    assert "is not allowed" in regbench.refusal("run", *mode, *hostile(tmp_path, body.format(canary=canary)))
    assert not canary.exists()


def test_one_value_of_a_sweep_cannot_either(regbench: Session, tmp_path: Path, canary: Path) -> None:
    words = hostile(tmp_path, f"hydra: {{run: {{dir: {canary}}}}}")
    write(tmp_path / "experiment/harmless.yaml", "# @package _global_\nseed: 1\n")
    assert "hydra.run.dir" in regbench.refusal("run", "-m", *words[:2], "experiment=harmless,hostile")
    assert not canary.exists()


@pytest.mark.parametrize("key", ["hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.output_subdir"])
def test_a_folder_of_hydras_cannot_be_set(regbench: Session, canary: Path, key: str) -> None:
    assert f"{key}=" in regbench.refusal("run", f"{key}={canary}")
    assert not canary.exists()


def test_another_launcher_is_refused_and_not_ignored(regbench: Session, tmp_path: Path) -> None:
    write(tmp_path / "hydra/launcher/mine.yaml", "_target_: os.system\n")
    assert "hydra/launcher=mine" in regbench.refusal("run", "--config-dir", str(tmp_path), "hydra/launcher=mine")


@pytest.mark.parametrize("settings", ["_target_: os.system", "deep: [{_target_: os.system}]", "_partial_: true"])
def test_a_technique_cannot_name_python_code(regbench: Session, tmp_path: Path, settings: str) -> None:
    write(tmp_path / "regularizer/mine.yaml", f"mine: {{name: mine, {settings}}}\n")
    assert "never Python code" in regbench.refusal("run", "--config-dir", str(tmp_path), PRESENT)


@pytest.mark.parametrize(
    "value",
    [
        "${oc.env:REGBENCH_SECRET}",
        "x${oc.env:REGBENCH_SECRET}x",
        "${oc.${model.part}:REGBENCH_SECRET}",
        "${oc.decode:${oc.env:REGBENCH_SECRET}}",
        "${hydra:runtime.cwd}",
        "${now:%Y}",
    ],
)
def test_no_resolver_is_called(regbench: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("REGBENCH_SECRET", "hunter2")
    write(tmp_path / "regularizer/mine.yaml", f"mine: {{name: mine, text: '{value}'}}\n")
    for mode in ([], ["--cfg", "job", "--resolve"], ["-m"]):
        line = regbench.refusal("run", "--config-dir", str(tmp_path), *mode, "+model.part=env", PRESENT)
        assert "resolver" in line
        assert "hunter2" not in line


@pytest.mark.parametrize("key", ["+model.extra", "runs", "name", "seed"])
def test_no_resolver_is_called_for_an_override(regbench: Session, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("REGBENCH_SECRET", "hunter2")
    for mode in (["--cfg", "job", "--resolve"], ["-m"]):
        line = regbench.refusal("run", *mode, f"{key}=${{oc.env:REGBENCH_SECRET}}")
        assert "resolver" in line
        assert "hunter2" not in line


def test_no_resolver_is_called_for_a_declared_sweep(
    regbench: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGBENCH_SECRET", "hunter2")
    words = hostile(tmp_path, "hydra: {sweeper: {params: {name: '${oc.env:REGBENCH_SECRET}'}}}")
    assert "resolver" in regbench.refusal("run", "-m", *words)


def test_a_secret_cannot_come_by_way_of_hydras_node(regbench: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGBENCH_SECRET", "hunter2")
    line = regbench.refusal("run", "hydra.verbose=${oc.env:REGBENCH_SECRET}", "+model.extra=${hydra.verbose}")
    assert "hunter2" not in line
    assert "hunter2" not in regbench.refusal("run", "hydra.job.env_copy=[REGBENCH_SECRET]")


@pytest.mark.parametrize("name", ["../x", "a/b", "/x", "..", ".hidden", "a b", "''", "x" * 101, "C:x", "a\\\\b"])
def test_the_name_stays_inside_the_root(regbench: Session, name: str) -> None:
    regbench.refusal("run", f"name={name}")


@pytest.mark.parametrize("key", ["name", "+model.extra", "device", "dataset", "runs"])
def test_control_characters_and_long_texts_are_refused(regbench: Session, key: str) -> None:
    for value in ("a\tb", "a\nb", "a\x1b[31mb", "a\u202eb", "x" * 400):
        line = regbench.refusal("run", f"{key}={value}")
        assert line.isprintable()
        assert len(line) < 400


def test_control_characters_in_a_file_are_refused(regbench: Session, tmp_path: Path) -> None:
    write(tmp_path / "regularizer/mine.yaml", 'mine: {name: mine, text: "\\e[31m"}\n')
    assert "control character" in regbench.refusal("run", "--config-dir", str(tmp_path), PRESENT)


def test_the_root_of_results_may_be_anywhere(regbench: Session, tmp_path: Path) -> None:
    assert regbench("run", f"runs={tmp_path}/elsewhere") == 0
    assert regbench.runs[0].folder().is_relative_to(tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()
