"""Assets of which nobody says a price any more (10.2, 10.3), worked out by hand."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.collateral_desk import (
    DEPOSITED,
    FAR,
    IMPAIRED,
    PRICED,
    RESERVED,
    SECOND,
    SET,
    asset,
    bring,
    coin,
    judge,
    opened,
    say,
    stablecoin,
    take,
    value,
)
from tests.oracle.desk import DAY, START, A, B, Desk, code_of, contract, of_kind

DEPEG, LICENCE, OPERATOR = words.IMPAIRED_DEPEG, words.IMPAIRED_LICENCE, words.IMPAIRED_OPERATOR
SILENT = words.IMPAIRED_SILENT
RECOVERED, STARTED = events.COLLATERAL_RECOVERED, events.LIQUIDATION_STARTED
TENTH = 100_000_000
HOUR = 3_600 * SECOND


def quiet(**terms) -> Desk:
    """A has 1,000 at 1, whose only source is fresh for ten seconds; rises are of 10%, an hour
    each."""
    desk = opened(stablecoin(stale_ns=10 * SECOND, **terms))
    bring(desk, A, 1_000)
    return desk


def silenced(**terms) -> Desk:
    desk = quiet(**terms)
    desk.wait(10 * SECOND + 1)
    return desk


def told(records: list[tuple]) -> list[tuple]:
    return of_kind(records, IMPAIRED, RECOVERED)


# How it begins and ends.


def test_10_2_an_asset_falls_silent_behind_its_last_fresh_instant():
    desk = quiet()
    assert told(desk.wait(10 * SECOND)) == []
    found = desk.wait(1)
    assert told(found) == [(IMPAIRED, 0, 1, SILENT, TENTH)]
    assert (value(desk), desk.oracle.assets[1].price) == (900, PPB)


def test_10_2_and_what_nobody_prices_counts_for_less_and_less():
    desk = silenced()
    found = desk.wait(9 * HOUR + 5)
    assert told(found) == [(IMPAIRED, 0, 1, 0, TENTH * k) for k in range(2, 11)]
    assert value(desk) == 0
    assert told(desk.wait(DAY)) == []


def test_10_2_it_ends_with_the_next_price_whatever_that_is():
    """What it was raised by then is said with the price."""
    desk = silenced()
    desk.wait(HOUR)
    found = say(desk, 990_000_000)
    assert of_kind(found, PRICED, IMPAIRED, RECOVERED) == [
        (PRICED, 0, 1, 1, 990_000_000, 990_000_000, 1, 2 * TENTH),
        (RECOVERED, 0, 1),
    ]
    assert value(desk) == 990
    assert told(desk.wait(10 * SECOND)) == []
    assert told(desk.wait(1)) == [(IMPAIRED, 0, 1, SILENT, TENTH)]  # and begins anew


def test_10_2_the_same_price_makes_a_step_when_the_raise_ends():
    desk = silenced()
    assert value(desk) == 900
    assert told(say(desk, PPB)) == [(RECOVERED, 0, 1)]
    assert value(desk) == 1_000


def test_10_2_every_price_that_is_heard_in_time_moves_the_instant():
    desk = quiet()
    for _ in range(3):
        assert told(desk.wait(6 * SECOND)) == []
        say(desk, PPB)
    assert told(desk.wait(10 * SECOND)) == []
    assert told(desk.wait(1)) == [(IMPAIRED, 0, 1, SILENT, TENTH)]


def test_10_2_it_is_silent_when_too_few_are_fresh():
    """Three sources, of which two must be: 1 and 3 are heard at 0 and 4 s, and 1 at 7 s: from 14 s
    on 1 alone is fresh. Two together end it, one of them heard at 15 s, the other at 16 s."""
    desk = opened(stablecoin(sources=3, sources_min=2, stale_ns=10 * SECOND), prices=())
    for seconds, source in ((0, 1), (4, 3), (7, 1)):
        desk.now = START + seconds * SECOND
        assert told(say(desk, PPB, source=source)) == []
    desk.now = START + 14 * SECOND
    assert told(desk.operator(commands.AdvanceTime)) == []
    assert told(desk.wait(1)) == [(IMPAIRED, 0, 1, SILENT, TENTH)]
    desk.now = START + 18 * SECOND  # 1 is too old as well
    assert told(say(desk, PPB, source=2)) == []
    assert told(say(desk, PPB, source=2)) == []  # once is once
    assert told(say(desk, PPB, source=3)) == [(RECOVERED, 0, 1)]


def test_10_2_an_asset_without_a_price_is_not_silent():
    desk = opened(stablecoin(sources=2, sources_min=2, stale_ns=10 * SECOND), prices=())
    say(desk, PPB)
    assert told(desk.wait(DAY)) == []
    say(desk, PPB, source=2)  # the first is too old
    assert told(desk.wait(DAY)) == []
    assert not desk.oracle.assets[1].is_impaired


# Beside other reasons.


@pytest.mark.parametrize(
    ("price", "expected"),
    [(980_000_000, [(RECOVERED, 0, 1)]), (979_999_999, [(IMPAIRED, 0, 1, DEPEG, 2 * TENTH)])],
)
def test_10_3_a_price_off_its_peg_takes_over(price, expected):
    """20% have gone by, and go on to rise at their times."""
    desk = silenced()
    desk.wait(HOUR)
    assert told(say(desk, price)) == expected
    is_off = price < 980_000_000
    assert told(say(desk, PPB)) == []  # which only an operator ends
    rise = [(IMPAIRED, 0, 1, 0, 3 * TENTH)] if is_off else [(IMPAIRED, 0, 1, SILENT, TENTH)]
    assert told(desk.wait(HOUR)) == rise


def test_10_3_a_depeg_outlasts_the_silence():
    desk = quiet()
    say(desk, 900_000_000)
    assert told(desk.wait(10 * SECOND + 1)) == []
    assert told(say(desk, PPB)) == []
    assert desk.oracle.assets[1].reason == DEPEG


def test_10_3_the_end_of_a_licence_takes_over():
    """The licence ends a second behind the silence: nothing counts for less by it."""
    desk = silenced(licensed_until_ns=START + 11 * SECOND)
    found = desk.wait(SECOND)
    assert told(found) == [(IMPAIRED, 0, 1, LICENCE, TENTH)]
    assert told(say(desk, PPB)) == []
    assert value(desk) == 900
    found = desk.wait(HOUR - SECOND)  # of the silence
    assert told(found) == [(IMPAIRED, 0, 1, 0, 2 * TENTH)]


def test_10_3_in_one_instant_a_licence_ends_first():
    desk = quiet(licensed_until_ns=START + 10 * SECOND + 1)
    assert told(desk.wait(10 * SECOND + 1)) == [(IMPAIRED, 0, 1, LICENCE, TENTH)]


def test_10_3_an_operator_takes_over():
    desk = silenced()
    assert of_kind(judge(desk, 1), SET, IMPAIRED) == [
        (SET, 0, 1, 1, FAR),
        (IMPAIRED, 0, 1, OPERATOR, TENTH),
    ]
    assert of_kind(judge(desk, 1), SET, IMPAIRED) == [(SET, 0, 1, 1, FAR)]
    assert told(say(desk, PPB)) == []
    assert of_kind(judge(desk, 0), SET, IMPAIRED, RECOVERED) == [(SET, 0, 1, 0, FAR)]
    assert value(desk) == 1_000


def test_10_3_what_an_operator_clears_is_impaired_anew_while_it_is_silent():
    """From the first step on. The licence comes first, then the peg."""
    desk = silenced()
    desk.wait(3 * HOUR)
    assert value(desk) == 600
    assert of_kind(judge(desk, 0), SET, IMPAIRED) == [
        (SET, 0, 1, 0, FAR),
        (IMPAIRED, 0, 1, SILENT, TENTH),
    ]
    assert value(desk) == 900
    assert told(judge(desk, 0, START)) == [(IMPAIRED, 0, 1, LICENCE, TENTH)]
    assert told(judge(desk, 0)) == [(IMPAIRED, 0, 1, SILENT, TENTH)]
    assert told(say(desk, 900_000_000)) == [(IMPAIRED, 0, 1, DEPEG, TENTH)]
    desk.wait(10 * SECOND + 1)
    assert told(judge(desk, 0)) == [(IMPAIRED, 0, 1, DEPEG, TENTH)]


# What it does.


def test_10_3_a_silent_asset_takes_no_deposits_and_can_be_taken_back():
    desk = silenced()
    assert code_of(bring(desk, B, 1)) == refusals.COLLATERAL_CLOSED
    assert of_kind(take(desk, A, 100), RESERVED) == [(RESERVED, A, 1, 100, desk.ids, 900, 810)]
    say(desk, PPB)
    assert of_kind(bring(desk, B, 1), DEPOSITED)


def test_9_1_it_liquidates_at_its_own_time():
    """100 lots have lost 400 at 96, and need 480. 600 are left, then 500, then 400."""
    desk = quiet()
    desk.operator(commands.Deposit, account=B, amount=10_000)
    desk.deal(A, B, 100, 100)
    assert not of_kind(desk.mark(96), events.MARGIN_CALLED)
    found = desk.wait(10 * SECOND + 1)
    assert of_kind(found, IMPAIRED, STARTED, events.MARGIN_CALLED) == [
        (IMPAIRED, 0, 1, SILENT, TENTH),
        (events.MARGIN_CALLED, A, 500, 480),
    ]
    found = desk.wait(HOUR)
    assert of_kind(found, IMPAIRED, STARTED) == [
        (IMPAIRED, 0, 1, 0, 2 * TENTH),
        (STARTED, A, 400, 480),
    ]


def test_9_1_a_recovery_clears_a_call():
    desk = quiet()
    desk.operator(commands.Deposit, account=B, amount=10_000)
    desk.deal(A, B, 100, 100)
    desk.mark(96)
    desk.wait(10 * SECOND + 1)
    assert desk.oracle.accounts[A].was_called
    say(desk, PPB)
    assert not desk.oracle.accounts[A].was_called


def test_2_6_silence_comes_behind_what_is_due_before_it():
    """A rise of the first and the silence of the second at one instant: kinds 13 and 14."""
    first = stablecoin(impaired_step_ns=10 * SECOND + 1)
    desk = opened(first, asset("Y", stale_ns=10 * SECOND), prices=(PPB, PPB))
    judge(desk, 1)
    found = desk.wait(10 * SECOND + 1)
    assert [record[1:4] for record in found if record[-1] == IMPAIRED] == [
        (1, 0, 2 * TENTH),
        (2, SILENT, TENTH),
    ]


def test_5_4_a_frozen_contract_does_not_keep_it_waiting():
    desk = opened(
        coin(stale_ns=20 * SECOND), contracts=(contract(source_stale_ns=10 * SECOND),)
    )
    found = desk.wait(20 * SECOND + 1)
    kinds = (events.STATE_CHANGED, IMPAIRED)
    assert [record[-1] for record in found if record[-1] in kinds] == list(kinds)


def test_10_2_prices_of_time_0_are_silent_when_the_clock_is_set():
    desk = Desk(contract(), collateral=(asset(stale_ns=10 * SECOND),))
    desk.now = 0
    say(desk, PPB)
    desk.now = 10 * SECOND
    assert told(desk.operator(commands.AdvanceTime)) == []
    desk = Desk(contract(), collateral=(asset(stale_ns=10 * SECOND),))
    desk.now = 0
    say(desk, PPB)
    desk.now = HOUR + 11 * SECOND
    assert told(desk.operator(commands.AdvanceTime)) == [
        (IMPAIRED, 0, 1, SILENT, TENTH),
        (IMPAIRED, 0, 1, 0, 2 * TENTH),
    ]
