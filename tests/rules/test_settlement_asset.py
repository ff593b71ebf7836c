"""The pool's cash as an entry of the registry of assets (10.1): what it may be, and for whom."""

from typing import Any

import msgspec
import pytest

from engine.exchange import ConfigError
from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import DEPOSITS_MAX, TIME_NS_MAX
from engine.schema.collateral import CollateralAsset, Haircut, SettlementAsset
from engine.schema.commands import AnyCommand
from engine.schema.contract import Config, Contract, check_config
from tests.rules.refusal_states import Row, must_answer, row_id
from tests.rules.story import PERCENT, START_NS, A, B, C, D, H, Story, contract, named, refusal

R = refusals
CLIENT, PROVIDER = words.KIND_CLIENT, words.KIND_LIQUIDITY_PROVIDER
AFFILIATE = words.KIND_AFFILIATE
RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
INVERSE: dict[str, Any] = {"tick_value": 0, "contract_value": 10**9, "price_ticks_max": 10_000}
FAR = START_NS + 10**9
STABLE: dict[str, Any] = {
    "symbol": "S", "kind": words.ASSET_STABLECOIN, "issuer": 7, "licence": "FRS04",
    "licensed_until_ns": FAR,
}  # fmt: skip
COIN: dict[str, Any] = {"symbol": "B", "kind": words.ASSET_COIN, "decimals": 8}
BESIDE = CollateralAsset(
    symbol="S", kind=words.ASSET_COIN, haircuts=(Haircut(floor_value=0, haircut_ppb=10**9),)
)


def linear(number: int = 1) -> Contract:
    return contract(number, **RATES)


def inverse(number: int = 1) -> Contract:
    return contract(number, **RATES, **INVERSE | {"price_ticks_min": 100})


def problems_of(*contracts: Contract, beside: tuple[Any, ...] = (), **asset: Any) -> list[str]:
    settlement = SettlementAsset(**asset)
    return check_config(Config(contracts=contracts, settlement=settlement, collateral=beside))


# fmt: off
PROBLEMS: list[tuple[dict[str, Any], str]] = [
    ({"kind": 0}, "kind 0 is not between 1 and 3"),
    ({"kind": 4}, "kind 4 is not between 1 and 3"),
    ({"decimals": -1}, "decimals -1 is not between 0 and 18"),
    ({"decimals": 19}, "decimals 19 is not between 0 and 18"),
    ({"issuer": -1}, "issuer -1"),
    ({"issuer": 2**31}, "issuer 2147483648"),
    ({"licensed_until_ns": 1}, "licensed_until_ns 1 is not between 0 and 0"),
    (STABLE | {"issuer": 0}, "issuer 0 is not between 1"),
    (STABLE | {"licence": ""}, "a stablecoin needs the number of its licence"),
    (STABLE | {"licensed_until_ns": 0}, "licensed_until_ns 0 is not between 1"),
    (STABLE | {"licensed_until_ns": TIME_NS_MAX + 1}, "licensed_until_ns"),
    (COIN | {"licensed_until_ns": 1, "account_kinds": (CLIENT,)}, "licensed_until_ns 1"),
    (COIN, "a coin must name the account_kinds it is permitted to (10.1)"),
    (COIN | {"account_kinds": (words.KIND_FUND,)}, "account_kinds must name"),
    ({"account_kinds": (CLIENT, 9)}, "account_kinds must name"),
]
# fmt: on


@pytest.mark.parametrize(("asset", "problem"), PROBLEMS)
def test_rule_10_1_what_no_pool_can_be_settled_in(asset, problem):
    found = problems_of(linear(), **asset)
    assert [line for line in found if line.startswith("settlement: ") and problem in line] == found


def test_rule_10_1_an_asset_has_one_entry():
    assert problems_of(linear(), beside=(BESIDE,), **STABLE) == [
        "settlement: the same symbol as an asset beside it"
    ]
    assert problems_of(linear(), beside=(BESIDE,), **STABLE | {"symbol": "T"}) == []


@pytest.mark.parametrize(
    ("asset", "is_permitted"),
    [({}, False), (STABLE, False), (COIN | {"account_kinds": (CLIENT,)}, True)],
)
def test_rule_1_2_an_inverse_contract_needs_a_permitted_coin(asset, is_permitted):
    """A linear one is listed in any pool, also beside it."""
    found = problems_of(linear(1), inverse(2), **asset)
    if is_permitted:
        assert found == []
    else:
        assert found == [
            "contract 2: an inverse contract is listed only where a permitted coin settles"
            " (1.2, 10.1)"
        ]
    assert problems_of(linear(), **asset) == []


def test_rule_10_1_no_exchange_opens_without_the_permission():
    with pytest.raises(ConfigError, match="account_kinds it is permitted to"):
        Story(linear(), settlement=SettlementAsset(**COIN))


def test_rule_13_2_an_older_configuration_is_settled_in_an_unnamed_fiat():
    """Every kind of account may be opened, as ever; an older snapshot, in whose pool there are
    zeros in the place of what this asset says, means the same."""
    config = Config(contracts=(linear(),))
    fields = msgspec.to_builtins(config)
    assert fields.pop("settlement")["kind"] == words.ASSET_FIAT
    assert msgspec.convert(fields, Config) == config
    assert check_config(config) == []
    pool = Story(linear()).exchange.arena.pool
    names = [name for name in pool.dtype.names or () if name.startswith("settlement_")]
    assert names and not any(pool[name][0] for name in names)


def opened(**asset: Any) -> Story:
    """A is a client, if it may be one."""
    story = Story(linear(), settlement=SettlementAsset(**asset))
    story.price(100)
    story.open(A, 0)
    return story


def fiat() -> Story:
    return opened()


def fiat_for_clients() -> Story:
    return opened(account_kinds=(CLIENT,))


def coin() -> Story:
    """For clients and the providers who stand behind them."""
    return opened(**COIN, account_kinds=(PROVIDER, CLIENT))


def coin_for_providers() -> Story:
    story = Story(linear(), settlement=SettlementAsset(**COIN, account_kinds=(PROVIDER,)))
    story.open(A, 0, kind=PROVIDER)
    return story


def stablecoin() -> Story:
    """Licensed for another second."""
    return opened(**STABLE)


def lapsed() -> Story:
    story = stablecoin()
    story.deposit(A, 100)
    story.go(1)
    return story


def impaired() -> Story:
    story = stablecoin()
    story.deposit(A, 100)
    story.submit(judge(1))
    return story


def open_as(kind: int, account: int = B, group: int = 9) -> AnyCommand:
    return commands.OpenAccount(
        time_ns=START_NS, account=account, owner=9, group=group, account_kind=kind
    )


def pay(
    amount: int = 1, account: int = A, ledger: int = words.LEDGER_CLIENT, time_ns: int = START_NS
) -> AnyCommand:
    return commands.Deposit(time_ns=time_ns, ledger=ledger, account=account, amount=amount)


def judge(impaired: int = 0, until_ns: int = FAR, time_ns: int = START_NS) -> AnyCommand:
    return commands.SetCollateral(
        time_ns=time_ns, asset=0, impaired=impaired, licensed_until_ns=until_ns
    )


# fmt: off
TABLE: list[Row] = [
    (fiat, open_as(CLIENT), R.OK),
    (fiat, open_as(PROVIDER), R.OK),
    (fiat, open_as(AFFILIATE), R.OK),
    (fiat_for_clients, open_as(CLIENT), R.OK),
    (fiat_for_clients, open_as(PROVIDER), R.KIND_NOT_PERMITTED),
    (stablecoin, open_as(AFFILIATE), R.OK),
    (coin, open_as(CLIENT), R.OK),
    (coin, open_as(PROVIDER), R.OK),
    (coin, open_as(AFFILIATE), R.KIND_NOT_PERMITTED),
    (coin_for_providers, open_as(CLIENT), R.KIND_NOT_PERMITTED),
    (coin, open_as(AFFILIATE, account=A), R.ACCOUNT_EXISTS),
    (coin, open_as(words.KIND_FUND), R.ACCOUNT_KIND_INVALID),
    (coin, open_as(9), R.ACCOUNT_KIND_INVALID),
    (coin, open_as(AFFILIATE, group=0), R.KIND_NOT_PERMITTED),
    (coin, open_as(CLIENT, group=0), R.GROUP_INVALID),
    (coin, pay(), R.OK),
    (coin, pay(account=C), R.ACCOUNT_UNKNOWN),
    (stablecoin, pay(), R.OK),
    (stablecoin, pay(time_ns=FAR - 1), R.OK),
    (lapsed, pay(time_ns=FAR), R.COLLATERAL_CLOSED),
    (lapsed, pay(account=H, time_ns=FAR), R.ACCOUNT_UNKNOWN),
    (lapsed, pay(0, time_ns=FAR), R.AMOUNT_NOT_POSITIVE),
    (lapsed, pay(DEPOSITS_MAX, time_ns=FAR), R.AMOUNT_ABOVE_MAX),
    (lapsed, pay(ledger=words.LEDGER_FUND, time_ns=FAR), R.OK),
    (lapsed, pay(ledger=words.LEDGER_HOUSE, time_ns=FAR), R.OK),
    (impaired, pay(), R.COLLATERAL_CLOSED),
    (impaired, pay(ledger=words.LEDGER_FUND), R.OK),
    (stablecoin, judge(), R.OK),
    (stablecoin, judge(1), R.OK),
    (stablecoin, judge(2), R.COLLATERAL_INVALID),
    (stablecoin, judge(-1), R.COLLATERAL_INVALID),
    (stablecoin, judge(until_ns=0), R.COLLATERAL_INVALID),
    (stablecoin, judge(until_ns=1), R.OK),
    (stablecoin, judge(until_ns=TIME_NS_MAX), R.OK),
    (stablecoin, judge(until_ns=TIME_NS_MAX + 1), R.COLLATERAL_INVALID),
    (fiat, judge(), R.ASSET_UNKNOWN),
    (fiat, judge(2), R.ASSET_UNKNOWN),
    (coin, judge(), R.ASSET_UNKNOWN),
]
# fmt: on


@pytest.mark.parametrize(("state", "command", "code"), TABLE, ids=map(row_id, TABLE))
def test_rule_2_2_refusal_of_the_settlement_asset(state, command, code):
    must_answer(state, command, code)


@pytest.mark.parametrize(
    ("closed", "open_again"),
    [(lapsed, judge(until_ns=FAR + 1, time_ns=FAR)), (impaired, judge(time_ns=START_NS))],
)
def test_rule_10_3_an_operator_opens_deposits_again(closed, open_again):
    story = closed()
    events = story.submit(open_again)
    told = {"asset": 0, "impaired": 0, "licensed_until_ns": open_again.licensed_until_ns}
    assert [event.values for event in named(events, "collateral_set")] == [told]
    assert refusal(story.deposit(A, 1)) == R.OK


@pytest.mark.parametrize("closed", [lapsed, impaired])
def test_rule_10_3_what_is_there_can_be_traded_and_withdrawn(closed):
    story = closed()
    story.price(100)
    assert refusal(story.order(A, words.BUY, 1, 100)) == R.OK
    assert refusal(story.withdraw(A, 90)) == R.OK


def test_rule_10_1_nobody_holds_a_coin_by_way_of_a_margin_account():
    """Only who may have an account has one that it can isolate."""
    story = coin()
    story.deposit(A, 1_000)
    story.isolate(A)
    assert refusal(story.submit(open_as(AFFILIATE, account=D))) == R.KIND_NOT_PERMITTED
    assert refusal(story.submit(pay(account=D))) == R.ACCOUNT_UNKNOWN
