"""Brackets: an entry whose stop and target come with its first fill (4.5)."""

from engine.schema import commands
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND
from tests.rules.auction_story import states
from tests.rules.market import cuts, ended, fills, market, rests
from tests.rules.story import (
    BUY,
    PERCENT,
    SELL,
    A,
    B,
    C,
    Events,
    Story,
    cancel_reasons,
    named,
    only,
    order_id,
)


def bracket(
    story: Story, account: int, side: int, lots: int, price: int, **terms: int
) -> tuple[int, Events]:
    """Its entry's id, and what placing it did."""
    events = story.submit(
        commands.PlaceBracket(
            time_ns=story.now_ns,
            account=account,
            client_id=story.client_id(),
            contract=1,
            side=side,
            lots=lots,
            price_ticks=price,
            trigger_source=words.SOURCE_MARK,
            **terms,
        )
    )
    return order_id(events), events


def born(events: Events) -> list[int]:
    """Ids of the orders that a fill brought."""
    trade = next(k for k, event in enumerate(events) if event.name == "trade")
    return [event.values["order_id"] for event in named(events[trade:], "order_accepted")]


def grown(events: Events) -> list[tuple[int, int]]:
    return [(e.values["order_id"], e.values["lots_open"]) for e in named(events, "order_amended")]


def test_rule_4_5_stop_and_target_grow_with_every_fill_of_the_entry():
    story = market()
    bracket(story, A, SELL, 10, 1_000, stop_ticks=1_050, target_ticks=990)
    target, stop = born(story.order(B, BUY, 4, 1_000))
    assert grown(story.order(B, BUY, 3, 1_000)) == [(target, 7), (stop, 7)]
    assert grown(story.order(B, BUY, 3, 1_000)) == [(target, 10), (stop, 10)]


def test_rule_4_5_what_a_client_links_to_a_child_does_not_grow_with_it():
    """The target has no stop beside it, so that a sell of 5 may be linked to it: it stays 5."""
    story = market()
    bracket(story, A, SELL, 10, 1_000, target_ticks=990)
    (target,) = born(story.order(B, BUY, 4, 1_000))
    other = order_id(story.order(A, SELL, 5, 1_010, linked_id=target))
    assert grown(story.order(B, BUY, 3, 1_000)) == [(target, 7)]
    assert grown(story.order(B, BUY, 3, 1_000)) == [(target, 10)]
    events = story.order(C, BUY, 5, 1_010)
    assert fills(events) == [(5, 1_010)]
    assert cuts(events) == [(target, 5, 5, "linked")] and ended(events) == [(target, 5, "linked")]
    assert not rests(story, other)


def test_rule_4_5_an_entry_whose_child_has_ended_grows_nothing():
    story = market()
    bracket(story, A, SELL, 10, 1_000, target_ticks=990)
    (target,) = born(story.order(B, BUY, 4, 1_000))
    other = order_id(story.order(A, SELL, 5, 1_010, linked_id=target))
    assert ended(story.cancel(A, target)) == [(target, 4, "client"), (other, 5, "linked")]
    terms = {"display_lots": 3}  # an order of its own kind, in the slot of one that is gone
    later = [order_id(story.order(A, SELL, 6, 1_020, **terms)) for _ in range(2)]
    events = story.order(B, BUY, 3, 1_000)
    assert fills(events) == [(3, 1_000)] and grown(events) == []
    assert all(rests(story, number) for number in later)


def test_rule_4_7_of_one_commands_two_orders_that_which_rested_last_is_the_later():
    """A's entry, amended to 991, sells one lot at 1005 and rests; its target, a buy at 1020, does
    not look at 991, outside 995 to 1015: it rests crossed. In the auction the two meet, and by
    their mode the newest goes: the target, though it is the buy."""
    story = market(
        band_dynamic_ppb=PERCENT, auction_ns=10 * NS_PER_SECOND, auction_extensions_max=0
    )
    story.trade(B, C, 1, 1_000)
    entry, _ = bracket(story, A, SELL, 3, 1_030, target_ticks=1_020)
    story.order(B, BUY, 1, 1_005)
    events = story.amend(A, entry, 3, 991)
    (target,) = born(events)
    assert fills(events) == [(1, 1_005)] and states(events) == [("auction", "volatility")]
    events = story.advance(10)
    assert ended(events) == [(target, 1, "self_trade")] and fills(events) == []
    assert cancel_reasons(events) == [(A, "self_trade")]
    assert rests(story, entry)
    assert only(events, "uncrossed") == {"price_ticks": 991, "lots": 0, "surplus_lots": -1}


def test_rule_5_3_a_target_outside_the_band_goes_and_the_stop_stays_and_grows():
    """At a mark of 1000 the band ends at 1050."""
    story = market(band_static_ppb=5 * PERCENT)
    bracket(story, A, BUY, 10, 1_000, stop_ticks=960, target_ticks=1_051)
    events = story.order(B, SELL, 4, 1_000)
    target, stop = born(events)
    assert ended(events) == [(target, 4, "band")] and not named(events, "orders_linked")
    assert grown(story.order(B, SELL, 3, 1_000)) == [(stop, 7)]


def test_rule_4_5_a_stop_grows_on_when_the_band_has_taken_the_target():
    """At a mark of 980 the band ends at 1029."""
    story = market(band_static_ppb=5 * PERCENT)
    bracket(story, A, BUY, 10, 1_000, stop_ticks=960, target_ticks=1_030)
    target, stop = born(story.order(B, SELL, 4, 1_000))
    assert ended(story.price(980)) == [(target, 4, "band")]
    assert grown(story.order(B, SELL, 3, 1_000)) == [(stop, 7)]


def test_rule_4_5_a_target_that_has_had_its_turn_goes_on_growing():
    """As above, with a stop that the target's turn has ended. C's bid meets the entry first: one
    lot more, at 1005, for the target, which then meets the entry itself and goes."""
    story = market(
        band_dynamic_ppb=PERCENT, auction_ns=10 * NS_PER_SECOND, auction_extensions_max=0
    )
    story.trade(B, C, 1, 1_000)
    entry, _ = bracket(story, A, SELL, 3, 1_030, stop_ticks=1_060, target_ticks=1_020)
    story.order(B, BUY, 1, 1_005)
    events = story.amend(A, entry, 3, 991)
    target, stop = born(events)
    assert ended(events) == [(stop, 1, "linked")] and states(events)[0][0] == "auction"
    story.order(C, BUY, 1, 1_030)
    events = story.advance(10)
    assert fills(events) == [(1, 1_005)] and grown(events) == [(target, 2)]
    assert ended(events) == [(target, 2, "self_trade")] and rests(story, entry)


def test_rule_4_5_a_target_that_has_outlived_its_stop_goes_on_growing():
    """Four of the target's eight lots fill: the stop of four has nothing left."""
    story = market()
    story.trade(A, C, 10, 1_000)
    bracket(story, A, BUY, 10, 990, stop_ticks=900, target_ticks=1_010)
    target, stop = born(story.order(B, SELL, 4, 990))
    story.amend(A, target, 8, 1_010)
    assert ended(story.order(C, BUY, 4, 1_010)) == [(stop, 4, "linked")]
    assert grown(story.order(B, SELL, 2, 990)) == [(target, 6)]


def test_rule_13_2_the_digest_sees_what_a_bracket_will_bring():
    digests = set()
    for stop_ticks, target_ticks in ((900, 1_010), (950, 1_010), (900, 1_100)):
        story = market()
        bracket(story, A, BUY, 10, 990, stop_ticks=stop_ticks, target_ticks=target_ticks)
        digests.add(story.exchange.digest())
    assert len(digests) == 3
