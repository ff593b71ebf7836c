"""States and commands for the tables of refusals, and what a refusal must leave as it was (2.2).

Contract 1: prices to 1500, static band 60%, orders to 100 lots, positions to 150, open interest
to 200, initial margin 10%, taker fee 0.1%. Contract 2 is the same with a mark of 800, and allows
self-trades.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.schema import bounds, refusals
from engine.schema import vocabulary as words
from engine.schema.commands import (
    AdvanceTime,
    AmendOrder,
    AnyCommand,
    CancelOrder,
    CancelSession,
    ChangeState,
    Deposit,
    MassCancel,
    OpenAccount,
    PlaceOrder,
    PublishPrice,
    ReleaseTrading,
    SetBand,
    SetHeartbeat,
    StopTrading,
    Withdraw,
)
from engine.state.arena import canonical_form
from tests.rules.story import (
    BUY,
    PERCENT,
    SELL,
    START_NS,
    A,
    B,
    C,
    D,
    E,
    Story,
    contract,
    refusal,
)

Row = tuple[Callable[[], Story], AnyCommand, int]

FIRST_ORDER = 1 << 32 | 1  # the first order of an exchange: generation 1, slot 1
SECOND_ORDER = 1 << 32 | 2
POST_ONLY, REDUCE_ONLY = words.POST_ONLY, words.REDUCE_ONLY
CASH = 100_000
WAITING = {"order_type": words.STOP_LIMIT, "trigger_source": 1, "trigger_ticks": 1_200}


# The states that the table names, all at the time START_NS.


def listing(number: int, **terms: Any) -> Any:
    return contract(
        number,
        initial_ppb=10 * PERCENT,
        maintenance_ppb=5 * PERCENT,
        fee_taker_ppb=1_000_000,
        band_static_ppb=60 * PERCENT,
        price_ticks_max=1_500,
        order_lots_max=100,
        position_lots_max=150,
        open_interest_lots_max=200,
        **terms,
    )


def unset() -> Story:
    """Nothing has happened: the clock is not set."""
    return Story(listing(1), listing(2, stp_none_allowed=True))


def listed() -> Story:
    """Accounts A, B, C and no price yet."""
    story = unset()
    for account in (A, B, C):
        story.open(account, CASH)
    return story


def trading() -> Story:
    """Marks 1000 and 800; A bids 10 at 990 (the first order), B asks 10 at 1010 (the second)."""
    story = listed()
    story.price(1, 1_000, 2, 800)
    story.order(A, BUY, 10, 990)
    story.order(B, SELL, 10, 1_010)
    return story


def id_100() -> Story:
    """A has used client id 100 as its highest, C none."""
    story = trading()
    story.submit(cancel(A, 0, client_id=100))
    return story


def holding() -> Story:
    """A is long 10 against B."""
    story = trading()
    story.trade(A, B, 10, 1_000)
    return story


def covered() -> Story:
    """The same, with 10 reduce-only lots of A resting."""
    story = holding()
    story.order(A, SELL, 10, 1_100, flags=REDUCE_ONLY)
    return story


def half_full() -> Story:
    """A has 100 lots of resting buys, alone."""
    story = listed()
    story.price(1, 1_000, 2, 800)
    story.order(A, BUY, 100, 900)
    return story


def crowded() -> Story:
    """Resting buys: A 100, B 99."""
    story = listed()
    story.price(1, 1_000, 2, 800)
    story.order(A, BUY, 100, 900)
    story.order(B, BUY, 99, 900)
    return story


def full() -> Story:
    """No page of price levels is left; what allocates them is told so."""
    story = trading()
    story.exchange.arena.engine["pages_top"] = bounds.PAGES_MAX
    story.exchange.arena.engine["pages_free"] = words.NONE
    return story


def held() -> Story:
    """The move limit holds the mark outside its band; A is long 10."""
    story = Story(listing(1, mark_move_ppb=PERCENT), listing(2))
    for account in (A, B, C):
        story.open(account, CASH)
    story.price(1, 1_000, 2, 800)
    story.trade(A, B, 10, 1_000)
    story.price(900)
    assert story.state() == "reduce_only"
    return story


def liquidating() -> Story:
    """D, long 10 with 410 left of 1010 at 940, has sold one lot of many and cools down."""
    story = trading()
    story.open(D, 1_010)
    story.trade(D, B, 10, 1_000)
    story.submit(cancel(A, FIRST_ORDER))
    story.order(C, BUY, 2, 940)
    story.price(940)
    assert story.account(D)["in_liquidation"] and story.lots(D) > 0
    return story


def stopped() -> Story:
    """A waterfall went beyond fund and house: D, short 1 of contract 2, lacked 300."""
    story = listed()
    story.open(D, 101)
    story.open(E, 202)
    story.price(1, 1_000, 2, 1_000)
    story.trade(E, D, 1, 1_000, number=2)
    story.trade(E, C, 1, 1_000, number=1)
    story.price(1, 550, 2, 1_400)
    assert story.exchange.pool()["withdrawals_stopped"] == 1
    return story


def margins() -> Story:
    """D can pay 10 lots at 1000 to the unit: 10% and a fee of 0.1%; E has one unit less."""
    story = trading()
    story.open(D, 1_000 + 10)
    story.open(E, 1_000 + 10 - 1)
    return story


def limited(**config: int) -> Story:
    """Contract 1 wants at least 3 lots and a value of 5,000 to 50,000, and two orders a price; an
    account works three. A bids 10 at 990 (the first order)."""
    terms = {"order_lots_min": 3, "order_value_min": 5_000, "order_value_max": 50_000}
    story = Story(listing(1, level_orders_max=2, **terms), listing(2), orders_account_max=3)
    for account in (A, B, C):
        story.open(account, CASH)
    story.price(1, 1_000, 2, 800)
    story.order(A, BUY, 10, 990)
    return story


def limited_holding() -> Story:
    """The same, and A, long 10, works two orders and has room for one."""
    story = limited()
    story.trade(A, B, 10, 1_000)
    story.order(A, BUY, 10, 980)
    return story


def busy() -> Story:
    """A, long 10, works three orders: at the limit."""
    story = limited_holding()
    story.order(A, BUY, 10, 970)
    return story


def busy_reducing() -> Story:
    """One of the three is reduce-only."""
    story = limited_holding()
    story.order(A, SELL, 5, 1_100, flags=REDUCE_ONLY)
    return story


def busy_armed() -> Story:
    """One of the three is a stop that waits."""
    story = limited_holding()
    story.order(A, BUY, 10, 1_300, **WAITING)
    return story


def level_full() -> Story:
    """Two orders bid 990, as many as a price holds; C bids 989 (the third order)."""
    story = limited()
    story.order(B, BUY, 10, 990)
    story.order(C, BUY, 10, 989)
    return story


def chatty() -> Story:
    """Two commands of an account a second. A, long 10, has sent them; its client id is 2."""
    story = Story(listing(1), listing(2), messages_max=2)
    for account in (A, B, C):
        story.open(account, CASH)
    story.price(1, 1_000, 2, 800)
    story.trade(A, B, 10, 1_000)
    story.withdraw(A, 1)
    return story


def linked() -> Story:
    """A's bids at 990 (the first order) and 980 (the third) are siblings; a stop (the fourth) and
    an ask in contract 2 (the fifth) are not linked."""
    story = trading()
    story.order(A, BUY, 10, 980, linked_id=FIRST_ORDER)
    story.order(A, BUY, 10, 1_300, **WAITING)
    story.order(A, SELL, 10, 900, number=2)
    return story


def stopped_by(scope: int, number: int) -> Callable[[], Story]:
    """A kill switch on top of `holding`: A is long 10 and has no order."""

    def state() -> Story:
        story = holding()
        story.stop(scope, number)
        return story

    state.__name__ = f"stopped_by_{words.NAMES['scope'][scope]}_{number}"
    return state


def liquidating_stopped() -> Story:
    """D is in liquidation, and a kill switch stops its group."""
    story = liquidating()
    story.stop(words.SCOPE_GROUP, D)
    return story


def traded() -> Story:
    """A is long 10 since a trade at 1000, which is the last price."""
    return holding()


def in_state(*states: int) -> Callable[[], Story]:
    """The operator has brought contract 1 of `holding` through these states."""

    def state() -> Story:
        story = holding()
        for number in states:
            assert refusal(story.change_state(number)) == refusals.OK
        return story

    state.__name__ = "_".join(words.NAMES["state"][number] for number in states)
    return state


# Commands at START_NS with everything in order but what the row names.


def place(account: int = C, **terms: int) -> PlaceOrder:
    order = {"client_id": 1_000, "contract": 1, "side": BUY, "lots": 1, "price_ticks": 1_000}
    return PlaceOrder(**({"time_ns": START_NS, "account": account} | order | terms))


def cancel(account: int, order_id: int, client_id: int = 1_000) -> CancelOrder:
    return CancelOrder(time_ns=START_NS, account=account, client_id=client_id, order_id=order_id)


def amend(account: int, order_id: int, **terms: int) -> AmendOrder:
    fields = {"client_id": 1_000, "price_ticks": 990, "lots": 10} | terms
    return AmendOrder(time_ns=START_NS, account=account, order_id=order_id, **fields)


def mass(number: int, sides: int = words.SIDES_BOTH) -> MassCancel:
    return MassCancel(time_ns=START_NS, account=A, client_id=1_000, contract=number, sides=sides)


def withdraw(account: int, amount: int, **terms: int) -> Withdraw:
    fields = {"time_ns": START_NS, "client_id": 1_000} | terms
    return Withdraw(account=account, amount=amount, **fields)


def publish(**terms: int) -> PublishPrice:
    fields = {"time_ns": START_NS, "source": 1, "contract": 1, "price_ticks": 1_000}
    return PublishPrice(**(fields | terms))


def open_account(account: int, owner: int = 1, group: int = 1, kind: int = 0) -> OpenAccount:
    return OpenAccount(
        time_ns=START_NS, account=account, owner=owner, group=group, account_kind=kind
    )


def deposit(amount: int, ledger: int = words.LEDGER_CLIENT, account: int = A) -> Deposit:
    return Deposit(time_ns=START_NS, amount=amount, ledger=ledger, account=account)


def advance(time_ns: int) -> AdvanceTime:
    return AdvanceTime(time_ns=time_ns)


def stop_order(account: int = C, **terms: int) -> PlaceOrder:
    """A stop to buy 10 at 1200 once the mark is at 1100."""
    stop = {"order_type": words.STOP_LIMIT, "trigger_source": 1, "trigger_ticks": 1_100}
    return place(account, **({"price_ticks": 1_200, "lots": 10} | stop | terms))


def heartbeat(account: int, timeout_ns: int) -> SetHeartbeat:
    return SetHeartbeat(time_ns=START_NS, account=account, client_id=1_000, timeout_ns=timeout_ns)


def lose_session(account: int, session: int) -> CancelSession:
    return CancelSession(time_ns=START_NS, account=account, client_id=1_000, session=session)


def stop(scope: int, number: int = 0) -> StopTrading:
    return StopTrading(time_ns=START_NS, scope=scope, number=number)


def release(scope: int, number: int = 0) -> ReleaseTrading:
    return ReleaseTrading(time_ns=START_NS, scope=scope, number=number)


def allied() -> Story:
    """A is long 10 of the 12 that its group may hold; D is of the same group."""
    story = Story(listing(1, group_lots_max=12), listing(2))
    for account in (A, B, D):
        story.open(account, CASH, group=A if account == D else account)
    story.price(1, 1_000, 2, 800)
    story.trade(A, B, 10, 1_000)
    return story


def change(state: int, number: int = 1) -> ChangeState:
    return ChangeState(time_ns=START_NS, contract=number, state=state)


def band(low_ticks: int, high_ticks: int, number: int = 1) -> SetBand:
    return SetBand(time_ns=START_NS, contract=number, low_ticks=low_ticks, high_ticks=high_ticks)


def frozen_copy(story: Story) -> dict[str, list[np.ndarray]]:
    """The logical state without what a refusal may change: sequence, window of ids, rate."""
    form = canonical_form(story.exchange.arena)
    copy = {name: [np.array(column) for column in columns] for name, columns in form.items()}
    del copy["engine"][0]  # sequence
    del copy["accounts"][-2:]  # window of messages, their number
    del copy["accounts"][2:4]  # highest client id, bitmap
    return copy


def assert_same(before: dict[str, list[np.ndarray]], after: dict[str, list[np.ndarray]]) -> None:
    assert list(before) == list(after)
    for name, columns in before.items():
        for number, column in enumerate(columns):
            assert np.array_equal(column, after[name][number]), f"{name} column {number}"


def row_id(row: Row) -> str:
    state, command, code = row
    return f"{state.__name__}-{type(command).__name__}-{refusals.NAMES.get(code, 'OK')}"


def must_answer(state: Callable[[], Story], command: AnyCommand, code: int) -> None:
    """The command in this state is answered by this code; a refusal changes nothing."""
    story = state()
    before = frozen_copy(story)
    sequence = story.exchange.pool()["sequence"]
    events = story.submit(command)
    assert refusal(events) == code
    assert story.exchange.pool()["sequence"] == sequence + 1
    if code != refusals.OK:
        assert [event.name for event in events] == ["refused"]
        assert events[0].sequence == sequence + 1
        assert events[0].account == getattr(command, "account", 0)
        assert events[0].contract == getattr(command, "contract", 0)
        assert events[0].values["command"] == type(command).kind_code
        assert events[0].values["client_id"] == getattr(command, "client_id", 0)
        assert events[0].values["order_id"] == getattr(command, "order_id", 0)
        assert_same(before, frozen_copy(story))
