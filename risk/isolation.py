"""Isolated positions (8.5): each has a margin account of its own.

A margin account is an account record like any other, so margin, supervision, liquidation and the
waterfall treat an isolated position as an account of its own without a line about it. What an
account sends for a contract that it has isolated is done for its margin account there.
"""

from engine.kernel import cold, kernel
from engine.schema import bounds
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, ACCOUNT_EXTRA, ENGINE
from engine.state.layout import AFFILIATE, GROUP_STOPPED, INELIGIBLE, ISOLATES, STOPPED
from risk.groups import join_group


@kernel
def first_margin_account(arena, account):
    return ACCOUNT_EXTRA(arena, account).margin_first + 0


@kernel
def next_margin_account(arena, margin_account):
    """The one that was isolated next, NONE behind the last."""
    return ACCOUNT_EXTRA(arena, margin_account).margin_next + 0


@cold
def find_margin_account(arena, account, contract):
    """The account's margin account in a contract, isolated now or once; NONE before the first."""
    margin_account = first_margin_account(arena, account)
    while margin_account != NONE:
        if ACCOUNT_EXTRA(arena, margin_account).contract == contract:
            return margin_account
        margin_account = next_margin_account(arena, margin_account)
    return NONE


@cold
def find_isolated(arena, account, contract):
    """The margin account while the contract is isolated, else NONE."""
    margin_account = find_margin_account(arena, account, contract)
    if margin_account == NONE or ACCOUNT_EXTRA(arena, margin_account).isolated == 0:
        return NONE
    return margin_account


@cold
def find_trading_account(arena, account, contract):
    margin_account = find_isolated(arena, account, contract)
    return margin_account if margin_account != NONE else account


@kernel
def trading_account_of(arena, account, contract):
    """For whom the account trades the contract: itself, or its margin account there."""
    if ACCOUNT(arena, account).flags & ISOLATES == 0:
        return account
    return find_trading_account(arena, account, contract)


@kernel
def has_margin_account_room(arena):
    return ENGINE(arena, 0).margin_accounts_top < bounds.MARGIN_ACCOUNTS_LAST


@cold
def open_margin_account(arena, account, contract):
    """The account's first margin account in a contract; the caller saw room for it."""
    engine = ENGINE(arena, 0)
    margin_account = max(engine.margin_accounts_top, bounds.ACCOUNTS_MAX) + 1
    engine.margin_accounts_top = margin_account
    record = ACCOUNT(arena, margin_account)
    record.group = ACCOUNT(arena, account).group
    shared = AFFILIATE | STOPPED | GROUP_STOPPED | INELIGIBLE
    record.flags = ACCOUNT(arena, account).flags & shared
    extra = ACCOUNT_EXTRA(arena, margin_account)
    extra.owner = ACCOUNT_EXTRA(arena, account).owner
    extra.kind = ACCOUNT_EXTRA(arena, account).kind
    extra.rate_initial_min_ppb = ACCOUNT_EXTRA(arena, account).rate_initial_min_ppb
    extra.parent = account
    extra.contract = contract
    if ACCOUNT_EXTRA(arena, account).margin_first == NONE:
        ACCOUNT_EXTRA(arena, account).margin_first = margin_account
    else:
        last = first_margin_account(arena, account)
        while next_margin_account(arena, last) != NONE:
            last = next_margin_account(arena, last)
        ACCOUNT_EXTRA(arena, last).margin_next = margin_account
    join_group(arena, margin_account)
    return margin_account


@cold
def set_isolated(arena, account, margin_account, isolated):
    """Switch the mode of a contract, and remember with the account whether any is isolated."""
    ACCOUNT_EXTRA(arena, margin_account).isolated = isolated
    ACCOUNT(arena, account).flags &= ~ISOLATES
    margin_account = first_margin_account(arena, account)
    while margin_account != NONE:
        if ACCOUNT_EXTRA(arena, margin_account).isolated == 1:
            ACCOUNT(arena, account).flags |= ISOLATES
        margin_account = next_margin_account(arena, margin_account)
    return 0
