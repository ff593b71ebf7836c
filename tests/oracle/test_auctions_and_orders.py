"""Where auctions meet orders that wait, hide, expire or are linked; by hand from the rulebook."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from tests.oracle.desk import BUY, SELL, A, B, C, D, Desk, code_of, of_kind, slot
from tests.oracle.test_auctions import (
    AUCTION,
    CONTINUOUS,
    HALTED,
    POST_ONLY,
    PRE_OPEN,
    REDUCE_ONLY,
    SECOND,
    SUSPENDED,
    banded,
    change,
    changes_of,
    ended,
    opened,
    resting,
    state_of,
    uncrossed,
    wait,
)

MARKET_STOP = {"order_type": words.STOP_MARKET, "tif": words.IOC}
STATES = [CONTINUOUS, REDUCE_ONLY, POST_ONLY, PRE_OPEN, AUCTION, HALTED, SUSPENDED]


def kinds(records: list[tuple]) -> list[int]:
    return [record[-1] for record in records]


def id_of(records: list[tuple]) -> int:
    return records[0][1]


def shown(desk: Desk) -> list[tuple]:
    """(account, displayed, hidden) of the bids."""
    return [(o.account, o.displayed, o.hidden) for o in desk.oracle.markets[1].book.orders(BUY)]


# Icebergs.


def test_4_2_an_iceberg_trades_what_it_hides_in_its_place_in_the_queue():
    desk = opened()
    change(desk, AUCTION)
    desk.place(A, BUY, 10, 100, display_lots=3)
    desk.place(C, BUY, 10, 100)
    desk.place(B, SELL, 6, 100)
    found = change(desk, CONTINUOUS)
    assert of_kind(found, events.TRADE) == [(events.TRADE, 0, 100, 6, slot(1), slot(3), 2)]
    # 7 were hidden, 6 of them are gone
    assert not of_kind(found, events.ORDER_REFILLED)
    assert shown(desk) == [(A, 3, 1), (C, 10, 0)]
    change(desk, AUCTION)
    desk.place(B, SELL, 2, 100)
    change(desk, CONTINUOUS)
    assert shown(desk) == [(A, 2, 0), (C, 10, 0)]


def test_5_2_the_indicative_price_counts_what_is_hidden():
    desk = opened(auction_indicative_ns=10 * SECOND)
    change(desk, AUCTION)
    desk.place(A, BUY, 10, 101, display_lots=1)
    desk.place(B, SELL, 8, 99)
    indicative = (events.INDICATIVE_PUBLISHED, 0, 101, 8, 2)
    assert of_kind(wait(desk, 10 * SECOND), events.INDICATIVE_PUBLISHED) == [indicative]


# Linked orders.


def test_4_5_siblings_are_cut_after_each_pair_of_an_uncross():
    desk = opened()
    change(desk, AUCTION)
    first = id_of(desk.place(A, BUY, 10, 101))
    second = id_of(desk.place(A, BUY, 12, 95, linked_id=first))
    for lots in (4, 6):
        desk.place(B, SELL, lots, 100)
    found = change(desk, CONTINUOUS)
    linked = [r for r in found if r[-1] in (events.ORDER_REDUCED, events.ORDER_CANCELLED)]
    assert [(r[-1], r[1], r[4], r[5]) for r in linked] == [
        (events.ORDER_REDUCED, second, 4, words.CANCEL_LINKED),
        (events.ORDER_REDUCED, second, 6, words.CANCEL_LINKED),
        (events.ORDER_CANCELLED, second, 2, words.CANCEL_LINKED),  # the first is filled
    ]
    assert found.index(linked[0]) < [i for i, k in enumerate(kinds(found)) if k == events.TRADE][1]
    assert kinds(found)[-3:] == [
        events.ORDER_CANCELLED, events.UNCROSSED, events.STATE_CHANGED
    ]  # fmt: skip


def test_4_5_a_sibling_that_ends_takes_its_lots_out_of_the_uncross():
    desk = opened()
    change(desk, AUCTION)
    first = id_of(desk.place(A, BUY, 5, 102))
    desk.place(A, BUY, 5, 101, linked_id=first)
    desk.place(C, BUY, 5, 100)
    desk.place(B, SELL, 10, 100)
    found = change(desk, CONTINUOUS)
    # 10 at 100 or 101, the surplus is 5 or 0; C's buy at 100 does not trade at 101, and the later
    # one of the two that are left at 100 parts them
    assert ended(found) == [(A, 5, words.CANCEL_LINKED), (B, 5, words.CANCEL_SELF_TRADE)]
    assert uncrossed(found) == (101, 5, 0)
    assert resting(desk) == [[(C, 100, 5)], []]


def test_9_0_a_breaching_order_leaves_its_sibling_alone():
    desk = opened(accounts=((A, 1_000_000), (B, 1_000_000), (C, 210)))
    change(desk, AUCTION)
    desk.place(A, BUY, 10, 95)
    first = id_of(desk.place(C, SELL, 10, 90))
    assert code_of(desk.place(C, SELL, 1, 120, linked_id=first)) == refusals.MARGIN_INSUFFICIENT
    stop = {"trigger_source": words.SOURCE_MARK, "trigger_ticks": 140, **MARKET_STOP}
    desk.place(C, BUY, 1, 0, linked_id=first, **stop)
    desk.place(B, SELL, 10, 94)
    desk.mark(115)
    found = change(desk, CONTINUOUS)
    assert ended(found) == [(C, 10, words.CANCEL_SOLVENCY)]
    assert uncrossed(found) == (94, 10, 0)
    assert [o.account for o in desk.oracle.markets[1].armed.values()] == [C]


# Triggers.


def test_4_2_triggers_look_at_the_price_of_the_uncross_when_trading_begins():
    desk = opened()
    desk.deal(C, D, 1, 100)
    terms = {"trigger_source": words.SOURCE_LAST, "trigger_ticks": 103, **MARKET_STOP}
    stop = id_of(desk.place(C, BUY, 2, 0, **terms))
    change(desk, AUCTION)
    desk.place(A, BUY, 5, 104)
    desk.place(B, SELL, 9, 104)
    found = change(desk, CONTINUOUS)
    assert uncrossed(found) == (104, 5, -4)
    triggered = of_kind(found, events.ORDER_TRIGGERED)[0]
    assert triggered[2:] == (stop, 3, 103, words.SOURCE_LAST, 104, 2)
    assert kinds(found).index(events.STATE_CHANGED) < kinds(found).index(events.ORDER_TRIGGERED)
    assert desk.position(C) == (1 + 2, 100 + 2 * 104)


def test_4_2_a_trigger_waits_while_orders_are_collected():
    desk = opened()
    change(desk, PRE_OPEN)
    terms = {"trigger_source": words.SOURCE_MARK, "trigger_ticks": 105, **MARKET_STOP}
    assert code_of(desk.place(A, BUY, 1, 0, tif=words.IOC)) == refusals.CONTRACT_COLLECTING
    desk.place(A, BUY, 1, 0, **terms)
    assert not of_kind(desk.mark(110), events.ORDER_TRIGGERED)
    # what is past is past: it is the present value that counts
    assert not of_kind(desk.mark(104), events.ORDER_TRIGGERED)
    assert not of_kind(change(desk, CONTINUOUS), events.ORDER_TRIGGERED)
    assert of_kind(desk.mark(105), events.ORDER_TRIGGERED)


def test_5_3_an_auction_begins_in_the_place_of_the_look_after_the_sweep():
    desk = banded()
    terms = {"trigger_source": words.SOURCE_LAST, "trigger_ticks": 105, **MARKET_STOP}
    desk.place(C, BUY, 1, 0, **terms)
    found = desk.place(A, BUY, 10, 115)
    assert kinds(found)[-2:] == [events.STATE_CHANGED, events.AUCTION_STARTED]
    assert not of_kind(found, events.ORDER_TRIGGERED)
    found = wait(desk, 60 * SECOND)
    assert uncrossed(found) == (111, 5, 0)
    assert of_kind(found, events.ORDER_TRIGGERED)[0][6] == 111


def test_5_3_a_small_rest_goes_and_the_sweep_is_looked_at():
    desk = banded(band_dynamic_value_min=576)
    terms = {"trigger_source": words.SOURCE_LAST, "trigger_ticks": 105, **MARKET_STOP}
    desk.place(C, BUY, 1, 0, **terms)
    found = desk.place(A, BUY, 10, 115)
    assert ended(found)[0] == (A, 5, words.CANCEL_DYNAMIC_BAND)
    assert of_kind(found, events.ORDER_TRIGGERED)[0][6] == 105


def test_5_3_a_fired_order_stops_at_the_band_and_the_next_one_waits():
    desk = banded(market_range_ppb=100_000_000)  # up to 105 + 10
    terms = {"trigger_source": words.SOURCE_MARK, "trigger_ticks": 101, **MARKET_STOP}
    first = id_of(desk.place(A, BUY, 8, 0, **terms))
    second = id_of(desk.place(C, BUY, 1, 0, **terms))
    found = desk.mark(101)
    assert [r[1] for r in found if r[-1] == events.ORDER_TRIGGERED] == [first]
    assert ended(found) == [(A, 3, words.CANCEL_IOC)]
    assert changes_of(found) == [(CONTINUOUS, AUCTION, words.WHY_VOLATILITY)]
    found = wait(desk, 60 * SECOND)
    assert [r[1] for r in found if r[-1] == events.ORDER_TRIGGERED] == [second]


def test_5_3_a_sibling_ends_before_the_auction_begins():
    desk = banded()
    first = id_of(desk.place(A, BUY, 10, 90))
    found = desk.place(A, BUY, 10, 115, tif=words.IOC, linked_id=first)
    # the fill of 5 cuts it, the end of the rest ends it
    assert ended(found) == [(A, 5, words.CANCEL_IOC), (A, 5, words.CANCEL_LINKED)]
    assert kinds(found)[-2:] == [events.STATE_CHANGED, events.AUCTION_STARTED]


# What the clock and the kill switch do goes on in every state.


@pytest.mark.parametrize("state", STATES)
def test_4_6_cancels_of_many_work_in_every_state(state):
    desk = opened()
    if state in (PRE_OPEN, AUCTION):
        change(desk, state)
    desk.place(A, BUY, 5, 95, tif=words.GTD, expiry_ns=desk.now + 5 * SECOND)
    desk.place(B, BUY, 5, 96)
    desk.place(C, SELL, 5, 104, session=3)
    desk.place(D, SELL, 5, 105)
    if state not in (CONTINUOUS, PRE_OPEN, AUCTION):
        change(desk, state)
    desk.client(commands.SetHeartbeat, B, timeout_ns=6 * SECOND)
    assert ended(wait(desk, 5 * SECOND)) == [(A, 5, words.CANCEL_EXPIRY)]
    assert ended(wait(desk, 1 * SECOND)) == [(B, 5, words.CANCEL_HEARTBEAT)]
    assert ended(desk.client(commands.CancelSession, C, session=3)) == [
        (C, 5, words.CANCEL_SESSION)
    ]
    found = desk.operator(commands.StopTrading, scope=words.SCOPE_ALL, number=0)
    assert ended(found) == [(D, 5, words.CANCEL_KILL)]
    assert resting(desk) == [[], []] and state_of(desk) == state


# Reduce-only and the state to come back to.


def test_5_1_an_auction_ends_in_the_state_that_an_operator_set_last():
    desk = opened(auction_ns=60 * SECOND)
    change(desk, REDUCE_ONLY)
    change(desk, AUCTION)
    assert code_of(desk.place(A, BUY, 1, 100)) == refusals.CONTRACT_REDUCE_ONLY
    found = wait(desk, 60 * SECOND)
    assert changes_of(found) == [(AUCTION, REDUCE_ONLY, words.WHY_UNCROSSED)]
    change(desk, POST_ONLY)
    change(desk, AUCTION)
    assert changes_of(wait(desk, 60 * SECOND)) == [(AUCTION, POST_ONLY, words.WHY_UNCROSSED)]


@pytest.mark.parametrize("state", [POST_ONLY, PRE_OPEN, AUCTION])
def test_6_2_a_held_mark_takes_no_new_risk_in_any_state(state):
    desk = opened(mark=1_000, mark_band_ppb=50_000_000, mark_move_ppb=10_000_000)
    desk.deal(A, B, 5, 1_000)
    change(desk, state)
    desk.mark(700)  # held at 990
    post_only = {"flags": words.POST_ONLY}
    assert code_of(desk.place(C, BUY, 1, 980, **post_only)) == refusals.CONTRACT_REDUCE_ONLY
    assert desk.place(A, SELL, 5, 1_000, **post_only)[0][-1] == events.ORDER_ACCEPTED
    desk.mark(960)
    assert desk.place(C, BUY, 1, 950, **post_only)[0][-1] == events.ORDER_ACCEPTED


# An account that meets itself.


def test_5_2_a_buyer_who_meets_himself_pays_the_fee_out_of_what_he_had():
    desk = opened(
        accounts=((A, 1_000),), stp_none_allowed=True, fee_maker_ppb=10_000_000
    )  # fmt: skip
    change(desk, AUCTION)
    desk.place(A, BUY, 4, 110, stp=words.STP_NONE)
    desk.place(A, SELL, 4, 110, stp=words.STP_NONE)
    found = change(desk, CONTINUOUS)
    assert uncrossed(found) == (110, 4, 0)
    # ceil(440 x 1%) on each side
    assert [r[5] for r in of_kind(found, events.LEG)] == [5, 5]
    assert desk.position(A) == (0, 0) and desk.cash(A) == 990
