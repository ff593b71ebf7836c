"""9.5: a client's loss never exceeds the margin posted, whatever the market does.

Storms of records against the compiled engine; between parts of random length the whole state is
walked (I1 to I8), every waterfall adds up (I9), and no balance is below zero.
"""

from typing import Any

import numpy as np
import pytest

from engine.exchange import Exchange
from engine.kernel import JIT
from engine.schema import bounds, events
from engine.schema import vocabulary as words
from engine.schema.contract import Config
from tests.coins import COIN
from tests.property.storm import PERCENT, Storm, storm_asset, storm_contract

COMMANDS = 50_000 if JIT else 600
SOAK_COMMANDS = 1_000_000
PART_MAX = 400
# Inverse: a lot is worth 10^5 at the highest price and 6.5 x 10^9 at the lowest.
INVERSE = {"tick_value": 0, "contract_value": 2**18 * 10**5, "price_ticks_min": 4}
# Rounded per fill: a lot is worth 3/2 units at the highest price, where marks say 2, or 683.
COARSE = INVERSE | {"contract_value": 2**18 * 3 // 2, "rounding": words.ROUNDING_PER_FILL}
FINE = COARSE | {"contract_value": 2**11 * 87_381}
SMALL = {"order_lots_max": 2**10, "position_lots_max": 2**12, "open_interest_lots_max": 2**16}
# price x lots x tick value at their bounds: 2^44 a lot, 2^52 in all
AT_THE_BOUND = {
    "price_ticks_max": bounds.PRICE_TICKS_MAX, "tick_value": 2**23, "order_lots_max": 2**8,
    "position_lots_max": 2**8, "open_interest_lots_max": 2**8,
}  # fmt: skip
NETTED = {"underlying": 1, "basis_ppb": PERCENT // 5}
# Whose price is soon too old; its haircut rises as soon.
HUSHED: dict[str, Any] = {
    "stale_ns": 2 * bounds.NS_PER_SECOND, "impaired_step_ns": bounds.NS_PER_SECOND
}  # fmt: skip
RICH: dict[str, Any] = {"fund_cash": 2**45, "house_cash": 2**40, "fund_loss_step_max": 2**38}

STORMS: dict[str, Config] = {
    "nothing behind": Config(contracts=(storm_contract(1), storm_contract(2))),
    "fund and house": Config(contracts=(storm_contract(1), storm_contract(2)), **RICH),
    "moves limited": Config(
        contracts=(
            storm_contract(1, mark_move_ppb=PERCENT),
            storm_contract(2, mark_move_ppb=5 * PERCENT),
            storm_contract(3),
        ),
        fund_cash=2**36,
    ),
    "inverse beside linear": Config(
        contracts=(
            storm_contract(1, **(INVERSE | SMALL)),
            storm_contract(2),
            storm_contract(3, **(INVERSE | SMALL), mark_move_ppb=2 * PERCENT),
        ),
        settlement=COIN,
        fund_cash=2**40,
    ),
    "rounded per fill": Config(
        contracts=(
            storm_contract(1, **(COARSE | SMALL)),
            storm_contract(2),
            storm_contract(3, **(FINE | SMALL), mark_move_ppb=2 * PERCENT),
        ),
        settlement=COIN,
        fund_cash=2**30,
    ),
    "providers and slices": Config(
        contracts=(
            storm_contract(1, fund_slice_lots=2**12, fund_slice_ns=5 * bounds.NS_PER_SECOND),
            storm_contract(2, fund_slice_lots=2**12),
        ),
        **RICH,
    ),
    "beside cash": Config(
        contracts=(storm_contract(1), storm_contract(2)),
        collateral=(
            storm_asset(words.ASSET_FIAT),
            storm_asset(words.ASSET_COIN, stress_ppb=PERCENT, **HUSHED),
        ),
        **RICH,
    ),
    "beside cash, nothing behind": Config(
        contracts=(storm_contract(1), storm_contract(2)),
        collateral=(
            storm_asset(words.ASSET_FIAT, discount_ppb=0, depeg_ppb=0, **HUSHED),
            storm_asset(words.ASSET_FIAT, symbol="A3"),
        ),
    ),
    "portfolios": Config(
        contracts=(
            storm_contract(1, **NETTED),
            storm_contract(2, **NETTED, mark_move_ppb=5 * PERCENT),
            storm_contract(3, **(INVERSE | SMALL | NETTED)),
            storm_contract(4, concentration_value=2**30, concentration_ppb=2 * PERCENT),
        ),
        settlement=COIN,
        portfolio_moves_ppb=(-8 * PERCENT, -3 * PERCENT, 3 * PERCENT, 8 * PERCENT),
        portfolio_floor_ppb=40 * PERCENT,
        fund_cash=2**36,
    ),
    "at the bound": Config(contracts=(storm_contract(1, **AT_THE_BOUND),), fund_cash=2**50),
    "queue": Config(
        contracts=(storm_contract(1), storm_contract(2)),
        deleveraging_mode=words.DELEVERAGING_QUEUE,
        deleveraging_profit_ns=3_600 * bounds.NS_PER_SECOND,
    ),
    "pro rata": Config(
        contracts=(storm_contract(1), storm_contract(2)),
        deleveraging_mode=words.DELEVERAGING_PRO_RATA,
    ),
}


class Watch:
    """Runs a storm and looks at everything between its parts."""

    def __init__(self, config: Config, seed: int) -> None:
        self.exchange = Exchange(config)
        self.storm = Storm(config, seed)
        self.lengths = np.random.default_rng(seed + 1)
        self.kinds: dict[int, int] = {}
        self.look(self.storm.opening())

    def run(self, commands: int) -> None:
        done = 0
        while done < commands:
            count = int(self.lengths.integers(1, PART_MAX))
            self.look(self.storm.part(count))
            done += count

    def look(self, records: Any) -> None:
        found = self.exchange.run(records)
        assert self.exchange.check() == []
        closed = found[found["kind"] == events.WATERFALL_CLOSED]
        layers = closed["b"] + closed["c"] + closed["d"] + closed["e"]
        assert (closed["a"] == layers).all(), "I9"
        assert (closed["a"] >= 1).all(), "a waterfall without a deficit"
        for kind, count in zip(*np.unique(found["kind"], return_counts=True), strict=True):
            self.kinds[int(kind)] = self.kinds.get(int(kind), 0) + int(count)

    def count(self, kind: int) -> int:
        return self.kinds.get(kind, 0)


@pytest.mark.parametrize("name", STORMS)
def test_rule_9_5_no_storm_makes_a_client_a_debtor(name):
    watch = Watch(STORMS[name], seed=1)
    watch.run(COMMANDS)
    if JIT:  # a storm that reaches nothing proves nothing
        assert watch.count(events.WATERFALL_CLOSED) > 20
        assert watch.count(events.POSITION_DELEVERAGED) > 20
        assert watch.count(events.CONTRACT_ISOLATED) > 20
    if JIT and name == "providers and slices":
        assert watch.count(events.POSITION_PROVIDED) > 20
    if JIT and STORMS[name].portfolio_moves_ppb:
        assert watch.count(events.MARGIN_MODE_SET) > 100
    if JIT and STORMS[name].collateral:
        assert watch.count(events.COLLATERAL_CONVERTED) > 5
        assert watch.count(events.COLLATERAL_DEPOSITED) > 20
        assert watch.count(events.COLLATERAL_RECOVERED) > 5
        assert watch.count(events.CONVERSION_REDEEMED) > 5


@pytest.mark.soak
@pytest.mark.parametrize("name", STORMS)
@pytest.mark.parametrize("seed", [11, 12])
def test_rule_9_5_a_million_commands_make_no_client_a_debtor(name, seed):
    watch = Watch(STORMS[name], seed)
    watch.run(SOAK_COMMANDS)
    assert watch.count(events.WATERFALL_CLOSED) > 1_000
