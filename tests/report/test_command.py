"""`regbench report`: pages of what was really trained, where they go, and what is refused."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

import pytest

from regbench.cli.completion import candidates
from regbench.cli.main import main
from tests.report.made_up import MadeUp, write_study
from tests.report.markup import parse


def test_page_of_a_sweep_has_its_ranking_strengths_losses_and_weights(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sweep.html"
    assert main(["report", str(sweep), "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    page = parse(out.read_text())
    assert page.faults == []
    assert [e.attributes["id"] for e in page.all("figure")] == ["f5", "f6", "f10"]
    assert len([e for e in page.all("tr") if "data-arm" in e.attributes]) == 6
    command = next(e for e in page.all("code") if e.attributes.get("id") == "command").text
    assert command.startswith("regbench run dataset=moons schedule.epochs=3 'model.widths=[16]' regularizer=")
    assert "runs=" not in command


def test_page_of_a_run_has_its_losses_weights_and_boundary(
    run_folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_folders["l1"]
    assert main(["report", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder / 'report.html'}\n"
    text = (folder / "report.html").read_text()
    (folder / "report.html").unlink()
    page = parse(text)
    assert page.faults == []
    assert [e.attributes["id"] for e in page.all("figure")] == ["f6", "f10", "f11"]
    assert len(page.all("image")) == 1
    assert len(text) < 120_000


def test_page_of_a_study_opens_in_the_browser(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    folder = write_study(tmp_path / "study", MadeUp(arms=2, trials=2, epochs=3))
    assert main(["report", "--open", str(folder)]) == 0
    assert shown == [(folder / "report.html").as_uri()]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nowhere"], "nowhere does not exist; name the folder of a study, a sweep or a run"),
        ([""], "'' is not a folder"),
        (["a_file"], "a_file is a file; name the folder of a study, a sweep or a run"),
        (["empty"], "empty holds no runs"),
        ([], "the following arguments are required: FOLDER"),
        (["empty", "-o", "."], "-o . is a folder; name the file to write"),
        (["empty", "-o", "none/page.html"], "-o none/page.html: there is no folder none"),
        (["empty", "-o", "page.pdf"], "-o page.pdf: the page is HTML; name a file that ends in .html"),
        (["a\0b"], "a\\x00b does not exist"),
        (["--wrong", "empty"], "unrecognized arguments: --wrong"),
    ],
)
def test_refusals_are_one_line_and_write_nothing(
    words: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a_file").touch()
    assert main(["report", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert reason in told.err
    assert told.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a_file", "empty"]


@pytest.mark.parametrize("library", ["matplotlib", "jinja2"])
def test_a_missing_library_is_named_with_what_installs_it(
    library: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    folder = write_study(tmp_path / "study", MadeUp(arms=2, trials=2, epochs=3))
    assert main(["report", str(folder)]) == 2
    wanted = f"regbench: the page needs {library}, which is not installed: pip install 'regbench[report]'\n"
    assert capsys.readouterr().err == wanted
    assert not (folder / "report.html").exists()


def test_a_run_that_has_not_ended_has_no_page(
    run_folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_bytes((run_folders["none"] / "config.yaml").read_bytes())
    assert main(["report", str(tmp_path)]) == 2
    assert "the run is not complete; give its command again" in capsys.readouterr().err


def test_help_names_the_command_and_completion_knows_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: regbench report FOLDER [-o FILE] [--open]")
    assert main(["--help"]) == 0
    assert "regbench report FOLDER" in capsys.readouterr().out
    assert candidates(["rep"], fresh=False) == ["report"]
