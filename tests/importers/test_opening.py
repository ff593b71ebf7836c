"""Orders that wait for an auction: who must, and in which order they come back."""

import pytest

from engine.importers.feed_book import FeedOrder
from engine.importers.opening import OpeningHold
from engine.schema.vocabulary import BUY, SELL


@pytest.mark.parametrize(
    ("side", "ticks", "opposite", "waits"),
    [
        (BUY, 100, 0, False),
        (BUY, 100, 101, False),
        (BUY, 100, 100, True),
        (BUY, 100, 99, True),
        (SELL, 100, 99, False),
        (SELL, 100, 100, True),
        (SELL, 100, 101, True),
    ],
)
def test_what_would_trade_waits(side, ticks, opposite, waits):
    assert OpeningHold().must_wait(FeedOrder(1, side, ticks, 5), opposite) == waits


def test_who_comes_later_at_the_same_price_waits_behind():
    hold = OpeningHold()
    first, second, other = (FeedOrder(k, BUY, t, 5) for k, t in ((1, 100), (2, 100), (3, 99)))
    hold.hold(first)
    assert hold.must_wait(second, 0) and not hold.must_wait(other, 0)
    assert not hold.must_wait(first, 0)  # alone at its price, it may go where it stands
    hold.hold(second)
    assert hold.release() == [first, second] and not hold.must_wait(second, 0)
    assert (hold.counts.held, hold.counts.placed, hold.counts.still_held) == (2, 2, 0)


def test_a_resting_order_that_keeps_its_place_need_not_wait():
    hold = OpeningHold()
    hold.hold(FeedOrder(1, BUY, 100, 5))
    resting = FeedOrder(2, BUY, 100, 4, placed_ticks=100, open_lots=5)
    assert not hold.must_wait(resting, 0)
    resting.stated_lots = 6
    assert hold.must_wait(resting, 0)


def test_a_new_price_goes_to_the_back():
    hold = OpeningHold()
    first, second = FeedOrder(1, BUY, 100, 5), FeedOrder(2, BUY, 101, 5)
    hold.hold(first)
    hold.hold(second)
    first.ticks = 101
    hold.hold(first)
    assert hold.release() == [second, first]
    assert hold.counts.held == 3 and hold.counts.ended == 1 and hold.counts.held_at_most == 2


def test_dropped_and_cleared():
    hold = OpeningHold()
    first, second = FeedOrder(1, BUY, 100, 5), FeedOrder(2, BUY, 100, 5)
    hold.hold(first)
    hold.hold(second)
    hold.drop(first)
    hold.drop(first)
    assert hold.holds(second) and not hold.holds(first) and hold.counts.still_held == 1
    hold.clear()
    assert hold.release() == [] and hold.counts.ended == 2 and hold.counts.still_held == 0
