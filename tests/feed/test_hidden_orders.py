"""Icebergs, waiting orders and auctions, from events written by hand (4.2, 4.5, 5.2, 11.4)."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.feed import encoding
from engine.feed.book import LevelsBook, OrdersBook, TopBook
from engine.feed.follower import AUCTION, OrderFollower, Rested, events_by_command
from engine.feed.messages import (
    ALL_LINES,
    BestChanged,
    IndicativePublished,
    Line,
    OrderAdded,
    OrderDeleted,
    OrderExecuted,
    OrderReduced,
    Traded,
    Uncrossed,
)
from engine.feed.private import PrivateFeed
from engine.feed.public import PublicFeed
from engine.feed.reader import FeedReader
from engine.feed.reports import (
    CommandRefused,
    OrderExpired,
    OrderFilled,
    OrderRested,
    TradingStopped,
)
from engine.schema import vocabulary as words
from engine.schema.commands import DEPOSIT, PLACE_ORDER
from engine.schema.events import FIELDS, TYPES, Event, typed_event
from engine.schema.vocabulary import BUY, FUND, SELL
from tests.feed.streams import Market, drive
from tests.oracle.workload import configs

ANN, BOB, CAT = 2, 3, 4
KINDS = {name: fields for name, fields in FIELDS.values()}
TYPE_OF: dict[str, Any] = {type_.name: type_ for type_ in TYPES.values()}


class Story:
    """Events by name, command by command, and what the public feed makes of them."""

    def __init__(self) -> None:
        self.sequence = 0
        self.events: list[Event] = []
        self.positions: dict[int, int] = {}

    def command(self) -> "Story":
        self.sequence += 1
        return self

    def say(self, event: str, account: int = 0, contract: int = 1, **values: int) -> "Story":
        assert set(values) <= set(KINDS[event]), (event, values)
        whole = dict.fromkeys(KINDS[event], 0) | values
        self.events.append(TYPE_OF[event](self.sequence, contract, account, **whole))
        return self

    def accept(self, account, order_id, side, price, lots, kind=words.LIMIT, tif=0, flags=0):
        return self.command().say(
            "order_accepted", account, order_id=order_id, client_id=order_id, side=side,
            price_ticks=price, lots=lots, terms=kind | tif << 8 | flags << 16,
        )  # fmt: skip

    def rested(self, account, order_id, side, price, lots):
        values = {"order_id": order_id, "side": side, "price_ticks": price, "lots": lots}
        return self.say("order_rested", account, **values)

    def trade(self, price, lots, taker, maker, side):
        return self.say(
            "trade", price_ticks=price, lots=lots,
            taker_order_id=taker, maker_order_id=maker, taker_side=side,
        )  # fmt: skip

    def leg(self, account, order_id, signed):
        self.positions[account] = self.positions.get(account, 0) + signed
        return self.say("leg", account, order_id=order_id, position_lots=self.positions[account])

    def iceberg(self):
        """Ann shows 10 of 100 at 50; Bob stands behind her with 7."""
        self.accept(ANN, 1, SELL, 50, 100).rested(ANN, 1, SELL, 50, 10)
        return self.accept(BOB, 2, SELL, 50, 7)

    def read(self) -> OrdersBook:
        """The book behind all events; L2 and L1 must agree with it."""
        published = PublicFeed().publish(self.events)
        orders, levels = FeedReader(OrdersBook, 1), FeedReader(LevelsBook, 1)
        top = FeedReader(TopBook, 1)
        orders.read(published[Line.ORDERS])
        levels.read(published[Line.LEVELS])
        top.read(published[Line.TOP])
        assert orders.book.best() == levels.book.best() == top.book.best()
        for side in (BUY, SELL):
            assert orders.book.levels(side) == levels.book.levels(side)
        return orders.book

    def said(self, line=Line.ORDERS) -> list:
        return PublicFeed().publish(self.events)[line]


def asks(story: Story) -> list[tuple[int, int, int]]:
    return story.read().orders(SELL)


def bids(story: Story) -> list[tuple[int, int, int]]:
    return story.read().orders(BUY)


def test_4_2_an_iceberg_shows_its_slice_and_refills_behind_the_others():
    story = Story().iceberg()
    assert asks(story) == [(1, 50, 10), (2, 50, 7)]
    story.accept(CAT, 3, BUY, 50, 12, tif=words.IOC).trade(50, 10, 3, 1, BUY)
    story.say("order_refilled", ANN, order_id=1, price_ticks=50, lots=10, lots_hidden=80)
    story.leg(CAT, 3, 10).leg(ANN, 1, -10).trade(50, 2, 3, 2, BUY).leg(CAT, 3, 2).leg(BOB, 2, -2)
    assert asks(story) == [(2, 50, 5), (3, 50, 10)]
    assert story.read().levels(SELL) == [(50, 15)]
    filled = [r for r in PrivateFeed().publish(story.events) if isinstance(r, OrderFilled)]
    assert [(r.account, r.lots_open) for r in filled] == [(4, 2), (2, 90), (4, 0), (3, 5)]
    rested = [r for r in PrivateFeed().publish(story.events) if isinstance(r, OrderRested)]
    assert [(r.public_id, r.lots_displayed, r.lots_open) for r in rested] == [
        (1, 10, 100),
        (2, 7, 7),
        (3, 10, 90),
    ]


@pytest.mark.parametrize(
    ("reason", "lots", "lots_open", "shown"),
    [
        (words.CANCEL_REDUCE_ONLY, 60, 40, 10),  # hidden lots first
        (words.CANCEL_LINKED, 95, 5, 5),
        (words.CANCEL_SELF_TRADE, 4, 96, 6),  # displayed lots met the aggressor
    ],
)
def test_cuts_of_an_iceberg(reason, lots, lots_open, shown):
    story = Story().iceberg().command()
    story.say("order_reduced", ANN, order_id=1, lots=lots, reason=reason, lots_open=lots_open)
    assert asks(story) == [(1, 50, shown), (2, 50, 7)]
    said = [m for m in story.said() if isinstance(m, OrderReduced)]
    assert len(said) == (shown != 10)


def test_self_trade_that_takes_the_whole_slice_is_refilled():
    story = Story().iceberg().command()
    story.say(
        "order_reduced", ANN, order_id=1, lots=10, reason=words.CANCEL_SELF_TRADE, lots_open=90
    )
    story.say("order_refilled", ANN, order_id=1, price_ticks=50, lots=10, lots_hidden=80)
    assert asks(story) == [(2, 50, 7), (3, 50, 10)]


def test_amendments_of_an_iceberg():
    story = Story().iceberg().command()
    kept = {"order_id": 1, "price_ticks": 50, "priority_kept": 1}
    story.say("order_amended", ANN, lots_open=30, **kept)
    assert asks(story) == [(1, 50, 10), (2, 50, 7)]
    story.command().say("order_amended", ANN, lots_open=4, **kept)
    assert asks(story) == [(1, 50, 4), (2, 50, 7)]
    story.command().say("order_amended", ANN, order_id=1, price_ticks=51, lots_open=200)
    story.rested(ANN, 1, SELL, 51, 10)
    assert asks(story) == [(2, 50, 7), (3, 51, 10)]


def with_a_stop(story: Story, is_seen: bool) -> Story:
    """Bob's stop waits, expires or is cancelled: nothing that anyone else may see."""
    if is_seen:
        terms = {"kind": words.STOP_LIMIT, "tif": words.GTD}
        story.accept(BOB, 77, BUY, 61, 9, **terms)
        story.say("order_armed", BOB, order_id=77, trigger_ticks=60, source=1)
        story.command().say(
            "order_cancelled", BOB, order_id=77, price_ticks=61, lots=9, reason=words.CANCEL_EXPIRY
        )
    return story


def test_11_4_a_stop_that_never_fires_leaves_no_trace():
    with_stop, without = Story().iceberg(), Story().iceberg()
    for story, is_seen in ((with_stop, True), (without, False)):
        with_a_stop(story, is_seen)
        story.sequence = 9
        story.accept(CAT, 5, BUY, 40, 1)
    for line in ALL_LINES:
        assert encoding.encode_json(with_stop.said(line)) == encoding.encode_json(
            without.said(line)
        )
    assert any(isinstance(r, OrderExpired) for r in PrivateFeed().publish(with_stop.events))


def test_a_fired_stop_limit_is_seen_when_it_rests():
    story = Story().accept(ANN, 1, BUY, 55, 9, kind=words.STOP_LIMIT)
    story.say("order_armed", ANN, order_id=1, trigger_ticks=60, source=1)
    assert bids(story) == []
    story.accept(BOB, 2, SELL, 55, 4)
    story.command().say("order_triggered", ANN, order_id=1, trigger_ticks=60, value_ticks=61)
    story.trade(55, 4, 1, 2, BUY).leg(ANN, 1, 4).leg(BOB, 2, -4).rested(ANN, 1, BUY, 55, 5)
    assert bids(story) == [(2, 55, 5)] and asks(story) == []


def test_a_fired_order_that_slid_rests_where_the_engine_says():
    flags = words.POST_ONLY | words.SLIDE
    story = Story().accept(ANN, 1, BUY, 55, 9, kind=words.STOP_LIMIT, flags=flags)
    story.say("order_armed", ANN, order_id=1).accept(BOB, 2, SELL, 53, 4)
    story.command().say("order_triggered", ANN, order_id=1).rested(ANN, 1, BUY, 52, 9)
    assert bids(story) == [(2, 52, 9)]


def test_a_close_position_order_fires_with_the_position():
    terms = {"kind": words.STOP_MARKET, "tif": words.IOC, "flags": words.CLOSE_POSITION}
    story = Story().accept(BOB, 2, SELL, 50, 8).accept(ANN, 1, BUY, 50, 3)
    story.trade(50, 3, 1, 2, BUY).leg(ANN, 1, 3).leg(BOB, 2, -3)
    story.accept(ANN, 3, SELL, 0, 3, **terms).say("order_armed", ANN, order_id=3)
    story.accept(ANN, 4, BUY, 50, 5).trade(50, 5, 4, 2, BUY).leg(ANN, 4, 5).leg(BOB, 2, -5)
    story.accept(CAT, 5, BUY, 45, 6).command().say("order_triggered", ANN, order_id=3)
    story.trade(45, 6, 3, 5, SELL).leg(ANN, 3, -6).leg(CAT, 5, 6)
    story.say("order_cancelled", ANN, order_id=3, lots=2, reason=words.CANCEL_IOC)
    filled = [r for r in PrivateFeed().publish(story.events) if isinstance(r, OrderFilled)]
    assert [(r.order_id, r.lots_open) for r in filled[-2:]] == [(3, 2), (5, 0)]
    assert bids(story) == asks(story) == []


def test_two_orders_fired_by_one_command_rest_in_their_order():
    story = Story()
    for account, order_id in ((ANN, 1), (BOB, 2)):
        story.accept(account, order_id, BUY, 55, order_id, kind=words.STOP_LIMIT)
        story.say("order_armed", account, order_id=order_id)
    story.command()
    for account, order_id in ((BOB, 2), (ANN, 1)):
        story.say("order_triggered", account, order_id=order_id)
        story.rested(account, order_id, BUY, 55, order_id)
    assert bids(story) == [(1, 55, 2), (2, 55, 1)]


def test_5_2_an_uncross_takes_from_both_sides_and_names_no_aggressor():
    story = Story().accept(ANN, 1, BUY, 52, 10).accept(BOB, 2, SELL, 50, 6)
    assert bids(story) == [(1, 52, 10)] and asks(story) == [(2, 50, 6)]
    story.command().say("indicative_published", price_ticks=51, lots=6, surplus_lots=4)
    story.command().trade(51, 6, 1, 2, AUCTION).leg(ANN, 1, 6).leg(BOB, 2, -6)
    story.say("uncrossed", price_ticks=51, lots=6, surplus_lots=4)
    assert bids(story) == [(1, 52, 4)] and asks(story) == []
    header = (1, 4)
    assert story.said()[-4:] == [
        OrderExecuted(*header, 4, 1, 6, 4),
        OrderExecuted(*header, 5, 2, 6, 0),
        Traded(*header, 6, 51, 6, AUCTION),
        Uncrossed(*header, 7, 51, 6, 4),
    ]
    assert IndicativePublished(1, 3, 3, 51, 6, 4) in story.said()
    filled = [r for r in PrivateFeed().publish(story.events) if isinstance(r, OrderFilled)]
    assert [(r.account, r.side, r.taker_side) for r in filled] == [(2, BUY, 2), (3, SELL, 2)]


def test_an_auction_takes_hidden_lots_and_liquidation_orders_without_showing_them():
    story = Story().iceberg().command()
    story.trade(50, 25, 0, 1, AUCTION).leg(CAT, 0, 25).leg(ANN, 1, -25)
    assert asks(story) == [(1, 50, 10), (2, 50, 7)]
    story.trade(50, 71, 0, 1, AUCTION).leg(CAT, 0, 71).leg(ANN, 1, -71)
    assert asks(story) == [(1, 50, 4), (2, 50, 7)]
    story.trade(50, 4, 0, 1, AUCTION).leg(CAT, 0, 4).leg(ANN, 1, -4)
    assert asks(story) == [(2, 50, 7)]
    executed = [m for m in story.said() if isinstance(m, OrderExecuted)]
    assert [(m.public_id, m.lots, m.lots_left) for m in executed] == [(1, 6, 4), (1, 4, 0)]


def test_a_liquidation_order_looks_like_any_aggressor():
    story = Story().iceberg().command()
    story.say("liquidation_stepped", CAT, lots=3, limit_ticks=47)
    story.trade(50, 3, 0, 1, BUY).leg(CAT, 0, 3).leg(ANN, 1, -3)
    assert asks(story) == [(1, 50, 7), (2, 50, 7)]
    assert b"47" not in encoding.encode_json(story.said())


def test_an_order_rests_before_a_liquidation_of_the_same_command_meets_it():
    story = Story().accept(ANN, 1, BUY, 52, 10)
    story.say("liquidation_stepped", CAT, lots=3, limit_ticks=47)
    story.trade(52, 3, 0, 1, SELL).leg(CAT, 0, -3).leg(ANN, 1, 3)
    assert bids(story) == [(1, 52, 7)]
    assert [type(message) for message in story.said()] == [OrderAdded, OrderExecuted, Traded]


def test_a_slice_that_trades_and_is_refilled_leaves_its_level_unchanged():
    story = Story().iceberg().accept(CAT, 3, BUY, 50, 10).trade(50, 10, 3, 1, BUY)
    story.say("order_refilled", ANN, order_id=1, price_ticks=50, lots=10, lots_hidden=80)
    story.leg(CAT, 3, 10).leg(ANN, 1, -10)
    for line in (Line.LEVELS, Line.TOP):
        assert story.said(line)[-1] == Traded(1, 3, 3, 50, 10, BUY)


@pytest.mark.parametrize(
    ("command", "account", "told"),
    [(PLACE_ORDER, ANN, 1), (DEPOSIT, ANN, 0), (PLACE_ORDER, BOB, 0), (PLACE_ORDER, FUND, 0)],
)
def test_a_refusal_is_told_to_open_accounts_for_their_own_commands(command, account, told):
    story = Story().command().say("account_opened", ANN, 0, owner=ANN, group=ANN)
    story.command().say("refused", account, code=4, command=command, client_id=5)
    reports = PrivateFeed().publish(story.events)
    assert sum(isinstance(report, CommandRefused) for report in reports) == told


def test_lines_one_and_two_tell_the_net_of_a_command():
    """An order that comes and goes within a command is never shown on them."""
    story = Story().accept(ANN, 1, BUY, 52, 10).command()
    story.say("order_amended", ANN, order_id=1, price_ticks=51, lots_open=10)
    story.command().say("order_amended", ANN, order_id=1, price_ticks=51, lots_open=11)
    story.say("order_cancelled", ANN, order_id=1, lots=11)
    assert story.said(Line.TOP) == [
        BestChanged(1, 1, 1, 52, 10, 0, 0),
        BestChanged(1, 2, 2, 51, 10, 0, 0),
        BestChanged(1, 3, 3, 0, 0, 0, 0),
    ]
    kinds = [type(message) for message in story.said()]
    assert kinds == [OrderAdded, OrderDeleted, OrderAdded, OrderDeleted]


@pytest.mark.parametrize(
    ("scope", "number", "told"),
    [
        (words.SCOPE_ACCOUNT, BOB, [BOB]),
        (words.SCOPE_GROUP, 9, [ANN, CAT]),
        (words.SCOPE_CONTRACT, 1, [ANN, BOB, CAT]),
        (words.SCOPE_ALL, 0, [ANN, BOB, CAT]),
    ],
)
def test_4_6_the_kill_switch_is_told_to_whom_it_covers(scope, number, told):
    story = Story().command()
    for account, group in ((ANN, 9), (BOB, 3), (CAT, 9)):
        story.say("account_opened", account, 0, owner=account, group=group)
    story.command().say("trading_stopped", 0, 0, scope=scope, number=number)
    reports = PrivateFeed().publish(story.events)
    assert [r.account for r in reports if isinstance(r, TradingStopped)] == told
    assert story.said() == []


def saying_every_rest(events: list[Event]) -> Iterator[Event]:
    """The same stream from an engine that announces every order that comes to rest."""
    follower = OrderFollower()
    for sequence, command in events_by_command(events):
        for event in (*command, None):
            changes = follower.end_command() if event is None else follower.follow(event)
            for change in changes:  # as it comes: its order goes on changing
                order = change.order
                if event is not None and event.name in ("order_rested", "order_refilled"):
                    if event.values["order_id"] == order.order_id:
                        continue
                if isinstance(change, Rested):
                    yield TYPE_OF["order_rested"](
                        sequence, order.contract, order.account, order_id=order.order_id,
                        side=order.side, price_ticks=order.price_ticks, lots=change.lots,
                        lots_hidden=order.lots_open - change.lots,
                    )  # fmt: skip
            if event is not None:
                yield event


@pytest.mark.parametrize("name", ["realistic", "makers", "waiting_in_line"])
def test_an_engine_that_says_every_rest_gives_the_same_feed(name):
    market, events = Market(configs()[name]), []
    for batch in drive(market, 31, 500):
        events += [typed_event(event) for event in batch]
    told = list(saying_every_rest(events))
    assert len(told) > len(events)
    assert PublicFeed().publish(told) == PublicFeed().publish(events)
