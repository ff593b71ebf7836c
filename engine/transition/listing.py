"""The approval of a contract's specification by its hash (3.2)."""

from engine.kernel import cold, kernel
from engine.schema import events, refusals
from engine.schema.vocabulary import STATE_APPROVED, STATE_DRAFT, WHY_OPERATOR
from engine.state.access import CONTRACT, POOL
from engine.state.events import emit
from engine.transition.states import enter_state
from risk.accounts import is_listed


@kernel
def has_hash(terms, hash_1, hash_2, hash_3, hash_4):
    """Whether it is the hash of the contract's specification, as listing wrote it down."""
    return (
        terms.hash_1 == hash_1
        and terms.hash_2 == hash_2
        and terms.hash_3 == hash_3
        and terms.hash_4 == hash_4
    )


@cold
def approve_contract(arena, contract, hash_1, hash_2, hash_3, hash_4, reference):
    """Approve a draft; it goes live by a change of state of its own."""
    if POOL(arena, 0).approvals_required == 0:
        return refusals.COMMAND_UNKNOWN
    if not is_listed(arena, contract):
        return refusals.CONTRACT_UNKNOWN
    terms = CONTRACT(arena, contract)
    if terms.state != STATE_DRAFT:
        return refusals.STATE_CHANGE_INVALID
    if reference < 1:
        return refusals.APPROVAL_INVALID
    if not has_hash(terms, hash_1, hash_2, hash_3, hash_4):
        return refusals.SPECIFICATION_DIFFERS
    if terms.unfit != 0:
        return refusals.SPECIFICATION_UNFIT
    # From here the approval stands; nothing below may refuse.

    terms.approval_reference = reference
    emit(arena, events.CONTRACT_APPROVED, contract, 0, reference, 0, 0, 0, 0, 0)
    enter_state(arena, contract, STATE_APPROVED, WHY_OPERATOR)
    return refusals.OK
