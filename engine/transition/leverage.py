"""Floors under initial rates: a client's own in a contract, an operator's of an account (8.1)."""

from engine.kernel import cold, kernel
from engine.schema import events, refusals
from engine.schema.bounds import PPB
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, ACCOUNT_EXTRA, CONTRACT, POSITION_EXTRA
from engine.state.events import emit
from engine.state.layout import LIMITS_RATE, LIQUIDATING
from engine.transition.admission import check_client_of_contract
from risk.accounts import find_position, has_position_room, is_opened, open_position
from risk.isolation import first_margin_account, next_margin_account, trading_account_of
from risk.margin import compute_equity, compute_requirement
from risk.tiers import raise_rates
from risk.worth import forget_worth


@cold
def compute_requirement_at(arena, contract, account, position, floor_ppb):
    """What the account requires with another floor; no write is left behind."""
    terms = CONTRACT(arena, contract)
    extra = POSITION_EXTRA(arena, position)
    limits = terms.limits + 0
    floor_now_ppb = extra.rate_floor_ppb + 0
    terms.limits |= LIMITS_RATE
    extra.rate_floor_ppb = floor_ppb
    requirement = compute_requirement(arena, account)
    extra.rate_floor_ppb = floor_now_ppb
    terms.limits = limits
    return requirement


@kernel
def check_floor(arena, contract, account, position, floor_ppb):
    """Whether equity covers what the account requires with a new floor, if that is more than with
    the old one; the reserves of its working orders stay as they were recorded (8.2)."""
    requirement = compute_requirement_at(arena, contract, account, position, floor_ppb)
    if requirement <= compute_requirement(arena, account):
        return refusals.OK
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
    forget_worth(arena, account)
    if rate_initial_ppb > 0:
        CONTRACT(arena, contract).limits |= LIMITS_RATE
    emit(arena, events.LEVERAGE_SET, contract, account, rate_initial_ppb, client_id, 0, 0, 0, 0)
    return refusals.OK


@cold
def set_leverage_cap(arena, account, rate_initial_ppb):
    """An operator's floor under the account's initial rate in every contract, its isolated ones
    too. Maintenance stays, and so do the reserves of working orders."""
    if not is_opened(arena, account):
        return refusals.ACCOUNT_UNKNOWN
    if rate_initial_ppb < 0 or rate_initial_ppb > PPB:
        return refusals.RATE_INVALID
    # From here the cap holds; nothing below may refuse.

    ACCOUNT_EXTRA(arena, account).rate_initial_min_ppb = rate_initial_ppb
    forget_worth(arena, account)
    margin_account = first_margin_account(arena, account)
    while margin_account != NONE:
        ACCOUNT_EXTRA(arena, margin_account).rate_initial_min_ppb = rate_initial_ppb
        forget_worth(arena, margin_account)
        margin_account = next_margin_account(arena, margin_account)
    if rate_initial_ppb > 0:
        raise_rates(arena)
    emit(arena, events.LEVERAGE_CAP_SET, 0, account, rate_initial_ppb, 0, 0, 0, 0, 0)
    return refusals.OK
