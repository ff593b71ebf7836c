"""Small stories with every figure worked out by hand from the rulebook, none taken from a run:
orders, solvency at the fill, liquidation, prices; then the invariants under a workload."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.contract import outside
from tests.oracle.desk import (
    BUY,
    DAY,
    FUND,
    SELL,
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
from tests.oracle.exchange import Oracle
from tests.oracle.raw import RawCommand
from tests.oracle.workload import Workload, configs

# Orders and matching.


def test_4_1_price_time_priority():
    desk = Desk(contract())
    desk.open((A, 10_000), (B, 10_000), (C, 10_000), (D, 10_000))
    desk.mark(100)
    desk.place(B, SELL, 5, 101)
    desk.place(C, SELL, 5, 100)
    desk.place(D, SELL, 5, 101)
    found = desk.place(A, BUY, 12, 101)
    assert of_kind(found, events.TRADE) == [
        (events.TRADE, 0, 100, 5, slot(4), slot(2)),
        (events.TRADE, 0, 101, 5, slot(4), slot(1)),
        (events.TRADE, 0, 101, 2, slot(4), slot(3)),
    ]
    assert desk.position(A) == (12, 500 + 505 + 202)
    assert [order[3] for order in desk.oracle.state()["orders"][1][1]] == [3]


def test_ids_the_slot_freed_last_comes_first():
    desk = Desk(contract())
    desk.open((A, 10_000), (B, 10_000))
    desk.mark(100)
    desk.place(A, BUY, 1, 99)
    desk.place(A, BUY, 1, 98)
    found = desk.place(B, SELL, 2, 98)  # slot 3; frees 1, then 2, then itself
    assert [record[5] for record in of_kind(found, events.TRADE)] == [slot(1), slot(2)]
    accepted = desk.place(A, BUY, 1, 99) + desk.place(A, BUY, 1, 99) + desk.place(A, BUY, 1, 99)
    taken = [record[2] for record in of_kind(accepted, events.ORDER_ACCEPTED)]
    assert taken == [slot(3, 2), slot(2, 2), slot(1, 2)]


def test_1_5_partial_closes_take_entry_value_towards_zero():
    desk = Desk(contract())
    desk.open((A, 10_000), (B, 10_000))
    desk.mark(100)
    desk.deal(A, B, 2, 100)
    desk.deal(A, B, 1, 101)
    assert desk.position(A) == (3, 301)
    desk.deal(B, A, 1, 110)  # 301 / 3 -> 100 leave; 10 realised
    assert desk.position(A) == (2, 201)
    assert desk.cash(A) == 10_010
    desk.deal(B, A, 5, 110)  # 2 close: 220 - 201 = 19; 3 open short
    assert desk.position(A) == (-3, -330)
    assert desk.cash(A) == 10_029


def test_4_3_reduce_only_is_cut_and_trimmed():
    desk = Desk(contract())
    desk.open((A, 10_000), (B, 10_000))
    desk.mark(100)
    desk.deal(A, B, 10, 100)
    desk.place(A, SELL, 6, 120, flags=words.REDUCE_ONLY)
    found = desk.place(A, SELL, 6, 121, flags=words.REDUCE_ONLY)
    reason = words.CANCEL_REDUCE_ONLY
    second = found[0][1]
    assert of_kind(found, events.ORDER_REDUCED)[0][2] == second
    assert of_kind(found, events.ORDER_REDUCED)[0][4:] == (121, 2, reason, 4)
    assert code_of(desk.place(A, SELL, 1, 120, flags=words.REDUCE_ONLY)) == (
        refusals.REDUCE_ONLY_NOTHING
    )
    desk.place(B, BUY, 5, 100)
    found = desk.place(A, SELL, 5, 100)  # 5 are left: the older keeps 5, the younger nothing
    cut = of_kind(found, events.ORDER_REDUCED, events.ORDER_CANCELLED)
    assert [(record[0], *record[4:]) for record in cut] == [
        (events.ORDER_REDUCED, 120, 1, reason, 5),
        (events.ORDER_CANCELLED, 121, 4, reason),
    ]


@pytest.mark.parametrize(
    ("mode", "ended", "bids", "asks"),
    [
        (words.STP_CANCEL_NEWEST, [(events.ORDER_CANCELLED, A, 8)], 0, 5),
        (words.STP_CANCEL_OLDEST, [(events.ORDER_CANCELLED, B, 5)], 8, 0),
        (
            words.STP_CANCEL_BOTH,
            [(events.ORDER_CANCELLED, B, 5), (events.ORDER_CANCELLED, A, 8)],
            0,
            0,
        ),
        (
            words.STP_DECREMENT,
            [(events.ORDER_CANCELLED, B, 5), (events.ORDER_REDUCED, A, 5)],
            3,
            0,
        ),
    ],
)
def test_4_7_self_trade_modes(mode, ended, bids, asks):
    desk = Desk(contract())
    desk.open((A, 10_000), (B, 10_000), group=7)
    desk.mark(100)
    desk.place(B, SELL, 5, 100)
    found = desk.place(A, BUY, 8, 100, stp=mode)
    assert not of_kind(found, events.TRADE)
    got = of_kind(found, events.ORDER_CANCELLED, events.ORDER_REDUCED)
    assert [(record[0], record[1], record[5]) for record in got] == ended
    assert desk.oracle.markets[1].book.resting_lots == [bids, asks]


def test_4_2_fok_counts_only_what_will_fill():
    desk = Desk(contract())
    desk.open((A, 10_000), (B, 10_000))
    desk.open((C, 10_000), group=A)
    desk.mark(100)
    desk.place(B, SELL, 5, 100)
    desk.place(C, SELL, 5, 101)  # A's own group
    for mode in range(words.STP_DECREMENT + 1):
        found = desk.place(A, BUY, 8, 101, tif=words.FOK, stp=mode)
        assert [record[-1] for record in found] == [events.ORDER_ACCEPTED, events.ORDER_CANCELLED]
        assert found[1][4:6] == (8, words.CANCEL_FOK)
    assert desk.oracle.markets[1].book.resting_lots == [0, 10]
    found = desk.place(A, BUY, 5, 101, tif=words.FOK)
    assert len(of_kind(found, events.TRADE)) == 1
    assert desk.position(A) == (5, 500)


def test_4_4_amend_keeps_or_loses_priority():
    desk = Desk(contract())
    desk.open((A, 10_000), (B, 10_000), (C, 10_000))
    desk.mark(100)
    first, second = desk.place(A, BUY, 5, 99)[0][1], desk.place(B, BUY, 5, 99)[0][1]

    def amend(account, order_id, price, lots):
        desk.ids += 1
        return desk.do(
            commands.AmendOrder(
                time_ns=desk.now,
                account=account,
                client_id=desk.ids,
                order_id=order_id,
                price_ticks=price,
                lots=lots,
            )
        )

    kept = amend(A, first, 99, 4)
    assert of_kind(kept, events.ORDER_AMENDED) == [
        (events.ORDER_AMENDED, A, first, 1, 99, 4, 1),
    ]
    assert [o[0] for o in desk.oracle.state()["orders"][1][0]] == [first, second]
    amend(A, first, 99, 6)
    assert [o[0] for o in desk.oracle.state()["orders"][1][0]] == [second, first]
    assert code_of(amend(A, first, 99, 6)) == refusals.AMEND_NOTHING
    assert code_of(amend(B, first, 99, 7)) == refusals.ORDER_UNKNOWN
    desk.place(C, SELL, 2, 100)
    crossed = amend(A, first, 100, 6)
    assert of_kind(crossed, events.TRADE)[0][2:4] == (100, 2)
    assert [o[0] for o in desk.oracle.state()["orders"][1][0]] == [first, second]
    ended = amend(A, first, 100, 2)  # two have filled
    assert of_kind(ended, events.ORDER_CANCELLED)[0][5:] == (4, words.CANCEL_AMEND)


def test_8_2_margin_to_the_last_unit():
    desk = Desk(contract(fee_taker_ppb=1_000_000))
    desk.open((A, 0), (B, 10_000))
    desk.mark(100)
    # 10 lots at 103: reserve ceil(1030 x 10%) = 103, loss 30, fee ceil(1.03) = 2
    desk.do(commands.Deposit(time_ns=desk.now, account=A, amount=134))
    assert code_of(desk.place(A, BUY, 10, 103)) == refusals.MARGIN_INSUFFICIENT
    desk.do(commands.Deposit(time_ns=desk.now, account=A, amount=1))
    assert desk.place(A, BUY, 10, 103)[0][-1] == events.ORDER_ACCEPTED
    # the larger side counts: sells may reserve as much as the buys
    assert code_of(desk.place(A, SELL, 1, 104)) == refusals.MARGIN_INSUFFICIENT  # its fee
    assert desk.oracle.state()["accounts"][A]["reserves"] == {1: [103, 0, 32]}


def test_2_4_client_ids():
    desk = Desk(contract())
    desk.open((A, 10))

    def use(client_id):
        return desk.do(commands.MassCancel(time_ns=desk.now, account=A, client_id=client_id))[0]

    assert use(100)[-1] == events.MASS_CANCELLED
    assert use(37)[-1] == events.MASS_CANCELLED
    assert code_of([use(37)]) == refusals.CLIENT_ID_DUPLICATE
    assert code_of([use(36)]) == refusals.CLIENT_ID_TOO_OLD
    assert code_of([use(0)]) == refusals.CLIENT_ID_NOT_POSITIVE
    assert use(2**62)[-1] == events.MASS_CANCELLED
    assert code_of([use(2**62 + 1)]) == refusals.CLIENT_ID_NOT_POSITIVE


def test_2_2_refusals_of_the_stamp_and_of_unknown_kinds():
    desk = Desk(contract())
    assert code_of(desk.do(RawCommand(77, desk.now))) == refusals.TIME_AHEAD  # no clock yet
    desk.open((A, 10))
    second = 10**9
    assert code_of(desk.do(RawCommand(77, desk.now))) == refusals.COMMAND_UNKNOWN
    assert code_of(desk.do(RawCommand(77, desk.now - 1))) == refusals.TIME_BACKWARDS
    assert code_of(desk.do(RawCommand(77, -1))) == refusals.TIME_BACKWARDS
    assert code_of(desk.do(RawCommand(77, desk.now + 60 * second + 1))) == refusals.TIME_AHEAD
    assert desk.do(commands.AdvanceTime(time_ns=desk.now + DAY))[0][-1] == events.TIME_ADVANCED
    later = desk.now + 9 * DAY
    assert code_of(desk.do(commands.AdvanceTime(time_ns=later))) == refusals.TIME_AHEAD


# Solvency at the fill (9.0).


def bankrupt_seller(**changes) -> Desk:
    """A is long 100 at 1000 with equity 1000, B the short; C bids below."""
    desk = Desk(contract(initial=1, **changes))
    desk.open((A, 1_000), (B, 100_000), (C, 100_000))
    desk.mark(1_000)
    desk.deal(A, B, 100, 1_000)
    return desk


def test_16_a_own_bankruptcy_sold_to_a_friend():
    desk = bankrupt_seller(**thin())
    desk.place(C, BUY, 100, 950)
    found = desk.place(A, SELL, 100, 950)
    assert [record[-1] for record in found] == [events.ORDER_ACCEPTED, events.ORDER_CANCELLED]
    assert found[1][4:6] == (100, words.CANCEL_SLIPPAGE)
    assert desk.position(A) == (100, 100_000)


def test_9_0_an_aggressor_is_cut_to_what_it_can_pay():
    desk = bankrupt_seller(**thin(liquidation_slippage_ppb=10**9))
    desk.place(C, BUY, 100, 950)
    found = desk.place(A, SELL, 100, 950)
    # 1000 / 50 = 20 lots; then equity is 0 and A is liquidated: 80 go to the short at the mark
    assert of_kind(found, events.TRADE)[0][2:4] == (950, 20)
    assert of_kind(found, events.ORDER_CANCELLED)[0][5:] == (80, words.CANCEL_SOLVENCY)
    assert of_kind(found, events.LIQUIDATION_STARTED) == [
        (events.LIQUIDATION_STARTED, A, 0, 400),
    ]
    assert of_kind(found, events.LIQUIDATION_STEPPED) == [
        (events.LIQUIDATION_STEPPED, A, words.STEP_WHOLE, 80, 1_000, 0, 400),
    ]
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, A, 80, 80_000, 0, B),
    ]
    assert of_kind(found, events.LIQUIDATION_ENDED) == [
        (events.LIQUIDATION_ENDED, A, words.END_FLAT),
    ]
    assert desk.cash(A) == 0 and desk.position(B) == (-20, -20_000)


@pytest.mark.parametrize(
    ("band", "reason"), [(100_000_000, words.CANCEL_BAND), (500_000_000, words.CANCEL_SOLVENCY)]
)
def test_16_b_stale_maker(band, reason):
    desk = Desk(contract(initial=5, maintenance=1, band_static_ppb=band))
    desk.open((A, 5_000), (B, 100_000))
    desk.mark(1_000)
    desk.place(A, BUY, 100, 1_000)
    assert desk.oracle.state()["accounts"][A]["reserves"] == {1: [5_000, 0, 0]}
    found = desk.mark(900)  # a band of 10% ends at 990; a fill would cost 100 x 100 = 10,000
    found += desk.place(B, SELL, 100, 960)
    ended = of_kind(found, events.ORDER_CANCELLED)
    assert [(record[1], *record[5:]) for record in ended] == [(A, 100, reason)]
    assert not of_kind(found, events.TRADE)


def test_16_c_cash_is_kept_above_zero_by_restriking():
    desk = Desk(contract(), contract(2))
    desk.open((A, 100), (B, 100_000))
    desk.mark(100, 100)
    desk.deal(A, B, 10, 100)
    desk.mark(200, 100)
    desk.deal(A, B, 10, 100, 2)
    desk.mark(200, 50)
    desk.place(B, BUY, 10, 50, 2)
    found = desk.place(A, SELL, 10, 50, 2)
    assert of_kind(found, events.LEG)[0][3:] == (0, 0, 0, -500, 100 - 500)
    assert of_kind(found, events.PROFIT_RESTRUCK) == [
        (events.PROFIT_RESTRUCK, A, 400, 1_400),
    ]
    assert desk.cash(A) == 0 and desk.position(A) == (10, 1_400)


def test_16_d_fee_cut_at_the_bankruptcy_price():
    desk = Desk(contract(initial=1, **thin(fee_taker_ppb=500_000)))
    desk.open((A, 1_050), (B, 100_000), (C, 100_000))
    desk.mark(1_000)
    desk.place(B, SELL, 100, 1_000)
    found = desk.place(A, BUY, 100, 1_000)
    assert of_kind(found, events.LEG)[0] == (
        events.LEG, A, slot(2), 100, 100_000, 50, 0, 1_000,
    )  # fmt: skip
    desk.place(C, BUY, 100, 990)
    found = desk.place(A, SELL, 100, 990)
    assert of_kind(found, events.LEG)[0][4:] == (0, 0, -1_000)  # no fee, no cash left
    assert desk.cash(A) == 0 and desk.position(A) == (0, 0)


def test_16_z_reduce_only_sale_to_a_friend_beyond_slippage():
    desk = bankrupt_seller(**thin())
    desk.place(C, BUY, 50, 980)
    found = desk.place(A, SELL, 50, 980, flags=words.REDUCE_ONLY)
    assert of_kind(found, events.ORDER_CANCELLED)[0][5:] == (50, words.CANCEL_SLIPPAGE)
    assert not of_kind(found, events.TRADE)


# Liquidation.


def failing_long(bids: int, **changes) -> tuple[Desk, list[tuple]]:
    """A long 10 at 1000 with cash 1000; at 945: equity 450, maintenance ceil(472.5) = 473."""
    config = {name: changes.pop(name) for name in ("fund_cash",) if name in changes}
    desk = Desk(contract(**changes), **config)
    desk.open((A, 1_000), (B, 100_000), (C, 100_000))
    desk.mark(1_000)
    desk.deal(A, B, 10, 1_000)
    if bids:
        desk.place(C, BUY, bids, 945)
    return desk, desk.mark(945)


def test_9_2_c_partial_liquidation_then_recovery():
    desk, found = failing_long(20)
    assert of_kind(found, events.LIQUIDATION_STARTED) == [
        (events.LIQUIDATION_STARTED, A, 450, 473),
    ]
    # cut 3: 450 - 3 x 1 = 447 >= ceil(331 x 1.2) = 398; cut 2: 448 < ceil(378 x 1.2) = 454
    # share is all of 450, so the limit is 945 - 45
    assert of_kind(found, events.LIQUIDATION_STEPPED) == [
        (events.LIQUIDATION_STEPPED, A, words.STEP_PARTIAL, 3, 900, 450, 473, 450),
    ]
    assert of_kind(found, events.TRADE)[0] == (
        events.TRADE, 0, 945, 3, 0, slot(2, 2), SELL,
    )  # fmt: skip
    # the target is reached: the end waits for no cooldown
    assert of_kind(found, events.LIQUIDATION_ENDED) == [
        (events.LIQUIDATION_ENDED, A, words.END_RECOVERED, 450, 331),
    ]


def test_16_y_a_cut_of_nothing_becomes_the_whole_position():
    desk, found = failing_long(1)
    assert of_kind(found, events.LIQUIDATION_STEPPED) == [
        (events.LIQUIDATION_STEPPED, A, words.STEP_WHOLE, 10, 900, 450, 473, 450),
    ]
    assert of_kind(found, events.TRADE)[0][2:4] == (945, 1)
    # nine are left with a share of 450, which the short receives: 9 x 945 - 450
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, A, 9, 8_055, -450, B, -450),
    ]
    assert desk.cash(A) == 0 and desk.position(A) == (0, 0)


def test_9_2_e_takeover_at_mark_with_a_penalty():
    desk, found = failing_long(
        0,
        fund_cash=1_000,
        fund_value_max=100_000,
        fund_share_ppb=10**9,
        takeover_penalty_ppb=10_000_000,
    )
    # penalty: min(450, ceil(9450 x 1%) = 95)
    assert of_kind(found, events.POSITION_TAKEN_OVER) == [
        (events.POSITION_TAKEN_OVER, A, 10, 9_450, 0, 95),
    ]
    assert of_kind(found, events.LEG, events.LIQUIDATION_FEE_PAID) == [
        (events.LEG, A, 0, 0, 0, 0, -550, 450),
        (events.LIQUIDATION_FEE_PAID, A, 95, 355),
        (events.LEG, FUND, 0, 10, 9_450, 0, 0, 1_095),
    ]
    assert of_kind(found, events.LIQUIDATION_ENDED) == [
        (events.LIQUIDATION_ENDED, A, words.END_FLAT, 355),
    ]
    assert desk.cash(A) == 355


def test_9_2_a_margin_call_once_until_cleared():
    desk = Desk(contract())
    desk.open((A, 1_000), (B, 100_000))
    desk.mark(1_000)
    desk.deal(A, B, 10, 1_000)
    called = [(events.MARGIN_CALLED, A, 550, 478)]  # ceil(477.5); call level 573.6
    assert of_kind(desk.mark(955), events.MARGIN_CALLED) == called
    assert not of_kind(desk.mark(954), events.MARGIN_CALLED)
    assert not of_kind(desk.mark(1_000), events.MARGIN_CALLED)
    assert of_kind(desk.mark(955), events.MARGIN_CALLED) == called


def test_9_4_the_liquidation_fee_comes_out_of_the_surplus():
    _, found = failing_long(20, liquidation_fee_ppb=10_000_000)
    # limit: 945 - floor((450 - ceil(94.5)) / 10); fee: min(ceil(28.35), 450 x 3 / 10)
    assert of_kind(found, events.LIQUIDATION_STEPPED) == [
        (events.LIQUIDATION_STEPPED, A, words.STEP_PARTIAL, 3, 910, 450, 473, 450),
    ]
    assert of_kind(found, events.LIQUIDATION_FEE_PAID) == [
        (events.LIQUIDATION_FEE_PAID, A, 29, 1_000 - 165 - 29),
    ]


# Prices.


def test_6_1_index_outliers_and_freeze():
    spec = contract(sources=outside(1, 1, 2), sources_healthy_min=2, source_stale_ns=10 * 10**9)
    desk = Desk(spec)
    desk.open((A, 100))

    def publish(source, price):
        return desk.do(
            commands.PublishPrice(time_ns=desk.now, source=source, contract=1, price_ticks=price)
        )

    first = publish(1, 100)
    assert of_kind(first, events.INDEX_PUBLISHED) == [
        (events.INDEX_PUBLISHED, 0, 0, 0b001, 0b110, 0, 100),
    ]
    second = publish(2, 103)  # equal weights: the mean 101.5, rounded down
    assert of_kind(second, events.INDEX_PUBLISHED) == [
        (events.INDEX_PUBLISHED, 0, 101, 0b011, 0b100, 0, 101),
    ]
    assert of_kind(second, events.STATE_CHANGED)[0][2:5] == (0, 1, words.WHY_FRESH_MARK)
    desk.now += 10**9
    third = publish(3, 200)  # the median is 103; 97 away is more than 5%
    assert of_kind(third, events.INDEX_PUBLISHED) == [
        (events.INDEX_PUBLISHED, 0, 101, 0b011, 0, 0b100, 103),
    ]
    desk.now += 9 * 10**9 + 1
    frozen = desk.do(commands.AdvanceTime(time_ns=desk.now))
    assert of_kind(frozen, events.STATE_CHANGED)[0][2:5] == (1, 0, words.WHY_SOURCES)
    assert code_of(desk.place(A, BUY, 1, 100)) == refusals.CONTRACT_FROZEN


def test_6_2_the_move_limit_makes_the_contract_reduce_only():
    desk = Desk(contract(mark_band_ppb=50_000_000, mark_move_ppb=10_000_000))
    desk.open((A, 1_000))
    desk.mark(1_000)
    found = desk.mark(700)  # band 665 to 735; one move is 10
    assert of_kind(found, events.MARK_PUBLISHED) == [
        (events.MARK_PUBLISHED, 0, 990, 700, 700, 0, 0, 1),
    ]
    assert of_kind(found, events.STATE_CHANGED)[0][2:5] == (1, 2, words.WHY_MARK_HELD)
    assert code_of(desk.place(A, BUY, 1, 990)) == refusals.CONTRACT_REDUCE_ONLY
    found = desk.mark(960)  # 990 - 9 = 981, inside 912 to 1008
    assert of_kind(found, events.STATE_CHANGED)[0][2:5] == (2, 1, words.WHY_MARK_FREE)


# All of it.


@pytest.mark.parametrize("name", configs())
def test_14_invariants_hold_under_a_hostile_workload(name):
    config = configs()[name]
    oracle, workload = Oracle(config), Workload(11, config)
    for count in range(1_500):
        found = oracle.apply(workload.next_command())
        assert found, "2.2: every command ends in at least one event"
        workload.observe(found)
        if count % 5 == 0:
            oracle.check()
