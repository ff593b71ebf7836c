"""Worked examples of venues for prices and sizes of liquidations (8.9, 9.2)."""

from fractions import Fraction
from math import floor, lcm
from typing import Any

import pytest

from engine.schema import commands
from engine.schema import vocabulary as words
from engine.schema.bounds import ACCOUNTS_MAX, PPB
from engine.schema.contract import Contract
from risk.from_python import value_at_mark
from tests.rules.story import BUY, PERCENT, SELL, A, B, Events, Story, contract, only
from tests.vectors.files import TOPICS, Runs, Vector, must_equal, needs_folder, rows, whole
from tests.vectors.stories import RICH, bounded, deductions, margin_of, tiers_of

RUNS = Runs()
MONEY = 10**6
MARGIN_ACCOUNT = ACCOUNTS_MAX + 1  # the first that is opened (8.5)


# The price at which a liquidation starts


def crossing(story: Story, account: int, number: int = 1) -> Fraction:
    """The price, in ticks, at which the equity of an account that is long is its maintenance.

    Ours is the first tick under it; from there to the tick before the two differ along a line.
    """
    first = story.exchange.liquidation_prices(account, number).liquidation_ticks
    assert first is not None
    copy = story.exchange.copy()

    def excess(ticks: int) -> int:
        equity, maintenance = value_at_mark(copy.arena.base, account, number, ticks)
        return equity - maintenance

    under, over = excess(first), excess(first + 1)
    assert under < 0 <= over
    return first + Fraction(-under, over - under)


def isolated(spec: Contract, lots: int, entry: int, margin: int) -> Story:
    """A is long so many lots with a margin of their own."""
    story = Story(spec)
    story.open(A, margin)
    story.open(B, RICH)
    story.price(entry)
    fields = {"time_ns": story.now_ns, "account": A, "contract": 1}
    story.submit(commands.IsolateContract(client_id=story.client_id(), **fields))
    story.submit(commands.MoveMargin(client_id=story.client_id(), amount=margin, **fields))
    story.trade(A, B, lots, entry)
    assert story.lots(MARGIN_ACCOUNT) == lots and story.cash(A) == 0
    return story


# A tick and a lot of each example, so that its numbers are whole.
GRIDS: dict[str, tuple[str, str]] = {
    "binance-liq-2": ("0.02", "0.001"),
    "ft-binance-long": ("1/2970", "1"),
    "ft-okx-long": ("1/4947", "1"),
    "hl-liq-1": ("100/79", "1"),
    "phemex-liq-1": ("0.0001", "1"),
}
# Tables of one venue of 2021 with these deductions: floor, maintenance rate.
BITCOIN: list[list[Any]] = [
    [0, 0.004], [50_000, 0.005], [250_000, 0.01], [1_000_000, 0.025], [10_000_000, 0.05],
]  # fmt: skip
ETHER: list[list[Any]] = [
    [0, 0.005], [10_000, 0.0065], [100_000, 0.01], [500_000, 0.02], [1_000_000, 0.05],
    [2_000_000, 0.1],
]  # fmt: skip


def terms_of(inputs: dict[str, Any]) -> tuple[list[list[Any]], Any, Any, Any]:
    """(brackets, entry, quantity, margin) of an example, as its venue names them. The fee of
    closing stands in the maintenance rate where the venue has it in the requirement; an amount
    deducted is that of a lower tier with half the rate."""
    if "wallet_balance" in inputs:
        position = inputs["position"]
        return BITCOIN, position["ep"], position["q"], inputs["wallet_balance"]
    if "maintenance_leverage" in inputs:
        rate = Fraction(1, inputs["maintenance_leverage"])
        return [[0, rate]], inputs["price"], inputs["size"], inputs["isolated_margin"]
    rate = Fraction(str(inputs["mmr"]))
    if "maintenance_amount" in inputs:
        starts = Fraction(str(inputs["maintenance_amount"])) / (rate / 2)
        return [[0, rate / 2], [starts, rate]], inputs["entry"], inputs["qty"], inputs["margin"]
    rate += Fraction(str(inputs["taker_fee"]))
    return [[0, rate]], inputs["entry"], 1, inputs["margin_per_contract"]


@RUNS.of("liquidation.price.linear.isolated")
def price_isolated(vector: Vector, inputs: dict[str, Any]) -> None:
    if "open_value" in inputs:
        return price_with_assigned_margin(vector, inputs)
    brackets, entry, quantity, margin = terms_of(inputs)
    tick, lot = map(Fraction, GRIDS[vector["id"]])
    unit = lcm(MONEY, (tick * lot).denominator)  # of money to a dollar
    price, lots = (
        Fraction(str(number)) / size for number, size in ((entry, tick), (quantity, lot))
    )
    assert price.denominator == lots.denominator == 1
    tick_value = whole(tick * lot, unit)
    spec = bounded(int(lots), int(price), tiers=tiers_of(brackets, unit), tick_value=tick_value)
    story = isolated(spec, int(lots), int(price), whole(margin, unit))
    if "position" in inputs:
        assert whole(inputs["position"]["cum"], unit) in deductions(story)
    assert inputs["side"] == 1
    must_equal(vector, crossing(story, MARGIN_ACCOUNT) * tick, vector["expected"])


def price_with_assigned_margin(vector: Vector, inputs: dict[str, Any]) -> None:
    """The margin is that of the leverage and the fee for closing where the former ends."""
    expected, size, fee_ppb = vector["expected"], inputs["size"], whole(inputs["fee"], PPB)
    tick = Fraction(GRIDS[vector["id"]][0])
    entry = whole(Fraction(inputs["open_value"], size), tick.denominator)
    initial_ppb = PPB // inputs["leverage"]
    terms: dict[str, Any] = {"tick_value": whole(tick, MONEY), "initial_ppb": initial_ppb}
    maintenance_ppb = whole(inputs["mmr"], PPB) + fee_ppb
    spec = contract(maintenance_ppb=maintenance_ppb, **terms)
    margin = margin_of(isolated(spec, size, entry, RICH), MARGIN_ACCOUNT).requirement
    at_leverage = isolated(spec, size, entry, margin)
    ends = at_leverage.exchange.liquidation_prices(MARGIN_ACCOUNT, 1).bankruptcy_ticks
    closed = isolated(
        contract(maintenance_ppb=1, fee_taker_ppb=fee_ppb, **terms), size, entry, RICH
    )
    closed.order(B, BUY, size, ends)
    fee = only(closed.order(A, SELL, size, ends), "leg", MARGIN_ACCOUNT)["fee"]
    assigned = margin_of(at_leverage, MARGIN_ACCOUNT).requirement + fee
    must_equal(vector, Fraction(assigned, MONEY), expected["assigned"])
    story = isolated(spec, size, entry, assigned)
    must_equal(vector, crossing(story, MARGIN_ACCOUNT) * tick, expected["lp"])


@RUNS.of("liquidation.price.linear.cross")
def price_cross(vector: Vector, inputs: dict[str, Any]) -> None:
    """The other position in 431 lots and ticks of 4.31, of which its entry value and its mark are
    whole numbers; this one in lots of a thousandth and ticks of a hundredth."""
    position, (other,) = inputs["position"], inputs["other_positions"]
    entry, lots = whole(position["ep"], 100), whole(position["q"], 1_000)
    other_tick = Fraction("4.31")
    mark = Fraction(str(other["mark"])) / other_tick
    tick_value = whole(Fraction(str(other["q"])) / 431 * other_tick, MONEY)
    story = Story(
        bounded(lots, entry, tiers=tiers_of(ETHER, MONEY), tick_value=10),
        bounded(431, 2**20, 2, tiers=tiers_of(BITCOIN, MONEY), tick_value=tick_value),
    )
    story.open(A, whole(inputs["wallet_balance"], MONEY))
    story.open(B, RICH)
    at_entry, above = divmod(whole(other["ep"], 100), 431)
    story.price(1, entry, 2, at_entry)
    story.trade(A, B, above, at_entry + 1, number=2)
    story.trade(A, B, 431 - above, at_entry, number=2)
    value = Fraction(str(other["ep"])) * Fraction(str(other["q"]))
    assert story.position(A, 2)["entry_value"] == whole(value, MONEY)
    story.trade(A, B, lots, entry)
    story.price(1, whole(position["mark"], 100), 2, int(mark))
    assert whole(position["cum"], MONEY) in deductions(story)
    assert whole(other["cum"], MONEY) in deductions(story, 2)
    assert mark.denominator == 1 and inputs["side"] == 1
    must_equal(vector, crossing(story, A) / 100, vector["expected"])


# The size of a step


def liquidated(lots: int, lot_value: int, equity: int, **terms: Any) -> Events:
    """A, long, is left with this equity by a mark at which B bids for all its lots; maintenance
    is 10%, and without buffer and within all of the depth the cut is the smallest that helps."""
    mark, bought = 1_000, 1_300
    free: dict[str, Any] = {
        "liquidation_buffer_ppb": 0, "liquidation_depth_ppb": PPB,
        "liquidation_whole_equity_ppb": 0, "liquidation_slippage_ppb": 0,
        "initial_ppb": 20 * PERCENT, "maintenance_ppb": 10 * PERCENT,
        "tick_value": whole(Fraction(lot_value, mark), 1),
    }  # fmt: skip
    spec = bounded(2 * lots, bought, **(free | terms))
    story = Story(spec)
    story.open(A, equity + lots * (bought - mark) * spec.tick_value)
    story.open(B, RICH)
    story.price(bought)
    story.trade(A, B, lots, bought)
    story.order(B, BUY, lots, mark)
    events = story.price(mark)
    assert only(events, "liquidation_started", A)["equity"] == equity
    return events


@RUNS.of("liquidation.partial_size")
def partial_size(vector: Vector, inputs: dict[str, Any]) -> None:
    """A lot is worth a dollar, so the cut is a whole number of lots; the venue rounds what that
    is in its unit down. Its two fees are our assumed slippage and taker fee."""
    if "max_portion_ppm" in inputs:
        return least_and_most(vector, inputs)
    price = inputs["oracle_price"] * Fraction(str(inputs["quote_price"]))
    lots = 200
    maintenance = lots * MONEY * whole(inputs["margin_ratio"], PPB) // PPB
    events = liquidated(
        lots, MONEY, maintenance - inputs["margin_shortage_usd"] * MONEY,
        maintenance_ppb=whole(inputs["margin_ratio"], PPB),
        liquidation_slippage_ppb=whole(inputs["liquidator_fee"], PPB),
        fee_taker_ppb=whole(inputs["if_fee"], PPB),
    )  # fmt: skip
    cut = only(events, "liquidation_stepped", A)
    assert cut["step"] == words.STEP_PARTIAL and cut["lots"] < lots
    must_equal(vector, floor(cut["lots"] / price * 10**9), vector["expected"])


def least_and_most(vector: Vector, inputs: dict[str, Any]) -> None:
    """Every step may be the whole position, and one of the least size is: one lot more is cut."""
    least, notional = inputs["min_notional"], inputs["position_notional"]
    value = notional // 500
    whole_ppb = inputs["max_portion_ppm"] * (PPB // 10**6)
    events = liquidated(500, value, notional // 20, liquidation_whole_equity_ppb=whole_ppb)
    most = only(events, "liquidation_stepped", A)["lots"] * value
    must_equal(vector, most, vector["expected"]["max"])
    closed = []
    for lots in range(least - 5, least + 5):
        equity = lots * MONEY // 20
        events = liquidated(lots, MONEY, equity, liquidation_whole_lots=least)
        if only(events, "liquidation_stepped", A)["lots"] == lots:
            closed.append(lots)
    must_equal(vector, max(closed), vector["expected"]["min"])


@needs_folder
@pytest.mark.parametrize("vector", rows("liquidation"))
def test_vector(vector: Vector) -> None:
    RUNS.run(vector)


def test_every_topic_is_run() -> None:
    assert set(RUNS) == set(TOPICS["liquidation"])
