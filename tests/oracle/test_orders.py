"""Icebergs, expiries, linked orders, limits and the many ways to cancel, worked out by hand from
the rulebook (4.2, 4.5, 4.6, 4.9)."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from tests.oracle.desk import (
    BUY,
    DAY,
    HOURS_8,
    SELL,
    START,
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

SECOND = 10**9
IOC, FOK, GTD = words.IOC, words.FOK, words.GTD
ACCEPTED, CANCELLED, REDUCED = events.ORDER_ACCEPTED, events.ORDER_CANCELLED, events.ORDER_REDUCED


def rich_desk(changes: dict | None = None, **config) -> Desk:
    desk = Desk(contract(**(changes or {})), **config)
    desk.open((A, 100_000), (B, 100_000), (C, 100_000), (D, 100_000))
    desk.mark(100)
    return desk


def kinds(records: list[tuple]) -> list[int]:
    return [record[-1] for record in records]


def lots_in_book(desk: Desk, side: int) -> list[tuple[int, int]]:
    """(open, hidden) in priority order."""
    return [(order[3], order[10]) for order in desk.oracle.state()["orders"][1][side]]


def ended(records: list[tuple]) -> list[tuple]:
    """(kind, order id, lots, reason) of what was cancelled or reduced, in its order."""
    found = [record for record in records if record[-1] in (CANCELLED, REDUCED)]
    return [(record[-1], record[1], record[4], record[5]) for record in found]


def amend(desk: Desk, account: int, order_id: int, price: int, lots: int) -> list[tuple]:
    return desk.client(
        commands.AmendOrder, account, order_id=order_id, price_ticks=price, lots=lots
    )


# Icebergs.


def test_4_2_an_iceberg_trades_slice_by_slice_from_the_back():
    desk = rich_desk()
    placed = desk.place(B, SELL, 10, 100, display_lots=3)
    ice = placed[0][1]
    refilled = events.ORDER_REFILLED
    rested = events.ORDER_RESTED
    assert of_kind(placed, rested) == [(rested, B, ice, SELL, 100, 3, 7)]
    plain = desk.place(C, SELL, 2, 100)[0][1]
    found = desk.place(A, BUY, 7, 100)
    assert [(r[2], r[4]) for r in found if r[-1] == events.TRADE] == [
        (3, ice),
        (2, plain),
        (2, ice),
    ]
    # refilled once, right behind the trade that took the first slice
    assert kinds(found)[1:4] == [events.TRADE, refilled, events.LEG]
    assert of_kind(found, refilled) == [(refilled, B, ice, 1, 100, 3, 4)]
    assert lots_in_book(desk, SELL) == [(5, 4)]
    desk.place(D, BUY, 1, 100)
    assert lots_in_book(desk, SELL) == [(4, 1)]


def test_4_2_what_is_cut_from_an_iceberg_is_hidden_first():
    desk = rich_desk()
    ice = desk.place(B, SELL, 10, 100, display_lots=3)[0][1]
    assert of_kind(amend(desk, B, ice, 100, 5), events.ORDER_AMENDED)[0][5:] == (5, 1)
    assert lots_in_book(desk, SELL) == [(5, 2)]
    amend(desk, B, ice, 100, 2)
    assert lots_in_book(desk, SELL) == [(2, 0)]
    found = amend(desk, B, ice, 101, 8)  # priority is lost, and it shows three again
    assert kinds(found) == [events.ORDER_AMENDED, events.ORDER_RESTED]
    assert lots_in_book(desk, SELL) == [(8, 5)]


def test_4_7_a_decrement_takes_what_an_iceberg_shows():
    desk = Desk(contract())
    desk.open((A, 100_000), (B, 100_000), group=7)
    desk.mark(100)
    ice = desk.place(B, SELL, 10, 100, display_lots=3)[0][1]
    found = desk.place(A, BUY, 4, 100, stp=words.STP_DECREMENT)
    own = found[0][1]
    assert ended(found) == [
        (REDUCED, ice, 3, words.CANCEL_SELF_TRADE),
        (REDUCED, own, 3, words.CANCEL_SELF_TRADE),
        (REDUCED, ice, 1, words.CANCEL_SELF_TRADE),
        (CANCELLED, own, 1, words.CANCEL_SELF_TRADE),
    ]
    assert lots_in_book(desk, SELL) == [(6, 4)]


def test_4_2_fok_counts_hidden_lots_and_impact_does_not():
    desk = rich_desk()
    desk.place(B, SELL, 10, 100, display_lots=3)
    assert list(desk.oracle.markets[1].book.levels(SELL)) == [(100, 3)]
    assert ended(desk.place(A, BUY, 11, 100, tif=FOK))[0][3] == words.CANCEL_FOK
    desk.place(A, BUY, 10, 100, tif=FOK)
    assert desk.position(A) == (10, 1_000)


# Expiry.


def test_4_2_gtd_orders_expire_at_their_time_in_every_state():
    desk = rich_desk({"source_stale_ns": 2 * SECOND})
    order = desk.place(A, BUY, 1, 99, tif=GTD, expiry_ns=desk.now + 3 * SECOND)[0][1]
    found = desk.wait(3 * SECOND - 1)
    assert kinds(found) == [events.STATE_CHANGED, events.TIME_ADVANCED]  # frozen, and it lives
    found = desk.wait(1)
    assert ended(found) == [(CANCELLED, order, 1, words.CANCEL_EXPIRY)]
    assert kinds(found) == [CANCELLED, events.TIME_ADVANCED]


def test_4_2_a_day_order_ends_with_the_day_of_the_named_zone():
    desk = rich_desk({"source_stale_ns": DAY, "day_end_ns": 16 * 3_600 * SECOND})
    midnight = START - SECOND
    desk.place(A, BUY, 1, 99, tif=words.DAY)
    order = desk.oracle.state()["orders"][1][0][0]
    assert order[14] == midnight + 16 * 3_600 * SECOND
    desk.wait(order[14] - desk.now)
    assert not lots_in_book(desk, BUY)
    desk.place(A, BUY, 1, 99, tif=words.DAY)  # in the last instant: the next day's end
    assert desk.oracle.state()["orders"][1][0][0][14] == midnight + DAY + 16 * 3_600 * SECOND


def test_2_6_due_work_of_one_instant_goes_by_kind_then_id():
    desk = rich_desk()
    due = START - SECOND + HOURS_8  # a funding time
    first = desk.place(A, BUY, 1, 98, tif=GTD, expiry_ns=due)[0][1]
    second = desk.place(B, BUY, 1, 97, tif=GTD, expiry_ns=due)[0][1]
    desk.place(B, BUY, 1, 96)
    desk.client(commands.SetHeartbeat, B, timeout_ns=due - desk.now)
    found = desk.wait(due - desk.now)
    assert kinds(found) == [
        CANCELLED,
        CANCELLED,
        CANCELLED,
        events.HEARTBEAT_LOST,
        events.FUNDING_AVERAGED,
        events.FUNDING_PUBLISHED,
        events.TIME_ADVANCED,
    ]
    assert [record[1] for record in found[:2]] == [first, second]
    assert of_kind(found, events.HEARTBEAT_LOST) == [(events.HEARTBEAT_LOST, B, 1, due)]


# Linked orders.


def bracket() -> tuple[Desk, int, int]:
    """A is long 10; a limit at 110 and a stop at 90 end the position, one or the other."""
    desk = rich_desk()
    desk.deal(A, B, 10, 100)
    target = desk.place(A, SELL, 10, 110, flags=words.REDUCE_ONLY)[0][1]
    found = desk.place(
        A,
        SELL,
        10,
        0,
        order_type=words.STOP_MARKET,
        tif=IOC,
        flags=words.REDUCE_ONLY,
        trigger_source=words.SOURCE_MARK,
        trigger_ticks=90,
        linked_id=target,
    )
    stop = found[0][1]
    assert of_kind(found, events.ORDERS_LINKED) == [(events.ORDERS_LINKED, A, stop, target)]
    return desk, target, stop


def test_4_5_a_fill_of_one_is_taken_off_the_other():
    desk, target, stop = bracket()
    found = desk.place(C, BUY, 4, 110)
    assert ended(found) == [(REDUCED, stop, 4, words.CANCEL_LINKED)]
    assert kinds(found)[-1] == REDUCED  # behind the legs
    found = desk.place(C, BUY, 6, 110)
    assert ended(found) == [(CANCELLED, stop, 6, words.CANCEL_REDUCE_ONLY)]  # upkeep comes first
    assert not desk.oracle.markets[1].armed


def test_4_5_what_fires_cancels_its_sibling_at_once():
    desk, target, stop = bracket()
    desk.place(C, BUY, 10, 89)
    found = desk.mark(90)
    assert ended(found) == [(CANCELLED, target, 10, words.CANCEL_LINKED)]
    triggered = kinds(found).index(events.ORDER_TRIGGERED)
    assert kinds(found)[triggered : triggered + 3] == [
        events.ORDER_TRIGGERED,
        CANCELLED,
        events.TRADE,
    ]
    assert desk.position(A) == (0, 0)


@pytest.mark.parametrize("first", [True, False])
def test_4_5_when_one_ends_the_other_ends(first):
    desk, target, stop = bracket()
    gone, other = (target, stop) if first else (stop, target)
    found = desk.client(commands.CancelOrder, A, order_id=gone)
    assert ended(found) == [
        (CANCELLED, gone, 10, words.CANCEL_CLIENT),
        (CANCELLED, other, 10, words.CANCEL_LINKED),
    ]
    assert desk.oracle.state()["accounts"][A]["positions"][1]["lots"] == 10


def test_4_5_the_smaller_sibling_ends_and_the_larger_goes_on():
    desk = rich_desk()
    large = desk.place(A, BUY, 10, 99)[0][1]
    small = desk.place(A, SELL, 3, 105, linked_id=large)[0][1]
    found = desk.place(B, SELL, 4, 99)
    assert ended(found) == [(CANCELLED, small, 3, words.CANCEL_LINKED)]
    assert lots_in_book(desk, BUY) == [(6, 0)] and not lots_in_book(desk, SELL)


def test_4_5_an_aggressor_ends_its_sibling_in_the_sweep():
    desk = rich_desk()
    resting = desk.place(A, BUY, 5, 95)[0][1]
    desk.place(B, SELL, 2, 100)
    desk.place(C, SELL, 1, 101)
    found = desk.place(A, BUY, 8, 101, tif=IOC, linked_id=resting)
    own = found[0][1]
    assert ended(found) == [
        (REDUCED, resting, 2, words.CANCEL_LINKED),
        (REDUCED, resting, 1, words.CANCEL_LINKED),
        (CANCELLED, own, 5, words.CANCEL_IOC),
        (CANCELLED, resting, 2, words.CANCEL_LINKED),
    ]


def test_4_5_only_a_free_working_order_of_the_same_book_can_be_linked():
    desk, target, _ = bracket()
    foreign = desk.place(B, SELL, 1, 120)[0][1]
    for linked_id in (target, foreign, slot(99), -1):
        assert code_of(desk.place(A, SELL, 1, 120, linked_id=linked_id)) == refusals.LINK_INVALID
    own = desk.place(A, SELL, 1, 120)[0][1]
    assert kinds(desk.place(A, SELL, 1, 121, linked_id=own)) == [ACCEPTED, events.ORDERS_LINKED]


# Slides.


def test_4_2_a_post_only_order_slides_to_one_tick_from_the_other_side():
    desk = rich_desk()
    desk.place(B, SELL, 1, 100)
    post, slide = words.POST_ONLY, words.POST_ONLY | words.SLIDE
    assert code_of(desk.place(A, BUY, 1, 103, flags=post)) == refusals.POST_ONLY_WOULD_TRADE
    assert desk.place(A, BUY, 1, 103, flags=slide)[0][3] == 99
    assert desk.place(A, BUY, 1, 98, flags=slide)[0][3] == 98
    assert desk.place(C, SELL, 1, 50, flags=slide)[0][3] == 100
    desk = rich_desk()
    desk.mark(2)  # the band reaches from 1 to 3
    desk.place(B, SELL, 1, 1)
    assert code_of(desk.place(A, BUY, 1, 3, flags=slide)) == refusals.POST_ONLY_WOULD_TRADE


# Cancels of many.


def test_4_6_mass_cancels_of_a_side_and_of_a_session():
    desk = rich_desk()
    bid = desk.place(A, BUY, 1, 90, session=1)[0][1]
    ask = desk.place(A, SELL, 1, 110, session=2)[0][1]
    stop = desk.place(
        A, SELL, 1, 80, order_type=words.STOP_LIMIT, trigger_source=1, trigger_ticks=85, session=1
    )[0][1]
    assert code_of(desk.client(commands.MassCancel, A, sides=3)) == refusals.SIDES_INVALID
    found = desk.client(commands.CancelSession, A, session=2)
    assert ended(found) == [(CANCELLED, ask, 1, words.CANCEL_SESSION)]
    assert of_kind(found, events.SESSION_CANCELLED)[0][3:] == (2, 1)
    found = desk.client(commands.MassCancel, A, sides=words.SIDES_SELL)
    assert ended(found) == [(CANCELLED, stop, 1, words.CANCEL_MASS)]
    assert ended(desk.client(commands.CancelSession, A, session=1))[0][1] == bid
    assert code_of(desk.client(commands.CancelSession, A, session=0)) == refusals.SESSION_INVALID


def test_4_6_a_lost_heartbeat_cancels_everything_once():
    desk = rich_desk()
    beat = commands.SetHeartbeat
    assert code_of(desk.client(beat, A, timeout_ns=DAY + 1)) == refusals.TIMEOUT_INVALID
    desk.place(A, BUY, 1, 90)
    desk.client(beat, A, timeout_ns=10 * SECOND)
    desk.wait(9 * SECOND)
    found = desk.client(beat, A, timeout_ns=10 * SECOND)
    assert of_kind(found, events.HEARTBEAT_SET)[0][3:] == (desk.now + 10 * SECOND,)
    assert not ended(desk.wait(9 * SECOND))
    assert ended(desk.wait(SECOND))[0][2:] == (1, words.CANCEL_HEARTBEAT)
    desk.place(A, BUY, 1, 90)
    assert not ended(desk.wait(60 * SECOND))  # disarmed
    desk.client(beat, A, timeout_ns=SECOND)
    assert of_kind(desk.client(beat, A, timeout_ns=0), events.HEARTBEAT_SET)[0][3:] == ()
    assert not ended(desk.wait(60 * SECOND))


@pytest.mark.parametrize(
    ("scope", "number", "stopped"),
    [
        (words.SCOPE_ACCOUNT, A, {A}),
        (words.SCOPE_GROUP, 7, {A, B}),
        (words.SCOPE_CONTRACT, 1, {A, B, C}),
        (words.SCOPE_ALL, 0, {A, B, C}),
    ],
)
def test_4_6_the_kill_switch_blocks_until_released(scope, number, stopped):
    desk = Desk(contract())
    desk.open((A, 10_000), (B, 10_000), group=7)
    desk.open((C, 10_000))
    desk.mark(100)
    desk.deal(A, C, 5, 100)
    for account in (B, A, C):
        desk.place(account, BUY, 1, 90 + account)
    desk.place(C, BUY, 5, 99)
    found = desk.operator(commands.StopTrading, scope=scope, number=number)
    assert [r[1] for r in of_kind(found, CANCELLED)] == sorted([*stopped, *({C} & stopped)])
    assert found[-1][1:4] == (scope, number, len(ended(found)))
    for account in (A, B, C):
        code = refusals.TRADING_BLOCKED if account in stopped else 0
        placed = desk.place(account, BUY, 1, 90)
        assert placed[0][-1] == (events.REFUSED if code else ACCEPTED)
    # a reducing order that trades at once passes; one that would rest does not
    reduce = words.REDUCE_ONLY
    assert kinds(desk.place(A, SELL, 5, 99, flags=reduce, tif=IOC))[0] == ACCEPTED
    if A in stopped and desk.position(A)[0]:
        assert code_of(desk.place(A, SELL, 5, 120, flags=reduce)) == refusals.TRADING_BLOCKED
    again = desk.operator(commands.StopTrading, scope=scope, number=number)
    assert code_of(again) == refusals.SCOPE_INVALID
    other = desk.operator(commands.ReleaseTrading, scope=scope, number=number + 1)
    assert code_of(other) == refusals.SCOPE_INVALID
    desk.operator(commands.ReleaseTrading, scope=scope, number=number)
    assert kinds(desk.place(A, BUY, 1, 90))[0] == ACCEPTED


def test_4_6_an_account_opened_in_a_stopped_group_is_stopped():
    desk = Desk(contract())
    desk.open((A, 10_000), group=7)
    desk.mark(100)
    for scope, number in ((2, 8), (2, 0), (1, 1), (1, B), (3, 2), (4, 1), (0, 0), (5, 0)):
        found = desk.operator(commands.StopTrading, scope=scope, number=number)
        assert code_of(found) == refusals.SCOPE_INVALID
    desk.operator(commands.StopTrading, scope=words.SCOPE_GROUP, number=7)
    desk.open((B, 10_000), group=7)
    assert code_of(desk.place(B, BUY, 1, 90)) == refusals.TRADING_BLOCKED


# Limits.


def test_4_9_the_rate_of_messages_in_command_time():
    desk = rich_desk(messages_max=2, messages_window_ns=10 * SECOND)
    desk.deal(A, B, 5, 100)
    desk.place(A, BUY, 1, 90)
    refused = desk.place(A, BUY, 1, 90)
    assert code_of(refused) == refusals.RATE_LIMIT
    assert desk.oracle.accounts[A].client_id_highest == refused[0][3] - 1
    reduce = words.REDUCE_ONLY
    assert kinds(desk.place(A, SELL, 1, 90, flags=reduce, tif=IOC))[0] == ACCEPTED
    assert code_of(desk.place(A, SELL, 1, 110, flags=reduce)) == refusals.RATE_LIMIT
    assert kinds(desk.client(commands.MassCancel, A))[-1] == events.MASS_CANCELLED
    assert kinds(desk.place(B, BUY, 1, 90))[0] == ACCEPTED  # everyone has his own
    desk.wait(9 * SECOND)  # START is one second into its window
    assert kinds(desk.place(A, BUY, 1, 90))[0] == ACCEPTED


def test_4_9_open_orders_with_one_slot_reserved_for_reducing():
    desk = rich_desk(orders_account_max=2)
    desk.deal(A, B, 10, 100)
    waiting = {"order_type": words.STOP_LIMIT, "trigger_source": 1}
    desk.place(A, BUY, 1, 90)
    desk.place(A, SELL, 1, 80, trigger_ticks=85, **waiting)
    assert code_of(desk.place(A, BUY, 1, 91)) == refusals.ORDERS_LIMIT
    assert code_of(desk.place(A, BUY, 1, 120, trigger_ticks=120, **waiting)) == (
        refusals.ORDERS_LIMIT
    )
    assert kinds(desk.place(A, BUY, 1, 91, tif=IOC))[0] == ACCEPTED
    assert kinds(desk.place(A, SELL, 1, 120, flags=words.REDUCE_ONLY))[0] == ACCEPTED
    assert code_of(desk.place(A, SELL, 1, 121, flags=words.REDUCE_ONLY)) == refusals.ORDERS_LIMIT


def test_4_9_orders_at_a_level_sizes_and_values():
    desk = rich_desk(
        {
            "level_orders_max": 1,
            "order_lots_min": 3,
            "order_value_min": 400,
            "order_value_max": 1_000,
        }
    )
    desk.deal(A, B, 4, 100)
    first = desk.place(A, BUY, 5, 90)[0][1]
    assert code_of(desk.place(B, BUY, 5, 90)) == refusals.LEVEL_LIMIT
    assert kinds(amend(desk, A, first, 90, 6)) == [events.ORDER_AMENDED]  # it makes room itself
    assert code_of(desk.place(A, BUY, 2, 100)) == refusals.LOTS_BELOW_MIN
    assert code_of(desk.place(A, BUY, 4, 99)) == refusals.VALUE_BELOW_MIN
    assert code_of(desk.place(A, BUY, 10, 101)) == refusals.VALUE_ABOVE_MAX
    assert kinds(desk.place(A, SELL, 1, 110, flags=words.REDUCE_ONLY)) == [ACCEPTED]


# The ladder of refusals: in each line the faults that come later are there as well.

LATE = {"session": -1, "linked_id": 77, "price_ticks": 0}
STOP = {"order_type": words.STOP_LIMIT, "trigger_source": 1, "trigger_ticks": 120}
LADDER = [
    (refusals.CONTRACT_UNKNOWN, {"contract": 2, "order_type": 7}),
    (refusals.ORDER_TYPE_INVALID, {"order_type": 7, "side": 2}),
    (refusals.SIDE_INVALID, {"side": 2, "tif": 5}),
    (refusals.TIF_INVALID, {"tif": 5, "flags": 16}),
    (refusals.TIF_INVALID, {"order_type": words.TRAILING_MARKET, "tif": GTD, "flags": 16}),
    (refusals.FLAGS_INVALID, {"flags": 16, "stp": 5}),
    (refusals.FLAGS_INVALID, {"flags": words.SLIDE, "stp": 5}),
    (refusals.FLAGS_INVALID, {"flags": words.POST_ONLY, "tif": IOC, "stp": 5}),
    (refusals.FLAGS_INVALID, {"flags": words.CLOSE_POSITION | words.POST_ONLY, "stp": 5}),
    (refusals.FLAGS_INVALID, {"flags": words.CLOSE_POSITION, "display_lots": 1}),
    (refusals.STP_INVALID, {"stp": words.STP_NONE, "lots": 0}),
    (refusals.LOTS_NOT_POSITIVE, {"lots": 0, "display_lots": 9}),
    (refusals.LOTS_ABOVE_MAX, {"lots": 1_001, "display_lots": -1}),
    (refusals.DISPLAY_INVALID, {"display_lots": 3, "trigger_ticks": 1}),
    (refusals.DISPLAY_INVALID, {"display_lots": 1, "tif": IOC, "trigger_ticks": 1}),
    (refusals.TRIGGER_INVALID, {"trigger_ticks": 1, "expiry_ns": 1}),
    (refusals.TRIGGER_INVALID, STOP | {"trail_bp": 1, "expiry_ns": 1}),
    (refusals.TRIGGER_INVALID, STOP | {"trigger_source": 4, "expiry_ns": 1}),
    (refusals.TRIGGER_INVALID, STOP | {"trigger_ticks": 5_001, "expiry_ns": 1}),
    (
        refusals.TRIGGER_INVALID,
        {"order_type": words.TRAILING_MARKET, "tif": IOC, "trigger_source": 1, "trail_bp": 10_000},
    ),
    (refusals.EXPIRY_INVALID, {"tif": GTD, "expiry_ns": START}),
    (refusals.EXPIRY_INVALID, {"tif": words.DAY, "expiry_ns": START + 1}),
    (refusals.EXPIRY_INVALID, {"expiry_ns": START + 1}),
    (refusals.EXPIRY_INVALID, STOP | {"tif": words.DAY, "expiry_ns": START + 1}),
    (refusals.SESSION_INVALID, {}),
    (refusals.LINK_INVALID, {"session": 127}),
    (refusals.PRICE_NOT_POSITIVE, {"session": 127, "linked_id": 0}),
    (refusals.PRICE_NOT_POSITIVE, STOP | {"session": 127, "linked_id": 0, "trigger_ticks": 90}),
    (
        refusals.REDUCE_ONLY_NOTHING,
        STOP | {"session": 0, "linked_id": 0, "price_ticks": 9, "flags": 2, "trigger_ticks": 90},
    ),
]


@pytest.mark.parametrize(("code", "terms"), LADDER)
def test_2_2_the_first_failure_of_the_ladder_is_reported(code, terms):
    desk = rich_desk()
    good = {"contract": 1, "side": BUY, "lots": 2}
    assert code_of(desk.client(commands.PlaceOrder, A, **(good | LATE | terms))) == code
