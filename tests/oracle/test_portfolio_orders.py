"""Nothing that a portfolio may send takes what its positions ask for above what it has: of orders
at random, and of whole streams (8.7). No second implementation is asked, only the two figures.

An accepted order was compared with the initial margin of that moment, so what came before makes no
difference: fills of what rested, REDUCE_ONLY ones, caps, other marks. It holds for the sweep of
that order alone, where no line of open interest moves with it, rates are at most all of a value,
and every figure is whole, as here."""

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.schema import commands, events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.accounts import Account, equity, portfolio_initial
from tests.oracle.desk import BUY, SELL, A, B, Desk
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


# Lots of 1,000 a tick: every rate here is a whole number of units of it.

sides = st.sampled_from((BUY, SELL))
numbers = st.sampled_from((1, 2))
prices = st.just(100) | st.integers(60, 140)
flags = st.sampled_from((0, 0, 0, words.REDUCE_ONLY))
orders = st.tuples(st.sampled_from((A, A, B)), sides, st.integers(1, 20), prices, numbers, flags)
caps = st.sampled_from((0, 0, 20 * PERCENT, PPB))
steps = st.lists(orders | caps | st.tuples(st.integers(95, 105)), max_size=30)


@settings(max_examples=150, deadline=None)
@given(steps, st.sampled_from((0, PERCENT)), st.integers(0, 40))
def test_8_7_who_may_send_an_order_can_hold_what_it_gets(steps, fee, lots):
    """What rests is fixed first, so that it is the larger side for a while."""
    terms = {"tick_value": 1_000, "fee_taker_ppb": fee, "fee_maker_ppb": fee}
    desk = opened(related(**terms), related(2, **terms), cash=400_000)
    if lots:
        desk.place(A, BUY, lots, 50)
    for step in steps:
        take(desk, step)


def take(desk: Desk, step) -> None:
    if isinstance(step, int):
        cap(desk, step)
    elif len(step) == 1:
        desk.mark(*step, *step)
    else:
        account, *order, flag = step
        records = desk.place(account, *order, flags=flag)
        found = portfolio_that_swept(desk.oracle, records)
        assert found is None or has_its_margin(desk.oracle, found)


def test_8_7_no_stream_takes_a_portfolio_above_what_it_has():
    """Fills that others make of its orders may: those only make its next one wait."""
    config = configs()["portfolio free"]
    filled = rested = refused = 0
    for seed in (1, 2):
        oracle, workload = Oracle(config), Workload(seed, config)
        for _ in range(2_500):
            records = oracle.apply(workload.next_command())
            workload.observe(records)
            account = portfolio_that_swept(oracle, records)
            if account is None:
                continue
            assert has_its_margin(oracle, account)
            has_filled = any(record[-1] == events.LEG for record in records)
            filled, rested = filled + has_filled, rested + (not has_filled)
    print(filled, rested)
