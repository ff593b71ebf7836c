"""The one table of trading states (5.1): every pair, every actor, on a live contract."""

from itertools import product

import pytest

from engine import trading_state as ts
from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.vocabulary import NAMES
from engine.trading_state import CHANGES, OPERATOR, STATES, TAKING, WATERFALL
from tests.rules.story import PERCENT, Events, Story, changes_of, contract, named, refusal

STATE_OF = {name: number for number, name in NAMES["state"].items()}
SETTABLE = (1, 2, 4, 5, 6, 7, 8)

# How an operator brings a contract that has just opened into each state.
WAYS = {
    words.STATE_CONTINUOUS: (),
    words.STATE_REDUCE_ONLY: (words.STATE_REDUCE_ONLY,),
    words.STATE_PRE_OPEN: (words.STATE_PRE_OPEN,),
    words.STATE_AUCTION: (words.STATE_AUCTION,),
    words.STATE_HALTED: (words.STATE_HALTED,),
    words.STATE_POST_ONLY: (words.STATE_POST_ONLY,),
    words.STATE_SUSPENDED: (words.STATE_SUSPENDED,),
}

# The page's table, written again: rows are the state left, letters the state asked for.
BY_OPERATOR = {
    "continuous": "-RPAHOS",
    "reduce_only": "C-PAHOS",
    "post_only": "CRPAH-S",
    "pre_open": "CR-AHOS",
    "auction": "CRP-HOS",
    "halted": "--PA--S",
    "suspended": "--PAH--T",
}
LETTERS = dict(
    zip(
        "CRPAHOST",
        (
            "continuous", "reduce_only", "pre_open", "auction", "halted", "post_only",
            "suspended", "settling",
        ),  # fmt: skip
        strict=True,
    )
)


def opened() -> Story:
    story = Story(contract(initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT))
    story.price(1_000)
    return story


def change(story: Story, state: int, number: int = 1) -> Events:
    return story.submit(
        commands.ChangeState(time_ns=story.now_ns, contract=number, state=state)
    )


def in_state(state: int) -> Story:
    story = opened()
    for step in WAYS[state]:
        change(story, step)
    assert STATE_OF[story.state()] == state
    return story


@pytest.mark.parametrize("state_from", SETTABLE)
@pytest.mark.parametrize("state_to", range(-1, words.STATE_LAST + 2))
def test_rule_5_1_every_pair_by_an_operator(state_from, state_to):
    story = in_state(state_from)
    events = change(story, state_to)
    row = BY_OPERATOR[NAMES["state"][state_from]]
    allowed = {STATE_OF[LETTERS[letter]] for letter in row if letter != "-"}
    if state_to not in allowed:
        assert refusal(events) == refusals.STATE_CHANGE_INVALID
        assert STATE_OF[story.state()] == state_from
        return
    changed = changes_of(events)[0]
    assert changed == {
        "state_from": state_from,
        "state_to": state_to,
        "why": words.WHY_OPERATOR,
    }
    collected = state_from in (words.STATE_PRE_OPEN, words.STATE_AUCTION)
    trades = state_to in (words.STATE_CONTINUOUS, words.STATE_REDUCE_ONLY, words.STATE_POST_ONLY)
    assert bool(named(events, "uncrossed")) == (collected and trades)
    assert bool(named(events, "auction_started")) == (state_to == words.STATE_AUCTION)


@pytest.mark.parametrize("state", STATES)
def test_rule_5_1_an_operator_moves_nothing_out_of_frozen(state):
    story = Story(contract(initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT))
    story.submit(commands.AdvanceTime(time_ns=story.now_ns))
    assert refusal(change(story, state)) == refusals.STATE_CHANGE_INVALID


@pytest.mark.parametrize("number", [-1, 0, 2, 300])
def test_rule_5_1_an_unknown_contract_comes_first(number):
    story = opened()
    assert refusal(change(story, 99, number)) == refusals.CONTRACT_UNKNOWN
    assert named(change(story, 99, number), "refused")[0].contract == number


def test_rule_5_1_the_table_says_what_the_kernels_decide():
    function = getattr(ts.may_operator_change, "py_func", ts.may_operator_change)
    legal = {
        (c.state_from, c.state_to)
        for c in CHANGES
        if c.who == OPERATOR and c.why == words.WHY_OPERATOR
    }
    for pair in product(STATES, range(-2, words.STATE_LAST + 2)):
        assert bool(function(*pair)) == (pair in legal), pair


def test_rule_5_1_no_state_lacks_an_exit():
    """From every state a way leads to continuous trading, and no actor leads into itself. But a
    settlement leads to where nobody holds anything, and that is the end (3.2)."""
    assert set(STATES) == set(TAKING) == set(NAMES["state"])
    exits = {state: {c.state_to for c in CHANGES if c.state_from == state} for state in STATES}
    for state in STATES:
        seen, todo = {state}, [state]
        while todo:
            for found in exits[todo.pop()] - seen:
                seen.add(found)
                todo.append(found)
        if state in (words.STATE_SETTLING, words.STATE_SETTLED):
            assert words.STATE_SETTLED in seen
        else:
            assert words.STATE_CONTINUOUS in seen, NAMES["state"][state]
    same = [c for c in CHANGES if c.state_from == c.state_to]
    assert [(c.who, c.why) for c in same] == [(OPERATOR, words.WHY_MARK_HELD)]


def test_rule_5_1_default_gives_back_what_it_takes():
    into = {c.state_from for c in CHANGES if c.state_to == words.STATE_DEFAULT}
    back = {c.state_to for c in CHANGES if c.state_from == words.STATE_DEFAULT}
    assert into == back == {*SETTABLE, words.STATE_SETTLING}
    actors = {c.who for c in CHANGES if words.STATE_DEFAULT in (c.state_from, c.state_to)}
    assert actors == {WATERFALL}


def test_rule_5_4_everything_but_frozen_and_default_freezes():
    froms = {c.state_from for c in CHANGES if c.state_to == words.STATE_FROZEN}
    assert froms == {*SETTABLE, words.STATE_APPROVED}  # which waits for its first mark (3.2)
