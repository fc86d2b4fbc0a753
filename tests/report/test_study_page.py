"""The page of a study: one file that is whole, safe, small, the same each time, and says what the verdict says."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from regbench.errors import ConfigError
from regbench.report.families import page_by_family
from regbench.report.figures.augmented import draw_augmented
from regbench.report.leaderboard import make_leaderboard
from regbench.report.page import format_page
from regbench.report.picture import Panel, Picture
from regbench.report.study_data import read_study
from regbench.report.study_page import make_study_page
from regbench.report.write import write_page
from tests.report.made_up import EVIL, MadeUp, adopt_runs, write_study
from tests.report.markup import Markup, parse

SMALL = MadeUp(arms=5, trials=3, epochs=12, interactions=True, complete=False)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A study of 21 arms, one of them with a hostile name."""
    return write_page(write_study(tmp_path_factory.mktemp("large"), MadeUp(arms=21, evil=True))).read_text()


@pytest.fixture(scope="module")
def markup(large: str) -> Markup:
    return parse(large)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, run_folders: dict[str, Path]) -> Path:
    """A study of two inputs, with interactions and real networks."""
    folder = write_study(tmp_path_factory.mktemp("small") / "study", SMALL)
    adopt_runs(folder, {"none": run_folders["none"], "l1": run_folders["l1"]})
    return folder


@pytest.fixture(scope="module")
def small_page(small: Path) -> str:
    return write_page(small).read_text()


def test_page_is_well_formed_and_below_two_megabytes(large: str, markup: Markup) -> None:
    assert markup.faults == []
    assert markup.open == []
    assert len(large.encode()) < 2_000_000


@pytest.mark.parametrize(("pairs", "folded"), [(9, False), (14, True)])
def test_over_thirty_arms_small_multiples_are_paged_by_family(pairs: int, folded: bool, tmp_path: Path) -> None:
    """21 techniques and their pairs, the baseline counted: every panel once, in the family of its arm."""
    study = read_study(write_study(tmp_path / "study", MadeUp(arms=20, pairs=pairs, replicates=10, trials=4)))
    panels = tuple(Panel(f"<svg>{number}</svg>", arm.number) for number, arm in enumerate(study.arms))
    paged = page_by_family(Picture("f5", "t", "c", panels), study)
    assert bool(paged.folds) is folded
    assert [arm.number for arm in study.named] == list(range(11 if folded else 30))
    if folded:
        assert sorted(panel.svg for fold in paged.folds for panel in fold.panels) == sorted(p.svg for p in panels)
        by_name = {study.arms[p.arm or 0].name: fold.family for fold in paged.folds for p in fold.panels}
        expected = {
            "none": "no technique",
            "dropout": "inside the network",
            "l2": "loss and penalties",
            "mixup": "data and batches",
            "sam": "gradients",
            "max_norm": "weights after the update",
            "dropout+l2": "inside the network, combined",
        }
        assert {name: by_name[name] for name in expected} == expected
        assert study.leader is not None
        assert by_name[study.leader.name] in {fold.family for fold in paged.folds if fold.open}
        assert not all(fold.open for fold in paged.folds)


def test_policy_allows_nothing_from_outside_and_nothing_refers_there(large: str, markup: Markup) -> None:
    policy = next(e for e in markup.all("meta") if e.attributes.get("http-equiv") == "Content-Security-Policy")
    wanted = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    assert policy.attributes["content"] == wanted
    for element in markup.elements:
        for name in ("src", "href", "xlink:href", "action", "data", "srcset"):
            assert element.attributes.get(name, "#").startswith(("#", "data:image/png;base64,")), element
        assert not [name for name in element.attributes if name.startswith("on")], element
    assert set(re.findall(r"url\((.)", large)) <= {"#"}
    assert "@import" not in large
    assert not markup.all("link")


def test_hostile_name_is_text(large: str, markup: Markup) -> None:
    assert not markup.all("img")
    assert any(element.text == EVIL for element in markup.all("a"))
    assert any(EVIL[:15] in element.text for element in markup.all("text"))
    assert EVIL not in large


def test_every_drawing_has_a_name_and_a_sentence(markup: Markup) -> None:
    drawings = markup.all("svg")
    assert len(drawings) >= 10
    ids = Counter(element.attributes["id"] for element in markup.elements if "id" in element.attributes)
    assert [name for name, count in ids.items() if count > 1] == []
    texts = {e.attributes["id"]: e.text for e in markup.elements if "id" in e.attributes}
    for drawing in drawings:
        assert drawing.attributes["role"] == "img"
        title, sentence = drawing.attributes["aria-labelledby"].split()
        assert texts[title].strip()
        assert texts[sentence].strip()


def test_what_a_drawing_refers_to_is_on_the_page(large: str, markup: Markup) -> None:
    ids = {element.attributes["id"] for element in markup.elements if "id" in element.attributes}
    referred = set(re.findall(r"url\(#([^)]+)\)", large)) | set(re.findall(r'href="#([^"]+)"', large))
    assert referred <= ids


def test_every_figure_has_a_caption_and_its_numbers(markup: Markup) -> None:
    figures, captions = markup.all("figure"), markup.all("figcaption")
    assert len(figures) == len(captions) >= 9
    assert all(len(caption.text) > 100 for caption in captions)
    tables = [e for e in markup.all("table") if "figure" in e.inside]
    assert len(tables) == len(figures)
    assert all("nan" not in cell.text.lower() for cell in markup.all("td"))


def test_every_arm_can_be_found_from_its_row(markup: Markup) -> None:
    rows = [e for e in markup.all("tr") if "data-arm" in e.attributes]
    assert sorted(int(row.attributes["data-arm"]) for row in rows) == list(range(22))
    drawn = {e.attributes["data-arm"] for e in markup.all("g") if "data-arm" in e.attributes}
    assert drawn == {str(number) for number in range(22)}


def test_colours_are_variables_so_that_they_suit_light_and_dark(markup: Markup) -> None:
    styles = " ".join(e.attributes.get("style", "") for e in markup.elements if "svg" in e.inside)
    assert "var(--blue)" in styles
    assert set(re.findall(r"#[0-9a-f]{6}\b", styles)) <= {"#000000"}


def test_own_script_is_short(markup: Markup) -> None:
    (script,) = markup.all("script")
    assert len(script.text.strip().splitlines()) <= 60


def test_same_study_gives_the_same_bytes(small: Path, small_page: str, tmp_path: Path) -> None:
    assert write_page(small, tmp_path / "again.html").read_text() == small_page


def test_headline_command_and_what_is_incomplete(small: Path, small_page: str) -> None:
    verdict = json.loads((small / "verdict.json").read_text())
    page = parse(small_page)
    headline = next(e for e in page.all("p") if e.attributes.get("class") == "headline")
    assert headline.text == verdict["headline"]
    command = next(e for e in page.all("code") if e.attributes.get("id") == "command")
    assert command.text == f"regbench run dataset=digits dataset.train_size=150 {verdict['how']}"
    final = next(e for e in page.all("code") if e.attributes.get("id") == "final")
    assert final.text.startswith("regbench run dataset=digits 'regularizer=[dropout]' schedule/stop=none")
    assert "Incomplete" in next(e for e in page.all("p") if e.attributes.get("class") == "banner").text


def test_figures_of_networks_pairs_and_techniques_appear_when_they_apply(small_page: str, markup: Markup) -> None:
    with_networks = {e.attributes["id"] for e in parse(small_page).all("figure")}
    assert with_networks == {"f1", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12", "f15"}
    without = {e.attributes["id"] for e in markup.all("figure")}
    assert without == {"f1", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f12", "f13"}


def test_rows_beside_what_the_network_sees(tmp_path: Path, run_folders: dict[str, Path]) -> None:
    folder = write_study(tmp_path / "study", MadeUp(arms=9, trials=2, epochs=3))
    adopt_runs(folder, {"mixup": run_folders["mixup"], "input_noise": run_folders["input_noise"]})
    drawn = draw_augmented(read_study(folder))
    assert drawn is not None
    assert sorted(panel.name for panel in drawn.panels) == ["input_noise", "mixup"]


def test_a_metric_that_is_no_share_is_written_in_its_unit(tmp_path: Path) -> None:
    study = read_study(write_study(tmp_path, MadeUp(arms=3, trials=2, epochs=3, metric="r2")))
    mean = make_leaderboard(study).rows[0].cells[1].text
    assert re.fullmatch(r"0\.\d{4}", mean)


def test_wins_are_those_of_the_verdict_in_which_ties_count_half_already(tmp_path: Path) -> None:
    study = read_study(write_study(tmp_path, MadeUp(arms=3, trials=2, epochs=3)))
    shown = {row.cells[0].text: [cell.text for cell in row.cells] for row in make_leaderboard(study).rows}
    for arm in study.contenders:
        assert f"{arm.number_of('wins'):g}/20" in shown[arm.shown]


def test_a_bare_verdict_is_enough(tmp_path: Path) -> None:
    folder = write_study(tmp_path, MadeUp(arms=3, trials=2, epochs=3, replicates=5))
    verdict = json.loads((folder / "verdict.json").read_text())
    for name in (
        "calibration",
        "decomposition",
        "expected_best",
        "noise",
        "learning",
        "diagnosis",
        "references",
        "front",
    ):
        verdict.pop(name)
    for arm in [verdict["baseline"], *verdict["arms"]]:
        arm.pop("cost")
        arm["recommended"] = None
    (folder / "verdict.json").write_text(json.dumps(verdict))
    for name in ("trials.csv", "fresh.csv"):
        (folder / name).unlink()
    page = make_study_page(folder)
    assert {picture.key for picture in page.figures} == {"f1", "f12"}
    assert parse(format_page(page)).faults == []


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("verdict.json", None, "no verdict yet"),
        ("verdict.json", '{"schema": 2}', "has schema 2, this regbench has 1"),
    ],
)
def test_what_is_no_study_of_this_version_is_refused(
    tmp_path: Path, name: str, content: str | None, reason: str
) -> None:
    folder = write_study(tmp_path, MadeUp(arms=2, trials=2, epochs=3))
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(ConfigError, match=reason):
        make_study_page(folder)
