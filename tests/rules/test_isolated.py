"""Isolated margin (8.5): a position with a margin of its own, by hand arithmetic.

Two contracts, initial 10%, maintenance 5%, no fees. The first margin account is 2^21.
"""

import pytest

from engine.schema import bounds, refusals
from engine.schema import vocabulary as words
from tests.rules.story import (
    BUY,
    PERCENT,
    SELL,
    A,
    B,
    C,
    Story,
    contract,
    named,
    only,
    order_id,
    refusal,
)

M = bounds.ACCOUNTS_MAX + 1  # the margin account that is opened first
RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}


def modes() -> Story:
    """A and B with 10,000 each, C rich; marks 1000 and 1000."""
    story = Story(contract(1, **RATES), contract(2, **RATES))
    story.open(A, 10_000)
    story.open(B, 10_000)
    story.open(C, 10**9)
    story.price(1, 1_000, 2, 1_000)
    return story


def isolated(margin: int = 2_000) -> Story:
    """A has isolated contract 1 with this margin."""
    story = modes()
    story.isolate(A)
    story.move(A, margin)
    return story


def holding(margin: int = 2_000) -> Story:
    """And is long 10 there against C, bought at 1000."""
    story = isolated(margin)
    story.trade(A, C, 10, 1_000)
    return story


def test_rule_8_5_the_margin_account_has_owner_group_and_no_cash():
    story = modes()
    assert only(story.isolate(A), "contract_isolated")["margin_account"] == M
    assert story.account(A)["isolated"] == {1: M}
    assert (story.cash(A), story.cash(M)) == (10_000, 0)
    assert story.account(M)["group"] == A
    assert only(story.isolate(B, 2), "contract_isolated")["margin_account"] == M + 1


def test_rule_8_5_an_isolated_order_uses_its_own_margin_alone():
    """One lot at 1000 needs 100. 2,000 are enough for 20 lots, whatever else the account has."""
    story = isolated()
    assert refusal(story.order(A, BUY, 21, 1_000)) == refusals.MARGIN_INSUFFICIENT
    assert only(story.order(A, BUY, 20, 1_000), "order_accepted")
    assert story.account(A)["orders"] == 0
    assert story.account(M)["orders"] == 1
    # what was moved is no margin for another contract: 8,000 are enough for 80 lots
    assert refusal(story.order(A, BUY, 81, 1_000, 2)) == refusals.MARGIN_INSUFFICIENT
    assert only(story.order(A, BUY, 80, 1_000, 2), "order_accepted")


def test_rule_8_5_a_deficit_never_touches_the_rest_of_the_account():
    """Long 10 at 1000 with 2,000: at 700 the loss is 3,000, so 1,000 are missing. The account keeps
    its 8,000; the shorts gained 3,000 and give up 1,000 of it."""
    story = holding()
    events = story.price(700)
    closed = only(events, "waterfall_closed")
    assert named(events, "waterfall_closed", M)
    assert (closed["deficit"], closed["given_up"]) == (1_000, 1_000)
    assert (story.cash(A), story.equity(A), story.lots(A)) == (8_000, 8_000, 0)
    assert (story.cash(M), story.lots(M)) == (0, 0)
    assert story.equity(C) == 10**9 + 2_000


def test_rule_8_5_the_rest_of_the_account_never_saves_an_isolated_position():
    """At 840 the loss is 1,600: 400 are left of the margin, maintenance is 5% of 8,400, 420. The
    account itself has 8,000 and is not asked."""
    story = holding()
    events = story.price(840)
    assert named(events, "liquidation_started", M)
    assert not named(events, "liquidation_started", A)


def test_rule_8_5_a_loss_elsewhere_does_not_reach_an_isolated_position():
    """Cross long 50 in contract 2 with 8,000: at 700 the loss is 15,000, 7,000 are missing. The
    isolated long of contract 1 keeps its lots and its 2,000."""
    story = holding()
    story.trade(A, C, 50, 1_000, 2)
    events = story.price(2, 700)
    assert only(events, "waterfall_closed")["deficit"] == 7_000
    assert (story.cash(A), story.lots(A, 2)) == (0, 0)
    assert (story.equity(M), story.lots(M)) == (2_000, 10)


def test_rule_8_3_margin_moves_out_as_far_as_it_could_be_withdrawn():
    """Long 10 at 1000: initial margin 1,000 = 10% of the notional; 1,000 of 2,000 can go. At 1100
    the requirement is 1,100 and unrealised profit does not go out: min(2,000, 3,000 - 1,100)."""
    story = holding()
    assert refusal(story.move(A, -1_001)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    story.price(1_100)
    assert refusal(story.move(A, -1_901)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    moved = only(story.move(A, -1_900), "margin_moved")
    assert (moved["margin_account"], moved["cash_margin"], moved["cash"]) == (M, 100, 9_900)


def test_rule_8_3_margin_moves_in_only_from_what_could_be_withdrawn():
    """A cross long of 40 in contract 2 holds 4,000 of 8,000."""
    story = isolated()
    story.trade(A, C, 40, 1_000, 2)
    assert refusal(story.move(A, 4_001)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    assert only(story.move(A, 4_000), "margin_moved")["cash_margin"] == 6_000


def test_rule_9_2_margin_that_comes_in_ends_a_liquidation():
    """As at 840 above, with no bid in the book and 100 lots as the smallest whole close-out the
    position would go; here the mark's auction keeps it waiting, and 1,000 more end it."""
    story = holding()
    story.change_state(words.STATE_PRE_OPEN)
    assert named(story.price(840), "liquidation_started", M)
    assert story.lots(M) == 10
    events = story.move(A, 1_000)
    events += story.advance(60)
    assert only(events, "liquidation_ended", M)["end"] == words.END_RECOVERED
    assert story.lots(M) == 10


def test_rule_8_5_the_mode_changes_only_flat_and_without_orders():
    story = isolated()
    number = order_id(story.order(A, BUY, 1, 900))
    assert refusal(story.join(A)) == refusals.MODE_NOT_FLAT
    story.cancel(A, number)
    joined = only(story.join(A), "contract_joined")
    assert (joined["margin_account"], joined["amount"], joined["cash"]) == (M, 2_000, 10_000)
    assert story.account(A)["isolated"] == {}
    story.order(A, BUY, 1, 900)
    assert story.account(A)["orders"] == 1
    assert refusal(story.isolate(A)) == refusals.MODE_NOT_FLAT
    story.cancel_all(A)
    # the second time it is the same margin account again
    assert only(story.isolate(A), "contract_isolated")["margin_account"] == M


def test_rule_4_6_what_cancels_an_accounts_orders_reaches_its_isolated_ones():
    story = isolated()
    story.order(A, BUY, 1, 900)
    story.order(A, BUY, 1, 900, 2)
    events = story.cancel_all(A)
    assert [event.account for event in named(events, "order_cancelled")] == [A, M]
    assert only(events, "mass_cancelled", A)["orders"] == 2
    story.order(A, BUY, 1, 900)
    assert only(story.cancel_all(A, 1), "mass_cancelled", A)["orders"] == 1
    story.order(A, BUY, 1, 900, session=7)
    assert only(story.lose_session(A, 7), "session_cancelled")["orders"] == 1
    story.order(A, BUY, 1, 900)
    story.heartbeat(A, 10**9)
    assert only(story.advance(1), "heartbeat_lost")["orders"] == 1
    story.order(A, BUY, 1, 900)
    assert only(story.stop(words.SCOPE_ACCOUNT, A), "trading_stopped")["orders"] == 1
    assert refusal(story.order(A, BUY, 1, 900)) == refusals.TRADING_BLOCKED


def test_rule_4_6_a_margin_account_opened_behind_a_kill_switch_is_stopped_too():
    story = modes()
    story.stop(words.SCOPE_ACCOUNT, A)
    story.isolate(A)
    story.move(A, 2_000)
    assert refusal(story.order(A, BUY, 1, 900)) == refusals.TRADING_BLOCKED


def test_rule_4_7_an_isolated_order_does_not_meet_its_own_group():
    story = isolated()
    story.open(14, 10_000, group=A)
    story.order(14, SELL, 5, 1_000)
    assert not named(story.order(A, BUY, 5, 1_000), "trade")


def test_rule_2_3_nobody_speaks_for_a_margin_account_itself():
    story = isolated()
    assert refusal(story.order(M, BUY, 1, 900)) == refusals.ACCOUNT_UNKNOWN
    assert refusal(story.deposit(M, 1)) == refusals.ACCOUNT_UNKNOWN
    assert refusal(story.withdraw(M, 1)) == refusals.ACCOUNT_UNKNOWN
    assert refusal(story.stop(words.SCOPE_ACCOUNT, M)) == refusals.SCOPE_INVALID


def test_rule_4_2_another_account_can_not_cancel_an_isolated_order():
    story = isolated()
    number = order_id(story.order(A, BUY, 1, 900))
    assert refusal(story.cancel(B, number)) == refusals.ORDER_UNKNOWN
    assert only(story.amend(A, number, 1, 901), "order_amended")
    assert only(story.cancel(A, number), "order_cancelled")


def stopped() -> Story:
    """Withdrawals of the pool are stopped: a deficit went beyond fund and house (9.8)."""
    story = isolated()
    story.open(14, 200)
    story.trade(14, C, 2, 1_000, 2)
    story.price(2, 500)
    return story


@pytest.mark.parametrize("amount", [1_000, -1_000])
def test_rule_9_8_stopped_withdrawals_do_not_hold_what_stays_in_the_pool(amount):
    story = stopped()
    assert only(story.move(A, amount), "margin_moved")
