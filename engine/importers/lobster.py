"""LOBSTER messages of one stock and day, replayed order by order on a live exchange.

The engine decides by itself which order an execution hits; that this is the order named in the
message is counted, and is what the replay proves. Every message is to go through, so a refusal of
the engine ends the import.

A file begins in the middle of a day. An order that it names without having added it rested before;
all its messages together tell the least quantity that it must have had, so it is placed before the
first message, older ids first, and counted apart. A file that records ten levels leaves out what
happens to orders further away; where a message shows that such orders must be gone (an add or an
execution through them), they are cancelled and counted.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.exchange import Exchange
from engine.importers.decimal_grid import scale
from engine.importers.feed_book import FeedBook, FeedOrder
from engine.importers.feed_market import CONTRACT, feed_config, feed_contract
from engine.importers.recording import FeedError, ImportSummary, Recording
from engine.importers.text_lines import read_lines, whole_number
from engine.journal.command_file import CommandFileWriter
from engine.schema import bounds
from engine.schema import vocabulary as words

PRICE_DECIMALS = 4  # a message states prices in 1/10,000
TIME_DECIMALS = 9

ADD, REDUCTION, DELETION, EXECUTION, HIDDEN_EXECUTION, CROSS_TRADE, HALT = range(1, 8)
FIELDS = ("time", "type", "order id", "size", "price", "direction")


class Message(NamedTuple):
    """A message about a visible order; `side` is the resting order's."""

    line: int
    time_ns: int
    kind: int
    order: int
    lots: int
    ticks: int
    side: int


class LobsterCounts(msgspec.Struct):
    """What was in the file."""

    messages: int = 0
    adds: int = 0
    reductions: int = 0
    deletions: int = 0
    executions: int = 0
    hidden_executions: int = 0
    cross_trades: int = 0
    halts: int = 0


class ReplayCounts(msgspec.Struct):
    """What became of it on the exchange."""

    resting_before: int = 0  # orders from before the file, placed ahead of its first message
    replayed: int = 0  # adds, reductions, deletions and executions that went through as they are
    outside_price_range: int = 0  # messages about orders that the engine's price range can't hold
    already_gone: int = 0  # reductions and deletions of what had been filled or cleared here
    executions_of_named: int = 0  # whole, and from the order that the message names
    executions_of_other: int = 0
    executions_short: int = 0  # less was there than was executed
    cleared: int = 0  # orders that a later message shows to be gone


class LobsterSummary(ImportSummary):
    tick_size: str
    file: LobsterCounts
    replay: ReplayCounts


class LobsterFile:
    """The messages of a file; iterate as often as needed."""

    def __init__(self, path: Path, tick_size: str = "0.01", midnight_ns: int = 0) -> None:
        self.path = path
        self.tick_size = tick_size
        self._tick = scale(tick_size, PRICE_DECIMALS)
        self._midnight_ns = midnight_ns
        if self._tick == 0:
            raise ValueError(f"a tick of {tick_size} is none")

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line numbers and columns."""
        for line, text in read_lines(self.path):
            columns = text.split(",")
            # Hidden executions of some samples carry a seventh column, a participant.
            if len(columns) < len(FIELDS):
                raise FeedError(self.path, line, "columns", f"{len(columns)} of {len(FIELDS)}")
            yield line, columns

    def messages(self) -> Iterator[Message]:
        """Everything about visible orders, with whole numbers."""
        last_ns = 0
        for line, columns in self.rows():
            if self.kind_of(line, columns) not in (ADD, REDUCTION, DELETION, EXECUTION):
                continue
            message = self._message(line, columns)
            if message.time_ns < last_ns:
                raise FeedError(self.path, line, "time", "lies before the line above")
            last_ns = message.time_ns
            yield message

    def kind_of(self, line: int, columns: list[str]) -> int:
        return whole_number(self.path, line, "type", columns[1], ADD, HALT)

    def _message(self, line: int, columns: list[str]) -> Message:
        price = whole_number(self.path, line, "price", columns[4], 1)
        if price % self._tick:
            what = f"{price} is not a multiple of the tick {self._tick}"
            raise FeedError(self.path, line, "price", what)
        if columns[5] not in ("1", "-1"):
            raise FeedError(self.path, line, "direction", f"{columns[5]!r} is neither 1 nor -1")
        return Message(
            line=line,
            time_ns=self._time(line, columns[0]),
            kind=int(columns[1]),
            order=whole_number(self.path, line, "order id", columns[2]),
            lots=whole_number(self.path, line, "size", columns[3], 1, bounds.LOTS_MAX),
            ticks=price // self._tick,
            side=words.BUY if columns[5] == "1" else words.SELL,
        )

    def _time(self, line: int, text: str) -> int:
        try:
            time_ns = self._midnight_ns + scale(text, TIME_DECIMALS)
        except ValueError as error:
            raise FeedError(self.path, line, "time", str(error)) from None
        if not 0 < time_ns <= bounds.TIME_NS_MAX:
            what = f"{text} is not between the start of 1970 and that of 2116"
            raise FeedError(self.path, line, "time", what)
        return time_ns

    def count(self) -> LobsterCounts:
        """How many messages there are of each type."""
        kinds = [0] * (HALT + 1)
        for line, columns in self.rows():
            kinds[self.kind_of(line, columns)] += 1
        return LobsterCounts(sum(kinds), *kinds[ADD:])

    def find_resting_before(self) -> dict[int, Message]:
        """The first messages of orders named but never added, each with the least quantity that
        all messages of its order ask for."""
        added: set[int] = set()
        before: dict[int, Message] = {}
        for message in self.messages():
            if message.kind == ADD:
                added.add(message.order)
            elif message.order not in added:
                first = before.setdefault(message.order, message._replace(lots=0))
                lots = first.lots + message.lots
                if lots > bounds.LOTS_MAX:
                    what = f"{lots} of one order are more than {bounds.LOTS_MAX}"
                    raise FeedError(self.path, message.line, "size", what)
                before[message.order] = first._replace(lots=lots)
        return before


class LobsterImport:
    """The orders of one file on an exchange."""

    def __init__(self, recording: Recording) -> None:
        self.counts = ReplayCounts()
        self._recording = recording
        self._book = FeedBook(recording, counts_refusals=False)
        self._orders: dict[int, FeedOrder] = {}

    def open(self, first: Message, before: dict[int, Message]) -> None:
        """Accounts, a first mark, and the orders that rested before the file begins."""
        self._recording.at(first.line)
        self._book.move_clock(first.time_ns)
        self._book.open(first.ticks)
        for number in sorted(before):
            message = before[number]
            self._recording.at(message.line)
            order = self._enter(message)
            if order.ticks <= bounds.PRICE_TICKS_MAX:
                self.counts.resting_before += 1
                self._book.bring(order, order.stated_lots)

    def _enter(self, message: Message) -> FeedOrder:
        order = FeedOrder(message.order, message.side, message.ticks, message.lots)
        self._orders[message.order] = order
        return order

    def apply(self, message: Message) -> None:
        """Take one message."""
        self._recording.at(message.line)
        self._book.move_clock(message.time_ns)
        if message.ticks > bounds.PRICE_TICKS_MAX:
            self.counts.outside_price_range += 1
            return
        if message.kind == ADD:
            self._add(message)
            return
        order = self._orders.get(message.order)
        if order is None:
            raise self._recording.fault("order id", "is of an order that is gone")
        if (order.side, order.ticks) != (message.side, message.ticks):
            raise self._recording.fault("price", "is not the order's own")
        if message.lots > order.stated_lots:
            what = f"{message.lots} where {order.stated_lots} are left"
            raise self._recording.fault("size", what)
        order.stated_lots -= message.lots
        if message.kind == EXECUTION:
            self._execute(message, order)
        else:
            self._shrink(order)
        if order.stated_lots == 0:
            del self._orders[message.order]

    def _add(self, message: Message) -> None:
        if message.order in self._orders:
            raise self._recording.fault("order id", "is of an order that rests")
        self.counts.cleared += self._book.remove_through(1 - message.side, message.ticks)
        self._book.bring(self._enter(message), message.lots)
        self.counts.replayed += 1

    def _shrink(self, order: FeedOrder) -> None:
        """A reduction leaves its order its place in the queue, a deletion takes it out."""
        if order.open_lots <= order.stated_lots:
            self.counts.already_gone += 1
            return
        if order.stated_lots:
            self._book.bring(order, order.stated_lots)
        else:
            self._book.remove(order)
        self.counts.replayed += 1

    def _execute(self, message: Message, order: FeedOrder) -> None:
        better = 1 if message.side == words.BUY else -1
        self.counts.cleared += self._book.remove_through(message.side, message.ticks + better)
        hits = self._book.take(message.side, message.ticks, message.lots)
        if sum(lots for _, lots in hits) < message.lots:
            self.counts.executions_short += 1
        elif all(hit is order for hit, _ in hits):
            self.counts.executions_of_named += 1
        else:
            self.counts.executions_of_other += 1
        self.counts.replayed += 1


def import_lobster(
    source: Path,
    target: Path,
    tick_size: str = "0.01",
    midnight_ns: int = 0,
    check_every: int = 0,
) -> LobsterSummary:
    """Read one message file and write the commands that replay it.

    `midnight_ns` is the midnight that its times count from; the file does not tell.
    """
    messages = LobsterFile(source, tick_size, midnight_ns)
    before = messages.find_resting_before()
    symbol = source.name.split("_")[0]
    config = feed_config(feed_contract(CONTRACT, symbol, tick_size))
    with CommandFileWriter(target, config) as writer:
        recording = Recording(Exchange(config), writer, source, check_every)
        book = LobsterImport(recording)
        for number, message in enumerate(messages.messages()):
            if number == 0:
                book.open(message, before)
            book.apply(message)
        summary = LobsterSummary(
            source=source.name, tick_size=tick_size, file=messages.count(), replay=book.counts
        )
        summary.close(recording)
    return summary
