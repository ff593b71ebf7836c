"""Clients and reference assets lapse: what only reduces stays, the rest is cancelled (3.1, 3.3)."""

from engine.book.timers import set_professional_timer
from engine.kernel import cold, kernel
from engine.schema import events, refusals
from engine.schema.bounds import TIME_NS_MAX
from engine.schema.vocabulary import (
    CANCEL_ELIGIBILITY,
    FUND,
    KIND_CLIENT,
    NONE,
    REDUCE_ONLY,
    SIDES_BOTH,
)
from engine.state.access import ACCOUNT_EXTRA, CONTRACT, ENGINE, POOL
from engine.state.due import hasten_due
from engine.state.events import emit
from engine.state.layout import ARMED, FIRED, INELIGIBLE
from engine.transition.cancelling import cancel_of_client, set_flag_of_client
from engine.transition.orders import cancel_of_position
from risk.accounts import find_position, has_kind, is_listed, next_account
from risk.eligibility import find_lack, is_asked, is_eligible, note_reference


@cold
def lapse_account(arena, account):
    """A client lacks something: from now on it may only reduce, in its margin accounts, too."""
    was_eligible = is_eligible(arena, account)
    set_flag_of_client(arena, account, INELIGIBLE, 1)
    count = cancel_of_client(arena, account, CANCEL_ELIGIBILITY, REDUCE_ONLY, SIDES_BOTH, 0)
    if count > 0 or was_eligible:
        lacks = find_lack(arena, account)
        emit(arena, events.ELIGIBILITY_LAPSED, 0, account, lacks, count, 0, 0, 0, 0)
    return count


@cold
def end_professional(arena, account):
    """A client's professional status ends; who lacked something already has lapsed before."""
    set_professional_timer(arena, account, 0)
    if is_eligible(arena, account):
        lapse_account(arena, account)
    return 0


@kernel
def is_mark_of_eligibility(value):
    return value == 0 or value == 1


@cold
def set_eligibility(arena, account, professional_until_ns, assessed, disclosure, blocked):
    """An operator writes down what makes a client eligible, all of it anew."""
    if not is_asked(arena):
        return refusals.COMMAND_UNKNOWN
    if not has_kind(arena, account, KIND_CLIENT):
        return refusals.ACCOUNT_UNKNOWN
    if professional_until_ns < 0 or professional_until_ns > TIME_NS_MAX or disclosure < 0:
        return refusals.ELIGIBILITY_INVALID
    if not is_mark_of_eligibility(assessed) or not is_mark_of_eligibility(blocked):
        return refusals.ELIGIBILITY_INVALID
    # From here it is written; nothing below may refuse.

    extra = ACCOUNT_EXTRA(arena, account)
    extra.professional_until_ns = professional_until_ns
    extra.assessed = assessed
    extra.disclosure = disclosure
    extra.blocked = blocked
    is_ahead = professional_until_ns > ENGINE(arena, 0).clock_ns
    set_professional_timer(arena, account, professional_until_ns if is_ahead else 0)
    lacks = find_lack(arena, account)
    emit(
        arena, events.ELIGIBILITY_SET, 0, account,
        professional_until_ns, assessed, disclosure, blocked, lacks, 0,
    )  # fmt: skip
    if lacks != refusals.OK:
        lapse_account(arena, account)
    else:
        set_flag_of_client(arena, account, INELIGIBLE, 0)
    return refusals.OK


@kernel
def lacks_disclosure(arena, account):
    """Whether the current disclosure makes a client lapse that was eligible until now."""
    if not has_kind(arena, account, KIND_CLIENT) or not is_eligible(arena, account):
        return False
    return ACCOUNT_EXTRA(arena, account).disclosure < POOL(arena, 0).disclosure_version


@cold
def publish_disclosure(arena, version):
    """A new disclosure binds at once: who is eligible and has not acknowledged it lapses. The
    command's field holds no version above the largest."""
    pool = POOL(arena, 0)
    if not is_asked(arena):
        return refusals.COMMAND_UNKNOWN
    if version <= pool.disclosure_version:
        return refusals.ELIGIBILITY_INVALID
    # From here the disclosure binds; nothing below may refuse.

    pool.disclosure_version = version
    count = 0
    account = next_account(arena, FUND)
    while account != NONE:
        if lacks_disclosure(arena, account):
            count += 1
        account = next_account(arena, account)
    emit(arena, events.DISCLOSURE_PUBLISHED, 0, 0, version, count, 0, 0, 0, 0)
    account = next_account(arena, FUND)
    while account != NONE:
        if lacks_disclosure(arena, account):
            lapse_account(arena, account)
        account = next_account(arena, account)
    return refusals.OK


@cold
def lapse_reference(arena, contract):
    """The alert of 3.3 if the contract's reference asset lapses now, and the end of what rests
    there and could increase a position, by account id. Orders that wait are judged at their
    turn."""
    if note_reference(arena, contract) == 0:
        return 0
    until_ns = CONTRACT(arena, contract).reference_until_ns + 0
    emit(arena, events.REFERENCE_LAPSED, contract, 0, until_ns, 0, 0, 0, 0, 0)
    account = next_account(arena, FUND)
    while account != NONE:
        position = find_position(arena, account, contract)
        cancel_of_position(
            arena, position, CANCEL_ELIGIBILITY, REDUCE_ONLY, ARMED | FIRED, SIDES_BOTH, 0
        )
        account = next_account(arena, account)
    return 0


@cold
def set_reference(arena, contract, until_ns):
    """An operator writes down until when the reference asset is open to retail here, 0: not asked;
    a time ahead opens a contract that had lapsed."""
    if not is_asked(arena):
        return refusals.COMMAND_UNKNOWN
    if not is_listed(arena, contract):
        return refusals.CONTRACT_UNKNOWN
    if until_ns < 0 or until_ns > TIME_NS_MAX:
        return refusals.ELIGIBILITY_INVALID
    # From here the time stands; nothing below may refuse.

    CONTRACT(arena, contract).reference_until_ns = until_ns
    emit(arena, events.REFERENCE_SET, contract, 0, until_ns, 0, 0, 0, 0, 0)
    lapse_reference(arena, contract)
    if until_ns > ENGINE(arena, 0).clock_ns:
        hasten_due(arena, until_ns)
    return refusals.OK
