"""Working orders followed from events alone: what rests, where, and how much of it is displayed.

The events say when an order is accepted, fired, amended, filled, cut and ended; they do not say
when its sweep is over and it comes to rest. At most one order is in motion at a time, so it has
come to rest when the next thing happens that is not part of its sweep, at the latest with the end
of the command (`engine/schema/README.md`). Where this leaves price or displayed lots open, because
the order is an iceberg or was fired, the engine says so by `order_rested`.

Part of a sweep are the children of brackets, which come and grow with its fills (4.5). They never
move by themselves: a target stands in the book at once, unless it could trade.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sortedcontainers import SortedDict

from engine.feed.book import key_of
from engine.schema import vocabulary as words
from engine.schema.events import Event, typed_event

Events = npt.NDArray[Any] | Iterable[Event]

RESTING_TIFS = (words.GTC, words.GTD, words.DAY)
COLLECTING = (words.STATE_PRE_OPEN, words.STATE_AUCTION)
AUCTION = 2  # the taker side of a trade in which nobody was the aggressor


def events_by_command(events: Events) -> Iterator[tuple[int, list[Event]]]:
    """(sequence, events) of each command, from records or typed events of whole commands."""
    if isinstance(events, np.ndarray):
        events = [typed_event(record) for record in events.tolist()]
    for sequence, group in groupby(events, key=lambda event: event.sequence):
        yield sequence, list(group)


@dataclass(slots=True)
class Terms:
    """The `terms` of an accepted order, unpacked."""

    order_type: int
    tif: int
    flags: int
    stp: int

    @classmethod
    def unpack(cls, terms: int) -> "Terms":
        return cls(*(terms >> shift & 0xFF for shift in (0, 8, 16, 24)))


@dataclass(slots=True)
class WorkingOrder:
    """One order between acceptance and end. `lots_displayed` and `public_id` are 0 while it is
    not in the book: in motion, waiting for its trigger, or between two slices of an iceberg."""

    order_id: int
    client_id: int
    account: int
    contract: int
    side: int
    price_ticks: int
    lots_open: int
    terms: Terms
    lots_displayed: int = 0
    public_id: int = 0

    @property
    def may_rest(self) -> bool:
        return self.terms.tif in RESTING_TIFS


class Rested(NamedTuple):
    """The order stands at the back of its level with `lots` displayed."""

    order: WorkingOrder
    public_id: int
    lots: int


class Executed(NamedTuple):
    """`lots` of the displayed ones have traded."""

    order: WorkingOrder
    public_id: int
    lots: int
    lots_left: int


class Reduced(NamedTuple):
    """Fewer lots are displayed; the order keeps its place."""

    order: WorkingOrder
    public_id: int
    lots_left: int


class Deleted(NamedTuple):
    """The order has left its place without a trade."""

    order: WorkingOrder
    public_id: int


Change = Rested | Executed | Reduced | Deleted
Changes = Iterator[Change]


class OrderFollower:
    """Follows every working order and yields the changes of the displayed book.

    It must see all events from the first on; the same events give the same public ids.
    """

    def __init__(self) -> None:
        self.orders: dict[int, WorkingOrder] = {}  # by the engine's order id
        self._moving: WorkingOrder | None = None
        self._target: WorkingOrder | None = None  # of a bracket: it rests before the next event
        # What the last trade of this command was between; none: no sweep and no uncross goes on
        self._parties: tuple[WorkingOrder, ...] | None = None
        self._arrivals: dict[int, int] = {}  # public ids given so far, by contract
        self._positions: dict[tuple[int, int], int] = {}  # signed lots by account and contract
        self._states: dict[int, int] = {}  # by contract
        # how many orders stand at a price, best first, by contract and side
        self._levels: dict[tuple[int, int], SortedDict] = {}

    def follow(self, event: Event) -> Changes:
        """The changes that one event means."""
        yield from self._rest_target(event)
        handler = getattr(self, f"_on_{event.name}", None)
        if handler is not None:
            yield from handler(event, event.values)

    def end_command(self) -> Changes:
        """What was in motion is at rest; call it behind the last event of each command."""
        yield from self._rest_target()
        yield from self._end_motion()
        self._parties = None

    def _rest_target(self, event: Event | None = None) -> Changes:
        """Behind the event that brought it, so that its owner hears of it first. A target for
        which there was no room is cancelled at once and never rests."""
        order, self._target = self._target, None
        if order is None:
            return
        is_told = event is not None and event.name in ("order_cancelled", "order_rested")
        if event is None or not is_told or event.values["order_id"] != order.order_id:
            yield self._rest(order, order.lots_open)

    def _end_motion(self) -> Changes:
        order, self._moving = self._moving, None
        if order is not None and order.may_rest and order.lots_open > 0:
            yield self._rest(order, order.lots_open)

    # One handler per event that concerns orders.

    def _on_state_changed(self, event: Event, values: dict[str, int]) -> Changes:
        self._states[event.contract] = values["state_to"]
        yield from ()

    def _on_order_accepted(self, event: Event, values: dict[str, int]) -> Changes:
        order = self.orders[values["order_id"]] = WorkingOrder(
            order_id=values["order_id"],
            client_id=values["client_id"],
            account=event.account,
            contract=event.contract,
            side=values["side"],
            price_ticks=values["price_ticks"],
            lots_open=values["lots"],
            terms=Terms.unpack(values["terms"]),
        )
        if self._has_traded(order):  # the child of a bracket
            if order.terms.order_type == words.LIMIT and not self._could_trade(order):
                self._target = order
            return
        self._parties = None
        yield from self._end_motion()
        self._moving = order

    def _on_order_armed(self, event: Event, values: dict[str, int]) -> Changes:
        if self._moving is self.orders[values["order_id"]]:
            self._moving = None
        yield from ()

    def _on_order_triggered(self, event: Event, values: dict[str, int]) -> Changes:
        yield from self._end_motion()
        order = self._moving = self.orders[values["order_id"]]
        if order.terms.flags & words.CLOSE_POSITION:
            order.lots_open = abs(self._positions.get((order.account, order.contract), 0))

    def _on_order_rested(self, event: Event, values: dict[str, int]) -> Changes:
        order = self.orders[values["order_id"]]
        if order is self._moving:
            self._moving = None
        yield from self._leave(order)
        assert 0 < values["lots"] <= order.lots_open, (event, order)
        order.price_ticks = values["price_ticks"]
        yield self._rest(order, values["lots"])

    def _on_order_refilled(self, event: Event, values: dict[str, int]) -> Changes:
        order = self.orders[values["order_id"]]
        assert values["lots"] + values["lots_hidden"] == order.lots_open, (event, order)
        yield from self._leave(order)
        yield self._rest(order, values["lots"])

    def _on_trade(self, event: Event, values: dict[str, int]) -> Changes:
        taker = self.orders.get(values["taker_order_id"])  # none: a liquidation order
        maker = self.orders.get(values["maker_order_id"])
        lots = values["lots"]
        self._parties = tuple(order for order in (taker, maker) if order is not None)
        if values["taker_side"] == AUCTION:
            yield from self._end_motion()
            for order in self._parties:
                hidden_lots = order.lots_open - order.lots_displayed
                yield from self._execute(order, lots, max(0, lots - hidden_lots))
            return
        if taker is None:  # a liquidation order sweeps once nothing else is in motion
            yield from self._end_motion()
        else:
            assert taker is self._moving, event
            taker.lots_open -= lots
            if taker.lots_open == 0:
                self._forget(taker)
        assert maker is not None, event
        yield from self._execute(maker, lots, lots)

    def _on_uncrossed(self, event: Event, values: dict[str, int]) -> Changes:
        self._parties = None
        yield from ()

    def _on_leg(self, event: Event, values: dict[str, int]) -> Changes:
        self._positions[event.account, event.contract] = values["position_lots"]
        yield from ()

    def _on_order_cancelled(self, event: Event, values: dict[str, int]) -> Changes:
        order = self.orders[values["order_id"]]
        self._forget(order)
        order.lots_open = 0
        yield from self._leave(order)

    def _on_order_reduced(self, event: Event, values: dict[str, int]) -> Changes:
        order = self.orders[values["order_id"]]
        order.lots_open = values["lots_open"]
        if order.public_id == 0:
            return
        is_met = values["reason"] == words.CANCEL_SELF_TRADE and not self._is_collecting(order)
        if is_met:  # by an aggressor: displayed lots first
            yield from self._show(order, max(0, order.lots_displayed - values["lots"]))
        else:
            yield from self._show(order, min(order.lots_displayed, order.lots_open))

    def _on_order_amended(self, event: Event, values: dict[str, int]) -> Changes:
        order = self.orders[values["order_id"]]
        if values["priority_kept"]:
            order.lots_open = values["lots_open"]
            yield from self._show(order, min(order.lots_displayed, order.lots_open))
            return
        is_same_price = values["price_ticks"] == order.price_ticks
        if is_same_price and self._has_traded(order):  # the child of a bracket grows
            order.lots_open = values["lots_open"]
            if order.public_id != 0:
                yield from self._leave(order)
                self._target = order
            return
        self._parties = None
        yield from self._end_motion()
        yield from self._leave(order)
        order.price_ticks, order.lots_open = values["price_ticks"], values["lots_open"]
        self._moving = order

    # What they ask.

    def _has_traded(self, child: WorkingOrder) -> bool:
        """Whether the entry that an order is a child of was in the last trade: they share a client
        id, which no other order of the account has. A command may follow trades of slices of the
        fund's (9.6), which have no id and no children."""
        return child.account != words.FUND and any(
            (order.account, order.client_id) == (child.account, child.client_id)
            for order in self._parties or ()
            if order is not child
        )

    def _is_collecting(self, order: WorkingOrder) -> bool:
        return self._states.get(order.contract) in COLLECTING

    def _could_trade(self, target: WorkingOrder) -> bool:
        """Whether a bracket's target would meet the book or its own entry, be that in motion."""
        if self._is_collecting(target):
            return False
        other_side = words.SELL - target.side
        assert self._parties is not None
        keys = [
            key_of(other_side, order.price_ticks)
            for order in self._parties
            if order.side == other_side
            and (order.account, order.client_id) == (target.account, target.client_id)
        ]
        levels = self._levels.get((target.contract, other_side))
        if levels:
            keys.append(levels.peekitem(0)[0])
        return min(keys) <= key_of(other_side, target.price_ticks)

    # What they do to an order.

    def _rest(self, order: WorkingOrder, lots: int) -> Rested:
        public_id = self._arrivals.get(order.contract, 0) + 1
        self._arrivals[order.contract] = order.public_id = public_id
        order.lots_displayed = lots
        levels = self._levels.setdefault((order.contract, order.side), SortedDict())
        key = key_of(order.side, order.price_ticks)
        levels[key] = levels.get(key, 0) + 1
        return Rested(order, public_id, lots)

    def _leave(self, order: WorkingOrder) -> Changes:
        public_id = order.public_id
        if public_id != 0:
            self._take_out(order)
            yield Deleted(order, public_id)

    def _take_out(self, order: WorkingOrder) -> None:
        order.public_id = order.lots_displayed = 0
        levels = self._levels[order.contract, order.side]
        key = key_of(order.side, order.price_ticks)
        levels[key] -= 1
        if levels[key] == 0:
            del levels[key]

    def _show(self, order: WorkingOrder, lots: int) -> Changes:
        """Fewer lots displayed, or none: an iceberg whose refill follows."""
        if lots == 0:
            yield from self._leave(order)
        elif lots != order.lots_displayed:
            order.lots_displayed = lots
            yield Reduced(order, order.public_id, lots)

    def _execute(self, order: WorkingOrder, lots: int, lots_shown: int) -> Changes:
        """A fill of a resting order, `lots_shown` of it out of what is displayed."""
        public_id, lots_left = order.public_id, order.lots_displayed - lots_shown
        assert public_id != 0 and lots <= order.lots_open and lots_left >= 0, order
        order.lots_open -= lots
        order.lots_displayed = lots_left
        if order.lots_open == 0:
            self._forget(order)
        if lots_left == 0:
            self._take_out(order)
        if lots_shown > 0:
            yield Executed(order, public_id, lots_shown, lots_left)

    def _forget(self, order: WorkingOrder) -> None:
        del self.orders[order.order_id]
        if order is self._moving:
            self._moving = None
