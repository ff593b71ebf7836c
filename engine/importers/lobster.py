"""LOBSTER messages of one stock and day, replayed order by order on a live exchange.

Adds rest from a bounded set of maker accounts, executions come as IOC orders from taker accounts;
no two accounts share a group, so self-trade prevention never acts. The engine decides by itself
which order an execution hits; that this is the order named in the message is counted, and is what
the replay proves.

A file begins in the middle of a day. An order that it names without having added it rested before;
all its messages together tell the least quantity that it must have had, so it is placed before the
first message, older ids first, and counted apart. A file that records ten levels leaves out what
happens to orders further away; where a message shows that such orders must be gone (an add or an
execution through them), they are cancelled and counted.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.exchange import Exchange
from engine.importers.decimal_grid import scale
from engine.importers.recording import FeedError, ImportSummary, Recording
from engine.journal.command_file import CommandFileWriter
from engine.schema import bounds
from engine.schema import events as ev
from engine.schema import vocabulary as words
from engine.schema.commands import (
    AmendOrder,
    AnyCommand,
    CancelOrder,
    Deposit,
    OpenAccount,
    PlaceOrder,
    PublishPrice,
)
from engine.schema.contract import Config, Contract, Tier

CONTRACT = 1
MAKER_FIRST, MAKERS = words.CLIENT_FIRST, 64
TAKER_FIRST, TAKERS = MAKER_FIRST + MAKERS, 16
ACCOUNT_CASH = 2**52
PRICE_DECIMALS = 4  # a message states prices in 1/10,000
TIME_DECIMALS = 9
MARK_EVERY_NS = bounds.NS_PER_SECOND
LINE_BYTES_MAX = 1_000

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


class _Order(msgspec.Struct):
    """An order of the file; `open_lots` is what the exchange has of it, 0 when it is gone."""

    side: int
    ticks: int
    stated_lots: int  # what the messages leave of it
    account: int = 0
    order_id: int = 0
    open_lots: int = 0
    filled_lots: int = 0


def import_config(symbol: str, tick_size: str) -> Config:
    """A contract in which nothing but the book decides: no fees, no bands, no liquidations."""
    spec = Contract(
        contract=CONTRACT,
        symbol=symbol,
        tick_size=tick_size,
        tick_value=1,
        tiers=(Tier(0, 2, 1),),
        band_static_ppb=bounds.BAND_PPB_MAX,
        source_stale_ns=bounds.NS_PER_DAY,
        mark_band_ppb=bounds.PPB,
        funding_interval_ns=bounds.NS_PER_DAY,
        funding_sample_ns=bounds.NS_PER_DAY,
        funding_late_ns=bounds.NS_PER_DAY,
        funding_interest_ppb=0,
        funding_cap_ppb=0,
    )
    return Config(contracts=(spec,), stamp_ahead_ns_max=bounds.NS_PER_DAY)


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
        try:
            with self.path.open("rb") as stream:
                for line in count(1):
                    octets = stream.readline(LINE_BYTES_MAX)
                    if not octets:
                        return
                    columns = octets.decode("ascii").rstrip("\r\n").split(",")
                    # Hidden executions of some samples carry a seventh column, a participant.
                    if len(columns) < len(FIELDS):
                        raise FeedError(self.path, line, "columns", f"{len(columns)} of 6")
                    yield line, columns
        except OSError as error:
            raise FeedError(self.path, 1, "file", error.strerror or str(error)) from error
        except UnicodeDecodeError as error:
            raise FeedError(self.path, line, "line", "the text is not ASCII") from error

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
        kind = self._number(line, "type", columns[1])
        if not ADD <= kind <= HALT:
            raise FeedError(self.path, line, "type", f"{kind} is not between {ADD} and {HALT}")
        return kind

    def _message(self, line: int, columns: list[str]) -> Message:
        price = self._number(line, "price", columns[4])
        if price % self._tick:
            what = f"{price} is not a multiple of the tick {self._tick}"
            raise FeedError(self.path, line, "price", what)
        if columns[5] not in ("1", "-1"):
            raise FeedError(self.path, line, "direction", f"{columns[5]!r} is neither 1 nor -1")
        lots = self._number(line, "size", columns[3])
        if not 0 < lots <= bounds.LOTS_MAX:
            raise FeedError(self.path, line, "size", f"{lots} is not between 1 and 2**30 - 1")
        try:
            time_ns = scale(columns[0], TIME_DECIMALS)
        except ValueError as error:
            raise FeedError(self.path, line, "time", str(error)) from None
        return Message(
            line=line,
            time_ns=self._midnight_ns + time_ns,
            kind=int(columns[1]),
            order=self._number(line, "order id", columns[2]),
            lots=lots,
            ticks=price // self._tick,
            side=words.BUY if columns[5] == "1" else words.SELL,
        )

    def _number(self, line: int, field: str, text: str) -> int:
        try:
            return scale(text, 0)
        except ValueError as error:
            raise FeedError(self.path, line, field, str(error)) from None

    def count(self) -> LobsterCounts:
        """How many messages there are of each type."""
        kinds = [0] * (HALT + 1)
        for line, columns in self.rows():
            kinds[self.kind_of(line, columns)] += 1
        return LobsterCounts(sum(kinds), *kinds[ADD:])

    def find_resting_before(self) -> dict[int, _Order]:
        """Orders named but never added, with the least quantity that their messages ask for."""
        added: set[int] = set()
        before: dict[int, _Order] = {}
        for message in self.messages():
            if message.kind == ADD:
                added.add(message.order)
            elif message.order not in added:
                order = before.setdefault(message.order, _Order(message.side, message.ticks, 0))
                order.stated_lots += message.lots
        return before


class LobsterImport:
    """The orders of one file on an exchange."""

    def __init__(self, path: Path, recording: Recording) -> None:
        self.counts = ReplayCounts()
        self._path = path
        self._recording = recording
        self._orders: dict[int, _Order] = {}
        self._by_engine_id: dict[int, _Order] = {}
        self._time_ns = 0
        self._next_mark_ns = 0
        self._executions = 0

    def open(self, first: Message, before: dict[int, _Order]) -> None:
        """Accounts, a first mark, and the orders that rested before the file begins."""
        self._time_ns = first.time_ns
        commands: list[AnyCommand] = []
        for account in range(MAKER_FIRST, TAKER_FIRST + TAKERS):
            commands += [
                OpenAccount(time_ns=self._time_ns, account=account, owner=account, group=account),
                Deposit(time_ns=self._time_ns, amount=ACCOUNT_CASH, account=account),
            ]
        self._recording.must_run(commands)
        self._publish(min(first.ticks, bounds.PRICE_TICKS_MAX))
        for number in sorted(before):
            order = before[number]
            self._orders[number] = order
            if order.ticks <= bounds.PRICE_TICKS_MAX:
                self.counts.resting_before += 1
                self._place(number, order)

    def apply(self, message: Message) -> None:
        """Take one message."""
        self._time_ns = message.time_ns
        self._move_mark()
        if not 0 < message.ticks <= bounds.PRICE_TICKS_MAX:
            self.counts.outside_price_range += 1
            return
        if message.kind == ADD:
            self._add(message)
            return
        order = self._orders.get(message.order)
        if order is None:
            raise FeedError(self._path, message.line, "order id", "of an order that is gone")
        if (order.side, order.ticks) != (message.side, message.ticks):
            raise FeedError(self._path, message.line, "price", "is not the order's own")
        if message.lots > order.stated_lots:
            what = f"{message.lots} where {order.stated_lots} are left"
            raise FeedError(self._path, message.line, "size", what)
        order.stated_lots -= message.lots
        if message.kind == EXECUTION:
            self._execute(message, order)
        else:
            self._shrink(message, order)
        if order.stated_lots == 0:
            del self._orders[message.order]

    def _add(self, message: Message) -> None:
        if message.order in self._orders:
            raise FeedError(self._path, message.line, "order id", "is of an order that rests")
        order = _Order(message.side, message.ticks, message.lots)
        self._orders[message.order] = order
        self._clear(1 - message.side, message.ticks)
        self._place(message.order, order)
        self.counts.replayed += 1

    def _place(self, number: int, order: _Order) -> None:
        order.account = MAKER_FIRST + number % MAKERS
        order.open_lots = order.stated_lots
        events = self._recording.must_run(
            [
                PlaceOrder(
                    time_ns=self._time_ns,
                    account=order.account,
                    client_id=self._recording.next_client_id(order.account),
                    contract=CONTRACT,
                    side=order.side,
                    lots=order.open_lots,
                    price_ticks=order.ticks,
                    flags=words.POST_ONLY,
                )
            ]
        )
        order.order_id = int(events["a"][0])
        self._by_engine_id[order.order_id] = order

    def _shrink(self, message: Message, order: _Order) -> None:
        """A reduction leaves its order its place in the queue, a deletion takes it out."""
        if order.open_lots <= order.stated_lots:
            self.counts.already_gone += 1
            return
        order.open_lots = order.stated_lots
        client_id = self._recording.next_client_id(order.account)
        if order.open_lots:
            self._recording.must_run(
                [
                    AmendOrder(
                        time_ns=self._time_ns,
                        account=order.account,
                        client_id=client_id,
                        order_id=order.order_id,
                        price_ticks=order.ticks,
                        lots=order.filled_lots + order.open_lots,
                    )
                ]
            )
        else:
            self._cancel(order, client_id)
        self.counts.replayed += 1

    def _cancel(self, order: _Order, client_id: int) -> None:
        order.open_lots = 0
        del self._by_engine_id[order.order_id]
        self._recording.must_run(
            [
                CancelOrder(
                    time_ns=self._time_ns,
                    account=order.account,
                    client_id=client_id,
                    order_id=order.order_id,
                )
            ]
        )

    def _execute(self, message: Message, order: _Order) -> None:
        better = 1 if message.side == words.BUY else -1
        self._clear(message.side, message.ticks + better)
        account = TAKER_FIRST + self._executions % TAKERS
        self._executions += 1
        events = self._recording.must_run(
            [
                PlaceOrder(
                    time_ns=self._time_ns,
                    account=account,
                    client_id=self._recording.next_client_id(account),
                    contract=CONTRACT,
                    side=1 - message.side,
                    lots=message.lots,
                    price_ticks=message.ticks,
                    tif=words.IOC,
                )
            ]
        )
        makers, lots = self._take_fills(events)
        if lots < message.lots:
            self.counts.executions_short += 1
        elif makers == [order.order_id]:
            self.counts.executions_of_named += 1
        else:
            self.counts.executions_of_other += 1
        self.counts.replayed += 1

    def _take_fills(self, events: NDArray[np.void]) -> tuple[list[int], int]:
        """Note what the makers lost; their ids, and all lots together."""
        fills = events[events["kind"] == ev.TRADE]
        makers: list[int] = fills["d"].tolist()
        for order_id, lots in zip(makers, fills["b"].tolist(), strict=True):
            maker = self._by_engine_id[order_id]
            maker.open_lots -= lots
            maker.filled_lots += lots
            if maker.open_lots == 0:
                del self._by_engine_id[order_id]
        return makers, int(fills["b"].sum())

    def _clear(self, side: int, limit_ticks: int) -> None:
        """Cancel every order of a side at this price or better: a message shows it to be gone."""
        if not self._is_at_or_better(side, self._best(side), limit_ticks):
            return
        gone = [
            order
            for order in self._by_engine_id.values()
            if order.side == side and self._is_at_or_better(side, order.ticks, limit_ticks)
        ]
        self.counts.cleared += len(gone)
        for order in gone:
            self._cancel(order, self._recording.next_client_id(order.account))

    def _best(self, side: int) -> int:
        bid_ticks, _, ask_ticks, _ = self._recording.exchange.best(CONTRACT)
        return int(bid_ticks if side == words.BUY else ask_ticks)

    def _is_at_or_better(self, side: int, ticks: int, limit_ticks: int) -> bool:
        if ticks == 0:
            return False
        return ticks >= limit_ticks if side == words.BUY else ticks <= limit_ticks

    def _move_mark(self) -> None:
        """The mid is the index, once a second: nothing hangs on it but that there is a mark."""
        if self._time_ns < self._next_mark_ns:
            return
        bid_ticks, ask_ticks = self._best(words.BUY), self._best(words.SELL)
        if bid_ticks and ask_ticks:
            self._publish((bid_ticks + ask_ticks) // 2)

    def _publish(self, ticks: int) -> None:
        self._next_mark_ns = self._time_ns + MARK_EVERY_NS
        price = PublishPrice(time_ns=self._time_ns, source=1, contract=CONTRACT, price_ticks=ticks)
        self._recording.must_run([price])


def import_lobster(
    source: Path, target: Path, tick_size: str = "0.01", midnight_ns: int = 0
) -> LobsterSummary:
    """Read one message file and write the commands that replay it.

    `midnight_ns` is the midnight that its times count from; the file does not tell.
    """
    messages = LobsterFile(source, tick_size, midnight_ns)
    before = messages.find_resting_before()
    symbol = source.name.split("_")[0]
    config = import_config(symbol, tick_size)
    with CommandFileWriter(target, config) as writer:
        recording = Recording(Exchange(config), writer)
        book = LobsterImport(source, recording)
        for number, message in enumerate(messages.messages()):
            if number == 0:
                book.open(message, before)
            book.apply(message)
        summary = LobsterSummary(
            source=source.name, tick_size=tick_size, file=messages.count(), replay=book.counts
        )
        summary.close(recording)
    return summary
