"""What raises the initial rate of a tier: the contract, the account, open interest (8.1, 8.6).

The mark is 1000 and a tick of a lot is worth 7, so a lot is worth 7000; the tier's rates are 3% and
1.5%. A has as much as a test needs, B and C are rich.
"""

from typing import Any

import pytest

from engine.schema import bounds, refusals
from engine.schema.bounds import PPB
from engine.schema.commands import SetLeverage
from engine.schema.contract import Config, Tier, check_config
from engine.state import layout
from engine.views import view_contract
from tests.rules.refusal_states import (
    Row,
    held,
    holding,
    id_100,
    liquidating,
    listing,
    must_answer,
    row_id,
    trading,
    unset,
)
from tests.rules.story import (
    BUY,
    FUND,
    PERCENT,
    SELL,
    START_NS,
    A,
    B,
    C,
    D,
    Events,
    H,
    Story,
    contract,
    only,
    order_id,
    refusal,
)

RICH = 10**9
R = refusals


def spec(number: int = 1, **terms: Any) -> Any:
    rates = {"initial_ppb": 3 * PERCENT, "maintenance_ppb": 15_000_000}
    return contract(number, tick_value=7, **(rates | terms))


def market(cash: int = RICH, **terms: Any) -> Story:
    story = Story(spec(**terms))
    for account, amount in ((A, cash), (B, RICH), (C, RICH)):
        story.open(account, amount)
    story.price(1_000)
    return story


def set_floor(story: Story, account: int, rate_ppb: int, number: int = 1) -> Events:
    return story.submit(
        SetLeverage(
            time_ns=story.now_ns,
            account=account,
            client_id=story.client_id(),
            contract=number,
            rate_initial_ppb=rate_ppb,
        )
    )


def reserve(story: Story, account: int = A) -> int:
    position = story.position(account)
    return position["reserve_buy"] + position["reserve_sell"]


def limits(story: Story) -> int:
    return view_contract(story.exchange.arena, 1)["limits"]


# The contract's floor.


@pytest.mark.parametrize(
    ("floor_ppb", "expected"),
    [(0, 2_079), (3 * PERCENT, 2_079), (3 * PERCENT + 1, 2_080), (5 * PERCENT, 3_465)],
)
def test_rule_8_1_an_order_reserves_at_the_contract_s_floor_if_it_is_higher(floor_ppb, expected):
    """10 at 990: 69,300 x 3% = 2079, x 5% = 3465; 3% and a billionth is rounded up."""
    story = market(rate_initial_min_ppb=floor_ppb)
    story.order(A, BUY, 10, 990)
    assert reserve(story) == expected


@pytest.mark.parametrize(("cash", "code"), [(3_465, R.OK), (3_464, R.MARGIN_INSUFFICIENT)])
def test_rule_8_2_admission_asks_for_the_raised_reserve(cash, code):
    story = market(cash, rate_initial_min_ppb=5 * PERCENT)
    assert refusal(story.order(A, BUY, 10, 990)) == code


def must_hold(margin: int, order_reserve: int, floor_ppb: int = 0, **terms: Any) -> None:
    """Long 10 with a floor, A is shown this margin, and needs exactly it and the reserve of the
    order to buy 10 more at 990."""
    for spare, code in ((0, R.OK), (-1, R.MARGIN_INSUFFICIENT)):
        story = market(margin + order_reserve + spare, **terms)
        story.trade(A, B, 10, 1_000)
        set_floor(story, A, floor_ppb)
        assert story.position(A)["margin_initial"] == margin
        assert refusal(story.order(A, BUY, 10, 990)) == code
        assert reserve(story) == (order_reserve if code == R.OK else 0)


STEPS = (Tier(0, 3 * PERCENT, PERCENT), Tier(35_000, 6 * PERCENT, 2 * PERCENT))


@pytest.mark.parametrize(
    ("floor_ppb", "margin", "order_reserve"),
    [
        (0, 3_150, 4_158),
        (4 * PERCENT, 3_150, 4_158),
        (5 * PERCENT, 3_500, 4_158),
        (6 * PERCENT, 4_200, 4_158),
        (7 * PERCENT, 4_900, 4_851),
    ],
)
def test_rule_8_1_a_floor_binds_where_a_tier_s_deduction_makes_it_cheaper(
    floor_ppb, margin, order_reserve
):
    """10 lots are 70,000. Tiers: 3% to 35,000, 6% beyond: 4200 - 1050, which is 4.5%. What is above
    4.5% is more, also where it is not above the 6% of the tier. The order's value of 69,300 is in
    the second tier, too."""
    must_hold(margin, order_reserve, tiers=STEPS, rate_initial_min_ppb=floor_ppb)
    must_hold(margin, order_reserve, floor_ppb, tiers=STEPS)


@pytest.mark.parametrize(("lots", "margin"), [(4, 1_680), (5, 2_100), (6, 2_520), (9, 3_780)])
def test_rule_8_1_no_larger_position_needs_less_under_a_floor(lots, margin):
    """6% of 7,000 a lot on both sides of 35,000, where the second tier begins."""
    story = market(tiers=STEPS, rate_initial_min_ppb=6 * PERCENT)
    story.trade(A, B, lots, 1_000)
    assert story.position(A)["margin_initial"] == margin


def test_rule_8_1_maintenance_is_never_raised():
    story = market(rate_initial_min_ppb=20 * PERCENT, open_interest_scale_high_lots=100)
    set_floor(story, A, 50 * PERCENT)
    story.trade(A, B, 10, 1_000)
    assert story.position(A)["margin_initial"] == 35_000
    assert story.position(A)["margin_maintenance"] == 1_050


def test_rule_8_3_a_withdrawal_sees_the_raised_margin():
    """70,000 at 20%: 14,000, more than the tenth of 7000, stay."""
    story = market(20_000, rate_initial_min_ppb=20 * PERCENT)
    story.trade(A, B, 10, 1_000)
    assert refusal(story.withdraw(A, 6_001)) == R.WITHDRAWAL_ABOVE_AVAILABLE
    assert refusal(story.withdraw(A, 6_000)) == R.OK


def test_rule_8_1_the_raised_margin_of_one_contract_counts_for_an_order_in_another():
    """Long 10 X at 20%: 14,000. An order of 10 Y at 990 reserves 2079 more."""
    for spare, code in ((0, R.OK), (-1, R.MARGIN_INSUFFICIENT)):
        story = Story(spec(1, rate_initial_min_ppb=20 * PERCENT), spec(2))
        story.open(A, 14_000 + 2_079 + spare)
        story.open(B, RICH)
        story.price(1, 1_000, 2, 1_000)
        story.trade(A, B, 10, 1_000)
        assert refusal(story.order(A, BUY, 10, 990, number=2)) == code


# The account's own floor.


def test_rule_8_1_an_account_sets_its_own_floor():
    """At 20%, 10 at 990 reserve 13,860; another account goes on at 3%, and so does A at 0 again."""
    story = market()
    events = set_floor(story, A, 20 * PERCENT)
    assert [event.name for event in events] == ["leverage_set"]
    assert (events[0].account, events[0].contract) == (A, 1)
    assert only(events, "leverage_set")["rate_initial_ppb"] == 20 * PERCENT
    first = order_id(story.order(A, BUY, 10, 990))
    story.order(B, BUY, 10, 990)
    assert (reserve(story, A), reserve(story, B)) == (13_860, 2_079)
    set_floor(story, A, 0)
    assert reserve(story, A) == 13_860  # as it was recorded
    story.cancel(A, first)
    story.order(A, BUY, 10, 990)
    assert reserve(story, A) == 2_079


def test_rule_8_1_a_floor_holds_in_one_contract_and_outlives_the_position():
    story = Story(spec(1), spec(2))
    for account in (A, B):
        story.open(account, RICH)
    story.price(1, 1_000, 2, 1_000)
    set_floor(story, A, 20 * PERCENT, number=2)
    for number in (1, 2):
        story.trade(A, B, 10, 1_000, number)
    assert [story.position(A, number)["margin_initial"] for number in (1, 2)] == [2_100, 14_000]
    story.trade(B, A, 10, 1_000, number=2)
    story.trade(B, A, 10, 1_000, number=2)
    assert story.position(A, 2)["margin_initial"] == 14_000


@pytest.mark.parametrize(
    ("cash", "rate_ppb", "code"),
    [
        (7_000, 10 * PERCENT, R.OK),
        (6_999, 10 * PERCENT, R.MARGIN_INSUFFICIENT),
        (6_999, 3 * PERCENT, R.OK),  # not more than it was
        (6_999, 0, R.OK),
    ],
)
def test_rule_8_1_a_floor_must_be_covered_when_it_asks_for_more(cash, rate_ppb, code):
    """Long 10: 70,000 x 10% = 7000."""
    story = market(cash)
    story.trade(A, B, 10, 1_000)
    assert refusal(set_floor(story, A, rate_ppb)) == code
    assert story.position(A)["rate_floor_ppb"] == (rate_ppb if code == R.OK else 0)


def test_rule_8_1_whoever_is_short_of_margin_may_still_lower_its_floor():
    """Long 10 at 10% with 7000; at 990 the equity of 6300 is below the 6930 of 10% and above the
    2079 of 3%: 9% (6237) is covered, 9.5% (6583.5) is less than the 6930 of now."""
    for rate_ppb in (9 * PERCENT, 95_000_000, 10 * PERCENT, 3 * PERCENT):
        story = market(7_000)
        story.trade(A, B, 10, 1_000)
        set_floor(story, A, 10 * PERCENT)
        story.price(990)
        assert refusal(set_floor(story, A, 10 * PERCENT + 1)) == R.MARGIN_INSUFFICIENT
        assert refusal(set_floor(story, A, rate_ppb)) == R.OK


def test_rule_8_1_orders_of_the_account_count_for_its_new_floor():
    """Long 10 with a buy of 10 at 990 for 2079: at 10% 7000 + 2079 are needed."""
    for spare, code in ((0, R.OK), (-1, R.MARGIN_INSUFFICIENT)):
        story = market(9_079 + spare)
        story.trade(A, B, 10, 1_000)
        story.order(A, BUY, 10, 990)
        assert refusal(set_floor(story, A, 10 * PERCENT)) == code


def test_rule_8_2_a_larger_margin_can_lower_what_a_short_order_needs():
    """Long 10 with a sell of 30 for 6300: max(2100, 6300 - 2100) = 4200; at 5% max(3500, 2800)."""
    story = market(4_200)
    story.trade(A, B, 10, 1_000)
    assert refusal(story.order(A, SELL, 30, 1_000)) == R.OK
    assert refusal(set_floor(story, A, 5 * PERCENT)) == R.OK
    assert refusal(set_floor(story, A, 6 * PERCENT)) == R.OK  # max(4200, 2100)
    assert refusal(set_floor(story, A, 6 * PERCENT + 20_000)) == R.MARGIN_INSUFFICIENT


def test_rule_2_2_a_floor_opens_a_position_record_if_there_is_room():
    story = market()
    assert story.account(A)["positions"] == []
    story.exchange.arena.engine["positions_top"] = bounds.POSITIONS_MAX
    refused = story.exchange.submit(floor(A, client_id=story.client_id()))
    assert refusal(refused) == R.POOL_FULL
    story.exchange.arena.engine["positions_top"] = 0
    set_floor(story, A, 5 * PERCENT)
    assert story.position(A)["rate_floor_ppb"] == 5 * PERCENT


def test_rule_13_2_a_floor_is_a_part_of_the_state():
    digests = set()
    for rate_ppb in (5 * PERCENT, 6 * PERCENT):
        story = market()
        set_floor(story, A, rate_ppb)
        digests.add(story.exchange.digest())
    assert len(digests) == 2


def test_rule_8_1_a_plain_contract_is_asked_for_no_floor_until_somebody_sets_one():
    story = market()
    set_floor(story, A, 0)
    assert limits(story) & layout.LIMITS_RATE == 0
    set_floor(story, A, 1)
    assert limits(story) & layout.LIMITS_RATE


# Open interest.


@pytest.mark.parametrize(
    ("open_lots", "expected"),
    [
        (10, 2_079),
        (90, 2_079),  # with the order's own 10 the lower bound
        (91, 2_304),  # ceil(97% x 1 / 300) = 3,233,334 PPB: 3.3233334% of 69,300 is 2303.07
        (240, 35_690),  # half-way to 100%: 51.5% is 35,689.5
        (390, 69_300),
        (401, 69_300),
    ],
)
def test_rule_8_6_the_rate_rises_with_open_interest_to_all_of_the_value(open_lots, expected):
    story = market(open_interest_scale_low_lots=100, open_interest_scale_high_lots=400)
    story.trade(B, C, open_lots, 1_000)
    story.order(A, BUY, 10, 990)
    assert reserve(story) == expected


def test_rule_8_6_the_rate_of_a_reserve_is_rounded_up():
    """97% / 300 are 3,233,333.3 PPB of the 10^9 that a lot is worth."""
    rates = {"initial_ppb": 3 * PERCENT, "maintenance_ppb": PERCENT}
    most = {"order_lots_max": 9, "position_lots_max": 9, "open_interest_lots_max": 900}
    line = {"open_interest_scale_high_lots": 300, "price_ticks_max": 2_000}
    story = Story(contract(tick_value=10**6, **rates, **most, **line))
    story.open(A, RICH)
    story.price(1_000)
    story.order(A, BUY, 1, 1_000)
    assert reserve(story) == 33_233_334


@pytest.mark.parametrize(
    ("cash", "code"), [(1_399_999, R.MARGIN_INSUFFICIENT), (1_400_000, R.OK)]
)
def test_rule_8_6_nobody_jumps_the_line_with_one_order(cash, code):
    """Nobody holds anything, and 200 lots would bring open interest to the upper bound: they are
    paid in full, not at the 3% of before."""
    story = market(cash, open_interest_scale_low_lots=100, open_interest_scale_high_lots=200)
    story.order(B, SELL, 200, 1_000)
    assert refusal(story.order(A, BUY, 200, 1_000)) == code
    assert code != R.OK or story.position(A)["margin_initial"] == 1_400_000


def test_rule_8_6_what_closes_adds_nothing_to_open_interest():
    """Long 50 of 50, on a line to 100 lots: 51.5% for 50 lots that are sold, 70.9% of 140,000 for
    20 more, which are opened, and all of 210,000 for 30 beside them."""
    story = market(open_interest_scale_high_lots=100)
    story.trade(A, B, 50, 1_000)
    story.order(A, SELL, 50, 1_000)
    assert reserve(story) == 180_250
    story.order(A, SELL, 20, 1_000)
    assert reserve(story) == 180_250 + 99_260
    story.order(A, SELL, 30, 1_000)
    assert reserve(story) == 180_250 + 99_260 + 210_000


def test_rule_8_6_who_turns_over_pays_for_what_is_opened():
    """A long 100 of 100, on a line from 100 to 300 lots, sells 200: half of the line by what is
    opened, 51.5% of 1,400,000, though no more lots are held than before."""
    story = market(open_interest_scale_low_lots=100, open_interest_scale_high_lots=300)
    story.trade(A, B, 100, 1_000)
    story.order(A, SELL, 200, 1_000)
    assert reserve(story) == 721_000


def test_rule_8_6_a_position_s_margin_follows_open_interest_both_ways():
    """0 to 100 lots: 10 lots are 3% + 9.7%, 50 are 3% + 48.5%."""
    story = market(open_interest_scale_high_lots=100)
    story.trade(A, B, 10, 1_000)
    assert story.position(A)["margin_initial"] == 8_890
    story.trade(C, B, 40, 1_000)
    assert story.position(A)["margin_initial"] == 36_050
    story.trade(B, C, 40, 1_000)
    assert story.position(A)["margin_initial"] == 8_890


@pytest.mark.parametrize(
    ("open_lots", "margin"),
    [
        (10, 3_150),
        (20, 3_150),
        (21, 3_819),
        (70, 36_575),
        (119, 69_332),
        (120, 70_000),
        (121, 70_000),
    ],
)
def test_rule_8_6_the_line_begins_at_what_the_tiers_say(open_lots, margin):
    """20 to 120 lots, A's 10 among them: 4200 - 1050 by tiers, and a hundredth of the other 66,850
    for each lot above 20: 668.5, 33,425, 66,181.5. Nothing of the deduction is lost at a step."""
    bounds_of = {"open_interest_scale_low_lots": 20, "open_interest_scale_high_lots": 120}
    story = market(tiers=STEPS, **bounds_of)
    story.trade(A, B, 10, 1_000)
    if open_lots > 10:
        story.trade(C, B, open_lots - 10, 1_000)
    assert story.position(A)["margin_initial"] == margin


@pytest.mark.parametrize(
    ("floor_ppb", "margin", "order_reserve"),
    [
        (5 * PERCENT, 8_890, 15_524),
        (12 * PERCENT, 8_890, 15_524),
        (13 * PERCENT, 9_100, 15_524),
        (23 * PERCENT, 16_100, 15_939),
    ],
)
def test_rule_8_1_the_largest_of_all_raises_counts(floor_ppb, margin, order_reserve):
    """10 of 100 lots: 12.7% by open interest, 22.4% with the 10 of the order, 10% by the contract,
    and the account's own."""
    terms = {"open_interest_scale_high_lots": 100, "rate_initial_min_ppb": 10 * PERCENT}
    must_hold(margin, order_reserve, floor_ppb, **terms)


@pytest.mark.parametrize(
    ("terms", "is_listed"),
    [
        ({"rate_initial_min_ppb": PPB}, True),
        ({"rate_initial_min_ppb": PPB + 1}, False),
        ({"rate_initial_min_ppb": -1}, False),
        ({"open_interest_scale_high_lots": 1}, True),
        ({"open_interest_scale_high_lots": bounds.LOTS_MAX}, True),
        ({"open_interest_scale_high_lots": bounds.LOTS_MAX + 1}, False),
        ({"open_interest_scale_low_lots": 1}, False),
        ({"open_interest_scale_low_lots": 1, "open_interest_scale_high_lots": 1}, False),
        ({"open_interest_scale_low_lots": -1, "open_interest_scale_high_lots": 1}, False),
    ],
)
def test_rule_8_6_bounds_at_listing(terms, is_listed):
    assert (check_config(Config(contracts=(spec(**terms),))) == []) is is_listed


# Refusals.


def floor(account: int, rate_ppb: int = 20 * PERCENT, **terms: int) -> SetLeverage:
    fields = {"time_ns": START_NS, "client_id": 1_000, "contract": 1} | terms
    return SetLeverage(account=account, rate_initial_ppb=rate_ppb, **fields)


def poor() -> Story:
    """D is long 10 at 1000 with 1510: that is 15.1%."""
    story = Story(listing(1, rate_initial_min_ppb=PERCENT), listing(2))
    for account, cash in ((B, 100_000), (D, 1_510)):
        story.open(account, cash)
    story.price(1, 1_000, 2, 800)
    story.order(D, BUY, 10, 1_000)
    story.order(B, SELL, 10, 1_000)
    assert story.equity(D) == 1_510
    return story


# fmt: off
TABLE: list[Row] = [
    (unset, floor(A), R.TIME_AHEAD),
    (trading, floor(A), R.OK),
    (trading, floor(-1), R.ACCOUNT_UNKNOWN),
    (trading, floor(FUND), R.ACCOUNT_UNKNOWN),
    (trading, floor(H, contract=0), R.ACCOUNT_UNKNOWN),
    (trading, floor(A, client_id=0, contract=0), R.CLIENT_ID_NOT_POSITIVE),
    (id_100, floor(A, client_id=100, contract=0), R.CLIENT_ID_DUPLICATE),
    (id_100, floor(A, client_id=36), R.CLIENT_ID_TOO_OLD),
    (trading, floor(A, contract=-1), R.CONTRACT_UNKNOWN),
    (trading, floor(A, contract=0, rate_ppb=-1), R.CONTRACT_UNKNOWN),
    (trading, floor(A, contract=2), R.OK),
    (trading, floor(A, contract=3), R.CONTRACT_UNKNOWN),
    (trading, floor(A, rate_ppb=-1), R.RATE_INVALID),
    (trading, floor(A, rate_ppb=0), R.OK),
    (trading, floor(A, rate_ppb=PPB), R.OK),
    (trading, floor(A, rate_ppb=PPB + 1), R.RATE_INVALID),
    (liquidating, floor(D, rate_ppb=PPB + 1), R.RATE_INVALID),
    (liquidating, floor(D, rate_ppb=0), R.ACCOUNT_IN_LIQUIDATION),
    (held, floor(A), R.OK),
    (holding, floor(A, rate_ppb=PPB), R.OK),
    (poor, floor(D, rate_ppb=151_000_000), R.OK),
    (poor, floor(D, rate_ppb=151_000_001), R.MARGIN_INSUFFICIENT),
    (poor, floor(D, rate_ppb=PPB + 1), R.RATE_INVALID),
    (poor, floor(D, rate_ppb=PPB, contract=2), R.OK),
]
# fmt: on


@pytest.mark.parametrize(("state", "command", "code"), TABLE, ids=map(row_id, TABLE))
def test_rule_8_1_refusal_of_a_floor(state, command, code):
    must_answer(state, command, code)
