"""Who may trade what (3.1, 3.3): accounts and reference assets that lapse, by hand.

Two contracts with a mark of 1000, rates of 10% and 5%, no fees. A, B and D are clients with all
they need for a day, E is a client of whom nothing is known, C is a liquidity provider. The first
margin account is 2^21.
"""

from typing import Any

import msgspec
import pytest

from engine.exchange import Exchange
from engine.feed import reports
from engine.feed.private import PrivateFeed
from engine.feed.public import PublicFeed
from engine.importers.scenarios import CRASH
from engine.importers.session import Session
from engine.schema import bounds, commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND
from engine.schema.contract import Contract
from tests.rules.market import CLOSE, LAST, MARKET, REDUCE_ONLY, listing, names, stop_at
from tests.rules.story import (
    BUY,
    FOK,
    IOC,
    SELL,
    START_NS,
    A,
    B,
    C,
    D,
    E,
    Events,
    Story,
    cancel_reasons,
    named,
    only,
    order_id,
    refusal,
)

DAY_NS = START_NS + NS_PER_DAY  # when the status of A, B and D ends
HOUR = 3_600
M = bounds.ACCOUNTS_MAX + 1
RICH = 10**9
R = refusals


class EligibilityStory(Story):
    """A story of a pool that asks."""

    def __init__(self, *contracts: Contract, **config: Any) -> None:
        super().__init__(*contracts, **{"eligibility_checked": True, **config})

    def grant(self, account: int, **fields: int) -> Events:
        """All that a client needs until the end of the day, but for the fields given."""
        marks = {"professional_until_ns": DAY_NS, "assessed": 1, "disclosure": 0} | fields
        return self.submit(
            commands.SetEligibility(time_ns=self.now_ns, account=account, **marks)
        )

    def disclose(self, version: int) -> Events:
        return self.submit(commands.PublishDisclosure(time_ns=self.now_ns, version=version))

    def refer(self, until_ns: int, number: int = 1) -> Events:
        return self.submit(
            commands.SetReference(time_ns=self.now_ns, contract=number, until_ns=until_ns)
        )

    def quote(self, account: int, *rows: commands.Quote) -> Events:
        return self.submit(
            commands.MassQuote(
                time_ns=self.now_ns, account=account, client_id=self.client_id(), protection=1,
                rows=rows,
            )
        )  # fmt: skip

    def bracket(self, account: int, side: int, lots: int, price: int, **ends: int) -> Events:
        return self.submit(
            commands.PlaceBracket(
                time_ns=self.now_ns, account=account, client_id=self.client_id(), contract=1,
                side=side, lots=lots, price_ticks=price, **ends,
            )
        )  # fmt: skip


def eligible(**config: Any) -> EligibilityStory:
    """Everybody as the head of this file says, and nobody has traded."""
    story = EligibilityStory(listing(1), listing(2), **config)
    for account in (A, B, D, E):
        story.open(account, RICH)
    story.open(C, RICH, kind=words.KIND_LIQUIDITY_PROVIDER)
    for account in (A, B, D):
        story.grant(account)
    story.price(1, 1_000, 2, 1_000)
    return story


def blocked() -> EligibilityStory:
    """A is long 10 of contract 1 since it was eligible, and has been blocked."""
    story = eligible()
    story.trade(A, C, 10, 1_000)
    story.grant(A, blocked=1)
    return story


# What a client lacks.

NOTHING = {"professional_until_ns": 0, "assessed": 0, "disclosure": 2, "blocked": 1}
LACKS = [
    ({}, R.NOT_PROFESSIONAL),
    ({"professional_until_ns": START_NS}, R.NOT_PROFESSIONAL),
    ({"professional_until_ns": START_NS + 1}, R.NOT_ASSESSED),
    ({"professional_until_ns": DAY_NS, "assessed": 1}, R.DISCLOSURE_NOT_ACKNOWLEDGED),
    ({"professional_until_ns": DAY_NS, "assessed": 1, "disclosure": 3}, R.ACCOUNT_BLOCKED),
    ({"professional_until_ns": DAY_NS, "assessed": 1, "disclosure": 3, "blocked": 0}, R.OK),
    ({"professional_until_ns": DAY_NS, "assessed": 1, "disclosure": 4, "blocked": 0}, R.OK),
]


@pytest.mark.parametrize(("fields", "code"), LACKS)
def test_rule_3_1_an_order_is_refused_with_what_the_account_lacks_first(fields, code):
    story = eligible(disclosure_version=3)
    events = story.grant(E, **NOTHING | fields)
    assert only(events, "eligibility_set") == NOTHING | fields | {"lacks": code}
    assert story.account(E)["eligibility"] == NOTHING | fields | {"lacks": code}
    assert refusal(story.order(E, BUY, 1, 900)) == code


def test_rule_3_1_a_client_of_whom_nothing_is_known_may_not_trade():
    story = eligible()
    assert refusal(story.order(E, BUY, 1, 900)) == R.NOT_PROFESSIONAL
    assert names(story.grant(E)) == ["eligibility_set"]
    assert refusal(story.order(E, BUY, 1, 900)) == R.OK


@pytest.mark.parametrize("kind", [words.KIND_LIQUIDITY_PROVIDER, words.KIND_AFFILIATE])
def test_rule_3_1_other_kinds_of_accounts_are_not_asked(kind):
    story = eligible()
    story.open(14, RICH, kind=kind)
    assert story.account(14)["eligibility"] == {}
    assert refusal(story.grant(14)) == R.ACCOUNT_UNKNOWN
    story.disclose(1)
    assert refusal(story.order(14, BUY, 1, 900)) == R.OK


# What it may still do.


@pytest.mark.parametrize(
    ("side", "lots", "terms", "code"),
    [
        (SELL, 10, {}, R.ACCOUNT_BLOCKED),
        (SELL, 1, {}, R.ACCOUNT_BLOCKED),
        (SELL, 10, {"tif": words.DAY}, R.ACCOUNT_BLOCKED),
        (SELL, 10, {"flags": words.POST_ONLY}, R.ACCOUNT_BLOCKED),
        (SELL, 10, {"tif": IOC}, R.OK),
        (SELL, 11, {"tif": IOC}, R.ACCOUNT_BLOCKED),
        (SELL, 10, {"tif": FOK}, R.OK),
        (SELL, 11, {"tif": FOK}, R.ACCOUNT_BLOCKED),
        (SELL, 11, {"flags": REDUCE_ONLY}, R.OK),
        (SELL, 1, {"flags": CLOSE}, R.OK),
        (SELL, 10, MARKET, R.OK),
        (BUY, 1, {}, R.ACCOUNT_BLOCKED),
        (BUY, 1, {"flags": REDUCE_ONLY}, R.REDUCE_ONLY_NOTHING),
        (BUY, 1, MARKET, R.ACCOUNT_BLOCKED),
        (BUY, 1, {"session": 3}, R.ACCOUNT_BLOCKED),
        (SELL, 10, {"display_lots": 1}, R.ACCOUNT_BLOCKED),
        (SELL, 10, {"display_lots": 1, "flags": REDUCE_ONLY}, R.OK),
    ],
)
def test_rule_3_1_what_only_reduces_passes_where_it_can_not_rest(side, lots, terms, code):
    """A is long 10; whatever rests must be REDUCE_ONLY."""
    assert refusal(blocked().order(A, side, lots, 1_000, **terms)) == code


def test_rule_3_1_an_order_of_a_blocked_client_does_not_outlive_the_long_that_it_reduces():
    """A, long 10, offers 10 at 1100. A plain offer could rest there while A sells its 10 lots to
    C at 1000, and B, who buys at 1100, would leave it short 10: it is refused. A REDUCE_ONLY offer
    goes with the position, so B finds nothing."""
    story = blocked()
    assert refusal(story.order(A, SELL, 10, 1_100)) == R.ACCOUNT_BLOCKED
    assert refusal(story.order(A, SELL, 10, 1_100, flags=REDUCE_ONLY)) == R.OK
    story.order(C, BUY, 10, 1_000)
    events = story.order(A, SELL, 10, 1_000, tif=IOC)
    assert only(events, "trade")["lots"] == 10
    assert cancel_reasons(events) == [(A, "reduce_only")]
    assert not named(story.order(B, BUY, 10, 1_100), "trade")
    assert story.lots(A) == 0 and story.account(A)["orders"] == 0


def test_rule_3_1_a_blocked_client_sells_its_long_at_once():
    """C bids for 6 of A's 10 lots: the ioc takes them, and nothing of it is left to rest."""
    story = blocked()
    story.order(C, BUY, 6, 1_000)
    events = story.order(A, SELL, 10, 1_000, tif=IOC)
    assert only(events, "trade")["lots"] == 6
    assert cancel_reasons(events) == [(A, "ioc")]
    assert story.lots(A) == 4 and story.account(A)["orders"] == 0


def test_rule_3_1_what_reduces_at_once_must_not_pass_the_position():
    """7 of 10 lots are on offer, REDUCE_ONLY, and count for nothing: 10 more only reduce, 11 could
    turn the position. Behind a sale of 4 it is 6 and 7."""
    story = blocked()
    story.order(A, SELL, 7, 1_100, flags=REDUCE_ONLY)
    story.order(C, BUY, 4, 1_000)
    assert refusal(story.order(A, SELL, 11, 1_000, tif=IOC)) == R.ACCOUNT_BLOCKED
    assert refusal(story.order(A, SELL, 10, 1_000, tif=IOC)) == R.OK
    assert story.lots(A) == 6
    assert refusal(story.order(A, SELL, 7, 1_000, tif=IOC)) == R.ACCOUNT_BLOCKED
    assert refusal(story.order(A, SELL, 6, 1_000, tif=IOC)) == R.OK


def test_rule_3_1_what_rests_for_a_blocked_client_is_amended_as_ever():
    """It is REDUCE_ONLY: of 7 lots on offer a new price and 11 lots pass, cut to the 10 that A
    holds. Behind a sale of 5 there are 5, which 6 at a new price do not change."""
    story = blocked()
    number = order_id(story.order(A, SELL, 7, 1_100, flags=REDUCE_ONLY))
    assert refusal(story.amend(A, number, 7, 1_101)) == R.OK
    assert story.position(A)["lots_reduce_only"] == 7
    assert refusal(story.amend(A, number, 11, 1_102)) == R.OK
    assert story.position(A)["lots_reduce_only"] == 10
    story.order(C, BUY, 5, 1_000)
    story.order(A, SELL, 5, 1_000, tif=IOC)
    assert (story.lots(A), story.position(A)["lots_reduce_only"]) == (5, 5)
    assert refusal(story.amend(A, number, 6, 1_103)) == R.OK
    assert story.position(A)["lots_reduce_only"] == 5


def test_rule_3_1_quotes_go_at_the_lapse_and_are_refused_behind_it():
    """A, long 10, asks for 10: that only reduces, and yet it rests."""
    story = eligible()
    story.trade(A, C, 10, 1_000)
    row = commands.Quote(1, 900, 1, 1_100, 10)
    assert not named(story.quote(A, row), "quote_refused")
    assert cancel_reasons(story.grant(A, blocked=1)) == [(A, "eligibility")] * 2
    told = named(story.quote(A, row), "quote_refused")
    assert [(e.values["side"], e.values["code"]) for e in told] == [
        (BUY, R.ACCOUNT_BLOCKED), (SELL, R.ACCOUNT_BLOCKED),
    ]  # fmt: skip
    assert story.account(A)["orders"] == 0


def test_rule_3_1_the_entry_of_a_bracket_is_asked():
    """Long 10: one that buys increases; one that sells only reduces, but can rest."""
    story = blocked()
    ends = {"stop_ticks": 950, "target_ticks": 1_050}
    assert refusal(story.bracket(A, BUY, 1, 1_000, **ends)) == R.ACCOUNT_BLOCKED
    turned = {"stop_ticks": 1_050, "target_ticks": 950}
    assert refusal(story.bracket(A, SELL, 1, 1_000, **turned)) == R.ACCOUNT_BLOCKED
    story.grant(A)
    assert refusal(story.bracket(A, BUY, 1, 1_000, **ends)) == R.OK


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({}, R.ACCOUNT_BLOCKED),
        ({"tif": IOC}, R.ACCOUNT_BLOCKED),
        ({"flags": REDUCE_ONLY}, R.OK),
        ({"flags": CLOSE}, R.OK),
    ],
)
def test_rule_3_1_an_order_that_waits_is_judged_at_its_entry(terms, code):
    """Lots that would only reduce now do not help one that waits, nor does it that it is ioc."""
    story = blocked()
    assert refusal(story.order(A, SELL, 1, 900, **stop_at(950, **terms))) == code


def test_rule_3_1_an_armed_exit_fires_for_an_account_that_has_lapsed():
    story = eligible()
    story.trade(A, C, 10, 1_000)
    number = order_id(story.order(A, SELL, 10, 900, **stop_at(950, flags=REDUCE_ONLY)))
    story.grant(A, blocked=1)
    story.order(C, BUY, 10, 940)
    events = story.price(950)
    assert only(events, "order_triggered")["order_id"] == number
    assert story.lots(A) == 0


def test_rule_3_1_a_liquidation_order_is_not_asked():
    """Equity 1000 - 10 x 60 is below the maintenance of 470: one bid takes what must go."""
    story = eligible()
    story.open(14, 1_000)
    story.grant(14)
    story.trade(14, C, 10, 1_000)
    story.grant(14, blocked=1)
    story.order(C, BUY, 100, 945)
    events = story.price(940)
    assert only(events, "liquidation_started", 14)
    assert named(events, "trade") and story.lots(14) < 10


# A lapse.


def test_rule_3_1_on_lapse_increasing_orders_go_and_reducing_ones_stay():
    """Both contracts in the order of first use, each order in arrival order, then the count."""
    story = eligible()
    story.trade(A, C, 10, 1_000)
    story.order(A, SELL, 5, 1_100, flags=REDUCE_ONLY)
    story.order(A, SELL, 5, 900, **stop_at(950, flags=REDUCE_ONLY))
    other = order_id(story.order(A, BUY, 1, 900, number=2))
    bid = order_id(story.order(A, BUY, 1, 900))
    waits = order_id(story.order(A, BUY, 1, 1_200, **stop_at(1_100, LAST)))
    ask = order_id(story.order(A, SELL, 1, 1_200))
    events = story.grant(A, blocked=1)
    assert names(events) == ["eligibility_set", *["order_cancelled"] * 4, "eligibility_lapsed"]
    gone = [event.values["order_id"] for event in named(events, "order_cancelled")]
    assert gone == [bid, waits, ask, other]
    assert set(cancel_reasons(events)) == {(A, "eligibility")}
    assert only(events, "eligibility_lapsed", A) == {"lacks": R.ACCOUNT_BLOCKED, "orders": 4}
    assert story.account(A)["orders"] == 2


def test_rule_3_1_a_lapse_without_orders_is_told_once():
    story = eligible()
    lapsed = only(story.grant(A, blocked=1), "eligibility_lapsed", A)
    assert lapsed == {"lacks": R.ACCOUNT_BLOCKED, "orders": 0}
    assert names(story.grant(A, assessed=0)) == ["eligibility_set"]
    assert refusal(story.order(A, BUY, 1, 900)) == R.NOT_ASSESSED


def test_rule_3_1_a_second_lapse_finds_nothing_to_take():
    """All that A could place behind the first one is REDUCE_ONLY, and stays."""
    story = blocked()
    story.order(A, SELL, 4, 1_100, flags=REDUCE_ONLY)
    story.order(A, SELL, 4, 900, **stop_at(950, flags=REDUCE_ONLY))
    events = story.grant(A, assessed=0)
    assert names(events) == ["eligibility_set"]
    assert only(events, "eligibility_set")["lacks"] == R.NOT_ASSESSED
    assert story.account(A)["orders"] == 2


def test_rule_3_1_a_lapse_reaches_the_margin_accounts_behind_the_account():
    story = eligible()
    story.isolate(A)
    story.move(A, 10**6)
    story.order(A, BUY, 1, 900)
    story.order(A, BUY, 1, 900, number=2)
    events = story.grant(A, blocked=1)
    assert cancel_reasons(events) == [(A, "eligibility"), (M, "eligibility")]
    assert only(events, "eligibility_lapsed", A)["orders"] == 2
    assert refusal(story.order(A, BUY, 1, 900)) == R.ACCOUNT_BLOCKED
    assert story.account(M)["eligibility"]["lacks"] == R.ACCOUNT_BLOCKED
    story.grant(A)
    assert refusal(story.order(A, BUY, 1, 900)) == R.OK


def test_rule_3_1_a_lapse_leaves_what_reduces_an_isolated_position():
    story = eligible()
    story.isolate(A)
    story.move(A, 10**6)
    story.trade(A, C, 10, 1_000)
    story.order(A, SELL, 10, 1_100, flags=REDUCE_ONLY)
    story.order(A, BUY, 1, 900)
    assert only(story.grant(A, blocked=1), "eligibility_lapsed", A)["orders"] == 1
    assert story.account(M)["orders"] == 1


def test_rule_3_1_a_margin_account_opened_behind_the_lapse_has_lapsed_too():
    story = eligible()
    story.isolate(E)
    story.move(E, 10**6)
    assert refusal(story.order(E, BUY, 1, 900)) == R.NOT_PROFESSIONAL
    story.grant(E)
    assert refusal(story.order(E, BUY, 1, 900)) == R.OK


def test_rule_4_5_a_sibling_ends_with_the_order_that_the_lapse_takes():
    story = eligible()
    story.trade(A, C, 10, 1_000)
    exit_ = order_id(story.order(A, SELL, 5, 1_100, flags=REDUCE_ONLY))
    story.order(A, BUY, 1, 900, linked_id=exit_)
    events = story.grant(A, blocked=1)
    assert names(events)[1:] == ["order_cancelled", "eligibility_lapsed", "order_cancelled"]
    assert cancel_reasons(events) == [(A, "eligibility"), (A, "linked")]
    assert only(events, "eligibility_lapsed")["orders"] == 1


def test_rule_11_4_only_the_account_is_told_of_its_lapse():
    story = eligible()
    story.order(A, BUY, 1, 900)
    story.grant(A, blocked=1)
    story.disclose(1)
    public = PublicFeed().publish(story.events)
    assert not [m for line in public.values() for m in line if "eligib" in type(m).__name__.lower()]
    told = [r for r in PrivateFeed().publish(story.events) if r.account == A][-3:]
    assert isinstance(told[0], reports.EligibilitySet) and told[0].lacks == R.ACCOUNT_BLOCKED
    assert isinstance(told[1], reports.OrderCancelled)
    assert told[1].reason == words.CANCEL_ELIGIBILITY
    assert isinstance(told[2], reports.EligibilityLapsed)
    assert (told[2].lacks, told[2].orders) == (R.ACCOUNT_BLOCKED, 1)


# The end of the professional status.


def test_rule_3_1_the_status_ends_at_its_nanosecond():
    """A's ends at the day's end, B's and D's a nanosecond later."""
    story = eligible()
    for account in (B, D):
        story.grant(account, professional_until_ns=DAY_NS + 1)
    story.order(A, BUY, 1, 900)
    assert "eligibility_lapsed" not in names(story.go(24 * HOUR, -1))
    assert refusal(story.order(A, BUY, 1, 900)) == R.OK
    events = story.go(24 * HOUR)
    assert [event.account for event in named(events, "eligibility_lapsed")] == [A]
    assert only(events, "eligibility_lapsed") == {"lacks": R.NOT_PROFESSIONAL, "orders": 2}
    assert cancel_reasons(events) == [(A, "eligibility")] * 2
    assert refusal(story.order(A, BUY, 1, 900)) == R.NOT_PROFESSIONAL
    assert only(story.go(24 * HOUR, 1), "eligibility_lapsed", B)


def test_rule_3_1_the_end_of_a_status_says_nothing_of_an_account_that_lacked_more():
    story = eligible()
    for account in (B, D):
        story.grant(account, professional_until_ns=0)
    story.trade(A, C, 10, 1_000)
    story.grant(A, blocked=1)
    story.order(A, SELL, 4, 1_100, flags=REDUCE_ONLY)
    assert "eligibility_lapsed" not in names(story.go(24 * HOUR))
    assert story.account(A)["orders"] == 1
    assert refusal(story.order(A, BUY, 1, 900)) == R.NOT_PROFESSIONAL


def test_rule_3_1_a_status_that_was_renewed_does_not_end_at_its_old_time():
    story = eligible()
    story.grant(A, professional_until_ns=START_NS + HOUR * NS_PER_SECOND)
    story.grant(A, professional_until_ns=START_NS + 2 * HOUR * NS_PER_SECOND)
    assert names(story.go(HOUR)) == ["time_advanced"]
    assert only(story.go(2 * HOUR), "eligibility_lapsed", A)


def test_rule_2_6_the_end_of_a_status_comes_behind_expiries_and_heartbeats_of_its_time():
    """All at one hour: D's order expires, C's heartbeat is lost, A and B lapse by id, though B was
    entered first; then contract 2 and the sample of contract 1."""
    due_ns = START_NS + HOUR * NS_PER_SECOND
    story = EligibilityStory(listing(1, funding_sample_ns=HOUR * NS_PER_SECOND), listing(2))
    for account in (A, B, D):
        story.open(account, RICH)
    story.open(C, RICH, kind=words.KIND_LIQUIDITY_PROVIDER)
    story.grant(B, professional_until_ns=due_ns)
    story.grant(A, professional_until_ns=due_ns)
    story.grant(D)
    story.price(1, 1_000, 2, 1_000)
    story.refer(due_ns, 2)
    story.heartbeat(C, HOUR * NS_PER_SECOND)
    story.order(D, BUY, 1, 900, tif=words.GTD, expiry_ns=due_ns)
    events = [e for e in story.go(HOUR) if e.name not in ("impact_sampled", "time_advanced")]
    assert [(e.name, e.account, e.contract) for e in events] == [
        ("order_cancelled", D, 1),
        ("heartbeat_lost", C, 0),
        ("eligibility_lapsed", A, 0),
        ("eligibility_lapsed", B, 0),
        ("reference_lapsed", 0, 2),
        ("premium_sampled", 0, 1),
    ]


# The disclosure.


def test_rule_3_1_a_new_disclosure_lapses_who_has_not_acknowledged_it():
    """A has acknowledged it beforehand; B and D lapse by id; E was not eligible and is not
    counted, nor is the liquidity provider."""
    story = eligible()
    story.grant(A, disclosure=1)
    for account in (D, C, B, A):
        story.order(account, BUY, 1, 900)
    events = story.disclose(1)
    assert names(events) == ["disclosure_published", *["order_cancelled", "eligibility_lapsed"] * 2]
    assert only(events, "disclosure_published") == {"version": 1, "accounts": 2}
    assert cancel_reasons(events) == [(B, "eligibility"), (D, "eligibility")]
    for account in (B, D):
        lapsed = {"lacks": R.DISCLOSURE_NOT_ACKNOWLEDGED, "orders": 1}
        assert only(events, "eligibility_lapsed", account) == lapsed
        assert refusal(story.order(account, BUY, 1, 900)) == R.DISCLOSURE_NOT_ACKNOWLEDGED
    assert refusal(story.order(A, BUY, 1, 900)) == R.OK
    story.grant(B, disclosure=1)
    assert refusal(story.order(B, BUY, 1, 900)) == R.OK


def test_rule_3_1_a_disclosure_counts_an_account_once_and_not_its_margin_accounts():
    story = eligible()
    for account in (B, D):
        story.grant(account, blocked=1)
    story.isolate(A)
    events = story.disclose(5)
    assert only(events, "disclosure_published") == {"version": 5, "accounts": 1}
    assert [event.account for event in named(events, "eligibility_lapsed")] == [A]
    assert only(story.disclose(6), "disclosure_published") == {"version": 6, "accounts": 0}


# The reference asset.


def test_rule_3_3_when_the_reference_lapses_the_contract_only_takes_what_reduces():
    """The alert first, then what could increase, by account id; what waits is judged at its turn:
    B's 3 lots would open, A's 2 of 10 only reduce but could rest, A's 4 that are ioc pass."""
    story = eligible()
    story.trade(A, C, 10, 1_000)
    exit_ = order_id(story.order(A, SELL, 5, 1_100, flags=REDUCE_ONLY))
    waits = order_id(story.order(B, SELL, 3, 900, **stop_at(950)))
    rests = order_id(story.order(A, SELL, 2, 900, **stop_at(950)))
    reduces = order_id(story.order(A, SELL, 4, 900, **stop_at(950, tif=IOC)))
    story.order(D, BUY, 1, 900)
    bid = order_id(story.order(A, BUY, 1, 900))
    story.order(A, BUY, 1, 900, number=2)
    assert names(story.refer(START_NS + HOUR * NS_PER_SECOND)) == ["reference_set"]
    assert names(story.go(HOUR, -1)) == ["time_advanced"]
    events = story.go(HOUR)
    assert names(events) == [
        "reference_lapsed", "order_cancelled", "order_cancelled", "time_advanced",
    ]  # fmt: skip
    assert only(events, "reference_lapsed") == {"until_ns": START_NS + HOUR * NS_PER_SECOND}
    assert cancel_reasons(events) == [(A, "eligibility"), (D, "eligibility")]
    assert named(events, "order_cancelled")[0].values["order_id"] == bid
    assert story.account(A)["orders"] == 4 and exit_ != bid

    # C is short 10.
    assert refusal(story.order(C, BUY, 11, 900, tif=IOC)) == R.CONTRACT_REDUCE_ONLY
    assert refusal(story.order(C, BUY, 10, 900, tif=IOC)) == R.OK
    assert refusal(story.order(C, BUY, 10, 940)) == R.CONTRACT_REDUCE_ONLY
    assert refusal(story.order(C, BUY, 10, 940, flags=REDUCE_ONLY)) == R.OK
    assert refusal(story.order(A, BUY, 1, 900, number=2)) == R.OK
    assert story.state() == "continuous"
    events = story.price(950)
    turns = [event.values["order_id"] for event in named(events, "order_triggered")]
    assert turns == [waits, rests, reduces]
    refused = [e.values for e in named(events, "order_cancelled")]
    assert [(told["order_id"], told["code"]) for told in refused] == [
        (waits, R.CONTRACT_REDUCE_ONLY), (rests, R.CONTRACT_REDUCE_ONLY),
    ]  # fmt: skip
    assert story.lots(A) == 6


def test_rule_3_3_an_order_may_still_wait_as_in_a_reduce_only_contract():
    story = eligible()
    story.refer(START_NS)
    assert refusal(story.order(A, BUY, 1, 1_200, **stop_at(1_100))) == R.OK


def test_rule_3_3_a_contract_that_lapsed_is_asked_before_the_account():
    story = eligible()
    story.refer(START_NS)
    assert refusal(story.order(E, BUY, 1, 900)) == R.CONTRACT_REDUCE_ONLY
    assert refusal(story.order(E, BUY, 1, 900, number=2)) == R.NOT_PROFESSIONAL


@pytest.mark.parametrize("until_ns", [0, START_NS + 1])
def test_rule_3_3_a_time_ahead_or_none_opens_the_contract_again(until_ns):
    story = eligible()
    story.order(D, BUY, 1, 900)
    events = story.refer(START_NS)
    assert names(events) == ["reference_set", "reference_lapsed", "order_cancelled"]
    assert only(events, "reference_set") == only(events, "reference_lapsed")
    assert only(events, "reference_set") == {"until_ns": START_NS}
    assert refusal(story.order(A, BUY, 1, 900)) == R.CONTRACT_REDUCE_ONLY
    assert names(story.refer(until_ns)) == ["reference_set"]
    assert refusal(story.order(A, BUY, 1, 900)) == R.OK
    events = story.go(0, 1)
    assert named(events, "reference_lapsed") or until_ns == 0


def test_rule_3_3_a_contract_lapses_once():
    story = eligible()
    assert names(story.refer(START_NS)) == ["reference_set", "reference_lapsed"]
    assert names(story.refer(START_NS - 1)) == ["reference_set"]
    assert names(story.go(1)) == ["time_advanced"]
    assert refusal(story.order(A, BUY, 1, 900)) == R.CONTRACT_REDUCE_ONLY


def test_rule_3_3_contracts_lapse_by_id():
    story = eligible()
    story.refer(START_NS + NS_PER_SECOND, 2)
    story.refer(START_NS + NS_PER_SECOND, 1)
    lapsed = named(story.go(1), "reference_lapsed")
    assert [event.contract for event in lapsed] == [1, 2]


def test_rule_3_3_a_reference_lapses_while_orders_are_collected():
    story = eligible()
    story.change_state(words.STATE_PRE_OPEN)
    story.order(A, BUY, 1, 900)
    assert cancel_reasons(story.refer(START_NS)) == [(A, "eligibility")]
    assert refusal(story.order(A, BUY, 1, 900)) == R.CONTRACT_REDUCE_ONLY


def test_rule_3_3_a_reference_lapses_in_a_frozen_contract_too():
    """The price of START_NS is stale a day later; the reference ends in the hour behind, and the
    longest freeze a day behind that."""
    story = EligibilityStory(
        listing(1, reference_until_ns=DAY_NS + HOUR * NS_PER_SECOND, freeze_max_ns=NS_PER_DAY)
    )
    story.open(A, RICH)
    story.grant(A, professional_until_ns=0)
    story.price(1_000)
    story.go(24 * HOUR, 1)
    assert story.state() == "frozen"
    assert only(story.go(25 * HOUR), "reference_lapsed")
    events = story.go(49 * HOUR)
    assert not named(events, "reference_lapsed") and story.state() == "settled"


def test_rule_3_3_a_reference_lapses_in_a_settled_contract_too():
    story = eligible()
    story.refer(START_NS + NS_PER_SECOND)
    story.change_state(words.STATE_SUSPENDED)
    story.change_state(words.STATE_SETTLING)
    assert story.state() == "settled"
    assert only(story.go(1), "reference_lapsed")


def configured(until_ns: int, **config: Any) -> EligibilityStory:
    """The first command opens A; its clock is START_NS."""
    story = EligibilityStory(listing(1, reference_until_ns=until_ns), **config)
    story.open(A, RICH)
    return story


@pytest.mark.parametrize("until_ns", [1, START_NS])
def test_rule_3_3_what_lapsed_before_the_first_command_did_so_without_an_event(until_ns):
    story = configured(until_ns)
    story.grant(A)
    story.price(1_000)
    assert refusal(story.order(A, BUY, 1, 900)) == R.CONTRACT_REDUCE_ONLY
    assert not named(tuple(story.events), "reference_lapsed")


def test_rule_3_3_a_configured_time_ahead_of_the_first_command_is_due_work():
    story = configured(START_NS + 1)
    assert only(story.go(0, 1), "reference_lapsed") == {"until_ns": START_NS + 1}


def test_rule_3_3_the_clock_of_zero_is_not_set():
    """A command of time 0 leaves the clock unset: the first that sets it tells nothing."""
    story = EligibilityStory(listing(1, reference_until_ns=1))
    story.now_ns = 0
    story.submit(commands.AdvanceTime(time_ns=0))
    assert names(story.go(0)) == ["time_advanced"]


@pytest.mark.parametrize("is_asked", [True, False])
def test_rule_2_2_only_a_pool_that_asks_lets_these_commands_set_the_clock(is_asked):
    """Elsewhere they are of unknown kind, and such a command never sets it."""
    story = EligibilityStory(listing(1), eligibility_checked=is_asked)
    assert refusal(story.refer(START_NS)) == (R.OK if is_asked else R.TIME_AHEAD)


# A pool that does not ask.


def test_rule_3_1_a_pool_that_does_not_ask_changes_nothing():
    """Whatever the configuration says: no refusal, no lapse, no event, and no such commands."""
    story = configured(START_NS + 1, eligibility_checked=False, disclosure_version=9)
    story.price(1_000)
    assert names(story.go(1)) == ["time_advanced"]
    assert refusal(story.order(A, BUY, 1, 900)) == R.OK
    assert refusal(story.order(A, BUY, 1, 1_200, **stop_at(1_100))) == R.OK
    assert story.account(A)["eligibility"] == {}
    for answer in (story.grant(A), story.disclose(10), story.refer(0)):
        assert refusal(answer) == R.COMMAND_UNKNOWN


def day(**config: Any) -> list[Any]:
    """What a generated day made a pool of this configuration say, without sequence numbers. Where
    it asks, each client gets what it needs when it is opened."""
    session = Session(CRASH, 5_000, seed=7)
    spec = msgspec.structs.replace(session.config, **config)
    exchange = Exchange(spec)
    said = []
    for batch in session.batches():
        for row in range(len(batch)):
            said += exchange.run(batch[row : row + 1]).tolist()
            opened = batch[row]
            is_opened = opened["kind"] == commands.OPEN_ACCOUNT
            is_client = opened["account_kind"] == words.KIND_CLIENT
            if spec.eligibility_checked and is_opened and is_client:
                grant = commands.SetEligibility(
                    time_ns=int(opened["time_ns"]), account=int(opened["account"]), assessed=1,
                    disclosure=9, professional_until_ns=bounds.TIME_NS_MAX,
                )  # fmt: skip
                assert names(exchange.submit(grant)) == ["eligibility_set"]
    return [event[1:] for event in said]


@pytest.mark.slow
def test_rule_3_1_a_day_of_eligible_clients_is_the_day_of_a_pool_that_does_not_ask():
    plain = day()
    assert day(disclosure_version=9) == plain
    assert day(disclosure_version=9, eligibility_checked=True) == plain
