"""The page in a real browser without a network: silent, sorted by a click, every arm within reach of the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from regbench.report.write import write_page
from tests.report import browser
from tests.report.browser import TAB, Browser, open_browser
from tests.report.made_up import EVIL, MadeUp, write_study

pytestmark = [
    pytest.mark.skipif(browser.MISSING, reason="chromium and chromedriver are not installed"),
    pytest.mark.slow,
]

ROWS = "return [...document.querySelectorAll('.board tbody tr')].map(row => row.cells[arguments[0]].textContent.trim())"
CLICK = "document.querySelectorAll('.board thead button')[arguments[0]].click()"
HOT = "return new Set([...document.querySelectorAll('figure .hot')].map(e => e.closest('figure').id)).size"
SHOWN = "return [...document.querySelectorAll('.board tbody tr')].filter(row => row.offsetParent).length"
FILTER = (
    "const field = document.getElementById('filter'); field.value = arguments[0]; "
    "field.dispatchEvent(new Event('input', {bubbles: true}))"
)
FOCUS = (
    "const arm = document.activeElement?.closest('tr[data-arm]'); "
    "return [document.activeElement?.tagName, arm && arm.dataset.arm]"
)
ARMS = 6


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    page = write_page(write_study(tmp_path_factory.mktemp("browser"), MadeUp(arms=ARMS, trials=2, epochs=5, evil=True)))
    with open_browser(tmp_path_factory.mktemp("profile")) as found:
        found.open(page)
        yield found


@pytest.fixture(autouse=True)
def fresh(window: Browser) -> None:
    window.call("/refresh")


def test_nothing_is_complained_of_or_asked_for(window: Browser) -> None:
    assert window.messages() == []
    assert window.run("return performance.getEntriesByType('resource').length") == 0
    assert window.run("return document.querySelectorAll('svg > title').length") >= 10
    assert window.run("return document.images.length") == 0
    assert window.run("return document.compatMode") == "CSS1Compat"


def test_table_sorts_by_numbers_and_turns_round(window: Browser) -> None:
    accuracy = [float(text.removesuffix(" %")) for text in window.run(ROWS, 1)]
    window.run(CLICK, 1)
    assert [float(text.removesuffix(" %")) for text in window.run(ROWS, 1)] == sorted(accuracy, reverse=True)
    window.run(CLICK, 1)
    assert [float(text.removesuffix(" %")) for text in window.run(ROWS, 1)] == sorted(accuracy)
    assert window.run("return document.querySelectorAll('th[aria-sort=ascending]').length") == 1
    window.run(CLICK, 0)
    names = window.run(ROWS, 0)
    assert names == sorted(names)
    assert EVIL in names


def test_tab_reaches_every_arm_and_focus_picks_it_in_all_figures(window: Browser) -> None:
    window.run("document.querySelector('.board thead button').focus()")
    reached: dict[str, int] = {}
    for _ in range(60):
        window.press(TAB)
        tag, arm = window.run(FOCUS)
        if tag == "A" and arm is not None:
            reached[arm] = window.run(HOT)
        if len(reached) == ARMS + 1:
            break
    assert set(reached) == {str(number) for number in range(ARMS + 1)}
    assert min(reached.values()) >= 5
    assert window.messages() == []


def test_filter_leaves_what_holds_the_text(window: Browser) -> None:
    window.run(FILTER, "onerror")
    assert window.run(SHOWN) == 1
    window.run(FILTER, "")
    assert window.run(SHOWN) == ARMS + 1


def test_no_width_makes_the_page_itself_scroll_sideways(window: Browser) -> None:
    for width in (360, 800, 1400):
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        window.command("Emulation.setDeviceMetricsOverride", **metrics)
        assert window.run("return document.documentElement.scrollWidth") <= width


def test_dark_mode_changes_the_colours_of_figures(window: Browser) -> None:
    asked = "return getComputedStyle(document.querySelector('#f1 svg text')).fill"
    found = []
    for scheme in ("light", "dark"):
        window.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        found.append(window.run(asked))
    assert found[0] != found[1]


def test_page_prints_on_a4(window: Browser, tmp_path: Path) -> None:
    window.print(tmp_path / "page.pdf")
    content = (tmp_path / "page.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/MediaBox [0 0 594.95996 841.91998]" in content or b"/MediaBox [0 0 595" in content


def test_page_is_readable_without_scripts(window: Browser) -> None:
    window.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        window.call("/refresh")
        shown = window.call("/element", {"using": "css selector", "value": ".headline"})
        text = window.call(f"/element/{next(iter(shown.values()))}/text", method="GET")
        assert text.startswith("Use ")
    finally:
        window.command("Emulation.setScriptExecutionDisabled", value=False)
