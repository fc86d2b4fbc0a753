"""Live progress: what appears on a terminal and in a pipe, and that it gives the terminal back."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from regbench.display.run_progress import FRAMES_PER_SECOND, PLAIN_LINES, align, headings, open_progress
from regbench.runs.observer import RunObserver, RunStart

SHOW_CURSOR = "\x1b[?25h"
HIDE_CURSOR = "\x1b[?25l"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


def row(epoch: int, **figures: float | int | None) -> dict[str, float | int | None]:
    """A row of metrics.csv whose losses fall with the epochs."""
    known = {"lr": 0.001, "train_loss": 1 / epoch, "val_loss": 2 / epoch, "train_accuracy": 0.5, "val_accuracy": 0.4}
    return {"epoch": epoch, **known, **figures}


@contextmanager
def opened(stream: io.StringIO, epochs: int, start: int = 1, metric: str = "accuracy") -> Iterator[RunObserver]:
    """A display as the engine uses it."""
    progress = open_progress(stream)
    try:
        progress.begin(RunStart("digits-mlp-l2-s0-0123456789", epochs, start, metric))
        yield progress
    finally:
        progress.end()


def follow(stream: io.StringIO, epochs: int, trained: int, *, start: int = 1) -> list[str]:
    """Show a run of `trained` epochs out of `epochs` and return the lines."""
    with opened(stream, epochs, start) as progress:
        for epoch in range(start, start + trained):
            progress.epoch(row(epoch))
    return stream.getvalue().splitlines()


def shown_epochs(lines: list[str]) -> list[int]:
    """The epochs of the lines under the three of the heading."""
    return [int(line.split("/")[0]) for line in lines[3:]]


@pytest.mark.parametrize(
    ("epochs", "trained"), [(1, 1), (7, 7), (20, 20), (21, 21), (100, 100), (100, 37), (9999, 9999)]
)
def test_a_pipe_gets_the_first_and_the_last_epoch_and_about_twenty_lines(epochs: int, trained: int) -> None:
    shown = shown_epochs(follow(io.StringIO(), epochs, trained))
    assert shown[0] == 1
    assert shown[-1] == trained
    assert shown == sorted(set(shown))
    assert len(shown) <= PLAIN_LINES + 2
    assert len(shown) >= min(trained, trained * PLAIN_LINES // (2 * epochs))


def test_a_pipe_gets_no_control_characters_and_no_line_over_80_columns() -> None:
    lines = follow(io.StringIO(), 10_000, 100)
    assert all("\x1b" not in line and "\r" not in line and len(line) <= 80 for line in lines)


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in "".join(follow(Terminal(), 10, 10))


def test_a_resumed_run_shows_its_first_own_epoch() -> None:
    assert shown_epochs(follow(io.StringIO(), 100, 60, start=41))[0] == 41


def test_the_best_epoch_is_that_of_the_lowest_validation_loss() -> None:
    stream = io.StringIO()
    with opened(stream, 4) as progress:
        for epoch, loss in enumerate((0.5, 0.3, float("nan"), 0.3), start=1):
            progress.epoch(row(epoch, val_loss=loss))
    assert [line.split()[5] for line in stream.getvalue().splitlines()[3:]] == ["1", "2", "2", "2"]


def test_the_trainers_own_best_epoch_goes_before_the_lowest_loss() -> None:
    stream = io.StringIO()
    with opened(stream, 9, 9) as progress:
        progress.epoch(row(9, best_epoch=3))
    assert stream.getvalue().splitlines()[-1].split()[5] == "3"


def test_without_validation_its_columns_are_dashes() -> None:
    stream = io.StringIO()
    with opened(stream, 1, 1, "mse") as progress:
        progress.epoch({"epoch": 1, "lr": 0.1, "train_loss": 0.25, "train_mse": 0.5, "val_loss": None, "val_mse": None})
    assert stream.getvalue().splitlines()[-1].split()[:7] == ["1/1", "0.2500", "-", "0.5000", "-", "-", "0.1"]


def test_time_left_is_the_pace_after_the_first_epoch_times_the_epochs_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"now": 100.0}
    monkeypatch.setattr("regbench.display.run_progress.time.monotonic", lambda: clock["now"])
    stream = io.StringIO()
    progress = open_progress(stream)
    progress.begin(RunStart("run", 100, 41, "accuracy"))
    clock["now"] += 60.0  # the first epoch, with everything that is done once
    progress.epoch(row(41))
    clock["now"] += 18.0  # nine epochs of two seconds, fifty to go
    progress.epoch(row(50))
    progress.end()
    assert [line.split()[-1] for line in stream.getvalue().splitlines()[3:]] == ["-", "1:40"]


def test_a_terminal_is_redrawn_no_more_often_than_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"now": 0.0}
    monkeypatch.setattr("regbench.display.run_progress.time.monotonic", lambda: clock["now"])
    stream = Terminal()
    with opened(stream, 1000) as progress:
        for epoch in range(1, 1001):
            clock["now"] += 0.005
            progress.epoch(row(epoch))
    frames = stream.getvalue().count("/1000")
    assert 5 * FRAMES_PER_SECOND / 2 <= frames <= 5 * FRAMES_PER_SECOND + 4


def test_a_terminal_ends_with_the_last_epoch_and_its_cursor() -> None:
    stream = Terminal()
    follow(stream, 100, 63)
    text = stream.getvalue()
    assert " 63/100" in text[text.rindex("/100") - 20 :]
    assert text.rindex(SHOW_CURSOR) > text.rindex(HIDE_CURSOR)


def test_the_cursor_comes_back_when_training_raises() -> None:
    stream = Terminal()

    def train() -> None:
        with opened(stream, 10) as progress:
            progress.epoch(row(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train()
    assert stream.getvalue().rindex(SHOW_CURSOR) > stream.getvalue().rindex(HIDE_CURSOR)


def test_a_second_end_prints_nothing_more() -> None:
    stream = io.StringIO()
    with opened(stream, 3) as progress:
        progress.epoch(row(1))
        progress.end()
        before = stream.getvalue()
    assert stream.getvalue() == before


def test_a_run_that_has_no_epoch_left_shows_only_headings() -> None:
    assert follow(io.StringIO(), 100, 0, start=101) == ["digits-mlp-l2-s0-0123456789", *headings("accuracy")]


@pytest.mark.parametrize("metric", ["mse", "accuracy", "a_very_long_name_of_a_metric"])
def test_headings_stand_over_their_columns(metric: str) -> None:
    groups, parts = headings(metric)
    widest = align(("10000/10000", *("-1.234e+05",) * 4, "10000", "1.23e-05", "1:02:03"))
    assert len(parts) <= len(widest)
    loss, trains = groups.index("loss"), [i for i in range(len(parts)) if parts.startswith("train", i)]
    assert trains[0] <= loss < parts.index("val") + 3
    assert groups.index(metric[:5]) > parts.index("val") + 3


def test_the_order_of_regularizers_stands_under_the_runs_name() -> None:
    stream = io.StringIO()
    open_progress(stream).begin(RunStart("run", 10, 1, "accuracy", order=("batch: mixup, cutout",)))
    assert stream.getvalue().splitlines()[:2] == ["run", "batch: mixup, cutout"]
