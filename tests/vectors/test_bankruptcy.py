"""Worked examples of venues for bankruptcy prices, of one position and in a cross account (9.3)."""

from fractions import Fraction
from math import ceil
from typing import Any

import pytest

from engine.schema import commands
from engine.schema.bounds import PPB
from tests.rules.story import BUY, PERCENT, A, B, Events, Story, contract, named, only
from tests.vectors.files import TOPICS, Runs, Vector, must_equal, needs_folder, rows
from tests.vectors.stories import RICH, bounded

RUNS = Runs()
COIN = 10**8


def bankruptcy(story: Story, number: int = 1) -> int:
    return story.exchange.liquidation_prices(A, number).bankruptcy_ticks


@RUNS.of("bankruptcy.price.linear.cross")
def linear(vector: Vector, inputs: dict[str, Any]) -> None:
    """In a cross account margin and wallet are one."""
    story = Story(contract(initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT))
    story.open(A, inputs["margin"] + inputs["wallet"])
    story.open(B, RICH)
    story.price(inputs["entry"])
    story.trade(A, B, inputs["qty"], inputs["entry"])
    must_equal(vector, bankruptcy(story), vector["expected"])


@RUNS.of("bankruptcy.price.inverse.isolated")
def inverse(vector: Vector, inputs: dict[str, Any]) -> None:
    """Once with ticks of a 51st of the entry, on which the raw price lies, and once with those of
    the venue, half a dollar, where the entry is the average of two fills."""
    entry, leverage = Fraction(str(inputs["entry"])), inputs["leverage"]
    fine = entry / (leverage + 1)
    story = leveraged(leverage, {leverage + 1: 1}, leverage * (leverage + 1) * COIN)
    must_equal(vector, bankruptcy(story) * fine, vector["expected"]["raw"])
    tick = Fraction(1, 2)
    below = entry // tick
    lots_above = (entry - below * tick) / tick * 100
    assert lots_above.denominator == 1 and inputs["side"] == "long"
    fills = {int(below): 100 - int(lots_above), int(below) + 1: int(lots_above)}
    story = leveraged(leverage, fills, 10**12)
    must_equal(vector, bankruptcy(story) * tick, vector["expected"]["tick"])


def leveraged(leverage: int, fills: dict[int, int], contract_value: int) -> Story:
    """A buys these lots by price and has exactly the margin that each order needs."""
    spec = bounded(
        1_000, 2**20, initial_ppb=PPB // leverage, maintenance_ppb=PPB // leverage // 2,
        tick_value=0, contract_value=contract_value, price_ticks_min=min(fills) // 2,
    )  # fmt: skip
    story = Story(spec)
    story.open(A, 0)
    story.open(B, RICH)
    story.price(min(fills))
    for price, lots in fills.items():
        answer = story.exchange.what_if(
            commands.PlaceOrder(
                time_ns=story.now_ns, account=A, client_id=story.client_id(), contract=1,
                side=BUY, lots=lots, price_ticks=price,
            )
        )  # fmt: skip
        assert answer.before is not None and answer.equity_needed is not None
        story.deposit(A, answer.equity_needed - answer.before.equity)
        story.trade(A, B, lots, price)
    return story


# Cross accounts


@RUNS.of("bankruptcy.cross_multi")
def cross(vector: Vector, inputs: dict[str, Any]) -> None:
    """The venue asks what closing some of a position must bring to cost the fund nothing, rounded
    towards plus infinity; money here is a hundredth of its unit, in which our prices are exact."""
    story, events = failing(inputs)
    number = list(inputs["positions_base_quantums"]).index(inputs["close_symbol"]) + 1
    closed = lots_of(inputs, inputs["close_symbol"], inputs["delta_quantums"])
    lots, value = booked(story, events, number)
    found = Fraction(value, lots) * -closed / 100
    must_equal(vector, ceil(found), vector["expected"])


def lots_of(inputs: dict[str, Any], symbol: str, quantums: int) -> int:
    """In lots of 10^-8 of a coin."""
    lots = Fraction(10) ** inputs["resolution"][symbol] * quantums * COIN
    assert lots.denominator == 1
    return int(lots)


def failing(inputs: dict[str, Any]) -> tuple[Story, Events]:
    """A has the example's positions and money at the example's prices. It traded where it had
    the margin for them: higher if long, where they were worth half its money if short."""
    symbols = inputs["positions_base_quantums"]
    lots = {symbol: lots_of(inputs, symbol, symbols[symbol]) for symbol in symbols}
    marks = inputs["prices"]
    value = sum(lots[symbol] * marks[symbol] for symbol in symbols)
    money = inputs["usdc"] * COIN
    ratio = Fraction(7, 5) if value > 0 else Fraction(money, -2 * value)
    before = {symbol: int(marks[symbol] * ratio) for symbol in symbols}
    rates = {"initial_ppb": rate_of(inputs["im"]), "maintenance_ppb": rate_of(inputs["mm"])}
    numbers = dict(zip(symbols, (1, 2), strict=False))
    story = Story(*(bounded(COIN, 2**17, k, tick_value=1, **rates) for k in numbers.values()))
    story.open(A, money + sum(lots[symbol] * before[symbol] for symbol in symbols))
    story.open(B, RICH)
    story.price(*(x for symbol in symbols for x in (numbers[symbol], before[symbol])))
    for symbol, number in numbers.items():
        buyer, seller = (A, B) if lots[symbol] > 0 else (B, A)
        story.trade(buyer, seller, abs(lots[symbol]), before[symbol], number)
    return story, story.price(*(x for s in symbols for x in (numbers[s], marks[s])))


def rate_of(percent: str) -> int:
    return int(percent.removesuffix("%")) * PERCENT


def booked(story: Story, events: Events, number: int) -> tuple[int, int]:
    """(lots, value) of a transfer of the account below zero; else of a lot at the limit of the
    liquidation order, or at the one that it would have."""
    if named(events, "waterfall_closed", A):
        moved = only(events, "position_deleveraged", A)
        return moved["lots"], moved["value"]
    steps = [event for event in named(events, "liquidation_stepped", A) if event.contract == number]
    return 1, steps[0].values["limit_ticks"] if steps else bankruptcy(story, number)


@needs_folder
@pytest.mark.parametrize("vector", rows("bankruptcy"))
def test_vector(vector: Vector) -> None:
    RUNS.run(vector)


def test_every_topic_is_run() -> None:
    assert set(RUNS) == set(TOPICS["bankruptcy"])
