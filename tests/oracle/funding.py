"""Premium samples, the funding rate, and the index that positions settle against (7.1-7.4)."""

from engine.schema import bounds, events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.money import cover, settle_funding
from tests.oracle.prices import Market
from tests.oracle.rounding import ceil_div, clamp, trunc_div

TRADED_VALUE_FULL = 2**60


def count_trade(market: Market, lots: int, price: int) -> None:
    """Every trade feeds the last term, until the sum has passed its bound."""
    if market.traded_value <= TRADED_VALUE_FULL:
        market.traded_value += lots * price * market.spec.tick_value
        market.traded_lots += lots


def impact_of(market: Market, side: int) -> tuple[int, int] | None:
    """(value, lots) for the set notional: whole levels, of the last one only what is missing.

    None when the side is too thin."""
    value = lots = 0
    for price, level_lots in market.book.levels(side):
        lot_value = price * market.spec.tick_value
        missing = market.spec.funding_impact_value - value
        if level_lots * lot_value >= missing:
            needed = ceil_div(missing, lot_value)
            return value + needed * lot_value, lots + needed
        value += level_lots * lot_value
        lots += level_lots
    return None


def term_of(market: Market, side: int, impact: tuple[int, int]) -> int:
    """How far the impact price of a side lies on its profitable side of the index, in ppb."""
    value, lots = impact
    index_value = lots * market.spec.tick_value * market.index
    above = value - index_value if side == words.BUY else index_value - value
    return min(max(0, trunc_div(above * PPB, index_value)), 1_000 * PPB)


def take_last_term(market: Market) -> None:
    """The volume-weighted last price of the window that ends now, if enough was traded."""
    market.last_term = 0
    if market.traded_lots > 0 and market.traded_value >= market.spec.mark_last_value_min:
        lot_ticks = market.traded_lots * market.spec.tick_value
        market.last_term = market.traded_value // lot_ticks
    market.traded_value = market.traded_lots = 0


def sample_premium(exchange, market: Market) -> None:
    now, spec = exchange.clock, market.spec
    market.next_sample += spec.funding_sample_ns
    market.index_values.append(market.index)  # in every state that has this clock (5.4)
    if market.state not in (words.STATE_CONTINUOUS, words.STATE_POST_ONLY) or market.is_held:
        market.last_term = market.traded_value = market.traded_lots = 0
        return
    take_last_term(market)
    impact_bid, impact_ask = impact_of(market, words.BUY), impact_of(market, words.SELL)
    terms = [0, 0]
    valid = True
    for side, impact in enumerate((impact_bid, impact_ask)):
        held = market.held_terms[side]
        if impact is not None:
            terms[side] = term_of(market, side, impact)
            market.held_terms[side] = (terms[side], now)
        elif held is not None and now - held[1] <= spec.funding_hold_ns:
            terms[side] = held[0]
        else:
            valid = False
    premium = terms[words.BUY] - terms[words.SELL]
    bid = ask = 0
    if impact_bid is not None:
        value, lots = impact_bid
        bid = value // (lots * spec.tick_value)
    if impact_ask is not None:
        value, lots = impact_ask
        ask = ceil_div(value, lots * spec.tick_value)
    if bid and ask:
        market.basis.append((bid + ask) // 2 - market.index)
    market.sample_sum += premium
    market.sample_count += 1
    market.sample_valid += valid
    contract = market.contract
    exchange.emit(events.PREMIUM_SAMPLED, premium, bid, ask, int(valid), now, contract=contract)


def funding_rate(market: Market) -> tuple[int, int]:
    """(average premium, rate F) of the interval that ends."""
    spec = market.spec
    interval = spec.funding_interval_ns
    average = 0
    if market.sample_count and market.sample_valid * 10 >= market.sample_count * 9:
        average = trunc_div(market.sample_sum, market.sample_count)
    clamped = clamp(
        spec.funding_interest_ppb - average, -spec.funding_clamp_ppb, spec.funding_clamp_ppb
    )
    rate = trunc_div((average + clamped) * interval, bounds.FUNDING_BASE_NS)
    rate = clamp(rate, -spec.funding_cap_ppb, spec.funding_cap_ppb)
    rate = trunc_div(rate * (interval - market.frozen_ns), interval)
    today = sum(paid for due, paid in market.rates if is_same_day(due, market.next_funding))
    most = spec.funding_cap_day_ppb
    return average, clamp(today + rate, -most, most) - today


def is_same_day(time: int, other: int) -> bool:
    return time // bounds.NS_PER_DAY == other // bounds.NS_PER_DAY


def rebase(exchange, market: Market) -> None:
    """Every holder settles, and the index starts again from 0."""
    index = market.funding_index
    for number in sorted(market.holders):
        account = exchange.accounts[number]
        settle_funding(exchange, account, market.holders[number])
        if account.cash < 0:
            cover(exchange, account)
    market.funding_index = 0
    for holding in market.holders.values():
        holding.funding_index = 0
    exchange.emit(events.FUNDING_REBASED, index, contract=market.contract)


def publish_funding(exchange, market: Market, command_time: int) -> int:
    """One interval ends at the clock; returns the growth per lot."""
    spec, due = market.spec, exchange.clock
    late = command_time - due
    if late > spec.funding_late_ns:
        exchange.emit(events.FUNDING_LATE, due, late, contract=market.contract)
    average, rate = funding_rate(market)
    growth, carry = divmod(market.lot_value * rate + market.carry, PPB)
    reach = 2 * spec.open_interest_lots_max * abs(market.funding_index + growth)
    if reach > bounds.FUNDING_OWED_MAX:
        rebase(exchange, market)
    market.funding_index += growth
    market.rate, market.carry = rate, carry
    market.rates = [(d, r) for d, r in market.rates if is_same_day(d, due)] + [(due, rate)]
    exchange.emit(
        events.FUNDING_PUBLISHED,
        rate,
        growth,
        carry,
        market.funding_index,
        average,
        due,
        contract=market.contract,
    )
    market.sample_sum = market.sample_count = market.sample_valid = 0
    market.next_funding = due + spec.funding_interval_ns
    market.frozen_ns = clamp(market.freeze_end - due, 0, spec.funding_interval_ns)
    return growth
