"""Which order stands in which of a generator's slots, learned from the engine's events."""

import numpy as np
from numpy.typing import NDArray

from engine.importers.draws import Whole
from engine.schema import events as ev


class OrderSlots:
    """One order at most in every slot; order id 0 where there is none.

    Slots are used in turn, so that no slot is drawn twice in a batch: what became of its order is
    known only after the batch.
    """

    def __init__(self, count: int) -> None:
        self.order_id = np.zeros(count, np.int64)
        self.open_lots = np.zeros(count, np.int64)
        self.entered_lots = np.zeros(count, np.int64)
        self._next = 0

    def take_turns(self, count: int) -> Whole:
        """The next slots, at most one round of them."""
        size = len(self.order_id)
        count = min(count, size)
        slots = (self._next + np.arange(count)) % size
        self._next = (self._next + count) % size
        return slots

    def place(self, slots: Whole, accepted: NDArray[np.void]) -> None:
        """Orders now stand in these slots."""
        self.order_id[slots] = accepted["a"]
        self.open_lots[slots] = accepted["d"]
        self.entered_lots[slots] = accepted["d"]

    def observe(self, events: NDArray[np.void]) -> None:
        """Take out what was cancelled or filled."""
        gone = self._find(events[events["kind"] == ev.ORDER_CANCELLED]["a"])[0]
        self.order_id[gone] = 0
        amended = events[events["kind"] == ev.ORDER_AMENDED]
        slots, rows = self._find(amended["a"])
        self.entered_lots[slots] += amended["d"][rows] - self.open_lots[slots]
        self.open_lots[slots] = amended["d"][rows]
        trades = events[events["kind"] == ev.TRADE]
        for order_ids in (trades["c"], trades["d"]):
            slots, rows = self._find(order_ids)
            np.subtract.at(self.open_lots, slots, trades["b"][rows])
            self.order_id[slots[self.open_lots[slots] <= 0]] = 0

    def _find(self, order_ids: Whole) -> tuple[Whole, Whole]:
        """The slots of those of these orders that stand in one, and their rows among the ids."""
        order = np.argsort(self.order_id, kind="stable")
        known = self.order_id[order]
        places = np.minimum(np.searchsorted(known, order_ids), len(known) - 1)
        rows = np.flatnonzero((known[places] == order_ids) & (order_ids > 0))
        return order[places[rows]], rows
