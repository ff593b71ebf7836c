"""The orders of a feed on the exchange, from anonymous accounts: placed, amended, cancelled, hit.

Orders rest from a bounded set of maker accounts, executions come as IOC orders of taker accounts;
no two accounts share a group, so self-trade prevention never acts. What the exchange refuses is
counted by its name, and the order stays as it was.
"""

from collections import Counter

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.importers.feed_market import CONTRACT, FeedClock, open_accounts
from engine.importers.recording import Recording
from engine.schema import bounds, refusals
from engine.schema import events as ev
from engine.schema import vocabulary as words
from engine.schema.commands import (
    AmendOrder,
    AnyCommand,
    CancelOrder,
    MassCancel,
    PlaceOrder,
)

MAKER_FIRST, MAKERS = words.CLIENT_FIRST, 64
TAKER_FIRST, TAKERS = MAKER_FIRST + MAKERS, 16
ACCOUNT_CASH = 2**52
MARK_EVERY_NS = bounds.NS_PER_SECOND

assert (MAKERS + TAKERS) * ACCOUNT_CASH <= bounds.DEPOSITS_MAX


class FeedOrder(msgspec.Struct):
    """What the feed says of an order, then what the exchange has of it: `open_lots` 0 when it has
    nothing."""

    number: int
    side: int
    ticks: int
    stated_lots: int
    order_id: int = 0
    placed_ticks: int = 0
    open_lots: int = 0
    filled_lots: int = 0

    @property
    def account(self) -> int:
        return MAKER_FIRST + self.number % MAKERS


class BookCounts(msgspec.Struct):
    """What became of the orders on the exchange."""

    placed: int = 0
    amended: int = 0
    cancelled: int = 0


class FeedBook:
    """One contract's orders, and the clock.

    A feed that is to be replayed whole counts no refusals: there the first one ends the import.
    """

    def __init__(self, recording: Recording, counts_refusals: bool = True) -> None:
        self.counts = BookCounts()
        self.refused: dict[str, int] = {}
        self._recording = recording
        self._counts_refusals = counts_refusals
        self._by_order_id: dict[int, FeedOrder] = {}
        self._takes = 0
        self._clock = FeedClock(recording)

    def open(self, ticks: int) -> None:
        """Accounts, and a mark near this price."""
        accounts = range(MAKER_FIRST, TAKER_FIRST + TAKERS)
        open_accounts(self._recording, self._clock.time_ns, accounts, ACCOUNT_CASH)
        self._clock.publish(min(max(ticks, 1), bounds.PRICE_TICKS_MAX))

    @property
    def is_open(self) -> bool:
        return self._clock.mark_ticks > 0

    def move_clock(self, time_ns: int) -> None:
        """Time goes on, and once a second the mid is the index: nothing hangs on it but that there
        is a mark."""
        self._clock.move(time_ns)
        if self.is_open and time_ns - self._clock.published_ns >= MARK_EVERY_NS:
            bid_ticks, ask_ticks = self.best(words.BUY), self.best(words.SELL)
            has_mid = bid_ticks and ask_ticks
            self._clock.publish((bid_ticks + ask_ticks) // 2 if has_mid else self._clock.mark_ticks)

    def best(self, side: int) -> int:
        """The best price of a side, 0 when it is empty."""
        bid_ticks, _, ask_ticks, _ = self._recording.exchange.best(CONTRACT)
        return int(bid_ticks if side == words.BUY else ask_ticks)

    def bring(self, order: FeedOrder, lots: int) -> None:
        """Let so many lots of the order rest at the price that the feed states."""
        if order.open_lots == 0:
            self._place(order, lots)
        elif (order.placed_ticks, order.open_lots) != (order.ticks, lots):
            self._amend(order, lots)

    def _place(self, order: FeedOrder, lots: int) -> None:
        events = self._run(
            PlaceOrder(
                time_ns=self._clock.time_ns,
                account=order.account,
                client_id=self._recording.next_client_id(order.account),
                contract=CONTRACT,
                side=order.side,
                lots=lots,
                price_ticks=order.ticks,
                flags=words.POST_ONLY,
            )
        )
        accepted = events[events["kind"] == ev.ORDER_ACCEPTED]
        if len(accepted):
            self.counts.placed += 1
            order.order_id = int(accepted["a"][0])
            order.placed_ticks, order.open_lots, order.filled_lots = order.ticks, lots, 0
            self._by_order_id[order.order_id] = order

    def _amend(self, order: FeedOrder, lots: int) -> None:
        events = self._run(
            AmendOrder(
                time_ns=self._clock.time_ns,
                account=order.account,
                client_id=self._recording.next_client_id(order.account),
                order_id=order.order_id,
                price_ticks=order.ticks,
                lots=order.filled_lots + lots,
            )
        )
        if (events["kind"] == ev.ORDER_AMENDED).any():
            self.counts.amended += 1
            order.placed_ticks, order.open_lots = order.ticks, lots

    def remove(self, order: FeedOrder) -> None:
        """Cancel what rests of it."""
        if not order.open_lots:
            return
        self.counts.cancelled += 1
        order.open_lots = 0
        del self._by_order_id[order.order_id]
        self._run(
            CancelOrder(
                time_ns=self._clock.time_ns,
                account=order.account,
                client_id=self._recording.next_client_id(order.account),
                order_id=order.order_id,
            )
        )

    def remove_through(self, side: int, limit_ticks: int) -> int:
        """Cancel every order of a side at this price or better; how many that were."""
        sign = 1 if side == words.BUY else -1
        best = self.best(side)
        if not best or best * sign < limit_ticks * sign:
            return 0
        through = [
            order
            for order in self._by_order_id.values()
            if order.side == side and order.placed_ticks * sign >= limit_ticks * sign
        ]
        for order in through:
            self.remove(order)
        return len(through)

    def clear(self) -> None:
        """Cancel everything."""
        self.counts.cancelled += len(self._by_order_id)
        for account in sorted({order.account for order in self._by_order_id.values()}):
            client_id = self._recording.next_client_id(account)
            self._run(MassCancel(time_ns=self._clock.time_ns, account=account, client_id=client_id))
        for order in self._by_order_id.values():
            order.open_lots = 0
        self._by_order_id.clear()

    def take(self, side: int, ticks: int, lots: int) -> list[tuple[FeedOrder, int]]:
        """Send an IOC order against a side; the orders that it hit, with the lots of each."""
        account = TAKER_FIRST + self._takes % TAKERS
        self._takes += 1
        events = self._run(
            PlaceOrder(
                time_ns=self._clock.time_ns,
                account=account,
                client_id=self._recording.next_client_id(account),
                contract=CONTRACT,
                side=1 - side,
                lots=lots,
                price_ticks=ticks,
                tif=words.IOC,
            )
        )
        hits: Counter[int] = Counter()
        for event in events[events["kind"] == ev.TRADE]:
            hits[int(event["d"])] += int(event["b"])
        return [(self._hit(order_id, taken), taken) for order_id, taken in hits.items()]

    def _hit(self, order_id: int, lots: int) -> FeedOrder:
        order = self._by_order_id[order_id]
        order.open_lots -= lots
        order.filled_lots += lots
        if order.open_lots == 0:
            del self._by_order_id[order_id]
        return order

    def _run(self, command: AnyCommand) -> NDArray[np.void]:
        if not self._counts_refusals:
            return self._recording.must_run([command])
        events = self._recording.run([command])
        for code in events["a"][events["kind"] == ev.REFUSED].tolist():
            name = refusals.NAMES[code]
            self.refused[name] = self.refused.get(name, 0) + 1
        return events
