"""Stories that several subjects tell: a position of so many lots of a given value."""

from typing import Any

from engine.schema.bounds import PPB, TICK_VALUE_MAX
from engine.schema.contract import Contract, Tier
from engine.views import view_tiers
from engine.what_if import Margin, value
from tests.rules.story import PERCENT, A, B, Story, contract
from tests.vectors.files import whole

RICH = 10**17


def tiers_of(brackets: list[list[Any]], unit: int) -> tuple[Tier, ...]:
    """Tiers of (floor, maintenance rate); most examples tell no initial rate: twice as much."""
    rates = [(whole(start, unit), whole(rate, PPB)) for start, rate in brackets]
    return tuple(Tier(start, 2 * rate, rate) for start, rate in rates)


def as_price(lot_value: int, least: int) -> tuple[int, int]:
    """A price of so many ticks at least, and a tick value, for a lot of this value."""
    for price in range(least, 5_000):
        if lot_value % price == 0 and lot_value // price <= TICK_VALUE_MAX:
            return price, lot_value // price
    raise AssertionError(lot_value)


def bounded(lots: int, price: int, number: int = 1, **terms: Any) -> Contract:
    """A contract for so many lots at prices up to this one, so that small units pass listing."""
    bounds = {"order_lots_max": lots, "position_lots_max": lots, "open_interest_lots_max": lots}
    spec: dict[str, Any] = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
    return contract(number, **(spec | bounds | {"price_ticks_max": price} | terms))


def traded(lots: int, lot_value: int, price_least: int = 1, **terms: Any) -> Story:
    """A holds these lots (short if below 0) against B; a lot is worth the value at the mark."""
    price, tick_value = as_price(lot_value, price_least)
    story = Story(bounded(max(abs(lots), 2_000), 2 * price, tick_value=tick_value, **terms))
    for account in (A, B):
        story.open(account, RICH)
    story.price(price)
    buyer, seller = (A, B) if lots > 0 else (B, A)
    story.trade(buyer, seller, abs(lots), price)
    return story


def margin_of(story: Story, account: int = A) -> Margin:
    """Equity, maintenance and initial margin as the kernels value them."""
    found = value(story.exchange.arena, account)
    assert found is not None
    return found


def deductions(story: Story, number: int = 1) -> list[int]:
    """What the listing has written beside the maintenance rate of each tier."""
    tiers = view_tiers(story.exchange.arena, number)
    return [tier["deduction_maintenance"] for tier in tiers]
