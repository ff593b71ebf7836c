"""Refusals of trading states, auctions and bands (5.1-5.3): codes and order of `AUCTIONS.md`.

The states are those of `refusal_states`. What is legal stands in the table with the code OK.
"""

import pytest

from engine.schema import refusals
from engine.schema import vocabulary as words
from tests.rules.refusal_states import (
    POST_ONLY,
    REDUCE_ONLY,
    Row,
    band,
    cancel,
    change,
    holding,
    in_state,
    listed,
    mass,
    must_answer,
    place,
    row_id,
    stop_order,
    stopped_by,
    trading,
)
from tests.rules.story import FOK, IOC, SELL, A, refusal

R = refusals
FROZEN, CONTINUOUS = words.STATE_FROZEN, words.STATE_CONTINUOUS
REDUCING, DEFAULT = words.STATE_REDUCE_ONLY, words.STATE_DEFAULT
PRE_OPEN, AUCTION, HALTED = words.STATE_PRE_OPEN, words.STATE_AUCTION, words.STATE_HALTED
POSTING, SUSPENDED = words.STATE_POST_ONLY, words.STATE_SUSPENDED
SETTLING, SETTLED = words.STATE_SETTLING, words.STATE_SETTLED
OPERATOR_STATES = (CONTINUOUS, REDUCING, PRE_OPEN, AUCTION, HALTED, POSTING, SUSPENDED)
AT_ONCE = {"side": SELL, "flags": REDUCE_ONLY, "tif": IOC}
MARKET = {"order_type": words.MARKET, "tif": IOC}

# fmt: off
TABLE: list[Row] = [
    # no orders
    *((in_state(state), command, R.CONTRACT_CLOSED)
      for state in (HALTED, SUSPENDED)
      for command in (place(), place(tif=IOC), place(A, **AT_ONCE), place(flags=POST_ONLY),
                      place(**MARKET), stop_order())),
    (in_state(HALTED), place(contract=2, price_ticks=800), R.OK),
    (in_state(HALTED), mass(1), R.OK),
    (in_state(HALTED), cancel(A, 0), R.ORDER_UNKNOWN),
    # orders are collected
    *((in_state(state), command, R.CONTRACT_COLLECTING)
      for state in (PRE_OPEN, AUCTION)
      for command in (place(tif=IOC), place(tif=FOK), place(**MARKET), place(A, **AT_ONCE))),
    *((in_state(state), command, R.OK)
      for state in (PRE_OPEN, AUCTION)
      for command in (
          place(), place(tif=words.DAY), place(price_ticks=1_200), stop_order(),
          stop_order(tif=IOC), stop_order(order_type=words.STOP_MARKET, tif=FOK),
          place(flags=POST_ONLY, price_ticks=1_200),  # nothing to cross while orders are collected
          place(A, side=SELL, flags=REDUCE_ONLY),
      )),
    (in_state(AUCTION), place(price_ticks=399), R.PRICE_OUTSIDE_BAND),
    # post-only
    (in_state(POSTING), place(), R.CONTRACT_POST_ONLY),
    (in_state(POSTING), place(flags=POST_ONLY), R.OK),
    (in_state(POSTING), place(tif=IOC), R.CONTRACT_POST_ONLY),
    (in_state(POSTING), place(**MARKET), R.CONTRACT_POST_ONLY),
    (in_state(POSTING), place(A, **AT_ONCE), R.CONTRACT_POST_ONLY),
    (in_state(POSTING), stop_order(), R.OK),  # its turn asks again
    # settled
    *((in_state(SUSPENDED, SETTLING), command, R.CONTRACT_SETTLED)
      for command in (place(), place(tif=IOC), place(**MARKET), stop_order(),
                      place(flags=POST_ONLY), place(A, **AT_ONCE))),
    (in_state(SUSPENDED, SETTLING), place(contract=2, price_ticks=800), R.OK),
    (in_state(SUSPENDED, SETTLING), cancel(A, 1 << 32 | 1), R.ORDER_UNKNOWN),
    # reduce-only by the operator
    (in_state(REDUCING), place(), R.CONTRACT_REDUCE_ONLY),
    (in_state(REDUCING), place(A, side=SELL, lots=10), R.OK),
    (in_state(REDUCING), place(A, side=SELL, lots=11), R.CONTRACT_REDUCE_ONLY),
    # changes of state
    (holding, change(CONTINUOUS, number=0), R.CONTRACT_UNKNOWN),
    (holding, change(AUCTION, number=3), R.CONTRACT_UNKNOWN),
    (holding, change(-1), R.STATE_CHANGE_INVALID),
    (holding, change(FROZEN), R.STATE_CHANGE_INVALID),
    (holding, change(DEFAULT), R.STATE_CHANGE_INVALID),
    (holding, change(words.STATE_LAST + 1), R.STATE_CHANGE_INVALID),
    *((listed, change(state), R.STATE_CHANGE_INVALID) for state in OPERATOR_STATES),  # frozen
    *((in_state(state), change(state), R.STATE_CHANGE_INVALID)
      for state in OPERATOR_STATES if state != CONTINUOUS),
    (holding, change(CONTINUOUS), R.STATE_CHANGE_INVALID),
    *((in_state(state), change(to), R.OK)
      for state in (REDUCING, POSTING)
      for to in OPERATOR_STATES if to != state),
    *((holding, change(to), R.OK) for to in OPERATOR_STATES if to != CONTINUOUS),
    *((in_state(state), change(to), R.OK)
      for state in (PRE_OPEN, AUCTION)
      for to in OPERATOR_STATES if to != state),
    *((in_state(state), change(to), R.STATE_CHANGE_INVALID)
      for state in (HALTED, SUSPENDED)
      for to in (CONTINUOUS, REDUCING, POSTING)),
    *((in_state(HALTED), change(to), R.OK) for to in (PRE_OPEN, AUCTION, SUSPENDED)),
    *((in_state(SUSPENDED), change(to), R.OK) for to in (PRE_OPEN, AUCTION, HALTED)),
    *((in_state(state), change(SETTLING), R.STATE_CHANGE_INVALID)
      for state in OPERATOR_STATES if state not in (CONTINUOUS, SUSPENDED)),
    (in_state(SUSPENDED), change(SETTLED), R.STATE_CHANGE_INVALID),
    (in_state(SUSPENDED, SETTLING), change(SUSPENDED), R.STATE_CHANGE_INVALID),
    (in_state(HALTED, AUCTION), change(CONTINUOUS), R.OK),
    (in_state(SUSPENDED, PRE_OPEN, AUCTION), change(CONTINUOUS), R.OK),
    # the dynamic band
    (trading, band(0, 0), R.OK),
    (trading, band(1, 1), R.OK),
    (trading, band(1, 1_500), R.OK),
    (trading, band(1, 1_501), R.BAND_INVALID),
    (trading, band(-1, 5), R.BAND_INVALID),
    (trading, band(0, 5), R.BAND_INVALID),
    (trading, band(5, 0), R.BAND_INVALID),
    (trading, band(6, 5), R.BAND_INVALID),
    (trading, band(5, -1), R.BAND_INVALID),
    (trading, band(0, 0, number=0), R.CONTRACT_UNKNOWN),
    (trading, band(1, 5, number=3), R.CONTRACT_UNKNOWN),
    # the state comes before the kill switch
    (stopped_by(words.SCOPE_CONTRACT, 1), change(HALTED), R.OK),
]
# fmt: on


@pytest.mark.parametrize(("state", "command", "code"), TABLE, ids=map(row_id, TABLE))
def test_rule_5_1_refusal_of_states_and_bands(state, command, code):
    must_answer(state, command, code)


@pytest.mark.parametrize("state", [HALTED, SUSPENDED])
def test_rule_5_1_a_halted_contract_takes_amendments_that_only_decrease(state):
    story = trading()
    assert refusal(story.change_state(state)) == R.OK
    order = 1 << 32 | 1  # A's 10 at 990
    assert refusal(story.amend(A, order, 11, 990)) == R.CONTRACT_CLOSED
    assert refusal(story.amend(A, order, 10, 991)) == R.CONTRACT_CLOSED
    assert refusal(story.amend(A, order, 9, 990)) == R.OK
    assert refusal(story.cancel(A, order)) == R.OK


def test_rule_5_1_the_state_is_asked_before_the_kill_switch():
    story = stopped_by(words.SCOPE_CONTRACT, 1)()
    story.change_state(HALTED)
    assert refusal(story.submit(place())) == R.CONTRACT_CLOSED
