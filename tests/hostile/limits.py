"""A bound on the time and the memory of one call."""

import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TookTooLong(AssertionError):
    """Raised inside whatever runs, when its time is over."""


@contextmanager
def bounded(seconds: float, mib: int) -> Iterator[None]:
    """AssertionError where the block takes longer, by the clock, or allocates more than so much at
    once: of Python and of numpy, which reports to the same account."""

    def end(_: int, __: FrameType | None) -> None:
        raise TookTooLong(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    tracemalloc.start()
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        tracemalloc.stop()
    assert peak < mib << 20, f"{peak >> 20} MiB"
