"""Premium samples on their own clock: impact prices, the last price, votes (7.1)."""

from collections.abc import Iterable
from math import ceil, floor, trunc

from engine.schema import events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.accounts import Order
from tests.oracle.funding import rate_of
from tests.oracle.mark import add_basis_sample
from tests.oracle.market import Market
from tests.oracle.rounding import ceil_div, clamp, middle, trunc_div
from tests.oracle.states import CONTINUOUS, POST_ONLY
from tests.oracle.values import average_price, size_of_fill, size_of_lot

TRADED_VALUE_FULL = 2**60
Impact = tuple[int, int]  # size and lots


def is_priced(exchange, market: Market, order: Order) -> bool:
    """C10: an affiliate's quotes and trades make no price, unless the specification says so."""
    is_affiliate = exchange.accounts[order.account].kind == words.KIND_AFFILIATE
    return market.spec.affiliates_priced or not is_affiliate


def count_trade(exchange, market: Market, parties: Iterable[Order], lots: int, price: int) -> None:
    """What feeds the last term, until the sum has passed its bound."""
    if market.traded_value > TRADED_VALUE_FULL:
        return
    if all(is_priced(exchange, market, order) for order in parties):
        market.traded_value += size_of_fill(market.spec, lots, price)
        market.traded_lots += lots


def take_last_term(market: Market) -> None:
    """The volume-weighted last price of the window that ends now, if enough was traded."""
    market.last_term = 0
    is_enough = market.traded_value >= market.spec.mark_last_value_min
    if market.traded_value > 0 and is_enough:
        price = average_price(market.spec, market.traded_value, market.traded_lots)
        market.last_term = floor(price)
    market.traded_value = market.traded_lots = 0


# Impact prices.


def priced_levels(exchange, market: Market, side: int) -> dict[int, int]:
    """Displayed lots by price, best first."""
    levels: dict[int, int] = {}
    for order in market.book.orders(side):
        if is_priced(exchange, market, order):
            levels[order.price] = levels.get(order.price, 0) + order.displayed
    return levels


def impact_of(exchange, market: Market, side: int) -> Impact | None:
    """(size, lots) for the set notional: whole levels, of the last one only what is missing.

    None when the side is too thin."""
    size = lots = 0
    for price, level_lots in priced_levels(exchange, market, side).items():
        lot_size = size_of_lot(market.spec, price)
        missing = market.spec.funding_impact_value - size
        if level_lots * lot_size >= missing:
            needed = ceil_div(missing, lot_size)
            return size + needed * lot_size, lots + needed
        size += level_lots * lot_size
        lots += level_lots
    return None


def term_of(market: Market, side: int, impact: Impact) -> int:
    """How far the impact price of a side lies on its profitable side of the index, in ppb."""
    price = average_price(market.spec, *impact)
    above = price - market.index if side == words.BUY else market.index - price
    return clamp(trunc(above * PPB / market.index), 0, 1_000 * PPB)


def term_or_held(market: Market, side: int, impact: Impact | None, now: int) -> int | None:
    """A thin side keeps its last value for a while; None when it has none any more."""
    if impact is not None:
        term = term_of(market, side, impact)
        market.held_terms[side] = (term, now)
        return term
    held = market.held_terms[side]
    if held is not None and now - held[1] <= market.spec.funding_hold_ns:
        return held[0]
    return None


def ticks_of(market: Market, bid: Impact | None, ask: Impact | None) -> tuple[int, int]:
    """Impact prices in ticks, rounded away from each other; 0 for a thin side."""
    return (
        floor(average_price(market.spec, *bid)) if bid else 0,
        ceil(average_price(market.spec, *ask)) if ask else 0,
    )


# The sample.


def premium_of(market: Market, bid_term: int | None, ask_term: int | None) -> tuple[int, bool]:
    """(premium, whether it is valid)."""
    spec = market.spec
    if spec.premium_method == words.PREMIUM_MARK:
        premium = trunc_div((market.mark - market.index) * PPB, market.index)
        is_valid = True
    elif spec.premium_method == words.PREMIUM_MID:
        is_valid = all(market.impact_ticks)
        mid = sum(market.impact_ticks) // 2
        premium = trunc_div((mid - market.index) * PPB, market.index) if is_valid else 0
    else:
        premium = (bid_term or 0) - (ask_term or 0)
        is_valid = bid_term is not None and ask_term is not None
    return clamp(premium, -spec.premium_cap_ppb, spec.premium_cap_ppb), is_valid


def collect_vote(market: Market, premium: int) -> None:
    market.ballot.append(premium)
    if len(market.ballot) == market.spec.funding_vote_samples:
        market.votes.append(middle(market.ballot))
        market.ballot.clear()


def sample_premium(exchange, market: Market) -> None:
    now = exchange.clock
    market.next_sample += market.spec.funding_sample_ns
    market.index_values.append(market.index)  # in every state that has this clock (5.4)
    if market.state not in (CONTINUOUS, POST_ONLY) or market.is_held:
        market.last_term = market.traded_value = market.traded_lots = 0
        market.impact_ticks = (0, 0)
        market.sample_count += 1  # time that is not valid
        return
    take_last_term(market)
    impacts = [impact_of(exchange, market, side) for side in (words.BUY, words.SELL)]
    terms = [term_or_held(market, side, impact, now) for side, impact in enumerate(impacts)]
    bid, ask = market.impact_ticks = ticks_of(market, *impacts)
    if bid and ask:
        add_basis_sample(market, (bid + ask) // 2 - market.index, now)
    inputs = [number for impact in impacts for number in impact or (0, 0)]
    counted = [term or 0 for term in terms]
    exchange.emit(events.IMPACT_SAMPLED, *inputs, *counted, contract=market.contract)
    premium, is_valid = premium_of(market, *terms)
    market.sample_count += 1
    market.sample_valid += is_valid
    collect_vote(market, premium)
    rate_next = rate_of(market).published
    numbers = (premium, bid, ask, int(is_valid), now, rate_next)
    exchange.emit(events.PREMIUM_SAMPLED, *numbers, contract=market.contract)
