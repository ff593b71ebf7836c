"""Auctions, bands and interruptions: rules 5.2, 5.3, 5.4, 16 h, by hand arithmetic."""

import random

import pytest

from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND
from engine.views import choose_uncross
from tests.rules.auction_story import (
    AUCTION,
    BOTH,
    CONTINUOUS,
    DECREMENT,
    NEWEST,
    NO_STP,
    OLDEST,
    PRE_OPEN,
    RICH,
    change,
    collecting,
    fills,
    states,
    trading,
    uncrossed,
)  # fmt: skip
from tests.rules.story import (
    BUY,
    FOK,
    GTC,
    IOC,
    PERCENT,
    SELL,
    START_NS,
    A,
    B,
    C,
    D,
    E,
    Story,
    cancel_reasons,
    contract,
    named,
    only,
    order_id,
    refusal,
)

# fmt: off
PRICES = [
    # bids, asks as (price, lots); last trade, static reference; price, volume, surplus of buys
    # 1: most volume. At 101 and 102 ten lots trade, elsewhere five or none.
    ([(102, 10), (100, 5)], [(101, 10), (103, 5)], 0, 0, 101, 10, 0),
    # 2: least surplus. From 100 to 102 five lots trade; at 101 and 102 five more want to buy,
    # at 100 eight more. All of them buy surplus: the highest.
    ([(102, 10), (100, 3)], [(100, 5)], 0, 0, 102, 5, 5),
    # 3: the side of the surplus. A surplus of sells: the lowest.
    ([(102, 5)], [(100, 10)], 0, 0, 100, 5, -5),
    ([(102, 5), (101, 5)], [(100, 20)], 0, 0, 100, 10, -10),
    # 4: no surplus from 100 to 104: nearest the last trade,
    ([(104, 5)], [(100, 5)], 103, 0, 103, 5, 0),
    ([(104, 5)], [(100, 5)], 99, 0, 100, 5, 0),
    ([(104, 5)], [(100, 5)], 120, 101, 104, 5, 0),
    ([(104, 5)], [(100, 5)], 0, 101, 101, 5, 0),  # before the first: the static one
    ([(104, 5)], [(100, 5)], 0, 0, 102, 5, 0),    # without: the middle
    ([(105, 5)], [(100, 5)], 0, 0, 102, 5, 0),    # rounded down
    # The run without surplus is bounded by the next orders: 101 to 103.
    ([(104, 5), (100, 7)], [(99, 5), (104, 9)], 120, 0, 103, 5, 0),
    ([(104, 5), (100, 7)], [(99, 5), (104, 9)], 1, 0, 101, 5, 0),
    # The next bid 101 and the next ask 102 leave no tick between: +3 at 101, -4 at 102.
    ([(104, 5), (101, 3)], [(99, 5), (102, 4)], 120, 0, 101, 5, 3),
    ([(104, 5), (101, 4)], [(99, 5), (102, 3)], 1, 0, 102, 5, -3),
    # Equal: 100 and 101 with +3, 102 and 103 with -3; the nearest to the reference of all four.
    ([(104, 5), (101, 3), (99, 1)], [(99, 5), (102, 3), (104, 1)], 120, 0, 103, 5, -3),
    ([(104, 5), (101, 3), (99, 1)], [(99, 5), (102, 3), (104, 1)], 1, 0, 100, 5, 3),
    ([(104, 5), (101, 3), (99, 1)], [(99, 5), (102, 3), (104, 1)], 0, 0, 101, 5, 3),
    ([(100, 5)], [(101, 5)], 0, 0, 0, 0, 0),  # nothing meets
    ([], [(101, 5)], 0, 0, 0, 0, 0),
    ([(100, 5)], [(100, 5)], 7, 0, 100, 5, 0),
]
# fmt: on


@pytest.mark.parametrize(("bids", "asks", "last", "static", "price", "volume", "surplus"), PRICES)
def test_rule_5_2_the_price_of_the_uncross(bids, asks, last, static, price, volume, surplus):
    story = trading(mark=100, auction_reference_ticks=static, price_ticks_max=2_000)
    if last:
        story.trade(C, D, 1, last)
    change(story, AUCTION)
    for ticks, lots in bids:
        story.order(A, BUY, lots, ticks)
    for ticks, lots in asks:
        story.order(B, SELL, lots, ticks)
    assert story.exchange.indicative(1) == (price, volume, surplus)
    published = only(story.advance(1), "indicative_published")
    assert tuple(published.values()) == (price, volume, surplus)
    events = story.advance(299)
    assert uncrossed(events) == (price, volume, surplus)
    assert all(fill[0] == price for fill in fills(events))
    assert sum(lots for _, lots in fills(events)) == volume
    assert states(events) == [("continuous", "uncrossed")]


def brute_price(bids: dict[int, int], asks: dict[int, int], reference: int) -> tuple[int, ...]:
    """The four steps of 5.2 over every tick, word by word."""
    rows = []
    for tick in range(1, 40):
        buys = sum(lots for price, lots in bids.items() if price >= tick)
        sells = sum(lots for price, lots in asks.items() if price <= tick)
        rows.append((tick, min(buys, sells), buys - sells))
    volume = max(row[1] for row in rows)
    if volume == 0:
        return 0, 0, 0
    rows = [row for row in rows if row[1] == volume]
    least = min(abs(row[2]) for row in rows)
    rows = [row for row in rows if abs(row[2]) == least]
    if all(row[2] > 0 for row in rows):
        best = rows[-1]
    elif all(row[2] < 0 for row in rows):
        best = rows[0]
    else:
        middle = reference or (rows[0][0] + rows[-1][0]) // 2
        best = min(rows, key=lambda row: (abs(row[0] - middle), row[0]))
    return best[0], volume, best[2]


def test_rule_5_2_the_view_is_the_rule_over_all_ticks():
    draws = random.Random(52)
    for _ in range(3_000):
        bids, asks = (
            {draws.randint(1, 38): draws.randint(1, 4) for _ in range(draws.randint(0, 6))}
            for _ in range(2)
        )
        reference = draws.choice((0, draws.randint(1, 38)))
        assert choose_uncross(bids, asks, reference) == brute_price(bids, asks, reference)


@pytest.mark.parametrize("seed", range(12))
def test_rule_5_2_the_engine_is_the_rule_over_all_ticks(seed):
    """Icebergs count whole; cancels and reductions move the price."""
    draws = random.Random(seed)
    story = trading(mark=20, price_ticks_max=38)
    if seed % 3:
        story.trade(C, D, 1, draws.randint(1, 38))
    last = int(story.exchange.contract(1)["last_trade_ticks"])
    change(story, PRE_OPEN)
    working: dict[int, tuple[int, int, int]] = {}
    for _ in range(25):
        side, price, lots = draws.randint(0, 1), draws.randint(1, 38), draws.randint(1, 9)
        display = draws.randint(0, lots)
        events = story.order((A, B)[side], side, lots, price, display_lots=display)
        working[order_id(events)] = (side, price, lots)
        if draws.random() < 0.2:
            number = draws.choice(sorted(working))
            story.cancel((A, B)[working.pop(number)[0]], number)
        sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for at, ticks, open_lots in working.values():
            sides[at][ticks] = sides[at].get(ticks, 0) + open_lots
        expected = brute_price(*sides, last)
        assert story.exchange.indicative(1) == expected
        published = only(story.advance(1), "indicative_published")
        assert tuple(published.values()) == expected


# Collecting.


@pytest.mark.parametrize("state", [PRE_OPEN, AUCTION])
def test_rule_5_2_orders_are_collected(state):
    story = trading()
    change(story, state)
    assert refusal(story.order(A, BUY, 1, 1_000, tif=IOC)) == refusals.CONTRACT_COLLECTING
    assert refusal(story.order(A, BUY, 1, 1_000, tif=FOK)) == refusals.CONTRACT_COLLECTING
    number = order_id(story.order(A, BUY, 5, 1_010))
    events = story.order(B, SELL, 5, 990, flags=words.POST_ONLY)  # crosses, and rests
    assert not fills(events) and refusal(events) == 0
    assert story.exchange.depth(1) == ([(1_010, 5)], [(990, 5)])
    amended = story.submit(
        commands.AmendOrder(
            time_ns=story.now_ns, account=A, client_id=story.client_id(),
            order_id=number, price_ticks=1_020, lots=7,
        )
    )  # fmt: skip
    assert only(amended, "order_amended")["priority_kept"] == 0 and not fills(amended)
    assert cancel_reasons(story.cancel(A, number)) == [(A, "client")]


def test_rule_5_2_time_priority_within_the_price():
    """A's buy at the better price first, then B's before C's at 1000; E sells 12 of 15."""
    story = collecting()
    story.order(B, BUY, 5, 1_000)
    story.order(C, BUY, 5, 1_000)
    story.order(A, BUY, 5, 1_001)
    story.order(E, SELL, 12, 1_000)
    events = change(story, CONTINUOUS)
    assert [(e.account, e.values["position_lots"]) for e in named(events, "leg")] == [
        (A, 5), (E, -5), (B, 5), (E, -10), (C, 2), (E, -12),
    ]  # fmt: skip
    assert uncrossed(events) == (1_000, 12, 3)
    trade = named(events, "trade")[0].values
    assert trade["taker_side"] == 2
    assert story.exchange.depth(1) == ([(1_000, 3)], [])
    assert states(events) == [("continuous", "operator")]


def test_rule_5_2_events_of_an_auction():
    story = trading(auction_ns=10 * NS_PER_SECOND, auction_indicative_ns=4 * NS_PER_SECOND)
    events = change(story, AUCTION)
    assert [event.name for event in events] == ["state_changed", "auction_started"]
    assert only(events, "auction_started")["ends_ns"] == START_NS + 10 * NS_PER_SECOND
    events = story.advance(20)
    names = [event.name for event in events]
    assert names == [
        "indicative_published", "indicative_published", "uncrossed", "state_changed",
        "time_advanced",
    ]  # fmt: skip
    assert uncrossed(events) == (0, 0, 0)


def test_rule_5_2_a_pre_opening_ends_by_hand_and_keeps_its_clock():
    story = trading(auction_indicative_ns=4 * NS_PER_SECOND)
    change(story, PRE_OPEN)
    assert not named(story.advance(3), "indicative_published")
    change(story, AUCTION)
    assert named(story.advance(1), "indicative_published")
    change(story, PRE_OPEN)
    assert len(named(story.advance(400), "indicative_published")) == 100
    assert story.state() == "pre_open"


def test_rule_8_8_both_sides_of_an_uncross_pay_the_makers_fee():
    """0.1% of 10 x 1000 is 10; a rebate is no fee at all."""
    story = collecting(fee_maker_ppb=1_000_000, fee_taker_ppb=2_000_000)
    story.order(A, BUY, 10, 1_000)
    story.order(B, SELL, 10, 1_000)
    legs = named(change(story, CONTINUOUS), "leg")
    assert [leg.values["fee"] for leg in legs] == [10, 10]
    story = collecting(fee_maker_ppb=-1_000_000, fee_taker_ppb=2_000_000)
    story.order(A, BUY, 10, 1_000)
    story.order(B, SELL, 10, 1_000)
    assert [leg.values["fee"] for leg in named(change(story, CONTINUOUS), "leg")] == [0, 0]


def test_rule_4_2_an_iceberg_trades_as_one_in_an_uncross():
    """10 lots, 2 displayed: 7 trade, hidden ones first; it keeps 2 displayed, 1 hidden."""
    story = collecting()
    story.order(A, BUY, 10, 1_000, display_lots=2)
    story.order(B, SELL, 7, 1_000)
    events = change(story, CONTINUOUS)
    assert fills(events) == [(1_000, 7)] and uncrossed(events) == (1_000, 7, 3)
    assert story.exchange.depth(1)[0] == [(1_000, 2)]
    assert story.exchange.indicative(1) == (0, 0, 0)
    assert fills(story.order(B, SELL, 5, 1_000)) == [(1_000, 2), (1_000, 1)]


# Self-trade prevention inside an uncross (4.7): A and B are of one group; A's buy came first.


@pytest.mark.parametrize(
    ("mode", "ended", "traded"),
    [
        # B's sell of 15 is the later; E sells 5 behind it, D buys 5 behind A's 10.
        (NEWEST, [(B, 15)], 5),  # 10 are done without a trade; A then meets E
        (OLDEST, [(A, 10)], 5),  # B meets D with 5 of its 15
        (BOTH, [(A, 10), (B, 15)], 5),  # D meets E
        (DECREMENT, [(A, 10)], 5),  # B keeps 5 and meets D
        (NO_STP, [], 15),
    ],
)
def test_rule_4_7_self_trade_inside_an_uncross(mode, ended, traded):
    story = trading(stp_none_allowed=True, rich=False)
    for account in (A, B):
        story.open(account, RICH, group=77)
    story.open(D, RICH)
    story.open(E, RICH)
    change(story, AUCTION)
    story.order(A, BUY, 10, 1_001)
    story.order(D, BUY, 5, 1_000)
    story.order(B, SELL, 15, 1_000, stp=mode)
    story.order(E, SELL, 5, 1_000)
    events = change(story, CONTINUOUS)
    found = [
        (e.account, e.values["lots"])
        for e in named(events, "order_cancelled")
        if e.values["reason"] == words.CANCEL_SELF_TRADE
    ]
    assert found[: len(ended)] == ended
    assert uncrossed(events)[1] == traded
    bids, asks = story.exchange.depth(1)
    assert not bids or not asks or bids[0][0] < asks[0][0]


def test_rule_4_7_the_later_order_decides_also_across_collections():
    """B's order rested before the collection, so A's of the auction is the later one."""
    story = trading(rich=False)
    for account in (A, B):
        story.open(account, RICH, group=77)
    story.order(B, SELL, 10, 1_000, stp=OLDEST)
    change(story, PRE_OPEN)
    story.order(A, BUY, 10, 1_000, stp=NEWEST)
    events = change(story, CONTINUOUS)
    assert cancel_reasons(events) == [(A, "self_trade")]
    assert story.exchange.depth(1) == ([], [(1_000, 10)])


def test_rule_5_2_what_self_trade_leaves_crossed_is_cancelled_behind_the_uncross():
    """A 10 against B 10, the later, cancelled; ten lots are done. A and E still cross: A's ten
    were of that pair and are not replaced, so that A yields, not E, who has no part in it."""
    story = trading(rich=False)
    for account in (A, B):
        story.open(account, RICH, group=77)
    story.open(E, RICH)
    change(story, AUCTION)
    story.order(A, BUY, 10, 1_000)
    story.order(B, SELL, 10, 999)
    story.order(E, SELL, 10, 1_000)
    events = change(story, CONTINUOUS)
    assert cancel_reasons(events) == [(B, "self_trade"), (A, "self_trade")]
    assert uncrossed(events)[1] == 0 and fills(events) == []
    assert story.exchange.depth(1) == ([], [(1_000, 10)])


def test_rule_5_2_nobody_clears_an_auction_of_others_with_orders_of_his_own():
    """A's bid of 10 meets the asks of its own group, 10 at 990 and 10 at 1000. B's 5 stay."""
    story = trading(rich=False)
    for account in (A, D):
        story.open(account, RICH, group=77)
    story.open(B, RICH)
    change(story, AUCTION)
    story.order(A, BUY, 10, 1_000)
    story.order(B, SELL, 5, 1_000)
    story.order(D, SELL, 10, 1_000)
    story.order(D, SELL, 10, 990)
    events = change(story, CONTINUOUS)
    assert B not in [account for account, _ in cancel_reasons(events)]
    assert story.exchange.depth(1)[1][0] == (1_000, 15)


# Solvency inside an uncross (9.0).


def test_rule_9_0_breaching_orders_are_cancelled_and_the_price_recomputed():
    """At mark 1000 D with 400 bids 3 at 1100: at 1100 each lot costs 100, 300 in all, and its
    equity of 100 is below the maintenance of 150: slippage. Without it 5 trade, at 1050 where
    only B and C are left: their buy 5 at 1060, sell 5 at 1050, no reference: 1055.
    """
    story = trading(rich=False, market_range_ppb=0)
    for account, cash in ((B, RICH), (C, RICH), (E, RICH), (D, 1_000)):
        story.open(account, cash)
    change(story, AUCTION)
    story.order(D, BUY, 3, 1_100)
    story.order(E, SELL, 8, 1_050)
    story.order(B, BUY, 3, 1_100)
    story.order(C, BUY, 2, 1_100)
    assert story.exchange.indicative(1)[:2] == (1_075, 8)
    story.price(1_000)
    assert story.withdraw(D, 1) and story.state() == "auction"
    events = change(story, CONTINUOUS)
    assert uncrossed(events)[1] == 8 and not cancel_reasons(events)
    story = trading(rich=False)
    for account, cash in ((B, RICH), (C, RICH), (E, RICH), (D, 650)):
        story.open(account, cash)
    change(story, AUCTION)
    # 3 lots need 330 of initial margin and 300 of opening loss.
    assert refusal(story.order(D, BUY, 3, 1_100)) == 0
    story.order(B, BUY, 2, 1_100)
    story.order(C, BUY, 5, 1_060)
    story.order(E, SELL, 7, 1_100)
    story.order(E, SELL, 3, 1_050)
    # At 1100 five lots trade (bids of 5), at 1060 ten bids meet three: 1100 it is.
    assert story.exchange.indicative(1) == (1_100, 5, -5)
    story.price(900)
    # Mark 900: 3 lots at 1100 cost 600 of D's 650; 50 is below the maintenance of 135.
    events = change(story, CONTINUOUS)
    assert cancel_reasons(events) == [(D, "slippage")]
    # Without D: two bids at 1100 against seven; at 1060 seven bids against three: three trade.
    assert uncrossed(events) == (1_060, 3, 4)
    assert [(e.account, e.values["position_lots"]) for e in named(events, "leg")] == [
        (B, 2), (E, -2), (C, 1), (E, -3),
    ]  # fmt: skip


def test_rule_9_0_an_uncross_may_not_bankrupt():
    """D with 650 bids 3 at 1100; the mark falls to 850: 3 x 250 is more than it has."""
    story = trading(rich=False)
    story.open(D, 650)
    story.open(E, RICH)
    change(story, AUCTION)
    story.order(D, BUY, 3, 1_100)
    story.order(E, SELL, 3, 1_100)
    story.price(850)
    events = change(story, CONTINUOUS)
    assert cancel_reasons(events) == [(D, "solvency")]
    assert uncrossed(events) == (0, 0, 0) and story.equity(D) == 650


def test_rule_9_0_the_trial_takes_a_fee_from_what_the_fill_has_left():
    """A has 4. It buys at 990 of a mark of 1000, gains 10, and pays a fee of ceil(9.9) = 10 from
    the 14: its sell would cost the other 4 and 6 more, so it is out before the uncross."""
    rates = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
    thin = {"initial_ppb": PERCENT // 5, "maintenance_ppb": PERCENT // 10}
    story = Story(contract(1, fee_maker_ppb=PERCENT, **rates), contract(2, **thin))
    for account, cash in ((A, 1_000), (B, RICH), (C, RICH)):
        story.open(account, cash)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, B, 4, 1_000, 2)
    change(story, AUCTION)
    for account, side in ((A, BUY), (B, SELL), (C, BUY), (A, SELL)):
        assert order_id(story.order(account, side, 1, 990))
    story.price(2, 751)
    assert story.equity(A) == 1_000 - 4 * 249 == 4
    events = change(story, CONTINUOUS)
    assert cancel_reasons(events)[0] == (A, "solvency")
    assert uncrossed(events) == (990, 1, 1)
    assert fills(events)[0] == (990, 1)


def test_rule_9_0_pairs_that_the_trial_never_saw_are_judged_at_the_fill():
    """C, long 5, sells 5 at 1000 and keeps a reduce-only sell of 5 at 1000 behind it: the first
    fill ends the second order, and D's buy then meets E, which the trial paired with nobody."""
    story = trading()
    story.trade(C, A, 5, 1_000)
    story.order(C, SELL, 5, 1_010, flags=words.REDUCE_ONLY)
    change(story, AUCTION)
    story.order(C, SELL, 5, 999)
    story.order(D, BUY, 10, 1_010)
    story.order(E, SELL, 5, 1_010)
    events = change(story, CONTINUOUS)
    assert cancel_reasons(events) == [(C, "reduce_only")]
    assert fills(events) == [(1_010, 5), (1_010, 5)]
    assert (story.lots(C), story.lots(D), story.lots(E)) == (0, 10, -5)


MODES = (NEWEST, OLDEST, BOTH, DECREMENT, NO_STP)


def random_order(story: Story, draws: random.Random, mark: int, last: dict[int, int]) -> None:
    account = draws.choice((A, B, C, D, E))
    price = min(max(mark + draws.randint(-5, 5), 1), 200)
    terms = {"stp": draws.choice(MODES), "tif": draws.choice((GTC, GTC, GTC, IOC, FOK))}
    terms["flags"] = draws.choice((0, 0, 0, 0, words.POST_ONLY, words.REDUCE_ONLY))
    if terms["flags"] == words.POST_ONLY:
        terms["tif"] = GTC
    if terms["tif"] == GTC:
        terms["display_lots"] = draws.choice((0, 0, 1))
        terms["linked_id"] = draws.choice((0, 0, last.get(account, 0)))
    events = story.order(account, draws.randint(0, 1), draws.randint(1, 30), price, **terms)
    if named(events, "order_accepted"):
        last[account] = named(events, "order_accepted")[0].values["order_id"]


def random_bracket(story: Story, draws: random.Random, mark: int) -> None:
    side = draws.randint(0, 1)
    price, sign = mark + draws.randint(-3, 3), 1 if side == BUY else -1
    story.submit(
        commands.PlaceBracket(
            time_ns=story.now_ns, account=draws.choice((A, B, C, D, E)), contract=1, side=side,
            client_id=story.client_id(), lots=draws.randint(1, 9), price_ticks=price,
            stop_ticks=price - 3 * sign, target_ticks=price + 2 * sign,
            trigger_source=words.SOURCE_LAST,
        )
    )  # fmt: skip


def random_quotes(story: Story, draws: random.Random, mark: int) -> None:
    fields = {"time_ns": story.now_ns, "account": draws.choice((C, D, E)), "protection": 1}
    if draws.random() < 0.3:
        story.submit(
            commands.SetProtection(
                client_id=story.client_id(), window_ns=NS_PER_SECOND, lots_max=6, **fields
            )
        )
    quote = commands.Quote(
        1, mark + draws.randint(-4, 3), draws.randint(0, 9), mark + draws.randint(-3, 4),
        draws.randint(0, 9),
    )  # fmt: skip
    story.submit(commands.MassQuote(client_id=story.client_id(), rows=(quote,), **fields))


@pytest.mark.parametrize("seed", range(10))
def test_rule_14_random_auctions_break_nothing(seed):
    """Poor and rich accounts of shared groups, every kind of order, moving marks, changes of
    state: every command is followed by the invariants."""
    draws = random.Random(seed)
    story = Story(
        contract(
            initial_ppb=5 * PERCENT, maintenance_ppb=4 * PERCENT, price_ticks_max=200,
            auction_ns=5 * NS_PER_SECOND, band_dynamic_ppb=draws.choice((0, 0, 3 * PERCENT)),
            fee_taker_ppb=2_000_000, fee_maker_ppb=1_000_000, liquidation_fee_ppb=1_000_000,
            liquidation_cooldown_ns=NS_PER_SECOND, stp_none_allowed=True,
            source_stale_ns=8 * NS_PER_SECOND,
        ),
        fund_cash=500,
    )  # fmt: skip
    for account, group in zip((A, B, C, D, E), (1, 1, 2, 3, 4), strict=True):
        story.open(account, draws.choice((150, 300, 1_000)), group=group)
    mark = 100
    story.price(mark)
    last: dict[int, int] = {}
    for _ in range(150):
        kind = draws.randint(0, 19)
        if kind < 11:
            random_order(story, draws, mark, last)
        elif kind < 13:
            mark = min(max(mark + draws.randint(-9, 9), 60), 140)
            story.price(mark)
        elif kind < 15:
            states_to = (CONTINUOUS, CONTINUOUS, CONTINUOUS, AUCTION, AUCTION, PRE_OPEN, 6)
            change(story, draws.choice(states_to))
        elif kind < 16:
            random_bracket(story, draws, mark)
        elif kind < 18:
            random_quotes(story, draws, mark)
        elif kind < 19:
            story.deposit(draws.choice((A, B, C, D, E)), draws.choice((30, 100)))
        else:
            story.advance(draws.randint(1, 3))
