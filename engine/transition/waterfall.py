"""The waterfall of a step: negative equities to their end, before any other fill (2.5, 9.3-9.8).

For each debtor in the order of 9.2: orders cancelled, the deficit charged to the contracts that
cost it, each position to liquidity providers, to the fund, to the opposite side in liquidation, to
opposite holders; then fund cash and house layer. What is left over all debtors is cut from the
gains of the step.
"""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.vocabulary import (
    CANCEL_LIQUIDATION,
    END_FLAT,
    END_FROZEN,
    FUND,
    LAYER_HAIRCUT,
    LAYER_HOUSE,
    NONE,
    SIDES_BOTH,
    STATE_DEFAULT,
    STATE_FROZEN,
    STEP_WATERFALL,
    WHY_WATERFALL,
    WHY_WATERFALL_DONE,
)
from engine.state.access import CONTRACT, ENGINE, HIT, HIT_ORDER, POOL, POSITION
from engine.state.arithmetic import multiply_divide
from engine.state.events import emit
from engine.trading_state import EVERY
from engine.transition.orders import cancel_of_account
from engine.transition.transfers import (
    ask_providers,
    deleverage,
    list_debtors,
    pair_off,
    take_over,
)
from risk.accounts import contract_of, first_position, next_position
from risk.haircut import collect_gains, cut_gains, share_loss, stop_withdrawals
from risk.insurance import emit_covered, pay_from_fund, pay_from_house
from risk.ledger import apply_cash, settle_all_funding
from risk.liquidation_queue import leave_liquidation
from risk.margin import compute_equity, compute_maintenance, find_largest_position
from risk.ranking import void_rankings
from risk.settlement import cover_if_short
from risk.step import gain_per_lot_of, is_in_step, lots_before_of
from risk.supervision import announce_hits, note_suspect, scan_step


@kernel
def change_state(arena, contract, state_to, why):
    terms = CONTRACT(arena, contract)
    state_from = terms.state
    terms.state = state_to
    void_rankings(arena)  # whose next step closes lots where, depends on it
    time_ns = ENGINE(arena, 0).clock_ns
    emit(arena, events.STATE_CHANGED, contract, 0, state_from, state_to, why, time_ns, 0, 0)


@cold
def default_contracts(arena):
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        if is_in_step(arena, contract):
            CONTRACT(arena, contract).state_step = CONTRACT(arena, contract).state
            change_state(arena, contract, STATE_DEFAULT, WHY_WATERFALL)
    return 0


@cold
def restore_contracts(arena):
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        if is_in_step(arena, contract):
            state = CONTRACT(arena, contract).state_step
            change_state(arena, contract, state, WHY_WATERFALL_DONE)
    return 0


@kernel
def cost_of(arena, contract, position):
    """What the step cost a position, on the lots with which it entered it; 0 when it gained."""
    return max(0, -lots_before_of(arena, position) * gain_per_lot_of(arena, contract))


@cold
def compute_step_cost(arena, account):
    cost = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        cost += cost_of(arena, contract_of(arena, account, position, k), position)
        k += 1
        position = next_position(arena, account, position, k)
    return cost


@cold
def work_position(arena, row, contract, position, charge):
    """One position of a debtor with its charge: liquidity providers where it bears none, for they
    take at no price worse than the mark (9.2 e); takeover, pairing, deleveraging."""
    hit = HIT(arena, row)
    if hit.account != FUND:
        if charge == 0:
            ask_providers(arena, contract, position, 0)
        if POSITION(arena, position).lots == 0:
            return 0
        borne = take_over(arena, contract, position, charge)
        hit.fund += borne
        charge -= borne
    pair_off(arena, contract, position)
    hit.given_up += deleverage(arena, contract, position, charge, 1)
    return 0


@cold
def work_debtor(arena, row):
    """Steps (b), (e), (f) and the cash layers for one debtor; returns what they left uncovered."""
    hit = HIT(arena, row)
    debtor = hit.account + 0
    equity = compute_equity(arena, debtor)
    maintenance = compute_maintenance(arena, debtor)
    emit(
        arena, events.LIQUIDATION_STEPPED, 0, debtor,
        STEP_WATERFALL, 0, 0, equity, maintenance, 0,
    )  # fmt: skip
    cancel_of_account(arena, debtor, CANCEL_LIQUIDATION, 0, SIDES_BOTH, 0)
    settle_all_funding(arena, debtor)
    hit.deficit = -compute_equity(arena, debtor)
    charge_left = hit.deficit + 0
    cost_left = compute_step_cost(arena, debtor)
    k = 0
    position = first_position(arena, debtor)
    while position != NONE:
        contract = contract_of(arena, debtor, position, k)
        cost = cost_of(arena, contract, position)
        charge = multiply_divide(charge_left, cost, cost_left) if cost > 0 else 0
        charge_left -= charge
        cost_left -= cost
        if POSITION(arena, position).lots != 0 and CONTRACT(arena, contract).state != STATE_FROZEN:
            work_position(arena, row, contract, position, charge)
        k += 1
        position = next_position(arena, debtor, position, k)

    deficit = max(0, -compute_equity(arena, debtor))
    paid = pay_from_fund(arena, debtor, deficit)
    if paid > 0:
        cover_if_short(arena, FUND)
        note_suspect(arena, FUND)
    hit.fund += paid
    deficit -= paid
    hit.house = pay_from_house(arena, debtor, deficit)
    hit.haircut = deficit - hit.house
    return hit.haircut


@cold
def close_rest(arena, row):
    """Close at mark what nobody could afford before: it changes no equity, so it skips nobody."""
    debtor = HIT(arena, row).account + 0
    k = 0
    position = first_position(arena, debtor)
    while position != NONE:
        contract = contract_of(arena, debtor, position, k)
        if POSITION(arena, position).lots != 0 and CONTRACT(arena, contract).state != STATE_FROZEN:
            pair_off(arena, contract, position)
            deleverage(arena, contract, position, 0, 0)
        k += 1
        position = next_position(arena, debtor, position, k)
    return 0


@cold
def end_liquidation(arena, account, end):
    equity = compute_equity(arena, account)
    maintenance = compute_maintenance(arena, account)
    leave_liquidation(arena, account)
    emit(
        arena, events.LIQUIDATION_ENDED, 0, account, end, equity, maintenance, 0, 0, 0
    )  # fmt: skip
    return 0


@cold
def close_debtor(arena, row):
    """The debtor ends flat (but for frozen contracts) at zero, and the account is written (I9)."""
    hit = HIT(arena, row)
    debtor = hit.account + 0
    cover_if_short(arena, debtor)
    emit(
        arena, events.WATERFALL_CLOSED, 0, debtor,
        hit.deficit, hit.fund, hit.given_up, hit.house, hit.haircut, 0,
    )  # fmt: skip
    end = END_FLAT if find_largest_position(arena, debtor, EVERY) == NONE else END_FROZEN
    end_liquidation(arena, debtor, end)
    return 0


@cold
def credit_haircut(arena, row):
    hit = HIT(arena, row)
    if hit.haircut > 0:
        apply_cash(arena, hit.account, hit.haircut)
        emit_covered(arena, hit.account, LAYER_HAIRCUT, hit.haircut)
    return 0


@cold
def credit_shared(arena, row, shared_left):
    """Pay a debtor's loss out of what was shared as far as it goes; nobody else has anything left,
    so the house bears the rest beyond what it had set aside (9.8). Returns what was used."""
    hit = HIT(arena, row)
    used = min(hit.haircut, shared_left)
    rest = hit.haircut - used
    hit.haircut = used
    credit_haircut(arena, row)
    if rest > 0:
        hit.house += rest
        POOL(arena, 0).house -= rest
        apply_cash(arena, hit.account, rest)
        emit_covered(arena, hit.account, LAYER_HOUSE, rest)
    return used


@cold
def spread_loss(arena, uncovered, negative):
    """What no layer has covered: cut from the gains of a step of contracts, shared by everybody
    after a step of an asset, which nobody gains by (9.8)."""
    if ENGINE(arena, 0).step_contracts == 0:
        shared_left = share_loss(arena, uncovered)
        for k in range(negative):
            shared_left -= credit_shared(arena, HIT_ORDER(arena, k).slot, shared_left)
        return 0
    cut_gains(arena, uncovered)
    for k in range(negative):
        credit_haircut(arena, HIT_ORDER(arena, k).slot)
    return 0


@cold
def finish_negative(arena, negative):
    """Take the first so many hits, which are below zero, through the waterfall to its end."""
    if negative == 0:
        return 0
    engine = ENGINE(arena, 0)
    engine.bankrupt = 1
    default_contracts(arena)
    collect_gains(arena)
    list_debtors(arena, negative)
    uncovered = 0
    for k in range(negative):
        uncovered += work_debtor(arena, HIT_ORDER(arena, k).slot)
    if uncovered > 0:
        stop_withdrawals(arena, uncovered)
        spread_loss(arena, uncovered, negative)
    for k in range(negative):
        close_rest(arena, HIT_ORDER(arena, k).slot)
    for k in range(negative):
        close_debtor(arena, HIT_ORDER(arena, k).slot)
    engine.bankrupt = 0
    restore_contracts(arena)
    return negative


@cold
def supervise_step(arena):
    """Find every account that the step brought down; finish those below zero (2.5)."""
    scan_step(arena)
    return finish_negative(arena, announce_hits(arena))
