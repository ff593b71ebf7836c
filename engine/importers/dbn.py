"""Databento market-by-order records, replayed order by order on a live exchange.

The engine decides by itself which order an execution hits; that this is the order that the feed
names is counted, and is what the replay proves. A fill in the feed changes nothing by itself: the
cancellations and modifications behind it in the same event say what it left, and at the end of
each event the exchange's orders are what the feed says.

Three things in an event look like a breach of price-time priority. The feed does not name their
causes; they are read so, and what that settles is counted apart:

* An aggressor that rested before and was moved through the market has a fill of its own, beside
  those of the orders that it hit. It is no execution of a resting order.
* What an event with fills cancels without a fill goes first: most likely the venue took an order of
  the aggressor's own owner out of its way. An order cancelled so can't be missed by an execution.
* An iceberg has one fill for all its slices, listed where the last one traded. So an execution may
  hit orders that other fills of the event name, and what the iceberg had not shown is shown when
  the visible orders are used up.

Orders that a feed collects for an auction may cross: what becomes of them is in `opening.py`.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from engine.exchange import Exchange
from engine.importers import dbn_file as dbn
from engine.importers.dbn_file import DbnFile, Message
from engine.importers.decimal_grid import DecimalGrid, scale
from engine.importers.feed_book import BookCounts, FeedBook, FeedOrder
from engine.importers.feed_market import CONTRACT, feed_config, feed_contract
from engine.importers.opening import HoldCounts, OpeningHold
from engine.importers.recording import ImportSummary, Recording
from engine.journal.command_file import CommandFileWriter
from engine.schema import bounds
from engine.schema import vocabulary as words

PRICE_DECIMALS = 9
SIDES = {dbn.BID: words.BUY, dbn.ASK: words.SELL}

Due = Counter[tuple[int, int]]  # lots that an event's fills have still to take, by order and price


class FeedCounts(msgspec.Struct):
    """What was in the file."""

    events: int = 0
    adds: int = 0
    adds_of_snapshot: int = 0  # of these
    cancels: int = 0
    modifications: int = 0
    clears: int = 0
    trades: int = 0
    fills: int = 0
    without_action: int = 0
    other_instruments: int = 0
    unknown_orders: int = 0  # cancels and modifications of orders that were never added
    outside_price_range: int = 0  # statements of prices that the engine's range can't hold


class ExecutionCounts(msgspec.Struct):
    """Fills of the feed: in an auction, of an aggressor, or each in one of the next seven."""

    in_auction: int = 0
    of_aggressor: int = 0
    at_named: int = 0  # whole, and from the order named: the oldest at the best price
    at_listed: int = 0  # from the oldest, which the same event names in another fill
    at_other: int = 0
    short: int = 0  # less was there than was executed
    behind_best: int = 0  # not sent: the exchange has a better price
    off_price: int = 0  # not sent: not at the order's price, or outside the engine's range
    unknown_order: int = 0
    lots: int = 0  # that traded on the exchange
    icebergs_shown: int = 0  # executions that needed more than was visible
    hidden_lots: int = 0  # shown for them
    cancelled_first: int = 0  # orders cancelled without a fill by an event that has fills
    restored: int = 0  # orders brought back to what the feed says, after the engine hit another


class DbnSummary(ImportSummary):
    symbol: str
    instrument: int
    tick_size: str
    feed: FeedCounts
    book: BookCounts
    executions: ExecutionCounts
    opening: HoldCounts
    refused: dict[str, int]


def _is_in_range(ticks: int) -> bool:
    return ticks in range(1, bounds.PRICE_TICKS_MAX + 1)


class DbnImport:
    """The events of one file on an exchange."""

    def __init__(self, file: DbnFile, tick: int, recording: Recording) -> None:
        self.feed = FeedCounts()
        self.executions = ExecutionCounts()
        self.book = FeedBook(recording)
        self.hold = OpeningHold()
        self._file = file
        self._recording = recording
        self._tick = tick
        self._orders: dict[int, FeedOrder] = {}
        self._changed: dict[int, FeedOrder] = {}  # by this event, in the order of their changes
        self._touched: dict[int, FeedOrder] = {}  # by executions of this event

    def apply(self, event: list[Message]) -> None:
        """Take the messages of one event."""
        self.feed.events += 1
        self._recording.at(event[0].record, "record")
        self.book.move_clock(event[0].time_ns)
        fills = self._resting_fills(event)
        rest = self._cancel_first(event) if fills else event
        self._execute_all(fills)
        for message in rest:
            self._change(message)
        self._follow_changes()
        self._restore()
        if any(m.action == dbn.TRADE and m.side == dbn.NO_SIDE for m in event):
            self._follow_all(self.hold.release())

    def _resting_fills(self, event: list[Message]) -> list[Message]:
        """The fills of orders that an aggressor hits; the others are counted."""
        fills = []
        aggressor = 0
        for message in event:
            if message.action == dbn.TRADE:
                self.feed.trades += 1
                aggressor = message.order
            elif message.action == dbn.FILL:
                self.feed.fills += 1
                if message.side == dbn.NO_SIDE:
                    self.executions.in_auction += 1
                elif message.order == aggressor:
                    self.executions.of_aggressor += 1
                else:
                    fills.append(message)
        return fills

    def _cancel_first(self, event: list[Message]) -> list[Message]:
        """Do what the event cancels without a fill; the other messages."""
        filled = {message.order for message in event if message.action == dbn.FILL}
        rest = []
        for message in event:
            if message.action == dbn.CANCEL and message.order not in filled:
                self.executions.cancelled_first += 1
                self._change(message)
            else:
                rest.append(message)
        self._follow_changes()
        return rest

    def _change(self, message: Message) -> None:
        """Note what a message says of its order."""
        match message.action:
            case dbn.ADD:
                self.feed.adds += 1
                self.feed.adds_of_snapshot += bool(message.flags & dbn.FLAG_SNAPSHOT)
                if message.order in self._orders:
                    raise self._file.fault("order", "is of an order that rests", message.record)
                self._enter(message)
            case dbn.CANCEL:
                self._cancel(message)
            case dbn.MODIFY:
                self._modify(message)
            case dbn.CLEAR:
                self._clear()
            case dbn.NO_ACTION:
                self.feed.without_action += 1

    def _enter(self, message: Message) -> None:
        order = FeedOrder(message.order, SIDES[message.side], self._ticks(message), message.size)
        self._orders[message.order] = order
        self._note(order)

    def _cancel(self, message: Message) -> None:
        """Takes its size from the order, most often all of it."""
        self.feed.cancels += 1
        order = self._orders.get(message.order)
        if order is None:
            self.feed.unknown_orders += 1
            return
        order.stated_lots = max(0, order.stated_lots - message.size)
        self._note(order)
        if order.stated_lots == 0:
            del self._orders[message.order]

    def _modify(self, message: Message) -> None:
        """States price and size anew; of an order from before the file, for the first time."""
        self.feed.modifications += 1
        order = self._orders.get(message.order)
        if order is None:
            self.feed.unknown_orders += 1
            self._enter(message)
            return
        if order.side != SIDES[message.side]:
            raise self._file.fault("side", "is not the order's own", message.record)
        order.ticks, order.stated_lots = self._ticks(message), message.size
        self._note(order)

    def _clear(self) -> None:
        """The book is empty from here on."""
        self.feed.clears += 1
        self.book.clear()
        self.hold.clear()
        for known in (self._orders, self._changed, self._touched):
            known.clear()

    def _note(self, order: FeedOrder) -> None:
        self._changed.pop(order.number, None)
        self._changed[order.number] = order

    def _ticks(self, message: Message) -> int:
        ticks, rest = divmod(message.price, self._tick)
        if rest:
            what = f"{message.price} is not a multiple of the tick {self._tick}"
            raise self._file.fault("price", what, message.record)
        if not self.book.is_open:
            self.book.open(ticks)
        return ticks

    def _follow_changes(self) -> None:
        """Bring the changed orders to what the feed says. What leaves its price for good or for a
        worse one goes first: within an event an order may come before what makes room for it."""
        leaving: list[FeedOrder] = []
        others: list[FeedOrder] = []
        for order in self._changed.values():
            is_worse = (
                order.ticks < order.placed_ticks
                if order.side == words.BUY
                else order.ticks > order.placed_ticks
            )
            leaves = order.stated_lots == 0 or (order.open_lots and is_worse)
            (leaving if leaves else others).append(order)
        self._changed.clear()
        self._follow_all(leaving)
        self._follow_all(others)

    def _follow_all(self, orders: Iterable[FeedOrder]) -> None:
        for order in orders:
            self._follow(order)

    def _follow(self, order: FeedOrder) -> None:
        if order.stated_lots and not _is_in_range(order.ticks):
            self.feed.outside_price_range += 1
            self._remove(order)
        elif order.stated_lots == 0:
            self._remove(order)
        elif self.hold.must_wait(order, self.book.best(1 - order.side)):
            self.book.remove(order)
            self.hold.hold(order)
        else:
            self.hold.drop(order)
            self.book.bring(order, order.stated_lots)

    def _remove(self, order: FeedOrder) -> None:
        self.hold.drop(order)
        self.book.remove(order)

    def _execute_all(self, fills: list[Message]) -> None:
        due = Due()
        for fill in fills:
            due[fill.order, fill.price] += fill.size
        for fill in fills:
            self._execute(fill, due)

    def _execute(self, fill: Message, due: Due) -> None:
        """Send one fill of a resting order."""
        counts = self.executions
        ticks = self._ticks(fill)
        order = self._orders.get(fill.order)
        best = self.book.best(SIDES[fill.side])
        if order is None:
            counts.unknown_order += 1
        elif (order.side, order.ticks) != (SIDES[fill.side], ticks) or not _is_in_range(ticks):
            counts.off_price += 1
        elif best and (best > ticks if order.side == words.BUY else best < ticks):
            counts.behind_best += 1
        else:
            hits = self.book.take(order.side, ticks, fill.size)
            missing = fill.size - sum(lots for _, lots in hits)
            self._settle(hits, fill.price, due)
            if missing and self._show(fill.price, missing, due):
                hidden = self.book.take(order.side, ticks, missing)
                missing -= sum(lots for _, lots in hidden)
                self._settle(hidden, fill.price, due)
                hits += hidden
            counts.lots += fill.size - missing
            if missing:
                counts.short += 1
            elif all(hit is order for hit, _ in hits):
                counts.at_named += 1
            elif all(due[hit.number, fill.price] >= 0 for hit, _ in hits):
                counts.at_listed += 1
            else:
                counts.at_other += 1

    def _settle(self, hits: list[tuple[FeedOrder, int]], price: int, due: Due) -> None:
        for order, lots in hits:
            due[order.number, price] -= lots
            self._touched[order.number] = order

    def _show(self, price: int, lots: int, due: Due) -> bool:
        """Let lots come into view of an order that has still to be filled at this price."""
        for (number, due_price), left in due.items():
            order = self._orders.get(number)
            if due_price != price or left <= 0 or order is None:
                continue
            if not order.open_lots and not self.hold.holds(order):
                self.executions.icebergs_shown += 1
                self.executions.hidden_lots += min(lots, left)
                self.book.bring(order, min(lots, left))
                return True
        return False

    def _restore(self) -> None:
        """Where the engine hit another order than the feed, the feed is right."""
        for order in self._touched.values():
            if order.number in self._orders and order.open_lots != order.stated_lots:
                self.executions.restored += 1
                self._follow(order)
        self._touched.clear()


def import_dbn(source: Path, target: Path, tick_size: str = "", check_every: int = 0) -> DbnSummary:
    """Read one file and write the commands that replay it; without a tick size the prices tell."""
    file = DbnFile(source)
    widest = file.find_tick()
    tick = scale(tick_size, PRICE_DECIMALS) if tick_size else widest
    if tick == 0:
        raise ValueError(f"a tick of {tick_size} is none")
    shown = str(DecimalGrid(PRICE_DECIMALS, tick)).rstrip("0").rstrip(".")
    config = feed_config(feed_contract(CONTRACT, file.symbol or "DBN", shown))
    with CommandFileWriter(target, config) as writer:
        recording = Recording(Exchange(config), writer, source, check_every)
        feed = DbnImport(file, tick, recording)
        for event in file.events():
            feed.apply(event)
        feed.feed.other_instruments = file.others
        summary = DbnSummary(
            source=source.name,
            symbol=file.symbol,
            instrument=file.instrument,
            tick_size=shown,
            feed=feed.feed,
            book=feed.book.counts,
            executions=feed.executions,
            opening=feed.hold.counts,
            refused=feed.book.refused,
        )
        summary.close(recording)
    return summary
