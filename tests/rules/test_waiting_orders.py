"""Stops, take-profits and trailing stops: when they fire, in which turn, and what becomes of them
(4.2, 4.3, 2.5)."""

import pytest

from engine.schema import bounds, refusals
from engine.schema import vocabulary as words
from tests.rules.market import (
    CLOSE,
    INDEX,
    LAST,
    MARK,
    POST_ONLY,
    REDUCE_ONLY,
    STOP_LIMIT,
    STOP_MARKET,
    TAKE_LIMIT,
    TAKE_MARKET,
    cuts,
    ended,
    fills,
    market,
    market_stop_at,
    rests,
    stop_at,
    trail,
    triggered,
    two_markets,
)
from tests.rules.market import (
    MARKET as MARKET_AT_ONCE,
)
from tests.rules.story import (
    BUY,
    IOC,
    PERCENT,
    SELL,
    A,
    B,
    C,
    D,
    E,
    Events,
    F,
    Story,
    cancel_reasons,
    named,
    only,
    order_id,
    refusal,
)


def move(story: Story, source: int, ticks: int) -> Events:
    """Bring a source to a value: a price, or a trade between E and F that leaves no order."""
    if source != LAST:
        return story.price(ticks)
    story.order(E, BUY, 1, ticks)
    return story.order(F, SELL, 1, ticks)


@pytest.mark.parametrize("source", [MARK, INDEX, LAST])
@pytest.mark.parametrize(
    ("order_type", "side", "trigger", "before"),
    [
        (STOP_LIMIT, BUY, 1_010, 1_009),
        (STOP_LIMIT, SELL, 990, 991),
        (STOP_MARKET, BUY, 1_010, 1_009),
        (STOP_MARKET, SELL, 990, 991),
        (TAKE_LIMIT, BUY, 990, 991),
        (TAKE_LIMIT, SELL, 1_010, 1_009),
        (TAKE_MARKET, BUY, 990, 991),
        (TAKE_MARKET, SELL, 1_010, 1_009),
    ],
)
def test_rule_4_2_a_trigger_fires_at_its_price_and_not_a_tick_before(
    order_type, side, trigger, before, source
):
    """A limit then rests at its limit, a market order finds nothing and is cancelled."""
    story = market()
    move(story, source, 1_000)
    is_market = order_type in (STOP_MARKET, TAKE_MARKET)
    terms = {"tif": IOC} if is_market else {}
    events = story.order(A, side, 5, trigger, **stop_at(trigger, source, order_type=order_type),
                         **terms)  # fmt: skip
    number = order_id(events)
    armed = only(events, "order_armed")
    assert (armed["order_id"], armed["trigger_ticks"], armed["source"]) == (number, trigger, source)
    assert (armed["trail_bp"], armed["best_ticks"]) == (0, 0)
    assert only(events, "order_accepted")["price_ticks"] == (0 if is_market else trigger)
    assert triggered(move(story, source, before)) == []
    assert not rests(story, number)
    events = move(story, source, trigger)
    fired = only(events, "order_triggered")
    assert (fired["order_id"], fired["source"], fired["value_ticks"]) == (number, source, trigger)
    if is_market:
        assert ended(events) == [(number, 5, "ioc")]
    else:
        assert ended(events) == [] and rests(story, number)
        rested = only(events, "order_rested")
        assert (rested["order_id"], rested["side"]) == (number, side)
        assert (rested["price_ticks"], rested["lots"], rested["lots_hidden"]) == (trigger, 5, 0)


def test_rule_4_2_a_jump_beyond_the_trigger_fires_with_the_value_it_jumped_to():
    story = market()
    story.order(A, BUY, 5, 1_010, **stop_at(1_010))
    assert only(story.price(1_300), "order_triggered")["value_ticks"] == 1_300


def test_rule_4_2_mark_and_index_are_different_triggers():
    """The mark may move 1% an update: the index is at 1100, the mark at 1010."""
    story = market(mark_move_ppb=PERCENT)
    on_mark = order_id(story.order(A, BUY, 5, 1_100, **stop_at(1_100, MARK)))
    on_index = order_id(story.order(A, BUY, 5, 1_100, **stop_at(1_100, INDEX)))
    near = order_id(story.order(A, BUY, 5, 1_010, **stop_at(1_010, MARK)))
    events = story.price(1_100)
    assert story.mark() == 1_010
    # index first, then mark; the contract is reduce-only now, and they would open a position
    assert triggered(events) == [on_index, near]
    codes = [event.values["code"] for event in named(events, "order_cancelled")]
    assert codes == [refusals.CONTRACT_REDUCE_ONLY] * 2
    assert refusal(story.cancel(A, on_mark)) == refusals.OK


def test_rule_4_2_a_market_stop_trades_at_the_opposite_best():
    """Asks 1020 and 1041; the best ask plus 2% is 1040.4: the second is out of reach."""
    story = market((B, 3, 1_020), (B, 5, 1_041))
    number = order_id(story.order(A, BUY, 5, 0, **market_stop_at(1_015)))
    events = story.price(1_015)
    assert fills(events) == [(3, 1_020)]
    assert ended(events) == [(number, 2, "ioc")]
    assert only(events, "order_cancelled")["price_ticks"] == 1_040


def test_rule_4_2_last_is_the_first_and_the_last_trade_of_a_sweep():
    """A sweep from 1000 down to 990: a buy take-profit at 990 and a sell stop at 995 are both
    reached, a buy stop at 1000 by its first trade."""
    story = market()
    for lots, price in ((1, 1_000), (1, 995), (1, 990)):
        story.order(B, BUY, lots, price)
    take = order_id(story.order(A, BUY, 1, 900, **stop_at(990, LAST, order_type=TAKE_LIMIT)))
    stop = order_id(story.order(A, SELL, 1, 1_200, **stop_at(995, LAST)))
    high = order_id(story.order(A, BUY, 1, 900, **stop_at(1_000, LAST)))
    events = story.order(C, SELL, 3, 990)
    assert fills(events) == [(1, 1_000), (1, 995), (1, 990)]
    # the first trade fires what is reached at 1000, the last what is reached at 990: the highest
    # trigger first
    assert triggered(events) == [high, stop, take]


@pytest.mark.parametrize(
    ("side", "bp", "path", "fires_at"),
    [
        (SELL, 500, (951,), 950),  # best 1000, 50 below it
        (SELL, 500, (1_100, 1_046), 1_045),  # best 1100: 55
        (SELL, 500, (1_100, 1_050, 1_099, 1_046), 1_045),  # it never comes down again
        (SELL, 500, (1_001,), 951),  # 5% of 1001 is 50.05: 50
        (BUY, 500, (1_049,), 1_050),
        (BUY, 500, (900, 944), 945),  # best 900: 45
        (BUY, 500, (900, 920, 901, 944), 945),
        (BUY, 333, (999, 1_031), 1_032),  # 3.33% of 999 is 33.27: 33
        (BUY, 10, (999,), 999),  # 0.1% of 999 is no tick: a look that is no better fires
        (SELL, 9_999, (2,), 1),  # 999.9: 999
    ],
)
def test_rule_4_2_a_trailing_stop_follows_its_best_and_fires_so_far_behind(
    side, bp, path, fires_at
):
    story = market()
    events = story.order(A, side, 5, 0, **trail(bp))
    armed = only(events, "order_armed")
    assert (armed["trigger_ticks"], armed["trail_bp"], armed["best_ticks"]) == (0, bp, 1_000)
    for ticks in path:
        assert triggered(story.price(ticks)) == []
    fired = only(story.price(fires_at), "order_triggered")
    assert (fired["order_id"], fired["value_ticks"]) == (armed["order_id"], fires_at)


def test_rule_4_2_a_trailing_stop_on_the_last_trade():
    story = market()
    move(story, LAST, 1_000)
    number = order_id(story.order(A, SELL, 5, 0, **trail(100, LAST)))
    assert triggered(move(story, LAST, 1_200)) == []  # best 1200, 12 below it
    assert triggered(story.price(1_000)) == []  # the mark is not its source
    assert triggered(move(story, LAST, 1_189)) == []
    assert triggered(move(story, LAST, 1_188)) == [number]


def test_the_nearest_trigger_fires_first_and_trailing_ones_before_all():
    """One move to 900: trailing, then below from the highest trigger, equal ones by arrival."""
    story = market()
    low = order_id(story.order(A, SELL, 1, 1_200, **stop_at(910)))
    high = order_id(story.order(A, SELL, 1, 1_200, **stop_at(950)))
    second = order_id(story.order(A, SELL, 1, 1_200, **stop_at(950)))
    trailing = order_id(story.order(A, SELL, 1, 0, **trail(500)))
    assert triggered(story.price(900)) == [trailing, high, second, low]


# What a fired order is refused for. C is poor, A is long 10; the trigger is a mark of 1010.
SMALL = {"position_lots_max": 14, "order_lots_max": 10}
REFUSED = [
    ({"band_static_ppb": 10 * PERCENT}, (A, BUY, 5, 1_112), {}, refusals.PRICE_OUTSIDE_BAND),
    ({}, (A, BUY, 5, 1_050), {"flags": POST_ONLY}, refusals.POST_ONLY_WOULD_TRADE),
    ({"order_value_max": 15_000}, (A, BUY, 15, 1_001), {}, refusals.VALUE_ABOVE_MAX),
    ({"order_value_min": 6_000}, (A, BUY, 5, 1_010), {}, refusals.VALUE_BELOW_MIN),
    (SMALL, (A, BUY, 5, 1_010), {}, refusals.POSITION_LIMIT),
    ({"open_interest_lots_max": 15, **SMALL}, (D, BUY, 5, 1_010), {}, refusals.OPEN_INTEREST_LIMIT),
    ({"level_orders_max": 1}, (A, BUY, 5, 1_000), {}, refusals.LEVEL_LIMIT),
    ({}, (C, BUY, 10, 1_010), {}, refusals.MARGIN_INSUFFICIENT),
    ({}, (A, SELL, 5, 1_020), {"flags": REDUCE_ONLY}, refusals.REDUCE_ONLY_NOTHING),
]


@pytest.mark.parametrize(("terms", "order", "more", "code"), REFUSED)
def test_rule_4_2_a_fired_order_that_is_refused_ends_with_the_code_and_its_sibling_with_it(
    terms, order, more, code
):
    """Before it, its sibling has been cancelled: the trigger decided between them."""
    story = market(**terms)
    story.trade(A, B, 10, 1_000)
    story.order(B, BUY, 6, 1_000)
    story.order(A, SELL, 6, 1_020)
    story.order(A, SELL, 10, 1_090, flags=REDUCE_ONLY)  # all that A has to reduce
    story.withdraw(C, story.cash(C) - 1_000)
    account, side, lots, price = order
    direction = {} if side == BUY else {"order_type": TAKE_LIMIT}
    number = order_id(
        story.order(account, side, lots, price, **(stop_at(1_010) | direction), **more)
    )
    never = stop_at(1_300) | direction
    sibling = order_id(story.order(account, side, 4, 1_300, **never, linked_id=number))
    events = story.price(1_010)
    assert triggered(events) == [number]
    assert ended(events) == [(sibling, 4, "linked"), (number, lots, "trigger")]
    codes = [event.values["code"] for event in named(events, "order_cancelled")]
    assert codes == [0, code]


def test_rule_4_2_a_fired_order_of_an_account_in_liquidation_is_refused():
    """Long 10 at 1000 with 1010: at 940 the maintenance of 470 is not met; the only bid takes a
    lot, the account cools down, and its stop finds it in liquidation."""
    story = Story(market().exchange.config.contracts[0])
    for account, cash in ((A, 10**6), (B, 10**6), (D, 1_010)):
        story.open(account, cash)
    story.price(1_000)
    story.trade(D, B, 10, 1_000)
    story.order(A, BUY, 2, 940)
    number = order_id(story.order(D, SELL, 10, 900, **stop_at(950, flags=REDUCE_ONLY)))
    events = story.price(940)
    assert story.account(D)["in_liquidation"] and story.lots(D) > 0
    assert triggered(events) == [number]
    assert ended(events)[-1] == (number, 10, "trigger")
    code = named(events, "order_cancelled")[-1].values["code"]
    assert code == refusals.ACCOUNT_IN_LIQUIDATION


def test_rule_2_5_reducing_triggers_come_before_others():
    """All fire at 1010; what opens came first, and is worked off last."""
    story = market()
    story.trade(B, A, 10, 1_000)
    opening = order_id(story.order(C, BUY, 1, 900, **stop_at(1_005)))
    reducing = order_id(story.order(A, BUY, 4, 900, **stop_at(1_010, flags=REDUCE_ONLY)))
    closing = order_id(story.order(A, BUY, 0, 900, **stop_at(1_010, flags=CLOSE)))
    assert triggered(story.price(1_010)) == [reducing, closing, opening]


def test_rule_2_5_contracts_take_turns():
    story = two_markets()
    story.price(1, 1_000, 2, 1_000)
    first = [order_id(story.order(A, BUY, 1, 900, **stop_at(1_010))) for _ in range(3)]
    second = [order_id(story.order(A, BUY, 1, 900, 2, **stop_at(1_010))) for _ in range(2)]
    events = story.price(1, 1_010, 2, 1_010)
    assert triggered(events) == [first[0], second[0], first[1], second[1], first[2]]


def test_rule_2_5_a_command_works_off_so_many_triggers_and_the_next_ones_the_rest():
    """Two a command; the reducing one fired last and still comes in the first two."""
    story = market(config={"triggers_max": 2})
    story.trade(B, A, 10, 1_000)
    others = [order_id(story.order(C, BUY, 1, 900, **stop_at(1_010))) for _ in range(4)]
    reducing = order_id(story.order(A, BUY, 4, 900, **stop_at(1_010, flags=REDUCE_ONLY)))
    assert triggered(story.price(1_010)) == [reducing, others[0]]
    # what has fired stays fired, and is a working order until its turn
    assert triggered(story.price(1_000)) == others[1:3]
    assert ended(story.cancel(C, others[3])) == [(others[3], 1, "client")]
    assert triggered(story.advance(1)) == []


def test_rule_2_5_orders_that_fire_while_others_are_worked_off_join_them():
    """The first stop buys at 1020: the last price is then where the second one fires."""
    story = market((B, 1, 1_020))
    move(story, LAST, 1_000)
    first = order_id(story.order(A, BUY, 1, 0, **market_stop_at(1_010)))
    second = order_id(story.order(C, BUY, 1, 900, **stop_at(1_020, LAST)))
    events = story.price(1_010)
    assert fills(events) == [(1, 1_020)]
    assert triggered(events) == [first, second]
    assert rests(story, second)


def test_rule_8_2_an_order_that_waits_reserves_nothing():
    story = market()
    story.order(A, BUY, 5, 1_010, **stop_at(1_010))
    assert story.position(A)["reserve_buy"] == 0
    story.price(1_010)
    assert story.position(A)["reserve_buy"] == 505  # 10% of 5 x 1010


# With the position: A is long 10.


@pytest.mark.parametrize("flags", [REDUCE_ONLY, CLOSE])
@pytest.mark.parametrize("lots", [10, 15])
def test_rule_4_3_reducing_triggers_end_with_the_position(flags, lots):
    """Closed, or turned over to the orders' own side."""
    story = market()
    story.trade(A, B, 10, 1_000)
    stop = order_id(story.order(A, SELL, 10, 900, **stop_at(950, flags=flags)))
    trailing = order_id(story.order(A, SELL, 10, 0, **trail(500, flags=flags)))
    stays = order_id(story.order(A, SELL, 10, 900, **stop_at(950)))
    story.order(C, BUY, lots, 1_000)
    events = story.order(A, SELL, lots, 1_000)
    assert ended(events) == [(stop, 10, "reduce_only"), (trailing, 10, "reduce_only")]
    assert triggered(story.price(940)) == [stays]


def test_rule_4_3_a_reducing_trigger_keeps_its_lots_and_is_cut_at_its_turn():
    """10 were asked for; 4 of the position are gone when it fires: 6 are left."""
    story = market()
    story.trade(A, B, 10, 1_000)
    stop = order_id(story.order(A, SELL, 10, 900, **stop_at(950, flags=REDUCE_ONLY)))
    story.order(C, BUY, 4, 1_000)
    assert cuts(story.order(A, SELL, 4, 1_000)) == []
    events = story.price(950)
    assert triggered(events) == [stop]
    assert cuts(events) == [(stop, 4, 6, "reduce_only")]


@pytest.mark.parametrize(("change", "lots"), [(5, 15), (-4, 6), (0, 10)])
def test_rule_4_2_close_position_is_the_whole_position_at_its_turn(change, lots):
    """It was entered at a position of 10, which has changed when it fires."""
    story = market()
    story.trade(A, B, 10, 1_000)
    events = story.order(A, SELL, 0, 0, **market_stop_at(950, flags=CLOSE))
    assert only(events, "order_accepted")["lots"] == 10
    if change > 0:
        story.trade(A, C, change, 1_000)
    elif change < 0:
        story.trade(C, A, -change, 1_000)
    story.order(D, BUY, 100, 950)
    events = story.price(950)
    assert fills(events) == [(lots, 950)]
    assert story.lots(A) == 0
    assert cancel_reasons(events) == []


def test_rule_4_2_close_position_takes_the_position_at_entry_when_it_does_not_wait():
    story = market()
    story.trade(A, B, 10, 1_000)
    story.order(D, BUY, 100, 950)
    events = story.order(A, SELL, 3, 950, flags=CLOSE)
    assert only(events, "order_accepted")["lots"] == 10
    assert fills(events) == [(10, 950)] and story.lots(A) == 0


def test_rule_4_2_a_fired_limit_keeps_its_own_time_in_force():
    story = market()
    kills = order_id(story.order(A, BUY, 5, 1_010, **stop_at(1_010, tif=IOC)))
    events = story.price(1_010)
    assert ended(events) == [(kills, 5, "ioc")]


def test_an_order_that_waits_can_not_be_amended_but_cancelled():
    story = market()
    stop = order_id(story.order(A, BUY, 5, 1_010, **stop_at(1_010)))
    assert refusal(story.amend(A, stop, 6, 1_010)) == refusals.ORDER_UNKNOWN
    assert refusal(story.cancel(B, stop)) == refusals.ORDER_UNKNOWN
    assert ended(story.cancel(A, stop)) == [(stop, 5, "client")]
    assert triggered(story.price(1_010)) == []


def test_rule_5_2_a_stop_waits_where_it_could_not_trade():
    """In post-only trading nobody may take: the stop keeps, and its target with it, until the
    contract trades again."""
    story = market()
    story.trade(A, B, 10, 1_000)
    target = order_id(story.order(A, SELL, 10, 1_100, flags=REDUCE_ONLY))
    terms = market_stop_at(950, flags=REDUCE_ONLY)
    stop = order_id(story.order(A, SELL, 10, 0, **terms, linked_id=target))
    story.order(C, BUY, 10, 940)
    story.change_state(words.STATE_POST_ONLY)
    events = story.price(945)
    assert triggered(events) == [] and rests(story, target)
    events = story.change_state(words.STATE_CONTINUOUS)
    assert triggered(events) == [stop] and fills(events) == [(10, 940)]
    assert story.lots(A) == 0


@pytest.mark.parametrize("waits", [True, False])
def test_rule_4_2_close_position_closes_however_much_it_is_worth(waits):
    """100 at 1000 are worth twice the largest order."""
    story = market(order_value_max=50_000)
    for _ in range(2):
        story.trade(A, B, 50, 1_000)
    for ticks in (900, 899):
        story.order(C, BUY, 50, ticks)
    terms = market_stop_at(900) if waits else MARKET_AT_ONCE
    events = story.order(A, SELL, 1, 0, **terms, flags=CLOSE)
    if waits:
        events = story.price(900)
    assert sum(lots for lots, _ in fills(events)) == 100
    assert story.lots(A) == 0


def test_rule_4_9_a_stop_that_reduces_at_once_needs_no_page_of_the_book():
    """All pages are taken, and its own stays so: B waits on it, too. The bid that it hits is
    there."""
    story = market()
    story.trade(A, B, 5, 1_000)
    story.order(B, SELL, 1, 900, **stop_at(900))
    stop = order_id(story.order(A, SELL, 5, 0, **market_stop_at(950, flags=REDUCE_ONLY)))
    story.order(C, BUY, 5, 940)
    engine = story.exchange.arena.engine
    engine["pages_top"], engine["pages_free"] = bounds.PAGES_MAX, 0
    events = story.price(950)
    assert triggered(events) == [stop] and fills(events) == [(5, 940)]


def test_rule_4_9_orders_without_margin_can_not_take_the_pages_of_the_book():
    story = market()
    engine = story.exchange.arena.engine
    engine["pages_armed"] = bounds.ARMED_PAGES_MAX
    assert refusal(story.order(A, SELL, 1, 900, **stop_at(900))) == refusals.POOL_FULL
    assert refusal(story.order(A, BUY, 1, 900)) == refusals.OK
    engine["pages_armed"] = bounds.ARMED_PAGES_MAX - 1
    assert refusal(story.order(A, SELL, 1, 900, **stop_at(900))) == refusals.OK
