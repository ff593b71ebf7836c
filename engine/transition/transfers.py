"""Transfers of lots outside the book: liquidity providers, takeover, pairing, deleveraging (9.2
e-f, 9.7).

Each moves lots of an account in liquidation (the debtor, with or without a deficit) at a value
that both sides book: the mark value, plus what the counterparty gives up, less what it receives,
seen from a long debtor.
"""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.bounds import LOTS_MAX
from engine.schema.vocabulary import BUY, FUND, NONE, SELL
from engine.state.access import (
    ACCOUNT,
    CANDIDATE,
    CHOSEN,
    CONTRACT,
    ENGINE,
    HIT,
    HIT_ORDER,
    POSITION,
)
from engine.state.arithmetic import absolute, multiply_divide
from engine.state.events import emit
from engine.state.layout import LIQUIDATING, NEGATIVE
from engine.transition.orders import keep_reduce_only
from engine.transition.step_plan import compute_step_lots
from risk.accounts import find_position, holder_at, open_position
from risk.deleveraging import collect_candidates
from risk.deleveraging_modes import choose_lots
from risk.haircut import give_up_gain
from risk.insurance import (
    compute_penalty,
    compute_spread,
    compute_takeover_lots,
    note_fund_loss,
)
from risk.liquidation import compute_share
from risk.margin import value_beside
from risk.providers import compute_provided_lots, compute_room, next_provider, sum_rooms
from risk.settlement import cover_if_short, pay_liquidation_fee, settle_side
from risk.step import gain_per_lot_of
from risk.supervision import note_suspect, value_again


@kernel
def mark_value_of(arena, contract, lots):
    return lots * CONTRACT(arena, contract).mark_value


@cold
def transfer_lots(arena, contract, position, counterposition, lots, value, penalty):
    """Both legs of a transfer, the debtor's first, with what each entails."""
    debtor = POSITION(arena, position).account + 0
    counterparty = POSITION(arena, counterposition).account + 0
    side = SELL if POSITION(arena, position).lots > 0 else BUY
    settle_side(arena, contract, debtor, position, 0, side, lots, value, 0)
    if penalty != 0:
        pay_liquidation_fee(arena, contract, debtor, penalty)
    cover_if_short(arena, debtor)
    settle_side(arena, contract, counterparty, counterposition, 0, SELL - side, lots, value, 0)
    cover_if_short(arena, counterparty)
    keep_reduce_only(arena, position)
    keep_reduce_only(arena, counterposition)
    value_again(arena, debtor)
    value_again(arena, counterparty)
    return 0


@kernel
def signed_value(lots, mark_value, given):
    """The value at which the debtor's `lots` change hands."""
    return mark_value + given if lots > 0 else mark_value - given


@kernel
def compute_present_share(arena, contract, position):
    """The position's share of its account's equity, at present values (9.3)."""
    account = POSITION(arena, position).account + 0
    equity, maintenance = value_beside(arena, account, 0)
    return compute_share(arena, contract, position, equity, maintenance)


@cold
def provide(arena, contract, position, provider, asked, has_share):
    """Give a liquidity provider what it can bear of the lots asked for, at mark; a debtor with
    equity >= 0 (`has_share` 1) pays it the penalty of a takeover (9.2 e, 9.4)."""
    lots = POSITION(arena, position).lots + 0
    share = compute_present_share(arena, contract, position) if has_share == 1 else 0
    taken = compute_provided_lots(arena, contract, provider, lots, asked, share)
    if taken == 0:
        return 0
    penalty = compute_penalty(arena, contract, share, absolute(lots), taken)
    value = signed_value(lots, mark_value_of(arena, contract, taken), -penalty)
    debtor = POSITION(arena, position).account + 0
    taker = POSITION(arena, provider).account + 0
    emit(
        arena, events.POSITION_PROVIDED, contract, debtor, taken, value, taker, penalty, 0, 0
    )  # fmt: skip
    return transfer_lots(arena, contract, position, provider, taken, value, 0)


@cold
def ask_providers(arena, contract, position, has_share):
    """Ask the contract's liquidity providers, by id, each for its part of a position by the room
    that it has (9.2 e); nobody for more than that."""
    debtor = POSITION(arena, position).account + 0
    is_long = POSITION(arena, position).lots > 0
    rooms_left = sum_rooms(arena, contract, debtor, is_long)
    lots_left = min(absolute(POSITION(arena, position).lots), rooms_left)
    provider = next_provider(arena, contract, NONE)
    while provider != NONE and lots_left > 0:
        room = compute_room(arena, contract, provider, debtor, is_long)
        asked = multiply_divide(lots_left, room, rooms_left)
        lots_left -= asked
        rooms_left -= room
        if asked > 0:
            provide(arena, contract, position, provider, asked, has_share)
        provider = next_provider(arena, contract, provider)
    return 0


@kernel
def fund_position(arena, contract):
    position = find_position(arena, FUND, contract)
    return position if position != NONE else open_position(arena, FUND, contract)


@cold
def take_over(arena, contract, position, charge):
    """Give the fund the lots it can take with their part of a deficit; returns what it bore."""
    lots = POSITION(arena, position).lots + 0
    debtor = POSITION(arena, position).account + 0
    taken = compute_takeover_lots(arena, contract, lots, charge)
    if taken == 0:
        return 0
    borne = compute_spread(charge, absolute(lots), taken) if charge > 0 else 0
    value = signed_value(lots, mark_value_of(arena, contract, taken), borne)
    emit(arena, events.POSITION_TAKEN_OVER, contract, debtor, taken, value, borne, 0, 0, 0)
    transfer_lots(arena, contract, position, fund_position(arena, contract), taken, value, 0)
    note_fund_loss(arena, borne)
    note_suspect(arena, FUND)
    return borne


@cold
def take_over_with_penalty(arena, contract, position, share):
    """The same at non-negative equity: at mark, less a disclosed penalty (9.4)."""
    lots = POSITION(arena, position).lots + 0
    debtor = POSITION(arena, position).account + 0
    taken = compute_takeover_lots(arena, contract, lots, 0)
    if taken == 0:
        return 0
    value = mark_value_of(arena, contract, taken)
    penalty = compute_penalty(arena, contract, share, absolute(lots), taken)
    emit(arena, events.POSITION_TAKEN_OVER, contract, debtor, taken, value, 0, penalty, 0, 0)
    transfer_lots(arena, contract, position, fund_position(arena, contract), taken, value, penalty)
    note_suspect(arena, FUND)
    return penalty


@cold
def pair_with(arena, contract, position, counterparty, lots_max):
    """Pair off the position against one opposite holder at mark, up to `lots_max` lots."""
    lots = POSITION(arena, position).lots + 0
    counterposition = find_position(arena, counterparty, contract)
    if counterposition == NONE or lots == 0:
        return 0
    opposite = POSITION(arena, counterposition).lots + 0
    if opposite == 0 or (opposite > 0) == (lots > 0):
        return 0
    paired = min(absolute(lots), absolute(opposite), lots_max)
    if paired == 0:
        return 0
    value = mark_value_of(arena, contract, paired)
    debtor = POSITION(arena, position).account + 0
    emit(
        arena, events.POSITIONS_PAIRED, contract, debtor, paired, value, counterparty, 0, 0, 0
    )  # fmt: skip
    transfer_lots(arena, contract, position, counterposition, paired, value, 0)
    return paired


@cold
def collect_liquidating(arena, contract, position):
    """List opposite holders in liquidation with equity >= 0, each with its present excess."""
    engine = ENGINE(arena, 0)
    lots = POSITION(arena, position).lots
    engine.candidates = 0
    for k in range(CONTRACT(arena, contract).holders):
        other = POSITION(arena, holder_at(arena, contract, k))
        flags = ACCOUNT(arena, other.account).flags
        if (other.lots > 0) == (lots > 0) or flags & LIQUIDATING == 0 or flags & NEGATIVE:
            continue
        candidate = CANDIDATE(arena, engine.candidates)
        candidate.account = other.account
        equity, maintenance = value_beside(arena, other.account, 0)
        candidate.equity = equity - maintenance
        engine.candidates += 1
    return engine.candidates


@cold
def take_worst_liquidating(arena):
    """Take the account with the least excess off that list, ties by id; NONE when it is empty."""
    engine = ENGINE(arena, 0)
    if engine.candidates == 0:
        return NONE
    worst = 0
    for k in range(1, engine.candidates):
        a = CANDIDATE(arena, k)
        b = CANDIDATE(arena, worst)
        if a.equity < b.equity or (a.equity == b.equity and a.account < b.account):
            worst = k
    account = CANDIDATE(arena, worst).account + 0
    engine.candidates -= 1
    CANDIDATE(arena, worst).account = CANDIDATE(arena, engine.candidates).account
    CANDIDATE(arena, worst).equity = CANDIDATE(arena, engine.candidates).equity
    return account


@cold
def pair_off(arena, contract, position, negative):
    """Pair with negative accounts, then with others in liquidation, then with the fund (9.7)."""
    account = POSITION(arena, position).account + 0
    for k in range(negative):
        other = HIT(arena, HIT_ORDER(arena, k).slot).account + 0
        if other != account:
            pair_with(arena, contract, position, other, LOTS_MAX)
    if POSITION(arena, position).lots != 0:
        collect_liquidating(arena, contract, position)
        other = take_worst_liquidating(arena)
        while other != NONE and POSITION(arena, position).lots != 0:
            if other != account:
                lots_max = compute_step_lots(arena, other, contract)
                pair_with(arena, contract, position, other, lots_max)
            other = take_worst_liquidating(arena)
    if account != FUND and ACCOUNT(arena, FUND).flags & (LIQUIDATING | NEGATIVE) == 0:
        pair_with(arena, contract, position, FUND, LOTS_MAX)
    return 0


@cold
def deleverage(arena, contract, position, charge, excluded_flags, must_afford):
    """Close the position against opposite holders in their rank; returns what they gave up.

    A holder never gives up more than its lots gained in this step; a negative charge is what the
    holders receive (a share of non-negative equity).
    """
    lots = POSITION(arena, position).lots + 0
    if lots == 0:
        return 0
    debtor = POSITION(arena, position).account + 0
    collect_candidates(arena, contract, lots, excluded_flags)
    gain_cap = absolute(gain_per_lot_of(arena, contract))
    choose_lots(arena, contract, absolute(lots), charge, gain_cap, must_afford)
    given_up = 0
    for k in range(ENGINE(arena, 0).chosen):
        chosen = CANDIDATE(arena, CHOSEN(arena, k).slot)
        taken = chosen.lots_taken
        value = signed_value(lots, mark_value_of(arena, contract, taken), chosen.given_up)
        emit(
            arena, events.POSITION_DELEVERAGED, contract, debtor,
            taken, value, chosen.charge, chosen.account, chosen.given_up, 0,
        )  # fmt: skip
        transfer_lots(arena, contract, position, chosen.position, taken, value, 0)
        given_up += chosen.given_up
        if chosen.given_up > 0:
            give_up_gain(arena, chosen.account, chosen.given_up)
            note_suspect(arena, chosen.account)
    return given_up
