"""Trading states (5.1): the one table of legal changes, and what each state takes.

Everything else here is derived from the two tables when the module is imported, as bit masks and
packed words, because kernels read constants only.
"""

from typing import NamedTuple

from engine.kernel import kernel
from engine.schema.vocabulary import (
    STATE_APPROVED,
    STATE_AUCTION,
    STATE_CONTINUOUS,
    STATE_DEFAULT,
    STATE_DRAFT,
    STATE_FROZEN,
    STATE_HALTED,
    STATE_LAST,
    STATE_POST_ONLY,
    STATE_PRE_OPEN,
    STATE_REDUCE_ONLY,
    STATE_SETTLED,
    STATE_SETTLING,
    STATE_SUSPENDED,
    WHY_FREEZE_MAX,
    WHY_FRESH_MARK,
    WHY_MARK_FREE,
    WHY_MARK_HELD,
    WHY_OPERATOR,
    WHY_SETTLED,
    WHY_SOURCES,
    WHY_TOO_VOLATILE,
    WHY_UNCROSSED,
    WHY_VOLATILITY,
    WHY_WATERFALL,
    WHY_WATERFALL_DONE,
)

# Who causes a change
OPERATOR = "operator"
PRICES = "prices"  # a source's price, or its silence
MATCHING = "matching"  # a sweep at the dynamic band
AUCTION = "auction"  # the end of one
WATERFALL = "waterfall"
SETTLEMENT = "settlement"  # of a contract that ends
APPROVAL = "approval"  # an operator's, of a specification by its hash

STATES = tuple(range(STATE_LAST + 1))
_TRADING = (STATE_CONTINUOUS, STATE_REDUCE_ONLY, STATE_POST_ONLY)
_COLLECTING = (STATE_PRE_OPEN, STATE_AUCTION)
_CLOSED = (STATE_HALTED, STATE_SUSPENDED)
_SETTABLE = (*_TRADING, *_COLLECTING, *_CLOSED)
KEPT_THROUGH_FREEZE = (STATE_PRE_OPEN, *_CLOSED)  # a fresh mark brings them back, not an auction


class Change(NamedTuple):
    """One legal change of state."""

    state_from: int
    state_to: int
    who: str
    why: int


def _changes(froms: tuple[int, ...], tos: tuple[int, ...], who: str, why: int) -> list[Change]:
    """Every pair of two different states."""
    return [Change(a, b, who, why) for a in froms for b in tos if a != b]


CHANGES: tuple[Change, ...] = (
    *_changes(_TRADING, _SETTABLE, OPERATOR, WHY_OPERATOR),
    *_changes(_COLLECTING, _TRADING, OPERATOR, WHY_OPERATOR),  # with an uncross
    *_changes((STATE_PRE_OPEN,), (STATE_AUCTION, *_CLOSED), OPERATOR, WHY_OPERATOR),
    *_changes((STATE_AUCTION,), (STATE_PRE_OPEN, *_CLOSED), OPERATOR, WHY_OPERATOR),
    # Orders that rest when a contract closes may cross: only an auction opens it again.
    *_changes(_CLOSED, (*_COLLECTING, *_CLOSED), OPERATOR, WHY_OPERATOR),
    *_changes((STATE_FROZEN,), (STATE_CONTINUOUS, STATE_AUCTION), PRICES, WHY_FRESH_MARK),
    # Frozen sources open nothing that was closed.
    *_changes((STATE_FROZEN,), KEPT_THROUGH_FREEZE, PRICES, WHY_FRESH_MARK),
    *_changes(_SETTABLE, (STATE_FROZEN,), PRICES, WHY_SOURCES),
    Change(STATE_CONTINUOUS, STATE_REDUCE_ONLY, PRICES, WHY_MARK_HELD),
    Change(STATE_REDUCE_ONLY, STATE_CONTINUOUS, PRICES, WHY_MARK_FREE),
    *_changes(_TRADING, (STATE_AUCTION,), MATCHING, WHY_VOLATILITY),
    *_changes(_TRADING, (STATE_HALTED,), MATCHING, WHY_TOO_VOLATILE),
    *_changes((STATE_AUCTION,), _TRADING, AUCTION, WHY_UNCROSSED),
    # What should become continuous while the mark is held becomes reduce-only (6.2).
    Change(STATE_AUCTION, STATE_REDUCE_ONLY, AUCTION, WHY_MARK_HELD),
    *_changes((*_COLLECTING, STATE_POST_ONLY), (STATE_REDUCE_ONLY,), OPERATOR, WHY_MARK_HELD),
    Change(STATE_REDUCE_ONLY, STATE_REDUCE_ONLY, OPERATOR, WHY_MARK_HELD),
    *_changes((*_SETTABLE, STATE_SETTLING), (STATE_DEFAULT,), WATERFALL, WHY_WATERFALL),
    *_changes((STATE_DEFAULT,), (*_SETTABLE, STATE_SETTLING), WATERFALL, WHY_WATERFALL_DONE),
    # The end of a contract (3.2). What has settled has no exit, and nobody in it who would need
    # one: listed again it is another contract, so that no record speaks of two lives.
    Change(STATE_SUSPENDED, STATE_SETTLING, OPERATOR, WHY_OPERATOR),
    Change(STATE_FROZEN, STATE_SETTLING, OPERATOR, WHY_OPERATOR),  # was suspended when it froze
    Change(STATE_FROZEN, STATE_SETTLING, PRICES, WHY_FREEZE_MAX),
    Change(STATE_SETTLING, STATE_SETTLED, SETTLEMENT, WHY_SETTLED),
    # Its beginning (3.2): live is frozen until the first mark.
    Change(STATE_DRAFT, STATE_APPROVED, APPROVAL, WHY_OPERATOR),
    Change(STATE_APPROVED, STATE_FROZEN, OPERATOR, WHY_OPERATOR),
)


class Taking(NamedTuple):
    """What a contract takes in one state."""

    trades: bool = False  # orders meet as they come; the book stays uncrossed
    collects: bool = False  # orders rest, crossed or not, for an uncross
    steps: bool = False  # liquidation steps of its positions (9.2)
    sampled: bool = False  # premium samples (7.1)
    triggers: bool = False  # triggers are looked at, and what they fired is worked off (5.2)


TAKING: dict[int, Taking] = {
    STATE_FROZEN: Taking(),
    STATE_CONTINUOUS: Taking(trades=True, steps=True, sampled=True, triggers=True),
    STATE_REDUCE_ONLY: Taking(trades=True, steps=True, triggers=True),
    STATE_DEFAULT: Taking(steps=True),
    STATE_PRE_OPEN: Taking(collects=True),
    STATE_AUCTION: Taking(collects=True),
    STATE_HALTED: Taking(steps=True),
    STATE_POST_ONLY: Taking(trades=True, steps=True, sampled=True),
    STATE_SUSPENDED: Taking(steps=True),
    STATE_SETTLING: Taking(steps=True),
    STATE_SETTLED: Taking(),
    STATE_DRAFT: Taking(),
    STATE_APPROVED: Taking(),
}


def _mask(states: tuple[int, ...]) -> int:
    return sum(1 << state for state in states)


TRADING = _mask(tuple(state for state in STATES if TAKING[state].trades))
COLLECTING = _mask(tuple(state for state in STATES if TAKING[state].collects))
STEPPED = _mask(tuple(state for state in STATES if TAKING[state].steps))
SAMPLED = _mask(tuple(state for state in STATES if TAKING[state].sampled))
TRIGGERING = _mask(tuple(state for state in STATES if TAKING[state].triggers))
CLOSED = _mask(_CLOSED)
NOT_LIVE = _mask((STATE_DRAFT, STATE_APPROVED))
LIFELESS = NOT_LIVE | _mask((STATE_SETTLED,))  # no prices, no clocks, nothing held
KEPT = _mask(KEPT_THROUGH_FREEZE)
EVERY = _mask(STATES)

# Bit (width x from + to) of the operator's changes, over words of so many states left: a kernel
# indexes no tuple.
_WIDTH = STATE_LAST + 1
_FROMS = 62 // _WIDTH


def _word(first: int) -> int:
    pairs = {
        (c.state_from, c.state_to)
        for c in CHANGES
        if c.who == OPERATOR and c.why == WHY_OPERATOR
    }
    froms = range(first, first + _FROMS)
    return sum(1 << ((a - first) * _WIDTH + b) for a, b in pairs if a in froms)


_FIRST, _SECOND, _THIRD, _FOURTH = (_word(k * _FROMS) for k in range(4))
assert STATE_LAST < 4 * _FROMS, "four words hold every change of an operator's"


@kernel
def is_one_of(states, state):
    """Whether a state belongs to a mask of states."""
    return (states >> state) & 1 != 0


@kernel
def may_operator_change(state_from, state_to):
    """Whether the table lets an operator take a contract from one state to another."""
    if state_to < 0 or state_to > STATE_LAST:
        return False
    bit = state_from % _FROMS * _WIDTH + state_to
    if state_from < _FROMS:
        return (_FIRST >> bit) & 1 != 0
    if state_from < 2 * _FROMS:
        return (_SECOND >> bit) & 1 != 0
    if state_from < 3 * _FROMS:
        return (_THIRD >> bit) & 1 != 0
    return (_FOURTH >> bit) & 1 != 0
