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
    RANKING,
)
from engine.state.arithmetic import absolute, multiply_divide
from engine.state.events import emit
from engine.state.layout import LIQUIDATING, NEGATIVE
from engine.transition.orders import keep_reduce_only
from engine.transition.step_plan import compute_step_lots
from risk.accounts import (
    contract_of,
    find_position,
    first_position,
    next_position,
    open_position,
)
from risk.counterparties import open_ranking
from risk.deleveraging_modes import choose_lots
from risk.haircut import give_up_gain
from risk.insurance import (
    compute_penalty,
    compute_spread,
    compute_takeover_lots,
    note_fund_loss,
)
from risk.liquidation import compute_share
from risk.margin import is_portfolio, value_whole
from risk.providers import compute_provided_lots, compute_room, next_provider, sum_rooms
from risk.ranking import ASKED, PAIRED, find_first, leave_ranking, ranking_of
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
    keep_reduce_only(arena, position, debtor)
    keep_reduce_only(arena, counterposition, counterparty)
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
    equity, maintenance = value_whole(arena, account)
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
def list_positions(arena, account, is_behind):
    """Put an account's positions in front of the debtors of their sides."""
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        contract = contract_of(arena, account, position, k)
        lots = POSITION(arena, position).lots + 0
        if lots != 0:
            side = RANKING(arena, ranking_of(contract, ASKED, 1 if lots > 0 else 0))
            if is_behind == 1:
                CANDIDATE(arena, position).debtor_next = side.debtor_behind
                side.debtor_behind = position
            else:
                CANDIDATE(arena, position).debtor_next = side.debtor
                side.debtor = position
        k += 1
        position = next_position(arena, account, position, k)
    return 0


@cold
def list_debtors(arena, negative):
    """List the positions of the first so many hits, by contract and side and in their order. A
    debtor's lots only become fewer, so who is flat is so for good. The fund's can grow again: it
    is asked by its account, between those before and those behind it."""
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        for is_long in range(2):
            side = RANKING(arena, ranking_of(contract, ASKED, is_long))
            side.debtor = NONE
            side.debtor_behind = NONE
    is_behind = ACCOUNT(arena, FUND).flags & NEGATIVE != 0
    for k in range(negative - 1, -1, -1):
        account = HIT(arena, HIT_ORDER(arena, k).slot).account + 0
        if account == FUND:
            is_behind = False
        else:
            list_positions(arena, account, 1 if is_behind else 0)
    return 0


@cold
def pair_with_debtors(arena, contract, position, first):
    """Pair the position off against a list of debtors of the other side; returns the first who has
    lots left. Each pairing closes one of the two."""
    while first != NONE and POSITION(arena, position).lots != 0:
        pair_with(arena, contract, position, POSITION(arena, first).account, LOTS_MAX)
        if POSITION(arena, first).lots == 0:
            first = CANDIDATE(arena, first).debtor_next + 0
    return first


@cold
def pair_with_negative(arena, contract, position):
    """Pair with the accounts of the waterfall, in their order."""
    is_long = 1 if POSITION(arena, position).lots < 0 else 0
    side = RANKING(arena, ranking_of(contract, ASKED, is_long))
    side.debtor = pair_with_debtors(arena, contract, position, side.debtor)
    if ACCOUNT(arena, FUND).flags & NEGATIVE and POSITION(arena, position).account != FUND:
        pair_with(arena, contract, position, FUND, LOTS_MAX)
    side.debtor_behind = pair_with_debtors(arena, contract, position, side.debtor_behind)
    return 0


@cold
def pair_with_liquidating(arena, contract, position):
    """Pair with accounts in liquidation with equity >= 0, each for the lots that its next step
    would close, the least excess first. Each of them closes some, so none comes up in vain; it is
    dirty then, and comes back into the ranking as what it has become."""
    lots = POSITION(arena, position).lots + 0
    if lots == 0:
        return 0
    ranking = open_ranking(arena, contract, PAIRED, 1 if lots < 0 else 0)
    while POSITION(arena, position).lots != 0:
        first = find_first(arena, ranking, 0)
        if first == NONE:
            break
        leave_ranking(arena, ranking, first)
        other = POSITION(arena, first // 2).account + 0
        lots_max = compute_step_lots(arena, other, contract)
        pair_with(arena, contract, position, other, lots_max)
    return 0


@cold
def pair_off(arena, contract, position):
    """Pair with negative accounts, then with others in liquidation, then with the fund (9.7)."""
    if ENGINE(arena, 0).bankrupt == 1:
        pair_with_negative(arena, contract, position)
    pair_with_liquidating(arena, contract, position)
    is_fund = POSITION(arena, position).account == FUND
    if not is_fund and ACCOUNT(arena, FUND).flags & (LIQUIDATING | NEGATIVE) == 0:
        pair_with(arena, contract, position, FUND, LOTS_MAX)
    return 0


@cold
def deleverage(arena, contract, position, charge, must_afford):
    """Close the position against opposite holders in their rank; returns what they gave up.

    A holder never gives up more than its lots gained in this step; a negative charge is what the
    holders receive (a share of non-negative equity).
    """
    lots = POSITION(arena, position).lots + 0
    if lots == 0:
        return 0
    debtor = POSITION(arena, position).account + 0
    is_long = 1 if lots < 0 else 0
    gain_cap = absolute(gain_per_lot_of(arena, contract))
    choose_lots(arena, contract, is_long, absolute(lots), charge, gain_cap, must_afford)
    given_up = 0
    for k in range(ENGINE(arena, 0).chosen):
        counterposition = CHOSEN(arena, k).slot + 0
        chosen = CANDIDATE(arena, counterposition)
        taken = chosen.lots_taken
        holder = POSITION(arena, counterposition).account + 0
        value = signed_value(lots, mark_value_of(arena, contract, taken), chosen.given_up)
        emit(
            arena, events.POSITION_DELEVERAGED, contract, debtor,
            taken, value, chosen.charge, holder, chosen.given_up, 0,
        )  # fmt: skip
        transfer_lots(arena, contract, position, counterposition, taken, value, 0)
        given_up += chosen.given_up
        if chosen.given_up > 0:
            give_up_gain(arena, holder, chosen.given_up)
            note_suspect(arena, holder)
        elif is_portfolio(arena, holder):
            note_suspect(arena, holder)  # a leg of its hedge may be gone, and its margin higher
    return given_up
