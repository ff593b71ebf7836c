"""Money: every change of an account's cash or of an entry value goes through here (10.6, I1).

The pool's running totals of cash and entry values move with them, so conservation (I1) can be
checked after every command without a walk over all accounts.
"""

from engine.kernel import cold, kernel
from engine.schema import events, vocabulary
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, CONTRACT, POOL, POSITION
from engine.state.events import emit
from risk.accounts import contract_of, first_position, next_position
from risk.bands import note_dirty
from risk.position_history import note_realised
from risk.worth import add_equity


@kernel
def write_cash(arena, account, amount):
    """Cash alone: what the account is worth stays as it is, or is the caller's to keep. Every
    change of a position comes with one, so that no scan misses it (9.1)."""
    ACCOUNT(arena, account).cash += amount
    note_dirty(arena, account)
    POOL(arena, 0).cash_total += amount


@kernel
def apply_cash(arena, account, amount):
    """Credit (positive) or debit an account's cash."""
    add_equity(arena, account, amount)
    write_cash(arena, account, amount)


@kernel
def write_entry(arena, position, amount):
    """An entry value alone, as `write_cash`."""
    POSITION(arena, position).entry_value += amount
    POOL(arena, 0).entry_total += amount


@kernel
def apply_entry(arena, position, amount):
    add_equity(arena, POSITION(arena, position).account, -amount)
    write_entry(arena, position, amount)


@kernel
def settle_funding(arena, account, contract, position):
    """Move what a position owes in funding (or is owed) between its account and clearing (7.3).

    Lots times index growth is exact, so payer and receiver need no rounding.
    """
    held = POSITION(arena, position)
    terms = CONTRACT(arena, contract)
    owed = held.lots * (terms.funding_index - held.funding_index)
    held.funding_index = terms.funding_index
    if owed == 0:
        return
    write_cash(arena, account, -owed)
    note_realised(arena, position, -owed)
    POOL(arena, 0).funding_clearing += owed
    emit(
        arena, events.FUNDING_SETTLED, contract, account,
        owed, held.lots, terms.funding_index, ACCOUNT(arena, account).cash, 0, 0,
    )  # fmt: skip


@cold
def settle_all_funding(arena, account):
    """Settle every position of the account, in the order of its contracts."""
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        if POSITION(arena, position).lots != 0:
            contract = contract_of(arena, account, position, k)
            settle_funding(arena, account, contract, position)
        k += 1
        position = next_position(arena, account, position, k)
    return 0


@cold
def release_withdrawals_if_refilled(arena):
    """Withdrawals stopped by 9.8 resume when fund and house stand at their limits."""
    pool = POOL(arena, 0)
    fund_cash = ACCOUNT(arena, vocabulary.FUND).cash
    if (
        pool.withdrawals_stopped != 0
        and pool.fund_cash_limit + pool.house_cash_limit > 0  # no limits: only an operator may
        and fund_cash >= pool.fund_cash_limit
        and pool.house >= pool.house_cash_limit
    ):
        pool.withdrawals_stopped = 0
        emit(arena, events.WITHDRAWALS_RELEASED, 0, 0, 0, 0, 0, 0, 0, 0)
    return 0
