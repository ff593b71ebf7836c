"""The arena's memory: one reserved range, its numpy views, and the digest of its logical state."""

import ctypes
import errno
import hashlib
import mmap
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.schema.bounds import (
    ACCOUNTS_MAX,
    ASSETS_MAX,
    COLLATERAL_HAIRCUTS_MAX,
    COLLATERAL_MAX,
    COLLATERAL_SOURCES_MAX,
    PROTECTIONS_MAX,
    SOURCES_MAX,
    TIERS_MAX,
    VOLATILITY_AUCTIONS_MAX,
    WITHDRAWALS_MAX,
)
from engine.schema.vocabulary import NONE
from engine.state import layout
from engine.state.layout import ARENA_BYTES, LAYOUT_VERSION, MAGIC, SECTIONS

# Linux's value; Python names it from 3.13 on. Without it 64-bit machines with small memories
# refuse large reservations.
MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)
PAGE_BYTES = mmap.PAGESIZE  # the system's own: advice begins at one
# What plain commands touch all over. Pages of 2 MiB under it save misses of the address cache: 8%
# of a command at 400,000 commands, 2 ms more to open an exchange (12 pages to clear), and 24 ms
# less to open 10,000 accounts in it, whose groups lie all over their table. Where the system grants
# none, or has no such advice, it stays as it is.
WIDELY_TOUCHED = (
    "page_words", "levels", "level_orders", "orders", "order_extras", "accounts", "account_extras",
    "group_leads", "worths", "positions", "position_extras", "holders", "bands", "dirty_accounts",
    "events",
)  # fmt: skip
DIGEST_VERSION = 9

# What a row of it takes memory in. For positions there are besides the tables of their contracts,
# for accounts all of the table in which groups are found.
ROOM_OF = {
    "orders": ("orders", "order_extras"),
    "accounts": ("accounts", "worths", "account_extras", "dirty_accounts"),
    "positions": ("positions", "position_extras"),
}
# Has the system give memory as if it was written, and writes nothing; Python has no name for it.
MADV_POPULATE_WRITE = 23

Records = npt.NDArray[np.void]


class Room(NamedTuple):
    """For how many at once; positions are those of all contracts, spread evenly."""

    orders: int
    accounts: int
    positions: int


class Arena:
    """One pool's state. `base` is the address that kernels take; the object keeps it alive."""

    def __init__(self) -> None:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
        self._memory = mmap.mmap(-1, ARENA_BYTES, flags=flags)
        self.base = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self.engine = self.records("engine", 1)
        self.pool = self.records("pool", 1)
        self.engine["magic"] = MAGIC
        self.engine["version"] = LAYOUT_VERSION

    def use_large_pages(self) -> None:
        """Ask for large pages where they help: for a state that will see many commands."""
        if not hasattr(mmap, "MADV_HUGEPAGE"):
            return
        for name in WIDELY_TOUCHED:
            place = SECTIONS[name]
            size = place.rows * place.record.itemsize // PAGE_BYTES * PAGE_BYTES
            with suppress(OSError):  # a kernel built without them
                self._memory.madvise(mmap.MADV_HUGEPAGE, place.offset, size)

    def make_room(self, room: Room) -> None:
        """Have the system give the memory of so many now, not while a command waits for it: to
        clear 2 MiB takes 0.2 ms, and 5 ms where a virtual machine has to ask its host for them.
        Raises OSError where it has no more."""
        for name, first, rows in self.parts_of(room):
            size = SECTIONS[name].record.itemsize
            # down to the page in which the first row begins, so that all of that row is in it
            begin = (SECTIONS[name].offset + first * size) // PAGE_BYTES * PAGE_BYTES
            end = SECTIONS[name].offset + (first + rows) * size
            try:
                self._memory.madvise(MADV_POPULATE_WRITE, begin, end - begin)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                # Before Linux 5.14. No other thread may use the state meanwhile: what it writes
                # between the two halves of this would be lost.
                octets = np.frombuffer(self._memory, np.uint8, end - begin, begin)[::PAGE_BYTES]
                np.bitwise_or(octets, 0, out=octets)

    def parts_of(self, room: Room) -> Iterator[tuple[str, int, int]]:
        """(section, first row, rows) of what so many take, as many as there can be at most."""
        contracts = int(self.engine["contracts"][0])
        for kind, wanted in room._asdict().items():
            if wanted <= 0:
                continue
            for name in ROOM_OF[kind]:
                yield name, 0, min(wanted + 1, SECTIONS[name].rows)  # they count from 1
        if room.accounts > 0:
            yield "group_leads", 0, SECTIONS["group_leads"].rows
        if room.positions > 0 and contracts > 0:
            yield "band_blocks", 0, (contracts + 1) * layout.BAND_BLOCKS
            # up: a share that is no whole number has room for one more in each contract
            holders = min(-(-room.positions // contracts), layout.ACCOUNT_ROWS)
            for contract in range(1, contracts + 1):
                for name in ("holders", "bands"):
                    yield name, contract * layout.ACCOUNT_ROWS, holders

    def records(self, section: str, rows: int) -> Records:
        """The first rows of a section as a structured array over the same bytes."""
        place = SECTIONS[section]
        return np.frombuffer(self._memory, place.record, rows, place.offset)

    def digest(self) -> str:
        """BLAKE2b over the canonical form of the logical state, as hex (rule 13.2)."""
        sha = hashlib.blake2b(f"lionrock state {DIGEST_VERSION}".encode(), digest_size=32)
        for name, columns in canonical_form(self).items():
            sha.update(f"|{name}:".encode())
            for column in columns:
                sha.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
        return sha.hexdigest()


# Fields of single records that are logic, in the order of the canonical form. Memory (tops, free
# lists, counts of scratch lists) and whatever is void between commands is left out.
_ENGINE = ("sequence", "clock_ns", "contracts", "step", "collected")
_POOL = tuple(name for name in layout.POOL.names or ())
_CONTRACT = tuple(
    name
    for name in layout.CONTRACT.names or ()
    if name not in ("step", "step_priced", "gain_step", "state_step")
    and name != "provider_first"  # a slot: each provider's position has its capacity
    and not name.startswith("fired_")  # slots: each order says that it has fired, and behind which
)
_ORDER = ("price_ticks", "lots", "account", "contract", "side", "client_id", "reserve", "loss_fee")
_ORDER_EXTRA = (
    "expiry_ns", "arrival", "lots_hidden", "lots_display", "trigger_ticks", "best_ticks", "bits",
    "trail_bp", "order_type", "tif", "trigger_source", "session", "stop_ticks", "target_ticks",
)  # fmt: skip
_ORDER_LINKS = ("sibling", "parent", "child")  # as ids
_POSITION = (
    "account", "lots", "entry_value", "funding_index", "reserve_buy", "reserve_sell", "loss_fee",
    "lots_buy", "lots_sell", "lots_reduce_only",
)  # fmt: skip
_POSITION_EXTRA = (
    "contract", "opened", "realised", "kept", "kept_ns", "rate_floor_ppb", "capacity",
)  # fmt: skip


def canonical_form(arena: Arena) -> dict[str, list[npt.NDArray[np.int64]]]:
    """The logical state as named lists of integer columns.

    Accounts by id; positions by account, then first use; orders by id, each with the ids of the
    order ahead of it in its level and in its account's arrival order.
    """
    engine = arena.engine[0]
    contracts = int(engine["contracts"])
    terms = arena.records("contracts", contracts + 1)[1:]
    form = {
        "engine": [arena.engine[name] for name in _ENGINE],
        "pool": [arena.pool[name] for name in _POOL],
        "contracts": [terms[name] for name in _CONTRACT],
    }
    form["portfolio_moves"] = [
        arena.records("portfolio_moves", int(arena.pool["portfolio_moves"][0]))["value"]
    ]
    tiers = arena.records("tiers", (contracts + 1) * TIERS_MAX)
    form["tiers"] = [tiers[name] for name in layout.TIER.names or ()]
    sources = arena.records("sources", (contracts + 1) * SOURCES_MAX)
    form["sources"] = [
        sources[name]
        for name in (
            "weight", "cap_ppb", "kind", "asset", "price_ticks", "time_ns", "out", "back_ns",
        )  # fmt: skip
    ]
    assets = arena.records("assets", (contracts + 1) * ASSETS_MAX)
    form["assets"] = [assets["units_ppb"], assets["price_ticks"]]
    form["collateral"] = _collateral(arena, int(engine["collaterals"]))
    form["withdrawals"] = _withdrawals(arena)
    form["windows"] = _windows(arena, contracts)
    form["volatility"] = [
        arena.records("volatility_times", (contracts + 1) * VOLATILITY_AUCTIONS_MAX)["value"]
    ]
    form["protections"] = _protections(arena, int(engine["accounts_top"]))
    form["accounts"] = _accounts(arena)
    form["positions"] = _positions(arena, int(engine["positions_top"]))
    form["orders"] = _orders(arena, int(engine["orders_top"]))
    return form


def _collateral(arena: Arena, assets: int) -> list[npt.NDArray[np.int64]]:
    """The assets beside cash with their haircuts and sources, and who holds what, by account."""
    if assets == 0:
        return []
    sources = arena.records("collateral_sources", (assets + 1) * COLLATERAL_SOURCES_MAX)
    haircuts = arena.records("haircuts", (assets + 1) * COLLATERAL_HAIRCUTS_MAX)
    top = int(arena.engine["accounts_top"][0])
    holdings = arena.records("holdings", (top + 1) * COLLATERAL_MAX)["value"]
    rows = np.flatnonzero(holdings)
    records = arena.records("collaterals", assets + 1)
    return [
        *(records[name] for name in layout.COLLATERAL.names or ()),
        *(sources[name] for name in layout.COLLATERAL_SOURCE.names or ()),
        *(haircuts[name] for name in layout.HAIRCUT.names or ()),
        rows,
        holdings[rows],
    ]


def _withdrawals(arena: Arena) -> list[npt.NDArray[np.int64]]:
    """What is reserved, by account and client id: which place it has is memory."""
    if arena.engine["withdrawals"][0] == 0:
        return []
    top = int(arena.engine["accounts_top"][0])
    places = arena.records("withdrawals", (top + 1) * WITHDRAWALS_MAX)
    rows = np.flatnonzero(places["amount"])
    accounts = rows // WITHDRAWALS_MAX
    order = np.lexsort((places["client_id"][rows], accounts))
    columns = (places[name][rows][order] for name in ("client_id", "asset", "amount"))
    return [accounts[order], *columns]


def _windows(arena: Arena, contracts: int) -> list[npt.NDArray[np.int64]]:
    """The moving windows with their values: rows behind a window's count are void."""
    windows = arena.records("windows", (contracts + 1) * layout.WINDOWS)
    rows = arena.records("window_values", len(windows) * layout.WINDOW_ROWS)["value"]
    values = rows.reshape(-1, layout.WINDOW_ROWS).copy()
    for row, count in zip(values, windows["count"], strict=True):
        row[count:] = 0
    return [*(windows[name] for name in layout.WINDOW.names or ()), values.ravel()]


def _protections(arena: Arena, top: int) -> list[npt.NDArray[np.int64]]:
    """The protection windows that have limits, by the group's lead and number."""
    windows = arena.records("protections", (top + 1) * PROTECTIONS_MAX)
    rows = np.flatnonzero(windows["window_ns"])
    names = [name for name in layout.PROTECTION.names or () if not name.endswith("trial")]
    return [rows, *(windows[name][rows] for name in names)]


def has_account(arena: Arena, account: int) -> bool:
    """Whether the account was opened, or is the margin account of an isolated position."""
    if not 1 <= account < layout.ACCOUNT_ROWS:
        return False
    return bool(arena.records("accounts", account + 1)["group"][account] != 0)


def account_ids(arena: Arena) -> npt.NDArray[np.int64]:
    """The ids of all accounts: those opened, then the margin accounts of isolated positions."""
    engine = arena.engine[0]
    opened = arena.records("accounts", int(engine["accounts_top"]) + 1)["group"]
    behind = np.arange(ACCOUNTS_MAX + 1, int(engine["margin_accounts_top"]) + 1)
    return np.concatenate([np.flatnonzero(opened), behind])


def _accounts(arena: Arena) -> list[npt.NDArray[np.int64]]:
    held = account_ids(arena)
    accounts = arena.records("accounts", int(held[-1]) + 1)
    extras = arena.records("account_extras", int(held[-1]) + 1)
    passing = layout.SUSPECT | layout.SHORT | layout.NEGATIVE | layout.DIRTY
    flags = accounts["flags"][held] & ~passing
    in_liquidation = (flags & layout.LIQUIDATING) != 0
    cooling = (flags & layout.COOLING) != 0
    return [
        held,
        accounts["cash"][held],
        accounts["client_id_highest"][held],
        accounts["client_ids"][held].view(np.int64),
        accounts["group"][held],
        extras["group_next"][held],
        extras["owner"][held],
        extras["kind"][held],
        extras["parent"][held],
        extras["contract"][held],
        extras["isolated"][held],
        flags,
        np.where(in_liquidation, extras["excess"][held], 0),
        np.where(cooling, extras["ready_ns"][held], 0),
        extras["heartbeat_ns"][held],
        extras["professional_until_ns"][held],
        extras["assessed"][held],
        extras["disclosure"][held],
        extras["blocked"][held],
        extras["rate_initial_min_ppb"][held],
        extras["collateral_value"][held],
        extras["messages_from_ns"][held],
        extras["messages"][held],
    ]


def _positions(arena: Arena, top: int) -> list[npt.NDArray[np.int64]]:
    positions = arena.records("positions", top + 1)[1:]
    extras = arena.records("position_extras", top + 1)[1:]
    order = np.argsort(positions["account"], kind="stable")
    columns = [positions[name][order] for name in _POSITION]
    columns[3] = np.where(columns[1] != 0, columns[3], 0)  # a flat position owes nothing
    return [*columns, *(extras[name][order] for name in _POSITION_EXTRA)]


def _orders(arena: Arena, top: int) -> list[npt.NDArray[np.int64]]:
    orders = arena.records("orders", top + 1)
    extras = arena.records("order_extras", top + 1)
    slots = np.flatnonzero(orders["lots"] > 0)
    ids = (orders["generation"].astype(np.int64) + 1 << 32) | np.arange(top + 1)
    ids[NONE] = 0
    flags = orders["flags"][slots]
    filled = np.where(flags & layout.PARTLY_FILLED, extras["lots_filled"][slots], 0)
    is_special = (flags & layout.EXTRA) != 0
    return [
        ids[slots],
        *(orders[name][slots] for name in _ORDER),
        flags,
        filled,
        ids[orders["previous"][slots]],
        ids[orders["account_previous"][slots]],
        *(np.where(is_special, extras[name][slots], 0) for name in _ORDER_EXTRA),
        *(np.where(is_special, ids[extras[name][slots]], 0) for name in _ORDER_LINKS),
    ]
