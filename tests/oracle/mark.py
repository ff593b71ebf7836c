"""The mark: its terms, each of which may be absent, and the limits around them (6.2)."""

from fractions import Fraction
from math import floor

from engine.schema import events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.index import is_fresh, weighted_median
from tests.oracle.market import Market
from tests.oracle.rounding import clamp, middle, rate_down, trunc_div
from tests.oracle.states import FROZEN


def fair_term(market: Market, index: int, now: int) -> int:
    """The index, and what is left of the running interval's funding at the last rate."""
    left = clamp(market.next_funding - now, 0, market.length_ns)
    rate_left = trunc_div(market.rate * left, market.length_ns)
    return index + trunc_div(index * rate_left, PPB)


def is_basis_old(market: Market, now: int) -> bool:
    return market.basis_time is None or now - market.basis_time > market.spec.mark_basis_hold_ns


def forget_basis(market: Market) -> None:
    market.basis.clear()
    market.basis_ema = (0, 0)
    market.basis_time = None


def add_basis_sample(market: Market, sample: int, now: int) -> None:
    weight = market.spec.mark_basis_ema_ppb
    if is_basis_old(market, now):
        forget_basis(market)
    market.basis_time = now
    if weight == 0:
        market.basis.append(sample)
        return
    total, weights = market.basis_ema
    total += sample * weight - trunc_div(total * weight, PPB)
    weights += weight - trunc_div(weights * weight, PPB)
    market.basis_ema = (total, weights)


def basis_term(market: Market, index: int, now: int) -> int | None:
    if is_basis_old(market, now):
        return None
    if market.spec.mark_basis_ema_ppb == 0:
        return index + sum(market.basis) // len(market.basis)
    total, weights = market.basis_ema
    return index + floor(Fraction(total, weights) + Fraction(1, 2))  # the nearest


def last_term(market: Market) -> int | None:
    return market.last_term or None


def book_term(market: Market) -> int | None:
    """The last price, held between the impact prices; their middle where nothing was traded."""
    last, prices = last_term(market), list(market.impact_ticks)
    if not all(prices):
        return last
    return middle(prices if last is None else [*prices, last])


def external_term(market: Market, now: int) -> int | None:
    weighed = [
        (source.price, Fraction(source.weight))
        for source in market.sources
        if source.is_perpetual and is_fresh(source, now, market.spec)
    ]
    return weighted_median(weighed) if weighed else None


def terms_of(market: Market, index: int, now: int) -> tuple[int | None, int | None, int | None]:
    """Of the contract's method: fair or external, basis, last or book."""
    method = market.spec.mark_method
    if method == words.MARK_MEDIAN:
        return fair_term(market, index, now), basis_term(market, index, now), last_term(market)
    if method == words.MARK_BASIS:
        return None, basis_term(market, index, now), None
    if method == words.MARK_FAIR:
        return fair_term(market, index, now), None, None
    if method == words.MARK_LAST:
        return None, None, book_term(market)
    return external_term(market, now), basis_term(market, index, now), book_term(market)


def publish_mark(exchange, market: Market, index: int) -> bool:
    """Returns whether the move limit holds the mark outside its band around the index."""
    spec = market.spec
    terms = terms_of(market, index, exchange.clock)
    present = [term for term in terms if term is not None]
    width = rate_down(index, spec.mark_band_ppb)
    mark = clamp(middle(present or [index]), index - width, index + width)
    if market.state != FROZEN and spec.mark_move_ppb > 0:
        move = max(1, rate_down(market.mark, spec.mark_move_ppb))
        mark = clamp(mark, market.mark - move, market.mark + move)
    mark = clamp(mark, spec.price_ticks_min, spec.price_ticks_max)
    is_held = not index - width <= mark <= index + width
    market.index, market.mark = index, mark
    shown = [term or 0 for term in terms]
    exchange.emit(
        events.MARK_PUBLISHED, mark, index, *shown, int(is_held), contract=market.contract
    )
    return is_held
