"""Collateral, worked out by hand: what it is worth (10.2), how it is impaired (10.3), and who may
bring it and take it back (8.3, 10.1)."""

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
    held,
    judge,
    opened,
    say,
    stablecoin,
    steps,
    take,
    value,
)
from tests.oracle.desk import (
    BUY,
    DAY,
    FUND,
    START,
    A,
    B,
    D,
    Desk,
    code_of,
    contract,
    of_kind,
)

M = 2**21  # the first margin account
DEPEG, LICENCE, OPERATOR = words.IMPAIRED_DEPEG, words.IMPAIRED_LICENCE, words.IMPAIRED_OPERATOR
SILENT = words.IMPAIRED_SILENT


# Value (10.2).


@pytest.mark.parametrize(
    ("quantity", "price", "terms", "expected"),
    [
        (1_000, PPB * 3 // 2, {"haircuts": steps(10)}, 1_350),
        (7, 333_333_333, {"haircuts": steps(10)}, 1),  # 2.33 is 2, of which 0.2 is 1
        (7, 333_333_333, {}, 2),
        (1_000, PPB * 6 // 5, {"haircuts": steps(10), "par_ppb": PPB}, 900),
        (1_000, PPB * 9 // 10, {"haircuts": steps(10), "par_ppb": PPB}, 810),
        (1_000, PPB, {"haircuts": steps(10, 20, 50, floors=(0, 500, 800))}, 450 + 240 + 100),
        (500, PPB, {"haircuts": steps(10, 20, floors=(0, 500))}, 450),
        (101, PPB, {"haircuts": steps(1, 1, floors=(0, 50))}, 49 + 50),  # each slice rounded
        (1_000, PPB, {"haircuts": steps(10), "account_value_max": 400}, 360),
        (1_000, PPB, {"haircuts": steps(50, 100, floors=(0, 600))}, 300),
        (3, 10**13, {"kind": words.ASSET_COIN, "par_ppb": 0, "haircuts": steps(60)}, 12_000),
        (1_000, 1, {}, 0),
    ],
)
def test_10_2_the_value_of_a_holding(quantity, price, terms, expected):
    desk = opened(asset(**terms), prices=(price,), fund_cash=10**6)
    assert of_kind(bring(desk, A, quantity), DEPOSITED) == [
        tuple(n for n in (DEPOSITED, A, 1, quantity, quantity, expected) if n)
    ]
    assert value(desk) == expected


def test_10_2_a_cap_of_the_asset_holds_when_prices_rise():
    """At 1.5 all is worth 1,500, the cap is 1,000: so a unit counts for 1. What B takes out makes
    room when it has been paid out, at A's next valuation."""
    desk = opened(asset(asset_value_max=1_000, haircuts=steps(10)))
    bring(desk, A, 600)
    bring(desk, B, 400)
    say(desk, PPB * 3 // 2)
    assert (value(desk), value(desk, B)) == (540, 360)
    take(desk, B, 200)
    assert (value(desk), value(desk, B)) == (540, 180)
    say(desk, PPB * 7 // 5)
    assert (value(desk), value(desk, B)) == (540, 180)
    desk.confirm(B)
    assert (value(desk), value(desk, B)) == (540, 180)
    say(desk, PPB * 3 // 2)
    assert (value(desk), value(desk, B)) == (675, 225)  # at 1,000 / 800
    say(desk, PPB // 2)
    assert (value(desk), value(desk, B)) == (270, 90)


def test_10_2_equity_counts_what_all_assets_are_worth():
    desk = opened(asset(), coin("Y"), prices=(PPB, 2 * PPB), fund_cash=10**6)
    bring(desk, A, 70)
    bring(desk, A, 100, 2)
    assert value(desk) == 70 + 80
    assert code_of(desk.place(A, BUY, 16, 100)) == refusals.MARGIN_INSUFFICIENT
    desk.deal(A, B, 15, 100)
    assert desk.position(A)[0] == 15


# Prices (6.1, 10.2).


def test_10_2_the_price_is_the_lower_median_of_the_fresh():
    """Three sources, of which two make a price; each is fresh for ten seconds. The raise is that
    of silence, until there are two again."""
    desk = opened(asset(sources=3, sources_min=2, stale_ns=10 * SECOND), prices=())
    tenth = 100_000_000
    expected = [  # seconds, source, price, the asset's price, fresh, raise
        (0, 1, 500, 0, 1, 0),
        (1, 2, 800, 500, 2, 0),
        (1, 3, 600, 600, 3, 0),
        (3, 1, 900, 800, 3, 0),
        (11, 1, 400, 600, 3, 0),  # 2 and 3 are ten seconds old
        (12, 1, 700, 600, 1, tenth),  # one alone makes none
        (13, 3, 650, 650, 2, tenth),
        (13, 2, 660, 660, 3, 0),
    ]
    for seconds, *told in expected:
        desk.now = START + seconds * SECOND
        found = say(desk, told[1], source=told[0])
        assert [list(r[1:7]) for r in found if r[-1] == PRICED] == [[1, *told]], seconds


@pytest.mark.parametrize(
    ("number", "source", "price", "code"),
    [
        (0, 0, 0, refusals.ASSET_UNKNOWN),
        (2, 1, PPB, refusals.ASSET_UNKNOWN),
        (1, 0, 0, refusals.SOURCE_UNKNOWN),
        (1, 2, 0, refusals.SOURCE_UNKNOWN),
        (1, 1, 0, refusals.PRICE_NOT_POSITIVE),
        (1, 1, -1, refusals.PRICE_NOT_POSITIVE),
        (1, 1, 2**45 + 1, refusals.PRICE_ABOVE_MAX),
        (1, 1, 2**45, refusals.OK),
    ],
)
def test_10_2_what_is_refused_of_a_price(number, source, price, code):
    found = say(opened(asset()), price, number, source)
    assert found[0][-1] == (events.REFUSED if code else PRICED)
    assert not code or code_of(found) == code


def test_10_2_without_assets_every_command_is_about_an_unknown_one():
    desk = opened(prices=())
    for found in (say(desk, PPB), judge(desk, 0), bring(desk, A, 1), take(desk, A, 1)):
        assert code_of(found) == refusals.ASSET_UNKNOWN
    assert code_of(bring(desk, FUND, 1)) == refusals.ACCOUNT_UNKNOWN


# In (10.1, 10.6).


def small_caps() -> Desk:
    """A has 500 of the first, at 1, whose issuer may have 800 in all; 200 of its second."""
    first = asset(issuer=7, asset_value_max=600, issuer_value_max=800, account_kinds=(0,))
    second = asset("Y", issuer=7, issuer_value_max=800)
    third = asset("Z", sources=2, sources_min=2, stale_ns=10 * SECOND)
    desk = opened(first, second, third, coin("C"), prices=(PPB, PPB), fund_cash=60, house_cash=40)
    desk.open((20, 0), kind=words.KIND_LIQUIDITY_PROVIDER)
    say(desk, PPB, 4)
    bring(desk, A, 500)
    bring(desk, A, 200, 2)
    return desk


@pytest.mark.parametrize(
    ("account", "number", "quantity", "code"),
    [
        (0, 9, 0, refusals.ACCOUNT_UNKNOWN),
        (FUND, 9, 0, refusals.ACCOUNT_UNKNOWN),
        (99, 9, 0, refusals.ACCOUNT_UNKNOWN),
        (M, 1, 1, refusals.ACCOUNT_UNKNOWN),  # D's margin account
        (20, 0, 0, refusals.ASSET_UNKNOWN),
        (20, 5, 0, refusals.ASSET_UNKNOWN),
        (20, 1, 0, refusals.ACCOUNT_KIND_INVALID),
        (20, 2, 1, refusals.OK),
        (A, 1, 0, refusals.AMOUNT_NOT_POSITIVE),
        (A, 1, -1, refusals.AMOUNT_NOT_POSITIVE),
        (A, 3, 2**59 + 1, refusals.AMOUNT_ABOVE_MAX),
        (A, 1, 2**59 - 499, refusals.AMOUNT_ABOVE_MAX),
        (A, 1, 2**59 - 500, refusals.COLLATERAL_CAP),
        (A, 3, 2**59, refusals.COLLATERAL_CLOSED),  # without a price
        (B, 1, 101, refusals.COLLATERAL_CAP),  # of the asset
        (B, 1, 100, refusals.OK),
        (B, 2, 101, refusals.COLLATERAL_CAP),  # of the issuer: 500 + 301
        (B, 2, 100, refusals.OK),
        (B, 4, 101, refusals.COLLATERAL_CAP),  # fund and house could lose no more than 100
        (B, 4, 100, refusals.OK),
    ],
)
def test_10_1_what_is_refused_of_a_deposit(account, number, quantity, code):
    desk = small_caps()
    desk.client(commands.IsolateContract, D, contract=1)
    found = bring(desk, account, quantity, number)
    assert found[0][-1] == (events.REFUSED if code else DEPOSITED)
    assert not code or code_of(found) == code


def test_10_1_what_was_converted_still_counts_against_the_most():
    desk = opened(asset(par_ppb=1), prices=(1,))
    bring(desk, A, 2**58)
    desk.oracle.assets[1].converted += 2**58  # as if others had lost it
    desk.oracle.assets[1].deposits += 2**58
    assert code_of(bring(desk, B, 1)) == refusals.AMOUNT_ABOVE_MAX


def test_10_1_stale_prices_take_no_deposits():
    desk = opened(asset(sources=2, sources_min=2, stale_ns=10 * SECOND), prices=())
    say(desk, PPB)
    assert code_of(bring(desk, A, 1)) == refusals.COLLATERAL_CLOSED
    say(desk, PPB, source=2)
    assert of_kind(bring(desk, A, 1), DEPOSITED)
    desk.wait(10 * SECOND)
    assert of_kind(bring(desk, A, 1), DEPOSITED)
    say(desk, PPB)
    desk.wait(1)
    assert code_of(bring(desk, A, 1)) == refusals.COLLATERAL_CLOSED
    assert of_kind(take(desk, A, 2), RESERVED)


def test_9_8_coins_are_taken_within_what_fund_and_house_can_lose():
    """Of the first coin half can go, of the second all: 100 + 50 of 150, less when it falls."""
    first = coin(stress_ppb=PPB // 2)
    desk = opened(first, coin("Y"), prices=(PPB, PPB), fund_cash=100, house_cash=50)
    bring(desk, A, 201)  # 100.5 is 101
    bring(desk, A, 40, 2)
    assert code_of(bring(desk, A, 10, 2)) == refusals.COLLATERAL_CAP
    assert of_kind(bring(desk, A, 9, 2), DEPOSITED)
    assert of_kind(bring(desk, A, 1), DEPOSITED)  # 101
    assert code_of(bring(desk, A, 1)) == refusals.COLLATERAL_CAP  # 101.5
    say(desk, PPB // 2)  # 50.5 + 49
    assert of_kind(bring(desk, A, 50, 2), DEPOSITED)
    assert code_of(bring(desk, B, 1, 2)) == refusals.COLLATERAL_CAP


def test_10_2_within_the_cap_a_deposit_takes_nothing_from_others():
    """Eleven units at 0.6 are worth 6.6. Rounded down that is 6, the cap, but a unit would count
    for 6 / 11 then, and ten of them for 5."""
    desk = opened(asset(asset_value_max=6), prices=(600_000_000,))
    bring(desk, A, 10)
    assert value(desk) == 6
    assert code_of(bring(desk, B, 1)) == refusals.COLLATERAL_CAP
    take(desk, A, 1)
    bring(desk, B, 1)
    assert (value(desk), value(desk, B)) == (5, 0)


# Out (8.3).


def invested() -> Desk:
    """A: cash 100, and 100 units that count for 90; long 10 at 100."""
    desk = opened(asset(haircuts=steps(10)), asset("Y"), prices=(PPB, PPB))
    bring(desk, A, 100)
    desk.operator(commands.Deposit, account=A, amount=100)
    desk.deal(A, B, 10, 100)
    return desk


@pytest.mark.parametrize(
    ("number", "quantity", "code"),
    [
        (0, 0, refusals.ASSET_UNKNOWN),
        (3, 0, refusals.ASSET_UNKNOWN),
        (1, 0, refusals.AMOUNT_NOT_POSITIVE),
        (1, -1, refusals.AMOUNT_NOT_POSITIVE),
        (1, 2**59 + 1, refusals.AMOUNT_ABOVE_MAX),
        (2, 2**59, refusals.COLLATERAL_INSUFFICIENT),
        (2, 1, refusals.COLLATERAL_INSUFFICIENT),
        (1, 101, refusals.COLLATERAL_INSUFFICIENT),
        (1, 91, refusals.WITHDRAWAL_ABOVE_AVAILABLE),
        (1, 90, refusals.OK),
    ],
)
def test_8_3_what_is_refused_of_a_withdrawal(number, quantity, code):
    """At 99 it needs 99 and has 90 without the units: ten have to stay, of which one is cut."""
    desk = invested()
    desk.mark(99)
    found = take(desk, A, quantity, number)
    if code:
        assert code_of(found) == code
    else:
        assert of_kind(found, RESERVED) == [(RESERVED, A, 1, 90, desk.ids, 10, 9)]


def test_8_3_a_withdrawal_of_cash_counts_what_stands_beside_it():
    """190 less 100."""
    desk = invested()
    found = desk.client(commands.Withdraw, A, amount=91)
    assert code_of(found) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    assert of_kind(desk.client(commands.Withdraw, A, amount=90), events.WITHDRAWAL_RESERVED)


def test_8_3_no_withdrawal_in_liquidation_while_stopped_or_without_a_market():
    desk = invested()
    account = desk.oracle.accounts[A]
    desk.oracle.withdrawals_stopped = True
    assert code_of(take(desk, A, 101)) == refusals.WITHDRAWALS_STOPPED
    account.in_liquidation = True
    found = desk.oracle.apply(
        commands.WithdrawCollateral(time_ns=desk.now, account=A, client_id=900, asset=0, quantity=0)
    )
    assert code_of(found) == refusals.ACCOUNT_IN_LIQUIDATION
    account.leave_liquidation()
    account.client_id_highest, desk.oracle.withdrawals_stopped = 0, False
    account.client_ids.clear()
    desk.operator(commands.ChangeState, contract=1, state=words.STATE_HALTED)
    assert code_of(take(desk, A, 1)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    bring(desk, D, 5)
    assert of_kind(take(desk, D, 5), RESERVED) == [(RESERVED, D, 1, 5, desk.ids)]
    assert held(desk, D) == {}


def test_8_3_what_is_impaired_can_be_taken_back():
    desk = opened(stablecoin())
    bring(desk, A, 10)
    judge(desk, 1)
    assert code_of(bring(desk, A, 1)) == refusals.COLLATERAL_CLOSED
    assert of_kind(take(desk, A, 4), RESERVED) == [(RESERVED, A, 1, 4, desk.ids, 6, 5)]


# Impairment (10.3).


def test_10_3_a_depeg_is_more_than_its_share_by_however_little():
    """2% of this par are 20,000,000.5."""
    desk = opened(stablecoin(par_ppb=PPB + 25))
    assert not of_kind(say(desk, 980_000_025), IMPAIRED)
    assert of_kind(say(desk, 980_000_024), IMPAIRED)


def test_10_3_a_depeg_raises_the_haircut_step_by_step_until_it_is_cured():
    """98% of par is still the peg."""
    desk = opened(stablecoin(haircuts=steps(5)))
    bring(desk, A, 1_000)
    assert not of_kind(say(desk, 980_000_000), IMPAIRED)
    assert value(desk) == 931
    found = say(desk, 970_000_000)
    assert of_kind(found, PRICED, IMPAIRED) == [
        (PRICED, 0, 1, 1, 970_000_000, 970_000_000, 1),
        (IMPAIRED, 0, 1, DEPEG, 100_000_000),
    ]
    assert value(desk) == 970 - 146  # 15% of 970 is 145.5
    for raised, left in ((200_000_000, 727), (300_000_000, 630)):
        found = desk.wait(3_600 * SECOND)
        assert of_kind(found, IMPAIRED) == [(IMPAIRED, 0, 1, 0, raised)]
        assert value(desk) == left  # 242.5 and 339.5 of 970
    assert not of_kind(say(desk, 960_000_000), IMPAIRED)
    assert of_kind(judge(desk, 0), SET, IMPAIRED) == [
        (SET, 0, 1, 0, FAR),
        (IMPAIRED, 0, 1, DEPEG, 100_000_000),
    ]
    say(desk, PPB)
    assert value(desk) == 850
    assert of_kind(judge(desk, 0), SET, IMPAIRED) == [(SET, 0, 1, 0, FAR)]
    assert value(desk) == 950
    assert not of_kind(desk.wait(7_200 * SECOND), IMPAIRED)


def test_10_3_the_haircut_rises_to_all_of_it_and_no_further():
    desk = opened(stablecoin(impaired_haircut_ppb=400_000_000))
    bring(desk, A, 1_000)
    assert of_kind(judge(desk, 1), SET, IMPAIRED) == [
        (SET, 0, 1, 1, FAR),
        (IMPAIRED, 0, 1, OPERATOR, 400_000_000),
    ]
    assert not of_kind(judge(desk, 1), IMPAIRED)
    found = desk.wait(3 * 3_600 * SECOND)
    assert of_kind(found, IMPAIRED) == [
        (IMPAIRED, 0, 1, 0, 800_000_000),
        (IMPAIRED, 0, 1, 0, PPB),
    ]
    assert value(desk) == 0


def test_10_3_what_is_gone_at_once_does_not_rise():
    desk = opened(stablecoin(impaired_haircut_ppb=PPB))
    judge(desk, 1)
    assert not of_kind(desk.wait(DAY), IMPAIRED)


def test_10_3_the_end_of_a_licence():
    """It is due work; what is impaired already is not impaired anew."""
    desk = opened(stablecoin(licensed_until_ns=START + 5), stablecoin(symbol="Y"), prices=())
    found = desk.wait(5)
    assert of_kind(found, IMPAIRED) == [(IMPAIRED, 0, 1, LICENCE, 100_000_000)]
    assert of_kind(judge(desk, 0, desk.now), SET, IMPAIRED)[1:] == [
        (IMPAIRED, 0, 1, LICENCE, 100_000_000)
    ]
    judge(desk, 0, desk.now + 5)
    assert not desk.oracle.assets[1].is_impaired
    assert of_kind(judge(desk, 1, desk.now + 9, 2), IMPAIRED)[0][3] == OPERATOR
    found = desk.wait(9)
    assert of_kind(found, IMPAIRED) == [(IMPAIRED, 0, 1, LICENCE, 100_000_000)]
    judge(desk, 0, FAR)
    assert of_kind(judge(desk, 1, START), IMPAIRED)[0][3] == OPERATOR
    say(desk, 900_000_000)
    assert of_kind(judge(desk, 0, START), IMPAIRED)[0][3] == LICENCE  # both; the licence is first


@pytest.mark.parametrize(("until", "is_impaired"), [(START - 1, 1), (START, 1), (START + 1, 0)])
def test_10_3_what_ended_before_the_first_command_is_impaired_without_a_word(until, is_impaired):
    desk = Desk(contract(), collateral=(stablecoin(licensed_until_ns=until),))
    found = desk.operator(commands.AdvanceTime)
    assert [record[-1] for record in found] == [events.TIME_ADVANCED]
    assert desk.oracle.assets[1].is_impaired == is_impaired
    desk.now += 3_600 * SECOND
    found = of_kind(desk.operator(commands.AdvanceTime), IMPAIRED)
    first = (IMPAIRED, 0, 1, 0, 200_000_000) if is_impaired else None
    assert found == [first or (IMPAIRED, 0, 1, LICENCE, 100_000_000)]


def test_10_3_what_came_in_at_time_0_is_valued_when_the_clock_is_set():
    """The licence of the first ends with the first clock, that of the second behind it; the third
    and the fourth have ended, but of the third an operator has said so before: its own rises go on
    from then. All fall silent in a day, by which the second is impaired until its licence ends."""
    ends = (START, START + 1, START - DAY, START - DAY)
    stables = [
        stablecoin(symbol=f"S{n}", licensed_until_ns=until, impaired_haircut_ppb=400_000_000)
        for n, until in enumerate(ends)
    ]
    desk = Desk(contract(), collateral=tuple(stables))
    desk.now = 0
    desk.open((A, 0), (B, 0))
    for number in range(1, 5):
        say(desk, PPB, number)
        bring(desk, A, 10**number, number)
    bring(desk, B, 50)
    judge(desk, 1, START - DAY, 3)
    assert (value(desk), value(desk, B)) == (10 + 100 + 600 + 10_000, 50)
    desk.now = START
    found = desk.operator(commands.AdvanceTime)
    assert [record[1:4] for record in found if record[-1] == IMPAIRED] == [
        (3, 0, 800_000_000),
        (3, 0, PPB),
        (2, SILENT, 400_000_000),
        (2, 0, 800_000_000),
        (2, 0, PPB),
    ]
    assert (value(desk), value(desk, B)) == (6 + 0 + 0 + 6_000, 30)
    found = desk.wait(3_600 * SECOND)
    assert of_kind(found, IMPAIRED) == [
        (IMPAIRED, 0, 2, LICENCE, PPB),
        (IMPAIRED, 0, 1, 0, 800_000_000),
        (IMPAIRED, 0, 4, 0, 800_000_000),
    ]


@pytest.mark.parametrize(
    ("number", "impaired", "until", "code"),
    [
        (0, 2, -1, refusals.ASSET_UNKNOWN),
        (3, 0, FAR, refusals.ASSET_UNKNOWN),
        (1, 2, FAR, refusals.COLLATERAL_INVALID),
        (1, -1, FAR, refusals.COLLATERAL_INVALID),
        (1, 0, -1, refusals.COLLATERAL_INVALID),
        (1, 0, 2**62 + 1, refusals.COLLATERAL_INVALID),
        (1, 0, 0, refusals.COLLATERAL_INVALID),  # a stablecoin needs a licence
        (1, 0, 2**62, refusals.OK),
        (2, 0, 0, refusals.OK),
    ],
)
def test_10_3_what_is_refused_of_a_setting(number, impaired, until, code):
    found = judge(opened(stablecoin(), asset("Y")), impaired, until, number)
    assert found[0][-1] == (events.REFUSED if code else SET)
    assert not code or code_of(found) == code


def test_10_3_an_asset_without_a_price_has_not_lost_its_peg():
    desk = opened(stablecoin(sources=2, sources_min=2), prices=())
    assert not of_kind(say(desk, PPB), IMPAIRED)
    assert not of_kind(judge(desk, 0), IMPAIRED)
    assert of_kind(say(desk, 900_000_000, source=2), IMPAIRED)  # 0.9 is the lower median
