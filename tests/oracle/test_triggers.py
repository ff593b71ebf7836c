"""Stops, take-profits and trailing stops, worked out by hand from the rulebook (2.5, 4.2, 4.3)."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from tests.oracle.desk import BUY, DAY, SELL, A, B, C, D, Desk, code_of, contract, of_kind, slot

SECOND = 10**9
MARK, INDEX, LAST = words.SOURCE_MARK, words.SOURCE_INDEX, words.SOURCE_LAST
IOC = words.IOC
MARKET_STOP = {"order_type": words.STOP_MARKET, "tif": IOC, "trigger_source": MARK}


def rich_desk(**config) -> Desk:
    desk = Desk(contract(), **config)
    desk.open((A, 100_000), (B, 100_000), (C, 100_000), (D, 100_000))
    desk.mark(100)
    return desk


def kinds(records: list[tuple]) -> list[int]:
    return [record[-1] for record in records]


def test_4_2_a_stop_market_order_fires_on_the_mark():
    desk = rich_desk()
    desk.deal(A, B, 10, 100)
    desk.place(C, BUY, 10, 94)
    armed = desk.place(A, SELL, 10, 7, trigger_ticks=95, **MARKET_STOP)
    # its price is not looked at, nothing is reserved, and the book does not know it
    assert of_kind(armed, events.ORDER_ACCEPTED)[0][4:6] == (0, 10)
    assert of_kind(armed, events.ORDER_ARMED) == [
        (events.ORDER_ARMED, A, armed[0][1], armed[0][2], 95, MARK),
    ]
    assert desk.oracle.state()["accounts"][A]["reserves"] == {}
    assert desk.oracle.markets[1].book.resting_lots == [10, 0]
    assert not of_kind(desk.mark(96), events.ORDER_TRIGGERED)
    found = desk.mark(95)
    assert of_kind(found, events.ORDER_TRIGGERED, events.TRADE) == [
        (events.ORDER_TRIGGERED, A, armed[0][1], armed[0][2], 95, MARK, 95, 10),
        (events.TRADE, 0, 94, 10, armed[0][1], slot(2, 2), SELL),
    ]
    assert desk.position(A) == (0, 0)


@pytest.mark.parametrize(
    ("order_type", "side", "reached", "not_reached"),
    [
        (words.STOP_LIMIT, BUY, (99, 100), 101),
        (words.STOP_LIMIT, SELL, (100, 101), 99),
        (words.TAKE_LIMIT, BUY, (100, 101), 99),
        (words.TAKE_LIMIT, SELL, (99, 100), 101),
    ],
)
def test_4_2_a_trigger_already_reached_is_refused(order_type, side, reached, not_reached):
    desk = rich_desk()

    def place(trigger):
        terms = {"order_type": order_type, "trigger_source": INDEX, "trigger_ticks": trigger}
        return desk.place(A, side, 1, 100, **terms)

    for trigger in reached:
        assert code_of(place(trigger)) == refusals.TRIGGER_REACHED
    assert kinds(place(not_reached)) == [events.ORDER_ACCEPTED, events.ORDER_ARMED]


def test_4_2_a_trailing_stop_follows_the_best_value():
    desk = rich_desk()
    terms = {"order_type": words.TRAILING_MARKET, "tif": IOC, "trail_bp": 500}
    # no trade yet, so the last price leads nowhere
    assert code_of(desk.place(A, SELL, 1, 0, trigger_source=LAST, **terms)) == (
        refusals.TRIGGER_REACHED
    )
    armed = desk.place(A, SELL, 1, 0, trigger_source=MARK, **terms)
    assert of_kind(armed, events.ORDER_ARMED)[0][4:] == (0, MARK, 500, 100)
    desk.mark(130)  # 5% of 130 is 6.5: six ticks behind
    assert not of_kind(desk.mark(125), events.ORDER_TRIGGERED)
    assert of_kind(desk.mark(124), events.ORDER_TRIGGERED)[0][4:] == (0, MARK, 124, 1)


def test_4_2_the_last_price_is_looked_at_first_and_last_in_a_sweep():
    desk = rich_desk()
    desk.deal(C, D, 1, 100)
    for price in (101, 102, 103):
        desk.place(B, SELL, 1, price)
    terms = {"order_type": words.STOP_LIMIT, "trigger_source": LAST}
    high = desk.place(A, BUY, 1, 60, trigger_ticks=103, **terms)[0][1]
    low = desk.place(A, BUY, 1, 60, trigger_ticks=102, **terms)[0][1]
    beyond = desk.place(A, BUY, 1, 60, trigger_ticks=104, **terms)[0][1]
    found = desk.place(C, BUY, 3, 103)
    # 101 fires nobody, 103 both, the one that is nearer first
    assert [record[2] for record in of_kind(found, events.ORDER_TRIGGERED)] == [low, high]
    assert {record[-2] for record in of_kind(found, events.ORDER_TRIGGERED)} == {103}
    assert list(desk.oracle.markets[1].armed) == [beyond]
    resting = [order[0] for order in desk.oracle.state()["orders"][1][0]]
    assert resting == [low, high]


def test_2_5_reducing_triggers_go_first_and_the_bound_carries_over():
    desk = rich_desk(triggers_max=2)
    desk.deal(A, B, 10, 100)
    first = desk.place(C, SELL, 1, 0, trigger_ticks=98, **MARKET_STOP)[0][1]
    second = desk.place(D, SELL, 1, 0, trigger_ticks=97, **MARKET_STOP)[0][1]
    reducing = {"flags": words.REDUCE_ONLY, **MARKET_STOP}
    third = desk.place(A, SELL, 2, 0, trigger_ticks=96, **reducing)[0][1]
    found = desk.mark(95)
    assert [record[2] for record in of_kind(found, events.ORDER_TRIGGERED)] == [third, first]
    found = desk.operator(commands.AdvanceTime)
    assert kinds(found) == [events.TIME_ADVANCED, events.ORDER_TRIGGERED, events.ORDER_CANCELLED]
    assert found[1][1] == second and found[2][5] == words.CANCEL_IOC


def test_2_5_a_round_takes_one_order_of_each_contract():
    desk = Desk(contract(), contract(2))
    desk.open((A, 100_000))
    desk.mark(100, 100)
    placed = [
        desk.place(A, SELL, 1, 0, number, trigger_ticks=trigger, **MARKET_STOP)[0][1]
        for number, trigger in ((2, 99), (2, 98), (1, 99), (1, 98))
    ]
    found = desk.mark(90, 90)
    triggered = [record[2] for record in of_kind(found, events.ORDER_TRIGGERED)]
    assert triggered == [placed[2], placed[0], placed[3], placed[1]]


def test_4_2_a_triggered_order_that_is_refused_cancels_its_sibling():
    desk = rich_desk()
    sibling = desk.place(A, SELL, 1, 110)[0][1]
    terms = {"order_type": words.STOP_LIMIT, "trigger_source": MARK, "trigger_ticks": 105}
    found = desk.place(A, BUY, 1, 4_000, linked_id=sibling, **terms)
    stop = found[0][1]
    assert kinds(found) == [events.ORDER_ACCEPTED, events.ORDERS_LINKED, events.ORDER_ARMED]
    found = desk.mark(105)  # the band ends at 157
    assert of_kind(found, events.ORDER_TRIGGERED, events.ORDER_CANCELLED) == [
        (events.ORDER_TRIGGERED, A, stop, 2, 105, MARK, 105, 1),
        (events.ORDER_CANCELLED, A, sibling, 1, 110, 1, words.CANCEL_LINKED),
        (
            events.ORDER_CANCELLED, A, stop, 2, 4_000, 1, words.CANCEL_TRIGGER,
            refusals.PRICE_OUTSIDE_BAND,
        ),
    ]  # fmt: skip


def test_8_2_a_trigger_reserves_nothing_and_is_judged_when_it_fires():
    desk = rich_desk()
    desk.open((6, 10))
    terms = {"order_type": words.STOP_LIMIT, "trigger_source": MARK, "trigger_ticks": 105}
    assert kinds(desk.place(6, BUY, 1_000, 105, **terms))[0] == events.ORDER_ACCEPTED
    found = desk.mark(105)
    assert of_kind(found, events.ORDER_CANCELLED)[0][5:] == (
        1_000, words.CANCEL_TRIGGER, refusals.MARGIN_INSUFFICIENT,
    )  # fmt: skip


def test_4_2_close_position_takes_whatever_the_position_is_then():
    desk = rich_desk()
    assert code_of(desk.place(A, SELL, 0, 90, flags=words.CLOSE_POSITION)) == (
        refusals.REDUCE_ONLY_NOTHING
    )
    desk.deal(A, B, 10, 100)
    armed = desk.place(A, SELL, 0, 0, trigger_ticks=95, flags=words.CLOSE_POSITION, **MARKET_STOP)
    assert of_kind(armed, events.ORDER_ACCEPTED)[0][5] == 10
    assert armed[0][6] == words.STOP_MARKET | IOC << 8 | words.CLOSE_POSITION << 16
    desk.deal(A, B, 5, 100)
    desk.place(C, BUY, 20, 95)
    found = desk.mark(95)
    assert of_kind(found, events.TRADE)[0][2:4] == (95, 15)
    assert desk.position(A) == (0, 0)


def test_4_3_a_reducing_trigger_ends_with_the_position():
    desk = rich_desk()
    desk.deal(A, B, 10, 100)
    armed = desk.place(
        A, SELL, 50, 0, trigger_ticks=95, flags=words.REDUCE_ONLY, **MARKET_STOP
    )  # its lots are not cut before it works
    assert of_kind(armed, events.ORDER_ACCEPTED)[0][5] == 50
    desk.deal(C, A, 4, 100)
    assert len(desk.oracle.markets[1].armed) == 1
    desk.place(C, BUY, 6, 100)
    found = desk.place(A, SELL, 6, 100)
    assert of_kind(found, events.ORDER_CANCELLED) == [
        (events.ORDER_CANCELLED, A, armed[0][1], 3, 0, 50, words.CANCEL_REDUCE_ONLY),
    ]
    assert code_of(
        desk.place(A, SELL, 1, 0, trigger_ticks=95, flags=words.REDUCE_ONLY, **MARKET_STOP)
    ) == (refusals.REDUCE_ONLY_NOTHING)


def test_4_2_a_fired_order_has_lost_its_expiry():
    desk = rich_desk(triggers_max=1)
    ids = [
        desk.place(
            A, SELL, 1, 0, trigger_ticks=trigger, expiry_ns=desk.now + 5 * SECOND, **MARKET_STOP
        )[0][1]
        for trigger in (99, 98, 90)
    ]
    assert [r[2] for r in of_kind(desk.mark(95), events.ORDER_TRIGGERED)] == [ids[0]]
    found = desk.wait(5 * SECOND)
    # the third was not reached and expires; the second fired, and waits for its turn only
    assert of_kind(found, events.ORDER_CANCELLED, events.ORDER_TRIGGERED) == [
        (events.ORDER_CANCELLED, A, ids[2], 3, 0, 1, words.CANCEL_EXPIRY),
        (events.ORDER_TRIGGERED, A, ids[1], 2, 98, MARK, 95, 1),
        (events.ORDER_CANCELLED, A, ids[1], 2, 94, 1, words.CANCEL_IOC),
    ]


def test_4_2_who_could_not_look_looks_when_the_contract_reopens():
    desk = rich_desk()
    desk.deal(A, B, 1, 100)
    stop = desk.place(A, SELL, 1, 0, trigger_ticks=95, **MARKET_STOP)[0][1]
    assert of_kind(desk.wait(DAY + 1), events.STATE_CHANGED)[0][3] == words.STATE_FROZEN
    found = desk.mark(90)  # reopens by auction, in which nobody looks
    assert not of_kind(found, events.ORDER_TRIGGERED)
    found = desk.wait(desk.oracle.markets[1].spec.auction_ns)
    assert of_kind(found, events.ORDER_TRIGGERED)[0][2:] == (stop, 3, 95, MARK, 90, 1)
    opened = kinds(found).index(events.STATE_CHANGED)
    assert opened < kinds(found).index(events.ORDER_TRIGGERED)


def test_4_2_a_triggered_limit_order_rests_behind_the_others():
    desk = rich_desk()
    terms = {"order_type": words.TAKE_LIMIT, "trigger_source": MARK, "trigger_ticks": 95}
    waiting = desk.place(A, BUY, 9, 94, display_lots=2, **terms)[0][1]
    resting = desk.place(B, BUY, 1, 94)[0][1]
    assert code_of(
        desk.client(commands.AmendOrder, A, order_id=waiting, price_ticks=93, lots=9)
    ) == (refusals.ORDER_UNKNOWN)
    found = desk.mark(95)
    assert of_kind(found, events.ORDER_RESTED) == [
        (events.ORDER_RESTED, A, waiting, BUY, 94, 2, 7),
    ]
    assert [order[0] for order in desk.oracle.state()["orders"][1][0]] == [resting, waiting]
