"""Refusals (2.2): every code at the bounds of what it guards, and what a refusal leaves behind.

The states are those of `refusal_states`. Where the bound itself is legal it stands in the table
with the code OK.
"""

import numpy as np
import pytest

from engine.schema import bounds, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND
from engine.schema.commands import COMMAND, AdvanceTime, ReleaseWithdrawals
from tests.rules.refusal_states import (
    CASH,
    FIRST_ORDER,
    POST_ONLY,
    REDUCE_ONLY,
    SECOND_ORDER,
    Row,
    advance,
    allied,
    amend,
    assert_same,
    cancel,
    covered,
    crowded,
    deposit,
    frozen_copy,
    full,
    half_full,
    held,
    holding,
    id_100,
    liquidating,
    listed,
    margins,
    mass,
    must_answer,
    open_account,
    place,
    publish,
    row_id,
    stopped,
    trading,
    unset,
    withdraw,
)
from tests.rules.story import BUY, FOK, FUND, GTC, IOC, SELL, START_NS, A, B, C, D, E, H, refusal
from tests.rules.test_leverage import TABLE as ROWS_OF_LEVERAGE
from tests.rules.test_refusals_of_backstop import TABLE as ROWS_OF_BACKSTOP
from tests.rules.test_refusals_of_collateral import TABLE as ROWS_OF_COLLATERAL
from tests.rules.test_refusals_of_eligibility import TABLE as ROWS_OF_ELIGIBILITY
from tests.rules.test_refusals_of_margin import TABLE as ROWS_OF_MARGIN
from tests.rules.test_refusals_of_operators import TABLE as ROWS_OF_OPERATORS
from tests.rules.test_refusals_of_orders import TABLE as ROWS_OF_ORDERS
from tests.rules.test_refusals_of_prices import TABLE as ROWS_OF_PRICES
from tests.rules.test_refusals_of_quotes import ROWS as ROWS_OF_A_MASS_QUOTE
from tests.rules.test_refusals_of_quotes import TABLE as ROWS_OF_QUOTES
from tests.rules.test_refusals_of_states import TABLE as ROWS_OF_STATES
from tests.rules.test_settlement_asset import TABLE as ROWS_OF_SETTLEMENT

NS = START_NS
AHEAD = 60 * NS_PER_SECOND
JUMP = 7 * NS_PER_DAY
DEPOSITED = 3 * CASH
MAX_ID = bounds.CLIENT_ID_MAX
MAX_ACCOUNT = bounds.ACCOUNTS_MAX
MAX_MONEY = bounds.DEPOSITS_MAX
MAX_TIME = bounds.TIME_NS_MAX
R = refusals
LEDGER_FUND, LEDGER_HOUSE = words.LEDGER_FUND, words.LEDGER_HOUSE

# fmt: off
TABLE: list[Row] = [
    # the stamp
    (trading, advance(NS), R.OK),
    (trading, advance(NS - 1), R.TIME_BACKWARDS),
    (trading, advance(-1), R.TIME_BACKWARDS),
    (unset, advance(-1), R.TIME_BACKWARDS),
    (unset, advance(0), R.OK),
    (unset, advance(MAX_TIME), R.OK),
    (unset, advance(MAX_TIME + 1), R.TIME_AHEAD),
    (trading, advance(NS + JUMP), R.OK),
    (trading, advance(NS + JUMP + 1), R.TIME_AHEAD),
    (trading, publish(time_ns=NS + AHEAD), R.OK),
    (trading, publish(time_ns=NS + AHEAD + 1), R.TIME_AHEAD),
    (trading, withdraw(A, 1, time_ns=NS + AHEAD), R.OK),
    (trading, withdraw(A, 1, time_ns=NS + AHEAD + 1), R.TIME_AHEAD),
    # the account and its ids
    (trading, place(-1), R.ACCOUNT_UNKNOWN),
    (trading, place(0), R.ACCOUNT_UNKNOWN),
    (trading, place(FUND), R.ACCOUNT_UNKNOWN),
    (trading, place(H), R.ACCOUNT_UNKNOWN),
    (trading, place(MAX_ACCOUNT), R.ACCOUNT_UNKNOWN),
    (trading, place(MAX_ACCOUNT + 1), R.ACCOUNT_UNKNOWN),
    (trading, deposit(1, account=H), R.ACCOUNT_UNKNOWN),
    (trading, deposit(1, account=FUND), R.ACCOUNT_UNKNOWN),
    (trading, deposit(1, account=MAX_ACCOUNT + 1), R.ACCOUNT_UNKNOWN),
    (trading, place(client_id=-1), R.CLIENT_ID_NOT_POSITIVE),
    (trading, place(client_id=0), R.CLIENT_ID_NOT_POSITIVE),
    (trading, place(client_id=1), R.OK),
    (trading, place(client_id=MAX_ID), R.OK),
    (trading, place(client_id=MAX_ID + 1), R.CLIENT_ID_NOT_POSITIVE),
    (id_100, withdraw(A, 1, client_id=100), R.CLIENT_ID_DUPLICATE),
    (id_100, withdraw(A, 1, client_id=99), R.OK),
    (id_100, withdraw(A, 1, client_id=37), R.OK),
    (id_100, withdraw(A, 1, client_id=36), R.CLIENT_ID_TOO_OLD),
    (id_100, withdraw(A, 1, client_id=101), R.OK),
    # contract and order
    (trading, place(contract=-1), R.CONTRACT_UNKNOWN),
    (trading, place(contract=0), R.CONTRACT_UNKNOWN),
    (trading, place(contract=2, price_ticks=800), R.OK),
    (trading, place(contract=3), R.CONTRACT_UNKNOWN),
    (trading, mass(-1), R.CONTRACT_UNKNOWN),
    (trading, mass(0), R.OK),
    (trading, mass(2), R.OK),
    (trading, mass(3), R.CONTRACT_UNKNOWN),
    (trading, publish(contract=0), R.CONTRACT_UNKNOWN),
    (trading, publish(contract=3), R.CONTRACT_UNKNOWN),
    (trading, publish(contract_2=3, price_ticks_2=1), R.CONTRACT_UNKNOWN),
    (trading, publish(contract_2=-1, price_ticks_2=1), R.CONTRACT_UNKNOWN),
    (trading, publish(contract_3=3, price_ticks_3=1), R.CONTRACT_UNKNOWN),
    (trading, cancel(A, FIRST_ORDER), R.OK),
    (trading, cancel(A, SECOND_ORDER), R.ORDER_UNKNOWN),
    (trading, cancel(A, 0), R.ORDER_UNKNOWN),
    (trading, cancel(A, -1), R.ORDER_UNKNOWN),
    (trading, cancel(A, 1), R.ORDER_UNKNOWN),
    (trading, cancel(A, 2 << 32 | 1), R.ORDER_UNKNOWN),
    (trading, cancel(A, 2**63 - 1), R.ORDER_UNKNOWN),
    (trading, amend(A, SECOND_ORDER), R.ORDER_UNKNOWN),
    (trading, amend(A, 0), R.ORDER_UNKNOWN),
    # the shape of an order
    (trading, place(order_type=-1), R.ORDER_TYPE_INVALID),
    (trading, place(order_type=7), R.ORDER_TYPE_INVALID),
    (trading, place(side=-1), R.SIDE_INVALID),
    (trading, place(side=2), R.SIDE_INVALID),
    (trading, place(tif=-1), R.TIF_INVALID),
    (trading, place(tif=5), R.TIF_INVALID),
    (trading, place(order_type=words.MARKET, tif=GTC), R.TIF_INVALID),
    (trading, place(order_type=words.MARKET, tif=IOC), R.OK),
    (trading, place(order_type=words.MARKET, tif=FOK), R.OK),
    (trading, place(flags=-1), R.FLAGS_INVALID),
    (trading, place(flags=16), R.FLAGS_INVALID),
    (trading, place(flags=words.SLIDE), R.FLAGS_INVALID),
    (trading, place(flags=POST_ONLY, tif=IOC), R.FLAGS_INVALID),
    (trading, place(flags=POST_ONLY, tif=FOK), R.FLAGS_INVALID),
    (trading, place(flags=POST_ONLY, tif=IOC, order_type=words.MARKET), R.FLAGS_INVALID),
    (holding, place(A, flags=POST_ONLY | REDUCE_ONLY, side=SELL, price_ticks=1_200), R.OK),
    (trading, place(stp=-1), R.STP_INVALID),
    (trading, place(stp=words.STP_DECREMENT), R.OK),
    (trading, place(stp=words.STP_NONE), R.STP_INVALID),
    (trading, place(stp=words.STP_NONE, contract=2, price_ticks=800), R.OK),
    (trading, place(stp=5, contract=2, price_ticks=800), R.STP_INVALID),
    (trading, place(lots=-1), R.LOTS_NOT_POSITIVE),
    (trading, place(lots=0), R.LOTS_NOT_POSITIVE),
    (trading, place(lots=100), R.OK),
    (trading, place(lots=101), R.LOTS_ABOVE_MAX),
    (trading, place(lots=2**31 - 1), R.LOTS_ABOVE_MAX),
    (trading, amend(A, FIRST_ORDER, lots=-1), R.LOTS_NOT_POSITIVE),
    (trading, amend(A, FIRST_ORDER, lots=1), R.OK),
    (trading, amend(A, FIRST_ORDER, lots=100), R.OK),
    (trading, amend(A, FIRST_ORDER, lots=101), R.LOTS_ABOVE_MAX),
    # states
    (listed, place(), R.CONTRACT_FROZEN),
    (liquidating, place(D, side=SELL, flags=REDUCE_ONLY), R.ACCOUNT_IN_LIQUIDATION),
    (liquidating, withdraw(D, 1), R.ACCOUNT_IN_LIQUIDATION),
    (liquidating, deposit(1, account=D), R.OK),
    (held, place(), R.CONTRACT_REDUCE_ONLY),
    (held, place(A, side=SELL, lots=10), R.OK),
    (held, place(A, side=SELL, lots=11), R.CONTRACT_REDUCE_ONLY),
    (held, place(A, side=SELL, lots=11, flags=REDUCE_ONLY), R.OK),
    (held, place(price_ticks=0), R.PRICE_NOT_POSITIVE),  # the price is looked at before
    # prices
    (trading, place(price_ticks=-1), R.PRICE_NOT_POSITIVE),
    (trading, place(price_ticks=0), R.PRICE_NOT_POSITIVE),
    (trading, place(price_ticks=1), R.PRICE_OUTSIDE_BAND),
    (trading, place(price_ticks=399), R.PRICE_OUTSIDE_BAND),
    (trading, place(price_ticks=400), R.OK),
    (trading, place(price_ticks=1_500, side=SELL), R.OK),
    (trading, place(price_ticks=1_501, side=SELL), R.PRICE_ABOVE_MAX),
    (trading, place(price_ticks=1_280, contract=2, side=SELL), R.OK),
    (trading, place(price_ticks=1_281, contract=2, side=SELL), R.PRICE_OUTSIDE_BAND),
    (trading, amend(A, FIRST_ORDER, price_ticks=0), R.PRICE_NOT_POSITIVE),
    (trading, amend(A, FIRST_ORDER, price_ticks=399), R.PRICE_OUTSIDE_BAND),
    (trading, amend(A, FIRST_ORDER, price_ticks=1_501), R.PRICE_ABOVE_MAX),
    # what the order would do
    (trading, place(flags=REDUCE_ONLY), R.REDUCE_ONLY_NOTHING),
    (holding, place(A, side=BUY, flags=REDUCE_ONLY), R.REDUCE_ONLY_NOTHING),
    (holding, place(A, side=SELL, flags=REDUCE_ONLY), R.OK),
    (covered, place(A, side=SELL, flags=REDUCE_ONLY), R.REDUCE_ONLY_NOTHING),
    (trading, place(flags=POST_ONLY, price_ticks=1_009), R.OK),
    (trading, place(flags=POST_ONLY, price_ticks=1_010), R.POST_ONLY_WOULD_TRADE),
    (trading, place(flags=POST_ONLY, price_ticks=991, side=SELL), R.OK),
    (trading, place(flags=POST_ONLY, price_ticks=990, side=SELL), R.POST_ONLY_WOULD_TRADE),
    (half_full, place(A, lots=50), R.OK),
    (half_full, place(A, lots=51), R.POSITION_LIMIT),
    (allied, place(D, lots=2), R.OK),
    (allied, place(D, lots=3), R.GROUP_LIMIT),
    (allied, place(A, lots=3), R.GROUP_LIMIT),
    (allied, place(B, lots=12), R.OK),
    (crowded, place(lots=1), R.OK),
    (crowded, place(lots=2), R.OPEN_INTEREST_LIMIT),
    (full, place(), R.POOL_FULL),
    (margins, place(D, lots=10), R.OK),
    (margins, place(D, lots=10, price_ticks=1_001), R.MARGIN_INSUFFICIENT),
    (margins, place(E, lots=10), R.MARGIN_INSUFFICIENT),
    (margins, place(E, lots=9), R.OK),
    (trading, amend(A, FIRST_ORDER), R.AMEND_NOTHING),
    (trading, amend(A, FIRST_ORDER, price_ticks=991), R.OK),
    # money
    (trading, withdraw(C, -1), R.AMOUNT_NOT_POSITIVE),
    (trading, withdraw(C, 0), R.AMOUNT_NOT_POSITIVE),
    (trading, withdraw(C, 1), R.OK),
    (trading, withdraw(C, CASH), R.OK),
    (trading, withdraw(C, CASH + 1), R.WITHDRAWAL_ABOVE_AVAILABLE),
    (trading, withdraw(C, MAX_MONEY), R.WITHDRAWAL_ABOVE_AVAILABLE),
    (trading, withdraw(C, MAX_MONEY + 1), R.AMOUNT_ABOVE_MAX),
    (held, withdraw(A, 1), R.WITHDRAWAL_ABOVE_AVAILABLE),
    (held, withdraw(C, 1), R.OK),
    (stopped, withdraw(A, 1), R.WITHDRAWALS_STOPPED),
    (stopped, withdraw(A, CASH + 1), R.WITHDRAWALS_STOPPED),
    (stopped, withdraw(A, MAX_MONEY + 1), R.AMOUNT_ABOVE_MAX),
    (trading, deposit(-1), R.AMOUNT_NOT_POSITIVE),
    (trading, deposit(0), R.AMOUNT_NOT_POSITIVE),
    (trading, deposit(1), R.OK),
    (trading, deposit(MAX_MONEY - DEPOSITED), R.OK),
    (trading, deposit(MAX_MONEY - DEPOSITED + 1), R.AMOUNT_ABOVE_MAX),
    (trading, deposit(MAX_MONEY - DEPOSITED + 1, LEDGER_HOUSE), R.AMOUNT_ABOVE_MAX),
    (trading, deposit(1, ledger=-1), R.LEDGER_INVALID),
    (trading, deposit(1, LEDGER_FUND), R.OK),
    (trading, deposit(1, LEDGER_HOUSE), R.OK),
    (trading, deposit(1, ledger=3), R.LEDGER_INVALID),
    # operator and price source
    (trading, open_account(A), R.ACCOUNT_EXISTS),
    (trading, open_account(-1), R.ACCOUNT_OUT_OF_RANGE),
    (trading, open_account(0), R.ACCOUNT_OUT_OF_RANGE),
    (trading, open_account(FUND), R.ACCOUNT_OUT_OF_RANGE),
    (trading, open_account(H), R.OK),
    (trading, open_account(MAX_ACCOUNT), R.OK),
    (trading, open_account(MAX_ACCOUNT + 1), R.ACCOUNT_OUT_OF_RANGE),
    (trading, open_account(H, kind=-1), R.ACCOUNT_KIND_INVALID),
    (trading, open_account(H, kind=words.KIND_FUND), R.ACCOUNT_KIND_INVALID),
    (trading, open_account(H, kind=words.KIND_AFFILIATE), R.OK),
    (trading, open_account(H, kind=4), R.ACCOUNT_KIND_INVALID),
    (trading, open_account(H, owner=0), R.GROUP_INVALID),
    (trading, open_account(H, owner=-1), R.GROUP_INVALID),
    (trading, open_account(H, group=0), R.GROUP_INVALID),
    (trading, open_account(H, group=-1), R.GROUP_INVALID),
    (trading, open_account(H, owner=2**31 - 1, group=2**31 - 1), R.OK),
    (trading, publish(source=-1), R.SOURCE_UNKNOWN),
    (trading, publish(source=0), R.SOURCE_UNKNOWN),
    (trading, publish(source=2), R.SOURCE_UNKNOWN),
    (trading, publish(price_ticks=-1), R.SOURCE_PRICE_INVALID),
    (trading, publish(price_ticks=0), R.SOURCE_PRICE_INVALID),
    (trading, publish(price_ticks=1), R.OK),
    (trading, publish(price_ticks=1_500), R.OK),
    (trading, publish(price_ticks=1_501), R.SOURCE_PRICE_INVALID),
    (trading, publish(contract_2=2, price_ticks_2=0), R.SOURCE_PRICE_INVALID),
    (trading, publish(contract_3=2, price_ticks_3=1_501), R.SOURCE_PRICE_INVALID),
    (trading, ReleaseWithdrawals(time_ns=NS), R.WITHDRAWALS_NOT_STOPPED),
    (stopped, ReleaseWithdrawals(time_ns=NS), R.OK),
]
# fmt: on


@pytest.mark.parametrize(("state", "command", "code"), TABLE, ids=map(row_id, TABLE))
def test_rule_2_2_refusal(state, command, code):
    must_answer(state, command, code)


def test_rule_2_2_an_unknown_kind_is_refused():
    story = trading()
    for kind in (-1, 0, 15, 19, 31, 32, 44, 45, 46, 54, 59, 63, 64, 127):
        records = np.zeros(1, COMMAND)
        records["time_ns"], records["kind"] = START_NS, kind
        before = frozen_copy(story)
        events = story.exchange.run(records)
        assert [int(code) for code in events["a"]] == [refusals.COMMAND_UNKNOWN]
        assert_same(before, frozen_copy(story))


def test_every_refusal_code_has_a_row():
    rows = TABLE + ROWS_OF_ORDERS + ROWS_OF_QUOTES + ROWS_OF_STATES + ROWS_OF_PRICES
    rows += ROWS_OF_LEVERAGE + ROWS_OF_MARGIN + ROWS_OF_ELIGIBILITY + ROWS_OF_BACKSTOP
    rows += ROWS_OF_COLLATERAL + ROWS_OF_OPERATORS + ROWS_OF_SETTLEMENT
    seen = {code for _, _, code in rows} | {code for _, code in ROWS_OF_A_MASS_QUOTE}
    seen.add(refusals.COMMAND_UNKNOWN)
    assert seen - {refusals.OK} == set(refusals.NAMES)


@pytest.mark.parametrize("code", [R.OK, R.WITHDRAWAL_ABOVE_AVAILABLE, R.TIME_AHEAD])
def test_rule_2_2_a_refused_command_still_does_the_due_work(code):
    """The freeze of a stale price falls due before a command, refused or not; a refused stamp
    alone stops it (2.6 a)."""
    story = holding()
    story.now_ns += NS_PER_DAY + 1  # one price, older than its limit by a nanosecond
    if code == R.OK:
        events = story.submit(AdvanceTime(time_ns=story.now_ns))
    elif code == R.TIME_AHEAD:
        events = story.withdraw(C, 1)
    else:
        story.now_ns -= 10 * NS_PER_SECOND
        story.submit(AdvanceTime(time_ns=story.now_ns))
        story.now_ns += 10 * NS_PER_SECOND
        events = story.withdraw(C, CASH + 1)
    assert refusal(events) == code
    assert story.state() == ("continuous" if code == R.TIME_AHEAD else "frozen")


def test_rule_4_9_a_reducing_immediate_order_needs_no_room():
    """It can't rest: no slot and no page is taken for good."""
    story = holding()
    story.exchange.arena.engine["pages_top"] = bounds.PAGES_MAX
    story.exchange.arena.engine["pages_free"] = words.NONE
    reducing = place(A, side=SELL, lots=10, price_ticks=980, tif=IOC, flags=REDUCE_ONLY)
    assert refusal(story.submit(reducing)) == R.OK


def test_rule_4_9_a_cancel_needs_no_room():
    assert refusal(full().submit(cancel(B, SECOND_ORDER))) == R.OK


def test_rule_2_4_a_refused_command_uses_its_client_id_up():
    story = trading()
    assert refusal(story.submit(place(lots=0))) == R.LOTS_NOT_POSITIVE
    assert refusal(story.submit(place())) == R.CLIENT_ID_DUPLICATE
    assert refusal(story.submit(place(client_id=1_001))) == R.OK


def test_rule_2_4_a_refused_stamp_does_not_use_the_client_id_up():
    story = trading()
    late = withdraw(C, 1, time_ns=NS + AHEAD + 1)
    assert refusal(story.submit(late)) == R.TIME_AHEAD
    assert refusal(story.submit(withdraw(C, 1))) == R.OK


def test_rule_2_4_an_id_behind_the_highest_is_taken_once():
    """The window is 100 and the 63 ids below it; a higher id moves what has been used with it."""
    story = id_100()
    answers = [
        (99, R.OK), (99, R.CLIENT_ID_DUPLICATE),
        (37, R.OK), (37, R.CLIENT_ID_DUPLICATE),
        (110, R.OK), (99, R.CLIENT_ID_DUPLICATE), (98, R.OK), (98, R.CLIENT_ID_DUPLICATE),
        (47, R.OK), (46, R.CLIENT_ID_TOO_OLD),
    ]  # fmt: skip
    for client_id, code in answers:
        assert refusal(story.submit(withdraw(A, 1, client_id=client_id))) == code, client_id


@pytest.mark.parametrize(
    ("ahead", "code"), [(63, R.CLIENT_ID_DUPLICATE), (64, R.CLIENT_ID_TOO_OLD)]
)
def test_rule_2_4_an_id_far_ahead_leaves_a_new_window(ahead, code):
    """63 ids on, 100 is the last of the window, and used; one further it is too old for it."""
    story = id_100()
    assert refusal(story.submit(withdraw(A, 1, client_id=100 + ahead))) == R.OK
    assert refusal(story.submit(withdraw(A, 1, client_id=100 + ahead))) == R.CLIENT_ID_DUPLICATE
    assert refusal(story.submit(withdraw(A, 1, client_id=101))) == R.OK
    assert refusal(story.submit(withdraw(A, 1, client_id=100))) == code
