"""Who may trade what, worked out by hand: clients who gain and lose their eligibility (3.1),
contracts whose reference asset lapses (3.3), and the place of both in due work (2.6)."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.commands import MassQuote, Quote
from tests.oracle.desk import (
    BUY,
    DAY,
    FUND,
    SELL,
    START,
    A,
    B,
    C,
    D,
    Desk,
    code_of,
    contract,
    of_kind,
)
from tests.oracle.test_auctions import AUCTION, change

SECOND = 10**9
SOON = START + 59 * SECOND  # a whole minute
FAR = START + 5 * DAY
M = 2**21  # the first margin account
REDUCE_ONLY = words.REDUCE_ONLY
SET, LAPSED = events.ELIGIBILITY_SET, events.ELIGIBILITY_LAPSED
REFERENCE_SET, REFERENCE_LAPSED = events.REFERENCE_SET, events.REFERENCE_LAPSED
ACCEPTED, CANCELLED = events.ORDER_ACCEPTED, events.ORDER_CANCELLED
STOP = {
    "order_type": words.STOP_LIMIT,
    "trigger_source": words.SOURCE_MARK,
    "trigger_ticks": 120,
}
MARKET = {"order_type": words.MARKET}
RESTING_TERMS = [
    {},
    {"tif": words.DAY},
    {"tif": words.GTD, "expiry_ns": SOON},
    {"flags": words.POST_ONLY},
    {"display_lots": 1},
]
IMMEDIATE_TERMS = [
    {"tif": words.IOC},
    {"tif": words.FOK},
    {"tif": words.IOC, "price_ticks": 0, **MARKET},
    {"tif": words.FOK, "price_ticks": 0, **MARKET},
]


def grant(desk: Desk, account: int, until: int = FAR, **changes) -> list[tuple]:
    """Everything that the first disclosure asks for."""
    fields = {"assessed": 1, "disclosure": 1} | changes
    return desk.operator(
        commands.SetEligibility, account=account, professional_until_ns=until, **fields
    )


def block(desk: Desk, account: int = A) -> list[tuple]:
    return grant(desk, account, blocked=1)


def publish(desk: Desk, version: int) -> list[tuple]:
    return desk.operator(commands.PublishDisclosure, version=version)


def refer(desk: Desk, until: int, number: int = 1) -> list[tuple]:
    return desk.operator(commands.SetReference, contract=number, until_ns=until)


def checked(*contracts, **config) -> Desk:
    config = {"eligibility_checked": True, "disclosure_version": 1} | config
    return Desk(*(contracts or (contract(),)), **config)


def opened(*contracts, **config) -> Desk:
    """A to D are clients with plenty of money and everything else that they need; marks of 100."""
    desk = checked(*contracts, **config)
    desk.open(*((account, 10**6) for account in (A, B, C, D)))
    for account in (A, B, C, D):
        grant(desk, account)
    desk.mark(*(100 for _ in contracts or (1,)))
    return desk


def is_accepted(records: list[tuple]) -> bool:
    return bool(records[0][-1] == ACCEPTED)


def id_of(records: list[tuple]) -> int:
    assert is_accepted(records)
    return int(records[0][1])


def ended(records: list[tuple]) -> list[tuple]:
    """(account, order, reason) of what was cancelled."""
    return [(r[1], r[2], r[6]) for r in of_kind(records, CANCELLED)]


def working(desk: Desk, account: int) -> list[int]:
    return [order.order_id for order in desk.oracle.accounts[account].orders()]


# What an account lacks.


@pytest.mark.parametrize(
    ("until", "assessed", "disclosure", "blocked", "lacks"),
    [
        (0, 0, 1, 1, refusals.NOT_PROFESSIONAL),
        (START, 0, 1, 1, refusals.NOT_PROFESSIONAL),
        (START + 1, 0, 1, 1, refusals.NOT_ASSESSED),
        (START + 1, 1, 1, 1, refusals.DISCLOSURE_NOT_ACKNOWLEDGED),
        (START + 1, 1, 2, 1, refusals.ACCOUNT_BLOCKED),
        (START + 1, 1, 2, 0, refusals.OK),
        (2**62, 1, 3, 0, refusals.OK),  # it has read what is not published yet
    ],
)
def test_3_1_what_is_lacking_first_is_the_refusal(until, assessed, disclosure, blocked, lacks):
    desk = checked(disclosure_version=2)
    desk.open((A, 1_000))
    desk.mark(100)
    assert code_of(desk.place(A, BUY, 1, 100)) == refusals.NOT_PROFESSIONAL
    found = grant(desk, A, until, assessed=assessed, disclosure=disclosure, blocked=blocked)
    assert found == [
        (5, until, assessed, disclosure, blocked, lacks, 0, A, 0, SET),
    ]
    found = desk.place(A, BUY, 1, 100)
    assert code_of(found) == lacks if lacks else is_accepted(found)


def test_3_1_others_than_clients_are_not_asked():
    desk = checked()
    desk.open((A, 1_000), kind=words.KIND_LIQUIDITY_PROVIDER)
    desk.open((B, 1_000), kind=words.KIND_AFFILIATE)
    desk.mark(100)
    desk.deal(A, B, 5, 100)
    assert desk.position(A)[0] == 5
    assert code_of(grant(desk, A)) == code_of(grant(desk, B)) == refusals.ACCOUNT_UNKNOWN
    assert publish(desk, 9)[0][1:3] == (9, 0)
    assert is_accepted(desk.place(A, BUY, 1, 99))


def test_3_1_where_it_is_not_checked_nothing_of_it_is_there():
    desk = checked(contract(reference_until_ns=START - 1), eligibility_checked=False)
    desk.open((A, 1_000), (B, 1_000))
    desk.mark(100)
    desk.deal(A, B, 5, 100)
    for found in (grant(desk, A), publish(desk, 2), refer(desk, START)):
        assert code_of(found) == refusals.COMMAND_UNKNOWN
    assert is_accepted(desk.place(A, BUY, 1, 99))


# Who is not eligible reduces.


def send(desk: Desk, account: int, lots: int, **terms) -> list[tuple]:
    """A sale at 110, unless the terms say otherwise."""
    fields = {"side": SELL, "lots": lots, "price_ticks": 110, "contract": 1}
    return desk.client(commands.PlaceOrder, account, **(fields | terms))


def test_3_1_who_is_not_eligible_may_reduce_at_once():
    """Long 10; a bid for 4 leaves 6, of which no more than 6 may go. What is marked as reducing
    may rest, and leaves room for the others."""
    desk = opened()
    desk.deal(A, B, 10, 100)
    block(desk)
    blocked = refusals.ACCOUNT_BLOCKED
    assert code_of(desk.place(A, BUY, 1, 90, tif=words.IOC)) == blocked
    assert code_of(desk.place(A, SELL, 11, 100, tif=words.IOC)) == blocked
    desk.place(C, BUY, 4, 100)
    found = desk.place(A, SELL, 10, 100, tif=words.IOC)
    assert [record[2:4] for record in of_kind(found, events.TRADE)] == [(100, 4)]
    assert desk.position(A)[0] == 6
    assert code_of(desk.place(A, SELL, 7, 100, tif=words.FOK)) == blocked
    assert code_of(desk.place(A, SELL, 1, 111)) == blocked
    assert is_accepted(desk.place(A, SELL, 5, 111, flags=REDUCE_ONLY))
    assert is_accepted(desk.place(A, SELL, 6, 100, tif=words.FOK))
    assert is_accepted(desk.place(A, SELL, 0, 112, flags=words.CLOSE_POSITION))
    assert len(working(desk, A)) == 2
    grant(desk, A)
    assert is_accepted(desk.place(A, SELL, 7, 113))
    assert is_accepted(desk.place(A, BUY, 1, 90))


@pytest.mark.parametrize("terms", RESTING_TERMS)
def test_3_1_what_could_rest_could_open_behind_another_close(terms):
    """Long 10, blocked, and a sale of 4: it only reduces now, but need not when it fills."""
    desk = opened()
    desk.deal(A, B, 10, 100)
    block(desk)
    assert code_of(send(desk, A, 4, **terms)) == refusals.ACCOUNT_BLOCKED
    assert is_accepted(send(desk, C, 4, **terms))
    marked = terms | {"flags": terms.get("flags", 0) | REDUCE_ONLY}
    assert is_accepted(send(desk, A, 4, **marked))


@pytest.mark.parametrize("terms", IMMEDIATE_TERMS)
def test_3_1_what_can_not_rest_may_reduce_without_a_mark(terms):
    desk = opened()
    desk.deal(A, B, 10, 100)
    block(desk)
    desk.place(C, BUY, 4, 110)
    assert code_of(send(desk, A, 11, **terms)) == refusals.ACCOUNT_BLOCKED
    assert of_kind(send(desk, A, 4, **terms), events.TRADE)
    assert desk.position(A)[0] == 6 and not working(desk, A)


def test_3_1_the_place_of_the_check_is_behind_the_reduce_only_state():
    desk = opened(contract(position_lots_max=20, order_lots_max=20))
    desk.open((10, 1))
    for account in (A, 10):
        block(desk, account)
    desk.place(C, SELL, 5, 105)
    blocked = refusals.ACCOUNT_BLOCKED
    # what comes before it
    assert code_of(desk.place(A, BUY, 1, 151)) == refusals.PRICE_OUTSIDE_BAND
    # what comes behind it
    assert code_of(desk.place(A, BUY, 1, 105, flags=words.POST_ONLY)) == blocked
    desk.deal(B, C, 15, 100)
    block(desk, B)
    assert code_of(desk.place(B, BUY, 10, 100)) == blocked  # the limit of its position
    assert code_of(desk.place(10, BUY, 1, 100)) == blocked  # its margin
    # what is marked as reducing never meets it
    nothing = refusals.REDUCE_ONLY_NOTHING
    assert code_of(desk.place(A, SELL, 1, 100, flags=REDUCE_ONLY)) == nothing
    change(desk, words.STATE_REDUCE_ONLY)
    assert code_of(desk.place(A, BUY, 1, 100)) == refusals.CONTRACT_REDUCE_ONLY
    # long 15: the state takes what only reduces, from who is eligible
    assert code_of(desk.place(B, SELL, 16, 110)) == refusals.CONTRACT_REDUCE_ONLY
    assert code_of(desk.place(B, SELL, 15, 110)) == blocked
    assert is_accepted(desk.place(C, BUY, 15, 90))


def test_3_1_an_order_that_waits_is_judged_at_its_entry():
    desk = opened()
    desk.deal(A, B, 10, 100)
    block(desk)
    blocked = refusals.ACCOUNT_BLOCKED
    assert code_of(desk.place(A, BUY, 1, 125, **STOP)) == blocked
    assert code_of(desk.place(A, BUY, 1, 0, **STOP)) == blocked  # before its price is looked at
    take = STOP | {"order_type": words.TAKE_LIMIT}
    assert code_of(desk.place(A, SELL, 1, 120, **take)) == blocked  # it would only reduce, now
    assert code_of(desk.place(A, SELL, 1, 120, tif=words.IOC, **take)) == blocked
    assert is_accepted(desk.place(A, SELL, 1, 120, flags=REDUCE_ONLY, **take))
    assert is_accepted(desk.place(A, SELL, 1, 120, flags=words.CLOSE_POSITION, **take))
    desk.operator(commands.StopTrading, scope=words.SCOPE_ACCOUNT, number=A)
    assert code_of(desk.place(A, BUY, 1, 125, **STOP)) == refusals.TRADING_BLOCKED


def test_3_1_an_order_that_waits_is_judged_behind_a_liquidation():
    """A waits for the auction of a position of 1,000 with an equity of 40."""
    desk = checked()
    desk.open((A, 100), (B, 10**6))
    grant(desk, A), grant(desk, B)
    desk.mark(100)
    desk.deal(A, B, 10, 100)
    change(desk, AUCTION)
    assert of_kind(desk.mark(94), events.LIQUIDATION_STARTED)
    block(desk)
    assert code_of(desk.place(A, BUY, 1, 125, **STOP)) == refusals.ACCOUNT_IN_LIQUIDATION


def test_3_1_only_what_is_marked_as_reducing_is_left_to_amend():
    """Long 10 with a sale of 6 that could open and one of 4 that can't: the first is gone with the
    block, the second moves, grows to the position (from 12 to the 10) and shrinks."""
    desk = opened()
    desk.deal(A, B, 10, 100)
    plain = id_of(desk.place(A, SELL, 6, 110))
    order = id_of(desk.place(A, SELL, 4, 110, flags=REDUCE_ONLY))

    def amend(order_id, price, lots):
        fields = {"order_id": order_id, "price_ticks": price, "lots": lots}
        return desk.client(commands.AmendOrder, A, **fields)

    assert ended(block(desk)) == [(A, plain, words.CANCEL_ELIGIBILITY)]
    assert code_of(amend(plain, 110, 5)) == refusals.ORDER_UNKNOWN
    amended, reduced = events.ORDER_AMENDED, events.ORDER_REDUCED
    assert [record[-1] for record in amend(order, 105, 4)] == [amended]
    assert [record[-1] for record in amend(order, 105, 12)] == [amended, reduced]
    assert [record[-1] for record in amend(order, 105, 3)] == [amended]
    held = desk.oracle.accounts[A].orders()
    assert [(o.order_id, o.price, o.open) for o in held] == [(order, 105, 3)]


def test_3_1_quotes_of_who_is_not_eligible_are_refused_side_by_side():
    """Long 10: not even the ask that only reduces is taken. A side without lots asks for nothing,
    and the old quotes went with the block."""
    desk = opened()
    desk.deal(A, B, 10, 100)
    blocked = refusals.ACCOUNT_BLOCKED

    def quote(*row):
        found = desk.client(MassQuote, A, protection=1, rows=(Quote(1, *row),))
        refused = [record[3:] for record in of_kind(found, events.QUOTE_REFUSED)]
        return [record[-1] for record in found[:-1]], refused

    assert quote(95, 5, 110, 10) == ([ACCEPTED, ACCEPTED], [])
    reason = words.CANCEL_ELIGIBILITY
    assert [(account, why) for account, _, why in ended(block(desk))] == [(A, reason)] * 2
    bid, ask = (blocked, BUY, 95, 5), (blocked, SELL, 110, 10)
    assert quote(95, 5, 110, 10) == ([events.QUOTE_REFUSED] * 2, [bid, ask])
    assert quote(0, 0, 110, 10) == ([events.QUOTE_REFUSED], [ask])
    assert quote(0, 0, 0, 0) == ([], [])
    assert working(desk, A) == []


def bracket(desk: Desk, **fields) -> list[tuple]:
    fields = {"contract": 1, "side": BUY, "stop_ticks": 90, "target_ticks": 110} | fields
    return desk.client(commands.PlaceBracket, A, lots=10, price_ticks=100, **fields)


def test_3_1_an_entry_goes_and_the_stop_and_target_of_its_fills_stay():
    desk = opened()
    entry = id_of(bracket(desk))
    desk.place(B, SELL, 4, 100)
    children = working(desk, A)[1:]
    assert len(children) == 2
    assert ended(block(desk)) == [(A, entry, words.CANCEL_ELIGIBILITY)]
    assert working(desk, A) == children
    assert code_of(bracket(desk)) == refusals.ACCOUNT_BLOCKED


def test_3_1_a_liquidation_asks_nobody():
    """A blocked long of 10 at 1,000 is at 450 of 473: three lots go into the book."""
    desk = checked(contract(price_ticks_max=5_000))
    desk.open((A, 1_000), (B, 10**6), (C, 10**6))
    for account in (A, B, C):
        grant(desk, account)
    desk.mark(1_000)
    desk.deal(A, B, 10, 1_000)
    desk.place(C, BUY, 20, 945)
    block(desk)
    assert of_kind(desk.mark(945), events.TRADE)[0][2:4] == (945, 3)


# The lapse of an account.


def test_3_1_on_lapse_all_that_could_add_risk_goes():
    """Its own in the order of its contracts, then its margin account's; reducing ones stay."""
    desk = opened(contract(), contract(2), contract(3))
    desk.client(commands.IsolateContract, A, contract=1)
    desk.client(commands.MoveMargin, A, contract=1, amount=1_000)
    isolated = id_of(desk.place(A, BUY, 1, 90))
    desk.deal(A, B, 10, 100, 3)
    second = id_of(desk.place(A, BUY, 1, 90, 2))
    stop = id_of(desk.place(A, BUY, 1, 125, 3, **STOP))
    kept = id_of(desk.place(A, SELL, 1, 110, 3, flags=REDUCE_ONLY))
    selling = id_of(desk.place(A, SELL, 1, 110, 3))
    take = STOP | {"order_type": words.TAKE_LIMIT, "flags": REDUCE_ONLY}
    waiting = id_of(desk.place(A, SELL, 1, 120, 3, **take))
    found = block(desk)
    assert of_kind(found[:1], SET) == [(SET, A, FAR, 1, 1, 1, refusals.ACCOUNT_BLOCKED)]
    reason = words.CANCEL_ELIGIBILITY
    own = [(A, stop, reason), (A, selling, reason), (A, second, reason)]
    assert ended(found) == [*own, (M, isolated, reason)]
    assert of_kind(found[-1:], LAPSED) == [(LAPSED, A, refusals.ACCOUNT_BLOCKED, 4)]
    assert working(desk, A) == [kept, waiting]


def test_3_1_who_was_not_eligible_has_nothing_left_that_could_lapse():
    """Only behind a time in which it was eligible does it lapse anew."""
    desk = opened()
    desk.deal(A, B, 10, 100)
    assert of_kind(block(desk), LAPSED) == [(LAPSED, A, refusals.ACCOUNT_BLOCKED)]
    kept = id_of(desk.place(A, SELL, 10, 110, flags=REDUCE_ONLY))
    for found in (block(desk), grant(desk, A, START), grant(desk, A)):
        assert [record[-1] for record in found] == [SET]
    plain = id_of(desk.place(A, SELL, 10, 111))
    found = grant(desk, A, START)
    assert ended(found) == [(A, plain, words.CANCEL_ELIGIBILITY)]
    assert of_kind(found, LAPSED) == [(LAPSED, A, refusals.NOT_PROFESSIONAL, 1)]
    assert working(desk, A) == [kept]


def test_3_1_a_link_ends_behind_the_lapse_and_does_not_count():
    """Long 10: a buy that is linked with a reducing stop."""
    desk = opened()
    desk.deal(A, B, 10, 100)
    stop = {**STOP, "trigger_ticks": 80, "flags": REDUCE_ONLY}
    stop_id = id_of(desk.place(A, SELL, 10, 79, **stop))
    buy = id_of(desk.place(A, BUY, 5, 90, linked_id=stop_id))
    found = block(desk)
    assert [record[-1] for record in found] == [SET, CANCELLED, LAPSED, CANCELLED]
    linked = (A, stop_id, words.CANCEL_LINKED)
    assert ended(found) == [(A, buy, words.CANCEL_ELIGIBILITY), linked]
    assert found[2][1:3] == (refusals.ACCOUNT_BLOCKED, 1)


def test_3_1_an_isolated_position_is_as_eligible_as_its_owner():
    desk = opened()
    desk.client(commands.IsolateContract, A, contract=1)
    desk.client(commands.MoveMargin, A, contract=1, amount=1_000)
    assert code_of(grant(desk, M)) == refusals.ACCOUNT_UNKNOWN
    desk.deal(A, B, 5, 100)
    assert desk.position(M)[0] == 5
    block(desk)
    assert code_of(desk.place(A, BUY, 1, 100)) == refusals.ACCOUNT_BLOCKED
    assert code_of(desk.place(A, BUY, 1, 125, **STOP)) == refusals.ACCOUNT_BLOCKED
    assert code_of(desk.place(A, SELL, 5, 110)) == refusals.ACCOUNT_BLOCKED
    assert is_accepted(desk.place(A, SELL, 5, 110, tif=words.IOC))
    kept = id_of(desk.place(A, SELL, 5, 110, flags=REDUCE_ONLY))
    assert working(desk, M) == [kept]
    grant(desk, A)
    assert is_accepted(desk.place(A, BUY, 1, 100))


# The end of the professional status.


def test_3_1_the_status_ends_at_its_time():
    desk = opened()
    grant(desk, A, SOON)
    order = id_of(desk.place(A, BUY, 1, 90))
    desk.now = SOON - 1
    assert is_accepted(desk.place(A, BUY, 1, 90, tif=words.IOC))
    found = desk.wait(1)
    assert [record[-1] for record in found] == [CANCELLED, LAPSED, events.TIME_ADVANCED]
    assert ended(found) == [(A, order, words.CANCEL_ELIGIBILITY)]
    assert of_kind(found, LAPSED) == [(LAPSED, A, refusals.NOT_PROFESSIONAL, 1)]
    assert code_of(desk.place(A, BUY, 1, 90)) == refusals.NOT_PROFESSIONAL


def test_3_1_who_lacks_something_else_does_not_lapse_again():
    """A is blocked and has a sale that is marked as reducing."""
    desk = opened()
    desk.deal(A, B, 10, 100)
    grant(desk, A, SOON, blocked=1)
    order = id_of(desk.place(A, SELL, 10, 110, flags=REDUCE_ONLY))
    assert [record[-1] for record in desk.wait(DAY // 4)] == [events.TIME_ADVANCED]
    assert working(desk, A) == [order]


@pytest.mark.parametrize(("until", "lapses"), [(START + 9, [9]), (FAR, []), (SOON, [59 * SECOND])])
def test_3_1_only_the_last_end_that_was_set_counts(until, lapses):
    """The status was shorter first, and then renewed; or longer, and then cut."""
    desk = opened()
    desk.now += 1
    grant(desk, A, START + 30 * SECOND)
    grant(desk, A, until, assessed=0)
    grant(desk, A, until)
    found = []
    for time in (START + 9, START + 30 * SECOND, SOON, SOON + SECOND):
        desk.now = time
        wanted = of_kind(desk.operator(commands.AdvanceTime), LAPSED)
        found += [time - START for _ in wanted]
    assert found == lapses


def test_2_6_ends_of_one_instant_come_behind_expiries_and_heartbeats_and_before_samples():
    specs = (contract(funding_sample_ns=60 * SECOND), contract(2))
    desk = opened(*specs)
    for number in (2, 1):
        refer(desk, SOON, number)
    for account in (B, A):
        grant(desk, account, SOON)
    desk.client(commands.SetHeartbeat, D, timeout_ns=SOON - START)
    desk.place(C, BUY, 1, 90, tif=words.GTD, expiry_ns=SOON)
    found = desk.wait(SOON - START)
    assert [(record[-1], record[-3], record[-2]) for record in found] == [
        (CANCELLED, C, 1),
        (events.HEARTBEAT_LOST, D, 0),
        (LAPSED, A, 0),
        (LAPSED, B, 0),
        (REFERENCE_LAPSED, 0, 1),
        (REFERENCE_LAPSED, 0, 2),
        (events.IMPACT_SAMPLED, 0, 1),
        (events.PREMIUM_SAMPLED, 0, 1),
        (events.TIME_ADVANCED, 0, 0),
    ]


def test_2_6_a_link_that_a_lapse_ends_goes_with_that_item():
    """B's order goes at the same instant, behind A's stop."""
    desk = opened()
    desk.deal(A, B, 10, 100)
    stop = {**STOP, "trigger_ticks": 80, "flags": REDUCE_ONLY}
    stop_id = id_of(desk.place(A, SELL, 10, 79, **stop))
    desk.place(A, BUY, 5, 90, linked_id=stop_id)
    desk.place(B, BUY, 5, 90)
    for account in (A, B):
        grant(desk, account, SOON)
    found = desk.wait(SOON - START)[:-1]
    assert [(record[-1], record[-3]) for record in found] == [
        (CANCELLED, A),
        (LAPSED, A),
        (CANCELLED, A),
        (CANCELLED, B),
        (LAPSED, B),
    ]


# Disclosures.


def test_3_1_a_new_disclosure_lapses_those_who_were_eligible_by_id():
    """D is ahead of it, and C lacks something else already, of which nothing changes."""
    desk = opened()
    desk.client(commands.IsolateContract, A, contract=1)
    desk.client(commands.MoveMargin, A, contract=1, amount=1_000)
    desk.deal(C, D, 10, 100)
    grant(desk, D, disclosure=2)
    block(desk, C)
    kept = id_of(desk.place(C, SELL, 10, 110, flags=REDUCE_ONLY))
    orders = [(B, id_of(desk.place(B, BUY, 1, 90))), (M, id_of(desk.place(A, BUY, 1, 90)))]
    found = publish(desk, 2)
    code, reason = refusals.DISCLOSURE_NOT_ACKNOWLEDGED, words.CANCEL_ELIGIBILITY
    assert of_kind(found[:1], events.DISCLOSURE_PUBLISHED) == [
        (events.DISCLOSURE_PUBLISHED, 0, 2, 2),
    ]
    assert ended(found) == [(*orders[1], reason), (*orders[0], reason)]
    assert of_kind(found, LAPSED) == [(LAPSED, A, code, 1), (LAPSED, B, code, 1)]
    assert working(desk, C) == [kept]
    assert is_accepted(desk.place(D, BUY, 1, 90))
    assert code_of(desk.place(B, BUY, 1, 90)) == code
    assert grant(desk, B)[0][5] == code and grant(desk, B, disclosure=2)[0][5] == 0
    assert is_accepted(desk.place(B, BUY, 1, 90))


def test_3_1_a_disclosure_is_newer_than_the_last():
    desk = opened(disclosure_version=7)
    for version in (7, 6, 0, -1, 2**31):
        assert code_of(publish(desk, version)) == refusals.ELIGIBILITY_INVALID
    assert publish(desk, 8)[0][-1] == events.DISCLOSURE_PUBLISHED
    assert code_of(publish(desk, 8)) == refusals.ELIGIBILITY_INVALID
    assert publish(desk, 2**31 - 1)[0][1] == 2**31 - 1


def test_3_1_what_can_not_be_set_is_refused():
    desk = opened()
    invalid = refusals.ELIGIBILITY_INVALID
    for account in (FUND, 0, -1, 99):
        assert code_of(grant(desk, account, -1)) == refusals.ACCOUNT_UNKNOWN
    for until in (-1, 2**62 + 1):
        assert code_of(grant(desk, A, until)) == invalid
    for name, value in (("assessed", 2), ("assessed", -1), ("blocked", 2), ("blocked", -1)):
        assert code_of(grant(desk, A, **{name: value})) == invalid
    assert code_of(grant(desk, A, disclosure=-1)) == invalid
    assert is_accepted(desk.place(A, BUY, 1, 90))
    assert grant(desk, A, 0, disclosure=0)[0][-1] == SET


# Reference assets.


def test_3_3_a_contract_whose_reference_asset_lapses_only_reduces():
    """C is long 10 and D short. What rests goes by account id but for what is marked as reducing,
    and what waits meets the contract in its turn: of D's two stops that only reduce the one that
    could rest is refused, the other buys C's 4."""
    desk = opened(contract(), contract(2))
    refer(desk, SOON)
    desk.deal(C, D, 10, 100)
    kept = id_of(desk.place(C, SELL, 4, 110, flags=REDUCE_ONLY))
    orders = [(account, id_of(desk.place(account, BUY, 1, 90))) for account in (C, B, A)]
    selling = (C, id_of(desk.place(C, SELL, 1, 111)))
    other = id_of(desk.place(C, BUY, 1, 90, 2))
    waiting = id_of(desk.place(B, BUY, 1, 125, **STOP))
    found = desk.wait(SOON - START)
    assert of_kind(found[:1], REFERENCE_LAPSED) == [(REFERENCE_LAPSED, 0, SOON)]
    reason = words.CANCEL_ELIGIBILITY
    assert ended(found) == [
        (*orders[2], reason),
        (*orders[1], reason),
        (*orders[0], reason),
        (*selling, reason),
    ]
    assert working(desk, C) == [kept, other] and working(desk, B) == [waiting]
    reduce_only = refusals.CONTRACT_REDUCE_ONLY
    assert code_of(desk.place(A, BUY, 1, 90)) == reduce_only
    assert is_accepted(desk.place(A, BUY, 1, 90, 2))
    assert code_of(desk.place(C, SELL, 10, 112)) == reduce_only
    assert code_of(desk.place(C, SELL, 11, 112, tif=words.IOC)) == reduce_only
    assert is_accepted(desk.place(C, SELL, 10, 112, tif=words.IOC))
    assert is_accepted(desk.place(A, BUY, 1, 125, **STOP))
    assert is_accepted(desk.place(D, BUY, 5, 125, **STOP))
    assert is_accepted(desk.place(D, BUY, 5, 125, tif=words.IOC, **STOP))
    found = desk.mark(120, 100)
    assert [(r[1], *r[6:]) for r in of_kind(found, CANCELLED)] == [
        (B, words.CANCEL_TRIGGER, reduce_only),
        (A, words.CANCEL_TRIGGER, reduce_only),
        (D, words.CANCEL_TRIGGER, reduce_only),
        (D, words.CANCEL_IOC),
    ]
    assert [record[2:4] for record in of_kind(found, events.TRADE)] == [(110, 4)]
    assert desk.position(D)[0] == -6


@pytest.mark.parametrize("terms", RESTING_TERMS)
def test_3_3_in_a_contract_that_has_lapsed_no_plain_order_may_rest(terms):
    """For who is eligible, too: long 10, and a sale of 4."""
    desk = opened()
    desk.deal(C, D, 10, 100)
    refer(desk, START)
    assert code_of(send(desk, C, 4, **terms)) == refusals.CONTRACT_REDUCE_ONLY
    marked = terms | {"flags": terms.get("flags", 0) | REDUCE_ONLY}
    assert is_accepted(send(desk, C, 4, **marked))


@pytest.mark.parametrize("terms", IMMEDIATE_TERMS)
def test_3_3_in_a_contract_that_has_lapsed_what_can_not_rest_may_reduce(terms):
    """D is short 10, and buys 4 of the 10 that C offers."""
    desk = opened()
    desk.deal(C, D, 10, 100)
    refer(desk, START)
    desk.place(C, SELL, 10, 110, flags=REDUCE_ONLY)
    assert code_of(send(desk, D, 11, side=BUY, **terms)) == refusals.CONTRACT_REDUCE_ONLY
    assert of_kind(send(desk, D, 4, side=BUY, **terms), events.TRADE)
    assert desk.position(D)[0] == -6


def test_3_3_in_a_contract_that_has_lapsed_nobody_quotes():
    """The provider is long 10, and its ask of 10 would only reduce."""
    desk = opened()
    desk.open((9, 10**6), kind=words.KIND_LIQUIDITY_PROVIDER)
    desk.deal(9, B, 10, 100)
    refer(desk, START)
    found = desk.client(MassQuote, 9, protection=1, rows=(Quote(1, 95, 5, 110, 10),))
    refused = [record[3:] for record in of_kind(found, events.QUOTE_REFUSED)]
    code = refusals.CONTRACT_REDUCE_ONLY
    assert refused == [(code, BUY, 95, 5), (code, SELL, 110, 10)]
    assert working(desk, 9) == []


def test_3_3_it_holds_for_everybody_and_in_every_state():
    """The fresh account comes behind: its eligibility is asked after the contract's state."""
    desk = opened()
    desk.open((9, 10**6), kind=words.KIND_LIQUIDITY_PROVIDER)
    desk.open((10, 10**6))
    order = id_of(desk.place(9, BUY, 1, 90))
    change(desk, words.STATE_HALTED)
    found = refer(desk, START)
    assert [record[-1] for record in found] == [REFERENCE_SET, REFERENCE_LAPSED, CANCELLED]
    assert ended(found) == [(9, order, words.CANCEL_ELIGIBILITY)]
    change(desk, words.STATE_PRE_OPEN)
    for state in (words.STATE_POST_ONLY, AUCTION, words.STATE_CONTINUOUS):
        change(desk, state)
        for account in (9, 10):
            found = desk.place(account, BUY, 1, 90, flags=words.POST_ONLY)
            assert code_of(found) == refusals.CONTRACT_REDUCE_ONLY


def test_3_3_a_time_that_is_past_lapses_at_once_and_one_ahead_opens():
    desk = opened()
    desk.now += 5
    order = id_of(desk.place(A, BUY, 1, 90))
    found = refer(desk, desk.now)
    assert of_kind(found[:2], REFERENCE_SET, REFERENCE_LAPSED) == [
        (REFERENCE_SET, 0, desk.now),
        (REFERENCE_LAPSED, 0, desk.now),
    ]
    assert ended(found) == [(A, order, words.CANCEL_ELIGIBILITY)]
    assert [record[-1] for record in refer(desk, START)] == [REFERENCE_SET]  # it had lapsed
    assert code_of(desk.place(A, BUY, 1, 90)) == refusals.CONTRACT_REDUCE_ONLY
    for until in (0, SOON):
        assert [record[-1] for record in refer(desk, until)] == [REFERENCE_SET]
        assert is_accepted(desk.place(A, BUY, 1, 90))
        assert refer(desk, START)[1][-1] == REFERENCE_LAPSED


def test_3_3_only_the_last_time_that_was_set_counts():
    desk = opened(contract(reference_until_ns=START + 9), contract(2, reference_until_ns=START + 9))
    refer(desk, SOON)
    refer(desk, 0, 2)
    assert not of_kind(desk.wait(9), REFERENCE_LAPSED)
    found = of_kind(desk.wait(DAY), REFERENCE_LAPSED)
    assert found == [(REFERENCE_LAPSED, 0, SOON)]


def test_3_3_what_can_not_be_set_is_refused():
    desk = opened()
    for number in (0, -1, 2):
        assert code_of(refer(desk, -1, number)) == refusals.CONTRACT_UNKNOWN
    for until in (-1, 2**62 + 1):
        assert code_of(refer(desk, until)) == refusals.ELIGIBILITY_INVALID
    assert refer(desk, 2**62)[0][-1] == REFERENCE_SET
    assert is_accepted(desk.place(A, BUY, 1, 90))


@pytest.mark.parametrize(("until", "has_lapsed"), [(1, 1), (START, 1), (START + 1, 0)])
def test_3_3_what_had_lapsed_before_the_first_command_did_so_silently(until, has_lapsed):
    desk = checked(contract(reference_until_ns=until))
    assert [record[-1] for record in desk.operator(commands.AdvanceTime)] == [events.TIME_ADVANCED]
    desk.open((A, 1_000))
    grant(desk, A)
    desk.mark(100)
    assert is_accepted(desk.place(A, BUY, 1, 90)) != has_lapsed
    assert len(of_kind(desk.wait(1), REFERENCE_LAPSED)) == 1 - has_lapsed
    assert code_of(desk.place(A, BUY, 1, 90)) == refusals.CONTRACT_REDUCE_ONLY
