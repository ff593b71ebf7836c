"""Sources, index, mark, and the trading state that follows from them (6.1, 6.2, 5.3, 5.4)."""

from collections import deque
from dataclasses import dataclass, field

from engine.schema import events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Contract
from tests.oracle.accounts import Brackets, Holding, Order, brackets_of
from tests.oracle.book import Book
from tests.oracle.resting import cancel
from tests.oracle.rounding import clamp, middle, rate_down, trunc_div
from tests.oracle.states import (
    AUCTION,
    CONTINUOUS,
    FROZEN,
    KEPT_BY_A_FREEZE,
    REDUCE_ONLY,
    SETTLED,
    change_state,
    enter_state,
)


@dataclass(slots=True, eq=False)
class Source:
    weight: int
    price: int = 0
    time: int | None = None  # of its last price
    is_out: bool = False
    near_since: int | None = None  # since when an excluded source is back inside the narrower band


@dataclass(slots=True, eq=False)
class Market:
    """One contract: its book, prices, funding and holders."""

    spec: Contract
    sources: list[Source]
    initial_brackets: Brackets
    maintenance_brackets: Brackets
    book: Book = field(default_factory=Book)
    holders: dict[int, Holding] = field(default_factory=dict)  # by account, made on first touch
    state: int = words.STATE_FROZEN
    was_opened: bool = False
    index: int = 0
    mark: int = 0
    used: list[Source] = field(default_factory=list)  # behind the last index
    freeze_start: int = 0
    freeze_end: int = 0
    frozen_from: int = FROZEN  # the state that the last freeze interrupted
    is_held: bool = False  # the mark, outside its band by the move limit (6.2)
    is_reduced_by_mark: bool = False  # reduce-only for that reason, not by an operator
    operator_state: int = CONTINUOUS  # of those with trading, that which an operator set last
    # auctions and interruptions (5.2, 5.3)
    band_set: tuple[int, int] | None = None  # the operator's dynamic band
    auction_end: int | None = None
    extensions: int = 0  # of the running auction
    next_indicative: int | None = None
    volatility_starts: list[int] = field(default_factory=list)  # those in the window
    # terms of the mark, and what they are made of
    basis: deque[int] = field(default_factory=deque)
    last_term: int = 0  # 0: absent
    traded_value: int = 0
    traded_lots: int = 0
    # premium samples of the running interval
    next_sample: int = 0
    index_values: deque[int] = field(default_factory=deque)  # one a sample time, for delisting
    held_terms: list[tuple[int, int] | None] = field(default_factory=lambda: [None, None])
    sample_sum: int = 0
    sample_count: int = 0
    sample_valid: int = 0
    rates: list[tuple[int, int]] = field(default_factory=list)  # (due, rate) of the present day
    # funding
    next_funding: int = 0
    frozen_ns: int = 0  # of the running interval
    rate: int = 0  # last published
    funding_index: int = 0
    carry: int = 0
    clearing: int = 0  # the contract's funding-clearing account
    # orders that wait for a trigger, in arrival order, and fired ones in the order of firing:
    # those that reduce, and others
    armed: dict[int, Order] = field(default_factory=dict)
    fired: tuple[dict[int, Order], dict[int, Order]] = field(default_factory=lambda: ({}, {}))
    last_trade: int = 0  # price of the latest trade, 0: none yet

    @property
    def contract(self) -> int:
        return self.spec.contract

    @property
    def lot_value(self) -> int:
        return self.mark * self.spec.tick_value

    def fired_list(self, order: Order) -> dict[int, Order]:
        return self.fired[0 if order.is_reduce_only else 1]

    def open_interest(self) -> int:
        return sum(holding.lots for holding in self.holders.values() if holding.lots > 0)

    def band(self) -> tuple[int, int]:
        """The static band (5.3)."""
        width = rate_down(self.mark, self.spec.band_static_ppb)
        return max(1, self.mark - width), min(self.spec.price_ticks_max, self.mark + width)


def make_market(spec: Contract) -> Market:
    return Market(
        spec,
        [Source(weight) for weight in spec.source_weights],
        brackets_of(spec, [tier.rate_initial_ppb for tier in spec.tiers]),
        brackets_of(spec, [tier.rate_maintenance_ppb for tier in spec.tiers]),
        basis=deque(maxlen=spec.mark_basis_samples),
        index_values=deque(maxlen=spec.delisting_samples),
    )


# Index.


def is_fresh(source: Source, now: int, spec: Contract) -> bool:
    return source.time is not None and now - source.time <= spec.source_stale_ns


def judge_sources(market: Market, now: int) -> int:
    """Decide which sources are in and out; returns the median over the fresh ones, 0 if none."""
    spec = market.spec
    fresh = [source for source in market.sources if is_fresh(source, now, spec)]
    for source in market.sources:
        if source not in fresh:
            source.near_since = None
    if not fresh:
        return 0
    median = middle([source.price for source in fresh])
    for source in fresh:
        deviation = abs(source.price - median)
        if not source.is_out:
            if deviation > rate_down(median, spec.source_outlier_ppb):
                source.is_out = True
                source.near_since = None
        elif deviation > rate_down(median, spec.source_reentry_ppb):
            source.near_since = None
        else:
            if source.near_since is None:
                source.near_since = now
            if now - source.near_since >= spec.source_reentry_ns:
                source.is_out = False
                source.near_since = None
    return median


def weighted_median(sources: list[Source]) -> int:
    """The first price at which twice the weight so far reaches the total; exactly half: the mean
    with the next one, rounded down. Equal prices stand in the order of the sources."""
    ordered = sorted(sources, key=lambda source: source.price)
    total = sum(source.weight for source in ordered)
    reached = 0
    for k, source in enumerate(ordered):
        reached += source.weight
        if 2 * reached == total and k + 1 < len(ordered):
            return (source.price + ordered[k + 1].price) // 2
        if 2 * reached >= total:
            return source.price
    raise AssertionError("no source")


def bits(flags: list[bool]) -> int:
    return sum(1 << k for k, flag in enumerate(flags) if flag)


def publish_index(exchange, market: Market) -> int:
    now, spec = exchange.clock, market.spec
    median = judge_sources(market, now)
    fresh = [is_fresh(source, now, spec) for source in market.sources]
    pairs = list(zip(market.sources, fresh, strict=True))
    market.used = [source for source, is_new in pairs if is_new and not source.is_out]
    enough = len(market.used) >= spec.sources_healthy_min
    index = weighted_median(market.used) if enough else 0
    exchange.emit(
        events.INDEX_PUBLISHED,
        index,
        bits([is_new and not source.is_out for source, is_new in pairs]),
        bits([not is_new for is_new in fresh]),
        bits([is_new and source.is_out for source, is_new in pairs]),
        median,
        contract=market.contract,
    )
    return index


def stale_due(market: Market) -> int:
    """When too few of the sources behind the index are fresh."""
    times = sorted((source.time or 0 for source in market.used), reverse=True)
    return times[market.spec.sources_healthy_min - 1] + market.spec.source_stale_ns + 1


# Mark.


def fair_term(market: Market, index: int, now: int) -> int:
    interval = market.spec.funding_interval_ns
    left = clamp(market.next_funding - now, 0, interval)
    rate_left = trunc_div(market.rate * left, interval)
    return index + trunc_div(index * rate_left, PPB)


def publish_mark(exchange, market: Market, index: int) -> bool:
    """Returns whether the move limit holds the mark outside its band around the index."""
    spec = market.spec
    fair = fair_term(market, index, exchange.clock)
    basis = index + sum(market.basis) // len(market.basis) if market.basis else 0
    terms = [fair]
    if market.basis:
        terms.append(basis)
    if market.last_term:
        terms.append(market.last_term)
    width = rate_down(index, spec.mark_band_ppb)
    mark = clamp(middle(terms), index - width, index + width)
    if market.state != FROZEN and spec.mark_move_ppb > 0:
        move = max(1, rate_down(market.mark, spec.mark_move_ppb))
        mark = clamp(mark, market.mark - move, market.mark + move)
    mark = clamp(mark, 1, spec.price_ticks_max)
    is_held = not index - width <= mark <= index + width
    market.index, market.mark = index, mark
    exchange.emit(
        events.MARK_PUBLISHED,
        mark,
        index,
        fair,
        basis,
        market.last_term,
        int(is_held),
        contract=market.contract,
    )
    return is_held


# Trading state.


def freeze(exchange, market: Market) -> None:
    market.frozen_from = market.state
    enter_state(exchange, market, FROZEN, words.WHY_SOURCES)
    market.is_held = False
    market.freeze_start = exchange.clock
    market.basis.clear()
    market.last_term = market.traded_value = market.traded_lots = 0
    market.held_terms = [None, None]


def reopen(exchange, market: Market) -> None:
    """5.4: by auction, but for the first time, when there has been no market yet (unless it opens
    by one, 5.2), and for what was closed before."""
    spec, now = market.spec, exchange.clock
    state = market.frozen_from if market.frozen_from in KEPT_BY_A_FREEZE else AUCTION
    if not market.was_opened:
        state = AUCTION if spec.opening_auction else CONTINUOUS
        market.was_opened = True
        market.next_funding = (now // spec.funding_interval_ns + 1) * spec.funding_interval_ns
    else:
        # never less than nothing: a contract reopened late may freeze again at once
        market.frozen_ns += max(0, min(now, market.next_funding) - market.freeze_start)
    market.freeze_end = now
    offset, every = spec.funding_sample_offset_ns, spec.funding_sample_ns
    market.next_sample = offset + ((now - offset) // every + 1) * every
    enter_state(exchange, market, state, words.WHY_FRESH_MARK)


def publish_pair(exchange, source: int, contract: int, price: int) -> tuple[int, bool]:
    """One source's price; returns the mark before, and whether the pair makes a step."""
    market = exchange.markets[contract]
    mark_before, was_frozen = market.mark, market.state == FROZEN
    exchange.emit(events.PRICE_RECEIVED, source, price, contract=contract)
    if market.state == SETTLED:  # its mark is the delisting price for good
        return mark_before, False
    market.sources[source - 1].price = price
    market.sources[source - 1].time = exchange.clock
    index = publish_index(exchange, market)
    if index == 0:
        if not was_frozen:
            freeze(exchange, market)
        return mark_before, False
    market.is_held = publish_mark(exchange, market, index)
    if was_frozen:
        reopen(exchange, market)
    elif market.state == CONTINUOUS and market.is_held:
        change_state(exchange, market, REDUCE_ONLY, words.WHY_MARK_HELD)
    elif market.state == REDUCE_ONLY and market.is_reduced_by_mark and not market.is_held:
        change_state(exchange, market, CONTINUOUS, words.WHY_MARK_FREE)
    cancel_outside_band(exchange, market)
    return mark_before, was_frozen or market.mark != mark_before


def cancel_outside_band(exchange, market: Market) -> None:
    low, high = market.band()
    for side in (words.BUY, words.SELL):
        for order in list(market.book.orders(side)):
            if not low <= order.price <= high:
                cancel(exchange, order, words.CANCEL_BAND)
