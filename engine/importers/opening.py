"""What becomes of orders that a feed collects for an auction while the exchange trades on.

All of it is `OpeningHold`: an order that would trade at once is kept here, and placed when the
feed has told the auction's fills. An exchange that collects orders itself needs none of it: then
`must_wait` is False for every order, and where `release` is called the auction's end is commanded.
"""

from collections import Counter

import msgspec

from engine.importers.feed_book import FeedOrder
from engine.schema import vocabulary as words


class HoldCounts(msgspec.Struct):
    """The orders that waited for the end of an auction."""

    held: int = 0  # each time that one had to wait
    placed: int = 0  # of these: when the auction was over
    ended: int = 0  # of these: filled in it, cancelled, or moved to where they need not wait
    still_held: int = 0  # of these: no auction ended
    held_at_most: int = 0


class OpeningHold:
    """Orders that wait, in the order of their arrival."""

    def __init__(self) -> None:
        self.counts = HoldCounts()
        self._waiting: dict[int, FeedOrder] = {}
        self._ticks: dict[int, int] = {}  # by order number: where it waits
        self._levels: Counter[tuple[int, int]] = Counter()

    def must_wait(self, order: FeedOrder, opposite_ticks: int) -> bool:
        """Whether an order, as the feed states it now, would trade with the best price opposite
        (0 for none), or belongs behind one that waits at its price."""
        keeps_place = order.placed_ticks == order.ticks and order.stated_lots <= order.open_lots
        if order.open_lots and keeps_place:
            return False
        if opposite_ticks and (
            order.ticks >= opposite_ticks
            if order.side == words.BUY
            else order.ticks <= opposite_ticks
        ):
            return True
        # One that waits already is counted in its level, too.
        own = self._ticks.get(order.number) == order.ticks
        return self._levels[order.side, order.ticks] > own

    def hold(self, order: FeedOrder) -> None:
        """Let it wait: at the back, unless it waits at this price already."""
        if self._ticks.get(order.number) == order.ticks:
            return
        self.drop(order)
        self._waiting[order.number] = order
        self._ticks[order.number] = order.ticks
        self._levels[order.side, order.ticks] += 1
        self.counts.held += 1
        self.counts.still_held = len(self._waiting)
        self.counts.held_at_most = max(self.counts.held_at_most, len(self._waiting))

    def holds(self, order: FeedOrder) -> bool:
        """Whether it waits."""
        return order.number in self._waiting

    def drop(self, order: FeedOrder) -> None:
        """It waits no longer."""
        if self._waiting.pop(order.number, None) is not None:
            self.counts.ended += 1
            self.counts.still_held = len(self._waiting)
            self._leave_level(order)

    def _leave_level(self, order: FeedOrder) -> None:
        level = order.side, self._ticks.pop(order.number)
        self._levels[level] -= 1
        if not self._levels[level]:
            del self._levels[level]

    def release(self) -> list[FeedOrder]:
        """The auction is over: everything that waited, oldest first."""
        released = list(self._waiting.values())
        for order in released:
            self._leave_level(order)
        self._waiting.clear()
        self.counts.still_held = 0
        self.counts.placed += len(released)
        return released

    def clear(self) -> None:
        """Everything was cancelled."""
        self.counts.ended += len(self._waiting)
        self.counts.still_held = 0
        self._waiting.clear()
        self._ticks.clear()
        self._levels.clear()
