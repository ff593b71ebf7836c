"""Whether an account is margined by tiers or as a portfolio (8.7)."""

from engine.kernel import cold
from engine.schema import events, refusals
from engine.schema.vocabulary import MARGIN_PORTFOLIO, MARGIN_STANDARD
from engine.state.access import ACCOUNT, POOL
from engine.state.events import emit
from engine.state.layout import LIQUIDATING, PORTFOLIO
from risk.accounts import is_opened
from risk.bands import note_dirty
from risk.margin import compute_requirement, value_whole
from risk.tiers import raise_rates


@cold
def check_mode(arena, account, margin_mode):
    """Whether the account may have this mode: one that is offered, without orders, whose reserves
    are of the mode in which they came."""
    if not is_opened(arena, account):
        return refusals.ACCOUNT_UNKNOWN
    if margin_mode < MARGIN_STANDARD or margin_mode > MARGIN_PORTFOLIO:
        return refusals.MODE_INVALID
    if POOL(arena, 0).portfolio_moves == 0:
        return refusals.MODE_INVALID
    record = ACCOUNT(arena, account)
    if (record.flags & PORTFOLIO != 0) == (margin_mode == MARGIN_PORTFOLIO):
        return refusals.MODE_UNCHANGED
    if record.flags & LIQUIDATING:
        return refusals.ACCOUNT_IN_LIQUIDATION
    return refusals.MODE_WITH_ORDERS if record.orders != 0 else refusals.OK


@cold
def check_requirement(arena, account):
    """Whether equity covers the maintenance in the other mode, and what the account requires there,
    if that is more than in its own; no write is left behind."""
    before = compute_requirement(arena, account)
    ACCOUNT(arena, account).flags ^= PORTFOLIO
    after = compute_requirement(arena, account)
    equity, maintenance = value_whole(arena, account)
    ACCOUNT(arena, account).flags ^= PORTFOLIO
    if equity < maintenance or (after > before and after > equity):
        return refusals.MARGIN_INSUFFICIENT
    return refusals.OK


@cold
def set_margin_mode(arena, account, margin_mode):
    """Margin an account's positions beside its isolated ones in this mode from now on."""
    code = check_mode(arena, account, margin_mode)
    if code == refusals.OK:
        code = check_requirement(arena, account)
    if code != refusals.OK:
        return code
    # From here the mode holds; nothing below may refuse.

    ACCOUNT(arena, account).flags ^= PORTFOLIO
    if margin_mode == MARGIN_PORTFOLIO:
        raise_rates(arena)
    note_dirty(arena, account)
    emit(arena, events.MARGIN_MODE_SET, 0, account, margin_mode, 0, 0, 0, 0, 0)
    return refusals.OK
