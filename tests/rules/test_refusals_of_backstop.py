"""Refusals of what stands behind the book: one row a case, code last."""

import pytest

from engine.schema import bounds, refusals
from engine.schema.bounds import DEPOSITS_MAX, LOTS_MAX, PPB, SEED_MAX
from engine.schema.commands import AnyCommand, SetCapacity, SetStressLoss, SetWorkBack
from engine.schema.vocabulary import FUND, KIND_AFFILIATE
from tests.rules.backstop_story import LP, RATES, BackstopStory, long_ten
from tests.rules.refusal_states import Row, must_answer, place, row_id
from tests.rules.story import START_NS, A, B, C, D, E, H, contract, refusal
from tests.rules.test_isolated import M

R = refusals


def capacity(account: int = D, number: int = 1, lots: int = 1) -> AnyCommand:
    return SetCapacity(time_ns=START_NS, account=account, contract=number, lots=lots)


def work_back(number: int = 1, seed: int = 1) -> AnyCommand:
    return SetWorkBack(time_ns=START_NS, contract=number, seed=seed)


def stress_loss(amount: int) -> AnyCommand:
    return SetStressLoss(time_ns=START_NS, amount=amount)


def backed() -> BackstopStory:
    """D is a liquidity provider, E an affiliate; A is long 10 against B, C is flat."""
    story = long_ten(fund_cash=1_000, fund_cover_min_ppb=PPB)
    story.open(C, 10**6)
    story.provider(D, 10)
    story.open(E, 10**6, kind=KIND_AFFILIATE)
    return story


def fresh() -> BackstopStory:
    """The provider D has never used the contract."""
    story = long_ten()
    story.open(D, 10**6, kind=LP)
    return story


def uncovered() -> BackstopStory:
    """The fund has a unit less than it must cover."""
    story = backed()
    story.stress_loss(1_001)
    return story


# fmt: off
TABLE: list[Row] = [
    (backed, capacity(), R.OK),
    (backed, capacity(A), R.ACCOUNT_UNKNOWN),
    (backed, capacity(E), R.ACCOUNT_UNKNOWN),
    (backed, capacity(FUND), R.ACCOUNT_UNKNOWN),
    (backed, capacity(H), R.ACCOUNT_UNKNOWN),
    (backed, capacity(0), R.ACCOUNT_UNKNOWN),
    (backed, capacity(-1), R.ACCOUNT_UNKNOWN),
    (backed, capacity(M), R.ACCOUNT_UNKNOWN),
    (backed, capacity(bounds.ACCOUNTS_MAX + 1), R.ACCOUNT_UNKNOWN),
    (backed, capacity(A, 2, -1), R.ACCOUNT_UNKNOWN),
    (backed, capacity(number=0), R.CONTRACT_UNKNOWN),
    (backed, capacity(number=2, lots=-1), R.CONTRACT_UNKNOWN),
    (backed, capacity(lots=-1), R.CAPACITY_INVALID),
    (backed, capacity(lots=0), R.OK),
    (backed, capacity(lots=LOTS_MAX), R.OK),
    (backed, capacity(lots=LOTS_MAX + 1), R.CAPACITY_INVALID),
    (fresh, capacity(lots=0), R.OK),
    (fresh, capacity(), R.OK),
    (backed, work_back(), R.OK),
    (backed, work_back(0), R.CONTRACT_UNKNOWN),
    (backed, work_back(2, -1), R.CONTRACT_UNKNOWN),
    (backed, work_back(seed=-1), R.SEED_INVALID),
    (backed, work_back(seed=0), R.OK),
    (backed, work_back(seed=SEED_MAX), R.OK),
    (backed, work_back(seed=SEED_MAX + 1), R.SEED_INVALID),
    (backed, stress_loss(-1), R.AMOUNT_NOT_POSITIVE),
    (backed, stress_loss(0), R.OK),
    (backed, stress_loss(DEPOSITS_MAX), R.OK),
    (backed, stress_loss(DEPOSITS_MAX + 1), R.AMOUNT_ABOVE_MAX),
    (backed, place(C), R.OK),
    (uncovered, place(C), R.FUND_BELOW_COVER),
    (uncovered, place(C, lots=0), R.LOTS_NOT_POSITIVE),
    (uncovered, place(B, lots=10), R.OK),
    (uncovered, place(B, lots=11), R.FUND_BELOW_COVER),
]
# fmt: on


@pytest.mark.parametrize(("state", "command", "code"), TABLE, ids=map(row_id, TABLE))
def test_rule_2_2_refusal_of_the_backstop(state, command, code):
    must_answer(state, command, code)


def test_rule_2_2_a_capacity_opens_a_position_record_if_there_is_room():
    story = fresh()
    top = int(story.exchange.arena.engine["positions_top"][0])
    story.exchange.arena.engine["positions_top"] = bounds.POSITIONS_MAX
    assert refusal(story.exchange.submit(capacity(lots=-1))) == R.CAPACITY_INVALID
    assert refusal(story.exchange.submit(capacity())) == R.POOL_FULL
    story.exchange.arena.engine["positions_top"] = top
    story.capacity(D, 1)
    story.exchange.arena.engine["positions_top"] = bounds.POSITIONS_MAX
    assert refusal(story.exchange.submit(capacity(lots=2))) == R.OK
    story.exchange.arena.engine["positions_top"] = top + 1
    story.capacity(D, 3)
    assert [position["capacity"] for position in story.account(D)["positions"]] == [3]


@pytest.mark.parametrize("command", [capacity(A), work_back(0), stress_loss(-1)], ids=str)
def test_rule_2_6_the_first_stamp_may_be_a_command_of_the_backstop(command):
    """Operators set the clock, whatever becomes of the command itself."""
    story = BackstopStory(contract(1, **RATES))
    assert refusal(story.submit(command)) not in (R.OK, R.TIME_AHEAD)
