"""4.8: when the protection of a market maker's quotes trips, and what a trip takes with it."""

import pytest

from engine.schema.commands import MassQuote, Quote, SetProtection
from tests.rules.market import market, rests
from tests.rules.story import BUY, IOC, SELL, A, B, Events, Story, named, only

WINDOW_NS = 1_000


def quoting(**limits: int) -> Story:
    """A quotes 10 lots at 990 and at 1010 in window 1, which has these limits."""
    story = market()
    story.submit(
        SetProtection(
            time_ns=story.now_ns, account=A, client_id=story.client_id(), protection=1,
            window_ns=WINDOW_NS, **limits,
        )
    )  # fmt: skip
    row = Quote(contract=1, bid_ticks=990, bid_lots=10, ask_ticks=1_010, ask_lots=10)
    story.submit(
        MassQuote(
            time_ns=story.now_ns, account=A, client_id=story.client_id(), protection=1, rows=(row,)
        )
    )
    return story


def hit(story: Story, side: int, lots: int, extra_ns: int = 0) -> Events:
    """B takes lots of a quote, so many nanoseconds behind the start."""
    story.go(0, extra_ns)
    events = story.order(B, side, lots, 990 if side == SELL else 1_010, tif=IOC)
    assert named(events, "trade")
    return events


def has_tripped(events: Events) -> bool:
    return bool(named(events, "protection_tripped"))


@pytest.mark.parametrize(("limit", "lots"), [(3, (1, 1, 1)), (3, (2, 1)), (3, (3,))])
def test_rule_4_8_a_limit_of_lots_trips_at_the_fill_that_reaches_it(limit, lots):
    story = quoting(lots_max=limit)
    trips = [has_tripped(hit(story, SELL, part)) for part in lots]
    assert trips == [False] * (len(lots) - 1) + [True]


def test_rule_4_8_a_limit_of_fills_counts_fills_of_both_sides():
    story = quoting(fills_max=2)
    assert not has_tripped(hit(story, SELL, 3))
    assert has_tripped(hit(story, BUY, 1))


def test_rule_4_8_a_limit_of_net_lots_counts_what_does_not_cancel_out():
    """Bought 2, sold 2 and 1 more, bought 4: net 2, 0, -1 and at last 3."""
    story = quoting(net_lots_max=3)
    for side, lots in ((SELL, 2), (BUY, 2), (BUY, 1)):
        assert not has_tripped(hit(story, side, lots))
    tripped = only(hit(story, SELL, 4), "protection_tripped")
    assert (tripped["lots"], tripped["fills"], tripped["net_lots"]) == (9, 4, 3)


def test_rule_4_8_a_trip_takes_both_quotes():
    story = quoting(lots_max=1)
    events = hit(story, SELL, 1)
    gone = [event.values["order_id"] for event in named(events, "order_cancelled")]
    assert len(gone) == 2 and not any(rests(story, order) for order in gone)


@pytest.mark.parametrize(("later_ns", "trips"), [(WINDOW_NS - 1, True), (WINDOW_NS, False)])
def test_rule_4_8_a_window_ends_so_long_behind_its_first_fill(later_ns, trips):
    """`now - window start >= window_ns`: the fill at its end begins a new, empty window. The first
    fill here comes behind the window that the setting of limits has begun, so it begins one."""
    story = quoting(lots_max=2)
    first_ns = 3 * WINDOW_NS
    assert not has_tripped(hit(story, SELL, 1, extra_ns=first_ns))
    assert has_tripped(hit(story, SELL, 1, extra_ns=first_ns + later_ns)) is trips
