"""The last layer of the waterfall: gains of a step, cut, or a loss of collateral, shared (9.8)."""

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
    """What the account bears a part of: what is left of its gain in the step, 0 when it lost."""
    extra = ACCOUNT_EXTRA(arena, account)
    if extra.step != ENGINE(arena, 0).step:
        return 0
    return max(extra.gain_step, 0)


@kernel
def give_up_gain(arena, account, amount):
    """A deleveraged holder's give-up leaves the base of the haircut."""
    ACCOUNT_EXTRA(arena, account).gain_step -= amount


@cold
def collect_equities(arena):
    """After a step of an asset nobody has gained: what bears its loss is the positive equity of
    everybody but the step's debtors, recorded in place of gains. Returns their sum."""
    total = 0
    account = next_account(arena, NONE)
    while account != NONE:
        if ACCOUNT(arena, account).flags & NEGATIVE == 0:
            extra = ACCOUNT_EXTRA(arena, account)
            extra.step = ENGINE(arena, 0).step
            extra.gain_step = max(0, compute_equity(arena, account))
            total += extra.gain_step
        account = next_account(arena, account)
    return total


@cold
def cut_account(arena, account, kind, base, amount):
    apply_cash(arena, account, -amount)
    cash = ACCOUNT(arena, account).cash
    emit(arena, kind, 0, account, base, amount, cash, 0, 0, 0)
    cover_if_short(arena, account)
    note_suspect(arena, account)
    return 0


@cold
def spread_cut(arena, kind, amount):
    """Split an amount over what has been recorded of the accounts, by account id, with running
    remainders (9.8); each part is told by an event of this kind.

    A walk over all accounts: rare, and in the order that the rule wants. Each part is rounded down
    and the last one takes the rest; the amount is at most their sum, so no part is above its base.
    """
    base_left = 0
    account = next_account(arena, NONE)
    while account != NONE:
        base_left += gain_of(arena, account)
        account = next_account(arena, account)
    amount_left = amount
    account = next_account(arena, NONE)
    while account != NONE:
        base = gain_of(arena, account)
        part = multiply_divide(amount_left, base, base_left) if base > 0 else 0
        base_left -= base
        if part > 0:
            amount_left -= part
            cut_account(arena, account, kind, base, part)
        account = next_account(arena, account)
    return 0


@cold
def cut_gains(arena, haircut):
    """The last layer of a step of contracts: always enough, because a step is zero-sum."""
    return spread_cut(arena, events.GAINS_CUT, haircut)


@cold
def share_loss(arena, loss):
    """The last layer of a step of an asset, at most all equities; returns what was shared."""
    equity = collect_equities(arena)
    emit(arena, events.COLLATERAL_LOSS_DECLARED, 0, 0, loss, equity, 0, 0, 0, 0)
    shared = min(loss, equity)
    spread_cut(arena, events.COLLATERAL_LOSS_SHARED, shared)
    return shared


@kernel
def stop_withdrawals(arena, deficit):
    pool = POOL(arena, 0)
    if pool.withdrawals_stopped == 0:
        pool.withdrawals_stopped = 1
        emit(arena, events.WITHDRAWALS_STOPPED, 0, 0, deficit, 0, 0, 0, 0, 0)
