"""Inverse values rounded once a fill (1.2), by hand arithmetic.

A lot is worth 104,400 at a price of one tick, so 104.4 at 1000: marked at 104, while ten of them
cost 1044 in one fill. Everything is a few units, so that a rounding decides.
"""

import re
from typing import Any

import pytest

from engine.exchange import ConfigError
from engine.schema import refusals
from engine.schema import vocabulary as words
from engine.schema.contract import check_approval, check_contract, hash_of_contract
from tests.rules.auction_story import AUCTION, CONTINUOUS, change
from tests.rules.story import (
    BUY,
    FOK,
    HOUR_NS,
    PERCENT,
    SELL,
    A,
    C,
    D,
    Story,
    cancel_reasons,
    contract,
    named,
    only,
    refusal,
)

REDUCE_ONLY = words.REDUCE_ONLY
RICH = 10**9
RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
PER_FILL: dict[str, Any] = {
    "tick_value": 0, "contract_value": 104_400, "rounding": words.ROUNDING_PER_FILL,
    "price_ticks_min": 100, "price_ticks_max": 10_000,
}  # fmt: skip
SMALL = {"order_lots_max": 1, "position_lots_max": 1, "open_interest_lots_max": 1}
ANY_SLIPPAGE = {"liquidation_slippage_ppb": 100 * PERCENT}


def story_of(**terms: Any) -> Story:
    """C and D are rich, the mark is 1000."""
    story = Story(contract(1, **RATES, **(PER_FILL | terms)))
    story.open(C, RICH)
    story.open(D, RICH)
    story.price(1_000)
    return story


def long_ten(cash: int, **terms: Any) -> Story:
    """A, with this much cash, is long 10 at 1000: worth 4 more than the cash."""
    story = story_of(**terms)
    story.open(A, cash)
    story.trade(A, C, 10, 1_000)
    return story


def short_ten(cash: int, **terms: Any) -> Story:
    """A, with this much cash, is short 10 at 1000: worth 4 less than the cash."""
    story = story_of(**terms)
    story.open(A, cash)
    story.trade(C, A, 10, 1_000)
    return story


@pytest.mark.parametrize(
    ("lots", "price", "value"),
    [
        (1, 1_000, 104),
        (2, 1_000, 209),  # 208.8
        (10, 1_000, 1_044),
        (10, 1_100, 949),  # 949.09
        (1, 800, 130),  # 130.5, and a half goes to the even
        (3, 800, 392),  # 391.5
        (5, 800, 652),  # 652.5
        (1, 480, 218),  # 217.5
        (3, 480, 652),  # 652.5: a half of the whole, not of what is behind a lot's whole units
        (2**20, 10_000, 10_947_133),  # 10947133.44
    ],
)
def test_rule_1_2_a_fill_is_rounded_once_half_to_even(lots, price, value):
    story = story_of()
    story.trade(C, D, lots, price)
    entries = story.position(C)["entry_value"], story.position(D)["entry_value"]
    assert entries == (-value, value)


def test_rule_1_2_marks_are_rounded_per_lot():
    """Ten lots cost 1044 and are marked at 1040; after the price has come to 1100 at 95 each."""
    story = story_of()
    story.trade(C, D, 10, 1_000)
    assert (story.equity(C), story.equity(D)) == (RICH + 4, RICH - 4)
    story.price(1_100)
    assert (story.equity(C), story.equity(D)) == (RICH + 94, RICH - 94)


def test_rule_1_2_every_resting_order_is_a_fill_of_its_own():
    """10 lots against 1, 2 and 7: 104 + 209 + 731 (730.8)."""
    story = story_of()
    for lots in (1, 2, 7):
        story.order(C, BUY, lots, 1_000)
    events = story.order(D, SELL, 10, 1_000)
    entries = [leg.values["entry_value"] for leg in named(events, "leg", D)]
    assert entries == [104, 313, 1_044]


def test_rule_1_5_parts_of_a_position_add_up_to_what_it_cost():
    """Of 10 lots for 1044, 3 are sold for 313 (313.2) and take trunc(313.2) along; the other 7 cost
    731 and are sold at 1100 for 664 (664.36)."""
    story = story_of()
    story.trade(C, D, 10, 1_000)
    leg = only(story.trade(D, C, 3, 1_000), "leg", C)
    assert (leg["realised"], leg["entry_value"]) == (0, -731)
    leg = only(story.trade(D, C, 7, 1_100), "leg", C)
    assert (leg["realised"], leg["entry_value"]) == (731 - 664, 0)


def test_rule_1_5_a_flip_splits_the_value_of_its_one_fill():
    """13 sold at 1100 are worth 1234 (1233.8), of which 10 take trunc(949.2)."""
    story = story_of()
    story.trade(C, D, 10, 1_000)
    leg = only(story.trade(D, C, 13, 1_100), "leg", C)
    assert leg["realised"] == 1_044 - 949
    assert (leg["position_lots"], leg["entry_value"]) == (-3, 285)


def test_rule_8_8_fees_are_a_rate_of_what_the_fill_is_worth():
    """50% and 25% of 1044, not of 1040."""
    story = story_of(fee_taker_ppb=50 * PERCENT, fee_maker_ppb=25 * PERCENT)
    story.order(C, BUY, 10, 1_000)
    events = story.order(D, SELL, 10, 1_000)
    assert (only(events, "leg", D)["fee"], only(events, "leg", C)["fee"]) == (522, 261)


# fmt: off
RESERVES = [
    # side, price, 10% of what it is valued at, loss; ten lots, marked at 1040
    (BUY, 900, 116, 0),  # 1160
    (BUY, 1_000, 105, 0),  # 1044
    (BUY, 1_100, 104, 91),  # 949 at the limit, 1040 at the mark
    (SELL, 1_100, 95, 0),  # 949
    (SELL, 1_000, 105, 4),  # 1044, which are marked at 1040
    (SELL, 900, 116, 120),
]
# fmt: on


@pytest.mark.parametrize(("side", "price", "reserve", "loss"), RESERVES)
def test_rule_8_2_an_order_is_reckoned_as_one_fill(side, price, reserve, loss):
    story = story_of()
    story.order(C, side, 10, price)
    held = story.position(C)
    assert (held["reserve_buy"] + held["reserve_sell"], held["loss_fee"]) == (reserve, loss)


def test_rule_8_2_part_by_part_the_whole_is_released():
    """Of 105 and 4: 3 lots floor(31.5) and floor(1.2), 6 of the other 7 floor(63.4) and
    floor(2.57), and the last one what is left."""
    story = story_of()
    story.order(D, SELL, 10, 1_000)
    found = []
    for lots in (3, 6, 1):
        story.order(C, BUY, lots, 1_000)
        held = story.position(D)
        found.append((held["reserve_sell"], held["loss_fee"]))
    assert found == [(74, 3), (11, 1), (0, 0)]


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"order_value_max": 1_044}, refusals.OK),
        ({"order_value_max": 1_043}, refusals.VALUE_ABOVE_MAX),
        ({"order_value_min": 1_044}, refusals.OK),
        ({"order_value_min": 1_045}, refusals.VALUE_BELOW_MIN),
    ],
)
def test_rule_4_9_an_order_is_worth_what_one_fill_of_it_is(terms, code):
    assert refusal(story_of(**terms).order(C, BUY, 10, 1_000)) == code


@pytest.mark.parametrize(("cash", "lots"), [(147, 7), (146, 6), (127, 6), (126, 5)])
def test_rule_9_0_an_aggressor_is_cut_to_the_most_lots(cash, lots):
    """A lot bought back at 1250 is worth 83.52: 6 lose 624 - 501, 7 lose 728 - 585. By the rounded
    value of a lot it would be 20 each, and 7 of them for 140."""
    story = short_ten(cash, **ANY_SLIPPAGE)
    story.order(D, SELL, 10, 1_250)
    events = story.order(A, BUY, 8, 1_250, flags=REDUCE_ONLY)
    assert only(events, "trade")["lots"] == lots
    assert cancel_reasons(events)[0] == (A, "solvency")


def test_rule_8_8_the_fee_of_a_cut_fill_is_that_of_what_is_left_of_it():
    """1% of 501; of the 142 that A has (11 went for the opening) 123 are lost, so it can pay."""
    story = short_ten(157, **ANY_SLIPPAGE, fee_taker_ppb=PERCENT)
    story.order(D, SELL, 10, 1_250)
    leg = named(story.order(A, BUY, 8, 1_250, flags=REDUCE_ONLY), "leg", A)[0].values
    assert (leg["position_lots"], leg["fee"]) == (-4, 6)


@pytest.mark.parametrize(("cash", "trades"), [(147, True), (146, False)])
def test_rule_9_0_a_maker_who_would_breach_is_cancelled(cash, trades):
    """8 lots sold at 850 are worth 983 (982.6): A, with 4 more than its cash, loses 983 - 832."""
    story = long_ten(cash, **ANY_SLIPPAGE)
    story.order(A, SELL, 8, 850, flags=REDUCE_ONLY)
    events = story.order(D, BUY, 8, 850)
    assert bool(named(events, "trade")) is trades
    assert cancel_reasons(events) == ([] if trades else [(A, "solvency")])
    assert story.equity(A) == (0 if trades else 150)


@pytest.mark.parametrize(
    ("cash", "orders", "fills"), [(147, (8,), 1), (147, (1,) * 8, 0), (148, (1,) * 8, 8)]
)
def test_rule_4_2_fill_or_kill_reckons_fill_by_fill(cash, orders, fills):
    """8 lots at 850 lose 151 at once, and one by one 8 x (123 - 104) = 152."""
    story = long_ten(cash, **ANY_SLIPPAGE)
    for lots in orders:
        story.order(D, BUY, lots, 850)
    events = story.order(A, SELL, 8, 850, flags=REDUCE_ONLY, tif=FOK)
    assert len(named(events, "trade")) == fills
    assert cancel_reasons(events) == ([] if fills else [(A, "fok")])


@pytest.mark.parametrize(
    ("cash", "orders", "trades"),
    [(147, (8,), 1), (146, (8,), 0), (148, (1,) * 8, 8), (147, (1,) * 8, 0)],
)
def test_rule_9_0_a_pair_of_an_uncross_is_a_fill(cash, orders, trades):
    """The same in an auction, where an order that breaches in any of its pairs is cancelled."""
    story = long_ten(cash, **ANY_SLIPPAGE)
    change(story, AUCTION)
    for lots in orders:
        story.order(D, BUY, lots, 850)
    story.order(A, SELL, 8, 850, flags=REDUCE_ONLY)
    events = change(story, CONTINUOUS)
    assert len(named(events, "trade")) == trades
    assert cancel_reasons(events) == ([] if trades else [(A, "solvency")])


@pytest.mark.parametrize(
    ("side", "cash", "mark", "limit"),
    [
        # long: 150 - 116 = 34 are left. 10 lots may cost 1160 + 34: 1193.1 at 875, 1194.5 at 874.
        # (By the value of a lot: 119 each, which 874 is still worth.)
        (BUY, 150, 900, 875),
        # short: 160 - 124 = 36, marked at 92. 920 - 36 at least: 883.997 at 1181, 883.2 at 1182.
        # (By the value of a lot: 89 each, up to 1179.)
        (SELL, 160, 1_130, 1_181),
    ],
)
def test_rule_9_3_the_limit_of_a_liquidation_is_that_of_all_lots_in_one_fill(
    side, cash, mark, limit
):
    make = long_ten if side == BUY else short_ten
    story = make(cash, liquidation_whole_lots=100)
    step = only(story.price(mark), "liquidation_stepped")
    assert (step["lots"], step["limit_ticks"]) == (10, limit)


def test_rule_9_4_the_liquidation_fee_is_what_that_fill_leaves():
    """1.5%: 18 of 1160, so the limit leaves 34 - 18: 888. There all lots cost 1176 (1175.7), of
    the share 18 are left, and so many are asked for. (118 each would leave 14.)"""
    story = long_ten(150, liquidation_fee_ppb=3 * PERCENT // 2, liquidation_whole_lots=100)
    story.order(D, BUY, 10, 888)
    events = story.price(900)
    assert only(events, "liquidation_stepped")["limit_ticks"] == 888
    assert only(events, "liquidation_fee_paid", A) == {"amount": 18, "cash": 0}


@pytest.mark.parametrize(("least", "state"), [(1_024, "auction"), (1_025, "continuous")])
def test_rule_5_3_a_rest_is_worth_what_one_fill_of_it_is(least, state):
    """Ten lots at 1020 are worth 1023.5; a lot 102."""
    story = story_of(band_dynamic_ppb=PERCENT, band_dynamic_value_min=least)
    story.trade(C, D, 1, 1_000)
    story.order(D, SELL, 10, 1_020)
    story.order(C, BUY, 10, 1_020)
    assert story.state() == state


def test_rule_8_9_the_bankruptcy_price_is_that_limit():
    """At the mark of 1000 the share of 154 reaches just as far: 1040 + 154."""
    story = long_ten(150, liquidation_whole_lots=100)
    assert story.exchange.liquidation_prices(A, 1).bankruptcy_ticks == 875


def test_rule_9_7_transfers_book_marks():
    """A is short 10 for 1044 with 150. At 1250 a lot is marked at 84 (83.5): 840 less 1044 and 150
    of cash leave a deficit of 54, which C gives of the 200 that ten lots gained at their marks."""
    story = short_ten(150)
    events = story.price(1_250)
    taken = only(events, "position_deleveraged", A)
    assert (taken["lots"], taken["value"], taken["given_up"]) == (10, -840 - 54, 54)
    assert (story.cash(A), story.lots(A)) == (0, 0)
    assert only(events, "waterfall_closed", A)["deficit"] == 54


def test_rule_5_4_a_contract_settles_at_marks():
    """Bought for 1044, ended at 104 a lot."""
    story = story_of(delisting_samples=1, funding_sample_ns=HOUR_NS)
    story.trade(C, D, 10, 1_000)
    change(story, words.STATE_SUSPENDED)
    change(story, words.STATE_SETTLING)
    assert (story.cash(C), story.cash(D)) == (RICH + 4, RICH - 4)


# fmt: off
LISTINGS: list[tuple[dict[str, Any], str]] = [
    ({"rounding": 2}, "rounding 2 is not between 0 and 1"),
    ({"rounding": -1}, "rounding -1 is not between 0 and 1"),
    ({"tick_value": 1, "contract_value": 0}, "rounding is of inverse contracts"),
    ({"contract_value": 4_999}, "worth nothing at the highest price"),
    ({"contract_value": 5_000}, "worth nothing at the highest price"),  # half a unit
    ({"contract_value": 2**44 * 100}, "can be worth more than 2**44"),
]
# fmt: on


@pytest.mark.parametrize(("terms", "fault"), LISTINGS)
def test_rule_1_2_what_can_not_be_listed(terms, fault):
    with pytest.raises(ConfigError, match=re.escape(fault)):
        Story(contract(1, **RATES, **(PER_FILL | SMALL | terms)))


@pytest.mark.parametrize("terms", [{"contract_value": 5_001}, {"contract_value": 2**44 * 100 - 51}])
def test_rule_1_2_what_can_be_listed(terms):
    """A unit a lot at the highest price, and 2^44 - 1 and a fill's unit at the lowest."""
    assert check_contract(contract(1, **RATES, **(PER_FILL | SMALL | terms))) == []


BAND, PREMIUM, SLIPPAGE = "+ a unit of a lot", "funding_clamp_ppb", "slippage and fee"
INTERVAL = "cap of an interval"
WIDE = {"funding_clamp_ppb": 10 * PERCENT, "liquidation_slippage_ppb": 10 * PERCENT}
FINE = {"funding_cap_ppb": 0, "liquidation_fee_ppb": 0}


@pytest.mark.parametrize(
    ("units", "terms", "fault"),
    [
        # Of 21 units a lot, one is below a maintenance of 5%; of 26 below the 4% beside the band.
        (21, WIDE, ""),
        (20, WIDE, BAND),
        (26, WIDE | {"mark_band_ppb": PERCENT}, ""),
        (25, WIDE | {"mark_band_ppb": PERCENT}, BAND),
        # Half a unit of 50 is 1%.
        (50, WIDE | {"funding_clamp_ppb": PERCENT}, ""),
        (49, WIDE | {"funding_clamp_ppb": PERCENT}, PREMIUM),
        (1_000, WIDE | {"funding_clamp_ppb": 500_000}, ""),
        (10**6, WIDE | {"funding_clamp_ppb": 0}, PREMIUM),
        # A unit of 50 is 2%, of which the fee is one.
        (50, WIDE | {"liquidation_slippage_ppb": PERCENT, "fee_taker_ppb": PERCENT}, ""),
        (49, WIDE | {"liquidation_slippage_ppb": PERCENT, "fee_taker_ppb": PERCENT}, SLIPPAGE),
        (49, WIDE | {"liquidation_slippage_ppb": 0}, ""),
        # 1% + 1% + a unit are at most 5% of 34 units: 3% is more than a 34th, a 33rd is more.
        (34, WIDE | {"funding_cap_ppb": PERCENT, "liquidation_fee_ppb": PERCENT}, ""),
        (33, WIDE | {"funding_cap_ppb": PERCENT, "liquidation_fee_ppb": PERCENT}, INTERVAL),
    ],
)
def test_rule_1_2_approval_weighs_a_unit_against_what_it_adds_to(units, terms, fault):
    """How many units per_lot asks for does not matter."""
    spec = {"contract_value": units * 10_000, "mark_band_ppb": 0, **FINE, **terms}
    faults = check_approval(contract(1, **RATES, **(PER_FILL | spec)))
    assert [fault in told for told in faults] == ([True] if fault else [])


def test_rule_3_2_what_was_approved_before_there_was_a_choice_keeps_its_hash():
    """The hash is that of the version without the field."""
    before = (
        8920614895822875388, -7522559813743681045, -8587843761336975974, 4964110117326463829,
    )  # fmt: skip
    assert hash_of_contract(contract(1, **RATES)) == before
    per_lot = contract(1, **RATES, **(PER_FILL | {"rounding": words.ROUNDING_PER_LOT}))
    assert hash_of_contract(per_lot) != hash_of_contract(contract(1, **RATES, **PER_FILL))
