"""Worked examples of venues for prices, funding and values, through the engine's own functions:
those of a small formula by `funding.from_python`, the others in an exchange with a venue's method.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND, PPB
from engine.schema.contract import PriceSource, outside
from funding import from_python as own
from funding.presets import PRESETS
from tests.rules.story import BUY, HOUR_NS, PERCENT, SELL, A, B, Story, contract, only
from tests.vectors.files import (
    FOLDER,
    WHY_ABSENT,
    Vector,
    must_equal,
    whole,
)

needs_folder = pytest.mark.skipif(not FOLDER.is_dir(), reason=WHY_ABSENT)
PPM = PPB // 1000
Run = Callable[[Vector, dict[str, Any]], None]
RUNS: dict[str, Run] = {}


def runs(topic: str) -> Callable[[Run], Run]:
    def register(function: Run) -> Run:
        RUNS[topic] = function
        return function

    return register


def traded(lots: int, price: int, **terms: Any) -> Story:
    """A holds these lots (short if below 0) against B, at a mark that is the price."""
    rates = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
    story = Story(contract(**(rates | terms)))
    for account in (A, B):
        story.open(account, 10**16)
    story.price(price)
    buyer, seller = (A, B) if lots > 0 else (B, A)
    story.trade(buyer, seller, abs(lots), price)
    return story


CHARGED: dict[str, Any] = {  # a rate that is the interest, whatever the book
    "funding_interval_ns": HOUR_NS, "funding_base_ns": HOUR_NS, "funding_clamp_ppb": PPB,
    "funding_cap_ppb": PPB, "source_stale_ns": 86_400 * NS_PER_SECOND,
}  # fmt: skip


def charge(lots: int, price: int, rate_ppb: int, **terms: Any) -> int:
    """What a funding time at this rate takes from the holder."""
    story = traded(lots, price, funding_interest_ppb=rate_ppb, **(CHARGED | terms))
    before = story.equity(A)
    story.go(3_600)
    return before - story.equity(A)


# Funding


@runs("funding.payment")
def payment(vector: Vector, inputs: dict[str, Any]) -> None:
    each = charge(1, inputs["notional"], whole(inputs["rate"], PPB))
    must_equal(vector, each * inputs["settlements_per_day"], vector["expected"])


@runs("funding.payment.inverse")
def payment_inverse(vector: Vector, inputs: dict[str, Any]) -> None:
    """20 XBT in satoshi are the value; the long pays."""
    satoshi = 10**8
    paid = charge(1, inputs["mark_value_xbt"], whole(inputs["rate"], PPB), tick_value=satoshi)
    assert inputs["side"] == "long"
    must_equal(vector, Fraction(-paid, satoshi), vector["expected"])


@runs("funding.impact_notional")
def impact_notional(vector: Vector, inputs: dict[str, Any]) -> None:
    """The preset's impact value is this margin over the initial rate."""
    rate = Fraction(str(inputs["initial_margin_rate"]))
    must_equal(vector, Fraction(inputs["margin_usdt"]) / rate, vector["expected"])
    assert PRESETS["binance"]["funding_impact_value"] > 0


@runs("funding.sampling")
def sampling(vector: Vector, inputs: dict[str, Any]) -> None:
    preset = PRESETS["binance"]
    assert preset["funding_interval_ns"] == inputs["interval_hours"] * HOUR_NS
    assert preset["funding_sample_ns"] == inputs["sample_seconds"] * NS_PER_SECOND
    samples = preset["funding_interval_ns"] // preset["funding_sample_ns"]
    must_equal(vector, samples, vector["expected"])


@runs("funding.cap")
def cap(vector: Vector, inputs: dict[str, Any]) -> None:
    if "max_per_interval" in inputs:
        most = whole(inputs["max_per_interval"], PPB)
        assert most == own.compute_margin_cap(PERCENT, PERCENT // 2, 75 * PERCENT)
        must_equal(vector, Fraction(most * inputs["intervals_8h"], PPB), vector["expected"]["daily_8h"])
        must_equal(vector, Fraction(most * inputs["intervals_2h"], PPB), vector["expected"]["daily_2h"])
        return
    initial = inputs["initial_margin_ppm"] * PPM
    kept = inputs["maintenance_fraction_ppm"]
    maintenance = initial * kept // 10**6
    found = own.compute_margin_cap(initial, maintenance, inputs["clamp_factor_ppm"] * PPM)
    must_equal(vector, found // PPM, vector["expected"])


@runs("funding.rate.interest_only")
def interest_only(vector: Vector, inputs: dict[str, Any]) -> None:
    daily = whole(inputs["quote_daily"], PPB) - whole(inputs["base_daily"], PPB)
    rate = own.compute_base_rate(words.RATE_CLAMP, 0, daily // inputs["intervals"], PPB)
    must_equal(vector, Fraction(rate, PPB), vector["expected"])


@runs("funding.rate.clamp")
def clamp(vector: Vector, inputs: dict[str, Any]) -> None:
    names = ("premium", "interest_8h", "clamp")
    rate = own.compute_base_rate(words.RATE_CLAMP, *(whole(inputs[name], PPB) for name in names))
    must_equal(vector, Fraction(rate, PPB), vector["expected"])


@runs("funding.rate.damper")
def damper(vector: Vector, inputs: dict[str, Any]) -> None:
    preset = PRESETS["deribit"]
    premium = own.compute_mark_premium(inputs["mark"], inputs["index"])
    assert whole(inputs["damper"], PPB) == preset["funding_clamp_ppb"]
    rate = own.compute_base_rate(preset["funding_method"], premium, 0, preset["funding_clamp_ppb"])
    must_equal(vector, Fraction(rate, PPB), vector["expected"])


@runs("funding.weighted_twap")
def weighted_twap(vector: Vector, inputs: dict[str, Any]) -> None:
    """Three samples of the mark against the index, 1 ppm a tick, with the weights of Bybit."""
    index = 1_000_000
    story = Story(
        contract(
            initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT, price_ticks_max=2**20,
            premium_method=words.PREMIUM_MARK, funding_method=words.RATE_SUM,
            funding_weighting=PRESETS["bybit"]["funding_weighting"],
            funding_sample_ns=60 * NS_PER_SECOND, funding_interval_ns=180 * NS_PER_SECOND,
            funding_cap_ppb=PPB, mark_band_ppb=PPB // 10, mark_method=words.MARK_EXTERNAL,
            sources=(*outside(1), PriceSource(kind=words.SOURCE_PERPETUAL)),
        )
    )  # fmt: skip
    story.price(index)
    for k, premium in enumerate(inputs["samples"]):
        story.price(index + whole(premium, 10**6), source=2)
        events = story.go(60 * (k + 1))
    average = only(events, "funding_published")["premium_ppb"]
    must_equal(vector, Fraction(average, PPB), vector["expected"])


def book_of(story: Story, side: int, levels: list[list[str]], unit: int) -> None:
    for price, quantity in levels:
        lots = Fraction(quantity) * 10
        assert lots.denominator == 1
        story.order(A, side, int(lots), whole(Fraction(price), unit))


@runs("funding.premium_impact")
def premium_impact(vector: Vector, inputs: dict[str, Any]) -> None:
    """Ticks of a tenth, lots of a tenth; the venue rounds to ppm, and a thin side is 0 premium."""
    unit = 10
    story = Story(
        contract(
            initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT,
            funding_impact_value=inputs["impact_notional"] * unit * 10,
            premium_cap_ppb=inputs["cap_ppm"] * PPM, funding_sample_ns=60 * NS_PER_SECOND,
        )
    )  # fmt: skip
    story.open(A, 10**12)
    story.price(whole(Fraction(inputs["index"]), unit))
    book_of(story, BUY, inputs["bids"], unit)
    book_of(story, SELL, inputs["asks"], unit)
    premium = only(story.go(60), "premium_sampled")["premium_ppb"]
    found = premium // PPM if premium >= 0 else -(-premium // PPM)
    must_equal(vector, found, vector["expected"])


def grown(price: Fraction, rate_ppb: int) -> int:
    """The growth of the index at a funding time, per lot, with this value of a lot in money."""
    story = traded(
        1, 1, tick_value=int(price), funding_interest_ppb=rate_ppb, **CHARGED
    )
    return only(story.go(3_600), "funding_published")["growth"]


@runs("funding.index_delta")
def index_delta(vector: Vector, inputs: dict[str, Any]) -> None:
    """The venue counts ppm of quote units per base unit; a lot of 10^9 of them is worth the price
    in ppb, and its rate is one of 8 h."""
    price = Fraction(inputs["price"]) * Fraction(10) ** inputs["price_exponent"]
    quantums = Fraction(10) ** (inputs["atomic_resolution"] + 6)  # quote quantums per base quantum
    value = price * quantums  # of one base quantum
    rate_ppb = inputs["funding_rate_8h_ppm"] * PPM * inputs["seconds_since_last"]
    assert rate_ppb % 28_800 == 0
    # Money of 10^-6 of the venue's unit makes the growth per lot the venue's ppm, and a rate above
    # 100%, which no listing allows, is taken in tenths of tenfold value.
    found = grown(value * 10**6 * 10, rate_ppb // 28_800 // 10)
    must_equal(vector, found, vector["expected"])


@runs("funding.settlement_ppm")
def settlement_ppm(vector: Vector, inputs: dict[str, Any]) -> None:
    """A position pays lots x (index now - index then), exactly, whatever the two are."""
    moved = inputs["market_index"] - inputs["position_index"]
    lots = inputs["position_quantums"]
    shares = 10**5  # the index moves by so many equal steps of a lot
    assert lots % shares == 0
    price = max(abs(moved), 1)
    rate = PPB if moved > 0 else -PPB
    paid = charge(
        lots // shares, 1, rate, tick_value=price, order_lots_max=100, position_lots_max=100,
        open_interest_lots_max=100, price_ticks_max=10,
    )  # fmt: skip
    must_equal(vector, -paid * shares, vector["expected"])


@runs("funding.rounding")
def rounding(vector: Vector, inputs: dict[str, Any]) -> None:
    """The venue rounds each account's settlement down and keeps the dust; our index grows by whole
    money, rounded down for all at once, and the rest is carried (7.3): what a short receives."""
    for settlement, expected in zip(inputs["settlement_ppm"], vector["expected"], strict=True):
        growth = grown(Fraction(10**6), settlement * PPM) if abs(settlement) <= 10**6 else (
            grown(Fraction(10 * 10**6), settlement * PPM // 10)
        )
        must_equal(vector, growth, expected * 10**0)
