"""Who is below zero converts before he is anybody's debtor (8.4, 10.4), worked out by hand."""

import pytest

from engine.schema import commands, events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.collateral_desk import (
    CONVERTED,
    IMPAIRED,
    SECOND,
    asset,
    bring,
    coin,
    held,
    judge,
    opened,
    stablecoin,
)
from tests.oracle.desk import BUY, DAY, HOURS_8, SELL, A, B, C, D, Desk, contract, of_kind
from tests.oracle.price_terms import MINUTE

STARTED, CLOSED = events.LIQUIDATION_STARTED, events.WATERFALL_CLOSED
DELEVERAGED, CALLED = events.POSITION_DELEVERAGED, events.MARGIN_CALLED
STEPPED, STATE = events.LIQUIDATION_STEPPED, events.STATE_CHANGED
FUNDED, LEG = events.FUNDING_SETTLED, events.LEG
ALL_PAID = (CONVERTED, A, 1, 1_000, 900, 0, 900)


def in_coins(*others: int, **terms) -> Desk:
    """A, and these, have 1,000 coins each, which count for 400 and bring 900; each is long 30 at
    100 from B."""
    desk = opened(coin(), contracts=(contract(**terms),), fund_cash=10**4)
    desk.operator(commands.Deposit, account=B, amount=20_000)
    for account in (A, *others):
        bring(desk, account, 1_000)
        desk.deal(account, B, 30, 100)
    return desk


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (86, [ALL_PAID]),  # from -20 to 480, far above what it needs
        (74, [ALL_PAID, (CALLED, A, 120, 111)]),  # from -380; its call level is 134
        # from -410: B takes the position with this share
        (73, [ALL_PAID, (STARTED, A, 90, 110), (DELEVERAGED, A, 30, 2_100, -90, B, -90)]),
        (70, [ALL_PAID, (STARTED, A, 0, 105), (DELEVERAGED, A, 30, 2_100, 0, B)]),
        (
            69,
            [
                ALL_PAID,
                (STARTED, A, -30, 104),
                (DELEVERAGED, A, 30, 2_100, 30, B, 30),
                (CLOSED, A, 30, 0, 30),
            ],
        ),
    ],
)
def test_8_4_who_is_below_zero_by_a_haircut_is_no_debtor(mark, expected):
    desk = in_coins()
    order = desk.place(A, BUY, 1, 60)[0][1]
    found = desk.mark(mark)
    assert of_kind(found, CONVERTED, CALLED, STARTED, DELEVERAGED, CLOSED) == expected
    assert bool(of_kind(found, STATE)) is (mark == 69)  # nothing is in default without a debtor
    is_kept = order in desk.oracle.accounts[A].holdings[1].orders
    assert is_kept is (mark >= 74)


def test_8_4_who_is_not_below_zero_converts_nothing():
    """10 of 131: B takes it with the ten, which are paid with coins behind it."""
    desk = in_coins()
    found = desk.mark(87)
    kinds = [record[-1] for record in found if record[-1] in (STARTED, DELEVERAGED, CONVERTED)]
    assert kinds == [STARTED, DELEVERAGED, CONVERTED]
    assert not of_kind(found, CLOSED)


def test_8_4_the_lowest_converts_first_ties_by_id():
    """C has 10 lots more than the others: at 85 they stand at -50 and it stands at -200. All of
    them have 450 then, or 300 of C's."""
    desk = in_coins(C, D)
    desk.client(commands.Withdraw, C, amount=350)
    desk.deal(C, B, 10, 100)
    found = desk.mark(85)
    assert of_kind(found, CONVERTED, STARTED, CALLED) == [
        (CONVERTED, C, 1, 1_000, 900, 0, 900),
        (CONVERTED, A, 1, 1_000, 900, 0, 900),
        (CONVERTED, D, 1, 1_000, 900, 0, 900),
    ]


def test_8_4_who_is_brought_back_takes_his_new_place():
    """At 72 A is brought from -440 to 60; C, with 10 of cash on top, from -430 to 70; D had cash
    alone, and stands at 64, of 108 like them: it was the first to be named, now it is second."""
    desk = in_coins(C)
    desk.client(commands.Withdraw, C, amount=340)
    desk.operator(commands.Deposit, account=D, amount=904)
    desk.deal(D, B, 30, 100)
    found = desk.mark(72)
    assert of_kind(found, CONVERTED, STARTED)[:5] == [
        (CONVERTED, A, 1, 1_000, 900, 0, 900),
        (CONVERTED, C, 1, 1_000, 900, 0, 910),
        (STARTED, A, 60, 108),
        (STARTED, D, 64, 108),
        (STARTED, C, 70, 108),
    ]


def test_9_8_a_step_without_a_debtor_left_is_no_waterfall():
    """At 92 A has 160, of 138: its call level is 166. At 86 it is above it with what it converts,
    and may be called anew."""
    desk = in_coins()
    assert of_kind(desk.mark(92), CALLED) == [(CALLED, A, 160, 138)]
    found = desk.mark(86)
    assert of_kind(found, CONVERTED, CALLED, STARTED, CLOSED, STATE) == [ALL_PAID]
    assert not desk.oracle.accounts[A].was_called
    assert desk.oracle.markets[1].state == words.STATE_CONTINUOUS
    assert of_kind(desk.mark(75), CALLED) == []  # 150, of 113: its call level is 135
    assert of_kind(desk.mark(74), CALLED) == [(CALLED, A, 120, 111)]


def test_9_2_who_is_in_liquidation_stays_in_it_with_what_is_left():
    """At 87 A cannot close, as the contract collects orders; at 72 it has 60 left, and waits on."""
    desk = in_coins()
    desk.operator(commands.ChangeState, contract=1, state=words.STATE_PRE_OPEN)
    assert of_kind(desk.mark(87), STARTED) == [(STARTED, A, 10, 131)]
    found = desk.mark(72)
    assert of_kind(found, CONVERTED, STARTED, CLOSED, STEPPED) == [ALL_PAID]
    assert desk.oracle.accounts[A].in_liquidation


def test_8_4_a_debtor_is_one_with_what_others_have_left_for_him():
    """A has 1,000 coins, D 350 of cash more: at 60 they stand at -300 and at 50 behind it."""
    desk = in_coins(D)
    desk.operator(commands.Deposit, account=D, amount=350)
    found = desk.mark(60)
    assert of_kind(found, CONVERTED, STARTED, CLOSED) == [
        (CONVERTED, A, 1, 1_000, 900, 0, 900),
        (CONVERTED, D, 1, 1_000, 900, 0, 1_250),
        (STARTED, A, -300, 90),
        (STARTED, D, 50, 90),
        (CLOSED, A, 300, 0, 300),
    ]


def test_8_4_in_a_step_of_an_asset_too():
    """100 units at 1, of which 60% do not count any more. A is long 10 from 100, at 95: 40 - 50,
    and 100 - 50 converted. Of B, which has as much and no position, nothing is converted."""
    desk = opened(stablecoin(impaired_haircut_ppb=600_000_000))
    for account in (A, B):
        bring(desk, account, 100)
    desk.deal(A, C, 10, 100)
    desk.mark(95)
    found = judge(desk, 1)
    assert of_kind(found, IMPAIRED, CONVERTED, STARTED, CLOSED) == [
        (IMPAIRED, 0, 1, words.IMPAIRED_OPERATOR, 600_000_000),
        (CONVERTED, A, 1, 100, 100, 0, 100),
    ]
    assert (desk.cash(A), held(desk), held(desk, B)) == (100, {}, {1: 100})


def test_8_4_in_a_step_of_funding_too_and_none_is_settled_by_it():
    """14% of 3,000: -20 with the 400 that count, 480 with all."""
    names = ("funding_interest_ppb", "funding_clamp_ppb", "funding_cap_ppb")
    desk = in_coins(**dict.fromkeys(names, 140_000_000))
    desk.now = 11_574 * DAY + HOURS_8
    found = desk.operator(commands.AdvanceTime)
    assert of_kind(found, CONVERTED, STARTED, CLOSED, FUNDED) == [ALL_PAID]


def test_8_4_in_the_step_of_a_settlement_too():
    """One index value, of 86, is kept: A has 480 left when its position closes."""
    desk = in_coins(funding_sample_ns=MINUTE, delisting_samples=1)
    desk.oracle.accounts[A].cash = 1_000  # as long as it stands at 86
    desk.oracle.deposits += 1_000
    desk.mark(86)
    desk.wait(MINUTE)
    desk.mark(100)
    desk.oracle.accounts[A].cash = 0
    desk.oracle.deposits -= 1_000
    desk.operator(commands.ChangeState, contract=1, state=words.STATE_SUSPENDED)
    found = desk.operator(commands.ChangeState, contract=1, state=words.STATE_SETTLING)
    assert of_kind(found, CONVERTED, STARTED, CLOSED, LEG) == [
        ALL_PAID,
        (LEG, A, 0, 0, 0, 0, -420, 480),
        (LEG, B, 0, 0, 0, 0, 420, 21_420),
    ]


def test_8_4_whom_a_waterfall_has_made_short_can_be_below_zero_in_the_next_step():
    """D, long 10 at 100 with 100 of cash, is 50 below zero at 85. A, short of them from 80, gives
    that up: its cash is -100, and its 300 coins count for 120. The second contract, of which it is
    long 5 at 100, falls by 30: -130. Converted it has 270 - 100 of cash, and 20 left."""
    desk = opened(coin(), contracts=(contract(), contract(2)), fund_cash=10**4)
    bring(desk, A, 1_000)
    desk.operator(commands.Deposit, account=D, amount=100)
    desk.mark(80, 100)
    desk.deal(B, A, 10, 80)
    desk.deal(A, B, 5, 100, 2)
    desk.client(commands.WithdrawCollateral, A, asset=1, quantity=200)
    desk.mark(80, 100)
    desk.confirm(A)
    desk.mark(100, 100)
    desk.deal(D, B, 10, 100)
    second = {"contract_2": 1, "price_ticks_2": 85, "contract_3": 2, "price_ticks_3": 40}
    found = desk.operator(commands.PublishPrice, source=1, contract=1, price_ticks=85, **second)
    # 320 - 100 - 300; 720 are paid for the 800 that are left
    assert of_kind(found, CLOSED, CONVERTED, STARTED, CALLED) == [
        (STARTED, D, -50, 43),
        (CLOSED, D, 50, 0, 50),
        (CONVERTED, A, 1, 800, 720, 0, 620),
    ]


def test_10_4_what_nobody_says_any_more_brings_less():
    """1,000 at 1 are silent, and 20% do not count: A has 800. At 73 its 30 lots have lost 810. The
    units bring 0.8 each, not 1: it is still 10 below zero."""
    desk = opened(asset(impaired_haircut_ppb=200_000_000, stale_ns=10 * SECOND))
    desk.operator(commands.Deposit, account=B, amount=20_000)
    bring(desk, A, 1_000)
    desk.deal(A, B, 30, 100)
    desk.wait(10 * SECOND + 1)
    found = desk.mark(73)
    assert of_kind(found, CONVERTED, STARTED, CLOSED) == [
        (CONVERTED, A, 1, 1_000, 800, 0, 800),
        (STARTED, A, -10, 110),
        (CLOSED, A, 10, 0, 10),
    ]
    assert desk.oracle.assets[1].price == PPB


def test_9_5_a_short_account_of_silent_units_is_paid_what_they_count_for():
    """0.6 each, of which 10% do not count: 200 units are 120 - 12. A loses 50, which 93 units pay
    at 0.54, as 50.22. The 107 left count for 64 - 7, which is 51 less: so that is paid."""
    desk = opened(asset(stale_ns=10 * SECOND), prices=(600_000_000,))
    bring(desk, A, 200)
    desk.deal(A, C, 10, 100)
    desk.wait(10 * SECOND + 1)
    desk.mark(95)
    desk.place(C, BUY, 10, 95)
    found = desk.place(A, SELL, 10, 95)
    assert of_kind(found, CONVERTED) == [(CONVERTED, A, 1, 93, 51, 107, 1, 57)]
