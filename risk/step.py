"""A step: one change of marks or one funding interval, and what each position gains in it.

The contracts of a step carry its number and their gain per lot (mark change x tick value, or less
the funding growth). A position that a waterfall changes keeps the lots with which it entered the
step, because costs (9.3) and gains (9.8) are those of the lots held when the prices moved.
"""

from engine.kernel import kernel
from engine.schema.vocabulary import NONE
from engine.state.access import CONTRACT, ENGINE, POOL, POSITION, POSITION_EXTRA
from risk.accounts import contract_of, first_position, next_position
from risk.ranking import void_rankings


@kernel
def begin_step(arena):
    engine = ENGINE(arena, 0)
    engine.step += 1
    engine.step_contracts = 0
    void_rankings(arena)
    POOL(arena, 0).fund_loss_step = 0


@kernel
def enter_step(arena, contract, gain_per_lot):
    """Make the contract a part of the present step."""
    terms = CONTRACT(arena, contract)
    terms.step = ENGINE(arena, 0).step
    terms.gain_step = gain_per_lot
    ENGINE(arena, 0).step_contracts += 1


@kernel
def is_in_step(arena, contract):
    return CONTRACT(arena, contract).step == ENGINE(arena, 0).step


@kernel
def is_first_in_step(arena, account, contract):
    """Whether no contract of the step before this one has the account among its holders."""
    if ENGINE(arena, 0).step_contracts == 1:
        return True
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        if POSITION(arena, position).lots != 0:
            other = contract_of(arena, account, position, k)
            if other < contract and is_in_step(arena, other):
                return False
        k += 1
        position = next_position(arena, account, position, k)
    return True


@kernel
def gain_per_lot_of(arena, contract):
    """What one long lot gained in the present step, 0 for a contract outside it."""
    return CONTRACT(arena, contract).gain_step if is_in_step(arena, contract) else 0


@kernel
def note_position_before(arena, contract, position):
    """Keep the lots with which a position entered the running waterfall's step."""
    if ENGINE(arena, 0).bankrupt != 0:
        extra = POSITION_EXTRA(arena, position)
        if extra.step != ENGINE(arena, 0).step:
            extra.step = ENGINE(arena, 0).step
            extra.lots_step = POSITION(arena, position).lots


@kernel
def lots_before_of(arena, position):
    """The lots with which the position entered the present step."""
    extra = POSITION_EXTRA(arena, position)
    if extra.step == ENGINE(arena, 0).step:
        return extra.lots_step
    return POSITION(arena, position).lots
