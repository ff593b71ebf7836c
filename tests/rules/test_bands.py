"""9.1: bands on the effective value of a lot, by hand arithmetic: who is valued, and when."""

from typing import Any

import pytest

from engine.schema.bounds import BAND_SHIFT_MAX, NS_PER_SECOND, PPB
from tests.rules.story import PERCENT, A, B, C, Story, contract, named

INTERVAL_S = 600
LOTS = 100
RATE = 2 * PERCENT  # of funding, each interval
MAINTENANCE, CALL = 9 * PERCENT, 4  # so a call comes at 36% of the notional
INVERSE_VALUE = 10**9  # 10^6 a lot at 1,000, where a linear one is worth 1,000


def funded(rate_ppb: int, **terms: Any) -> Story:
    """Funding at this rate at each time, and a rich account C."""
    story = Story(
        contract(
            initial_ppb=15 * PERCENT,
            maintenance_ppb=MAINTENANCE,
            margin_call_ppb=CALL * PPB,
            funding_interval_ns=INTERVAL_S * NS_PER_SECOND,
            funding_base_ns=INTERVAL_S * NS_PER_SECOND,
            funding_interest_ppb=rate_ppb,
            funding_clamp_ppb=100 * PERCENT,
            funding_cap_ppb=RATE,
            **terms,
        )
    )
    story.open(C, 2**40)
    story.price(1_000)
    return story


def called(events) -> set[int]:
    return {event.account for event in named(events, "margin_called")}


class Runs:
    """A long, A, and a short, B, both against C, beside the plain integers of what they are worth.

    Both have money for 46% of the notional and are called below 36%, so their bands reach some 7%
    of a lot's value away.
    """

    def __init__(self, is_inverse: bool) -> None:
        self.is_inverse = is_inverse
        terms = {"tick_value": 0, "contract_value": INVERSE_VALUE} if is_inverse else {}
        self.story = funded(-RATE if is_inverse else RATE, **terms)
        self.mark = 1_000
        self.first = self.value()
        self.paid = self.carry = 0
        self.cash = 46 * abs(self.first) * LOTS // 100
        for account in (A, B):
            self.story.open(account, self.cash)
        self.story.trade(A, C, LOTS, 1_000)
        self.story.trade(C, B, LOTS, 1_000)
        self.story.price(1_001)  # a step writes the bands
        self.story.price(1_000)
        self.is_below = {A: False, B: False}

    def value(self) -> int:
        return -round(INVERSE_VALUE / self.mark) if self.is_inverse else self.mark

    def fund(self) -> None:
        """A funding time: longs pay 2% of the value at mark, or shorts, of the inverse contract."""
        rate = -RATE if self.is_inverse else RATE
        growth, self.carry = divmod(abs(self.value()) * rate + self.carry, PPB)
        self.paid += growth
        self.look(self.story.advance(INTERVAL_S))

    def follow(self) -> None:
        """The mark goes to where a lot is worth what funding has taken, and no more than that."""
        target = self.first + self.paid
        self.mark = -INVERSE_VALUE // target if self.is_inverse else target
        self.look(self.story.price(self.mark))

    def look(self, events) -> None:
        """Whoever has come below his call level by this command is called by it."""
        size = abs(self.value()) * LOTS
        level = -(-size * MAINTENANCE // PPB) * CALL
        found = called(events)
        for account, lots in ((A, LOTS), (B, -LOTS)):
            equity = self.cash + lots * (self.value() - self.first - self.paid)
            is_new = equity < level and not self.is_below[account]
            assert (account in found) == is_new, (account, self.mark, equity, level)
            self.is_below[account] = equity < level


@pytest.mark.parametrize("is_inverse", [False, True])
def test_rule_9_1_a_mark_that_runs_with_funding_raises_maintenance_alone(is_inverse):
    """2% an interval, and the mark goes after it: less funding it stays within 3% of where it was,
    inside every band, while the notional grows. By 28% it takes the 46% of both."""
    runs = Runs(is_inverse)
    for _ in range(14):
        runs.fund()
        runs.follow()
    assert runs.is_below == {A: True, B: True}


def test_rule_9_1_shifts_that_pass_their_bound_begin_anew_and_empty_the_bands():
    """A's band, written when its lower end was compared with a mark less 2^60 and more, would hold
    any mark below."""
    story = funded(RATE)
    shifts = story.exchange.arena.records("band_shifts", 2)
    shifts[1] = BAND_SHIFT_MAX + 1, 0
    for account in (A, B):
        story.open(account, 46_000)
    story.trade(A, B, LOTS, 1_000)
    story.price(1_001)  # a step writes the bands
    story.price(1_000)
    assert called(story.advance(INTERVAL_S)) == set()
    # 20 a lot, and what they raise a call level by: ceil(20 x 9%) = 2, times 4
    assert shifts[1].tolist() == (20 + 8, 20 - 8)
    # A: 46,000 - 100 x 20 - 100 x 120 = 32,000 against 36% of 88,000 = 31,680
    assert called(story.price(880)) == set()
    assert called(story.price(872)) == {A}  # 31,200 against 31,392
