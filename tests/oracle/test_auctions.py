"""Trading states, bands and auctions, worked out by hand from the rulebook (5.1-5.4, 9.0, 9.2)."""

import random

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from tests.oracle.auctions import indicate
from tests.oracle.desk import BUY, SELL, A, B, C, D, Desk, code_of, contract, of_kind, slot, thin

FROZEN, CONTINUOUS, REDUCE_ONLY = (
    words.STATE_FROZEN,
    words.STATE_CONTINUOUS,
    words.STATE_REDUCE_ONLY,
)
PRE_OPEN, AUCTION, HALTED = words.STATE_PRE_OPEN, words.STATE_AUCTION, words.STATE_HALTED
POST_ONLY, SUSPENDED = words.STATE_POST_ONLY, words.STATE_SUSPENDED
SETTLING, SETTLED = words.STATE_SETTLING, words.STATE_SETTLED
SECOND = 10**9
RICH = tuple((account, 1_000_000) for account in (A, B, C, D))


def opened(mark: int = 100, accounts=RICH, group: int = 0, **changes) -> Desk:
    desk = Desk(contract(**changes))
    desk.open(*accounts, group=group)
    desk.mark(mark)
    return desk


def change(desk: Desk, state: int) -> list[tuple]:
    return desk.do(commands.ChangeState(time_ns=desk.now, contract=1, state=state))


def wait(desk: Desk, ns: int) -> list[tuple]:
    desk.now += ns
    return desk.do(commands.AdvanceTime(time_ns=desk.now))


def changes_of(records: list[tuple]) -> list[tuple]:
    """(from, to, why); an ordinary zero at the end is kept."""
    return [record[1:4] for record in records if record[-1] == events.STATE_CHANGED]


def state_of(desk: Desk) -> int:
    return desk.oracle.markets[1].state


def resting(desk: Desk) -> list[list[tuple]]:
    """(account, price, open lots) of bids, then asks, in priority order."""
    return [
        [(o.account, o.price, o.open) for o in desk.oracle.markets[1].book.orders(side)]
        for side in (BUY, SELL)
    ]


def uncrossed(records: list[tuple]) -> tuple:
    """(price, lots, surplus)."""
    found = [record[1:4] for record in records if record[-1] == events.UNCROSSED]
    assert len(found) == 1
    return found[0]


def ended(records: list[tuple]) -> list[tuple]:
    """(account, lots, reason) of cancelled orders."""
    return [(r[7], r[4], r[5]) for r in records if r[-1] == events.ORDER_CANCELLED]


# The indicative price (5.2).


def collected(bids: list[tuple], asks: list[tuple], **changes) -> Desk:
    """(lots, price) each, all buys of A and all sells of B."""
    desk = opened(**changes)
    change(desk, AUCTION)
    for account, side, orders in ((A, BUY, bids), (B, SELL, asks)):
        for lots, price in orders:
            desk.place(account, side, lots, price)
    return desk


def test_5_2_first_the_most_volume():
    desk = collected([(10, 102), (5, 101), (20, 100)], [(8, 99), (10, 101), (30, 103)])
    # at 100: 35 against 8; at 101: 15 against 18; at 102: 10 against 18
    assert uncrossed(change(desk, CONTINUOUS)) == (101, 15, -3)
    assert resting(desk) == [[(A, 100, 20)], [(B, 101, 3), (B, 103, 30)]]


def test_5_2_second_the_least_surplus():
    desk = collected([(20, 105), (5, 103)], [(20, 103), (10, 104)])
    # 20 at each of 103, 104, 105, with a surplus of 5, -10, -10
    assert uncrossed(change(desk, CONTINUOUS)) == (103, 20, 5)


def test_5_2_third_the_side_of_the_surplus():
    desk = collected([(12, 105)], [(10, 95)])
    assert uncrossed(change(desk, CONTINUOUS)) == (105, 10, 2)
    desk = collected([(10, 105)], [(12, 95)])
    assert uncrossed(change(desk, CONTINUOUS)) == (95, 10, -2)


@pytest.mark.parametrize(
    ("last", "static", "price"),
    [
        (0, 0, 99),  # the middle of 95 to 104, rounded down
        (0, 98, 98),
        (103, 98, 103),
        (110, 98, 104),
        (60, 98, 95),
    ],
)
def test_5_2_fourth_the_reference(last, static, price):
    desk = opened(auction_reference_ticks=static)
    if last:
        desk.deal(C, D, 1, last)
    change(desk, AUCTION)
    desk.place(A, BUY, 10, 104)
    desk.place(B, SELL, 10, 95)
    assert uncrossed(change(desk, CONTINUOUS)) == (price, 10, 0)


@pytest.mark.parametrize(("last", "price", "surplus"), [(0, 100, 5), (102, 102, -5), (99, 99, 5)])
def test_5_2_fourth_the_reference_between_both_surpluses(last, price, surplus):
    desk = opened()
    if last:
        desk.deal(C, D, 1, last)
    change(desk, AUCTION)
    for lots, limit in ((5, 100), (10, 104)):
        desk.place(A, BUY, lots, limit)
    for lots, limit in ((10, 97), (5, 101)):
        desk.place(B, SELL, lots, limit)
    # 97 to 100: 15 against 10; 101 to 104: 10 against 15; the middle of all is 100
    assert uncrossed(change(desk, CONTINUOUS)) == (price, 10, surplus)


def rule_over_all_ticks(market, bids, asks) -> tuple[int, int, int]:
    """5.2 read out over every tick there is."""
    best: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for tick in range(1, market.spec.price_ticks_max + 1):
        buys = sum(lots for lots, price in bids if price >= tick)
        sells = sum(lots for lots, price in asks if price <= tick)
        rank = (-min(buys, sells), abs(buys - sells))
        best.setdefault(rank, []).append((tick, buys - sells))
    (volume, _), ticks = min(best.items())
    if volume == 0:
        return 0, 0, 0
    low, high = ticks[0][0], ticks[-1][0]
    surpluses = [surplus for _, surplus in ticks]
    if min(surpluses) > 0:
        wanted = high
    elif max(surpluses) < 0:
        wanted = low
    else:
        wanted = market.last_trade or market.spec.auction_reference_ticks or (low + high) // 2
    tick, surplus = min(ticks, key=lambda found: (abs(found[0] - wanted), found[0]))
    return tick, -volume, surplus


def test_5_2_the_ticks_that_matter_are_enough():
    dice = random.Random(52)
    for _ in range(300):
        desk = opened(
            mark=20,
            price_ticks_max=40,
            band_static_ppb=10**9,
            auction_reference_ticks=dice.choice((0, 0, 18, 23)),
        )
        market = desk.oracle.markets[1]
        market.last_trade = dice.choice((0, 0, 1, 15, 20, 26, 40))
        change(desk, AUCTION)
        orders: tuple[list, list] = ([], [])
        for _ in range(dice.randrange(0, 9)):
            side, lots, price = dice.randrange(2), dice.randrange(1, 5), dice.randrange(10, 31)
            desk.place((A, B)[side], side, lots, price)
            orders[side].append((lots, price))
        found = indicate(market, [])
        assert (found.price, found.lots, found.surplus) == rule_over_all_ticks(market, *orders)


def test_5_2_price_and_volume_are_published_while_orders_are_collected():
    desk = collected([(10, 104)], [(12, 95)], auction_indicative_ns=10 * SECOND)
    found = wait(desk, 20 * SECOND)
    indicative = (events.INDICATIVE_PUBLISHED, 0, 95, 10, -2)
    assert of_kind(found, events.INDICATIVE_PUBLISHED) == [indicative, indicative]
    change(desk, PRE_OPEN)  # the clock goes on
    assert len(of_kind(wait(desk, 10 * SECOND), events.INDICATIVE_PUBLISHED)) == 1
    change(desk, HALTED)
    assert not of_kind(wait(desk, 40 * SECOND), events.INDICATIVE_PUBLISHED)


# The uncross.


def test_5_2_all_fills_at_one_price_in_price_time_priority():
    desk = opened(fee_maker_ppb=1_000_000, fee_taker_ppb=9_000_000)
    change(desk, PRE_OPEN)
    desk.place(A, BUY, 4, 101)
    desk.place(C, BUY, 4, 103)
    desk.place(D, BUY, 4, 101)
    desk.place(B, SELL, 10, 97)
    found = change(desk, CONTINUOUS)
    # 12 against 10: a buy surplus, so 101; C's limit is better, A came before D
    trade = events.TRADE
    assert of_kind(found, trade) == [
        (trade, 0, 101, 4, slot(2), slot(4), 2),
        (trade, 0, 101, 4, slot(1), slot(4), 2),
        (trade, 0, 101, 2, slot(3), slot(4), 2),
    ]
    # the buyer settles first; both pay ceil(404 x 0.1%) = 1 as if they had rested
    assert of_kind(found, events.LEG)[:2] == [
        (events.LEG, C, slot(2), 4, 404, 1, 0, 999_999),
        (events.LEG, B, slot(4), -4, -404, 1, 0, 999_999),
    ]
    assert [record[-1] for record in found[-2:]] == [events.UNCROSSED, events.STATE_CHANGED]
    assert changes_of(found) == [(PRE_OPEN, CONTINUOUS, words.WHY_OPERATOR)]
    assert resting(desk) == [[(D, 101, 2)], []]


def test_5_2_nothing_crosses():
    desk = collected([(5, 99)], [(5, 101)])
    found = change(desk, POST_ONLY)
    assert uncrossed(found) == (0, 0, 0)
    assert resting(desk) == [[(A, 99, 5)], [(B, 101, 5)]]


@pytest.mark.parametrize(
    ("mode", "cancelled", "left"),
    [
        (words.STP_CANCEL_NEWEST, [(B, 6)], [[(A, 100, 4)], []]),
        (words.STP_CANCEL_OLDEST, [(A, 4)], [[], [(B, 100, 6)]]),
        (words.STP_CANCEL_BOTH, [(A, 4), (B, 6)], [[], []]),
        (words.STP_DECREMENT, [(A, 4)], [[], [(B, 100, 2)]]),
    ],
)
def test_4_7_a_pair_of_one_group_in_an_auction(mode, cancelled, left):
    desk = Desk(contract())
    desk.open((A, 1_000), (B, 1_000), group=7)
    desk.mark(100)
    change(desk, AUCTION)
    desk.place(A, BUY, 4, 100, stp=words.STP_CANCEL_BOTH)
    desk.place(B, SELL, 6, 100, stp=mode)  # the later order's mode decides
    found = change(desk, CONTINUOUS)
    assert not of_kind(found, events.TRADE)
    assert [record[:2] for record in ended(found)] == cancelled
    assert uncrossed(found) == (100, 0, -2)
    assert resting(desk) == left


def test_5_2_a_prevented_quantity_is_not_replaced():
    desk = Desk(contract())
    desk.open((A, 10_000), (B, 10_000), group=7)
    desk.open((C, 10_000))
    desk.mark(100)
    change(desk, AUCTION)
    desk.place(A, BUY, 10, 100)
    desk.place(B, SELL, 10, 98)
    desk.place(C, SELL, 10, 99)
    found = change(desk, CONTINUOUS)
    # at 98 ten meet ten; B's order goes, and its ten are done; A and C are left crossed, and A's
    # lots, which the prevented pair left over, go rather than those of C, who had no part in it
    assert uncrossed(found) == (98, 0, 0)
    assert ended(found) == [
        (B, 10, words.CANCEL_SELF_TRADE),
        (A, 10, words.CANCEL_SELF_TRADE),
    ]
    assert resting(desk) == [[], [(C, 99, 10)]]


def test_9_0_a_breaching_order_is_cancelled_and_the_uncross_recomputed():
    desk = opened(accounts=((A, 1_000_000), (B, 1_000_000), (C, 200)))
    change(desk, AUCTION)
    desk.place(A, BUY, 10, 95)
    desk.place(C, SELL, 10, 90)  # needs 100 of margin and 100 for the loss
    desk.place(B, SELL, 10, 94)
    desk.mark(115)
    # 10 against 10 from 90 to 93 has no surplus; a fill at 91 (the middle) costs C 24 a lot: 240
    found = change(desk, CONTINUOUS)
    assert ended(found) == [(C, 10, words.CANCEL_SOLVENCY)]
    assert uncrossed(found) == (94, 10, 0)  # the middle of 94 and 95
    assert desk.position(B) == (-10, -940) and desk.cash(C) == 200


def test_9_0_a_fill_that_the_trial_did_not_see_is_judged_too():
    """X sells its position twice, once reduce-only: on paper both fill, in fact upkeep ends the
    second, and the next seller in line could not pay."""
    desk = opened(accounts=((A, 1_000_000), (B, 1_000_000), (C, 1_000_000), (D, 200)))
    desk.deal(C, B, 10, 100)
    change(desk, AUCTION)
    desk.place(C, SELL, 10, 90)
    desk.place(C, SELL, 10, 90, flags=words.REDUCE_ONLY)
    desk.place(D, SELL, 10, 90)
    desk.place(A, BUY, 20, 95)
    desk.mark(115)
    found = change(desk, CONTINUOUS)
    assert ended(found) == [
        (C, 10, words.CANCEL_REDUCE_ONLY),
        (D, 10, words.CANCEL_SOLVENCY),  # 25 a lot are 250
    ]
    assert uncrossed(found) == (90, 10, -10)
    assert desk.position(C) == (0, 0) and desk.cash(D) == 200
    assert resting(desk) == [[(A, 95, 10)], []]


# Liquidation in states of every kind (9.2).


def failing_in(state: int, **changes) -> Desk:
    """A long 10 at 1000 with cash 1000 against B, the contract in this state, then the mark 945:
    equity 450, maintenance ceil(472.5)."""
    desk = opened(mark=1_000, accounts=((A, 1_000), (B, 100_000), (C, 100_000)), **changes)
    desk.deal(A, B, 10, 1_000)
    change(desk, state)
    return desk


def test_9_2_a_liquidation_order_waits_for_the_uncross():
    desk = failing_in(AUCTION)
    desk.place(C, BUY, 20, 945)
    found = desk.mark(945)
    assert of_kind(found, events.LIQUIDATION_STARTED) == [(events.LIQUIDATION_STARTED, A, 450, 473)]
    assert not of_kind(found, events.LIQUIDATION_STEPPED)
    found = change(desk, CONTINUOUS)
    # cut 3 as in the queue, limit 945 - 45; 20 against 3: the buy surplus takes the highest price
    assert of_kind(found, events.LIQUIDATION_STEPPED) == [
        (events.LIQUIDATION_STEPPED, A, words.STEP_PARTIAL, 3, 900, 450, 473, 450),
    ]
    assert of_kind(found, events.TRADE) == [(events.TRADE, 0, 945, 3, slot(2, 2), 0, 2)]
    assert uncrossed(found) == (945, 3, 17)
    assert of_kind(found, events.LIQUIDATION_ENDED) == [
        (events.LIQUIDATION_ENDED, A, words.END_RECOVERED, 450, 331),
    ]


def test_9_2_a_partial_that_fills_nothing_in_an_auction_is_whole_next():
    desk = failing_in(AUCTION)
    desk.mark(945)
    found = change(desk, CONTINUOUS)
    steps = [record[1:4] for record in found if record[-1] == events.LIQUIDATION_STEPPED]
    assert steps == [(words.STEP_PARTIAL, 3, 900), (words.STEP_WHOLE, 10, 900)]
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, A, 10, 9_450 - 450, -450, B, -450),
    ]


def test_4_3_reduce_only_orders_count_behind_a_liquidation_order():
    desk = failing_in(AUCTION, liquidation_whole_lots=10)
    desk.place(A, SELL, 10, 800, flags=words.REDUCE_ONLY)  # better than the limit of 900
    desk.place(C, BUY, 20, 945)
    desk.mark(945)
    found = change(desk, CONTINUOUS)
    assert ended(found) == [(A, 10, words.CANCEL_REDUCE_ONLY)]
    assert uncrossed(found) == (945, 10, 10)
    assert desk.position(A) == (0, 0) and desk.cash(A) == 450


@pytest.mark.parametrize("state", [HALTED, SUSPENDED])
def test_9_2_where_nothing_trades_the_whole_position_goes_at_once(state):
    desk = failing_in(state)
    found = desk.mark(945)
    assert of_kind(found, events.LIQUIDATION_STEPPED) == [
        (events.LIQUIDATION_STEPPED, A, words.STEP_WHOLE, 10, 900, 450, 473, 450),
    ]
    assert not of_kind(found, events.TRADE)
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, A, 10, 9_450 - 450, -450, B, -450),
    ]
    assert state_of(desk) == state


def test_9_2_a_deposit_ends_a_liquidation_that_waits():
    desk = failing_in(PRE_OPEN)
    desk.mark(945)
    found = desk.do(commands.Deposit(time_ns=desk.now, account=A, amount=118))
    assert of_kind(found, events.LIQUIDATION_ENDED) == [
        (events.LIQUIDATION_ENDED, A, words.END_RECOVERED, 568, 473),  # ceil(473 x 1.2)
    ]


# The dynamic band (5.3).


def banded(**changes) -> Desk:
    """Last trade 100, a band of 10%: 90 to 110. B sells 5 at 105 and 5 at 111."""
    desk = opened(band_dynamic_ppb=100_000_000, auction_ns=60 * SECOND, **changes)
    desk.deal(C, D, 1, 100)
    desk.place(B, SELL, 5, 105)
    desk.place(B, SELL, 5, 111)
    return desk


def test_5_3_a_sweep_stops_at_the_band_and_an_auction_begins():
    desk = banded()
    found = desk.place(A, BUY, 10, 115)
    assert [record[2:4] for record in of_kind(found, events.TRADE)] == [(105, 5)]
    assert found[-2][1:4] == (CONTINUOUS, AUCTION, words.WHY_VOLATILITY)
    assert found[-1][-1] == events.AUCTION_STARTED and found[-1][1] == desk.now + 60 * SECOND
    assert resting(desk) == [[(A, 115, 5)], [(B, 111, 5)]]
    found = wait(desk, 60 * SECOND)
    # 111 to 115 have no surplus, 111 is nearest the last price of 105, and inside 95 to 115
    assert uncrossed(found) == (111, 5, 0)
    assert changes_of(found) == [(AUCTION, CONTINUOUS, words.WHY_UNCROSSED)]


def test_5_3_an_auction_is_extended_while_its_price_lies_outside_the_band():
    desk = banded(auction_extensions_max=2)
    desk.place(D, SELL, 5, 130)
    desk.place(A, BUY, 15, 130)
    assert state_of(desk) == AUCTION  # the last price is 105, the band 95 to 115
    desk.place(C, BUY, 5, 130)
    for extension in (1, 2):
        found = wait(desk, 60 * SECOND)
        # 10 trade at 130, and at 111 no more than 5
        assert of_kind(found, events.AUCTION_EXTENDED) == [
            (events.AUCTION_EXTENDED, 0, desk.now + 60 * SECOND, extension, 130),
        ]
    found = wait(desk, 60 * SECOND)
    assert uncrossed(found)[0] == 130
    assert not of_kind(found, events.AUCTION_EXTENDED)


@pytest.mark.parametrize(
    ("tif", "value_min", "reason", "state"),
    [
        (words.IOC, 0, words.CANCEL_IOC, AUCTION),
        (words.FOK, 0, words.CANCEL_FOK, CONTINUOUS),
        (words.GTC, 576, words.CANCEL_DYNAMIC_BAND, CONTINUOUS),  # its rest is worth 5 x 115
        (words.IOC, 576, words.CANCEL_DYNAMIC_BAND, CONTINUOUS),
        (words.GTC, 575, 0, AUCTION),
    ],
)
def test_5_3_what_becomes_of_the_rest(tif, value_min, reason, state):
    desk = banded(band_dynamic_value_min=value_min)
    found = desk.place(A, BUY, 10, 115, tif=tif)
    lots = 10 if tif == words.FOK else 5
    assert ended(found) == ([(A, lots, reason)] if reason else [])
    assert state_of(desk) == state


def test_5_3_too_many_volatility_auctions_halt_the_contract():
    desk = banded(volatility_auctions_max=1, volatility_window_ns=100 * SECOND)
    desk.place(A, BUY, 10, 115)
    wait(desk, 60 * SECOND)  # uncrossed at 111: the band is 100 to 122
    desk.place(B, SELL, 1, 123)
    found = desk.place(A, BUY, 1, 123)
    assert changes_of(found) == [(CONTINUOUS, HALTED, words.WHY_TOO_VOLATILE)]
    assert resting(desk) == [[(A, 123, 1)], [(B, 123, 1)]]
    change(desk, AUCTION)  # both came before the collection, the buy later
    found = change(desk, CONTINUOUS)
    assert uncrossed(found) == (123, 1, 0)
    wait(desk, 40 * SECOND)  # the first auction began 100 s ago
    desk.place(B, SELL, 1, 137)
    found = desk.place(A, BUY, 1, 137)
    assert changes_of(found) == [(CONTINUOUS, AUCTION, words.WHY_VOLATILITY)]


def test_5_3_an_operator_sets_the_band():
    desk = opened()

    def band(low, high, number=1):
        return desk.do(
            commands.SetBand(time_ns=desk.now, contract=number, low_ticks=low, high_ticks=high)
        )

    for low, high in ((0, 5), (5, 0), (101, 100), (-1, 5), (1, 5_001)):
        assert code_of(band(low, high)) == refusals.BAND_INVALID
    assert code_of(band(1, 5, 2)) == refusals.CONTRACT_UNKNOWN
    assert of_kind(band(95, 105), events.BAND_SET) == [(events.BAND_SET, 0, 95, 105)]
    desk.place(B, SELL, 1, 106)
    desk.place(A, BUY, 1, 106)
    assert state_of(desk) == AUCTION
    band(0, 0)
    assert uncrossed(change(desk, CONTINUOUS)) == (106, 1, 0)
    desk.deal(A, B, 1, 120)
    assert state_of(desk) == CONTINUOUS


# States (5.1).

LEGAL = {
    CONTINUOUS: {2, 4, 5, 6, 7, 8},
    REDUCE_ONLY: {1, 4, 5, 6, 7, 8},
    POST_ONLY: {1, 2, 4, 5, 6, 8},
    PRE_OPEN: {1, 2, 5, 6, 7, 8},
    AUCTION: {1, 2, 4, 6, 7, 8},
    HALTED: {4, 5, 8},
    SUSPENDED: {4, 5, 6, 9},
    FROZEN: set(),
    SETTLED: set(),
}


def brought_to(state: int, **changes) -> Desk:
    desk = opened(source_stale_ns=60 * SECOND, **changes)
    if state == FROZEN:
        wait(desk, 60 * SECOND + 1)
    elif state == SETTLED:
        change(desk, SUSPENDED)
        change(desk, SETTLING)
    elif state != CONTINUOUS:
        change(desk, state)
    assert state_of(desk) == state
    return desk


@pytest.mark.parametrize("before", LEGAL)
def test_5_1_the_table_of_changes(before):
    for after in range(-1, 12):
        desk = brought_to(before)
        found = change(desk, after)
        if after in LEGAL[before]:
            assert (before, after, words.WHY_OPERATOR) in changes_of(found)
            is_uncrossed = before in (PRE_OPEN, AUCTION) and after in (1, 2, 7)
            assert bool(of_kind(found, events.UNCROSSED)) == is_uncrossed
            assert bool(of_kind(found, events.AUCTION_STARTED)) == (after == AUCTION)
        else:
            assert code_of(found) == refusals.STATE_CHANGE_INVALID


@pytest.mark.parametrize(
    ("state", "gtc", "ioc", "post_only", "raised"),
    [
        (FROZEN, *4 * (refusals.CONTRACT_FROZEN,)),
        (HALTED, *4 * (refusals.CONTRACT_CLOSED,)),
        (SUSPENDED, *4 * (refusals.CONTRACT_CLOSED,)),
        (PRE_OPEN, 0, refusals.CONTRACT_COLLECTING, 0, 0),
        (AUCTION, 0, refusals.CONTRACT_COLLECTING, 0, 0),
        (POST_ONLY, *2 * (refusals.CONTRACT_POST_ONLY,), 0, refusals.CONTRACT_POST_ONLY),
        (CONTINUOUS, 0, 0, 0, 0),
        (REDUCE_ONLY, *4 * (refusals.CONTRACT_REDUCE_ONLY,)),
    ],
)
def test_5_1_what_each_state_takes(state, gtc, ioc, post_only, raised):
    desk = opened(source_stale_ns=60 * SECOND)
    first = desk.place(A, BUY, 5, 99)[0][1]
    if state == FROZEN:
        wait(desk, 60 * SECOND + 1)
    elif state != CONTINUOUS:
        change(desk, state)

    def code(found):
        return code_of(found) if found[0][-1] == events.REFUSED else 0

    def amend(price, lots):
        desk.ids += 1
        return desk.do(
            commands.AmendOrder(
                time_ns=desk.now,
                account=A,
                client_id=desk.ids,
                order_id=first,
                price_ticks=price,
                lots=lots,
            )
        )

    assert code(desk.place(B, SELL, 1, 101)) == gtc
    assert code(desk.place(B, SELL, 1, 101, tif=words.IOC)) == ioc
    assert code(desk.place(B, SELL, 1, 102, flags=words.POST_ONLY)) == post_only
    assert code(amend(98, 5)) == raised
    assert code(amend(99 if raised else 98, 4)) == 0  # fewer lots: in any state
    desk.ids += 1
    cancel = commands.CancelOrder(time_ns=desk.now, account=A, client_id=desk.ids, order_id=first)
    assert code(desk.do(cancel)) == 0


def test_5_1_post_only_may_cross_where_orders_are_collected():
    desk = collected([(5, 101)], [])
    found = desk.place(B, SELL, 5, 100, flags=words.POST_ONLY)
    assert found[0][-1] == events.ORDER_ACCEPTED


def test_6_2_a_held_mark_keeps_the_contract_reduce_only():
    desk = opened(mark=1_000, mark_band_ppb=50_000_000, mark_move_ppb=10_000_000)
    change(desk, AUCTION)
    assert not changes_of(desk.mark(700))  # held at 990, but nothing trades
    found = change(desk, CONTINUOUS)
    assert changes_of(found) == [(AUCTION, REDUCE_ONLY, words.WHY_MARK_HELD)]
    found = change(desk, CONTINUOUS)
    assert changes_of(found) == [(REDUCE_ONLY, REDUCE_ONLY, words.WHY_MARK_HELD)]
    assert code_of(change(desk, REDUCE_ONLY)) == refusals.STATE_CHANGE_INVALID
    assert changes_of(desk.mark(960)) == [(REDUCE_ONLY, CONTINUOUS, words.WHY_MARK_FREE)]
    change(desk, REDUCE_ONLY)
    assert not changes_of(desk.mark(700) + desk.mark(960))  # the operator's, not the mark's


def test_7_1_premium_samples_are_taken_in_continuous_and_post_only_trading():
    for state in (CONTINUOUS, POST_ONLY, REDUCE_ONLY, AUCTION, PRE_OPEN, HALTED, SUSPENDED):
        desk = opened(funding_sample_ns=30 * SECOND)
        if state != CONTINUOUS:
            change(desk, state)
        sampled = len(of_kind(wait(desk, 60 * SECOND), events.PREMIUM_SAMPLED))
        assert sampled == (2 if state in (CONTINUOUS, POST_ONLY) else 0)


# Freeze and reopening (5.4).


def frozen_long(**changes) -> Desk:
    """A is long 1 at 100 with margin 10, and offers it at 50; then the sources fall silent."""
    desk = opened(
        accounts=((A, 10), (B, 1_000), (C, 1_000)), source_stale_ns=60 * SECOND, **changes
    )
    desk.deal(A, B, 1, 100)
    desk.place(A, SELL, 1, 50)
    found = wait(desk, 60 * SECOND + 1)
    assert changes_of(found) == [(CONTINUOUS, FROZEN, words.WHY_SOURCES)]
    return desk


def test_16_h_a_fill_far_from_the_mark_is_not_for_a_thin_account():
    desk = frozen_long()
    found = desk.mark(100)
    assert changes_of(found) == [(FROZEN, AUCTION, words.WHY_FRESH_MARK)]
    started = found.index(next(r for r in found if r[-1] == events.AUCTION_STARTED))
    assert found[started - 1][-1] == events.STATE_CHANGED
    desk.place(C, BUY, 1, 50)
    found = change(desk, CONTINUOUS)
    # at 50 A would stand at 10 - 50
    assert ended(found) == [(A, 1, words.CANCEL_SOLVENCY)]
    assert uncrossed(found) == (0, 0, 0)
    assert desk.position(A) == (1, 100) and desk.cash(A) == 10


def test_16_h_reopening_between_zero_and_maintenance():
    desk = frozen_long()
    found = desk.mark(94)  # equity 4, maintenance ceil(4.7)
    assert of_kind(found, events.LIQUIDATION_STARTED) == [(events.LIQUIDATION_STARTED, A, 4, 5)]
    # his own order goes when he begins to wait for the auction
    assert ended(found) == [(A, 1, words.CANCEL_LIQUIDATION)]
    desk.place(C, BUY, 1, 50)
    found = change(desk, CONTINUOUS)
    # the liquidation order stands at 94 - 4, in the auction and after it; then the short takes the
    # lot and the share of 4
    assert not ended(found)
    steps = [record[1:4] for record in found if record[-1] == events.LIQUIDATION_STEPPED]
    assert steps == 2 * [(words.STEP_WHOLE, 1, 90)]
    assert uncrossed(found) == (0, 0, 0)
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, A, 1, 90, -4, B, -4),
    ]
    assert desk.cash(A) == 0


def test_16_h_reopening_below_zero():
    desk = frozen_long()
    found = desk.mark(50)  # equity -40: the short gives up 40 of his 50
    assert changes_of(found) == [
        (FROZEN, AUCTION, words.WHY_FRESH_MARK),
        (AUCTION, words.STATE_DEFAULT, words.WHY_WATERFALL),
        (words.STATE_DEFAULT, AUCTION, words.WHY_WATERFALL_DONE),
    ]
    assert of_kind(found, events.WATERFALL_CLOSED) == [(events.WATERFALL_CLOSED, A, 40, 0, 40)]
    assert desk.cash(A) == 0 and desk.cash(B) == 1_010
    found = wait(desk, 300 * SECOND)
    assert changes_of(found)[0] == (AUCTION, FROZEN, words.WHY_SOURCES)  # older than a minute again


def test_5_4_a_freeze_ends_a_collection_and_keeps_its_orders():
    desk = opened(source_stale_ns=60 * SECOND, auction_ns=90 * SECOND)
    change(desk, AUCTION)
    desk.place(A, BUY, 5, 101)
    desk.place(B, SELL, 5, 99)
    found = wait(desk, 100 * SECOND)
    assert changes_of(found) == [(AUCTION, FROZEN, words.WHY_SOURCES)]
    assert not of_kind(found, events.UNCROSSED)
    assert resting(desk) == [[(A, 101, 5)], [(B, 99, 5)]]
    found = desk.mark(100)
    assert of_kind(found, events.AUCTION_STARTED) == [
        (events.AUCTION_STARTED, 0, desk.now + 90 * SECOND),
    ]
    assert uncrossed(change(desk, CONTINUOUS)) == (100, 5, 0)


def test_9_2_positions_in_an_auction_wait_while_others_are_closed():
    desk = Desk(contract(1, **thin()), contract(2))
    desk.open((A, 1_000), (B, 100_000))
    desk.mark(1_000, 1_000)
    desk.deal(A, B, 1, 1_000)
    desk.deal(A, B, 9, 1_000, 2)
    change(desk, AUCTION)
    found = desk.mark(1_000, 900)  # equity 100; maintenance 5 + 405
    assert [record[8] for record in found if record[-1] == events.LIQUIDATION_STEPPED] == [2]
    # contract 2 goes whole with floor(100 x 405 / 410) = 98; 2 are left, less than 5
    assert desk.position(A, 2) == (0, 0) and desk.position(A) == (1, 1_000)
    assert desk.oracle.accounts[A].in_liquidation
    desk.place(B, BUY, 1, 999)
    found = change(desk, CONTINUOUS)
    assert uncrossed(found) == (999, 1, 0)
    assert desk.cash(A) == 1
