"""Nothing that a portfolio may send takes what its positions ask for above what it has: of orders
at random, and of whole streams (8.7). No second implementation is asked, only the two figures.

An accepted order was compared with the initial margin of that moment, so what came before makes no
difference: fills of what rested, REDUCE_ONLY ones, caps, other marks. It holds behind the sweep of
that order alone, where no line of open interest moves with it, where its reserve's rate is at most
all of its value, and but for a unit here and there where figures are rounded: none are here."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.schema import events
from engine.schema import vocabulary as words
from tests.oracle.accounts import Account, equity, portfolio_initial
from tests.oracle.desk import BUY, SELL, A, B
from tests.oracle.exchange import Oracle
from tests.oracle.test_leverage import PERCENT
from tests.oracle.test_portfolio import cap, opened, related
from tests.oracle.workload import Workload, configs

SWEEP = {
    events.ORDER_ACCEPTED,
    events.TRADE,
    events.LEG,
    events.FUNDING_SETTLED,
    events.PROFIT_RESTRUCK,
    events.ORDER_CANCELLED,
    events.ORDER_REDUCED,
}


def portfolio_that_swept(exchange: Oracle, records) -> Account | None:
    """Whose order was accepted, if nothing but its sweep has happened and it may do more than
    reduce."""
    _, *_, terms, number, _, kind = records[0]
    if kind != events.ORDER_ACCEPTED or terms >> 16 & words.REDUCE_ONLY:
        return None
    account = exchange.accounts[number]
    is_alone = {record[-1] for record in records} <= SWEEP
    return account if account.is_portfolio and is_alone else None


def has_its_margin(exchange: Oracle, account: Account) -> bool:
    held = portfolio_initial(exchange, account, account.positions())
    return held <= equity(exchange, account)


# Lots of 1,000 a tick make every figure here whole. A lot is worth 100,000, and there is money for
# 12.5% of four.

sides = st.sampled_from((SELL, SELL, BUY))
prices = st.sampled_from((100, 100, 100, 99, 101, 80, 130))
terms = st.tuples(sides, st.integers(1, 3), prices, st.sampled_from((1, 1, 2)))
flags = st.sampled_from((0, 0, 0, words.REDUCE_ONLY))
marks = st.sampled_from((100, 100, 100, 97, 103))
is_met = st.sampled_from((True, True, False))  # by somebody who stands there to trade with it
steps = st.lists(st.tuples(marks, is_met, flags, terms), min_size=5, max_size=20)
fees, caps = st.sampled_from((0, PERCENT)), st.sampled_from((0, 0, 20 * PERCENT))


@settings(max_examples=500, deadline=None)
@given(steps, fees, caps, st.integers(0, 7))
def test_8_7_who_may_send_an_order_can_hold_what_it_gets(steps, fee, rate, lots):
    """What rests far away comes first, on the side that is traded less; then a cap."""
    changes = {"tick_value": 1_000, "fee_taker_ppb": fee, "fee_maker_ppb": fee}
    desk = opened(related(**changes), related(2, **changes), cash=50_000)
    if lots:
        desk.place(A, BUY, lots, 50)
    cap(desk, rate)
    for mark, is_met, flag, (side, *order) in steps:
        desk.mark(mark, mark)
        if is_met:
            desk.place(B, 1 - side, *order)
        found = portfolio_that_swept(desk.oracle, desk.place(A, side, *order, flags=flag))
        assert found is None or has_its_margin(desk.oracle, found)


@pytest.mark.parametrize("seed", [1, 2])
def test_8_7_no_stream_takes_a_portfolio_above_what_it_has(seed):
    """Fills of what rested may, which others bring about: then it is the next order that waits."""
    config = configs()["portfolio free"]
    oracle, workload = Oracle(config), Workload(seed, config)
    filled = 0
    for _ in range(2_500):
        records = oracle.apply(workload.next_command())
        workload.observe(records)
        account = portfolio_that_swept(oracle, records)
        assert account is None or has_its_margin(oracle, account)
        filled += account is not None and any(record[-1] == events.LEG for record in records)
    assert filled > 50
