"""The snippets of docs/python.md run as shown, one after another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import regbench

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text()


def test_the_page_runs_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    snippets = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(snippets) >= 5
    known: dict[str, object] = {}
    for snippet in snippets:
        exec(compile(snippet, "docs/python.md", "exec"), known)  # the project's own page
    assert "did you mean 'dropout' or 'dropconnect'?" in capfd.readouterr().out
    compared, swept = known["compared"], known["swept"]
    assert isinstance(compared, regbench.SweepResult)
    assert isinstance(swept, regbench.SweepResult)
    assert len(compared.runs) == 6
    assert len(swept.runs) == 4


def test_every_name_that_the_page_uses_is_there() -> None:
    assert set(re.findall(r"regbench\.([A-Za-z_]+)", PAGE)) <= set(regbench.__all__)
