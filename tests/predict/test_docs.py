"""docs/models.md works as written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text()


def write_houses(path: Path, rows: int) -> None:
    random = np.random.default_rng(rows)
    area = random.uniform(40.0, 200.0, rows)
    town = np.array(["Aachen", "Bonn"])[random.integers(0, 2, rows)]
    price = 3.0 * area + 50.0 * (town == "Bonn") + random.standard_normal(rows)
    pd.DataFrame({"area": area, "town": town, "price": price}).to_csv(path, index=False)


def test_the_commands_and_then_the_snippets_work_in_the_order_of_the_page(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    write_houses(tmp_path / "houses.csv", 120)
    write_houses(tmp_path / "new.csv", 7)
    program = Path(sys.executable).with_name("regbench")
    commands = [line for line in "".join(read_blocks("sh")).splitlines() if not line.startswith("pip ")]
    script = "\n".join((f'regbench() {{ "{program}" "$@"; }}', *commands))
    done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert len(pd.read_csv(tmp_path / "prices.csv")) == 7
    (folder,) = tmp_path.glob("runs/houses/*")
    snippets = re.sub(r'"runs/houses/[^"]*"', repr(str(folder)), "".join(read_blocks("python")))
    command = [sys.executable, "-W", "error", "-c", snippets]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def read_blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    return found
