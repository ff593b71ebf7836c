"""Liquidity providers in the waterfall (9.2 e, 9.8): they take what bears no charge.

A is the debtor, B holds the other side of everything, D and E are providers.
"""

import pytest

from tests.rules.backstop_story import (
    ANYTHING,
    ONE_PERCENT,
    RATES,
    RICH,
    BackstopStory,
    long_ten,
    provided,
)
from tests.rules.story import FUND, A, B, D, E, contract, named, only

INSURED = {"fund_cash": RICH, **ANYTHING}
LOTS = {1: 10, 2: 5}  # of contracts 1 and 2


@pytest.mark.parametrize(
    ("capacity", "config", "layers"),
    [
        (4, {}, {"fund": 0, "given_up": 200}),
        (4, INSURED, {"fund": 200, "given_up": 0}),
        (10, {"house_cash": 150}, {"fund": 0, "given_up": 200}),
    ],
)
def test_rule_9_8_providers_take_no_position_that_bears_a_charge(capacity, config, layers):
    """880 leaves A at -200: 20 a lot. D takes none; the fund takes all 10, or else B gives them
    back with 20 of the 120 that it has gained with each, and the house is not asked."""
    story = long_ten(**config, **ONE_PERCENT)
    story.provider(D, capacity)
    events = story.price(880)
    assert not provided(events)
    closed = only(events, "waterfall_closed")
    assert closed == {"deficit": 200, "house": 0, "haircut": 0} | layers
    assert (story.lots(D), story.equity(D), story.cash(A)) == (0, RICH, 0)
    assert story.lots(FUND) == (10 if "fund_cash" in config else 0)


def long_in_both(*contracts: int) -> BackstopStory:
    """A, with 1500, is long 10 of contract 1 and 5 of contract 2 against B since 1000; its
    contracts are in this order."""
    story = BackstopStory(*(contract(number, **RATES, **ONE_PERCENT) for number in (1, 2)))
    story.open(A, 1_500)
    story.open(B, RICH)
    story.price(1, 1_000, 2, 1_000)
    for number in contracts:
        story.trade(A, B, LOTS[number], 1_000, number)
    return story


@pytest.mark.parametrize("contracts", [(1, 2), (2, 1)])
@pytest.mark.parametrize(
    ("mark", "deficit"),
    [
        (1_000, 100),  # contract 2 has not moved: 1500 - 10 x 160
        (1_010, 50),  # it has gained 5 x 10
    ],
)
def test_rule_9_8_in_the_waterfall_providers_take_what_bears_no_charge(contracts, mark, deficit):
    """840: contract 1 alone cost A, and bears all of the deficit. D has room for both: it takes the
    5 lots of contract 2 at mark, without a penalty, and B gives the 10 of contract 1 back."""
    story = long_in_both(*contracts)
    story.provider(D, 10)
    story.capacity(D, 10, 2)
    events = story.price(1, 840, 2, mark)
    (told,) = named(events, "position_provided")
    assert (told.account, told.contract) == (A, 2)
    assert told.values == {"lots": 5, "value": 5 * mark, "provider": D, "penalty": 0}
    (given,) = named(events, "position_deleveraged")
    assert (given.contract, given.values["lots"], given.values["given_up"]) == (1, 10, deficit)
    assert only(events, "waterfall_closed") == {
        "deficit": deficit, "fund": 0, "given_up": deficit, "house": 0, "haircut": 0,
    }  # fmt: skip
    assert [story.lots(account) for account in (A, B, D)] == [0, 0, 0]
    assert [story.lots(account, 2) for account in (A, B, D)] == [0, -5, 5]
    assert (story.cash(A), story.equity(D)) == (0, RICH)


def test_rule_9_8_a_provider_below_zero_is_not_asked():
    """D stands exactly as A does, at -100, and has more room in contract 2, which bears no charge;
    E takes what it can of both, 8 lots."""
    story = long_in_both(1, 2)
    story.provider(D, 0, cash=1_500)
    story.capacity(D, 100, 2)
    for number in (1, 2):
        story.trade(D, B, LOTS[number], 1_000, number)
    story.provider(E, 0)
    story.capacity(E, 8, 2)
    events = story.price(840)
    assert provided(events) == [(E, 5), (E, 3)]
    told = named(events, "position_provided")
    assert [(event.account, event.contract) for event in told] == [(A, 2), (D, 2)]
    assert [story.lots(account, 2) for account in (A, D, E)] == [0, 0, 8]
