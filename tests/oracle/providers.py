"""Liquidity providers: they are bound to take what the book can't, up to a capacity that was agreed
before, at a price that is never worse than the mark for them (9.2 e)."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace

from engine.schema import bounds, events, refusals
from engine.schema import vocabulary as words
from tests.oracle.accounts import Account, equity, requirement
from tests.oracle.market import Market
from tests.oracle.money import transfer
from tests.oracle.rounding import sign_of


def set_capacity(exchange, command) -> int:
    """A margin account was never opened, so that it is no provider either."""
    account = exchange.client(command.account)
    if account is None or account.kind != words.KIND_LIQUIDITY_PROVIDER:
        return refusals.ACCOUNT_UNKNOWN
    if command.contract not in exchange.markets:
        return refusals.CONTRACT_UNKNOWN
    if not 0 <= command.lots <= bounds.LOTS_MAX:
        return refusals.CAPACITY_INVALID
    account.holding(command.contract).capacity = command.lots
    exchange.emit(
        events.CAPACITY_SET, command.lots, account=account.account, contract=command.contract
    )
    return refusals.OK


def providers_of(exchange, market: Market, debtor: Account) -> list[Account]:
    """By id. Who has isolated the contract can't take a second position in it (8.5)."""
    contract = market.contract
    found = []
    for number in sorted(exchange.accounts):
        account = exchange.accounts[number]
        holding = account.holdings.get(contract)
        if holding is None or holding.capacity == 0 or contract in account.isolated:
            continue
        if account.group == debtor.group or account.in_liquidation:
            continue
        if equity(exchange, account) >= 0:
            found.append(account)
    return found


def room_of(account: Account, contract: int, sign: int) -> int:
    """How many lots of a debtor's on this side bring it to its capacity: those that it holds on
    the other side come on top."""
    holding = account.holdings[contract]
    return max(0, holding.capacity - sign * holding.lots)


def ask(exchange, market: Market, debtor: Account) -> list[tuple[Account, int]]:
    """Who is asked for how many of the debtor's lots: by room, with running remainders, and never
    for more than there is room for."""
    contract, held = market.contract, debtor.lots(market.contract)
    providers = providers_of(exchange, market, debtor)
    rooms = [room_of(account, contract, sign_of(held)) for account in providers]
    lots_left, room_left = abs(held), sum(rooms)
    asked = []
    for account, room in zip(providers, rooms, strict=True):
        if room == 0:
            continue
        lots = min(room, lots_left * room // room_left)
        asked.append((account, lots))
        lots_left -= lots
        room_left -= room
    return asked


def affordable_lots(
    exchange,
    market: Market,
    provider: Account,
    sign: int,
    asked: int,
    penalty_of: Callable[[int], int],
) -> int:
    """The most lots behind which it would cover its requirement like behind an order of its own.
    What is left of its equity rises with the lots, as long as they close or hedge what it has, and
    then falls."""
    holding = provider.holdings[market.contract]

    def left(lots: int) -> int:
        after = replace(holding, lots=holding.lots + sign * lots)
        value = equity(exchange, provider) + penalty_of(lots)
        return value - requirement(exchange, provider, after)

    best = bisect_left(range(asked), True, key=lambda lots: left(lots + 1) <= left(lots))
    if left(best) < 0:
        return 0
    low, high = best, asked
    while low < high:
        middle = (low + high + 1) // 2
        if left(middle) >= 0:
            low = middle
        else:
            high = middle - 1
    return low


def provide(exchange, market: Market, debtor: Account, penalty_of: Callable[[int], int]) -> None:
    """Each provider takes what it is asked for and can carry. The penalty is part of the price, so
    that it goes to whom takes the risk; it is asked for anew at each, because what stands behind
    the rest of the position has changed. What the fund holds is nobody's duty to take."""
    if debtor is exchange.fund:
        return
    sign = sign_of(debtor.lots(market.contract))
    for provider, asked in ask(exchange, market, debtor):
        lots = affordable_lots(exchange, market, provider, sign, asked, penalty_of)
        if lots == 0:
            continue
        penalty = penalty_of(lots)
        value = lots * market.lot_value - sign * penalty
        exchange.emit(
            events.POSITION_PROVIDED,
            lots,
            value,
            provider.account,
            penalty,
            account=debtor.account,
            contract=market.contract,
        )
        transfer(exchange, market, debtor, provider, lots, value)
