"""A market in which nothing but the book decides, for feeds that name symbols and traders.

Such a feed knows no margins, fees or bands, and its traders may trade with themselves. So every
symbol is a contract with a mark that puts the whole price range inside the static band, every
trader an account with more cash than it can lose, and self-trade prevention is off.
"""

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.importers.feed_market import feed_contract, open_accounts
from engine.importers.recording import FeedError, Recording
from engine.schema import bounds, refusals
from engine.schema import events as ev
from engine.schema import vocabulary as words
from engine.schema.commands import (
    CancelOrder,
    MassCancel,
    PlaceOrder,
    PublishPrice,
)
from engine.schema.contract import Config

SYMBOLS_MAX = 64  # as many as a pool can hold at the widest price range and the largest interest
TRADERS_MAX = 500
ACCOUNT_CASH = 2**50
STEP_NS = 1_000  # the feeds tell no times: each command comes a microsecond after the last
# The band reaches 1,000 marks up, so from this one it reaches every price.
MARK_TICKS = bounds.PRICE_TICKS_MAX * bounds.PPB // bounds.BAND_PPB_MAX + 1

assert SYMBOLS_MAX * bounds.PRICE_TICKS_MAX * bounds.LOTS_MAX <= bounds.POOL_VALUE_MAX
assert TRADERS_MAX * ACCOUNT_CASH <= bounds.DEPOSITS_MAX


def plain_config(symbols: list[str]) -> Config:
    """One contract for each symbol, all alike."""
    contracts = tuple(
        msgspec.structs.replace(
            feed_contract(number, symbol),
            market_range_ppb=bounds.BAND_PPB_MAX,
            stp_none_allowed=True,
        )
        for number, symbol in enumerate(symbols, 1)
    )
    return Config(contracts=contracts)


def find_symbols(path: Path, named: Iterable[tuple[int, str]]) -> list[str]:
    """The symbols that lines name, in the order in which they first come."""
    symbols: dict[str, None] = {}
    for line, symbol in named:
        symbols[symbol] = None
        if len(symbols) > SYMBOLS_MAX:
            raise FeedError(path, line, "symbol", f"is one after {SYMBOLS_MAX}")
    return list(symbols)


class PlainOrder(msgspec.Struct):
    """An order of the feed; `key` is what the feed calls it."""

    key: Hashable
    contract: int
    account: int
    side: int
    lots: int
    ticks: int = 0  # 0: a market order
    order_id: int = 0
    open_lots: int = 0


class Fill(NamedTuple):
    maker: PlainOrder
    ticks: int
    lots: int


class PlainMarket:
    """Traders, their working orders, and what was refused."""

    def __init__(self, recording: Recording) -> None:
        self.refused: dict[str, int] = {}
        self._recording = recording
        self._time_ns = 0
        self._accounts: dict[str, int] = {}
        self._orders: dict[Hashable, PlainOrder] = {}
        self._by_order_id: dict[int, PlainOrder] = {}
        for number in range(1, len(recording.exchange.config.contracts) + 1):
            price = PublishPrice(
                time_ns=self._step(), source=1, contract=number, price_ticks=MARK_TICKS
            )
            recording.must_run([price])

    def _step(self) -> int:
        self._time_ns += STEP_NS
        return self._time_ns

    def account_of(self, trader: str, field: str) -> int:
        """The account of a trader, whom this field names; opened at first use."""
        account = self._accounts.get(trader)
        if account is None:
            if len(self._accounts) == TRADERS_MAX:
                what = f"{trader} is the trader after {TRADERS_MAX} others"
                raise self._recording.fault(field, what)
            account = words.CLIENT_FIRST + len(self._accounts)
            self._accounts[trader] = account
            open_accounts(self._recording, self._step(), [account], ACCOUNT_CASH)
        return account

    def find(self, key: Hashable) -> PlainOrder | None:
        """The working order of this name."""
        return self._orders.get(key)

    def place(self, order: PlainOrder) -> list[Fill] | None:
        """Enter an order; its fills, or None when it was refused. What is left of it rests,
        unless it is a market order."""
        events = self._recording.run(
            [
                PlaceOrder(
                    time_ns=self._step(),
                    account=order.account,
                    client_id=self._recording.next_client_id(order.account),
                    contract=order.contract,
                    side=order.side,
                    lots=order.lots,
                    price_ticks=order.ticks,
                    order_type=words.LIMIT if order.ticks else words.MARKET,
                    tif=words.GTC if order.ticks else words.IOC,
                    stp=words.STP_NONE,
                )
            ]
        )
        accepted = events[events["kind"] == ev.ORDER_ACCEPTED]
        if not len(accepted):
            self._count_refusal(events)
            return None
        order.order_id = int(accepted["a"][0])
        fills = self._take_fills(events)
        order.open_lots = order.lots - sum(fill.lots for fill in fills)
        # Accounts are rich and the mark never moves, so nothing but the book ends a limit order.
        if order.ticks and order.open_lots:
            self._orders[order.key] = self._by_order_id[order.order_id] = order
        return fills

    def _count_refusal(self, events: NDArray[np.void]) -> None:
        code = int(events["a"][events["kind"] == ev.REFUSED][0])
        name = refusals.NAMES[code]
        self.refused[name] = self.refused.get(name, 0) + 1

    def _take_fills(self, events: NDArray[np.void]) -> list[Fill]:
        fills = []
        for event in events[events["kind"] == ev.TRADE]:
            fill = Fill(self._by_order_id[int(event["d"])], int(event["a"]), int(event["b"]))
            fill.maker.open_lots -= fill.lots
            if fill.maker.open_lots == 0:
                self._forget(fill.maker)
            fills.append(fill)
        return fills

    def _forget(self, order: PlainOrder) -> None:
        del self._orders[order.key], self._by_order_id[order.order_id]

    def cancel(self, order: PlainOrder) -> None:
        """Take a working order out."""
        self._forget(order)
        self._recording.must_run(
            [
                CancelOrder(
                    time_ns=self._step(),
                    account=order.account,
                    client_id=self._recording.next_client_id(order.account),
                    order_id=order.order_id,
                )
            ]
        )

    def cancel_all(self) -> int:
        """Empty the books; how many orders that were."""
        count = len(self._orders)
        owners = sorted({order.account for order in self._orders.values()})
        self._orders.clear()
        self._by_order_id.clear()
        for account in owners:
            client_id = self._recording.next_client_id(account)
            self._recording.must_run(
                [MassCancel(time_ns=self._step(), account=account, client_id=client_id)]
            )
        return count
