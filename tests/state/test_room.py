"""Room is memory at hand and nothing else: no bound, and no answer depends on it."""

import mmap
import os
import re
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from bench.workloads import make_workload
from engine import kernel
from engine.exchange import Exchange
from engine.journal.disk import RealDisk
from engine.journal.log_format import compute_config_digest
from engine.journal.snapshot import read_snapshot, write_snapshot
from engine.schema.contract import Config
from engine.state import layout
from engine.state.arena import ROOM_OF, Arena, Room
from tests.oracle.workload import Workload, configs
from tests.property.both import pack
from tests.rules.story import PERCENT, contract

PAGEMAP, SMAPS = Path("/proc/self/pagemap"), Path("/proc/self/smaps")
MARGINS = {"initial_ppb": 5 * PERCENT, "maintenance_ppb": 2 * PERCENT}
CONTRACTS = (contract(**MARGINS), contract(2, **MARGINS))
PAGE_BYTES, ENTRY_BYTES, PRESENT = mmap.PAGESIZE, 8, 1 << 63


def is_for_large_pages(arena: Arena, section: str) -> bool:
    """Whether the system was asked for them where the section lies."""
    address, is_here = arena.base + layout.SECTIONS[section].offset, False
    for line in SMAPS.read_text().splitlines():
        if found := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            is_here = int(found[1], 16) <= address < int(found[2], 16)
        elif is_here and line.startswith("VmFlags:"):
            return "hg" in line.split()
    return False


needs_smaps = pytest.mark.skipif(
    not SMAPS.exists() or not hasattr(mmap, "MADV_HUGEPAGE"), reason="no such advice here"
)
RELEASE = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))
HAS_ADVICE = sys.platform == "linux" and RELEASE >= (5, 14)
needs_advice = pytest.mark.skipif(not HAS_ADVICE, reason="before Linux 5.14")
needs_pagemap = pytest.mark.skipif(not PAGEMAP.exists(), reason="no system that tells of its pages")


def missing_pages(arena: Arena, section: str, first: int, rows: int) -> int:
    """How many pages of these rows the system has not given yet."""
    place = layout.SECTIONS[section]
    begin = arena.base + place.offset + first * place.record.itemsize
    end = begin + rows * place.record.itemsize
    numbers = range(begin // PAGE_BYTES, (end - 1) // PAGE_BYTES + 1)
    with PAGEMAP.open("rb") as file:
        file.seek(numbers.start * ENTRY_BYTES)
        octets = file.read(len(numbers) * ENTRY_BYTES)
    entries = memoryview(octets).cast("Q")
    return sum(entry & PRESENT == 0 for entry in entries)


@needs_pagemap
@pytest.mark.parametrize("kind", sorted(ROOM_OF))
@pytest.mark.parametrize("rows", [1, 40_000])
def test_every_row_of_what_was_asked_for_has_its_memory(kind, rows):
    exchange = Exchange(Config(contracts=CONTRACTS))
    wanted = dict.fromkeys(ROOM_OF, 0) | {kind: rows}
    exchange.make_room(**wanted)
    for section in ROOM_OF[kind]:
        assert missing_pages(exchange.arena, section, 1, rows) == 0, section
    if kind == "positions":
        for k in (1, 2):
            for section in ("holders", "bands"):
                first = k * layout.ACCOUNT_ROWS
                assert missing_pages(exchange.arena, section, first, -(-rows // 2)) == 0, section
        assert missing_pages(exchange.arena, "band_blocks", 0, 3 * layout.BAND_BLOCKS) == 0
    if kind == "accounts":
        assert missing_pages(exchange.arena, "group_leads", 0, layout.GROUP_ROWS) == 0


@needs_pagemap
def test_a_system_without_that_advice_gives_memory_for_writing_what_is_there(monkeypatch):
    monkeypatch.setattr("engine.state.arena.MADV_POPULATE_WRITE", 9_999)
    exchange = Exchange(Config(contracts=CONTRACTS, fund_cash=10**9))
    digest = exchange.digest()
    exchange.make_room(1_000, 1_000, 40_000)
    assert exchange.digest() == digest
    assert missing_pages(exchange.arena, "positions", 1, 40_000) == 0


@needs_advice
def test_a_system_with_that_advice_gives_memory_and_nobody_writes(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("written")

    exchange = Exchange(Config(contracts=CONTRACTS))
    monkeypatch.setattr("engine.state.arena.np.bitwise_or", refuse)
    exchange.make_room(1_000, 1_000, 1_000)


@needs_pagemap
def test_without_room_memory_comes_as_it_is_needed():
    arena = Exchange(Config(contracts=CONTRACTS)).arena
    assert missing_pages(arena, "positions", 40_000, 40_000) > 0


@pytest.mark.parametrize("name", sorted(configs()))
def test_events_and_digest_do_not_depend_on_room(name):
    """Asked for in the middle, too: what stands there stays."""
    plain, roomy = Exchange(configs()[name]), Exchange(configs()[name])
    workload = Workload(6, configs()[name])
    roomy.make_room(orders=1_000, accounts=1_000, positions=1_000)
    for k in range(200):
        records = pack(workload.next_command())
        events = plain.run(records)
        assert roomy.run(records).tobytes() == events.tobytes()
        workload.observe(events.tolist())
        if k == 100:
            roomy.make_room(orders=5_000, accounts=5_000, positions=5_000)
    assert roomy.digest() == plain.digest() and roomy.check() == []


@pytest.mark.parametrize("contracts", [0, 1, 2])
def test_nothing_outside_of_a_section_is_asked_for(contracts):
    """Nor a contract's holders beyond its own rows: the next ones are another contract's."""
    arena = Exchange(Config(contracts=CONTRACTS[:contracts])).arena
    for name, first, rows in arena.parts_of(Room(10**12, 10**12, 10**12)):
        assert 0 < rows and first + rows <= layout.SECTIONS[name].rows, name
        if name in ("holders", "bands"):
            assert first % layout.ACCOUNT_ROWS == 0 and rows <= layout.ACCOUNT_ROWS


def test_room_for_nothing_asks_for_nothing():
    arena = Exchange(Config(contracts=CONTRACTS)).arena
    assert list(arena.parts_of(Room(0, 0, 0))) == []


def test_any_whole_number_is_one():
    """Numbers of numpy wrap, and below 0 as many rows are all that there are."""
    arena = Exchange(Config(contracts=CONTRACTS)).arena
    seen = []
    arena.make_room = lambda room: seen.append(room)  # type: ignore[method-assign]
    exchange = Exchange.restore(Config(contracts=CONTRACTS), arena)
    exchange.make_room(np.uint8(255), np.int32(2**31 - 1), np.uint32(100_000))
    assert seen == [(255, 2**31 - 1, 100_000)] and all(type(n) is int for n in seen[0])
    with pytest.raises(TypeError):
        exchange.make_room(1, 1, 1.0)  # type: ignore[arg-type]
    assert len(seen) == 1


@needs_advice
@pytest.mark.skipif(not kernel.JIT, reason="in plain Python a batch holds the interpreter")
def test_room_can_be_asked_for_beside_a_batch():
    """The system gives memory and nobody writes it, so nothing that the batch writes is lost."""
    workload = make_workload("steady", 200_000)
    plain = Exchange(workload.config)
    plain.apply(workload.setup)
    plain.apply(workload.flow)
    for _ in range(3):
        beside = Exchange(workload.config)
        beside.apply(workload.setup)
        beside.make_room(20_000, 20_000, 60_000)  # the first alone takes as long as the batch
        batch = threading.Thread(target=beside.apply, args=(workload.flow,))
        batch.start()
        while batch.is_alive():
            beside.make_room(20_000, 20_000, 60_000)
        assert beside.digest() == plain.digest() and beside.check() == []


@pytest.mark.parametrize("wrong", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_room_for_fewer_than_none_is_refused(wrong):
    exchange = Exchange(Config(contracts=CONTRACTS))
    with pytest.raises(ValueError, match="fewer than none"):
        exchange.make_room(*wrong)


@needs_smaps
def test_a_state_out_of_a_snapshot_lies_in_large_pages_like_a_new_one(tmp_path):
    exchange = Exchange(Config(contracts=CONTRACTS))
    assert is_for_large_pages(exchange.arena, "positions")
    digest = compute_config_digest(exchange.config)
    sequence = write_snapshot(RealDisk(), tmp_path, exchange.arena, digest)
    _, arena = read_snapshot(RealDisk(), tmp_path, sequence, digest)
    assert is_for_large_pages(arena, "positions")
