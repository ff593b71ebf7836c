"""The displayed book as a reader of the public feed rebuilds it, one class per line.

The best price of either side has the lowest key: the price for asks, minus the price for bids.
"""

from typing import ClassVar

from sortedcontainers import SortedDict

from engine.feed.messages import (
    BestChanged,
    Increment,
    LevelChanged,
    LevelsSnapshot,
    Line,
    OrderAdded,
    OrderDeleted,
    OrderExecuted,
    OrderReduced,
    OrdersSnapshot,
    Snapshot,
    TopSnapshot,
)
from engine.schema.vocabulary import BUY, SELL

Levels = list[tuple[int, int]]
Orders = list[tuple[int, int, int]]


def key_of(side: int, price_ticks: int) -> int:
    """Lowest is best, on both sides."""
    return -price_ticks if side == BUY else price_ticks


class OrdersBook:
    """L3: every displayed order. Queues map public ids to lots, oldest first."""

    line: ClassVar[Line] = Line.ORDERS

    def __init__(self) -> None:
        self._sides = (SortedDict(), SortedDict())
        self._places: dict[int, tuple[int, int]] = {}  # (side, key) by public id

    def load(self, snapshot: Snapshot) -> None:
        """Begin anew from a snapshot of this line."""
        assert isinstance(snapshot, OrdersSnapshot)
        self._sides, self._places = (SortedDict(), SortedDict()), {}
        for side, orders in ((BUY, snapshot.bids), (SELL, snapshot.asks)):
            for public_id, price_ticks, lots in orders:
                self.add(public_id, side, price_ticks, lots)

    def apply(self, message: Increment) -> None:
        """Follow one increment; other kinds do not concern the book. KeyError, AssertionError:
        the increment does not fit the book."""
        match message:
            case OrderAdded():
                self.add(message.public_id, message.side, message.price_ticks, message.lots)
            case OrderReduced() | OrderExecuted():
                self.show(message.public_id, message.lots_left)
            case OrderDeleted():
                self.show(message.public_id, 0)

    def add(self, public_id: int, side: int, price_ticks: int, lots: int) -> None:
        """At the back of its level."""
        assert lots > 0 and public_id not in self._places
        key = key_of(side, price_ticks)
        self._places[public_id] = side, key
        self._sides[side].setdefault(key, {})[public_id] = lots

    def show(self, public_id: int, lots: int) -> None:
        """Fewer lots in the same place; with none left the order is gone."""
        side, key = self._places[public_id]
        queue = self._sides[side][key]
        assert 0 <= lots < queue[public_id]
        if lots > 0:
            queue[public_id] = lots
            return
        del queue[public_id], self._places[public_id]
        if not queue:
            del self._sides[side][key]

    def place_of(self, public_id: int) -> tuple[int, int]:
        """(side, price_ticks) of a displayed order; KeyError when there is none."""
        side, key = self._places[public_id]
        return side, abs(key)

    def orders(self, side: int) -> Orders:
        """(public_id, price_ticks, lots) in priority order."""
        return [
            (public_id, abs(key), lots)
            for key, queue in self._sides[side].items()
            for public_id, lots in queue.items()
        ]

    def levels(self, side: int) -> Levels:
        """(price_ticks, lots), best first."""
        return [(abs(key), sum(queue.values())) for key, queue in self._sides[side].items()]

    def lots_at(self, side: int, price_ticks: int) -> int:
        """All displayed lots of a level, 0 when it is empty."""
        return sum(self._sides[side].get(key_of(side, price_ticks), {}).values())

    def best(self) -> tuple[int, int, int, int]:
        """(bid_ticks, bid_lots, ask_ticks, ask_lots), 0 where a side is empty."""
        found: list[int] = []
        for levels in self._sides:
            key, queue = levels.peekitem(0) if levels else (0, {})
            found += [abs(key), sum(queue.values())]
        return (found[0], found[1], found[2], found[3])


class LevelsBook:
    """L2: lots by price."""

    line: ClassVar[Line] = Line.LEVELS

    def __init__(self) -> None:
        self._sides = (SortedDict(), SortedDict())

    def load(self, snapshot: Snapshot) -> None:
        """Begin anew from a snapshot of this line."""
        assert isinstance(snapshot, LevelsSnapshot)
        for side, levels in ((BUY, snapshot.bids), (SELL, snapshot.asks)):
            self._sides[side].clear()
            self._sides[side].update((key_of(side, price), lots) for price, lots in levels)

    def apply(self, message: Increment) -> None:
        """Follow one increment; other kinds do not concern the book."""
        if isinstance(message, LevelChanged):
            key = key_of(message.side, message.price_ticks)
            if message.lots:
                self._sides[message.side][key] = message.lots
            else:
                del self._sides[message.side][key]

    def levels(self, side: int) -> Levels:
        """(price_ticks, lots), best first."""
        return [(abs(key), lots) for key, lots in self._sides[side].items()]

    def best(self) -> tuple[int, int, int, int]:
        """(bid_ticks, bid_lots, ask_ticks, ask_lots), 0 where a side is empty."""
        (bid, bid_lots), (ask, ask_lots) = (
            levels.peekitem(0) if levels else (0, 0) for levels in self._sides
        )
        return abs(bid), bid_lots, ask, ask_lots


class TopBook:
    """L1: best bid and best ask."""

    line: ClassVar[Line] = Line.TOP

    def __init__(self) -> None:
        self._best = (0, 0, 0, 0)

    def load(self, snapshot: Snapshot) -> None:
        """Begin anew from a snapshot of this line."""
        assert isinstance(snapshot, TopSnapshot)
        self._note(snapshot)

    def apply(self, message: Increment) -> None:
        """Follow one increment; other kinds do not concern the book."""
        if isinstance(message, BestChanged):
            self._note(message)

    def _note(self, top: BestChanged | TopSnapshot) -> None:
        self._best = (top.bid_ticks, top.bid_lots, top.ask_ticks, top.ask_lots)

    def best(self) -> tuple[int, int, int, int]:
        """(bid_ticks, bid_lots, ask_ticks, ask_lots), 0 where a side is empty."""
        return self._best


Book = OrdersBook | LevelsBook | TopBook
BOOKS: dict[Line, type[Book]] = {book.line: book for book in (TopBook, LevelsBook, OrdersBook)}
