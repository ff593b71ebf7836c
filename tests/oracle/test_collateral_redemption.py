"""What becomes of what conversions have brought (10.4, 10.6), worked out by hand."""

import pytest

from engine.schema import commands, events, refusals
from tests.oracle.collateral_desk import (
    CONVERTED,
    DEPOSITED,
    SECOND,
    asset,
    bring,
    held,
    judge,
    opened,
    say,
    value,
)
from tests.oracle.desk import BUY, SELL, A, B, Desk, code_of, of_kind
from tests.oracle.invariants import balances

REDEEMED, SETTLED = events.CONVERSION_REDEEMED, events.CONVERSION_SETTLED
MOST = 2**59


def redeem(desk: Desk, quantity: int, proceeds: int, number: int = 1) -> list[tuple]:
    return desk.operator(
        commands.RedeemConversion, asset=number, quantity=quantity, proceeds=proceeds
    )


def settle(desk: Desk, amount: int) -> list[tuple]:
    return desk.operator(commands.SettleConversion, amount=amount)


def converted(**terms) -> Desk:
    """A had 500 units at 1 and lost 60: 60 units, and -60 of cash, are in the ledger."""
    desk = opened(asset(**terms), asset("Y"))
    bring(desk, A, 500)
    desk.deal(A, B, 10, 100)
    desk.mark(94)
    desk.place(B, BUY, 10, 94)
    found = desk.place(A, SELL, 10, 94)
    assert of_kind(found, CONVERTED) == [(CONVERTED, A, 1, 60, 60, 440, 0, 440)]
    return desk


def ledgers(desk: Desk) -> tuple[int, int, int, int]:
    """Units and cash of conversions; deposits less what has left, of the asset and of cash."""
    oracle = desk.oracle
    first = oracle.assets[1]
    return first.converted, oracle.conversion_cash, first.deposits, oracle.deposits


def test_10_6_what_is_redeemed_leaves_and_cash_comes_in():
    desk = converted()
    everything = ledgers(desk)[3]
    for quantity, proceeds, left in (
        (20, 15, (40, -45, 480, everything + 15)),
        (39, 50, (1, 5, 441, everything + 65)),
        (1, 0, (0, 5, 440, everything + 65)),
    ):
        found = redeem(desk, quantity, proceeds)
        assert of_kind(found, REDEEMED) == of_kind(
            [(0, 1, quantity, proceeds, left[0], left[1], 0, 0, 0, REDEEMED)], REDEEMED
        )
        assert ledgers(desk) == left
    assert (value(desk), held(desk), desk.cash(A)) == (440, {1: 440}, 0)


def test_10_6_the_provider_pays_in_what_it_lost_and_takes_out_what_it_gained():
    desk = converted()
    everything = ledgers(desk)[3]
    redeem(desk, 60, 50)
    assert of_kind(settle(desk, 7), SETTLED) == [(SETTLED, 0, 7, -3)]
    assert of_kind(settle(desk, 10), SETTLED) == [(SETTLED, 0, 10, 7)]
    assert code_of(settle(desk, -8)) == refusals.CONVERSION_INSUFFICIENT
    assert of_kind(settle(desk, -5), SETTLED) == [(SETTLED, 0, -5, 2)]
    assert of_kind(settle(desk, -2), SETTLED) == [(SETTLED, 0, -2)]
    assert ledgers(desk)[3] == everything + 50 + 10
    assert code_of(settle(desk, -1)) == refusals.CONVERSION_INSUFFICIENT


def test_10_6_what_accounts_were_paid_with_is_not_taken_out():
    """Cash stands at -60: the units are no gain before somebody has paid for them."""
    desk = converted()
    assert code_of(settle(desk, -1)) == refusals.CONVERSION_INSUFFICIENT
    redeem(desk, 60, 60)
    assert code_of(settle(desk, -1)) == refusals.CONVERSION_INSUFFICIENT


@pytest.mark.parametrize(
    ("number", "quantity", "proceeds", "code"),
    [
        (0, 0, -1, refusals.ASSET_UNKNOWN),
        (3, 0, -1, refusals.ASSET_UNKNOWN),
        (-1, 1, 1, refusals.ASSET_UNKNOWN),
        (1, 0, -1, refusals.AMOUNT_NOT_POSITIVE),
        (1, -5, 1, refusals.AMOUNT_NOT_POSITIVE),
        (1, MOST + 1, -1, refusals.AMOUNT_ABOVE_MAX),
        (1, MOST, -1, refusals.AMOUNT_NOT_POSITIVE),
        (1, MOST, MOST + 1, refusals.AMOUNT_ABOVE_MAX),
        (1, MOST, 2**63 - 1, refusals.AMOUNT_ABOVE_MAX),
        (1, MOST, MOST, refusals.CONVERSION_INSUFFICIENT),
        (1, 61, 1, refusals.CONVERSION_INSUFFICIENT),
        (2, 1, 1, refusals.CONVERSION_INSUFFICIENT),  # of which nothing was converted
        (1, 60, MOST, refusals.OK),
        (1, 60, 0, refusals.OK),
    ],
)
def test_10_6_what_is_refused_of_a_redemption(number, quantity, proceeds, code):
    desk = converted()
    before = ledgers(desk)
    found = redeem(desk, quantity, proceeds, number)
    assert found[0][-1] == (events.REFUSED if code else REDEEMED)
    if code:
        assert code_of(found) == code and ledgers(desk) == before


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (0, refusals.AMOUNT_NOT_POSITIVE),
        (MOST + 1, refusals.AMOUNT_ABOVE_MAX),
        (-MOST - 1, refusals.AMOUNT_ABOVE_MAX),
        (2**63 - 1, refusals.AMOUNT_ABOVE_MAX),
        (-(2**63), refusals.AMOUNT_ABOVE_MAX),
        (-MOST, refusals.CONVERSION_INSUFFICIENT),
        (MOST, refusals.OK),
        (1, refusals.OK),
    ],
)
def test_10_6_what_is_refused_of_a_settlement(amount, code):
    found = settle(converted(), amount)
    assert found[0][-1] == (events.REFUSED if code else SETTLED)
    assert not code or code_of(found) == code


def test_1_3_the_cash_of_the_ledger_has_a_bound():
    """60 below 0: 2^59 + 60 may come in."""
    for first in (redeem, settle):
        desk = converted()
        settle(desk, 59)  # to -1
        assert of_kind(settle(desk, MOST), SETTLED) == [(SETTLED, 0, MOST, MOST - 1)]
        for amount, code in ((2, refusals.AMOUNT_ABOVE_MAX), (1, refusals.OK)):
            found = settle(desk, amount) if first is settle else redeem(desk, 1, amount)
            assert found[0][-1] == (events.REFUSED if code else found[0][-1])
            assert not code or code_of(found) == code
        assert desk.oracle.conversion_cash == MOST


def test_1_3_no_more_collateral_while_conversions_have_paid_too_much():
    desk = converted()
    desk.oracle.conversion_cash -= MOST - 61  # as if others had been paid it, and had left
    desk.oracle.deposits -= MOST - 61
    assert desk.oracle.conversion_cash == -MOST + 1
    assert of_kind(bring(desk, A, 1), DEPOSITED)
    desk.oracle.conversion_cash -= 1
    desk.oracle.deposits -= 1
    assert code_of(bring(desk, A, 1)) == refusals.AMOUNT_ABOVE_MAX
    settle(desk, 1)
    assert of_kind(bring(desk, A, 1), DEPOSITED)


def test_1_3_no_redemption_makes_room_for_deposits_of_cash():
    """What conversions have paid is in the accounts, whoever has paid the ledger for it."""
    desk = converted()
    room = MOST - desk.oracle.brought()
    for step in (lambda: redeem(desk, 60, 1_000), lambda: settle(desk, -900)):
        step()
        assert MOST - desk.oracle.brought() == room
        assert code_of(desk.operator(commands.Deposit, account=A, amount=room + 1))
    desk.operator(commands.Deposit, account=A, amount=room)


def test_10_6_redeemed_units_make_room_for_deposits_of_their_asset():
    desk = opened(asset(par_ppb=1), prices=(1,))
    desk.oracle.assets[1].converted += MOST  # as if others had lost it
    desk.oracle.assets[1].deposits += MOST
    assert code_of(bring(desk, A, 1)) == refusals.AMOUNT_ABOVE_MAX
    redeem(desk, 1, 0)
    assert of_kind(bring(desk, A, 1), DEPOSITED)
    assert code_of(bring(desk, A, 1)) == refusals.AMOUNT_ABOVE_MAX


def test_10_6_no_price_is_asked_and_nothing_closes_the_ledger():
    """Impaired, silent, and withdrawals stopped."""
    desk = converted(stale_ns=10 * SECOND)
    judge(desk, 1, 0)
    desk.wait(11 * SECOND)
    desk.oracle.withdrawals_stopped = True
    assert of_kind(redeem(desk, 1, 77), REDEEMED) == [(REDEEMED, 0, 1, 1, 77, 59, 17)]
    assert of_kind(settle(desk, -17), SETTLED) == [(SETTLED, 0, -17)]


def test_10_2_a_redemption_values_nobody():
    """440 units at 2 count for 500 / 440 each, as if what was converted had never been there."""
    desk = converted(asset_value_max=500)
    say(desk, 2 * 10**9)
    assert value(desk) == 499
    redeem(desk, 60, 120)
    assert value(desk) == 499
    say(desk, 3 * 10**9)
    assert value(desk) == 499


def test_10_6_money_is_neither_made_nor_lost():
    desk = converted()
    before = balances(desk.oracle) - desk.oracle.deposits
    redeem(desk, 30, 1)
    settle(desk, 100)
    settle(desk, -3)
    assert balances(desk.oracle) - desk.oracle.deposits == before


def test_10_6_without_assets_there_is_nothing_to_redeem():
    desk = opened(prices=())
    assert code_of(redeem(desk, 1, 1)) == refusals.ASSET_UNKNOWN
    assert of_kind(settle(desk, 5), SETTLED) == [(SETTLED, 0, 5, 5)]
    assert of_kind(settle(desk, -5), SETTLED) == [(SETTLED, 0, -5)]
