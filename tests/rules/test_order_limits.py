"""Limits of an order and of an account, and the post-only order that slides (4.9, 4.2)."""

import pytest

from engine.schema import bounds, commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND
from tests.rules.market import (
    MARKET,
    POST_ONLY,
    REDUCE_ONLY,
    SLIDE,
    cuts,
    fills,
    market,
    resting,
    rests,
    stop_at,
    triggered,
    two_markets,
)
from tests.rules.story import (
    BUY,
    IOC,
    PERCENT,
    SELL,
    A,
    B,
    C,
    Story,
    contract,
    named,
    only,
    order_id,
    refusal,
)

OK = refusals.OK
SLIDES = {"flags": POST_ONLY | SLIDE}


# Post-only with slide: A's own limit, bids to 1000 and asks from 1002 are B's.


@pytest.mark.parametrize(
    ("side", "limit", "price"),
    [
        (BUY, 1_001, 1_001),  # it would not trade: it stays where it is
        (BUY, 990, 990),
        (BUY, 1_002, 1_001),
        (BUY, 1_050, 1_001),
        (SELL, 1_001, 1_001),
        (SELL, 1_010, 1_010),
        (SELL, 1_000, 1_001),
        (SELL, 900, 1_001),
    ],
)
def test_rule_4_2_a_post_only_order_slides_to_a_tick_from_the_opposite_best(side, limit, price):
    story = market((B, 5, 1_002))
    story.order(B, BUY, 5, 1_000)
    events = story.order(A, side, 3, limit, **SLIDES)
    assert only(events, "order_accepted")["price_ticks"] == price
    assert fills(events) == []
    assert (order_id(events), price, 3, 0) in resting(story, side)


def test_rule_4_2_a_slid_order_reserves_at_its_new_price():
    story = market((B, 5, 1_000))
    story.order(A, BUY, 10, 1_100, **SLIDES)
    assert story.position(A)["reserve_buy"] == 999  # 10% of 10 x 999


def test_rule_4_2_a_slid_order_goes_behind_those_at_its_price():
    story = market((B, 5, 1_000))
    first = order_id(story.order(C, BUY, 5, 999))
    slid = order_id(story.order(A, BUY, 5, 1_100, **SLIDES))
    assert [row[0] for row in resting(story, BUY)] == [first, slid]


def test_rule_4_2_a_slide_out_of_the_band_is_refused():
    """The band of 1% is 990 to 1010: one tick from an ask of 990 is 989."""
    story = market((B, 5, 990), band_static_ppb=PERCENT)
    assert refusal(story.order(A, BUY, 5, 1_000, **SLIDES)) == refusals.PRICE_OUTSIDE_BAND


def test_rule_4_2_a_fired_post_only_order_slides():
    story = market((B, 5, 1_012))
    number = order_id(story.order(A, BUY, 5, 1_020, **stop_at(1_010), **SLIDES))
    events = story.price(1_010)
    assert triggered(events) == [number]
    assert resting(story, BUY) == [(number, 1_011, 5, 0)]


# Sizes.


def test_rule_4_9_smallest_order_and_value_leave_what_reduces():
    """At least 3 lots and 3,000: A, long 2, may sell 2, and 1."""
    story = market(order_lots_min=3, order_value_min=3_000)
    story.trade(A, B, 5, 1_000)
    story.order(C, BUY, 6, 1_000)
    assert refusal(story.order(A, SELL, 2, 1_000)) == refusals.LOTS_BELOW_MIN
    assert refusal(story.order(A, SELL, 3, 999, tif=IOC)) == refusals.VALUE_BELOW_MIN
    assert fills(story.order(A, SELL, 3, 1_000, tif=IOC)) == [(3, 1_000)]
    assert fills(story.order(A, SELL, 1, 990, tif=IOC, flags=REDUCE_ONLY)) == [(1, 1_000)]
    assert fills(story.order(A, SELL, 9, 0, **MARKET, flags=REDUCE_ONLY)) == [(1, 1_000)]


def test_rule_4_9_the_value_of_an_order_is_that_of_all_its_lots():
    """10 at 1000 with 1 in sight."""
    story = market(order_value_max=9_999)
    events = story.order(A, BUY, 10, 1_000, display_lots=1)
    assert refusal(events) == refusals.VALUE_ABOVE_MAX


def test_rule_4_9_the_value_counts_the_tick_value():
    story = market(tick_value=100, order_value_min=100_000, order_value_max=200_000)
    assert refusal(story.order(A, BUY, 1, 999)) == refusals.VALUE_BELOW_MIN
    assert refusal(story.order(A, BUY, 1, 1_000)) == OK
    assert refusal(story.order(A, BUY, 2, 1_000)) == OK
    assert refusal(story.order(A, BUY, 2, 1_001)) == refusals.VALUE_ABOVE_MAX


@pytest.mark.parametrize(
    ("total", "flags", "code"),
    [
        (3, 0, OK),
        (2, 0, refusals.LOTS_BELOW_MIN),
        (1, 0, refusals.LOTS_BELOW_MIN),
        (0, 0, OK),  # it ends
        (1, REDUCE_ONLY, OK),
    ],
)
def test_rule_4_9_no_amendment_makes_an_order_that_could_not_be_placed(total, flags, code):
    story = market(order_lots_min=3)
    story.trade(B, A, 10, 1_000)  # A is short 10
    number = order_id(story.order(A, BUY, 9, 900, flags=flags))
    assert refusal(story.amend(A, number, total, 900)) == code


def test_rule_4_9_an_amendment_keeps_the_smallest_value_of_the_whole_order():
    """6 at 900 are worth 5,400, 5 are worth 4,500; of 10, 8 of which have filled, 1 may be left."""
    story = market(order_value_min=5_000)
    number = order_id(story.order(A, BUY, 10, 900))
    assert refusal(story.amend(A, number, 5, 900)) == refusals.VALUE_BELOW_MIN
    assert refusal(story.amend(A, number, 6, 900)) == OK
    other = order_id(story.order(A, BUY, 10, 990))
    story.order(B, SELL, 8, 990)
    assert refusal(story.amend(A, other, 9, 990)) == OK
    assert rests(story, other)


def test_rule_4_9_a_quote_can_not_be_cut_below_the_smallest_value():
    story = market(order_value_min=5_000)
    codes = []
    for lots in (10, 6, 5):
        row = commands.Quote(1, 900, lots, 1_100, 10)
        command = commands.MassQuote(
            time_ns=story.now_ns, account=A, client_id=story.client_id(), protection=1, rows=(row,)
        )
        codes.append([e.values["code"] for e in named(story.submit(command), "quote_refused")])
    assert codes == [[], [], [refusals.VALUE_BELOW_MIN]]
    assert story.exchange.depth(1) == ([], [(1_100, 10)])


@pytest.mark.parametrize(("lots", "code"), [(2_000, OK), (2_001, refusals.DISPLAY_INVALID)])
def test_rule_4_2_an_iceberg_has_at_most_a_thousand_slices(lots, code):
    story = market()
    assert refusal(story.order(A, BUY, lots, 900, display_lots=2)) == code
    number = order_id(story.order(A, BUY, 3, 900, display_lots=2))
    assert refusal(story.amend(A, number, lots, 900)) == code


# Working orders of an account, and the room reserved for what reduces.


@pytest.mark.parametrize(
    ("orders_max", "tif", "code"),
    [
        (3, words.GTC, OK),  # the entry, its stop and its target
        (2, words.GTC, refusals.ORDERS_LIMIT),
        (2, IOC, OK),
        (1, IOC, refusals.ORDERS_LIMIT),
    ],
)
def test_rule_4_9_a_bracket_needs_room_for_its_children(orders_max, tif, code):
    story = market(config={"orders_account_max": orders_max})
    command = commands.PlaceBracket(
        time_ns=story.now_ns, account=A, client_id=story.client_id(), contract=1, side=BUY,
        lots=1, price_ticks=1_000, tif=tif, stop_ticks=950, target_ticks=1_050,
        trigger_source=words.SOURCE_MARK,
    )  # fmt: skip
    assert refusal(story.submit(command)) == code


def test_rule_4_9_an_account_works_so_many_orders_over_all_contracts():
    story = two_markets(orders_account_max=3)
    first = order_id(story.order(A, BUY, 1, 900))
    story.order(A, BUY, 1, 900, 2)
    story.order(A, BUY, 1, 1_100, **stop_at(1_100))
    assert refusal(story.order(A, BUY, 1, 901)) == refusals.ORDERS_LIMIT
    assert refusal(story.order(A, BUY, 1, 901, tif=IOC)) == OK
    assert refusal(story.order(B, BUY, 1, 901)) == OK
    story.cancel(A, first)
    assert refusal(story.order(A, BUY, 1, 901)) == OK


def test_rule_4_9_a_filled_order_makes_room():
    story = market(config={"orders_account_max": 1})
    story.order(A, BUY, 1, 1_000)
    assert refusal(story.order(A, BUY, 1, 900)) == refusals.ORDERS_LIMIT
    story.order(B, SELL, 1, 1_000)
    assert refusal(story.order(A, BUY, 1, 900)) == OK


def test_rule_4_9_an_order_that_would_fill_at_once_but_may_rest_needs_room():
    story = market((B, 5, 1_000), config={"orders_account_max": 1})
    story.order(A, BUY, 1, 900)
    assert refusal(story.order(A, BUY, 1, 1_000)) == refusals.ORDERS_LIMIT
    assert fills(story.order(A, BUY, 1, 1_000, tif=IOC)) == [(1, 1_000)]


def test_rule_4_9_one_resting_slot_a_contract_is_kept_for_what_reduces():
    story = two_markets(orders_account_max=2)
    story.trade(A, B, 10, 1_000)
    story.trade(A, B, 10, 1_000, number=2)
    for price in (900, 901):
        assert refusal(story.order(A, BUY, 1, price)) == OK
    reducing = {"flags": REDUCE_ONLY}
    assert refusal(story.order(A, SELL, 4, 1_100)) == refusals.ORDERS_LIMIT  # not by its word
    first = order_id(story.order(A, SELL, 4, 1_100, **reducing))
    assert refusal(story.order(A, SELL, 4, 1_101, **reducing)) == refusals.ORDERS_LIMIT
    assert refusal(story.order(A, SELL, 4, 1_100, 2, **reducing)) == OK  # the other contract's own
    assert refusal(story.order(A, SELL, 4, 1_101, 2, **reducing)) == refusals.ORDERS_LIMIT
    story.cancel(A, first)
    assert refusal(story.order(A, SELL, 4, 1_101, **reducing)) == OK


def test_rule_4_9_what_needs_no_slot_is_not_counted_against_those_that_are_kept():
    """One order may work; beside it a reduce-only one has the slot that its contract keeps."""
    story = market(config={"orders_account_max": 1})
    story.trade(A, B, 10, 1_000)
    story.order(A, BUY, 1, 900)
    story.order(A, SELL, 4, 1_100, flags=REDUCE_ONLY)
    story.order(B, SELL, 1, 1_000)
    assert fills(story.order(A, BUY, 1, 1_000, tif=IOC)) == [(1, 1_000)]


@pytest.mark.parametrize(
    ("slots_left", "plain", "reducing"),
    [
        (bounds.POSITIONS_MAX + 2, OK, OK),
        (bounds.POSITIONS_MAX + 1, refusals.POOL_FULL, OK),
        (2, refusals.POOL_FULL, OK),
        (1, refusals.POOL_FULL, refusals.POOL_FULL),
    ],
)
def test_rule_4_9_a_slot_for_each_position_is_kept_for_what_only_reduces(
    slots_left, plain, reducing
):
    for side, price, terms, code in (
        (BUY, 900, {}, plain), (SELL, 1_100, {"flags": REDUCE_ONLY}, reducing),
    ):  # fmt: skip
        story = market()
        story.trade(A, B, 10, 1_000)
        command = commands.PlaceOrder(
            time_ns=story.now_ns, account=A, client_id=story.client_id(), contract=1, side=side,
            lots=1, price_ticks=price, **terms,
        )  # fmt: skip
        story.exchange.arena.engine["orders_live"] = bounds.ORDERS_MAX - slots_left
        assert refusal(story.exchange.submit(command)) == code


def test_rule_4_9_an_amendment_takes_no_more_room():
    story = market(config={"orders_account_max": 1}, level_orders_max=1)
    number = order_id(story.order(A, BUY, 1, 900))
    assert refusal(story.amend(A, number, 2, 900)) == OK
    assert refusal(story.amend(A, number, 2, 950)) == OK


# Orders of a price.


def test_rule_4_9_a_price_holds_so_many_orders():
    story = market(level_orders_max=2)
    story.order(A, BUY, 1, 900)
    second = order_id(story.order(B, BUY, 1, 900))
    assert refusal(story.order(C, BUY, 1, 900)) == refusals.LEVEL_LIMIT
    assert refusal(story.order(C, BUY, 1, 901)) == OK
    story.cancel(B, second)
    assert refusal(story.order(C, BUY, 1, 900)) == OK


def test_rule_4_9_a_fired_order_finds_its_price_full():
    story = market(level_orders_max=1)
    number = order_id(story.order(A, BUY, 1, 900, **stop_at(1_010)))
    story.order(B, BUY, 1, 900)
    events = story.price(1_010)
    assert triggered(events) == [number]
    assert only(events, "order_cancelled")["code"] == refusals.LEVEL_LIMIT


# The message rate: three commands of an account in a second of command time.


def test_rule_4_9_the_window_is_a_second_of_command_time():
    """Windows start at whole seconds, wherever the first command falls."""
    story = market(config={"messages_max": 3})
    story.go(10, NS_PER_SECOND - 2)
    assert [refusal(story.withdraw(A, 1)) for _ in range(4)] == [OK] * 3 + [refusals.RATE_LIMIT]
    story.go(10, NS_PER_SECOND - 1)
    assert refusal(story.withdraw(A, 1)) == refusals.RATE_LIMIT
    story.go(11)
    assert [refusal(story.withdraw(A, 1)) for _ in range(4)] == [OK] * 3 + [refusals.RATE_LIMIT]


def test_rule_4_9_the_length_of_the_window_is_data():
    story = market(config={"messages_max": 1, "messages_window_ns": 10 * NS_PER_SECOND})
    story.go(20)
    assert refusal(story.withdraw(A, 1)) == OK
    story.go(29, NS_PER_SECOND - 1)
    assert refusal(story.withdraw(A, 1)) == refusals.RATE_LIMIT
    story.go(30)
    assert refusal(story.withdraw(A, 1)) == OK


def test_rule_4_9_refused_commands_and_cancels_count():
    story = market(config={"messages_max": 3})
    story.go(10)
    assert refusal(story.order(A, BUY, 0, 900)) == refusals.LOTS_NOT_POSITIVE
    assert refusal(story.cancel(A, 0)) == refusals.ORDER_UNKNOWN
    assert refusal(story.cancel_all(A)) == OK
    assert refusal(story.order(A, BUY, 1, 900)) == refusals.RATE_LIMIT


def test_rule_4_9_accounts_have_a_rate_of_their_own():
    story = market(config={"messages_max": 1})
    story.go(10)
    for account in (A, B, C):
        assert refusal(story.withdraw(account, 1)) == OK
        assert refusal(story.withdraw(account, 1)) == refusals.RATE_LIMIT


def test_rule_4_9_cancels_and_reducing_orders_at_once_pass_above_the_rate():
    story = market(config={"messages_max": 2})
    story.trade(A, B, 5, 1_000)
    story.order(C, BUY, 5, 1_000)
    story.go(10)
    rest = order_id(story.order(A, BUY, 1, 900))
    more = order_id(story.order(A, BUY, 1, 901))
    assert refusal(story.order(A, BUY, 1, 902)) == refusals.RATE_LIMIT
    assert refusal(story.amend(A, rest, 2, 900)) == refusals.RATE_LIMIT
    events = story.order(A, SELL, 9, 1_000, tif=IOC, flags=REDUCE_ONLY)
    assert fills(events) == [(5, 1_000)] and cuts(events)[0][1:] == (4, 5, "reduce_only")
    assert refusal(story.cancel(A, rest)) == OK
    assert refusal(story.cancel_all(A)) == OK
    assert not rests(story, more)
    assert refusal(story.lose_session(A, 1)) == OK
    assert refusal(story.heartbeat(A, 1)) == refusals.RATE_LIMIT
    for order_type in (words.STOP_MARKET, words.TRAILING_MARKET + 1):
        events = story.order(A, SELL, 9, 1_000, tif=IOC, flags=REDUCE_ONLY, order_type=order_type)
        assert refusal(events) == refusals.RATE_LIMIT


def test_rule_4_9_fired_orders_and_due_work_are_no_messages():
    story: Story = market(config={"messages_max": 1})
    story.go(10)
    number = order_id(story.order(A, BUY, 1, 900, **stop_at(1_010)))
    events = story.price(1_010)
    assert triggered(events) == [number] and named(events, "refused") == []
    assert rests(story, number)


def test_rule_4_9_the_reserved_room_is_one_order_waiting_or_not():
    """At the limit one reduce-only order is taken, armed or resting; a second has no room."""
    story = market(config={"orders_account_max": 1})
    story.trade(A, B, 10, 1_000)
    story.order(A, BUY, 1, 800)
    stop = stop_at(900, flags=REDUCE_ONLY)
    assert refusal(story.order(A, SELL, 1, 900, **stop)) == refusals.OK
    assert refusal(story.order(A, SELL, 1, 900, **stop)) == refusals.ORDERS_LIMIT
    assert refusal(story.order(A, SELL, 1, 1_100, flags=REDUCE_ONLY)) == refusals.ORDERS_LIMIT


# Group limit: A and C are one group, which may hold 10 lots together; mark 1000.

JOINT = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT, "group_lots_max": 10}


def joint() -> Story:
    story = Story(contract(**JOINT))
    story.open(A, 10**6, group=A)
    story.open(C, 10**6, group=A)
    story.open(B, 10**6)
    story.price(1_000)
    return story


def test_rule_4_9_a_group_is_limited_over_all_its_accounts():
    """A holds 4 and bids for 3; of the 3 that are left C may bid for 3, in any order."""
    story = joint()
    story.trade(A, B, 4, 1_000)
    story.order(A, BUY, 3, 990)
    assert refusal(story.order(C, BUY, 4, 990)) == refusals.GROUP_LIMIT
    assert refusal(story.order(C, BUY, 3, 990)) == OK
    assert refusal(story.order(A, BUY, 1, 990)) == refusals.GROUP_LIMIT
    assert refusal(story.order(B, BUY, 10, 980)) == OK, "another group has its own"


def test_rule_4_9_one_accounts_short_makes_no_room_for_anothers_long():
    """C's short of 10 may be closed before A's long is: 10 on each side is the most."""
    story = joint()
    story.trade(B, C, 10, 1_000)
    assert refusal(story.order(A, BUY, 11, 990)) == refusals.GROUP_LIMIT
    assert refusal(story.order(A, BUY, 10, 990)) == OK
    assert refusal(story.order(A, SELL, 1, 1_010)) == refusals.GROUP_LIMIT


def test_rule_4_9_what_reduces_passes_the_group_limit():
    story = joint()
    story.trade(A, B, 10, 1_000)
    assert refusal(story.order(A, SELL, 10, 1_010)) == OK  # it only reduces
    assert refusal(story.order(A, SELL, 5, 1_020, flags=REDUCE_ONLY)) == OK
    assert refusal(story.order(C, SELL, 1, 1_010)) == refusals.GROUP_LIMIT


def test_rule_4_9_an_amended_order_is_counted_once():
    story = joint()
    number = order_id(story.order(A, BUY, 8, 990))
    assert refusal(story.amend(A, number, 10, 990)) == OK
    assert refusal(story.amend(A, number, 11, 990)) == refusals.GROUP_LIMIT
    assert refusal(story.amend(A, number, 10, 985)) == OK
