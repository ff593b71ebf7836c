"""Bands, states and reopenings: rules 5.1, 5.3, 5.4, 16 h and 9.2, by hand arithmetic."""

from typing import Any

import pytest

from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND, PPB
from tests.rules.auction_story import (
    AUCTION,
    CONTINUOUS,
    HALTED,
    MINUTE_NS,
    POST,
    PRE_OPEN,
    REDUCING,
    RICH,
    change,
    collecting,
    fills,
    set_band,
    states,
    trading,
    uncrossed,
)  # fmt: skip
from tests.rules.story import (
    BUY,
    FOK,
    FUND,
    IOC,
    PERCENT,
    SELL,
    START_NS,
    A,
    B,
    C,
    D,
    E,
    Events,
    F,
    Story,
    cancel_reasons,
    contract,
    named,
    only,
    order_id,
    refusal,
)

# The dynamic band (5.3): 1% around the last trade at 1000.


def banded(**terms: Any) -> Story:
    """The last trade at 1000, asks of D at 1005, 1010 and 1011, ten lots each."""
    spec: dict[str, Any] = {"band_dynamic_ppb": PERCENT, "auction_ns": 10 * NS_PER_SECOND}
    story = trading(**(spec | terms))
    story.trade(A, B, 1, 1_000)
    for ticks in (1_005, 1_010, 1_011):
        story.order(D, SELL, 10, ticks)
    return story


def test_rule_5_3_ioc_fills_up_to_the_band_and_an_auction_follows():
    story = banded()
    events = story.order(C, BUY, 25, 1_020, tif=IOC)
    assert fills(events) == [(1_005, 10), (1_010, 10)]
    assert cancel_reasons(events) == [(C, "ioc")]
    assert states(events) == [("auction", "volatility")]
    names = [event.name for event in events]
    assert names[-3:] == ["order_cancelled", "state_changed", "auction_started"]


def test_rule_5_3_gtc_rests_crossed_and_uncrosses():
    """The rest of 5 at 1020 meets 1011 at the auction's price: nearest the last trade 1010."""
    story = banded()
    events = story.order(C, BUY, 25, 1_020)
    assert fills(events) == [(1_005, 10), (1_010, 10)]
    assert story.exchange.depth(1) == ([(1_020, 5)], [(1_011, 10)])
    events = story.advance(10)
    assert uncrossed(events) == (1_011, 5, -5)
    assert story.lots(C) == 25
    assert states(events) == [("continuous", "uncrossed")]


def test_rule_5_3_fok_is_not_fillable_beyond_the_band():
    story = banded()
    events = story.order(C, BUY, 21, 1_020, tif=FOK)
    assert cancel_reasons(events) == [(C, "fok")] and not named(events, "state_changed")
    assert fills(story.order(C, BUY, 20, 1_020, tif=FOK)) == [(1_005, 10), (1_010, 10)]


@pytest.mark.parametrize(("value_min", "state"), [(5_100, "auction"), (5_101, "continuous")])
def test_rule_5_3_a_small_rest_starts_no_auction(value_min, state):
    """The rest of 5 at its limit 1020 is worth 5,100."""
    story = banded(band_dynamic_value_min=value_min)
    events = story.order(C, BUY, 25, 1_020)
    assert story.state() == state
    if state == "continuous":
        assert cancel_reasons(events) == [(C, "dynamic_band")]
        # the band has moved with the last trade, 1010: 1000 to 1020
        assert fills(story.order(C, BUY, 5, 1_020)) == [(1_011, 5)]


def test_rule_5_3_the_band_ends_at_a_price_of_one():
    """Half of 2 below 2."""
    story = trading(mark=2, band_dynamic_ppb=50 * PERCENT)
    story.trade(A, B, 1, 2)
    story.order(C, BUY, 1, 1)
    assert fills(story.order(D, SELL, 1, 1)) == [(1, 1)]


def test_rule_5_3_the_band_binds_on_both_ends_and_not_before_the_first_trade():
    story = trading(band_dynamic_ppb=PERCENT)
    story.order(D, SELL, 1, 1_500)
    assert fills(story.order(C, BUY, 1, 1_500)) == [(1_500, 1)]  # nothing before the first trade
    story.order(D, SELL, 1, 1_000)
    events = story.order(C, BUY, 1, 1_500, tif=IOC)  # 1000 lies below 1485
    assert fills(events) == [] and states(events) == [("auction", "volatility")]


def test_rule_5_3_an_operator_sets_the_band():
    story = banded()
    assert only(set_band(story, 1_000, 1_005), "band_set") == {
        "low_ticks": 1_000, "high_ticks": 1_005,
    }  # fmt: skip
    events = story.order(C, BUY, 25, 1_020, tif=IOC)
    assert fills(events) == [(1_005, 10)]
    change(story, CONTINUOUS)
    set_band(story, 0, 0)
    events = story.order(C, BUY, 25, 1_020, tif=IOC)  # around 1005: 995 to 1015
    assert fills(events) == [(1_010, 10), (1_011, 10)]
    for low, high in ((0, 5), (5, 4), (1, 2**20 + 1), (-1, 5), (5, 0)):
        assert refusal(set_band(story, low, high)) == refusals.BAND_INVALID


def test_rule_5_3_an_auction_outside_the_band_is_extended_at_most_k_times():
    story = banded(auction_extensions_max=2)
    story.order(C, BUY, 25, 1_020, tif=IOC)  # the last trade is 1010: 1000 to 1020
    story.cancel_all(D)
    story.order(D, SELL, 5, 1_030)
    story.order(C, BUY, 5, 1_030)
    events = story.advance(10)
    assert only(events, "auction_extended") == {
        "ends_ns": START_NS + 20 * NS_PER_SECOND, "extension": 1, "indicative_ticks": 1_030,
    }  # fmt: skip
    assert only(story.advance(10), "auction_extended")["extension"] == 2
    assert uncrossed(story.advance(10)) == (1_030, 5, 0)
    assert story.state() == "continuous"


def test_rule_5_3_too_many_volatility_auctions_halt():
    """Two in a minute are allowed; the third within it halts, later it is an auction again."""
    story = banded(volatility_auctions_max=2, volatility_window_ns=MINUTE_NS)

    def burst(price: int) -> Events:
        story.order(D, SELL, 1, price)
        return story.order(C, BUY, 1, price, tif=IOC)

    story.cancel_all(D)
    assert states(burst(1_100)) == [("auction", "volatility")]
    story.cancel_all(D)
    story.go(10)
    story.go(59)
    assert states(burst(1_100)) == [("auction", "volatility")]
    story.cancel_all(D)
    change(story, CONTINUOUS)
    assert states(burst(1_100)) == [("halted", "too_volatile")]
    story.cancel_all(D)
    change(story, AUCTION)
    story.go(60)
    change(story, CONTINUOUS)
    assert states(burst(1_100)) == [("auction", "volatility")]


def liquidated_at_the_band(**terms: Any) -> tuple[Story, Events]:
    """Long 10 at 1000 with 1,000: at 910 equity 100 of maintenance 455, so whole, bankrupt at 900.
    C bids at 905, outside the dynamic band of 990 to 1010."""
    story = trading(rich=False, band_dynamic_ppb=PERCENT, **terms)
    for account, cash in ((A, 1_000), (B, RICH), (C, RICH)):
        story.open(account, cash)
    story.trade(A, B, 10, 1_000)
    story.order(C, BUY, 10, 905)
    return story, story.price(910)


def test_rule_5_3_a_liquidation_order_at_the_band_brings_an_auction():
    """The step ends there: nobody is deleveraged while a bid that could not be looked at stands in
    the book. In the auction C buys at 905, and A keeps 1000 - 950."""
    story, events = liquidated_at_the_band(auction_extensions_max=0)
    assert named(events, "liquidation_stepped", A) and not fills(events)
    assert states(events) == [("auction", "volatility")]
    assert not named(events, "position_deleveraged") and story.lots(A) == 10
    events = change(story, CONTINUOUS)
    assert uncrossed(events) == (905, 10, 0)
    assert (story.lots(A), story.lots(C), story.equity(A)) == (0, 10, 50)


def test_rule_5_3_a_liquidation_order_halts_nothing():
    """One volatility auction may start in the window, and one has."""
    story = trading(
        rich=False, band_dynamic_ppb=PERCENT, volatility_auctions_max=1,
        volatility_window_ns=MINUTE_NS, auction_extensions_max=0,
    )  # fmt: skip
    for account, cash in ((A, 1_000), (B, RICH), (C, RICH)):
        story.open(account, cash)
    story.trade(A, B, 10, 1_000)
    story.order(C, SELL, 1, 1_011)
    assert states(story.order(B, BUY, 1, 1_011, tif=IOC)) == [("auction", "volatility")]
    story.cancel_all(C)
    change(story, CONTINUOUS)
    story.order(C, BUY, 10, 905)
    events = story.price(910)
    assert states(events) == [("auction", "volatility")]
    assert not named(events, "position_deleveraged") and story.lots(A) == 10


def test_rule_5_3_a_small_liquidation_order_at_the_band_goes_on_without_the_book():
    """Its rest is worth 10 x 900 at its limit, less than the 9,001 that an auction needs."""
    story, events = liquidated_at_the_band(band_dynamic_value_min=9_001)
    assert named(events, "position_deleveraged") and story.state() == "continuous"
    assert story.lots(A) == 0


# States: what they take (5.1).


def test_rule_5_1_halted_takes_cancels_and_decreases_only():
    story = trading()
    number = order_id(story.order(A, BUY, 5, 900))
    change(story, HALTED)
    assert refusal(story.order(B, SELL, 1, 1_000)) == refusals.CONTRACT_CLOSED
    for price, lots, code in ((900, 6, refusals.CONTRACT_CLOSED), (900, 4, 0)):
        events = story.submit(
            commands.AmendOrder(
                time_ns=story.now_ns, account=A, client_id=story.client_id(),
                order_id=number, price_ticks=price, lots=lots,
            )
        )  # fmt: skip
        assert refusal(events) == code
    assert cancel_reasons(story.cancel(A, number)) == [(A, "client")]


def test_rule_5_1_post_only_takes_post_only():
    story = trading()
    story.order(D, SELL, 5, 1_010)
    change(story, POST)
    assert refusal(story.order(A, BUY, 1, 1_000)) == refusals.CONTRACT_POST_ONLY
    assert refusal(story.order(A, BUY, 1, 1_000, flags=words.POST_ONLY)) == 0
    code = refusal(story.order(A, BUY, 1, 1_010, flags=words.POST_ONLY))
    assert code == refusals.POST_ONLY_WOULD_TRADE


def test_rule_5_1_an_operators_reduce_only_survives_an_auction():
    """Nobody but the operator lifts it: the volatility auction ends in reduce-only, and takes
    only reducing orders meanwhile."""
    story = banded()
    story.trade(C, E, 30, 1_000)
    change(story, REDUCING)
    events = story.order(E, BUY, 25, 1_020, tif=IOC)
    assert states(events) == [("auction", "volatility")]
    assert refusal(story.order(A, SELL, 5, 1_020)) == refusals.CONTRACT_REDUCE_ONLY
    assert states(story.advance(10)) == [("reduce_only", "uncrossed")]
    change(story, CONTINUOUS)
    assert refusal(story.order(A, SELL, 5, 1_020)) == 0


def test_rule_6_2_what_should_be_continuous_while_the_mark_is_held_is_reduce_only():
    """Band 1%, move 1%: after a fall of the index to 900 the mark stands at 990."""
    story = trading(mark_band_ppb=PERCENT, mark_move_ppb=PERCENT)
    change(story, AUCTION)
    story.price(900)
    assert refusal(story.order(A, BUY, 1, 990)) == refusals.CONTRACT_REDUCE_ONLY
    assert states(change(story, CONTINUOUS)) == [("reduce_only", "mark_held")]
    assert states(change(story, CONTINUOUS)) == [("reduce_only", "mark_held")]
    assert states(story.price(990)) == [("continuous", "mark_free")]
    change(story, REDUCING)
    story.price(900)
    assert not named(story.price(990), "state_changed")  # not the mark's doing


def test_rule_4_2_triggers_wait_for_continuous_trading():
    """A stop of C at 1050 on the last price; the auction trades at 1060 and wakes it after."""
    story = trading()
    story.trade(A, B, 1, 1_000)
    story.order(
        C, BUY, 1, 0, order_type=words.STOP_MARKET, tif=IOC,
        trigger_source=words.SOURCE_LAST, trigger_ticks=1_050,
    )  # fmt: skip
    change(story, AUCTION)
    story.order(A, BUY, 5, 1_060)
    story.order(B, SELL, 5, 1_060)
    story.order(D, SELL, 5, 1_070)
    events = change(story, CONTINUOUS)
    names = [event.name for event in events]
    assert names.index("order_triggered") > names.index("state_changed")
    assert fills(events) == [(1_060, 5), (1_070, 1)]


def test_rule_4_5_linked_orders_in_an_uncross():
    """Of C's two linked sells the better fills: its sibling ends behind the pair."""
    story = collecting()
    first = order_id(story.order(C, SELL, 5, 1_000))
    story.order(C, SELL, 5, 1_001, linked_id=first)
    story.order(A, BUY, 10, 1_001)
    events = change(story, CONTINUOUS)
    assert fills(events) == [(1_000, 5)] or fills(events) == [(1_001, 5)]
    assert cancel_reasons(events) == [(C, "linked")]
    assert story.lots(C) == -5


# Reopening after a freeze (5.4).


def test_rule_5_2_a_contract_may_open_by_an_auction():
    """Orders are collected from the first mark on; nothing trades before the uncross."""
    story = trading(opening_auction=True, auction_ns=10 * NS_PER_SECOND, auction_reference_ticks=99)
    assert story.state() == "auction"
    story.order(A, BUY, 5, 1_010)
    assert not fills(story.order(B, SELL, 5, 990))
    events = story.advance(10)
    # any price from 990 to 1010 trades five and leaves nothing: the nearest to 99
    assert uncrossed(events) == (990, 5, 0) and story.state() == "continuous"


def test_rule_5_4_reopening_is_an_auction():
    story = trading(source_stale_ns=MINUTE_NS)
    story.order(A, BUY, 5, 1_000)
    story.go(61)
    assert story.state() == "frozen"
    assert refusal(change(story, CONTINUOUS)) == refusals.STATE_CHANGE_INVALID
    events = story.price(1_000)
    assert states(events) == [("auction", "fresh_mark")]
    assert named(events, "auction_started")
    story.order(B, SELL, 5, 990)
    for second in range(70, 361, 50):
        story.go(second)
        story.price(1_000)
    events = story.go(361)
    assert states(events) == [("continuous", "uncrossed")] and story.lots(A) == 5


@pytest.mark.parametrize(("state", "after"), [(PRE_OPEN, "pre_open"), (AUCTION, "auction")])
def test_rule_5_4_a_freeze_ends_the_collection_and_orders_stay(state, after):
    story = trading(source_stale_ns=MINUTE_NS)
    change(story, state)
    story.order(A, BUY, 5, 1_010)
    story.order(B, SELL, 5, 990)
    assert states(story.go(61)) == [("frozen", "sources")]
    assert not named(story.go(600), "indicative_published")
    assert story.exchange.depth(1) == ([(1_010, 5)], [(990, 5)])
    story.price(1_000)
    assert story.state() == after
    assert uncrossed(change(story, CONTINUOUS))[1] == 5


@pytest.mark.parametrize("state", [HALTED, words.STATE_SUSPENDED])
def test_rule_5_1_a_freeze_opens_nothing_that_an_operator_closed(state):
    """Else a source that falls silent for a while would lift a suspension."""
    story = trading(source_stale_ns=MINUTE_NS)
    change(story, state)
    assert states(story.go(61)) == [("frozen", "sources")]
    events = story.price(1_000)
    assert states(events) == [(words.NAMES["state"][state], "fresh_mark")]
    story.go(600)
    story.price(1_000)
    assert refusal(story.order(A, BUY, 1, 1_000)) == refusals.CONTRACT_CLOSED


def test_rule_5_4_a_halt_out_of_a_second_freeze_is_still_one():
    story = trading(source_stale_ns=MINUTE_NS)
    change(story, HALTED)
    for minutes in (1, 2):
        story.go(120 * minutes)
        assert story.state() == "frozen"
        story.price(1_000)
        assert story.state() == "halted"
    change(story, AUCTION)
    change(story, CONTINUOUS)
    story.go(600)
    story.price(1_000)
    assert story.state() == "auction"


def failing(**terms: Any) -> Story:
    """A long 100 at 1000 with cash 6,000: at 950 equity 1,000 of maintenance 4,750; C, D rich."""
    story = trading(rich=False, source_stale_ns=MINUTE_NS, **terms)
    for account, cash in ((A, 10_000), (B, RICH), (C, RICH), (D, RICH)):
        story.open(account, cash)
    story.trade(A, B, 100, 1_000)
    story.withdraw(A, 0)
    return story


def test_rule_5_4_liquidation_orders_stand_in_the_auction_at_their_bankruptcy_price():
    """Frozen at 1000, reopened at 910: equity 1,000 of maintenance 4,550, so the whole 100 at
    910 - 1000 / 100 = 900. It waits through the auction and sells there to C at 905."""
    story = failing()
    story.go(61)
    events = story.price(910)
    assert named(events, "liquidation_started", A)
    assert not named(events, "liquidation_stepped")
    story.order(C, BUY, 60, 905)
    events = story.advance(1)
    assert not named(events, "liquidation_stepped")  # it waits, every command
    assert story.account(A)["in_liquidation"]
    events = change(story, CONTINUOUS)
    stepped = named(events, "liquidation_stepped", A)[0].values
    assert (stepped["step"], stepped["lots"], stepped["limit_ticks"]) == (
        words.STEP_WHOLE, 100, 900,
    )  # fmt: skip
    # 60 buy at 905, 100 sell at 900: a surplus of sells, the lowest price: 900.
    assert uncrossed(events) == (900, 60, -40)
    trade = only(events, "trade")
    assert (trade["maker_order_id"], trade["price_ticks"]) == (0, 900)
    # What is left has equity 400 for 40 lots, and goes on in the queue: to B by deleveraging.
    assert named(events, "position_deleveraged") and story.lots(A) == 0
    assert story.equity(A) == 0


def test_rule_5_2_a_liquidation_order_stands_behind_all_others_of_its_price():
    """A must sell 100 at 900 or better. D's 60 at 900 came later and trade first; of A's, 20."""
    story = failing()
    change(story, AUCTION)
    story.price(910)
    story.order(D, SELL, 60, 900)
    story.order(C, BUY, 80, 905)
    events = change(story, CONTINUOUS)
    assert uncrossed(events) == (900, 80, -80)
    assert fills(events) == [(900, 60), (900, 20)]
    assert [leg.account for leg in named(events, "leg")][:4] == [C, D, C, A]


def test_rule_4_7_of_two_liquidation_orders_of_a_group_the_one_that_joined_first_leaves():
    """A's and F's 16% of 10,000 in contract 2 are lost: 400 and 410 are left, under their 542. A,
    with less, joins first. It may sell 10 at 964, F may buy 10 at 1037: they must not meet. A's
    leaves, and F's buys the 10 that D sells at 1000, before C's bid at 1000."""
    rates = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
    thin = {"initial_ppb": PERCENT, "maintenance_ppb": PERCENT // 2}
    story = Story(contract(1, liquidation_whole_lots=10, **rates), contract(2, **thin))
    for account, cash in ((A, 2_000), (F, 2_010)):
        story.open(account, cash, group=A)
    for account in (B, C, D):
        story.open(account, RICH)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, B, 10, 1_000)
    story.trade(B, F, 10, 1_000)
    for account in (A, F):
        story.trade(account, B, 10, 1_000, 2)
    for number in (1, 2):
        story.change_state(AUCTION, number)
    story.price(2, 840)
    story.order(C, BUY, 10, 1_000)
    story.order(D, SELL, 10, 1_000)
    events = change(story, CONTINUOUS)
    joined = [
        (e.account, e.values["limit_ticks"]) for e in named(events, "liquidation_stepped")
    ]
    assert joined[:2] == [(A, 964), (F, 1_037)]
    assert uncrossed(events) == (1_000, 10, 0)
    assert [leg.account for leg in named(events, "leg")][:2] == [F, D]


def test_rule_9_2_who_waits_for_an_auction_that_is_called_off_goes_straight_on():
    story = failing()
    change(story, AUCTION)
    story.price(910)
    assert story.lots(A) == 100
    change(story, HALTED)
    assert (story.lots(A), story.state()) == (0, "halted")


def test_rule_16_h_a_frozen_long_and_an_auction_far_below():
    """Long at 100 with margin 10; the auction would uncross at 50 with his order in it: it is
    limited at the bankruptcy price, so it does not trade there."""
    story = trading(mark=100, rich=False, source_stale_ns=MINUTE_NS)
    for account, cash in ((A, 10), (B, RICH), (C, RICH), (D, RICH)):
        story.open(account, cash)
    story.trade(A, B, 1, 100)
    story.go(61)
    story.price(94)  # equity 4 of maintenance 5: bankrupt at 90
    story.order(C, BUY, 5, 50)
    story.order(D, SELL, 5, 50)
    events = change(story, CONTINUOUS)
    assert named(events, "liquidation_stepped", A)[0].values["limit_ticks"] == 90
    assert uncrossed(events)[:2] == (50, 5)
    assert story.lots(A) == 0 and story.cash(A) >= 0  # closed behind it, at 90 or better


def test_rule_5_4_below_zero_goes_through_the_waterfall_before_the_auction():
    story = failing()
    story.go(61)
    events = story.price(850)  # -5,000
    assert states(events) == [
        ("auction", "fresh_mark"), ("default", "waterfall"), ("auction", "waterfall_done"),
    ]  # fmt: skip
    assert story.lots(A) == 0 and story.cash(A) == 0
    assert uncrossed(change(story, CONTINUOUS)) == (0, 0, 0)


def test_rule_9_2_the_reduce_only_orders_stand_behind_the_liquidation_order():
    """A's take-profit of 100 goes when an order for all of its 100 lots joins the auction."""
    story = failing()
    story.order(A, SELL, 100, 1_200, flags=words.REDUCE_ONLY)
    change(story, AUCTION)
    story.price(910)
    events = change(story, CONTINUOUS)
    assert (A, "reduce_only") in cancel_reasons(events)
    assert story.lots(A) == 0


def test_rule_9_2_a_waiting_account_keeps_no_order_that_could_add_to_its_risk():
    """A waits for the auction of contract 1; its bid in contract 2 goes at once, its reduce-only
    ask there stays (9.2 b)."""
    spec: dict[str, Any] = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
    story = Story(contract(1, **spec), contract(2, **spec))
    for account, cash in ((A, 30_000), (B, RICH)):
        story.open(account, cash)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, B, 100, 1_000)
    bid = order_id(story.order(A, BUY, 60, 1_000, 2))
    change(story, AUCTION)
    events = story.price(1, 735)
    assert named(events, "liquidation_started", A)
    gone = [(e.values["order_id"], e.values["reason"]) for e in named(events, "order_cancelled")]
    assert gone == [(bid, words.CANCEL_LIQUIDATION)]
    assert not fills(story.order(B, SELL, 60, 1_000, 2))


def test_rule_9_2_a_waiting_account_leaves_by_a_deposit():
    story = failing()
    change(story, AUCTION)
    story.price(910)
    assert story.account(A)["in_liquidation"]
    events = story.deposit(A, 10_000)
    assert only(events, "liquidation_ended")["end"] == words.END_RECOVERED
    assert not named(change(story, CONTINUOUS), "liquidation_stepped")


def test_rule_9_2_a_waiting_fund_that_takes_over_goes_on_where_it_can():
    """The fund of 1,000 has 100 long of contract 1, cost 350: 650 at 90, 50 at 84, under its
    maintenance of 84. It waits for the auction of contract 1, but what it takes over in contract
    2 it can close at once: 10 from C, whose 50 are gone at 95, given on to B, who was short."""
    terms = {"fund_value_max": RICH, "fund_share_ppb": PPB, "maintenance_ppb": PERCENT}
    story = Story(
        *(contract(number, initial_ppb=5 * PERCENT, **terms) for number in (1, 2)),
        fund_cash=1_000,
    )
    story.open(B, RICH)
    story.price(1, 100, 2, 100)
    story.open(A, 650)
    story.trade(A, B, 100, 100)
    story.price(1, 90)
    story.open(C, 50)
    story.trade(C, B, 10, 100, 2)
    change(story, AUCTION)
    story.price(1, 84)
    assert story.account(FUND)["in_liquidation"] and story.lots(FUND) == 100
    events = story.price(2, 95)
    assert named(events, "position_taken_over")[0].values["lots"] == 10
    stepped = only(events, "liquidation_stepped", FUND)
    assert (stepped["step"], stepped["lots"]) == (words.STEP_WHOLE, 10)
    assert (story.lots(C, 2), story.lots(FUND, 2), story.lots(FUND)) == (0, 0, 100)
    assert story.account(FUND)["in_liquidation"]  # for contract 1 it still waits


def test_rule_9_2_a_partial_is_not_bounded_by_depth_in_an_auction():
    """At 930 equity 3,000 of maintenance 4,650. After x lots: 3000 - x >= 1.2 x 46.5 x (100 - x),
    with 1 for slippage: 54.8 x >= 2,580: 48. The limit is 930 - 3000 / 100 = 900."""
    story = failing()
    change(story, AUCTION)
    story.price(930)
    story.order(C, BUY, 10, 930)
    events = change(story, CONTINUOUS)
    stepped = named(events, "liquidation_stepped", A)[0].values
    assert (stepped["step"], stepped["lots"], stepped["limit_ticks"]) == (
        words.STEP_PARTIAL, 48, 900,
    )  # fmt: skip
    assert uncrossed(events) == (900, 10, -38)


@pytest.mark.parametrize("state", [HALTED, words.STATE_SUSPENDED])
def test_rule_9_2_without_trading_a_liquidation_goes_straight_on(state):
    """Halted, bids or not: the whole 100 to the fund's share, the rest to B by deleveraging."""
    story = failing(fund_value_max=50 * 910, fund_share_ppb=100 * PERCENT)
    story.pay_in(words.LEDGER_FUND, RICH)
    story.order(C, BUY, 100, 905)
    change(story, state)
    events = story.price(910)
    stepped = only(events, "liquidation_stepped")
    assert (stepped["step"], stepped["lots"]) == (words.STEP_WHOLE, 100)
    assert not fills(events)
    assert only(events, "position_taken_over")["lots"] == 50
    assert sum(e.values["lots"] for e in named(events, "position_deleveraged")) == 50
    assert story.lots(A) == 0 and story.state() == words.NAMES["state"][state]


def test_rule_8_3_no_withdrawal_outside_continuous_trading():
    for state in (PRE_OPEN, AUCTION, HALTED, REDUCING, POST):
        story = trading()
        story.trade(A, B, 1, 1_000)
        change(story, state)
        assert refusal(story.withdraw(A, 1)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE


def test_rule_7_1_samples_are_taken_where_clients_can_quote():
    taken = {}
    for state in (CONTINUOUS, REDUCING, POST, PRE_OPEN, AUCTION, HALTED):
        story = trading(funding_sample_ns=MINUTE_NS, auction_ns=600 * NS_PER_SECOND)
        if state != CONTINUOUS:
            change(story, state)
        taken[state] = len(named(story.go(120), "premium_sampled"))
    assert taken == {CONTINUOUS: 2, REDUCING: 0, POST: 2, PRE_OPEN: 0, AUCTION: 0, HALTED: 0}
