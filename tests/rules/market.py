"""A market for the stories of orders: eight rich clients, a mark of 1000, rates of 10% and 5%."""

from typing import Any

from engine.schema import vocabulary as words
from engine.schema.events import Event
from engine.views import view_orders
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
    G,
    H,
    Story,
    contract,
    named,
)

RICH = 10**9
GTD, DAY = words.GTD, words.DAY
MARK, INDEX, LAST = words.SOURCE_MARK, words.SOURCE_INDEX, words.SOURCE_LAST
POST_ONLY, REDUCE_ONLY = words.POST_ONLY, words.REDUCE_ONLY
SLIDE, CLOSE = words.SLIDE, words.CLOSE_POSITION
STOP_LIMIT, STOP_MARKET = words.STOP_LIMIT, words.STOP_MARKET
TAKE_LIMIT, TAKE_MARKET = words.TAKE_LIMIT, words.TAKE_MARKET
TRAILING = words.TRAILING_MARKET
MARKET = {"order_type": words.MARKET, "tif": IOC}


def listing(number: int = 1, **terms: Any) -> Any:
    return contract(number, initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT, **terms)


def market(*asks: tuple[int, int, int], config: Any = None, **terms: Any) -> Story:
    """One contract; asks as (account, lots, price) in order of arrival."""
    story = Story(listing(**terms), **(config or {}))
    for account in (A, B, C, D, E, F, G, H):
        story.open(account, RICH)
    story.price(1_000)
    for account, lots, price in asks:
        story.order(account, SELL, lots, price)
    return story


def two_markets(**config: Any) -> Story:
    """Two contracts, both at a mark of 1000."""
    story = Story(listing(1), listing(2), **config)
    for account in (A, B, C, D, E, F, G, H):
        story.open(account, RICH)
    story.price(1, 1_000, 2, 1_000)
    return story


def stop_at(trigger: int, source: int = MARK, **terms: int) -> dict[str, int]:
    """Terms of a stop with a limit."""
    return {
        "order_type": STOP_LIMIT, "trigger_source": source, "trigger_ticks": trigger
    } | terms  # fmt: skip


def market_stop_at(trigger: int, source: int = MARK, **terms: int) -> dict[str, int]:
    return stop_at(trigger, source, order_type=STOP_MARKET, tif=IOC) | terms


def trail(trail_bp: int, source: int = MARK, **terms: int) -> dict[str, int]:
    fields = {"order_type": TRAILING, "tif": IOC, "trigger_source": source, "trail_bp": trail_bp}
    return fields | terms


def fills(events: Events) -> list[tuple[int, int]]:
    """(lots, price) of the trades."""
    return [(e.values["lots"], e.values["price_ticks"]) for e in named(events, "trade")]


def makers(events: Events) -> list[tuple[int, int]]:
    """(order id of the maker, lots) of the trades."""
    return [(e.values["maker_order_id"], e.values["lots"]) for e in named(events, "trade")]


def ended(events: Events) -> list[tuple[int, int, str]]:
    """(order id, lots, reason) of every cancelled order, in order."""
    reasons = words.NAMES["reason"]
    return [
        (e.values["order_id"], e.values["lots"], reasons[e.values["reason"]])
        for e in named(events, "order_cancelled")
    ]


def cuts(events: Events) -> list[tuple[int, int, int, str]]:
    """(order id, lots gone, lots open, reason) of every reduced order, in order."""
    reasons = words.NAMES["reason"]
    return [
        (
            e.values["order_id"],
            e.values["lots"],
            e.values["lots_open"],
            reasons[e.values["reason"]],
        )
        for e in named(events, "order_reduced")
    ]


def triggered(events: Events) -> list[int]:
    """Ids of the orders that took their turn, in order."""
    return [event.values["order_id"] for event in named(events, "order_triggered")]


def names(events: Events) -> list[str]:
    return [event.name for event in events]


def resting(story: Story, side: int, number: int = 1) -> list[tuple[int, int, int, int]]:
    """(order id, price, displayed, hidden) of a side's orders in priority order."""
    return [
        (order["order_id"], order["price_ticks"], order["lots"], order["lots_hidden"])
        for order in view_orders(story.exchange.arena, number, side)
    ]


def rests(story: Story, order_id: int) -> bool:
    """Whether the order stands in the book of contract 1."""
    return any(row[0] == order_id for side in (BUY, SELL) for row in resting(story, side))


def last_of(events: Events, name: str) -> Event:
    return named(events, name)[-1]
