"""Stories of mass quotes, protection and brackets, every figure worked out by hand (4.5, 4.8)."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND
from engine.schema.commands import MassQuote, Quote
from tests.oracle.desk import (
    BUY,
    DAY,
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
)
from tests.oracle.raw import RawCommand, RawQuotes, replace_rows

ACCEPTED, AMENDED, CANCELLED = events.ORDER_ACCEPTED, events.ORDER_AMENDED, events.ORDER_CANCELLED
TRADE, TRIPPED, REFUSED = events.TRADE, events.PROTECTION_TRIPPED, events.QUOTE_REFUSED
TRIP, QUOTE = words.CANCEL_PROTECTION, words.CANCEL_QUOTE
POST_ONLY = words.POST_ONLY << 16


class QuoteDesk(Desk):
    def send(self, kind, account: int, **fields):
        self.ids += 1
        return self.do(kind(time_ns=self.now, account=account, client_id=self.ids, **fields))

    def quote(self, account: int, *rows: tuple[int, ...], group: int = 1, **fields):
        """Rows of (contract, bid, its lots, ask, its lots)."""
        quotes = tuple(Quote(*row) for row in rows)
        return self.send(MassQuote, account, protection=group, rows=quotes, **fields)

    def protect(self, account: int, group: int = 1, window_ns: int = DAY, **limits):
        return self.send(
            commands.SetProtection, account, protection=group, window_ns=window_ns, **limits
        )

    def bracket(self, account: int, side: int, lots: int, price: int, **fields):
        return self.send(
            commands.PlaceBracket,
            account,
            contract=1,
            side=side,
            lots=lots,
            price_ticks=price,
            **fields,
        )

    def amend(self, account: int, order_id: int, price: int, lots: int):
        return self.send(
            commands.AmendOrder, account, order_id=order_id, price_ticks=price, lots=lots
        )

    def book(self, side: int, number: int = 1) -> list[tuple[int, int, int]]:
        """(account, price, open lots) in priority order."""
        return [order[1:4] for order in self.oracle.state()["orders"][number][side]]


def desk_of(*contracts, **config) -> QuoteDesk:
    desk = QuoteDesk(*(contracts or (contract(),)), **config)
    desk.open((A, 100_000), (B, 100_000), (C, 100_000), (D, 100_000))
    desk.mark(*(100 for _ in contracts or (1,)))
    return desk


# Mass quotes.


def test_4_8_quotes_are_replaced_in_place():
    desk = desk_of()
    found = desk.quote(A, (1, 99, 10, 101, 10), session=7, stp=words.STP_CANCEL_OLDEST)
    terms = POST_ONLY | words.STP_CANCEL_OLDEST << 24
    assert of_kind(found, ACCEPTED, events.MASS_QUOTED) == [
        (ACCEPTED, A, slot(1), 1, 99, 10, BUY, terms),
        (ACCEPTED, A, slot(2), 1, 101, 10, SELL, terms),
        (events.MASS_QUOTED, A, 1, 1, 1),
    ]
    desk.place(B, BUY, 5, 99)
    # the bid shrinks and stays first, the ask grows; events carry the first client id
    found = desk.quote(A, (1, 99, 8, 101, 12))
    assert of_kind(found, AMENDED) == [
        (AMENDED, A, slot(1), 1, 99, 8, 1),
        (AMENDED, A, slot(2), 1, 101, 12),
    ]
    assert desk.book(BUY) == [(A, 99, 8), (B, 99, 5)]
    assert len(desk.quote(A, (1, 99, 8, 101, 12))) == 1  # the same again: only mass_quoted
    desk.quote(A, (1, 99, 9, 101, 12))
    assert desk.book(BUY) == [(B, 99, 5), (A, 99, 9)]
    found = desk.quote(A, (1, 0, 0, 102, 3))
    assert of_kind(found, CANCELLED, AMENDED) == [
        (CANCELLED, A, slot(1), 1, 99, 9, QUOTE),
        (AMENDED, A, slot(2), 1, 102, 3),
    ]
    assert len(desk.quote(A, (1, 0, 0, 102, 3))) == 1


def test_4_8_quotes_that_move_do_not_run_into_themselves():
    desk = desk_of()
    desk.quote(A, (1, 99, 10, 101, 10))
    up = desk.quote(A, (1, 101, 10, 103, 10))
    assert [record[4:6] for record in of_kind(up, AMENDED)] == [(103, 10), (101, 10)]
    down = desk.quote(A, (1, 98, 10, 101, 10))
    assert [record[4:6] for record in of_kind(down, AMENDED)] == [(98, 10), (101, 10)]
    assert not of_kind(up + down, REFUSED)
    # into itself: refused, and what it should have replaced goes
    found = desk.quote(A, (1, 100, 10, 100, 10))
    assert of_kind(found, AMENDED, REFUSED, CANCELLED) == [
        (REFUSED, A, 4, refusals.QUOTE_CROSSED, BUY, 100, 10),
        (CANCELLED, A, slot(1), 1, 98, 10, QUOTE),
        (REFUSED, A, 4, refusals.QUOTE_CROSSED, SELL, 100, 10),
        (CANCELLED, A, slot(2), 1, 101, 10, QUOTE),
    ]


def test_4_8_another_group_is_another_quote():
    desk = desk_of()
    desk.quote(A, (1, 99, 10, 0, 0), group=1)
    found = desk.quote(A, (1, 99, 10, 0, 0), group=2)
    assert of_kind(found, CANCELLED, ACCEPTED) == [
        (CANCELLED, A, slot(1), 1, 99, 10, QUOTE),
        (ACCEPTED, A, slot(1, 2), 2, 99, 10, BUY, POST_ONLY),
    ]


@pytest.mark.parametrize(
    ("price", "lots", "code"),
    [
        (99, -1, refusals.LOTS_NOT_POSITIVE),
        (99, 1_001, refusals.LOTS_ABOVE_MAX),
        (99, 2, refusals.LOTS_BELOW_MIN),
        (0, 10, refusals.PRICE_NOT_POSITIVE),
        (49, 10, refusals.PRICE_OUTSIDE_BAND),
        (103, 10, refusals.POST_ONLY_WOULD_TRADE),
    ],
)
def test_4_8_a_refused_side_takes_the_old_quote_with_it(price, lots, code):
    desk = desk_of(contract(order_lots_min=3))
    desk.place(B, SELL, 10, 103)
    desk.quote(A, (1, 99, 10, 0, 0))
    found = desk.quote(A, (1, price, lots, 0, 0))
    assert of_kind(found, REFUSED, CANCELLED, events.MASS_QUOTED) == [
        (REFUSED, A, 3, code, BUY, price, lots),
        (CANCELLED, A, slot(2), 2, 99, 10, QUOTE),
        (events.MASS_QUOTED, A, 3, 1, 1, 1),
    ]


def test_4_8_a_row_that_can_not_be_refuses_nothing_else():
    desk = desk_of(contract(1), contract(2, stp_none_allowed=True))
    found = desk.quote(
        A, (1, 99, 5, 101, 5), (3, 99, 5, 101, 5), (2, 99, 5, 101, 5), stp=words.STP_NONE
    )
    assert [(r[-1], r[8], *r[1:3]) for r in found if r[-1] == REFUSED] == [
        (REFUSED, 1, 1, refusals.STP_INVALID),
        (REFUSED, 3, 1, refusals.CONTRACT_UNKNOWN),
    ]
    assert of_kind(found, events.MASS_QUOTED) == [(events.MASS_QUOTED, A, 1, 1, 3, 2)]
    assert desk.book(BUY, 2) == [(A, 99, 5)] and desk.book(BUY, 1) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"rows": 0, "session": -1}, refusals.QUOTES_INVALID),
        ({"rows": 65}, refusals.QUOTES_INVALID),
        ({"session": -1, "stp": 5}, refusals.SESSION_INVALID),
        ({"stp": 5, "group": 0}, refusals.STP_INVALID),
        ({"group": 5}, refusals.PROTECTION_INVALID),
    ],
)
def test_4_8_a_mass_quote_is_refused_as_a_whole(fields, code):
    desk = desk_of()
    rows = [(1, 99, 5, 101, 5)] * fields.pop("rows", 1)
    assert code_of(desk.quote(A, *rows, **fields)) == code
    assert desk.book(BUY) == []


def test_4_8_rows_that_miss_their_header_are_commands_of_their_own():
    desk = desk_of()
    row = Quote(1, 99, 5, 101, 5)
    header = MassQuote(time_ns=desk.now, account=A, client_id=1, protection=1, rows=())
    before = desk.oracle.sequence
    cut = desk.do(RawQuotes(header, 3, (row, row)))
    unknown = (refusals.COMMAND_UNKNOWN, commands.QUOTE_ROW)
    assert [record[:4] for record in cut] == [
        (before + 1, refusals.QUOTES_INVALID, commands.MASS_QUOTE, 1),
        (before + 2, *unknown, 0),
        (before + 3, *unknown, 0),
    ]
    other = commands.AdvanceTime(time_ns=desk.now)
    torn = desk.do(RawQuotes(replace_rows(header, ()), 2, (row, other, row)))
    assert [record[:3] for record in of_kind(torn, events.REFUSED)] == [
        (events.REFUSED, A, refusals.CLIENT_ID_DUPLICATE),
        (events.REFUSED, 0, refusals.COMMAND_UNKNOWN),
        (events.REFUSED, 0, refusals.COMMAND_UNKNOWN),
    ]
    header = replace_rows(header, (row,))
    more = desk.do(RawQuotes(with_id(header, 2), 1, (row, row)))
    assert [record[-1] for record in more] == [
        ACCEPTED,
        ACCEPTED,
        events.MASS_QUOTED,
        events.REFUSED,
    ]
    assert code_of(desk.do(RawCommand(commands.QUOTE_ROW, desk.now))) == refusals.COMMAND_UNKNOWN


def with_id(header: MassQuote, client_id: int) -> MassQuote:
    values = {name: getattr(header, name) for name in header.__struct_fields__}
    return MassQuote(**(values | {"client_id": client_id}))


def test_4_8_rows_of_a_known_mass_quote_go_with_it():
    """Refused for its client id, it takes its rows along: one command, one event."""
    desk = desk_of()
    header = MassQuote(
        time_ns=desk.now, account=A, client_id=0, protection=1, rows=(Quote(1, 99, 5, 101, 5),)
    )
    found = desk.do(header)
    assert len(found) == 1 and code_of(found) == refusals.CLIENT_ID_NOT_POSITIVE


def test_4_5_a_quote_is_never_linked():
    desk = desk_of()
    desk.quote(A, (1, 99, 5, 0, 0))
    found = desk.place(A, SELL, 5, 101, linked_id=slot(1))
    assert code_of(found) == refusals.LINK_INVALID


# Protection.


def test_4_8_a_trip_takes_all_quotes_of_the_group_between_fills():
    desk = desk_of(contract(1), contract(2))
    desk.quote(A, (2, 98, 7, 102, 7), (1, 98, 7, 101, 40))
    desk.quote(A, (2, 0, 0, 102, 7), (1, 98, 7, 101, 40), group=1)
    desk.protect(A, lots_max=30)
    desk.place(B, SELL, 50, 102)
    found = desk.place(C, BUY, 60, 102)  # 40 of A: 40 >= 30; then 20 of B
    assert of_kind(found, TRADE, TRIPPED, CANCELLED) == [
        (TRADE, 0, 101, 40, slot(5), slot(4)),
        (TRIPPED, A, 1, 40, 1, -40),
        (CANCELLED, A, slot(2), 1, 102, 7, TRIP),  # contract 2 was A's first
        (CANCELLED, A, slot(3), 1, 98, 7, TRIP),
        (TRADE, 0, 102, 20, slot(5), slot(1, 2)),  # B took the slot of A's bid
    ]
    refused = desk.quote(A, (1, 98, 1, 103, 1))
    assert code_of(refused) == refusals.PROTECTION_TRIPPED
    assert code_of(desk.quote(A, (1, 0, 0, 0, 0))) == refusals.PROTECTION_TRIPPED
    assert len(desk.quote(A, (1, 98, 1, 103, 1), group=2)) == 3
    desk.protect(A, lots_max=30)
    assert len(desk.quote(A, (2, 98, 1, 103, 1))) == 3


@pytest.mark.parametrize(
    ("limits", "trip"),
    [
        ({"fills_max": 3}, (20, 3, 0)),
        ({"net_lots_max": 10}, (10, 1, 10)),
        ({"lots_max": 15, "net_lots_max": 11}, (15, 2, 5)),
        ({"lots_max": 21, "fills_max": 4, "net_lots_max": 11}, None),
        ({}, None),
    ],
)
def test_4_8_limits_on_lots_fills_and_net_delta(limits, trip):
    desk = desk_of()
    desk.quote(A, (1, 99, 10, 101, 10))
    desk.protect(A, **limits)
    found = []
    for side, lots in ((SELL, 10), (BUY, 5), (BUY, 5)):  # A buys 10, sells 5, sells 5
        found += desk.place(B, side, lots, 99 if side == SELL else 101, tif=words.IOC)
    wanted = [] if trip is None else [(TRIPPED, A, 1, *trip)]
    if trip is not None and trip[-1] == 0:
        wanted = [(TRIPPED, A, 1, *trip[:2])]
    assert of_kind(found, TRIPPED) == wanted


def test_4_8_the_window_starts_anew_when_it_is_over():
    desk = desk_of()
    desk.quote(A, (1, 99, 100, 101, 100))
    desk.protect(A, window_ns=10 * NS_PER_SECOND, lots_max=60)
    assert not of_kind(desk.place(B, BUY, 40, 101), TRIPPED)
    desk.now += 10 * NS_PER_SECOND  # one window after it was set
    assert not of_kind(desk.place(B, BUY, 40, 101), TRIPPED)
    desk.now += 10 * NS_PER_SECOND - 1
    found = desk.place(B, BUY, 20, 101)
    assert of_kind(found, TRIPPED) == [(TRIPPED, A, 1, 60, 2, -60)]
    assert desk.book(BUY) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"group": 0}, refusals.PROTECTION_INVALID),
        ({"group": 5}, refusals.PROTECTION_INVALID),
        ({"window_ns": 0}, refusals.PROTECTION_INVALID),
        ({"window_ns": NS_PER_DAY + 1}, refusals.PROTECTION_INVALID),
        ({"fills_max": -1}, refusals.PROTECTION_INVALID),
    ],
)
def test_4_8_what_no_protection_can_be(fields, code):
    desk = desk_of()
    assert code_of(desk.protect(A, **fields)) == code


def makers_of_one_group() -> QuoteDesk:
    """A, B and C offer 40 each at 101, 102, 103, in the second window of their group: 60 lots."""
    desk = QuoteDesk(contract())
    desk.open((A, 100_000), (B, 100_000), (C, 100_000), group=9)
    desk.open((D, 100_000))
    desk.mark(100)
    desk.protect(A, 2, lots_max=60)
    for account, price in ((A, 101), (B, 102), (C, 103)):
        desk.quote(account, (1, 90, 5, price, 40), group=2)
    return desk


def test_16_o_fok_against_three_quotes_with_protection():
    """Three accounts of one maker offer 40 each, in one window of 60: after the second fill it is
    at 80 and the third quote goes. 120 lots stand there; 80 can be had."""
    desk = makers_of_one_group()
    found = desk.place(D, BUY, 100, 103, tif=words.FOK)
    assert [record[5:] for record in of_kind(found, CANCELLED)] == [(100, words.CANCEL_FOK)]
    assert not of_kind(found, TRADE) and len(desk.book(SELL)) == 3
    found = desk.place(D, BUY, 80, 103, tif=words.FOK)
    assert [record[2:4] for record in of_kind(found, TRADE)] == [(101, 40), (102, 40)]
    assert [record[1:4] for record in of_kind(found, TRIPPED)] == [(B, 2, 80)]
    assert desk.book(SELL) == [] and desk.book(BUY) == []


def test_4_8_windows_belong_to_the_group():
    """What one account sets, counts, trips and resets holds for the others of its group."""
    desk = makers_of_one_group()
    desk.place(D, BUY, 41, 103)
    found = desk.place(D, BUY, 100, 103)
    assert [record[2:4] for record in of_kind(found, TRADE)] == [(102, 39)]
    gone = [(A, 90), (B, 90), (C, 90), (C, 103)]
    assert [(record[1], record[4]) for record in of_kind(found, CANCELLED)] == gone
    assert code_of(desk.quote(C, (1, 90, 5, 110, 40), group=2)) == refusals.PROTECTION_TRIPPED
    assert not of_kind(desk.quote(C, (1, 90, 5, 110, 40)), REFUSED)  # another window
    desk.protect(B, 2, lots_max=60)
    assert not of_kind(desk.quote(A, (1, 90, 5, 110, 40), group=2), REFUSED)


def test_16_o_windows_of_three_groups_are_three():
    desk = desk_of()
    for account, price in ((A, 101), (B, 102), (C, 103)):
        desk.quote(account, (1, 90, 5, price, 40))
        desk.protect(account, lots_max=60)
    found = desk.place(D, BUY, 100, 103, tif=words.FOK)
    assert [record[2:4] for record in of_kind(found, TRADE)] == [(101, 40), (102, 40), (103, 20)]
    assert not of_kind(found, TRIPPED)


@pytest.mark.parametrize(("bid", "ask", "refused"), [(99, 100, 0), (100, 100, 2), (101, 100, 2)])
def test_4_8_a_quote_may_not_cross_itself(bid, ask, refused):
    """Not even while orders are collected; what it should have replaced goes."""
    desk = desk_of()
    desk.quote(A, (1, 90, 5, 110, 5))
    desk.operator(commands.ChangeState, contract=1, state=words.STATE_AUCTION)
    found = desk.quote(A, (1, bid, 7, ask, 8))
    codes = [record[3] for record in of_kind(found, REFUSED)]
    assert codes == [refusals.QUOTE_CROSSED] * refused
    assert len(of_kind(found, CANCELLED)) == refused
    standing = [] if refused else [(A, bid, 7)]
    assert desk.book(BUY) == standing


# Brackets.


def test_4_5_children_come_with_the_first_fill_and_grow():
    desk = desk_of()
    found = desk.bracket(A, BUY, 10, 100, stop_ticks=95, target_ticks=110, session=3)
    assert of_kind(found, ACCEPTED) == [(ACCEPTED, A, slot(1), 1, 100, 10)]
    found = desk.place(B, SELL, 4, 100)
    reduce_only = words.REDUCE_ONLY << 16
    stop_terms = words.STOP_MARKET | words.IOC << 8 | reduce_only
    linked, armed = events.ORDERS_LINKED, events.ORDER_ARMED
    assert of_kind(found, events.LEG, ACCEPTED, armed, linked)[1:] == [
        (events.LEG, B, slot(2), -4, -400, 0, 0, 100_000),
        (events.LEG, A, slot(1), 4, 400, 0, 0, 100_000),
        (ACCEPTED, A, slot(3), 1, 110, 4, SELL, reduce_only),
        (ACCEPTED, A, slot(4), 1, 0, 4, SELL, stop_terms),
        (armed, A, slot(4), 1, 95, words.SOURCE_MARK),
        (linked, A, slot(4), slot(3)),
    ]
    desk.place(C, SELL, 1, 110)
    found = desk.place(B, SELL, 3, 100)
    assert of_kind(found, AMENDED) == [
        (AMENDED, A, slot(3), 1, 110, 7),
        (AMENDED, A, slot(4), 1, 0, 7),
    ]
    assert desk.book(SELL) == [(C, 110, 1), (A, 110, 7)]
    # the entry ends, its children stay; the target's fill cuts the stop
    desk.send(commands.CancelOrder, A, order_id=slot(1))
    found = desk.place(B, BUY, 3, 110)
    assert of_kind(found, events.ORDER_REDUCED) == [
        (events.ORDER_REDUCED, A, slot(4), 1, 0, 2, words.CANCEL_LINKED, 5)
    ]
    # the stop fires: the target ends first
    desk.place(B, BUY, 9, 95)
    found = desk.mark(95)
    assert of_kind(found, events.ORDER_TRIGGERED, CANCELLED, TRADE) == [
        (events.ORDER_TRIGGERED, A, slot(4), 1, 95, words.SOURCE_MARK, 95, 5),
        (CANCELLED, A, slot(3), 1, 110, 5, words.CANCEL_LINKED),
        (TRADE, 0, 95, 5, slot(4), slot(1, 3), SELL),
    ]
    assert desk.position(A)[0] == 0


@pytest.mark.parametrize(
    ("side", "fields", "code"),
    [
        (BUY, {}, refusals.BRACKET_INVALID),
        (BUY, {"stop_ticks": 100}, refusals.BRACKET_INVALID),
        (BUY, {"stop_ticks": -1}, refusals.BRACKET_INVALID),
        (BUY, {"target_ticks": 100}, refusals.BRACKET_INVALID),
        (BUY, {"target_ticks": 5_001}, refusals.BRACKET_INVALID),
        (SELL, {"stop_ticks": 100}, refusals.BRACKET_INVALID),
        (SELL, {"target_ticks": 100}, refusals.BRACKET_INVALID),
        (BUY, {"stop_ticks": 95, "trigger_source": 4}, refusals.BRACKET_INVALID),
        (BUY, {"stop_ticks": 95, "flags": words.REDUCE_ONLY}, refusals.BRACKET_INVALID),
        (BUY, {"stop_ticks": 95, "flags": words.CLOSE_POSITION}, refusals.BRACKET_INVALID),
        (BUY, {"flags": 16}, refusals.FLAGS_INVALID),
        (BUY, {"stop_ticks": 95, "order_type": words.STOP_LIMIT}, refusals.ORDER_TYPE_INVALID),
        (BUY, {"stop_ticks": 95, "tif": words.GTD}, refusals.EXPIRY_INVALID),
        (BUY, {"stop_ticks": 95, "session": -1}, refusals.SESSION_INVALID),
    ],
)
def test_4_5_what_no_bracket_can_be(side, fields, code):
    desk = desk_of()
    assert code_of(desk.bracket(A, side, 10, 100, **fields)) == code


@pytest.mark.parametrize(
    ("flags", "lots", "code"),
    [
        (0, 2, refusals.LOTS_BELOW_MIN),
        (words.REDUCE_ONLY, 2, refusals.BRACKET_INVALID),
        (words.REDUCE_ONLY, 0, refusals.LOTS_NOT_POSITIVE),
        (words.CLOSE_POSITION, 0, refusals.BRACKET_INVALID),
    ],
)
def test_4_5_lots_of_a_bracket_are_judged_as_those_of_an_order(flags, lots, code):
    desk = desk_of(contract(order_lots_min=3))
    assert code_of(desk.bracket(A, BUY, lots, 100, stop_ticks=95, flags=flags)) == code


def test_4_5_a_market_entry_is_measured_against_the_mark():
    desk = desk_of()
    market = {"order_type": words.MARKET, "tif": words.IOC}
    for stop, target in ((100, 0), (0, 100)):
        found = desk.bracket(A, BUY, 5, 0, stop_ticks=stop, target_ticks=target, **market)
        assert code_of(found) == refusals.BRACKET_INVALID
    desk.place(B, SELL, 5, 103)
    found = desk.bracket(A, BUY, 5, 0, stop_ticks=99, target_ticks=101, **market)
    assert [record[5] for record in of_kind(found, ACCEPTED)] == [5, 5, 5]


def test_4_5_a_stop_that_is_reached_already_fires_at_the_next_look():
    desk = desk_of()
    desk.bracket(A, BUY, 5, 98, stop_ticks=97)
    desk.mark(96)
    desk.place(C, BUY, 5, 96)
    found = desk.place(B, SELL, 5, 98)
    assert not of_kind(found, events.ORDER_TRIGGERED)
    assert of_kind(found, events.ORDER_ARMED)
    found = desk.mark(96)
    fired = of_kind(found, events.ORDER_TRIGGERED, TRADE)
    assert [record[0] for record in fired] == [events.ORDER_TRIGGERED, TRADE]
    assert desk.position(A)[0] == 0


def test_4_5_a_target_that_could_trade_waits_for_its_turn():
    """The entry was amended to 108, past its target at 105: its own rest of 6 bids above that."""
    desk = desk_of()
    desk.bracket(A, BUY, 10, 100, stop_ticks=95, target_ticks=105, stp=words.STP_CANCEL_OLDEST)
    desk.amend(A, slot(1), 108, 10)
    found = desk.place(B, SELL, 4, 108)
    kinds = (ACCEPTED, events.ORDERS_LINKED, events.ORDER_TRIGGERED, CANCELLED, TRADE)
    terms = words.REDUCE_ONLY << 16 | words.STP_CANCEL_OLDEST << 24
    stop_terms = terms | words.STOP_MARKET | words.IOC << 8
    assert of_kind(found, *kinds)[1:] == [
        (TRADE, 0, 108, 4, slot(2), slot(1), SELL),
        (ACCEPTED, A, slot(3), 1, 105, 4, SELL, terms),
        (ACCEPTED, A, slot(4), 1, 0, 4, SELL, stop_terms),
        (events.ORDERS_LINKED, A, slot(4), slot(3)),
        (events.ORDER_TRIGGERED, A, slot(3), 1, 0, 0, 0, 4),
        (CANCELLED, A, slot(4), 1, 0, 4, words.CANCEL_LINKED),  # firing ends the sibling at once
        (CANCELLED, A, slot(1), 1, 108, 6, words.CANCEL_SELF_TRADE),
    ]
    assert desk.book(SELL) == [(A, 105, 4)] and desk.book(BUY) == []


def test_4_5_4_7_a_market_entry_does_not_meet_its_own_target():
    """Asks 5 at 101 and 5 at 104; the target at 102 would stand between: it waits for its turn, so
    the entry fills whole, and then rests."""
    market = {"order_type": words.MARKET, "target_ticks": 102}
    desk = desk_of(contract(market_range_ppb=100_000_000))
    desk.place(B, SELL, 5, 101)
    desk.place(B, SELL, 5, 104)
    found = desk.bracket(A, BUY, 10, 0, tif=words.FOK, **market)
    assert [record[2:4] for record in of_kind(found, TRADE)] == [(101, 5), (104, 5)]
    assert not of_kind(found, CANCELLED)
    assert desk.book(SELL) == [(A, 102, 5)]


def test_4_3_children_of_a_fill_that_closes_end_at_once():
    desk = desk_of()
    desk.deal(B, A, 10, 100)  # A is short 10
    desk.bracket(A, BUY, 4, 100, stop_ticks=95, target_ticks=110)
    found = desk.place(C, SELL, 4, 100)
    assert [record[4:] for record in of_kind(found, CANCELLED)] == [
        (110, 4, words.CANCEL_REDUCE_ONLY),
        (0, 4, words.CANCEL_REDUCE_ONLY),
    ]
    assert desk.position(A)[0] == -6


def test_4_5_a_filled_order_ends_its_sibling_though_a_child_takes_its_slot():
    desk = desk_of()
    desk.place(B, SELL, 9, 110)
    desk.place(B, BUY, 5, 100, linked_id=slot(1))
    found = desk.bracket(A, SELL, 5, 100, target_ticks=90)
    reason = words.CANCEL_LINKED
    assert of_kind(found, ACCEPTED, events.ORDER_REDUCED, CANCELLED)[1:] == [
        (ACCEPTED, A, slot(2, 2), 3, 90, 5, BUY, words.REDUCE_ONLY << 16),
        (events.ORDER_REDUCED, B, slot(1), 1, 110, 5, reason, 4),
        (CANCELLED, B, slot(1), 1, 110, 4, reason),
    ]


def desk_of_bounds() -> QuoteDesk:
    """A has filled 3 x (2**30 - 2) lots with one quote, set to its full size again each time, and
    has bought them back in between; one lot of it is left."""
    most = 2**30 - 1
    sizes = ("order_lots_max", "position_lots_max", "open_interest_lots_max")
    desk = QuoteDesk(contract(price_ticks_max=200, **dict.fromkeys(sizes, most)))
    desk.open((A, 10**15), (B, 10**15))
    desk.mark(100)
    desk.protect(A, fills_max=4)
    for _ in range(3):
        desk.quote(A, (1, 0, 0, 101, most))
        desk.place(B, BUY, most - 1, 101, tif=words.IOC)
        desk.deal(A, B, most - 1, 100)
    return desk


def test_1_3_a_window_counts_past_the_lots_of_one_order():
    desk = desk_of_bounds()
    found = desk.place(B, BUY, 1, 101)
    lots = 3 * (2**30 - 2) + 1
    assert of_kind(found, TRIPPED) == [(TRIPPED, A, 1, lots, 4, -lots)]


def test_1_3_4_4_an_amendment_below_what_a_quote_has_filled_ends_it():
    desk = desk_of_bounds()
    found = desk.amend(A, slot(1), 102, 5)
    assert [record[5:] for record in of_kind(found, CANCELLED)] == [(1, words.CANCEL_AMEND)]
