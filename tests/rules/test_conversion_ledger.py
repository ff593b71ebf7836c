"""What becomes of what conversions have brought (10.4, 10.6)."""

from typing import Any

from engine.schema import commands, refusals
from engine.schema.bounds import DEPOSITS_MAX, PPB
from tests.rules.story import A, B, Events, only, refusal
from tests.rules.test_collateral import COINS, MONEY, CollateralStory

# Ledgers that a redemption must leave alone: everybody's but the conversion ledger.
OTHERS = ("cash_total", "fees", "house", "rounding", "funding_clearing", "withdrawals_reserved")


def redeem(story: CollateralStory, number: int, quantity: int, proceeds: int) -> Events:
    return story.submit(
        commands.RedeemConversion(
            time_ns=story.now_ns, asset=number, quantity=quantity, proceeds=proceeds
        )
    )


def settle(story: CollateralStory, amount: int) -> Events:
    return story.submit(commands.SettleConversion(time_ns=story.now_ns, amount=amount))


def lost() -> CollateralStory:
    """A, whose 1000 coins count for 400, loses 150 to B in cash that it has not: 150 coins go."""
    story = CollateralStory()
    story.open(A, 0)
    story.open(B, 10_000)
    story.bring(A, COINS, 1_000)
    story.price(100)
    story.trade(A, B, 10, 100)
    story.price(85)
    story.trade(B, A, 10, 85)
    assert story.cash(A) == 0 and story.account(A)["collateral"] == {COINS: 850}
    return story


def others(story: CollateralStory) -> list[Any]:
    pool = story.exchange.pool()
    return [pool[name] for name in OTHERS] + [story.account(account) for account in (A, B)]


def test_rule_10_6_a_redemption_is_double_entry_in_two_assets():
    """150 coins, paid for with 150, leave in two parts for 60 and 50. What lacks, 40, stays in the
    ledger's cash: no account, fund or house has any part in it."""
    story = lost()
    before = others(story)
    deposits = story.exchange.pool()["deposits_net"]
    assert story.exchange.conversion() == {
        "cash": -150, "units": {MONEY: 0, COINS: 150}, "value": 150, "balance": 0,
    }  # fmt: skip
    assert only(redeem(story, COINS, 100, 60), "conversion_redeemed") == {
        "asset": COINS, "quantity": 100, "proceeds": 60, "converted": 50, "conversion_cash": -90,
    }  # fmt: skip
    assert only(redeem(story, COINS, 50, 50), "conversion_redeemed")["conversion_cash"] == -40
    assert others(story) == before
    assert story.exchange.pool()["deposits_net"] == deposits + 110
    assert story.exchange.collateral()[COINS - 1]["deposits_net"] == 850
    assert only(settle(story, 40), "conversion_settled") == {"amount": 40, "conversion_cash": 0}
    assert others(story) == before


def test_rule_10_6_a_gain_of_conversions_is_the_providers_and_no_more_than_it():
    """150 coins bring 210: of the 210 the 150 that A was paid stay, 60 can be taken out."""
    story = lost()
    before = others(story)
    redeem(story, COINS, 150, 210)
    assert refusal(settle(story, -61)) == refusals.CONVERSION_INSUFFICIENT
    assert only(settle(story, -60), "conversion_settled") == {"amount": -60, "conversion_cash": 0}
    assert refusal(settle(story, -1)) == refusals.CONVERSION_INSUFFICIENT
    assert others(story) == before


def test_rule_10_6_what_was_worth_nothing_leaves_for_nothing():
    story = lost()
    story.say(COINS, 1)
    assert only(redeem(story, COINS, 150, 0), "conversion_redeemed")["conversion_cash"] == -150
    assert story.exchange.conversion()["balance"] == -150


def test_rule_1_3_what_was_redeemed_makes_room_for_deposits():
    """With 850 held and 150 converted 2^59 - 1000 of the coins may come in, when 100 have left 100
    more; at a price of one that is worth what the asset's cap allows of it."""
    story = lost()
    story.say(COINS, 1)
    most = DEPOSITS_MAX - 1_000

    def bring(quantity: int) -> int:
        return refusal(
            story.submit(
                commands.DepositCollateral(
                    time_ns=story.now_ns, account=A, asset=COINS, quantity=quantity
                )
            )
        )

    assert bring(most + 1) == refusals.AMOUNT_ABOVE_MAX
    redeem(story, COINS, 100, 100)
    assert bring(most + 101) == refusals.AMOUNT_ABOVE_MAX
    assert bring(most + 100) == refusals.OK
    assert story.exchange.collateral()[COINS - 1]["price_ppb"] == 1 < PPB


def test_rule_1_3_a_gain_of_conversions_neither_takes_nor_makes_room_for_cash():
    """The bound of deposits is of the money of all other ledgers: 10,000 of B and 150 of A's
    conversion, whatever was paid for the coins."""
    story = lost()
    redeem(story, COINS, 150, 1_000)

    def pay_in(amount: int) -> int:
        return refusal(
            story.submit(commands.Deposit(time_ns=story.now_ns, account=B, amount=amount))
        )

    room = DEPOSITS_MAX - 10_150
    assert pay_in(room + 1) == refusals.AMOUNT_ABOVE_MAX
    assert pay_in(room - 1) == refusals.OK
    settle(story, -850)
    assert pay_in(2) == refusals.AMOUNT_ABOVE_MAX
    assert pay_in(1) == refusals.OK
