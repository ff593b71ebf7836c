"""Withdrawals (8.3, 10.6): reserved as far as margin leaves it free, then confirmed or returned."""

from engine.kernel import cold, kernel
from engine.schema import events, refusals
from engine.schema.vocabulary import NONE, STATE_CONTINUOUS
from engine.state.access import (
    ACCOUNT,
    ACCOUNT_EXTRA,
    CONTRACT,
    HOLDING,
    POOL,
    POSITION,
    WITHDRAWAL,
)
from engine.state.events import emit
from engine.state.layout import LIQUIDATING
from engine.transition.admission import check_client
from engine.transition.money import check_amount
from risk.accounts import contract_of, first_position, is_opened, next_position
from risk.collateral import compute_collateral, held_of, holding_row, is_registered
from risk.ledger import settle_all_funding
from risk.margin import compute_equity, compute_notional, compute_requirement
from risk.supervision import value_again
from risk.withdrawals import (
    CASH,
    find_reserved,
    give_back_reserved,
    is_place_free,
    pay_out,
    reserve,
)


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


@kernel
def check_withdrawal(arena, account, amount):
    """What a withdrawal of cash and one of an asset are both asked, behind what each is alone."""
    code = check_amount(amount)
    if code != refusals.OK:
        return code
    if not is_place_free(arena, account):
        return refusals.WITHDRAWALS_PENDING
    return refusals.WITHDRAWALS_STOPPED if POOL(arena, 0).withdrawals_stopped != 0 else refusals.OK


@cold
def withdraw(arena, account, client_id, amount):
    """Reserve cash for a withdrawal."""
    code = check_client(arena, account, client_id, 0)
    if code != refusals.OK:
        return code
    if ACCOUNT(arena, account).flags & LIQUIDATING:
        return refusals.ACCOUNT_IN_LIQUIDATION
    code = check_withdrawal(arena, account, amount)
    if code != refusals.OK:
        return code
    if amount > compute_withdrawable(arena, account):
        return refusals.WITHDRAWAL_ABOVE_AVAILABLE
    # From here the money leaves; nothing below may refuse.

    settle_all_funding(arena, account)
    reserve(arena, account, client_id, CASH, amount)
    cash = ACCOUNT(arena, account).cash
    emit(arena, events.WITHDRAWAL_RESERVED, 0, account, amount, client_id, cash, 0, 0, 0)
    return refusals.OK


@cold
def compute_collateral_without(arena, account, asset, quantity):
    """What the account's collateral would be worth now with so much of an asset reserved; no write
    is left behind."""
    row = holding_row(account, asset)
    HOLDING(arena, row).value -= quantity
    value = compute_collateral(arena, account)
    HOLDING(arena, row).value += quantity
    return value


@cold
def withdraw_collateral(arena, account, client_id, asset, quantity):
    """Reserve an asset for its client, as far as margin leaves it free (8.3)."""
    code = check_client(arena, account, client_id, 0)
    if code != refusals.OK:
        return code
    if ACCOUNT(arena, account).flags & LIQUIDATING:
        return refusals.ACCOUNT_IN_LIQUIDATION
    if not is_registered(arena, asset):
        return refusals.ASSET_UNKNOWN
    code = check_withdrawal(arena, account, quantity)
    if code != refusals.OK:
        return code
    if quantity > held_of(arena, account, asset):
        return refusals.COLLATERAL_INSUFFICIENT
    left = compute_collateral_without(arena, account, asset, quantity)
    equity = compute_equity(arena, account) - ACCOUNT_EXTRA(arena, account).collateral_value + left
    if not is_withdrawal_open(arena, account) or equity < compute_margin_held(arena, account):
        return refusals.WITHDRAWAL_ABOVE_AVAILABLE
    # From here the asset leaves; nothing below may refuse.

    reserve(arena, account, client_id, asset, quantity)
    held = held_of(arena, account, asset)
    value = ACCOUNT_EXTRA(arena, account).collateral_value
    emit(
        arena, events.COLLATERAL_RESERVED, 0, account, asset, quantity, client_id, held, value, 0
    )  # fmt: skip
    return refusals.OK


@cold
def confirm_withdrawal(arena, account, client_id):
    """What was reserved has been paid out. A stop of withdrawals is no reason against it: the pool
    has no part in it any more."""
    if not is_opened(arena, account):
        return refusals.ACCOUNT_UNKNOWN
    place = find_reserved(arena, account, client_id)
    if place == NONE:
        return refusals.WITHDRAWAL_UNKNOWN
    # From here it is out; nothing below may refuse.

    asset = WITHDRAWAL(arena, place).asset + 0
    amount = WITHDRAWAL(arena, place).amount + 0
    pay_out(arena, account, place)
    emit(
        arena, events.WITHDRAWAL_CONFIRMED, 0, account, asset, amount, client_id, 0, 0, 0
    )  # fmt: skip
    return refusals.OK


@cold
def return_withdrawal(arena, account, client_id):
    """What was reserved was not paid out: it is the account's again, like a final deposit that
    nothing refuses."""
    if not is_opened(arena, account):
        return refusals.ACCOUNT_UNKNOWN
    place = find_reserved(arena, account, client_id)
    if place == NONE:
        return refusals.WITHDRAWAL_UNKNOWN
    # From here it is back; nothing below may refuse.

    asset = WITHDRAWAL(arena, place).asset + 0
    amount = WITHDRAWAL(arena, place).amount + 0
    give_back_reserved(arena, account, place)
    left = ACCOUNT(arena, account).cash if asset == CASH else held_of(arena, account, asset)
    value = ACCOUNT_EXTRA(arena, account).collateral_value
    emit(
        arena, events.WITHDRAWAL_RETURNED, 0, account, asset, amount, client_id, left, value, 0
    )  # fmt: skip
    value_again(arena, account)
    return refusals.OK
