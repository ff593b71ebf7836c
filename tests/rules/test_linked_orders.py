"""Linked orders: one cancels, or cuts, the other (4.5)."""

import pytest

from engine.schema import refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND
from tests.rules.market import (
    GTD,
    MARKET,
    cuts,
    ended,
    fills,
    market,
    market_stop_at,
    rests,
    stop_at,
    triggered,
)
from tests.rules.story import (
    BUY,
    FOK,
    IOC,
    PERCENT,
    SELL,
    START_NS,
    A,
    B,
    C,
    Story,
    named,
    only,
    order_id,
    refusal,
)


def pair(story: Story, first: tuple, second: tuple) -> tuple[int, int]:
    """Two linked orders of A: side, lots, price, terms."""
    (side, lots, price, terms), (side_2, lots_2, price_2, terms_2) = first, second
    one = order_id(story.order(A, side, lots, price, **terms))
    events = story.order(A, side_2, lots_2, price_2, **terms_2, linked_id=one)
    two = order_id(events)
    link = only(events, "orders_linked")
    assert (link["order_id"], link["linked_id"]) == (two, one)
    return one, two


def target_and_stop(story: Story, lots: int = 10) -> tuple[int, int]:
    """An ask at 1100 and a stop to sell once the mark is at 900."""
    return pair(story, (SELL, lots, 1_100, {}), (SELL, lots, 900, stop_at(900)))


def test_rule_4_5_a_partial_fill_cuts_the_sibling_and_a_full_one_ends_it():
    story = market()
    target, stop = target_and_stop(story)
    events = story.order(B, BUY, 4, 1_100)
    assert cuts(events) == [(stop, 4, 6, "linked")]
    events = story.order(B, BUY, 5, 1_100)
    assert cuts(events) == [(stop, 5, 1, "linked")]
    events = story.order(B, BUY, 1, 1_100)
    assert ended(events) == [(stop, 1, "linked")]
    assert not rests(story, target)
    assert triggered(story.price(900)) == []


def test_rule_4_5_the_cut_stands_behind_the_legs():
    story = market()
    target_and_stop(story)
    events = story.order(B, BUY, 4, 1_100)
    names = [event.name for event in events]
    assert names == ["order_accepted", "trade", "leg", "leg", "order_reduced"]


def test_rule_4_5_every_fill_of_a_sweep_cuts():
    """A's order takes two asks: its sibling is cut twice."""
    story = market((B, 3, 1_000), (C, 2, 1_001))
    sibling = order_id(story.order(A, BUY, 10, 900))
    events = story.order(A, BUY, 9, 1_001, linked_id=sibling)
    assert fills(events) == [(3, 1_000), (2, 1_001)]
    assert cuts(events) == [(sibling, 3, 7, "linked"), (sibling, 2, 5, "linked")]
    assert rests(story, sibling) and rests(story, order_id(events))


def test_rule_4_5_firing_cancels_the_sibling_before_anything_trades():
    story = market()
    target, stop = target_and_stop(story)
    story.order(B, BUY, 10, 900)
    events = story.price(900)
    assert triggered(events) == [stop]
    assert ended(events) == [(target, 10, "linked")]
    assert fills(events) == [(10, 900)]
    names = [event.name for event in events]
    assert names.index("order_cancelled") < names.index("trade")


@pytest.mark.parametrize("first_ends", [True, False])
def test_rule_4_5_a_cancel_ends_the_sibling(first_ends):
    story = market()
    one, two = target_and_stop(story)
    events = story.cancel(A, one if first_ends else two)
    mine, other = (one, two) if first_ends else (two, one)
    assert ended(events) == [(mine, 10, "client"), (other, 10, "linked")]


def test_rule_4_5_a_mass_cancel_of_a_side_ends_the_sibling_on_the_other():
    story = market()
    bid, ask = pair(story, (BUY, 3, 900, {}), (SELL, 4, 1_100, {}))
    events = story.cancel_all(A, sides=words.SIDES_SELL)
    assert ended(events) == [(ask, 4, "mass_cancel"), (bid, 3, "linked")]
    assert only(events, "mass_cancelled")["orders"] == 1


def test_rule_4_5_a_mass_cancel_of_both_names_each_once():
    story = market()
    bid, ask = pair(story, (BUY, 3, 900, {}), (SELL, 4, 1_100, {}))
    events = story.cancel_all(A)
    assert ended(events) == [(bid, 3, "mass_cancel"), (ask, 4, "mass_cancel")]


def test_rule_4_5_a_stop_outlives_the_target_that_the_band_cancels():
    """At a mark of 990 the band is 891 to 1089: the ask at 1095 is outside, and the price runs
    towards the stop at 970, which sells the position when it gets there."""
    story = market(band_static_ppb=10 * PERCENT)
    story.trade(A, B, 3, 1_000)
    reduces = {"flags": words.REDUCE_ONLY}
    target, stop = pair(
        story, (SELL, 3, 1_095, reduces), (SELL, 3, 0, market_stop_at(970, **reduces))
    )
    assert ended(story.price(990)) == [(target, 3, "band")]
    story.order(B, BUY, 3, 970)
    events = story.price(970)
    assert triggered(events) == [stop] and fills(events) == [(3, 970)]
    assert story.lots(A) == 0


def test_rule_4_5_an_order_taken_by_self_trade_prevention_leaves_its_sibling():
    story = market()
    target, stop = target_and_stop(story)
    events = story.order(A, BUY, 10, 1_100, stp=words.STP_CANCEL_OLDEST)
    assert ended(events) == [(target, 10, "self_trade")]
    assert triggered(story.price(900)) == [stop]


def test_rule_4_5_an_expiry_ends_the_sibling():
    story = market()
    expiry = {"tif": GTD, "expiry_ns": START_NS + NS_PER_SECOND}
    bid, ask = pair(story, (BUY, 3, 900, expiry), (SELL, 4, 1_100, {}))
    assert ended(story.advance(1)) == [(bid, 3, "expiry"), (ask, 4, "linked")]


@pytest.mark.parametrize(("lots", "lots_2"), [(5, 5), (5, 8)])
def test_rule_4_5_both_in_one_sweep(lots, lots_2):
    """C could take both of A's asks: when the first is filled the second ends, untouched."""
    story = market()
    one, two = pair(story, (SELL, lots, 1_000, {}), (SELL, lots_2, 1_001, {}))
    events = story.order(C, BUY, 20, 1_001)
    assert fills(events) == [(lots, 1_000)]
    gone = sum(row[1] for row in cuts(events)) + sum(row[1] for row in ended(events))
    assert gone == lots_2
    assert {row[0] for row in [*cuts(events), *ended(events)]} == {two}
    assert story.exchange.depth(1) == ([(1_001, 15)], [])
    assert story.lots(A) == -lots


def test_rule_4_5_both_at_one_price_in_one_sweep_with_another_between():
    story = market()
    one = order_id(story.order(A, SELL, 5, 1_000))
    story.order(B, SELL, 2, 1_000)
    two = order_id(story.order(A, SELL, 5, 1_000, linked_id=one))
    events = story.order(C, BUY, 20, 1_000)
    assert fills(events) == [(5, 1_000), (2, 1_000)]
    assert ended(events) == [(two, 5, "linked")]


def test_rule_4_5_a_first_order_partly_filled_leaves_the_second_smaller_in_the_same_sweep():
    """C takes 7: 4 are all of B's, 3 of A's first; the second keeps 2 of 5 for the next sweep."""
    story = market((B, 4, 999))
    one, two = pair(story, (SELL, 5, 1_000, {}), (SELL, 5, 1_001, {}))
    events = story.order(C, BUY, 7, 1_001)
    assert fills(events) == [(4, 999), (3, 1_000)]
    assert cuts(events) == [(two, 3, 2, "linked")]
    events = story.order(C, BUY, 9, 1_001)
    assert fills(events) == [(2, 1_000)]
    assert ended(events) == [(two, 2, "linked")]


def test_rule_4_5_unequal_sizes_the_larger_fills():
    """The smaller of 5 has nothing left once 5 of the larger are filled."""
    story = market()
    large, small = pair(story, (SELL, 8, 1_100, {}), (SELL, 5, 900, stop_at(900)))
    assert cuts(story.order(B, BUY, 2, 1_100)) == [(small, 2, 3, "linked")]
    assert ended(story.order(B, BUY, 3, 1_100))[0] == (small, 3, "linked")


def test_rule_4_5_unequal_sizes_the_smaller_fills():
    story = market()
    small, large = pair(story, (SELL, 5, 1_100, {}), (SELL, 8, 900, stop_at(900)))
    events = story.order(B, BUY, 5, 1_100)
    assert cuts(events) == [(large, 5, 3, "linked")]
    assert ended(events) == [(large, 3, "linked")]


@pytest.mark.parametrize("terms", [{"tif": IOC}, {"tif": FOK}, MARKET])
def test_rule_4_5_an_order_that_ends_at_once_ends_its_sibling(terms):
    """Nothing is there to trade with."""
    story = market()
    sibling = order_id(story.order(A, BUY, 5, 900))
    events = story.order(A, BUY, 5, 1_000, linked_id=sibling, **terms)
    reason = "fok" if terms.get("tif") == FOK else "ioc"
    assert ended(events) == [(order_id(events), 5, reason), (sibling, 5, "linked")]


def test_rule_4_5_an_order_that_fills_at_once_ends_its_sibling():
    story = market((B, 5, 1_000))
    sibling = order_id(story.order(A, BUY, 5, 900))
    events = story.order(A, BUY, 5, 1_000, linked_id=sibling)
    assert fills(events) == [(5, 1_000)]
    assert ended(events) == [(sibling, 5, "linked")]


@pytest.mark.parametrize("tif", [IOC, FOK])
@pytest.mark.parametrize(
    "mode", [words.STP_CANCEL_NEWEST, words.STP_CANCEL_OLDEST, words.STP_CANCEL_BOTH]
)
def test_rule_4_5_an_order_does_not_meet_the_sibling_that_its_own_fill_has_ended(tif, mode):
    """The look-ahead of a fill-or-kill sees what the sweep of the other sees."""
    story = market((B, 5, 999))
    sibling = order_id(story.order(A, SELL, 1, 1_000))
    story.order(C, SELL, 5, 1_001)
    events = story.order(A, BUY, 6, 1_001, linked_id=sibling, tif=tif, stp=mode)
    assert fills(events) == [(5, 999), (1, 1_001)]
    assert ended(events) == [(sibling, 1, "linked")]


@pytest.mark.parametrize(
    ("mode", "bids", "asks"),
    [
        (words.STP_CANCEL_NEWEST, [(1_000, 5)], []),
        (words.STP_CANCEL_BOTH, [], []),
        (words.STP_CANCEL_OLDEST, [], [(1_000, 5)]),
    ],
)
def test_rule_4_5_an_order_that_meets_its_own_sibling(mode, bids, asks):
    """Which of the two goes is self-trade prevention's business, and the other one stays."""
    story = market()
    one = order_id(story.order(A, BUY, 5, 1_000))
    events = story.order(A, SELL, 5, 1_000, linked_id=one, stp=mode)
    assert fills(events) == []
    assert {reason for _, _, reason in ended(events)} == {"self_trade"}
    assert story.exchange.depth(1) == (bids, asks)


def test_rule_4_2_fill_or_kill_knows_what_ends_with_a_stop_that_ends_with_the_position():
    """A, long 5, sells 5 at 1000. Then it is flat, so its reduce-only stop ends (4.3), and with it
    the ask at 1010: of 10 only 5 would fill."""
    story = market()
    story.trade(A, B, 5, 1_000)
    pair(story, (SELL, 5, 1_010, {}), (SELL, 5, 900, stop_at(900, flags=words.REDUCE_ONLY)))
    story.order(A, SELL, 5, 1_000)
    events = story.order(C, BUY, 10, 1_010, tif=FOK)
    assert fills(events) == []
    assert [(lots, reason) for _, lots, reason in ended(events)] == [(10, "fok")]
    assert fills(story.order(C, BUY, 10, 1_010, tif=IOC)) == [(5, 1_000)]


def test_rule_4_5_two_stops_that_fire_at_once_only_one_takes_its_turn():
    story = market()
    one, two = pair(story, (SELL, 5, 900, stop_at(950)), (SELL, 5, 0, market_stop_at(960)))
    events = story.price(940)
    assert triggered(events) == [two]  # the nearer trigger
    assert ended(events) == [(one, 5, "linked"), (two, 5, "ioc")]


def test_rule_4_5_a_cut_releases_the_reserve_of_what_is_gone():
    """A bid of 10 at 900 reserves 900; 4 of it go when its sibling fills 4."""
    story = market((B, 4, 1_000))
    one = order_id(story.order(A, BUY, 10, 900))
    assert story.position(A)["reserve_buy"] == 900
    story.order(A, BUY, 10, 1_000, linked_id=one, tif=GTD, expiry_ns=START_NS + NS_PER_SECOND)
    # 6 at 900 are 540, and 6 at 1000 are 600
    assert story.position(A)["reserve_buy"] == 540 + 600
    story.advance(1)
    assert story.position(A)["reserve_buy"] == 0


def test_rule_4_5_a_pair_keeps_no_third():
    story = market()
    one, two = target_and_stop(story)
    for linked_id in (one, two):
        events = story.order(A, BUY, 1, 800, linked_id=linked_id)
        assert refusal(events) == refusals.LINK_INVALID
    # when one ends the other ends: there is nothing to link with
    story.cancel(A, one)
    assert refusal(story.order(A, BUY, 1, 800, linked_id=two)) == refusals.LINK_INVALID


def test_rule_4_5_an_order_can_not_be_linked_with_itself():
    """The id that it would get: generation 1 of the next slot."""
    story = market()
    next_id = order_id(story.order(A, BUY, 1, 800)) + 1
    events = story.order(A, BUY, 1, 800, linked_id=next_id)
    assert refusal(events) == refusals.LINK_INVALID
    assert order_id(story.order(A, BUY, 1, 800)) == next_id


def test_rule_4_5_an_amendment_leaves_the_link_and_the_sibling():
    story = market()
    target, stop = target_and_stop(story)
    story.amend(A, target, 7, 1_090)
    assert named(story.order(B, BUY, 2, 1_090), "order_reduced")[0].values["lots_open"] == 8
    assert ended(story.cancel(A, target)) == [(target, 5, "client"), (stop, 8, "linked")]
