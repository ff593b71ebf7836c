"""How large an order may be, when it comes and when it is amended; by hand from the rulebook (4.2,
4.4, 4.9)."""

import pytest

from engine.schema import events, refusals
from engine.schema import vocabulary as words
from tests.oracle.desk import BUY, SELL, A, B, C, code_of, contract, of_kind, slot
from tests.oracle.test_orders import ACCEPTED, CANCELLED, amend, ended, kinds, rich_desk
from tests.oracle.test_quotes import desk_of

CLOSE, REDUCE_ONLY = words.CLOSE_POSITION, words.REDUCE_ONLY
AMENDED = events.ORDER_AMENDED


def test_4_2_an_iceberg_has_at_most_a_thousand_slices():
    desk = rich_desk({"order_lots_max": 5_000})
    assert code_of(desk.place(A, BUY, 2_001, 100, display_lots=2)) == refusals.DISPLAY_INVALID
    ice = desk.place(A, BUY, 2_000, 100, display_lots=2)[0][1]
    assert code_of(amend(desk, A, ice, 99, 2_001)) == refusals.DISPLAY_INVALID
    desk.place(B, SELL, 5, 100)
    # it is open lots that count
    assert code_of(amend(desk, A, ice, 99, 2_006)) == refusals.DISPLAY_INVALID
    assert AMENDED in kinds(amend(desk, A, ice, 99, 2_005))
    # a reducing one is no exception
    ice = desk.place(B, BUY, 1, 100, flags=REDUCE_ONLY)
    assert kinds(ice)[0] == ACCEPTED


def test_4_9_a_position_may_be_closed_whatever_it_is_worth():
    desk = rich_desk({"order_value_max": 500})
    for _ in range(2):
        desk.deal(A, B, 5, 100)
    assert code_of(desk.place(A, SELL, 10, 100, flags=REDUCE_ONLY)) == refusals.VALUE_ABOVE_MAX
    resting = desk.place(A, SELL, 0, 110, flags=CLOSE)
    assert of_kind(resting, ACCEPTED)[0][5] == 10
    stop = {"order_type": words.STOP_MARKET, "tif": words.IOC, "trigger_source": 1}
    # without the flag it is refused when it fires
    desk.place(B, BUY, 10, 0, trigger_ticks=102, flags=REDUCE_ONLY, **stop)
    found = desk.mark(102)
    assert of_kind(found, CANCELLED)[0][6:] == (words.CANCEL_TRIGGER, refusals.VALUE_ABOVE_MAX)
    desk.place(B, BUY, 0, 0, trigger_ticks=108, flags=CLOSE, **stop)
    found = desk.mark(110)
    assert [record[2:4] for record in of_kind(found, events.TRADE)] == [(110, 10)]
    assert desk.position(A) == desk.position(B) == (0, 0)


def test_4_4_an_amendment_keeps_to_the_least_sizes():
    desk = rich_desk({"order_lots_min": 3, "order_value_min": 400})
    first = desk.place(A, BUY, 10, 100)[0][1]
    for price in (100, 90):
        assert code_of(amend(desk, A, first, price, 2)) == refusals.LOTS_BELOW_MIN
        assert code_of(amend(desk, A, first, price, 3)) == refusals.VALUE_BELOW_MIN
    assert kinds(amend(desk, A, first, 100, 5)) == [AMENDED]
    assert code_of(amend(desk, A, first, 100, 5)) == refusals.AMEND_NOTHING
    desk.place(B, SELL, 4, 100)
    assert ended(amend(desk, A, first, 100, 2)) == [(CANCELLED, first, 1, words.CANCEL_AMEND)]
    # what has filled counts: one lot is left of an order that is worth 900
    second = desk.place(A, BUY, 10, 100)[0][1]
    desk.place(B, SELL, 8, 100)
    assert kinds(amend(desk, A, second, 100, 9)) == [AMENDED]


def test_4_4_a_reducing_order_has_no_least_size():
    desk = rich_desk({"order_lots_min": 3, "order_value_min": 400})
    desk.deal(A, B, 10, 100)
    first = desk.place(A, SELL, 10, 110, flags=REDUCE_ONLY)[0][1]
    assert kinds(amend(desk, A, first, 110, 2)) == [AMENDED]
    assert kinds(amend(desk, A, first, 111, 1)) == [AMENDED]


@pytest.mark.parametrize(
    ("before", "fields", "code"),
    [
        (0, {"stop_ticks": 95, "target_ticks": 105}, 0),
        (1, {"stop_ticks": 95, "target_ticks": 105}, refusals.ORDERS_LIMIT),
        (1, {"stop_ticks": 95}, 0),
        (2, {"stop_ticks": 95}, refusals.ORDERS_LIMIT),
        (1, {"stop_ticks": 95, "target_ticks": 105, "tif": words.IOC}, 0),
        (2, {"stop_ticks": 95, "target_ticks": 105, "tif": words.IOC}, refusals.ORDERS_LIMIT),
    ],
)
def test_4_9_a_bracket_has_room_for_its_children(before, fields, code):
    desk = desk_of(contract(), orders_account_max=3)
    for price in range(before):
        desk.place(A, BUY, 1, 80 + price)
    desk.place(C, SELL, 1, 100)
    found = desk.bracket(A, BUY, 2, 100, **fields)
    if code:
        assert code_of(found) == code
        return
    assert of_kind(found, ACCEPTED)[0][2] == slot(before + 2)
    assert len(desk.oracle.accounts[A].orders()) <= 3
