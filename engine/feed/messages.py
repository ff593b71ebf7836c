"""Public messages: what anyone may see, and the one place that says so (11.4).

A message has a contract and market facts. No type here has a field for an account, a client id, a
stop, a trigger or a liquidation price; a test walks these definitions and the bytes they become.

Units: `..._ticks` are prices in ticks, `lots` are lots, `..._ppb` are parts per billion, `..._ns`
are UTC nanoseconds. Sides, states and reasons are the words of `engine.schema.vocabulary`.
"""

from enum import IntEnum
from typing import ClassVar

import msgspec


class Line(IntEnum):
    """The three depths of the public feed. Each is a whole: book, trades, states and prices."""

    TOP = 1  # L1: best bid and best ask
    LEVELS = 2  # L2: lots of every price level
    ORDERS = 3  # L3: every resting order, in priority order


ALL_LINES = (Line.TOP, Line.LEVELS, Line.ORDERS)


class PublicMessage(msgspec.Struct, frozen=True):
    """What every public message carries.

    `engine_sequence` is the sequence of the command that caused it (of a snapshot: the last one in
    it). Messages of one command follow each other.
    """

    contract: int
    engine_sequence: int


class Increment(PublicMessage, frozen=True):
    """A change. `feed_sequence` counts the increments of one line and contract: 1, 2, 3, ..."""

    lines: ClassVar[tuple[Line, ...]] = ALL_LINES
    feed_sequence: int


# L3. A public id stands for one stay in one queue: whoever goes to the back of a level, by
# amendment or refill, comes back under a new id. Ids of a contract rise with every arrival, so
# that within a level the lower id is the older order.


class OrderAdded(Increment, frozen=True, tag="order_added"):
    """An order at the back of its level. `lots` are the displayed ones, here and everywhere."""

    lines = (Line.ORDERS,)
    public_id: int
    side: int
    price_ticks: int
    lots: int


class OrderReduced(Increment, frozen=True, tag="order_reduced"):
    """The order shows fewer lots and keeps its place."""

    lines = (Line.ORDERS,)
    public_id: int
    lots_left: int


class OrderExecuted(Increment, frozen=True, tag="order_executed"):
    """`lots` of what the order showed have traded; with `lots_left` 0 it has left the book.

    The `Traded` that follows says at what price; in an auction it speaks of two such orders, and
    hidden lots make it larger than what they showed.
    """

    lines = (Line.ORDERS,)
    public_id: int
    lots: int
    lots_left: int


class OrderDeleted(Increment, frozen=True, tag="order_deleted"):
    """The order has left the book without a trade."""

    lines = (Line.ORDERS,)
    public_id: int


# L2 and L1 tell the net change of a command, after all else that it caused.


class LevelChanged(Increment, frozen=True, tag="level_changed"):
    """`lots` are all that the level shows now; 0: there is no such level any more."""

    lines = (Line.LEVELS,)
    side: int
    price_ticks: int
    lots: int


class BestChanged(Increment, frozen=True, tag="best_changed"):
    """Best bid and best ask; 0 and 0 where a side is empty."""

    lines = (Line.TOP,)
    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int


# The market, on every line.


class Traded(Increment, frozen=True, tag="traded"):
    """`taker_side` is the aggressor's side: 0 buy, 1 sell, 2 an auction's fill (no aggressor)."""

    price_ticks: int
    lots: int
    taker_side: int


class StateChanged(Increment, frozen=True, tag="state_changed"):
    """The trading state and why it changed (5.1)."""

    state_from: int
    state_to: int
    why: int
    time_ns: int


class PriceReceived(Increment, frozen=True, tag="price_received"):
    """What one source said: an input of the index (6.1)."""

    source: int
    price_ticks: int
    time_ns: int


class IndexPublished(Increment, frozen=True, tag="index_published"):
    """The index, 0 when too few sources are healthy; bitmaps of the sources used, stale, out, and
    held to the cap of their share."""

    index_ticks: int
    used: int
    stale: int
    outliers: int
    median: int
    capped: int


class ConstituentPublished(Increment, frozen=True, tag="constituent_published"):
    """The price of one constituent of a basket, 0: none; the index divides units x price of all by
    the divisor."""

    asset: int
    price_ticks: int
    median: int
    units_ppb: int
    divisor_ppb: int


class ConstituentChanged(Increment, frozen=True, tag="constituent_changed"):
    """Other units, and the divisor that keeps the level (6.1)."""

    asset: int
    units_ppb: int
    divisor_ppb: int


class ConstituentRedenominated(Increment, frozen=True, tag="constituent_redenominated"):
    """The constituent is counted in other units; its old prices are void (6.1)."""

    asset: int
    units_ppb: int


class MarkPublished(Increment, frozen=True, tag="mark_published"):
    """The mark and its three terms; `held` 1: the move limit keeps it outside its band (6.2)."""

    mark_ticks: int
    index_ticks: int
    fair_ticks: int
    basis_ticks: int
    last_ticks: int
    held: int


class ImpactSampled(Increment, frozen=True, tag="impact_sampled"):
    """What the fewest best lots worth the impact value are worth, 0 where a side is too thin, and
    how far each side stands beyond the index, as it counts in the premium (7.1)."""

    bid_value: int
    bid_lots: int
    ask_value: int
    ask_lots: int
    bid_term_ppb: int
    ask_term_ppb: int


class PremiumSampled(Increment, frozen=True, tag="premium_sampled"):
    """A sample of the premium, the impact prices it came from, and the rate that would be published
    if the interval ended here (7.1)."""

    premium_ppb: int
    impact_bid_ticks: int
    impact_ask_ticks: int
    valid: int
    time_ns: int
    rate_next_ppb: int


class FundingAveraged(Increment, frozen=True, tag="funding_averaged"):
    """What the rate behind it was made of beside the samples: how many, frozen time, length of the
    interval, whether the cap bound, and the mark that is charged (7.2)."""

    samples: int
    valid: int
    frozen_ns: int
    length_ns: int
    capped: int
    mark_ticks: int


class FundingPublished(Increment, frozen=True, tag="funding_published"):
    """The rate of the interval that ended at `time_ns`, its growth per lot in money (7.2, 7.3)."""

    rate_ppb: int
    growth: int
    carry_ppb: int
    funding_index: int
    premium_ppb: int
    time_ns: int


class FundingLate(Increment, frozen=True, tag="funding_late"):
    """A funding time that came later than allowed (7.4)."""

    due_ns: int
    late_ns: int


class FundingRebased(Increment, frozen=True, tag="funding_rebased"):
    """The cumulative index starts again at 0; `funding_index` is where it stood (7.3)."""

    funding_index: int


class BandSet(Increment, frozen=True, tag="band_set"):
    """The dynamic band is fixed; 0 and 0: it follows the last trade (5.3)."""

    low_ticks: int
    high_ticks: int


class AuctionStarted(Increment, frozen=True, tag="auction_started"):
    ends_ns: int


class AuctionExtended(Increment, frozen=True, tag="auction_extended"):
    """The indicative price lay outside the band: the `extension`-th further stretch (5.3)."""

    ends_ns: int
    extension: int
    indicative_ticks: int


class IndicativePublished(Increment, frozen=True, tag="indicative_published"):
    """Where the auction would clear now; price 0: nowhere. Surplus above 0 is of buyers (5.2)."""

    price_ticks: int
    lots: int
    surplus_lots: int


class Uncrossed(Increment, frozen=True, tag="uncrossed"):
    """The auction's one price, the lots done at it and what was left over; 0: no trade."""

    price_ticks: int
    lots: int
    surplus_lots: int


class SettlementPriced(Increment, frozen=True, tag="settlement_priced"):
    """The contract ends: every position closes at this price, the mean of so many index values,
    which is its last mark; 0 samples: the mark as it was (5.4)."""

    price_ticks: int
    samples: int
    mark_ticks_before: int


# Recovery. These carry no feed sequence of their own.


class GapMarked(PublicMessage, frozen=True, tag="gap_marked"):
    """Increments `first_sequence` to `last_sequence` were dropped for a slow reader."""

    first_sequence: int
    last_sequence: int


class MarketView(msgspec.Struct, frozen=True):
    """What a late reader has missed beside the book; 0 where nothing was published yet."""

    state: int = 0
    index_ticks: int = 0
    mark_ticks: int = 0
    last_ticks: int = 0
    rate_ppb: int = 0
    funding_index: int = 0
    funding_ns: int = 0


class Snapshot(PublicMessage, frozen=True):
    """A whole line of one contract as it stands after increment `feed_sequence`."""

    line: ClassVar[Line]
    feed_sequence: int
    market: MarketView


class TopSnapshot(Snapshot, frozen=True, tag="top_snapshot"):
    line = Line.TOP
    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int


class LevelsSnapshot(Snapshot, frozen=True, tag="levels_snapshot"):
    """(price_ticks, lots) of every level, best first."""

    line = Line.LEVELS
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


class OrdersSnapshot(Snapshot, frozen=True, tag="orders_snapshot"):
    """(public_id, price_ticks, lots) of every order, best price first, oldest first."""

    line = Line.ORDERS
    bids: tuple[tuple[int, int, int], ...]
    asks: tuple[tuple[int, int, int], ...]


BOOK_INCREMENTS: tuple[type[Increment], ...] = (
    OrderAdded, OrderReduced, OrderExecuted, OrderDeleted, LevelChanged, BestChanged,
)  # fmt: skip
# By the name of the event they repeat, field by field.
MARKET_INCREMENTS: dict[str, type[Increment]] = {
    "trade": Traded,
    "state_changed": StateChanged,
    "price_received": PriceReceived,
    "index_published": IndexPublished,
    "constituent_published": ConstituentPublished,
    "constituent_changed": ConstituentChanged,
    "constituent_redenominated": ConstituentRedenominated,
    "mark_published": MarkPublished,
    "impact_sampled": ImpactSampled,
    "premium_sampled": PremiumSampled,
    "funding_averaged": FundingAveraged,
    "funding_published": FundingPublished,
    "funding_late": FundingLate,
    "funding_rebased": FundingRebased,
    "band_set": BandSet,
    "auction_started": AuctionStarted,
    "auction_extended": AuctionExtended,
    "indicative_published": IndicativePublished,
    "uncrossed": Uncrossed,
    "settlement_priced": SettlementPriced,
}
SNAPSHOTS: tuple[type[Snapshot], ...] = (TopSnapshot, LevelsSnapshot, OrdersSnapshot)
PUBLIC_TYPES: tuple[type[PublicMessage], ...] = (
    *BOOK_INCREMENTS, *MARKET_INCREMENTS.values(), GapMarked, *SNAPSHOTS,
)  # fmt: skip


def note_market(view: MarketView, message: Increment) -> MarketView:
    """The view after a message."""
    match message:
        case StateChanged():
            return msgspec.structs.replace(view, state=message.state_to)
        case IndexPublished():
            return msgspec.structs.replace(view, index_ticks=message.index_ticks)
        case MarkPublished():
            return msgspec.structs.replace(view, mark_ticks=message.mark_ticks)
        case SettlementPriced():
            return msgspec.structs.replace(view, mark_ticks=message.price_ticks)
        case Traded():
            return msgspec.structs.replace(view, last_ticks=message.price_ticks)
        case FundingRebased():
            return msgspec.structs.replace(view, funding_index=0)
        case FundingPublished():
            return msgspec.structs.replace(
                view,
                rate_ppb=message.rate_ppb,
                funding_index=message.funding_index,
                funding_ns=message.time_ns,
            )
    return view
