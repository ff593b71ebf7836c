"""Storms: long seeded streams of records in which nothing is kind to a clearing house.

Accounts with little money, books that empty or have one side only, gaps of up to 90%, funding at
its cap, everything at the bound sizes if the configuration says so. Records come as numpy arrays,
so that a million commands cost seconds; prices follow a path that is drawn first.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.schema import bounds, commands
from engine.schema import vocabulary as words
from engine.schema.collateral import CollateralAsset, Haircut
from engine.schema.commands import COMMAND
from engine.schema.contract import Config, Contract, Tier, size_of_lot

START_NS = 20_000 * bounds.NS_PER_DAY
ACCOUNTS = np.arange(words.CLIENT_FIRST, words.CLIENT_FIRST + 60)
GAP_SHARE = 0.02  # of the prices
HEDGED_SHARE = 0.6  # of the orders
BOTH_SHARE = 0.1  # of the publications: of two contracts
PERCENT = bounds.PPB // 100

Records = NDArray[np.void]


def storm_contract(number: int, **terms: Any) -> Contract:
    """A contract in which everything that can go wrong has a rate: fees, funding, liquidation."""
    spec: dict[str, Any] = {
        "symbol": f"S{number}",
        "tick_value": 1,
        "price_ticks_max": 2**18,
        "order_lots_max": 2**20,
        "position_lots_max": 2**21,
        "open_interest_lots_max": 2**22,
        "tiers": (Tier(0, 4 * PERCENT, 2 * PERCENT),),
        "band_static_ppb": 20 * PERCENT,
        "source_outlier_ppb": bounds.BAND_PPB_MAX,
        "source_reentry_ppb": bounds.BAND_PPB_MAX,
        "source_stale_ns": bounds.NS_PER_DAY,
        "mark_band_ppb": PERCENT,
        "funding_interval_ns": 600 * bounds.NS_PER_SECOND,
        "premium_method": words.PREMIUM_MARK,
        "funding_interest_ppb": 10 * PERCENT,
        "funding_clamp_ppb": 100 * PERCENT,
        "funding_cap_ppb": 3 * PERCENT,
        "fee_taker_ppb": PERCENT // 10,
        "fee_maker_ppb": -PERCENT // 50,
        "liquidation_fee_ppb": PERCENT // 2,
        "takeover_penalty_ppb": PERCENT,
        "fund_value_max": 2**40,
        "fund_share_ppb": 20 * PERCENT,
    }
    return Contract(contract=number, **(spec | terms))


def storm_asset(kind: int, **terms: Any) -> CollateralAsset:
    """A currency (1), or a coin (3) of which 60% do not count; an hour's price is fresh."""
    haircut_ppb = 60 * PERCENT if kind == words.ASSET_COIN else 3 * PERCENT
    spec: dict[str, Any] = {
        "symbol": f"A{kind}",
        "kind": kind,
        "par_ppb": 0 if kind == words.ASSET_COIN else bounds.PPB,
        "haircuts": (
            Haircut(floor_value=0, haircut_ppb=haircut_ppb),
            Haircut(floor_value=2**30, haircut_ppb=haircut_ppb + PERCENT),
        ),
        "discount_ppb": PERCENT,
        "depeg_ppb": 0 if kind == words.ASSET_COIN else 40 * PERCENT,
        "stale_ns": bounds.NS_PER_DAY,
    }
    return CollateralAsset(**(spec | terms))


def draw_path(random: np.random.Generator, spec: Contract, steps: int) -> NDArray[np.int64]:
    """Prices of a source: small moves, and now and then a gap of up to 90% down or tenfold up."""
    moves = random.normal(0, 0.01, steps)
    is_gap = random.random(steps) < GAP_SHARE
    gaps = np.where(random.random(steps) < 0.5, 1, -1) * -np.log(1 - random.random(steps) * 0.9)
    moves = np.where(is_gap, gaps, moves)
    low, high = spec.price_ticks_min, spec.price_ticks_max
    middle = np.sqrt(float(low) * high)
    level, path = np.log(middle), []
    for move in moves:
        level = level * 0.999 + np.log(middle) * 0.001 + move
        level = min(max(level, np.log(low)), np.log(high))
        path.append(np.exp(level))
    return np.clip(np.array(path).astype(np.int64), low, high)


class Storm:
    """A stream of parts; each part is some thousand records of one chunk of the price path."""

    # Of the commands: limits, takers, reducers, publications, deposits, cancels, modes, margins,
    # leverage
    SHARES = (0.42, 0.2, 0.12, 0.1, 0.06, 0.02, 0.03, 0.03, 0.02)

    def __init__(self, config: Config, seed: int) -> None:
        self.config = config
        self.random = np.random.default_rng(seed)
        self.now_ns = START_NS
        self.client_id = 0
        self.prices = {spec.contract: int(self.path(spec, 1)[0]) for spec in config.contracts}

    def path(self, spec: Contract, steps: int) -> NDArray[np.int64]:
        return draw_path(self.random, spec, steps)

    def opening(self) -> Records:
        """Every account, a quarter of them in groups of three, with some first money."""
        count = len(ACCOUNTS)
        groups = np.where(ACCOUNTS % 4 == 0, ACCOUNTS // 12 + 1_000, ACCOUNTS)
        opens = self.records(count, commands.OPEN_ACCOUNT)
        opens["account"], opens["owner"], opens["group"] = ACCOUNTS, ACCOUNTS, groups
        opens["account_kind"] = words.KIND_CLIENT
        parts = [opens, self.deposits(count)]
        if self.config.contracts[0].fund_slice_lots > 0:
            parts += self.backstop(opens)
        return np.concatenate([part.view("V64") for part in parts]).view(COMMAND)

    def backstop(self, opens: Records) -> list[Records]:
        """Every tenth account becomes a rich provider of liquidity in every contract."""
        opens["account_kind"][::10] = words.KIND_LIQUIDITY_PROVIDER
        providers = opens["account"][::10]
        money = self.records(len(providers), commands.DEPOSIT)
        money["ledger"], money["account"] = words.LEDGER_CLIENT, providers
        money["amount"] = 2**40
        parts = [money]
        for spec in self.config.contracts:
            capacities = self.records(len(providers), commands.SET_CAPACITY)
            capacities["account"], capacities["contract"] = providers, spec.contract
            capacities["lots"] = spec.position_lots_max // 4
            parts.append(capacities)
        return parts

    def part(self, count: int) -> Records:
        """The next commands, in random order of kinds, in time."""
        random = self.random
        kinds = random.choice(len(self.SHARES), count, p=self.SHARES)
        records = np.zeros(count, COMMAND)
        contracts = random.integers(1, len(self.config.contracts) + 1, count)
        prices = self.follow(contracts, kinds == 3)
        makers = (
            self.limits, self.takers, self.reducers, self.publications, self.top_ups,
            self.clearances, self.modes, self.margins, self.rates,
        )  # fmt: skip
        for kind, make in enumerate(makers):
            rows = np.flatnonzero(kinds == kind)
            made = make(len(rows), contracts[rows], prices[rows])
            records.view("V64")[rows] = made.view("V64")  # whole: fields share bytes
        is_sent = records["kind"] <= commands.CLIENT_LAST
        records["client_id"][is_sent] = self.client_id + 1 + np.arange(is_sent.sum())
        self.client_id += int(is_sent.sum())
        steps_ns = self.pauses(count)
        records["time_ns"] = self.now_ns + np.cumsum(steps_ns + random.integers(0, 10**6, count))
        self.now_ns = int(records["time_ns"][-1])
        return records

    def pauses(self, count: int) -> NDArray[np.int64]:
        """Before which command how long nothing happens: two minutes, now and then."""
        return np.where(self.random.random(count) < 0.01, 120, 0) * bounds.NS_PER_SECOND

    def follow(self, contracts: NDArray[Any], is_price: NDArray[Any]) -> NDArray[np.int64]:
        """The price that each record knows: that of its contract, new where it publishes one."""
        prices = np.zeros(len(contracts), np.int64)
        for spec in self.config.contracts:
            rows = np.flatnonzero(contracts == spec.contract)
            path = self.path(spec, int(is_price[rows].sum()) + 1)
            path[0] = self.prices[spec.contract]
            prices[rows] = path[np.cumsum(is_price[rows])]
            self.prices[spec.contract] = int(path[-1])
        return prices

    # The makers: `count` records of one kind; the caller stamps them.

    def records(self, count: int, kind: int) -> Records:
        records = np.zeros(count, COMMAND)
        records["kind"], records["time_ns"] = kind, self.now_ns
        return records

    def sent(self, count: int, kind: int) -> Records:
        """Commands of clients; their ids come last and rise over all of them."""
        records = self.records(count, kind)
        records["account"] = self.random.choice(ACCOUNTS, count)
        return records

    def orders(self, count: int, contracts: Any, prices: Any, spread: float) -> Records:
        records = self.sent(count, commands.PLACE_ORDER)
        records["contract"] = contracts
        sides = self.random.integers(0, 2, count)
        hedging = (records["account"] + contracts) % 2  # long one contract and short the next
        records["side"] = np.where(self.random.random(count) < HEDGED_SHARE, hedging, sides)
        away = 1 + self.random.normal(0, spread, count)
        records["price_ticks"] = np.clip(prices * away, 1, bounds.PRICE_TICKS_MAX)
        most = np.array([spec.order_lots_max for spec in self.config.contracts])[contracts - 1]
        records["lots"] = np.maximum(1, most ** self.random.random(count))
        return records

    def limits(self, count: int, contracts: Any, prices: Any) -> Records:
        return self.orders(count, contracts, prices, 0.01)

    def takers(self, count: int, contracts: Any, prices: Any) -> Records:
        records = self.orders(count, contracts, prices, 0.05)
        records["tif"] = words.IOC
        records["order_type"] = self.random.integers(words.LIMIT, words.MARKET + 1, count)
        return records

    def reducers(self, count: int, contracts: Any, prices: Any) -> Records:
        records = self.orders(count, contracts, prices, 0.03)
        records["flags"] = words.REDUCE_ONLY
        records["tif"] = self.random.choice([words.GTC, words.IOC], count)
        return records

    def publications(self, count: int, contracts: Any, prices: Any) -> Records:
        """Prices; now and then two contracts jump together, so that who hedges one with the other
        stands, and can't afford to be deleveraged in one of them (16 r)."""
        records = self.records(count, commands.PUBLISH_PRICE)
        records["source"], records["contract"], records["price_ticks"] = 1, contracts, prices
        others = contracts % len(self.config.contracts) + 1
        rows = np.flatnonzero((self.random.random(count) < BOTH_SHARE) & (others != contracts))
        for row in rows:
            jump = np.exp(self.random.normal(0, 0.2))
            records["contract_2"][row] = others[row]
            records["price_ticks"][row] = self.moved(int(contracts[row]), jump)
            records["price_ticks_2"][row] = self.moved(int(others[row]), jump)
        return records

    def moved(self, contract: int, jump: float) -> int:
        """The contract's price times a jump, within its range."""
        spec = self.config.contracts[contract - 1]
        price = int(self.prices[contract] * jump)
        return min(max(price, spec.price_ticks_min), spec.price_ticks_max)

    def top_ups(self, count: int, contracts: Any, prices: Any) -> Records:
        """Cash; where the pool takes something beside it, that, too, its prices, and what becomes
        of what was converted."""
        records = self.deposits(count)
        if not self.config.collateral:
            return records
        kinds = self.random.integers(0, 6, count)
        for kind, make in enumerate((self.brought, self.taken, self.priced, self.redeemed)):
            rows = np.flatnonzero(kinds == kind)
            records.view("V64")[rows] = make(len(rows)).view("V64")
        return records

    def some_assets(self, records: Records) -> Records:
        records["asset"] = self.random.integers(1, len(self.config.collateral) + 1, len(records))
        return records

    def brought(self, count: int) -> Records:
        records = self.records(count, commands.DEPOSIT_COLLATERAL)
        records["account"] = self.random.choice(ACCOUNTS, count)
        records["quantity"] = self.deposits(count)["amount"]
        return self.some_assets(records)

    def taken(self, count: int) -> Records:
        records = self.sent(count, commands.WITHDRAW_COLLATERAL)
        records["quantity"] = self.deposits(count)["amount"]
        return self.some_assets(records)

    def priced(self, count: int) -> Records:
        """Prices of assets: half of them near par, the others anywhere down to nothing."""
        records = self.records(count, commands.PUBLISH_COLLATERAL)
        records["source"] = 1
        near = 1 + self.random.normal(0, 0.02, count)
        shares = np.where(self.random.random(count) < 0.5, near, self.random.random(count))
        records["price_ppb"] = np.maximum(1, shares * bounds.PPB)
        return self.some_assets(records)

    def redeemed(self, count: int) -> Records:
        """Conversions are redeemed for about what they are worth; a third of these settle what that
        has gained or lost."""
        records = self.records(count, commands.REDEEM_CONVERSION)
        records["quantity"] = np.maximum(1, self.deposits(count)["amount"] // 64)
        records["proceeds"] = records["quantity"] * (self.random.random(count) + 0.3)
        records = self.some_assets(records)
        rows = np.flatnonzero(self.random.random(count) < 0.3)
        settled = self.records(len(rows), commands.SETTLE_CONVERSION)
        signs = self.random.choice([-1, 1], len(rows))
        settled["amount"] = self.deposits(len(rows))["amount"] // 64 * signs
        records.view("V64")[rows] = settled.view("V64")
        return records

    def deposits(self, count: int) -> Records:
        records = self.records(count, commands.DEPOSIT)
        records["ledger"] = words.LEDGER_CLIENT
        records["account"] = self.random.choice(ACCOUNTS, count)
        spec = self.config.contracts[0]
        worth = size_of_lot(spec, self.prices[spec.contract]) * spec.order_lots_max // 100
        amounts = np.maximum(1, worth * self.random.random(count) ** 4)
        records["amount"] = np.minimum(amounts, bounds.DEPOSITS_MAX >> 24)
        return records

    def clearances(self, count: int, contracts: Any, prices: Any) -> Records:
        """The book loses a side, or all, of one account."""
        records = self.sent(count, commands.MASS_CANCEL)
        records["sides"] = self.random.integers(0, 3, count)
        return records

    def modes(self, count: int, contracts: Any, prices: Any) -> Records:
        """Contracts are isolated and joined; where the pool nets, half of these are an operator's,
        who margins an account as a portfolio, mostly, or by tiers."""
        kinds = [commands.ISOLATE_CONTRACT, commands.JOIN_CONTRACT]
        records = self.sent(count, commands.ISOLATE_CONTRACT)
        records["kind"], records["contract"] = self.random.choice(kinds, count), contracts
        if self.config.portfolio_moves_ppb:
            rows = np.flatnonzero(self.random.random(count) < 0.5)
            netted = self.records(len(rows), commands.SET_MARGIN_MODE)
            netted["account"] = self.random.choice(ACCOUNTS, len(rows))
            netted["margin_mode"] = self.random.random(len(rows)) < 0.8
            records.view("V64")[rows] = netted.view("V64")
        return records

    def margins(self, count: int, contracts: Any, prices: Any) -> Records:
        records = self.sent(count, commands.MOVE_MARGIN)
        records["contract"] = contracts
        records["amount"] = self.deposits(count)["amount"] * self.random.choice([-1, 1, 1], count)
        return records

    def rates(self, count: int, contracts: Any, prices: Any) -> Records:
        records = self.sent(count, commands.SET_LEVERAGE)
        records["contract"] = contracts
        records["rate_initial_ppb"] = self.random.integers(0, 20, count) * PERCENT
        return records
