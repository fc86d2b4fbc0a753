"""The live view of a sweep: its counts and estimates, and what reaches a terminal, a pipe and nobody."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from regbench.display.sweep_progress import (
    FRAMES_PER_SECOND,
    MOST_WORKERS,
    Counts,
    Pace,
    QuietSweep,
    Stopwatch,
    count,
    describe_counts,
    list_workers,
    open_sweep_view,
)
from regbench.statuses import RunState
from regbench.sweeps.heartbeat import Heartbeat
from regbench.sweeps.observer import SweepObserver, SweepProgress
from regbench.sweeps.run_status import RunStatus
from tests.unit.sweeps.folders import make_status, result

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
    monkeypatch.setenv("LINES", "40")


def statuses(ended: int, total: int, failed: int = 0, running: int = 0) -> list[RunStatus]:
    contents = [result(0.5)] * ended + [{"status": "failed", "error": "x"}] * failed
    alive = len(contents) + running
    return [
        make_status({"seed": n}, contents[n]) if n < len(contents)
        else make_status({"seed": n}, left=RunState.RUNNING if n < alive else RunState.MISSING)
        for n in range(total)
    ]  # fmt: skip


@contextmanager
def opened(stream: io.StringIO, folder: Path) -> Iterator[SweepObserver]:
    """A view as the engine uses it."""
    view = open_sweep_view(stream)
    try:
        view.begin(folder, 4)
        yield view
    finally:
        view.end()


def heartbeat(runs: int = 64, epoch: int = 10, epochs: int = 50, worker: str = "w") -> Heartbeat:
    return Heartbeat(worker, "host", "digits mlp", runs, epoch, epochs)


def test_running_runs_count_for_the_part_of_their_epochs_that_is_trained() -> None:
    counts = count(statuses(4, 256, failed=2, running=128), [heartbeat(64, 10, 50), heartbeat(64, 25, 50)])
    assert counts == Counts(256, 4, 2, 128, 6 + 64 * 0.2 + 64 * 0.5)


def test_runs_that_ended_since_a_heartbeat_are_not_counted_twice() -> None:
    counts = count(statuses(60, 100, running=40), [heartbeat(64, 25, 50), heartbeat(16, 0, 0)])
    assert counts.running == 40
    assert counts.progress == pytest.approx(60 + 40 * (64 * 0.5) / 80)
    assert count(statuses(100, 100), [heartbeat()]) == Counts(100, 100, 0, 0, 100)
    assert count(statuses(1, 3, running=2), []) == Counts(3, 1, 0, 2, 1)  # no worker has reported yet


def test_a_first_cohort_tells_the_time_left_before_any_run_is_done() -> None:
    watch = Stopwatch()
    assert watch.read(Counts(256, 0, 0, 0, 0.0), 0.0) == Pace()
    assert watch.read(Counts(256, 0, 0, 128, 64.0), 10.0) == Pace(0.0, 30.0)


def test_what_an_earlier_command_did_is_not_part_of_the_pace() -> None:
    watch = Stopwatch()
    watch.read(Counts(100, 60, 0, 0, 60.0), 5.0)
    assert watch.read(Counts(100, 70, 0, 0, 70.0), 10.0) == Pace(2.0, 15.0)
    assert watch.read(Counts(100, 50, 0, 0, 50.0), 20.0) == Pace(0.0, None)  # a failed run that is tried again


def test_the_line_of_counts() -> None:
    line = describe_counts(Counts(256, 37, 0, 128, 90.0), Pace(12.34, 14.2))
    assert line == "37/256 complete, 128 running, 0 failed, 12.3 runs/s, about 14 s left"
    line = describe_counts(Counts(256, 37, 1, 1, 38.0), Pace(0.02, 7387.0))
    assert line == "37/256 complete, 1 running, 1 failed, 1.2 runs/min, about 2:03:07 left"
    assert describe_counts(Counts(9, 8, 1, 0, 9.0), Pace(1.0, 0.0)) == "8/9 complete, 0 running, 1 failed, 1.0 runs/s"
    assert describe_counts(Counts(9, 0, 0, 0, 0.0), Pace()) == "0/9 complete, 0 running, 0 failed"


def test_workers_have_a_line_each_up_to_a_limit() -> None:
    assert list_workers([heartbeat(1, 2, 3, "a-1")], 8) == ["a-1  1 run, epoch 2/3  digits mlp"]
    assert len(list_workers([heartbeat()] * MOST_WORKERS, MOST_WORKERS)) == MOST_WORKERS
    lines = list_workers([heartbeat()] * 100, 8)
    assert len(lines) == 8
    assert lines[-1] == "... and 93 more workers"
    assert list_workers([Heartbeat("w", "h", "\x1b[31m[b]", 2, 0, 1)], 8) == ["w  2 runs, epoch 0/1  \\x1b[31m[b]"]


def test_a_quiet_sweep_shows_warnings_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    view = QuietSweep()
    view.begin(tmp_path, 2)
    view.update(SweepProgress(statuses(1, 2), [heartbeat()], 1.0))
    view.end()
    assert capsys.readouterr() == ("", "")
    view.warn("a line")
    assert capsys.readouterr() == ("", "regbench: warning: a line\n")


def test_a_pipe_gets_a_line_each_ten_seconds_if_something_changed(tmp_path: Path) -> None:
    stream = io.StringIO()
    with opened(stream, tmp_path) as view:
        for second in range(60):
            view.update(SweepProgress(statuses(min(second, 25), 100), [], float(second)))
        view.update(SweepProgress(statuses(25, 100, failed=1), [], 59.5))
    lines = stream.getvalue().splitlines()
    assert [line.partition("/")[0] for line in lines] == ["1", "11", "21", "25", "25"]
    assert lines[-1].startswith("25/100 complete, 0 running, 1 failed")
    assert "\x1b" not in stream.getvalue()


def test_a_dumb_terminal_gets_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with opened(stream, tmp_path) as view:
        view.update(SweepProgress(statuses(2, 2), [], 1.0))
    assert stream.getvalue() == "2/2 complete, 0 running, 0 failed\n"


def test_a_terminal_shows_counts_workers_and_the_best_groups(tmp_path: Path) -> None:
    stream = Terminal()
    with opened(stream, Path("runs/[b]x\x1b[31m")) as view:
        view.update(SweepProgress(statuses(0, 4), [], 0.0))
        view.update(SweepProgress(statuses(2, 4, running=2), [heartbeat(2, 25, 50)], 2.0))
        text = Console(file=io.StringIO()).render_str(stream.getvalue(), markup=False).plain
        for shown in ("runs/[b]x\\x1b[31m", "2/4 complete, 2 running", "1.0 runs/s", "about 0.7 s left", "epoch 25/50"):
            assert shown in text
        assert "0.5000 ± 0.0000" in text
    assert stream.getvalue().count(HIDE_CURSOR) == stream.getvalue().count(SHOW_CURSOR) == 1


def test_a_terminal_is_given_back_whatever_happens(tmp_path: Path) -> None:
    stream = Terminal()

    def interrupt() -> None:
        with opened(stream, tmp_path) as view:
            view.update(SweepProgress(statuses(2, 4), [], 0.0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert stream.getvalue().rindex(SHOW_CURSOR) > stream.getvalue().rindex(HIDE_CURSOR)


def test_a_terminal_is_drawn_a_few_times_a_second(tmp_path: Path) -> None:
    stream = Terminal()
    with opened(stream, tmp_path) as view:
        for place in range(1000):
            view.update(SweepProgress(statuses(2, 4), [], place / 500))
    assert stream.getvalue().count("2/4 complete") <= 2 * FRAMES_PER_SECOND + 2


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_a_frame_fits_the_width(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    with opened(stream, tmp_path) as view:
        view.update(SweepProgress(statuses(2, 9, failed=1), [heartbeat(worker="a-very-long-name-of-a-host-1234")], 1.0))
        picture = view._picture(Counts(9, 2, 1, 3, 4.0), Pace(1.0, 2.0), [heartbeat(worker="w" * 90)])  # type: ignore[attr-defined]
    console = Console(width=columns, height=40, file=io.StringIO())
    for line in console.render_lines(picture, pad=False):
        assert sum(segment.cell_length for segment in line) <= columns
