"""Events that wait until their commands are durable."""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from engine.exchange import Events
from engine.schema.events import EVENT

Octets = NDArray[np.uint8]


class HeldEvents:
    """Events in the order of their commands, in buffers that are used again: memory that is new for
    every batch costs more than the copy into it, a fifth of a durable command."""

    def __init__(self) -> None:
        self._held: deque[tuple[int, Octets, int]] = deque()  # sequence, buffer, bytes of it
        self._free: list[Octets] = []

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, sequence: int, parts: Iterable[Events]) -> None:
        """Copy the events of commands up to a sequence."""
        buffer, end = self._free.pop() if self._free else np.empty(0, np.uint8), 0
        for events in parts:
            octets = events.view(np.uint8)
            if end + len(octets) > len(buffer):
                larger = np.empty(2 * (end + len(octets)), np.uint8)
                larger[:end] = buffer[:end]
                buffer = larger
            buffer[end : end + len(octets)] = octets
            end += len(octets)
        self._held.append((sequence, buffer, end))

    def tell(self, durable: int) -> Iterator[Events]:
        """Take what may be told now, a view that is valid until the next step; what is yielded has
        been told."""
        while self._held and self._held[0][0] <= durable:
            _, buffer, end = self._held.popleft()
            yield buffer[:end].view(EVENT)
            self._free.append(buffer)

    def clear(self) -> None:
        self._held.clear()
