"""The funding rate, its caps, and the index that positions settle against (7.2-7.4)."""

from dataclasses import dataclass

from engine.schema import bounds, events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Contract
from tests.oracle.market import Market
from tests.oracle.money import cover, settle_funding
from tests.oracle.rounding import clamp, rate_down, trunc_div


@dataclass(frozen=True)
class Rate:
    premium: int  # average of the interval
    published: int
    is_capped: bool


def average_premium(market: Market) -> int:
    """Over the votes; nothing without any, or when too much of the interval had no book."""
    votes = market.votes
    if not votes or market.sample_valid * 10 < market.sample_count * 9:
        return 0
    is_rising = market.spec.funding_weighting == words.WEIGHTING_RISING
    weights = list(range(1, len(votes) + 1)) if is_rising else [1] * len(votes)
    total = sum(weight * vote for weight, vote in zip(weights, votes, strict=True))
    return trunc_div(total, sum(weights))


def rate_per_base(spec: Contract, premium: int) -> int:
    """Premium and interest as the method joins them, before length and caps."""
    interest, most = spec.funding_interest_ppb, spec.funding_clamp_ppb
    if spec.funding_method == words.RATE_CLAMP:
        return premium + clamp(interest - premium, -most, most)
    if spec.funding_method == words.RATE_DAMPER:
        return max(most, premium) + min(-most, premium)
    return premium + interest


def cap_of(spec: Contract, length: int) -> int:
    """Per interval; it may be a share of what margin leaves above maintenance (7.2)."""
    if spec.funding_cap_margin_ppb == 0:
        return spec.funding_cap_ppb
    first = spec.tiers[0]
    room = first.rate_initial_ppb - first.rate_maintenance_ppb
    per_base = rate_down(room, spec.funding_cap_margin_ppb)
    return min(spec.funding_cap_ppb, per_base * length // spec.funding_base_ns)


def rate_of(market: Market) -> Rate:
    """The rate of the running interval, with what is known of it so far."""
    spec, length = market.spec, market.length_ns
    premium = average_premium(market)
    rate = trunc_div(rate_per_base(spec, premium) * length, spec.funding_base_ns)
    cap = cap_of(spec, length)
    is_capped = 0 < cap <= abs(rate)
    rate = clamp(rate, -cap, cap)
    rate = trunc_div(rate * (length - market.frozen_ns), length)
    today = sum(paid for due, paid in market.rates if is_same_day(due, market.next_funding))
    most = spec.funding_cap_day_ppb
    return Rate(premium, clamp(today + rate, -most, most) - today, is_capped)


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
    """One interval has ended; returns the growth per lot."""
    spec, due, contract = market.spec, market.next_funding, market.contract
    late = command_time - due
    if late > spec.funding_late_ns:
        exchange.emit(events.FUNDING_LATE, due, late, contract=contract)
    rate = rate_of(market)
    growth, carry = divmod(market.lot_size * rate.published + market.carry, PPB)
    reach = 2 * spec.open_interest_lots_max * abs(market.funding_index + growth)
    if reach > bounds.FUNDING_OWED_MAX:
        rebase(exchange, market)
    market.funding_index += growth
    market.rate, market.carry = rate.published, carry
    today = [(time, paid) for time, paid in market.rates if is_same_day(time, due)]
    market.rates = [*today, (due, rate.published)]
    inputs = (market.sample_count, market.sample_valid, market.frozen_ns, market.length_ns)
    exchange.emit(
        events.FUNDING_AVERAGED, *inputs, int(rate.is_capped), market.mark, contract=contract
    )
    exchange.emit(
        events.FUNDING_PUBLISHED,
        rate.published,
        growth,
        carry,
        market.funding_index,
        rate.premium,
        due,
        contract=contract,
    )
    start_interval(market, due, rate.is_capped)
    return growth


def start_interval(market: Market, due: int, was_capped: bool) -> None:
    """The next one ends sooner when the rate of the last has reached its cap."""
    every = market.spec.funding_interval_ns
    if was_capped and market.spec.funding_interval_capped_ns:
        every = market.spec.funding_interval_capped_ns
    market.next_funding = (due // every + 1) * every
    market.length_ns = market.next_funding - due
    market.frozen_ns = clamp(market.freeze_end - due, 0, market.length_ns)
    market.votes.clear()
    market.ballot.clear()
    market.sample_count = market.sample_valid = 0
