"""Refusals of margin modes and of prices below a contract's lowest: one row a case, code last."""

import pytest

from engine.schema import refusals
from engine.schema.bounds import DEPOSITS_MAX
from engine.schema.commands import (
    AmendOrder,
    AnyCommand,
    IsolateContract,
    JoinContract,
    MoveMargin,
    PlaceOrder,
    PublishPrice,
)
from engine.schema.vocabulary import STATE_PRE_OPEN, STOP_LIMIT
from tests.rules.refusal_states import FIRST_ORDER, Row, must_answer, row_id
from tests.rules.story import BUY, PERCENT, START_NS, A, B, C, Story, contract
from tests.rules.test_isolated import M, holding, isolated, modes

R = refusals


def isolate(account: int = A, number: int = 1, client_id: int = 1_000) -> AnyCommand:
    return IsolateContract(
        time_ns=START_NS, account=account, client_id=client_id, contract=number
    )


def join(account: int = A, number: int = 1, client_id: int = 1_000) -> AnyCommand:
    return JoinContract(time_ns=START_NS, account=account, client_id=client_id, contract=number)


def move(amount: int, account: int = A, number: int = 1, client_id: int = 1_000) -> AnyCommand:
    return MoveMargin(
        time_ns=START_NS, account=account, client_id=client_id, contract=number, amount=amount
    )


def working() -> Story:
    """A works an order in contract 1, cross."""
    story = modes()
    story.order(A, BUY, 1, 900)
    return story


def liquidating() -> Story:
    """The isolated position is in liquidation and waits for the auction's end."""
    story = holding()
    story.change_state(STATE_PRE_OPEN)
    story.price(840)
    return story


def ranged() -> Story:
    """Prices from 500 to 2000, the mark 1000; A bids at 900."""
    story = Story(
        contract(
            1, initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT, price_ticks_min=500,
            price_ticks_max=2_000,
        )
    )  # fmt: skip
    story.open(A, 10**6)
    story.price(1_000)
    story.order(A, BUY, 1, 900)
    return story


def bid(price_ticks: int, **terms: int) -> AnyCommand:
    return PlaceOrder(
        time_ns=START_NS, account=A, client_id=1_000, contract=1, side=BUY, lots=1,
        price_ticks=price_ticks, **terms,
    )  # fmt: skip


def publish(price_ticks: int) -> AnyCommand:
    return PublishPrice(time_ns=START_NS, source=1, contract=1, price_ticks=price_ticks)


def amend(price_ticks: int) -> AnyCommand:
    return AmendOrder(
        time_ns=START_NS, account=A, client_id=1_000, order_id=FIRST_ORDER,
        price_ticks=price_ticks, lots=1,
    )  # fmt: skip


WAITS = {"order_type": STOP_LIMIT, "trigger_source": 1, "trigger_ticks": 1_200}

# fmt: off
TABLE: list[Row] = [
    (modes, isolate(99), R.ACCOUNT_UNKNOWN),
    (modes, isolate(client_id=0), R.CLIENT_ID_NOT_POSITIVE),
    (modes, isolate(number=0), R.CONTRACT_UNKNOWN),
    (modes, isolate(number=3), R.CONTRACT_UNKNOWN),
    (isolated, isolate(M), R.ACCOUNT_UNKNOWN),
    (isolated, isolate(), R.MODE_UNCHANGED),
    (holding, isolate(), R.MODE_UNCHANGED),
    (holding, isolate(C), R.MODE_NOT_FLAT),
    (working, isolate(), R.MODE_NOT_FLAT),
    (working, isolate(number=2), R.OK),
    (liquidating, isolate(), R.MODE_UNCHANGED),
    (liquidating, isolate(number=2), R.OK),
    (modes, join(99), R.ACCOUNT_UNKNOWN),
    (modes, join(number=3), R.CONTRACT_UNKNOWN),
    (modes, join(), R.MODE_UNCHANGED),
    (isolated, join(number=2), R.MODE_UNCHANGED),
    (isolated, join(B), R.MODE_UNCHANGED),
    (holding, join(), R.MODE_NOT_FLAT),
    (liquidating, join(), R.ACCOUNT_IN_LIQUIDATION),
    (isolated, join(), R.OK),
    (modes, move(1, account=99), R.ACCOUNT_UNKNOWN),
    (modes, move(1, number=-1), R.CONTRACT_UNKNOWN),
    (modes, move(1), R.MODE_UNCHANGED),
    (isolated, move(0), R.AMOUNT_NOT_POSITIVE),
    (isolated, move(DEPOSITS_MAX + 1), R.AMOUNT_ABOVE_MAX),
    (isolated, move(-DEPOSITS_MAX - 1), R.AMOUNT_ABOVE_MAX),
    (isolated, move(8_001), R.WITHDRAWAL_ABOVE_AVAILABLE),
    (isolated, move(-2_001), R.WITHDRAWAL_ABOVE_AVAILABLE),
    (isolated, move(8_000), R.OK),
    (isolated, move(-2_000), R.OK),
    (liquidating, move(-1), R.ACCOUNT_IN_LIQUIDATION),
    (liquidating, move(1), R.OK),
    # the lowest price of a contract
    (ranged, bid(0), R.PRICE_NOT_POSITIVE),
    (ranged, bid(499), R.PRICE_BELOW_MIN),
    (ranged, bid(500), R.OK),
    (ranged, bid(499, **WAITS), R.PRICE_BELOW_MIN),
    (ranged, bid(500, **WAITS), R.OK),
    (ranged, amend(499), R.PRICE_BELOW_MIN),
    (ranged, publish(499), R.SOURCE_PRICE_INVALID),
    (ranged, publish(500), R.OK),
]
# fmt: on


@pytest.mark.parametrize(("state", "command", "code"), TABLE, ids=map(row_id, TABLE))
def test_rule_2_2_refusal_of_margin_modes(state, command, code):
    must_answer(state, command, code)
