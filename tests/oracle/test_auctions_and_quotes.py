"""Where auctions meet quotes with protection, and brackets; by hand from the rulebook."""

from engine.schema import events
from engine.schema import vocabulary as words
from tests.oracle.desk import BUY, SELL, A, B, C, D, of_kind, slot
from tests.oracle.test_auctions import AUCTION, CONTINUOUS, change, ended, uncrossed
from tests.oracle.test_quotes import ACCEPTED, AMENDED, TRADE, desk_of

REDUCE_ONLY = words.REDUCE_ONLY << 16
STOP_MARKET = words.STOP_MARKET | words.IOC << 8 | REDUCE_ONLY


def test_4_8_protection_acts_between_the_fills_of_an_uncross():
    desk = desk_of()
    desk.protect(A, lots_max=5)
    change(desk, AUCTION)
    desk.quote(A, (1, 95, 5, 99, 8))
    desk.place(C, SELL, 10, 100)
    for lots in (5, 6):
        desk.place(B, BUY, lots, 100)
    found = change(desk, CONTINUOUS)
    # the trip takes the three lots along that the second pair would have had
    assert [record[2:6] for record in of_kind(found, TRADE)] == [
        (100, 5, slot(4), slot(2)),
        (100, 6, slot(5), slot(3)),
    ]
    assert of_kind(found, events.PROTECTION_TRIPPED) == [
        (events.PROTECTION_TRIPPED, A, 1, 5, 1, -5),
    ]
    assert ended(found) == [(A, 5, words.CANCEL_PROTECTION), (A, 3, words.CANCEL_PROTECTION)]
    assert uncrossed(found) == (100, 11, -7)


def test_4_5_children_of_an_entry_come_and_grow_in_an_uncross():
    desk = desk_of()
    change(desk, AUCTION)
    desk.bracket(A, BUY, 10, 100, stop_ticks=95, target_ticks=105, trigger_source=1)
    for account, lots in ((B, 4), (C, 6)):
        desk.place(account, SELL, lots, 100)
    found = change(desk, CONTINUOUS)
    # the slot of the first seller is free before the children come, that of the entry behind them
    target, stop = slot(2, 2), slot(4)
    assert of_kind(found, TRADE, ACCEPTED, events.ORDERS_LINKED, AMENDED) == [
        (TRADE, 0, 100, 4, slot(1), slot(2), 2),
        (ACCEPTED, A, target, 1, 105, 4, SELL, REDUCE_ONLY),
        (ACCEPTED, A, stop, 1, 0, 4, SELL, STOP_MARKET),
        (events.ORDERS_LINKED, A, stop, target),
        (TRADE, 0, 100, 6, slot(1), slot(3), 2),
        (AMENDED, A, target, 1, 105, 10),
        (AMENDED, A, stop, 1, 0, 10),
    ]
    assert desk.place(D, BUY, 1, 90)[0][1] == slot(1, 2)


def test_5_2_a_target_that_grew_in_the_uncross_is_the_later_order():
    desk = desk_of()
    desk.bracket(A, SELL, 10, 100, target_ticks=98)
    desk.place(B, BUY, 4, 100)
    assert desk.book(BUY) == [(A, 98, 4)]
    change(desk, AUCTION)
    desk.amend(A, slot(1), 97, 10)
    desk.place(B, BUY, 2, 99)
    found = change(desk, CONTINUOUS)
    assert uncrossed(found) == (98, 2, 0)
    # the amendment was later than the target's birth, but its growth is later still
    assert ended(found) == [(A, 6, words.CANCEL_SELF_TRADE)]
    assert desk.book(BUY) == [] and desk.book(SELL) == [(A, 97, 4)]
