"""The gains haircut: the last layer of the waterfall (9.8)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, ACCOUNT_EXTRA, CONTRACT, ENGINE, POOL, POSITION
from engine.state.arithmetic import multiply_divide
from engine.state.events import emit
from engine.state.layout import NEGATIVE
from risk.accounts import contract_of, first_position, holder_at, next_account, next_position
from risk.ledger import apply_cash
from risk.margin import compute_equity
from risk.settlement import cover_if_short
from risk.step import gain_per_lot_of, is_first_in_step, is_in_step
from risk.supervision import note_suspect


@cold
def compute_step_gain(arena, account):
    """Price profit plus funding received of the account in the present step."""
    gain = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        lots = POSITION(arena, position).lots
        if lots != 0:
            gain += lots * gain_per_lot_of(arena, contract_of(arena, account, position, k))
        k += 1
        position = next_position(arena, account, position, k)
    return gain


@cold
def collect_gains(arena):
    """Record what every holder gained in the step, before the waterfall changes a position."""
    engine = ENGINE(arena, 0)
    for contract in range(1, engine.contracts + 1):
        if not is_in_step(arena, contract):
            continue
        for k in range(CONTRACT(arena, contract).holders):
            account = POSITION(arena, holder_at(arena, contract, k)).account
            if is_first_in_step(arena, account, contract):
                extra = ACCOUNT_EXTRA(arena, account)
                extra.step = engine.step
                extra.gain_step = compute_step_gain(arena, account)
    return 0


@kernel
def gain_of(arena, account):
    """What is left of the account's gain in the step, 0 when it lost."""
    extra = ACCOUNT_EXTRA(arena, account)
    if extra.step != ENGINE(arena, 0).step:
        return 0
    return max(extra.gain_step, 0)


@kernel
def give_up_gain(arena, account, amount):
    """A deleveraged holder's give-up leaves the base of the haircut."""
    ACCOUNT_EXTRA(arena, account).gain_step -= amount


@cold
def cut_gain(arena, account, gain, amount):
    apply_cash(arena, account, -amount)
    cash = ACCOUNT(arena, account).cash
    emit(arena, events.GAINS_CUT, 0, account, gain, amount, cash, 0, 0, 0)
    cover_if_short(arena, account)
    note_suspect(arena, account)
    return 0


@cold
def cut_gains(arena, haircut):
    """Split a loss over the step's gains, by account id, with running remainders (9.8).

    A walk over all accounts: rare, and in the order that the rule wants. Each share is rounded
    down and the last gainer takes the rest; no share is above its gain.
    """
    gains_left = 0
    account = next_account(arena, NONE)
    while account != NONE:
        gains_left += gain_of(arena, account)
        account = next_account(arena, account)
    haircut_left = haircut
    account = next_account(arena, NONE)
    while account != NONE:
        gain = gain_of(arena, account)
        amount = multiply_divide(haircut_left, gain, gains_left) if gain > 0 else 0
        gains_left -= gain
        if amount > 0:
            haircut_left -= amount
            cut_gain(arena, account, gain, amount)
        account = next_account(arena, account)
    return haircut_left


@cold
def sum_equities(arena):
    """The positive equities of all accounts and the fund, a step's debtors excepted."""
    total = 0
    account = next_account(arena, NONE)
    while account != NONE:
        if ACCOUNT(arena, account).flags & NEGATIVE == 0:
            total += max(0, compute_equity(arena, account))
        account = next_account(arena, account)
    return total


@cold
def share_amount(arena, account, equity, amount):
    apply_cash(arena, account, -amount)
    cash = ACCOUNT(arena, account).cash
    emit(arena, events.COLLATERAL_LOSS_SHARED, 0, account, equity, amount, cash, 0, 0, 0)
    cover_if_short(arena, account)
    note_suspect(arena, account)
    return 0


@cold
def share_loss(arena, loss):
    """Share a loss of collateral value that fund and house could not bear over the equities of the
    pool, by account id, with running remainders, at most all of them; returns what was shared
    (9.8). Each share is rounded down, so none is above its equity."""
    equity_left = sum_equities(arena)
    emit(arena, events.COLLATERAL_LOSS_DECLARED, 0, 0, loss, equity_left, 0, 0, 0, 0)
    shared = min(loss, equity_left)
    loss_left = shared + 0
    account = next_account(arena, NONE)
    while account != NONE:
        if ACCOUNT(arena, account).flags & NEGATIVE == 0:
            equity = max(0, compute_equity(arena, account))
            amount = multiply_divide(loss_left, equity, equity_left) if equity > 0 else 0
            equity_left -= equity
            if amount > 0:
                loss_left -= amount
                share_amount(arena, account, equity, amount)
        account = next_account(arena, account)
    return shared


@kernel
def stop_withdrawals(arena, deficit):
    pool = POOL(arena, 0)
    if pool.withdrawals_stopped == 0:
        pool.withdrawals_stopped = 1
        emit(arena, events.WITHDRAWALS_STOPPED, 0, 0, deficit, 0, 0, 0, 0, 0)
