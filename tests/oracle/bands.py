"""The dynamic band: where a sweep stops, and what its stopping does to the contract (5.3)."""

from engine.schema import events, refusals
from engine.schema import vocabulary as words
from tests.oracle.rounding import rate_down
from tests.oracle.states import AUCTION, HALTED, enter_state
from tests.oracle.values import size_of_fill

Band = tuple[int, int]


def dynamic_band(market) -> Band | None:
    """The operator's, else that around the last trade; None where there is neither."""
    if market.band_set is not None:
        return market.band_set
    price, spec = market.last_trade, market.spec
    if spec.band_dynamic_ppb == 0 or price == 0:
        return None
    width = rate_down(price, spec.band_dynamic_ppb)
    return max(spec.price_ticks_min, price - width), price + width


def is_outside(band: Band | None, price: int) -> bool:
    return band is not None and not band[0] <= price <= band[1]


def is_worth_an_auction(market, order) -> bool:
    size = size_of_fill(market.spec, order.open, order.price)
    return size >= market.spec.band_dynamic_value_min


def interrupt(exchange, market, may_halt: bool) -> None:
    """A sweep stopped at the band: an auction, or a halt after too many of them, which a
    liquidation order does not bring about."""
    now, spec = exchange.clock, market.spec
    since = now - spec.volatility_window_ns
    recent = [start for start in market.volatility_starts if start > since]
    is_too_often = 0 < spec.volatility_auctions_max <= len(recent)
    if is_too_often and may_halt:
        enter_state(exchange, market, HALTED, words.WHY_TOO_VOLATILE)
        return
    market.volatility_starts = [*recent, now]
    enter_state(exchange, market, AUCTION, words.WHY_VOLATILITY)


def set_band(exchange, command) -> int:
    market = exchange.markets.get(command.contract)
    if market is None:
        return refusals.CONTRACT_UNKNOWN
    low, high = command.low_ticks, command.high_ticks
    is_none = low == high == 0
    lowest, highest = market.spec.price_ticks_min, market.spec.price_ticks_max
    if not is_none and not lowest <= low <= high <= highest:
        return refusals.BAND_INVALID
    market.band_set = None if is_none else (low, high)
    exchange.emit(events.BAND_SET, low, high, contract=market.contract)
    return refusals.OK
