"""What states do to those who wait: triggers in post-only trading, accounts whose liquidation waits
for an auction, freezes of what was closed; by hand from the rulebook (4.2, 5.3, 5.4, 9.2)."""

import pytest

from engine.schema import commands, events
from engine.schema import vocabulary as words
from tests.oracle.desk import BUY, SELL, A, B, C, Desk, contract, of_kind
from tests.oracle.test_auctions import (
    AUCTION,
    CONTINUOUS,
    FROZEN,
    HALTED,
    POST_ONLY,
    PRE_OPEN,
    REDUCE_ONLY,
    SECOND,
    SUSPENDED,
    change,
    changes_of,
    ended,
    failing_in,
    opened,
    resting,
    state_of,
    uncrossed,
    wait,
)

MARKET_STOP = {"order_type": words.STOP_MARKET, "tif": words.IOC, "trigger_source": 1}
STEPPED, TRIGGERED = events.LIQUIDATION_STEPPED, events.ORDER_TRIGGERED


def kinds(records: list[tuple]) -> list[int]:
    return [record[-1] for record in records]


# Triggers (4.2).


@pytest.mark.parametrize("state", [CONTINUOUS, REDUCE_ONLY])
def test_4_2_nobody_looks_in_post_only_trading(state):
    desk = opened()
    desk.deal(A, B, 5, 100)
    stop = desk.place(A, SELL, 5, 0, trigger_ticks=95, flags=words.REDUCE_ONLY, **MARKET_STOP)
    change(desk, POST_ONLY)
    desk.place(C, BUY, 5, 90, flags=words.POST_ONLY)
    assert not of_kind(desk.mark(90), TRIGGERED)
    found = change(desk, state)
    assert kinds(found)[:3] == [events.STATE_CHANGED, TRIGGERED, events.TRADE]
    assert found[1][1] == stop[0][1] and found[2][1:3] == (90, 5)


def test_4_2_a_fired_order_is_not_worked_off_in_post_only_trading():
    desk = Desk(contract(), triggers_max=1)
    desk.open((A, 1_000_000), (B, 1_000_000))
    desk.mark(100)
    ids = [
        desk.place(A, SELL, 1, 0, trigger_ticks=ticks, **MARKET_STOP)[0][1] for ticks in (97, 96)
    ]
    assert [record[2] for record in of_kind(desk.mark(95), TRIGGERED)] == ids[:1]
    # it fired in the command before, and its turn would come in this one
    assert not of_kind(change(desk, POST_ONLY), TRIGGERED)
    assert [record[2] for record in of_kind(change(desk, CONTINUOUS), TRIGGERED)] == ids[1:]


def test_4_2_between_continuous_and_reduce_only_nobody_looks_again():
    """A stop that was born reached fires at the next look only."""
    desk = opened()
    desk.client(
        commands.PlaceBracket, A, contract=1, side=BUY, lots=5, price_ticks=98,
        stop_ticks=97, trigger_source=1,
    )  # fmt: skip
    desk.mark(96)
    assert of_kind(desk.place(B, SELL, 5, 98), events.ORDER_ARMED)
    assert not of_kind(change(desk, REDUCE_ONLY), TRIGGERED)
    assert not of_kind(change(desk, CONTINUOUS), TRIGGERED)
    change(desk, POST_ONLY)
    assert of_kind(change(desk, CONTINUOUS), TRIGGERED)


# The dynamic band and liquidation (5.3, 9.2).


@pytest.mark.parametrize(
    ("value_min", "steps", "state"),
    [
        (2_700, [words.STEP_PARTIAL], AUCTION),  # 3 lots at the limit of 900
        (2_701, [words.STEP_PARTIAL, words.STEP_WHOLE], AUCTION),
        (9_001, [words.STEP_PARTIAL, words.STEP_WHOLE], POST_ONLY),
    ],
)
def test_5_3_a_liquidation_order_stops_at_the_band(value_min, steps, state):
    desk = failing_in(POST_ONLY, band_dynamic_ppb=10_000_000, band_dynamic_value_min=value_min)
    desk.place(C, BUY, 20, 945, flags=words.POST_ONLY)
    found = desk.mark(945)  # the band is 990 to 1010
    assert [record[1] for record in found if record[-1] == STEPPED] == steps
    assert not of_kind(found, events.TRADE) and state_of(desk) == state
    # only what is too little for an auction goes on to the backstop
    assert bool(of_kind(found, events.POSITION_DELEVERAGED)) == (state == POST_ONLY)
    if state == AUCTION:
        assert changes_of(found) == [(POST_ONLY, AUCTION, words.WHY_VOLATILITY)]
        found = change(desk, CONTINUOUS)
        # it stands at its bankruptcy price, and nothing says that its last step filled nothing
        assert [r[1:4] for r in found if r[-1] == STEPPED] == [
            (words.STEP_PARTIAL, 3, 900),
        ]
        assert uncrossed(found) == (945, 3, 17)


def failing_at_the_band(bids: tuple[tuple[int, int], ...], **changes) -> tuple[Desk, list[tuple]]:
    """A long 10 as in `failing_in`, an operator's band from 940 on, these bids (lots, price) of C,
    and a stop of C at 945 of the last price."""
    desk = failing_in(CONTINUOUS, **changes)
    for lots, price in bids:
        desk.place(C, BUY, lots, price)
    desk.operator(commands.SetBand, contract=1, low_ticks=940, high_ticks=1_100)
    stop = MARKET_STOP | {"trigger_source": words.SOURCE_LAST}
    desk.place(C, SELL, 1, 0, trigger_ticks=945, **stop)
    return desk, desk.mark(945)


def test_5_3_a_partial_that_filled_cools_and_waits_for_the_auction():
    desk, found = failing_at_the_band(((1, 945), (20, 930)))
    assert [record[1:3] for record in found if record[-1] == STEPPED] == [(words.STEP_PARTIAL, 3)]
    # behind the last event of its last fill, and nobody looks at its price
    assert kinds(found)[-3:] == [events.LEG, events.STATE_CHANGED, events.AUCTION_STARTED]
    assert changes_of(found) == [(CONTINUOUS, AUCTION, words.WHY_VOLATILITY)]
    account = desk.oracle.accounts[A]
    assert account.cools_until > desk.now and not account.next_step_whole
    assert desk.position(A)[0] == 9


def test_5_3_what_a_whole_position_leaves_at_the_band_is_not_taken_over():
    terms = {"liquidation_whole_lots": 10, "fund_value_max": 10**9, "fund_share_ppb": 10**9}
    desk, found = failing_at_the_band(((1, 945), (20, 930)), **terms)
    assert [record[1:3] for record in found if record[-1] == STEPPED] == [(words.STEP_WHOLE, 10)]
    gone = (events.POSITION_TAKEN_OVER, events.POSITION_DELEVERAGED, events.POSITIONS_PAIRED)
    assert not of_kind(found, *gone)
    assert desk.position(A)[0] == 9 and state_of(desk) == AUCTION


def test_5_3_a_small_rest_of_a_liquidation_is_as_if_the_book_had_ended():
    desk, found = failing_at_the_band(
        ((1, 945), (20, 930)), liquidation_whole_lots=10, band_dynamic_value_min=10**6
    )
    assert desk.position(A) == (0, 0) and of_kind(found, events.POSITION_DELEVERAGED)
    assert state_of(desk) == CONTINUOUS and of_kind(found, TRIGGERED)


def test_5_3_a_liquidation_order_brings_an_auction_where_a_client_would_bring_a_halt():
    desk = failing_in(
        CONTINUOUS,
        band_dynamic_ppb=10_000_000,
        volatility_auctions_max=1,
        auction_extensions_max=0,
        auction_ns=SECOND,
    )
    desk.place(C, SELL, 1, 1_020)
    desk.place(B, BUY, 1, 1_020)
    assert changes_of(wait(desk, SECOND)) == [(AUCTION, CONTINUOUS, words.WHY_UNCROSSED)]
    desk.place(C, BUY, 20, 945)
    found = desk.mark(945)
    assert changes_of(found) == [(CONTINUOUS, AUCTION, words.WHY_VOLATILITY)]
    steps = [record[1:3] for record in found if record[-1] == STEPPED]
    assert steps == [(words.STEP_PARTIAL, 3)]
    assert desk.position(A)[0] == 10 and not of_kind(found, events.TRADE)


# Accounts that wait (9.2 b).


def test_9_2_who_waits_for_an_auction_loses_the_orders_that_could_add_risk():
    desk = failing_in(AUCTION)
    desk.place(A, SELL, 2, 1_100, flags=words.REDUCE_ONLY)
    risky = desk.place(A, SELL, 3, 1_100)[0][1]
    desk.place(A, SELL, 4, 0, linked_id=risky, flags=words.REDUCE_ONLY, trigger_ticks=900,
               **MARKET_STOP)  # fmt: skip
    found = desk.mark(945)
    assert ended(found) == [(A, 3, words.CANCEL_LIQUIDATION), (A, 4, words.CANCEL_LINKED)]
    assert kinds(found)[-3:-1] == [events.LIQUIDATION_STARTED, events.ORDER_CANCELLED]
    assert resting(desk)[1] == [(A, 1_100, 2)]
    assert not ended(desk.mark(944))


def test_9_2_waiting_costs_no_step_and_comes_in_the_order_of_the_queue():
    desk = Desk(contract(), contract(2), liquidation_steps_max=1)
    desk.open((A, 1_000), (B, 100_000), (C, 1_000))
    desk.mark(1_000, 1_000)
    desk.deal(A, B, 10, 1_000)
    desk.deal(C, B, 10, 1_000, 2)
    for account, number in ((A, 1), (C, 2)):
        desk.place(account, SELL, 3, 1_100, number)
    change(desk, AUCTION)
    found = desk.mark(940, 945)  # A: 400 - 470, C: 450 - 473
    assert [(r[-1], r[7]) for r in found if r[-1] in (events.ORDER_CANCELLED, STEPPED)] == [
        (events.ORDER_CANCELLED, A),
        (events.ORDER_CANCELLED, C),
        (STEPPED, C),
    ]


# Freezes (5.4).


@pytest.mark.parametrize("state", [CONTINUOUS, REDUCE_ONLY, POST_ONLY, AUCTION])
def test_5_4_what_was_open_reopens_by_auction(state):
    desk = opened(source_stale_ns=60 * SECOND)
    if state != CONTINUOUS:
        change(desk, state)
    wait(desk, 60 * SECOND + 1)
    found = desk.mark(100)
    assert changes_of(found) == [(FROZEN, AUCTION, words.WHY_FRESH_MARK)]
    assert of_kind(found, events.AUCTION_STARTED)


@pytest.mark.parametrize("state", [PRE_OPEN, HALTED, SUSPENDED])
def test_5_4_what_was_closed_comes_back_as_it_was(state):
    desk = opened(source_stale_ns=60 * SECOND, auction_indicative_ns=10 * SECOND)
    change(desk, state)
    for _ in range(2):
        found = wait(desk, 65 * SECOND)
        assert changes_of(found) == [(state, FROZEN, words.WHY_SOURCES)]
        found = desk.mark(100)
        assert changes_of(found) == [(FROZEN, state, words.WHY_FRESH_MARK)]
        assert not of_kind(found, events.AUCTION_STARTED)
        # indicative prices are due anew
        assert bool(of_kind(wait(desk, 10 * SECOND), events.INDICATIVE_PUBLISHED)) == (
            state == PRE_OPEN
        )
        assert not of_kind(wait(desk, 9 * SECOND), events.INDICATIVE_PUBLISHED)
