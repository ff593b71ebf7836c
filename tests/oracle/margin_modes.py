"""An operator's say in an account's margin: by tiers or as a portfolio (8.7), and the least initial
rate of everything that it holds (8.1)."""

from dataclasses import replace

from engine.schema import events, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.accounts import Account, equity, maintenance, requirement

MODES = (words.MARGIN_STANDARD, words.MARGIN_PORTFOLIO)


def check_margin_mode(exchange, account: Account | None, mode: int) -> int:
    """Who can't cover what the new mode asks for keeps the old one, unless it asks for less; and
    nobody comes under maintenance by a mode."""
    if account is None:
        return refusals.ACCOUNT_UNKNOWN
    if mode not in MODES or not exchange.config.portfolio_moves_ppb:
        return refusals.MODE_INVALID
    if mode == account.margin_mode:
        return refusals.MODE_UNCHANGED
    if account.in_liquidation:
        return refusals.ACCOUNT_IN_LIQUIDATION
    if account.orders():
        return refusals.MODE_WITH_ORDERS
    changed = replace(account, margin_mode=mode)
    needed, worth = requirement(exchange, changed), equity(exchange, account)
    is_more = needed > requirement(exchange, account)
    if (is_more and needed > worth) or maintenance(exchange, changed) > worth:
        return refusals.MARGIN_INSUFFICIENT
    return refusals.OK


def set_margin_mode(exchange, command) -> int:
    account = exchange.client(command.account)
    code = check_margin_mode(exchange, account, command.margin_mode)
    if code:
        return code
    account.margin_mode = command.margin_mode
    exchange.emit(events.MARGIN_MODE_SET, command.margin_mode, account=account.account)
    return refusals.OK


def set_leverage_cap(exchange, command) -> int:
    """Nobody's maintenance follows it, and working orders keep what was reserved for them."""
    account = exchange.client(command.account)
    if account is None:
        return refusals.ACCOUNT_UNKNOWN
    if not 0 <= command.rate_initial_ppb <= PPB:
        return refusals.RATE_INVALID
    account.leverage_cap = command.rate_initial_ppb
    exchange.emit(events.LEVERAGE_CAP_SET, command.rate_initial_ppb, account=account.account)
    return refusals.OK
