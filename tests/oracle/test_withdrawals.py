"""Withdrawals in two phases, worked out by hand: what is reserved, confirmed and returned (8.3,
10.6)."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.collateral_desk import (
    CONVERTED,
    DEPOSITED,
    asset,
    bring,
    held,
    judge,
    opened,
    say,
    stablecoin,
    steps,
    take,
    value,
)
from tests.oracle.collateral_desk import RESERVED as ASSET_RESERVED
from tests.oracle.desk import BUY, FUND, SELL, A, B, C, D, Desk, code_of, contract, of_kind
from tests.oracle.test_auctions import AUCTION, change

RESERVED = events.WITHDRAWAL_RESERVED
CONFIRMED, RETURNED = events.WITHDRAWAL_CONFIRMED, events.WITHDRAWAL_RETURNED
STARTED, ENDED = events.LIQUIDATION_STARTED, events.LIQUIDATION_ENDED
M = 2**21  # the first margin account


def ask(desk: Desk, account: int, amount: int) -> list[tuple]:
    return desk.client(commands.Withdraw, account, amount=amount)


def reserved(desk: Desk, account: int = A) -> dict[int, list[int]]:
    found: dict[int, list[int]] = desk.oracle.state()["accounts"][account]["reserved"]
    return found


def deposits(desk: Desk) -> int:
    found: int = desk.oracle.state()["ledgers"]["deposits"]
    return found


def with_cash(*amounts: int, **config) -> Desk:
    desk = Desk(contract(), **config)
    desk.open(*zip((A, B, C, D), amounts, strict=False))
    desk.mark(100)
    return desk


# Cash.


def test_10_6_cash_is_reserved_and_then_paid_out():
    desk = with_cash(500)
    assert ask(desk, A, 200)[0][1:4] == (200, desk.ids, 300)
    assert of_kind(ask(desk, A, 100), RESERVED) == [(RESERVED, A, 100, desk.ids, 200)]
    assert reserved(desk) == {1: [0, 200], 2: [0, 100]}
    assert desk.cash(A) == 200 and deposits(desk) == 500
    assert of_kind(desk.confirm(A, 1), CONFIRMED) == [(CONFIRMED, A, 0, 200, 1)]
    assert reserved(desk) == {2: [0, 100]}
    assert desk.cash(A) == 200 and deposits(desk) == 300


def test_10_6_or_it_comes_back():
    desk = with_cash(500)
    ask(desk, A, 200)
    assert of_kind(desk.give_back(A), RETURNED) == [(RETURNED, A, 0, 200, 1, 500)]
    assert reserved(desk) == {} and desk.cash(A) == deposits(desk) == 500


def test_10_6_what_is_reserved_is_no_equity():
    """Of 500 there are 300 left, which margin 30 lots."""
    desk = with_cash(500, 10**6)
    ask(desk, A, 200)
    assert code_of(desk.place(A, BUY, 31, 100)) == refusals.MARGIN_INSUFFICIENT
    desk.deal(A, B, 30, 100)
    assert code_of(ask(desk, A, 1)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE


def test_10_6_a_return_meets_no_bound():
    """What all have brought is at its most, with what is reserved among it."""
    desk = with_cash(2**59)
    ask(desk, A, 100)
    found = desk.operator(commands.Deposit, account=A, amount=1)
    assert code_of(found) == refusals.AMOUNT_ABOVE_MAX
    assert of_kind(desk.give_back(A), RETURNED) == [(RETURNED, A, 0, 100, 1, 2**59)]
    ask(desk, A, 100)
    desk.confirm(A)
    assert desk.operator(commands.Deposit, account=A, amount=100)[0][-1] == events.DEPOSITED


def test_10_6_stopped_withdrawals_are_confirmed_and_returned_and_stay_stopped():
    """A return fills nothing up: fund and house are at their limits all the while."""
    desk = with_cash(500, fund_cash=10, fund_cash_limit=10)
    ask(desk, A, 100)
    ask(desk, A, 50)
    desk.oracle.withdrawals_stopped = True
    assert code_of(ask(desk, A, 1)) == refusals.WITHDRAWALS_STOPPED
    assert of_kind(desk.confirm(A, 1), CONFIRMED)
    assert [record[-1] for record in desk.give_back(A, 2)] == [RETURNED]
    assert desk.oracle.withdrawals_stopped
    released = desk.operator(commands.Deposit, account=A, amount=1)
    assert [record[-1] for record in released] == [events.DEPOSITED, events.WITHDRAWALS_RELEASED]


# What is refused.


def test_10_6_eight_may_be_pending():
    """Of cash and assets together; what has ended makes room, and an id is used up by asking."""
    desk = opened(asset())
    desk.operator(commands.Deposit, account=A, amount=100)
    bring(desk, A, 100)
    for _ in range(5):
        ask(desk, A, 1)
    for _ in range(3):
        assert of_kind(take(desk, A, 1), ASSET_RESERVED)
    assert code_of(ask(desk, A, 1)) == refusals.WITHDRAWALS_PENDING
    assert code_of(take(desk, A, 1)) == refusals.WITHDRAWALS_PENDING
    assert of_kind(ask(desk, B, 1), RESERVED)  # of another account
    desk.confirm(A, 1)
    assert of_kind(take(desk, A, 1), ASSET_RESERVED)
    assert code_of(ask(desk, A, 1)) == refusals.WITHDRAWALS_PENDING
    desk.give_back(A, 6)
    assert of_kind(ask(desk, A, 1), RESERVED)
    assert len(reserved(desk)) == 8


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (0, refusals.AMOUNT_NOT_POSITIVE),
        (2**59 + 1, refusals.AMOUNT_ABOVE_MAX),
        (2**59, refusals.WITHDRAWALS_PENDING),
    ],
)
def test_10_6_pending_is_asked_behind_the_bounds_and_before_stopped(amount, code):
    desk = opened(asset())
    desk.operator(commands.Deposit, account=A, amount=8)
    for _ in range(8):
        ask(desk, A, 1)
    desk.oracle.withdrawals_stopped = True
    assert code_of(ask(desk, A, amount)) == code
    assert code_of(take(desk, A, amount)) == code  # holds none of it
    for client_id in range(1, 9):
        desk.confirm(A, client_id)
    assert reserved(desk) == {}
    wanted = code if amount != 2**59 else refusals.WITHDRAWALS_STOPPED
    assert code_of(ask(desk, A, amount)) == code_of(take(desk, A, amount)) == wanted


def test_10_6_what_an_operator_is_refused():
    desk = with_cash(500, 500)
    desk.client(commands.IsolateContract, B, contract=1)
    ask(desk, A, 100)
    for settle in (desk.confirm, desk.give_back):
        for account in (0, -1, FUND, D, M):
            assert code_of(settle(account, 2)) == refusals.ACCOUNT_UNKNOWN
        assert code_of(settle(B, 2)) == refusals.WITHDRAWAL_UNKNOWN  # it is A's
        for client_id in (1, 3, -1):  # B's isolation, nobody's, none
            assert code_of(settle(A, client_id)) == refusals.WITHDRAWAL_UNKNOWN
    desk.confirm(A, 2)
    assert code_of(desk.confirm(A, 2)) == refusals.WITHDRAWAL_UNKNOWN
    assert code_of(desk.give_back(A, 2)) == refusals.WITHDRAWAL_UNKNOWN


# Assets.


def test_10_6_an_asset_is_reserved_and_then_paid_out():
    desk = opened(asset(haircuts=steps(10)))
    bring(desk, A, 100)
    found = of_kind(take(desk, A, 40), ASSET_RESERVED)
    assert found == [(ASSET_RESERVED, A, 1, 40, desk.ids, 60, 54)]
    assert reserved(desk) == {desk.ids: [1, 40]}
    state = desk.oracle.state()["collateral"][1]
    assert state["deposits"] == 100
    assert of_kind(desk.confirm(A), CONFIRMED) == [(CONFIRMED, A, 1, 40, desk.ids)]
    assert desk.oracle.state()["collateral"][1]["deposits"] == 60
    assert held(desk) == {1: 60} and value(desk) == 54


def test_10_6_all_of_it_comes_back_into_an_asset_that_is_impaired():
    """Deposits of it are refused; a tenth does not count."""
    desk = opened(stablecoin())
    bring(desk, A, 100)
    take(desk, A, 100)
    assert held(desk) == {} and value(desk) == 0
    judge(desk, 1)
    assert code_of(bring(desk, A, 1)) == refusals.COLLATERAL_CLOSED
    assert of_kind(desk.give_back(A), RETURNED) == [(RETURNED, A, 1, 100, desk.ids, 100, 90)]
    assert held(desk) == {1: 100} and value(desk) == 90


def test_10_6_the_capped_price_follows_what_has_been_paid_out_alone():
    """1,000 units at 2 pass the cap of 1,000: each counts for 1."""
    desk = opened(asset(asset_value_max=1_000))
    bring(desk, A, 600)
    bring(desk, B, 400)
    say(desk, 2 * PPB)
    assert (value(desk), value(desk, B)) == (600, 400)
    found = take(desk, B, 200)
    assert of_kind(found, ASSET_RESERVED) == [(ASSET_RESERVED, B, 1, 200, desk.ids, 200, 200)]
    say(desk, 2 * PPB + 1)  # a step: all are valued
    assert (value(desk), value(desk, B)) == (600, 200)
    assert of_kind(desk.give_back(B), RETURNED) == [(RETURNED, B, 1, 200, desk.ids, 400, 400)]
    assert (value(desk), value(desk, B)) == (600, 400)
    take(desk, B, 200)
    desk.confirm(B)
    assert (value(desk), value(desk, B)) == (600, 200)  # nobody is valued
    say(desk, 2 * PPB)
    assert (value(desk), value(desk, B)) == (750, 250)  # at 1,000 / 800


def test_10_6_what_would_be_left_is_valued_at_the_price_as_it_is():
    """A's 600 at 1 margin 50 lots; if what leaves raised the price, 110 could leave."""
    desk = opened(asset(asset_value_max=1_000))
    bring(desk, A, 600)
    bring(desk, B, 400)
    say(desk, 2 * PPB)
    desk.deal(A, B, 50, 100)
    assert code_of(take(desk, A, 101)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    assert of_kind(take(desk, A, 100), ASSET_RESERVED)


def test_10_2_what_is_reserved_counts_in_the_caps_of_a_deposit():
    desk = opened(asset(asset_value_max=1_000))
    bring(desk, A, 1_000)
    take(desk, A, 400)
    assert code_of(bring(desk, B, 1)) == refusals.COLLATERAL_CAP
    desk.confirm(A)
    assert of_kind(bring(desk, B, 400), DEPOSITED)
    assert code_of(bring(desk, B, 1)) == refusals.COLLATERAL_CAP


def test_1_3_what_is_reserved_counts_in_the_most_of_an_asset():
    desk = opened(asset(asset_value_max=2**52), prices=(1,))
    bring(desk, A, 2**59)
    take(desk, A, 2**58)
    assert code_of(bring(desk, A, 1)) == refusals.AMOUNT_ABOVE_MAX
    desk.confirm(A)
    assert of_kind(bring(desk, A, 1), DEPOSITED)


def test_10_4_no_conversion_reaches_what_is_reserved():
    """Ten lots lose 5 each: half of what is left pays for it."""
    desk = opened(asset())
    bring(desk, A, 150)
    desk.deal(A, B, 10, 100)
    take(desk, A, 50)
    desk.mark(95)
    desk.place(B, BUY, 10, 95)
    found = desk.place(A, SELL, 10, 95)
    assert of_kind(found, CONVERTED) == [(CONVERTED, A, 1, 50, 50, 50, 0, 50)]
    assert reserved(desk) == {3: [1, 50]}


def test_9_8_what_is_reserved_is_not_shared_and_pays_no_deficit():
    """B is 50 below zero with 300 reserved; A gives up what it has gained."""
    desk = with_cash(10_000, 400)
    ask(desk, B, 300)
    desk.deal(B, A, 10, 100)
    found = desk.mark(85)
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, B, 10, 900, 50, A, 50)
    ]
    assert desk.cash(B) == 0
    assert of_kind(desk.give_back(B, 1), RETURNED) == [(RETURNED, B, 0, 300, 1, 300)]


def test_9_2_a_return_ends_a_liquidation():
    """Long 10 at 100 with 100, in an auction: at 94 there are 40, and 47 are asked; 60 more pass
    the 57 at which it ends, when trading goes on."""
    desk = with_cash(160, 10_000)
    ask(desk, A, 60)
    desk.deal(A, B, 10, 100)
    change(desk, AUCTION)
    assert of_kind(desk.mark(94), STARTED) == [(STARTED, A, 40, 47)]
    found = desk.give_back(A, 1)
    assert [record[-1] for record in found] == [RETURNED, ENDED]
    assert of_kind(found, ENDED) == [(ENDED, A, words.END_RECOVERED, 100, 47)]


def test_9_2_in_liquidation_nothing_more_can_be_reserved():
    desk = with_cash(160, 10_000)
    ask(desk, A, 60)
    desk.deal(A, B, 10, 100)
    change(desk, AUCTION)
    desk.mark(94)
    assert code_of(ask(desk, A, 1)) == refusals.ACCOUNT_IN_LIQUIDATION
    assert of_kind(desk.confirm(A, 1), CONFIRMED) == [(CONFIRMED, A, 0, 60, 1)]
