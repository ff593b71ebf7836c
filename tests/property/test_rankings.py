"""Rankings that were kept through changes are those that are made anew (9.7)."""

import pytest

from engine.exchange import Exchange
from engine.kernel import entry
from engine.state.arena import Arena
from engine.state.copying import copy_arena
from risk.counterparties import open_ranking
from tests.oracle.workload import Workload, configs
from tests.property.both import pack

COMMANDS = 1_200
EVERY = 7


@entry("int64(int64, int64, int64, int64)")
def open_one(arena: int, contract: int, kind: int, is_long: int) -> int:
    return open_ranking(arena, contract, kind, is_long)


def list_entries(arena: Arena, number: int) -> dict[int, tuple[int, ...]]:
    """The entries of a ranking with their keys."""
    ranks = arena.records("ranks", 2 * int(arena.engine["positions_top"][0]) + 2)
    found: dict[int, tuple[int, ...]] = {}
    waiting = [int(arena.records("rankings", number + 1)["root"][number])]
    while waiting:
        here = waiting.pop()
        if here:
            rank = ranks[here]
            found[here] = tuple(
                int(rank[name]) for name in ("over", "under", "opened", "means")
            )
            waiting += [int(rank["left"]), int(rank["right"])]
    return found


def check_rankings(arena: Arena) -> int:
    """Both kinds, both sides of every contract, kept and anew; returns how many entries."""
    anew = copy_arena(arena)
    entries = 0
    for contract in range(1, int(arena.engine["contracts"][0]) + 1):
        for kind in (0, 1):
            for is_long in (0, 1):
                number = open_one(arena.base, contract, kind, is_long)
                assert open_one(anew.base, contract, kind, is_long) == number
                kept = list_entries(arena, number)
                assert kept == list_entries(anew, number), (contract, kind, is_long)
                entries += len(kept)
    return entries


@pytest.mark.parametrize("name", ["nothing_behind", "queue", "isolated", "backstop"])
def test_kept_rankings_are_those_made_anew(name):
    config = configs()[name]
    exchange, workload = Exchange(config), Workload(31, config)
    entries = kept = 0
    for number in range(COMMANDS):
        stamp = int(exchange.arena.engine["ranking"][0])
        found = exchange.run(pack(workload.next_command()))
        workload.observe([tuple(event) for event in found.tolist()])
        kept += int(exchange.arena.engine["ranking"][0]) == stamp
        if number % EVERY == 0:
            entries += check_rankings(exchange.arena)
    assert entries > COMMANDS
    assert kept > COMMANDS // 3, "most commands must find rankings open"
