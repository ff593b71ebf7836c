"""The life of every order, followed by its events alone: nothing may vanish without a reason (I6).

The auditor knows an order from its `order_accepted` on and keeps four numbers: entered, filled,
gone and open lots. What an event says is open must be what the auditor has left; an event of an
order that has ended, or was never accepted, is a fault.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from engine.schema import refusals
from engine.schema import vocabulary as words
from engine.schema.events import Event

# An event that counts what a command or a timer has cancelled, and the reason it counts.
COUNTS = {
    "mass_cancelled": words.CANCEL_MASS,
    "session_cancelled": words.CANCEL_SESSION,
    "heartbeat_lost": words.CANCEL_HEARTBEAT,
    "trading_stopped": words.CANCEL_KILL,
    "eligibility_lapsed": words.CANCEL_ELIGIBILITY,
}


@dataclass
class Life:
    """An order as its events tell it."""

    account: int
    contract: int
    closes: bool  # close-position: sized again at its turn
    entered: int
    open: int
    filled: int = 0
    gone: int = 0  # cancelled or reduced, each with a reason
    resized: int | None = None  # the lots of a close-position order that has taken its turn

    def take(self, lots: int) -> None:
        assert 0 < lots <= self.open, f"{lots} of {self}"
        self.open -= lots


class OrderAudit:
    """Reads events in order; an AssertionError names what does not add up."""

    def __init__(self) -> None:
        self.lives: dict[int, Life] = {}  # working orders and those in motion
        self.ended = 0
        self.reasons: Counter[str] = Counter()
        self.lots: dict[tuple[int, int], int] = {}

    def read(self, events: Iterable[Event]) -> None:
        """The events of one or more whole transitions."""
        uncounted: Counter[int] = Counter()
        lapsing = 0  # the contract whose orders go with its reference asset: nobody counts these
        for event in events:
            if event.name != "order_cancelled":
                lapsing = event.contract if event.name == "reference_lapsed" else 0
            handler = getattr(self, f"on_{event.name}", None)
            if handler is not None:
                handler(event, **event.values)
            if event.name == "order_cancelled" and event.contract != lapsing:
                uncounted[event.values["reason"]] += 1
            if event.name in COUNTS:
                reason = COUNTS[event.name]
                assert event.values["orders"] == uncounted[reason], f"{event} of {uncounted}"
                uncounted[reason] = 0
        for reason in COUNTS.values():
            assert uncounted[reason] == 0, "a cancel of many that nobody counted"

    def life(self, order_id: int) -> Life:
        """The order with what it was resized to, now that it has gone on to work."""
        life = self.lives[order_id]
        if life.resized is not None:
            life.entered += life.resized - life.open
            life.open, life.resized = life.resized, None
        return life

    def end_if_done(self, order_id: int) -> None:
        """I6 of an order with nothing open: entered = filled + gone."""
        life = self.lives[order_id]
        assert life.entered == life.filled + life.gone + life.open, f"I6: {life}"
        if life.open == 0:
            del self.lives[order_id]
            self.ended += 1

    def on_order_accepted(
        self, event: Event, order_id: int, lots: int, terms: int, **_: int
    ) -> None:
        assert order_id > 0 and order_id not in self.lives and lots > 0
        closes = bool(terms >> 16 & words.CLOSE_POSITION)
        self.lives[order_id] = Life(event.account, event.contract, closes, lots, lots)

    def on_trade(self, _: Event, lots: int, **values: int) -> None:
        for name in ("taker_order_id", "maker_order_id"):
            order_id = values[name]
            if order_id:  # a liquidation order has none
                life = self.life(order_id)
                life.take(lots)
                life.filled += lots
                self.end_if_done(order_id)

    def on_order_reduced(
        self, event: Event, order_id: int, lots: int, reason: int, lots_open: int, **_: int
    ) -> None:
        life = self.life(order_id)
        self.check_holder(event, life)
        self.check_reason(reason)
        life.take(lots)
        life.gone += lots
        assert lots_open == life.open > 0, f"{event} of {life}"
        self.end_if_done(order_id)

    def on_order_cancelled(
        self, event: Event, order_id: int, lots: int, reason: int, code: int, **_: int
    ) -> None:
        if reason == words.CANCEL_TRIGGER:
            self.lives[order_id].resized = None  # refused before it was sized
            assert code in refusals.NAMES, f"{event}: a refusal has its code"
        else:
            assert code == 0, f"{event}"
        life = self.life(order_id)
        self.check_holder(event, life)
        self.check_reason(reason)
        assert lots == life.open, f"{event} of {life}"
        life.gone += lots
        life.open = 0
        self.end_if_done(order_id)

    def on_order_amended(self, event: Event, order_id: int, lots_open: int, **_: int) -> None:
        life = self.life(order_id)
        self.check_holder(event, life)
        assert lots_open > 0
        life.entered += lots_open - life.open
        life.open = lots_open

    def on_order_refilled(
        self, event: Event, order_id: int, lots: int, lots_hidden: int, **_: int
    ) -> None:
        life = self.life(order_id)
        self.check_holder(event, life)
        assert lots > 0 and lots + lots_hidden == life.open, f"{event} of {life}"

    on_order_rested = on_order_refilled  # it shows so much, and hides the rest

    def on_order_triggered(self, event: Event, order_id: int, **_: int) -> None:
        life = self.lives[order_id]
        self.check_holder(event, life)
        if life.closes:
            life.resized = abs(self.lots.get((event.account, event.contract), 0))

    def on_orders_linked(self, event: Event, order_id: int, linked_id: int) -> None:
        self.check_holder(event, self.lives[order_id])
        self.check_holder(event, self.lives[linked_id])

    def on_leg(self, event: Event, position_lots: int, **_: int) -> None:
        self.lots[event.account, event.contract] = position_lots

    def check_holder(self, event: Event, life: Life) -> None:
        assert (event.account, event.contract) == (life.account, life.contract), f"{event}"

    def check_reason(self, reason: int) -> None:
        """Every part of an order that ends without a fill says why."""
        self.reasons[words.NAMES["reason"][reason]] += 1
