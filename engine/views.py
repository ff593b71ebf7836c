"""Read-only views of the state for people and tests, as plain Python values."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from engine.schema import bounds
from engine.schema.vocabulary import BUY, NONE
from engine.state import layout
from engine.state.arena import Arena

PAGE_TICKS = layout.TICKS_PER_PAGE


def view_pool(arena: Arena) -> dict[str, int]:
    """Every field of the pool's record, with the engine's sequence and clock."""
    pool = {name: int(arena.pool[name][0]) for name in layout.POOL.names or ()}
    pool["sequence"] = int(arena.engine["sequence"][0])
    pool["clock_ns"] = int(arena.engine["clock_ns"][0])
    return pool


def view_contract(arena: Arena, contract: int) -> dict[str, int]:
    """Every field of one contract's record."""
    if not 1 <= contract <= int(arena.engine["contracts"][0]):
        raise KeyError(f"there is no contract {contract}")
    return as_dict(arena.records("contracts", contract + 1)[contract])


def view_contracts(arena: Arena) -> dict[int, dict[str, int]]:
    """Every contract's record by its id; for views of many accounts at one state."""
    return {
        contract: view_contract(arena, contract)
        for contract in range(1, int(arena.engine["contracts"][0]) + 1)
    }


def as_dict(record: Any) -> dict[str, int]:
    """A record's fields as plain integers, in one conversion."""
    return dict(zip(record.dtype.names, record.item(), strict=True))


def positions_of(arena: Arena, account: int) -> list[tuple[int, int]]:
    """(contract, position slot) of the account, in order of first use."""
    record = arena.records("accounts", account + 1)[account]
    found = []
    for k in range(4):
        contract = (int(record["contracts"]) >> 16 * k) & 0xFFFF
        if contract:
            found.append((contract, int(record[f"position_{k + 1}"])))
    slot = int(record["chain"])
    extras = arena.records("position_extras", int(arena.engine["positions_top"][0]) + 1)
    while slot != NONE:
        found.append((int(extras[slot]["contract"]), slot))
        slot = int(extras[slot]["chain_next"])
    return found


def view_position(
    arena: Arena, terms: dict[str, int], contract: int, slot: int
) -> dict[str, int]:
    """One position with its unrealised profit and funding owed at its contract's terms."""
    view = as_dict(arena.records("positions", slot + 1)[slot])
    lots = view["lots"]
    owed = lots * (terms["funding_index"] - view["funding_index"]) if lots else 0
    value = lots * terms["mark_ticks"] * terms["tick_value"]
    return {
        **view,
        "contract": contract,
        "funding_owed": owed,
        "unrealised": value - view["entry_value"],
        "margin_maintenance": compute_margin(arena, terms, contract, lots, "maintenance"),
        "margin_initial": compute_margin(arena, terms, contract, lots, "initial"),
    }


def compute_margin(
    arena: Arena, terms: dict[str, int], contract: int, lots: int, which: str
) -> int:
    """Tiered margin at mark in plain integers, rounded up (8.1)."""
    if lots == 0:
        return 0
    notional = abs(lots) * terms["mark_ticks"] * terms["tick_value"]
    first = contract * bounds.TIERS_MAX
    tiers = arena.records("tiers", first + terms["tiers"])[first:]
    tier = [row for row in tiers if int(row["floor_value"]) <= notional][-1]
    rate, deduction = int(tier[f"rate_{which}_ppb"]), int(tier[f"deduction_{which}"])
    return -(-notional * rate // bounds.PPB) - deduction


def view_account(
    arena: Arena, account: int, contracts: dict[int, dict[str, int]]
) -> dict[str, Any]:
    """Cash, equity, maintenance, flags and positions of an account at its contracts' terms."""
    if not 1 <= account <= int(arena.engine["accounts_top"][0]):
        raise KeyError(f"there is no account {account}")
    record = arena.records("accounts", account + 1)[account]
    if int(record["group"]) == 0:
        raise KeyError(f"there is no account {account}")
    positions = [
        view_position(arena, contracts[contract], contract, slot)
        for contract, slot in positions_of(arena, account)
    ]
    cash = int(record["cash"])
    flags = int(record["flags"])
    return {
        "account": account,
        "cash": cash,
        "equity": cash + sum(p["unrealised"] - p["funding_owed"] for p in positions),
        "margin_maintenance": sum(p["margin_maintenance"] for p in positions),
        "group": int(record["group"]),
        "orders": int(record["orders"]),
        "in_liquidation": bool(flags & layout.LIQUIDATING),
        "margin_called": bool(flags & layout.CALLED),
        "positions": positions,
    }


def ladder_keys(arena: Arena, contract: int, side: int) -> Iterator[int]:
    """Every occupied key of a side, best first, from the bitmaps."""
    ladder = contract * 2 + side
    pages = arena.records("ladder_pages", (ladder + 1) * layout.PAGES_PER_LADDER)
    pages = pages["slot"][ladder * layout.PAGES_PER_LADDER :]
    words = arena.records("page_words", (int(arena.engine["pages_top"][0]) + 1) * 8)["bits"]
    for number in pages.nonzero()[0]:
        for k, word in enumerate(words[int(pages[number]) * 8 :][:8]):
            bits = int(word)
            while bits:
                low = bits & -bits
                yield int(number) * PAGE_TICKS + k * 64 + low.bit_length() - 1
                bits ^= low


def level_of(arena: Arena, contract: int, side: int, key: int) -> Any:
    """The level's record behind an occupied key."""
    place = (contract * 2 + side) * layout.PAGES_PER_LADDER + (key >> 9)
    page = int(arena.records("ladder_pages", place + 1)["slot"][place])
    slot = page * PAGE_TICKS + (key & 511)
    return arena.records("levels", slot + 1)[slot]


def price_of(key: int, side: int) -> int:
    return key ^ layout.KEY_MASK if side == BUY else key


def view_depth(arena: Arena, contract: int, side: int, levels: int) -> list[tuple[int, int]]:
    """(price_ticks, lots) of the best levels of a side, best first."""
    view_contract(arena, contract)
    return [
        (price_of(key, side), int(level_of(arena, contract, side, key)["lots"]))
        for key in islice(ladder_keys(arena, contract, side), levels)
    ]


def view_orders(arena: Arena, contract: int, side: int) -> list[dict[str, int]]:
    """Every resting order of a side in priority order."""
    orders = arena.records("orders", int(arena.engine["orders_top"][0]) + 1)
    extras = arena.records("order_extras", len(orders))
    found = []
    for key in ladder_keys(arena, contract, side):
        slot = int(level_of(arena, contract, side, key)["head"])
        while slot != NONE:
            order = orders[slot]
            view = {name: int(order[name]) for name in ("account", "price_ticks", "lots", "flags")}
            view["order_id"] = (int(order["generation"]) + 1) << 32 | slot
            is_partly = int(order["flags"]) & layout.PARTLY_FILLED
            view["lots_filled"] = int(extras[slot]["lots_filled"]) if is_partly else 0
            found.append(view)
            slot = int(order["next"])
    return found
