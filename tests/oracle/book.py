"""Price levels, the queue in each of them, and the ids of orders."""

from collections.abc import Iterator

from sortedcontainers import SortedDict

from engine.schema import vocabulary as words
from tests.oracle.accounts import Order


class Book:
    """Two sides; a side maps its key (price, or minus the price for bids) to a queue.

    The lowest key is the best price of either side. A queue maps order ids to orders, oldest first.
    """

    def __init__(self) -> None:
        self.sides: tuple[SortedDict, SortedDict] = (SortedDict(), SortedDict())
        self.resting_lots = [0, 0]

    @staticmethod
    def key(side: int, price: int) -> int:
        return -price if side == words.BUY else price

    def best_price(self, side: int) -> int | None:
        levels = self.sides[side]
        return abs(levels.keys()[0]) if levels else None

    def best_order(self, side: int) -> Order | None:
        levels = self.sides[side]
        return next(iter(levels.values()[0].values())) if levels else None

    def levels(self, side: int) -> Iterator[tuple[int, int]]:
        """(price, displayed lots), best first."""
        for key, queue in self.sides[side].items():
            yield abs(key), sum(order.displayed for order in queue.values())

    def orders(self, side: int) -> Iterator[Order]:
        """In priority order."""
        for queue in self.sides[side].values():
            yield from queue.values()

    def crosses(self, side: int, price: int) -> bool:
        """Whether an order of this side and limit meets the other side."""
        best = self.best_price(other_side(side))
        if best is None:
            return False
        return price >= best if side == words.BUY else price <= best

    def lots_within(self, side: int, limit: int) -> int:
        """Displayed lots of a side that an aggressor of the other side with this limit can see."""
        total = 0
        for price, lots in self.levels(side):
            if (price < limit) if side == words.BUY else (price > limit):
                break
            total += lots
        return total

    def queue_at(self, side: int, price: int) -> dict[int, Order]:
        found: dict[int, Order] = self.sides[side].get(self.key(side, price), {})
        return found

    def rest(self, order: Order) -> None:
        """At the back of its level."""
        queue = self.sides[order.side].setdefault(self.key(order.side, order.price), {})
        queue[order.order_id] = order
        self.resting_lots[order.side] += order.open

    def leave(self, order: Order) -> None:
        key = self.key(order.side, order.price)
        queue = self.sides[order.side][key]
        del queue[order.order_id]
        if not queue:
            del self.sides[order.side][key]
        self.resting_lots[order.side] -= order.open

    def fill(self, order: Order, lots: int) -> None:
        """Displayed lots go; the order stays where it stands."""
        self.resting_lots[order.side] -= lots
        order.open -= lots

    def cut(self, order: Order, lots: int) -> None:
        """Hidden lots go first, then displayed ones; the order stays where it stands."""
        order.hidden -= min(order.hidden, lots)
        self.resting_lots[order.side] -= lots
        order.open -= lots

    def to_back(self, order: Order) -> None:
        queue = self.queue_at(order.side, order.price)
        queue[order.order_id] = queue.pop(order.order_id)


def other_side(side: int) -> int:
    return words.SELL if side == words.BUY else words.BUY


class OrderIds:
    """`generation << 32 | slot`; the slot freed last is used first."""

    def __init__(self) -> None:
        self.generations: list[int] = [0]  # by slot; slot 0 is nil
        self.free: list[int] = []

    def take(self) -> int:
        if self.free:
            slot = self.free.pop()
        else:
            slot = len(self.generations)
            self.generations.append(1)
        return self.generations[slot] << 32 | slot

    def give_back(self, order_id: int) -> None:
        slot = order_id & 0xFFFFFFFF
        self.generations[slot] += 1
        self.free.append(slot)
