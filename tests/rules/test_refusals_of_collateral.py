"""Refusals of assets beside cash (10): one row a case, code last."""

import pytest

from engine.schema import bounds, commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import COLLATERAL_PRICE_PPB_MAX, DEPOSITS_MAX, PPB, TIME_NS_MAX
from engine.schema.collateral import CollateralAsset, Haircut
from engine.schema.commands import AnyCommand
from tests.rules.refusal_states import Row, must_answer, row_id
from tests.rules.story import PERCENT, START_NS, A, B, C, H, Story, contract, refusal
from tests.rules.test_isolated import M

R = refusals
RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
FAR = START_NS + 30 * bounds.NS_PER_DAY
DOLLARS, COINS, CLOSED, UNPRICED = 1, 2, 3, 4
# Two fiat assets of one issuer may be worth 1500 together, a coin's stressed loss is half of it.
ASSETS = (
    CollateralAsset(
        symbol="D",
        kind=words.ASSET_STABLECOIN,
        issuer=7,
        licensed_until_ns=FAR,
        par_ppb=PPB,
        haircuts=(Haircut(floor_value=0, haircut_ppb=0),),
        asset_value_max=1_000,
        issuer_value_max=1_500,
        sources=2,
        account_kinds=(words.KIND_CLIENT,),
    ),
    CollateralAsset(
        symbol="C",
        kind=words.ASSET_COIN,
        haircuts=(Haircut(floor_value=0, haircut_ppb=60 * PERCENT),),
        stress_ppb=50 * PERCENT,
    ),
    CollateralAsset(
        symbol="X",
        kind=words.ASSET_FIAT,
        issuer=7,
        par_ppb=PPB,
        haircuts=(Haircut(floor_value=0, haircut_ppb=0),),
        issuer_value_max=1_500,
    ),
    CollateralAsset(
        symbol="U",
        kind=words.ASSET_FIAT,
        par_ppb=PPB,
        haircuts=(Haircut(floor_value=0, haircut_ppb=0),),
    ),
)


def bring(account: int = A, asset: int = DOLLARS, quantity: int = 1) -> AnyCommand:
    return commands.DepositCollateral(
        time_ns=START_NS, account=account, asset=asset, quantity=quantity
    )


def take(
    account: int = A, asset: int = DOLLARS, quantity: int = 1, client_id: int = 99
) -> AnyCommand:
    return commands.WithdrawCollateral(
        time_ns=START_NS, account=account, client_id=client_id, asset=asset, quantity=quantity
    )


def say(price_ppb: int = PPB, asset: int = DOLLARS, source: int = 1) -> AnyCommand:
    return commands.PublishCollateral(
        time_ns=START_NS, asset=asset, source=source, price_ppb=price_ppb
    )


def judge(asset: int = DOLLARS, impaired: int = 0, until_ns: int = FAR) -> AnyCommand:
    return commands.SetCollateral(
        time_ns=START_NS, asset=asset, impaired=impaired, licensed_until_ns=until_ns
    )


def redeem(asset: int = DOLLARS, quantity: int = 1, proceeds: int = 1) -> AnyCommand:
    return commands.RedeemConversion(
        time_ns=START_NS, asset=asset, quantity=quantity, proceeds=proceeds
    )


def settle(amount: int = 1) -> AnyCommand:
    return commands.SettleConversion(time_ns=START_NS, amount=amount)


def held() -> Story:
    """A has 500 of each asset that takes deposits, and nothing else; C is an affiliate; the coin's
    fund and house have 500 to lose."""
    story = Story(contract(1, **RATES), collateral=ASSETS, fund_cash=300, house_cash=200)
    story.open(A, 0)
    story.open(B, 10**6)
    story.open(C, 10**6, kind=words.KIND_AFFILIATE)
    story.price(100)
    for asset in (DOLLARS, COINS, CLOSED):
        story.submit(say(asset=asset))
    for asset in (DOLLARS, COINS, CLOSED):
        assert refusal(story.submit(bring(asset=asset, quantity=500))) == R.OK
    story.submit(judge(CLOSED, 1))
    return story


def margined() -> Story:
    """A, worth 500 + 200 of coins + 450, is long 100 at 100, which asks for 1,000."""
    story = held()
    story.trade(A, B, 100, 100)
    return story


def stopped() -> Story:
    story = held()
    story.exchange.arena.pool["withdrawals_stopped"] = 1
    return story


def fallen() -> Story:
    """350 are left of the 460 that A must hold: it has sold one lot of many and cools down."""
    story = margined()
    story.order(B, words.BUY, 2, 92)
    story.price(92)
    assert story.account(A)["in_liquidation"]
    return story


def converted() -> Story:
    """A has closed one of its lots 10 below the mark: 10 dollars have been converted for it."""
    story = margined()
    story.trade(B, A, 1, 90)
    assert story.exchange.conversion()["cash"] == -10
    return story


def gained() -> Story:
    """Half of them were redeemed for 20: the conversion ledger has gained 10."""
    story = converted()
    assert refusal(story.submit(redeem(quantity=5, proceeds=20))) == R.OK
    return story


def drained(conversion_cash: int = -DEPOSITS_MAX) -> Story:
    """As much has been paid for conversions as the engine bears, and withdrawn."""
    story = held()
    for name in ("conversion_cash", "deposits_net"):
        story.exchange.arena.pool[name] += conversion_cash
    return story


def nearly_drained() -> Story:
    return drained(1 - DEPOSITS_MAX)


# fmt: off
TABLE: list[Row] = [
    (held, say(), R.OK),
    (held, say(asset=0), R.ASSET_UNKNOWN),
    (held, say(asset=5), R.ASSET_UNKNOWN),
    (held, say(source=0), R.SOURCE_UNKNOWN),
    (held, say(source=2), R.OK),
    (held, say(source=3), R.SOURCE_UNKNOWN),
    (held, say(0), R.PRICE_NOT_POSITIVE),
    (held, say(1), R.OK),
    (held, say(COLLATERAL_PRICE_PPB_MAX), R.OK),
    (held, say(COLLATERAL_PRICE_PPB_MAX + 1), R.PRICE_ABOVE_MAX),
    (held, judge(), R.OK),
    (held, judge(0), R.ASSET_UNKNOWN),
    (held, judge(5), R.ASSET_UNKNOWN),
    (held, judge(impaired=2), R.COLLATERAL_INVALID),
    (held, judge(impaired=-1), R.COLLATERAL_INVALID),
    (held, judge(impaired=1), R.OK),
    (held, judge(until_ns=-1), R.COLLATERAL_INVALID),
    (held, judge(until_ns=0), R.COLLATERAL_INVALID),
    (held, judge(COINS, until_ns=0), R.OK),
    (held, judge(until_ns=TIME_NS_MAX), R.OK),
    (held, judge(until_ns=TIME_NS_MAX + 1), R.COLLATERAL_INVALID),
    (held, bring(), R.OK),
    (held, bring(H), R.ACCOUNT_UNKNOWN),
    (held, bring(words.FUND), R.ACCOUNT_UNKNOWN),
    (held, bring(M), R.ACCOUNT_UNKNOWN),
    (held, bring(0, 0), R.ACCOUNT_UNKNOWN),
    (held, bring(asset=0), R.ASSET_UNKNOWN),
    (held, bring(asset=5), R.ASSET_UNKNOWN),
    (held, bring(C, 1), R.ACCOUNT_KIND_INVALID),
    (held, bring(C, COINS), R.OK),
    (held, bring(quantity=0), R.AMOUNT_NOT_POSITIVE),
    (held, bring(quantity=DEPOSITS_MAX + 1), R.AMOUNT_ABOVE_MAX),
    (held, bring(quantity=DEPOSITS_MAX - 499), R.AMOUNT_ABOVE_MAX),
    (held, bring(quantity=DEPOSITS_MAX - 500), R.COLLATERAL_CAP),
    (held, bring(asset=CLOSED), R.COLLATERAL_CLOSED),
    (held, bring(asset=UNPRICED), R.COLLATERAL_CLOSED),
    (held, bring(quantity=500), R.OK),  # 1,000, and 1,500 of the issuer
    (held, bring(quantity=501), R.COLLATERAL_CAP),
    (held, bring(asset=COINS, quantity=500), R.OK),  # half of 1,000 may be lost: 500 stand behind
    (held, bring(asset=COINS, quantity=501), R.COLLATERAL_CAP),  # 500.5, rounded up
    (held, take(), R.OK),
    (held, take(H), R.ACCOUNT_UNKNOWN),
    (held, take(client_id=0), R.CLIENT_ID_NOT_POSITIVE),
    (held, take(asset=0), R.ASSET_UNKNOWN),
    (held, take(asset=5), R.ASSET_UNKNOWN),
    (held, take(quantity=0), R.AMOUNT_NOT_POSITIVE),
    (held, take(quantity=DEPOSITS_MAX + 1), R.AMOUNT_ABOVE_MAX),
    (stopped, take(quantity=501), R.WITHDRAWALS_STOPPED),
    (held, take(quantity=501), R.COLLATERAL_INSUFFICIENT),
    (held, take(quantity=500), R.OK),
    (held, take(asset=CLOSED, quantity=500), R.OK),
    (margined, take(quantity=150), R.OK),  # 1,150 less 150 is what is needed
    (margined, take(quantity=151), R.WITHDRAWAL_ABOVE_AVAILABLE),
    (margined, take(asset=COINS, quantity=375), R.OK),  # of which 40% count
    (margined, take(asset=COINS, quantity=376), R.WITHDRAWAL_ABOVE_AVAILABLE),
    (fallen, take(), R.ACCOUNT_IN_LIQUIDATION),
    (drained, bring(), R.AMOUNT_ABOVE_MAX),
    (nearly_drained, bring(), R.OK),
    (converted, redeem(), R.OK),
    (converted, redeem(0), R.ASSET_UNKNOWN),
    (converted, redeem(5), R.ASSET_UNKNOWN),
    (converted, redeem(quantity=0), R.AMOUNT_NOT_POSITIVE),
    (converted, redeem(quantity=-1), R.AMOUNT_NOT_POSITIVE),
    (converted, redeem(quantity=DEPOSITS_MAX + 1), R.AMOUNT_ABOVE_MAX),
    (converted, redeem(quantity=DEPOSITS_MAX), R.CONVERSION_INSUFFICIENT),
    (converted, redeem(quantity=11), R.CONVERSION_INSUFFICIENT),
    (converted, redeem(quantity=11, proceeds=-1), R.AMOUNT_NOT_POSITIVE),
    (converted, redeem(quantity=10), R.OK),
    (converted, redeem(COINS), R.CONVERSION_INSUFFICIENT),
    (converted, redeem(proceeds=-1), R.AMOUNT_NOT_POSITIVE),
    (converted, redeem(proceeds=0), R.OK),
    (converted, redeem(proceeds=DEPOSITS_MAX + 1), R.AMOUNT_ABOVE_MAX),
    (converted, redeem(proceeds=2**63 - 1), R.AMOUNT_ABOVE_MAX),
    (converted, redeem(proceeds=DEPOSITS_MAX), R.OK),  # 10 are lacking
    (gained, redeem(quantity=6, proceeds=DEPOSITS_MAX - 9), R.AMOUNT_ABOVE_MAX),
    (gained, redeem(quantity=5, proceeds=DEPOSITS_MAX - 10), R.OK),
    (stopped, redeem(), R.CONVERSION_INSUFFICIENT),
    (held, settle(), R.OK),
    (held, settle(0), R.AMOUNT_NOT_POSITIVE),
    (held, settle(-1), R.CONVERSION_INSUFFICIENT),
    (held, settle(-DEPOSITS_MAX), R.CONVERSION_INSUFFICIENT),
    (held, settle(-DEPOSITS_MAX - 1), R.AMOUNT_ABOVE_MAX),
    (held, settle(-(2**63)), R.AMOUNT_ABOVE_MAX),
    (held, settle(DEPOSITS_MAX), R.OK),
    (held, settle(DEPOSITS_MAX + 1), R.AMOUNT_ABOVE_MAX),
    (gained, settle(DEPOSITS_MAX - 10), R.OK),
    (gained, settle(DEPOSITS_MAX - 9), R.AMOUNT_ABOVE_MAX),
    (gained, settle(-10), R.OK),
    (gained, settle(-11), R.CONVERSION_INSUFFICIENT),
    (converted, settle(-1), R.CONVERSION_INSUFFICIENT),
]
# fmt: on


@pytest.mark.parametrize(("state", "command", "code"), TABLE, ids=map(row_id, TABLE))
def test_rule_2_2_refusal_of_collateral(state, command, code):
    must_answer(state, command, code)


@pytest.mark.parametrize(
    "command", [say(asset=9), bring(H), judge(9), redeem(9), settle(0)], ids=str
)
def test_rule_2_6_who_may_set_the_first_stamp(command):
    """Price sources and operators set the clock, whatever becomes of the command itself."""
    story = Story(contract(1, **RATES), collateral=ASSETS)
    assert refusal(story.submit(command)) not in (R.OK, R.TIME_AHEAD)


def test_rule_2_6_a_client_does_not_set_the_first_stamp():
    story = Story(contract(1, **RATES), collateral=ASSETS)
    assert refusal(story.submit(take())) == R.TIME_AHEAD
