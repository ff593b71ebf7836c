"""Collateral that becomes cash (8.4, 10.4): when, at which price, and how much of it. Every figure
is worked out by hand."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.collateral_desk import (
    CONVERTED,
    DEPOSITED,
    asset,
    bring,
    coin,
    held,
    judge,
    opened,
    say,
    stablecoin,
    steps,
    take,
    value,
)
from tests.oracle.desk import (
    BUY,
    DAY,
    HOURS_8,
    SELL,
    A,
    B,
    C,
    D,
    Desk,
    code_of,
    contract,
    of_kind,
)

LEG, TRADE, CANCELLED = events.LEG, events.TRADE, events.ORDER_CANCELLED
STATE = events.STATE_CHANGED
STARTED, CLOSED = events.LIQUIDATION_STARTED, events.WATERFALL_CLOSED
RESTRUCK, FUNDED = events.PROFIT_RESTRUCK, events.FUNDING_SETTLED


def kinds_of(records: list[tuple], *kinds: int) -> list[int]:
    return [record[-1] for record in records if record[-1] in kinds]


def sell_out(desk: Desk, lots: int, price: int) -> list[tuple]:
    """A has bought lots at 100 from B and sells them to it at this mark."""
    desk.deal(A, B, lots, 100)
    desk.mark(price)
    desk.place(B, BUY, lots, price)
    return desk.place(A, SELL, lots, price)


# What is converted.


def test_10_4_a_short_account_converts_in_the_order_of_assets():
    """A loses 50. The first brings 6 for ten units; of the second, 44 need 49 before the discount,
    so 25 units at 2, which bring 45. The fill is over then."""
    discounted = {"haircuts": steps(10), "discount_ppb": 100_000_000}
    desk = opened(asset(), asset("Y", **discounted), prices=(600_000_000, 2 * PPB))
    bring(desk, A, 10)
    bring(desk, A, 100, 2)
    assert value(desk) == 6 + 180
    found = sell_out(desk, 10, 95)
    assert of_kind(found, CONVERTED) == [
        (CONVERTED, A, 1, 10, 6, 0, -44, 180),
        (CONVERTED, A, 2, 25, 45, 75, 1, 135),
    ]
    assert kinds_of(found, LEG, CONVERTED) == [LEG, LEG, CONVERTED, CONVERTED]
    assert desk.oracle.conversion_cash == -51
    assert [desk.oracle.assets[n].converted for n in (1, 2)] == [10, 25]


def test_10_4_the_short_are_dealt_with_in_the_order_in_which_they_became_short():
    """A's first lots cost 40, which its profit in the second contract covers; then D lacks 30; then
    A's other lots cost 20, of which that profit covers 10. D is the first."""
    desk = opened(asset(), contracts=(contract(1), contract(2)))
    bring(desk, A, 300)
    bring(desk, D, 300)
    desk.deal(A, B, 20, 100)
    desk.deal(A, B, 1, 100, 2)
    desk.deal(D, B, 10, 100)
    desk.mark(95, 150)
    for account, price in ((A, 96), (D, 97), (A, 98)):
        desk.place(account, SELL, 10, price)
    found = desk.place(B, BUY, 30, 98)
    assert [record[1:-1] for record in of_kind(found, RESTRUCK)][0][0] == A
    assert of_kind(found, CONVERTED) == [
        (CONVERTED, D, 1, 30, 30, 270, 0, 270),
        (CONVERTED, A, 1, 10, 10, 290, 0, 290),
    ]


def test_10_4_what_pays_nothing_and_counts_for_nothing_is_passed_over():
    """Of the first everything is discount; of the second there is too little for a unit. The third
    counts for nothing any more, but pays 20 of the 60."""
    nothing = coin(haircuts=steps(100), discount_ppb=PPB)
    impaired = stablecoin(symbol="Z", impaired_haircut_ppb=PPB)
    assets = (nothing, asset("Y"), impaired, asset("W"))
    desk = opened(*assets, prices=(PPB, 1, PPB, PPB), fund_cash=50)
    for number, quantity in ((1, 50), (2, 7), (3, 20), (4, 500)):
        bring(desk, A, quantity, number)
    judge(desk, 1, number=3)
    assert value(desk) == 500
    assert of_kind(sell_out(desk, 10, 94), CONVERTED) == [
        (CONVERTED, A, 3, 20, 20, 0, -40, 500),
        (CONVERTED, A, 4, 40, 40, 460, 0, 460),
    ]
    assert held(desk) == {1: 50, 2: 7, 4: 460}


# At which price.


def test_10_4_above_par_it_counts_for_less_than_it_brings():
    """At par 1 of a price of 2; 60 are needed, 30 units."""
    desk = opened(asset(par_ppb=PPB), prices=(2 * PPB,))
    bring(desk, A, 200)
    assert of_kind(sell_out(desk, 10, 94), CONVERTED) == [(CONVERTED, A, 1, 30, 60, 170, 0, 170)]


def test_10_4_a_cap_of_the_asset_cuts_what_counts_and_not_what_a_conversion_brings():
    """All are 200 units, which count for 1 each and are worth 2. The 170 left count for
    1.176470588 each, which is 199."""
    desk = opened(asset(asset_value_max=200))
    bring(desk, A, 200)
    say(desk, 2 * PPB)
    assert value(desk) == 200
    assert of_kind(sell_out(desk, 10, 94), CONVERTED) == [(CONVERTED, A, 1, 30, 60, 170, 0, 199)]


def test_10_4_a_conversion_is_made_at_the_index():
    """1,000 units count for 1 each when they are worth 100: four pay for a loss of 400. The others
    count for 1.004016064 each, 999."""
    desk = opened(asset(asset_value_max=1_000))
    bring(desk, A, 1_000)
    say(desk, 100 * PPB)
    assert of_kind(sell_out(desk, 40, 90), CONVERTED) == [(CONVERTED, A, 1, 4, 400, 996, 0, 999)]


def test_1_3_all_that_is_held_of_an_asset_pays_no_more_than_2_to_the_52nd():
    """2^40 units at 2^45 / 10^9, which is 35,184: they pay 4,096 each, and count for 1,024."""
    desk = opened(asset(), prices=(1,))
    bring(desk, A, 2**40)
    say(desk, 2**45)
    assert value(desk) == 2**50
    assert of_kind(sell_out(desk, 40, 90), CONVERTED) == [
        (CONVERTED, A, 1, 1, 4_096, 2**40 - 1, 4_096 - 400, 2**50 - 1_024)
    ]


def test_9_5_no_conversion_lowers_an_equity():
    """A, long 1 and 2 at 10, stands at 0 at 8: ten units at 0.6 count for 6. It sells them step by
    step. Two are missing, and four units bring 2.4, which is 2; but the six left count for 3. So
    three are paid, else A would stand at -1. Then five for three more, and the last counts for
    nothing."""
    desk = opened(asset(), prices=(600_000_000,), contracts=(contract(), contract(2)))
    bring(desk, A, 10)
    desk.mark(10, 10)
    for number in (1, 2):
        desk.deal(A, B, number, 10, number)
        desk.place(C, BUY, number, 8, number)
    found = desk.mark(8, 8)
    assert of_kind(found, STARTED, CONVERTED, CLOSED) == [
        (STARTED, A, 0, 2),
        (CONVERTED, A, 1, 4, 3, 6, 1, 3),
        (CONVERTED, A, 1, 5, 3, 1),
    ]
    assert (desk.cash(A), held(desk)) == (0, {1: 1})


def test_9_5_what_counts_less_is_measured_when_it_is_converted():
    """Twenty units at 0.6 pass the cap of 6, so that A's ten counted for 3. B's have left since:
    ten count for 6, and the six that stay for 3. That is what A is paid for four, not 2."""
    desk = opened(asset(asset_value_max=6), prices=(300_000_000,))
    bring(desk, A, 10)
    bring(desk, B, 10)
    say(desk, 600_000_000)
    take(desk, B, 10)
    desk.confirm(B)
    assert value(desk) == 3
    desk.mark(10)
    desk.deal(A, B, 1, 10)
    desk.mark(8)
    desk.place(B, BUY, 1, 8)
    found = desk.place(A, SELL, 1, 8)
    assert of_kind(found, CONVERTED) == [(CONVERTED, A, 1, 4, 3, 6, 1, 3)]


# Cover comes before it (8.4).


def test_8_4_profits_are_struck_before_anything_is_converted():
    """A loses 20 in the first contract, has 15 in the second."""
    desk = opened(asset(), contracts=(contract(), contract(2)))
    bring(desk, A, 500)
    desk.deal(A, B, 10, 100)
    desk.deal(A, B, 5, 100, 2)
    desk.mark(98, 103)
    desk.place(C, BUY, 10, 98)
    found = desk.place(A, SELL, 10, 98)
    assert of_kind(found, RESTRUCK, CONVERTED) == [
        (RESTRUCK, A, 15, 515, -5),
        (CONVERTED, A, 1, 5, 5, 495, 0, 495),
    ]


def test_7_3_funding_that_is_owed_is_paid_by_conversion_at_the_next_fill():
    """10% of 1,000 falls due; one lot is sold at no loss."""
    tenth = 100_000_000
    terms = {"funding_interest_ppb": tenth, "funding_clamp_ppb": tenth, "funding_cap_ppb": tenth}
    desk = opened(asset(), contracts=(contract(**terms),))
    bring(desk, A, 300)
    desk.deal(A, B, 10, 100)
    desk.now = 11_574 * DAY + HOURS_8
    desk.operator(commands.AdvanceTime)
    assert desk.cash(A) == 0
    desk.place(C, BUY, 1, 100)
    found = desk.place(A, SELL, 1, 100)
    assert of_kind(found, FUNDED, CONVERTED) == [
        (FUNDED, A, 100, 10, 10, -100),
        (CONVERTED, A, 1, 100, 100, 200, 0, 200),
    ]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({}, [(CLOSED, D, 50, 0, 50), (CONVERTED, A, 1, 100, 100, 400, 0, 400)]),
        (  # the second contract makes a step of its own, and A has 150 in it
            {"contract_2": 1, "price_ticks_2": 85, "contract_3": 2, "price_ticks_3": 130},
            [(CLOSED, D, 50, 0, 50), (RESTRUCK, A, 100, 600)],
        ),
    ],
)
def test_10_4_what_is_short_in_a_waterfall_is_covered_again_behind_it(second, expected):
    """A is short 10 at 80 and long 5 of the second at 100. At 85 D, long 10 at 100, is 50 below
    zero, and A gives that up: it buys at 90, and has lost 100."""
    desk = opened(asset(), contracts=(contract(), contract(2)))
    bring(desk, A, 500)
    desk.operator(commands.Deposit, account=D, amount=100)
    desk.mark(80, 100)
    desk.deal(B, A, 10, 80)
    desk.deal(A, B, 5, 100, 2)
    desk.mark(100, 100)
    desk.deal(D, B, 10, 100)
    found = desk.operator(commands.PublishPrice, source=1, contract=1, price_ticks=85, **second)
    assert of_kind(found, CLOSED, RESTRUCK, CONVERTED) == expected


# When.


def test_10_4_short_accounts_are_dealt_with_in_order_each_once():
    """D sells five, A five, D five more, each at a loss of 5; C has taken them all before any of
    them converts."""
    desk = opened(asset())
    for account, lots in ((A, 5), (D, 10)):
        bring(desk, account, 500)
        desk.deal(account, B, lots, 100)
    desk.mark(95)
    for account in (D, A, D):
        desk.place(account, SELL, 5, 95)
    found = desk.place(C, BUY, 15, 95)
    assert kinds_of(found, TRADE, CONVERTED) == [TRADE, TRADE, TRADE, CONVERTED, CONVERTED]
    assert of_kind(found, CONVERTED) == [
        (CONVERTED, D, 1, 50, 50, 450, 0, 450),
        (CONVERTED, A, 1, 25, 25, 475, 0, 475),
    ]


def test_10_4_conversions_come_right_before_suspects():
    """At 95 A stands at 50, of 48. A lot at 87 costs 8 more: 42, of 43."""
    desk = opened(asset(), contracts=(contract(liquidation_slippage_ppb=100_000_000),))
    bring(desk, A, 100)
    desk.deal(A, B, 10, 100)
    desk.mark(95)
    desk.place(C, BUY, 1, 87)
    found = desk.place(A, SELL, 1, 87)
    assert of_kind(found, CONVERTED, STARTED)[:2] == [
        (CONVERTED, A, 1, 13, 13, 87, 0, 87),
        (STARTED, A, 42, 43),
    ]
    assert kinds_of(found, LEG, CONVERTED, STARTED)[:4] == [LEG, LEG, CONVERTED, STARTED]


def with_coins(**terms) -> Desk:
    """A has 850 coins, which count for 340, and no cash; long 20 at 100. At 88 it stands at 100,
    of 88. Each coin that is converted would bring 0.6 more than it counts for."""
    desk = opened(coin(discount_ppb=0), contracts=(contract(**terms),), fund_cash=10_000)
    bring(desk, A, 850)
    desk.deal(A, B, 20, 100)
    desk.mark(88)
    return desk


@pytest.mark.parametrize(
    ("tif", "lots", "filled", "reason", "converted"),
    [
        (words.FOK, 20, 0, words.CANCEL_FOK, ()),
        (words.FOK, 9, 0, words.CANCEL_FOK, ()),
        (words.FOK, 8, 8, 0, (192, 192, 658, 0, 263)),
        (words.FOK, 2, 2, 0, (48, 48, 802, 0, 320)),
        (words.IOC, 20, 8, words.CANCEL_SOLVENCY, (192, 192, 658, 0, 263)),
        (words.IOC, 9, 8, words.CANCEL_SOLVENCY, (192, 192, 658, 0, 263)),
        (words.IOC, 8, 8, 0, (192, 192, 658, 0, 263)),
    ],
)
def test_4_2_a_fill_or_kill_reckons_with_what_its_sweep_has(tif, lots, filled, reason, converted):
    """Two lots at 80 take 16 and a fee of 8 out of 100: four times, and 4 do not do for the next
    lot. Each pair brings cash down by 48. Converted within the sweep that would have added 28.8,
    and all twenty would have been sold. Behind it 192 coins are converted, and the 658 left count
    for 263: A stands at 119, of 53, which is no liquidation, though 4 were a suspect's."""
    desk = with_coins(fee_taker_ppb=50_000_000, liquidation_slippage_ppb=50_000_000)
    for _ in range(10):
        desk.place(B, BUY, 2, 80)
    found = desk.place(A, SELL, lots, 80, tif=tif)
    assert [record[2:4] for record in of_kind(found, TRADE)] == [(80, 2)] * (filled // 2)
    assert desk.position(A)[0] == 20 - filled
    ended = [record[5:7] for record in of_kind(found, CANCELLED)]
    assert ended == ([(lots - filled, reason)] if reason else [])
    expected = [(CONVERTED, A, 1, *converted)] if converted else []
    assert of_kind(found, CONVERTED, STARTED) == expected
    assert (desk.cash(A), value(desk)) == (0, converted[-1] if converted else 340)


def test_9_0_a_maker_has_nothing_of_its_conversion_within_the_sweep():
    """A sells ten at 80 and quotes ten at 81. The first leave 20 of the 100; the quote would cost
    70. With 200 coins converted it would stand at 140 and trade, and its window would trip."""
    desk = with_coins(liquidation_slippage_ppb=100_000_000)
    desk.client(commands.SetProtection, A, protection=1, window_ns=DAY, lots_max=10)
    desk.place(A, SELL, 10, 80)
    quote = commands.Quote(1, 0, 0, 81, 10)
    desk.client(commands.MassQuote, A, protection=1, rows=(quote,))
    found = desk.place(C, BUY, 20, 81, tif=words.IOC)
    assert [record[2:4] for record in of_kind(found, TRADE)] == [(80, 10)]
    ended = of_kind(found, CANCELLED)
    assert [(record[1], *record[4:7]) for record in ended] == [
        (A, 81, 10, words.CANCEL_SOLVENCY),
        (C, 81, 10, words.CANCEL_IOC),
    ]
    assert not of_kind(found, events.PROTECTION_TRIPPED, STARTED)
    assert desk.oracle.protections[A, 1].lots == 0
    assert of_kind(found, CONVERTED) == [(CONVERTED, A, 1, 200, 200, 650, 0, 260)]
    assert found[-1][-1] == CONVERTED


def test_5_2_no_conversion_inside_an_uncross():
    """The same two orders at 80: the trial has no room for the second. Conversions wait until the
    market is open."""
    desk = with_coins(liquidation_slippage_ppb=100_000_000)
    desk.operator(commands.ChangeState, contract=1, state=words.STATE_PRE_OPEN)
    desk.place(C, BUY, 20, 80)
    for _ in range(2):
        desk.place(A, SELL, 10, 80)
    found = desk.operator(commands.ChangeState, contract=1, state=words.STATE_CONTINUOUS)
    kinds = (CANCELLED, TRADE, events.UNCROSSED, STATE, CONVERTED, STARTED)
    assert kinds_of(found, *kinds) == list(kinds[:-1])
    ended = of_kind(found, CANCELLED)
    assert [record[4:7] for record in ended] == [(80, 10, words.CANCEL_SOLVENCY)]
    assert of_kind(found, CONVERTED) == [(CONVERTED, A, 1, 200, 200, 650, 0, 260)]


def test_5_4_no_conversion_inside_a_settlement():
    """A loses 120 by it."""
    desk = opened(asset())
    bring(desk, A, 500)
    desk.deal(A, B, 10, 100)
    desk.mark(88)
    desk.operator(commands.ChangeState, contract=1, state=words.STATE_SUSPENDED)
    found = desk.operator(commands.ChangeState, contract=1, state=words.STATE_SETTLING)
    kinds = (events.SETTLEMENT_PRICED, LEG, STATE, CONVERTED)
    assert kinds_of(found, *kinds) == [STATE, events.SETTLEMENT_PRICED, LEG, LEG, STATE, CONVERTED]
    assert of_kind(found, CONVERTED) == [(CONVERTED, A, 1, 120, 120, 380, 0, 380)]


# What it adds to the cash of the pool (1.3).


def test_1_3_what_conversions_have_paid_counts_against_the_most_that_is_deposited():
    """50 below the most A converts 60: nothing comes in until 11 have gone out."""
    desk = opened(asset(), asset("Y"), fund_cash=2**59 - 1_400)
    bring(desk, A, 500)
    assert of_kind(sell_out(desk, 10, 94), CONVERTED) == [(CONVERTED, A, 1, 60, 60, 440, 0, 440)]

    def pay(amount: int, **fields) -> list[tuple]:
        return desk.operator(commands.Deposit, amount=amount, **fields)

    def pay_out(amount: int) -> None:
        desk.client(commands.Withdraw, B, amount=amount)
        desk.confirm(B)

    for taken in (0, 10):
        if taken:
            pay_out(taken)
        for found in (
            bring(desk, A, 1),
            bring(desk, A, 1, 2),  # before it is said that the asset has no price
            pay(1, account=A),
            pay(1, ledger=words.LEDGER_FUND),
            pay(1, ledger=words.LEDGER_HOUSE),
        ):
            assert code_of(found) == refusals.AMOUNT_ABOVE_MAX, taken
    pay_out(1)
    assert of_kind(bring(desk, A, 1), DEPOSITED)
    assert code_of(bring(desk, A, 1, 2)) == refusals.COLLATERAL_CLOSED
    assert code_of(pay(2, account=A)) == refusals.AMOUNT_ABOVE_MAX
    assert of_kind(pay(1, account=A), events.DEPOSITED)
    assert code_of(bring(desk, A, 1)) == refusals.AMOUNT_ABOVE_MAX
