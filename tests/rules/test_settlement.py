"""The end of a contract (3.2, 5.4): its delisting price, who is paid, who is below zero at it."""

from typing import Any

import pytest

from engine.schema import refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND, PPB
from tests.rules.story import (
    BUY,
    FUND,
    PERCENT,
    SELL,
    A,
    B,
    C,
    D,
    Events,
    Story,
    cancel_reasons,
    changes_of,
    contract,
    named,
    only,
    order_id,
    refusal,
)

RICH = 10**6
RATES: dict[str, Any] = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
MINUTE = 60
CLOCK = {"funding_sample_ns": MINUTE * NS_PER_SECOND, "delisting_samples": 3}
SUSPENDED, SETTLING, SETTLED = words.STATE_SUSPENDED, words.STATE_SETTLING, words.STATE_SETTLED


def holding(cash: int = RICH, **terms: Any) -> Story:
    """A is long 10 X against B, both at the mark of 100; contract 2 stands at 50."""
    story = Story(contract(1, **(RATES | CLOCK | terms)), contract(2, **RATES))
    for account, amount in ((A, cash), (B, RICH), (C, RICH)):
        story.open(account, amount)
    story.price(1, 100, 2, 50)
    story.trade(A, B, 10, 100)
    return story


def sample(story: Story, *indices: int) -> None:
    """Each index stands at one sample time."""
    for index in indices:
        story.price(index)
        story.advance(MINUTE)


def settle(story: Story, number: int = 1) -> Events:
    story.change_state(SUSPENDED, number)
    return story.change_state(SETTLING, number)


def test_rule_5_4_the_price_is_the_mean_of_the_last_index_values():
    """Of 90, 100, 104, 107 the last three: floor(311 / 3) = 103. A gains 30, B loses it."""
    story = holding()
    sample(story, 90, 100, 104, 107)
    events = settle(story)
    assert only(events, "settlement_priced") == {
        "price_ticks": 103, "samples": 3, "mark_ticks_before": 107,
    }  # fmt: skip
    assert (story.state(), story.mark()) == ("settled", 103)
    assert (story.cash(A), story.cash(B)) == (RICH + 30, RICH - 30)
    settled = {e.account: e.values for e in named(events, "position_settled")}
    assert settled == {account: {"lots": 10, "value": 1_030} for account in (A, B)}
    assert [e.values["fee"] for e in named(events, "leg")] == [0, 0]
    assert (story.lots(A), story.lots(B)) == (0, 0)


def test_rule_5_1_the_way_out_is_told_step_by_step():
    story = holding()
    events = settle(story)
    way = [(e.values["state_from"], e.values["state_to"], e.values["why"])
           for e in named(events, "state_changed")]  # fmt: skip
    assert way == [
        (SUSPENDED, SETTLING, words.WHY_OPERATOR), (SETTLING, SETTLED, words.WHY_SETTLED),
    ]  # fmt: skip


def test_rule_5_4_without_a_sample_the_last_mark_stands():
    story = holding()
    story.price(108)
    assert only(settle(story), "settlement_priced")["samples"] == 0
    assert (story.cash(A), story.cash(B)) == (RICH + 80, RICH - 80)


def test_rule_5_4_index_values_are_kept_while_nothing_trades_and_through_a_freeze():
    """Suspended 110 and 112, then the sources stop; 113 comes after the freeze: floor(335 / 3)."""
    story = holding(source_stale_ns=90 * NS_PER_SECOND)
    story.change_state(SUSPENDED)
    sample(story, 110, 112)
    story.advance(100)
    assert story.state() == "frozen"
    sample(story, 113)
    assert only(story.change_state(SETTLING), "settlement_priced")["price_ticks"] == 111


def test_rule_5_4_a_freeze_ends_in_settlement_at_its_maximum():
    """Stale 91 s after the last price; the longest freeze is 1000 s from then on."""
    story = holding(source_stale_ns=90 * NS_PER_SECOND, freeze_max_ns=1_000 * NS_PER_SECOND)
    story.go(91)
    assert story.state() == "frozen"
    story.go(1_090)  # the freeze began 90 s and 1 ns after the price
    assert story.state() == "frozen"
    events = story.go(1_090, 1)
    assert changes_of(events)[0] == {
        "state_from": words.STATE_FROZEN, "state_to": SETTLING, "why": words.WHY_FREEZE_MAX,
    }  # fmt: skip
    assert story.state() == "settled"


def test_rule_5_4_a_jump_over_the_maximum_settles_at_its_own_time_and_once():
    story = holding(source_stale_ns=90 * NS_PER_SECOND, freeze_max_ns=1_000 * NS_PER_SECOND)
    events = story.advance(500_000)
    assert len(named(events, "settlement_priced")) == 1
    later = named(story.advance(500_000), "settlement_priced")
    assert [event.contract for event in later] == [2], "nor does its clock go on"


def test_rule_5_4_a_contract_without_a_mark_never_settles():
    story = Story(contract(1, freeze_max_ns=NS_PER_SECOND, **RATES))
    story.go(0)
    assert not named(story.advance(600_000), "state_changed")
    assert story.state() == "frozen"


def test_rule_5_4_every_order_ends_with_a_reason():
    """Resting, linked, iceberg, armed, of two accounts: by account, in their order of arrival."""
    story = holding()
    story.order(A, BUY, 5, 95)
    story.order(B, SELL, 50, 120, display_lots=10)
    story.order(B, BUY, 5, 0, order_type=words.STOP_MARKET, tif=words.IOC,
                trigger_source=words.SOURCE_MARK, trigger_ticks=130)  # fmt: skip
    one = order_id(story.order(A, SELL, 5, 105))
    story.order(A, SELL, 5, 106, linked_id=one)
    events = settle(story)
    assert cancel_reasons(events) == [(A, "state")] * 3 + [(B, "state")] * 2
    assert story.exchange.depth(1) == ([], [])
    view = story.exchange.contract(1)
    assert view["long_lots"] == view["short_lots"] == view["holders"] == 0


def suspended_at(index: int, fund: int = 0, house: int = 0, cash: int = 100) -> Story:
    """A long 10 with `cash`, all samples at 89, and then the mark back at `index`, suspended."""
    terms = {"fund_value_max": RICH, "fund_share_ppb": PPB} if fund else {}
    story = Story(
        contract(1, **(RATES | CLOCK | terms)), fund_cash=fund, house_cash=house
    )
    for account, amount in ((A, cash), (B, RICH), (C, RICH)):
        story.open(account, amount)
    story.price(89)
    for _ in range(3):
        story.advance(MINUTE)
    story.price(index)
    story.trade(A, B, 10, 100)
    story.change_state(SUSPENDED)
    return story


@pytest.mark.parametrize(
    ("fund", "house", "layers"),
    [
        # B gained 110 in the step, so his lots can bear all that A lacks
        (0, 0, {"deficit": 10, "fund": 0, "given_up": 10, "house": 0, "haircut": 0}),
        (500, 0, {"deficit": 10, "fund": 10, "given_up": 0, "house": 0, "haircut": 0}),
        (0, 500, {"deficit": 10, "fund": 0, "given_up": 10, "house": 0, "haircut": 0}),
    ],
)
def test_rule_5_4_a_deficit_at_the_delisting_price_runs_down_the_waterfall(fund, house, layers):
    """100 -> 89: A's 100 lack 10."""
    story = suspended_at(100, fund, house)
    events = story.change_state(SETTLING)
    assert only(events, "settlement_priced")["price_ticks"] == 89
    assert only(events, "waterfall_closed", A) == layers
    assert (story.cash(A), story.lots(A)) == (0, 0)
    paid = layers["given_up"]
    assert story.cash(B) == RICH + 110 - paid
    assert story.cash(FUND) == fund - layers["fund"]
    states = [e.values["state_to"] for e in named(events, "state_changed")]
    assert states == [SETTLING, words.STATE_DEFAULT, SETTLING, SETTLED]


def test_rule_8_4_a_loss_is_covered_by_the_profit_of_another_contract():
    """A has 150, lost 200 in X and has gained 400 in Y: 50 of that become cash."""
    story = holding(cash=150)
    story.trade(A, C, 10, 50, number=2)
    story.price(2, 90)
    sample(story, 80, 80, 80)
    assert story.lots(A) == 10
    events = settle(story)
    assert only(events, "profit_restruck", A)["amount"] == 50
    assert (story.cash(A), story.equity(A)) == (0, 150 - 200 + 400)


def test_rule_5_4_the_settled_contract_takes_nothing_more():
    story = holding()
    settle(story)
    assert refusal(story.order(A, BUY, 1, 100)) == refusals.CONTRACT_SETTLED
    for state in range(words.STATE_LAST + 2):
        assert refusal(story.change_state(state)) == refusals.STATE_CHANGE_INVALID
    due = story.advance(3 * 86_400)
    assert {event.contract for event in due if event.name != "time_advanced"} <= {2}


def test_rule_5_4_a_settled_contract_keeps_no_price_from_the_others():
    story = holding()
    settle(story)
    events = story.price(1, 77, 2, 60)
    assert [e.name for e in events if e.contract == 1] == ["price_received"]
    assert (story.mark(1), story.mark(2)) == (100, 60)


@pytest.mark.parametrize("state", [1, 2, 4, 5, 6, 7])
def test_rule_3_2_an_operator_settles_only_what_is_suspended(state):
    story = holding()
    if state != words.STATE_CONTINUOUS:
        story.change_state(state)
    assert refusal(story.change_state(SETTLING)) == refusals.STATE_CHANGE_INVALID


def test_rule_9_2_who_waits_for_an_auction_leaves_liquidation_flat():
    """D, long 10 with 100, is below maintenance at 94 while orders are collected; the sources stop,
    and the longest freeze settles at 94."""
    story = holding(source_stale_ns=90 * NS_PER_SECOND, freeze_max_ns=1_000 * NS_PER_SECOND)
    story.open(D, 100)
    story.trade(D, B, 10, 100)
    story.change_state(words.STATE_PRE_OPEN)
    story.price(94)
    assert story.account(D)["in_liquidation"]
    events = story.advance(2_000)
    assert only(events, "liquidation_ended", D)["end"] == words.END_FLAT
    assert (story.lots(D), story.cash(D)) == (0, 100 - 60)
    assert refusal(story.withdraw(D, 40)) == refusals.OK


def test_rule_7_3_funding_owed_is_settled_with_the_position():
    """One funding time at 1% of 100: A owes 10 for 10 lots; the price stays."""
    hour = 3_600 * NS_PER_SECOND
    story = holding(
        funding_interval_ns=hour, funding_interest_ppb=8 * PERCENT,
        funding_clamp_ppb=8 * PERCENT, funding_cap_ppb=PERCENT,
    )  # fmt: skip
    story.go(3_600)
    events = settle(story)
    assert only(events, "funding_settled", A)["amount"] == 10
    assert (story.cash(A), story.cash(B)) == (RICH - 10, RICH + 10)


def two_that_end_together() -> Story:
    """Contracts of one source with the same clocks: index values of 78 in both, marks at 100."""
    terms: dict[str, Any] = RATES | CLOCK | {
        "source_stale_ns": 55 * NS_PER_SECOND, "freeze_max_ns": 1_000 * NS_PER_SECOND,
    }  # fmt: skip
    story = Story(contract(1, **terms), contract(2, **terms))
    story.go(10)
    for account, cash in ((A, 205), (B, RICH), (C, RICH)):
        story.open(account, cash)
    story.price(1, 78, 2, 78)
    story.go(61)  # behind the sample of 60, frozen before that of 120
    story.price(1, 100, 2, 100)
    return story


@pytest.mark.parametrize("long", [1, 2])
def test_rule_5_4_what_ends_together_is_one_step_so_a_hedge_counts(long):
    """A is long 10 in one and short 10 in the other: 220 lost, 220 gained, whatever their ids."""
    story = two_that_end_together()
    story.trade(A, B, 10, 100, number=long)
    story.trade(C, A, 10, 100, number=3 - long)
    events = story.advance(2_000)
    assert (story.state(1), story.state(2)) == ("settled", "settled")
    assert not named(events, "liquidation_started") + named(events, "waterfall_closed")
    assert [story.cash(account) for account in (A, B, C)] == [205, RICH + 220, RICH - 220]


def long_in_both(cash):
    """A, long 10 X and 10 Y at 100; Y at 90 takes 100, X at 94 will take 60."""
    story = Story(contract(1, **RATES, **CLOCK), contract(2, **RATES))
    for account, amount in ((A, cash), (B, RICH)):
        story.open(account, amount)
    story.price(1, 94, 2, 100)
    story.advance(MINUTE)
    story.price(1, 100)
    story.trade(A, B, 10, 100, number=1)
    story.trade(A, B, 10, 100, number=2)
    story.price(2, 90)
    return story


def test_rule_9_1_nobody_is_liquidated_for_a_position_that_settles():
    """45 of 205 are left: below 47 + 45 while X is open, and exactly at the 45 of Y behind it."""
    story = long_in_both(cash=205)
    events = settle(story)
    assert only(events, "settlement_priced")["price_ticks"] == 94
    assert not named(events, "liquidation_started") + named(events, "margin_called")
    assert (story.lots(A, 2), story.equity(A)) == (10, 45)


def test_rule_9_1_who_stays_below_maintenance_is_liquidated_for_what_he_keeps():
    """The same with 204: 44 are left, below the 45 of Y."""
    started = only(settle(long_in_both(cash=204)), "liquidation_started", A)
    assert started == {"equity": 44, "margin_maintenance": 45}


def test_rule_9_2_a_call_ends_with_the_last_position():
    """Called at 95 with 10 X of 100; flat by the settlement; called again for 10 Y of 90."""
    story = holding(cash=100)
    story.price(95)
    assert story.account(A)["margin_called"]
    settle(story)
    assert not story.account(A)["margin_called"]
    story.deposit(A, 50)
    story.price(2, 100)
    story.trade(A, C, 10, 100, number=2)
    assert only(story.price(2, 95), "margin_called", A) == {"equity": 50, "margin_maintenance": 48}


def test_rule_3_2_an_operator_settles_what_was_suspended_when_its_sources_died():
    story = holding(source_stale_ns=90 * NS_PER_SECOND)
    story.change_state(SUSPENDED)
    story.advance(100)
    assert story.state() == "frozen"
    assert only(story.change_state(SETTLING), "settlement_priced")["samples"] == 1
    story = holding(source_stale_ns=90 * NS_PER_SECOND)
    story.advance(100)
    assert refusal(story.change_state(SETTLING)) == refusals.STATE_CHANGE_INVALID


@pytest.mark.parametrize("price", [0, -5, 2**30])
def test_rule_5_4_no_price_of_a_settled_contract_is_too_bad_for_the_others(price):
    story = holding()
    settle(story)
    assert not refusal(story.price(1, price, 2, 60))
    assert story.mark(2) == 60
