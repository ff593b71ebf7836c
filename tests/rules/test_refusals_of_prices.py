"""Refusals of what changes prices (6.1, 7.1): one row a case, the expected code last."""

import pytest

from engine.schema import refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.commands import (
    AnyCommand,
    ChangeConstituent,
    PublishPrice,
    RedenominateConstituent,
    SetSampleClock,
)
from engine.schema.contract import PriceSource
from tests.rules.refusal_states import Row, must_answer, row_id
from tests.rules.story import PERCENT, START_NS, Story, changes_of, contract, named, only, refusal

R = refusals
RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}


def basket() -> Story:
    """Contract 1 is half of an asset at 100 and two of one at 200: 450. Contract 2 is plain."""
    sources = (PriceSource(asset=0), PriceSource(asset=1), PriceSource(kind=words.SOURCE_PERPETUAL))
    story = Story(
        contract(1, sources=sources, index_units_ppb=(PPB // 2, 2 * PPB), **RATES),
        contract(2, **RATES),
    )
    story.price(1, 100, 2, 100, source=1)
    story.price(1, 200, source=2)
    return story


def unpriced() -> Story:
    story = Story(contract(1, **RATES), contract(2, **RATES))
    story.go(0)
    return story


def settled() -> Story:
    story = basket()
    story.change_state(words.STATE_SUSPENDED, 2)
    story.change_state(words.STATE_SETTLING, 2)
    return story


def change(units_ppb: int, asset: int = 0, number: int = 1) -> ChangeConstituent:
    return ChangeConstituent(
        time_ns=START_NS, contract=number, asset=asset, units_ppb=units_ppb
    )


def redenominate(units_ppb: int, asset: int = 0, number: int = 1) -> RedenominateConstituent:
    return RedenominateConstituent(
        time_ns=START_NS, contract=number, asset=asset, units_ppb=units_ppb
    )


def clock(seed: int, number: int = 1) -> SetSampleClock:
    return SetSampleClock(time_ns=START_NS, contract=number, seed=seed)


def price(price_ticks: int, source: int = 1, number: int = 1) -> PublishPrice:
    return PublishPrice(
        time_ns=START_NS, source=source, contract=number, price_ticks=price_ticks
    )


# fmt: off
TABLE: list[Row] = [
    *((basket, make(PPB, number=number), R.CONTRACT_UNKNOWN)
      for make in (change, redenominate) for number in (-1, 0, 3, 257)),
    *((basket, make(PPB, asset=asset), R.ASSET_UNKNOWN)
      for make in (change, redenominate) for asset in (-1, 2, 3, 127)),
    (basket, change(PPB, asset=1, number=2), R.ASSET_UNKNOWN),
    *((basket, make(units), R.UNITS_INVALID)
      for make in (change, redenominate) for units in (-1, 0, 2**38 + 1, 2**62)),
    *((basket, make(units), R.OK)
      for make in (change, redenominate) for units in (1, PPB, 2**38)),
    (unpriced, change(PPB), R.INDEX_MISSING),  # frozen: there is no level to keep
    (unpriced, redenominate(PPB), R.OK),
    (settled, change(PPB, number=2), R.INDEX_MISSING),
    (settled, redenominate(PPB, number=2), R.INDEX_MISSING),
    *((basket, clock(0, number=number), R.CONTRACT_UNKNOWN) for number in (-1, 0, 3)),
    *((basket, clock(seed), R.SEED_INVALID) for seed in (-1, 2**62 + 1, 2**63 - 1)),
    *((state, clock(seed), R.OK) for state in (basket, unpriced) for seed in (0, 1, 2**62)),
    *((basket, price(ticks), R.SOURCE_PRICE_INVALID) for ticks in (-1, 0, 2**20 + 1)),
    *((basket, price(100, source=source), R.SOURCE_UNKNOWN) for source in (-1, 0, 4)),
    (basket, price(100, source=3), R.OK),
    (basket, price(100_000), R.OK),  # a thousand times too high: an outlier, not a refusal
]
# fmt: on


@pytest.mark.parametrize(("state", "command", "code"), TABLE, ids=map(row_id, TABLE))
def test_rule_6_1_refusal_of_prices(state, command: AnyCommand, code):
    must_answer(state, command, code)


def test_rule_6_1_units_that_leave_no_divisor_are_refused():
    """Two units for a divisor of PPB: one millionth part of that is below one."""
    story = basket()
    story.submit(redenominate(2 * PPB, number=2))
    story.price(2, 100)
    assert refusal(story.submit(change(1, number=2))) == R.UNITS_INVALID
    assert refusal(story.submit(change(2, number=2))) == R.OK  # divisor 1, and still 200
    story = basket()
    # 1 unit of the first and 2 of the second: divisor 501 // 450 = 1, and the index would be 500
    assert refusal(story.submit(change(1))) == R.OK
    assert refusal(story.submit(change(2, asset=1))) == R.UNITS_INVALID


def test_rule_6_1_a_basket_that_is_weighed_anew_stays_where_it_is():
    """100 / 2 + 2 x 200 = 450; with three of the second 650, so the divisor is 650 / 450."""
    story = basket()
    changed = only(story.submit(change(3 * PPB, asset=1)), "constituent_changed")
    assert changed == {
        "asset": 1, "units_ppb": 3 * PPB, "divisor_ppb": 650 * PPB // 450,
    }  # fmt: skip
    assert only(story.price(1, 100), "index_published")["index_ticks"] == 450


def test_rule_6_1_a_redenomination_waits_frozen_for_prices_in_the_new_unit():
    """A hundred old ones are one new one: the index goes on at the level of before."""
    story = basket()
    events = story.submit(redenominate(50 * PPB, number=1))
    assert changes_of(events)[-1]["state_to"] == words.STATE_FROZEN
    assert only(story.price(1, 200, source=2), "index_published")["index_ticks"] == 0
    assert only(story.price(1, 1), "index_published")["index_ticks"] == 450
    assert story.state() == "auction"


def test_rule_7_1_the_sample_clock_follows_its_seed():
    """Samples are a day apart; the offset is the seed modulo that, and the next sample is near."""
    story = basket()
    day = 86_400 * 10**9
    assert only(story.submit(clock(7 * day + 5)), "sample_clock_set")["offset_ns"] == 5
    story.go(40_000)
    story.price(1, 100, source=1)
    story.price(1, 200, source=2)
    sampled = named(story.go(86_400, 5), "premium_sampled")
    times = [event.values["time_ns"] for event in sampled if event.contract == 1]
    assert times == [START_NS + day + 5]  # never before the one that was next
