"""What no netting takes from a portfolio's initial margin: floors, caps and the line of open
interest, leg by leg, and what its orders are compared with; every figure worked out by hand (8.7).
Legs are worth 1,000 mostly, hedged in full: the moves ask for 25 of it, a fifth of what the tiers
say for 40."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.desk import BUY, SELL, A, B, C, D, Desk, code_of
from tests.oracle.test_leverage import PERCENT, TWO_TIERS
from tests.oracle.test_margin_steps import scale
from tests.oracle.test_portfolio import cap, hold, left_with, margins, opened, related, reserve_of


@pytest.mark.parametrize(
    ("rate", "margin"),
    [
        (0, 40),  # a fifth of what the tiers say, 200
        (2 * PERCENT, 40),  # 20 of each leg
        (2 * PERCENT + 1, 42),  # 20.000001 of each
        (5 * PERCENT, 100),
        (10 * PERCENT, 200),  # the rate of the tier
        (10 * PERCENT + 1, 202),
        (PPB, 2_000),
    ],
)
def test_8_7_a_cap_holds_for_each_leg_whatever_its_tier_asks_for(rate, margin):
    desk = opened()
    hold(desk, 10, -10)
    cap(desk, rate)
    assert margins(desk) == (20, margin)


@pytest.mark.parametrize(("rate", "margin"), [(3, 40), (5, 50), (10, 100), (11, 110)])
def test_8_7_a_floor_of_one_leg_holds_for_that_leg(rate, margin):
    """The contract's, or the account's own there."""
    desk = opened(related(rate_initial_min_ppb=rate * PERCENT), related(2))
    hold(desk, 10, -10)
    assert margins(desk) == (20, margin)
    own = opened()
    hold(own, 10, -10)
    own.client(commands.SetLeverage, A, contract=2, rate_initial_ppb=rate * PERCENT)
    assert margins(own) == (20, margin)


def test_8_7_a_floor_between_the_tiers_holds_where_the_deduction_is_more():
    """15% of 3,000 in both legs, for which the tiers ask for 400 and 300; then the second leg has
    a floor of its own of 18%."""
    desk = opened(related(tiers=TWO_TIERS), related(2))
    hold(desk, 30, -30)
    cap(desk, 15 * PERCENT)
    assert margins(desk)[1] == 450 + 450
    desk.client(commands.SetLeverage, A, contract=2, rate_initial_ppb=18 * PERCENT)
    assert margins(desk)[1] == 450 + 540


@pytest.mark.parametrize(
    ("interest", "margin"),
    [
        (50, 40),
        (51, 42),  # 10 of the leg, but a fifth of 109 + 100 is 41.8
        (53, 46),  # 30 of it; a fifth of 127 + 100 is 45.4
        (55, 50),  # 50 of it; a fifth of 145 + 100 is 49
        (60, 100),
        (100, 500),
        (150, 1_000),
        (200, 1_000),
    ],
)
def test_8_7_at_the_end_of_the_line_a_leg_is_paid_in_full(interest, margin):
    """A hundredth of 1,000 for each lot above 50."""
    desk = opened(related(**scale(50, 150)), related(2))
    hold(desk, 10, -10)
    desk.deal(C, D, interest - 10, 100)
    assert margins(desk) == (20, margin)


def test_8_7_the_line_counts_or_the_floor_whichever_is_more():
    """30% of the line in the first leg, a cap of 20% in the second; then a cap of 40% in both."""
    desk = opened(related(**scale(50, 150)), related(2))
    hold(desk, 10, -10)
    desk.deal(C, D, 70, 100)
    for rate, margin in ((20, 300 + 200), (40, 400 + 400)):
        cap(desk, rate * PERCENT)
        assert margins(desk) == (20, margin)


def test_8_7_a_line_is_rounded_up_to_a_rate():
    """A seventh is 142,857,142.86; ten lots are worth 10^10, and the other leg has no line."""
    dear = {"tick_value": 10**7, "open_interest_lots_max": 50_000}
    desk = opened(related(**dear | scale(9, 16)), related(2, **dear), cash=10**11)
    hold(desk, 10, -10)
    assert margins(desk)[1] == 1_428_571_430


# What its orders are compared with.


def sells_until_refused(desk: Desk) -> int:
    """A, ten lots at the mark each time; how often it could."""
    for number in range(100):
        desk.place(B, BUY, 10, 100)
        found = desk.place(A, SELL, 10, 100)
        if found[0][-1] == events.REFUSED:
            assert code_of(found) == refusals.MARGIN_INSUFFICIENT
            return number
    raise AssertionError("never refused")


def test_8_7_no_order_passes_because_a_larger_one_rests_on_the_other_side():
    """12.5% of 4,000 are reserved for what rests. Ten lots sold add 125 to what is held, and their
    reserve of 125 nothing to the 500: at 625 with 500 the sixth time is one too many for 1,000.
    Without what rested there is room for 1,000 less the 125 that the last one reserves."""
    desk = opened(cash=1_000)
    order = desk.place(A, BUY, 80, 50)[0][1]
    assert reserve_of(desk) == 500
    assert sells_until_refused(desk) == 5
    assert desk.position(A) == (-50, -5_000) and margins(desk) == (500, 625 + 500)
    desk.client(commands.CancelOrder, A, order_id=order)
    assert sells_until_refused(desk) == 3
    assert margins(desk) == (800, 1_000)


@pytest.mark.parametrize(("cash", "is_enough"), [(405, True), (404, False)])
def test_8_7_what_only_closes_is_compared_with_its_fee_too(cash, is_enough):
    """125 are held for ten lots, 250 reserved for what rests with a fee of 20; the sale's reserve
    of 125 is not more than that, its fee of 10 is. An order that may only reduce is not asked."""
    desk = opened(related(fee_taker_ppb=PERCENT), related(2))
    hold(desk, 10)
    desk.place(A, BUY, 40, 50)
    left_with(desk, cash)
    found = desk.place(A, SELL, 10, 100)
    assert found[0][-1] == (events.ORDER_ACCEPTED if is_enough else events.REFUSED)
    if not is_enough:
        assert code_of(found) == refusals.MARGIN_INSUFFICIENT
        found = desk.place(A, SELL, 10, 100, flags=words.REDUCE_ONLY)
        assert found[0][-1] == events.ORDER_ACCEPTED
