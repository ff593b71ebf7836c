"""The engine takes any 64 bytes for a command: it refuses or does it, and rule 14 holds.

With the JIT nothing would show a write in the wrong place but what comes of it; without it the same
source runs over range-checked records, where one is an exception.
"""

import random
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.exchange import Exchange
from engine.kernel import JIT
from engine.schema import commands as c
from engine.schema import events as ev
from engine.schema.bounds import NS_PER_SECOND
from engine.schema.commands import COMMAND
from tests.hostile.limits import bounded
from tests.hostile.mutations import EDGES
from tests.journal.durable_runs import stream_of
from tests.property.both import join

NAMES = (
    "collateral", "isolated", "makers", "backstop", "queue", "portfolio", "listing", "eligibility",
    "auctions", "waiting_in_line",
)  # fmt: skip
BATCHES = 25 if JIT else 3
BATCH = 60
EXAMPLES = 60 if JIT else 20
SECONDS_MAX = 60 if JIT else 300  # of a batch, on a machine with other work
MIB_MAX = 256
KINDS = (*c.BY_KIND, c.QUOTE_ROW, 0, -1, 127, -128)
WORD = 8
CLIENT_KINDS = [kind for kind in c.BY_KIND if kind <= c.CLIENT_LAST]
FRESH_ID = 2**32
STEP_NS = NS_PER_SECOND // 10


@cache
def begun(name: str) -> tuple[Exchange, np.ndarray]:
    """An exchange in the middle of a hostile stream, and the records of that stream."""
    config, commands = stream_of(name, 9, 400 if JIT else 200)
    records = join(commands)
    exchange = Exchange(config)
    exchange.run(records)
    return exchange, records


def draw(chance: random.Random, records: np.ndarray, exchange: Exchange, number: int) -> bytes:
    """One record: noise, noise with a time and a kind, or one of the stream's, damaged; most often
    with ids that get it further than the first refusals."""
    now_ns = int(exchange.arena.engine["clock_ns"][0])
    how = chance.random()
    if how < 0.1:
        return chance.randbytes(COMMAND.itemsize)
    row = int(chance.randrange(len(records)))
    octets = bytearray(records[row].tobytes() if how > 0.25 else chance.randbytes(64))
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2)) if how > 0.25 else 0):
        if chance.random() < 0.5:
            octets[chance.randrange(64)] ^= 1 << chance.randrange(8)
        else:
            width = chance.choice((1, 2, 4, WORD))
            at = chance.randrange(64 // width) * width
            edge = chance.choice(EDGES) & (1 << 8 * width) - 1
            octets[at : at + width] = edge.to_bytes(width, "little")
    damaged = np.frombuffer(octets, COMMAND)
    if chance.random() < 0.95:
        damaged["time_ns"] = now_ns + number * STEP_NS + chance.choice((0, 1, STEP_NS))
    if how < 0.25:
        damaged["kind"] = chance.choice(KINDS)
    if damaged["kind"][0] in CLIENT_KINDS and chance.random() < 0.95:
        damaged["client_id"] = FRESH_ID + exchange.arena.engine["sequence"][0] * BATCH + number
    if damaged["kind"][0] in (c.CANCEL_ORDER, c.AMEND_ORDER) and chance.random() < 0.7:
        damaged["order_id"] = chance.choice(live_orders(exchange))
    return bytes(octets)


def live_orders(exchange: Exchange) -> list[int]:
    orders = exchange.arena.records("orders", int(exchange.arena.engine["orders_top"][0]) + 1)
    slots = np.flatnonzero(orders["lots"] > 0)
    return [(int(orders["generation"][slot]) + 1) << 32 | int(slot) for slot in slots] or [1]


def must_take(exchange: Exchange, records: np.ndarray) -> None:
    """Apply a batch; one by one on a copy the same comes of it."""
    twin = exchange.copy()
    before = int(exchange.arena.engine["sequence"][0])
    with bounded(SECONDS_MAX, MIB_MAX):
        events = exchange.run(records)
    done = int(exchange.arena.engine["sequence"][0]) - before
    assert set(events["sequence"].tolist()) == set(range(before + 1, before + done + 1)), "2.2"
    assert set(events["kind"].tolist()) <= set(ev.FIELDS)
    assert exchange.check() == []
    twin_events = b"".join(part.tobytes() for part in twin.batches(records, size=7))
    assert twin_events == events.tobytes()
    assert twin.digest() == exchange.digest()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.soak)])
def test_any_record_is_refused_or_done(name, seed):
    exchange, stream = begun(name)
    exchange = exchange.copy()
    chance = random.Random(f"{name} {seed}")
    for _ in range(BATCHES if seed == 1 else 40 * BATCHES):
        octets = b"".join(draw(chance, stream, exchange, number) for number in range(BATCH))
        must_take(exchange, np.frombuffer(octets, COMMAND))


def test_any_bytes_are_taken_for_records():
    """Hypothesis makes them small, behind a state with a little of everything."""
    begun_exchange, _ = begun("collateral")
    now_ns = int(begun_exchange.arena.engine["clock_ns"][0])
    record = st.tuples(st.binary(min_size=64, max_size=64), st.sampled_from(KINDS), st.booleans())

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(record, min_size=1, max_size=6))
    def check(drawn):
        records = np.frombuffer(b"".join(octets for octets, _, _ in drawn), COMMAND).copy()
        for k, (_, kind, is_now) in enumerate(drawn):
            records["kind"][k] = kind
            if is_now:
                records["time_ns"][k] = now_ns
        must_take(begun_exchange.copy(), records)

    check()
