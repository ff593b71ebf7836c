"""A market for scripts that need many accounts with positions: records, prices, paired trades."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.exchange import Exchange
from engine.schema import bounds, commands
from engine.schema import vocabulary as words
from engine.schema.commands import COMMAND
from engine.schema.contract import Contract

TIME_NS = 20_000 * bounds.NS_PER_DAY  # of everything that opens the market
PART = 4_096

Records = NDArray[np.void]
Whole = NDArray[np.int64]


def make_contract(number: int, **terms: Any) -> Contract:
    """A contract whose mark is what the one source says, whatever it says, with no funding rate."""
    spec: dict[str, Any] = {
        "symbol": f"C{number}",
        "order_lots_max": 10**6,
        "position_lots_max": 10**6,
        "open_interest_lots_max": 10**7,
        "band_static_ppb": bounds.PPB,
        "mark_band_ppb": 0,
        "source_outlier_ppb": bounds.BAND_PPB_MAX,
        "source_reentry_ppb": bounds.BAND_PPB_MAX,
        "source_stale_ns": bounds.NS_PER_DAY,
        "funding_sample_ns": bounds.NS_PER_DAY,
    }
    return Contract(contract=number, **(spec | terms))


def records(
    count: int, kind: int, time_ns: int | Whole = TIME_NS, **fields: object
) -> Records:
    rows = np.zeros(count, COMMAND)
    rows["kind"], rows["time_ns"] = kind, time_ns
    for name, value in fields.items():
        rows[name] = value
    return rows


def publish(prices: dict[int, int], time_ns: int = TIME_NS) -> Records:
    """One step: a price for each of up to three contracts."""
    row = records(1, commands.PUBLISH_PRICE, time_ns, source=1)
    for name, (contract, ticks) in zip(("", "_2", "_3"), prices.items(), strict=False):
        row[f"contract{name}"], row[f"price_ticks{name}"] = contract, ticks
    return row


def open_accounts(exchange: Exchange, count: int) -> Whole:
    """So many accounts, each in a group of its own; returns their ids."""
    ids = np.arange(words.CLIENT_FIRST, words.CLIENT_FIRST + count)
    exchange.run(records(count, commands.OPEN_ACCOUNT, account=ids, owner=ids, group=ids))
    return ids


def trade_in_pairs(
    exchange: Exchange, contract: int, longs: Whole, shorts: Whole, lots: Whole, ticks: int
) -> None:
    """Each of the one accounts buys from its partner at this price."""
    orders = records(2 * len(longs), commands.PLACE_ORDER, contract=contract)
    orders["client_id"], orders["price_ticks"] = contract, ticks
    for offset, side, who in ((0, words.BUY, longs), (1, words.SELL, shorts)):
        orders["account"][offset::2], orders["side"][offset::2] = who, side
        orders["lots"][offset::2] = lots
    for start in range(0, len(orders), PART):
        exchange.run(orders[start : start + PART])
