"""Who may increase a position, and in which contract (3.1, 3.3): asked of the state alone.

The answer stands where admission looks anyway, as a flag of the account (and of its margin
accounts) and a bit of the contract, so an order of an eligible client pays nothing for it. What is
asked here is why, and only when the flag is to change or an order is refused.
"""

from engine.kernel import cold, kernel
from engine.schema import refusals
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, ACCOUNT_EXTRA, CONTRACT, ENGINE, POOL
from engine.state.layout import INELIGIBLE, REFERENCE_LAPSED


@kernel
def is_asked(arena):
    """Whether the pool asks for eligibility at all."""
    return POOL(arena, 0).eligibility_checked != 0


@kernel
def is_eligible(arena, account):
    return ACCOUNT(arena, account).flags & INELIGIBLE == 0


@cold
def find_lack(arena, account):
    """The refusal code of what a client lacks first at the present time, 0 when it is eligible."""
    parent = ACCOUNT_EXTRA(arena, account).parent + 0
    own = ACCOUNT_EXTRA(arena, parent if parent != NONE else account)
    if ENGINE(arena, 0).clock_ns >= own.professional_until_ns:
        return refusals.NOT_PROFESSIONAL
    if own.assessed == 0:
        return refusals.NOT_ASSESSED
    if own.disclosure < POOL(arena, 0).disclosure_version:
        return refusals.DISCLOSURE_NOT_ACKNOWLEDGED
    return refusals.ACCOUNT_BLOCKED if own.blocked != 0 else refusals.OK


@kernel
def has_lapsed(terms):
    """Whether the contract's reference asset is not open to retail any more."""
    return terms.stopped & REFERENCE_LAPSED != 0


@cold
def note_reference(arena, contract):
    """Write whether the reference asset has lapsed at the present time to where admission looks;
    returns 1 when it has just now."""
    terms = CONTRACT(arena, contract)
    was_open = not has_lapsed(terms)
    until_ns = terms.reference_until_ns + 0
    if until_ns == 0 or until_ns > ENGINE(arena, 0).clock_ns:
        terms.stopped &= ~REFERENCE_LAPSED
        return 0
    terms.stopped |= REFERENCE_LAPSED
    return 1 if was_open else 0
