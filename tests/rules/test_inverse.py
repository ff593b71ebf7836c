"""Inverse contracts (1.2): a lot is worth contract value / price in the coin, by hand arithmetic.

A lot is worth 10^9 at a price of one tick: 1,000,000 at 1000, 800,000 at 1250, 1,111,111 at 900.
"""

import re
from typing import Any

import pytest

from engine.exchange import ConfigError
from engine.schema import vocabulary as words
from engine.schema.contract import Contract, Tier, check_approval, size_of_lot
from tests.rules.story import (
    BUY,
    HOUR_NS,
    PERCENT,
    SELL,
    A,
    B,
    C,
    D,
    Story,
    cancel_reasons,
    contract,
    named,
    only,
)

REDUCE_ONLY = words.REDUCE_ONLY
RICH = 10**12
RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
INVERSE: dict[str, Any] = {
    "tick_value": 0, "contract_value": 10**9, "price_ticks_min": 100, "price_ticks_max": 10_000,
}  # fmt: skip


def story_of(*others: Contract, mark: int = 1_000, **terms: Any) -> Story:
    """C and D are rich; the first contract is inverse."""
    story = Story(contract(1, **RATES, **(INVERSE | terms)), *others)
    story.open(C, RICH)
    story.open(D, RICH)
    story.price(1, mark)
    return story


@pytest.mark.parametrize(
    ("value", "mark", "lot_value"),
    [
        (5, 2, 2),  # 2.5: half to the even
        (7, 2, 4),  # 3.5
        (8, 3, 3),  # 2.67
        (7, 3, 2),  # 2.33
        (9, 2, 4),  # 4.5
    ],
)
def test_rule_1_2_a_lot_is_rounded_half_to_even(value, mark, lot_value):
    story = story_of(contract_value=value, mark=mark, price_ticks_min=1, price_ticks_max=4)
    assert story.exchange.contract(1)["mark_value"] == -lot_value
    spec = contract(1, **RATES, tick_value=0, contract_value=value)
    assert size_of_lot(spec, mark) == lot_value


def test_rule_1_2_a_long_gains_coin_when_the_price_rises():
    """10 lots from 1000 to 1250: 10 x (1,000,000 - 800,000)."""
    story = story_of()
    story.trade(C, D, 10, 1_000)
    assert story.position(C)["entry_value"] == -10_000_000
    story.price(1_250)
    assert (story.equity(C), story.equity(D)) == (RICH + 2_000_000, RICH - 2_000_000)


def test_rule_1_5_a_close_and_a_flip_realise_what_the_lots_cost():
    """Bought 10 at 1000 for -10,000,000; sold 15 at 1250: closing 10 realises 8,000,000 of coin
    less, so + 2,000,000, and 5 are short at 800,000 each."""
    story = story_of()
    story.trade(C, D, 10, 1_000)
    story.open(A, RICH)
    story.order(C, SELL, 15, 1_250)
    events = story.order(A, BUY, 15, 1_250)
    leg = only(events, "leg", C)
    assert (leg["realised"], leg["position_lots"], leg["entry_value"]) == (2_000_000, -5, 4_000_000)


def test_rule_8_8_fees_are_a_rate_of_the_size():
    """0.05% of 10 x 1,000,000."""
    story = story_of(fee_taker_ppb=500_000, fee_maker_ppb=200_000)
    story.order(C, BUY, 10, 1_000)
    events = story.order(D, SELL, 10, 1_000)
    assert (only(events, "leg", D)["fee"], only(events, "leg", C)["fee"]) == (5_000, 2_000)


# fmt: off
RESERVES = [
    # side, price, size it is valued at, loss a lot; the mark is 1000
    (BUY, 900, 1_111_111, 0),  # better than the mark, and what fills there is larger
    (BUY, 1_100, 1_000_000, 90_909),  # 909,091 at the limit, 1,000,000 at the mark
    (SELL, 1_100, 909_091, 0),
    (SELL, 900, 1_111_111, 111_111),
]
# fmt: on


@pytest.mark.parametrize(("side", "price", "size", "loss"), RESERVES)
def test_rule_8_2_an_order_is_valued_where_it_is_worth_most(side, price, size, loss):
    """10% of ten lots, rounded up; the loss against the mark apart."""
    story = story_of()
    story.order(C, side, 10, price)
    held = story.position(C)
    reserve = held["reserve_buy"] + held["reserve_sell"]
    assert (reserve, held["loss_fee"]) == (size, 10 * loss)


def test_rule_9_3_the_limit_of_a_liquidation_lies_where_the_share_is_used_up():
    """A is long 10 at 1000 with 1,500,000. At 900 the loss is 1,111,110, 388,890 are left, under
    5% of 11,111,110. 38,889 a lot: no lot may cost more than 1,150,000, so 870 (1,149,425), not
    869 (1,150,748)."""
    story = story_of(liquidation_whole_lots=100)
    story.open(A, 1_500_000)
    story.trade(A, C, 10, 1_000)
    step = only(story.price(900), "liquidation_stepped")
    assert (step["equity"], step["margin_maintenance"]) == (388_890, 555_556)
    assert (step["lots"], step["limit_ticks"]) == (10, 870)


def test_rule_9_3_of_a_short_it_is_the_highest_price():
    """Short 10 at 1000 with 1,500,000. At 1130 a lot is worth 884,956, the loss is 1,150,440 and
    349,560 are left. 34,956 a lot: none may be bought back below 850,000, so 1176 (850,340), not
    1177 (849,618)."""
    story = story_of(liquidation_whole_lots=100)
    story.open(A, 1_500_000)
    story.trade(C, A, 10, 1_000)
    step = only(story.price(1_130), "liquidation_stepped")
    assert (step["equity"], step["margin_maintenance"]) == (349_560, 442_478)
    assert (step["lots"], step["limit_ticks"]) == (10, 1_176)


def test_rule_9_0_a_fill_beyond_what_the_equity_bears_is_cut():
    """A is short 10 at 1000 with 1,500,000 and buys back 8 at 1250 while the mark is 1000: each
    costs 200,000 more than it is worth, so 7 trade and 100,000 are left."""
    story = story_of(liquidation_slippage_ppb=100 * PERCENT)
    story.open(A, 1_500_000)
    story.trade(C, A, 10, 1_000)
    story.order(D, SELL, 10, 1_250)
    events = story.order(A, BUY, 8, 1_250, flags=REDUCE_ONLY)
    assert only(events, "trade")["lots"] == 7
    assert cancel_reasons(events)[0] == (A, "solvency")
    assert named(events, "leg", A)[0].values["realised"] == -1_400_000


def test_rule_7_3_funding_is_a_rate_of_the_size():
    """0.01% of 1,000,000 a lot; the long of 10 pays 1,000."""
    story = story_of(funding_interest_ppb=100_000, premium_method=words.PREMIUM_MARK)
    story.trade(C, D, 10, 1_000)
    published = only(story.go(8 * 3_600), "funding_published")
    assert (published["rate_ppb"], published["growth"]) == (100_000, 100)
    assert (story.equity(C), story.equity(D)) == (RICH - 1_000, RICH + 1_000)


def test_rule_7_1_impact_prices_are_those_of_the_coin_that_the_lots_are_worth():
    """Impact value 4,000,000. Bids: 2 x 800,000 at 1250; 2,400,000 are missing, at 1000 3 lots: 5
    lots for 4,600,000, on average 5 x 10^9 / 4,600,000 = 1086.956, 8.6956521% above the index.
    Asks at 1600: 625,000 each, 7 lots for 4,375,000, not below the index."""
    story = story_of(funding_sample_ns=HOUR_NS, funding_impact_value=4_000_000)
    story.order(C, BUY, 2, 1_250)
    story.order(C, BUY, 3, 1_000)
    story.order(D, SELL, 7, 1_600)
    events = story.go(3_600)
    impact = only(events, "impact_sampled")
    assert (impact["bid_value"], impact["bid_lots"]) == (4_600_000, 5)
    assert (impact["ask_value"], impact["ask_lots"]) == (4_375_000, 7)
    assert (impact["bid_term_ppb"], impact["ask_term_ppb"]) == (86_956_521, 0)
    sample = only(events, "premium_sampled")
    assert (sample["impact_bid_ticks"], sample["impact_ask_ticks"]) == (1_086, 1_600)


def test_rule_7_1_an_ask_below_the_index_is_rounded_to_it():
    """Asks 900: 1,111,111 each, 4 lots for 4,444,444: ceil(4 x 10^9 / 4,444,444) = ceil(900.00009)
    = 901, 1000 - 900.00009 below the index: 99,999,910 ppb, rounded down to 9.999991%."""
    story = story_of(funding_sample_ns=HOUR_NS, funding_impact_value=4_000_000)
    story.order(C, BUY, 10, 800)
    story.order(D, SELL, 7, 900)
    events = story.go(3_600)
    impact = only(events, "impact_sampled")
    assert (impact["ask_value"], impact["ask_lots"]) == (4_444_444, 4)
    assert impact["ask_term_ppb"] == 10**9 - ceil(4 * 10**18, 4_444_444 * 1_000) == 99_999_909
    assert only(events, "premium_sampled")["impact_ask_ticks"] == 901


def test_rule_7_1_an_ask_above_90_percent_of_the_index_by_a_trifle_is_less_than_10_below():
    """A lot for (900 x 2 x 10^9 + 1) / 900 = 2 x 10^9: it costs 900.0000000005. 9.99999999995%
    below the index are 99,999,999 ppb, rounded down once, not first to a price of 900 (1.4)."""
    value = 2 * 10**9
    story = story_of(
        contract_value=900 * value + 1, funding_sample_ns=HOUR_NS, funding_impact_value=value,
        order_lots_max=16, position_lots_max=16, open_interest_lots_max=16,
    )  # fmt: skip
    story.order(D, SELL, 2, 900)
    impact = only(story.go(3_600), "impact_sampled")
    assert impact["ask_value"] == impact["ask_lots"] * value
    assert impact["ask_term_ppb"] == 99_999_999


def test_rule_6_2_the_last_price_is_that_of_the_coin_traded():
    """1 lot at 1250 and 1 at 1000 are 1,800,000 of coin: 2 x 10^9 / 1,800,000 = 1111.1."""
    story = story_of(funding_sample_ns=HOUR_NS, mark_band_ppb=PERCENT * 50)
    story.trade(C, D, 1, 1_250)
    story.trade(C, D, 1, 1_000)
    story.go(3_600)
    assert only(story.price(1_000), "mark_published")["last_ticks"] == 1_111


def test_rule_16j_a_hedger_is_not_bankrupted_by_the_deleveraging_of_one_leg():
    """B is long 10 of the inverse contract and short 10 of a linear one of 1,000 a tick, with
    750,000; A is B's counterparty in the first with 1,500,000, C in the second. From 1000 to 1250
    the inverse long gains 2,000,000 and the linear short loses 2,500,000: B has 250,000. A lacks
    500,000: 50,000 a lot, of which B can afford 5 lots. The other 5 close at mark, and what is
    missing is cut from who gained in the step: C."""
    story = story_of(
        contract(2, initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT, tick_value=1_000),
        tiers=(Tier(0, 2 * PERCENT, PERCENT),),
    )
    story.price(2, 1_000)
    story.open(A, 1_500_000)
    story.open(B, 750_000)
    story.trade(B, A, 10, 1_000)
    story.trade(C, B, 10, 1_000, 2)
    events = story.price(1, 1_250, 2, 1_250)
    closed = only(events, "waterfall_closed", A)
    assert (closed["deficit"], closed["given_up"], closed["haircut"]) == (500_000, 250_000, 250_000)
    assert named(events, "position_deleveraged")[0].values["lots"] == 5
    assert (story.cash(A), story.lots(A)) == (0, 0)
    assert only(events, "gains_cut", C)["amount"] == 250_000
    assert story.equity(B) == 0


# fmt: off
LISTINGS: list[tuple[dict[str, Any], str]] = [
    ({"tick_value": 1}, "exactly one of tick_value and contract_value"),
    ({"contract_value": 0}, "exactly one of tick_value and contract_value"),
    ({"contract_value": 4_999}, "worth nothing at the highest price"),
    ({"contract_value": 2**44 * 100 + 51}, "can be worth more than 2**44"),
    ({"contract_value": 2**39 * 100, "open_interest_lots_max": 2**14}, "passes 2**52"),
    ({"price_ticks_min": 0}, "price_ticks_min 0"),
    ({"price_ticks_min": 10_001}, "price_ticks_min 10001"),
    ({"contract_value": 2**60 + 1}, "contract_value"),
]
# fmt: on


@pytest.mark.parametrize(("terms", "fault"), LISTINGS)
def test_rule_1_3_a_specification_that_could_overflow_is_not_listed(terms, fault):
    small = {"order_lots_max": 1, "position_lots_max": 1, "open_interest_lots_max": 1}
    with pytest.raises(ConfigError, match=re.escape(fault)):
        Story(contract(1, **RATES, **(INVERSE | small | terms)))


@pytest.mark.parametrize(("contract_value", "is_fine"), [(10**9, True), (10**9 - 10**4, False)])
def test_rule_1_2_approval_asks_for_a_lot_of_enough_units(contract_value, is_fine):
    """10^9 / 10,000 = 10^5 units at the highest price."""
    spec = contract(1, **RATES, **(INVERSE | {"contract_value": contract_value}))
    assert any("lot_value_min" in fault for fault in check_approval(spec)) != is_fine


def ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)
