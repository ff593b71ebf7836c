"""Liquidity providers: who stands behind the book of a contract, and for how many lots (9.2 e).

A provider's capacity lies with its own position in the contract. The positions that have one form
a list through their records, by account id: a liquidation looks at the providers of its contract
and at nobody else, and the list needs no bound but that of positions.
"""

from engine.kernel import cold, kernel
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, CONTRACT, POSITION, POSITION_EXTRA
from engine.state.arithmetic import absolute
from engine.state.layout import LIQUIDATING, NEGATIVE
from risk.insurance import compute_penalty
from risk.isolation import trading_account_of
from risk.margin import compute_requirement_with, value_for_order


@kernel
def next_provider(arena, contract, position):
    """The position of the provider with the next account id, of the first one behind NONE."""
    if position == NONE:
        return CONTRACT(arena, contract).provider_first + 0
    return POSITION_EXTRA(arena, position).provider_next + 0


@cold
def find_provider_before(arena, contract, position):
    """The last provider with an account id below that of a position, NONE when there is none."""
    account = POSITION(arena, position).account + 0
    before = NONE
    provider = next_provider(arena, contract, NONE)
    while provider != NONE and POSITION(arena, provider).account < account:
        before = provider
        provider = next_provider(arena, contract, provider)
    return before


@cold
def write_capacity(arena, contract, position, lots):
    """Give a position its capacity; it joins the contract's providers with it, and leaves them
    without."""
    extra = POSITION_EXTRA(arena, position)
    was_provider = extra.capacity > 0
    extra.capacity = lots
    if was_provider == (lots > 0):
        return 0
    before = find_provider_before(arena, contract, position)
    link = position
    if was_provider:
        link = extra.provider_next + 0
        extra.provider_next = NONE
    else:
        extra.provider_next = next_provider(arena, contract, before)
    if before == NONE:
        CONTRACT(arena, contract).provider_first = link
    else:
        POSITION_EXTRA(arena, before).provider_next = link
    return 0


@kernel
def compute_room(arena, contract, provider, debtor, is_long):
    """How many lots of a debtor, who is long or short, a provider may be asked for: up to its
    capacity on the debtor's side, and nothing of its own group, while it is in trouble itself, or
    while it has isolated the contract: its position there would be out of its reach (8.5)."""
    held = POSITION(arena, provider)
    account = ACCOUNT(arena, held.account)
    if trading_account_of(arena, held.account, contract) != held.account:
        return 0
    if account.flags & (LIQUIDATING | NEGATIVE) or account.group == ACCOUNT(arena, debtor).group:
        return 0
    lots = held.lots if is_long else -held.lots
    return max(0, POSITION_EXTRA(arena, provider).capacity - lots)


@cold
def sum_rooms(arena, contract, debtor, is_long):
    """The lots that all providers of the contract together may be asked for."""
    rooms = 0
    provider = next_provider(arena, contract, NONE)
    while provider != NONE:
        rooms += compute_room(arena, contract, provider, debtor, is_long)
        provider = next_provider(arena, contract, provider)
    return rooms


@cold
def compute_cover(arena, contract, provider, lots, taken, share, equity, requirement):
    """What a provider would have above its requirement, with all its orders (9.0, 8.2), behind so
    many of a debtor's signed `lots`: at mark, so that it is worth more by the penalty alone."""
    held = POSITION(arena, provider)
    after = held.lots + taken if lots > 0 else held.lots - taken
    needed = compute_requirement_with(
        arena, held.account + 0, contract, provider, after, requirement
    )
    return equity + compute_penalty(arena, contract, share, absolute(lots), taken) - needed


@cold
def find_best_cover(arena, contract, provider, lots, asked, share, equity, requirement):
    """The lots, of those asked for, behind which most is left: what they require is convex in them,
    so it rises up to there and falls behind."""
    low = 0
    high = asked
    while low < high:
        middle = (low + high) // 2
        cover = compute_cover(
            arena, contract, provider, lots, middle, share, equity, requirement
        )
        if cover < compute_cover(
            arena, contract, provider, lots, middle + 1, share, equity, requirement
        ):
            low = middle + 1
        else:
            high = middle
    return low


@cold
def compute_provided_lots(arena, contract, provider, lots, asked, share):
    """The most of the lots asked for that a provider can take of a debtor's signed `lots` and still
    cover its requirement."""
    equity, requirement = value_for_order(arena, POSITION(arena, provider).account)
    low = find_best_cover(arena, contract, provider, lots, asked, share, equity, requirement)
    if compute_cover(arena, contract, provider, lots, low, share, equity, requirement) < 0:
        return 0
    high = asked
    while low < high:
        middle = (low + high + 1) // 2
        if compute_cover(arena, contract, provider, lots, middle, share, equity, requirement) >= 0:
            low = middle
        else:
            high = middle - 1
    return low
