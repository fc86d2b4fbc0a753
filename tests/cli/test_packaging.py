"""The wheel carries everything: installed elsewhere, with no checkout in sight, it composes, trains and writes."""

from __future__ import annotations

import csv
import json
import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from regbench import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("regbench", "configs", "pyproject.toml", "README.md", "LICENSE")


@dataclass(frozen=True)
class Installation:
    """An environment that holds regbench's wheel, and borrows only its dependencies from this one."""

    wheel: Path
    home: Path

    def call(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run one of its programs in `cwd`, without any variable that could lead back to the checkout."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV_", "REGBENCH_"))}
        program = str(self.home / "bin" / command[0])
        return subprocess.run([program, *command[1:]], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)


def build_wheel(folder: Path) -> Path:
    """Build from a copy, so that the checkout stays clean and parallel test processes do not meet."""
    source = folder / "source"
    source.mkdir()
    for name in SHIPPED:
        path = ROOT / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, source / name)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder / "dist"), str(source)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("packaging")
    wheel, home = build_wheel(folder), folder / "environment"
    venv.create(home, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python")]
    install = [*pip, "install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # torch is not installed twice: a plain path line borrows these packages. Unlike site.addsitedir it does not read
    # their .pth files, so the editable regbench of the development environment stays out.
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return Installation(wheel, home)


def test_wheel_holds_every_config_and_nothing_besides_the_package(installed: Installation) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    configs = {f"regbench/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "configs").rglob("*.yaml")}
    assert "regbench/configs/config.yaml" in configs
    assert configs <= names
    metadata = f"regbench-{__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"regbench", metadata}


def test_installed_package_is_the_wheels_and_not_the_checkouts(installed: Installation, tmp_path: Path) -> None:
    where = "import regbench, torch; print(regbench.__file__)"
    done = installed.call("python", "-W", "error", "-c", where, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed.home)


def test_console_script_composes_a_config_from_another_directory(installed: Installation, tmp_path: Path) -> None:
    done = installed.call("regbench", "run", "--cfg", "job", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "dataset:" in done.stdout
    assert "schedule:" in done.stdout
    assert not any(tmp_path.iterdir())


def test_console_script_passes_the_exit_code_on(installed: Installation, tmp_path: Path) -> None:
    done = installed.call("regbench", "rnu", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_run_from_another_directory_leaves_its_folder_there(installed: Installation, tmp_path: Path) -> None:
    done = installed.call("regbench", "run", "regularizer=l2", "schedule.epochs=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (result,) = (tmp_path / "runs").glob("*/*/result.json")
    assert json.loads(result.read_text())["epochs"] == 2
    with (result.parent / "metrics.csv").open(newline="") as lines:
        assert [int(row["epoch"]) for row in csv.DictReader(lines)] in ([0, 1], [1, 2])
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}
