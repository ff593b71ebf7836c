"""The fund's positions go back to the market in slices, at times that a commanded seed has drawn,
so that nobody knows them before (9.6)."""

from engine.schema import bounds, events, refusals
from engine.schema import vocabulary as words
from tests.oracle.accounts import Order
from tests.oracle.market import Market
from tests.oracle.orders import enter
from tests.oracle.rounding import clamp, rate_down, sign_of
from tests.oracle.states import FIRING
from tests.oracle.timers import start_slice


def set_work_back(exchange, command) -> int:
    market = exchange.markets.get(command.contract)
    if market is None:
        return refusals.CONTRACT_UNKNOWN
    if not 0 <= command.seed <= bounds.SEED_MAX:
        return refusals.SEED_INVALID
    market.slice_offset = command.seed % market.spec.fund_slice_ns
    exchange.emit(events.WORK_BACK_SET, market.slice_offset, contract=market.contract)
    if market.next_slice is not None:
        start_slice(market, exchange.clock)
    return refusals.OK


def send_slice(exchange, market: Market) -> None:
    """A refused one is not even mentioned: the next one comes soon."""
    fund = exchange.fund
    if market.state in FIRING and not fund.in_liquidation:
        enter(exchange, next_slice(market, fund.lots(market.contract)), words.REDUCE_ONLY)
    if fund.lots(market.contract):
        start_slice(market, exchange.clock)


def next_slice(market: Market, held: int) -> Order:
    """What it may cost is bounded by the limit; of what the fund holds it sees nothing."""
    spec, sign = market.spec, sign_of(held)
    lots = min(spec.fund_slice_lots, abs(held))
    away = rate_down(market.mark, spec.fund_slice_slippage_ppb)
    return Order(
        0,
        words.FUND,
        0,
        market.contract,
        words.SELL if held > 0 else words.BUY,
        clamp(market.mark - sign * away, *market.band()),
        lots,
        tif=words.IOC,
        flags=words.REDUCE_ONLY,
        stp=words.STP_CANCEL_OLDEST,
        entered=lots,
    )
