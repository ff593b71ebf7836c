"""Whether an order may enter: everything that is checked, in which order, and what acceptance
reserves (4.9, 8.2)."""

from engine.schema import bounds, refusals
from engine.schema import vocabulary as words
from tests.oracle.accounts import (
    IMMEDIATE_TIFS,
    MARKET_TYPES,
    WAITING_TYPES,
    Account,
    Holding,
    Order,
    equity,
    need,
    raised_rate,
    requirement,
)
from tests.oracle.book import other_side
from tests.oracle.eligibility import is_open, lacks_now
from tests.oracle.linked import find_free
from tests.oracle.market import Market
from tests.oracle.portfolio import reserve_rate
from tests.oracle.rounding import clamp, rate_down, rate_up
from tests.oracle.states import COLLECTING, check_state, must_reduce
from tests.oracle.stops import is_stopped
from tests.oracle.stress import check_cover
from tests.oracle.triggers import is_reached, is_trailing, source_value
from tests.oracle.values import is_inverse, size_of_fill

SOURCES = (words.SOURCE_MARK, words.SOURCE_INDEX, words.SOURCE_LAST)
SLICES_MAX = 1_000  # of an iceberg: a sweep through it has an end

# What can be seen without looking at prices or accounts; in the order of the ladder.


def check_shape(exchange, command, check_price_terms=None) -> int:
    """`check_price_terms`: what stands in the place of the trigger."""
    market = exchange.markets.get(command.contract)
    if market is None:
        return refusals.CONTRACT_UNKNOWN
    checks = (
        check_kind,
        check_flags,
        check_stp,
        check_lots,
        check_display,
        check_price_terms or check_trigger,
        check_expiry,
        check_session,
        check_link,
    )
    for look_at in checks:
        code = look_at(exchange, market.spec, command)
        if code:
            return code
    return refusals.OK


def check_kind(exchange, spec, command) -> int:
    if not words.LIMIT <= command.order_type <= words.TRAILING_MARKET:
        return refusals.ORDER_TYPE_INVALID
    if command.side not in (words.BUY, words.SELL):
        return refusals.SIDE_INVALID
    if not words.GTC <= command.tif <= words.DAY:
        return refusals.TIF_INVALID
    if command.order_type in MARKET_TYPES and command.tif not in IMMEDIATE_TIFS:
        return refusals.TIF_INVALID
    return refusals.OK


def check_flags(exchange, spec, command) -> int:
    flags = command.flags
    if not 0 <= flags <= words.FLAGS_CLIENT:
        return refusals.FLAGS_INVALID
    if flags & words.POST_ONLY:
        if command.order_type in MARKET_TYPES or command.tif in IMMEDIATE_TIFS:
            return refusals.FLAGS_INVALID
    elif flags & words.SLIDE:
        return refusals.FLAGS_INVALID
    if flags & words.CLOSE_POSITION and (flags & words.POST_ONLY or command.display_lots):
        return refusals.FLAGS_INVALID
    return refusals.OK


def check_stp(exchange, spec, command) -> int:
    if not words.STP_CANCEL_NEWEST <= command.stp <= words.STP_NONE:
        return refusals.STP_INVALID
    if command.stp == words.STP_NONE and not spec.stp_none_allowed:
        return refusals.STP_INVALID
    return refusals.OK


def check_lots(exchange, spec, command) -> int:
    if command.flags & words.CLOSE_POSITION:
        return refusals.OK
    if command.lots <= 0:
        return refusals.LOTS_NOT_POSITIVE
    if command.lots > spec.order_lots_max:
        return refusals.LOTS_ABOVE_MAX
    if command.lots < spec.order_lots_min and not command.flags & words.REDUCE_ONLY:
        return refusals.LOTS_BELOW_MIN
    return refusals.OK


def check_display(exchange, spec, command) -> int:
    if command.display_lots == 0:
        return refusals.OK
    may_rest = command.order_type not in MARKET_TYPES and command.tif not in IMMEDIATE_TIFS
    if not may_rest or not 1 <= command.display_lots <= command.lots:
        return refusals.DISPLAY_INVALID
    return check_slices(command.lots, command.display_lots)


def check_slices(lots: int, display: int) -> int:
    return refusals.DISPLAY_INVALID if lots > SLICES_MAX * display else refusals.OK


def check_trigger(exchange, spec, command) -> int:
    trigger = (command.trigger_source, command.trigger_ticks, command.trail_bp)
    source, ticks, trail_bp = trigger
    if command.order_type not in WAITING_TYPES:
        is_good = trigger == (0, 0, 0)
    elif command.order_type == words.TRAILING_MARKET:
        is_good = source in SOURCES and ticks == 0 and 1 <= trail_bp <= 9_999
    else:
        is_price = spec.price_ticks_min <= ticks <= spec.price_ticks_max
        is_good = source in SOURCES and is_price and trail_bp == 0
    return refusals.OK if is_good else refusals.TRIGGER_INVALID


def check_expiry(exchange, spec, command) -> int:
    is_later = command.expiry_ns > exchange.clock
    if command.tif == words.GTD:
        is_good = is_later
    elif command.tif != words.DAY and command.order_type in WAITING_TYPES:
        is_good = is_later or command.expiry_ns == 0
    else:
        is_good = command.expiry_ns == 0
    return refusals.OK if is_good else refusals.EXPIRY_INVALID


def check_session(exchange, spec, command) -> int:
    return refusals.OK if 0 <= command.session <= 127 else refusals.SESSION_INVALID


def check_link(exchange, spec, command) -> int:
    if command.linked_id == 0:
        return refusals.OK
    other = find_free(exchange, command.account, command.contract, command.linked_id)
    return refusals.LINK_INVALID if other is None else refusals.OK


# What depends on prices, the book and the account.


def check_entry(exchange, order: Order, without: Order | None = None) -> int:
    """From the contract's state on. `without`: the order that this one replaces (an amendment).
    Writes the order's price and reserve."""
    market = exchange.markets[order.contract]
    code = check_state(market, order)
    if code:
        return code
    may_pass = order.is_reduce_only and not order.may_rest and not order.is_waiting
    if is_stopped(exchange, order.account, order.contract) and not may_pass:
        return refusals.TRADING_BLOCKED
    if exchange.accounts[order.account].in_liquidation:
        return refusals.ACCOUNT_IN_LIQUIDATION
    if order.is_waiting:
        code = refusals.OK if order.is_reduce_only else lacks_now(exchange, order.account)
        return code or check_waiting(exchange, market, order)
    code = check_price(market, order) or check_value(market, order)
    return code or check_book_and_account(exchange, market, order, without)


def check_limit(market: Market, price: int) -> int:
    if price <= 0:
        return refusals.PRICE_NOT_POSITIVE
    if price < market.spec.price_ticks_min:
        return refusals.PRICE_BELOW_MIN
    if price > market.spec.price_ticks_max:
        return refusals.PRICE_ABOVE_MAX
    return refusals.OK


def check_waiting(exchange, market: Market, order: Order) -> int:
    """A type that waits: what it will be worth is judged when it fires."""
    code = refusals.OK if order.is_market else check_limit(market, order.price)
    if code:
        return code
    account = exchange.accounts[order.account]
    if order.is_reduce_only and not is_against(account.lots(order.contract), order):
        return refusals.REDUCE_ONLY_NOTHING
    value = source_value(market, order.source)
    if is_trailing(order):
        order.best = value
    if is_reached(order, value) if value else is_trailing(order):
        return refusals.TRIGGER_REACHED
    return check_orders_limit(exchange, account, order)


def check_orders_limit(exchange, account: Account, order: Order) -> int:
    """4.9, with one slot for a reducing order in each contract. An entry asks for its children's
    room, too: nobody asks when they are born."""
    bracket = order.bracket
    if bracket is not None:
        wanted = (bracket.stop_ticks > 0) + (bracket.target_ticks > 0) + order.may_rest
        is_room = len(account.orders()) + wanted <= exchange.config.orders_account_max
        return refusals.OK if is_room else refusals.ORDERS_LIMIT
    if len(account.orders()) < exchange.config.orders_account_max:
        return refusals.OK
    if not order.may_rest and not order.is_waiting:
        return refusals.OK
    holding = account.holdings.get(order.contract) or Holding(order.contract)
    if order.is_reduce_only and not any(o.is_reduce_only for o in holding.orders.values()):
        return refusals.OK
    return refusals.ORDERS_LIMIT


def would_trade(market: Market, order: Order) -> bool:
    """At once, as it is; while orders are collected none does."""
    if market.state in COLLECTING:
        return False
    return market.book.crosses(order.side, order.price)


def check_price(market: Market, order: Order) -> int:
    """Fixes the price of a market order and of one that slides."""
    if order.is_market:
        order.price = market_price(market, order.side)
        return refusals.OK
    best = market.book.best_price(other_side(order.side))
    code = check_limit(market, order.price)
    if code:
        return code
    if order.flags & words.SLIDE and best is not None and would_trade(market, order):
        slid = best - order.sign
        if slid >= market.spec.price_ticks_min:
            order.price = slid
    low, high = market.band()
    return refusals.OK if low <= order.price <= high else refusals.PRICE_OUTSIDE_BAND


def market_price(market: Market, side: int) -> int:
    """4.2: how far a market order may go."""
    base = market.book.best_price(other_side(side))
    if base is None:
        base = market.mark
    way = rate_down(base, market.spec.market_range_ppb)
    low, high = market.band()
    return clamp(base + way if side == words.BUY else base - way, low, high)


def check_value(market: Market, order: Order) -> int:
    """A whole position may always be closed, however much it is worth."""
    size = size_of_fill(market.spec, order.open, order.price)
    if size < market.spec.order_value_min and not order.is_reduce_only:
        return refusals.VALUE_BELOW_MIN
    is_above = size > market.spec.order_value_max
    if is_above and not order.flags & words.CLOSE_POSITION:
        return refusals.VALUE_ABOVE_MAX
    return refusals.OK


def is_against(lots: int, order: Order) -> bool:
    """Whether an order of this sign makes a position of `lots` smaller."""
    return lots * order.sign < 0


def only_reduces(holding: Holding, order: Order, without: Order | None) -> bool:
    working = holding.open_lots(order.side, without)
    return is_against(holding.lots, order) and working + order.open <= abs(holding.lots)


def reduce_only_room(holding: Holding, order: Order, without: Order | None) -> int:
    if not is_against(holding.lots, order):
        return 0
    return max(0, abs(holding.lots) - holding.reduce_only_lots(order.side, without))


def check_increase(exchange, market: Market, order: Order, is_free: bool) -> int:
    """What takes more than what reduces. Who or what has lapsed takes no plain order that could
    rest: it only reduces now, and could open when its position has been closed before it."""
    can_open = not order.is_reduce_only and (not is_free or order.may_rest)
    if not is_free and must_reduce(market):
        return refusals.CONTRACT_REDUCE_ONLY
    if can_open and not is_open(exchange, market):
        return refusals.CONTRACT_REDUCE_ONLY
    code = lacks_now(exchange, order.account) if can_open else refusals.OK
    return code or (refusals.OK if is_free else check_cover(exchange))


def check_book_and_account(exchange, market: Market, order: Order, without: Order | None) -> int:
    account = exchange.accounts[order.account]
    holding = account.holdings.get(order.contract) or Holding(order.contract)
    is_free = order.is_reduce_only or only_reduces(holding, order, without)
    code = check_increase(exchange, market, order, is_free)
    if code:
        return code
    if order.is_reduce_only and reduce_only_room(holding, order, without) == 0:
        return refusals.REDUCE_ONLY_NOTHING
    if order.flags & words.POST_ONLY and would_trade(market, order):
        return refusals.POST_ONLY_WOULD_TRADE
    code = refusals.OK if is_free else check_limits(exchange, market, order, without)
    if code:
        return code
    # what replaces an order, or has fired, has its room already
    if without is None and not order.fired_at and not order.is_child:
        code = check_orders_limit(exchange, account, order)
        if code:
            return code
    if order.may_rest:
        queue = market.book.queue_at(order.side, order.price)
        if sum(o is not without for o in queue.values()) >= market.spec.level_orders_max:
            return refusals.LEVEL_LIMIT
    if not order.is_reduce_only and not is_covered(exchange, account, holding, order, without):
        return refusals.MARGIN_INSUFFICIENT
    return refusals.OK


def could_hold(account: Account, order: Order, without: Order | None) -> int:
    """What an account would hold on the order's side with all its resting orders there filled,
    and nothing of what it holds on the other."""
    holding = account.holdings.get(order.contract)
    if holding is None:
        return 0
    already = abs(holding.lots) if holding.lots * order.sign > 0 else 0
    return already + holding.open_lots(order.side, without)


def check_limits(exchange, market: Market, order: Order, without: Order | None) -> int:
    """4.9, with every resting order of the side filled."""
    spec = market.spec
    account = exchange.accounts[order.account]
    if could_hold(account, order, without) + order.open > spec.position_lots_max:
        return refusals.POSITION_LIMIT
    if spec.group_lots_max < bounds.LOTS_MAX:
        group = [other for other in exchange.accounts.values() if other.group == account.group]
        together = sum(could_hold(other, order, without) for other in group)
        if together + order.open > spec.group_lots_max:
            return refusals.GROUP_LIMIT
    resting = market.book.resting_lots[order.side] - (without.open if without else 0)
    if market.open_interest() + resting + order.open > spec.open_interest_lots_max:
        return refusals.OPEN_INTEREST_LIMIT
    return refusals.OK


# Margin before the book (8.2).


def size_in_reserve(market: Market, order: Order) -> int:
    """As one fill at its limit. A fill better than the limit may be worth more: it would be at a
    higher price for a seller, at a lower one for an inverse contract's buyer."""
    at_limit = size_of_fill(market.spec, order.open, order.price)
    at_mark = order.open * market.lot_size
    worth_more_side = words.BUY if is_inverse(market.spec) else words.SELL
    return max(at_limit, at_mark) if order.side == worth_more_side else at_limit


def rate_in_reserve(
    exchange, account: Account, holding: Holding, bought: int, sold: int
) -> int:
    """Of a portfolio's order at least what its fill can add to the margin (8.7)."""
    market = exchange.markets[holding.contract]
    rate = raised_rate(exchange, account, holding, bought, sold)
    if not account.is_portfolio:
        return rate
    return max(rate, reserve_rate(exchange.config, market.spec))


def record_reserve(
    exchange, account: Account, holding: Holding, order: Order, without: Order | None
) -> None:
    """Write into the order what its acceptance reserves."""
    market = exchange.markets[order.contract]
    spec = market.spec
    bought, sold = (
        holding.open_lots(side, without) + (order.open if side == order.side else 0)
        for side in (words.BUY, words.SELL)
    )
    rate = rate_in_reserve(exchange, account, holding, bought, sold)
    size = size_in_reserve(market, order)
    loss = max(0, -market.gain_of_fill(order.sign, order.open, order.price))
    fee = rate_up(size, max(spec.fee_taker_ppb, spec.fee_maker_ppb, 0))
    order.reserve = rate_up(size, rate)
    order.charges = loss + fee


def is_covered(
    exchange, account: Account, holding: Holding, order: Order, without: Order | None
) -> bool:
    """What raises no need passes, but in a portfolio, where the position is in none (8.7)."""
    record_reserve(exchange, account, holding, order, without)
    before = need(exchange, account, holding, without)
    raised = need(exchange, account, holding, without, order) - before
    if not only_reduces(holding, order, without):
        raised += order.charges
    if raised <= 0 and not account.is_portfolio:
        return True
    return equity(exchange, account) >= requirement(exchange, account, holding, without, order)
