"""The raw futures feed of Binance: lines of local nanoseconds and JSON, as whole numbers in order.

The reader checks the chain of depth diffs (`pu` of a diff is `u` of the one before), joins it to
the REST snapshot, and puts the three streams into the order of the venue's transaction time: they
come over different paths, so a trade may arrive after a diff that already contains it.
"""

import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.importers.decimal_grid import DecimalGrid, find_grid
from engine.importers.recording import FeedError
from engine.importers.text_lines import read_octets

# Lines this much older than the newest are waited for; seen in recordings: 110 ms.
WAIT_MS = 1_000
TIME_MS_MAX = 2**62 // 1_000_000
LINE_BYTES_MAX = 1 << 24

Levels = list[tuple[int, int]]  # ticks, lots


class _DepthUpdate(msgspec.Struct, tag_field="e", tag="depthUpdate"):
    T: int
    s: str
    U: int
    u: int
    pu: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]
    ps: str = ""


class _BookTicker(msgspec.Struct, tag_field="e", tag="bookTicker"):
    T: int
    s: str
    u: int
    b: str
    B: str
    a: str
    A: str


class _Trade(msgspec.Struct, tag_field="e", tag="trade"):
    T: int
    s: str
    p: str
    q: str
    m: bool
    X: str = "MARKET"


class _AggTrade(_Trade, tag_field="e", tag="aggTrade"):
    """The trades of one order at one price."""


class _Line(msgspec.Struct):
    """A stream's message, or the answer to a request for a snapshot."""

    data: _DepthUpdate | _BookTicker | _Trade | _AggTrade | None = None
    lastUpdateId: int | None = None
    T: int | None = None
    bids: list[tuple[str, str]] = []
    asks: list[tuple[str, str]] = []


class Depth(NamedTuple):
    """Levels with their absolute quantities; a snapshot has all of them, a diff the changed."""

    update: int
    bids: Levels
    asks: Levels
    is_snapshot: bool


class Trade(NamedTuple):
    ticks: int
    lots: int
    taker_sells: bool
    is_market: bool  # not a venue's own transfer, such as to its insurance fund


class Ticker(NamedTuple):
    update: int
    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int


class FeedItem(NamedTuple):
    """`time_ms` is the venue's; items come in its order, trades before diffs of the same time."""

    time_ms: int
    rank: int
    arrival: int  # lines read so far, of all files
    path: Path
    number: int  # of the line in that file
    item: Depth | Trade | Ticker


class FeedCounts(msgspec.Struct):
    """What was in the feed, and what of it was left out."""

    lines: int = 0
    diffs: int = 0
    tickers: int = 0
    trades: int = 0
    other_streams: int = 0
    diffs_before_snapshot: int = 0
    gaps_before_snapshot: int = 0
    later_snapshots: int = 0
    second_trade_stream: int = 0  # aggregated trades beside single ones, or the reverse


# Trades first: a diff of the same millisecond has the last word on the levels it names.
_RANK = {Trade: 0, Depth: 1, Ticker: 2}


def _all_lines(paths: Sequence[Path]) -> Iterator[tuple[Path, int, bytes]]:
    for path in paths:
        for number, line in read_octets(path, LINE_BYTES_MAX):
            yield path, number, line


def _decode(path: Path, number: int, line: bytes) -> tuple[int, _Line | None]:
    """Local time and message of a line; no message where the stream is one we do not know."""
    local, _, text = line.partition(b" ")
    if not (local.isdigit() and len(local) <= 19):
        raise FeedError(path, number, "local time", f"{local[:20]!r} is not in nanoseconds")
    try:
        return int(local), _decoder.decode(text)
    except msgspec.ValidationError as error:
        if str(error).endswith("`$.data.e`"):
            return int(local), None
        what, _, field = str(error).partition(" - at ")
        raise FeedError(path, number, field.strip("`$.") or "line", what) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FeedError(path, number, "line", str(error)) from None
    except RecursionError:
        raise FeedError(path, number, "line", "nested too deeply") from None


_decoder = msgspec.json.Decoder(_Line)


def find_grids(paths: Sequence[Path]) -> tuple[str, DecimalGrid, DecimalGrid]:
    """Read the whole feed for its symbol, and the grids of its prices and quantities."""
    symbol = ""
    prices: set[str] = set()
    lots: set[str] = set()
    for path, number, text in _all_lines(paths):
        line = _decode(path, number, text)[1]
        if line is None:
            continue
        levels = [*line.bids, *line.asks]
        match line.data:
            case _DepthUpdate():
                levels += line.data.b + line.data.a
            case _BookTicker():
                levels += [(line.data.b, line.data.B), (line.data.a, line.data.A)]
            case _Trade():
                levels.append((line.data.p, line.data.q))
        prices.update(price for price, _ in levels)
        lots.update(quantity for _, quantity in levels)
        symbol = symbol or (line.data.s if line.data else "")
    if not symbol:
        raise FeedError(paths[0], 1, "s", "no message of a known stream names a symbol")
    return symbol, find_grid(prices), find_grid(lots)


class BinanceFeed:
    """One symbol's feed, in one file or in several that follow each other; iterate once."""

    def __init__(
        self, paths: Sequence[Path], symbol: str, price: DecimalGrid, lot: DecimalGrid
    ) -> None:
        self.paths = paths
        self.path = paths[0]  # the one being read
        self.symbol = symbol
        self.counts = FeedCounts()
        self._grids = price, lot
        self._snapshot: int | None = None  # its update id
        self._last: int | None = None  # u of the newest diff
        self._waiting: list[FeedItem] = []  # diffs before the snapshot, an unbroken chain
        self._first_pu = 0  # of that chain
        self._trade_stream: type[_Trade] | None = None

    def __iter__(self) -> Iterator[FeedItem]:
        heap: list[FeedItem] = []
        newest = number = 0
        for path, number, text in _all_lines(self.paths):
            self.path = path
            self.counts.lines += 1
            local_ns, line = _decode(self.path, number, text)
            for entry in self._read(number, local_ns, line):
                newest = max(newest, entry.time_ms)
                heapq.heappush(heap, entry)
            while heap and heap[0].time_ms < newest - WAIT_MS:
                yield heapq.heappop(heap)
        while heap:
            yield heapq.heappop(heap)
        if self._snapshot is None:
            raise FeedError(self.path, number, "lastUpdateId", "there is no snapshot")

    def _read(self, number: int, local_ns: int, line: _Line | None) -> list[FeedItem]:
        if line is None:
            self.counts.other_streams += 1
            return []
        if line.lastUpdateId is not None:
            time_ms = local_ns // 1_000_000 if line.T is None else line.T
            return self._read_snapshot(number, time_ms, line.lastUpdateId, line)
        message = line.data
        if message is None:
            raise FeedError(self.path, number, "data", "neither a stream's message nor a snapshot")
        if message.s != self.symbol:
            raise FeedError(self.path, number, "s", f"{message.s} in a feed of {self.symbol}")
        match message:
            case _DepthUpdate():
                return self._read_diff(number, message)
            case _BookTicker():
                return [self._read_ticker(number, message)]
            case _Trade():
                return self._read_trade(number, message)

    def _read_snapshot(self, number: int, time_ms: int, update: int, line: _Line) -> list[FeedItem]:
        if self._snapshot is not None:
            # The diffs since the first are complete, so this one says nothing new.
            self.counts.later_snapshots += 1
            return []
        self._snapshot = update
        bids, asks = (
            self._levels(number, "bids", line.bids),
            self._levels(number, "asks", line.asks),
        )
        depth = Depth(update, bids, asks, True)
        found = [self._entry(number, time_ms, depth)]
        kept = [
            entry
            for entry in self._waiting
            if isinstance(entry.item, Depth) and entry.item.update > update
        ]
        self.counts.diffs_before_snapshot += len(self._waiting) - len(kept)
        self._waiting = []
        self._check_join(number, kept)
        return found + [entry._replace(time_ms=max(entry.time_ms, time_ms)) for entry in kept]

    def _read_diff(self, number: int, diff: _DepthUpdate) -> list[FeedItem]:
        if diff.ps:
            raise FeedError(self.path, number, "ps", "coin-margined contracts are not supported")
        if diff.u < diff.U:
            raise FeedError(self.path, number, "u", f"{diff.u} lies below U {diff.U}")
        self._check_chain(number, diff)
        self._last = diff.u
        self.counts.diffs += 1
        if self._snapshot is not None and diff.u <= self._snapshot:
            self.counts.diffs_before_snapshot += 1
            return []
        bids, asks = self._levels(number, "b", diff.b), self._levels(number, "a", diff.a)
        entry = self._entry(number, diff.T, Depth(diff.u, bids, asks, False))
        if self._snapshot is None:
            self._waiting.append(entry)
            return []
        return [entry]

    def _check_join(self, number: int, kept: list[FeedItem]) -> None:
        """The first diff beyond the snapshot must start at or before it."""
        if kept and self._snapshot is not None and self._first_pu > self._snapshot:
            what = f"{self._first_pu} lies beyond the snapshot's {self._snapshot}"
            raise FeedError(self.path, number, "pu", what)

    def _check_chain(self, number: int, diff: _DepthUpdate) -> None:
        """Ids are shared by all symbols of the venue, so only `pu` tells that none is missing."""
        if diff.pu == self._last:
            return
        if self._snapshot is None:
            self.counts.gaps_before_snapshot += self._last is not None
            self.counts.diffs_before_snapshot += len(self._waiting)
            self._waiting = []
            self._first_pu = diff.pu
        elif self._last is not None and self._last > self._snapshot:
            what = f"{diff.pu} does not follow {self._last}, a diff is missing"
            raise FeedError(self.path, number, "pu", what)
        elif diff.pu > self._snapshot:
            what = f"{diff.pu} lies beyond the snapshot's {self._snapshot}"
            raise FeedError(self.path, number, "pu", what)

    def _read_ticker(self, number: int, ticker: _BookTicker) -> FeedItem:
        self.counts.tickers += 1
        bid = self._level(number, "b", ticker.b, ticker.B)
        ask = self._level(number, "a", ticker.a, ticker.A)
        return self._entry(number, ticker.T, Ticker(ticker.u, *bid, *ask))

    def _read_trade(self, number: int, trade: _Trade) -> list[FeedItem]:
        if self._trade_stream is None:
            self._trade_stream = type(trade)
        if type(trade) is not self._trade_stream:
            self.counts.second_trade_stream += 1
            return []
        self.counts.trades += 1
        ticks, lots = self._level(number, "p", trade.p, trade.q)
        item = Trade(ticks, lots, taker_sells=trade.m, is_market=trade.X == "MARKET")
        return [self._entry(number, trade.T, item)]

    def _entry(self, number: int, time_ms: int, item: Depth | Trade | Ticker) -> FeedItem:
        if not 0 < time_ms <= TIME_MS_MAX:
            raise FeedError(self.path, number, "T", f"{time_ms} is no time in milliseconds")
        arrival = self.counts.lines
        return FeedItem(time_ms, _RANK[type(item)], arrival, self.path, number, item)

    def _levels(self, number: int, field: str, levels: list[tuple[str, str]]) -> Levels:
        return [self._level(number, field, price, quantity) for price, quantity in levels]

    def _level(self, number: int, field: str, price: str, quantity: str) -> tuple[int, int]:
        price_grid, lot_grid = self._grids
        try:
            return price_grid.steps(price), lot_grid.steps(quantity)
        except ValueError as error:
            raise FeedError(self.path, number, field, str(error)) from None
