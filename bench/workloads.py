"""Named, seeded order flow as COMMAND records.

An order id holds the slot that the engine gave the order, so a flow that cancels can't be written
down beforehand: the generator runs a real exchange in small chunks and learns from its events
which orders live. The finished records replay on any fresh exchange of the same configuration.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.exchange import Exchange
from engine.importers.draws import Draws, Whole
from engine.schema import commands as cmd
from engine.schema import events as ev
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND
from engine.schema.contract import Config, Contract, Tier
from engine.state.arena import Room

# A second behind midnight, a microsecond a command: no sample, funding or stale source is due.
START_NS = 19_675 * NS_PER_DAY + NS_PER_SECOND
STEP_NS = 1_000
MARK_TICKS = 500_000
CASH = 20_000_000_000
CONTRACTS_PER_ACCOUNT = 4
LOTS_MAKER = 20
LOTS_TAKER = 30
REACH_TICKS = 250  # the limit of a taker, beyond the farthest order


class Shape(NamedTuple):
    """What a flow looks like; shares are per thousand commands."""

    orders: int
    accounts: int
    contracts: int = 4
    takers: int = 100
    distance_ticks: int = 8


SHAPES = {
    "small": Shape(1_000, 1_000),
    "steady": Shape(10_000, 10_000),
    "steady-100k": Shape(100_000, 100_000),
    "steady-1m": Shape(1_000_000, 1_000_000),
    "heavy": Shape(10_000, 10_000, takers=300),
    "wide": Shape(10_000, 10_000, contracts=64),
}


class Mix(NamedTuple):
    """Counts over a flow; orders and levels of a side of the first contract at its end."""

    adds: int = 0
    cancels: int = 0
    takers: int = 0
    fills: int = 0
    refused: int = 0
    resting: int = 0
    levels: int = 0


class Workload(NamedTuple):
    """Records to prepare an exchange (accounts, money, marks, resting orders), then the flow."""

    name: str
    shape: Shape
    config: Config
    setup: NDArray[np.void]
    flow: NDArray[np.void]
    mix: Mix


def make_config(contracts: int) -> Config:
    """Tiers, bands, fees, limits: every check of the plain path has something to check."""
    tiers = (
        Tier(0, 20_000_000, 10_000_000),
        Tier(200_000_000, 25_000_000, 15_000_000),
        Tier(1_000_000_000, 50_000_000, 25_000_000),
    )
    return Config(
        contracts=tuple(
            Contract(
                contract=k + 1,
                symbol=f"PERP-{k + 1}",
                tick_value=10,
                price_ticks_max=1_000_000,
                order_lots_max=10_000,
                position_lots_max=1_000_000,
                open_interest_lots_max=100_000_000,
                tiers=tiers,
                fee_taker_ppb=500_000,
                fee_maker_ppb=200_000,
                source_stale_ns=NS_PER_DAY,
                funding_sample_ns=NS_PER_DAY,
                funding_interval_ns=NS_PER_DAY,
            )
            for k in range(contracts)
        ),
        fund_cash=10**12,
    )


def make_distances(mean_ticks: int) -> Whole:
    """Thresholds of 32-bit draws: how many are at or below a draw is the distance.

    Geometric, the whole-numbered exponential, by whole arithmetic: a logarithm may differ in its
    last bit from one machine to the next.
    """
    survival, thresholds = 2**32, []
    while survival > 2**32 // 2**20:
        survival = survival * mean_ticks // (mean_ticks + 1)
        thresholds.append(2**32 - survival)
    return np.array(thresholds, np.int64)


@njit(cache=True)
def _observe(kind, order_id, counted_lots, maker_id, rests, live, ids, lots, place, count):
    """Follow accepted, traded and cancelled orders; the live slots stand in live[:count]."""
    for k in range(len(kind)):
        gone = 0
        if kind[k] == 2 and rests[k]:
            slot = order_id[k] & 0xFFFFFFFF
            ids[slot] = order_id[k]
            lots[slot] = counted_lots[k]
            place[slot] = count
            live[count] = slot
            count += 1
        elif kind[k] == 3:
            slot = maker_id[k] & 0xFFFFFFFF
            lots[slot] -= order_id[k]  # field b of a trade: its lots
            if lots[slot] == 0:
                gone = slot
        elif kind[k] == 5 and ids[order_id[k] & 0xFFFFFFFF] == order_id[k]:
            gone = order_id[k] & 0xFFFFFFFF
        if gone != 0 and ids[gone] != 0:
            count -= 1
            last = live[count]
            live[place[gone]] = last
            place[last] = place[gone]
            ids[gone] = 0
    return count


class LiveOrders:
    """The orders that rest, as the events tell."""

    def __init__(self, slots: int) -> None:
        self.count = 0
        self._live = np.zeros(slots, np.int64)
        self._ids = np.zeros(slots, np.int64)
        self._lots = np.zeros(slots, np.int64)
        self._place = np.zeros(slots, np.int64)
        self._accounts = np.zeros(slots, np.int64)

    def observe(self, events: NDArray[np.void]) -> None:
        kind = events["kind"].astype(np.int64)
        first = np.where(kind == ev.TRADE, events["b"], events["a"])
        rests = (events["f"] >> 8 & 0xFF) == words.GTC
        accepted = events[(kind == ev.ORDER_ACCEPTED) & rests]
        self._accounts[accepted["a"] & 0xFFFFFFFF] = accepted["account"]
        self.count = _observe(
            kind, first, events["d"].copy(), events["d"].copy(), rests,
            self._live, self._ids, self._lots, self._place, self.count,
        )  # fmt: skip

    def pick(self, places: Whole) -> tuple[Whole, Whole]:
        """(order ids, accounts) of the live orders at these places."""
        slots = self._live[places]
        return self._ids[slots], self._accounts[slots]


def room_of(workload: Workload) -> Room:
    """More than the flow will come to, so that the system gives hardly a page while it is timed."""
    shape = workload.shape
    accounts = shape.accounts + words.CLIENT_FIRST
    orders = shape.orders + shape.orders // 4 + 2**14
    return Room(orders, accounts, CONTRACTS_PER_ACCOUNT * accounts)


class Generator:
    """Writes a flow while an exchange runs it."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape = shape
        self.config = make_config(shape.contracts)
        self.exchange = Exchange(self.config)
        self._draws = Draws(seed)
        self._live = LiveOrders(2 * shape.orders + 2**17)
        self._client_ids = np.zeros(shape.accounts + words.CLIENT_FIRST, np.int64)
        self._distances = make_distances(shape.distance_ticks)
        self._time_ns = START_NS
        self._seen: Counter[int] = Counter()

    def open(self) -> NDArray[np.void]:
        """Accounts, each its own group, their money, and a mark for every contract."""
        shape = self.shape
        records = np.zeros(2 * shape.accounts + shape.contracts, cmd.COMMAND)
        ids = np.arange(shape.accounts) + words.CLIENT_FIRST
        opened, paid = records[: shape.accounts], records[shape.accounts : 2 * shape.accounts]
        opened["kind"] = cmd.OPEN_ACCOUNT
        opened["account"] = opened["owner"] = opened["group"] = ids
        paid["kind"] = cmd.DEPOSIT
        paid["account"] = ids
        paid["amount"] = CASH
        prices = records[2 * shape.accounts :]
        prices["kind"] = cmd.PUBLISH_PRICE
        prices["contract"] = np.arange(shape.contracts) + 1
        prices["source"] = 1
        prices["price_ticks"] = MARK_TICKS
        records["time_ns"] = self._time_ns
        self.exchange.run(records)
        return records

    def rest(self, count: int) -> NDArray[np.void]:
        """Resting orders alone."""
        return self._run(self._adds(count))

    def trade(self, count: int) -> NDArray[np.void]:
        """Adds, cancels and takers that keep the number of resting orders."""
        rest = max(1, count * (1_000 - self.shape.takers) // 1_000)
        missing = self.shape.orders - self._live.count
        share = min(1_000, max(0, 500 + missing * 500 // rest))
        style = self._draws.below(1_000, count)
        is_taker = style < self.shape.takers
        is_add = ~is_taker & (self._draws.below(1_000, count) < share)
        records = self._adds(count)
        self._make_takers(records, is_taker)
        self._make_cancels(records, ~is_taker & ~is_add)
        return self._run(records)

    def _adds(self, count: int) -> NDArray[np.void]:
        shape, draws = self.shape, self._draws
        records = np.zeros(count, cmd.COMMAND)
        records["kind"] = cmd.PLACE_ORDER
        accounts = draws.below(shape.accounts, count) + words.CLIENT_FIRST
        which = draws.below(min(CONTRACTS_PER_ACCOUNT, shape.contracts), count)
        stride = max(1, shape.contracts // CONTRACTS_PER_ACCOUNT)
        side = draws.below(2, count)
        away = np.searchsorted(self._distances, draws.below(2**32, count), side="right") + 1
        records["account"] = accounts
        records["contract"] = (accounts + which * stride) % shape.contracts + 1
        records["side"] = side
        records["lots"] = draws.between(1, LOTS_MAKER, count)
        records["price_ticks"] = np.where(side == words.BUY, MARK_TICKS - away, MARK_TICKS + away)
        return records

    def _make_takers(self, records: NDArray[np.void], chosen: NDArray[np.bool_]) -> None:
        taken = records[chosen]
        reach = np.where(taken["side"] == words.BUY, REACH_TICKS, -REACH_TICKS)
        taken["price_ticks"] = MARK_TICKS + reach
        taken["lots"] = self._draws.between(1, LOTS_TAKER, len(taken))
        taken["tif"] = words.IOC
        records[chosen] = taken

    def _make_cancels(self, records: NDArray[np.void], chosen: NDArray[np.bool_]) -> None:
        """Cancel random live orders; a second cancel of one order in a chunk stays an add."""
        rows = np.flatnonzero(chosen)
        places, first = np.unique(
            self._draws.below(max(1, self._live.count), len(rows)), return_index=True
        )
        rows = rows[first]
        cancels = np.zeros(len(rows), cmd.COMMAND)
        cancels["kind"] = cmd.CANCEL_ORDER
        cancels["order_id"], cancels["account"] = self._live.pick(places)
        records[rows] = cancels

    def _run(self, records: NDArray[np.void]) -> NDArray[np.void]:
        """Number and stamp the records, run them, learn what became of them."""
        accounts = records["account"].astype(np.int64)
        order = np.argsort(accounts, kind="stable")
        ranked = accounts[order]
        starts = np.flatnonzero(np.diff(ranked, prepend=-1))
        counts = np.diff(starts, append=len(ranked))
        ranks = np.arange(len(ranked)) - np.repeat(starts, counts) + 1
        records["client_id"][order] = self._client_ids[ranked] + ranks
        self._client_ids[ranked[starts]] += counts
        records["time_ns"] = self._time_ns + STEP_NS * np.arange(1, len(records) + 1)
        self._time_ns = int(records["time_ns"][-1])
        events = self.exchange.run(records)
        self._live.observe(events)
        self._seen.update(events["kind"].tolist())
        return records

    def mix(self) -> Mix:
        """What has happened since the last call."""
        seen, self._seen = self._seen, Counter()
        levels = sum(len(side) for side in self.exchange.depth(1, levels=2**12)) // 2
        return Mix(
            resting=self._live.count,
            levels=levels,
            fills=seen[ev.TRADE],
            refused=seen[ev.REFUSED],
        )


def _chunks(total: int, size: int) -> list[int]:
    return [min(size, total - done) for done in range(0, total, size)]


def _join(parts: list[NDArray[np.void]]) -> NDArray[np.void]:
    """One array; as plain bytes, because joining records with shared fields would repack them."""
    return np.concatenate([part.view("V64") for part in parts]).view(cmd.COMMAND)


def make_workload(name: str, commands: int, seed: int = 20261122) -> Workload:
    """The named flow with `commands` commands behind its setup."""
    shape = SHAPES[name]
    generator = Generator(shape, seed)
    setup = [generator.open()]
    setup += [generator.rest(count) for count in _chunks(shape.orders, 2**16)]
    generator.mix()
    # few of a chunk's cancels may name an order that traded in the same chunk
    flow = [generator.trade(count) for count in _chunks(commands, max(64, shape.orders // 64))]
    records = _join(flow)
    is_place = records["kind"] == cmd.PLACE_ORDER
    is_taker = is_place & (records["tif"] == words.IOC)
    mix = generator.mix()._replace(
        adds=int(np.sum(is_place & ~is_taker)),
        cancels=int(np.sum(~is_place)),
        takers=int(np.sum(is_taker)),
    )
    return Workload(name, shape, generator.config, _join(setup), records, mix)
