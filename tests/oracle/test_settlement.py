"""The end of a contract, worked out by hand from the rulebook: its delisting price, what becomes of
orders and positions, who can't pay, and what is left of it (3.2, 5.4)."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.contract import outside
from tests.oracle.desk import (
    BUY,
    DAY,
    FUND,
    HOURS_8,
    SELL,
    A,
    B,
    C,
    Desk,
    code_of,
    contract,
    of_kind,
    thin,
)
from tests.oracle.test_auctions import (
    AUCTION,
    CONTINUOUS,
    FROZEN,
    HALTED,
    SECOND,
    SETTLED,
    SETTLING,
    SUSPENDED,
    change,
    changes_of,
    ended,
    opened,
    state_of,
    wait,
)
from tests.oracle.test_interruptions import MARKET_STOP, kinds

DEFAULT = words.STATE_DEFAULT
PRICED, CLOSED, LEG = events.SETTLEMENT_PRICED, events.POSITION_SETTLED, events.LEG
BY_OPERATOR = [
    (SUSPENDED, SETTLING, words.WHY_OPERATOR),
    (SETTLING, SETTLED, words.WHY_SETTLED),
]
BY_FREEZE = [
    (FROZEN, SETTLING, words.WHY_FREEZE_MAX),
    (SETTLING, SETTLED, words.WHY_SETTLED),
]
MINUTE = 60 * SECOND
SAMPLED = {"funding_sample_ns": MINUTE, "delisting_samples": 3}  # the clock starts at a second
ONCE = {"funding_sample_ns": DAY, "funding_sample_offset_ns": MINUTE}
BRIEF = {"source_stale_ns": MINUTE, "freeze_max_ns": 10 * MINUTE}
FREEZE, LONGEST = MINUTE + 1, 10 * MINUTE  # nanoseconds until it freezes, and from then on


def settled(desk: Desk) -> list[tuple]:
    """By an operator, out of trading."""
    change(desk, SUSPENDED)
    return change(desk, SETTLING)


# The delisting price.


def test_5_4_the_price_is_the_mean_of_the_last_index_values():
    desk = opened(**SAMPLED)
    wait(desk, 59 * SECOND)  # 100, the oldest of four
    desk.deal(A, B, 10, 100)
    desk.mark(103)
    wait(desk, MINUTE)
    desk.mark(110)
    wait(desk, MINUTE)
    change(desk, SUSPENDED)
    desk.mark(112)
    wait(desk, MINUTE)  # only the clock of samples goes on
    desk.mark(115)
    found = change(desk, SETTLING)
    # floor(325 / 3); A pays the 8 that B receives, ten times
    assert changes_of(found) == BY_OPERATOR
    assert of_kind(found, PRICED, CLOSED, LEG) == [
        (PRICED, 0, 108, 3, 115),
        (CLOSED, A, 10, 1_080),
        (LEG, A, 0, 0, 0, 0, 80, 1_000_080),
        (CLOSED, B, 10, 1_080),
        (LEG, B, 0, 0, 0, 0, -80, 1_000_000 - 80),
    ]
    assert kinds(found)[:2] == [events.STATE_CHANGED, PRICED]
    assert kinds(found)[-1] == events.STATE_CHANGED and not of_kind(found, events.MARK_PUBLISHED)
    market = desk.oracle.markets[1]
    assert (market.mark, market.open_interest()) == (108, 0)


@pytest.mark.parametrize(
    ("wanted", "price", "count"),
    [(1, 107, 1), (2, 105, 2), (5, 103, 3)],  # of 100, 104, 107
)
def test_5_4_as_many_values_as_the_specification_says_or_as_there_are(wanted, price, count):
    desk = opened(**SAMPLED | {"delisting_samples": wanted})
    wait(desk, 59 * SECOND)
    for index in (104, 107):
        desk.mark(index)
        wait(desk, MINUTE)
    assert of_kind(settled(desk), PRICED) == [(PRICED, 0, price, count, 107)]


def test_5_4_without_any_value_it_is_the_last_mark():
    desk = opened()
    desk.deal(A, B, 2, 100)
    desk.deal(A, B, 1, 101)
    desk.deal(B, C, 1, 99)
    desk.mark(120)
    # A paid 301 for 3; B sold 3 at 301, bought one back at 99 (100 of its entry) and holds -2
    found = settled(desk)
    assert of_kind(found, PRICED, CLOSED) == [
        (PRICED, 0, 120, 0, 120),
        (CLOSED, A, 3, 360),
        (CLOSED, B, 2, 240),
        (CLOSED, C, 1, 120),
    ]
    assert [desk.cash(account) - 1_000_000 for account in (A, B, C)] == [59, 1 - 39, -21]


def test_5_4_what_funding_is_owed_is_settled_first():
    tenth = 100_000_000
    rates = {name: tenth for name in ("funding_interest_ppb", "funding_clamp_ppb")}
    desk = opened(funding_cap_ppb=tenth, **rates)
    desk.deal(A, B, 3, 100)
    desk.now = 11_574 * DAY + HOURS_8
    desk.do(commands.AdvanceTime(time_ns=desk.now))  # 10 a lot
    found = settled(desk)
    assert of_kind(found, CLOSED, events.FUNDING_SETTLED, LEG) == [
        (CLOSED, A, 3, 300),
        (events.FUNDING_SETTLED, A, 30, 3, 10, 999_970),
        (LEG, A, 0, 0, 0, 0, 0, 999_970),
        (CLOSED, B, 3, 300),
        (events.FUNDING_SETTLED, B, -30, -3, 10, 1_000_030),
        (LEG, B, 0, 0, 0, 0, 0, 1_000_030),
    ]
    assert desk.oracle.markets[1].clearing == 0


# Orders.


def test_5_4_every_order_of_the_contract_is_cancelled_and_no_other():
    desk = Desk(contract(), contract(2))
    desk.open((A, 1_000_000), (B, 1_000_000))
    desk.mark(100, 100)
    # a pair, an iceberg, an armed stop, an entry half filled with its children; a quote of B
    desk.place(A, BUY, 6, 100)
    desk.place(B, SELL, 6, 100)
    first = desk.place(A, SELL, 5, 108)[0][1]
    desk.place(A, SELL, 4, 0, linked_id=first, trigger_ticks=90, **MARKET_STOP)
    desk.place(A, BUY, 9, 95, display_lots=2)
    desk.client(
        commands.PlaceBracket, A, contract=1, side=BUY, lots=8, price_ticks=99,
        stop_ticks=80, target_ticks=130, trigger_source=1,
    )  # fmt: skip
    desk.place(B, SELL, 3, 99)
    desk.place(A, BUY, 7, 95, 2)
    row = commands.Quote(1, 90, 1, 140, 2)
    desk.client(commands.MassQuote, B, protection=1, rows=(row,))
    reason = words.CANCEL_STATE
    assert ended(settled(desk)) == [
        (A, 5, reason),
        (A, 4, reason),
        (A, 9, reason),
        (A, 5, reason),  # what is left of the entry
        (A, 3, reason),  # its target, then its stop
        (A, 3, reason),
        (B, 1, reason),
        (B, 2, reason),
    ]
    assert [order.contract for order in desk.oracle.accounts[A].orders()] == [2]


def test_5_4_a_fired_order_that_waits_for_its_turn_goes_too():
    desk = Desk(contract(), triggers_max=1)
    desk.open((A, 1_000_000), (B, 1_000_000))
    desk.mark(100)
    for ticks in (97, 96):
        desk.place(A, SELL, ticks, 0, trigger_ticks=ticks, **MARKET_STOP)
    desk.mark(95)
    change(desk, SUSPENDED)
    assert ended(change(desk, SETTLING)) == [(A, 96, words.CANCEL_STATE)]


def test_5_4_an_expiry_ends_with_its_order():
    desk = opened()
    desk.place(A, BUY, 5, 95, tif=words.GTD, expiry_ns=desk.now + SECOND)
    settled(desk)
    assert kinds(wait(desk, SECOND)) == [events.TIME_ADVANCED]


# Who can't pay.


def short_of_money(**terms) -> tuple[Desk, list[tuple]]:
    """A long 10 against B, bought at 100 with a cash of 100. The one index value is 80."""
    config = {name: terms.pop(name) for name in list(terms) if name.startswith("fund_cash")}
    config |= {name: terms.pop(name) for name in list(terms) if name.startswith("fund_loss")}
    desk = Desk(contract(**SAMPLED | terms), **config)
    desk.open((A, 100), (B, 1_000_000))
    desk.mark(80)
    wait(desk, 59 * SECOND)
    desk.mark(100)
    desk.deal(A, B, 10, 100)
    return desk, settled(desk)


def test_5_4_who_falls_below_zero_goes_through_the_waterfall_first():
    desk, found = short_of_money()
    deal = events.POSITION_DELEVERAGED
    assert of_kind(found, events.LIQUIDATION_STARTED, deal, events.WATERFALL_CLOSED, CLOSED) == [
        (events.LIQUIDATION_STARTED, A, -100, 40),
        (deal, A, 10, 900, 100, B, 100),
        (events.WATERFALL_CLOSED, A, 100, 0, 100),
    ]
    assert changes_of(found) == [
        (SUSPENDED, SETTLING, words.WHY_OPERATOR),
        (SETTLING, DEFAULT, words.WHY_WATERFALL),
        (DEFAULT, SETTLING, words.WHY_WATERFALL_DONE),
        (SETTLING, SETTLED, words.WHY_SETTLED),
    ]
    assert (desk.cash(A), desk.cash(B)) == (0, 1_000_100)
    assert [record[1] for record in of_kind(found, events.LIQUIDATION_ENDED)] == [A]


def test_5_4_the_position_that_the_fund_took_settles_like_any():
    caps = {"fund_value_max": 10**9, "fund_share_ppb": 10**9}
    desk, found = short_of_money(fund_cash=1_000, fund_loss_step_max=35, **caps)
    # 10 a lot: the fund takes 3 of them, B gives up the rest
    taken, deal = events.POSITION_TAKEN_OVER, events.POSITION_DELEVERAGED
    assert of_kind(found, taken, deal, events.WATERFALL_CLOSED, CLOSED) == [
        (taken, A, 3, 270, 30),
        (deal, A, 7, 630, 70, B, 70),
        (events.WATERFALL_CLOSED, A, 100, 30, 70),
        (CLOSED, FUND, 3, 240),
        (CLOSED, B, 3, 240),
    ]
    assert (desk.cash(FUND), desk.cash(A), desk.cash(B)) == (970, 0, 1_000_130)


def ending_together(
    indices: tuple[int, ...], *accounts: tuple[int, int], terms: dict | None = None, **config
) -> Desk:
    """X and Y, contracts 1 and 2, at 100, each with one index value. Any other one is at 100 and
    stays open."""
    brief = ONCE | BRIEF | (terms or {})
    others = [contract(number) for number in range(3, len(indices) + 1)]
    desk = Desk(contract(1, **brief), contract(2, **brief), *others, **config)
    desk.open(*accounts)
    desk.mark(*indices)
    wait(desk, 59 * SECOND)
    desk.mark(*[100 for _ in indices])
    return desk


def the_end(desk: Desk) -> list[tuple]:
    wait(desk, FREEZE)
    return wait(desk, LONGEST)


def broken_hedge(**config) -> tuple[Desk, list[tuple]]:
    """A short 1 Y with cash 1; B long 1 Y and 1 X with cash 2; C short 1 X. Then they end, Y at
    112 and X at 90: A -11, B 4, C +10."""
    accounts = ((A, 1), (B, 2), (C, 100))
    desk = ending_together((90, 112), *accounts, terms=thin(), **config)
    desk.deal(B, A, 1, 100, 2)
    desk.deal(B, C, 1, 100)
    return desk, the_end(desk)


def test_9_8_gains_are_cut_for_a_delisting_price_too():
    desk, found = broken_hedge()
    # B would fall to 4 - 11; so 11 are cut from the net gains B 2 and C 10: 11 x 2 / 12 -> 1, 10
    layers = of_kind(
        found, PRICED, events.LIQUIDATION_STARTED, events.WITHDRAWALS_STOPPED, events.GAINS_CUT,
        events.DEFICIT_COVERED, events.POSITION_DELEVERAGED, events.WATERFALL_CLOSED, CLOSED,
    )  # fmt: skip
    assert layers == [
        (PRICED, 0, 90, 1, 100),
        (PRICED, 0, 112, 1, 100),
        (events.LIQUIDATION_STARTED, A, -11, 1),
        (events.WITHDRAWALS_STOPPED, 0, 11),
        (events.GAINS_CUT, B, 2, 1, 1),
        (events.GAINS_CUT, C, 10, 10, 90),
        (events.DEFICIT_COVERED, A, words.LAYER_HAIRCUT, 11, 12),
        (events.POSITION_DELEVERAGED, A, 1, 112, 0, B),
        (events.WATERFALL_CLOSED, A, 11, 0, 0, 0, 11),
        (CLOSED, B, 1, 90),
        (CLOSED, C, 1, 90),
    ]
    assert [desk.cash(account) for account in (A, B, C)] == [0, 2 - 10 + 12 - 1, 100]
    assert state_of(desk) == SETTLED


def test_9_8_the_house_pays_for_a_delisting_price_too():
    desk, found = broken_hedge(house_cash=100)
    assert of_kind(found, events.WATERFALL_CLOSED) == [
        (events.WATERFALL_CLOSED, A, 11, 0, 0, 11),
    ]
    assert [desk.cash(account) for account in (A, B, C)] == [0, 4, 110]
    assert desk.oracle.house == 89


# Contracts that end together.


def test_5_4_contracts_that_end_together_are_one_step():
    desk, found = broken_hedge()
    back = [(DEFAULT, SETTLING, words.WHY_WATERFALL_DONE)]
    assert changes_of(found) == [
        *BY_FREEZE[:1] * 2,
        *[(SETTLING, DEFAULT, words.WHY_WATERFALL)] * 2,
        *back * 2,
        *BY_FREEZE[1:] * 2,
    ]
    # orders and price of each, by id, before the step; positions and end of each behind it
    marks = [events.STATE_CHANGED, PRICED, CLOSED]
    assert [(r[-1], r[8]) for r in found if r[-1] in marks and DEFAULT not in r[1:3]] == [
        (events.STATE_CHANGED, 1),
        (PRICED, 1),
        (events.STATE_CHANGED, 2),
        (PRICED, 2),
        (CLOSED, 1),
        (CLOSED, 1),
        (events.STATE_CHANGED, 1),
        (events.STATE_CHANGED, 2),
    ]
    assert [desk.oracle.markets[number].mark for number in (1, 2)] == [90, 112]


def hedged(desk: Desk) -> Desk:
    """A long 10 X and short 10 Y, B the other side of both."""
    desk.deal(A, B, 10, 100)
    desk.deal(B, A, 10, 100, 2)
    return desk


def test_5_4_what_a_hedger_gains_in_one_pays_for_the_other():
    """X at 70 costs A 300 of its 200, Y at 80 brings 200."""
    desk = hedged(ending_together((70, 80), (A, 200), (B, 1_000_000)))
    found = the_end(desk)
    restruck, started = events.PROFIT_RESTRUCK, events.LIQUIDATION_STARTED
    assert of_kind(found, started, CLOSED, LEG, restruck) == [
        (CLOSED, A, 10, 700),
        (LEG, A, 0, 0, 0, 0, -300, -100),
        (restruck, A, 100, -900),
        (CLOSED, B, 10, 700),
        (LEG, B, 0, 0, 0, 0, 300, 1_000_300),
        (CLOSED, A, 10, 800),
        (LEG, A, 0, 0, 0, 0, 100, 100),
        (CLOSED, B, 10, 800),
        (LEG, B, 0, 0, 0, 0, -200, 1_000_100),
    ]


@pytest.mark.parametrize(("longest", "is_bankrupt"), [(0, False), (1, True), (-1, False)])
def test_5_4_together_is_the_same_instant_whenever_the_freezes_began(longest, is_bankrupt):
    """Y froze a minute later; it ends with X, or a nanosecond later or earlier."""
    brief = ONCE | BRIEF
    late = brief | {"freeze_max_ns": 9 * MINUTE + longest}
    desk = Desk(contract(1, **brief), contract(2, **late))
    desk.open((A, 200), (B, 1_000_000))
    desk.mark(70, 80)
    wait(desk, 59 * SECOND)
    desk.mark(100, 100)
    hedged(desk)
    desk.now += MINUTE
    desk.do(commands.PublishPrice(time_ns=desk.now, source=1, contract=2, price_ticks=100))
    found = wait(desk, LONGEST + MINUTE)
    assert len(of_kind(found, PRICED)) == 2
    started = of_kind(found, events.LIQUIDATION_STARTED)
    # alone X leaves it at 200 - 300, of maintenance 35 + 50
    assert started == [(events.LIQUIDATION_STARTED, A, -100, 85)] * is_bankrupt


# What the others hold elsewhere.


def test_5_4_nobody_is_called_who_just_loses_a_position():
    """A freeze kept the account from its liquidation; the end of the contract does not bring it."""
    desk = Desk(contract(1, **BRIEF), contract(2))
    desk.open((A, 210), (B, 1_000_000))
    desk.mark(100, 100)
    for number in (1, 2):
        desk.deal(A, B, 10, 100, number)
    wait(desk, FREEZE)
    # A at 10 of 50 + 40 loses Y with floor(10 x 40 / 90)
    desk.do(commands.PublishPrice(time_ns=desk.now, source=1, contract=2, price_ticks=80))
    found = wait(desk, LONGEST)
    called, over = events.MARGIN_CALLED, events.LIQUIDATION_ENDED
    assert of_kind(found, PRICED, events.LIQUIDATION_STARTED, called, CLOSED, over) == [
        (PRICED, 0, 100, 0, 100),
        (CLOSED, A, 10, 1_000),
        (CLOSED, B, 10, 1_000),
    ]
    assert desk.cash(A) == 6


@pytest.mark.parametrize(
    ("index", "started"),
    [
        (88, []),  # 85, of 44 + 50
        (85, []),  # 55, of 43 + 50, then of 50: above it, but not above the level of a call
        (83, [(events.LIQUIDATION_STARTED, A, 35, 50)]),
    ],
)
def test_5_4_who_lacks_maintenance_is_judged_by_what_is_left(index, started):
    """A long 10 X and 10 Y with a cash of 205; X is delisted."""
    desk = Desk(contract(1, **ONCE), contract(2))
    desk.open((A, 205), (B, 1_000_000))
    desk.mark(index, 100)
    wait(desk, 59 * SECOND)
    desk.mark(100, 100)
    for number in (1, 2):
        desk.deal(A, B, 10, 100, number)
    found = settled(desk)
    assert of_kind(found, events.LIQUIDATION_STARTED, events.MARGIN_CALLED) == started
    assert desk.position(A, 2) == ((0, 0) if started else (10, 1_000))
    if started:  # behind the settlement
        codes = kinds(found)
        end = codes.index(events.LIQUIDATION_STARTED)
        assert codes[end - 1] == events.STATE_CHANGED and CLOSED not in codes[end:]


def test_5_4_suspects_in_the_order_of_their_positions():
    """C leaves X with 35 and A leaves Y with 5; both have 10 Z, of maintenance 50."""
    desk = ending_together((83, 80, 100), (A, 205), (B, 1_000_000), (C, 205))
    for account, number in ((C, 1), (A, 2), (A, 3), (C, 3)):
        desk.deal(account, B, 10, 100, number)
    assert of_kind(the_end(desk), CLOSED, events.LIQUIDATION_STARTED) == [
        (CLOSED, B, 10, 830),
        (CLOSED, C, 10, 830),
        (CLOSED, A, 10, 800),
        (CLOSED, B, 10, 800),
        (events.LIQUIDATION_STARTED, C, 35, 50),
        (events.LIQUIDATION_STARTED, A, 5, 50),
    ]


def test_8_4_a_profit_elsewhere_is_restruck_to_pay():
    desk = Desk(contract(1, **SAMPLED), contract(2))
    desk.open((A, 190), (B, 1_000_000))
    desk.mark(80, 100)
    wait(desk, 59 * SECOND)
    desk.mark(100, 100)
    desk.deal(A, B, 10, 100, 2)
    desk.mark(100, 120)  # A's profit in Y: 200
    desk.deal(A, B, 10, 100)
    found = settled(desk)  # at 80: A loses 200, and has 190
    restruck = events.PROFIT_RESTRUCK
    assert of_kind(found, CLOSED, LEG, restruck) == [
        (CLOSED, A, 10, 800),
        (LEG, A, 0, 0, 0, 0, -200, -10),
        (restruck, A, 10, 1_010),
        (CLOSED, B, 10, 800),
        (LEG, B, 0, 0, 0, 0, 200, 1_000_200),
    ]
    assert desk.position(A, 2) == (10, 1_010) and desk.cash(A) == 0


# Out of a freeze, by an operator.


def test_5_4_an_operator_settles_what_froze_suspended():
    desk = opened(**BRIEF)
    desk.deal(A, B, 5, 100)
    change(desk, SUSPENDED)
    wait(desk, FREEZE)
    for state in (CONTINUOUS, AUCTION, SUSPENDED, HALTED, FROZEN, SETTLED):
        assert code_of(change(desk, state)) == refusals.STATE_CHANGE_INVALID
    found = change(desk, SETTLING)
    assert changes_of(found) == [(FROZEN, SETTLING, words.WHY_OPERATOR), BY_OPERATOR[1]]
    assert len(of_kind(found, CLOSED)) == 2
    assert kinds(wait(desk, LONGEST)) == [events.TIME_ADVANCED]


@pytest.mark.parametrize("state", [CONTINUOUS, AUCTION, HALTED])
def test_5_4_an_operator_settles_nothing_else_that_froze(state):
    desk = opened(**BRIEF | {"auction_ns": DAY})
    if state != CONTINUOUS:
        change(desk, state)
    wait(desk, FREEZE)
    assert code_of(change(desk, SETTLING)) == refusals.STATE_CHANGE_INVALID


def test_5_4_it_is_the_last_freeze_that_counts():
    desk = Desk(contract(**BRIEF))
    assert state_of(desk) == FROZEN  # it has never been anything else
    desk.now += 1
    desk.operator(commands.AdvanceTime)
    assert code_of(change(desk, SETTLING)) == refusals.STATE_CHANGE_INVALID
    desk.mark(100)
    change(desk, SUSPENDED)
    wait(desk, FREEZE)
    assert changes_of(desk.mark(100)) == [(FROZEN, SUSPENDED, words.WHY_FRESH_MARK)]
    change(desk, HALTED)
    wait(desk, FREEZE)
    assert code_of(change(desk, SETTLING)) == refusals.STATE_CHANGE_INVALID


# The longest freeze.


def test_5_4_a_contract_settles_when_it_was_frozen_for_too_long():
    desk = opened(**BRIEF)
    desk.deal(A, B, 5, 100)
    wait(desk, FREEZE)
    assert state_of(desk) == FROZEN
    assert kinds(wait(desk, LONGEST - 1)) == [events.TIME_ADVANCED]
    found = wait(desk, 1)
    assert changes_of(found) == BY_FREEZE and len(of_kind(found, CLOSED)) == 2


def test_5_4_one_jump_of_time_brings_all_of_it():
    desk = opened(**BRIEF)
    desk.place(A, BUY, 5, 95)
    found = wait(desk, DAY)
    assert changes_of(found) == [(CONTINUOUS, FROZEN, words.WHY_SOURCES), *BY_FREEZE]
    assert ended(found) == [(A, 5, words.CANCEL_STATE)]


def test_5_4_a_freeze_keeps_the_index_values():
    desk = opened(**SAMPLED | BRIEF)
    wait(desk, 59 * SECOND)
    desk.mark(110)
    wait(desk, FREEZE)  # another one on the way
    found = wait(desk, LONGEST)
    assert of_kind(found, PRICED) == [(PRICED, 0, 105, 2, 110)]


def test_5_4_a_price_in_time_reopens_and_the_next_freeze_starts_anew():
    desk = opened(**BRIEF)
    wait(desk, FREEZE)
    wait(desk, LONGEST - 1)
    assert changes_of(desk.mark(100)) == [(FROZEN, AUCTION, words.WHY_FRESH_MARK)]
    wait(desk, FREEZE)
    assert not changes_of(wait(desk, LONGEST - 1))
    desk.now += 1
    found = desk.mark(101)  # due at its very time: before the price
    assert changes_of(found) == BY_FREEZE
    assert kinds(found)[-1] == events.PRICE_RECEIVED


def test_5_4_before_its_first_mark_a_contract_is_frozen_without_an_end():
    desk = Desk(contract(sources=outside(1, 1), sources_healthy_min=2, **BRIEF))
    desk.mark(100)  # one source is not enough
    for _ in range(3):
        assert kinds(wait(desk, 7 * DAY)) == [events.TIME_ADVANCED]


# What is left of it.


def test_5_4_nothing_trades_in_a_settled_contract():
    desk = opened()
    gone = desk.place(A, BUY, 5, 95)[0][1]
    settled(desk)
    code = refusals.CONTRACT_SETTLED
    assert code_of(desk.place(A, BUY, 1, 100)) == code
    assert code_of(desk.place(A, BUY, 1, 0, order_type=words.MARKET, tif=words.IOC)) == code
    assert code_of(desk.place(A, SELL, 1, 0, trigger_ticks=90, **MARKET_STOP)) == code
    close = {"flags": words.CLOSE_POSITION, "order_type": words.MARKET, "tif": words.IOC}
    assert code_of(desk.place(A, SELL, 0, 0, **close)) == code
    found = desk.client(
        commands.PlaceBracket, A, contract=1, side=BUY, lots=1, price_ticks=99,
        stop_ticks=98, trigger_source=1,
    )  # fmt: skip
    assert code_of(found) == code
    row = commands.Quote(1, 90, 1, 110, 1)
    found = desk.client(commands.MassQuote, A, protection=1, rows=(row,))
    assert [record[2] for record in found if record[-1] == events.QUOTE_REFUSED] == [code] * 2
    # what is wrong with the order itself, or with the client, comes first
    assert code_of(desk.place(A, BUY, 0, 100)) == refusals.LOTS_NOT_POSITIVE
    assert code_of(desk.client(commands.CancelOrder, A, order_id=gone)) == refusals.ORDER_UNKNOWN
    assert of_kind(desk.client(commands.MassCancel, A, contract=1), events.MASS_CANCELLED)


def test_5_4_nothing_falls_due_in_a_settled_contract():
    desk = opened(**SAMPLED | BRIEF)
    settled(desk)
    assert kinds(wait(desk, 2 * DAY)) == [events.TIME_ADVANCED]
    assert state_of(desk) == SETTLED


def test_5_4_operators_still_reach_a_settled_contract():
    desk = opened()
    settled(desk)
    scope = {"scope": words.SCOPE_CONTRACT, "number": 1}
    found = desk.operator(commands.SetBand, contract=1, low_ticks=5, high_ticks=9)
    found += desk.operator(commands.StopTrading, **scope)
    # the state comes before the stop
    assert code_of(desk.place(A, BUY, 1, 100)) == refusals.CONTRACT_SETTLED
    found += desk.operator(commands.ReleaseTrading, **scope)
    assert kinds(found) == [
        events.BAND_SET,
        events.TRADING_STOPPED,
        events.TRADING_RELEASED,
    ]


def test_5_4_a_price_for_a_settled_contract_is_received_and_no_more():
    desk = Desk(contract(), contract(2))
    desk.open((A, 200), (B, 1_000_000))
    desk.mark(100, 100)
    settled(desk)
    before = desk.oracle.state()["contracts"][1]
    found = desk.mark(150, 110)
    assert [(record[-1], record[8]) for record in found] == [
        (events.PRICE_RECEIVED, 1),
        (events.PRICE_RECEIVED, 2),
        (events.INDEX_PUBLISHED, 2),
        (events.MARK_PUBLISHED, 2),
    ]
    assert desk.oracle.state()["contracts"][1] == before


@pytest.mark.parametrize("price", [-1, 0, 5_001])
def test_5_4_a_bad_price_for_a_settled_contract_refuses_nobodys(price):
    desk = Desk(contract(), contract(2, sources=outside(1, 1)))
    desk.mark(100, 100)
    settled(desk)

    def publish(source: int, good: int, **fields) -> list[tuple]:
        return desk.operator(
            commands.PublishPrice, source=source, contract=1, price_ticks=price,
            contract_2=2, price_ticks_2=good, **fields,
        )  # fmt: skip

    # it has no second source either
    found = publish(2, 104)
    assert of_kind(found, events.PRICE_RECEIVED) == [
        (events.PRICE_RECEIVED, 0, 2, price, desk.now),
        (events.PRICE_RECEIVED, 0, 2, 104, desk.now),
    ]
    assert desk.oracle.markets[2].mark == 102
    # those beside it are looked at as ever
    assert code_of(publish(3, 104)) == refusals.SOURCE_UNKNOWN
    assert code_of(publish(1, 0)) == refusals.SOURCE_PRICE_INVALID
    other = {"contract_3": 3, "price_ticks_3": 100}
    assert code_of(publish(1, 104, **other)) == refusals.CONTRACT_UNKNOWN


def test_5_4_a_price_for_a_settled_contract_counts_for_the_order_of_steps():
    desk = Desk(contract(), contract(2))
    desk.open((A, 110), (B, 1_000_000))
    desk.mark(100, 100)
    settled(desk)
    desk.deal(A, B, 10, 100, 2)
    fields = {"contract_2": 2, "price_ticks_2": 94, "contract_3": 1, "price_ticks_3": 100}
    found = desk.operator(
        commands.PublishPrice, source=1, contract=1, price_ticks=100, **fields
    )  # fmt: skip
    # A at 50, above its maintenance of 47 and below 1.2 times that; the second price for the
    # settled contract closes the step before
    assert kinds(found)[-2:] == [events.MARGIN_CALLED, events.PRICE_RECEIVED]


def test_8_3_money_is_free_when_the_contract_has_settled():
    desk = opened(accounts=((A, 1_000), (B, 1_000)))
    desk.deal(A, B, 10, 100)
    desk.place(A, SELL, 5, 105)
    change(desk, SUSPENDED)
    assert code_of(desk.client(commands.Withdraw, A, amount=1)) == (
        refusals.WITHDRAWAL_ABOVE_AVAILABLE
    )
    change(desk, SETTLING)
    assert of_kind(desk.client(commands.Withdraw, A, amount=1_000), events.WITHDRAWAL_RESERVED)
