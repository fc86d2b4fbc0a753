"""`regbench docs`: a card for everything, links that lead somewhere, escaped text, and refusals in one line."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import pytest

from regbench.cli.completion import candidates
from regbench.cli.main import main
from regbench.config.catalogue import Option, list_options
from regbench.report.site import format_site
from tests.report.markup import Markup, parse

EVIL = "<img src=x onerror=alert(1)>\"'&</script>"


@pytest.fixture(scope="module")
def text() -> str:
    return format_site(list_options())


@pytest.fixture(scope="module")
def page(text: str) -> Markup:
    return parse(text)


def articles(page: Markup) -> list[str]:
    return [element.attributes["id"] for element in page.all("article")]


def test_everything_has_one_card_and_one_line_in_the_index(page: Markup) -> None:
    assert page.faults == []
    options = list_options()
    wanted = {f"{option.group.replace('/', '-')}-{option.name}" for option in options}
    assert set(articles(page)) == wanted
    assert len(articles(page)) == len(options)
    assert [e.attributes["data-card"] for e in page.all("li") if "data-card" in e.attributes] == articles(page)


def test_every_link_leads_to_something_on_the_page(page: Markup) -> None:
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(set(ids)) == len(ids)
    links = [element.attributes["href"] for element in page.all("a")]
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    inside = [e.attributes["href"] for e in page.all("a") if "article" in e.inside and "h4" not in e.inside]
    assert "#regularizer-gradient_clipping" in inside


def test_nothing_is_loaded(text: str, page: Markup) -> None:
    assert "default-src 'none'" in text
    assert [e for e in page.elements if e.tag in ("link", "img", "iframe", "object")] == []
    assert [e for e in page.elements if "src" in e.attributes] == []
    assert "http" not in text.replace("http-equiv", "")


def test_a_card_has_its_settings_formula_and_cost(page: Markup) -> None:
    card = next(e for e in page.all("article") if e.attributes["id"] == "regularizer-mixup").text
    assert "λ x_i + (1 − λ) x_j" in card
    assert "alpha" in card
    assert "times as long as a plain one" in card
    assert "Lopez-Paz" in card


def test_equal_options_give_equal_bytes(text: str) -> None:
    assert format_site(list_options()) == text


def with_option(option: Option) -> Sequence[Option]:
    return sorted([*list_options(), option], key=lambda each: (each.group, each.name))


def test_texts_and_names_of_a_persons_own_are_escaped() -> None:
    page = parse(format_site(with_option(Option("experiment", EVIL, f"# {EVIL}\nseed: 1\n"))))
    assert page.faults == []
    assert [e for e in page.elements if "onerror" in e.attributes or e.tag == "img"] == []
    card = page.all("article")[articles(page).index("experiment--img-src-x-onerror-alert-1-------script-")]
    assert EVIL in card.text


def test_names_that_give_one_anchor_get_two() -> None:
    page = parse(format_site([Option("mine", "a b", "x: 1"), Option("mine", "a-b", "x: 2")]))
    assert articles(page) == ["mine-a-b", "mine-a-b-2"]


def test_a_package_that_cannot_be_imported_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    broken = EntryPoint(name="broken", value="no_such_package:Thing", group="regbench.regularizers")
    page = parse(format_site(with_option(Option("regularizer", "broken", plugin=broken))))
    card = next(e for e in page.all("article") if e.attributes["id"] == "regularizer-broken")
    assert "cannot be imported" in card.text
    assert "regularizer-l2" in articles(page)


def test_the_page_goes_into_the_folder_and_its_path_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    monkeypatch.setattr("regbench.report.site.list_options", lambda: [Option("mine", "one", "x: 1")])
    monkeypatch.chdir(tmp_path)
    assert main(["docs", "--open"]) == 0
    assert capsys.readouterr().out == "docs/site/index.html\n"
    assert shown == [(tmp_path / "docs/site/index.html").as_uri()]
    assert main(["docs", "elsewhere/deep"]) == 0
    assert [path.name for path in (tmp_path / "elsewhere/deep").iterdir()] == ["index.html"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["a_file"], "a_file cannot be made: File exists; name a folder for the page"),
        (["a_file/inside"], "a_file/inside cannot be made: "),
        (["a\0b"], "a\\x00b cannot be made: embedded null byte"),
        ([""], "'' is not a folder"),
        (["one", "two"], "unrecognized arguments: two; usage: regbench docs [FOLDER] [--open]"),
    ],
)
def test_refusals_are_one_line_and_write_nothing(
    words: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regbench.report.site.list_options", lambda: [Option("mine", "one", "x: 1")])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").touch()
    assert main(["docs", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert reason in told.err
    assert told.err.count("\n") == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["a_file"]


def test_without_jinja2_it_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["docs", str(tmp_path / "site")]) == 2
    wanted = "regbench: the page needs jinja2, which is not installed: pip install 'regbench[report]'\n"
    assert capsys.readouterr().err == wanted
    assert not (tmp_path / "site").exists()


def test_completion_knows_the_command() -> None:
    assert candidates(["doc"], fresh=False) == ["docs"]
