"""Isolated margin, worked out by hand from the rulebook (8.5, and 8.3 for what may leave)."""

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from tests.oracle.desk import (
    BUY,
    DAY,
    FUND,
    HOURS_8,
    SELL,
    A,
    B,
    C,
    D,
    Desk,
    code_of,
    contract,
    of_kind,
    thin,
)

M, N = 2**21, 2**21 + 1  # the first margin accounts
SECOND = 10**9


def isolate(desk: Desk, account: int, margin: int, number: int = 1) -> None:
    desk.client(commands.IsolateContract, account, contract=number)
    if margin:
        desk.client(commands.MoveMargin, account, contract=number, amount=margin)


def move(desk: Desk, account: int, amount: int, number: int = 1) -> list[tuple]:
    return desk.client(commands.MoveMargin, account, contract=number, amount=amount)


def join(desk: Desk, account: int, number: int = 1) -> list[tuple]:
    return desk.client(commands.JoinContract, account, contract=number)


def opened(*contracts, cash: int = 10_000, **config) -> Desk:
    """A, B, C and D with money, and all marks at 100."""
    contracts = contracts or (contract(),)
    desk = Desk(*contracts, **config)
    desk.open((A, cash), (B, 100_000), (C, 100_000), (D, 100_000))
    desk.mark(*(100 for _ in contracts))
    return desk


def in_liquidation() -> Desk:
    """A with 10,000, of which 1,000 in M, long 10 at 1,000 there; at 945 one lot finds a buyer,
    and M cools at 450 of ceil(425.25)."""
    spec = contract(liquidation_cooldown_ns=60 * SECOND, liquidation_depth_ppb=250_000_000)
    desk = Desk(spec, contract(2))
    desk.open((A, 10_000), (B, 100_000), (C, 100_000))
    desk.mark(1_000, 1_000)
    isolate(desk, A, 1_000)
    desk.deal(A, B, 10, 1_000)
    desk.place(C, BUY, 4, 945)
    found = desk.mark(945, 1_000)
    assert of_kind(found, events.LIQUIDATION_STARTED) == [
        (events.LIQUIDATION_STARTED, M, 450, 473),
    ]
    assert desk.oracle.accounts[M].in_liquidation and desk.position(M)[0] == 9
    return desk


# The commands.


def test_8_5_margin_accounts_are_numbered_as_they_come_and_kept():
    desk = opened(contract(), contract(2))
    found = []
    for account, number in ((B, 1), (A, 2), (A, 1)):
        found += desk.client(commands.IsolateContract, account, contract=number)
    join(desk, A, 2)
    found += desk.client(commands.IsolateContract, A, contract=2)
    assert [record[1:] for record in found] == [
        (M, 1, 0, 0, 0, 0, B, 1, events.CONTRACT_ISOLATED),
        (N, 2, 0, 0, 0, 0, A, 2, events.CONTRACT_ISOLATED),
        (2**21 + 2, 3, 0, 0, 0, 0, A, 1, events.CONTRACT_ISOLATED),
        (N, 5, 0, 0, 0, 0, A, 2, events.CONTRACT_ISOLATED),
    ]


def test_8_5_a_margin_account_is_one_of_the_owner_and_of_the_group():
    desk = Desk(contract())
    desk.open((A, 100), group=9, kind=words.KIND_AFFILIATE)
    isolate(desk, A, 0)
    owner, own = (desk.oracle.state()["accounts"][number] for number in (A, M))
    assert [own[name] for name in ("owner", "group", "kind")] == [A, 9, words.KIND_AFFILIATE]
    assert (own["cash"], own["contracts"], owner["margin_accounts"]) == (0, [], {1: M})


def test_8_5_the_mode_changes_only_without_lots_and_orders():
    desk = opened(contract(), contract(2))
    stop = {"order_type": words.STOP_MARKET, "tif": words.IOC}
    desk.place(A, BUY, 1, 0, trigger_source=words.SOURCE_MARK, trigger_ticks=150, **stop)

    def isolating(number: int = 1) -> int:
        return code_of(desk.client(commands.IsolateContract, A, contract=number))

    assert isolating(3) == refusals.CONTRACT_UNKNOWN
    assert isolating() == refusals.MODE_NOT_FLAT  # an order that waits
    desk.client(commands.MassCancel, A)
    desk.deal(A, B, 1, 100)
    assert isolating() == refusals.MODE_NOT_FLAT
    desk.deal(B, A, 1, 100)
    isolate(desk, A, 1_000)
    assert isolating() == refusals.MODE_UNCHANGED
    desk.deal(A, B, 1, 100)
    assert isolating() == refusals.MODE_UNCHANGED
    assert code_of(join(desk, A)) == refusals.MODE_NOT_FLAT
    desk.deal(B, A, 1, 100)
    desk.place(A, BUY, 1, 90)
    assert code_of(join(desk, A)) == refusals.MODE_NOT_FLAT
    assert code_of(join(desk, A, 3)) == refusals.CONTRACT_UNKNOWN
    assert code_of(join(desk, A, 2)) == refusals.MODE_UNCHANGED


def test_8_5_nothing_changes_in_liquidation():
    spec = contract(liquidation_cooldown_ns=60 * SECOND, liquidation_depth_ppb=250_000_000)
    desk = Desk(spec, contract(2))
    desk.open((A, 1_000), (B, 100_000), (C, 100_000))
    desk.mark(1_000, 1_000)
    desk.deal(A, B, 10, 1_000)
    desk.place(C, BUY, 4, 945)
    desk.mark(945, 1_000)
    for number in (1, 2):  # before it is asked whether it is flat there
        refused = desk.client(commands.IsolateContract, A, contract=number)
        assert code_of(refused) == refusals.ACCOUNT_IN_LIQUIDATION
    desk = in_liquidation()
    assert code_of(join(desk, A)) == refusals.ACCOUNT_IN_LIQUIDATION


def test_8_5_the_margin_comes_along_when_it_joins():
    desk = opened()
    isolate(desk, A, 400)
    desk.deal(A, B, 1, 100)
    desk.mark(110)
    desk.deal(B, A, 1, 110)
    found = join(desk, A)
    assert [record[1:] for record in found] == [
        (M, desk.ids, 410, 10_010, 0, 0, A, 1, events.CONTRACT_JOINED)
    ]
    assert (desk.cash(M), desk.cash(A)) == (0, 10_010)
    found = desk.place(A, BUY, 1, 100)
    assert found[0][7] == A  # cross again
    assert code_of(move(desk, A, 1)) == refusals.MODE_UNCHANGED


def test_8_3_what_may_leave_an_isolated_position():
    """Long 10 at 100 with 150: 100 are its initial margin, and 10% of its value."""
    desk = opened()
    isolate(desk, A, 150)
    desk.deal(A, B, 10, 100)
    assert code_of(move(desk, A, -51)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    found = move(desk, A, -50)
    assert [record[1:] for record in found] == [
        (-50, desk.ids, M, 100, 9_900, 0, A, 1, events.MARGIN_MOVED)
    ]
    desk.mark(120)  # equity 300 less 120, but a cash of 100
    assert code_of(move(desk, A, -101)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    desk.operator(commands.ChangeState, contract=1, state=words.STATE_HALTED)
    assert code_of(move(desk, A, -1)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    assert move(desk, A, 1)[0][-1] == events.MARGIN_MOVED  # A holds nothing in it


def test_8_3_what_may_leave_the_account():
    """Long 10 Y at 100 with 150, cross."""
    desk = opened(contract(), contract(2), cash=150)
    desk.deal(A, B, 10, 100, 2)
    isolate(desk, A, 0)
    assert code_of(move(desk, A, 51)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    desk.oracle.withdrawals_stopped = True  # it stays in the pool
    found = move(desk, A, 50)
    assert [record[1:] for record in found] == [
        (50, desk.ids, M, 50, 100, 0, A, 1, events.MARGIN_MOVED)
    ]
    assert code_of(desk.client(commands.Withdraw, A, amount=1)) == refusals.WITHDRAWALS_STOPPED


def test_8_5_refusals_of_a_move_in_their_order():
    desk = in_liquidation()
    huge = 2**59 + 1
    assert code_of(move(desk, A, 0, 3)) == refusals.CONTRACT_UNKNOWN
    assert code_of(move(desk, A, 0, 2)) == refusals.MODE_UNCHANGED
    assert code_of(move(desk, A, -huge)) == refusals.ACCOUNT_IN_LIQUIDATION
    assert code_of(move(desk, A, 0)) == refusals.AMOUNT_NOT_POSITIVE
    assert code_of(move(desk, A, huge)) == refusals.AMOUNT_ABOVE_MAX
    assert code_of(move(desk, A, 2**59)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    isolate(desk, A, 0, 2)
    assert code_of(move(desk, A, -(2**63), 2)) == refusals.AMOUNT_ABOVE_MAX


def test_8_5_the_margin_account_may_be_helped_in_liquidation():
    desk = in_liquidation()
    found = move(desk, A, 100)  # 550 of a target of ceil(426 x 1.2) = 512
    assert of_kind(found, events.LIQUIDATION_ENDED) == [
        (events.LIQUIDATION_ENDED, M, words.END_RECOVERED, 550, 426),
    ]


def test_7_3_funding_of_the_giver_is_settled():
    tenth = 100_000_000
    rates = {"funding_interest_ppb": tenth, "funding_clamp_ppb": tenth, "funding_cap_ppb": tenth}
    desk = opened(contract(**rates))
    isolate(desk, A, 500)
    desk.deal(A, B, 3, 100)
    desk.now = 11_574 * DAY + HOURS_8
    desk.do(commands.AdvanceTime(time_ns=desk.now))
    assert not of_kind(move(desk, A, 10), events.FUNDING_SETTLED)
    # 510 - 30 - 30: more than that is not there
    assert code_of(move(desk, A, -451)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    found = move(desk, A, -450)
    assert of_kind(found, events.FUNDING_SETTLED, events.MARGIN_MOVED) == [
        (events.FUNDING_SETTLED, M, 30, 3, 10, 480),
        (events.MARGIN_MOVED, A, -450, desk.ids, M, 30, 9_490 + 450),
    ]


# What is done for the margin account.


def test_8_5_orders_use_the_margin_of_their_position_alone():
    desk = opened(contract(fee_taker_ppb=10_000_000))
    isolate(desk, A, 109)
    found = desk.place(A, BUY, 10, 100)  # 100 and a fee of 10
    assert [(record[1], *record[7:]) for record in found] == [
        (refusals.MARGIN_INSUFFICIENT, A, 1, events.REFUSED)
    ]
    move(desk, A, 1)
    desk.place(B, SELL, 10, 100)
    found = desk.place(A, BUY, 10, 100)
    assert of_kind(found, events.ORDER_ACCEPTED)[0][1] == M
    leg = of_kind(found, events.LEG)[0]
    assert (leg[1], *leg[3:]) == (M, 10, 1_000, 10, 0, 100)
    assert desk.position(A) == (0, 0) and desk.cash(A) == 10_000 - 110


def test_8_5_cancels_and_amendments_find_orders_of_margin_accounts():
    desk = opened(contract(), contract(2))
    isolate(desk, A, 1_000)
    order_id = desk.place(A, BUY, 5, 90)[0][1]
    amended = desk.client(commands.AmendOrder, A, order_id=order_id, price_ticks=90, lots=4)
    assert of_kind(amended, events.ORDER_AMENDED)[0][:3] == (events.ORDER_AMENDED, M, order_id)
    refused = desk.client(commands.CancelOrder, B, order_id=order_id)
    assert code_of(refused) == refusals.ORDER_UNKNOWN
    found = desk.client(commands.CancelOrder, A, order_id=order_id)
    assert of_kind(found, events.ORDER_CANCELLED)[0][:3] == (events.ORDER_CANCELLED, M, order_id)


def test_4_5_orders_of_an_isolated_contract_are_linked():
    desk = opened(contract(), contract(2))
    isolate(desk, A, 1_000)
    first = desk.place(A, BUY, 5, 90)[0][1]
    assert code_of(desk.place(A, BUY, 5, 89, 2, linked_id=first)) == refusals.LINK_INVALID
    found = desk.place(A, BUY, 5, 89, linked_id=first)
    assert of_kind(found, events.ORDERS_LINKED) == [
        (events.ORDERS_LINKED, M, found[0][1], first),
    ]


def test_4_5_brackets_and_closing_orders_see_the_margin_account():
    desk = opened()
    isolate(desk, A, 1_000)
    desk.place(B, SELL, 3, 100)
    fields = {"side": BUY, "lots": 3, "price_ticks": 100, "stop_ticks": 90, "target_ticks": 120}
    found = desk.client(commands.PlaceBracket, A, contract=1, **fields)
    accepted = of_kind(found, events.ORDER_ACCEPTED)
    assert [record[1] for record in accepted] == [M, M, M]
    desk.client(commands.MassCancel, A)
    desk.place(B, BUY, 9, 100)
    found = desk.place(A, SELL, 0, 100, flags=words.CLOSE_POSITION, tif=words.IOC)
    assert of_kind(found, events.ORDER_ACCEPTED)[0][1] == M
    assert of_kind(found, events.ORDER_ACCEPTED)[0][5] == 3
    assert desk.position(M) == (0, 0)


def quote(desk: Desk, account: int, *rows: tuple[int, int, int], window: int = 1) -> list[tuple]:
    """(contract, lots of the bid at 95, of the ask at 105) each."""
    quotes = tuple(commands.Quote(number, 95, bid, 105, ask) for number, bid, ask in rows)
    return desk.client(commands.MassQuote, account, protection=window, rows=quotes)


def test_4_8_quotes_go_where_their_contract_does():
    desk = opened(contract(), contract(2))
    isolate(desk, A, 50, 2)
    found = quote(desk, A, (1, 1, 0), (2, 3, 0), (2, 60, 0), (9, 1, 1))
    mine = (events.ORDER_ACCEPTED, events.ORDER_AMENDED, events.QUOTE_REFUSED, events.MASS_QUOTED)
    assert [(record[-1], *record[7:9]) for record in found if record[-1] in mine] == [
        (events.ORDER_ACCEPTED, A, 1),
        (events.ORDER_ACCEPTED, M, 2),
        (events.QUOTE_REFUSED, M, 2),
        (events.QUOTE_REFUSED, A, 9),
        (events.MASS_QUOTED, A, 0),
    ]
    refused = of_kind(found, events.QUOTE_REFUSED)
    assert [record[3] for record in refused] == [
        refusals.MARGIN_INSUFFICIENT,
        refusals.CONTRACT_UNKNOWN,
    ]


def test_4_8_the_group_loses_the_quotes_of_margin_accounts_last():
    """A and then B, of one group; A's margin account came last."""
    desk = Desk(contract(), contract(2))
    desk.open((A, 1_000), (B, 1_000), group=7)
    desk.open((C, 1_000))
    desk.mark(100, 100)
    isolate(desk, A, 500, 1)
    desk.client(commands.SetProtection, A, protection=1, window_ns=DAY, fills_max=1)
    quote(desk, A, (1, 3, 0), (2, 2, 0))
    quote(desk, B, (2, 2, 0))
    found = desk.place(C, SELL, 1, 95, tif=words.IOC)
    assert of_kind(found, events.PROTECTION_TRIPPED)[0][1] == M
    ended = of_kind(found, events.ORDER_CANCELLED)
    reason = words.CANCEL_PROTECTION
    assert [(record[1], *record[5:]) for record in ended] == [
        (A, 2, reason),
        (B, 2, reason),
        (M, 2, reason),
    ]


# Cancels of many.


def spread_orders(**fields) -> Desk:
    """An order of A in each of three contracts, first the one in 1; 2 was isolated before 1."""
    desk = opened(contract(), contract(2), contract(3))
    isolate(desk, A, 500, 2)
    isolate(desk, A, 500, 1)
    for number in (1, 2, 3):
        desk.place(A, BUY, number, 90, number, **fields)
    return desk


def ended(records: list[tuple], reason: int) -> list[tuple[int, int]]:
    """(account, lots) of the orders that ended for this reason."""
    found = of_kind(records, events.ORDER_CANCELLED)
    assert all(record[6] == reason for record in found)
    return [(record[1], record[5]) for record in found]


ALL_OF_THEM = [(A, 3), (M, 2), (N, 1)]


def test_4_6_a_mass_cancel_reaches_margin_accounts():
    desk = spread_orders()
    found = desk.client(commands.MassCancel, A, contract=2)
    assert ended(found, words.CANCEL_MASS) == [(M, 2)]
    assert of_kind(found, events.MASS_CANCELLED) == [(events.MASS_CANCELLED, A, desk.ids, 1)]
    desk = spread_orders()
    found = desk.client(commands.MassCancel, A)
    assert ended(found, words.CANCEL_MASS) == ALL_OF_THEM
    assert of_kind(found, events.MASS_CANCELLED) == [(events.MASS_CANCELLED, A, desk.ids, 3)]


def test_4_6_a_lost_heartbeat_and_session_reach_margin_accounts():
    desk = spread_orders(session=4)
    desk.client(commands.SetHeartbeat, A, timeout_ns=SECOND)
    found = desk.wait(SECOND)
    assert ended(found, words.CANCEL_HEARTBEAT) == ALL_OF_THEM
    assert of_kind(found, events.HEARTBEAT_LOST) == [(events.HEARTBEAT_LOST, A, 3, desk.now)]
    desk = spread_orders(session=4)
    found = desk.client(commands.CancelSession, A, session=4)
    assert ended(found, words.CANCEL_SESSION) == ALL_OF_THEM


def test_4_6_the_kill_switch_of_an_account_reaches_margin_accounts():
    desk = spread_orders()
    found = desk.operator(commands.StopTrading, scope=words.SCOPE_ACCOUNT, number=A)
    assert ended(found, words.CANCEL_KILL) == ALL_OF_THEM
    assert of_kind(found, events.TRADING_STOPPED) == [
        (events.TRADING_STOPPED, A, words.SCOPE_ACCOUNT, A, 3),
    ]
    for number in (1, 3):
        assert code_of(desk.place(A, BUY, 1, 90, number)) == refusals.TRADING_BLOCKED
    isolate(desk, A, 100, 3)  # the one that comes now is stopped as well
    assert code_of(desk.place(A, BUY, 1, 90, 3)) == refusals.TRADING_BLOCKED
    desk.operator(commands.ReleaseTrading, scope=words.SCOPE_ACCOUNT, number=A)
    assert desk.place(A, BUY, 1, 90)[0][-1] == events.ORDER_ACCEPTED


def test_4_6_other_kill_switches_take_accounts_by_id():
    desk = spread_orders()
    desk.place(B, BUY, 9, 90)
    found = desk.operator(commands.StopTrading, scope=words.SCOPE_ALL, number=0)
    assert ended(found, words.CANCEL_KILL) == [(A, 3), (B, 9), (M, 2), (N, 1)]


# Who a margin account is not.


def test_8_5_a_margin_account_sends_nothing_and_is_paid_nothing():
    desk = opened()
    isolate(desk, A, 100)
    orders = {"contract": 1, "side": BUY, "lots": 1, "price_ticks": 90}
    for found in (
        desk.client(commands.PlaceOrder, M, **orders),
        desk.client(commands.MassCancel, M),
        desk.client(commands.Withdraw, M, amount=1),
        desk.client(commands.IsolateContract, M, contract=1),
        desk.operator(commands.Deposit, account=M, amount=1),
    ):
        assert code_of(found) == refusals.ACCOUNT_UNKNOWN
    stop = desk.operator(commands.StopTrading, scope=words.SCOPE_ACCOUNT, number=M)
    assert code_of(stop) == refusals.SCOPE_INVALID
    opening = desk.operator(commands.OpenAccount, account=N, owner=1, group=1)
    assert code_of(opening) == refusals.ACCOUNT_OUT_OF_RANGE


def test_8_5_client_ids_and_messages_are_the_accounts():
    desk = opened(messages_max=3, messages_window_ns=SECOND)
    isolate(desk, A, 1_000)
    order = {"contract": 1, "side": BUY, "lots": 1, "price_ticks": 90}
    twice = commands.PlaceOrder(time_ns=desk.now, account=A, client_id=desk.ids, **order)
    assert code_of(desk.do(twice)) == refusals.CLIENT_ID_DUPLICATE
    assert code_of(desk.place(A, BUY, 1, 90)) == refusals.RATE_LIMIT  # its fourth


# Everything else: an account of its own.


def test_4_9_open_orders_are_counted_for_themselves():
    desk = opened(contract(), contract(2), orders_account_max=1)
    isolate(desk, A, 500, 2)
    desk.place(A, BUY, 1, 90)
    assert code_of(desk.place(A, BUY, 1, 90)) == refusals.ORDERS_LIMIT
    assert desk.place(A, BUY, 1, 90, 2)[0][-1] == events.ORDER_ACCEPTED


def test_4_7_self_trade_prevention_sees_the_group():
    desk = Desk(contract(group_lots_max=10))
    desk.open((A, 1_000), (B, 1_000), group=7)
    desk.mark(100)
    isolate(desk, A, 500)
    desk.place(B, SELL, 5, 100)
    found = desk.place(A, BUY, 5, 100)
    assert ended(found, words.CANCEL_SELF_TRADE) == [(M, 5)]
    desk.place(B, BUY, 7, 90)
    assert code_of(desk.place(A, BUY, 4, 90)) == refusals.GROUP_LIMIT
    assert desk.place(A, BUY, 3, 90)[0][-1] == events.ORDER_ACCEPTED


def test_8_5_a_deficit_never_touches_the_rest_of_the_account():
    """M long 10 at 100 with 100: at 85 it stands at -50, which the short gives up."""
    desk = opened(contract(), contract(2))
    isolate(desk, A, 100)
    desk.deal(A, B, 10, 100)
    desk.deal(A, B, 10, 100, 2)
    found = desk.mark(85, 100)
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, M, 10, 850 + 50, 50, B, 50),
    ]
    assert of_kind(found, events.WATERFALL_CLOSED) == [
        (events.WATERFALL_CLOSED, M, 50, 0, 50),
    ]
    assert (desk.cash(M), desk.cash(A)) == (0, 9_900)
    assert desk.position(A, 2) == (10, 1_000) and not desk.oracle.accounts[A].in_liquidation


def test_8_5_nor_the_account_an_isolated_position():
    """A long 10 Y at 100 with 100 of its own; at 85 the 500 in M are out of reach."""
    desk = opened(contract(), contract(2), cash=600)
    isolate(desk, A, 500)
    desk.deal(A, B, 10, 100)
    desk.deal(A, B, 10, 100, 2)
    found = desk.mark(100, 85)
    assert of_kind(found, events.WATERFALL_CLOSED) == [
        (events.WATERFALL_CLOSED, A, 50, 0, 50),
    ]
    assert (desk.cash(A), desk.cash(M), desk.position(M)) == (0, 500, (10, 1_000))


def hedged(*isolated: tuple[int, int, int]) -> tuple[Desk, list[tuple]]:
    """16 r: X is contract 1, Y 2. A short 1 Y with 1; B long 1 Y and 1 X; C short 1 X with 100.
    Isolated: (account, contract, margin). Then Y 112 and X 90."""
    desk = Desk(contract(1, **thin()), contract(2, **thin()))
    desk.open((A, 1), (B, 2), (C, 100))
    desk.mark(100, 100)
    for account, number, margin in isolated:
        desk.do(commands.Deposit(time_ns=desk.now, account=account, amount=10))
        isolate(desk, account, margin, number)
    desk.deal(B, A, 1, 100, 2)
    desk.deal(B, C, 1, 100)
    return desk, desk.mark(90, 112)


def test_9_7_a_hedge_in_a_margin_account_is_none():
    """B with 1 in Y has gained 12, and can give up A's 11; its loss of 10 in X is another's."""
    desk, found = hedged((B, 1, 11))
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, A, 1, 112 - 11, 11, B, 11),
    ]
    assert (desk.cash(B), desk.position(B, 2)) == (1 + 12 - 11, (0, 0))
    assert (desk.cash(M), desk.position(M)) == (11, (1, 100))


def test_9_8_an_isolated_position_is_cut_as_an_account_of_its_own():
    """C's short of X is M's; 11 are cut from B's 2 and M's 10, by id."""
    desk, found = hedged((C, 1, 20))
    assert of_kind(found, events.GAINS_CUT) == [
        (events.GAINS_CUT, B, 2, 1, 1),
        (events.GAINS_CUT, M, 10, 10, 10),
    ]
    assert (desk.cash(C), desk.cash(M)) == (90, 10)


def test_9_2_the_fund_takes_over_from_a_margin_account():
    """9.4: at 945 M stands at 450 of 473; the penalty is 1% of 9,450."""
    spec = contract(
        fund_value_max=100_000, fund_share_ppb=10**9, takeover_penalty_ppb=10_000_000
    )  # fmt: skip
    desk = Desk(spec, fund_cash=1_000)
    desk.open((A, 10_000), (B, 100_000))
    desk.mark(1_000)
    isolate(desk, A, 1_000)
    desk.deal(A, B, 10, 1_000)
    found = desk.mark(945)
    assert of_kind(found, events.POSITION_TAKEN_OVER) == [
        (events.POSITION_TAKEN_OVER, M, 10, 9_450, 0, 95),
    ]
    assert (desk.cash(M), desk.cash(A), desk.cash(FUND)) == (355, 9_000, 1_095)
    assert of_kind(join(desk, A), events.CONTRACT_JOINED) == [
        (events.CONTRACT_JOINED, A, M, desk.ids, 355, 9_355),
    ]


def test_5_4_positions_of_margin_accounts_settle_behind_all_others():
    desk = opened()
    isolate(desk, A, 500)
    desk.deal(A, B, 3, 100)
    for state in (words.STATE_SUSPENDED, words.STATE_SETTLING):
        found = desk.operator(commands.ChangeState, contract=1, state=state)
    assert of_kind(found, events.POSITION_SETTLED) == [
        (events.POSITION_SETTLED, B, 3, 300),
        (events.POSITION_SETTLED, M, 3, 300),
    ]
    assert code_of(desk.place(A, BUY, 1, 100)) == refusals.CONTRACT_SETTLED
    assert move(desk, A, -500)[0][-1] == events.MARGIN_MOVED
    assert join(desk, A)[0][-1] == events.CONTRACT_JOINED
