"""Withdrawals in two phases: what an account asks for is reserved, until an operator knows whether
it has been paid out (8.3, 10.6)."""

from engine.schema import bounds, events, refusals
from tests.oracle.accounts import Account, withdrawable
from tests.oracle.money import settle_all_funding
from tests.oracle.valuation import change_holding, revalue

CASH = 0  # in the place of the asset's number


def is_full(account: Account) -> bool:
    return len(account.reserved) >= bounds.WITHDRAWALS_MAX


def cash_reserved(exchange) -> int:
    return sum(
        amount
        for account in exchange.accounts.values()
        for asset, amount in account.reserved.values()
        if asset == CASH
    )


def withdraw(exchange, command) -> int:
    account = exchange.accounts[command.account]
    if account.in_liquidation:
        return refusals.ACCOUNT_IN_LIQUIDATION
    if command.amount < 1:
        return refusals.AMOUNT_NOT_POSITIVE
    if command.amount > bounds.DEPOSITS_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    if is_full(account):
        return refusals.WITHDRAWALS_PENDING
    if exchange.withdrawals_stopped:
        return refusals.WITHDRAWALS_STOPPED
    if command.amount > withdrawable(exchange, account):
        return refusals.WITHDRAWAL_ABOVE_AVAILABLE
    settle_all_funding(exchange, account)
    account.cash -= command.amount
    account.reserved[command.client_id] = (CASH, command.amount)
    told = (command.amount, command.client_id, account.cash)
    exchange.emit(events.WITHDRAWAL_RESERVED, *told, account=account.account)
    return refusals.OK


def check_reserved(exchange, command) -> int:
    account = exchange.client(command.account)
    if account is None:
        return refusals.ACCOUNT_UNKNOWN
    if command.client_id not in account.reserved:
        return refusals.WITHDRAWAL_UNKNOWN
    return refusals.OK


def confirm_withdrawal(exchange, command) -> int:
    """It has left the pool: nobody is valued, though what is held of an asset is less now."""
    code = check_reserved(exchange, command)
    if code:
        return code
    account = exchange.accounts[command.account]
    number, amount = account.reserved.pop(command.client_id)
    if number == CASH:
        exchange.deposits -= amount
    else:
        exchange.assets[number].deposits -= amount
    told = (number, amount, command.client_id)
    exchange.emit(events.WITHDRAWAL_CONFIRMED, *told, account=account.account)
    return refusals.OK


def return_withdrawal(exchange, command) -> int:
    """Nothing refuses it: what comes back has never left the ledgers."""
    code = check_reserved(exchange, command)
    if code:
        return code
    account = exchange.accounts[command.account]
    number, amount = account.reserved.pop(command.client_id)
    if number == CASH:
        account.cash += amount
        left = account.cash
    else:
        change_holding(account, number, amount)
        revalue(exchange, account)
        left = account.collateral[number]
    told = (number, amount, command.client_id, left, account.collateral_value)
    exchange.emit(events.WITHDRAWAL_RETURNED, *told, account=account.account)
    return refusals.OK
