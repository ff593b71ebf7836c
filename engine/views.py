"""Read-only views of the state for people and tests, as plain Python values."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate, islice
from typing import Any

from engine.schema import bounds, refusals
from engine.schema.vocabulary import BUY, KIND_CLIENT, NONE, SELL
from engine.state import layout
from engine.state.arena import Arena, account_ids, has_account
from risk.portfolio_grid import Leg, compute_maintenance

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


def view_tiers(arena: Arena, contract: int) -> list[dict[str, int]]:
    """The margin tiers of a contract, lowest floor first."""
    first = contract * bounds.TIERS_MAX
    count = view_contract(arena, contract)["tiers"]
    return [as_dict(row) for row in arena.records("tiers", first + count)[first:]]


def compute_margin(
    terms: dict[str, int],
    tiers: list[dict[str, int]],
    lots: int,
    which: str,
    floor_ppb: int = 0,
) -> int:
    """Tiered margin at mark in plain integers, rounded up; of initial margin with what raises it
    (8.1, 8.6)."""
    if lots == 0:
        return 0
    notional = abs(lots) * terms["mark_size"]
    tier = [tier for tier in tiers if tier["floor_value"] <= notional][-1]
    margin = -(-notional * tier[f"rate_{which}_ppb"] // bounds.PPB) - tier[f"deduction_{which}"]
    if which == "initial":
        above_lots, line_lots = compute_line(terms)
        margin += -(-(notional - margin) * above_lots // line_lots)
        floor_ppb = max(floor_ppb, terms["rate_initial_min_ppb"])
        margin = max(margin, -(-notional * floor_ppb // bounds.PPB))
    return margin


def compute_line(terms: dict[str, int]) -> tuple[int, int]:
    """How far open interest is from its lower to its upper bound (8.6)."""
    low_lots = terms["open_interest_scale_low_lots"]
    high_lots = terms["open_interest_scale_high_lots"]
    if high_lots == 0:
        return 0, 1
    return min(max(terms["long_lots"], low_lots), high_lots) - low_lots, high_lots - low_lots


class Valuer:
    """Views of positions and accounts at one state: contracts and tiers are read once."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.contracts = view_contracts(arena)
        self.tiers = {contract: view_tiers(arena, contract) for contract in self.contracts}

    def position(self, contract: int, slot: int) -> dict[str, int]:
        """One position with its unrealised profit, funding owed and margins."""
        view = as_dict(self.arena.records("positions", slot + 1)[slot])
        extra = self.arena.records("position_extras", slot + 1)[slot]
        floor_ppb, capacity = int(extra["rate_floor_ppb"]), int(extra["capacity"])
        owner = self.arena.records("account_extras", view["account"] + 1)[view["account"]]
        return self.value(contract, view, floor_ppb, capacity, int(owner["rate_initial_min_ppb"]))

    def value(
        self, contract: int, view: dict[str, int], floor_ppb: int, capacity: int, cap_ppb: int
    ) -> dict[str, int]:
        terms, tiers, lots = self.contracts[contract], self.tiers[contract], view["lots"]
        owed = lots * (terms["funding_index"] - view["funding_index"]) if lots else 0
        view["contract"] = contract
        view["funding_owed"] = owed
        view["unrealised"] = lots * terms["mark_value"] - view["entry_value"]
        view["margin_maintenance"] = compute_margin(terms, tiers, lots, "maintenance")
        raised_ppb = max(floor_ppb, cap_ppb)
        view["margin_initial"] = compute_margin(terms, tiers, lots, "initial", raised_ppb)
        view["rate_floor_ppb"] = floor_ppb
        view["capacity"] = capacity
        return view

    def account(self, account: int) -> dict[str, Any]:
        """Cash, equity, maintenance, flags and positions; KeyError when there is no account."""
        if not has_account(self.arena, account):
            raise KeyError(f"there is no account {account}")
        record = as_dict(self.arena.records("accounts", account + 1)[account])
        extra = self.arena.records("account_extras", account + 1)[account]
        record["collateral_value"] = int(extra["collateral_value"])
        places = positions_of(self.arena, account)
        view = self.summarise(account, record, [self.position(*place) for place in places])
        view["collateral"] = view_holdings(self.arena, account)
        view["withdrawals"] = view_withdrawals(self.arena, account)
        view["isolated"] = view_isolated(self.arena, account)
        view["eligibility"] = view_eligibility(self.arena, account)
        return view

    def accounts(self) -> list[dict[str, Any]]:
        """Every open account by id, from two passes over the tables."""
        engine = self.arena.engine[0]
        positions = self.arena.records("positions", int(engine["positions_top"]) + 1)
        names = layout.POSITION.names or ()
        extras = self.arena.records("position_extras", len(positions))
        names_of_extra = ("contract", "rate_floor_ppb", "capacity")
        of_contract, floors, capacities = (extras[name].tolist() for name in names_of_extra)
        ids = account_ids(self.arena)
        account_extras = self.arena.records("account_extras", int(ids[-1]) + 1)[ids]
        caps = dict(zip(ids.tolist(), account_extras["rate_initial_min_ppb"].tolist(), strict=True))
        held: dict[int, list[dict[str, int]]] = {}
        for slot, row in enumerate(positions.tolist()):
            if slot != NONE:  # slots rise with first use, as the account's contracts do
                view = dict(zip(names, row, strict=True))
                cap_ppb = caps[view["account"]]
                view = self.value(
                    of_contract[slot], view, floors[slot], capacities[slot], cap_ppb
                )
                held.setdefault(view["account"], []).append(view)
        accounts = self.arena.records("accounts", int(ids[-1]) + 1)[ids]
        values = account_extras["collateral_value"].tolist()
        names = (*(layout.ACCOUNT.names or ()), "collateral_value")
        return [
            self.summarise(
                account, dict(zip(names, (*row, value), strict=True)), held.get(account, [])
            )
            for account, row, value in zip(ids.tolist(), accounts.tolist(), values, strict=True)
        ]

    def summarise(
        self, account: int, record: dict[str, int], positions: list[dict[str, int]]
    ) -> dict[str, Any]:
        """An account's record and positions as one view."""
        cash, collateral = record["cash"], record["collateral_value"]
        gained = sum(p["unrealised"] - p["funding_owed"] for p in positions)
        maintenance = sum(p["margin_maintenance"] for p in positions)
        is_portfolio = bool(record["flags"] & layout.PORTFOLIO)
        if is_portfolio:
            maintenance = self._maintenance_of_portfolio(positions, maintenance)
        return {
            "account": account,
            "cash": cash,
            "collateral_value": collateral,
            "equity": cash + collateral + gained,
            "margin_maintenance": maintenance,
            "margin_mode": "portfolio" if is_portfolio else "standard",
            "group": record["group"],
            "orders": record["orders"],
            "in_liquidation": bool(record["flags"] & layout.LIQUIDATING),
            "margin_called": bool(record["flags"] & layout.CALLED),
            "positions": positions,
        }

    def _maintenance_of_portfolio(self, positions: list[dict[str, int]], by_tiers: int) -> int:
        """Its risk in the pool's moves of prices, or a share of what tiers say (8.7)."""
        pool = self.arena.pool[0]
        moves = self.arena.records("portfolio_moves", int(pool["portfolio_moves"]))["value"]
        legs = (leg_of(self.contracts[p["contract"]], p["lots"]) for p in positions)
        floor_ppb = int(pool["portfolio_floor_ppb"])
        return compute_maintenance(moves.tolist(), legs, by_tiers, floor_ppb)


def leg_of(terms: dict[str, int], lots: int) -> Leg:
    """A position at the contract's mark, for a grid of moves."""
    return Leg(
        group=terms["portfolio_group"],
        is_inverse=terms["contract_value"] != 0,
        lots=lots,
        size=terms["mark_size"],
        basis_ppb=terms["basis_ppb"],
        concentration_value=terms["concentration_value"],
        concentration_ppb=terms["concentration_ppb"],
    )


def view_collateral(arena: Arena) -> list[dict[str, int]]:
    """Every field of each asset beside the pool's cash, the first asset first (10.1)."""
    assets = int(arena.engine["collaterals"][0])
    return [as_dict(row) for row in arena.records("collaterals", assets + 1)[1:]]


def view_conversion(arena: Arena) -> dict[str, Any]:
    """The conversion ledger: its cash, its units by asset, what they are worth at the assets' last
    prices, each rounded down, and what both come to: the provider's gain, or its loss (10.6)."""
    assets = view_collateral(arena)
    units = {k: asset["converted"] for k, asset in enumerate(assets, start=1)}
    value = sum(asset["converted"] * asset["price_ppb"] // bounds.PPB for asset in assets)
    cash = int(arena.pool["conversion_cash"][0])
    return {"cash": cash, "units": units, "value": value, "balance": cash + value}


def view_holdings(arena: Arena, account: int) -> dict[int, int]:
    """What the account holds of each asset beside cash; of none nothing is said."""
    if account > bounds.ACCOUNTS_MAX or not arena.engine["collaterals"][0]:
        return {}
    first = account * bounds.COLLATERAL_MAX
    held = arena.records("holdings", first + bounds.COLLATERAL_MAX)["value"][first:]
    return {int(k) + 1: int(held[k]) for k in held.nonzero()[0]}


def view_withdrawals(arena: Arena, account: int) -> dict[int, dict[str, int]]:
    """What the account has reserved for withdrawals, by the client id that asked for it; asset 0 is
    cash (10.6)."""
    if account > bounds.ACCOUNTS_MAX:
        return {}
    first = account * bounds.WITHDRAWALS_MAX
    places = arena.records("withdrawals", first + bounds.WITHDRAWALS_MAX)[first:]
    reserved = [as_dict(place) for place in places if place["amount"]]
    reserved.sort(key=lambda place: place["client_id"])
    return {place.pop("client_id"): place for place in reserved}


def view_isolated(arena: Arena, account: int) -> dict[int, int]:
    """Which margin account stands for the account in each contract that it has isolated (8.5)."""
    extras = arena.records("account_extras", layout.ACCOUNT_ROWS)
    found = {}
    margin_account = int(extras[account]["margin_first"])
    while margin_account != NONE:
        if extras[margin_account]["isolated"]:
            found[int(extras[margin_account]["contract"])] = margin_account
        margin_account = int(extras[margin_account]["margin_next"])
    return found


def view_eligibility(arena: Arena, account: int) -> dict[str, int]:
    """What makes a client eligible, with the refusal code of what it `lacks` at the clock, 0 when
    nothing (3.1); of a margin account what stands with the account that isolated it. Empty where
    nobody asks."""
    extras = arena.records("account_extras", layout.ACCOUNT_ROWS)
    pool = arena.pool[0]
    if not pool["eligibility_checked"] or extras[account]["kind"] != KIND_CLIENT:
        return {}
    own = extras[int(extras[account]["parent"]) or account]
    names = ("professional_until_ns", "assessed", "disclosure", "blocked")
    view = {name: int(own[name]) for name in names}
    lacks = refusals.OK
    if view["professional_until_ns"] <= int(arena.engine["clock_ns"][0]):
        lacks = refusals.NOT_PROFESSIONAL
    elif not view["assessed"]:
        lacks = refusals.NOT_ASSESSED
    elif view["disclosure"] < int(pool["disclosure_version"]):
        lacks = refusals.DISCLOSURE_NOT_ACKNOWLEDGED
    elif view["blocked"]:
        lacks = refusals.ACCOUNT_BLOCKED
    return {**view, "lacks": lacks}


def find_trader(arena: Arena, account: int, contract: int) -> int:
    """For whom the account trades the contract: itself, or its margin account there (8.5)."""
    if not has_account(arena, account):
        return account
    return view_isolated(arena, account).get(contract, account)


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


def level_slot_of(arena: Arena, contract: int, side: int, key: int) -> int:
    """The slot of the level behind an occupied key."""
    place = (contract * 2 + side) * layout.PAGES_PER_LADDER + (key >> 9)
    page = int(arena.records("ladder_pages", place + 1)["slot"][place])
    return page * PAGE_TICKS + (key & 511)


def level_of(arena: Arena, contract: int, side: int, key: int) -> Any:
    """The level's record behind an occupied key."""
    slot = level_slot_of(arena, contract, side, key)
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
            is_special = int(order["flags"]) & layout.EXTRA
            view["lots_hidden"] = int(extras[slot]["lots_hidden"]) if is_special else 0
            is_partly = int(order["flags"]) & layout.PARTLY_FILLED
            view["lots_filled"] = int(extras[slot]["lots_filled"]) if is_partly else 0
            found.append(view)
            slot = int(order["next"])
    return found


def view_indicative(arena: Arena, contract: int) -> tuple[int, int, int]:
    """(price_ticks, lots, surplus) by the four steps of 5.2, over the orders of both sides."""
    terms = view_contract(arena, contract)
    levels: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for side, lots_at in zip((BUY, SELL), levels, strict=True):
        for order in view_orders(arena, contract, side):
            lots = order["lots"] + order["lots_hidden"]
            lots_at[order["price_ticks"]] = lots_at.get(order["price_ticks"], 0) + lots
    reference = terms["last_trade_ticks"] or terms["auction_reference_ticks"]
    return choose_uncross(*levels, reference)


def choose_uncross(
    bids: dict[int, int], asks: dict[int, int], reference: int
) -> tuple[int, int, int]:
    """Most volume, least surplus, the surplus's side, nearest the reference (0: the middle).

    Takes lots by price. Between two neighbours of these ticks nothing changes, so they stand for
    all; beyond the best prices nothing trades.
    """
    if not bids or not asks or max(bids) < min(asks):
        return 0, 0, 0
    lowest, highest = min(asks), max(bids)
    ticks = {price + step for price in (*bids, *asks) for step in (-1, 0, 1)}
    buys_below = _sums({price: lots for price, lots in bids.items() if price >= lowest})
    sells_to = _sums(asks)
    found = []
    for tick in sorted(tick for tick in ticks if lowest <= tick <= highest):
        buys = buys_below(highest) - buys_below(tick - 1)
        sells = sells_to(tick)
        found.append((min(buys, sells), buys - sells, tick))
    return _choose(found, reference)


def _sums(lots_at: dict[int, int]) -> Callable[[int], int]:
    """The lots at a price or below."""
    prices = sorted(lots_at)
    sums = [0, *accumulate(lots_at[price] for price in prices)]
    return lambda price: sums[bisect_right(prices, price)]


def _choose(found: list[tuple[int, int, int]], reference: int) -> tuple[int, int, int]:
    """The four steps over (volume, surplus, tick)."""
    volume = max(row[0] for row in found)
    least = min(abs(surplus) for lots, surplus, _ in found if lots == volume)
    left = [
        (tick, surplus)
        for lots, surplus, tick in found
        if lots == volume and abs(surplus) == least
    ]
    low, high = left[0][0], left[-1][0]
    if left[-1][1] > 0:
        price = high
    elif left[0][1] < 0:
        price = low
    else:
        price = min(max(reference or (low + high) // 2, low), high)
    return price, volume, [surplus for tick, surplus in left if tick <= price][-1]
