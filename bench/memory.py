"""What an order, an account and a position take in memory, section by section.

    python bench/memory.py --workload steady

The first record of each is the one that every command reads; the sections beside it lie at the same
row and cost memory where something is written in them. `used` is the share of rows in use with
anything but zeros, in a state that the workload's whole flow has made. Memory comes in pages, so a
section that is written in every sixteenth row is as present as a full one.
"""

import argparse
from typing import NamedTuple

import numpy as np

from bench.workloads import Workload, make_workload
from engine.exchange import Exchange
from engine.state import layout
from engine.state.arena import Arena

# By what a row belongs to: the section that is always read, then those beside it.
BESIDE = {
    "order": ("orders", "order_extras"),
    "account": ("accounts", "worths", "account_extras"),
    "position": ("positions", "position_extras"),
}
# Of a contract's holders: rows are not the position's own, but there is one for each.
HELD = ("holders", "bands")


class Section(NamedTuple):
    name: str
    record_bytes: int
    used: float  # share of the rows


class Memory(NamedTuple):
    """Of one kind of thing: bytes of its own record, and all sections that have a row for it."""

    kind: str
    rows: int
    record_bytes: int
    sections: list[Section]


def _used(arena: Arena, section: str, rows: "np.ndarray") -> float:
    records = arena.records(section, int(rows[-1]) + 1)
    octets = records.view(np.uint8).reshape(len(records), -1)[rows]
    return float(octets.any(axis=1).mean())


def rows_in_use(arena: Arena, kind: str) -> "np.ndarray":
    engine = arena.engine[0]
    if kind == "order":
        return np.flatnonzero(arena.records("orders", int(engine["orders_top"]) + 1)["lots"])
    if kind == "account":
        return np.flatnonzero(arena.records("accounts", int(engine["accounts_top"]) + 1)["group"])
    return np.arange(1, int(engine["positions_top"]) + 1)


def measure_memory(workload: Workload) -> list[Memory]:
    exchange = Exchange(workload.config)
    exchange.apply(workload.setup)
    exchange.apply(workload.flow)
    found = []
    for kind, names in BESIDE.items():
        rows = rows_in_use(exchange.arena, kind)
        sections = [
            Section(name, layout.SECTIONS[name].record.itemsize, _used(exchange.arena, name, rows))
            for name in names
        ]
        if kind == "position":
            share = float((exchange.arena.records("positions", len(rows) + 1)["lots"] != 0).mean())
            sections += [
                Section(name, layout.SECTIONS[name].record.itemsize, share) for name in HELD
            ]
        found.append(Memory(kind, len(rows), sections[0].record_bytes, sections))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", default="steady")
    arguments = parser.parse_args()
    for found in measure_memory(make_workload(arguments.workload, 2**18)):
        beside = ", ".join(
            f"{section.name} {section.record_bytes} B in {section.used:.0%}"
            for section in found.sections
        )
        print(f"{found.kind}: {found.record_bytes} B; {found.rows:,} rows: {beside}")


if __name__ == "__main__":
    main()
