"""Withdrawals in two phases (10.6): reserved, then confirmed or returned."""

import pytest

from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB, WITHDRAWALS_MAX
from engine.schema.collateral import CollateralAsset, Haircut
from tests.rules.story import (
    BUY,
    PERCENT,
    A,
    B,
    Events,
    Story,
    contract,
    named,
    only,
    refusal,
)

NOTES = 1
ASSET = CollateralAsset(
    symbol="N",
    kind=words.ASSET_FIAT,
    par_ppb=PPB,
    haircuts=(Haircut(floor_value=0, haircut_ppb=0),),
    asset_value_max=1_000,
)


def opened(cash: int = 1_000) -> Story:
    """A and B with cash, and an asset whose cap is reached at 1,000."""
    story = Story(
        contract(1, initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT), collateral=(ASSET,)
    )
    for account in (A, B):
        story.open(account, cash)
    story.price(100)
    say_price(story, PPB)
    return story


def say_price(story: Story, price_ppb: int) -> Events:
    return story.submit(
        commands.PublishCollateral(
            time_ns=story.now_ns, asset=NOTES, source=1, price_ppb=price_ppb
        )
    )


def bring(story: Story, account: int, quantity: int) -> Events:
    return story.submit(
        commands.DepositCollateral(
            time_ns=story.now_ns, account=account, asset=NOTES, quantity=quantity
        )
    )


def take(story: Story, account: int, quantity: int) -> Events:
    return story.submit(
        commands.WithdrawCollateral(
            time_ns=story.now_ns,
            account=account,
            client_id=story.client_id(),
            asset=NOTES,
            quantity=quantity,
        )
    )


def confirm(story: Story, account: int, client_id: int) -> Events:
    return story.submit(
        commands.ConfirmWithdrawal(time_ns=story.now_ns, account=account, client_id=client_id)
    )


def give_back(story: Story, account: int, client_id: int) -> Events:
    return story.submit(
        commands.ReturnWithdrawal(time_ns=story.now_ns, account=account, client_id=client_id)
    )


def test_rule_10_6_cash_is_reserved_and_confirmed():
    story = opened()
    deposited = story.exchange.pool()["deposits_net"]
    reserved = only(story.withdraw(A, 400), "withdrawal_reserved", A)
    assert reserved == {"amount": 400, "client_id": 1, "cash": 600}
    assert story.account(A)["withdrawals"] == {1: {"asset": 0, "amount": 400}}
    pool = story.exchange.pool()
    assert (pool["deposits_net"], pool["withdrawals_reserved"]) == (deposited, 400)
    confirmed = only(confirm(story, A, 1), "withdrawal_confirmed", A)
    assert confirmed == {"asset": 0, "amount": 400, "client_id": 1}
    pool = story.exchange.pool()
    assert (pool["deposits_net"], pool["withdrawals_reserved"]) == (deposited - 400, 0)
    assert (story.cash(A), story.account(A)["withdrawals"]) == (600, {})


def test_rule_10_6_what_was_not_paid_out_comes_back():
    story = opened()
    story.withdraw(A, 400)
    returned = only(give_back(story, A, 1), "withdrawal_returned", A)
    assert returned == {
        "asset": 0, "amount": 400, "client_id": 1, "left": 1_000, "collateral_value": 0,
    }  # fmt: skip
    assert story.cash(A) == 1_000
    assert refusal(give_back(story, A, 1)) == refusals.WITHDRAWAL_UNKNOWN
    assert refusal(confirm(story, A, 1)) == refusals.WITHDRAWAL_UNKNOWN


def test_rule_10_6_a_withdrawal_is_known_by_its_account_and_client_id():
    story = opened()
    story.withdraw(A, 10)
    story.withdraw(B, 20)
    story.withdraw(A, 30)
    assert refusal(confirm(story, B, 1)) == refusals.WITHDRAWAL_UNKNOWN
    assert only(confirm(story, A, 3), "withdrawal_confirmed", A)["amount"] == 30
    assert story.account(A)["withdrawals"] == {1: {"asset": 0, "amount": 10}}
    assert only(give_back(story, B, 2), "withdrawal_returned", B)["left"] == 1_000


def test_rule_10_6_an_account_has_so_many_places_and_no_more():
    story = opened()
    for _ in range(WITHDRAWALS_MAX):
        assert refusal(story.withdraw(A, 1)) == refusals.OK
    assert refusal(story.withdraw(A, 1)) == refusals.WITHDRAWALS_PENDING
    assert refusal(take(story, A, 1)) == refusals.WITHDRAWALS_PENDING
    assert refusal(story.withdraw(B, 1)) == refusals.OK
    confirm(story, A, 3)
    assert refusal(story.withdraw(A, 1)) == refusals.OK


def test_rule_9_5_what_is_reserved_bears_no_loss():
    """A long 10 at 100 with 1,000: 900 are reserved, 100 of equity are left. At 80 it owes 100 that
    nobody asks of what is reserved."""
    story = opened()
    story.open(B + 1, 10_000)
    story.trade(A, B + 1, 10, 100)
    assert refusal(story.withdraw(A, 901)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    number = story.client_id() - 1
    story.withdraw(A, 900)
    events = story.price(80)
    assert only(events, "waterfall_closed", A)["deficit"] == 100
    assert (story.cash(A), story.lots(A)) == (0, 0)
    assert story.account(A)["withdrawals"] == {number + 2: {"asset": 0, "amount": 900}}
    give_back(story, A, number + 2)
    assert story.cash(A) == 900


def test_rule_9_8_a_stop_of_withdrawals_does_not_hold_what_is_reserved():
    story = opened()
    story.withdraw(A, 400)
    story.exchange.arena.pool["withdrawals_stopped"] = 1
    assert refusal(story.withdraw(A, 1)) == refusals.WITHDRAWALS_STOPPED
    assert refusal(confirm(story, A, 1)) == refusals.OK
    assert story.exchange.pool()["withdrawals_stopped"] == 1


def test_rule_10_2_reserving_moves_nobody_elses_price():
    """At twice the price 1,000 that are held are worth the cap: half a unit each. Reserving and
    returning leave that; 500 that are confirmed leave a unit to each of B's 500."""
    story = opened()
    bring(story, A, 500)
    bring(story, B, 500)
    assert story.account(B)["collateral_value"] == 500
    story.now_ns += 1
    reserved = only(take(story, A, 500), "collateral_reserved", A)
    assert (reserved["held"], reserved["collateral_value"]) == (0, 0)
    assert story.exchange.collateral()[0]["held"] == 1_000
    number = reserved["client_id"]
    returned = only(give_back(story, A, number), "withdrawal_returned", A)
    assert returned == {
        "asset": NOTES, "amount": 500, "client_id": number, "left": 500, "collateral_value": 500,
    }  # fmt: skip
    number = only(take(story, A, 500), "collateral_reserved", A)["client_id"]
    assert only(confirm(story, A, number), "withdrawal_confirmed", A)["asset"] == NOTES
    assert story.exchange.collateral()[0]["held"] == 500
    assert story.exchange.collateral()[0]["deposits_net"] == 500


def test_rule_10_6_a_return_is_not_asked_what_a_deposit_is():
    story = opened()
    bring(story, A, 500)
    number = only(take(story, A, 500), "collateral_reserved", A)["client_id"]
    story.submit(
        commands.SetCollateral(
            time_ns=story.now_ns, asset=NOTES, impaired=1, licensed_until_ns=0
        )
    )
    assert refusal(bring(story, B, 1)) == refusals.COLLATERAL_CLOSED
    returned = only(give_back(story, A, number), "withdrawal_returned", A)
    assert (returned["left"], returned["collateral_value"] < 500) == (500, True)


def test_rule_9_2_a_return_can_end_a_liquidation():
    """Long 10 at 100 with 101 left has 41 at 94, below the maintenance of 47; the book takes one
    lot, and it waits. With 899 back it has recovered."""
    story = opened(1_000)
    story.open(B + 1, 10_000)
    story.trade(A, B + 1, 10, 100)
    number = only(story.withdraw(A, 899), "withdrawal_reserved", A)["client_id"]
    story.order(B + 1, BUY, 2, 94)
    events = story.price(94)
    assert named(events, "liquidation_started", A)
    assert story.account(A)["in_liquidation"]
    events = give_back(story, A, number)
    assert only(events, "liquidation_ended", A)["end"] == words.END_RECOVERED
    assert story.lots(A) == 9


@pytest.mark.parametrize("account", [words.FUND, B + 1, 0, -1])
def test_rule_10_6_of_whom_nothing_is_known(account):
    story = opened()
    assert refusal(confirm(story, account, 1)) == refusals.ACCOUNT_UNKNOWN
    assert refusal(give_back(story, account, 1)) == refusals.ACCOUNT_UNKNOWN


def test_rule_13_2_a_copy_knows_what_is_reserved():
    story = opened()
    story.withdraw(A, 400)
    twin = story.exchange.copy()
    assert twin.digest() == story.exchange.digest()
    assert twin.account(A)["withdrawals"] == {1: {"asset": 0, "amount": 400}}
    before = story.exchange.digest()
    confirm(story, A, 1)
    assert twin.digest() == before != story.exchange.digest()
