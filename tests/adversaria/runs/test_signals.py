"""Signals are noted before they are raised, so that one that is lost on its way still stops the run."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import weakref
from collections.abc import Iterator

import pytest

from adversaria.runs import signals


@contextlib.contextmanager
def stopped() -> Iterator[pytest.ExceptionInfo[signals.Interrupted]]:
    """Expect that what is done is stopped by a signal."""
    with pytest.raises(signals.Interrupted) as error, signals.handled():
        yield error


def send(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def send_where_it_is_lost() -> None:
    """Send SIGTERM in the callback of a weak reference, where Python ignores what the signal handler raises."""

    class Thing:
        pass

    thing = Thing()
    reference = weakref.ref(thing, lambda _: send())
    del thing
    assert reference() is None


@pytest.mark.parametrize("number", signals.SIGNALS)
def test_a_signal_is_raised_with_the_status_that_a_shell_reports(number: int) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # which the tests may have been started to ignore, by nohup
    try:
        with stopped() as error:
            send(number)
            time.sleep(5)
    finally:
        signal.signal(number, before)
    assert error.value.code == 128 + number


def test_nohup_lets_a_run_outlive_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.handled():
            send(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_one_that_is_lost_is_raised_again(capsys: pytest.CaptureFixture[str]) -> None:
    start = time.monotonic()
    with stopped():
        send_where_it_is_lost()
        while time.monotonic() < start + 5:
            pass
    assert time.monotonic() < start + 2
    assert "Traceback" not in capsys.readouterr().err


def test_one_that_something_catches_is_raised_again() -> None:
    with stopped():
        try:
            send()
            time.sleep(5)
        except BaseException:  # as libraries do
            pass
        time.sleep(5)


def test_one_that_is_lost_at_the_very_end_stops_what_comes_next() -> None:
    with stopped():
        send_where_it_is_lost()


def test_while_it_is_on_its_way_nothing_disturbs_the_cleaning_up() -> None:
    cleaned = []
    with stopped():
        try:
            send()
            time.sleep(5)
        finally:
            time.sleep(4 * signals.AGAIN)
            cleaned.append(True)
    assert cleaned


def test_one_before_the_training_is_known_in_its_first_step() -> None:
    with signals.handled():
        send_where_it_is_lost()
        signals.defer(True)
        time.sleep(2 * signals.AGAIN)
        assert signals.asked() == signal.SIGTERM
        with pytest.raises(signals.Interrupted):
            signals.stop(signals.asked())


def test_one_that_came_while_it_was_deferred_is_raised_when_it_is_not() -> None:
    with stopped():
        signals.defer(True)
        send()
        time.sleep(2 * signals.AGAIN)
        signals.defer(False)
        time.sleep(5)


def test_the_handlers_and_the_timer_of_before_are_there_again_after_it() -> None:
    before = [signal.getsignal(number) for number in (*signals.SIGNALS, signal.SIGALRM)]
    ticking = signal.getitimer(signal.ITIMER_REAL)[0] > 0  # the test's own limit
    with stopped():
        send_where_it_is_lost()
        time.sleep(5)
    assert [signal.getsignal(number) for number in (*signals.SIGNALS, signal.SIGALRM)] == before
    assert (signal.getitimer(signal.ITIMER_REAL)[0] > 0) == ticking
    assert signals.asked() == 0
