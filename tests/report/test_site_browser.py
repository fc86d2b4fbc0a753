"""The site of cards in a real browser without a network: it is silent, and its search finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from regbench.report.site import write_site
from tests.report import browser
from tests.report.browser import TAB, Browser, open_browser

pytestmark = [
    pytest.mark.skipif(browser.MISSING, reason="chromium and chromedriver are not installed"),
    pytest.mark.slow,
]

ENTER, ESCAPE = "\ue007", "\ue00c"
SHOWN = (
    "return [...document.querySelectorAll('article')].filter(card => card.offsetParent).map(card => card.dataset.name)"
)
LISTED = (
    "return [...document.querySelectorAll('.index li')].filter(line => line.offsetParent).map(line => line.textContent)"
)
HOLDING = (
    "return [...document.querySelectorAll('article')].filter(card => "
    "arguments[0].every(word => card.textContent.toLowerCase().includes(word))).map(card => card.dataset.name)"
)
FOCUSED = "return document.activeElement.id"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def window(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(autouse=True)
def fresh(window: Browser, site: Path) -> Iterator[None]:
    visit(window, site)
    yield
    assert window.messages() == []


def visit(window: Browser, site: Path, anchor: str = "") -> None:
    window.call("/url", {"url": "about:blank"})  # a change of the anchor alone would not load the page
    window.call("/url", {"url": f"{site.as_uri()}{anchor}"})


def type_words(window: Browser, words: str) -> None:
    for key in words:
        window.press(key)


def test_nothing_is_asked_for_and_all_cards_are_there(window: Browser) -> None:
    assert window.run("return performance.getEntriesByType('resource').length") == 0
    assert window.run(SHOWN) == window.run(LISTED)
    assert len(window.run(SHOWN)) == window.run("return document.querySelectorAll('article').length")


def test_an_address_can_hold_a_search(window: Browser, site: Path) -> None:
    visit(window, site, "#q=label%20smooth")
    wanted = window.run(HOLDING, ["label", "smooth"])
    assert "label_smoothing" in wanted
    assert len(wanted) < len(window.run(HOLDING, ["label"]))
    assert window.run(SHOWN) == window.run(LISTED) == wanted
    assert window.run("return document.getElementById('search').value") == "label smooth"


def test_a_search_is_typed_found_and_taken_back_by_keys_alone(window: Browser) -> None:
    every = len(window.run(SHOWN))
    window.press("/")
    assert window.run(FOCUSED) == "search"
    type_words(window, "dropout")
    assert "best: dropout" in window.run("return document.getElementById('found').textContent")
    assert window.run("return location.hash") == "#q=dropout"
    assert window.run(SHOWN) == window.run(HOLDING, ["dropout"])
    window.press(ENTER)
    assert window.run(FOCUSED) == "regularizer-dropout"
    assert window.run("return location.hash") == "#regularizer-dropout"
    window.press(ESCAPE)
    assert len(window.run(SHOWN)) == every


def test_no_hit_says_so(window: Browser, site: Path) -> None:
    visit(window, site, "#q=nothing%20has%20these%20zebras")
    assert window.run(SHOWN) == []
    assert window.run("return document.getElementById('none').offsetParent !== null")
    visit(window, site, "#q=%E0%A4%A")  # no text at all
    assert window.run(SHOWN) == []


def test_a_link_to_a_card_that_a_search_hides_shows_it(window: Browser, site: Path) -> None:
    visit(window, site, "#q=mnist1d")
    assert "l2" not in window.run(SHOWN)
    window.run("location.hash = '#regularizer-l2'; return new Promise(done => setTimeout(done, 100))")
    assert "l2" in window.run(SHOWN)


def test_tab_goes_from_the_search_to_the_first_card_of_the_index(window: Browser) -> None:
    window.press("/")
    reached = []
    for _ in range(3):
        window.press(TAB)
        reached.append(window.run("return document.activeElement.getAttribute('href')"))
    first = window.run("return document.querySelector('article').id")
    assert f"#{first}" in reached


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_window(window: Browser, width: int, tmp_path: Path) -> None:
    for dark in (False, True):
        window.look(tmp_path / f"{dark}.png", width, dark, 900)
        assert window.run("return document.documentElement.scrollWidth") <= width
