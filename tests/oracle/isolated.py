"""Isolated margin: positions with margin accounts of their own, beside the account (8.5)."""

from msgspec.structs import replace

from engine.schema import bounds, commands, events, refusals
from tests.oracle.accounts import Account, Order, withdrawable
from tests.oracle.money import settle_all_funding

MARGIN_ACCOUNT_FIRST = bounds.ACCOUNTS_MAX + 1  # behind every account that can be opened
ROUTED = (commands.PLACE_ORDER, commands.PLACE_BRACKET, commands.SET_LEVERAGE)


def route(exchange, command, contract: int):
    """The command as its margin account would send it, if the contract is isolated."""
    account = exchange.accounts[command.account]
    if contract not in account.isolated:
        return command
    return replace(command, account=account.margin_accounts[contract])


def own_accounts(exchange, account: Account) -> list[Account]:
    """The account, then its margin accounts in the order in which they were first isolated."""
    return [account, *(exchange.accounts[number] for number in account.margin_accounts.values())]


def own_orders(exchange, account: Account) -> list[Order]:
    return [order for one in own_accounts(exchange, account) for order in one.orders()]


def is_idle(account: Account, contract: int) -> bool:
    """Whether it neither holds anything in the contract nor works an order there."""
    holding = account.holdings.get(contract)
    return holding is None or (holding.lots == 0 and not holding.orders)


# The commands.


def isolate_contract(exchange, command) -> int:
    account, contract = exchange.accounts[command.account], command.contract
    if contract not in exchange.markets:
        return refusals.CONTRACT_UNKNOWN
    if contract in account.isolated:
        return refusals.MODE_UNCHANGED
    if account.in_liquidation:
        return refusals.ACCOUNT_IN_LIQUIDATION
    if not is_idle(account, contract):
        return refusals.MODE_NOT_FLAT
    if contract not in account.margin_accounts:
        account.margin_accounts[contract] = open_margin_account(exchange, account)
    account.isolated.add(contract)
    exchange.emit(
        events.CONTRACT_ISOLATED,
        account.margin_accounts[contract],
        command.client_id,
        account=account.account,
        contract=contract,
    )
    return refusals.OK


def open_margin_account(exchange, account: Account) -> int:
    number = MARGIN_ACCOUNT_FIRST + sum(bool(one.main) for one in exchange.accounts.values())
    exchange.accounts[number] = Account(
        number, account.owner, account.group, account.kind, main=account.account
    )
    return number


def check_isolated(exchange, command) -> int:
    if command.contract not in exchange.markets:
        return refusals.CONTRACT_UNKNOWN
    if command.contract not in exchange.accounts[command.account].isolated:
        return refusals.MODE_UNCHANGED
    return refusals.OK


def join_contract(exchange, command) -> int:
    """Back to cross margin; what is in the margin account comes along."""
    code = check_isolated(exchange, command)
    if code:
        return code
    account, contract = exchange.accounts[command.account], command.contract
    margin_account = exchange.accounts[account.margin_accounts[contract]]
    if margin_account.in_liquidation:
        return refusals.ACCOUNT_IN_LIQUIDATION
    if not is_idle(margin_account, contract):
        return refusals.MODE_NOT_FLAT
    account.isolated.remove(contract)
    amount, margin_account.cash = margin_account.cash, 0
    account.cash += amount
    exchange.emit(
        events.CONTRACT_JOINED,
        margin_account.account,
        command.client_id,
        amount,
        account.cash,
        account=account.account,
        contract=contract,
    )
    return refusals.OK


def move_margin(exchange, command) -> int:
    """Into the isolated position, or out of it where the amount is negative. What moves stays in
    the pool, so that stopped withdrawals do not matter."""
    code = check_isolated(exchange, command)
    if code:
        return code
    amount, contract = command.amount, command.contract
    account = exchange.accounts[command.account]
    margin_account = exchange.accounts[account.margin_accounts[contract]]
    giver = account if amount > 0 else margin_account
    if amount != 0 and giver.in_liquidation:  # of nothing there is no giver
        return refusals.ACCOUNT_IN_LIQUIDATION
    if amount == 0:
        return refusals.AMOUNT_NOT_POSITIVE
    if abs(amount) > bounds.DEPOSITS_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    if abs(amount) > withdrawable(exchange, giver):
        return refusals.WITHDRAWAL_ABOVE_AVAILABLE
    settle_all_funding(exchange, giver)
    account.cash -= amount
    margin_account.cash += amount
    exchange.emit(
        events.MARGIN_MOVED,
        amount,
        command.client_id,
        margin_account.account,
        margin_account.cash,
        account.cash,
        account=account.account,
        contract=contract,
    )
    return refusals.OK
