"""The contracts of a script as ours: steps of price and quantity, sizes, stand-ins.

Accounts are rich and rates tiny ("margin: ample"), the static band is as wide as the engine
knows, funding and the end of an auction are a day away. A price is a whole number of the
contract's ticks and a quantity one of its lots: what is off these grids is refused at this edge,
as our importers do it, for a command can't even say it. Where a price lies above the engine's
highest tick, all are divided by their greatest common divisor. A quantity above the engine's
largest order has a smaller one stand in for it, and so has a price that no division brings into
range; such an order may rest, not trade.
"""

import math

from engine.importers.decimal_grid import DecimalGrid, parse_grid
from engine.schema import bounds
from engine.schema.contract import Contract, Tier
from tests.scenarios.files import Scenario

TICKS_MAX = bounds.PRICE_TICKS_MAX // 2


class NotUnderstood(Exception):
    """The script holds something that this driver does not know: never passed over in silence."""


class OffGrid(Exception):
    """A price or a quantity that is no whole number of the contract's steps."""


def prices_of(script: Scenario, label: str) -> list[int]:
    """Every price that a script names for a contract."""
    prices = [
        step[name]
        for step in script["steps"]
        if step.get("contract") == label
        for name in ("price", "low", "high", "reference_price")
        if step.get(name)
    ]
    triggers = [step["trigger"] for step in script["steps"] if "trigger" in step]
    return prices + [trigger["price"] for trigger in triggers if "price" in trigger]


def stand_ins_of(asked: set[int], largest: int) -> dict[int, int]:
    """For every number above the engine's largest, one within it that no other has; in order."""
    above = sorted((number for number in asked if number > largest), reverse=True)
    stand_ins = {number: largest // 2 - k for k, number in enumerate(above)}
    assert not set(stand_ins.values()) & asked
    return stand_ins


def steps(number: int, grid: DecimalGrid) -> int:
    """A whole number of steps, by the grid that our importers put prices on."""
    try:
        return grid.steps(str(number))
    except ValueError as error:
        raise OffGrid(str(error)) from None


class Listing:
    """One contract of a script: its number, its steps, its specification."""

    def __init__(self, script: Scenario, label: str, number: int) -> None:
        terms = script["setup"]["contracts"][label]
        if terms["kind"] != "linear":
            raise NotUnderstood(f"contract {terms}")
        self.label, self.number, self.terms = label, number, terms
        prices = prices_of(script, label)
        self.tick, self.lot = terms["tick"], terms["lot"]
        self.price_grid = parse_grid(str(self.tick))
        self.lot_grid = parse_grid(str(self.lot))
        highest = max(prices, default=0)
        self.is_divided = highest > TICKS_MAX * self.tick and math.gcd(*prices) > self.tick
        if self.is_divided:
            self.tick = math.gcd(*prices)
        self.ticks_max = 2 * highest // self.tick if self.is_divided else bounds.PRICE_TICKS_MAX
        self.prices = stand_ins_of(set() if self.is_divided else set(prices), TICKS_MAX)
        self.quantities = stand_ins_of(
            {step["qty"] for step in script["steps"] if "qty" in step}, bounds.LOTS_MAX
        )
        self.price_of = {ticks: price for price, ticks in self.prices.items()}
        self.qty_of = {lots: qty for qty, lots in self.quantities.items()}
        self.mark = terms.get("mark") or self.find_mark(script)
        self.reference = self.find_one(script, "reference_price", "uncross", "cmd")
        self.day_end = self.find_one(script, "expires_at", "day", "tif")

    def find_mark(self, script: Scenario) -> int:
        """The first mark that the script sets, else the middle one of its prices."""
        steps = [step for step in script["steps"] if step.get("contract") == self.label]
        prices = sorted(step["price"] for step in steps if step.get("price"))
        middle = prices[len(prices) // 2] if prices else self.tick
        return middle // self.tick * self.tick or self.tick

    def find_one(self, script: Scenario, field: str, value: str, name: str) -> int:
        """The one number of a field in the contract's steps of a kind; 0 when there is none."""
        steps = [step for step in script["steps"] if step.get("contract") == self.label]
        found = {step[field] for step in steps if field in step and step.get(name) == value}
        if len(found) > 1:
            raise NotUnderstood(f"{field} {found}")
        return found.pop() if found else 0

    def ticks(self, price: int) -> int:
        """A price in ticks; OffGrid where it is none."""
        if self.is_divided:
            assert price % self.tick == 0
            return price // self.tick
        return self.prices.get(price) or steps(price, self.price_grid)

    def lots(self, qty: int) -> int:
        return self.quantities.get(qty) or steps(qty, self.lot_grid)

    def price(self, ticks: int) -> int:
        return self.price_of.get(ticks, ticks * self.tick)

    def qty(self, lots: int) -> int:
        return self.qty_of.get(lots, lots * self.lot)

    def may_trade(self, ticks: int, lots: int) -> bool:
        """What stands in for a number that we do not know may rest alone."""
        return ticks not in self.price_of and lots not in self.qty_of

    def specification(self) -> Contract:
        tick_value = self.terms["tick_value"] * self.tick * self.lot
        lots = min(bounds.LOTS_MAX, bounds.CONTRACT_VALUE_MAX // tick_value // self.ticks_max)
        return Contract(
            contract=self.number,
            symbol=self.label,
            tick_size=str(self.tick),
            lot_size=str(self.lot),
            tick_value=tick_value,
            price_ticks_max=self.ticks_max,
            order_lots_max=lots,
            position_lots_max=lots,
            open_interest_lots_max=lots,
            tiers=(Tier(0, 2, 1),),
            band_static_ppb=bounds.BAND_STATIC_PPB_MAX,
            market_range_ppb=bounds.BAND_PPB_MAX,
            source_outlier_ppb=bounds.BAND_PPB_MAX,
            source_stale_ns=bounds.NS_PER_DAY,
            mark_band_ppb=0,  # the mark is the source's price
            stp_none_allowed=True,
            funding_sample_ns=bounds.NS_PER_DAY,
            funding_interval_ns=bounds.NS_PER_DAY,
            funding_interest_ppb=0,
            auction_ns=bounds.NS_PER_DAY,
            auction_reference_ticks=self.ticks(self.reference),
            day_end_ns=self.day_end * bounds.NS_PER_SECOND,  # a script starts at midnight UTC
        )
