"""The functions that decide what an account is worth and must hold, callable from Python.

For what-if questions and drills (8.9, 9.9): each is the kernel of the same name, or a few of them
in the order in which a liquidation step or an admission calls them. Money in the smallest unit.
"""

from engine.kernel import entry
from engine.schema.vocabulary import NONE
from engine.state.access import ADMISSION, POSITION
from funding.mark import set_mark
from risk import liquidation, margin
from risk.accounts import find_position, open_position
from risk.reserve import reserve_of


@entry("UniTuple(int64, 3)(int64, int64)")
def value_account(arena: int, account: int) -> tuple[int, int, int]:
    """(equity, maintenance margin, initial margin with all orders) of an account (8.1, 8.2)."""
    equity, maintenance = margin.value_whole(arena, account)
    return equity, maintenance, margin.compute_requirement(arena, account)


@entry("UniTuple(int64, 2)(int64, int64, int64, int64)")
def value_at_mark(arena: int, account: int, contract: int, mark_ticks: int) -> tuple[int, int]:
    """(equity, maintenance margin) of an account at another mark of one contract. It writes the
    mark: for copies."""
    set_mark(arena, contract, mark_ticks)
    return margin.value_whole(arena, account)


@entry("int64(int64, int64, int64)")
def compute_bankruptcy_price(arena: int, account: int, contract: int) -> int:
    """The limit that a liquidation order of the account's position would have now: its share of an
    equity >= 0, liquidation fee included, within the listed prices (9.3)."""
    position = find_position(arena, account, contract)
    equity, maintenance = margin.value_whole(arena, account)
    share = liquidation.compute_share(arena, contract, position, max(equity, 0), maintenance)
    return liquidation.compute_limit(arena, contract, position, share)


@entry("int64(int64, int64, int64, int64)")
def reserve_admitted(arena: int, account: int, contract: int, side: int) -> int:
    """Record what admission computed last as an order of the account, and return the initial
    margin with it (8.2). It writes: for a copy whose last command was refused for its margin."""
    position = find_position(arena, account, contract)
    if position == NONE:
        position = open_position(arena, account, contract)
    POSITION(arena, position).loss_fee += ADMISSION(arena, 0).loss_fee
    reserve_of(arena, position, side).value += ADMISSION(arena, 0).reserve
    return margin.compute_requirement(arena, account)
