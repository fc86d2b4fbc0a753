"""Signals held back while training, and delivered as the program wants them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from regbench.signals import deliver, stop_requests

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = [signal.getsignal(number) for number in BOTH]
    yield
    for number, handler in zip(BOTH, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", BOTH)
def test_the_first_signal_is_a_request(number: int) -> None:
    with stop_requests() as stop:
        assert not stop.requested()
        os.kill(os.getpid(), number)
        assert stop.requested()
    assert stop.number == number


def test_afterwards_the_programs_own_handlers_are_back() -> None:
    received: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    with stop_requests():
        os.kill(os.getpid(), signal.SIGTERM)
        assert received == []
    os.kill(os.getpid(), signal.SIGTERM)
    assert received == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_signal_acts_at_once() -> None:
    def receive_two() -> None:
        with stop_requests():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        receive_two()


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: None], ids=["ignored", "noted"])
def test_what_was_not_done_returns_nothing_even_where_the_program_takes_no_notice(handler: signal.Handlers) -> None:
    signal.signal(signal.SIGTERM, handler)
    with pytest.raises(KeyboardInterrupt):
        deliver(signal.SIGTERM)


def test_delivered_sigterm_ends_a_program_without_a_handler() -> None:
    program = "import signal; from regbench.signals import deliver; deliver(signal.SIGTERM)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == -signal.SIGTERM


def test_other_threads_install_nothing() -> None:
    before = [signal.getsignal(number) for number in BOTH]
    found: list[object] = []

    def work() -> None:
        with stop_requests() as stop:
            found.append(stop.requested())
            found.append([signal.getsignal(number) for number in BOTH])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False, before]
