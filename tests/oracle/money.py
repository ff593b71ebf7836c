"""Where money moves: funding, fills, transfers, and the cover of a negative balance (1.5, 8.4)."""

from bisect import bisect_left
from collections.abc import Callable

from engine.schema import events
from tests.oracle.accounts import Account, Holding, Order, equity, fee_up, owed, profit
from tests.oracle.resting import keep_reduce_only
from tests.oracle.rounding import rate_down, sign_of, trunc_div
from tests.oracle.timers import follow_fund


def settle_funding(exchange, account: Account, holding: Holding) -> None:
    """The position pays or receives what it owes; silent when that is nothing."""
    market = exchange.markets[holding.contract]
    amount = owed(exchange, holding)
    holding.funding_index = market.funding_index
    if amount == 0:
        return
    account.cash -= amount
    holding.realised -= amount
    market.clearing += amount
    exchange.emit(
        events.FUNDING_SETTLED,
        amount,
        holding.lots,
        holding.funding_index,
        account.cash,
        account=account.account,
        contract=holding.contract,
    )


def settle_all_funding(exchange, account: Account) -> None:
    for holding in account.holdings.values():
        settle_funding(exchange, account, holding)


def cover(exchange, account: Account) -> None:
    """8.4: all funding, then unrealised profit turned into cash, largest first, only what is
    needed. Collateral waits until what is going on is over (10.4)."""
    settle_all_funding(exchange, account)
    while account.cash < 0 and account.positions():
        richest = max(account.positions(), key=lambda holding: profit(exchange, holding))
        amount = min(profit(exchange, richest), -account.cash)
        if amount <= 0:
            break
        richest.entry_value += amount
        richest.realised += amount
        account.cash += amount
        exchange.emit(
            events.PROFIT_RESTRUCK,
            amount,
            richest.entry_value,
            account.cash,
            account=account.account,
            contract=richest.contract,
        )
    if account.cash < 0 and account.collateral and account.account not in exchange.shorts:
        exchange.shorts.append(account.account)


def kept_profit(exchange, holding: Holding) -> int:
    """What earlier positions in the contract have realised, as long as it counts (9.7)."""
    lasts_until = holding.kept_at + exchange.config.deleveraging_profit_ns
    return holding.kept if exchange.clock <= lasts_until else 0


def keep_profit(exchange, holding: Holding) -> None:
    """A position has ended: who opens anew takes what it has realised along (9.7)."""
    holding.kept = holding.realised + kept_profit(exchange, holding)
    holding.kept_at = exchange.clock
    holding.realised = 0


def forget_profit(holding: Holding) -> None:
    """Of a settled contract nothing is kept."""
    holding.realised = holding.kept = holding.kept_at = 0


def change_position(exchange, account: Account, contract: int, lots: int, value: int) -> int:
    """Book signed lots at a signed value; returns the profit that went to cash (1.5)."""
    market = exchange.markets[contract]
    holding = account.holding(contract)
    market.holders[account.account] = holding
    settle_funding(exchange, account, holding)
    before = holding.lots
    closed = min(abs(lots), abs(before)) if sign_of(lots) == -sign_of(before) else 0
    realised = 0
    if closed:
        value_closed = trunc_div(value * closed, abs(lots))
        entry_closed = trunc_div(holding.entry_value * closed, abs(before))
        realised = -value_closed - entry_closed
        holding.entry_value -= entry_closed
        value -= value_closed
    if closed < abs(lots):
        holding.entry_value += value
    holding.lots += lots
    holding.realised += realised
    account.cash += realised
    if closed == abs(before) > 0:
        keep_profit(exchange, holding)
    if closed == abs(before) and holding.lots:
        holding.opened = exchange.sequence
    if not account.positions():
        account.was_called = False  # the next position is a new one
    if account is exchange.fund:
        follow_fund(market, before, exchange.clock)
    return realised


def emit_leg(exchange, account: Account, contract: int, order_id: int, fee: int, gain: int) -> None:
    holding = account.holdings[contract]
    exchange.emit(
        events.LEG,
        order_id,
        holding.lots,
        holding.entry_value,
        fee,
        gain,
        account.cash,
        account=account.account,
        contract=contract,
    )


def pay_liquidation_fee(exchange, account: Account, contract: int, amount: int) -> None:
    """To the fund; a payment of nothing is no event."""
    if amount == 0:
        return
    account.cash -= amount
    exchange.fund.cash += amount
    exchange.emit(
        events.LIQUIDATION_FEE_PAID,
        amount,
        account.cash,
        account=account.account,
        contract=contract,
    )


def transfer(
    exchange, market, giver: Account, taker: Account, lots: int, value: int, penalty: int = 0
) -> None:
    """The giver's position, or `lots` of it, goes to the taker for `value`, outside the book."""
    sign = sign_of(giver.lots(market.contract))
    for account, direction in ((giver, -sign), (taker, sign)):
        realised = change_position(
            exchange, account, market.contract, direction * lots, direction * value
        )
        emit_leg(exchange, account, market.contract, 0, 0, realised)
        if account is giver:
            pay_liquidation_fee(exchange, account, market.contract, penalty)
        if account.cash < 0:
            cover(exchange, account)
    for account in (giver, taker):
        keep_reduce_only(exchange, account, market.contract)


def suspect(exchange, account: Account) -> None:
    """To be valued at the end of the command; once."""
    if account.account not in exchange.suspects:
        exchange.suspects.append(account.account)


def solvent_lots(equity_before: int, gain_of: Callable[[int], int], lots: int) -> int:
    """9.0: the most lots of a fill that leave equity at or above zero. More lots at one price never
    lose less: what k of them lose is one number times k, rounded."""
    if equity_before < 0:
        return 0
    return bisect_left(range(1, lots + 1), True, key=lambda k: equity_before + gain_of(k) < 0)


def trading_fee(
    exchange, account: Account, order: Order, size: int, taker_fee: int | None, own_loss: int
) -> int:
    """The taker's fee if `taker_fee` is None, else the maker's; a rebate is negative (8.8)."""
    spec = exchange.markets[order.contract].spec
    rate = spec.fee_taker_ppb if taker_fee is None else spec.fee_maker_ppb
    if taker_fee is None or rate >= 0:
        return fee_up(size, rate, equity(exchange, account) + own_loss)
    return -min(rate_down(size, -rate), taker_fee)
