"""The public feed: messages out of the engine's events, and snapshots of where they have led.

L3 tells each change as it happens. L2 and L1 tell the net change of a command behind it, so that
what a sweep passes through, and an order that comes and goes within one command, is never shown
on them. The snapshot is taken from a book that follows the feed's own messages, like any reader's.
"""

from typing import Any

from sortedcontainers import SortedDict

from engine.feed.book import OrdersBook, key_of
from engine.feed.follower import (
    Change,
    Deleted,
    Events,
    Executed,
    OrderFollower,
    Reduced,
    Rested,
    events_by_command,
)
from engine.feed.messages import (
    ALL_LINES,
    MARKET_INCREMENTS,
    BestChanged,
    Increment,
    LevelChanged,
    LevelsSnapshot,
    Line,
    MarketView,
    OrderAdded,
    OrderDeleted,
    OrderExecuted,
    OrderReduced,
    OrdersSnapshot,
    Snapshot,
    TopSnapshot,
    note_market,
)
from engine.schema.events import Event
from engine.schema.vocabulary import BUY, SELL

Published = dict[Line, list[Increment]]
HEADER = len(Increment.__struct_fields__)


class _ContractFeed:
    """What the feed knows of one contract."""

    def __init__(self) -> None:
        self.sequences = dict.fromkeys(ALL_LINES, 0)
        self.book = OrdersBook()
        self.market = MarketView()
        self.best = (0, 0, 0, 0)  # as L1 told it last
        # levels the command has touched, with their lots before it: key -> lots, by side
        self.touched = (SortedDict(), SortedDict())


def increment_of(change: Change) -> tuple[type[Increment], tuple[int, ...]]:
    """The L3 increment that tells a change: its type and its own fields."""
    match change:
        case Rested(order, public_id, lots):
            return OrderAdded, (public_id, order.side, order.price_ticks, lots)
        case Executed(_, public_id, lots, lots_left):
            return OrderExecuted, (public_id, lots, lots_left)
        case Reduced(_, public_id, lots_left):
            return OrderReduced, (public_id, lots_left)
        case Deleted(_, public_id):
            return OrderDeleted, (public_id,)


class PublicFeed:
    """Turns events into increments. It must see all events from the first on, in whole commands;
    the same events give the same messages, so a replay restores the feed and its sequences."""

    def __init__(self) -> None:
        self._follower = OrderFollower()
        self._contracts: dict[int, _ContractFeed] = {}
        self._changed: set[int] = set()  # contracts whose book the command has touched
        self._engine_sequence = 0
        self._published: Published = {}

    def publish(self, events: Events) -> Published:
        """The increments of these events, per line, in order."""
        self._published = {line: [] for line in ALL_LINES}
        for sequence, command in events_by_command(events):
            self._engine_sequence = sequence
            for event in command:
                for change in self._follower.follow(event):
                    self._say_change(change)
                if event.name in MARKET_INCREMENTS:
                    self._say_market(event)
            for change in self._follower.end_command():
                self._say_change(change)
            for contract in sorted(self._changed):
                self._say_net(contract)
            self._changed.clear()
        return self._published

    def snapshot(self, line: Line, contract: int) -> Snapshot:
        """The line as it stands now, after all that was published."""
        feed = self._contracts.get(contract) or _ContractFeed()
        book = feed.book
        header = (contract, self._engine_sequence, feed.sequences[line], feed.market)
        if line == Line.TOP:
            return TopSnapshot(*header, *feed.best)
        if line == Line.LEVELS:
            return LevelsSnapshot(*header, tuple(book.levels(BUY)), tuple(book.levels(SELL)))
        return OrdersSnapshot(*header, tuple(book.orders(BUY)), tuple(book.orders(SELL)))

    def _say(self, kind: type[Increment], contract: int, *values: Any) -> Increment:
        """Append a message to each of its lines, with the line's next sequence."""
        feed = self._contract(contract)
        for line in kind.lines:
            feed.sequences[line] += 1
            message = kind(contract, self._engine_sequence, feed.sequences[line], *values)
            self._published[line].append(message)
        return message

    def _contract(self, contract: int) -> _ContractFeed:
        if contract not in self._contracts:
            self._contracts[contract] = _ContractFeed()
        return self._contracts[contract]

    def _say_market(self, event: Event) -> None:
        """A fact of the market is the event of the same name, field by field."""
        kind = MARKET_INCREMENTS[event.name]
        values = [event.values[field] for field in kind.__struct_fields__[HEADER:]]
        message = self._say(kind, event.contract, *values)
        feed = self._contract(event.contract)
        feed.market = note_market(feed.market, message)

    def _say_change(self, change: Change) -> None:
        contract, public_id = change.order.contract, change.public_id
        if isinstance(change, Rested):
            side, price_ticks = change.order.side, change.order.price_ticks
        else:
            side, price_ticks = self._contract(contract).book.place_of(public_id)
        self._touch(contract, side, price_ticks)
        kind, values = increment_of(change)
        self._contract(contract).book.apply(self._say(kind, contract, *values))

    def _touch(self, contract: int, side: int, price_ticks: int) -> None:
        feed = self._contract(contract)
        self._changed.add(contract)
        lots = feed.book.lots_at(side, price_ticks)
        feed.touched[side].setdefault(key_of(side, price_ticks), lots)

    def _say_net(self, contract: int) -> None:
        """The levels that the command left changed, bids first, best first; then the best."""
        feed = self._contract(contract)
        for side, touched in enumerate(feed.touched):
            for key, lots_before in touched.items():
                lots = feed.book.lots_at(side, abs(key))
                if lots != lots_before:
                    self._say(LevelChanged, contract, side, abs(key), lots)
            touched.clear()
        best = feed.book.best()
        if best != feed.best:
            feed.best = best
            self._say(BestChanged, contract, *best)
