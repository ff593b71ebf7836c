"""A bug may make a loop endless: a stretch of work gets so many seconds of this process's own
time, however busy the machine is. Also a plugin of pytest, one stretch for each test."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

TEST_SECONDS = 90.0


class TooLong(Exception):
    """A loop that probably never ends."""


def _stop(number: int, frame: object) -> None:
    raise TooLong("it probably never ends")


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    before = signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with limited(TEST_SECONDS):
        yield
