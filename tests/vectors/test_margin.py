"""Worked examples of venues for margin: tiers, leverage, open interest (8.1, 8.2, 8.6)."""

from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import pytest

from engine.schema import commands
from engine.schema.bounds import PPB
from engine.schema.contract import Tier
from tests.rules.story import BUY, PERCENT, SELL, A, B, C, Story, contract
from tests.vectors.files import TOPICS, Runs, Vector, must_equal, needs_folder, rows, whole
from tests.vectors.stories import RICH, bounded, deductions, margin_of, tiers_of, traded

RUNS = Runs()
MONEY = 10**6
COIN = 10**8
PPM = PPB // 10**6
INVERSE = {"tick_value": 0, "price_ticks_min": 1_000}


# Tiers


def written(brackets: list[list[Any]], unit: int, **terms: Any) -> list[int]:
    return deductions(Story(bounded(1, 10_000, tiers=tiers_of(brackets, unit), **terms)))


@RUNS.of("margin.tier_deduction")
def tier_deduction(vector: Vector, inputs: dict[str, Any]) -> None:
    """That of an inverse contract gives what was deducted before: a tier from 28 coins has it."""
    if "tiers_floor_mmr" in inputs:
        found = written(inputs["tiers_floor_mmr"], MONEY, tick_value=1)
        for deduction, cum in zip(found, vector["expected"], strict=True):
            must_equal(vector, Fraction(deduction, MONEY), cum)
        return
    brackets = [[0, 0.005], [28, inputs["mmr_prev"]], [inputs["floor_btc"], inputs["mmr"]]]
    found = written(brackets, COIN, contract_value=100 * COIN, **INVERSE)
    must_equal(vector, Fraction(found[1], COIN), inputs["prev_cum_btc"])
    must_equal(vector, Fraction(found[2], COIN), vector["expected"])


@RUNS.of("margin.tier_progressive")
def tier_progressive(vector: Vector, inputs: dict[str, Any]) -> None:
    widths = [width for width, _ in inputs["tiers_width_mmr"]]
    rates = [rate for _, rate in inputs["tiers_width_mmr"]]
    brackets = [list(row) for row in zip(accumulate([0, *widths[:-1]]), rates, strict=True)]
    value = inputs["entry"] * MONEY
    story = traded(inputs["contracts"], value, tiers=tiers_of(brackets, MONEY))
    entry_value = story.position(A)["entry_value"]
    must_equal(vector, Fraction(entry_value, MONEY), vector["expected"]["position_value"])
    must_equal(vector, Fraction(margin_of(story).maintenance, MONEY), vector["expected"]["mm"])


def chords(base_ppb: int, slope_ppb: int, width: int, lot_value: int) -> list[tuple[int, int]]:
    """(floor, rate) of 16 tiers of so many lots: a rate of base + slope x lots on the whole is a
    parabola, and the rate of a tier is that of its chord, so the sum is exact at every floor."""
    lots = range(0, 17 * width, width)
    return [
        (start * lot_value, base_ppb + slope_ppb * (start + end)) for start, end in pairwise(lots)
    ]


@RUNS.of("margin.im.size_linear", "margin.mm.size_linear")
def size_linear(vector: Vector, inputs: dict[str, Any]) -> None:
    """Tiers of 25 coins; the other margin has half the rate, or a percent more."""
    value = inputs["price"] * MONEY
    rates = chords(whole(inputs["base"], PPB), whole(inputs["slope_per_unit"], PPB), 25, value)
    if vector["topic"] == "margin.im.size_linear":
        tiers = tuple(Tier(floor, rate, rate // 2) for floor, rate in rates)
        found = margin_of(traded(inputs["qty"], value, tiers=tiers)).requirement
    else:
        tiers = tuple(Tier(floor, rate + PERCENT, rate) for floor, rate in rates)
        found = margin_of(traded(inputs["qty"], value, tiers=tiers)).maintenance
    must_equal(vector, Fraction(found, MONEY), vector["expected"])


# Leverage


@RUNS.of("margin.im_mm")
def initial_and_maintenance(vector: Vector, inputs: dict[str, Any]) -> None:
    if "leverage" in inputs:
        return chosen_leverage(vector, inputs)
    story = traded(
        int(inputs["quantums"]), lot_value(inputs), initial_ppb=inputs["initial_margin_ppm"] * PPM,
        maintenance_ppb=maintenance_ppb(inputs),
    )  # fmt: skip
    must_equal_both(vector, story)


def lot_value(inputs: dict[str, Any]) -> int:
    """A base quantum in quote quantums, of which a dollar has 10^6."""
    tens = inputs["price_exponent"] + inputs["atomic_resolution"] + 6
    value = Fraction(inputs["price"]) * Fraction(10) ** tens
    assert value.denominator == 1
    return int(value)


def maintenance_ppb(inputs: dict[str, Any]) -> int:
    """The venue allows the initial rate; 8.1 wants less, a ppb that rounding up takes back."""
    rate_ppb = inputs["initial_margin_ppm"] * inputs["maintenance_fraction_ppm"] // 10**6 * PPM
    return rate_ppb - (inputs["maintenance_fraction_ppm"] == 10**6)


def must_equal_both(vector: Vector, story: Story) -> None:
    margin = margin_of(story)
    must_equal(vector, margin.requirement, vector["expected"]["im"])
    must_equal(vector, margin.maintenance, vector["expected"]["mm"])


def chosen_leverage(vector: Vector, inputs: dict[str, Any]) -> None:
    """Maintenance is half the initial rate at the highest leverage."""
    initial_ppb = PPB // inputs["max_leverage"]
    for leverage, initial in zip(inputs["leverage"], vector["expected"]["im"], strict=True):
        story = traded(
            1, inputs["notional"] * MONEY, initial_ppb=initial_ppb,
            maintenance_ppb=initial_ppb // 2,
        )  # fmt: skip
        story.submit(
            commands.SetLeverage(
                time_ns=story.now_ns, account=A, client_id=story.client_id(), contract=1,
                rate_initial_ppb=PPB // leverage,
            )
        )  # fmt: skip
        must_equal(vector, Fraction(margin_of(story).requirement, MONEY), initial)
        must_equal(vector, Fraction(margin_of(story).maintenance, MONEY), vector["expected"]["mm"])


@RUNS.of("margin.im_rounding")
def rounded_up(vector: Vector, inputs: dict[str, Any]) -> None:
    initial_ppb = inputs["initial_margin_ppm"] * PPM
    story = traded(1, inputs["notional_quote_quantums"], initial_ppb=initial_ppb)
    must_equal(vector, margin_of(story).requirement, vector["expected"])


@RUNS.of("margin.order_cost.inverse")
def order_cost(vector: Vector, inputs: dict[str, Any]) -> None:
    """In satoshi; the example shows four decimals."""
    price = inputs["price"]
    initial_ppb = PPB // inputs["leverage"]
    story = Story(
        contract(
            initial_ppb=initial_ppb, maintenance_ppb=initial_ppb // 2,
            contract_value=inputs["multiplier_usd"] * COIN, **INVERSE,
        )
    )  # fmt: skip
    story.open(A, COIN)
    story.price(price)
    answer = story.exchange.what_if(
        commands.PlaceOrder(
            time_ns=story.now_ns, account=A, client_id=story.client_id(), contract=1, side=BUY,
            lots=inputs["contracts"], price_ticks=price,
        )
    )  # fmt: skip
    assert answer.code == 0 and answer.after is not None
    shown = round(Fraction(answer.after.requirement, COIN), 4)
    must_equal(vector, shown, vector["expected"])


# Open interest


def crowded(
    lots: int, lot_value: int, open_lots: int, bounds: tuple[int, int], **rates: int
) -> Story:
    """A holds these lots, C the rest of the open interest, B the other side."""
    story = traded(
        lots, lot_value, order_lots_max=2 * open_lots, position_lots_max=2 * open_lots,
        open_interest_lots_max=2 * open_lots, price_ticks_max=1_000,
        open_interest_scale_low_lots=bounds[0], open_interest_scale_high_lots=bounds[1],
        price_least=1_000, **rates,
    )  # fmt: skip
    story.open(C, RICH)
    story.order(C, BUY, open_lots - lots, 1_000)
    story.order(B, SELL, open_lots - lots, 1_000)
    assert story.exchange.contract(1)["long_lots"] == open_lots
    return story


@RUNS.of("margin.oi_scaled_imf")
def scaled_rate(vector: Vector, inputs: dict[str, Any]) -> None:
    """A lot is a quantum of notional, worth 10^9 so that its margin is the rate; the venue keeps
    ppm, rounded down."""
    bounds = (inputs["oi_lower_cap"], inputs["oi_upper_cap"])
    initial_ppb = inputs["initial_margin_ppm"] * PPM
    story = crowded(1, PPB, inputs["oi_notional"], bounds, initial_ppb=initial_ppb)
    must_equal(vector, margin_of(story).requirement // PPM, vector["expected"])


@RUNS.of("margin.im_mm.oi_scaled")
def scaled_margin(vector: Vector, inputs: dict[str, Any]) -> None:
    """A lot is 10^6 quote quantums of notional at this price, so that the bounds are whole."""
    lot = 10**6
    notional, interest, low, high = (
        Fraction(number, lot)
        for number in (
            int(inputs["quantums"]) * lot_value(inputs),
            inputs["open_interest_quantums"] * lot_value(inputs),
            inputs["oi_lower_cap"],
            inputs["oi_upper_cap"],
        )
    )
    assert all(number.denominator == 1 for number in (notional, interest, low, high))
    story = crowded(
        int(notional), lot, int(interest), (int(low), int(high)),
        initial_ppb=inputs["initial_margin_ppm"] * PPM, maintenance_ppb=maintenance_ppb(inputs),
    )  # fmt: skip
    must_equal_both(vector, story)


@needs_folder
@pytest.mark.parametrize("vector", rows("margin"))
def test_vector(vector: Vector) -> None:
    RUNS.run(vector)


def test_every_topic_is_run() -> None:
    assert set(RUNS) == set(TOPICS["margin"])
