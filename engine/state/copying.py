"""A copy of an arena: the state as it stands, for questions that must not touch the live one.

`ROWS` says of every section how many of its rows can mean something now; what stands behind them,
and whatever is void between commands, stays zero in the copy. A copy costs its bytes: some 200 for
an account, 200 for an order, 140 for a position, 10 kB for each 512 ticks that a side of a book
reaches over, and one look at the 16 MiB table of groups: 20 ms for 4,000 accounts with as many
orders and 16,000 positions. A copy of one account alone costs a hundred microseconds or two.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from engine.schema import bounds
from engine.schema.vocabulary import NONE
from engine.state import layout
from engine.state.arena import Arena
from engine.state.layout import BOOK_LADDERS, PAGES_PER_LADDER, SECTIONS, TICKS_PER_PAGE

BLOCK_BYTES = 4_096  # whole blocks of zeros stay untouched
VALUATIONS_MAX = 2**62  # no exchange moves its marks so often

Rows = Iterator[tuple[int, int]]  # (first row, how many)
Engine = Any  # the engine's record


def _first(count: Callable[[Engine], int]) -> Callable[[Arena], Rows]:
    """So many rows from the first on, as the engine's record tells."""

    def rows(arena: Arena) -> Rows:
        yield 0, count(arena.engine[0])

    return rows


def _all_of(name: str) -> Callable[[Arena], Rows]:
    return _first(lambda engine: SECTIONS[name].rows)


def _per_contract(count: int) -> Callable[[Arena], Rows]:
    return _first(lambda engine: (int(engine["contracts"]) + 1) * count)


def _pages_of_ladders(arena: Arena) -> Rows:
    """The directories of the ladders of listed contracts: books first, then triggers."""
    contracts = int(arena.engine["contracts"][0]) + 1
    yield 0, 2 * contracts * PAGES_PER_LADDER
    yield BOOK_LADDERS * PAGES_PER_LADDER, 6 * contracts * PAGES_PER_LADDER


def _holders(arena: Arena) -> Rows:
    """Of each contract as many as hold it."""
    contracts = int(arena.engine["contracts"][0]) + 1
    for contract, holders in enumerate(arena.records("contracts", contracts)["holders"].tolist()):
        yield contract * layout.ACCOUNT_ROWS, holders


def _accounts(arena: Arena) -> Rows:
    """Those opened, then the margin accounts of isolated positions."""
    engine = arena.engine[0]
    yield 0, int(engine["accounts_top"]) + 1
    first = bounds.ACCOUNTS_MAX + 1
    yield first, max(int(engine["margin_accounts_top"]) + 1 - first, 0)


def _holdings(arena: Arena) -> Rows:
    """Of each opened account a row for each asset, where there are assets at all."""
    engine = arena.engine[0]
    if engine["collaterals"]:
        yield 0, (int(engine["accounts_top"]) + 1) * bounds.COLLATERAL_MAX


def _withdrawals(arena: Arena) -> Rows:
    """Of each opened account all places, where anything is reserved at all."""
    engine = arena.engine[0]
    if engine["withdrawals"]:
        yield 0, (int(engine["accounts_top"]) + 1) * bounds.WITHDRAWALS_MAX


def _blocks(arena: Arena) -> Rows:
    """The summaries of the blocks of each contract's holders."""
    for first, holders in _holders(arena):
        yield first // layout.BAND_BLOCK_ROWS, -(-holders // layout.BAND_BLOCK_ROWS)


_ORDERS = _first(lambda engine: int(engine["orders_top"]) + 1)
_POSITIONS = _first(lambda engine: int(engine["positions_top"]) + 1)
_LEVELS = _first(lambda engine: (int(engine["pages_top"]) + 1) * TICKS_PER_PAGE)
VOID = _first(lambda engine: 0)  # void between commands, or found out anew where it is missing

ROWS: dict[str, Callable[[Arena], Rows]] = {
    "engine": _all_of("engine"),
    "pool": _all_of("pool"),
    "sweep": VOID,
    "admission": VOID,
    "child_terms": VOID,
    "contracts": _per_contract(1),
    "collaterals": _all_of("collaterals"),
    "collateral_sources": _all_of("collateral_sources"),
    "haircuts": _all_of("haircuts"),
    "holdings": _holdings,
    "withdrawals": _withdrawals,
    "uncross": VOID,
    "uncross_sides": VOID,
    "tiers": _per_contract(bounds.TIERS_MAX),
    "portfolio_moves": _all_of("portfolio_moves"),
    "portfolio_results": VOID,
    "sources": _per_contract(bounds.SOURCES_MAX),
    "assets": _per_contract(bounds.ASSETS_MAX),
    "windows": _per_contract(layout.WINDOWS),
    "window_values": _per_contract(layout.WINDOWS * layout.WINDOW_ROWS),
    "ladders": _all_of("ladders"),
    "ladder_groups": _all_of("ladder_groups"),
    "ladder_pages": _pages_of_ladders,
    "page_words": _first(lambda engine: (int(engine["pages_top"]) + 1) * 8),
    "levels": _LEVELS,
    "level_orders": _LEVELS,
    "orders": _ORDERS,
    "order_extras": _ORDERS,
    "accounts": _accounts,
    "account_extras": _accounts,
    "worths": VOID,
    "group_leads": _all_of("group_leads"),
    "positions": _POSITIONS,
    "position_extras": _POSITIONS,
    "holders": _holders,
    "bands": _holders,
    "band_blocks": _blocks,
    "band_shifts": _per_contract(1),
    "dirty_accounts": _first(lambda engine: int(engine["dirty"])),
    "waking": _first(lambda engine: int(engine["waking"])),
    "timers": _first(lambda engine: int(engine["timers"])),
    "linked": _first(lambda engine: int(engine["linked"])),
    "protections": _first(
        lambda engine: (int(engine["accounts_top"]) + 1) * bounds.PROTECTIONS_MAX
    ),
    "volatility_times": _per_contract(bounds.VOLATILITY_AUCTIONS_MAX),
    "liquidations": _first(lambda engine: int(engine["liquidations"])),
    "cooling": _first(lambda engine: int(engine["cooling"])),
    "suspects": _first(lambda engine: int(engine["suspects"])),
    "shorts": _first(lambda engine: int(engine["shorts"])),
    "hits": VOID,
    "hit_order": VOID,
    "candidates": VOID,
    "candidate_order": VOID,
    "ranks": VOID,
    "rankings": VOID,
    "chosen": VOID,
    "auction_orders": VOID,
    "auction_ranks": VOID,
    "breaches": VOID,
    "left_over_orders": VOID,
    "icebergs_left": VOID,
    "command": VOID,
    "events": VOID,
}


def find_impossible_count(arena: Arena) -> str | None:
    """The first count of a state from elsewhere that its section has no room for: whoever believed
    it would read what lies behind. None when all of them can be."""
    counts = (
        ("collaterals", int(arena.engine["collaterals"][0]), bounds.COLLATERAL_MAX),
        ("portfolio_moves", int(arena.pool["portfolio_moves"][0]), bounds.PORTFOLIO_MOVES_MAX),
        # below 0 the zero bytes of a void worth would be of the present one
        ("valuations", int(arena.engine["valuation"][0]), VALUATIONS_MAX),
    )
    for name, count, most in counts:
        if not 0 <= count <= most:
            return f"{count} {name}"
    for name, rows_of in ROWS.items():  # contracts come before what is read of each of them
        for first, count in rows_of(arena):
            if count < 0 or first + count > SECTIONS[name].rows:
                return f"{count} rows of {name}"
    return None


def copy_arena(arena: Arena) -> Arena:
    """A second arena in the same state, without the events of the last command."""
    copy = Arena()
    for name, rows_of in ROWS.items():
        size = SECTIONS[name].record.itemsize
        for first, count in rows_of(arena):
            octets = _octets(arena, name, first + count)[first * size :]
            _copy_blocks(_octets(copy, name, first + count)[first * size :], octets)
    copy.engine["events"] = 0
    return copy


def copy_account(arena: Arena, account: int) -> Arena:
    """An arena that holds the contracts, one account and its positions, and nothing else: enough
    to value that account at other marks. There is no book, and no other account."""
    copy = Arena()
    for name in ("engine", "pool", "contracts", "tiers", "portfolio_moves"):
        for _, count in ROWS[name](arena):
            copy.records(name, count)[:] = arena.records(name, count)
    for name in ("accounts", "account_extras"):
        _copy_row(copy, arena, name, account)
    record = arena.records("accounts", account + 1)[account]
    for k in range(1, 5):
        _copy_position(copy, arena, int(record[f"position_{k}"]))
    slot = int(record["chain"])
    while slot != NONE:
        _copy_position(copy, arena, slot)
        slot = int(arena.records("position_extras", slot + 1)[slot]["chain_next"])
    return copy


def _copy_position(copy: Arena, arena: Arena, slot: int) -> None:
    for name in ("positions", "position_extras"):
        _copy_row(copy, arena, name, slot)


def _copy_row(copy: Arena, arena: Arena, name: str, row: int) -> None:
    copy.records(name, row + 1)[row] = arena.records(name, row + 1)[row]


def _octets(arena: Arena, name: str, rows: int) -> "np.ndarray":
    return arena.records(name, rows).view(np.uint8)


def _copy_blocks(target: "np.ndarray", source: "np.ndarray") -> None:
    """Copy what is not zero, whole blocks at a time; the target is zero before."""
    whole = len(source) // BLOCK_BYTES * BLOCK_BYTES
    blocks = source[:whole].view(np.uint64).reshape(-1, BLOCK_BYTES // 8)
    used = blocks.any(axis=1)
    if used.all():
        target[:whole] = source[:whole]
    else:
        target[:whole].view(np.uint64).reshape(blocks.shape)[used] = blocks[used]
    target[whole:] = source[whole:]
