"""What the neutral scripts can't show yet, for they need auctions: market orders, fill-or-kill
against what the sweep would take away, and all self-trade modes (4.2, 4.7)."""

from typing import Any

import pytest

from engine.schema import vocabulary as words
from tests.rules.story import (
    BUY,
    FOK,
    IOC,
    PERCENT,
    SELL,
    A,
    B,
    C,
    Events,
    Story,
    cancel_reasons,
    contract,
    named,
    only,
)

MARKET = {"order_type": words.MARKET, "tif": IOC}
RICH = 10**9


def booked(*asks: tuple[int, int, int], **terms: Any) -> Story:
    """Mark 1000, rates 10% and 5%; asks as (account, lots, price) in order of arrival."""
    story = Story(contract(initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT, **terms))
    for account in (A, B, C):
        story.open(account, RICH)
    story.price(1_000)
    for account, lots, price in asks:
        story.order(account, SELL, lots, price)
    return story


def fills(events: Events) -> list[tuple[int, int]]:
    return [(e.values["lots"], e.values["price_ticks"]) for e in named(events, "trade")]


def test_rule_4_2_a_market_order_goes_a_share_beyond_the_best():
    """Best ask 1000, 2%: to 1020. What is left is cancelled."""
    story = booked((B, 1, 1_000), (B, 1, 1_020), (B, 5, 1_021))
    events = story.order(A, BUY, 5, 0, **MARKET)
    assert only(events, "order_accepted")["price_ticks"] == 1_020
    assert fills(events) == [(1, 1_000), (1, 1_020)]
    assert cancel_reasons(events) == [(A, "ioc")]
    assert only(events, "order_cancelled")["lots"] == 3


@pytest.mark.parametrize(
    ("side", "asks", "band_ppb", "limit"),
    [
        (SELL, (), 60 * PERCENT, 980),  # no bid: the mark less 2%
        (BUY, (), 60 * PERCENT, 1_020),
        (BUY, (), PERCENT, 1_010),  # inside the static band
        (SELL, (), PERCENT, 990),
        (BUY, ((B, 1, 999),), 60 * PERCENT, 1_018),  # 999 + floor(19.98)
        (SELL, ((B, 1, 999),), 60 * PERCENT, 980),  # an ask is not the opposite of a sell
    ],
)
def test_rule_4_2_the_limit_of_a_market_order(side, asks, band_ppb, limit):
    story = booked(*asks, band_static_ppb=band_ppb)
    events = story.order(A, side, 1, 0, **MARKET)
    assert only(events, "order_accepted")["price_ticks"] == limit


NEWEST, OLDEST, BOTH = (
    words.STP_CANCEL_NEWEST,
    words.STP_CANCEL_OLDEST,
    words.STP_CANCEL_BOTH,
)
DECREMENT, NONE = words.STP_DECREMENT, words.STP_NONE


@pytest.mark.parametrize(
    ("mode", "lots", "traded", "cancelled", "asks", "bids"),
    [
        # A's own ask of 5 stands before B's 5; A buys
        (NEWEST, 8, [], [8], [(1_000, 10)], []),
        (OLDEST, 8, [5], [5], [], [(1_000, 3)]),
        (BOTH, 8, [], [5, 8], [(1_000, 5)], []),
        (DECREMENT, 8, [3], [5], [(1_000, 2)], []),
        (DECREMENT, 5, [], [5, 5], [(1_000, 5)], []),
        (DECREMENT, 3, [], [3], [(1_000, 7)], []),  # the resting order keeps 2
        (NONE, 8, [5, 3], [], [(1_000, 2)], []),
    ],
)
def test_rule_4_7_self_trade_modes(mode, lots, traded, cancelled, asks, bids):
    story = booked((A, 5, 1_000), (B, 5, 1_000), stp_none_allowed=True)
    events = story.order(A, BUY, lots, 1_000, stp=mode)
    assert [lots for lots, _ in fills(events)] == traded
    assert [e.values["lots"] for e in named(events, "order_cancelled")] == cancelled
    reasons = {e.values["reason"] for e in named(events, "order_cancelled")}
    assert reasons <= {words.CANCEL_SELF_TRADE}
    assert story.exchange.depth(1) == (bids, asks)


def test_rule_4_7_the_group_decides_not_the_account():
    story = booked()
    story.open(8, RICH, group=A)
    story.order(8, SELL, 5, 1_000)
    events = story.order(A, BUY, 5, 1_000)
    assert not fills(events) and cancel_reasons(events) == [(A, "self_trade")]


@pytest.mark.parametrize(
    ("lots", "mode", "traded"),
    [
        (10, NEWEST, []),  # its own 5 stand in the way
        (5, NEWEST, []),
        (5, OLDEST, [5]),
        (6, OLDEST, []),
        (5, BOTH, []),
        (5, DECREMENT, []),
        (10, NONE, [5, 5]),
        (11, NONE, []),
    ],
)
def test_rule_4_2_fill_or_kill_counts_only_what_self_trade_prevention_leaves(lots, mode, traded):
    story = booked((A, 5, 1_000), (B, 5, 1_000), stp_none_allowed=True)
    events = story.order(A, BUY, lots, 1_000, tif=FOK, stp=mode)
    assert [lots for lots, _ in fills(events)] == traded
    if not traded:
        # nothing trades and nobody's order is touched
        assert cancel_reasons(events) == [(A, "fok")]
        assert story.exchange.depth(1) == ([], [(1_000, 10)])


@pytest.mark.parametrize(("lots", "traded"), [(5, [5]), (6, [])])
def test_rule_4_2_fill_or_kill_does_not_count_a_maker_that_can_not_pay(lots, traded):
    """C's ask of 5 at 1000 is stale at a mark of 1200: it would lose 1000 with a cash of 600."""
    story = Story(contract(initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT))
    for account, cash in ((A, RICH), (B, RICH), (C, 600)):
        story.open(account, cash)
    story.price(1_000)
    story.order(C, SELL, 5, 1_000)
    story.order(B, SELL, 5, 1_000)
    story.price(1_200)
    events = story.order(A, BUY, lots, 1_000, tif=FOK)
    assert [lots for lots, _ in fills(events)] == traded
    assert cancel_reasons(events) == ([(C, "solvency")] if traded else [(A, "fok")])


@pytest.mark.parametrize(("asked", "traded"), [(4, [4]), (9, [4])])
def test_rule_4_2_fill_or_kill_of_a_reduce_only_order_means_what_reduce_only_leaves(asked, traded):
    """Long 4: an order of 9 is cut to 4, and 4 are bid."""
    story = booked()
    story.trade(A, B, 4, 1_000)
    story.order(C, BUY, 4, 1_000)
    events = story.order(A, SELL, asked, 1_000, tif=FOK, flags=words.REDUCE_ONLY)
    assert [lots for lots, _ in fills(events)] == traded
    assert story.lots(A) == 0
