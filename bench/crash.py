"""A crash of many accounts in one step: who is found, what is finished, how the rest drains.

    python bench/crash.py --accounts 100000 --fall 15

Every account holds a position in each of four contracts, half of them long and half short, with
margin of one to six times what opening asks for. Then one price command takes three of the
contracts down at once. All below zero must be finished in that command (2.5); the others in
liquidation wait for later ones, sixteen steps a command, worst first (9.2).
"""

import argparse
import time

import numpy as np

from bench.market import (
    TIME_NS,
    Records,
    make_contract,
    open_accounts,
    publish,
    records,
    trade_in_pairs,
)
from engine.exchange import Exchange
from engine.schema import bounds, commands, events
from engine.schema import vocabulary as words
from engine.schema.contract import Config, Contract, Tier
from engine.state import layout
from engine.state.arena import account_ids
from risk.stress import Scenario, Screen

CONTRACTS = 4
MARK_TICKS = 50_000
NOTHING = Scenario("as it stands", {})


def list_contract(number: int) -> Contract:
    tiers = (Tier(0, 40_000_000, 20_000_000),)
    return make_contract(number, tick_value=1, price_ticks_max=100_000, tiers=tiers)


def open_market(exchange: Exchange, accounts: int, random: np.random.Generator) -> None:
    """Accounts with their money, and a position of each in every contract."""
    for contract in range(1, CONTRACTS + 1):
        exchange.run(publish({contract: MARK_TICKS}))
    ids = open_accounts(exchange, accounts)
    lots = random.integers(1, 20, (accounts, CONTRACTS))
    initial = lots.sum(axis=1) * MARK_TICKS // 25
    cash = initial * random.uniform(1.05, 6, accounts) + 10
    exchange.run(records(accounts, commands.DEPOSIT, account=ids, amount=cash))
    for column in range(CONTRACTS):
        longs, shorts = random.permutation(accounts).reshape(2, -1)
        traded = np.minimum(lots[longs, column], lots[shorts, column])
        trade_in_pairs(exchange, column + 1, ids[longs], ids[shorts], traded, MARK_TICKS)


def crash_by(percent: int) -> Records:
    """Three of the contracts fall at once."""
    ticks = MARK_TICKS * (100 - percent) // 100
    return publish(dict.fromkeys((1, 2, 3), ticks))


def find_waiting(exchange: Exchange) -> int:
    """How many accounts are in liquidation; nobody under maintenance may be missing."""
    screen = Screen(exchange.config, exchange.arena)
    equity, maintenance = screen.value(NOTHING)
    flags = exchange.arena.records("accounts", int(account_ids(exchange.arena)[-1]) + 1)["flags"]
    is_liquidating = flags[screen.holdings.accounts] & layout.LIQUIDATING != 0
    assert (equity >= 0).all(), "an equity below zero outlived its step"
    assert (is_liquidating | (equity >= maintenance)).all(), "an account was missed"
    return int(is_liquidating.sum())


def drain(exchange: Exchange) -> tuple[int, int]:
    """Commands and steps until nobody waits; in each command the worst must come first."""
    done = steps = 0
    clock_ns = TIME_NS
    while exchange.arena.engine["liquidations"][0] + exchange.arena.engine["cooling"][0] > 0:
        clock_ns += bounds.NS_PER_SECOND
        found = exchange.run(records(1, commands.ADVANCE_TIME, clock_ns))
        taken = found[found["kind"] == events.LIQUIDATION_STEPPED]
        excess = taken["d"] - taken["e"]
        first = np.unique(taken["account"], return_index=True)[1]
        assert (np.diff(excess[np.sort(first)]) >= 0).all(), "not the worst first (9.2)"
        done, steps = done + 1, steps + len(taken)
    return done, steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--fall", type=int, default=15, help="percent of the price")
    parser.add_argument("--mode", type=int, default=words.DELEVERAGING_DRAINING)
    arguments = parser.parse_args()
    contracts = tuple(list_contract(number + 1) for number in range(CONTRACTS))
    exchange = Exchange(Config(contracts=contracts, deleveraging_mode=arguments.mode))
    open_market(exchange, arguments.accounts, np.random.default_rng(1))
    crash = crash_by(arguments.fall)
    started = time.perf_counter()
    found = exchange.run(crash)
    took = time.perf_counter() - started
    count = {kind: int((found["kind"] == kind).sum()) for kind in np.unique(found["kind"])}
    print(
        f"{arguments.accounts:,} accounts x {CONTRACTS} contracts,"
        f" three of them {-arguments.fall}%"
    )
    print(
        f"the step: {took:.2f} s, {len(found):,} events,"
        f" {count.get(events.LIQUIDATION_STARTED, 0):,} liquidations started,"
        f" {count.get(events.WATERFALL_CLOSED, 0):,} waterfalls closed,"
        f" {count.get(events.POSITION_DELEVERAGED, 0):,} deleveragings"
    )
    waiting = find_waiting(exchange)
    started = time.perf_counter()
    done, steps = drain(exchange)
    took = time.perf_counter() - started
    print(f"{waiting:,} wait: {steps:,} steps in {done:,} commands, {took:.2f} s, worst first")
    print(f"broken: {len(exchange.check())}")


if __name__ == "__main__":
    main()
