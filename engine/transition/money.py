"""Accounts and money: open, deposit, withdraw, release (8.3, 10.6, 15.1)."""

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
    NONE,
    STATE_CONTINUOUS,
)
from engine.state.access import ACCOUNT, ACCOUNT_EXTRA, CONTRACT, ENGINE, POOL, POSITION
from engine.state.events import emit
from engine.state.layout import AFFILIATE, GROUP_STOPPED, INELIGIBLE, LIQUIDATING
from engine.transition.admission import check_client
from risk.accounts import contract_of, first_position, is_opened, next_position
from risk.eligibility import is_asked
from risk.groups import join_group
from risk.ledger import apply_cash, release_withdrawals_if_refilled, settle_all_funding
from risk.margin import (
    compute_equity,
    compute_notional,
    compute_requirement,
)
from risk.supervision import value_again


@cold
def open_account(arena, account, owner, group, kind):
    if account < CLIENT_FIRST or account > bounds.ACCOUNTS_MAX:
        return refusals.ACCOUNT_OUT_OF_RANGE
    if ACCOUNT(arena, account).group != 0:
        return refusals.ACCOUNT_EXISTS
    if kind < KIND_CLIENT or kind > KIND_LAST or kind == KIND_FUND:
        return refusals.ACCOUNT_KIND_INVALID
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
    """Cash that has come into the pool's ledgers: deposits less withdrawals, and what conversions
    have paid, whose ledger is at or below zero for it (1.3)."""
    return POOL(arena, 0).deposits_net - POOL(arena, 0).conversion_cash


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


@kernel
def is_withdrawal_open(arena, account):
    """Whether every contract in which the account has a position or an order trades normally."""
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        held = POSITION(arena, position)
        if held.lots != 0 or held.order_head != NONE:
            contract = contract_of(arena, account, position, k)
            if CONTRACT(arena, contract).state != STATE_CONTINUOUS:
                return False
        k += 1
        position = next_position(arena, account, position, k)
    return True


@kernel
def compute_owed(arena, account):
    """Funding that the account owes over all contracts, negative when it is owed."""
    owed = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        held = POSITION(arena, position)
        if held.lots != 0:
            terms = CONTRACT(arena, contract_of(arena, account, position, k))
            owed += held.lots * (terms.funding_index - held.funding_index)
        k += 1
        position = next_position(arena, account, position, k)
    return owed


@cold
def compute_margin_held(arena, account):
    """What no withdrawal may touch: initial margin with orders, or 10% of the notional, up."""
    tenth = (compute_notional(arena, account) + 9) // 10
    return max(compute_requirement(arena, account), tenth)


@cold
def compute_withdrawable(arena, account):
    """max(0, min(cash, equity - max(initial margin with orders, 10% of notional, up))) (8.3)."""
    if not is_withdrawal_open(arena, account):
        return 0
    cash = ACCOUNT(arena, account).cash - compute_owed(arena, account)
    free = compute_equity(arena, account) - compute_margin_held(arena, account)
    return max(0, min(cash, free))


@cold
def withdraw(arena, account, client_id, amount):
    code = check_client(arena, account, client_id, 0)
    if code != refusals.OK:
        return code
    if ACCOUNT(arena, account).flags & LIQUIDATING:
        return refusals.ACCOUNT_IN_LIQUIDATION
    code = check_amount(amount)
    if code != refusals.OK:
        return code
    if POOL(arena, 0).withdrawals_stopped != 0:
        return refusals.WITHDRAWALS_STOPPED
    if amount > compute_withdrawable(arena, account):
        return refusals.WITHDRAWAL_ABOVE_AVAILABLE
    # From here the money leaves; nothing below may refuse.

    settle_all_funding(arena, account)
    apply_cash(arena, account, -amount)
    POOL(arena, 0).deposits_net -= amount
    cash = ACCOUNT(arena, account).cash
    emit(arena, events.WITHDRAWN, 0, account, amount, client_id, cash, 0, 0, 0)
    return refusals.OK


@cold
def release_withdrawals(arena):
    """An operator lets withdrawals go on after 9.8 stopped them."""
    if POOL(arena, 0).withdrawals_stopped == 0:
        return refusals.WITHDRAWALS_NOT_STOPPED
    POOL(arena, 0).withdrawals_stopped = 0
    emit(arena, events.WITHDRAWALS_RELEASED, 0, 0, 1, 0, 0, 0, 0, 0)
    return refusals.OK
