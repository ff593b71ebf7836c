"""What raises initial margin: the contract, the account and open interest, every figure worked out
by hand from the rulebook (8.1, 8.6). Where its steps are is in `test_margin_steps.py`."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema.bounds import PPB
from engine.schema.contract import Tier
from tests.oracle.accounts import withdrawable
from tests.oracle.desk import BUY, FUND, SELL, A, B, C, D, Desk, code_of, contract, of_kind
from tests.oracle.test_auctions import AUCTION, change

PERCENT = 10_000_000
SET = events.LEVERAGE_SET
CALLS = (events.MARGIN_CALLED, events.LIQUIDATION_STARTED)
TWO_TIERS = (Tier(0, 10 * PERCENT, 5 * PERCENT), Tier(2_000, 20 * PERCENT, 10 * PERCENT))


def opened(cash: int = 10_000, **changes) -> Desk:
    """A with this much money, others with plenty; 10% initial, 5% maintenance, a mark of 100."""
    desk = Desk(contract(**changes))
    desk.open((A, cash), (B, 10**15), (C, 10**15), (D, 10**15))
    desk.mark(100)
    return desk


def choose(desk: Desk, rate: int, account: int = A, number: int = 1) -> list[tuple]:
    return desk.client(commands.SetLeverage, account, contract=number, rate_initial_ppb=rate)


def reserve_of(desk: Desk, account: int, side: int = BUY, number: int = 1) -> int:
    found: int = desk.oracle.state()["accounts"][account]["reserves"][number][side]
    return found


def free(desk: Desk, account: int = A) -> int:
    """What may be withdrawn: equity less initial margin, where that is 10% or more."""
    return withdrawable(desk.oracle, desk.oracle.accounts[account])


# The contract's own floor.


@pytest.mark.parametrize(
    ("rate", "lots", "reserve"),
    [
        (0, 10, 100),
        (5 * PERCENT, 10, 100),
        (15 * PERCENT, 10, 150),
        (15 * PERCENT, 30, 600),  # its tier asks for 20%
        (25 * PERCENT, 30, 750),
        (PPB, 30, 3_000),
    ],
)
def test_8_1_a_reserve_is_at_the_raised_rate_of_its_tier(rate, lots, reserve):
    desk = opened(tiers=TWO_TIERS, rate_initial_min_ppb=rate)
    desk.place(A, BUY, lots, 100)
    assert reserve_of(desk, A) == reserve


@pytest.mark.parametrize(
    ("rate", "margin"),
    [
        (0, 400),  # 10% of 2,000 and 20% of 1,000
        (133_333_333, 400),  # 399.999999
        (133_333_334, 401),  # 400.000002
        (15 * PERCENT, 450),
        (20 * PERCENT, 600),  # the rate of the tier, without its deduction
        (20 * PERCENT + 1, 601),  # 600.000003
        (25 * PERCENT, 750),
        (PPB, 3_000),
    ],
)
def test_8_1_a_floor_holds_for_the_whole_position_in_every_tier(rate, margin):
    desk = opened(tiers=TWO_TIERS, rate_initial_min_ppb=rate)
    desk.deal(A, B, 30, 100)
    assert free(desk) == 10_000 - margin


def test_8_1_an_inverse_position_is_held_at_its_size():
    """10 x 10,000 at 25%, then 10 x 12,500 when a lot has lost 2,500."""
    desk = opened(10**6, tick_value=0, contract_value=10**6, rate_initial_min_ppb=25 * PERCENT)
    desk.deal(A, B, 10, 100)
    assert free(desk) == 10**6 - 25_000
    desk.mark(80)
    assert free(desk) == 10**6 - 25_000 - 31_250


def test_8_1_maintenance_is_never_raised():
    """At 91 there are 910 left, which is all that 100% asks for, and at 60 only 600."""
    desk = opened(1_000, rate_initial_min_ppb=PPB)
    desk.deal(A, B, 10, 100)
    assert not of_kind(desk.mark(91), *CALLS) and not of_kind(desk.mark(60), *CALLS)


# The account's.


def test_8_1_an_account_chooses_for_itself_and_one_contract():
    desk = Desk(contract(), contract(2))
    desk.open((A, 10_000), (B, 10_000))
    desk.mark(100, 100)
    assert of_kind(choose(desk, 50 * PERCENT), SET) == [(SET, A, 50 * PERCENT, desk.ids)]
    desk.place(A, BUY, 10, 100)
    desk.place(A, BUY, 10, 100, 2)
    desk.place(B, BUY, 10, 100)
    assert (reserve_of(desk, A), reserve_of(desk, A, number=2)) == (500, 100)
    assert reserve_of(desk, B) == 100


@pytest.mark.parametrize(
    ("own", "reserve"), [(0, 250), (20 * PERCENT, 250), (30 * PERCENT, 300), (PPB, 1_000)]
)
def test_8_1_the_largest_counts(own, reserve):
    desk = opened(rate_initial_min_ppb=25 * PERCENT)
    choose(desk, own)
    desk.place(A, BUY, 10, 100)
    assert reserve_of(desk, A) == reserve


def test_8_1_it_can_be_taken_back():
    desk = opened()
    for rate, margin in ((40 * PERCENT, 400), (15 * PERCENT, 150), (0, 100)):
        choose(desk, rate)
        if not desk.position(A)[0]:
            desk.deal(A, B, 10, 100)
        assert free(desk) == 10_000 - margin
        assert desk.oracle.state()["accounts"][A]["rates_initial"] == ({1: rate} if rate else {})


def test_8_2_working_orders_keep_what_was_reserved_until_they_arrive_anew():
    desk = opened()
    order = desk.place(A, BUY, 10, 100)[0][1]
    choose(desk, 50 * PERCENT)
    assert reserve_of(desk, A) == 100
    desk.client(commands.AmendOrder, A, order_id=order, price_ticks=99, lots=10)
    assert reserve_of(desk, A) == 495


def test_8_1_it_needs_no_trading_and_makes_the_contract_the_accounts_next():
    """There is no price yet; then A trades in the other one first."""
    desk = Desk(contract(), contract(2))
    desk.open((A, 10_000), (B, 10_000))
    assert of_kind(choose(desk, PPB, number=2), SET) == [(SET, A, PPB, desk.ids)]
    desk.mark(100, 100)
    desk.place(A, BUY, 10, 100)
    desk.place(A, BUY, 10, 100, 2)
    assert desk.oracle.state()["accounts"][A]["contracts"] == [2, 1]
    assert reserve_of(desk, A, number=2) == 1_000


# What is refused.


def refusal(desk: Desk, **fields) -> int:
    desk.ids += 1
    whole = {"account": A, "client_id": desk.ids, "contract": 1, "rate_initial_ppb": 0} | fields
    return code_of(desk.do(commands.SetLeverage(time_ns=desk.now, **whole)))


def test_8_1_what_is_wrong_is_refused_in_its_order():
    """A waits for the auction of a position that is being liquidated, and can't cover anything."""
    desk = opened(100)
    desk.deal(A, B, 10, 100)
    change(desk, AUCTION)
    assert of_kind(desk.mark(94), *CALLS)
    # each is wrong in all that the next ones are
    wrong = {"account": FUND, "client_id": 0, "contract": 3, "rate_initial_ppb": PPB + 1}
    for name, code in (
        ("account", refusals.ACCOUNT_UNKNOWN),
        ("client_id", refusals.CLIENT_ID_NOT_POSITIVE),
        ("contract", refusals.CONTRACT_UNKNOWN),
        ("rate_initial_ppb", refusals.RATE_INVALID),
    ):
        assert refusal(desk, **wrong) == code
        del wrong[name]
    assert refusal(desk, rate_initial_ppb=-1) == refusals.RATE_INVALID
    assert refusal(desk, rate_initial_ppb=PPB) == refusals.ACCOUNT_IN_LIQUIDATION
    assert refusal(desk, client_id=desk.ids - 1) == refusals.CLIENT_ID_DUPLICATE


def test_8_1_a_rate_that_the_account_can_not_cover_is_refused():
    """30% of 1,000 is what there is."""
    desk = opened(300)
    desk.deal(A, B, 10, 100)
    assert refusal(desk, rate_initial_ppb=30 * PERCENT + 1) == refusals.MARGIN_INSUFFICIENT
    assert free(desk) == 200  # as before
    assert of_kind(choose(desk, 30 * PERCENT), SET)
    assert free(desk) == 0


def test_8_1_other_contracts_and_working_orders_count_in_the_requirement():
    """Of 500 an order elsewhere has reserved 100 and a fee of 10: 39% of 1,000 are left."""
    desk = Desk(contract(), contract(2, fee_maker_ppb=PERCENT))
    desk.open((A, 500), (B, 10_000))
    desk.mark(100, 100)
    desk.deal(B, A, 10, 100)
    desk.place(A, BUY, 10, 100, 2)
    assert refusal(desk, rate_initial_ppb=39 * PERCENT + 1) == refusals.MARGIN_INSUFFICIENT
    assert of_kind(choose(desk, 39 * PERCENT), SET)


def test_8_1_one_that_asks_for_less_than_before_is_never_refused():
    """At 95 equity is 250, and 30% of 950 are 285."""
    desk = opened(300)
    desk.deal(A, B, 10, 100)
    choose(desk, 30 * PERCENT)
    desk.mark(95)
    assert refusal(desk, rate_initial_ppb=31 * PERCENT) == refusals.MARGIN_INSUFFICIENT
    assert of_kind(choose(desk, 30 * PERCENT), SET)
    assert of_kind(choose(desk, 28 * PERCENT), SET)
    assert refusal(desk, rate_initial_ppb=30 * PERCENT) == refusals.MARGIN_INSUFFICIENT


def test_8_1_a_position_that_orders_outweigh_may_ask_for_as_much_as_they():
    """Long 10 with sales of 30: 300 less the position's own 100 are the requirement, and 200 of
    the position's own would be one, too."""
    desk = opened(200)
    desk.deal(A, B, 10, 100)
    desk.place(A, SELL, 30, 100)
    assert reserve_of(desk, A, SELL) == 300 and free(desk) == 0
    assert of_kind(choose(desk, 15 * PERCENT), SET) and free(desk) == 50
    assert of_kind(choose(desk, 20 * PERCENT), SET) and free(desk) == 0
    assert refusal(desk, rate_initial_ppb=20 * PERCENT + 1) == refusals.MARGIN_INSUFFICIENT


# Open interest.


@pytest.mark.parametrize(
    ("interest", "reserve"),
    [(89, 100), (90, 100), (91, 105), (150, 370), (289, 996), (290, 1_000), (400, 1_000)],
)
def test_8_6_the_rate_rises_with_open_interest_to_all_of_it(interest, reserve):
    """90% / 200 for each lot above 100, the 10 of the order with them: at 101 that is 10.45%, at
    299 it is 99.55%."""
    scale = {"open_interest_scale_low_lots": 100, "open_interest_scale_high_lots": 300}
    desk = opened(**scale)
    desk.deal(B, C, interest, 100)
    desk.place(A, BUY, 10, 100)
    assert reserve_of(desk, A) == reserve


def test_8_6_its_rise_is_rounded_up():
    """A seventh of 900,000,000 is 128,571,428.57; ten lots are worth 10^10."""
    scale = {"open_interest_scale_low_lots": 100, "open_interest_scale_high_lots": 107}
    desk = opened(10**12, tick_value=10**7, **scale)
    desk.deal(B, C, 91, 100)
    desk.place(A, BUY, 10, 100)
    assert reserve_of(desk, A) == 2_285_714_290


def test_8_6_it_rises_from_the_rate_of_the_tier_and_not_from_other_floors():
    """At 50 of 100 lots 10% becomes 55%, at 65 20% becomes 72%, though the contract asks for 30% at
    least."""
    desk = opened(
        tiers=TWO_TIERS,
        rate_initial_min_ppb=30 * PERCENT,
        open_interest_scale_low_lots=0,
        open_interest_scale_high_lots=100,
    )
    desk.deal(B, C, 40, 100)
    for lots, reserve in ((10, 550), (15, 550 + 1_080)):  # with both the tier of 2,000
        desk.place(A, BUY, lots, 100)
        assert reserve_of(desk, A) == reserve


def test_8_6_positions_follow_it_and_reserves_do_not():
    """Whoever trades makes the positions of all ask for more, or for less again."""
    scale = {"open_interest_scale_low_lots": 0, "open_interest_scale_high_lots": 100}
    desk = opened(**scale)
    desk.deal(A, B, 10, 100)
    assert free(desk) == 10_000 - 190  # 10% + 9%
    desk.place(A, BUY, 10, 99)
    assert reserve_of(desk, A) == 278  # 10% + 18% of 990 rounded up: 20 lots when it has filled
    desk.deal(C, D, 90, 100)
    assert reserve_of(desk, A) == 278 and free(desk) == 10_000 - 1_000 - 278
    desk.deal(D, C, 40, 100)
    assert free(desk) == 10_000 - 640 - 278  # 10% + 54%


LINE = {"open_interest_scale_low_lots": 100, "open_interest_scale_high_lots": 300}


def on_the_line(cash: int = 10_000, **changes) -> Desk:
    """100 lots are held by others: where the line begins."""
    desk = opened(cash, **LINE | changes)
    desk.deal(B, C, 100, 100)
    return desk


@pytest.mark.parametrize(
    ("lots", "reserve"),
    [
        (100, 5_500),  # halfway: 55% of 10,000
        (199, 19_811),  # 99.55% of 19,900 are 19,810.45
        (200, 20_000),
        (300, 30_000),
    ],
)
def test_8_6_one_order_can_not_jump_the_line(lots, reserve):
    """Its own lots count as if they were held. A tenth of its value was 1,000 to 3,000."""
    found = on_the_line(reserve - 1).place(A, BUY, lots, 100)
    assert code_of(found) == refusals.MARGIN_INSUFFICIENT
    desk = on_the_line(reserve)
    desk.place(A, BUY, lots, 100)
    assert reserve_of(desk, A) == reserve


def test_8_6_what_has_filled_is_open_interest_and_not_added_again():
    """Of 100 lots at 55% 40 fill: 60 keep 3,300 of 5,500, and 400 + a fifth of 3,600 are held.
    Arriving anew at 99 the 60 go from 140 to 200, to which the 100 went: 55% of 5,940."""
    desk = on_the_line()
    desk.place(D, SELL, 40, 100)
    order = desk.place(A, BUY, 100, 100)[0][1]
    assert desk.position(A) == (40, 4_000)
    assert reserve_of(desk, A) == 3_300 and free(desk) == 10_000 - 1_120 - 3_300
    desk.client(commands.AmendOrder, A, order_id=order, price_ticks=99, lots=100)
    assert reserve_of(desk, A) == 3_267 and free(desk) == 10_000 - 1_120 - 3_267


@pytest.mark.parametrize(
    ("lots", "reserve"),
    [
        (50, 1_625),  # closes: at 150 that is 32.5%
        (100, 5_500),  # to a short of as many, opened: 55% at 200
        (120, 7_680),  # 70 opened: 64% at 220
    ],
)
def test_8_6_an_order_adds_what_it_opens(lots, reserve):
    """50 of 150 lots are A's."""
    desk = on_the_line()
    desk.deal(A, B, 50, 100)
    desk.deal(D, C, 50, 100)
    assert desk.oracle.markets[1].open_interest() == 150
    desk.place(A, SELL, lots, 100)
    assert reserve_of(desk, A, SELL) == reserve


def test_8_6_of_both_sides_the_larger_one_is_added():
    """60 lots: 37% of 6,000. Then 80: 46% of 8,080, which is 3,716.8. Ten more buys are 70
    together, so the 80 count for them, too: 46% of 1,000."""
    desk = on_the_line()
    for side, lots, price, reserve in (
        (BUY, 60, 100, 2_220),
        (SELL, 80, 101, 3_717),
        (BUY, 10, 100, 2_220 + 460),
    ):
        desk.place(A, side, lots, price)
        assert reserve_of(desk, A, side) == reserve


def test_8_6_an_inverse_order_goes_up_the_line_by_lots():
    """Three lots of 10,000 are held, the line goes to seven: two lots more are at 55%, of 20,000
    or at 80 of 25,000; of those four that are sold at 125 all 32,000 are reserved."""
    scale = {"open_interest_scale_low_lots": 3, "open_interest_scale_high_lots": 7}
    for side, lots, price, reserve in (
        (BUY, 2, 100, 11_000),
        (BUY, 2, 80, 13_750),
        (SELL, 4, 125, 32_000),
    ):
        desk = opened(10**6, tick_value=0, contract_value=10**6, **scale)
        desk.deal(B, C, 3, 100)
        desk.place(A, side, lots, price)
        assert reserve_of(desk, A, side) == reserve


def test_8_6_it_starts_no_liquidation():
    scale = {"open_interest_scale_low_lots": 0, "open_interest_scale_high_lots": 100}
    desk = opened(200, **scale)
    desk.deal(A, B, 10, 100)
    desk.deal(C, D, 90, 100)
    assert not of_kind(desk.mark(99), *CALLS) and free(desk) == 0
    # what only reduces raises nothing
    assert desk.place(A, SELL, 10, 99)[0][-1] == events.ORDER_ACCEPTED
    assert code_of(desk.place(A, BUY, 1, 99)) == refusals.MARGIN_INSUFFICIENT
