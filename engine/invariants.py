"""The invariants of rule 14 over the whole state, walked in plain Python: slow, independent of the
kernels, and named in what it reports."""

from collections import Counter
from typing import Any

import numpy as np

from engine.schema.bounds import COLLATERAL_HAIRCUTS_MAX, ORDERS_MAX, PPB
from engine.schema.vocabulary import (
    BUY,
    DELEVERAGING_QUEUE,
    FUND,
    KIND_LIQUIDITY_PROVIDER,
    NONE,
    REDUCE_ONLY,
    SELL,
    STATE_FROZEN,
)
from engine.state import layout
from engine.state.arena import Arena, Records, account_ids
from engine.trading_state import TRADING
from engine.views import (
    Valuer,
    ladder_keys,
    level_slot_of,
    view_collateral,
    view_eligibility,
    view_holdings,
    view_pool,
    view_withdrawals,
)

View = dict[str, Any]


def check_state(arena: Arena) -> list[str]:
    """Every broken invariant as one English line."""
    valuer = Valuer(arena)
    terms, accounts = valuer.contracts, valuer.accounts()
    problems = check_money(view_pool(arena), accounts)
    problems += check_holdings(arena, accounts)
    problems += check_positions(terms, accounts)
    problems += check_solvency(terms, accounts)
    problems += check_floors(terms, accounts)
    problems += check_worths(arena, terms, accounts)
    problems += check_histories(arena)
    problems += check_orders(arena, accounts)
    problems += check_links(arena)
    problems += check_bands(arena, terms)
    problems += check_eligibility(arena) + check_references(arena, terms)
    problems += check_providers(arena, terms) + check_slices(terms, accounts)
    problems += check_cover(view_pool(arena), terms)
    for contract in terms:
        problems += check_book(arena, contract, terms[contract])
    return problems


def check_money(pool: dict[str, int], accounts: list[View]) -> list[str]:
    """I1: ledgers less entry values = deposits less withdrawals. I7: funding clears to zero."""
    problems = []
    cash = sum(account["cash"] for account in accounts)
    positions = [position for account in accounts for position in account["positions"]]
    entry = sum(position["entry_value"] for position in positions)
    ledgers = pool["fees"] + pool["house"] + pool["rounding"] + pool["funding_clearing"]
    ledgers += pool["conversion_cash"] + pool["withdrawals_reserved"]
    if cash + ledgers - entry != pool["deposits_net"]:
        problems.append(f"I1: {cash} + {ledgers} - {entry} is not {pool['deposits_net']}")
    if (cash, entry) != (pool["cash_total"], pool["entry_total"]):
        problems.append("I1: the running totals of cash or entry values are wrong")
    owed = sum(position["funding_owed"] for position in positions)
    if owed + pool["funding_clearing"] != 0:
        problems.append(f"I7: owed {owed} + clearing {pool['funding_clearing']} is not 0")
    if pool["rounding"] < 0:
        problems.append(f"I7: the rounding account holds {pool['rounding']}")
    return problems


def count_holding(
    asset: dict[str, int], floors: list[int], rates_ppb: list[int], quantity: int
) -> int:
    """What of a holding counts at present: its market value, capped, less a haircut by slices."""
    price_ppb = min(asset["price_ppb"], asset["par_ppb"] or asset["price_ppb"])
    if asset["held"]:
        price_ppb = min(price_ppb, asset["asset_value_max"] * PPB // asset["held"])
    value = min(quantity * price_ppb // PPB, asset["account_value_max"])
    lost = 0
    tops = [*floors[1 : asset["haircuts"]], value]
    for floor, top, rate_ppb in zip(floors, tops, rates_ppb, strict=False):
        slice_value = max(min(top, value) - floor, 0)
        lost -= -slice_value * min(rate_ppb + asset["raise_ppb"], PPB) // PPB
    return value - lost


def sum_reserved(arena: Arena, accounts: list[View]) -> Counter[int]:
    """What accounts have reserved for withdrawals, by asset; 0 is cash (10.6)."""
    reserved: Counter[int] = Counter()
    if arena.engine["withdrawals"][0]:
        for account in accounts:
            for place in view_withdrawals(arena, account["account"]).values():
                reserved[place["asset"]] += place["amount"]
    return reserved


def check_holdings(arena: Arena, accounts: list[View]) -> list[str]:
    """I1 per asset: holdings, what is reserved of them and conversion = deposits less withdrawals.
    10.2: no account counts more for its holdings than they are worth, and who holds nothing counts
    nothing."""
    problems = []
    reserved = sum_reserved(arena, accounts)
    if reserved.get(0, 0) != arena.pool["withdrawals_reserved"][0]:
        problems.append(f"I1: {reserved.get(0, 0)} in cash is reserved, the ledger differs")
    assets = view_collateral(arena)
    rows = arena.records("haircuts", (len(assets) + 1) * COLLATERAL_HAIRCUTS_MAX)
    floors = rows["floor_value"].reshape(-1, COLLATERAL_HAIRCUTS_MAX).tolist()
    rates_ppb = rows["haircut_ppb"].reshape(-1, COLLATERAL_HAIRCUTS_MAX).tolist()
    holdings = {a["account"]: view_holdings(arena, a["account"]) for a in accounts}
    for asset, record in enumerate(assets, start=1):
        held = sum(quantities.get(asset, 0) for quantities in holdings.values())
        if reserved.get(asset, 0) != record["reserved"]:
            problems.append(f"I1: asset {asset}: the total reserved is wrong")
        held += record["reserved"]
        if held != record["held"]:
            problems.append(f"I1: asset {asset}: the total held is wrong")
        if held + record["converted"] != record["deposits_net"]:
            problems.append(f"I1: asset {asset}: {held} and what was converted were not deposited")
        if record["converted"] < 0:
            problems.append(f"10.6: asset {asset}: more was redeemed than was converted")
        if any(quantities.get(asset, 0) < 0 for quantities in holdings.values()):
            problems.append(f"I1: asset {asset}: a holding is below zero")
    flags = arena.records("accounts", layout.ACCOUNT_ROWS)["flags"]
    for account in accounts:
        number = account["account"]
        is_flagged = bool(flags[number] & layout.HOLDS_COLLATERAL)
        if is_flagged != bool(holdings[number]):
            problems.append(f"10.2: account {number}: equity does not count what it holds")
        worth = sum(
            count_holding(assets[asset - 1], floors[asset], rates_ppb[asset], quantity)
            for asset, quantity in holdings[number].items()
        )
        if not 0 <= account["collateral_value"] <= worth:
            problems.append(f"10.2: account {number}: its collateral is worth {worth}, not more")
    return problems


def check_positions(terms: dict[int, dict[str, int]], accounts: list[View]) -> list[str]:
    """I2: positions sum to zero; open interest = longs = shorts."""
    problems = []
    for contract, view in terms.items():
        lots = [
            position["lots"]
            for account in accounts
            for position in account["positions"]
            if position["contract"] == contract
        ]
        longs, shorts = sum(x for x in lots if x > 0), -sum(x for x in lots if x < 0)
        if longs != shorts:
            problems.append(f"I2: contract {contract}: longs {longs}, shorts {shorts}")
        if (longs, shorts) != (view["long_lots"], view["short_lots"]):
            problems.append(f"I2: contract {contract}: the counted open interest is wrong")
        if sum(x != 0 for x in lots) != view["holders"]:
            problems.append(f"I2: contract {contract}: the list of holders is wrong")
    return problems


def check_solvency(terms: dict[int, dict[str, int]], accounts: list[View]) -> list[str]:
    """I3: no cash and no equity below zero. I8: under maintenance means in liquidation."""
    problems = []
    for account in accounts:
        who = "the fund" if account["account"] == FUND else f"account {account['account']}"
        held = [p["contract"] for p in account["positions"] if p["lots"]]
        if account["cash"] < 0:
            problems.append(f"I3: {who} has cash {account['cash']}")
        is_frozen = any(terms[contract]["state"] == STATE_FROZEN for contract in held)
        if account["equity"] < 0:
            problems.append(f"I3: {who} has equity {account['equity']}")
        is_under = account["equity"] < account["margin_maintenance"]
        if is_under and not account["in_liquidation"] and not is_frozen:
            problems.append(f"I8: {who} is under maintenance and not in liquidation")
    return problems


def check_floors(terms: dict[int, dict[str, int]], accounts: list[View]) -> list[str]:
    """8.1: where an account has raised its initial rate, admission looks for what raises it."""
    return [
        f"8.1: account {account['account']}: nobody asks for its floor in a contract"
        for account in accounts
        for position in account["positions"]
        if position["rate_floor_ppb"]
        and not terms[position["contract"]]["limits"] & layout.LIMITS_RATE
    ]


def check_worths(arena: Arena, terms: dict[int, View], accounts: list[View]) -> list[str]:
    """8.2: what is kept of an account's worth is what its positions and orders add up to."""
    problems = []
    present = int(arena.engine["valuation"][0]) + 1
    worths = arena.records("worths", max(account["account"] for account in accounts) + 1)
    for account in accounts:
        worth = worths[account["account"]]
        if worth["valuation"] != present:
            continue
        held = account["positions"]
        sums = {
            "equity": account["cash"] + sum(p["unrealised"] - p["funding_owed"] for p in held),
            "maintenance": sum(p["margin_maintenance"] for p in held),
            "requirement": sum(
                p["margin_initial"] + p["reserve_buy"] + p["reserve_sell"] + p["loss_fee"]
                for p in held
            ),
        }
        who = f"8.2: account {account['account']}"
        for name, value in sums.items():
            if worth[name] != value:
                problems.append(f"{who}: its {name} is kept as {worth[name]}, it is {value}")
        for position in held:
            if position["lots"] and terms[position["contract"]]["open_interest_scale_high_lots"]:
                problems.append(f"{who}: kept in spite of rates that move")
    return problems


def check_histories(arena: Arena) -> list[str]:
    """9.7: a position knows when it was opened while it is held, and what it has realised since;
    where deleveraging has no queue nothing is written."""
    problems = []
    engine = arena.engine[0]
    positions = arena.records("positions", int(engine["positions_top"]) + 1)
    extras = arena.records("position_extras", len(positions))
    is_queue = int(arena.pool["deleveraging_mode"][0]) == DELEVERAGING_QUEUE
    is_held = (positions["lots"] != 0) & is_queue
    if not np.array_equal(extras["opened"] != 0, is_held):
        problems.append("9.7: a flat position is called open, or the reverse")
    if np.any(extras["realised"][~is_held]) or (not is_queue and np.any(extras["kept"])):
        problems.append("9.7: a position that is not in a queue has a history")
    latest = extras["opened"].max(), extras["kept_ns"].max()
    if latest[0] > engine["sequence"] or latest[1] > engine["clock_ns"]:
        problems.append("9.7: a position's history lies in the future")
    return problems


def check_orders(arena: Arena, accounts: list[View]) -> list[str]:
    """I4: reserves are those of the orders. I6: reduce-only orders fit the position."""
    problems = []
    orders = arena.records("orders", int(arena.engine["orders_top"][0]) + 1)
    extras = arena.records("order_extras", len(orders))
    for account in accounts:
        working = 0
        for position in account["positions"]:
            where = f"account {account['account']} contract {position['contract']}"
            sums = {"reserve_buy": 0, "reserve_sell": 0, "loss_fee": 0}
            sums |= {"lots_buy": 0, "lots_sell": 0, "lots_reduce_only": 0}
            slot = head = position["order_head"]
            while slot != NONE:
                order = orders[slot]
                side = "buy" if int(order["side"]) == BUY else "sell"
                working += 1
                is_reducing = bool(int(order["flags"]) & REDUCE_ONLY)
                if is_reducing and (position["lots"] < 0) != (side == "buy"):
                    problems.append(f"I6: {where}: a reduce-only order would not reduce")
                if not is_waiting(order, extras[slot]):
                    lots = int(order["lots"]) + hidden_lots(order, extras[slot])
                    if is_reducing:
                        sums["lots_reduce_only"] += lots
                    else:
                        sums[f"lots_{side}"] += lots
                    sums[f"reserve_{side}"] += int(order["reserve"])
                    sums["loss_fee"] += int(order["loss_fee"])
                slot = int(order["account_next"])
                if slot == head:
                    break
            for name, total in sums.items():
                if position[name] != total:
                    problems.append(f"I4: {where}: {name} {position[name]} is not {total}")
            if sums["lots_reduce_only"] > abs(position["lots"]):
                problems.append(f"I6: {where}: reduce-only orders exceed the position")
        if working != account["orders"]:
            problems.append(f"I4: account {account['account']}: its count of orders is wrong")
    return problems


def is_waiting(order: Any, extra: Any) -> bool:
    """Whether an order waits for its trigger, or has fired and waits for its turn."""
    if not int(order["flags"]) & layout.EXTRA:
        return False
    return bool(int(extra["bits"]) & (layout.ARMED | layout.FIRED))


def hidden_lots(order: Any, extra: Any) -> int:
    return int(extra["lots_hidden"]) if int(order["flags"]) & layout.EXTRA else 0


def is_child_of(orders: Records, extras: Records, slot: int, entry: int) -> bool:
    """Whether an order that names an entry is reached from it, directly or by its other child."""
    if entry == NONE:
        return True
    if orders[entry]["lots"] == 0 or orders[entry]["account"] != orders[slot]["account"]:
        return False
    child = int(extras[entry]["child"])
    return child != NONE and slot in (child, int(extras[child]["sibling"]))


def check_links(arena: Arena) -> list[str]:
    """4.5: siblings name each other. 2.6: every expiry has its timer, and the earliest is first."""
    problems = []
    engine = arena.engine[0]
    orders = arena.records("orders", int(engine["orders_top"]) + 1)
    extras = arena.records("order_extras", len(orders))
    timers = arena.records("timers", int(engine["timers"]))
    fired = expiring = 0
    for slot in np.flatnonzero((orders["lots"] > 0) & (orders["flags"] & layout.EXTRA != 0)):
        extra = extras[slot]
        sibling = int(extra["sibling"])
        if sibling != NONE and int(extras[sibling]["sibling"]) != slot:
            problems.append(f"4.5: order {slot} is not its sibling's sibling")
        if not is_child_of(orders, extras, int(slot), int(extra["parent"])):
            problems.append(f"4.5: order {slot} is no child of the entry that it names")
        fired += bool(int(extra["bits"]) & layout.FIRED)
        place = int(extra["timer"])
        if (place != 0) != (int(extra["expiry_ns"]) != 0):
            problems.append(f"4.2: order {slot}: expiry and timer disagree")
        elif place != 0:
            expiring += 1
            timer = timers[place - 1]
            told = int(timer["slot"]), int(timer["kind"]), int(timer["due_ns"])
            if told != (int(slot), layout.TIMER_EXPIRY, int(extra["expiry_ns"])):
                problems.append(f"4.2: order {slot}: its timer is another's")
    if fired != int(engine["fired"]):
        problems.append("2.5: the count of fired orders is wrong")
    if expiring != int((timers["kind"] == layout.TIMER_EXPIRY).sum()):
        problems.append("4.2: a timer of an order that is gone")
    due = timers["due_ns"]
    if any(due[k] < due[(k - 1) // 2] for k in range(1, len(due))):
        problems.append("2.6: the timers are not in order")
    return problems


def find_dirty(arena: Arena, contract: int, count: int) -> "np.ndarray":
    """Of a contract's holders those whose account has changed since its bands were written."""
    first = contract * layout.ACCOUNT_ROWS
    slots = arena.records("holders", first + count)["slot"][first:]
    positions = arena.records("positions", int(arena.engine["positions_top"][0]) + 1)
    accounts = positions["account"][slots]
    flags = arena.records("accounts", int(accounts.max(initial=0)) + 1)["flags"]
    return np.asarray(flags[accounts] & layout.DIRTY != 0)


def check_bands(arena: Arena, terms: dict[int, View]) -> list[str]:
    """9.1: no summary of a block of holders is wider than one of its bands that count."""
    problems = []
    for contract, view in terms.items():
        first, count = contract * layout.ACCOUNT_ROWS, view["holders"]
        bands = arena.records("bands", first + count)[first:]
        first = contract * layout.BAND_BLOCKS
        rows = first + np.arange(count) // layout.BAND_BLOCK_ROWS
        is_dirty = find_dirty(arena, contract, count)
        blocks = arena.records("band_blocks", first + layout.BAND_BLOCKS)[rows]
        is_wide = (blocks["low_value"] < bands["low_value"]) | (
            blocks["end_value"] > bands["end_value"]
        )
        if (is_wide & ~is_dirty).any():
            problems.append(f"9.1: contract {contract}: a block's summary is too wide")
    return problems


def check_eligibility(arena: Arena) -> list[str]:
    """3.1: the flag that admission reads says what the fields say, on margin accounts too; a status
    that will end has its timer, and no other account has one."""
    problems = []
    clock_ns = int(arena.engine["clock_ns"][0])
    timers = arena.records("timers", int(arena.engine["timers"][0]))
    ids = account_ids(arena)
    accounts = arena.records("accounts", int(ids[-1]) + 1)
    extras = arena.records("account_extras", len(accounts))
    ending = 0
    for account in ids.tolist():
        lacks = view_eligibility(arena, account).get("lacks", 0)
        if bool(int(accounts[account]["flags"]) & layout.INELIGIBLE) != bool(lacks):
            problems.append(f"3.1: account {account}: its flag hides what it lacks")
        until_ns = int(extras[account]["professional_until_ns"])
        place = int(extras[account]["timer_professional"])
        if (place != 0) != (until_ns > clock_ns):
            problems.append(f"3.1: account {account}: professional status and timer disagree")
        elif place != 0:
            ending += 1
            if timers[place - 1].item() != (until_ns, account, layout.TIMER_PROFESSIONAL):
                problems.append(f"3.1: account {account}: its timer is another's")
    if ending != int((timers["kind"] == layout.TIMER_PROFESSIONAL).sum()):
        problems.append("3.1: a timer of a status that nobody has")
    return problems


def check_references(arena: Arena, terms: dict[int, dict[str, int]]) -> list[str]:
    """3.3: the bit that admission reads says whether the reference asset has lapsed."""
    clock_ns = int(arena.engine["clock_ns"][0])
    return [
        f"3.3: contract {contract}: its bit hides whether its reference asset has lapsed"
        for contract, view in terms.items()
        if bool(view["stopped"] & layout.REFERENCE_LAPSED)
        != (0 < view["reference_until_ns"] <= clock_ns)
    ]


def check_providers(arena: Arena, terms: dict[int, View]) -> list[str]:
    """9.2 e: each contract lists its positions with a capacity, by account id, all of them those of
    opened accounts of liquidity providers."""
    problems = []
    positions = arena.records("positions", int(arena.engine["positions_top"][0]) + 1)
    extras = arena.records("position_extras", len(positions))
    kinds = arena.records("account_extras", layout.ACCOUNT_ROWS)
    with_capacity = np.flatnonzero(extras["capacity"] != 0)
    for contract, view in terms.items():
        listed: list[int] = []
        slot = view["provider_first"]
        while slot != NONE and len(listed) <= len(with_capacity):
            listed.append(slot)
            slot = int(extras[slot]["provider_next"])
        mine = with_capacity[extras["contract"][with_capacity] == contract]
        by_account = mine[np.argsort(positions["account"][mine], kind="stable")]
        if listed != by_account.tolist():
            problems.append(f"9.2: contract {contract}: its list of liquidity providers is wrong")
    for slot in with_capacity.tolist():
        account = int(positions[slot]["account"])
        is_provider = kinds[account]["kind"] == KIND_LIQUIDITY_PROVIDER
        if extras[slot]["capacity"] < 0 or not is_provider or kinds[account]["parent"] != NONE:
            problems.append(f"9.2: account {account} has a capacity that it can't have")
    return problems


def check_slices(terms: dict[int, View], accounts: list[View]) -> list[str]:
    """9.6: a slice is due exactly while the fund holds lots where it works them back, at one of the
    contract's times."""
    problems = []
    fund = next(account for account in accounts if account["account"] == FUND)
    held = {position["contract"] for position in fund["positions"] if position["lots"]}
    for contract, view in terms.items():
        due_ns = view["slice_next_ns"]
        if (due_ns != 0) != (contract in held and view["fund_slice_lots"] > 0):
            problems.append(f"9.6: contract {contract}: the fund's position and slice disagree")
        if due_ns != 0 and (due_ns - view["slice_offset_ns"]) % view["fund_slice_ns"] != 0:
            problems.append(f"9.6: contract {contract}: a slice is due at a time of no slice")
    return problems


def check_cover(pool: dict[str, int], terms: dict[int, View]) -> list[str]:
    """9.6: admission is told to ask for the cover of the stressed loss wherever there is one."""
    is_asked = pool["stress_loss"] > 0 and pool["fund_cover_min_ppb"] > 0
    return [
        f"9.6: contract {contract}: its bit hides whether the stressed loss is to be covered"
        for contract, view in terms.items()
        if bool(view["stopped"] & layout.COVER_ASKED) != is_asked
    ]


def check_level(arena: Arena, contract: int, side: int, key: int) -> tuple[list[str], list[int]]:
    """What is wrong with a level, and its lots, orders and hidden lots as its orders have them."""
    problems = []
    slot_of_level = level_slot_of(arena, contract, side, key)
    level = arena.records("levels", slot_of_level + 1)[slot_of_level]
    orders = arena.records("orders", int(arena.engine["orders_top"][0]) + 1)
    extras = arena.records("order_extras", len(orders))
    lots = count = hidden = 0
    slot, previous = int(level["head"]), NONE
    while slot != NONE:
        order = orders[slot]
        price_key = int(order["price_ticks"]) ^ (layout.KEY_MASK if side == BUY else 0)
        if price_key != key or int(order["previous"]) != previous:
            problems.append(f"I5: contract {contract}: order {slot} is misplaced")
        lots += int(order["lots"])
        hidden += hidden_lots(order, extras[slot])
        count += 1
        previous, slot = slot, int(order["next"])
    limit = int(arena.records("contracts", contract + 1)[contract]["level_orders_max"])
    counted = int(arena.records("level_orders", slot_of_level + 1)["slot"][slot_of_level])
    is_counted = counted == (count if limit != ORDERS_MAX else 0)  # only where a limit asks for it
    if (lots, previous) != (int(level["lots"]), int(level["tail"])) or not is_counted:
        problems.append(f"I5: contract {contract} side {side}: level {key} is wrong")
    return problems, [lots, count, hidden]


def check_book(arena: Arena, contract: int, terms: dict[str, int]) -> list[str]:
    """I5: uncrossed in states that trade; every level is the sum of its orders; every index into
    the book agrees."""
    problems = []
    best = {}
    for side in (BUY, SELL):
        ladder = arena.records("ladders", contract * 2 + side + 1)[contract * 2 + side]
        keys = list(ladder_keys(arena, contract, side))
        best[side] = keys[0] if keys else 0
        if best[side] != int(ladder["best_key"]):
            problems.append(f"I5: contract {contract} side {side}: the best price is wrong")
        totals = [0, 0, 0]
        for key in keys:
            faults, sums = check_level(arena, contract, side, key)
            problems += faults
            totals = [total + part for total, part in zip(totals, sums, strict=True)]
        if totals != [int(ladder[name]) for name in ("lots", "orders", "lots_hidden")]:
            problems.append(f"I5: contract {contract} side {side}: the totals are wrong")
    is_open = TRADING >> terms["state"] & 1
    if is_open and best[BUY] and best[SELL] and (best[BUY] ^ layout.KEY_MASK) >= best[SELL]:
        problems.append(f"I5: contract {contract} is crossed")
    return problems
