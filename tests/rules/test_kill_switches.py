"""Cancels of many: by side, by session, by a heartbeat that stays out, by the kill switch (4.6)."""

import pytest

from engine.schema import refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND
from engine.schema.commands import CancelSession, MassCancel
from tests.rules.market import (
    CLOSE,
    MARKET,
    REDUCE_ONLY,
    ended,
    fills,
    market,
    rests,
    stop_at,
    triggered,
    two_markets,
)
from tests.rules.story import (
    BUY,
    FOK,
    IOC,
    SELL,
    START_NS,
    A,
    B,
    C,
    D,
    Story,
    named,
    only,
    order_id,
    refusal,
)

ACCOUNT, GROUP = words.SCOPE_ACCOUNT, words.SCOPE_GROUP
CONTRACT, ALL = words.SCOPE_CONTRACT, words.SCOPE_ALL
MATE = 20  # an account in A's group
JOINED = 21
SECOND = NS_PER_SECOND
BLOCKED = refusals.TRADING_BLOCKED


# Mass cancel.


@pytest.mark.parametrize(
    ("number", "sides", "expected"),
    [
        (0, words.SIDES_BOTH, [0, 1, 2, 3, 4]),
        (0, words.SIDES_BUY, [0, 2, 3]),
        (0, words.SIDES_SELL, [1, 4]),
        (1, words.SIDES_BOTH, [0, 1, 2]),
        (1, words.SIDES_BUY, [0, 2]),
        (1, words.SIDES_SELL, [1]),
        (2, words.SIDES_SELL, [4]),
    ],
)
def test_rule_4_6_mass_cancel_by_contract_and_side(number, sides, expected):
    """What rests and what waits, in the order of arrival, contract by contract."""
    story = two_markets()
    orders = [
        order_id(story.order(A, BUY, 1, 900)),
        order_id(story.order(A, SELL, 1, 1_100)),
        order_id(story.order(A, BUY, 1, 1_100, **stop_at(1_100))),
        order_id(story.order(A, BUY, 1, 900, 2)),
        order_id(story.order(A, SELL, 1, 900, 2, **stop_at(900))),
    ]
    other = order_id(story.order(B, BUY, 1, 900))
    events = story.cancel_all(A, number, sides)
    assert ended(events) == [(orders[k], 1, "mass_cancel") for k in expected]
    assert only(events, "mass_cancelled")["orders"] == len(expected)
    assert rests(story, other)


# The heartbeat.


def test_rule_4_6_a_heartbeat_that_stays_out_cancels_everything():
    story = two_markets()
    bid = order_id(story.order(A, BUY, 1, 900))
    stop = order_id(story.order(A, BUY, 1, 1_100, **stop_at(1_100)))
    ask = order_id(story.order(A, SELL, 1, 1_100, 2))
    other = order_id(story.order(B, BUY, 1, 900))
    due_ns = START_NS + 5 * SECOND
    assert only(story.heartbeat(A, 5 * SECOND), "heartbeat_set")["due_ns"] == due_ns
    assert ended(story.go(4, SECOND - 1)) == []
    events = story.go(5)
    assert ended(events) == [(number, 1, "heartbeat") for number in (bid, stop, ask)]
    assert only(events, "heartbeat_lost", A) == {"orders": 3, "due_ns": due_ns}
    assert rests(story, other)


def test_rule_4_6_a_heartbeat_is_armed_again_by_the_next_and_disarmed_by_zero():
    story = market()
    number = order_id(story.order(A, BUY, 1, 900))
    story.heartbeat(A, 5 * SECOND)
    story.go(4)
    assert (
        only(story.heartbeat(A, 5 * SECOND), "heartbeat_set")["due_ns"] == story.now_ns + 5 * SECOND
    )
    assert ended(story.go(8)) == []
    assert only(story.heartbeat(A, 0), "heartbeat_set")["due_ns"] == 0
    assert ended(story.go(100)) == [] and rests(story, number)


def test_rule_4_6_a_lost_heartbeat_is_disarmed_until_it_comes_again():
    """An account without orders loses it, too; what it sends later stays."""
    story = market()
    story.heartbeat(A, SECOND)
    assert only(story.go(1), "heartbeat_lost", A)["orders"] == 0
    number = order_id(story.order(A, BUY, 1, 900))
    assert named(story.go(100), "heartbeat_lost") == [] and rests(story, number)


def test_rule_4_6_a_heartbeat_runs_out_before_the_command_of_its_time():
    story = market()
    number = order_id(story.order(A, BUY, 1, 1_000))
    story.heartbeat(A, 5 * SECOND)
    story.now_ns += 5 * SECOND
    events = story.order(B, SELL, 1, 1_000)
    assert ended(events) == [(number, 1, "heartbeat")] and fills(events) == []


def test_rule_5_4_a_heartbeat_runs_out_while_the_contract_is_frozen():
    story = market()
    number = order_id(story.order(A, BUY, 1, 900))
    story.go(86_400, 1)
    assert story.state() == "frozen"
    story.heartbeat(A, SECOND)
    assert ended(story.go(86_401, 1)) == [(number, 1, "heartbeat")]


def test_heartbeats_of_one_time_come_by_account():
    story = market()
    for account in (C, A, B):
        story.order(account, BUY, 1, 900)
        story.heartbeat(account, 5 * SECOND)
    assert [event.account for event in named(story.go(5), "heartbeat_lost")] == [A, B, C]


# Sessions.


def test_rule_4_6_a_lost_session_takes_its_own_orders_only():
    story = two_markets()
    mine = [
        order_id(story.order(A, BUY, 1, 900, session=7)),
        order_id(story.order(A, BUY, 1, 1_100, **stop_at(1_100), session=7)),
        order_id(story.order(A, SELL, 1, 1_100, 2, session=7)),
    ]
    others = [
        order_id(story.order(A, BUY, 1, 901, session=8)),
        order_id(story.order(A, BUY, 1, 902)),
        order_id(story.order(B, BUY, 1, 903, session=7)),
    ]
    events = story.lose_session(A, 7)
    assert ended(events) == [(number, 1, "session") for number in mine]
    lost = only(events, "session_cancelled", A)
    assert (lost["session"], lost["orders"]) == (7, 3)
    assert all(rests(story, number) for number in others)
    assert only(story.lose_session(A, 7), "session_cancelled")["orders"] == 0


def test_an_amended_order_keeps_its_session():
    story = market()
    number = order_id(story.order(A, BUY, 1, 900, session=7))
    story.amend(A, number, 2, 950)
    assert ended(story.lose_session(A, 7)) == [(number, 2, "session")]


def test_a_fired_order_keeps_its_session():
    story = market()
    number = order_id(story.order(A, BUY, 1, 900, **stop_at(1_010), session=7))
    assert triggered(story.price(1_010)) == [number]
    assert ended(story.lose_session(A, 7)) == [(number, 1, "session")]


# The kill switch.


def crowd() -> tuple[Story, dict[str, int]]:
    """Orders of A and of its mate in contract 1, of A in contract 2, of C in both."""
    story = two_markets()
    story.open(MATE, 10**9, group=A)
    orders = {
        "c_1": order_id(story.order(C, BUY, 1, 900)),
        "a_1": order_id(story.order(A, BUY, 1, 900)),
        "mate_1": order_id(story.order(MATE, BUY, 1, 900)),
        "a_2": order_id(story.order(A, BUY, 1, 900, 2)),
        "a_1_waits": order_id(story.order(A, BUY, 1, 1_100, **stop_at(1_100))),
        "c_2": order_id(story.order(C, BUY, 1, 900, 2)),
    }
    return story, orders


@pytest.mark.parametrize(
    ("scope", "number", "expected", "blocked"),
    [
        (ACCOUNT, A, ["a_1", "a_1_waits", "a_2"], {(A, 1), (A, 2)}),
        (
            GROUP,
            A,
            ["a_1", "a_1_waits", "a_2", "mate_1"],
            {(A, 1), (A, 2), (MATE, 1), (MATE, 2)},
        ),
        (CONTRACT, 1, ["a_1", "a_1_waits", "c_1", "mate_1"], {(A, 1), (MATE, 1), (C, 1)}),
        (
            ALL,
            0,
            ["a_1", "a_1_waits", "a_2", "c_1", "c_2", "mate_1"],
            {(account, number) for account in (A, MATE, C) for number in (1, 2)},
        ),
    ],
)
def test_rule_4_6_the_kill_switch_by_its_four_scopes(scope, number, expected, blocked):
    """By account, then as a mass cancel does it; then nothing new until it is released."""
    story, orders = crowd()
    events = story.stop(scope, number)
    assert ended(events) == [(orders[name], 1, "kill") for name in expected]
    stopped = only(events, "trading_stopped")
    assert stopped == {"scope": scope, "number": number, "orders": len(expected)}
    everyone = [(account, where) for account in (A, MATE, C) for where in (1, 2)]
    for account, where in everyone:
        code = refusal(story.order(account, BUY, 1, 900, where))
        assert code == (BLOCKED if (account, where) in blocked else refusals.OK)
    released = only(story.release(scope, number), "trading_released")
    assert released == {"scope": scope, "number": number}
    for account, where in everyone:
        assert refusal(story.order(account, BUY, 1, 900, where)) == refusals.OK


def test_rule_4_6_switches_of_several_scopes_are_released_one_by_one():
    story = market()
    switches = [(ACCOUNT, A), (GROUP, A), (CONTRACT, 1), (ALL, 0)]
    for switch in switches:
        assert refusal(story.stop(*switch)) == refusals.OK
    for switch in switches:
        assert refusal(story.order(A, BUY, 1, 900)) == BLOCKED
        assert refusal(story.release(*switch)) == refusals.OK
    assert refusal(story.order(A, BUY, 1, 900)) == refusals.OK


@pytest.mark.parametrize("switch", [(ACCOUNT, A), (GROUP, A), (CONTRACT, 1), (ALL, 0)])
@pytest.mark.parametrize(
    ("terms", "traded"),
    [
        ({"flags": REDUCE_ONLY, "tif": IOC}, 4),
        ({"flags": REDUCE_ONLY, "tif": FOK}, 4),
        ({"flags": CLOSE, "tif": IOC}, 5),
        ({"flags": REDUCE_ONLY, **MARKET}, 4),
        ({"tif": IOC}, 0),
        ({"flags": REDUCE_ONLY}, 0),
    ],
)
def test_rule_4_6_reducing_orders_that_trade_at_once_pass_the_kill_switch(switch, terms, traded):
    """A, long 5, sells 4, or all of it; B's bid is spared or sent again after the switch."""
    story = market()
    story.trade(A, C, 5, 1_000)
    if switch[0] in (ACCOUNT, GROUP):
        story.order(B, BUY, 9, 1_000)
        story.stop(*switch)
    else:
        story.stop(*switch)
        story.release(*switch)
        story.order(B, BUY, 9, 1_000)
        # A alone is stopped: the others' orders would be cancelled with the contract's
        story.stop(ACCOUNT, A)
    events = story.order(A, SELL, 4, 1_000, **terms)
    assert sum(lots for lots, _ in fills(events)) == traded
    assert refusal(events) == (refusals.OK if traded else BLOCKED)


def test_rule_4_6_a_kill_switch_leaves_cancels_money_and_positions():
    story = market()
    story.trade(A, B, 5, 1_000)
    story.stop(ALL)
    assert refusal(story.cancel_all(A)) == refusals.OK
    assert refusal(story.withdraw(A, 1)) == refusals.OK
    assert refusal(story.deposit(A, 1)) == refusals.OK
    assert story.lots(A) == 5


def test_rule_4_6_a_switch_works_while_the_contract_is_frozen():
    story = market()
    number = order_id(story.order(A, BUY, 1, 900))
    story.go(86_400, 1)
    assert ended(story.stop(CONTRACT, 1)) == [(number, 1, "kill")]


def test_rule_4_6_an_account_opened_into_a_stopped_group_is_stopped():
    story = market()
    story.stop(GROUP, A)
    story.open(JOINED, 10**6, group=A)
    assert refusal(story.order(JOINED, BUY, 1, 900)) == BLOCKED
    story.release(GROUP, A)
    assert refusal(story.order(JOINED, BUY, 1, 900)) == refusals.OK


def test_rule_4_6_a_killed_order_releases_its_reserve_and_its_trigger():
    story = market()
    story.order(A, BUY, 5, 900)
    story.order(A, BUY, 5, 1_100, **stop_at(1_100))
    assert story.position(A)["reserve_buy"] == 450
    story.stop(ACCOUNT, A)
    assert story.position(A)["reserve_buy"] == 0
    story.release(ACCOUNT, A)
    assert triggered(story.price(1_200)) == []


def test_rule_4_6_orders_that_have_fired_are_killed_before_their_turn():
    story = market(config={"triggers_max": 1})
    first = order_id(story.order(A, BUY, 1, 900, **stop_at(1_010)))
    second = order_id(story.order(A, BUY, 1, 900, **stop_at(1_010)))
    assert triggered(story.price(1_010)) == [first]
    events = story.stop(ACCOUNT, A)
    assert ended(events) == [(second, 1, "kill"), (first, 1, "kill")]
    assert triggered(events) == []


def test_rule_2_3_a_client_can_cancel_its_own_and_no_one_elses():
    """Every cancel of many names an account, and takes that account's orders alone."""
    story = market()
    mine = order_id(story.order(D, BUY, 1, 900, session=7))
    story.submit(MassCancel(time_ns=story.now_ns, account=A, client_id=100))
    story.submit(CancelSession(time_ns=story.now_ns, account=A, client_id=101, session=7))
    story.heartbeat(B, NS_PER_DAY)
    assert rests(story, mine)
