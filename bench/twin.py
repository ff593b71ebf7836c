"""Kernel against C++ twin, interleaved in one process on two arenas with the same bytes.

Absolute times wander with the machine; the ratio of two runs a moment apart does not. So a round
gives the same commands to both, the order of the two alternates, and what counts is the mean of
both orders' medians of the rounds' ratios. Times are of the thread, so that a neighbour's turn does
not count.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.native.build import Run, TwinMissing, load_twin
from bench.workloads import Workload, make_workload, room_of
from engine.exchange import EVENTS_PER_RUN, Exchange
from engine.schema.bounds import TIERS_MAX
from engine.schema.commands import COMMAND
from engine.state import layout
from engine.state.arena import Arena, Room
from engine.transition.run import run

BATCH = 1024  # the least that the targets are for; larger ones drive more out of the caches
ROUNDS = 80
BATCHES_PER_ROUND = 16


class Difference(AssertionError):
    """Kernel and twin disagree; the text names the first place."""


class Comparison(NamedTuple):
    """Nanoseconds per command of every round."""

    workload: str
    kernel_ns: list[float]
    twin_ns: list[float]

    @property
    def ratio(self) -> float:
        """Who goes second finds the commands in the caches, which takes up to a quarter of its time
        where rounds are short. One median over both orders would be anywhere between the two."""
        ratios = [ours / theirs for ours, theirs in zip(self.kernel_ns, self.twin_ns, strict=True)]
        orders = [part for part in (ratios[0::2], ratios[1::2]) if part]
        return statistics.geometric_mean(statistics.median(part) for part in orders)


def used_sections(arena: Arena) -> Iterator[tuple[str, int, int]]:
    """(section, first row, rows) of everything a command may read later.

    The records of the order in motion are void between commands, and the twin keeps them in
    registers; events are compared batch by batch.
    """
    engine = arena.engine[0]
    contracts = int(engine["contracts"]) + 1
    pages = int(engine["pages_top"]) + 1
    accounts = int(engine["accounts_top"]) + 1
    orders = int(engine["orders_top"]) + 1
    positions = int(engine["positions_top"]) + 1
    rows = {
        "engine": 1, "pool": 1, "contracts": contracts, "tiers": TIERS_MAX * contracts,
        "sources": 8 * contracts, "assets": 4 * contracts, "windows": layout.WINDOWS * contracts,
        "window_values": layout.WINDOWS * layout.WINDOW_ROWS * contracts, "ladders": 2 * contracts,
        "ladder_groups": 128 * contracts,
        "ladder_pages": 2 * contracts * layout.PAGES_PER_LADDER,
        "page_words": 8 * pages, "levels": layout.TICKS_PER_PAGE * pages,
        "orders": orders, "order_extras": orders, "accounts": accounts, "worths": accounts,
        "account_extras": accounts, "positions": positions, "position_extras": positions,
    }  # fmt: skip
    yield from ((section, 0, count) for section, count in rows.items())
    holders = arena.records("contracts", contracts)["holders"]
    for contract in range(1, contracts):
        yield "holders", contract * layout.ACCOUNT_ROWS, int(holders[contract])
        yield "bands", contract * layout.ACCOUNT_ROWS, int(holders[contract])
    yield "dirty_accounts", 0, int(engine["dirty"])


def _bytes(arena: Arena, section: str, first: int, count: int) -> NDArray[np.uint8]:
    return arena.records(section, first + count)[first:].view(np.uint8)


def copy_arena(source: Arena, room: Room) -> Arena:
    """Another arena with the same used bytes, in pages as large as an exchange has them, and with
    the same memory at hand."""
    target = Arena()
    target.use_large_pages()
    target.engine["contracts"] = source.engine["contracts"]
    target.make_room(room)
    for section, first, count in used_sections(source):
        _bytes(target, section, first, count)[:] = _bytes(source, section, first, count)
    return target


def compare_arenas(left: Arena, right: Arena) -> None:
    """Raises Difference at the first used byte that differs."""
    for section, first, count in used_sections(left):
        ours, theirs = (_bytes(arena, section, first, count) for arena in (left, right))
        if not np.array_equal(ours, theirs):
            record = layout.SECTIONS[section].record
            row, byte = divmod(int(np.flatnonzero(ours != theirs)[0]), record.itemsize)
            pair = [arena.records(section, first + row + 1)[-1] for arena in (left, right)]
            raise Difference(f"{section}[{first + row}] byte {byte}: {pair[0]} and {pair[1]}")


def compare_events(left: Arena, right: Arena, batch: int) -> None:
    """Raises Difference at the first event of the present batch that differs."""
    counts = [int(arena.engine["events"][0]) for arena in (left, right)]
    ours, theirs = (arena.records("events", max(counts)) for arena in (left, right))
    rows = np.flatnonzero(ours.view("V64") != theirs.view("V64"))
    if counts[0] != counts[1] or len(rows):
        row = int(rows[0]) if len(rows) else min(counts)
        raise Difference(f"batch {batch}, event {row}: {ours[row]} and {theirs[row]}")


class Runner:
    """One implementation on one arena."""

    def __init__(self, function: Run, arena: Arena) -> None:
        self.arena = arena
        self._function = function

    def apply(self, commands: NDArray[np.void]) -> float:
        """Run the records in batches; nanoseconds per command."""
        base, at, total = self.arena.base, commands.ctypes.data, len(commands)
        engine, function, spent = self.arena.engine, self._function, 0
        done = 0
        while done < total:
            engine["events"] = 0
            count = min(BATCH, total - done)
            start = time.thread_time_ns()
            taken = function(base, at + done * COMMAND.itemsize, count, EVENTS_PER_RUN)
            spent += time.thread_time_ns() - start
            if taken != count:
                raise Difference(f"command {done - taken - 1} of the round lies off the path")
            done += count
        return spent / total


def prepare(workload: Workload) -> Arena:
    """The state before the flow, by the engine; the flow will find memory at hand."""
    exchange = Exchange(workload.config)
    exchange.make_room(*room_of(workload))
    for _ in exchange.batches(workload.setup):
        pass
    return exchange.arena


def verify(workload: Workload, twin: Run) -> None:
    """Events of every batch and all state after each, byte for byte; raises Difference."""
    ours = Runner(run, prepare(workload))
    theirs = Runner(twin, copy_arena(ours.arena, room_of(workload)))
    compare_arenas(ours.arena, theirs.arena)
    for batch, start in enumerate(range(0, len(workload.flow), BATCH)):
        commands = workload.flow[start : start + BATCH]
        ours.apply(commands)
        theirs.apply(commands)
        compare_events(ours.arena, theirs.arena, batch)
    compare_arenas(ours.arena, theirs.arena)


def compare(workload: Workload, twin: Run, rounds: int = ROUNDS) -> Comparison:
    """Time both over the flow cut into rounds; their states must be equal at the end."""
    # Both are copies: memory touched in one sweep is laid out better than memory grown into.
    prepared, room = prepare(workload), room_of(workload)
    ours, theirs = Runner(run, copy_arena(prepared, room)), Runner(twin, copy_arena(prepared, room))
    result = Comparison(workload.name, [], [])
    size = len(workload.flow) // (rounds + 1)
    for k in range(rounds + 1):
        commands = workload.flow[k * size : (k + 1) * size]
        pair = [(ours, result.kernel_ns), (theirs, result.twin_ns)]
        for runner, times in pair if k % 2 else reversed(pair):
            spent = runner.apply(commands)
            if k > 0:  # the first round warms up
                times.append(spent)
    compare_arenas(ours.arena, theirs.arena)
    return result


def main(names: list[str]) -> int:
    """`python -m bench.twin steady heavy`: one line per workload."""
    try:
        twin = load_twin()
    except TwinMissing as missing:
        print(f"skipped: {missing}")
        return 0
    for name in names or ["steady"]:
        workload = make_workload(name, BATCHES_PER_ROUND * BATCH * (ROUNDS + 1))
        verify(workload._replace(flow=workload.flow[: len(workload.flow) // 4]), twin)
        result = compare(workload, twin)
        times = (result.kernel_ns, result.twin_ns)
        median = [statistics.median(series) for series in times]
        least = [min(series) for series in times]
        print(
            f"{name}: ratio {result.ratio:.3f}; ns/command kernel {median[0]:.1f}"
            f" (min {least[0]:.1f}), twin {median[1]:.1f} (min {least[1]:.1f}); {workload.mix}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
