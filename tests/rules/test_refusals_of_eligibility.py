"""Refusals of the commands of eligibility, and where an order is asked: one row a case, code last.

In `asked` A and C are eligible; A bids 10 at 990 and B, who has been blocked since, is short 10
against C. Contract 1 has the limits of `refusal_states`.
"""

from typing import Any

import pytest

from engine.schema import bounds, refusals
from engine.schema import vocabulary as words
from engine.schema.commands import AnyCommand, PublishDisclosure, SetEligibility, SetReference
from engine.schema.vocabulary import BUY, SELL
from tests.rules.refusal_states import (
    CASH,
    POST_ONLY,
    REDUCE_ONLY,
    Row,
    amend,
    listing,
    must_answer,
    place,
    row_id,
    stop_order,
    trading,
)
from tests.rules.story import FUND, START_NS, A, B, C, D, E, F
from tests.rules.test_eligibility import DAY_NS, EligibilityStory, M

R = refusals
NS = START_NS
MAX_NS = bounds.TIME_NS_MAX
MAX_VERSION = 2**31 - 1
BID = 2 << 32 | 3  # of `blocked_bid`: the slot of the order that traded last


def asked() -> EligibilityStory:
    """D is a client of whom nothing is known, E and F are of other kinds."""
    story = EligibilityStory(listing(1), listing(2), disclosure_version=3)
    for account in (A, B, C, D):
        story.open(account, CASH)
    story.open(E, CASH, kind=words.KIND_LIQUIDITY_PROVIDER)
    story.open(F, CASH, kind=words.KIND_AFFILIATE)
    for account in (A, B, C):
        story.grant(account, disclosure=3)
    story.price(1, 1_000, 2, 800)
    story.order(A, BUY, 10, 990)
    story.trade(C, B, 10, 1_000)
    story.grant(B, disclosure=3, blocked=1)
    return story


def isolated() -> EligibilityStory:
    """A has isolated contract 2: its margin account there is M."""
    story = asked()
    story.isolate(A, 2)
    return story


def lapsed() -> EligibilityStory:
    """The reference asset of contract 1 is not open to retail any more."""
    story = asked()
    story.refer(NS)
    return story


def reducing() -> EligibilityStory:
    """An operator has made contract 1 reduce-only."""
    story = asked()
    story.change_state(words.STATE_REDUCE_ONLY)
    return story


def halted() -> EligibilityStory:
    story = asked()
    story.change_state(words.STATE_HALTED)
    return story


def killed() -> EligibilityStory:
    """A kill switch stops B."""
    story = asked()
    story.stop(words.SCOPE_ACCOUNT, B)
    return story


def blocked_bid() -> EligibilityStory:
    """B buys 3 of its 10 back at 980, REDUCE_ONLY: nothing else of it may rest."""
    story = asked()
    story.order(B, BUY, 3, 980, flags=REDUCE_ONLY)
    return story


def unassessed() -> EligibilityStory:
    """D is a professional investor, and no more is known of it."""
    story = asked()
    story.grant(D, assessed=0)
    return story


def outdated() -> EligibilityStory:
    """D has acknowledged the disclosure before the current one."""
    story = asked()
    story.grant(D, disclosure=2, blocked=1)
    return story


def grant(account: int = A, **fields: int) -> AnyCommand:
    marks: dict[str, Any] = {"professional_until_ns": DAY_NS, "assessed": 1, "disclosure": 3}
    return SetEligibility(time_ns=NS, account=account, **(marks | fields))


def disclose(version: int) -> AnyCommand:
    return PublishDisclosure(time_ns=NS, version=version)


def refer(until_ns: int, number: int = 1) -> AnyCommand:
    return SetReference(time_ns=NS, contract=number, until_ns=until_ns)


# fmt: off
TABLE: list[Row] = [
    # set_eligibility
    (asked, grant(), R.OK),
    (asked, grant(FUND), R.ACCOUNT_UNKNOWN),
    (asked, grant(0), R.ACCOUNT_UNKNOWN),
    (asked, grant(-1), R.ACCOUNT_UNKNOWN),
    (asked, grant(F + 1), R.ACCOUNT_UNKNOWN),
    (asked, grant(E), R.ACCOUNT_UNKNOWN),
    (asked, grant(F), R.ACCOUNT_UNKNOWN),
    (isolated, grant(M), R.ACCOUNT_UNKNOWN),
    (asked, grant(F + 1, assessed=2), R.ACCOUNT_UNKNOWN),
    (asked, grant(professional_until_ns=-1), R.ELIGIBILITY_INVALID),
    (asked, grant(professional_until_ns=0), R.OK),
    (asked, grant(professional_until_ns=MAX_NS), R.OK),
    (asked, grant(professional_until_ns=MAX_NS + 1), R.ELIGIBILITY_INVALID),
    (asked, grant(assessed=-1), R.ELIGIBILITY_INVALID),
    (asked, grant(assessed=2), R.ELIGIBILITY_INVALID),
    (asked, grant(blocked=-1), R.ELIGIBILITY_INVALID),
    (asked, grant(blocked=2), R.ELIGIBILITY_INVALID),
    (asked, grant(disclosure=-1), R.ELIGIBILITY_INVALID),
    (asked, grant(disclosure=0), R.OK),
    (asked, grant(disclosure=MAX_VERSION), R.OK),
    (trading, grant(), R.COMMAND_UNKNOWN),
    (trading, grant(99), R.COMMAND_UNKNOWN),
    # publish_disclosure
    (asked, disclose(2), R.ELIGIBILITY_INVALID),
    (asked, disclose(3), R.ELIGIBILITY_INVALID),
    (asked, disclose(4), R.OK),
    (asked, disclose(-1), R.ELIGIBILITY_INVALID),
    (asked, disclose(MAX_VERSION), R.OK),
    (trading, disclose(1), R.COMMAND_UNKNOWN),
    # set_reference
    (asked, refer(NS, 0), R.CONTRACT_UNKNOWN),
    (asked, refer(NS, -1), R.CONTRACT_UNKNOWN),
    (asked, refer(NS, 3), R.CONTRACT_UNKNOWN),
    (asked, refer(-1, 3), R.CONTRACT_UNKNOWN),
    (asked, refer(-1), R.ELIGIBILITY_INVALID),
    (asked, refer(0), R.OK),
    (asked, refer(1), R.OK),
    (asked, refer(MAX_NS), R.OK),
    (asked, refer(MAX_NS + 1), R.ELIGIBILITY_INVALID),
    (trading, refer(NS), R.COMMAND_UNKNOWN),
    # an account that is not eligible is asked behind state, stops, price and value ...
    (asked, place(D), R.NOT_PROFESSIONAL),
    (unassessed, place(D), R.NOT_ASSESSED),
    (outdated, place(D), R.DISCLOSURE_NOT_ACKNOWLEDGED),
    (asked, place(B, side=SELL), R.ACCOUNT_BLOCKED),
    (asked, place(B, lots=10), R.ACCOUNT_BLOCKED),
    (asked, place(B, lots=10, tif=words.IOC), R.OK),
    (asked, place(B, lots=11, tif=words.IOC), R.ACCOUNT_BLOCKED),
    (asked, place(B, lots=10, tif=words.FOK), R.OK),
    (asked, place(B, lots=11, tif=words.FOK), R.ACCOUNT_BLOCKED),
    (asked, place(B, lots=10, flags=REDUCE_ONLY), R.OK),
    (halted, place(D), R.CONTRACT_CLOSED),
    (killed, place(B, side=SELL), R.TRADING_BLOCKED),
    (killed, place(B, flags=REDUCE_ONLY, tif=words.IOC), R.OK),
    (asked, place(D, price_ticks=399), R.PRICE_OUTSIDE_BAND),
    (reducing, place(D), R.CONTRACT_REDUCE_ONLY),
    (reducing, place(B, lots=10), R.ACCOUNT_BLOCKED),
    (reducing, place(B, lots=10, tif=words.IOC), R.OK),
    (reducing, place(C, side=SELL, lots=10), R.OK),
    (lapsed, place(D), R.CONTRACT_REDUCE_ONLY),
    # ... and ahead of everything else
    (asked, place(D, side=SELL, price_ticks=990, flags=POST_ONLY), R.NOT_PROFESSIONAL),
    (asked, place(D, flags=REDUCE_ONLY), R.REDUCE_ONLY_NOTHING),
    (asked, place(B, side=SELL, flags=REDUCE_ONLY), R.REDUCE_ONLY_NOTHING),
    (asked, place(D, lots=100, price_ticks=1_500), R.NOT_PROFESSIONAL),
    (blocked_bid, amend(B, BID, price_ticks=981, lots=10), R.OK),
    (blocked_bid, amend(B, BID, price_ticks=981, lots=11), R.OK),
    (blocked_bid, amend(B, BID, price_ticks=399, lots=11), R.PRICE_OUTSIDE_BAND),
    (blocked_bid, amend(B, BID, price_ticks=980, lots=2), R.OK),
    # an order that waits
    (asked, stop_order(D), R.NOT_PROFESSIONAL),
    (asked, stop_order(D, price_ticks=0), R.NOT_PROFESSIONAL),
    (asked, stop_order(D, trigger_ticks=1_000), R.NOT_PROFESSIONAL),
    (asked, stop_order(B, lots=1), R.ACCOUNT_BLOCKED),
    (asked, stop_order(B, flags=REDUCE_ONLY), R.OK),
    (killed, stop_order(B), R.TRADING_BLOCKED),
    (halted, stop_order(D), R.CONTRACT_CLOSED),
    (lapsed, stop_order(D), R.NOT_PROFESSIONAL),
    (lapsed, stop_order(A), R.OK),
    (reducing, stop_order(A), R.OK),
    # a contract whose reference asset has lapsed
    (lapsed, place(A), R.CONTRACT_REDUCE_ONLY),
    (lapsed, place(A, price_ticks=399), R.PRICE_OUTSIDE_BAND),
    (lapsed, place(A, contract=2, price_ticks=800), R.OK),
    (lapsed, place(B, lots=10), R.CONTRACT_REDUCE_ONLY),
    (lapsed, place(B, lots=10, tif=words.IOC), R.OK),
    (lapsed, place(B, lots=11, tif=words.IOC), R.CONTRACT_REDUCE_ONLY),
    (lapsed, place(C, side=SELL, lots=10), R.CONTRACT_REDUCE_ONLY),
    (lapsed, place(C, side=SELL, lots=10, tif=words.IOC), R.OK),
    (lapsed, place(C, side=SELL, lots=11, tif=words.IOC), R.CONTRACT_REDUCE_ONLY),
    (lapsed, place(C, side=SELL, lots=10, tif=words.FOK), R.OK),
    (lapsed, place(C, side=SELL, lots=11, tif=words.FOK), R.CONTRACT_REDUCE_ONLY),
    (lapsed, place(C, side=SELL, lots=11, flags=REDUCE_ONLY), R.OK),
    (lapsed, place(C, side=SELL, lots=11, flags=REDUCE_ONLY, price_ticks=990), R.OK),
]
# fmt: on


@pytest.mark.parametrize(("state", "command", "code"), TABLE, ids=map(row_id, TABLE))
def test_rule_2_2_refusal_of_eligibility(state, command, code):
    must_answer(state, command, code)
