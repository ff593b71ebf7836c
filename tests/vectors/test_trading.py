"""Worked examples of venues for trading: positions, fees, bands of prices (1.5, 5.3, 8.8)."""

from fractions import Fraction
from typing import Any

import pytest

from engine.schema import commands
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import PriceSource, outside
from tests.rules.story import BUY, IOC, PERCENT, SELL, A, B, C, Story, contract, named
from tests.vectors.files import TOPICS, Runs, Vector, must_equal, needs_folder, rows, whole

RUNS = Runs()
RATES: dict[str, Any] = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
RICH = 10**12
NEAR = 10  # so many ticks around an expected price are tried


def opened(price: int, *listings: Any, **config: Any) -> Story:
    """A, B and C are rich, the mark is the price."""
    story = Story(*listings, **config)
    for account in (A, B, C):
        story.open(account, RICH)
    story.price(price)
    return story


@RUNS.of("position.netting")
def netting(vector: Vector, inputs: dict[str, Any]) -> None:
    story = opened(inputs["entry"], contract(**RATES))
    story.trade(A, B, inputs["qty"], inputs["entry"])
    story.trade(A, B, inputs["fill_qty"], inputs["fill_price"])
    position = story.position(A)
    must_equal(vector, position["lots"], vector["expected"]["qty"])
    average = Fraction(position["entry_value"], position["lots"])
    must_equal(vector, average, vector["expected"]["entry"])


@RUNS.of("fees.maker_taker")
def fees(vector: Vector, inputs: dict[str, Any]) -> None:
    """The venue is one of spot with fees per lot: what a client's balance is there is cash less
    entry value here. A hundred of its units are one of ours. Its fees as a share of the value are
    no whole ppb, so that they are met by rounding up (1.4), which two fills still do exactly."""
    unit = 100
    value = inputs["price"] * inputs["quote_step"] // unit  # of a lot
    taker, maker = (
        Fraction(inputs[name], unit) / value * PPB for name in ("taker_fee", "maker_fee")
    )
    rates = {"fee_taker_ppb": int(taker), "fee_maker_ppb": int(maker)}
    tick_value = inputs["quote_step"] // unit
    story = opened(inputs["price"], contract(**RATES, **rates, tick_value=tick_value))
    filled = inputs["filled"]
    for lots in (filled // 2, filled - filled // 2):
        story.trade(B, A, lots, inputs["price"])
    deposits = {A: 0, B: inputs["maker_deposit"]}
    taker_balance, maker_balance = (
        deposits[account] + unit * (story.cash(account) - RICH - entry_value(story, account))
        for account in (A, B)
    )
    collected = unit * story.exchange.pool()["fees"]
    must_equal(vector, maker_balance, vector["expected"]["maker_balance"])
    must_equal(vector, taker_balance, vector["expected"]["taker_balance"])
    must_equal(vector, collected, vector["expected"]["fees"])
    total = maker_balance + taker_balance + collected
    must_equal(vector, total, vector["expected"]["total"])


def entry_value(story: Story, account: int) -> int:
    return story.position(account)["entry_value"]


# Bands


def order(story: Story, side: int, price: int, **terms: int) -> commands.PlaceOrder:
    return commands.PlaceOrder(
        time_ns=story.now_ns, account=A, client_id=story.client_id(), contract=1, side=side,
        lots=1, price_ticks=price, **terms,
    )  # fmt: skip


@RUNS.of("price_band")
def price_band(vector: Vector, inputs: dict[str, Any]) -> None:
    """Ticks of a tenth, of which the band of 1% of the mark is a whole number as that of the index
    is. The mark is the index and the premium; the outer band of the venue, 2%, does not bind."""
    unit = 10
    index, premium = inputs["index"] * unit, whole(inputs["avg_premium"], unit)
    story = opened(
        index,
        contract(
            **RATES, band_static_ppb=whole(inputs["y"], PPB), mark_band_ppb=PPB // 10,
            mark_method=words.MARK_EXTERNAL,
            sources=(*outside(1), PriceSource(kind=words.SOURCE_PERPETUAL)),
        ),
    )  # fmt: skip
    story.price(index + premium, source=2)
    assert story.mark() == index + premium
    must_equal(vector, Fraction(farthest(story, BUY), unit), vector["expected"]["max_bid"])
    must_equal(vector, Fraction(farthest(story, SELL), unit), vector["expected"]["min_ask"])


def farthest(story: Story, side: int) -> int:
    """The highest price of a buy, the lowest of a sell, that an order may have."""
    step = 1 if side == BUY else -1
    price = story.mark()
    while story.exchange.what_if(order(story, side, price + step)).code == 0:
        price += step
    return price


@RUNS.of("circuit_breaker.variant")
def variant(vector: Vector, inputs: dict[str, Any]) -> None:
    """Around the last trade, both ways: a sweep fills up to the variant, and a tick beyond it
    nothing trades and an auction starts."""
    tick = Fraction(str(inputs["tick"]))
    settled = Fraction(str(inputs["prev_settle"])) / tick
    assert settled.denominator == 1
    last = int(settled)
    for side, other, sign in ((BUY, SELL, 1), (SELL, BUY, -1)):
        near = round(Fraction(str(vector["expected"])) / tick)
        reached = [
            move
            for move in range(near - NEAR, near + NEAR)
            if trades(last, last + sign * move, side, other, inputs["pct"])
        ]
        must_equal(vector, max(reached) * tick, vector["expected"])
        assert reached == list(range(near - NEAR, max(reached) + 1))


def trades(last: int, price: int, side: int, other: int, share: float) -> bool:
    """Whether an order reaches one at this price when so much was paid last; if not, there is an
    auction."""
    story = opened(last, contract(**RATES, band_dynamic_ppb=whole(share, PPB)))
    story.trade(B, C, 1, last)
    story.order(B, other, 1, price)
    events = story.order(A, side, 1, price, tif=IOC)
    assert (story.state() == "continuous") == bool(named(events, "trade"))
    return bool(named(events, "trade"))


@needs_folder
@pytest.mark.parametrize("vector", rows("trading"))
def test_vector(vector: Vector) -> None:
    RUNS.run(vector)


def test_every_topic_is_run() -> None:
    assert set(RUNS) == set(TOPICS["trading"])
