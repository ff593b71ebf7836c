"""Best levels where bits, words, pages and groups of a ladder end (4.1)."""

import random

import pytest

from engine.exchange import Exchange
from engine.schema.bounds import BAND_PPB_MAX
from engine.schema.commands import CancelOrder, Deposit, OpenAccount, PlaceOrder, PublishPrice
from engine.schema.contract import Config
from engine.schema.vocabulary import BUY, FOK, SELL
from tests.rules.story import PERCENT, contract

PRICE_MAX, MARK, A, B = 2_000_000, 2**20, 2, 3
# The last price before an end and the first behind it, of either side's mirrored prices, too; a
# word has 64 prices, a page 512, a group 32,768. Around the mark a static band has its own limits.
ENDS = [k * size + d for size in (64, 512, 32_768) for k in (9, 10, 11, 15, 16) for d in (-1, 0, 1)]
TERMS = contract(
    initial_ppb=5 * PERCENT, maintenance_ppb=2 * PERCENT, price_ticks_max=PRICE_MAX,
    band_static_ppb=BAND_PPB_MAX,
)  # fmt: skip


def open_book() -> Exchange:
    exchange = Exchange(Config(contracts=(TERMS,)))
    for account in (A, B):
        exchange.submit(OpenAccount(time_ns=1, account=account, owner=account, group=account))
        exchange.submit(Deposit(time_ns=1, account=account, amount=2**45))
    exchange.submit(PublishPrice(time_ns=1, source=1, contract=1, price_ticks=MARK))
    return exchange


def prices_of_a_sweep(exchange: Exchange, side: int, lots: int) -> list[int]:
    """Of a fill-or-kill of so many lots on a copy: a walk over the levels, then one that takes
    them."""
    order = PlaceOrder(
        time_ns=1, account=B, client_id=1, contract=1, side=SELL - side, lots=lots, tif=FOK,
        price_ticks=1 if side == BUY else PRICE_MAX,
    )  # fmt: skip
    events = exchange.copy().submit(order)
    return [event.values["price_ticks"] for event in events if event.name == "trade"]


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_4_1_the_best_level_is_found_whichever_goes(side, seed):
    """One order a level, so each that comes opens one and each that goes closes one. Some prices
    come in any order; then all go, mostly the best."""
    draws, exchange, client_id = random.Random(seed), open_book(), 0
    best = min if side == SELL else max
    for share in (0.2, 0.4, 0.8):
        resting: dict[int, int] = {}
        for end in draws.sample(ENDS, int(share * len(ENDS))):
            price_ticks, client_id = MARK + end if side == SELL else MARK - end, client_id + 1
            if price_ticks in resting:
                continue
            order = PlaceOrder(
                time_ns=1, account=A, client_id=client_id, contract=1, side=side, lots=1,
                price_ticks=price_ticks,
            )  # fmt: skip
            [accepted] = exchange.submit(order)
            resting[price_ticks] = accepted.values["order_id"]
            assert exchange.check() == []  # the invariants know the best level of each side
        ordered = sorted(resting, reverse=side == BUY)
        assert prices_of_a_sweep(exchange, side, len(resting)) == ordered
        assert prices_of_a_sweep(exchange, side, len(resting) + 1) == []
        while resting:
            client_id += 1
            gone = best(resting) if draws.random() < 0.8 else draws.choice(sorted(resting))
            order_id = resting.pop(gone)
            exchange.submit(
                CancelOrder(time_ns=1, account=A, client_id=client_id, order_id=order_id)
            )
            assert exchange.check() == []
