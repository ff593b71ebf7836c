"""What an account is worth is kept from one of its commands to the next (8.2, 8.3): the kept sums
decide where a walk over its positions would, to the last unit, by hand arithmetic.

Initial 10%, maintenance 5%, both marks 1000 at first; a taker pays 0.1%.
"""

from typing import Any

import pytest

from engine.schema import commands, refusals
from engine.schema.vocabulary import STP_NONE
from tests.rules.story import (
    BUY,
    HOUR_NS,
    PERCENT,
    SELL,
    A,
    B,
    C,
    D,
    Events,
    Story,
    contract,
    named,
    order_id,
    refusal,
)

RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
RICH = 10**9
R = refusals


def kept(story: Story, account: int) -> tuple[int, int, int] | None:
    """(equity, maintenance, initial margin and all reserves, losses and fees) as they are kept,
    None where nothing is."""
    arena = story.exchange.arena
    worth = arena.records("worths", account + 1)[account]
    if worth["valuation"] != arena.engine["valuation"][0] + 1:
        return None
    equity, maintenance, requirement = worth["equity"], worth["maintenance"], worth["requirement"]
    return int(equity), int(maintenance), int(requirement)


def market(*holders: tuple[int, int], contracts: int = 2, **terms: Any) -> Story:
    """B is rich; the others have their cash."""
    story = Story(*(contract(number, **RATES | terms) for number in range(1, contracts + 1)))
    for account, cash in ((B, RICH), *holders):
        story.open(account, cash)
    story.price(1, 1_000, 2, 1_000)
    return story


@pytest.mark.parametrize("sellers", [(A, B, B), (B, A, B), (B, B, A), (A, A, B), (B, B, B)])
def test_rule_8_2_each_fill_of_a_sweep_goes_on_from_the_margins_that_the_last_has_left(sellers):
    """A, long 10, buys 3 three times at 1000 for a fee of 3 each, and more of it from himself."""
    story = market((A, 50_000), fee_taker_ppb=PERCENT // 10, stp_none_allowed=True)
    story.trade(A, B, 10, 1_000)
    for seller in sellers:
        story.order(seller, SELL, 3, 1_000, stp=STP_NONE)
    story.order(A, BUY, 9, 1_000, stp=STP_NONE)
    value = (10 + 3 * sellers.count(B)) * 1_000
    assert kept(story, A) == (50_000 - 9, value * 5 // 100, value * 10 // 100)


# To the last unit.


def three_ways(a: int, c: int, d: int) -> Story:
    """A is long 10 of contract 1 as a maker, and short 5 of contract 2 as a taker, for a fee of 5.

    C bought 10 of contract 1 and sold 4 of them at 1010, which won 40 less a fee of ceil(4.04).

    D is short 10 of contract 1 for a fee of 10, took out 100 and brought 300, and asks for 6 of
    contract 2 at 1100, of 10 once: of 1100 and a fee of 11, 440 and 4 have been given back.
    """
    story = market((A, a), (C, c), (D, d), fee_taker_ppb=PERCENT // 10)
    story.trade(A, B, 10, 1_000)
    story.trade(B, A, 5, 1_000, 2)
    story.trade(C, B, 10, 1_000)
    story.trade(B, C, 4, 1_010)
    story.trade(B, D, 10, 1_000)
    story.withdraw(D, 100)
    story.deposit(D, 300)
    number = order_id(story.order(D, SELL, 10, 1_100, 2))
    story.amend(D, number, 6, 1_100)
    return story


def last_order(story: Story, account: int) -> Events:
    """Buys at 990 are reserved at 990, sells at their limit; each pays a fee at worst."""
    if account == A:
        return story.order(A, BUY, 10, 990)  # 990 + 10
    if account == C:
        return story.order(C, SELL, 20, 1_000, 2)  # 2000 + 20
    return story.order(D, SELL, 5, 1_000, 2)  # 500 + 5


# At 1000 and 1000: A has a - 5 and needs 1000 + 500, C has c + 35 and needs 600, D has d + 190 and
# needs 1000 + 660 + 7. At 1020 and 980 A has 300 more, C 120 more, D 200 less; A needs 1020 + 490,
# C 612, D 1020 + 667.
STILL = {A: (2_500, 750, 1_500), C: (2_620, 300, 600), D: (2_172, 500, 1_667)}
MOVED = {A: (2_510, 755, 1_510), C: (2_632, 306, 612), D: (2_192, 510, 1_687)}
COSTS = {A: 1_000, C: 2_020, D: 505}


@pytest.mark.parametrize("account", [A, C, D])
def test_rule_8_2_what_is_kept_decides_to_the_last_unit(account):
    """One unit less than the order needs is too little, and that unit is brought."""
    cash = {A: 2_505, C: 2_585, D: 1_982}
    cash[account] -= 1
    story = three_ways(*cash.values())
    equity, maintenance, requirement = STILL[account]
    assert requirement + COSTS[account] == equity
    assert kept(story, account) == (equity - 1, maintenance, requirement)
    assert refusal(last_order(story, account)) == R.MARGIN_INSUFFICIENT
    assert kept(story, account) == (equity - 1, maintenance, requirement)
    story.deposit(account, 1)
    assert kept(story, account) == (equity, maintenance, requirement)
    assert refusal(last_order(story, account)) == R.OK
    assert kept(story, account) == (equity, maintenance, equity)


@pytest.mark.parametrize("account", [A, C, D])
def test_rule_8_2_a_moved_mark_decides_to_the_last_unit(account):
    """Nothing is kept behind the marks; the refused order keeps what the accepted one reads."""
    cash = {A: 2_215, C: 2_477, D: 2_202}
    cash[account] -= 1
    story = three_ways(*cash.values())
    assert kept(story, account) is not None
    story.price(1, 1_020, 2, 980)
    assert kept(story, account) is None
    equity, maintenance, requirement = MOVED[account]
    assert requirement + COSTS[account] == equity
    assert refusal(last_order(story, account)) == R.MARGIN_INSUFFICIENT
    assert kept(story, account) == (equity - 1, maintenance, requirement)
    story.deposit(account, 1)
    assert refusal(last_order(story, account)) == R.OK
    assert kept(story, account) == (equity, maintenance, equity)


def test_rule_8_2_a_price_that_moves_no_mark_leaves_what_is_kept():
    story = three_ways(2_505, 2_585, 1_982)
    story.price(1, 1_000, 2, 1_000)
    assert kept(story, A) == STILL[A]
    story.price(1, 999, 2, 1_000)
    assert kept(story, A) is None


# No order is refused by what is kept: it counts both sides, and rule 8.2 the larger one.


def test_rule_8_2_who_quotes_both_sides_needs_the_larger_of_them():
    """A bid of 10 at 1000 reserves 1000, an ask of 10 at 1001 reserves 1001: 2001 are kept, 1001
    are needed."""
    for cash, code in ((1_001, R.OK), (1_000, R.MARGIN_INSUFFICIENT)):
        story = market((A, cash))
        assert refusal(story.order(A, BUY, 10, 1_000)) == R.OK
        assert kept(story, A) == (cash, 0, 1_000)
        assert refusal(story.order(A, SELL, 10, 1_001)) == code
        assert kept(story, A) == (cash, 0, 2_001 if code == R.OK else 1_000)


def test_rule_8_2_a_mass_quote_needs_the_larger_sides():
    """Of contract 1 1001 for the ask, of contract 2 990 for the bid; all four reserve 3392, with
    401 for the asks of contract 2 rounded up."""
    rows = (
        commands.Quote(1, bid_ticks=1_000, bid_lots=10, ask_ticks=1_001, ask_lots=10),
        commands.Quote(2, bid_ticks=990, bid_lots=10, ask_ticks=1_001, ask_lots=4),
    )
    for cash, refused in ((1_991, 0), (1_990, 1)):
        story = market((A, cash))
        story.submit(
            commands.SetProtection(
                time_ns=story.now_ns, account=A, client_id=story.client_id(), protection=1,
                window_ns=10**9, lots_max=100, fills_max=100, net_lots_max=100,
            )
        )  # fmt: skip
        events = story.submit(
            commands.MassQuote(
                time_ns=story.now_ns, account=A, client_id=story.client_id(), protection=1,
                rows=rows,
            )
        )  # fmt: skip
        assert len(named(events, "quote_refused")) == refused
        assert len(named(events, "order_accepted")) == 4 - refused


def test_rule_8_2_what_closes_a_long_and_opens_as_large_a_short_needs_no_more():
    """Long 10 for 1000; asks of 20 reserve 2000, of which the long's margin is taken off."""
    for lots, code in ((20, R.OK), (21, R.MARGIN_INSUFFICIENT)):
        story = market((A, 1_000))
        story.trade(A, B, 10, 1_000)
        assert refusal(story.order(A, SELL, lots, 1_000)) == code


def test_rule_8_2_an_amended_order_is_not_counted_twice():
    """A bid of 10 at 1000 takes all of 1000; so does 20 at 500, and 21 do not."""
    for lots, code in ((20, R.OK), (21, R.MARGIN_INSUFFICIENT)):
        story = market((A, 11_000))
        number = order_id(story.order(A, BUY, 10, 1_000))
        story.withdraw(A, 10_000)
        assert kept(story, A) == (1_000, 0, 1_000)
        assert refusal(story.amend(A, number, lots, 500)) == code


# What a fill finds is what is kept, whoever trades.


def test_rule_7_3_funding_is_counted_once_before_it_is_settled_and_behind_that():
    """Each hour a lot pays 10. A, long 10 with 1000, owes 100 and then settles them by a fill; long
    6, it owes 60, and settles them by taking 40 out."""
    story = market(
        (A, 1_000),
        funding_interval_ns=HOUR_NS,
        funding_interest_ppb=8 * PERCENT,
        funding_clamp_ppb=100 * PERCENT,
        funding_cap_ppb=100 * PERCENT,
    )
    story.trade(A, B, 10, 1_000)
    assert kept(story, A) == (1_000, 500, 1_000)
    published = named(story.go(3_600), "funding_published")
    assert [event.values["growth"] for event in published] == [10, 10]
    assert kept(story, A) is None
    assert refusal(story.order(A, BUY, 1, 1_000)) == R.MARGIN_INSUFFICIENT
    assert (kept(story, A), story.cash(A)) == ((900, 500, 1_000), 1_000)
    story.trade(B, A, 4, 1_000)
    assert (kept(story, A), story.cash(A)) == ((900, 300, 600), 900)
    story.go(7_200)
    assert refusal(story.order(A, BUY, 3, 1_000)) == R.MARGIN_INSUFFICIENT
    assert (kept(story, A), story.cash(A)) == ((840, 300, 600), 900)
    story.withdraw(A, 40)
    assert (kept(story, A), story.cash(A)) == ((800, 300, 600), 800)
    assert refusal(story.order(A, BUY, 2, 1_000)) == R.OK


def test_rule_8_5_margin_that_moves_between_accounts_is_kept_with_both():
    story = market((A, 3_000))
    story.trade(A, B, 10, 1_000, 2)
    story.isolate(A, 1)
    margin_account = story.account(A)["isolated"][1]
    story.move(A, 1_000, 1)
    assert kept(story, A) == (2_000, 500, 1_000)
    assert refusal(story.order(A, BUY, 11, 1_000, 1)) == R.MARGIN_INSUFFICIENT
    assert kept(story, margin_account) == (1_000, 0, 0)
    assert refusal(story.order(A, BUY, 10, 1_000, 1)) == R.OK
    assert refusal(story.order(A, BUY, 11, 1_000, 2)) == R.MARGIN_INSUFFICIENT
    assert refusal(story.order(A, BUY, 10, 1_000, 2)) == R.OK
    assert kept(story, A) == (2_000, 500, 2_000)
    assert kept(story, margin_account) == (1_000, 0, 1_000)
    story.move(A, -1, 1)  # all of it is reserved
    assert kept(story, margin_account) == (1_000, 0, 1_000)
    story.cancel_all(A, 1)
    story.move(A, -600, 1)
    assert kept(story, margin_account) == (400, 0, 0)
    assert kept(story, A) == (2_600, 500, 2_000)
    story.join(A, 1)
    assert kept(story, margin_account) == (0, 0, 0)
    assert kept(story, A) == (3_000, 500, 2_000)


def test_rule_4_7_who_trades_with_himself_is_worth_the_fees_less():
    """Maker and taker in one: the position is what it was."""
    story = market((A, 5_000), fee_taker_ppb=PERCENT, stp_none_allowed=True)
    story.trade(A, B, 10, 1_000)
    story.order(A, SELL, 4, 1_000, stp=STP_NONE)
    events = story.order(A, BUY, 4, 1_000, stp=STP_NONE)
    assert named(events, "trade")
    assert kept(story, A) == (4_960, 500, 1_000)


# Who is walked over each time.


def test_rule_8_6_others_trades_raise_what_an_account_needs():
    """10 lots of contract 2 need 19% of 10,000 while they are all, 55% while there are 50. 5500 and
    the 500 of an order in contract 1 are all that A has."""
    for cash, code in ((6_000, R.OK), (5_999, R.MARGIN_INSUFFICIENT)):
        scaled = contract(2, **RATES, open_interest_scale_high_lots=100)
        story = Story(contract(1, **RATES), scaled)
        for account, amount in ((A, cash), (B, RICH), (C, RICH)):
            story.open(account, amount)
        story.price(1, 1_000, 2, 1_000)
        story.trade(A, B, 1, 1_000)
        story.trade(B, A, 1, 1_000)
        assert kept(story, A) == (cash, 0, 0)
        story.trade(A, B, 10, 1_000, 2)
        assert kept(story, A) is None
        assert refusal(story.order(A, BUY, 1, 1_000)) == R.OK
        story.cancel_all(A)
        assert kept(story, A) is None
        story.trade(C, B, 40, 1_000, 2)
        assert refusal(story.order(A, BUY, 5, 1_000)) == code
        story.cancel_all(A)
        story.trade(C, A, 10, 1_000, 2)
        assert refusal(story.order(A, BUY, 5, 1_000)) == R.OK
        assert kept(story, A) == (cash, 0, 500)


def set_floor(story: Story) -> None:
    story.submit(
        commands.SetLeverage(
            time_ns=story.now_ns, account=A, client_id=story.client_id(), contract=1,
            rate_initial_ppb=20 * PERCENT,
        )
    )  # fmt: skip


def set_cap(story: Story) -> None:
    story.submit(
        commands.SetLeverageCap(
            time_ns=story.now_ns, account=A, rate_initial_ppb=20 * PERCENT
        )
    )


@pytest.mark.parametrize(("raise_rate", "lots"), [(set_floor, 10), (set_cap, 5)])
def test_rule_8_1_a_floor_holds_for_who_was_kept_before_it(raise_rate, lots):
    """Long 10 at 20% needs 2000; so many of contract 2, at 10% or at 20% as well, need 1000."""
    for cash, code in ((3_000, R.OK), (2_999, R.MARGIN_INSUFFICIENT)):
        story = market((A, cash))
        story.trade(A, B, 10, 1_000)
        assert kept(story, A) == (cash, 500, 1_000)
        raise_rate(story)
        assert kept(story, A) is None
        assert refusal(story.order(A, BUY, lots, 1_000, 2)) == code


def test_rule_8_1_a_floor_voids_nobody_else_and_is_kept_with_what_its_account_trades():
    """Long 10 each: A at 20%, from then on, needs 2000, C 1000 as before. A's next order of 5 at
    20% needs 1000, and 3000 are its margin once they are filled; 2400 of 12."""
    story = market((A, 5_000), (C, 5_000))
    story.trade(A, B, 10, 1_000)
    story.trade(C, B, 10, 1_000)
    set_floor(story)
    assert kept(story, A) is None
    assert kept(story, C) == (5_000, 500, 1_000)
    number = order_id(story.order(A, BUY, 5, 1_000))
    assert kept(story, A) == (5_000, 500, 3_000)
    story.cancel(A, number)
    story.trade(A, B, 5, 1_000)
    assert kept(story, A) == (5_000, 750, 3_000)
    story.trade(B, A, 3, 1_000)
    assert kept(story, A) == (5_000, 600, 2_400)
    story.trade(C, B, 5, 1_000)
    assert kept(story, C) == (5_000, 750, 1_500)
    story.trade(A, B, 10, 1_000, 2)  # without a floor there
    assert kept(story, A) == (5_000, 1_100, 3_400)


def test_rule_8_1_a_cap_is_kept_with_isolated_positions_too():
    """Long 10 in each contract, the first one isolated with 3000; at 20% each needs 2000."""
    story = market((A, 6_000))
    story.isolate(A, 1)
    margin_account = story.account(A)["isolated"][1]
    story.move(A, 3_000, 1)
    story.trade(A, B, 10, 1_000, 1)
    story.trade(A, B, 10, 1_000, 2)
    assert kept(story, A) == kept(story, margin_account) == (3_000, 500, 1_000)
    set_cap(story)
    assert kept(story, A) is kept(story, margin_account) is None
    for number in (1, 2):
        assert refusal(story.order(A, BUY, 6, 1_000, number)) == R.MARGIN_INSUFFICIENT
        assert refusal(story.order(A, BUY, 5, 1_000, number)) == R.OK
    assert kept(story, A) == kept(story, margin_account) == (3_000, 500, 3_000)
