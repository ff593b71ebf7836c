"""Initial margin makes no steps: neither at a tier, nor where open interest begins to raise it, nor
by one lot more of either; worked out by hand, then for any tiers and floors (8.1, 8.6)."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.schema.bounds import PPB
from engine.schema.contract import Contract, Tier
from tests.oracle.accounts import (
    Account,
    Holding,
    bracket_margin,
    floor_rate,
    initial_margin,
    raised_rate,
    requirement,
)
from tests.oracle.desk import A, B, C, D, Desk, contract
from tests.oracle.market import make_market
from tests.oracle.rounding import ceil_div, rate_up
from tests.oracle.states import CONTINUOUS
from tests.oracle.test_leverage import PERCENT, TWO_TIERS

MUCH = 10**15


def opened(price: int = 100, **changes) -> Desk:
    desk = Desk(contract(tiers=TWO_TIERS, **changes))
    desk.open((A, MUCH), (B, MUCH), (C, MUCH), (D, MUCH))
    desk.mark(price)
    return desk


def scale(low: int, high: int) -> dict[str, int]:
    return {"open_interest_scale_low_lots": low, "open_interest_scale_high_lots": high}


def held_by(desk: Desk, account: int = A) -> int:
    """Without orders: the initial margin of its position."""
    return requirement(desk.oracle, desk.oracle.accounts[account])


@pytest.mark.parametrize(
    ("notional", "by_tiers", "by_floor", "halfway"),
    [
        (1_999, 200, 300, 1_100),  # 199.9; 299.85; 200 and half of 1,799
        (2_000, 200, 300, 1_100),  # 200 and half of 1,800
        (2_001, 201, 301, 1_101),  # 200.2; 300.15; 201 and half of 1,800
        (2_002, 201, 301, 1_102),  # 200.4; 300.3; 201 and half of 1,801
    ],
)
def test_8_1_the_next_tier_begins_without_a_step(notional, by_tiers, by_floor, halfway):
    """At 10% up to 2,000 and 20% above; at a floor of 15%; between them and all of it."""
    floor = {"rate_initial_min_ppb": 15 * PERCENT}
    for changes, margin in (({}, by_tiers), (floor, by_floor), (scale(0, 2), halfway)):
        desk = opened(2_000, **changes)
        desk.deal(A, B, 1, 2_000)
        desk.mark(notional)
        assert held_by(desk) == margin


@pytest.mark.parametrize(
    ("interest", "margin", "with_floor"),
    [
        (99, 400, 600),
        (100, 400, 600),
        (101, 413, 600),  # a 200th of 2,600
        (102, 426, 600),
        (115, 595, 600),
        (116, 608, 608),  # the larger one, not their sum
        (200, 1_700, 1_700),
        (299, 2_987, 2_987),
        (300, 3_000, 3_000),
        (400, 3_000, 3_000),
    ],
)
def test_8_6_the_line_begins_at_what_the_tiers_say_and_ends_at_all(interest, margin, with_floor):
    """30 lots: 400 by tiers, 600 by a floor of 20%, worth 3,000."""
    for rate, expected in ((0, margin), (20 * PERCENT, with_floor)):
        desk = opened(rate_initial_min_ppb=rate, **scale(100, 300))
        desk.deal(A, B, 30, 100)
        desk.deal(C, D, interest - 30, 100)
        assert held_by(desk) == expected


def test_8_6_its_share_is_rounded_up():
    """Of 900 a seventh is 128.57, two are 257.14."""
    desk = opened(**scale(100, 107))
    desk.deal(A, B, 10, 100)
    desk.deal(C, D, 91, 100)
    assert held_by(desk) == 100 + 129
    desk.deal(C, D, 1, 100)
    assert held_by(desk) == 100 + 258


def test_8_6_an_inverse_position_rises_from_its_tiers_to_its_size():
    """30,000: 4,000 by tiers, 26,000 above it. Then a lot is worth 12,500: 37,500 and 5,500."""
    tiers = (Tier(0, 10 * PERCENT, 5 * PERCENT), Tier(20_000, 20 * PERCENT, 10 * PERCENT))
    floor = {"rate_initial_min_ppb": 20 * PERCENT}
    inverse: dict[str, Any] = {"tick_value": 0, "contract_value": 10**6}
    desk = Desk(contract(**inverse | floor | {"tiers": tiers} | scale(3, 7)))
    desk.open((A, MUCH), (B, MUCH), (C, MUCH))
    desk.mark(100)
    desk.deal(A, B, 3, 100)
    assert held_by(desk) == held_by(desk, B) == 6_000
    desk.deal(C, B, 1, 100)
    assert held_by(desk) == 4_000 + 6_500
    desk.mark(80)
    assert held_by(desk) == 5_500 + 8_000
    desk.deal(C, B, 3, 80)
    assert held_by(desk) == 37_500


# For any tiers.


def exchange_of(spec: Contract, price: int) -> SimpleNamespace:
    """One market without anybody in it, as far as margins look."""
    market = make_market(spec, CONTINUOUS)
    market.mark = price
    return SimpleNamespace(markets={spec.contract: market}, accounts={})


def margin_of(exchange, lots: int, interest: int) -> int:
    exchange.markets[1].holders[B] = Holding(1, lots=interest)
    return initial_margin(exchange, Account(A, A, A, 0), Holding(1, lots=lots))


@st.composite
def exchanges(draw) -> SimpleNamespace:
    """Up to four tiers that rise, a floor or none, a line or none; lots of few units, too."""
    count = draw(st.integers(1, 4))
    edges = draw(st.lists(st.integers(1, 50_000), min_size=count - 1, max_size=count - 1))
    rates = sorted(draw(st.lists(st.integers(1, PPB), min_size=count, max_size=count)))
    tiers = [Tier(*row, 0) for row in zip([0, *sorted(edges)], rates, strict=True)]
    terms: dict[str, Any] = {"rate_initial_min_ppb": draw(st.just(0) | st.integers(0, PPB))}
    if draw(st.booleans()):
        low = draw(st.integers(0, 100))
        terms |= scale(low, low + draw(st.integers(1, 100)))
    if draw(st.booleans()):
        terms |= {"tick_value": 0, "contract_value": 10**5}
    spec = contract(tiers=tuple(tiers), **terms)
    return exchange_of(spec, draw(st.integers(1, 500)))


@settings(max_examples=300, deadline=None)
@given(exchanges(), st.integers(0, 300), st.integers(1, 300), st.integers(0, 250))
def test_8_6_lots_more_add_what_is_reserved_for_them_and_take_nothing(exchange, lots, more, others):
    """At the open interest to which they take it, when all are bought of somebody who held none.
    Up to a unit, as what the tiers say and what is added to it are both rounded up."""
    market = exchange.markets[1]
    market.holders[A], market.holders[B] = Holding(1, lots=lots), Holding(1, lots=others)
    rate = raised_rate(exchange, Account(A, A, A, 0), market.holders[A], more, 0)
    del market.holders[A]
    grown = lots + others + more
    before, after = (margin_of(exchange, held, grown) for held in (lots, lots + more))
    assert 0 <= after - before <= rate_up(more * market.lot_size, rate) + 1


@settings(max_examples=300, deadline=None)
@given(exchanges(), st.integers(1, 300), st.integers(0, 250))
def test_8_6_a_lot_of_open_interest_adds_its_share_and_takes_nothing(exchange, lots, interest):
    market = exchange.markets[1]
    low, high = market.spec.open_interest_scale_low_lots, market.spec.open_interest_scale_high_lots
    assume(high)
    worth = lots * market.lot_size
    by_tiers = bracket_margin(market.initial_brackets, worth)
    floor = floor_rate(exchange, Account(A, A, A, 0), Holding(1))
    before, after = (margin_of(exchange, lots, number) for number in (interest, interest + 1))
    assert 0 <= after - before <= ceil_div(worth - by_tiers, high - low)
    assert max(by_tiers, rate_up(worth, floor)) == margin_of(exchange, lots, low) <= before
    assert after <= margin_of(exchange, lots, high) == worth
