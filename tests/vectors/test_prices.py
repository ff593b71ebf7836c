"""Worked examples of venues for prices, funding and values, through the engine's own functions:
those of a small formula by `funding.from_python`, the others in an exchange with a venue's method.
"""

from fractions import Fraction
from typing import Any

import pytest

from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND, PPB
from engine.schema.contract import Contract, PriceSource, Tier, outside, size_of_lot
from funding import from_python as own
from funding.presets import PRESETS
from tests.rules.story import BUY, HOUR_NS, PERCENT, SELL, A, Story, contract, only
from tests.vectors.files import TOPICS, Runs, Vector, must_equal, needs_folder, rows, whole
from tests.vectors.stories import traded

PPM = PPB // 10**6
RUNS = Runs()
runs = RUNS.of

CHARGED: dict[str, Any] = {  # a rate that is the interest, whatever the book
    "funding_interval_ns": HOUR_NS, "funding_base_ns": HOUR_NS, "funding_clamp_ppb": PPB,
    "funding_cap_ppb": PPB, "source_stale_ns": 86_400 * NS_PER_SECOND,
}  # fmt: skip


def charge(lots: int, value: int, rate_ppb: int) -> int:
    """What a funding time at this rate takes from the holder."""
    story = traded(lots, value, funding_interest_ppb=rate_ppb, **CHARGED)
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
    paid = charge(1, inputs["mark_value_xbt"] * satoshi, whole(inputs["rate"], PPB))
    assert inputs["side"] == "long"
    must_equal(vector, Fraction(-paid, satoshi), vector["expected"])


@runs("funding.impact_notional")
def impact_notional(vector: Vector, inputs: dict[str, Any]) -> None:
    """A margin over the rate of the first tier, as an impact value in money: what
    a book must show to the unit for a valid sample."""
    rate = whole(inputs["initial_margin_rate"], PPB)
    value = inputs["margin_usdt"] * PPB // rate
    must_equal(vector, value, vector["expected"])
    for lots, valid in ((value, 1), (value - 1, 0)):
        story = Story(
            contract(
                initial_ppb=rate, maintenance_ppb=rate // 2, funding_impact_value=value,
                funding_sample_ns=60 * NS_PER_SECOND,
            )
        )  # fmt: skip
        story.open(A, 10**9)
        story.price(2)
        story.order(A, BUY, lots, 1)
        story.order(A, SELL, lots, 3)
        assert only(story.go(60), "premium_sampled")["valid"] == valid


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
        for hours in ("8h", "2h"):
            daily = Fraction(most * inputs[f"intervals_{hours}"], PPB)
            must_equal(vector, daily, vector["expected"][f"daily_{hours}"])
        return
    initial = inputs["initial_margin_ppm"] * PPM
    kept = inputs["maintenance_fraction_ppm"]
    maintenance = inputs["initial_margin_ppm"] * kept // 10**6 * PPM  # the venue keeps ppm
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


def grown(value: Fraction, rate_ppb: int) -> int:
    """The growth of the index at a funding time, per lot, with this value of a lot in money. A
    rate above 100%, which no listing allows, is a thousandth of it of a thousandfold value."""
    tens = 1 if abs(rate_ppb) <= PPB else 1_000
    assert (value * tens).denominator == 1 and rate_ppb % tens == 0
    story = traded(1, int(value * tens), funding_interest_ppb=rate_ppb // tens, **CHARGED)
    return only(story.go(3_600), "funding_published")["growth"]


@runs("funding.index_delta")
def index_delta(vector: Vector, inputs: dict[str, Any]) -> None:
    """The venue's index counts ppm of quote quantums per base quantum, so a lot of money is 10^6
    times what a base quantum is worth; it truncates, we round down and carry the rest."""
    price = Fraction(inputs["price"]) * Fraction(10) ** inputs["price_exponent"]
    value = price * Fraction(10) ** (inputs["atomic_resolution"] + 6) * 10**6
    seconds = Fraction(inputs["seconds_since_last"], 28_800)
    growth = grown(value * seconds, inputs["funding_rate_8h_ppm"] * PPM)
    must_equal(vector, growth, vector["expected"])


@runs("funding.settlement_ppm")
def settlement_ppm(vector: Vector, inputs: dict[str, Any]) -> None:
    """A position pays lots x (index now - index then), exactly, whatever the two are: the index
    grows by the value of a lot when the rate is 100%."""
    moved = inputs["market_index"] - inputs["position_index"]
    quantums = 10_000  # of a lot
    lots = inputs["position_quantums"] // quantums
    paid = charge(lots, abs(moved), PPB if moved > 0 else -PPB)
    must_equal(vector, -paid * quantums, vector["expected"])


@runs("funding.rounding")
def rounding(vector: Vector, inputs: dict[str, Any]) -> None:
    """The venue rounds what each account receives down and keeps the dust. Ours is rounded for
    all at once: what a lot of the paying side owes goes up, by the growth of the index, and the
    rest is carried into the next interval (7.3)."""
    for settlement, received in zip(inputs["settlement_ppm"], vector["expected"], strict=True):
        must_equal(vector, grown(Fraction(1), settlement * PPM), received)


# Index


def index_of(prices: list[int], sources: tuple[PriceSource, ...], **terms: Any) -> dict[str, int]:
    story = Story(
        contract(
            initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT, sources=sources,
            sources_healthy_min=2, **terms,
        )
    )  # fmt: skip
    for k, price in enumerate(prices):
        events = story.price(price, source=k + 1)
    return only(events, "index_published")


def of_preset(name: str) -> dict[str, Any]:
    """What a venue's preset says of the index, but for its own sources and their number."""
    preset = PRESETS[name]
    named = ("index_method", "index_clamp_ppb", "source_outlier_ppb", "source_reentry_ppb")
    return {field: preset[field] for field in named if field in preset}


@runs("index.outlier")
def outlier(vector: Vector, inputs: dict[str, Any]) -> None:
    terms = of_preset("bitmex")
    assert terms["source_outlier_ppb"] == whole(inputs["tolerance"], PPB)
    published = index_of(inputs["prices"], outside(1, 1, 1), **terms)
    excluded = [k for k in range(3) if published["outliers"] >> k & 1]
    assert excluded == vector["expected"]["excluded"]
    must_equal(vector, published["index_ticks"], vector["expected"]["index"])


@runs("index.weighted_median")
def weighted_median(vector: Vector, inputs: dict[str, Any]) -> None:
    """Ticks of a tenth."""
    prices = [whole(price, 10) for _, price, _ in inputs["sources"]]
    weights = [weight for _, _, weight in inputs["sources"]]
    published = index_of(prices, outside(*weights), **of_preset("hyperliquid"))
    must_equal(vector, Fraction(published["index_ticks"], 10), vector["expected"])


@runs("index.clamped_mean")
def clamped_mean(vector: Vector, inputs: dict[str, Any]) -> None:
    """Ticks of a hundredth."""
    terms = of_preset("okx") | {"source_outlier_ppb": PPB}
    assert terms["index_clamp_ppb"] == whole(inputs["clamp"], PPB)
    prices = [price * 100 for price in inputs["prices"]]
    published = index_of(prices, outside(*[1] * len(prices)), **terms)
    must_equal(vector, Fraction(published["index_ticks"], 100), vector["expected"])


# Mark


@runs("mark.median")
def median(vector: Vector, inputs: dict[str, Any]) -> None:
    basis = inputs["oracle"] + inputs["ema150_diff"]
    book = own.compute_book_price(inputs["bid"], inputs["ask"], inputs["last"])
    mark = own.compute_median_of_terms(3, inputs["ext_perp_median"], basis, book)
    must_equal(vector, mark, vector["expected"])


@runs("mark.bid_ask_clamped_last")
def clamped_last(vector: Vector, inputs: dict[str, Any]) -> None:
    """Ticks of a tenth."""
    found = own.compute_book_price(*(whole(inputs[name], 10) for name in ("bid", "ask", "last")))
    must_equal(vector, Fraction(found, 10), vector["expected"])


# Values

COIN = 10**8


@runs("contract.inverse.value")
def inverse_value(vector: Vector, inputs: dict[str, Any]) -> None:
    """In satoshi, a dollar a contract; the guide divides once for all contracts."""
    value = own.compute_value_inverse_per_fill(inputs["contracts"], COIN, inputs["price"])
    must_equal(vector, Fraction(value, COIN), vector["expected"])


@runs("pnl.inverse")
def inverse_profit(vector: Vector, inputs: dict[str, Any]) -> None:
    """A long has sold the coin that its entry is worth, and buys back what its exit is. Ticks of
    a thousandth; a contract of a hundredth of the quote."""
    face = whole(inputs["multiplier"], COIN) * 1_000
    entry, at_exit = (
        own.compute_value_inverse_per_fill(inputs["contracts"], face, whole(inputs[name], 1_000))
        for name in ("entry", "exit")
    )
    must_equal(vector, Fraction(entry - at_exit, COIN), vector["expected"])


@runs("pnl.inverse.net")
def net_profit(vector: Vector, inputs: dict[str, Any]) -> None:
    """What a position has gained less the funding that it owes is its part of equity. A coin has a
    hundred units, a lot is worth a tick of them."""
    profit, funding = (whole(inputs[name], 100) for name in ("pnl", "funding"))
    value = 1_000 - profit  # so that the rate is of a thousand
    story = traded(1, value, value, funding_interest_ppb=funding * PPB // 1_000, **CHARGED)
    before = story.equity(A)
    story.price(1_000)
    story.go(3_600)
    must_equal(vector, Fraction(story.equity(A) - before, 100), vector["expected"])


@runs("notional.linear")
def notional(vector: Vector, inputs: dict[str, Any]) -> None:
    """Exact by lots of a size that makes a tick worth whole money; the venue truncates."""
    exponent = inputs["atomic_resolution"] + inputs["price_exponent"] - inputs["quote_resolution"]
    scale = 10**-exponent
    lots = abs(inputs["quantums"])
    spec = Contract(contract=1, symbol="P", tick_value=1, tiers=(Tier(0, 2, 1),))
    value = lots // 10**6 * size_of_lot(spec, inputs["price"])
    sign = -1 if inputs["quantums"] < 0 else 1
    must_equal(vector, sign * (value * 10**6 // scale), vector["expected"])


@needs_folder
@pytest.mark.parametrize("vector", rows("prices"))
def test_vector(vector: Vector) -> None:
    RUNS.run(vector)


def test_every_topic_is_run() -> None:
    assert set(RUNS) == set(TOPICS["prices"])
