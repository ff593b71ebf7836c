"""A client's own floor under its initial rate in a contract: its largest leverage there (8.1)."""

from engine.kernel import cold, kernel
from engine.schema import events, refusals
from engine.schema.bounds import PPB
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, CONTRACT, POSITION, POSITION_EXTRA
from engine.state.events import emit
from engine.state.layout import LIMITS_RATE, LIQUIDATING
from engine.transition.admission import check_client_of_contract
from risk.accounts import find_position, has_position_room, open_position
from risk.isolation import trading_account_of
from risk.margin import (
    compute_equity,
    compute_initial_of,
    compute_need,
    compute_raised_initial,
    compute_requirement,
)


@kernel
def check_floor(arena, contract, account, position, floor_ppb):
    """Whether equity covers what the account requires with a new floor, if that is more than with
    the old one; the reserves of its working orders stay as they were recorded (8.2)."""
    held = POSITION(arena, position)
    old_margin = compute_initial_of(arena, contract, position)
    new_margin = compute_raised_initial(arena, contract, held.lots, floor_ppb)
    old_need = compute_need(held.lots, old_margin, held.reserve_buy, held.reserve_sell)
    new_need = compute_need(held.lots, new_margin, held.reserve_buy, held.reserve_sell)
    if new_need <= old_need:
        return refusals.OK
    requirement = compute_requirement(arena, account) + new_need - old_need
    if requirement > compute_equity(arena, account):
        return refusals.MARGIN_INSUFFICIENT
    return refusals.OK


@cold
def set_leverage(arena, account, client_id, contract, rate_initial_ppb):
    code = check_client_of_contract(arena, account, client_id, contract)
    if code != refusals.OK:
        return code
    if rate_initial_ppb < 0 or rate_initial_ppb > PPB:
        return refusals.RATE_INVALID
    account = trading_account_of(arena, account, contract)
    if ACCOUNT(arena, account).flags & LIQUIDATING:
        return refusals.ACCOUNT_IN_LIQUIDATION
    position = find_position(arena, account, contract)
    if position != NONE:
        code = check_floor(arena, contract, account, position, rate_initial_ppb)
        if code != refusals.OK:
            return code
    elif not has_position_room(arena):
        return refusals.POOL_FULL
    # From here the floor holds; nothing below may refuse.

    if position == NONE:
        position = open_position(arena, account, contract)
    POSITION_EXTRA(arena, position).rate_floor_ppb = rate_initial_ppb
    if rate_initial_ppb > 0:
        CONTRACT(arena, contract).limits |= LIMITS_RATE
    emit(arena, events.LEVERAGE_SET, contract, account, rate_initial_ppb, client_id, 0, 0, 0, 0)
    return refusals.OK
