"""Refusals of withdrawals in two phases, listing, margin modes and leverage caps: code last."""

import pytest

from engine.schema import commands, refusals
from engine.schema.bounds import DEPOSITS_MAX, PPB, TIME_NS_MAX, WITHDRAWALS_MAX
from engine.schema.commands import AnyCommand
from engine.schema.contract import hash_of_contract
from engine.schema.vocabulary import FUND, IOC, MARKET, SOURCE_MARK, STATE_FROZEN
from tests.rules.refusal_states import Row, must_answer, row_id
from tests.rules.story import BUY, PERCENT, SELL, START_NS, A, B, H, Story, contract, refusal
from tests.rules.test_isolated import M

R = refusals
RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
MOVES = (-20 * PERCENT, 20 * PERCENT)
HASH = hash_of_contract(contract(1, **RATES))
HASH_OF_UNFIT = hash_of_contract(contract(2, **RATES, mark_band_ppb=5 * PERCENT))


def confirm(account: int = A, client_id: int = 1) -> AnyCommand:
    return commands.ConfirmWithdrawal(time_ns=START_NS, account=account, client_id=client_id)


def give_back(account: int = A, client_id: int = 1) -> AnyCommand:
    return commands.ReturnWithdrawal(time_ns=START_NS, account=account, client_id=client_id)


def withdraw(amount: int = 1) -> AnyCommand:
    return commands.Withdraw(time_ns=START_NS, account=A, client_id=60, amount=amount)


def approve(
    number: int = 1, hashes: tuple[int, ...] = HASH, reference: int = 1
) -> AnyCommand:
    words = {f"hash_{k}": word for k, word in enumerate(hashes, start=1)}
    return commands.ApproveContract(
        time_ns=START_NS, contract=number, reference=reference, **words
    )


def mode(margin_mode: int = 1, account: int = A) -> AnyCommand:
    return commands.SetMarginMode(time_ns=START_NS, account=account, margin_mode=margin_mode)


def cap(rate_ppb: int = PPB, account: int = A) -> AnyCommand:
    return commands.SetLeverageCap(
        time_ns=START_NS, account=account, rate_initial_ppb=rate_ppb
    )


def place(number: int) -> AnyCommand:
    return commands.PlaceOrder(
        time_ns=START_NS, account=A, client_id=60, contract=number, side=BUY, lots=1,
        price_ticks=100,
    )  # fmt: skip


def enter(stop_ticks: int, target_ticks: int, side: int = BUY) -> AnyCommand:
    """A market entry with its bracket."""
    return commands.PlaceBracket(
        time_ns=START_NS, account=A, client_id=60, contract=1, side=side, lots=1, order_type=MARKET,
        tif=IOC, stop_ticks=stop_ticks, target_ticks=target_ticks, trigger_source=SOURCE_MARK,
    )  # fmt: skip


def opened(**config: object) -> Story:
    story = Story(contract(1, **RATES), **config)
    story.open(A, 1_000)
    story.open(B, 10_000)
    story.price(100)
    return story


def offered() -> Story:
    return opened(portfolio_moves_ppb=MOVES)


def isolated() -> Story:
    story = offered()
    story.isolate(A)
    return story


def reserved() -> Story:
    """A has one withdrawal reserved, under client id 1."""
    story = opened()
    story.withdraw(A, 100)
    return story


def full() -> Story:
    """A has as many reserved as it may; withdrawals are stopped, too."""
    story = opened()
    for _ in range(WITHDRAWALS_MAX):
        story.withdraw(A, 1)
    story.exchange.arena.pool["withdrawals_stopped"] = 1
    return story


def working() -> Story:
    story = offered()
    story.order(A, BUY, 1, 90)
    return story


def portfolio() -> Story:
    story = offered()
    story.submit(mode())
    return story


def long(cash_left: int) -> Story:
    """10 lots at 100: by tiers they need 100, as a portfolio 250."""
    story = offered()
    story.trade(A, B, 10, 100)
    story.withdraw(A, 1_000 - cash_left)
    return story


def just_enough() -> Story:
    return long(250)


def just_short() -> Story:
    return long(249)


def falling() -> Story:
    """A is in liquidation, and cools down."""
    story = long(100)
    story.order(B, BUY, 2, 94)
    story.price(94)
    assert story.account(A)["in_liquidation"]
    return story


def drafted() -> Story:
    """Two drafts, of which the second could never be approved."""
    story = Story(
        contract(1, **RATES), contract(2, **RATES, mark_band_ppb=5 * PERCENT),
        approvals_required=True,
    )  # fmt: skip
    story.open(A, 1_000)
    return story


def approved() -> Story:
    story = drafted()
    story.submit(approve())
    return story


def live() -> Story:
    story = approved()
    story.change_state(STATE_FROZEN)
    return story


# fmt: off
TABLE: list[Row] = [
    (reserved, confirm(), R.OK),
    (reserved, confirm(H), R.ACCOUNT_UNKNOWN),
    (reserved, confirm(FUND), R.ACCOUNT_UNKNOWN),
    (reserved, confirm(0), R.ACCOUNT_UNKNOWN),
    (reserved, confirm(B), R.WITHDRAWAL_UNKNOWN),
    (reserved, confirm(client_id=2), R.WITHDRAWAL_UNKNOWN),
    (reserved, confirm(client_id=0), R.WITHDRAWAL_UNKNOWN),
    (reserved, confirm(client_id=-1), R.WITHDRAWAL_UNKNOWN),
    (isolated, confirm(M), R.ACCOUNT_UNKNOWN),
    (reserved, give_back(), R.OK),
    (reserved, give_back(H), R.ACCOUNT_UNKNOWN),
    (reserved, give_back(FUND), R.ACCOUNT_UNKNOWN),
    (reserved, give_back(B), R.WITHDRAWAL_UNKNOWN),
    (reserved, give_back(client_id=2), R.WITHDRAWAL_UNKNOWN),
    (isolated, give_back(M), R.ACCOUNT_UNKNOWN),
    (full, withdraw(0), R.AMOUNT_NOT_POSITIVE),
    (full, withdraw(DEPOSITS_MAX + 1), R.AMOUNT_ABOVE_MAX),
    (full, withdraw(), R.WITHDRAWALS_PENDING),
    (reserved, withdraw(900), R.OK),
    (reserved, withdraw(901), R.WITHDRAWAL_ABOVE_AVAILABLE),
    (drafted, approve(), R.OK),
    (opened, approve(), R.COMMAND_UNKNOWN),
    (drafted, approve(0), R.CONTRACT_UNKNOWN),
    (drafted, approve(3), R.CONTRACT_UNKNOWN),
    (approved, approve(reference=0), R.STATE_CHANGE_INVALID),
    (live, approve(), R.STATE_CHANGE_INVALID),
    (drafted, approve(reference=0, hashes=(0, 0, 0, 0)), R.APPROVAL_INVALID),
    (drafted, approve(reference=-1), R.APPROVAL_INVALID),
    (drafted, approve(reference=TIME_NS_MAX), R.OK),
    (drafted, approve(2), R.SPECIFICATION_DIFFERS),
    (drafted, approve(hashes=HASH_OF_UNFIT), R.SPECIFICATION_DIFFERS),
    (drafted, approve(2, HASH_OF_UNFIT), R.SPECIFICATION_UNFIT),
    (drafted, place(1), R.CONTRACT_NOT_LIVE),
    (approved, place(1), R.CONTRACT_NOT_LIVE),
    (drafted, enter(0, 110), R.CONTRACT_NOT_LIVE),  # half a bracket, and no mark to lie beside
    (drafted, enter(110, 0, SELL), R.CONTRACT_NOT_LIVE),
    (drafted, enter(90, 0), R.BRACKET_INVALID),
    (drafted, enter(0, 90, SELL), R.BRACKET_INVALID),
    (live, place(1), R.CONTRACT_FROZEN),
    (offered, mode(), R.OK),
    (offered, mode(account=B), R.OK),
    (offered, mode(account=H), R.ACCOUNT_UNKNOWN),
    (offered, mode(account=FUND), R.ACCOUNT_UNKNOWN),
    (isolated, mode(account=M), R.ACCOUNT_UNKNOWN),
    (offered, mode(2), R.MODE_INVALID),
    (offered, mode(-1), R.MODE_INVALID),
    (opened, mode(), R.MODE_INVALID),
    (opened, mode(0), R.MODE_INVALID),
    (offered, mode(0), R.MODE_UNCHANGED),
    (portfolio, mode(), R.MODE_UNCHANGED),
    (portfolio, mode(0), R.OK),
    (falling, mode(), R.ACCOUNT_IN_LIQUIDATION),
    (working, mode(), R.MODE_WITH_ORDERS),
    (just_enough, mode(), R.OK),
    (just_short, mode(), R.MARGIN_INSUFFICIENT),
    (opened, cap(), R.OK),
    (opened, cap(0), R.OK),
    (opened, cap(-1), R.RATE_INVALID),
    (opened, cap(PPB + 1), R.RATE_INVALID),
    (opened, cap(account=H), R.ACCOUNT_UNKNOWN),
    (opened, cap(account=FUND), R.ACCOUNT_UNKNOWN),
    (isolated, cap(account=M), R.ACCOUNT_UNKNOWN),
    (falling, cap(), R.OK),
]
# fmt: on


@pytest.mark.parametrize(("state", "command", "code"), TABLE, ids=map(row_id, TABLE))
def test_rule_2_2_refusal_of_what_operators_decide(state, command, code):
    must_answer(state, command, code)


@pytest.mark.parametrize("command", [confirm(H), give_back(H), mode(9), cap(-1)], ids=str)
def test_rule_2_6_an_operator_may_set_the_first_stamp(command):
    story = Story(contract(1, **RATES))
    assert refusal(story.submit(command)) not in (R.OK, R.TIME_AHEAD)


def test_rule_2_6_a_kind_that_nobody_asks_for_does_not_set_the_first_stamp():
    assert refusal(Story(contract(1, **RATES)).submit(approve())) == R.TIME_AHEAD
    story = Story(contract(1, **RATES), approvals_required=True)
    assert refusal(story.submit(approve())) == R.OK
