"""What stands behind the book, worked out by hand: providers in the queue and in the waterfall
(9.2 e), the fund's way back to the market and its cover of a stressed loss (9.6)."""

import pytest

from engine.schema import bounds, commands, events, refusals
from engine.schema import vocabulary as words
from tests.oracle.desk import (
    BUY,
    DAY,
    FUND,
    SELL,
    START,
    A,
    B,
    C,
    D,
    Desk,
    code_of,
    contract,
    of_kind,
    slot,
    thin,
)
from tests.oracle.test_auctions import change

SECOND = 10**9
P, Q, R = 10, 11, 12  # liquidity providers
M = 2**21  # the first margin account
FUNDED = {"fund_value_max": 10**6, "fund_share_ppb": 10**9}
WORKED = FUNDED | {
    "fund_slice_lots": 4,
    "fund_slice_ns": 60 * SECOND,
    "fund_slice_slippage_ppb": 10_000_000,
}
SELL_BACK = words.IOC << 8 | words.REDUCE_ONLY << 16 | words.STP_CANCEL_OLDEST << 24
PROVIDED, TAKEN = events.POSITION_PROVIDED, events.POSITION_TAKEN_OVER
ACCEPTED, CANCELLED = events.ORDER_ACCEPTED, events.ORDER_CANCELLED


def bind(desk: Desk, account: int, lots: int, number: int = 1) -> list[tuple]:
    return desk.operator(commands.SetCapacity, account=account, contract=number, lots=lots)


def bound(desk: Desk, *terms: tuple[int, int, int]) -> None:
    """Providers: (account, cash, capacity in the first contract)."""
    for account, cash, lots in terms:
        desk.open((account, cash), kind=words.KIND_LIQUIDITY_PROVIDER)
        bind(desk, account, lots)


def long_ten(*others, cash: int = 1_000, config: dict | None = None, **changes) -> Desk:
    """A is long 10 at 1000 against B in every contract; nobody bids. At 945 it stands at 450 of
    ceil(472.5) = 473, and its bankruptcy price is 900."""
    desk = Desk(contract(**changes), *others, **(config or {}))
    desk.open((A, cash), (B, 100_000), (C, 100_000))
    desk.mark(1_000, *(1_000 for _ in others))
    for number in range(1, len(others) + 2):
        desk.deal(A, B, 10, 1_000, number)
    return desk


def provided(records: list[tuple]) -> list[tuple]:
    """(lots, value, provider, penalty) of each that took some."""
    return [tuple(r[1:5]) for r in records if r[-1] == PROVIDED]


# Who is bound to what.


@pytest.mark.parametrize(
    ("account", "number", "lots", "code"),
    [
        (99, 9, -1, refusals.ACCOUNT_UNKNOWN),
        (FUND, 1, 1, refusals.ACCOUNT_UNKNOWN),
        (A, 1, 1, refusals.ACCOUNT_UNKNOWN),  # a client
        (D, 1, 1, refusals.ACCOUNT_UNKNOWN),  # an affiliate
        (M, 1, 1, refusals.ACCOUNT_UNKNOWN),  # the provider's own margin account
        (P, 9, -1, refusals.CONTRACT_UNKNOWN),
        (P, 1, -1, refusals.CAPACITY_INVALID),
        (P, 1, bounds.LOTS_MAX + 1, refusals.CAPACITY_INVALID),
    ],
)
def test_9_2_e_what_no_capacity_is(account, number, lots, code):
    desk = Desk(contract(), contract(2))
    desk.open((A, 100))
    desk.open((D, 100), kind=words.KIND_AFFILIATE)
    bound(desk, (P, 100, 5))
    desk.client(commands.IsolateContract, P, contract=2)
    assert M in desk.oracle.accounts
    assert code_of(bind(desk, account, lots, number)) == code
    assert desk.oracle.state()["accounts"][P]["capacities"] == {1: 5}


def test_9_2_e_a_capacity_is_told_and_makes_the_contract_one_of_its_contracts():
    desk = Desk(contract(), contract(2))
    desk.open((P, 100), kind=words.KIND_LIQUIDITY_PROVIDER)
    for number, lots in ((2, bounds.LOTS_MAX), (1, 0)):
        assert bind(desk, P, lots, number)[0][1:] == (
            lots, 0, 0, 0, 0, 0, P, number, events.CAPACITY_SET,
        )  # fmt: skip
    account = desk.oracle.state()["accounts"][P]
    assert (account["contracts"], account["capacities"]) == ([2, 1], {2: bounds.LOTS_MAX})


# Providers in the queue.


def test_9_2_e_a_provider_comes_before_the_fund_and_gets_the_penalty():
    desk = long_ten(takeover_penalty_ppb=10_000_000, config={"fund_cash": 1_000}, **FUNDED)
    bound(desk, (P, 10_000, 10))
    found = desk.mark(945)
    # penalty: min(450, ceil(9450 x 1%) = 95), in the price
    assert of_kind(found, PROVIDED, events.LEG, events.LIQUIDATION_FEE_PAID, TAKEN) == [
        (PROVIDED, A, 10, 9_450 - 95, P, 95),
        (events.LEG, A, 0, 0, 0, 0, 9_355 - 10_000, 355),
        (events.LEG, P, 0, 10, 9_355, 0, 0, 10_000),
    ]
    assert of_kind(found, events.LIQUIDATION_ENDED) == [
        (events.LIQUIDATION_ENDED, A, words.END_FLAT, 355),
    ]
    assert desk.cash(FUND) == 1_000


def test_9_2_e_of_a_short_the_penalty_comes_on_top():
    desk = Desk(contract(takeover_penalty_ppb=10_000_000))
    desk.open((A, 1_000), (B, 100_000))
    bound(desk, (P, 10_000, 10))
    desk.mark(1_000)
    desk.deal(B, A, 10, 1_000)
    found = desk.mark(1_055)  # 450 of 528; ceil(10,550 x 1%) = 106
    assert provided(found) == [(10, 10_550 + 106, P, 106)]
    assert desk.position(P) == (-10, -10_656)
    assert desk.cash(A) == 450 - 106


@pytest.mark.parametrize(
    ("capacities", "lots", "by_fund"),
    [
        ((3, 4, 5), (2, 3, 5), 0),  # 10 x 3 / 12; 8 x 4 / 9; 5 x 5 / 5
        ((3, 4, 0), (3, 4), 3),  # never more than the room, though 10 x 3 / 7 is 4
        ((1, 40, 40), (5, 5), 0),  # 10 x 1 / 81 is nothing; 10 x 40 / 80, 5 x 40 / 40
    ],
)
def test_9_2_e_each_is_asked_by_its_room(capacities, lots, by_fund):
    desk = long_ten(config={"fund_cash": 1_000}, **FUNDED)
    bound(desk, *((P + k, 10_000, capacity) for k, capacity in enumerate(capacities)))
    found = desk.mark(945)
    assert tuple(took[0] for took in provided(found)) == lots
    assert [record[2] for record in of_kind(found, TAKEN)] == [by_fund] * (by_fund > 0)


def test_9_2_e_the_room_ends_at_the_capacity_from_either_side():
    desk = long_ten()
    bound(desk, (P, 10_000, 4), (Q, 10_000, 5), (R, 10_000, 3))
    desk.deal(B, P, 4, 1_000)
    desk.deal(Q, B, 2, 1_000)
    desk.deal(R, B, 4, 1_000)
    # 4 + 4 of the short one, 5 - 2 of the long one, of the last one nothing: 10 x 8 / 11, then 3
    assert provided(desk.mark(945)) == [(7, 7 * 945, P, 0), (3, 3 * 945, Q, 0)]
    held = [desk.position(account)[0] for account in (A, P, Q, R)]
    assert held == [0, 3, 5, 4]


def test_9_2_e_who_is_of_the_debtors_group_takes_nothing():
    desk = long_ten()
    desk.open((P, 10_000), group=A, kind=words.KIND_LIQUIDITY_PROVIDER)
    bind(desk, P, 10)
    bound(desk, (Q, 10_000, 10))
    assert provided(desk.mark(945)) == [(10, 9_450, Q, 0)]


def test_9_2_e_who_is_in_liquidation_itself_takes_nothing():
    desk = long_ten()
    bound(desk, (P, 1_000, 100), (Q, 100_000, 10))
    desk.deal(P, B, 10, 1_000)
    found = desk.mark(945)  # both at 450 of 473; A is first
    assert of_kind(found, PROVIDED)[0] == (PROVIDED, A, 10, 9_450, Q)


def test_8_5_who_has_isolated_the_contract_takes_no_second_position_in_it():
    desk = long_ten()
    bound(desk, (P, 10_000, 10), (Q, 10_000, 10))
    desk.client(commands.IsolateContract, P, contract=1)
    assert provided(desk.mark(945)) == [(10, 9_450, Q, 0)]
    desk.client(commands.JoinContract, P, contract=1)
    assert desk.oracle.state()["accounts"][P]["capacities"] == {1: 10}


def test_9_2_e_a_provider_takes_what_it_could_hold_by_an_order_of_its_own():
    """10% of 945 a lot: 4 lots ask for 378, and 345 + min(180, ceil(37.8)) = 383 cover them."""
    desk = long_ten(takeover_penalty_ppb=10_000_000)
    bound(desk, (P, 345, 10))
    assert provided(desk.mark(945)) == [(4, 4 * 945 - 38, P, 38)]


@pytest.mark.parametrize(("fee", "lots"), [(0, 3), (1_000_000, 2)])
def test_9_2_e_its_working_orders_count_with_their_fees(fee, lots):
    """3 lots ask for ceil(283.5) + 80 for the order = 364, and 335 + ceil(28.35) cover that; a
    fee of ceil(0.8) for the order is one too much."""
    desk = long_ten(cash=1_010, takeover_penalty_ppb=10_000_000, fee_taker_ppb=fee)
    bound(desk, (P, 335, 10))
    desk.place(P, BUY, 1, 800)
    assert [took[0] for took in provided(desk.mark(945))] == [lots]


def test_9_2_e_who_can_carry_nothing_is_passed_over_and_not_replaced():
    """Each is asked for 5; what the first can't take nobody else is asked for."""
    desk = long_ten()
    bound(desk, (P, 90, 10), (Q, 10_000, 10))
    found = desk.mark(945)
    assert provided(found) == [(5, 5 * 945, Q, 0)]
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, A, 5, 5 * 945 - 450, -450, B, -450),
    ]


@pytest.mark.parametrize("second", [10, 0])
def test_9_4_share_and_penalty_are_taken_anew_behind_each_provider(second):
    """A stands at 900 of 473 + 473. 3 of 10 lots: floor(450 x 3 / 10). Then it stands at 765 of
    331 + 473: the share of 7 lots is floor(765 x 331 / 804) = 314, not 450 x 7 / 10."""
    terms = {"takeover_penalty_ppb": 10**9, "fund_share_ppb": 10**9}
    desk = long_ten(
        contract(2),
        cash=2_000,
        config={"fund_cash": 1_000},
        fund_value_max=10**6,
        **terms,
    )
    bound(desk, (P, 10_000, 5 if second else 3), (Q, 10_000, second))
    found = desk.mark(945, 945)
    if second:  # asked for floor(10 x 5 / 15), then the rest
        assert provided(found) == [(3, 2_835 - 135, P, 135), (7, 6_615 - 314, Q, 314)]
    else:
        assert provided(found) == [(3, 2_835 - 135, P, 135)]
        assert of_kind(found, TAKEN) == [(TAKEN, A, 7, 6_615, 0, 314)]


def test_9_2_e_a_partial_step_does_not_reach_the_providers():
    desk = long_ten()
    bound(desk, (P, 10_000, 10))
    desk.place(C, BUY, 20, 945)
    found = desk.mark(945)
    assert of_kind(found, events.LIQUIDATION_STEPPED)[0][2:4] == (words.STEP_PARTIAL, 3)
    assert not provided(found)


# Providers in the waterfall.


@pytest.mark.parametrize(("second", "charge"), [(1_000, 500), (1_010, 400)])
def test_9_3_a_provider_takes_only_what_bears_no_charge(second, charge):
    """A has lost 1000 of its 500 by the first contract, and the second has cost nothing, or gained
    100. B, who has gained 100 a lot, bears all of the first; 4 lots of the second go to P at the
    mark, without a penalty, and 6 to B."""
    terms = thin(takeover_penalty_ppb=10**9)
    desk = long_ten(contract(2, **terms), cash=500, **terms)
    bound(desk, (P, 10_000, 10))
    bind(desk, P, 4, 2)
    found = desk.mark(900, second)
    assert of_kind(found, PROVIDED, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, A, 10, 9_000 + charge, charge, B, charge),
        (PROVIDED, A, 4, 4 * second, P),
        (events.POSITION_DELEVERAGED, A, 6, 6 * second, 0, B),
    ]
    assert of_kind(found, events.WATERFALL_CLOSED) == [
        (events.WATERFALL_CLOSED, A, charge, 0, charge),
    ]
    assert desk.position(P) == (0, 0) and desk.position(P, 2) == (4, 4 * second)
    assert desk.cash(P) == 10_000


def test_9_3_one_unit_of_charge_keeps_the_providers_away():
    """A at -1, each contract having cost 500: floor(1 x 500 / 1000) is nothing for the first, and
    the one unit stays with the second."""
    desk = long_ten(contract(2, **thin()), cash=999, **thin())
    bound(desk, (P, 10_000, 10))
    bind(desk, P, 10, 2)
    found = desk.mark(950, 950)
    assert of_kind(found, PROVIDED, events.POSITION_DELEVERAGED) == [
        (PROVIDED, A, 10, 9_500, P),
        (events.POSITION_DELEVERAGED, A, 10, 9_501, 1, B, 1),
    ]
    assert desk.position(P) == (10, 9_500) and desk.position(P, 2) == (0, 0)


def test_9_2_e_a_charge_goes_past_the_providers_to_the_fund():
    """The fund of 1000 takes the 10 lots that bear 500; of those that bear nothing the provider
    comes first, and the fund takes the rest."""
    terms = thin(**FUNDED)
    desk = long_ten(contract(2, **terms), cash=500, config={"fund_cash": 1_000}, **terms)
    bound(desk, (P, 10_000, 10))
    bind(desk, P, 4, 2)
    found = desk.mark(900, 1_000)
    assert of_kind(found, PROVIDED, TAKEN, events.POSITION_DELEVERAGED) == [
        (TAKEN, A, 10, 9_500, 500),
        (PROVIDED, A, 4, 4_000, P),
        (TAKEN, A, 6, 6_000),
    ]
    assert of_kind(found, events.WATERFALL_CLOSED) == [
        (events.WATERFALL_CLOSED, A, 500, 500),
    ]
    assert desk.position(P) == (0, 0) and desk.position(FUND) == (10, 9_500)
    assert not of_kind(found, events.DEFICIT_COVERED)


def test_9_2_e_what_the_fund_holds_no_provider_takes():
    """16 v with a provider: the fund of 12 takes 1 long at 97, and stands at -35 at 50."""
    desk = Desk(contract(**thin(**FUNDED)), fund_cash=12)
    desk.open((A, 3), (B, 100))
    desk.mark(100)
    desk.deal(A, B, 1, 100)
    desk.mark(97)
    bound(desk, (P, 10_000, 10))
    found = desk.mark(50)
    assert of_kind(found, PROVIDED, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, FUND, 1, 85, 35, B, 35),
    ]


# The fund works its positions back. Its clock begins at midnight, one second before the desk's.


def taken_over(**changes) -> Desk:
    """The fund is long 10 at 945; C is there to buy."""
    cash = changes.pop("fund_cash", 10_000)
    desk = long_ten(config={"fund_cash": cash}, **(WORKED | changes))
    desk.mark(945)
    assert desk.position(FUND) == (10, 9_450)
    return desk


def slices(records: list[tuple]) -> list[tuple]:
    """(price, lots, side, terms) of each."""
    return [r[3:7] for r in records if r[-1] == ACCEPTED and r[7] == FUND]


def seed(desk: Desk, number: int, contract_number: int = 1) -> list[tuple]:
    return desk.operator(commands.SetWorkBack, contract=contract_number, seed=number)


def test_9_6_the_fund_sells_in_slices_at_its_times():
    desk = taken_over()
    desk.place(C, BUY, 20, 940)
    assert not slices(desk.wait(59 * SECOND - 1))
    found = desk.wait(1)  # limit: 945 - floor(9.45)
    assert of_kind(found, ACCEPTED, events.TRADE, events.LEG)[:3] == [
        (ACCEPTED, FUND, slot(1, 2), 0, 936, 4, SELL, SELL_BACK),
        (events.TRADE, 0, 940, 4, slot(1, 2), slot(2, 2), SELL),
        (events.LEG, FUND, slot(1, 2), 6, 5_670, 0, -20, 9_980),
    ]
    assert found[-1][-1] == events.TIME_ADVANCED
    assert slices(desk.wait(120 * SECOND)) == [
        (936, 4, SELL, SELL_BACK),
        (936, 2, SELL, SELL_BACK),
    ]
    assert desk.position(FUND) == (0, 0)
    assert desk.oracle.state()["contracts"][1]["next_slice"] == 0
    assert not slices(desk.wait(600 * SECOND))


def test_9_6_a_short_is_bought_back_above_the_mark():
    desk = Desk(contract(**WORKED), fund_cash=10_000)
    desk.open((A, 1_000), (B, 100_000))
    desk.mark(1_000)
    desk.deal(B, A, 10, 1_000)
    desk.mark(1_055)
    assert desk.position(FUND) == (-10, -10_550)
    found = desk.wait(59 * SECOND)  # 1055 + floor(10.55); nobody sells
    assert slices(found) == [(1_065, 4, BUY, SELL_BACK)]
    ended = of_kind(found, CANCELLED)
    assert [(r[1], *r[3:]) for r in ended] == [(FUND, 0, 1_065, 4, words.CANCEL_IOC)]


def test_9_6_a_slice_stays_in_the_static_band():
    desk = taken_over(band_static_ppb=5_000_000)
    assert slices(desk.wait(59 * SECOND)) == [(945 - 4, 4, SELL, SELL_BACK)]


def test_9_6_a_position_opened_anew_has_a_time_of_its_own():
    desk = taken_over(fund_slice_lots=500)
    due = START + 59 * SECOND
    state = desk.oracle.state
    assert state()["contracts"][1]["next_slice"] == due
    desk.place(C, BUY, 10, 940)
    desk.wait(59 * SECOND)
    assert desk.position(FUND) == (0, 0)
    desk.now += 150 * SECOND  # A has 450
    desk.do(commands.Deposit(time_ns=desk.now, account=A, amount=550))
    desk.mark(1_000)
    desk.deal(A, B, 10, 1_000)
    desk.mark(945)
    assert state()["contracts"][1]["next_slice"] == START + 239 * SECOND


@pytest.mark.parametrize(
    ("number", "seeded", "code"),
    [
        (9, -1, refusals.CONTRACT_UNKNOWN),
        (1, -1, refusals.SEED_INVALID),
        (1, 2**62 + 1, refusals.SEED_INVALID),
    ],
)
def test_9_6_what_no_seed_is(number, seeded, code):
    desk = taken_over()
    assert code_of(seed(desk, seeded, number)) == code
    assert desk.oracle.state()["contracts"][1]["slice_offset"] == 0


def test_9_6_a_commanded_seed_moves_the_slices():
    """150 s is 30 s behind the minute: the next one is 29 s from here."""
    desk = taken_over()
    assert of_kind(seed(desk, 150 * SECOND), events.WORK_BACK_SET) == [
        (events.WORK_BACK_SET, 0, 30 * SECOND),
    ]
    assert not slices(desk.wait(29 * SECOND - 1))
    assert len(slices(desk.wait(1))) == 1
    seed(desk, 2**62)  # 4,611,686,018.43 s, of which 38.43 s are behind a whole minute
    due = desk.oracle.state()["contracts"][1]["next_slice"]
    assert due == START - SECOND + 38_427_387_904


def test_9_6_a_seed_makes_no_slice_of_nothing():
    desk = Desk(contract(**WORKED))
    desk.open((A, 100))
    desk.mark(1_000)
    seed(desk, 5)
    state = desk.oracle.state()["contracts"][1]
    assert (state["slice_offset"], state["next_slice"]) == (5, 0)


def test_9_6_without_a_size_of_slices_the_fund_keeps_what_it_has():
    desk = taken_over(fund_slice_lots=0)
    desk.place(C, BUY, 20, 940)
    seed(desk, 7)
    assert not slices(desk.wait(600 * SECOND))
    assert desk.position(FUND) == (10, 9_450)


def test_2_6_an_expiry_of_the_same_time_comes_before_a_slice():
    desk = taken_over()
    expiry = START + 59 * SECOND
    desk.place(C, BUY, 20, 940, tif=words.GTD, expiry_ns=expiry)
    found = desk.wait(59 * SECOND)
    assert [r[6] for r in of_kind(found, CANCELLED)] == [words.CANCEL_EXPIRY, words.CANCEL_IOC]


def test_9_1_who_buys_a_slice_is_looked_at_before_the_next_due_work():
    """D is long 10 at 945 and stands at 551 of 435 at 870. It buys 4 at 890: 471 of 609, before
    its heartbeat of the next second is lost."""
    desk = taken_over(liquidation_slippage_ppb=10**8)
    desk.open((D, 1_301))
    desk.deal(D, B, 10, 945)
    desk.place(D, BUY, 4, 890)
    desk.client(commands.SetHeartbeat, D, timeout_ns=60 * SECOND)
    assert not of_kind(desk.mark(870), events.LIQUIDATION_STARTED)
    found = desk.wait(61 * SECOND)
    kinds = [r[-1] for r in found]
    started, lost = kinds.index(events.LIQUIDATION_STARTED), kinds.index(events.HEARTBEAT_LOST)
    assert kinds.index(events.TRADE) < started < lost


@pytest.mark.parametrize("state", [words.STATE_HALTED, words.STATE_POST_ONLY])
def test_9_6_where_nobody_trades_a_slice_is_left_out(state):
    desk = taken_over()
    desk.place(C, BUY, 20, 940)
    change(desk, state)
    assert not slices(desk.wait(59 * SECOND))
    assert desk.oracle.state()["contracts"][1]["next_slice"] == START + 119 * SECOND


def test_9_6_in_reduce_only_a_slice_is_sent():
    desk = taken_over()
    change(desk, words.STATE_REDUCE_ONLY)
    assert len(slices(desk.wait(59 * SECOND))) == 1


def test_9_6_a_kill_switch_does_not_stop_a_slice():
    """It only reduces and trades at once (4.6)."""
    desk = taken_over()
    desk.operator(commands.StopTrading, scope=words.SCOPE_ALL, number=0)
    assert len(slices(desk.wait(59 * SECOND))) == 1


def test_9_6_a_refused_slice_leaves_no_event():
    desk = Desk(contract(order_value_max=3_743, **WORKED), fund_cash=10_000)  # 4 x 936 is 3744
    desk.open((A, 1_000), (B, 100_000))
    desk.mark(1_000)
    for lots in (3, 3, 3, 1):
        desk.deal(A, B, lots, 1_000)
    desk.mark(945)
    assert desk.position(FUND) == (10, 9_450)
    found = desk.wait(59 * SECOND)
    assert [r[-1] for r in found] == [events.TIME_ADVANCED]
    assert desk.oracle.state()["contracts"][1]["next_slice"] == START + 119 * SECOND


def test_9_6_a_frozen_contract_has_no_slices():
    """Frozen after 30 s; reopened by an auction until 110 s, it goes on at 119 s."""
    desk = taken_over(source_stale_ns=30 * SECOND, auction_ns=10 * SECOND)
    assert not slices(desk.wait(100 * SECOND))
    assert desk.oracle.state()["contracts"][1]["next_slice"] == START + 59 * SECOND
    assert not slices(desk.mark(945))
    assert not slices(desk.wait(SECOND))
    assert desk.oracle.state()["contracts"][1]["next_slice"] == START + 119 * SECOND
    assert not slices(desk.wait(17 * SECOND))
    assert len(slices(desk.wait(SECOND))) == 1


def test_9_6_in_liquidation_the_fund_sends_no_slices():
    """At 925 the fund of 400 is below 463; the one bid leaves it at 400 of 417, and it cools."""
    cooled = {"liquidation_cooldown_ns": 600 * SECOND, "liquidation_depth_ppb": 10**9}
    desk = taken_over(fund_cash=600, **cooled)
    desk.place(C, BUY, 1, 925)
    found = desk.mark(925)
    assert of_kind(found, events.LIQUIDATION_STARTED) == [
        (events.LIQUIDATION_STARTED, FUND, 400, 463),
    ]
    assert desk.position(FUND)[0] == 9 and desk.oracle.fund.in_liquidation
    desk.place(C, BUY, 20, 925)
    assert not slices(desk.wait(59 * SECOND))
    assert desk.position(FUND)[0] == 9


# New risk stops below the cover.


def stressed(amount: int, **config) -> Desk:
    """A long 10 against B at 100; the fund of 1000 has to cover half of the stressed loss."""
    config = {"fund_cash": 1_000, "fund_cover_min_ppb": 500_000_000} | config
    desk = Desk(contract(), **config)
    desk.open((A, 10_000), (B, 10_000))
    desk.mark(100)
    desk.deal(A, B, 10, 100)
    stress(desk, amount)
    return desk


def stress(desk: Desk, amount: int) -> list[tuple]:
    return desk.operator(commands.SetStressLoss, amount=amount)


def accepted(records: list[tuple]) -> bool:
    return bool(records[0][-1] == ACCEPTED)


@pytest.mark.parametrize(
    ("amount", "code"),
    [(-1, refusals.AMOUNT_NOT_POSITIVE), (2**59 + 1, refusals.AMOUNT_ABOVE_MAX)],
)
def test_9_6_what_no_stressed_loss_is(amount, code):
    desk = stressed(5_000)
    assert code_of(stress(desk, amount)) == code
    assert desk.oracle.state()["stress_loss"] == 5_000
    assert of_kind(stress(desk, 2**59), events.STRESS_LOSS_SET) == [
        (events.STRESS_LOSS_SET, 0, 2**59, 1_000),
    ]


@pytest.mark.parametrize(("amount", "is_covered"), [(0, True), (2_000, True), (2_001, False)])
def test_9_6_new_risk_is_refused_below_the_cover(amount, is_covered):
    desk = stressed(amount)
    found = desk.place(A, BUY, 1, 99)
    assert accepted(found) if is_covered else code_of(found) == refusals.FUND_BELOW_COVER
    assert accepted(desk.place(A, SELL, 6, 101))
    assert accepted(desk.place(A, SELL, 2, 101, flags=words.REDUCE_ONLY))
    found = desk.place(A, SELL, 5, 101)  # with the first six more than it holds
    assert accepted(found) if is_covered else code_of(found) == refusals.FUND_BELOW_COVER


def test_9_6_without_a_least_cover_nothing_is_refused():
    assert accepted(stressed(2**59, fund_cover_min_ppb=0).place(A, BUY, 1, 99))


def test_9_6_the_fund_counts_at_its_present_equity():
    desk = stressed(2_001)
    assert code_of(desk.place(A, BUY, 1, 99)) == refusals.FUND_BELOW_COVER
    desk.operator(commands.Deposit, ledger=words.LEDGER_FUND, account=0, amount=1)
    assert accepted(desk.place(A, BUY, 1, 99))


def test_9_6_the_profit_of_the_funds_position_counts():
    """It takes 10 short at 1055 and stands at 1000 of the 1000 asked for; at 1056 at 990."""
    desk = Desk(contract(**FUNDED), fund_cash=1_000, fund_cover_min_ppb=500_000_000)
    desk.open((A, 1_000), (B, 100_000))
    desk.mark(1_000)
    desk.deal(B, A, 10, 1_000)
    desk.mark(1_055)
    stress(desk, 2_000)
    assert accepted(desk.place(B, BUY, 1, 900))
    desk.mark(1_056)
    assert code_of(desk.place(B, BUY, 1, 900)) == refusals.FUND_BELOW_COVER


def test_9_6_working_orders_stay_and_triggers_are_judged_at_their_turn():
    desk = stressed(0)
    working = desk.place(A, BUY, 3, 99)[0][1]
    stress(desk, 2_001)
    terms = {"trigger_source": words.SOURCE_MARK, "trigger_ticks": 102}
    found = desk.place(A, BUY, 1, 102, order_type=words.STOP_LIMIT, **terms)
    assert accepted(found)
    waiting = found[0][1]
    found = desk.mark(102)
    ended = of_kind(found, CANCELLED)
    assert [(r[2], r[6:]) for r in ended] == [
        (waiting, (words.CANCEL_TRIGGER, refusals.FUND_BELOW_COVER)),
    ]
    amend = {"order_id": working, "price_ticks": 99}
    found = desk.client(commands.AmendOrder, A, lots=4, **amend)
    assert code_of(found) == refusals.FUND_BELOW_COVER
    found = desk.client(commands.AmendOrder, A, lots=2, **amend)
    assert found[0][-1] == events.ORDER_AMENDED


def test_9_6_the_check_stands_behind_state_and_eligibility():
    desk = stressed(2_001, eligibility_checked=True)
    found = desk.place(A, BUY, 1, 99)
    assert code_of(found) == refusals.NOT_PROFESSIONAL
    desk.operator(
        commands.SetEligibility,
        account=A,
        professional_until_ns=START + 5 * DAY,
        assessed=1,
        disclosure=1,
        blocked=0,
    )
    # behind it, and before the position limit and the margin
    assert code_of(desk.place(A, BUY, 1_000, 149)) == refusals.FUND_BELOW_COVER
    change(desk, words.STATE_REDUCE_ONLY)
    assert code_of(desk.place(A, BUY, 1, 99)) == refusals.CONTRACT_REDUCE_ONLY
