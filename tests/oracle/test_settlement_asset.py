"""The pool's cash as an asset of the registry (10.1, 10.3): whom it is permitted to, and when it
takes no deposits."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import DEPOSITS_MAX
from engine.schema.collateral import SettlementAsset, check_settlement
from tests.oracle.collateral_desk import asset, bring, judge, say, take
from tests.oracle.desk import DAY, FUND, START, A, B, Desk, code_of, contract, of_kind

CLIENT, PROVIDER = words.KIND_CLIENT, words.KIND_LIQUIDITY_PROVIDER
AFFILIATE = words.KIND_AFFILIATE
FIAT, STABLE, COIN = words.ASSET_FIAT, words.ASSET_STABLECOIN, words.ASSET_COIN
SET = events.COLLATERAL_SET
FAR = START + DAY


def settled_in(kind: int, *kinds: int, **terms) -> SettlementAsset:
    if kind == STABLE:
        terms = {"issuer": 1, "licence": "A1", "licensed_until_ns": FAR} | terms
    found = SettlementAsset(symbol="S", kind=kind, account_kinds=kinds, **terms)
    assert not check_settlement(found, ())
    return found


def enter(desk: Desk, kind: int, group: int = 1) -> list[tuple]:
    return desk.operator(
        commands.OpenAccount, account=90, owner=1, group=group, account_kind=kind
    )


def pay(desk: Desk, amount: int = 5, **fields) -> list[tuple]:
    return desk.operator(commands.Deposit, amount=amount, **({"account": A} | fields))


# Who.


@pytest.mark.parametrize(
    ("settlement", "kind", "code"),
    [
        (settled_in(FIAT), CLIENT, 0),
        (settled_in(FIAT), AFFILIATE, 0),
        (settled_in(STABLE), PROVIDER, 0),
        (settled_in(STABLE, PROVIDER), CLIENT, refusals.KIND_NOT_PERMITTED),
        (settled_in(FIAT, CLIENT, AFFILIATE), PROVIDER, refusals.KIND_NOT_PERMITTED),
        (settled_in(FIAT, CLIENT, AFFILIATE), AFFILIATE, 0),
        (settled_in(COIN, PROVIDER), CLIENT, refusals.KIND_NOT_PERMITTED),
        (settled_in(COIN, PROVIDER), PROVIDER, 0),
        (settled_in(COIN, PROVIDER), words.KIND_FUND, refusals.ACCOUNT_KIND_INVALID),
        (settled_in(COIN, PROVIDER), 4, refusals.ACCOUNT_KIND_INVALID),
    ],
)
def test_10_1_an_account_is_opened_for_whom_the_asset_is_permitted_to(settlement, kind, code):
    found = enter(Desk(contract(), settlement=settlement), kind)
    assert (code_of(found) if code else found[0][-1]) == (code or events.ACCOUNT_OPENED)


def test_10_1_where_the_check_stands():
    desk = Desk(contract(), settlement=settled_in(COIN, PROVIDER))
    assert code_of(enter(desk, CLIENT, group=0)) == refusals.KIND_NOT_PERMITTED
    assert code_of(enter(desk, PROVIDER, group=0)) == refusals.GROUP_INVALID
    assert enter(desk, PROVIDER)[0][-1] == events.ACCOUNT_OPENED
    assert code_of(enter(desk, CLIENT)) == refusals.ACCOUNT_EXISTS


@pytest.mark.parametrize(
    ("kind", "terms", "is_listed"),
    [
        (FIAT, {}, True),
        (COIN, {}, False),  # permitted to nobody
        (COIN, {"account_kinds": (CLIENT,)}, True),
        (COIN, {"account_kinds": (words.KIND_FUND,)}, False),
        (STABLE, {"issuer": 1, "licence": "A", "licensed_until_ns": 1}, True),
        (STABLE, {"issuer": 0, "licence": "A", "licensed_until_ns": 1}, False),
        (STABLE, {"issuer": 1, "licence": "", "licensed_until_ns": 1}, False),
        (STABLE, {"issuer": 1, "licence": "A"}, False),
        (FIAT, {"licensed_until_ns": 1}, False),
        (FIAT, {"decimals": 19}, False),
        (4, {}, False),
        (0, {}, False),
    ],
)
def test_10_1_what_a_pool_may_be_settled_in(kind, terms, is_listed):
    asked = SettlementAsset(kind=kind, **terms)
    assert (check_settlement(asked, ()) == []) is is_listed


# Deposits.


def in_stablecoin(**terms) -> Desk:
    """A and B have 1,000."""
    desk = Desk(contract(), settlement=settled_in(STABLE, **terms), collateral=(asset(),))
    desk.open((A, 1_000), (B, 1_000))
    desk.mark(100)
    return desk


def test_10_3_no_deposits_while_an_operator_says_so():
    desk = in_stablecoin()
    assert of_kind(judge(desk, 1, FAR, 0), SET) == [(SET, 0, 0, 1, FAR)]
    assert code_of(pay(desk)) == refusals.COLLATERAL_CLOSED
    assert of_kind(judge(desk, 0, FAR, 0), SET) == [(SET, 0, 0, 0, FAR)]
    assert pay(desk)[0][-1] == events.DEPOSITED


def test_10_3_nor_behind_the_end_of_a_licence_which_is_no_event():
    desk = in_stablecoin(licensed_until_ns=START + 5)
    desk.wait(4)
    assert pay(desk)[0][-1] == events.DEPOSITED
    found = desk.wait(1)
    assert [record[-1] for record in found] == [events.TIME_ADVANCED]
    assert code_of(pay(desk)) == refusals.COLLATERAL_CLOSED
    judge(desk, 0, desk.now + 1, 0)
    assert pay(desk)[0][-1] == events.DEPOSITED
    judge(desk, 0, desk.now, 0)
    assert code_of(pay(desk)) == refusals.COLLATERAL_CLOSED


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"ledger": 9}, refusals.LEDGER_INVALID),
        ({"account": 99}, refusals.ACCOUNT_UNKNOWN),
        ({"account": FUND}, refusals.ACCOUNT_UNKNOWN),
        ({"amount": 0}, refusals.AMOUNT_NOT_POSITIVE),
        ({"amount": DEPOSITS_MAX}, refusals.AMOUNT_ABOVE_MAX),
        ({"amount": DEPOSITS_MAX - 2_000}, refusals.COLLATERAL_CLOSED),
        ({}, refusals.COLLATERAL_CLOSED),
        ({"ledger": words.LEDGER_FUND}, 0),
        ({"ledger": words.LEDGER_HOUSE}, 0),
    ],
)
def test_10_3_it_is_the_last_of_the_checks_and_not_one_of_fund_and_house(fields, code):
    desk = in_stablecoin()
    judge(desk, 1, FAR, 0)
    found = pay(desk, **fields)
    assert (code_of(found) if code else found[0][-1]) == (code or events.DEPOSITED)


def test_10_3_everything_else_goes_on():
    desk = in_stablecoin()
    judge(desk, 1, FAR, 0)
    desk.deal(A, B, 1, 100)
    assert desk.position(A) == (1, 100)
    found = desk.client(commands.Withdraw, A, amount=10)
    assert found[0][-1] == events.WITHDRAWAL_RESERVED
    assert desk.give_back(A)[0][-1] == events.WITHDRAWAL_RETURNED
    say(desk, 10**9)
    assert bring(desk, A, 5)[0][-1] == events.COLLATERAL_DEPOSITED
    desk.client(commands.IsolateContract, A, contract=1)  # it holds lots there: refused
    assert desk.cash(A) == 1_000


@pytest.mark.parametrize(
    ("impaired", "until", "code"),
    [
        (2, FAR, refusals.COLLATERAL_INVALID),
        (-1, FAR, refusals.COLLATERAL_INVALID),
        (0, 0, refusals.COLLATERAL_INVALID),
        (0, -1, refusals.COLLATERAL_INVALID),
        (1, 2**62 + 1, refusals.COLLATERAL_INVALID),
        (1, 2**62, 0),
        (0, 1, 0),
    ],
)
def test_10_3_what_is_refused_of_a_setting(impaired, until, code):
    found = judge(in_stablecoin(), impaired, until, 0)
    assert (code_of(found) if code else found[0][-1]) == (code or SET)


@pytest.mark.parametrize("settlement", [settled_in(FIAT), settled_in(COIN, CLIENT)])
def test_10_3_of_another_settlement_asset_there_is_nothing_to_set(settlement):
    desk = Desk(contract(), settlement=settlement)
    for impaired, until in ((0, 0), (1, FAR), (2, -1)):
        assert code_of(judge(desk, impaired, until, 0)) == refusals.ASSET_UNKNOWN


def test_10_1_every_other_command_knows_no_asset_0():
    desk = in_stablecoin()
    for found in (say(desk, 10**9, 0), bring(desk, A, 1, 0), take(desk, A, 1, 0)):
        assert code_of(found) == refusals.ASSET_UNKNOWN
