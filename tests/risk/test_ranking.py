"""The ranking itself (9.7): whom it names first is whom a plain sort of the same keys names first,
whatever came in and went; and a crash costs its transfers, not debtors times holders."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.crash import CONTRACTS, crash_by, list_contract, open_market
from engine.exchange import Exchange
from engine.kernel import entry
from engine.schema import events
from engine.schema import vocabulary as words
from engine.schema.contract import Config
from engine.state import layout
from engine.state.arena import Arena
from risk import liquidation_queue, ranking

CONTRACT, POSITIONS = 3, range(1, 13)
MEANS = st.one_of(st.integers(0, 9), st.integers(0, 2**61))


class Key(NamedTuple):
    over: int
    under: int
    opened: int
    means: int


KEYS = st.builds(Key, st.integers(1, 6), st.integers(0, 3), st.integers(0, 1), MEANS)


@entry("int64(int64)")
def number_of(contract: int) -> int:
    return ranking.ranking_of(contract, ranking.ASKED, 1)


@entry("int64(int64)")
def begin(arena: int) -> int:
    ranking.void_rankings(arena)
    return 0


@entry("int64(int64, int64, int64)")
def leave(arena: int, number: int, which: int) -> int:
    return ranking.leave_ranking(arena, number, which)


@entry("int64(int64, int64, int64, int64, int64, int64, int64)")
def enter(arena: int, number: int, which: int, over: int, under: int, opened: int, means: int):
    ranking.write_key(arena, which, over, under, opened, means)
    return ranking.enter_ranking(arena, number, which)


@entry("int64(int64, int64, int64)")
def first_of(arena: int, number: int, means: int) -> int:
    return ranking.find_first(arena, number, means)


def order_of(item: tuple[int, Key], accounts: dict[int, int]) -> tuple[bool, Fraction, int, int]:
    position, key = item
    leverage = Fraction(key.over, key.under) if key.under else Fraction(0)
    return key.under != 0, -leverage, key.opened, accounts[position]


def check_tree(arena: Arena, here: int, parent: int = 0) -> list[int]:
    """The means of a branch; the left one's are not above the right one's, and links agree."""
    if here == 0:
        return []
    rank = arena.records("ranks", 2 * POSITIONS.stop)[here]
    assert rank["parent"] == parent
    left = check_tree(arena, int(rank["left"]), here)
    right = check_tree(arena, int(rank["right"]), here)
    assert not left or not right or max(left) <= min(right)
    return [int(rank["means"]), *left, *right]


@entry("int64(int64, int64)")
def fall_into_liquidation(arena: int, account: int) -> int:
    liquidation_queue.enter_liquidation(arena, account, 0)
    return 0


@entry("int64(int64, int64)")
def come_out_of_liquidation(arena: int, account: int) -> int:
    return liquidation_queue.leave_liquidation(arena, account)


@pytest.mark.parametrize("change", [fall_into_liquidation, come_out_of_liquidation])
def test_who_comes_into_or_out_of_liquidation_is_valued_before_the_next_ranking(change):
    arena, account = Arena(), 7
    if change is come_out_of_liquidation:
        fall_into_liquidation(arena.base, account)
    flags = arena.records("accounts", account + 1)["flags"]
    flags[account] &= ~layout.DIRTY
    arena.engine["dirty"] = 0
    change(arena.base, account)
    assert flags[account] & layout.DIRTY
    assert arena.engine["dirty"][0] == 1


@settings(max_examples=60, deadline=None)
@given(
    changes=st.lists(st.tuples(st.sampled_from(POSITIONS), st.none() | KEYS, MEANS), max_size=60),
    ids=st.permutations(POSITIONS),
)
def test_the_first_who_can_afford_it_is_that_of_a_plain_sort(changes, ids):
    arena = Arena()
    accounts = dict(zip(POSITIONS, ids, strict=True))
    for position, account in accounts.items():
        arena.records("positions", POSITIONS.stop)["account"][position] = account
    begin(arena.base)
    number = number_of(CONTRACT)
    inside: dict[int, Key] = {}
    for position, key, means in changes:
        if position in inside:
            leave(arena.base, number, 2 * position)
            del inside[position]
        if key is not None:
            enter(arena.base, number, 2 * position, *key)
            inside[position] = key
        able = [item for item in inside.items() if item[1].means >= means]
        expected = min(able, key=lambda item: order_of(item, accounts))[0] if able else 0
        assert first_of(arena.base, number, means) == 2 * expected
        root = int(arena.records("rankings", number + 1)["root"][number])
        means_inside = sorted(key.means for key in inside.values())
        assert sorted(check_tree(arena, root)) == means_inside


@pytest.mark.parametrize("fall", [15, 90])
@pytest.mark.parametrize(
    "mode", [words.DELEVERAGING_DRAINING, words.DELEVERAGING_QUEUE], ids=["draining", "queue"]
)
def test_a_crash_ranks_every_holder_once_and_then_whom_a_transfer_touched(mode, fall):
    """Each ranking is made once; a transfer brings back two accounts, in each of their contracts
    and both kinds; a candidate comes back for each run of lots that it gives."""
    accounts = 600
    contracts = tuple(list_contract(number + 1) for number in range(CONTRACTS))
    exchange = Exchange(Config(contracts=contracts, deleveraging_mode=mode))
    open_market(exchange, accounts, np.random.default_rng(2))
    ranked_before = int(exchange.arena.engine["ranked"][0])
    found = exchange.run(crash_by(fall))
    ranked = int(exchange.arena.engine["ranked"][0]) - ranked_before
    deleveraged = int((found["kind"] == events.POSITION_DELEVERAGED).sum())
    legs = int((found["kind"] == events.LEG).sum())
    debtors = int((found["kind"] == events.WATERFALL_CLOSED).sum())
    assert deleveraged > 100
    bound = 2 * CONTRACTS * accounts + CONTRACTS * legs + 2 * deleveraged
    assert ranked <= bound < debtors * accounts
