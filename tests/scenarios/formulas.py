"""Formulas as small stories: the number comes out of the engine's own events and decisions.

Each function takes the inputs of one check and returns what the engine makes of them, under the
names of the check's `value`. Where the peer's account has cash below zero, which ours never has
(9.5), the same equity is told by a worse entry price.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from engine.schema import refusals
from engine.schema.bounds import DEPOSITS_MAX, FUNDING_BASE_NS, PPB
from tests.rules.story import (
    BUY,
    FUND,
    SELL,
    A,
    B,
    C,
    D,
    Events,
    Story,
    contract,
    named,
    only,
    refusal,
)

Inputs = dict[str, Any]
RICH = DEPOSITS_MAX // 2**10
PRICE_MAX = 2**21 - 2
UNIT = 1_000_000  # every amount of the deleveraging formulas is a multiple of it


def small(number: int = 1, **terms: Any) -> Any:
    """A contract of the highest prices that needs next to no margin."""
    spec: dict[str, Any] = {
        "initial_ppb": 2,
        "maintenance_ppb": 1,
        "price_ticks_max": PRICE_MAX,
        "order_lots_max": 2**12,
        "position_lots_max": 2**12,
        "open_interest_lots_max": 2**12,
    }
    return contract(number, **(spec | terms))


def fee_debit(value: int, rate_ppb: int) -> dict[str, int]:
    """A trade of this value: one lot at that price; the taker pays (8.8)."""
    story = Story(small(fee_taker_ppb=rate_ppb))
    story.open(A, RICH)
    story.open(B, RICH)
    story.price(value)
    events = story.trade(A, B, 1, value)
    paid = only(events, "leg", B)["fee"]
    assert (story.cash(B), story.exchange.pool()["fees"]) == (RICH - paid, paid)
    return {"amount": paid}


def margin_requirement(value_and_rate_ppb: list[list[int]]) -> dict[str, int]:
    """What the engine's decisions demand: cash that is just enough, and one unit less.

    One position of one lot: the order in its reserve, the position in what can't be withdrawn.
    """
    [[value, rate_ppb]] = value_and_rate_ppb
    story = Story(small(initial_ppb=rate_ppb, maintenance_ppb=1))
    story.open(A, RICH)
    story.open(B, RICH)
    story.price(value)
    story.order(A, BUY, 1, value)
    reserve = story.position(A)["reserve_buy"]
    story.open(C, reserve - 1)
    assert refusal(story.order(C, BUY, 1, value)) == refusals.MARGIN_INSUFFICIENT
    story.deposit(C, 1)
    assert refusal(story.order(C, BUY, 1, value)) == refusals.OK
    story.order(B, SELL, 2, value)
    assert story.lots(A) == story.lots(C) == 1
    assert refusal(story.withdraw(A, RICH - reserve + 1)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    assert refusal(story.withdraw(A, RICH - reserve)) == refusals.OK
    return {"amount": reserve}


def funding_story(inputs: Inputs) -> tuple[Story, int]:
    """A book whose impact price is the contract's average, over one whole interval."""
    index, average = inputs["index_average"], inputs["contract_average"]
    scale = Fraction(inputs.get("scale", 1))
    low, high = inputs.get("clamp_low_ppb", 0), inputs.get("clamp_high_ppb", 0)
    interest = inputs.get("interest_ppb", 0)
    premium = Fraction(average - index, index) * PPB
    cap = inputs.get("cap_high_ppb", PPB)
    assert inputs.get("cap_low_ppb", -cap) == -cap, "our cap has one width"
    interval_ns = scale * FUNDING_BASE_NS
    story = Story(
        small(
            tick_value=inputs.get("tick_value", 1),
            funding_interest_ppb=interest,
            # our clamp has one width: the bound on the side to which this input pulls
            funding_clamp_ppb=high if interest >= premium else -low,
            funding_cap_ppb=cap,
            funding_interval_ns=int(interval_ns),
            funding_sample_ns=int(interval_ns / 4),
        )
    )
    return story, int(interval_ns) // PPB


def quote_around(story: Story, index: int, average: int) -> None:
    """Bids at the average when it is above the index, else asks at it; the other side yields 0."""
    story.order(C, BUY, 100, average if average > index else min(index, average) - 1)
    story.order(D, SELL, 100, average if average < index else max(index, average) + 1)


def funding(**inputs: Any) -> dict[str, Any]:
    """One interval over real positions; who pays whom is read off the cash (7.1-7.3)."""
    story, seconds = funding_story(inputs)
    index, tick_value = inputs["index_average"], inputs.get("tick_value", 1)
    positions = inputs.get("positions", {"long": 1, "short": -1})
    accounts = {label: 10 + k for k, label in enumerate(positions)}
    for account in (C, D, *accounts.values()):
        story.open(account, RICH)
    story.price(index)
    for label, lots in positions.items():
        if lots > 0:
            story.order(accounts[label], BUY, lots, index)
    for label, lots in positions.items():
        if lots < 0:
            story.order(accounts[label], SELL, -lots, index)
    quote_around(story, index, inputs["contract_average"])
    published = only(story.advance(seconds), "funding_published")
    before = {label: story.cash(account) for label, account in accounts.items()}
    for account in accounts.values():
        story.withdraw(account, 1)  # settles (8.3)
    change = {label: story.cash(account) + 1 - before[label] for label, account in accounts.items()}
    growth = published["growth"]
    assert change == {label: -lots * growth for label, lots in positions.items()}, "7.3"
    assert story.exchange.pool()["funding_clearing"] == 0, "I7: with all touched"
    assert story.mark() == index
    # The rate has nine digits and the growth is rounded down with its rest carried (7.2, 7.3):
    # together they stay within one ppb of the value of a lot of what the exact rate would give.
    exact = growth * PPB + published["carry_ppb"]
    return {
        "rate_ppb": published["rate_ppb"],
        "cash_change": change,
        "rounding_account": story.exchange.pool()["rounding"],
        "long_pays_ppb": exact,
        "tolerance_ppb": index * tick_value,
    }


def failing_short(story: Story, losers: dict[int, tuple[int, int]]) -> Events:
    """Shorts of contract 1 with (lots, cash), opened at 100; then 100 -> 180 in one step.

    Their counterparty B loses in contract 2 what it gains in contract 1, so nothing can be taken
    from it and the loss reaches the fund in cash (9.7, 9.8); C is who gains in contract 2.
    """
    lots = sum(lots for lots, _ in losers.values())
    story.open(B, 4)
    story.open(C, 10**6)
    story.price(1, 100, 2, 1_000)
    for account, (part, cash) in losers.items():
        story.open(account, cash)
        story.trade(B, account, part, 100)
    story.trade(B, C, lots, 1_000, number=2)
    return story.price(1, 180, 2, 920)


def zero_debt(collateral: int, loss: int, fund: int) -> dict[str, int]:
    """A short opened at 100 of the size that loses this at 180."""
    story = Story(small(1), small(2), fund_cash=fund)
    events = failing_short(story, {A: (loss // 80, collateral)})
    closed = only(events, "waterfall_closed")
    return {
        "client_end": story.cash(A),
        "client_pays": collateral - story.cash(A),
        "fund_pays": closed["fund"],
        "left_for_next_layer": closed["deficit"] - closed["fund"],
    }


def zero_debt_many(loss_and_collateral: list[list[int]], fund: int) -> dict[str, Any]:
    """The same for several shorts at once."""
    story = Story(small(1), small(2), fund_cash=fund)
    losers = {
        10 + k: (loss // 80, collateral) for k, (loss, collateral) in enumerate(loss_and_collateral)
    }
    events = failing_short(story, losers)
    closed = [event.values for event in named(events, "waterfall_closed")]
    deficit, paid = (sum(values[name] for values in closed) for name in ("deficit", "fund"))
    return {
        "client_end": [story.cash(account) for account in losers],
        "deficit": deficit,
        "fund_pays": paid,
        "left_for_next_layer": deficit - paid,
        "fund_end": story.cash(FUND),
    }


def entered(story: Story, inputs: Inputs, cash_b: int = RICH) -> int:
    """A holds the inputs' position against B at its entry price; A's cash is the inputs'.

    A's cash is brought down by a withdrawal while the mark favours it, for at the mark of the
    story it could not open. Cash below zero is told by a worse entry; returns the entry's ticks.
    """
    lots, cash, tick_value = inputs["qty"], inputs["cash"], inputs["tick_value"]
    entry_value = inputs["entry_value"] - min(cash, 0)
    price = entry_value // (lots * tick_value)
    assert price * lots * tick_value == entry_value
    story.open(A, RICH)
    story.open(B, cash_b)
    story.price(price)
    if lots > 0:
        story.trade(A, B, lots, price)
    else:
        story.trade(B, A, -lots, price)
    story.price(price * 3 // 2 if lots > 0 else price * 2 // 3)
    story.withdraw(A, RICH - max(cash, 0))
    assert story.cash(A) == max(cash, 0)
    assert story.position(A)["entry_value"] == entry_value
    return price


def close_out(**inputs: Any) -> dict[str, int]:
    """One liquidation step: into the book at the price, or, at the bankruptcy price, to the fund.

    The fund takes over at mark less a penalty (9.4); with the whole of the share as penalty that
    is the bankruptcy price.
    """
    lots, tick_value, mark = inputs["qty"], inputs["tick_value"], inputs["mark"]
    price, part = inputs["price"], abs(inputs["close_qty"])
    equity = inputs["cash"] - inputs["entry_value"] + lots * mark * tick_value
    is_bankruptcy = abs(price - mark) * abs(lots) * tick_value == equity
    story = Story(
        small(
            initial_ppb=20_000_000,
            maintenance_ppb=10_000_000,
            tick_value=tick_value,
            liquidation_whole_lots=abs(lots),
            liquidation_fee_ppb=inputs["fee_rate_ppb"],
            takeover_penalty_ppb=PPB,
            fund_value_max=part * mark * tick_value if is_bankruptcy else 0,
            fund_share_ppb=PPB,
        ),
        fund_cash=RICH,
    )
    entered(story, inputs)
    if not is_bankruptcy:
        story.open(C, RICH)
        story.order(C, BUY if lots > 0 else SELL, part, price)
    events = story.price(mark)
    step = only(events, "liquidation_stepped")
    assert (step["equity"], step["share"]) == (equity, equity)
    legs = [event for event in named(events, "leg", A)]
    paid = named(events, "liquidation_fee_paid", A)[0].values
    leg = legs[0].values
    if is_bankruptcy:
        taken = only(events, "position_taken_over")
        worse = taken["penalty"] if lots > 0 else -taken["penalty"]
        assert taken["value"] - worse == part * price * tick_value
    return {
        "fee": 0 if is_bankruptcy else paid["amount"],
        "quote_after": paid["cash"] - leg["entry_value"],
        "qty_left": leg["position_lots"],
    }


def deleverage_contracts(inputs: Inputs) -> tuple[Any, Any]:
    rates = {"initial_ppb": 200_000_000, "maintenance_ppb": 100_000_000}
    lots = abs(inputs["qty"])
    return (
        small(1, tick_value=inputs["tick_value"], liquidation_whole_lots=lots, **rates),
        small(2, tick_value=UNIT, open_interest_lots_max=1, order_lots_max=1, position_lots_max=1),
    )


def deleverage(**inputs: Any) -> dict[str, Any]:
    """The position closed against B at the bankruptcy price; the book takes before that what the
    story leaves open.

    B's lot of contract 2 wins, unrealised, what keeps B out of liquidation while its cash is the
    inputs'; or, when the story says that B has nothing to give, it is down to that in this step.
    """
    lots, tick_value, mark = inputs["qty"], inputs["tick_value"], inputs["mark"]
    other, part = inputs["counterparty"], abs(inputs["close_qty"])
    equity = inputs["cash"] - inputs["entry_value"] + lots * mark * tick_value
    equity_b = other["cash"] - other["entry_value"] + other["qty"] * mark * tick_value
    stays = equity_b + equity >= 0  # what A lacks B gives; what A has B receives
    story = Story(*deleverage_contracts(inputs))
    price = entered(story, inputs)
    cash_b = other["cash"] + other["qty"] * price * tick_value - other["entry_value"]
    story.open(C, RICH)
    story.open(D, RICH)
    story.price(2, 100)
    story.trade(B, C, 1, 100, number=2)
    story.price(2, 1_000_000)
    story.withdraw(B, RICH - max(cash_b, 0))
    assert story.cash(B) == max(cash_b, 0)
    ticks_2 = 1_000_000 if stays else 100 + min(cash_b, 0) // UNIT
    if part < abs(lots):
        reach = equity // (abs(lots) * tick_value)
        story.order(D, SELL, abs(lots) - part, mark + reach)
    events = story.price(1, mark, 2, ticks_2)
    return read_deleveraging(story, events, inputs, stays)


def read_deleveraging(story: Story, events: Events, inputs: Inputs, stays: bool) -> dict[str, Any]:
    """The numbers of the check from the events of that step."""
    lots, tick_value, mark = inputs["qty"], inputs["tick_value"], inputs["mark"]
    other, part = inputs["counterparty"], abs(inputs["close_qty"])
    moved = [event.values for event in named(events, "position_deleveraged", A)]
    moved = [values for values in moved if values["counterparty"] == B]
    if stays:
        [closing] = moved
        value = closing["value"]
        price = Fraction(value, closing["lots"] * tick_value)
        assert closing["lots"] == part
    else:
        # B may give nothing: the price is that of the deficit, and A's lots went to B at mark
        assert all(values["given_up"] == 0 for values in moved)
        closed = named(events, "waterfall_closed", A)[0].values
        assert closed["given_up"] == 0
        value = abs(lots) * mark * tick_value - closed["deficit"]
        price = Fraction(value, abs(lots) * tick_value)
    signed_value = value if lots < 0 else -value
    left = lots + part if lots < 0 else lots - part
    result: dict[str, Any] = {
        "price": str(price),
        "qty_left": left,
        "counterparty_qty_left": story.lots(B),
        "counterparty_stays_at_or_above_zero": stays,
        "counterparty_quote_after": other["cash"] - other["entry_value"] + signed_value,
        "cash_after": inputs["cash"] - inputs["entry_value"] - signed_value,
    }
    assert story.lots(A) == 0 and story.cash(A) == 0, "9.2 g: it ends flat, at the bankruptcy price"
    if left == 0:
        result["cash_after"] = story.cash(A)
        if stays:
            result["counterparty_quote_after"] = story.cash(B)
    return result


FORMULAS: dict[str, Callable[..., dict[str, Any]]] = {
    "fee_debit": fee_debit,
    "margin_requirement": margin_requirement,
    "funding": funding,
    "zero_debt": zero_debt,
    "zero_debt_many": zero_debt_many,
    "close_out": close_out,
    "deleverage": deleverage,
}
