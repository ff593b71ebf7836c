"""Margin modes of an account's contracts: isolate, join, move margin (8.3, 8.5)."""

from engine.kernel import cold
from engine.schema import bounds, events, refusals
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, POSITION
from engine.state.arithmetic import absolute
from engine.state.events import emit
from engine.state.layout import LIQUIDATING
from engine.transition.admission import check_client_of_contract
from engine.transition.withdrawals import compute_withdrawable
from risk.accounts import find_position
from risk.isolation import (
    find_isolated,
    find_margin_account,
    has_margin_account_room,
    open_margin_account,
    set_isolated,
)
from risk.ledger import apply_cash, settle_all_funding
from risk.supervision import value_again


@cold
def check_leaving(arena, account, contract):
    """Whether an account may leave its mode in a contract: only flat and without orders."""
    if ACCOUNT(arena, account).flags & LIQUIDATING:
        return refusals.ACCOUNT_IN_LIQUIDATION
    position = find_position(arena, account, contract)
    if position != NONE:
        held = POSITION(arena, position)
        if held.lots != 0 or held.order_head != NONE:
            return refusals.MODE_NOT_FLAT
    return refusals.OK


@cold
def isolate_contract(arena, account, client_id, contract):
    """From now on the contract has a margin account of its own; it is the same one each time."""
    code = check_client_of_contract(arena, account, client_id, contract)
    if code == refusals.OK and find_isolated(arena, account, contract) != NONE:
        code = refusals.MODE_UNCHANGED
    if code == refusals.OK:
        code = check_leaving(arena, account, contract)
    if code != refusals.OK:
        return code
    margin_account = find_margin_account(arena, account, contract)
    if margin_account == NONE and not has_margin_account_room(arena):
        return refusals.POOL_FULL
    # From here the contract is isolated; nothing below may refuse.

    if margin_account == NONE:
        margin_account = open_margin_account(arena, account, contract)
    set_isolated(arena, account, margin_account, 1)
    emit(
        arena, events.CONTRACT_ISOLATED, contract, account,
        margin_account, client_id, 0, 0, 0, 0,
    )  # fmt: skip
    return refusals.OK


@cold
def join_contract(arena, account, client_id, contract):
    """Back to cross margin: what the margin account holds comes along."""
    code = check_client_of_contract(arena, account, client_id, contract)
    if code != refusals.OK:
        return code
    margin_account = find_isolated(arena, account, contract)
    if margin_account == NONE:
        return refusals.MODE_UNCHANGED
    code = check_leaving(arena, margin_account, contract)
    if code != refusals.OK:
        return code
    # From here the contract has joined; nothing below may refuse.

    set_isolated(arena, account, margin_account, 0)
    amount = ACCOUNT(arena, margin_account).cash + 0
    apply_cash(arena, margin_account, -amount)
    apply_cash(arena, account, amount)
    cash = ACCOUNT(arena, account).cash
    emit(
        arena, events.CONTRACT_JOINED, contract, account,
        margin_account, client_id, amount, cash, 0, 0,
    )  # fmt: skip
    value_again(arena, account)
    return refusals.OK


@cold
def move_margin(arena, account, client_id, contract, amount):
    """Money into the margin account of an isolated position, out of it where negative: what the
    giver could withdraw, and nothing else."""
    code = check_client_of_contract(arena, account, client_id, contract)
    if code != refusals.OK:
        return code
    margin_account = find_isolated(arena, account, contract)
    if margin_account == NONE:
        return refusals.MODE_UNCHANGED
    if amount == 0:
        return refusals.AMOUNT_NOT_POSITIVE
    giver = account if amount > 0 else margin_account
    taker = margin_account if amount > 0 else account
    if ACCOUNT(arena, giver).flags & LIQUIDATING:
        return refusals.ACCOUNT_IN_LIQUIDATION
    if amount > bounds.DEPOSITS_MAX or amount < -bounds.DEPOSITS_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    if absolute(amount) > compute_withdrawable(arena, giver):
        return refusals.WITHDRAWAL_ABOVE_AVAILABLE
    # From here the money moves; nothing below may refuse.

    settle_all_funding(arena, giver)
    apply_cash(arena, giver, -absolute(amount))
    apply_cash(arena, taker, absolute(amount))
    emit(
        arena, events.MARGIN_MOVED, contract, account, amount, client_id, margin_account,
        ACCOUNT(arena, margin_account).cash, ACCOUNT(arena, account).cash, 0,
    )  # fmt: skip
    value_again(arena, taker)
    return refusals.OK
