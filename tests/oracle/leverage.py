"""An account's own floor under its initial rate in a contract (8.1)."""

from dataclasses import replace

from engine.schema import events, refusals
from engine.schema.bounds import PPB
from tests.oracle.accounts import Holding, equity, requirement


def set_leverage(exchange, command) -> int:
    """Who can't cover what the new rate asks for keeps the old one, unless it asks for less.
    Working orders keep what was reserved for them."""
    if command.contract not in exchange.markets:
        return refusals.CONTRACT_UNKNOWN
    if not 0 <= command.rate_initial_ppb <= PPB:
        return refusals.RATE_INVALID
    account = exchange.accounts[command.account]
    if account.in_liquidation:
        return refusals.ACCOUNT_IN_LIQUIDATION
    before = account.holdings.get(command.contract) or Holding(command.contract)
    after = replace(before, rate_initial_ppb=command.rate_initial_ppb)
    needed = requirement(exchange, account, after)
    is_more = needed > requirement(exchange, account, before)
    if is_more and needed > equity(exchange, account):
        return refusals.MARGIN_INSUFFICIENT
    account.holding(command.contract).rate_initial_ppb = command.rate_initial_ppb
    exchange.emit(
        events.LEVERAGE_SET,
        command.rate_initial_ppb,
        command.client_id,
        account=account.account,
        contract=command.contract,
    )
    return refusals.OK
