"""Layers of a waterfall beyond the stories of rule 16: shares, caps, ranks (9.3, 9.6, 9.7, 9.8)."""

import pytest

from engine.schema import refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND, PPB
from tests.rules.story import (
    BUY,
    FUND,
    PERCENT,
    SELL,
    A,
    B,
    C,
    D,
    E,
    Events,
    Story,
    contract,
    named,
    only,
    refusal,
)

RICH = 10**6
RATES = {"initial_ppb": 2 * PERCENT, "maintenance_ppb": PERCENT}


def test_rule_9_3_a_deficit_is_shared_by_what_each_contract_cost():
    """Long 30 X and 10 Y, both 100 -> 90: cost 300 and 100; cash 299 leaves 101 to charge.

    X bears floor(101 x 300 / 400) = 75, Y the rest of 26.
    """
    story = Story(contract(1, **RATES), contract(2, **RATES))
    for account, cash in ((A, 299), (B, RICH), (C, RICH)):
        story.open(account, cash)
    story.price(1, 100, 2, 100)
    story.trade(A, B, 30, 100, number=1)
    story.trade(A, C, 10, 100, number=2)
    events = story.price(1, 90, 2, 90)
    charges = {e.contract: e.values["charge"] for e in named(events, "position_deleveraged")}
    assert charges == {1: 75, 2: 26}
    assert (story.cash(B), story.cash(C)) == (RICH + 300 - 75, RICH + 100 - 26)


def test_rule_5_4_a_frozen_position_stays_while_the_others_are_closed():
    """Long 10 X, frozen, and 10 Y, 100 -> 80; cash 100. Y bears the 100, X stays at its mark."""
    story = Story(contract(1, source_stale_ns=60 * NS_PER_SECOND, **RATES), contract(2, **RATES))
    for account, cash in ((A, 100), (B, RICH)):
        story.open(account, cash)
    story.price(1, 100, 2, 100)
    story.trade(A, B, 10, 100, number=1)
    story.trade(A, B, 10, 100, number=2)
    story.go(61)
    assert (story.state(1), story.state(2)) == ("frozen", "continuous")
    events = story.price(2, 80)
    assert only(events, "waterfall_closed")["deficit"] == 100
    assert only(events, "liquidation_ended")["end"] == words.END_FROZEN
    assert (story.lots(A, 1), story.lots(A, 2), story.cash(A)) == (10, 0, 0)
    assert not [event for event in events if event.contract == 1]


def failing_long(story: Story, account: int, seller: int, mark: int) -> Events:
    """Long 10 with cash 65, then 10 ticks down: 35 are missing, 3 on the first 5 lots, 4 after."""
    story.open(account, 65)
    story.trade(account, seller, 10, mark)
    return story.price(mark - 10)


def insured(**caps: int) -> Story:
    """A fund of 1000 that may hold anything."""
    terms = {"fund_value_max": RICH, "fund_share_ppb": PPB, "maintenance_ppb": PERCENT}
    story = Story(contract(initial_ppb=5 * PERCENT, **terms), fund_cash=1_000, **caps)
    story.open(B, RICH)
    story.price(100)
    return story


@pytest.mark.parametrize(
    ("room", "lots", "borne"),
    [
        (RICH, 10, 35),
        (35, 10, 35),
        (34, 9, 31),
        (18, 5, 15),  # the sixth lot costs 4
        (19, 6, 19),
        (10, 3, 9),
        (2, 0, 0),
        (0, 0, 0),
    ],
)
def test_rule_9_6_the_fund_takes_what_its_loss_cap_allows(room, lots, borne):
    story = insured(fund_loss_step_max=room)
    events = failing_long(story, A, B, 100)
    taken = [event.values for event in named(events, "position_taken_over")]
    assert sum(values["lots"] for values in taken) == story.lots(FUND) == lots
    assert sum(values["charge"] for values in taken) == borne
    closed = only(events, "waterfall_closed")
    assert (closed["fund"], closed["given_up"]) == (borne, 35 - borne)
    assert story.cash(B) == RICH + (10 - lots) * 10 - (35 - borne)


@pytest.mark.parametrize(("next_day", "lots"), [(False, 0), (True, 3)])
def test_rule_9_6_the_daily_cap_starts_again_at_midnight_utc(next_day, lots):
    """10 a day: 3 lots for 9 on the first; a second failure of that day finds 1 left."""
    story = insured(fund_loss_day_max=10)
    failing_long(story, A, B, 100)
    assert story.lots(FUND) == 3
    if next_day:
        story.go(NS_PER_DAY // NS_PER_SECOND - 1)
        story.price(90)
        story.go(NS_PER_DAY // NS_PER_SECOND)
    failing_long(story, C, B, 90)
    assert story.lots(FUND) == 3 + lots


def test_rule_9_6_no_more_than_its_equity():
    """A fund of 20 with the last lots at 4: five for 15, the sixth for 4 makes 19."""
    terms = {"fund_value_max": RICH, "fund_share_ppb": PPB, "maintenance_ppb": 1}
    story = Story(contract(initial_ppb=5 * PERCENT, **terms), fund_cash=20)
    story.open(B, RICH)
    story.price(100)
    events = failing_long(story, A, B, 100)
    assert only(events, "position_taken_over")["lots"] == 6
    assert story.cash(FUND) + 6 * 90 - story.position(FUND)["entry_value"] == 1


@pytest.mark.parametrize(
    ("lots", "taken"), [(2, [(B, 2)]), (3, [(B, 3)]), (4, [(B, 3), (C, 1)]), (5, [(B, 3), (C, 2)])]
)
def test_rule_9_7_the_highest_leverage_first_lot_by_lot_ties_by_account(lots, taken):
    """At 95 A, long, has nothing left and its lots go at mark. B, short 4: 380 / 38 = 10, then
    7.5, then 190 / 38 = 5, then 2.5; C, short 5: 475 / 95 = 5, then 4. B, B, B (a tie), C, C."""
    story = Story(contract(initial_ppb=4 * PERCENT, maintenance_ppb=2 * PERCENT))
    for account, cash in ((A, 5 * lots), (B, 18), (C, 70), (D, RICH)):
        story.open(account, cash)
    story.price(100)
    story.trade(A, C, lots, 100)
    if lots < 5:
        story.trade(D, C, 5 - lots, 100)
    story.trade(D, B, 4, 100)
    events = story.price(95)
    moved = [event.values for event in named(events, "position_deleveraged")]
    assert [(values["counterparty"], values["lots"]) for values in moved] == taken
    assert (story.lots(A), story.cash(A)) == (0, 0)


@pytest.mark.parametrize(
    ("lots", "taken"),
    [
        # At 95 each of B, C, D has 100,000 x 95 / (500,000 + 100,000 x 5) = 9.5: turns by id.
        (100_000, [(B, 33_334), (C, 33_333), (D, 33_333)]),
        (100_001, [(B, 33_334), (C, 33_334), (D, 33_333)]),
        (300_000, [(B, 100_000), (C, 100_000), (D, 100_000)]),
    ],
)
def test_rule_9_7_holders_of_equal_leverage_take_turns_however_many_lots(lots, taken):
    """The level of all lots is found at once: turn by turn 300,000 lots would be as many steps."""
    rates = {"initial_ppb": 4 * PERCENT, "maintenance_ppb": 2 * PERCENT}
    story = Story(contract(**rates))
    story.open(A, 5 * lots)
    for account in (B, C, D):
        story.open(account, 500_000)
    story.open(E, 10 * RICH)
    story.price(100)
    for account in (B, C, D):
        story.trade(E, account, 100_000, 100)
    story.order(A, BUY, lots, 100)
    story.order(E, SELL, lots, 100)
    events = story.price(95)
    moved = [event.values for event in named(events, "position_deleveraged")]
    assert [(values["counterparty"], values["lots"]) for values in moved] == taken


@pytest.mark.parametrize(
    ("fund", "house", "is_open"),
    [(99, 50, False), (100, 49, False), (100, 50, True)],
)
def test_rule_9_8_withdrawals_resume_when_fund_and_house_are_refilled(fund, house, is_open):
    """B can't give up what A lacks (as in 16 r), so 11 are cut from gains; limits 100 and 50."""
    rates = {"initial_ppb": PERCENT, "maintenance_ppb": PERCENT // 2}
    limits = {"fund_cash_limit": 100, "house_cash_limit": 50}
    story = Story(contract(1, **rates), contract(2, **rates), **limits)
    for account, cash in ((A, 1), (B, 2), (C, 20), (D, 10)):
        story.open(account, cash)
    story.price(1, 100, 2, 100)
    story.trade(B, A, 1, 100, number=2)
    story.trade(B, C, 1, 100, number=1)
    story.price(1, 90, 2, 112)
    assert refusal(story.withdraw(D, 1)) == refusals.WITHDRAWALS_STOPPED
    story.pay_in(words.LEDGER_FUND, fund)
    events = story.pay_in(words.LEDGER_HOUSE, house)
    assert bool(named(events, "withdrawals_released")) is is_open
    assert (refusal(story.withdraw(D, 1)) == refusals.OK) is is_open


def test_rule_9_8_the_house_layer_pays_behind_the_fund():
    """As 16 s with a fund of 4 and a house of 500: 4, then 7."""
    rates = {"initial_ppb": PERCENT, "maintenance_ppb": PERCENT // 2}
    story = Story(contract(1, **rates), contract(2, **rates), fund_cash=4, house_cash=500)
    for account, cash in ((A, 1), (B, 2), (C, 20)):
        story.open(account, cash)
    story.price(1, 100, 2, 100)
    story.trade(B, A, 1, 100, number=2)
    story.trade(B, C, 1, 100, number=1)
    events = story.price(1, 90, 2, 112)
    paid = [(e.values["layer"], e.values["amount"]) for e in named(events, "deficit_covered")]
    assert paid == [(words.LAYER_FUND, 4), (words.LAYER_HOUSE, 7)]
    assert (story.cash(FUND), story.exchange.pool()["house"]) == (0, 493)
    assert not named(events, "gains_cut")


def test_rule_9_1_whose_gains_were_cut_is_looked_at():
    """B is long Y and short X, C long X. Y rises by 1,200: A, who had 10, lacks 1,190. X rises by
    1,000: B has 220 left and gives up nothing for its lot. Gains are 200 of B and 1,000 of C: B
    bears floor(1,190 x 200 / 1,200) = 198, C the other 992. Of its 1,010 are left 18, and 0.99% of
    2,000 are 19.8."""
    rates = {"initial_ppb": PERCENT, "maintenance_ppb": 9_900_000}
    story = Story(contract(1, **rates), contract(2, **rates))
    for account, cash in ((A, 10), (B, 20), (C, 10)):
        story.open(account, cash)
    story.price(1, 1_000, 2, 1_000)
    story.trade(B, A, 1, 1_000, number=2)
    story.trade(C, B, 1, 1_000, number=1)
    events = story.price(1, 2_000, 2, 2_200)
    assert [(e.account, e.values["amount"]) for e in named(events, "gains_cut")] == [
        (B, 198), (C, 992),
    ]  # fmt: skip
    assert [event.account for event in named(events, "liquidation_started")] == [A, C]
    assert only(events, "liquidation_started", C) == {"equity": 18, "margin_maintenance": 20}
