"""The feed of the QuantCup contest, replayed order by order on a live exchange.

A line is `symbol, trader, side, price, size`. With a price it is a limit order, numbered from 1 in
the order of the file. With price 0 it cancels the order whose number stands in the place of the
size, whoever sends it; the feed was drawn at random, so many of these numbers belong to no
working order. There is no expected output: the feed is a load, and what it proves is that the
invariants hold under it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.exchange import Exchange
from engine.importers.plain_market import PlainMarket, PlainOrder, find_symbols, plain_config
from engine.importers.recording import FeedError, ImportSummary, Recording
from engine.importers.text_lines import read_lines, whole_number
from engine.journal.command_file import CommandFileWriter
from engine.schema import bounds
from engine.schema import vocabulary as words

FIELDS = ("symbol", "trader", "side", "price", "size")
SIDES = {"Bid": words.BUY, "Ask": words.SELL}


class Row(NamedTuple):
    """A line of the feed; price 0 makes `size` the number of an order to cancel."""

    line: int
    symbol: str
    trader: str
    side: int
    ticks: int
    size: int


class FeedCounts(msgspec.Struct):
    """What was in the file, and what became of it."""

    lines: int = 0
    orders: int = 0
    orders_accepted: int = 0
    cancels_live: int = 0
    cancels_gone: int = 0  # of an order that was filled, cancelled or refused before
    cancels_unborn: int = 0  # of a number that no order had yet
    trades: int = 0
    lots: int = 0


class QuantcupSummary(ImportSummary):
    symbols: list[str]
    feed: FeedCounts
    refused: dict[str, int]


class QuantcupFile:
    """The lines of a feed; iterate as often as needed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self) -> Iterator[Row]:
        """Every line, with whole numbers."""
        for line, text in read_lines(self.path):
            columns = text.split(",")
            if len(columns) != len(FIELDS):
                raise FeedError(self.path, line, "columns", f"{len(columns)} of {len(FIELDS)}")
            yield self._row(line, columns)

    def _row(self, line: int, columns: list[str]) -> Row:
        symbol, trader, side, price, size = columns
        for field, text in zip(FIELDS, (symbol, trader), strict=False):
            if not text:
                raise FeedError(self.path, line, field, "is empty")
        if side not in SIDES:
            raise FeedError(self.path, line, "side", f"{side!r} is neither Bid nor Ask")
        ticks = whole_number(self.path, line, "price", price, high=bounds.PRICE_TICKS_MAX)
        if ticks:
            number = whole_number(self.path, line, "size", size, 1, bounds.LOTS_MAX)
        else:
            number = whole_number(self.path, line, "size", size)
        return Row(line, symbol, trader, SIDES[side], ticks, number)

    def find_symbols(self) -> list[str]:
        """The symbols, in the order in which they first come."""
        return find_symbols(self.path, ((row.line, row.symbol) for row in self.rows()))


class QuantcupImport:
    """The orders of one feed on an exchange."""

    def __init__(self, symbols: list[str], recording: Recording) -> None:
        self.counts = FeedCounts()
        self.market = PlainMarket(recording)
        self._recording = recording
        self._contracts = {symbol: number for number, symbol in enumerate(symbols, 1)}

    def apply(self, row: Row) -> None:
        """Take one line."""
        self._recording.at(row.line)
        self.counts.lines += 1
        if row.ticks:
            self._place(row)
        else:
            self._cancel(row.size)

    def _place(self, row: Row) -> None:
        self.counts.orders += 1
        account = self.market.account_of(row.trader, "trader")
        number, contract = self.counts.orders, self._contracts[row.symbol]
        fills = self.market.place(
            PlainOrder(number, contract, account, row.side, row.size, row.ticks)
        )
        if fills is not None:
            self.counts.orders_accepted += 1
            self.counts.trades += len(fills)
            self.counts.lots += sum(fill.lots for fill in fills)

    def _cancel(self, number: int) -> None:
        order = self.market.find(number)
        if order is not None:
            self.counts.cancels_live += 1
            self.market.cancel(order)
        elif 1 <= number <= self.counts.orders:
            self.counts.cancels_gone += 1
        else:
            self.counts.cancels_unborn += 1


def import_quantcup(source: Path, target: Path, check_every: int = 0) -> QuantcupSummary:
    """Read one feed and write the commands that replay it."""
    file = QuantcupFile(source)
    symbols = file.find_symbols()
    config = plain_config(symbols)
    with CommandFileWriter(target, config) as writer:
        recording = Recording(Exchange(config), writer, source, check_every)
        book = QuantcupImport(symbols, recording)
        for row in file.rows():
            book.apply(row)
        summary = QuantcupSummary(
            source=source.name, symbols=symbols, feed=book.counts, refused=book.market.refused
        )
        summary.close(recording)
    return summary
