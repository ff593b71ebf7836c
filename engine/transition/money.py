"""Accounts and money: open, deposit, let withdrawals go on; the standing of the settlement asset
(9.8, 10.1, 10.6, 15.1)."""

from engine.kernel import cold, kernel
from engine.schema import bounds, events, refusals
from engine.schema.vocabulary import (
    CLIENT_FIRST,
    FUND,
    KIND_AFFILIATE,
    KIND_CLIENT,
    KIND_FUND,
    KIND_LAST,
    LEDGER_CLIENT,
    LEDGER_FUND,
    LEDGER_HOUSE,
)
from engine.state.access import ACCOUNT, ACCOUNT_EXTRA, ENGINE, POOL
from engine.state.events import emit
from engine.state.layout import AFFILIATE, GROUP_STOPPED, INELIGIBLE
from risk.accounts import is_opened
from risk.eligibility import is_asked
from risk.groups import join_group
from risk.ledger import apply_cash, release_withdrawals_if_refilled
from risk.supervision import value_again
from risk.withdrawals import CASH


@cold
def open_account(arena, account, owner, group, kind):
    if account < CLIENT_FIRST or account > bounds.ACCOUNTS_MAX:
        return refusals.ACCOUNT_OUT_OF_RANGE
    if ACCOUNT(arena, account).group != 0:
        return refusals.ACCOUNT_EXISTS
    if kind < KIND_CLIENT or kind > KIND_LAST or kind == KIND_FUND:
        return refusals.ACCOUNT_KIND_INVALID
    if POOL(arena, 0).settlement_barred >> kind & 1 == 1:
        return refusals.KIND_NOT_PERMITTED
    if owner < 1 or group < 1:
        return refusals.GROUP_INVALID
    ACCOUNT(arena, account).group = group
    ACCOUNT_EXTRA(arena, account).owner = owner
    ACCOUNT_EXTRA(arena, account).kind = kind
    engine = ENGINE(arena, 0)
    if kind == KIND_AFFILIATE:
        ACCOUNT(arena, account).flags |= AFFILIATE
        engine.affiliates += 1
    if kind == KIND_CLIENT and is_asked(arena):
        ACCOUNT(arena, account).flags |= INELIGIBLE  # nothing is known of it yet (3.1)
    engine.accounts_top = max(engine.accounts_top, account)
    lead = join_group(arena, account)
    ACCOUNT(arena, account).flags |= ACCOUNT(arena, lead).flags & GROUP_STOPPED  # with the others
    emit(arena, events.ACCOUNT_OPENED, 0, account, owner, group, kind, 0, 0, 0)
    return refusals.OK


@kernel
def check_amount(amount):
    """Of money, or of an asset."""
    if amount < 1:
        return refusals.AMOUNT_NOT_POSITIVE
    return refusals.AMOUNT_ABOVE_MAX if amount > bounds.DEPOSITS_MAX else refusals.OK


@kernel
def compute_paid_in(arena):
    """Cash that stands in all ledgers but that of conversions: deposits less withdrawals, and what
    conversions have paid and nobody has paid in for them (1.3)."""
    return POOL(arena, 0).deposits_net - POOL(arena, 0).conversion_cash


@cold
def has_settlement_lapsed(arena):
    """1 while no client may bring the settlement asset: an operator has it impaired, or its licence
    has ended (10.1, 10.3)."""
    pool = POOL(arena, 0)
    until_ns = pool.settlement_licensed_until_ns
    has_ended = until_ns != 0 and until_ns <= ENGINE(arena, 0).clock_ns
    return 1 if has_ended or pool.settlement_impaired == 1 else 0


@cold
def set_settlement(arena, impaired, licensed_until_ns):
    """An operator writes down the standing of a settlement asset that is a stablecoin."""
    pool = POOL(arena, 0)
    if pool.settlement_licensed_until_ns == 0:
        return refusals.ASSET_UNKNOWN
    if impaired < 0 or impaired > 1:
        return refusals.COLLATERAL_INVALID
    if licensed_until_ns < 1 or licensed_until_ns > bounds.TIME_NS_MAX:
        return refusals.COLLATERAL_INVALID
    # From here it is written; nothing below may refuse.

    pool.settlement_impaired = impaired
    pool.settlement_licensed_until_ns = licensed_until_ns
    emit(arena, events.COLLATERAL_SET, 0, 0, CASH, impaired, licensed_until_ns, 0, 0, 0)
    return refusals.OK


@cold
def deposit(arena, ledger, account, amount):
    """Final money into a client's cash, the fund or the house layer."""
    if ledger < LEDGER_CLIENT or ledger > LEDGER_HOUSE:
        return refusals.LEDGER_INVALID
    if ledger == LEDGER_CLIENT and not is_opened(arena, account):
        return refusals.ACCOUNT_UNKNOWN
    code = check_amount(amount)
    if code != refusals.OK:
        return code
    pool = POOL(arena, 0)
    if compute_paid_in(arena) + amount > bounds.DEPOSITS_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    if ledger == LEDGER_CLIENT and has_settlement_lapsed(arena) == 1:
        return refusals.COLLATERAL_CLOSED
    # From here the money is in; nothing below may refuse.

    pool.deposits_net += amount
    if ledger == LEDGER_HOUSE:
        pool.house += amount
        emit(arena, events.DEPOSITED, 0, 0, amount, ledger, pool.house, 0, 0, 0)
    else:
        if ledger == LEDGER_FUND:
            account = FUND
        apply_cash(arena, account, amount)
        cash = ACCOUNT(arena, account).cash
        emit(arena, events.DEPOSITED, 0, account, amount, ledger, cash, 0, 0, 0)
        value_again(arena, account)
    release_withdrawals_if_refilled(arena)
    return refusals.OK


@cold
def release_withdrawals(arena):
    """An operator lets withdrawals go on after 9.8 stopped them."""
    if POOL(arena, 0).withdrawals_stopped == 0:
        return refusals.WITHDRAWALS_NOT_STOPPED
    POOL(arena, 0).withdrawals_stopped = 0
    emit(arena, events.WITHDRAWALS_RELEASED, 0, 0, 1, 0, 0, 0, 0, 0)
    return refusals.OK
