"""From draft to live, told by hand: what is approved, by which hash, and what a contract takes
before it is live (3.2)."""

import hashlib
import json

import msgspec
import pytest
from msgspec.structs import replace

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Contract, PriceSource, Tier
from tests.oracle.desk import BUY, DAY, SELL, START, A, B, Desk, code_of, contract, of_kind
from tests.oracle.listing import hash_of, text_of
from tests.oracle.raw import RawCommand
from tests.oracle.workload import configs

CHANGED, APPROVED = events.STATE_CHANGED, events.CONTRACT_APPROVED
DRAFT, READY, FROZEN = words.STATE_DRAFT, words.STATE_APPROVED, words.STATE_FROZEN
OPERATOR = words.WHY_OPERATOR
HASHES = ("hash_1", "hash_2", "hash_3", "hash_4")


def parts_of(text: str) -> list[int]:
    """Four signed numbers, the first byte the highest."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    numbers = [int(digest[k : k + 16], 16) for k in (0, 16, 32, 48)]
    return [number - 2**64 if number >= 2**63 else number for number in numbers]


def approve(desk: Desk, number: int = 1, **changes) -> list[tuple]:
    parts = hash_of(desk.oracle.markets[1].spec if number != 2 else desk.oracle.markets[2].spec)
    fields = dict(zip(HASHES, parts, strict=True)) | {"contract": number, "reference": 7}
    return desk.operator(commands.ApproveContract, **fields | changes)


def change(desk: Desk, state: int, number: int = 1) -> list[tuple]:
    return desk.operator(commands.ChangeState, contract=number, state=state)


def state_of(desk: Desk, number: int = 1) -> int:
    found: int = desk.oracle.state()["contracts"][number]["state"]
    return found


def drafts(*contracts: Contract, **config) -> Desk:
    """A and B with money; nothing is live."""
    desk = Desk(*contracts or (contract(),), approvals_required=True, **config)
    desk.open((A, 10_000), (B, 10_000))
    return desk


# The hash.


def test_3_2_small_specifications_as_text():
    assert text_of(Tier(0, 20, 10)) == (
        '{"floor_value":0,"rate_initial_ppb":20,"rate_maintenance_ppb":10}'
    )
    assert text_of((PriceSource(2), PriceSource(asset=1))) == (
        '[{"asset":0,"kind":0,"weight":2},{"asset":1,"kind":0,"weight":1}]'
    )
    assert text_of((True, False, -(2**62), ())) == f"[true,false,-{2**62},[]]"


@pytest.mark.parametrize(
    ("symbol", "text"),
    [
        ("BTC", '"BTC"'),
        ("", '""'),
        ("\u00fc\u6e2f\U0001f981/\x7f", '"\u00fc\u6e2f\U0001f981/\x7f"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("\b\f\n\r\t\x00\x1f", '"\\b\\f\\n\\r\\t\\u0000\\u001f"'),
    ],
)
def test_3_2_symbols_are_escaped_as_far_as_it_must_be(symbol, text):
    assert text_of(symbol) == text


def test_3_2_every_field_is_in_it_in_the_order_of_the_keys():
    """But one that is younger than the first approvals, where it says nothing new."""
    text = text_of(contract())
    fields = json.loads(text)
    assert set(fields) == set(Contract.__struct_fields__) - {"rounding"}
    assert '"reference_until_ns":0,"rounding":1,"source_cap_ppb":' in text_of(contract(rounding=1))
    assert list(fields) == sorted(fields)
    assert text.startswith(
        '{"affiliates_priced":false,"auction_extensions_max":1,"auction_indicative_ns":1000000000,'
    )
    assert text.endswith('"volatility_auctions_max":0,"volatility_window_ns":3600000000000}')
    assert '"tiers":[{"floor_value":0,"rate_initial_ppb":100000000,' in text
    assert '"underlying":0,"version":1,' in text


def test_3_2_the_hash_is_of_the_head_and_the_text():
    for config in configs().values():
        for spec in config.contracts:
            plain = msgspec.to_builtins(spec)
            if plain["rounding"] == 0:
                del plain["rounding"]
            text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
            assert list(hash_of(spec)) == parts_of(f"lionrock contract 1\n{text}")


def test_3_2_another_version_has_another_hash():
    hashes = {hash_of(contract(**fields)) for fields in ({}, {"version": 2}, {"rounding": 1})}
    assert len(hashes) == 3


# Approval.


def test_3_2_a_contract_is_approved_and_goes_live():
    desk = drafts(contract(), contract(2))
    assert (state_of(desk), state_of(desk, 2)) == (DRAFT, DRAFT)
    found = approve(desk)
    assert of_kind(found, APPROVED, CHANGED) == [
        (APPROVED, 0, 7),
        (CHANGED, 0, DRAFT, READY, OPERATOR, desk.now),
    ]
    assert {record[8] for record in found} == {1}
    assert of_kind(change(desk, FROZEN), CHANGED) == [
        (CHANGED, 0, READY, FROZEN, OPERATOR, desk.now)
    ]
    assert (state_of(desk), state_of(desk, 2)) == (FROZEN, DRAFT)
    assert of_kind(desk.mark(100), CHANGED) == [
        (CHANGED, 0, FROZEN, words.STATE_CONTINUOUS, words.WHY_FRESH_MARK, desk.now)
    ]
    desk.deal(A, B, 10, 100)
    assert desk.position(A) == (10, 1_000)


def test_3_2_an_opening_auction_is_the_first_of_a_contract_that_has_gone_live():
    desk = drafts(contract(opening_auction=True))
    approve(desk)
    change(desk, FROZEN)
    assert of_kind(desk.mark(100), CHANGED)[0][3:5] == (words.STATE_AUCTION, words.WHY_FRESH_MARK)


def test_3_2_what_is_refused_in_its_order():
    """The mark's band is as wide as the maintenance rate, 5%: unfit."""
    desk = drafts(contract(mark_band_ppb=50_000_000), contract(2))
    wrong = {"number": 3, "reference": 0, "hash_4": 0}
    assert code_of(approve(desk, **wrong)) == refusals.CONTRACT_UNKNOWN
    wrong["number"] = 1
    assert code_of(approve(desk, **wrong)) == refusals.APPROVAL_INVALID
    assert code_of(approve(desk, reference=-1)) == refusals.APPROVAL_INVALID
    del wrong["reference"]
    assert code_of(approve(desk, **wrong)) == refusals.SPECIFICATION_DIFFERS
    del wrong["hash_4"]
    assert code_of(approve(desk)) == refusals.SPECIFICATION_UNFIT
    assert state_of(desk) == DRAFT
    for name, part in zip(HASHES, hash_of(desk.oracle.markets[2].spec), strict=True):
        found = approve(desk, 2, **{name: part ^ 1})
        assert code_of(found) == refusals.SPECIFICATION_DIFFERS
    approve(desk, 2)
    assert code_of(approve(desk, 2, reference=0)) == refusals.STATE_CHANGE_INVALID


@pytest.mark.parametrize(
    "terms",
    [
        {"mark_band_ppb": 50_000_000},
        {"funding_cap_ppb": 40_000_000, "liquidation_fee_ppb": 10_000_001},
        {"tick_value": 0, "contract_value": 10**8, "price_ticks_max": 1_001},
    ],
)
def test_3_2_the_approval_check(terms):
    """6.2, 7.2, and 1.2: at 1,001 an inverse lot is worth 99,900."""
    desk = drafts(contract(**terms))
    assert code_of(approve(desk)) == refusals.SPECIFICATION_UNFIT


def test_3_2_another_pool_does_not_know_the_command():
    """It is no command there: while the clock is unset its time is not taken."""
    desk = Desk(contract())
    assert code_of(approve(desk)) == refusals.TIME_AHEAD
    desk.open((A, 100))
    assert code_of(approve(desk)) == refusals.COMMAND_UNKNOWN
    assert code_of(desk.do(RawCommand(54, desk.now))) == refusals.COMMAND_UNKNOWN
    assert state_of(desk) == FROZEN
    assert code_of(change(desk, FROZEN)) == refusals.STATE_CHANGE_INVALID


def test_3_2_no_other_change_leads_there_or_away():
    desk = drafts()
    every = range(words.STATE_LAST + 1)
    for state in every:
        assert code_of(change(desk, state)) == refusals.STATE_CHANGE_INVALID
    approve(desk)
    for state in every:
        if state != FROZEN:
            assert code_of(change(desk, state)) == refusals.STATE_CHANGE_INVALID
    change(desk, FROZEN)
    for state in every:
        assert code_of(change(desk, state)) == refusals.STATE_CHANGE_INVALID
    desk.mark(100)
    for state in (FROZEN, DRAFT, READY):
        assert code_of(change(desk, state)) == refusals.STATE_CHANGE_INVALID
    assert code_of(approve(desk)) == refusals.STATE_CHANGE_INVALID


# What is not live takes nothing.


@pytest.mark.parametrize("is_approved", [False, True])
def test_3_2_orders_are_refused(is_approved):
    desk = drafts(contract(stp_none_allowed=True))
    if is_approved:
        approve(desk)
    for fields in (
        {},
        {"tif": words.IOC},
        {"flags": words.REDUCE_ONLY},
        {"order_type": words.STOP_LIMIT, "trigger_ticks": 120, "trigger_source": 1},
    ):
        assert code_of(desk.place(A, BUY, 1, 100, **fields)) == refusals.CONTRACT_NOT_LIVE
    assert code_of(desk.place(A, BUY, 0, 100)) == refusals.LOTS_NOT_POSITIVE  # asked before it
    found = desk.client(
        commands.PlaceBracket, A, contract=1, side=BUY, lots=1, price_ticks=100, stop_ticks=90
    )
    assert code_of(found) == refusals.CONTRACT_NOT_LIVE
    rows = (commands.Quote(1, 99, 1, 101, 1),)
    found = desk.client(commands.MassQuote, A, protection=1, rows=rows)
    codes = [record[3] for record in of_kind(found, events.QUOTE_REFUSED)]
    assert codes == [refusals.CONTRACT_NOT_LIVE] * 2


@pytest.mark.parametrize("is_approved", [False, True])
def test_3_2_a_price_is_received_and_nothing_else(is_approved):
    """Not even source and price are looked at, and other contracts' pairs go on."""
    desk = drafts(contract(), contract(2))
    if is_approved:
        approve(desk)
    approve(desk, 2)
    change(desk, FROZEN, 2)
    found = desk.mark(0, 100)
    kinds = [(record[8], record[-1]) for record in found]
    assert kinds[:2] == [(1, events.PRICE_RECEIVED), (2, events.PRICE_RECEIVED)]
    assert desk.oracle.state()["contracts"][1]["mark"] == 0
    assert desk.oracle.state()["contracts"][2]["mark"] == 100
    alone = desk.operator(commands.PublishPrice, source=9, contract=1, price_ticks=-5)
    assert of_kind(alone, events.PRICE_RECEIVED) == [(events.PRICE_RECEIVED, 0, 9, -5, desk.now)]
    assert len(alone) == 1
    if is_approved:  # what it was told before does not count when it is live
        desk.mark(100)
        change(desk, FROZEN)
        assert desk.oracle.state()["contracts"][1]["sources"] == [(0, -1, 0, -1)]


@pytest.mark.parametrize("is_approved", [False, True])
def test_3_2_of_due_work_the_lapse_of_its_reference_asset_alone(is_approved):
    desk = drafts(
        contract(reference_until_ns=START + 3, source_stale_ns=10**9, freeze_max_ns=2 * 10**9),
        eligibility_checked=True,
    )
    if is_approved:
        approve(desk)
    desk.mark(100)
    found = desk.wait(7 * DAY)
    assert [record[-1] for record in found] == [events.REFERENCE_LAPSED, events.TIME_ADVANCED]
    desk.wait(7 * DAY)
    assert state_of(desk) == (READY if is_approved else DRAFT)


def test_3_2_its_index_is_missing_and_its_sample_clock_waits():
    desk = drafts()
    for kind in (commands.ChangeConstituent, commands.RedenominateConstituent):
        found = desk.operator(kind, contract=1, asset=0, units_ppb=PPB)
        assert code_of(found) == refusals.INDEX_MISSING
    found = desk.operator(commands.SetSampleClock, contract=1, seed=5)
    assert of_kind(found, events.SAMPLE_CLOCK_SET) == [(events.SAMPLE_CLOCK_SET, 0, 5)]
    assert desk.oracle.state()["contracts"][1]["next_sample"] == 0


def test_3_2_what_is_said_about_it_stays():
    """An account's rate, a band, a kill switch, a margin account: they wait for it to go live."""
    desk = drafts()
    desk.client(commands.SetLeverage, A, contract=1, rate_initial_ppb=PPB // 2)
    desk.client(commands.IsolateContract, B, contract=1)
    desk.operator(commands.SetBand, contract=1, low_ticks=98, high_ticks=102)
    desk.operator(commands.StopTrading, scope=words.SCOPE_CONTRACT, number=1)
    approve(desk)
    change(desk, FROZEN)
    desk.mark(100)
    assert code_of(desk.place(A, BUY, 1, 100)) == refusals.TRADING_BLOCKED
    desk.operator(commands.ReleaseTrading, scope=words.SCOPE_CONTRACT, number=1)
    desk.place(A, BUY, 10, 100)
    assert desk.oracle.state()["accounts"][A]["reserves"][1] == [500, 0, 0]
    assert code_of(desk.place(B, SELL, 1, 100)) == refusals.MARGIN_INSUFFICIENT


def test_3_2_it_ends_like_any_other():
    desk = drafts()
    approve(desk)
    change(desk, FROZEN)
    desk.mark(100)
    change(desk, words.STATE_SUSPENDED)
    change(desk, words.STATE_SETTLING)
    assert state_of(desk) == words.STATE_SETTLED
    assert code_of(desk.place(A, BUY, 1, 100)) == refusals.CONTRACT_SETTLED
    assert code_of(approve(desk)) == refusals.STATE_CHANGE_INVALID
    assert code_of(change(desk, FROZEN)) == refusals.STATE_CHANGE_INVALID


def test_3_2_a_freeze_of_a_live_contract_is_no_draft():
    desk = drafts(replace(contract(), source_stale_ns=10**9))
    approve(desk)
    change(desk, FROZEN)
    desk.mark(100)
    desk.wait(2 * 10**9)
    assert state_of(desk) == FROZEN
    assert code_of(desk.place(A, BUY, 1, 100)) == refusals.CONTRACT_FROZEN
    assert code_of(approve(desk)) == refusals.STATE_CHANGE_INVALID
