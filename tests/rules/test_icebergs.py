"""Icebergs: slices, priority across refills, and everything that counts what is hidden (4.2)."""

import pytest

from engine.schema import refusals
from engine.schema import vocabulary as words
from tests.rules.market import (
    REDUCE_ONLY,
    cuts,
    ended,
    fills,
    makers,
    market,
    names,
    resting,
    stop_at,
)
from tests.rules.story import (
    BUY,
    FOK,
    PERCENT,
    SELL,
    A,
    B,
    C,
    D,
    Events,
    Story,
    named,
    only,
    order_id,
    refusal,
)


def iceberg(story: Story, account: int, side: int, lots: int, price: int, show: int) -> int:
    return order_id(story.order(account, side, lots, price, display_lots=show))


def refills(events: Events) -> list[tuple[int, int, int]]:
    """(order id, shown, hidden) of every refill."""
    return [
        (e.values["order_id"], e.values["lots"], e.values["lots_hidden"])
        for e in named(events, "order_refilled")
    ]


def rested(events: Events) -> list[tuple[int, int, int, int]]:
    """(order id, price, shown, hidden) of every order that says where it comes to rest."""
    fields = ("order_id", "price_ticks", "lots", "lots_hidden")
    return [
        (e.values[fields[0]], e.values[fields[1]], e.values[fields[2]], e.values[fields[3]])
        for e in named(events, "order_rested")
    ]


@pytest.mark.parametrize(
    ("bought", "trades", "shown", "hidden"),
    [
        (1, [1], 2, 7),
        (2, [2], 1, 7),
        (3, [3], 3, 4),
        (4, [3, 1], 2, 4),
        (9, [3, 3, 3], 1, 0),  # the last slice is what is left
        (10, [3, 3, 3, 1], 0, 0),
    ],
)
def test_rule_4_2_one_trade_a_slice_and_a_refill_when_it_is_gone(bought, trades, shown, hidden):
    """A sells 10 and shows 3."""
    story = market()
    events = story.order(A, SELL, 10, 1_000, display_lots=3)
    number = order_id(events)
    assert rested(events) == [(number, 1_000, 3, 7)] and refills(events) == []
    assert story.exchange.depth(1) == ([], [(1_000, 3)])
    events = story.order(B, BUY, bought, 1_000)
    assert fills(events) == [(lots, 1_000) for lots in trades]
    left = [(number, 1_000, shown, hidden)] if shown else []
    assert resting(story, SELL) == left
    assert story.exchange.depth(1)[1] == ([(1_000, shown)] if shown else [])


def test_rule_4_2_the_refill_stands_behind_its_trade_and_before_the_legs():
    story = market()
    number = iceberg(story, A, SELL, 4, 1_000, 3)
    events = story.order(B, BUY, 3, 1_000)
    assert names(events) == ["order_accepted", "trade", "order_refilled", "leg", "leg"]
    assert refills(events) == [(number, 1, 0)]


def test_a_display_of_the_whole_order_is_a_plain_order():
    story = market()
    events = story.order(A, SELL, 3, 1_000, display_lots=3)
    assert names(events) == ["order_accepted"]


def test_rule_4_2_a_refill_goes_to_the_back_of_its_level():
    """A shows 3 of 10 before C's 5: the second slice of A comes after C."""
    story = market()
    a = iceberg(story, A, SELL, 10, 1_000, 3)
    c = order_id(story.order(C, SELL, 5, 1_000))
    assert makers(story.order(B, BUY, 2, 1_000)) == [(a, 2)]  # not gone: it keeps its place
    assert makers(story.order(B, BUY, 2, 1_000)) == [(a, 1), (c, 1)]
    d = order_id(story.order(D, SELL, 1, 1_000))
    assert [row[0] for row in resting(story, SELL)] == [c, a, d]
    assert makers(story.order(B, BUY, 9, 1_000)) == [(c, 4), (a, 3), (d, 1), (a, 1)]


def test_rule_4_2_several_icebergs_of_a_level_take_turns():
    """A shows 2 of 6, C 3 of 7, D has 1 in plain sight."""
    story = market()
    a = iceberg(story, A, SELL, 6, 1_000, 2)
    c = iceberg(story, C, SELL, 7, 1_000, 3)
    d = order_id(story.order(D, SELL, 1, 1_000))
    events = story.order(B, BUY, 13, 1_000)
    turns = [(a, 2), (c, 3), (d, 1), (a, 2), (c, 3), (a, 2)]
    assert makers(events) == turns
    assert resting(story, SELL) == [(c, 1_000, 1, 0)]


def test_rule_4_1_hidden_lots_come_before_the_next_price():
    story = market()
    iceberg(story, A, SELL, 10, 1_000, 1)
    story.order(C, SELL, 5, 1_001)
    events = story.order(B, BUY, 12, 1_001)
    assert fills(events) == [(1, 1_000)] * 10 + [(2, 1_001)]


def test_rule_4_2_an_iceberg_trades_whole_on_its_way_in_and_shows_a_slice_of_the_rest():
    story = market((B, 4, 1_000))
    events = story.order(A, BUY, 10, 1_000, display_lots=3)
    number = order_id(events)
    assert fills(events) == [(4, 1_000)]
    assert rested(events) == [(number, 1_000, 3, 3)]
    assert resting(story, BUY) == [(number, 1_000, 3, 3)]


def test_rule_4_2_a_rest_that_fits_the_display_hides_nothing():
    story = market((B, 8, 1_000))
    events = story.order(A, BUY, 10, 1_000, display_lots=3)
    assert rested(events) == [(order_id(events), 1_000, 2, 0)]
    assert resting(story, BUY) == [(order_id(events), 1_000, 2, 0)]


def test_rule_4_2_a_stop_can_be_an_iceberg():
    story = market()
    number = order_id(story.order(A, BUY, 10, 1_010, **stop_at(1_010), display_lots=4))
    assert rested(story.price(1_010)) == [(number, 1_010, 4, 6)]
    assert resting(story, BUY) == [(number, 1_010, 4, 6)]


@pytest.mark.parametrize(("lots", "traded"), [(10, 10), (11, 0)])
def test_rule_4_2_fill_or_kill_counts_hidden_lots(lots, traded):
    story = market()
    iceberg(story, A, SELL, 10, 1_000, 3)
    events = story.order(B, BUY, lots, 1_000, tif=FOK)
    assert sum(k for k, _ in fills(events)) == traded
    if not traded:
        assert ended(events) == [(order_id(events), 11, "fok")]
        assert story.exchange.depth(1)[1] == [(1_000, 3)]


# Self-trades (4.7): A's own iceberg shows 3 of 10.


def own_iceberg(lots: int, mode: int) -> tuple[Story, int, Events]:
    story = market()
    number = iceberg(story, A, SELL, 10, 1_000, 3)
    return story, number, story.order(A, BUY, lots, 1_000, stp=mode)


@pytest.mark.parametrize(
    ("lots", "resting_cuts", "left"),
    [
        (2, [(2, 8)], (1, 7)),
        (3, [(3, 7)], (3, 4)),
        (5, [(3, 7), (2, 5)], (1, 4)),
        (9, [(3, 7), (3, 4), (3, 1)], (1, 0)),
    ],
)
def test_rule_4_7_decrement_takes_an_iceberg_slice_by_slice(lots, resting_cuts, left):
    """The aggressor always ends: cut by each slice but the last, then cancelled with what is
    left of it."""
    story, number, events = own_iceberg(lots, words.STP_DECREMENT)
    of_maker = [(gone, open_lots) for order, gone, open_lots, _ in cuts(events) if order == number]
    assert of_maker == resting_cuts
    assert fills(events) == []
    aggressor = order_id(events)
    gone = sum(gone for order, gone, _, _ in cuts(events) if order == aggressor)
    [(ending, last, reason)] = ended(events)
    assert (ending, gone + last, reason) == (aggressor, lots, "self_trade")
    assert resting(story, SELL) == [(number, 1_000, *left)]


def test_rule_4_7_decrement_to_the_end_of_the_iceberg():
    """10 of 12 are gone on both sides: the iceberg is cancelled with its last lot, 2 rest."""
    story, number, events = own_iceberg(12, words.STP_DECREMENT)
    assert ended(events) == [(number, 1, "self_trade")]
    aggressor = order_id(events)
    assert [gone for order, gone, _, _ in cuts(events) if order == aggressor] == [3, 3, 3, 1]
    assert resting(story, BUY) == [(aggressor, 1_000, 2, 0)]


@pytest.mark.parametrize(
    ("mode", "gone"),
    [
        (words.STP_CANCEL_OLDEST, [10]),  # hidden lots, too
        (words.STP_CANCEL_BOTH, [10, 4]),
        (words.STP_CANCEL_NEWEST, [4]),
    ],
)
def test_rule_4_7_a_self_trade_cancels_the_whole_iceberg(mode, gone):
    story, _, events = own_iceberg(4, mode)
    assert [lots for _, lots, _ in ended(events)] == gone
    assert fills(events) == []


# Amendments (4.4): A shows 3 of 10 at 1000, C's 5 behind it.


@pytest.mark.parametrize(
    ("total", "price", "kept", "shown", "hidden"),
    [
        (9, 1_000, 1, 3, 6),
        (4, 1_000, 1, 3, 1),  # hidden lots go first
        (3, 1_000, 1, 3, 0),
        (2, 1_000, 1, 2, 0),
        (11, 1_000, 0, 3, 8),
        (10, 1_001, 0, 3, 7),
        (2, 1_001, 0, 2, 0),
    ],
)
def test_rule_4_4_amend_of_an_iceberg(total, price, kept, shown, hidden):
    story = market()
    number = iceberg(story, A, SELL, 10, 1_000, 3)
    other = order_id(story.order(C, SELL, 5, 1_000))
    events = story.amend(A, number, total, price)
    amended = only(events, "order_amended")
    assert (amended["lots_open"], amended["priority_kept"]) == (total, kept)
    row = (number, price, shown, hidden)
    behind = (other, 1_000, 5, 0)
    assert resting(story, SELL) == ([row, behind] if kept else [behind, row])
    assert rested(events) == ([] if kept else [(number, price, shown, hidden)])


def test_rule_4_4_an_iceberg_amended_after_a_fill_counts_what_it_sold():
    """1 of 3 shown is sold: 9 are open. A total of 4 leaves 3 open, 1 of them hidden."""
    story = market()
    number = iceberg(story, A, SELL, 10, 1_000, 3)
    story.order(B, BUY, 1, 1_000)
    assert only(story.amend(A, number, 4, 1_000), "order_amended")["lots_open"] == 3
    assert resting(story, SELL) == [(number, 1_000, 2, 1)]
    # to the total that has filled: it ends with its open lots
    assert ended(story.amend(A, number, 1, 1_000)) == [(number, 3, "amend")]


def test_rule_4_4_an_amended_iceberg_that_crosses_trades_whole():
    story = market()
    number = iceberg(story, A, BUY, 10, 990, 2)
    story.order(B, SELL, 5, 1_000)
    events = story.amend(A, number, 10, 1_000)
    assert fills(events) == [(5, 1_000)]
    assert rested(events) == [(number, 1_000, 2, 3)]
    assert resting(story, BUY) == [(number, 1_000, 2, 3)]


# Cuts and cancels of all that is open.


def test_rule_4_3_a_reducing_iceberg_is_cut_in_its_hidden_lots_first():
    """Long 10, all of it offered; 4 are sold elsewhere, then 4 more: 6 and 2 may stay."""
    story = market()
    story.trade(A, B, 10, 1_000)
    events = story.order(A, SELL, 10, 1_100, display_lots=3, flags=REDUCE_ONLY)
    number = order_id(events)
    story.order(C, BUY, 8, 1_000)
    events = story.order(A, SELL, 4, 1_000)
    assert cuts(events) == [(number, 4, 6, "reduce_only")]
    assert resting(story, SELL) == [(number, 1_100, 3, 3)]
    events = story.order(A, SELL, 4, 1_000)
    assert cuts(events) == [(number, 4, 2, "reduce_only")]
    assert resting(story, SELL) == [(number, 1_100, 2, 0)]


def test_a_cancelled_iceberg_shows_all_that_was_open():
    story = market()
    number = iceberg(story, A, SELL, 10, 1_000, 3)
    story.order(B, BUY, 4, 1_000)
    assert ended(story.cancel(A, number)) == [(number, 6, "client")]
    assert resting(story, SELL) == []


def test_rule_5_3_the_band_cancels_an_iceberg_whole():
    story = market(band_static_ppb=10 * PERCENT)
    number = iceberg(story, A, SELL, 10, 1_100, 3)
    assert ended(story.price(999)) == [(number, 10, "band")]  # to 999 + 99


# Reserves (8.2): a buy of 7 at 1001 is worth 7007; 10% of it, rounded up, are 701.


def reserve(story: Story) -> int:
    return story.position(A)["reserve_buy"]


def test_rule_8_2_an_iceberg_reserves_for_all_and_releases_pro_rata():
    story = market()
    number = iceberg(story, A, BUY, 7, 1_001, 3)
    assert reserve(story) == 701
    story.order(B, SELL, 3, 1_001)
    assert reserve(story) == 701 - 300  # floor(701 x 3 / 7)
    story.order(B, SELL, 1, 1_001)
    assert reserve(story) == 401 - 100  # floor(401 x 1 / 4)
    story.amend(A, number, 6, 1_001)  # 2 open of 3
    assert reserve(story) == 301 - 100
    story.order(B, SELL, 2, 1_001)
    assert reserve(story) == 0


@pytest.mark.parametrize("filled", [0, 2, 3, 5])
def test_rule_8_2_a_cancel_releases_the_rest(filled):
    story = market()
    number = iceberg(story, A, BUY, 7, 1_001, 3)
    if filled:
        story.order(B, SELL, filled, 1_001)
    assert reserve(story) > 0
    story.cancel(A, number)
    assert reserve(story) == 0
    assert story.position(A)["lots_buy"] == 0


# Limits count what is hidden (4.9).


def test_rule_4_9_the_position_limit_counts_hidden_lots():
    story = market(position_lots_max=10, order_lots_max=10)
    iceberg(story, A, BUY, 8, 900, 1)
    assert refusal(story.order(A, BUY, 3, 900)) == refusals.POSITION_LIMIT
    assert refusal(story.order(A, BUY, 2, 900)) == refusals.OK


def test_rule_4_9_the_open_interest_limit_counts_hidden_lots():
    terms = {"open_interest_lots_max": 10, "position_lots_max": 10, "order_lots_max": 10}
    story = market(**terms)
    iceberg(story, A, BUY, 8, 900, 1)
    assert refusal(story.order(C, BUY, 3, 900)) == refusals.OPEN_INTEREST_LIMIT
    assert refusal(story.order(C, BUY, 2, 900)) == refusals.OK


def test_rule_9_0_an_iceberg_that_can_not_pay_is_cancelled_whole():
    """C's asks at 1000 are stale at a mark of 1200: its slice of 3 would lose 600 with 599."""
    story = market()
    story.order(B, SELL, 5, 1_010)
    number = iceberg(story, C, SELL, 5, 1_000, 3)
    story.withdraw(C, story.cash(C) - 599)
    story.price(1_200)
    events = story.order(A, BUY, 3, 1_010)
    assert ended(events) == [(number, 5, "solvency")]
    assert fills(events) == [(3, 1_010)]
