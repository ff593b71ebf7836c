"""Refusals of orders that wait, hide, expire or are linked, of limits, sessions and kill switches.

The states are those of `refusal_states`; the codes and their order are those of `ORDERS.md`. Where
the bound itself is legal it stands in the table with the code OK.
"""

import pytest

from engine.schema import bounds, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND
from engine.schema.commands import PlaceOrder
from tests.rules.refusal_states import (
    CASH,
    FIRST_ORDER,
    POST_ONLY,
    REDUCE_ONLY,
    SECOND_ORDER,
    Row,
    amend,
    busy,
    busy_armed,
    busy_reducing,
    cancel,
    chatty,
    heartbeat,
    holding,
    level_full,
    limited,
    limited_holding,
    linked,
    liquidating_stopped,
    listed,
    listing,
    lose_session,
    mass,
    must_answer,
    place,
    release,
    row_id,
    stop,
    stop_order,
    stopped_by,
    traded,
    trading,
    withdraw,
)
from tests.rules.story import (
    BUY,
    FOK,
    FUND,
    GTC,
    IOC,
    SELL,
    START_NS,
    A,
    B,
    C,
    D,
    H,
    Story,
    refusal,
)

R = refusals
NS = START_NS
GTD, DAY = words.GTD, words.DAY
SLIDE, CLOSE = words.SLIDE, words.CLOSE_POSITION
MARK, INDEX, LAST = words.SOURCE_MARK, words.SOURCE_INDEX, words.SOURCE_LAST
MARKET, STOP_LIMIT, STOP_MARKET = words.MARKET, words.STOP_LIMIT, words.STOP_MARKET
TAKE_LIMIT, TAKE_MARKET = words.TAKE_LIMIT, words.TAKE_MARKET
TRAILING = words.TRAILING_MARKET
ACCOUNT, GROUP = words.SCOPE_ACCOUNT, words.SCOPE_GROUP
CONTRACT, ALL = words.SCOPE_CONTRACT, words.SCOPE_ALL
THIRD_ORDER, FOURTH_ORDER, FIFTH_ORDER = (1 << 32 | slot for slot in (3, 4, 5))
AT_ONCE = {"side": SELL, "flags": REDUCE_ONLY, "tif": IOC}
STOP_AT_ONCE = {"order_type": STOP_MARKET, "tif": IOC}
TRAIL = {"order_type": TRAILING, "tif": IOC, "trigger_ticks": 0}

# fmt: off
TABLE: list[Row] = [
    # types and times in force
    (trading, stop_order(order_type=STOP_MARKET, tif=GTC), R.TIF_INVALID),
    (trading, stop_order(order_type=STOP_MARKET, tif=DAY), R.TIF_INVALID),
    (trading, stop_order(order_type=STOP_MARKET, tif=GTD, expiry_ns=NS + 1), R.TIF_INVALID),
    (trading, stop_order(order_type=STOP_MARKET, tif=IOC), R.OK),
    (trading, stop_order(order_type=STOP_MARKET, tif=FOK), R.OK),
    (trading, stop_order(order_type=TAKE_MARKET, tif=GTC, trigger_ticks=900), R.TIF_INVALID),
    (trading, stop_order(order_type=TAKE_MARKET, tif=IOC, trigger_ticks=900), R.OK),
    (trading, stop_order(order_type=TRAILING, tif=GTC, trigger_ticks=0, trail_bp=1), R.TIF_INVALID),
    (trading, stop_order(**TRAIL, trail_bp=10), R.OK),
    (trading, stop_order(order_type=TAKE_LIMIT, trigger_ticks=900), R.OK),
    (trading, stop_order(tif=FOK), R.OK),
    (trading, place(tif=DAY), R.OK),
    (trading, place(tif=5), R.TIF_INVALID),
    # flags
    (trading, place(flags=SLIDE | REDUCE_ONLY), R.FLAGS_INVALID),
    (trading, place(flags=SLIDE | CLOSE), R.FLAGS_INVALID),
    (trading, place(flags=SLIDE | POST_ONLY), R.OK),
    (trading, place(flags=SLIDE | POST_ONLY, tif=IOC), R.FLAGS_INVALID),
    (trading, stop_order(flags=POST_ONLY), R.OK),
    (trading, stop_order(flags=POST_ONLY, tif=FOK), R.FLAGS_INVALID),
    (trading, stop_order(flags=POST_ONLY, **STOP_AT_ONCE), R.FLAGS_INVALID),
    (trading, stop_order(flags=POST_ONLY, **TRAIL, trail_bp=1), R.FLAGS_INVALID),
    (holding, place(A, side=SELL, price_ticks=1_200, flags=CLOSE | POST_ONLY), R.FLAGS_INVALID),
    (holding, place(A, side=SELL, price_ticks=1_200, flags=CLOSE, display_lots=1), R.FLAGS_INVALID),
    (holding, place(A, side=SELL, price_ticks=1_200, flags=CLOSE | REDUCE_ONLY), R.OK),
    # lots; close-position ignores them
    (limited, place(lots=2), R.LOTS_BELOW_MIN),
    (limited, place(lots=5), R.OK),
    (limited, stop_order(lots=2), R.LOTS_BELOW_MIN),
    (limited, stop_order(lots=3), R.OK),
    (limited_holding, place(A, side=SELL, price_ticks=1_100, lots=1, flags=REDUCE_ONLY), R.OK),
    (limited, stop_order(lots=101), R.LOTS_ABOVE_MAX),
    (limited, stop_order(lots=0), R.LOTS_NOT_POSITIVE),
    (holding, place(A, side=SELL, price_ticks=1_200, flags=CLOSE, lots=0), R.OK),
    (holding, place(A, side=SELL, price_ticks=1_200, flags=CLOSE, lots=-5), R.OK),
    (holding, place(A, side=SELL, price_ticks=1_200, flags=CLOSE, lots=101), R.OK),
    (holding, place(A, side=BUY, price_ticks=900, flags=CLOSE), R.REDUCE_ONLY_NOTHING),
    (holding, place(C, side=SELL, price_ticks=1_200, flags=CLOSE), R.REDUCE_ONLY_NOTHING),
    # displayed lots
    (trading, place(lots=10, display_lots=-1), R.DISPLAY_INVALID),
    (trading, place(lots=10, display_lots=11), R.DISPLAY_INVALID),
    (trading, place(lots=10, display_lots=1), R.OK),
    (trading, place(lots=10, display_lots=10), R.OK),
    (trading, place(lots=10, display_lots=1, tif=GTD, expiry_ns=NS + 1), R.OK),
    (trading, place(lots=10, display_lots=1, tif=DAY), R.OK),
    (trading, place(lots=10, display_lots=1, tif=IOC), R.DISPLAY_INVALID),
    (trading, place(lots=10, display_lots=1, tif=FOK), R.DISPLAY_INVALID),
    (trading, place(lots=10, display_lots=1, order_type=MARKET, tif=IOC), R.DISPLAY_INVALID),
    (trading, stop_order(display_lots=1), R.OK),
    (trading, stop_order(display_lots=1, tif=IOC), R.DISPLAY_INVALID),
    (trading, stop_order(display_lots=1, **STOP_AT_ONCE), R.DISPLAY_INVALID),
    (trading, stop_order(display_lots=1, **TRAIL, trail_bp=1), R.DISPLAY_INVALID),
    # triggers
    (trading, place(trigger_source=MARK), R.TRIGGER_INVALID),
    (trading, place(trigger_ticks=1), R.TRIGGER_INVALID),
    (trading, place(trail_bp=1), R.TRIGGER_INVALID),
    (trading, place(order_type=MARKET, tif=IOC, trigger_source=LAST), R.TRIGGER_INVALID),
    (trading, stop_order(trigger_source=0), R.TRIGGER_INVALID),
    (trading, stop_order(trigger_source=-1), R.TRIGGER_INVALID),
    (trading, stop_order(trigger_source=INDEX), R.OK),
    (trading, stop_order(trigger_source=LAST), R.OK),
    (trading, stop_order(trigger_source=4), R.TRIGGER_INVALID),
    (trading, stop_order(trigger_ticks=-1), R.TRIGGER_INVALID),
    (trading, stop_order(trigger_ticks=0), R.TRIGGER_INVALID),
    (trading, stop_order(trigger_ticks=1_500), R.OK),
    (trading, stop_order(trigger_ticks=1_501), R.TRIGGER_INVALID),
    (trading, stop_order(trail_bp=1), R.TRIGGER_INVALID),
    (trading, stop_order(order_type=TAKE_LIMIT, trigger_ticks=0), R.TRIGGER_INVALID),
    (trading, stop_order(order_type=TAKE_LIMIT, trigger_ticks=1), R.OK),
    (trading, stop_order(**TRAIL), R.TRIGGER_INVALID),
    (trading, stop_order(**TRAIL, trail_bp=-1), R.TRIGGER_INVALID),
    (trading, stop_order(**TRAIL, trail_bp=9_999), R.OK),
    (trading, stop_order(**TRAIL, trail_bp=10_000), R.TRIGGER_INVALID),
    (trading, stop_order(**(TRAIL | {"trigger_ticks": 1_100}), trail_bp=1), R.TRIGGER_INVALID),
    (trading, stop_order(**TRAIL, trail_bp=1, trigger_source=0), R.TRIGGER_INVALID),
    # expiry
    (trading, place(tif=GTD), R.EXPIRY_INVALID),
    (trading, place(tif=GTD, expiry_ns=-1), R.EXPIRY_INVALID),
    (trading, place(tif=GTD, expiry_ns=NS), R.EXPIRY_INVALID),
    (trading, place(tif=GTD, expiry_ns=NS + 1), R.OK),
    (trading, place(tif=GTC, expiry_ns=NS + 1), R.EXPIRY_INVALID),
    (trading, place(tif=GTC, expiry_ns=-1), R.EXPIRY_INVALID),
    (trading, place(tif=IOC, expiry_ns=NS + 1), R.EXPIRY_INVALID),
    (trading, place(tif=FOK, expiry_ns=NS + 1), R.EXPIRY_INVALID),
    (trading, place(tif=DAY, expiry_ns=NS + 1), R.EXPIRY_INVALID),
    (trading, stop_order(tif=GTD), R.EXPIRY_INVALID),
    (trading, stop_order(tif=GTD, expiry_ns=NS + 1), R.OK),
    (trading, stop_order(tif=GTC, expiry_ns=NS), R.EXPIRY_INVALID),
    (trading, stop_order(tif=GTC, expiry_ns=NS + 1), R.OK),
    (trading, stop_order(tif=FOK, expiry_ns=NS + 1), R.OK),
    (trading, stop_order(tif=DAY, expiry_ns=NS + 1), R.EXPIRY_INVALID),
    (trading, stop_order(tif=DAY), R.OK),
    # sessions
    (trading, place(session=-1), R.SESSION_INVALID),
    (trading, place(session=127), R.OK),
    (trading, stop_order(session=-128), R.SESSION_INVALID),
    (trading, lose_session(A, -1), R.SESSION_INVALID),
    (trading, lose_session(A, 0), R.SESSION_INVALID),
    (trading, lose_session(A, 1), R.OK),
    (trading, lose_session(A, 127), R.OK),
    # links
    (trading, place(A, linked_id=FIRST_ORDER), R.OK),
    (trading, place(A, linked_id=SECOND_ORDER), R.LINK_INVALID),  # B's
    (trading, place(A, linked_id=THIRD_ORDER), R.LINK_INVALID),  # the id it would get itself
    (trading, place(A, linked_id=-1), R.LINK_INVALID),
    (trading, place(A, linked_id=2 << 32 | 1), R.LINK_INVALID),
    (trading, place(A, contract=2, price_ticks=800, linked_id=FIRST_ORDER), R.LINK_INVALID),
    (linked, place(A, linked_id=FIRST_ORDER), R.LINK_INVALID),  # has a sibling
    (linked, place(A, linked_id=THIRD_ORDER), R.LINK_INVALID),
    (linked, place(A, linked_id=FOURTH_ORDER), R.OK),  # a stop that waits
    (linked, stop_order(A, linked_id=FOURTH_ORDER), R.OK),
    (linked, place(A, linked_id=FIFTH_ORDER), R.LINK_INVALID),  # of another contract
    (linked, place(A, contract=2, price_ticks=800, linked_id=FIFTH_ORDER), R.OK),
    # the state of contract and account
    (listed, stop_order(), R.CONTRACT_FROZEN),
    (stopped_by(ACCOUNT, A), place(A), R.TRADING_BLOCKED),
    (stopped_by(ACCOUNT, A), stop_order(A), R.TRADING_BLOCKED),
    (stopped_by(ACCOUNT, A), place(A, tif=IOC), R.TRADING_BLOCKED),
    (stopped_by(ACCOUNT, A), place(A, side=SELL, flags=REDUCE_ONLY), R.TRADING_BLOCKED),
    (stopped_by(ACCOUNT, A), place(A, **AT_ONCE), R.OK),
    (stopped_by(ACCOUNT, A), place(A, **(AT_ONCE | {"tif": FOK})), R.OK),
    (stopped_by(ACCOUNT, A), place(A, **(AT_ONCE | {"flags": CLOSE})), R.OK),
    (stopped_by(ACCOUNT, A), place(A, **AT_ONCE, order_type=MARKET), R.OK),
    (stopped_by(ACCOUNT, A), stop_order(A, **(AT_ONCE | {"side": BUY})), R.TRADING_BLOCKED),
    (stopped_by(ACCOUNT, A), withdraw(A, 1), R.OK),
    (stopped_by(ACCOUNT, A), mass(0), R.OK),
    (stopped_by(ACCOUNT, A), heartbeat(A, 1), R.OK),
    (stopped_by(ACCOUNT, A), place(C), R.OK),
    (stopped_by(GROUP, A), place(A), R.TRADING_BLOCKED),
    (stopped_by(GROUP, A), place(C), R.OK),
    (stopped_by(GROUP, A), place(A, **AT_ONCE), R.OK),
    (stopped_by(CONTRACT, 1), place(C), R.TRADING_BLOCKED),
    (stopped_by(CONTRACT, 1), place(C, contract=2, price_ticks=800), R.OK),
    (stopped_by(CONTRACT, 1), place(A, **AT_ONCE), R.OK),
    (stopped_by(ALL, 0), place(C), R.TRADING_BLOCKED),
    (stopped_by(ALL, 0), place(C, contract=2, price_ticks=800), R.TRADING_BLOCKED),
    (stopped_by(ALL, 0), place(A, **AT_ONCE), R.OK),
    (liquidating_stopped, place(D, side=SELL), R.TRADING_BLOCKED),
    (liquidating_stopped, place(D, **AT_ONCE), R.ACCOUNT_IN_LIQUIDATION),
    # rate limit
    (chatty, place(A), R.RATE_LIMIT),
    (chatty, stop_order(A), R.RATE_LIMIT),
    (chatty, place(A, client_id=0), R.RATE_LIMIT),  # the id is looked at behind it
    (chatty, amend(A, FIRST_ORDER), R.RATE_LIMIT),
    (chatty, withdraw(A, 1), R.RATE_LIMIT),
    (chatty, heartbeat(A, 1), R.RATE_LIMIT),
    (chatty, place(A, side=SELL, flags=REDUCE_ONLY), R.RATE_LIMIT),
    (chatty, place(A, **(AT_ONCE | {"flags": 0})), R.RATE_LIMIT),
    (chatty, stop_order(A, **(AT_ONCE | {"tif": FOK})), R.RATE_LIMIT),
    (chatty, place(A, **AT_ONCE), R.OK),
    (chatty, place(A, **(AT_ONCE | {"flags": CLOSE, "tif": FOK})), R.OK),
    (chatty, cancel(A, 0), R.ORDER_UNKNOWN),
    (chatty, mass(0), R.OK),
    (chatty, lose_session(A, 1), R.OK),
    (chatty, place(C), R.OK),
    (chatty, withdraw(A, 1, time_ns=NS + NS_PER_SECOND), R.OK),
    # smallest and largest value
    (limited, place(lots=5, price_ticks=999), R.VALUE_BELOW_MIN),
    (limited, place(lots=5, price_ticks=1_000), R.OK),
    (limited_holding, place(A, side=SELL, lots=1, price_ticks=1_100, flags=REDUCE_ONLY), R.OK),
    (limited, place(lots=50, price_ticks=1_000), R.OK),
    (limited, place(lots=50, price_ticks=1_001), R.VALUE_ABOVE_MAX),
    (limited_holding, place(A, side=SELL, lots=60, flags=REDUCE_ONLY), R.VALUE_ABOVE_MAX),
    (limited, place(lots=50, order_type=MARKET, tif=IOC), R.VALUE_ABOVE_MAX),  # 50 at 1020
    (limited, place(lots=49, order_type=MARKET, tif=IOC), R.OK),
    (limited, amend(A, FIRST_ORDER, price_ticks=499), R.VALUE_BELOW_MIN),
    (limited, amend(A, FIRST_ORDER, price_ticks=500), R.OK),
    (limited, amend(A, FIRST_ORDER, lots=51), R.VALUE_ABOVE_MAX),
    (limited, stop_order(lots=3, price_ticks=400), R.OK),  # values come at its turn
    # a stop's own checks
    (trading, stop_order(price_ticks=0), R.PRICE_NOT_POSITIVE),
    (trading, stop_order(price_ticks=1_501), R.PRICE_ABOVE_MAX),
    (trading, stop_order(price_ticks=1), R.OK),  # no band yet
    (trading, stop_order(flags=REDUCE_ONLY), R.REDUCE_ONLY_NOTHING),
    (holding, stop_order(A, flags=REDUCE_ONLY), R.REDUCE_ONLY_NOTHING),
    (holding, stop_order(B, flags=REDUCE_ONLY), R.OK),
    (holding, stop_order(B, flags=CLOSE, lots=0), R.OK),
    (holding, stop_order(A, flags=CLOSE, lots=0), R.REDUCE_ONLY_NOTHING),
    # triggers already reached at a mark, index and last price of 1000
    (trading, stop_order(trigger_ticks=1_001), R.OK),
    (trading, stop_order(trigger_ticks=1_000), R.TRIGGER_REACHED),
    (trading, stop_order(trigger_ticks=999), R.TRIGGER_REACHED),
    (trading, stop_order(side=SELL, trigger_ticks=999), R.OK),
    (trading, stop_order(side=SELL, trigger_ticks=1_000), R.TRIGGER_REACHED),
    (trading, stop_order(order_type=TAKE_LIMIT, trigger_ticks=999), R.OK),
    (trading, stop_order(order_type=TAKE_LIMIT, trigger_ticks=1_000), R.TRIGGER_REACHED),
    (trading, stop_order(order_type=TAKE_LIMIT, side=SELL, trigger_ticks=1_001), R.OK),
    (trading, stop_order(order_type=TAKE_LIMIT, side=SELL, trigger_ticks=1_000), R.TRIGGER_REACHED),
    (trading, stop_order(trigger_source=INDEX, trigger_ticks=1_000), R.TRIGGER_REACHED),
    (trading, stop_order(trigger_source=INDEX, trigger_ticks=1_001), R.OK),
    (trading, stop_order(trigger_source=LAST, trigger_ticks=1), R.OK),  # no trade yet
    (traded, stop_order(trigger_source=LAST, trigger_ticks=1_000), R.TRIGGER_REACHED),
    (traded, stop_order(trigger_source=LAST, trigger_ticks=1_001), R.OK),
    (trading, stop_order(**TRAIL, trail_bp=10, trigger_source=LAST), R.TRIGGER_REACHED),
    (traded, stop_order(**TRAIL, trail_bp=10, trigger_source=LAST), R.OK),
    (trading, stop_order(**TRAIL, trail_bp=9), R.TRIGGER_REACHED),  # 0.9 of a tick is none
    (trading, stop_order(**TRAIL, trail_bp=9, side=SELL), R.TRIGGER_REACHED),
    (trading, stop_order(**TRAIL, trail_bp=10, side=SELL), R.OK),
    # working orders of the account
    (limited_holding, place(A, lots=10), R.OK),
    (busy, place(A, lots=10), R.ORDERS_LIMIT),
    (busy, place(A, lots=10, tif=IOC), R.OK),
    (busy, stop_order(A), R.ORDERS_LIMIT),
    (busy, stop_order(A, **STOP_AT_ONCE), R.ORDERS_LIMIT),
    (busy, place(A, contract=2, price_ticks=800, lots=10), R.ORDERS_LIMIT),
    (busy, place(A, side=SELL, price_ticks=1_100, flags=REDUCE_ONLY), R.OK),  # the reserved room
    (busy_reducing, place(A, side=SELL, price_ticks=1_100, flags=REDUCE_ONLY), R.ORDERS_LIMIT),
    (busy_reducing, place(A, **AT_ONCE), R.OK),
    (busy, amend(A, FIRST_ORDER, price_ticks=960), R.OK),
    (busy, place(C, lots=10), R.OK),
    (busy_armed, place(A, lots=10), R.ORDERS_LIMIT),
    # working orders of a price
    (level_full, place(lots=10, price_ticks=990), R.LEVEL_LIMIT),
    (level_full, place(lots=10, price_ticks=990, tif=IOC), R.OK),
    (level_full, place(lots=10, price_ticks=988), R.OK),
    (level_full, place(lots=10, price_ticks=989), R.OK),
    (level_full, place(lots=10, price_ticks=990, side=SELL), R.OK),  # its own side is empty there
    (level_full, amend(C, THIRD_ORDER, price_ticks=990), R.LEVEL_LIMIT),
    (level_full, amend(A, FIRST_ORDER, price_ticks=989), R.OK),
    (level_full, amend(A, FIRST_ORDER, lots=11), R.OK),  # as if it were not there
    (level_full, stop_order(price_ticks=990), R.OK),  # the price comes at its turn
    # sides of a mass cancel
    (trading, mass(0, -1), R.SIDES_INVALID),
    (trading, mass(1, words.SIDES_SELL), R.OK),
    (trading, mass(1, 3), R.SIDES_INVALID),
    (trading, mass(3, 3), R.CONTRACT_UNKNOWN),
    # heartbeats
    (trading, heartbeat(A, -1), R.TIMEOUT_INVALID),
    (trading, heartbeat(A, 0), R.OK),
    (trading, heartbeat(A, NS_PER_DAY), R.OK),
    (trading, heartbeat(A, NS_PER_DAY + 1), R.TIMEOUT_INVALID),
    (trading, heartbeat(H, 1), R.ACCOUNT_UNKNOWN),
    # kill switches
    (trading, stop(0), R.SCOPE_INVALID),
    (trading, stop(5, 1), R.SCOPE_INVALID),
    (trading, stop(ACCOUNT, A), R.OK),
    (trading, stop(ACCOUNT, 0), R.SCOPE_INVALID),
    (trading, stop(ACCOUNT, -1), R.SCOPE_INVALID),
    (trading, stop(ACCOUNT, FUND), R.SCOPE_INVALID),
    (trading, stop(ACCOUNT, H), R.SCOPE_INVALID),
    (trading, stop(ACCOUNT, bounds.ACCOUNTS_MAX + 1), R.SCOPE_INVALID),
    (trading, stop(GROUP, A), R.OK),
    (trading, stop(GROUP, 0), R.SCOPE_INVALID),
    (trading, stop(GROUP, -1), R.SCOPE_INVALID),
    (trading, stop(GROUP, H), R.SCOPE_INVALID),  # no open account has it
    (trading, stop(CONTRACT, 2), R.OK),
    (trading, stop(CONTRACT, 0), R.SCOPE_INVALID),
    (trading, stop(CONTRACT, -1), R.SCOPE_INVALID),
    (trading, stop(CONTRACT, 3), R.SCOPE_INVALID),
    (trading, stop(ALL, 0), R.OK),
    (trading, stop(ALL, 1), R.SCOPE_INVALID),
    (stopped_by(ACCOUNT, A), stop(ACCOUNT, A), R.SCOPE_INVALID),
    (stopped_by(ACCOUNT, A), stop(GROUP, A), R.OK),
    (stopped_by(ALL, 0), stop(ALL), R.SCOPE_INVALID),
    (stopped_by(ALL, 0), stop(CONTRACT, 1), R.OK),
    (stopped_by(ACCOUNT, A), release(ACCOUNT, A), R.OK),
    (stopped_by(ACCOUNT, A), release(ACCOUNT, B), R.SCOPE_INVALID),
    (stopped_by(ACCOUNT, A), release(GROUP, A), R.SCOPE_INVALID),
    (stopped_by(ACCOUNT, A), release(ALL), R.SCOPE_INVALID),
    (stopped_by(CONTRACT, 1), release(CONTRACT, 1), R.OK),
    (stopped_by(CONTRACT, 1), release(CONTRACT, 2), R.SCOPE_INVALID),
    (stopped_by(ALL, 0), release(ALL), R.OK),
    (stopped_by(ALL, 0), release(ALL, 1), R.SCOPE_INVALID),
    (trading, release(0), R.SCOPE_INVALID),
    (trading, release(ALL), R.SCOPE_INVALID),
]
# fmt: on


@pytest.mark.parametrize(("state", "command", "code"), TABLE, ids=map(row_id, TABLE))
def test_rule_2_2_refusal_of_orders_and_switches(state, command, code):
    must_answer(state, command, code)


def test_rule_4_9_a_command_above_the_rate_leaves_its_client_id_free():
    story = chatty()
    assert refusal(story.submit(withdraw(A, 1))) == R.RATE_LIMIT
    last_ns = NS + NS_PER_SECOND - 1  # of the window
    assert refusal(story.submit(withdraw(A, 1, time_ns=last_ns))) == R.RATE_LIMIT
    assert refusal(story.submit(withdraw(A, 1, time_ns=NS + NS_PER_SECOND))) == R.OK


def test_the_rate_limit_stands_between_account_and_client_id():
    story = chatty()
    assert refusal(story.submit(place(H, client_id=0))) == R.ACCOUNT_UNKNOWN
    assert refusal(story.submit(place(A, client_id=0))) == R.RATE_LIMIT
    assert refusal(story.submit(place(C, client_id=0))) == R.CLIENT_ID_NOT_POSITIVE


Mend = dict[str, int]


def climb(story: Story, faults: Mend, mends: list[Mend]) -> list[int]:
    """The codes of an order with every fault, and again after each mend."""
    codes, fields = [], dict(faults)
    for mend in [{}, *mends]:
        fields |= mend
        if fields["client_id"]:
            fields["client_id"] += 1
        codes.append(refusal(story.submit(PlaceOrder(time_ns=START_NS, **fields))))
    return codes


def test_the_first_check_that_fails_is_reported():
    """An order with every fault: mended one by one, the codes come in the order of the ladder."""
    faults = {
        "account": H, "client_id": 0, "contract": 9, "order_type": 9, "side": 9, "tif": 9,
        "flags": 64, "stp": 9, "lots": 0, "display_lots": -1, "trigger_source": 9, "expiry_ns": 1,
        "session": -1, "linked_id": 1, "price_ticks": 0,
    }  # fmt: skip
    mends: list[Mend] = [
        {"account": C}, {"client_id": 5}, {"contract": 1}, {"order_type": 0}, {"side": 0},
        {"tif": 0}, {"flags": 0}, {"stp": 0}, {"lots": 101}, {"lots": 2}, {"lots": 3},
        {"display_lots": 0}, {"trigger_source": 0}, {"expiry_ns": 0}, {"session": 0},
        {"linked_id": 0},
    ]  # fmt: skip
    story = Story(listing(1, order_lots_min=3))
    story.open(C, CASH)
    story.stop(ACCOUNT, C)  # and the contract has no price yet
    assert climb(story, faults, mends) == [
        R.ACCOUNT_UNKNOWN, R.CLIENT_ID_NOT_POSITIVE, R.CONTRACT_UNKNOWN, R.ORDER_TYPE_INVALID,
        R.SIDE_INVALID, R.TIF_INVALID, R.FLAGS_INVALID, R.STP_INVALID, R.LOTS_NOT_POSITIVE,
        R.LOTS_ABOVE_MAX, R.LOTS_BELOW_MIN, R.DISPLAY_INVALID, R.TRIGGER_INVALID, R.EXPIRY_INVALID,
        R.SESSION_INVALID, R.LINK_INVALID, R.CONTRACT_FROZEN,
    ]  # fmt: skip
    story.price(1_000)
    fields = {"account": C, "contract": 1, "side": BUY, "lots": 3, "price_ticks": 0}
    assert climb(story, fields | {"client_id": 100}, []) == [R.TRADING_BLOCKED]
    story.release(ACCOUNT, C)
    assert climb(story, fields | {"client_id": 200}, []) == [R.PRICE_NOT_POSITIVE]


def stop_everything_but_margin() -> Story:
    """C works 94 lots at 800 and 6 at 950 with a cash of 8,200, of which 8,172 are bound.

    Reserves of 7,520 and 570 at 10%, fees of 76 and 6 at 0.1%. With A's 6 at 1000 and B's 85 at
    801 the bids are 191; the open interest may be 200.
    """
    terms = {"order_lots_min": 3, "order_value_min": 5_000, "order_value_max": 80_000}
    story = Story(listing(1, level_orders_max=1, **terms), orders_account_max=2)
    for account, cash in ((A, CASH), (B, CASH), (C, 8_200)):
        story.open(account, cash)
    story.price(1_000)
    story.order(C, BUY, 94, 800)
    story.order(C, BUY, 6, 950)
    story.order(A, BUY, 6, 1_000)
    story.order(B, BUY, 85, 801)
    story.order(B, SELL, 6, 1_010)
    return story


def test_the_first_check_that_fails_is_reported_from_price_to_margin():
    """The same from the price on, where mending an earlier fault leaves all later ones."""
    story = stop_everything_but_margin()
    faults = {
        "account": C, "client_id": 1_000, "contract": 1, "side": BUY, "lots": 3, "price_ticks": 0,
        "flags": POST_ONLY,
    }  # fmt: skip
    mends: list[Mend] = [
        {"price_ticks": 1_501}, {"price_ticks": 1_500}, {"lots": 54},
        {"lots": 53, "flags": POST_ONLY | REDUCE_ONLY}, {"flags": POST_ONLY},
        {"price_ticks": 1_000}, {"lots": 50}, {"lots": 9},
    ]  # fmt: skip
    assert climb(story, faults, mends) == [
        R.PRICE_NOT_POSITIVE, R.PRICE_ABOVE_MAX, R.VALUE_BELOW_MIN, R.VALUE_ABOVE_MAX,
        R.REDUCE_ONLY_NOTHING, R.POST_ONLY_WOULD_TRADE, R.POSITION_LIMIT, R.OPEN_INTEREST_LIMIT,
        R.ORDERS_LIMIT,
    ]  # fmt: skip
    story.submit(cancel(C, SECOND_ORDER, client_id=1_900))
    last = {"account": C, "client_id": 2_000, "contract": 1, "side": BUY, "lots": 9}
    prices: list[Mend] = [{"price_ticks": 999}]
    codes = climb(story, last | {"price_ticks": 1_000}, prices)
    assert codes == [R.LEVEL_LIMIT, R.MARGIN_INSUFFICIENT]
    story.deposit(C, 1_000)
    assert climb(story, last | {"price_ticks": 999, "client_id": 3_000}, []) == [R.OK]


def test_the_first_check_that_fails_is_reported_of_an_order_that_waits():
    story = stop_everything_but_margin()
    faults = {
        "account": C, "client_id": 1_000, "contract": 1, "side": BUY, "lots": 100,
        "order_type": STOP_LIMIT, "trigger_source": MARK, "trigger_ticks": 1_000, "price_ticks": 0,
        "flags": REDUCE_ONLY,
    }  # fmt: skip
    mends: list[Mend] = [
        {"price_ticks": 1_501}, {"price_ticks": 1_500}, {"flags": 0}, {"trigger_ticks": 1_001},
    ]  # fmt: skip
    assert climb(story, faults, mends) == [
        R.PRICE_NOT_POSITIVE, R.PRICE_ABOVE_MAX, R.REDUCE_ONLY_NOTHING, R.TRIGGER_REACHED,
        R.ORDERS_LIMIT,
    ]  # fmt: skip
    story.submit(cancel(C, SECOND_ORDER, client_id=1_900))
    assert climb(story, faults | {"client_id": 2_000}, mends)[-1] == R.OK
