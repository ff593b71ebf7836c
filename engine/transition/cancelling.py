"""Cancels of many orders: mass cancel, session, heartbeat, kill switch, expiry (4.2, 4.6)."""

from engine.book.timers import set_heartbeat_timer
from engine.kernel import cold, kernel
from engine.schema import bounds, events, refusals
from engine.schema.vocabulary import (
    CANCEL_EXPIRY,
    CANCEL_HEARTBEAT,
    CANCEL_KILL,
    CANCEL_MASS,
    CANCEL_SESSION,
    CLIENT_FIRST,
    FUND,
    NONE,
    SCOPE_ACCOUNT,
    SCOPE_ALL,
    SCOPE_CONTRACT,
    SCOPE_GROUP,
    SIDES_BOTH,
    SIDES_SELL,
)
from engine.state.access import ACCOUNT, ACCOUNT_EXTRA, CONTRACT, ENGINE, POOL, TIMER
from engine.state.events import emit
from engine.state.layout import (
    ALL_STOPPED,
    CONTRACT_STOPPED,
    GROUP_STOPPED,
    STOPPED,
    TIMER_EXPIRY,
)
from engine.transition.admission import check_client
from engine.transition.orders import (
    cancel_of_account,
    cancel_of_contract,
    cancel_of_position,
    cancel_working,
)
from risk.accounts import find_position, next_account
from risk.groups import find_lead, next_member
from risk.isolation import first_margin_account, next_margin_account, trading_account_of


@cold
def cancel_of_client(arena, account, reason, spared_flag, sides, session):
    """Cancel the orders of an account and of its margin accounts; returns the count."""
    count = cancel_of_account(arena, account, reason, spared_flag, sides, session)
    margin_account = first_margin_account(arena, account)
    while margin_account != NONE:
        count += cancel_of_account(arena, margin_account, reason, spared_flag, sides, session)
        margin_account = next_margin_account(arena, margin_account)
    return count


@cold
def mass_cancel(arena, account, client_id, contract, sides):
    """Cancel the account's orders, or those of one contract or side."""
    code = check_client(arena, account, client_id, 1)
    if code != refusals.OK:
        return code
    if contract < 0 or contract > ENGINE(arena, 0).contracts:
        return refusals.CONTRACT_UNKNOWN
    if sides < SIDES_BOTH or sides > SIDES_SELL:
        return refusals.SIDES_INVALID
    if contract == 0:
        count = cancel_of_client(arena, account, CANCEL_MASS, 0, sides, 0)
    else:
        trader = trading_account_of(arena, account, contract)
        position = find_position(arena, trader, contract)
        count = cancel_of_position(arena, position, CANCEL_MASS, 0, 0, sides, 0)
    emit(arena, events.MASS_CANCELLED, contract, account, client_id, count, 0, 0, 0, 0)
    return refusals.OK


@cold
def cancel_session(arena, account, client_id, session):
    """Cancel the account's orders of a session that its gateway has lost."""
    code = check_client(arena, account, client_id, 1)
    if code != refusals.OK:
        return code
    if session < 1:
        return refusals.SESSION_INVALID
    count = cancel_of_client(arena, account, CANCEL_SESSION, 0, SIDES_BOTH, session)
    emit(arena, events.SESSION_CANCELLED, 0, account, client_id, session, count, 0, 0, 0)
    return refusals.OK


@cold
def set_heartbeat(arena, account, client_id, timeout_ns):
    """Arm, re-arm or (0) disarm the account's cancel-after timer."""
    code = check_client(arena, account, client_id, 0)
    if code != refusals.OK:
        return code
    if timeout_ns < 0 or timeout_ns > bounds.NS_PER_DAY:
        return refusals.TIMEOUT_INVALID
    due_ns = ENGINE(arena, 0).clock_ns + timeout_ns if timeout_ns > 0 else 0
    set_heartbeat_timer(arena, account, due_ns)
    emit(arena, events.HEARTBEAT_SET, 0, account, client_id, due_ns, 0, 0, 0, 0)
    return refusals.OK


@cold
def do_timer(arena):
    """The earliest timer is due and cancels: an order expires, or a heartbeat was not renewed."""
    slot = TIMER(arena, 0).slot + 0
    if TIMER(arena, 0).kind == TIMER_EXPIRY:
        return cancel_working(arena, slot, CANCEL_EXPIRY)
    due_ns = ACCOUNT_EXTRA(arena, slot).heartbeat_ns + 0
    set_heartbeat_timer(arena, slot, 0)
    count = cancel_of_client(arena, slot, CANCEL_HEARTBEAT, 0, SIDES_BOTH, 0)
    emit(arena, events.HEARTBEAT_LOST, 0, slot, count, due_ns, 0, 0, 0, 0)
    return 0


@cold
def is_stopped(arena, scope, number):
    """1 or 0: whether this very scope and number is stopped; -1: there is no such thing."""
    if scope == SCOPE_ALL:
        return POOL(arena, 0).trading_stopped if number == 0 else -1
    if number < 1:
        return -1
    if scope == SCOPE_CONTRACT:
        if number > ENGINE(arena, 0).contracts:
            return -1
        return 1 if CONTRACT(arena, number).stopped & CONTRACT_STOPPED else 0
    if scope == SCOPE_ACCOUNT:
        if number < CLIENT_FIRST or number > bounds.ACCOUNTS_MAX:
            return -1
        if ACCOUNT(arena, number).group == 0:
            return -1
        return 1 if ACCOUNT(arena, number).flags & STOPPED else 0
    if scope == SCOPE_GROUP:
        account = find_lead(arena, number)
        if account == NONE:
            return -1
        return 1 if ACCOUNT(arena, account).flags & GROUP_STOPPED else 0
    return -1


@kernel
def set_flag(arena, account, flag, value):
    if value == 1:
        ACCOUNT(arena, account).flags |= flag
    else:
        ACCOUNT(arena, account).flags &= ~flag


@cold
def set_flag_of_client(arena, account, flag, value):
    """Write a flag where admission reads it: on an account and on its margin accounts."""
    set_flag(arena, account, flag, value)
    margin_account = first_margin_account(arena, account)
    while margin_account != NONE:
        set_flag(arena, margin_account, flag, value)
        margin_account = next_margin_account(arena, margin_account)
    return 0


@kernel
def set_stop(arena, contract, bit, value):
    if value == 1:
        CONTRACT(arena, contract).stopped |= bit
    else:
        CONTRACT(arena, contract).stopped &= ~bit


@cold
def set_stopped(arena, scope, number, value):
    """Write the switch where admission reads it: on accounts and contracts."""
    if scope == SCOPE_ACCOUNT:
        set_flag_of_client(arena, number, STOPPED, value)
    elif scope == SCOPE_GROUP:
        account = find_lead(arena, number)
        while account != NONE:
            set_flag(arena, account, GROUP_STOPPED, value)
            account = next_member(arena, account)
    elif scope == SCOPE_CONTRACT:
        set_stop(arena, number, CONTRACT_STOPPED, value)
    else:
        POOL(arena, 0).trading_stopped = value
        for contract in range(1, ENGINE(arena, 0).contracts + 1):
            set_stop(arena, contract, ALL_STOPPED, value)
    return 0


@kernel
def is_in_scope(arena, account, scope, number):
    if ACCOUNT(arena, account).group == 0:
        return False
    if scope == SCOPE_ACCOUNT:
        return account == number or ACCOUNT_EXTRA(arena, account).parent == number
    return scope != SCOPE_GROUP or ACCOUNT(arena, account).group == number


@kernel
def emit_scope(arena, kind, scope, number, count):
    contract = number if scope == SCOPE_CONTRACT else 0
    account = number if scope == SCOPE_ACCOUNT else 0
    emit(arena, kind, contract, account, scope, number, count, 0, 0, 0)


@cold
def stop_trading(arena, scope, number):
    """The kill switch: cancel everything in its scope and take nothing new until released."""
    if is_stopped(arena, scope, number) != 0:
        return refusals.SCOPE_INVALID
    set_stopped(arena, scope, number, 1)
    count = 0
    if scope == SCOPE_CONTRACT:
        count = cancel_of_contract(arena, number, CANCEL_KILL)
    else:
        account = next_account(arena, FUND)
        while account != NONE:
            if is_in_scope(arena, account, scope, number):
                count += cancel_of_account(arena, account, CANCEL_KILL, 0, SIDES_BOTH, 0)
            account = next_account(arena, account)
    emit_scope(arena, events.TRADING_STOPPED, scope, number, count)
    return refusals.OK


@cold
def release_trading(arena, scope, number):
    """An operator lets what a kill switch stopped trade again."""
    if is_stopped(arena, scope, number) != 1:
        return refusals.SCOPE_INVALID
    set_stopped(arena, scope, number, 0)
    emit_scope(arena, events.TRADING_RELEASED, scope, number, 0)
    return refusals.OK
