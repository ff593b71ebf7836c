"""Worked examples of venues for what stands behind a liquidation: backstop, fund, gains (9)."""

from fractions import Fraction
from typing import Any

import pytest

from engine.schema.bounds import PPB
from tests.rules.story import (
    BUY,
    FUND,
    PERCENT,
    SELL,
    A,
    B,
    C,
    Story,
    contract,
    named,
    only,
    order_id,
)
from tests.vectors.files import TOPICS, Runs, Vector, must_equal, needs_folder, rows, whole
from tests.vectors.stories import RICH, bounded

RUNS = Runs()
MONEY = 10**6
PPM = PPB // 10**6
OPEN_FUND: dict[str, Any] = {"fund_value_max": RICH, "fund_share_ppb": PPB}


# Backstop


@RUNS.of("liquidation.backstop_trigger")
def backstop(vector: Vector, inputs: dict[str, Any]) -> None:
    """Two thirds of maintenance: under it the whole position goes on to the fund, at it a partial
    step takes what the book has."""
    maintenance, equity = inputs["maintenance"], inputs["equity"]
    assert is_taken_over(maintenance, equity) is vector["expected"]
    assert not is_taken_over(maintenance, maintenance * 2 // 3)


def is_taken_over(maintenance: int, equity: int) -> bool:
    """A is long a hundred lots at 10% of maintenance, of which the book takes ten."""
    lots, mark = 100, maintenance // 10
    story = Story(
        contract(
            initial_ppb=20 * PERCENT, maintenance_ppb=10 * PERCENT,
            liquidation_whole_equity_ppb=2 * PPB // 3, liquidation_depth_ppb=PPB, **OPEN_FUND,
        ),
        fund_cash=RICH,
    )  # fmt: skip
    story.open(A, equity + lots * mark)
    story.open(B, RICH)
    story.price(2 * mark)
    story.trade(A, B, lots, 2 * mark)
    assert order_id(story.order(B, BUY, lots // 10, mark))
    events = story.price(mark)
    started = only(events, "liquidation_started", A)
    assert (started["equity"], started["margin_maintenance"]) == (equity, maintenance)
    return bool(named(events, "position_taken_over", A))


# The fund


def fund_gain(lots: int, bankrupt: int, fill: int, tick_value: int, fee_ppb: int) -> int:
    """What the fund gets when a position, short if below 0, is closed at this price with equity
    left down to the bankruptcy price, which is the mark.

    The listed prices end at the fill: a limit includes the fee (9.3) and would not reach one that
    leaves less than that, but it is clamped to the range.
    """
    is_long = lots > 0
    bounds = {"price_ticks_max": fill} if is_long else {"price_ticks_min": fill}
    spec = bounded(
        2 * abs(lots), 2 * bankrupt, initial_ppb=PPB // 2_000, maintenance_ppb=PPB // 4_000,
        liquidation_fee_ppb=fee_ppb, **({"tick_value": tick_value} | bounds),
    )  # fmt: skip
    story = Story(spec)
    story.open(A, lots * (fill - bankrupt) * tick_value)
    story.open(B, RICH)
    story.open(C, RICH)
    story.price(fill)
    story.trade(*((A, B) if is_long else (B, A)), abs(lots), fill)
    story.order(C, BUY if is_long else SELL, abs(lots), fill)
    events = story.price(bankrupt)
    assert only(events, "liquidation_started", A)["equity"] == 0
    assert only(events, "trade")["price_ticks"] == fill and story.lots(A) == 0
    return story.cash(FUND)


@RUNS.of("insurance_fund.delta")
def fund_delta(vector: Vector, inputs: dict[str, Any]) -> None:
    """Ticks of a dollar, lots of a thousandth of a coin."""
    per_lot = 10**5  # quantums of 10^-8
    lots = inputs["btc_quantums"] // per_lot
    quote = Fraction(inputs["fill_quantums"] * inputs["fill_subticks"])
    quote *= Fraction(10) ** inputs["quantum_conversion_exponent"]
    fill, bankrupt = quote / abs(lots) / 1_000, Fraction(-inputs["usdc"] * 1_000, lots)
    assert fill.denominator == bankrupt.denominator == 1 and inputs["is_buy"] == (lots < 0)
    fee_ppb = inputs["max_liquidation_fee_ppm"] * PPM
    gain = fund_gain(lots, int(bankrupt), int(fill), 1_000, fee_ppb)
    must_equal(vector, gain, vector["expected"])


@RUNS.of("insurance_fund.credit")
def fund_credit(vector: Vector, inputs: dict[str, Any]) -> None:
    """Ticks of a quarter; the venue keeps all that a fill leaves over."""
    bankrupt, fill = (whole(inputs[name], 4) for name in ("bankruptcy", "fill"))
    assert inputs["side"] == "long" and inputs["fund"] == 0
    gain = fund_gain(inputs["qty"], bankrupt, fill, MONEY // 4, PPB)
    must_equal(vector, Fraction(gain, MONEY), vector["expected"])


@RUNS.of("insurance_fund.debit")
def fund_debit(vector: Vector, inputs: dict[str, Any]) -> None:
    """A liquidation order is never filled beyond the bankruptcy price: the fund takes the position
    over there and sells it at the fill."""
    bankrupt, fill = (whole(inputs[name], 4) for name in ("bankruptcy", "fill"))
    entry, tick_value = bankrupt + 1, MONEY // 4
    story = Story(
        bounded(
            2 * inputs["qty"], entry, initial_ppb=PPB // 2_000, maintenance_ppb=PPB // 4_000,
            tick_value=tick_value, **OPEN_FUND,
        ),
        fund_cash=whole(inputs["fund"], MONEY),
    )  # fmt: skip
    story.open(A, inputs["qty"] * (entry - bankrupt) * tick_value)
    for account in (B, C):
        story.open(account, RICH)
    story.price(entry)
    story.trade(A, B, inputs["qty"], entry)
    story.order(C, BUY, inputs["qty"], fill)
    events = story.price(fill)
    assert only(events, "trade")["price_ticks"] == fill and story.lots(FUND) == 0
    assert only(events, "position_taken_over")["value"] == inputs["qty"] * bankrupt * tick_value
    must_equal(vector, Fraction(story.cash(FUND), MONEY), vector["expected"])


@RUNS.of("liquidation.fee_insurance")
def fee_insurance(vector: Vector, inputs: dict[str, Any]) -> None:
    """The fee never makes the account bankrupt: a liquidator at his discount would pay less than
    the bankruptcy price, so the order does not reach him and nothing is over for the fund."""
    price, lots = 1_000, inputs["base"]
    tick_value = inputs["oracle_price"] * MONEY // price
    value = lots * inputs["oracle_price"] * MONEY
    maintenance_ppb = whole(inputs["margin_ratio"], PPB)
    spec = bounded(
        2 * lots, 3 * price, initial_ppb=maintenance_ppb + 1, maintenance_ppb=maintenance_ppb,
        tick_value=tick_value, liquidation_fee_ppb=whole(inputs["max_if_fee"], PPB),
    )  # fmt: skip
    story = Story(spec)
    equity = value * maintenance_ppb // PPB - inputs["shortage_usd"] * MONEY
    story.open(A, equity + 2 * value)
    for account in (B, C):
        story.open(account, RICH)
    story.price(3 * price)
    story.trade(A, B, lots, 3 * price)
    assert order_id(story.order(C, BUY, lots, price - whole(inputs["liquidator_fee"], price)))
    events = story.price(price)
    assert only(events, "liquidation_started", A)["equity"] == equity
    assert story.lots(A) == 0 and not named(events, "trade")
    must_equal(vector, story.cash(FUND), vector["expected"])


# Gains


@RUNS.of("socialized_loss.waterfall")
def gains_first(vector: Vector, inputs: dict[str, Any]) -> None:
    """Profit that nobody could take out yet is the gain of the step. The winner has the principal,
    the loser the rest of the collateral, and owes the profit."""
    lots, before = 100_000, 100
    lost = Fraction(inputs["unvested_pnl"], lots)
    assert lost.denominator == 1 and inputs["realized_pnl"] == 0
    story = Story(
        contract(initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT), fund_cash=inputs["insurance"]
    )
    story.open(A, inputs["collateral"] - inputs["principal"])
    story.open(B, inputs["principal"])
    story.price(before)
    story.trade(A, B, lots, before)
    events = story.price(before - int(lost))
    closed = [event.values for event in named(events, "waterfall_closed")]
    burned = sum(values["given_up"] + values["haircut"] for values in closed)
    left = story.equity(B) - inputs["principal"]
    expected = vector["expected"]
    must_equal(vector, burned, expected["burned_warming"])
    must_equal(vector, sum(values["fund"] for values in closed), expected["insurance_draw"])
    must_equal(vector, left, expected.get("warming", 0))
    must_equal(vector, Fraction(max(0, -left), inputs["principal"]), expected["haircut"])


@needs_folder
@pytest.mark.parametrize("vector", rows("waterfall"))
def test_vector(vector: Vector) -> None:
    RUNS.run(vector)


def test_every_topic_is_run() -> None:
    assert set(RUNS) == set(TOPICS["waterfall"])
