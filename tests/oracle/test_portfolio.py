"""Margin of portfolios and an operator's least initial rate, every figure worked out by hand (8.1,
8.7). One lot is worth 100 at first; tiers ask for 10% and 5%, prices move by 10% at most."""

from collections.abc import Sequence

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Contract, check_config
from tests.oracle.accounts import maintenance, requirement, withdrawable
from tests.oracle.desk import BUY, FUND, SELL, A, B, C, D, Desk, code_of, contract, of_kind
from tests.oracle.test_auctions import AUCTION, CONTINUOUS, change

PERCENT = 10_000_000
MOVES = (-10 * PERCENT, -5 * PERCENT, 5 * PERCENT, 10 * PERCENT)
TIERS, PORTFOLIO = words.MARGIN_STANDARD, words.MARGIN_PORTFOLIO
SET, CAPPED = events.MARGIN_MODE_SET, events.LEVERAGE_CAP_SET
STARTED, STEPPED = events.LIQUIDATION_STARTED, events.LIQUIDATION_STEPPED
GIVEN = events.POSITION_DELEVERAGED
M = 2**21  # the first margin account


def related(number: int = 1, **changes) -> Contract:
    return contract(number, underlying=1, **changes)


def opened(*contracts: Contract, cash: int = 10**6, moves: Sequence[int] = MOVES, **config) -> Desk:
    """A has this much and is a portfolio; the others have plenty, and are not."""
    contracts = contracts or (related(), related(2))
    desk = Desk(*contracts, portfolio_moves_ppb=tuple(moves), **config)
    assert not check_config(desk.oracle.config)
    desk.open((A, cash), (B, 10**12), (C, 10**12), (D, 10**12))
    for spec in contracts:
        desk.operator(commands.PublishPrice, source=1, contract=spec.contract, price_ticks=100)
    choose(desk, PORTFOLIO)
    return desk


def choose(desk: Desk, mode: int, account: int = A) -> list[tuple]:
    return desk.operator(commands.SetMarginMode, account=account, margin_mode=mode)


def cap(desk: Desk, rate: int, account: int = A) -> list[tuple]:
    return desk.operator(commands.SetLeverageCap, account=account, rate_initial_ppb=rate)


def hold(desk: Desk, *lots: int) -> None:
    """In the contracts 1, 2, ..., bought from B or sold to B at the mark."""
    for number, held in enumerate(lots, 1):
        if held:
            price = desk.oracle.markets[number].mark
            desk.deal(*((A, B) if held > 0 else (B, A)), abs(held), price, number)


def left_with(desk: Desk, cash: int) -> Desk:
    """As if it had never had more: money is taken from it and its deposit alike."""
    account = desk.oracle.accounts[A]
    desk.oracle.deposits -= account.cash - cash
    account.cash = cash
    desk.oracle.check()
    return desk


def hedged(cash: int, **config) -> Desk:
    """Long 10 and short 10 of the same, and so much money."""
    desk = opened(**config)
    hold(desk, 10, -10)
    return left_with(desk, cash)


def margins(desk: Desk, account: int = A) -> tuple[int, int]:
    """What it must have to hold, and to open."""
    found = desk.oracle.accounts[account]
    return maintenance(desk.oracle, found), requirement(desk.oracle, found)


def reserve_of(desk: Desk, side: int = BUY, number: int = 1, account: int = A) -> int:
    found: int = desk.oracle.state()["accounts"][account]["reserves"][number][side]
    return found


# What a portfolio could lose.


@pytest.mark.parametrize(
    ("lots", "risk"),
    [
        ((10,), 100),
        ((-10,), 100),
        ((10, -10), 20),  # a fifth of what the tiers say, which is 100
        ((10, -6), 40),
        ((10, 10), 200),
        ((10, 0, 10), 200),  # of no underlying
        ((10, 0, -10), 200),
        ((0, 0, 10, -10), 200),  # neither of them nets with the other one
        ((10, 0, 0, 0, -10), 200),  # of another underlying
        ((0, -3, 0, 4, 10), 30 + 40 + 100),
    ],
)
def test_8_7_contracts_of_one_underlying_net(lots, risk):
    others = (contract(3), contract(4), contract(5, underlying=2))
    desk = opened(related(), related(2), *others)
    hold(desk, *lots)
    assert margins(desk)[0] == risk


@pytest.mark.parametrize(("lots", "risk"), [(10, 200), (-10, 50)])
def test_8_7_the_worst_move_is_another_one_for_the_other_side(lots, risk):
    desk = opened(moves=(-20 * PERCENT, 5 * PERCENT))
    hold(desk, lots)
    assert margins(desk) == (risk, (risk * 125 + 99) // 100 if lots > 0 else 63)


def test_8_7_a_small_move_up_costs_a_short_no_more_than_the_floor():
    """A fifth of 50, and of 100."""
    desk = opened(moves=(-20 * PERCENT, 1))
    hold(desk, -10)
    assert margins(desk) == (10, 20)


def test_8_7_each_result_is_rounded_against_the_account():
    """33.33 of 1,000 are 34 lost and 33 gained."""
    desk = opened(moves=(33_333_333, -1), portfolio_floor_ppb=1)
    hold(desk, 10, -10)
    assert margins(desk) == (1, 2)  # 1.25
    hold(desk, -20)  # short 10 in both
    assert margins(desk) == (68, 85)


def inverse(number: int = 1, **changes) -> Contract:
    return related(number, tick_value=0, contract_value=10**6, **changes)


def test_8_7_an_inverse_contract_loses_more_when_the_price_falls():
    """A lot of 10,000 loses 2,500 at 80 and gains 2,000 at 125, a linear one 2,000 and 2,500."""
    moves = (-20 * PERCENT, 25 * PERCENT)
    desk = opened(inverse(), related(2, tick_value=100), moves=moves, portfolio_floor_ppb=1)
    hold(desk, 1)
    assert margins(desk) == (2_500, 3_125)
    hold(desk, -2)
    assert margins(desk) == (2_000, 2_500)
    hold(desk, 0, 1)  # short the inverse one: 500 are gained at either price, and it is less
    assert margins(desk)[0] == 1
    hold(desk, 2, -2)
    assert margins(desk) == (500, 625)


def test_8_7_inverse_results_are_rounded_towards_minus_infinity():
    """3,333 at 300, of which a ninth is 370.33: 371 lost in one leg, 370 gained in the other."""
    desk = opened(inverse(), inverse(2), moves=(-10 * PERCENT, 1), portfolio_floor_ppb=1)
    desk.mark(300, 300)
    hold(desk, 1, -1)
    assert margins(desk) == (1, 2)
    hold(desk, 0, 2)
    assert margins(desk) == (742, 928)  # 927.5


def test_8_7_bases_move_against_the_account_each_by_itself():
    """10 of the one and 20 of the other. At 101 they are 11 and 21, each rounded up, and under a
    move by 5% there are 51 lost and 50 gained."""
    first, second = related(basis_ppb=PERCENT), related(2, basis_ppb=2 * PERCENT)
    desk = opened(first, second)
    hold(desk, 10, -10)
    assert margins(desk) == (30, 40)  # 37.5, and a fifth of 200
    desk.mark(101, 101)
    assert margins(desk)[0] == 11 + 21 + 1


@pytest.mark.parametrize(("lots", "margin"), [(6, 60), (7, 70 + 5), (-7, 70 + 5), (10, 100 + 20)])
def test_8_7_concentration_beyond_a_value(lots, margin):
    desk = opened(related(concentration_value=600, concentration_ppb=5 * PERCENT), related(2))
    hold(desk, lots)
    assert margins(desk)[0] == margin
    hold(desk, 0, -lots)  # the hedge nets none of it
    assert margins(desk)[0] == max(margin - 10 * abs(lots), 2 * abs(lots))


def test_8_7_the_floor_is_a_share_of_what_the_tiers_say():
    """Of 50 + 50 and of 100 + 100, rounded up: 33.3% are 34 and 67."""
    desk = opened(portfolio_floor_ppb=333_000_000)
    hold(desk, 10, -10)
    assert margins(desk) == (34, 67)
    choose(desk, TIERS)
    assert margins(desk) == (100, 200)


def test_8_7_what_raises_the_tiers_is_not_netted():
    """40% of one leg, which is more than a fifth of 500; 50% of both."""
    desk = opened(related(rate_initial_min_ppb=40 * PERCENT), related(2))
    hold(desk, 10, -10)
    assert margins(desk) == (20, 400)
    cap(desk, 50 * PERCENT)
    assert margins(desk) == (20, 1_000)


def test_8_7_frozen_contracts_count_at_their_last_mark():
    desk = opened(related(), related(2, source_stale_ns=10**9))
    hold(desk, 10, -10)
    desk.wait(2 * 10**9)
    assert desk.oracle.markets[2].state == words.STATE_FROZEN
    assert margins(desk) == (20, 40)


def test_8_7_the_fund_and_isolated_positions_are_not_part_of_it():
    """At tiers: 10% of 1,000, and no more of the second contract than moves ask for."""
    desk = opened(cash=1_000)
    desk.client(commands.IsolateContract, A, contract=1)
    desk.client(commands.MoveMargin, A, contract=1, amount=100)
    hold(desk, 10, -10)
    assert margins(desk, M) == (50, 100)
    assert margins(desk) == (100, 125)
    for account in (FUND, M, 0, 99):
        assert code_of(choose(desk, PORTFOLIO, account)) == refusals.ACCOUNT_UNKNOWN
        assert code_of(cap(desk, 0, account)) == refusals.ACCOUNT_UNKNOWN


# Orders (8.2).


@pytest.mark.parametrize(
    ("terms", "reserve"),
    [
        ({}, 125),
        ({"initial": 13}, 130),  # the tier asks for more
        ({"basis_ppb": PERCENT, "concentration_ppb": 2 * PERCENT}, 163),  # 13% x 1.25
        ({"rate_initial_min_ppb": 50 * PERCENT}, 500),
    ],
)
def test_8_7_a_reserve_is_at_the_worst_rate(terms, reserve):
    """Whether concentration is near or not."""
    desk = opened(related(**terms), related(2))
    desk.place(A, BUY, 10, 100)
    assert reserve_of(desk) == reserve
    desk.place(B, BUY, 10, 100)
    assert reserve_of(desk, account=B) in (100, 130, 500)


def test_8_7_the_worst_rate_of_an_inverse_contract_is_that_of_the_fall():
    """A third of 10,000, not to be had in 10^9 parts: 333,333,334, and 416,666,668 of them."""
    desk = opened(inverse(), related(2), moves=(-25 * PERCENT, 30 * PERCENT))
    desk.place(A, BUY, 1, 100)
    assert reserve_of(desk) == 4_167


def test_8_7_a_reserve_can_be_above_what_the_order_is_worth():
    desk = opened(cash=1_125, moves=(-90 * PERCENT, 90 * PERCENT))
    assert code_of(desk.place(A, BUY, 11, 100)) == refusals.MARGIN_INSUFFICIENT
    desk.place(A, BUY, 10, 100)
    assert reserve_of(desk) == 1_125
    desk.place(B, SELL, 10, 100)
    assert margins(desk) == (900, 1_125)


def test_8_7_orders_need_as_if_the_account_were_flat():
    """Sales of 10 against 10 held reserve 125 as well, and the larger side counts."""
    desk = opened()
    hold(desk, 10)
    desk.place(A, SELL, 10, 101)
    assert reserve_of(desk, SELL) == 127  # 126.25
    assert margins(desk)[1] == 125 + 127
    desk.place(A, BUY, 8, 100)
    assert margins(desk)[1] == 125 + 127
    desk.place(A, BUY, 10, 99)
    assert margins(desk)[1] == 125 + 100 + 124  # 123.75


@pytest.mark.parametrize("cash", [164, 165])
def test_8_7_an_order_that_closes_one_leg_of_a_hedge_reserves(cash):
    """40 for what is held, and 125: then what is left asks for 125."""
    desk = hedged(cash)
    found = desk.place(A, SELL, 10, 100)
    if cash == 164:
        assert code_of(found) == refusals.MARGIN_INSUFFICIENT
        assert desk.place(A, SELL, 10, 100, flags=words.REDUCE_ONLY)[0][-1] == (
            events.ORDER_ACCEPTED
        )
        return
    assert reserve_of(desk, SELL) == 125
    desk.place(B, BUY, 10, 100)
    assert margins(desk) == (100, 125)


def test_9_1_a_leg_that_closes_raises_the_margin():
    """60 do for the hedge, and not for what is left of it; of that the whole goes to B."""
    desk = hedged(60)
    desk.place(B, BUY, 10, 100)
    found = desk.place(A, SELL, 10, 100, flags=words.REDUCE_ONLY)
    assert of_kind(found, STARTED) == [(STARTED, A, 60, 100)]


@pytest.mark.parametrize("mode", [PORTFOLIO, TIERS])
@pytest.mark.parametrize("tif", [words.IOC, words.FOK])
def test_9_0_a_fill_beyond_slippage_is_judged_by_the_margin_of_what_is_left(mode, tif):
    """At 95 there are 90 left of 140: enough for the tiers' 50, not for 100."""
    desk = hedged(140)
    if mode == TIERS:
        desk.oracle.accounts[A].margin_mode = TIERS
    desk.place(B, BUY, 10, 95)
    found = desk.place(A, SELL, 10, 95, flags=words.REDUCE_ONLY, tif=tif)
    if mode == TIERS:
        assert of_kind(found, events.TRADE)[0][2:4] == (95, 10)
        return
    reason = words.CANCEL_SLIPPAGE if tif == words.IOC else words.CANCEL_FOK
    assert not of_kind(found, events.TRADE)
    assert of_kind(found, events.ORDER_CANCELLED)[0][5:] == (10, reason)


@pytest.mark.parametrize(("cash", "trades"), [(149, 0), (150, 1)])
def test_9_0_so_is_that_of_a_maker(cash, trades):
    desk = hedged(cash)
    desk.place(A, SELL, 10, 95, flags=words.REDUCE_ONLY)
    assert len(of_kind(desk.place(B, BUY, 10, 95), events.TRADE)) == trades


@pytest.mark.parametrize(("cash", "trades"), [(149, 0), (150, 1)])
def test_9_0_so_is_that_of_an_uncross(cash, trades):
    desk = hedged(cash)
    change(desk, AUCTION)
    desk.place(A, SELL, 10, 95, flags=words.REDUCE_ONLY)
    desk.place(B, BUY, 10, 95)
    found = change(desk, CONTINUOUS)
    assert len(of_kind(found, events.TRADE)) == trades
    reasons = [record[6] for record in of_kind(found, events.ORDER_CANCELLED)]
    assert reasons == [] if trades else [words.CANCEL_SLIPPAGE]


# What can leave (8.3).


def test_8_3_the_initial_margin_of_all_holds_back_or_a_tenth_does():
    desk = opened(cash=1_000)
    hold(desk, 10)
    account = desk.oracle.accounts[A]
    assert withdrawable(desk.oracle, account) == 875
    hold(desk, 0, -10)
    assert withdrawable(desk.oracle, account) == 800  # 10% of 2,000, though 40 would do
    desk.place(A, BUY, 20, 100)
    assert withdrawable(desk.oracle, account) == 1_000 - 40 - 250


# Liquidation (9.2).


def test_9_2_the_position_without_which_the_margin_is_lowest_is_chosen():
    """Behind a fall to 97 there are 45, and the third contract asks for 49 (48.5): without it the
    hedge asks for 20. By tiers it is the smallest, 25 of 125, and so its share is 9: 1.8 a lot.
    Two lots: 43 are as much as 36, 1.2 x 30; one: 44 are less than 47, 1.2 x 39."""
    desk = opened(related(), related(2), contract(3))
    hold(desk, 10, -10, 5)
    left_with(desk, 60)
    desk.place(B, BUY, 4, 97, 3)
    found = desk.mark(100, 100, 97)
    assert of_kind(found, STARTED) == [(STARTED, A, 45, 49)]
    stepped = [record for record in found if record[-1] == STEPPED]
    assert [record[8] for record in stepped] == [3]
    assert of_kind(stepped, STEPPED) == [(STEPPED, A, words.STEP_PARTIAL, 2, 96, 45, 49, 9)]


def test_9_2_what_no_cut_helps_goes_whole_leg_by_leg():
    """Long at 99, short at 100: 15 left, 20 asked. Without the short leg 99 would be asked,
    without the long one 100. The share of a leg is 7 of 15, then all that is left."""
    desk = hedged(25)
    found = desk.mark(99, 100)
    assert of_kind(found, STARTED) == [(STARTED, A, 15, 20)]
    assert of_kind(found, STEPPED) == [
        (STEPPED, A, words.STEP_WHOLE, 10, 100, 15, 20, 7),
        (STEPPED, A, words.STEP_WHOLE, 10, 99, 8, 99, 8),
    ]
    assert of_kind(found, GIVEN) == [
        (GIVEN, A, 10, 1_007, -7, B, -7),
        (GIVEN, A, 10, 982, -8, B, -8),
    ]
    assert [record[8] for record in found if record[-1] == STEPPED] == [2, 1]
    assert desk.cash(A) == 0


def test_9_2_of_equal_ones_the_first_of_the_accounts_contracts_goes():
    """Two that do not net: either without the other one asks for 99."""
    desk = opened(contract(), contract(2))
    for number in (2, 1):
        desk.deal(A, B, 10, 100, number)
    left_with(desk, 205)
    found = desk.mark(99, 99)
    assert of_kind(found, STARTED) == [(STARTED, A, 185, 198)]
    assert [record[8] for record in found if record[-1] == STEPPED] == [2, 1]


def test_9_1_who_is_deleveraged_out_of_a_hedge_is_looked_at():
    """A short seller with 10 left of 20 asks for 11 at 101; the lots and his 10 come from and go
    to the hedger. Of the hedge a short position is left, and 70 behind it."""
    first, second = (related(n, initial=2, maintenance=1) for n in (1, 2))
    desk = opened(first, second)
    desk.open((6, 20))
    desk.deal(A, 6, 10, 100)
    desk.deal(B, A, 10, 100, 2)
    left_with(desk, 60)
    found = desk.mark(101, 101)
    assert of_kind(found, STARTED) == [(STARTED, 6, 10, 11), (STARTED, A, 70, 101)]
    assert of_kind(found, GIVEN)[0] == (GIVEN, 6, 10, 1_020, -10, A, -10)


@pytest.mark.parametrize(("mode", "lots"), [(TIERS, 13), (PORTFOLIO, 11)])
def test_9_2_a_provider_takes_what_its_mode_lets_it_hold(mode, lots):
    """Of 20 at 94 with 130: 13 ask for 123, a tenth; 11 for 130, 1.25 x 104 (103.4)."""
    desk = opened()
    desk.open((7, 130), kind=words.KIND_LIQUIDITY_PROVIDER)
    desk.open((6, 200))
    if mode == PORTFOLIO:
        choose(desk, mode, 7)
    desk.operator(commands.SetCapacity, account=7, contract=1, lots=20)
    desk.deal(6, B, 20, 100)
    found = desk.mark(94, 100)
    assert of_kind(found, events.POSITION_PROVIDED) == [
        (events.POSITION_PROVIDED, 6, lots, lots * 94, 7)
    ]


# The mode.


def test_8_7_the_mode_is_set_and_taken_back():
    desk = Desk(related(), portfolio_moves_ppb=MOVES)
    desk.open((A, 1_000), (B, 1_000))
    desk.mark(100)
    for mode in (PORTFOLIO, TIERS):
        found = choose(desk, mode)
        assert [(record[7], record[1], record[-1]) for record in found] == [(A, mode, SET)]
        assert desk.oracle.state()["accounts"][A]["margin_mode"] == mode
        assert desk.oracle.state()["accounts"][B]["margin_mode"] == TIERS
        assert code_of(choose(desk, mode)) == refusals.MODE_UNCHANGED


def test_8_7_what_is_refused_in_its_order():
    """In an auction A's liquidation waits; it works an order that only reduces, and would have to
    have far more for the other mode."""
    desk = hedged(25)
    for number in (1, 2):
        desk.operator(commands.ChangeState, contract=number, state=AUCTION)
    desk.place(A, SELL, 1, 101, flags=words.REDUCE_ONLY)
    assert of_kind(desk.mark(99, 100), STARTED)
    assert code_of(choose(desk, 2, 99)) == refusals.ACCOUNT_UNKNOWN
    assert code_of(choose(desk, 2)) == code_of(choose(desk, -1)) == refusals.MODE_INVALID
    assert code_of(choose(desk, PORTFOLIO)) == refusals.MODE_UNCHANGED
    assert code_of(choose(desk, TIERS)) == refusals.ACCOUNT_IN_LIQUIDATION
    desk.operator(commands.Deposit, account=A, amount=100)
    assert not desk.oracle.accounts[A].in_liquidation
    assert code_of(choose(desk, TIERS)) == refusals.MODE_WITH_ORDERS
    desk.client(commands.MassCancel, A)
    assert code_of(choose(desk, TIERS)) == refusals.MARGIN_INSUFFICIENT
    desk.operator(commands.Deposit, account=A, amount=83)
    assert code_of(choose(desk, TIERS)) == refusals.MARGIN_INSUFFICIENT  # 198 of 199
    desk.operator(commands.Deposit, account=A, amount=1)
    assert of_kind(choose(desk, TIERS), SET) == [(SET, A)]


def test_8_7_a_pool_without_moves_offers_none():
    desk = Desk(related())
    desk.open((A, 1_000))
    for mode in (TIERS, PORTFOLIO):
        assert code_of(choose(desk, mode)) == refusals.MODE_INVALID


def test_8_7_orders_that_wait_are_in_the_way_and_those_of_a_margin_account_are_not():
    desk = opened(cash=10_000)
    desk.client(commands.IsolateContract, A, contract=2)
    desk.client(commands.MoveMargin, A, contract=2, amount=1_000)
    desk.place(A, BUY, 10, 99, 2)
    stop = {"order_type": words.STOP_LIMIT, "trigger_ticks": 110, "trigger_source": 1}
    desk.place(A, BUY, 1, 110, **stop)
    assert code_of(choose(desk, TIERS)) == refusals.MODE_WITH_ORDERS
    desk.client(commands.MassCancel, A, contract=1)
    assert of_kind(choose(desk, TIERS), SET) == [(SET, A)]


def test_8_7_a_mode_that_asks_for_less_is_never_refused():
    """125 as a portfolio, 110 by tiers, and 105 are there."""
    desk = opened(related(initial=11))
    hold(desk, 10)
    left_with(desk, 105)
    assert margins(desk) == (100, 125)
    assert of_kind(choose(desk, TIERS), SET) == [(SET, A)]
    assert margins(desk) == (50, 110)
    assert code_of(choose(desk, PORTFOLIO)) == refusals.MARGIN_INSUFFICIENT


def test_9_1_nobody_is_liquidated_for_a_mode():
    """50% to open and 1% to hold by tiers: at 55 there are 50, of 275 and 6. As a portfolio it is
    69 to open, which is less, but 55 to hold, which 50 do not cover."""
    desk = opened(related(initial=50, maintenance=1))
    choose(desk, TIERS)
    hold(desk, 10)
    left_with(desk, 500)
    desk.mark(55)
    assert margins(desk) == (6, 275)
    assert code_of(choose(desk, PORTFOLIO)) == refusals.MARGIN_INSUFFICIENT
    assert margins(desk) == (6, 275)


def test_8_1_a_rate_of_its_own_counts_in_the_requirement_of_a_portfolio():
    """All of the leg that it is of, whatever the other nets: 14% of 1,000, and 16%."""
    desk = hedged(150)
    desk.client(commands.SetLeverage, A, contract=1, rate_initial_ppb=14 * PERCENT)
    assert margins(desk)[1] == 140
    found = desk.client(commands.SetLeverage, A, contract=1, rate_initial_ppb=16 * PERCENT)
    assert code_of(found) == refusals.MARGIN_INSUFFICIENT


# The least rate (8.1).


def test_8_1_a_cap_holds_in_every_contract_and_for_nobody_else():
    desk = Desk(contract(), contract(2))
    desk.open((A, 10_000), (B, 10_000))
    desk.mark(100, 100)
    assert of_kind(cap(desk, 50 * PERCENT), CAPPED) == [(CAPPED, A, 50 * PERCENT)]
    for number in (1, 2):
        desk.place(A, BUY, 10, 100, number)
        assert reserve_of(desk, number=number) == 500
    desk.place(B, BUY, 10, 100)
    assert reserve_of(desk, account=B) == 100
    assert desk.oracle.state()["accounts"][A]["leverage_cap"] == 50 * PERCENT


@pytest.mark.parametrize(
    ("capped", "own", "reserve"),
    [(0, 0, 100), (5, 0, 100), (20, 0, 200), (20, 30, 300), (30, 20, 300), (100, 0, 1_000)],
)
def test_8_1_the_largest_counts(capped, own, reserve):
    desk = Desk(contract())
    desk.open((A, 10_000))
    desk.mark(100)
    cap(desk, capped * PERCENT)
    desk.client(commands.SetLeverage, A, contract=1, rate_initial_ppb=own * PERCENT)
    desk.place(A, BUY, 10, 100)
    assert reserve_of(desk) == reserve


def test_8_1_a_cap_reaches_isolated_positions_those_of_later_too():
    desk = Desk(contract(), contract(2))
    desk.open((A, 10_000), (B, 10_000))
    desk.mark(100, 100)
    desk.client(commands.IsolateContract, A, contract=1)
    cap(desk, 40 * PERCENT)
    desk.client(commands.IsolateContract, A, contract=2)
    for number, account in ((1, M), (2, M + 1)):
        desk.client(commands.MoveMargin, A, contract=number, amount=400)
        assert code_of(desk.place(A, BUY, 11, 100, number)) == refusals.MARGIN_INSUFFICIENT
        desk.place(A, BUY, 10, 100, number)
        assert reserve_of(desk, number=number, account=account) == 400
    desk.place(B, SELL, 10, 100)
    assert margins(desk, M) == (50, 400)
    cap(desk, 0)
    assert margins(desk, M) == (50, 100)


def test_8_1_a_cap_that_nobody_can_cover_liquidates_nobody():
    """Orders keep their reserves; what would raise the requirement is refused from now on."""
    desk = Desk(contract())
    desk.open((A, 200), (B, 10_000))
    desk.mark(100)
    desk.deal(A, B, 10, 100)
    desk.place(A, BUY, 10, 100)
    assert [record[-1] for record in cap(desk, PPB)] == [CAPPED]
    assert reserve_of(desk) == 100
    assert margins(desk) == (50, 1_100)
    assert not of_kind(desk.mark(99), STARTED)
    assert code_of(desk.place(A, BUY, 1, 99)) == refusals.MARGIN_INSUFFICIENT
    assert desk.place(A, SELL, 10, 99)[0][-1] == events.ORDER_ACCEPTED


@pytest.mark.parametrize("rate", [-1, PPB + 1])
def test_8_1_a_cap_is_a_rate(rate):
    desk = Desk(contract())
    desk.open((A, 200))
    assert code_of(cap(desk, rate)) == refusals.RATE_INVALID
    assert code_of(cap(desk, rate, 99)) == refusals.ACCOUNT_UNKNOWN
