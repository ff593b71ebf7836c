"""Binance futures depth, ticker and trades, replayed order by order on a live exchange.

The feed tells levels, not orders. So one account stands on each side of the book with one order
per price level, placed, amended and cancelled to follow the diffs; a third account sends each
trade as an IOC order at the trade's price. The ticker's mid is the only index source.

Trades and diffs tell the same story twice: a trade takes quantity that a later diff states anew,
in absolute numbers. The diff wins: after each diff every level that it names, and every level that
a trade took from since the last one, holds what the diffs say. Diffs come every 50 ms or so, and
inside such a window the book here is as old as the last diff. A trade at a price that is not the
best here is therefore counted and not sent: it would trade with levels that were gone already.

The proof that the book is right is the ticker: it comes on a stream of its own, and where it
carries the id of a diff, its best prices and sizes must be the exchange's.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.exchange import Exchange
from engine.importers.binance_feed import (
    BinanceFeed,
    Depth,
    FeedCounts,
    FeedItem,
    Ticker,
    Trade,
    find_grids,
)
from engine.importers.decimal_grid import DecimalGrid
from engine.importers.feed_market import (
    CONTRACT,
    FeedClock,
    feed_config,
    feed_contract,
    open_accounts,
)
from engine.importers.recording import ImportSummary, Recording
from engine.journal.command_file import CommandFileWriter
from engine.schema import bounds, refusals
from engine.schema import events as ev
from engine.schema import vocabulary as words
from engine.schema.commands import (
    AmendOrder,
    AnyCommand,
    CancelOrder,
    PlaceOrder,
)

MAKERS = {words.BUY: 2, words.SELL: 3}  # who holds the levels of each side
TAKER = 4
ACCOUNT_CASH = 2**56
NS_PER_MS = 1_000_000
UNMATCHED_MAX = 1_024  # tickers and tops that wait for the other with the same id


class DepthCounts(msgspec.Struct):
    """How the diffs went."""

    applied: int = 0
    level_changes: int = 0  # commands that this took
    restored_after_trade: int = 0  # levels that a trade took from and no diff named since
    outside_price_range: int = 0  # levels that the engine's price range can't hold
    cleared_when_crossed: int = 0  # levels removed because a diff stated a price through them


class TradeCounts(msgspec.Struct):
    """What became of the trades, each in one of the first seven; then the quantities in lots."""

    filled: int = 0
    filled_in_part: int = 0  # the level held less than the trade
    before_book: int = 0
    not_market: int = 0  # the venue's own transfers
    level_missing: int = 0
    behind_best: int = 0  # the book here still holds better levels
    outside_price_range: int = 0
    lots: int = 0
    lots_filled: int = 0


class TickerCounts(msgspec.Struct):
    """The comparison of the exchange's best prices with the ticker's of the same update id."""

    compared: int = 0
    differing: int = 0
    index_prices: int = 0
    first_difference: str = ""


class BinanceSummary(ImportSummary):
    symbol: str
    tick_size: str
    lot_size: str
    feed: FeedCounts
    depth: DepthCounts
    trades: TradeCounts
    ticker: TickerCounts


class _Level(msgspec.Struct):
    """The one order of a level."""

    order_id: int
    open_lots: int
    filled_lots: int = 0


class BinanceImport:
    """The book of one feed on an exchange."""

    def __init__(self, recording: Recording) -> None:
        self.depth = DepthCounts()
        self.trades = TradeCounts()
        self.ticker = TickerCounts()
        self._recording = recording
        self._clock = FeedClock(recording)
        self._is_open = False  # accounts exist and the contract has a mark
        self._has_snapshot = False
        # Per side, by price: what the feed says, and the order that stands for it.
        self._stated: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._levels: tuple[dict[int, _Level], dict[int, _Level]] = ({}, {})
        self._taken: tuple[set[int], set[int]] = (set(), set())  # by trades since the last diff
        self._placed: dict[tuple[int, int], tuple[int, int]] = {}  # client id -> side, price
        self._tickers: dict[int, Ticker] = {}
        self._tops: dict[int, tuple[int, int, int, int]] = {}

    def apply(self, entry: FeedItem) -> None:
        """Take one item of the feed."""
        self._recording.at(entry.number, path=entry.path)
        # What arrives later than the feed waits for can't turn the clock back.
        self._clock.move(max(self._clock.time_ns, entry.time_ms * NS_PER_MS))
        match entry.item:
            case Depth():
                self._apply_depth(entry.item)
            case Trade():
                self._apply_trade(entry.item)
            case Ticker():
                self._apply_ticker(entry.item)

    def _apply_depth(self, depth: Depth) -> None:
        changed: tuple[set[int], set[int]] = (set(), set())
        for side, levels in ((words.BUY, depth.bids), (words.SELL, depth.asks)):
            stated = self._stated[side]
            for ticks, lots in levels:
                if not 0 < ticks <= bounds.PRICE_TICKS_MAX or lots > bounds.LOTS_MAX:
                    self.depth.outside_price_range += 1
                    continue
                changed[side].add(ticks)
                if lots:
                    stated[ticks] = lots
                else:
                    stated.pop(ticks, None)
        self._has_snapshot = True
        self.depth.applied += 1
        if not self._is_open:
            return
        for side in MAKERS:
            self.depth.restored_after_trade += sum(
                self._is_short(side, ticks) for ticks in self._taken[side] - changed[side]
            )
            changed[side].update(self._taken[side])
            self._taken[side].clear()
        self._follow(changed)
        self._note_top(depth.update)

    def _is_short(self, side: int, ticks: int) -> bool:
        level = self._levels[side].get(ticks)
        return self._stated[side].get(ticks, 0) != (level.open_lots if level else 0)

    def _follow(self, changed: tuple[set[int], set[int]]) -> None:
        """Bring the orders of these levels to what the feed says."""
        while changed[words.BUY] or changed[words.SELL]:
            commands = self._level_commands(changed)
            self.depth.level_changes += len(commands)
            events = self._recording.run(commands)
            refused = self._take_events(events)
            changed = (set(), set())
            for side, ticks in refused:
                changed[side].add(ticks)
                self._clear_crossed(changed, side, ticks)

    def _level_commands(self, changed: tuple[set[int], set[int]]) -> list[AnyCommand]:
        """What shrinks first, so that the book is never crossed halfway through a diff."""
        shrinking, growing = [], []
        for side in MAKERS:
            for ticks in sorted(changed[side]):
                lots = self._stated[side].get(ticks, 0)
                level = self._levels[side].get(ticks)
                have = level.open_lots if level else 0
                if lots < have:
                    shrinking.append((side, ticks, lots))
                elif lots > have:
                    growing.append((side, ticks, lots))
        # Client ids are given here, in the order in which the commands are sent.
        return [self._level_command(*change) for change in shrinking + growing]

    def _level_command(self, side: int, ticks: int, lots: int) -> AnyCommand:
        account = MAKERS[side]
        client_id = self._recording.next_client_id(account)
        level = self._levels[side].get(ticks)
        if level is None:
            self._placed[account, client_id] = side, ticks
            return PlaceOrder(
                time_ns=self._clock.time_ns,
                account=account,
                client_id=client_id,
                contract=CONTRACT,
                side=side,
                lots=lots,
                price_ticks=ticks,
                flags=words.POST_ONLY,
            )
        if lots == 0:
            del self._levels[side][ticks]
            return CancelOrder(
                time_ns=self._clock.time_ns,
                account=account,
                client_id=client_id,
                order_id=level.order_id,
            )
        level.open_lots = lots
        return AmendOrder(
            time_ns=self._clock.time_ns,
            account=account,
            client_id=client_id,
            order_id=level.order_id,
            price_ticks=ticks,
            lots=level.filled_lots + lots,
        )

    def _take_events(self, events: NDArray[np.void]) -> list[tuple[int, int]]:
        """Learn the new orders' ids; side and price of orders that would have crossed."""
        refused = []
        for event in events:
            kind, account = int(event["kind"]), int(event["account"])
            if kind == ev.ORDER_ACCEPTED:
                side, ticks = int(event["e"]), int(event["c"])
                self._levels[side][ticks] = _Level(int(event["a"]), int(event["d"]))
            elif kind == ev.REFUSED and event["a"] == refusals.POST_ONLY_WOULD_TRADE:
                refused.append(self._placed[account, int(event["c"])])
            elif kind == ev.REFUSED:
                raise self._recording.refusal(int(event["a"]))
            assert kind != ev.TRADE, "a diff moves no position"
        self._placed.clear()
        return refused

    def _clear_crossed(self, changed: tuple[set[int], set[int]], side: int, ticks: int) -> None:
        """Drop what stands on the other side at or through a price that a diff has just stated."""
        other = words.SELL if side == words.BUY else words.BUY
        crossed = [
            price
            for price in self._stated[other]
            if (price <= ticks if side == words.BUY else price >= ticks)
        ]
        self.depth.cleared_when_crossed += len(crossed)
        for price in crossed:
            del self._stated[other][price]
        changed[other].update(crossed)

    def _apply_trade(self, trade: Trade) -> None:
        counts = self.trades
        counts.lots += trade.lots
        hit = words.BUY if trade.taker_sells else words.SELL
        if not (self._is_open and self._has_snapshot):
            counts.before_book += 1
        elif not trade.is_market or trade.lots == 0:
            counts.not_market += 1
        elif not 0 < trade.ticks <= bounds.PRICE_TICKS_MAX or trade.lots > bounds.LOTS_MAX:
            counts.outside_price_range += 1
        elif trade.ticks != self._best(hit):
            if trade.ticks in self._levels[hit]:
                counts.behind_best += 1
            else:
                counts.level_missing += 1
        else:
            filled = self._take(trade, hit)
            counts.lots_filled += filled
            if filled == trade.lots:
                counts.filled += 1
            else:
                counts.filled_in_part += 1

    def _best(self, side: int) -> int:
        """The best price of a side; the fill will tell if the exchange thought otherwise."""
        levels = self._levels[side]
        if not levels:
            return 0
        return max(levels) if side == words.BUY else min(levels)

    def _take(self, trade: Trade, hit: int) -> int:
        """Send the trade as an order that takes from the best level; the lots it got."""
        order = PlaceOrder(
            time_ns=self._clock.time_ns,
            account=TAKER,
            client_id=self._recording.next_client_id(TAKER),
            contract=CONTRACT,
            side=words.SELL if trade.taker_sells else words.BUY,
            lots=trade.lots,
            price_ticks=trade.ticks,
            tif=words.IOC,
        )
        events = self._recording.must_run([order])
        level = self._levels[hit][trade.ticks]
        fills = events[events["kind"] == ev.TRADE]
        assert (fills["d"] == level.order_id).all(), "a level holds one order"
        filled = int(fills["b"].sum())
        level.open_lots -= filled
        level.filled_lots += filled
        if level.open_lots == 0:
            del self._levels[hit][trade.ticks]
        self._taken[hit].add(trade.ticks)
        return filled

    def _apply_ticker(self, ticker: Ticker) -> None:
        mid_ticks = (ticker.bid_ticks + ticker.ask_ticks) // 2
        is_listed = ticker.bid_ticks > 0 and 0 < mid_ticks <= bounds.PRICE_TICKS_MAX
        if is_listed and mid_ticks != self._clock.mark_ticks:
            if not self._is_open:
                accounts = *MAKERS.values(), TAKER
                open_accounts(self._recording, self._clock.time_ns, accounts, ACCOUNT_CASH)
            self.ticker.index_prices += 1
            self._clock.publish(mid_ticks)
        if is_listed and not self._is_open:
            self._is_open = True
            self._follow((set(self._stated[words.BUY]), set(self._stated[words.SELL])))
        top = self._tops.pop(ticker.update, None)
        if top is not None:
            self._compare(ticker, top)
        else:
            self._tickers[ticker.update] = ticker
            _keep_newest(self._tickers)

    def _note_top(self, update: int) -> None:
        top = self._recording.exchange.best(CONTRACT)
        ticker = self._tickers.pop(update, None)
        if ticker is not None:
            self._compare(ticker, top)
        else:
            self._tops[update] = top
            _keep_newest(self._tops)

    def _compare(self, ticker: Ticker, top: tuple[int, int, int, int]) -> None:
        self.ticker.compared += 1
        said = (ticker.bid_ticks, ticker.bid_lots, ticker.ask_ticks, ticker.ask_lots)
        if said != top:
            self.ticker.differing += 1
            if not self.ticker.first_difference:
                self.ticker.first_difference = f"u {ticker.update}: ticker {said}, exchange {top}"


def _keep_newest(waiting: dict[int, Ticker] | dict[int, tuple[int, int, int, int]]) -> None:
    """Forget the older half of what has met no partner; most never do."""
    if len(waiting) > UNMATCHED_MAX:
        for update in list(waiting)[: UNMATCHED_MAX // 2]:
            del waiting[update]


def import_binance(
    sources: Sequence[Path],
    target: Path,
    tick_size: DecimalGrid | None = None,
    lot_size: DecimalGrid | None = None,
    check_every: int = 0,
) -> BinanceSummary:
    """Read one symbol's feed and write the commands that replay it."""
    symbol, price, lot = find_grids(sources)
    price, lot = tick_size or price, lot_size or lot
    config = feed_config(feed_contract(CONTRACT, symbol, str(price), str(lot)))
    feed = BinanceFeed(sources, symbol, price, lot)
    with CommandFileWriter(target, config) as writer:
        recording = Recording(Exchange(config), writer, sources[0], check_every)
        book = BinanceImport(recording)
        for entry in feed:
            book.apply(entry)
        summary = BinanceSummary(
            source=" ".join(source.name for source in sources),
            symbol=symbol,
            tick_size=str(price),
            lot_size=str(lot),
            feed=feed.counts,
            depth=book.depth,
            trades=book.trades,
            ticker=book.ticker,
        )
        summary.close(recording)
    if summary.ticker.differing:
        summary.broken.append(f"the ticker differs: {summary.ticker.first_difference}")
    return summary
