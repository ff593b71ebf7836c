"""Making items in a thread while those before them are worked on."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

T = TypeVar("T")

_END = object()


def read_ahead(items: Iterator[T], items_max: int) -> Iterator[T]:
    """The same items in the same order, up to so many made ahead, by one thread of their own.

    What making one raises is raised in its place. It gains where both sides leave the interpreter:
    reading and hashing here, a run of the engine there.
    """
    with ThreadPoolExecutor(1, "read-ahead") as thread:
        coming = deque(thread.submit(next, items, _END) for _ in range(items_max))
        while True:
            item = coming.popleft().result()
            if item is _END:
                return
            coming.append(thread.submit(next, items, _END))
            yield cast(T, item)
