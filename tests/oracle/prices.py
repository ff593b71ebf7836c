"""A price and what follows from it, up to the trading state; what an operator changes about where
prices come from, and when premiums are sampled (6.1, 6.2, 7.1, 5.3, 5.4)."""

from engine.schema import bounds, events, refusals
from engine.schema import vocabulary as words
from tests.oracle.index import basket_value, publish_index
from tests.oracle.mark import forget_basis, publish_mark
from tests.oracle.market import Market
from tests.oracle.resting import cancel
from tests.oracle.states import (
    AUCTION,
    CONTINUOUS,
    FROZEN,
    KEPT_BY_A_FREEZE,
    LIFELESS,
    REDUCE_ONLY,
    change_state,
    enter_state,
)
from tests.oracle.timers import next_multiple

# Trading state.


def freeze(exchange, market: Market) -> None:
    market.frozen_from = market.state
    enter_state(exchange, market, FROZEN, words.WHY_SOURCES)
    market.is_held = False
    market.freeze_start = exchange.clock
    forget_basis(market)
    market.last_term = market.traded_value = market.traded_lots = 0
    market.impact_ticks = (0, 0)
    market.held_terms = [None, None]
    market.ballot.clear()


def reopen(exchange, market: Market) -> None:
    """5.4: by auction, but for the first time, when there has been no market yet (unless it opens
    by one, 5.2), and for what was closed before."""
    spec, now = market.spec, exchange.clock
    state = market.frozen_from if market.frozen_from in KEPT_BY_A_FREEZE else AUCTION
    if not market.was_opened:
        state = AUCTION if spec.opening_auction else CONTINUOUS
        market.was_opened = True
        market.next_funding = next_multiple(now, spec.funding_interval_ns)
    else:
        # never less than nothing: a contract reopened late may freeze again at once
        market.frozen_ns += max(0, min(now, market.next_funding) - market.freeze_start)
    market.freeze_end = now
    start_sample_clock(market, now)
    enter_state(exchange, market, state, words.WHY_FRESH_MARK)


def start_sample_clock(market: Market, now: int) -> None:
    every = market.spec.funding_sample_ns
    market.next_sample = next_multiple(now, every, market.sample_offset)


def publish_pair(exchange, source: int, contract: int, price: int) -> bool:
    """One source's price; returns whether the pair makes a step."""
    market = exchange.markets[contract]
    mark_before, was_frozen = market.mark, market.state == FROZEN
    exchange.emit(events.PRICE_RECEIVED, source, price, exchange.clock, contract=contract)
    if market.state in LIFELESS:  # no mark yet, or that of the delisting for good
        return False
    market.sources[source - 1].price = price
    market.sources[source - 1].time = exchange.clock
    index = publish_index(exchange, market)
    if index == 0:
        if not was_frozen:
            freeze(exchange, market)
        return False
    market.is_held = publish_mark(exchange, market, index)
    if was_frozen:
        reopen(exchange, market)
    elif market.state == CONTINUOUS and market.is_held:
        change_state(exchange, market, REDUCE_ONLY, words.WHY_MARK_HELD)
    elif market.state == REDUCE_ONLY and market.is_reduced_by_mark and not market.is_held:
        change_state(exchange, market, CONTINUOUS, words.WHY_MARK_FREE)
    cancel_outside_band(exchange, market)
    return was_frozen or market.mark != mark_before


def cancel_outside_band(exchange, market: Market) -> None:
    low, high = market.band()
    for side in (words.BUY, words.SELL):
        for order in list(market.book.orders(side)):
            if not low <= order.price <= high:
                cancel(exchange, order, words.CANCEL_BAND)


# Commands of an operator.


def check_constituent(market: Market | None, asset: int, units: int) -> int:
    if market is None:
        return refusals.CONTRACT_UNKNOWN
    if not 0 <= asset < len(market.constituents):
        return refusals.ASSET_UNKNOWN
    if not 1 <= units <= bounds.UNITS_PPB_MAX:
        return refusals.UNITS_INVALID
    return refusals.OK


def change_constituent(exchange, command) -> int:
    """The basket is weighted anew, and the divisor keeps the level of the last index."""
    market, asset, units = exchange.markets.get(command.contract), command.asset, command.units_ppb
    code = check_constituent(market, asset, units)
    if code:
        return code
    if market.state in (FROZEN, *LIFELESS):
        return refusals.INDEX_MISSING
    constituent = market.constituents[asset]
    before = basket_value(market.constituents)
    after = before + (units - constituent.units) * constituent.price
    divisor = after * market.divisor // before
    if divisor < 1 or after // divisor != before // market.divisor:
        return refusals.UNITS_INVALID
    constituent.units, market.divisor = units, divisor
    exchange.emit(events.CONSTITUENT_CHANGED, asset, units, divisor, contract=market.contract)
    return refusals.OK


def redenominate_constituent(exchange, command) -> int:
    """Its sources' old prices are void: the contract waits for new ones."""
    market, asset, units = exchange.markets.get(command.contract), command.asset, command.units_ppb
    code = check_constituent(market, asset, units)
    if code:
        return code
    if market.state in LIFELESS:
        return refusals.INDEX_MISSING
    market.constituents[asset].units = units
    for source in market.sources_of(asset):
        source.forget()
    exchange.emit(events.CONSTITUENT_REDENOMINATED, asset, units, contract=market.contract)
    if market.state != FROZEN:
        freeze(exchange, market)
    return refusals.OK


def set_sample_clock(exchange, command) -> int:
    market = exchange.markets.get(command.contract)
    if market is None:
        return refusals.CONTRACT_UNKNOWN
    if not 0 <= command.seed <= bounds.SEED_MAX:
        return refusals.SEED_INVALID
    market.sample_offset = command.seed % market.spec.funding_sample_ns
    if market.state not in (FROZEN, *LIFELESS):
        start_sample_clock(market, market.next_sample - 1)
    exchange.emit(events.SAMPLE_CLOCK_SET, market.sample_offset, contract=market.contract)
    return refusals.OK
