"""How links end: what its owner, its fill or the clock ends takes its sibling along, what the
exchange takes away leaves it alone; by hand from the rulebook (4.5)."""

import pytest

from engine.schema import commands, events
from engine.schema import vocabulary as words
from tests.oracle.desk import BUY, SELL, A, B, C, D, Desk, contract, of_kind, slot
from tests.oracle.test_auctions import AUCTION, CONTINUOUS, banded, change, resting
from tests.oracle.test_orders import CANCELLED, REDUCED, ended, rich_desk
from tests.oracle.test_quotes import ACCEPTED, AMENDED, desk_of

IOC = words.IOC
SELF_TRADE = words.CANCEL_SELF_TRADE
NARROW = {"band_static_ppb": 80_000_000}  # 8%
STOP_AT_90 = {
    "order_type": words.STOP_MARKET,
    "tif": IOC,
    "trigger_source": words.SOURCE_MARK,
    "trigger_ticks": 90,
}


def in_one_group(**changes) -> Desk:
    desk = Desk(contract(**changes))
    desk.open((A, 100_000), (B, 100_000), group=7)
    desk.open((C, 100_000), (D, 100_000))
    desk.mark(100)
    return desk


def linked_pair(desk: Desk) -> tuple[int, int]:
    """Of A: five to sell at 105, and a sibling that buys far away."""
    first = desk.place(A, SELL, 5, 105)[0][1]
    return first, desk.place(A, BUY, 5, 80, linked_id=first)[0][1]


def test_4_5_a_stop_outlives_the_target_that_the_band_has_cancelled():
    desk = rich_desk(NARROW)
    desk.deal(A, B, 10, 100)
    target = desk.place(A, SELL, 10, 108, flags=words.REDUCE_ONLY)[0][1]
    stop = desk.place(
        A, SELL, 10, 0, flags=words.REDUCE_ONLY, linked_id=target, **STOP_AT_90
    )[0][1]  # fmt: skip
    assert ended(desk.mark(99)) == [(CANCELLED, target, 10, words.CANCEL_BAND)]
    assert list(desk.oracle.markets[1].armed) == [stop]
    # it is free, and can be linked anew
    desk.place(A, SELL, 10, 105, flags=words.REDUCE_ONLY, linked_id=stop)
    desk.place(C, BUY, 10, 92)
    found = desk.mark(90)
    assert [record[2] for record in of_kind(found, events.ORDER_TRIGGERED)] == [stop]
    assert desk.position(A) == (0, 0)


@pytest.mark.parametrize(
    ("mode", "lots", "expected"),
    [
        (words.STP_CANCEL_OLDEST, 5, [(CANCELLED, 0, 5)]),
        (words.STP_CANCEL_BOTH, 5, [(CANCELLED, 0, 5), (CANCELLED, 2, 5)]),
        (words.STP_DECREMENT, 6, [(CANCELLED, 0, 5), (REDUCED, 2, 5)]),
        (words.STP_DECREMENT, 3, [(REDUCED, 0, 3), (CANCELLED, 2, 3)]),
    ],
)
def test_4_7_self_trade_prevention_dissolves_a_link(mode, lots, expected):
    desk = in_one_group()
    ids = [*linked_pair(desk)]
    found = desk.place(B, BUY, lots, 105, stp=mode)
    ids.append(found[0][1])
    assert ended(found) == [(kind, ids[k], n, SELF_TRADE) for kind, k, n in expected]
    assert (A, 80, 5) in resting(desk)[0]
    found = desk.client(commands.CancelOrder, A, order_id=ids[1])
    # what lost only a part of its lots is linked as before
    ending = [(CANCELLED, ids[0], 2, words.CANCEL_LINKED)] if lots == 3 else []
    assert ended(found)[1:] == ending


def test_4_7_a_prevented_aggressor_leaves_its_resting_sibling():
    desk = in_one_group()
    first = desk.place(A, BUY, 5, 90)[0][1]
    desk.place(B, SELL, 2, 101)
    found = desk.place(A, BUY, 4, 101, linked_id=first)
    assert ended(found) == [(CANCELLED, found[0][1], 4, SELF_TRADE)]
    assert resting(desk)[0] == [(A, 90, 5)]


def test_4_5_siblings_that_meet_each_other_part():
    desk = in_one_group()
    first = desk.place(A, SELL, 5, 105)[0][1]
    found = desk.place(A, BUY, 5, 105, linked_id=first, stp=words.STP_CANCEL_OLDEST)
    assert ended(found) == [(CANCELLED, first, 5, SELF_TRADE)]
    assert resting(desk) == [[(A, 105, 5)], []]


def test_9_0_fok_counts_the_sibling_of_a_maker_that_will_be_cancelled():
    desk = Desk(contract())
    desk.open((C, 100), (D, 100_000))
    desk.mark(70)
    first = desk.place(C, SELL, 5, 70)[0][1]
    second = desk.place(C, SELL, 5, 100, linked_id=first)[0][1]
    desk.mark(100)  # at 70 C would lose 150 of its 100
    found = desk.place(D, BUY, 5, 100, tif=words.FOK)
    assert ended(found) == [(CANCELLED, first, 5, words.CANCEL_SOLVENCY)]
    assert [record[2:6] for record in of_kind(found, events.TRADE)] == [
        (100, 5, found[0][1], second),
    ]


def test_5_3_a_small_rest_at_the_dynamic_band_leaves_its_sibling():
    desk = banded(band_dynamic_value_min=576)
    first = desk.place(A, BUY, 10, 90)[0][1]
    found = desk.place(A, BUY, 10, 115, linked_id=first)
    assert ended(found) == [
        (REDUCED, first, 5, words.CANCEL_LINKED),  # by the fill of five
        (CANCELLED, found[0][1], 5, words.CANCEL_DYNAMIC_BAND),
    ]
    assert (A, 90, 5) in resting(desk)[0]


def test_5_2_an_uncross_leaves_the_siblings_of_those_it_parts():
    desk = in_one_group()
    change(desk, AUCTION)
    first = desk.place(A, BUY, 10, 100)[0][1]
    desk.place(A, BUY, 1, 90, linked_id=first)
    second = desk.place(B, SELL, 10, 98)[0][1]
    desk.place(B, SELL, 1, 120, linked_id=second)
    desk.place(C, SELL, 10, 99)
    found = change(desk, CONTINUOUS)
    # the pair of one group, and what is left of it at the end
    assert ended(found) == [
        (CANCELLED, second, 10, SELF_TRADE),
        (CANCELLED, first, 10, SELF_TRADE),
    ]
    assert resting(desk) == [[(A, 90, 1)], [(C, 99, 10), (B, 120, 1)]]


def test_5_2_a_decrement_leaves_nothing_over():
    """Its lots are gone on both sides; what the second's end left of the first has to yield."""
    desk = in_one_group()
    change(desk, AUCTION)
    first = desk.place(A, BUY, 10, 100)[0][1]
    second = desk.place(B, SELL, 4, 97)[0][1]
    third = desk.place(B, SELL, 20, 98, stp=words.STP_DECREMENT)[0][1]
    found = change(desk, CONTINUOUS)
    # ten of volume: four go with the second, six off the others; then four and fourteen are crossed
    assert ended(found) == [
        (CANCELLED, second, 4, SELF_TRADE),
        (REDUCED, first, 6, SELF_TRADE),
        (REDUCED, third, 6, SELF_TRADE),
        (CANCELLED, first, 4, SELF_TRADE),
    ]
    assert resting(desk) == [[], [(B, 98, 14)]]


# Brackets.


def test_4_5_a_stop_grows_on_when_the_band_has_cancelled_its_target():
    desk = desk_of(contract(**NARROW))
    desk.bracket(A, BUY, 10, 100, stop_ticks=90, target_ticks=106)
    desk.place(B, SELL, 4, 100)
    assert ended(desk.mark(98)) == [(CANCELLED, slot(3), 4, words.CANCEL_BAND)]
    found = desk.place(B, SELL, 3, 100)
    assert of_kind(found, AMENDED) == [(AMENDED, A, slot(4), 1, 0, 7)]
    found = desk.client(commands.CancelOrder, A, order_id=slot(4))
    assert ended(found) == [(CANCELLED, slot(4), 7, words.CANCEL_CLIENT)]


def test_4_5_a_target_born_outside_the_band_goes_and_the_stop_is_born_alone():
    desk = desk_of(contract(**NARROW))
    desk.bracket(A, BUY, 10, 100, stop_ticks=90, target_ticks=109)  # the band ends at 108
    found = desk.place(B, SELL, 4, 100)
    reduce_only = words.REDUCE_ONLY << 16
    stop_terms = words.STOP_MARKET | IOC << 8 | reduce_only
    target, stop = slot(3), slot(3, 2)  # the slot that is free again
    assert of_kind(found, ACCEPTED, CANCELLED, events.ORDER_ARMED, events.ORDERS_LINKED)[1:] == [
        (ACCEPTED, A, target, 1, 109, 4, SELL, reduce_only),
        (CANCELLED, A, target, 1, 109, 4, words.CANCEL_BAND),
        (ACCEPTED, A, stop, 1, 0, 4, SELL, stop_terms),
        (events.ORDER_ARMED, A, stop, 1, 90, words.SOURCE_MARK),
    ]
    found = desk.place(B, SELL, 3, 100)
    assert of_kind(found, AMENDED) == [(AMENDED, A, stop, 1, 0, 7)]
