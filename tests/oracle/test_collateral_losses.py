"""Collateral that gets lost (9.8), worked out by hand."""

from typing import Any

import pytest

from engine.schema import commands, events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.collateral import CollateralAsset
from tests.oracle.collateral_desk import (
    CONVERTED,
    IMPAIRED,
    PRICED,
    RESERVED,
    SECOND,
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
)
from tests.oracle.desk import (
    BUY,
    FUND,
    SELL,
    A,
    B,
    C,
    D,
    Desk,
    contract,
    of_kind,
)

M = 2**21  # the first margin account
DECLARED, SHARED = events.COLLATERAL_LOSS_DECLARED, events.COLLATERAL_LOSS_SHARED
STARTED, CLOSED = events.LIQUIDATION_STARTED, events.WATERFALL_CLOSED
COVERED, DELEVERAGED = events.DEFICIT_COVERED, events.POSITION_DELEVERAGED


# A step of an asset (9.1).


def exposed(*assets: CollateralAsset, **config: Any) -> Desk:
    """A has 100 units at 1 and no cash; long 10 at 100 from B; at 95 it stands at 50, of 48."""
    desk = opened(*(assets or (asset(),)), prices=[PPB for _ in assets or (1,)], **config)
    bring(desk, A, 100)
    desk.deal(A, B, 10, 100)
    desk.mark(95)
    return desk


def test_9_1_a_price_of_an_asset_liquidates():
    """At 0.8 A stands at 30. Nobody bids: B takes the lots with A's 30, for which A pays with all
    its units."""
    desk = exposed()
    found = say(desk, 800_000_000)
    assert of_kind(found, STARTED, DELEVERAGED, CONVERTED, CLOSED) == [
        (STARTED, A, 30, 48),
        (DELEVERAGED, A, 10, 920, -30, B, -30),
        (CONVERTED, A, 1, 100, 80),
    ]
    assert of_kind(found, events.LIQUIDATION_ENDED) == [
        (events.LIQUIDATION_ENDED, A, words.END_FLAT)
    ]
    assert desk.cash(B) == 1_000 + 50 + 30


@pytest.mark.parametrize(
    ("price", "calls"),
    [
        (PPB, []),
        (990_000_000, []),  # called already, at 95
        (1_080_000_000, []),  # at its call level of 58: a new call would be due below it
    ],
)
def test_9_2_a_step_of_an_asset_calls_once(price, calls):
    desk = exposed()
    assert desk.oracle.accounts[A].was_called
    assert of_kind(say(desk, price), events.MARGIN_CALLED) == calls
    assert desk.oracle.accounts[A].was_called == (price < 1_080_000_000)
    found = say(desk, 985_000_000)  # 98.5 is 98: at 48, of 48
    is_new = price == 1_080_000_000
    assert of_kind(found, events.MARGIN_CALLED) == [(events.MARGIN_CALLED, A, 48, 48)][:is_new]


def test_9_1_a_haircut_that_rises_liquidates_at_its_own_time():
    desk = exposed(stablecoin())
    assert of_kind(judge(desk, 1), STARTED) == [(STARTED, A, 40, 48)]
    desk = exposed(stablecoin(impaired_haircut_ppb=20_000_000))
    desk.operator(commands.Deposit, account=A, amount=1)
    assert not of_kind(judge(desk, 1), STARTED)  # at 49
    found = desk.wait(3_600 * SECOND + 7)
    assert of_kind(found, STARTED) == [(STARTED, A, 47, 48)]
    kinds = [record[-1] for record in found]
    assert kinds.index(IMPAIRED) < kinds.index(STARTED) < kinds.index(events.TIME_ADVANCED)


def test_9_1_the_same_price_is_no_step():
    desk = exposed()
    assert [record[-1] for record in say(desk, PPB)] == [PRICED]


# A loss of collateral (9.8).


def test_9_8_a_loss_of_collateral_is_borne_by_fund_house_and_every_equity():
    """At 0.3 A stands at 30 - 50. Its lots go at mark. The fund pays 8, the house 5; of the 7 left
    B bears 7 x 1,050 / 1,400, which is 5, and C the rest."""
    desk = exposed(fund_cash=8, house_cash=5)
    found = say(desk, 300_000_000)
    kinds = (
        STARTED, events.STATE_CHANGED, events.LIQUIDATION_STEPPED, CONVERTED, DELEVERAGED, COVERED,
        events.WITHDRAWALS_STOPPED, DECLARED, SHARED, events.GAINS_CUT, CLOSED,
    )  # fmt: skip
    assert of_kind(found, *kinds) == [
        (CONVERTED, A, 1, 100, 30, 0, 30),
        (STARTED, A, -20, 48),
        (events.LIQUIDATION_STEPPED, A, words.STEP_WATERFALL, 0, 0, -20, 48),
        (DELEVERAGED, A, 10, 950, 0, B),
        (COVERED, A, words.LAYER_FUND, 8, -12),
        (COVERED, A, words.LAYER_HOUSE, 5, -7),
        (events.WITHDRAWALS_STOPPED, 0, 7),
        (DECLARED, 0, 7, 1_400),
        (SHARED, B, 1_050, 5, 1_045),
        (SHARED, C, 350, 2, 348),
        (COVERED, A, words.LAYER_HAIRCUT, 7),
        (CLOSED, A, 20, 8, 0, 5, 7),
    ]
    assert (desk.cash(A), held(desk)) == (0, {})
    assert (desk.cash(FUND), desk.oracle.house) == (0, 0)


def test_9_8_who_shares_a_loss_may_have_to_convert_too():
    """C and D have units of another asset alone. They are short until the waterfall is over."""
    desk = exposed(asset(), asset("Y"))
    desk.client(commands.Withdraw, C, amount=350)
    bring(desk, C, 350, 2)
    bring(desk, D, 1, 2)
    found = say(desk, 300_000_000)
    # 20 x 1,050 / 1,401 is 14; 6 x 350 / 351 is 5; the last unit is all that D has
    assert of_kind(found, DECLARED, SHARED, CONVERTED, COVERED, CLOSED)[1:] == [
        (DECLARED, 0, 20, 1_401),
        (SHARED, B, 1_050, 14, 1_036),
        (SHARED, C, 350, 5, -5),
        (SHARED, D, 1, 1, -1),
        (COVERED, A, words.LAYER_HAIRCUT, 20),
        (CLOSED, A, 20, 0, 0, 0, 20),
        (CONVERTED, C, 2, 5, 5, 345, 0, 345),
        (CONVERTED, D, 2, 1, 1),
    ]


def test_9_8_the_caps_of_the_fund_hold():
    desk = exposed(fund_cash=100, fund_loss_step_max=3, house_cash=16)
    found = say(desk, 300_000_000)
    assert of_kind(found, DECLARED, SHARED, CLOSED) == [
        (DECLARED, 0, 1, 1_050 + 350 + 97),
        (SHARED, C, 350, 1, 349),
        (CLOSED, A, 20, 3, 0, 16, 1),
    ]


def without_winners(left: int) -> Desk:
    """B has sold its profit of 50 to D, which has units alone, and has left so much here."""
    desk = exposed(asset(account_kinds=(0,)))
    bring(desk, D, 100)
    desk.place(D, SELL, 10, 95)
    desk.place(B, BUY, 10, 95)
    desk.client(commands.Withdraw, B, amount=1_050 - left)
    desk.client(commands.Withdraw, C, amount=350)
    return desk


def test_9_8_a_loss_that_nobody_can_share_stays_with_the_house():
    """The units are worth nothing any more, so that A keeps them; D, at 0, has to close as well."""
    desk = without_winners(0)
    found = say(desk, 1)
    assert of_kind(found, events.POSITIONS_PAIRED, DECLARED, SHARED, COVERED, CLOSED) == [
        (events.POSITIONS_PAIRED, A, 10, 950, D),
        (DECLARED, 0, 50),
        (COVERED, A, words.LAYER_HOUSE, 50),
        (CLOSED, A, 50, 0, 0, 50),
    ]
    assert desk.oracle.house == -50
    assert (held(desk), held(desk, D)) == ({1: 100}, {1: 100})


def test_9_5_nobody_shares_more_than_his_equity():
    """50 are lost, B has 20."""
    desk = without_winners(20)
    found = say(desk, 1)
    assert of_kind(found, DECLARED, SHARED, COVERED, CLOSED) == [
        (DECLARED, 0, 50, 20),
        (SHARED, B, 20, 20),
        (COVERED, A, words.LAYER_HAIRCUT, 20, -30),
        (COVERED, A, words.LAYER_HOUSE, 30),
        (CLOSED, A, 50, 0, 0, 30, 20),
    ]
    assert desk.oracle.house == -30


def test_9_8_a_house_below_zero_pays_nothing_and_covers_nothing():
    desk = without_winners(20)
    say(desk, 1)
    desk.operator(commands.ReleaseWithdrawals)
    assert desk.oracle.house == -30
    say(desk, PPB)
    desk.operator(commands.Deposit, account=B, amount=1_000)
    bring(desk, D, 100)
    desk.deal(D, B, 10, 95)
    desk.mark(90)  # D at 150 of its 200 units
    found = say(desk, 100_000_000)  # 20 - 50; A has kept its units, of which 10 count
    assert of_kind(found, DECLARED, SHARED, CLOSED) == [
        (DECLARED, 0, 30, 1_060),
        (SHARED, B, 1_050, 30, 1_020),
        (CLOSED, D, 30, 0, 0, 0, 30),
    ]


def test_9_8_a_frozen_position_stays_and_its_account_comes_to_zero():
    desk = exposed(fund_cash=100, contracts=(contract(source_stale_ns=10 * SECOND),))
    desk.wait(11 * SECOND)
    assert desk.oracle.markets[1].state == words.STATE_FROZEN
    found = say(desk, 300_000_000)
    assert of_kind(found, CONVERTED, COVERED, DELEVERAGED, CLOSED) == [
        (CONVERTED, A, 1, 100, 30, 0, 30),
        (COVERED, A, words.LAYER_FUND, 20, 50),
        (CLOSED, A, 20, 20),
    ]
    ended = of_kind(found, events.LIQUIDATION_ENDED)
    assert [record[:3] for record in ended] == [(events.LIQUIDATION_ENDED, A, words.END_FROZEN)]
    assert desk.position(A) == (10, 1_000)


# The waterfall of a contract (9.3).


def test_10_4_a_debtor_keeps_what_pays_nothing_and_counts_for_nothing():
    """Of the coin everything is discount. The units bring 30 of the 50 that are lost."""
    desk = exposed(asset(), coin("Y", haircuts=steps(100), discount_ppb=PPB), fund_cash=100)
    bring(desk, A, 50, 2)
    found = say(desk, 300_000_000)
    assert of_kind(found, CONVERTED, CLOSED) == [
        (CONVERTED, A, 1, 100, 30, 0, 30),
        (CLOSED, A, 20, 20),
    ]
    assert held(desk) == {2: 50}
    assert of_kind(take(desk, A, 50, 2), RESERVED)


def test_10_2_an_isolated_position_has_no_collateral():
    """A's units stand behind A alone."""
    desk = opened(asset())
    bring(desk, A, 500)
    desk.operator(commands.Deposit, account=A, amount=100)
    desk.client(commands.IsolateContract, A, contract=1)
    desk.client(commands.MoveMargin, A, contract=1, amount=100)
    desk.deal(A, B, 10, 100)
    found = desk.mark(80)
    assert not of_kind(found, CONVERTED)
    assert of_kind(found, CLOSED) == [(CLOSED, M, 100, 0, 100)]
    assert held(desk) == {1: 500}
