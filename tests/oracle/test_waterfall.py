"""The waterfall and funding, worked out by hand from the rulebook (9.3, 9.6-9.8, 7.3)."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.contract import Tier
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
    slot,
    thin,
)

# The waterfall.


def test_16_f_only_the_contract_that_cost_it_is_charged():
    desk = Desk(contract(initial=6), contract(2, initial=6))
    desk.open((A, 12_000), (B, 1_000_000))
    desk.mark(1_000, 1_000)
    desk.deal(A, B, 100, 1_000)
    desk.deal(A, B, 100, 1_000, 2)
    found = desk.mark(600)
    # equity 12,000 - 40,000: the deficit of 28,000 goes with X, 280 a lot; Y goes at mark
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, A, 100, 60_000 + 28_000, 28_000, B, 28_000),
        (events.POSITION_DELEVERAGED, A, 100, 100_000, 0, B),
    ]
    assert of_kind(found, events.WATERFALL_CLOSED) == [
        (events.WATERFALL_CLOSED, A, 28_000, 0, 28_000),
    ]
    changes = of_kind(found, events.STATE_CHANGED)
    assert [record[2:5] for record in changes] == [
        (words.STATE_CONTINUOUS, words.STATE_DEFAULT, words.WHY_WATERFALL),
        (words.STATE_DEFAULT, words.STATE_CONTINUOUS, words.WHY_WATERFALL_DONE),
    ]
    assert desk.cash(A) == 0
    assert desk.cash(B) == 1_000_000 + 40_000 - 28_000


def test_16_q_the_counterparty_gives_no_more_than_the_deficit():
    tiers = (Tier(0, 5_000_000, 1_000_000),)
    desk = Desk(contract(tick_value=1_000, tiers=tiers))
    desk.open((A, 500), (B, 5_000))
    desk.mark(100)
    desk.deal(A, B, 1, 100)
    found = desk.mark(99)
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, A, 1, 99_500, 500, B, 500),
    ]
    assert desk.cash(A) == 0 and desk.cash(B) == 5_500


def broken_hedge(**config) -> tuple[Desk, list[tuple]]:
    """X is contract 1, Y contract 2, marks 100. A short 1 Y with cash 1; B long 1 Y and 1 X with
    cash 2; C short 1 X. Then Y 112 and X 90: A -11, B 4, C +10."""
    desk = Desk(contract(1, **thin()), contract(2, **thin()), **config)
    desk.open((A, 1), (B, 2), (C, 100))
    desk.mark(100, 100)
    desk.deal(B, A, 1, 100, 2)
    desk.deal(B, C, 1, 100)
    return desk, desk.mark(90, 112)


def test_16_r_gains_are_cut_when_nobody_can_be_deleveraged():
    desk, found = broken_hedge()
    # B would fall to 4 - 11; so 11 are cut from the net gains B 2 and C 10: 11 x 2 / 12 -> 1, 10
    layers = of_kind(
        found, events.WITHDRAWALS_STOPPED, events.GAINS_CUT, events.DEFICIT_COVERED,
        events.POSITION_DELEVERAGED, events.WATERFALL_CLOSED,
    )  # fmt: skip
    assert layers == [
        (events.WITHDRAWALS_STOPPED, 0, 11),
        (events.GAINS_CUT, B, 2, 1, 1),
        (events.GAINS_CUT, C, 10, 10, 90),
        (events.DEFICIT_COVERED, A, words.LAYER_HAIRCUT, 11, 12),
        (events.POSITION_DELEVERAGED, A, 1, 112, 0, B),
        (events.WATERFALL_CLOSED, A, 11, 0, 0, 0, 11),
    ]
    assert (desk.cash(A), desk.position(A, 2)) == (0, (0, 0))
    assert (desk.cash(B), desk.cash(C)) == (1 + 12, 90)
    withdrawal = commands.Withdraw(time_ns=desk.now, account=C, client_id=999, amount=1)
    assert code_of(desk.do(withdrawal)) == refusals.WITHDRAWALS_STOPPED
    release = commands.ReleaseWithdrawals(time_ns=desk.now)
    assert of_kind(desk.do(release), events.WITHDRAWALS_RELEASED)[0][2:] == (1,)
    assert code_of(desk.do(release)) == refusals.WITHDRAWALS_NOT_STOPPED


def test_16_s_the_fund_pays_before_house_and_haircut():
    desk, found = broken_hedge(fund_cash=1_000, house_cash=1_000)
    assert of_kind(found, events.DEFICIT_COVERED) == [
        (events.DEFICIT_COVERED, A, words.LAYER_FUND, 11, 12),
    ]
    assert of_kind(found, events.WATERFALL_CLOSED) == [
        (events.WATERFALL_CLOSED, A, 11, 11),
    ]
    assert not of_kind(found, events.GAINS_CUT, events.WITHDRAWALS_STOPPED)
    assert (desk.cash(FUND), desk.oracle.house) == (989, 1_000)


def test_9_8_the_house_pays_after_the_fund_and_its_caps():
    desk, found = broken_hedge(fund_cash=1_000, house_cash=1_000, fund_loss_step_max=4)
    assert of_kind(found, events.WATERFALL_CLOSED) == [
        (events.WATERFALL_CLOSED, A, 11, 4, 0, 7),
    ]
    assert (desk.cash(FUND), desk.oracle.house) == (996, 993)


def test_16_t_receivers_of_funding_give_it_up():
    tenth = 100_000_000
    desk = Desk(
        contract(**thin(funding_interest_ppb=tenth, funding_clamp_ppb=tenth, funding_cap_ppb=tenth))
    )
    desk.open((A, 2), (B, 50))
    desk.mark(100)
    desk.deal(A, B, 1, 100)
    due = 11_574 * DAY + HOURS_8
    found = desk.do(commands.AdvanceTime(time_ns=due))
    assert of_kind(found, events.FUNDING_PUBLISHED) == [
        (events.FUNDING_PUBLISHED, 0, tenth, 10, 0, 10, 0, due),
    ]
    assert not of_kind(found, events.FUNDING_LATE)
    assert of_kind(found, events.FUNDING_SETTLED) == [
        (events.FUNDING_SETTLED, A, 10, 1, 10, -8),
        (events.FUNDING_SETTLED, B, -10, -1, 10, 60),
    ]
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, A, 1, 108, 8, B, 8),
    ]
    assert (desk.cash(A), desk.cash(B)) == (0, 52)


def test_7_3_funding_settles_at_a_fill_and_when_withdrawing():
    tenth = 100_000_000
    desk = Desk(
        contract(funding_interest_ppb=tenth, funding_clamp_ppb=tenth, funding_cap_ppb=tenth)
    )
    desk.open((A, 1_000), (B, 1_000))
    desk.mark(100)
    desk.deal(A, B, 3, 100)
    desk.now = 11_574 * DAY + HOURS_8 + 2 * 10**9
    found = desk.do(commands.AdvanceTime(time_ns=desk.now))
    assert of_kind(found, events.FUNDING_LATE)[0][3:] == (2 * 10**9,)
    desk.place(B, BUY, 1, 100)
    found = desk.place(A, SELL, 1, 100)
    assert of_kind(found, events.FUNDING_SETTLED, events.LEG) == [
        (events.FUNDING_SETTLED, A, 30, 3, 10, 970),
        (events.LEG, A, slot(1, 2), 2, 200, 0, 0, 970),
        (events.FUNDING_SETTLED, B, -30, -3, 10, 1_030),
        (events.LEG, B, slot(2, 2), -2, -200, 0, 0, 1_030),
    ]
    # withdrawable: 970 - max(20, 20); one more is too much
    for amount, kind in ((951, events.REFUSED), (950, events.WITHDRAWAL_RESERVED)):
        desk.ids += 1
        command = commands.Withdraw(time_ns=desk.now, account=A, client_id=desk.ids, amount=amount)
        assert desk.do(command)[0][-1] == kind


def test_16_u_the_fund_is_in_the_base_of_the_haircut():
    capped = {"fund_value_max": 1_000, "fund_share_ppb": 10**9}
    desk = Desk(contract(**thin(**capped)), fund_cash=100, fund_loss_day_max=1)
    desk.open((A, 1), (B, 2))
    desk.mark(100)
    desk.deal(A, B, 1, 100)
    found = desk.mark(98)  # A at -1: the fund takes its long with a charge of 1, its whole cap
    assert of_kind(found, events.POSITION_TAKEN_OVER) == [
        (events.POSITION_TAKEN_OVER, A, 1, 99, 1),
    ]
    found = desk.mark(160)  # B at 2 - 60
    assert of_kind(found, events.POSITIONS_PAIRED) == [
        (events.POSITIONS_PAIRED, B, 1, 160, FUND),
    ]
    assert of_kind(found, events.GAINS_CUT) == [
        (events.GAINS_CUT, FUND, 62, 58, 100 + 61 - 58),
    ]
    assert of_kind(found, events.WATERFALL_CLOSED) == [
        (events.WATERFALL_CLOSED, B, 58, 0, 0, 0, 58),
    ]
    assert desk.cash(B) == 0


def test_9_8_the_fund_is_never_cut_below_zero():
    """It paid its whole equity in cash: no part of its gain is left to be cut."""
    held = {"fund_value_max": 1_000, "fund_share_ppb": 10**9}
    desk = Desk(contract(1, **thin(**held)), contract(2, **thin()), fund_cash=1)
    desk.open((A, 1), (B, 2), (C, 1))
    desk.mark(100, 100)
    desk.deal(B, A, 1, 100)
    desk.mark(101)  # A at 0: the fund takes the short at 101
    assert desk.position(FUND) == (-1, -101)
    desk.deal(B, C, 1, 100, 2)
    # X 90, Y 120: the fund gains 11 and stands at 12; B gains 20 - 11 and stands at 12; C at -19.
    # B can't give up 19, the fund pays its 12, and 7 are left for the gains: B's 9 alone
    found = desk.mark(90, 120)
    assert of_kind(found, events.DEFICIT_COVERED, events.GAINS_CUT, events.WATERFALL_CLOSED) == [
        (events.DEFICIT_COVERED, C, words.LAYER_FUND, 12, 13),
        (events.GAINS_CUT, B, 9, 7, 2 - 7),
        (events.DEFICIT_COVERED, C, words.LAYER_HAIRCUT, 7, 20),
        (events.WATERFALL_CLOSED, C, 19, 12, 0, 0, 7),
    ]
    assert desk.cash(FUND) == 0 and desk.position(FUND) == (0, 0)


def test_16_v_the_fund_itself_runs_through_the_waterfall():
    held = {"fund_value_max": 1_000, "fund_share_ppb": 10**9}
    desk = Desk(contract(**thin(**held)), fund_cash=12)
    desk.open((A, 3), (B, 100))
    desk.mark(100)
    desk.deal(A, B, 1, 100)
    found = desk.mark(97)  # A at 0: taken over at the mark
    assert of_kind(found, events.POSITION_TAKEN_OVER) == [
        (events.POSITION_TAKEN_OVER, A, 1, 97),
    ]
    found = desk.mark(50)  # the fund at 12 - 47
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, FUND, 1, 85, 35, B, 35),
    ]
    assert of_kind(found, events.WATERFALL_CLOSED) == [
        (events.WATERFALL_CLOSED, FUND, 35, 0, 35),
    ]
    assert desk.cash(FUND) == 0 and desk.cash(B) == 100 + 50 - 35


def test_16_w_each_step_of_a_command_has_its_own_base():
    desk = Desk(contract())
    desk.open((A, 5), (B, 5))
    desk.mark(23)
    desk.deal(B, A, 1, 23)
    found = desk.do(
        commands.PublishPrice(
            time_ns=desk.now,
            source=1,
            contract=1,
            price_ticks=31,
            contract_2=1,
            price_ticks_2=21,
        )
    )
    assert of_kind(found, events.POSITION_DELEVERAGED) == [
        (events.POSITION_DELEVERAGED, A, 1, 28, 3, B, 3),
    ]
    kinds = [record[-1] for record in found]
    closed = kinds.index(events.WATERFALL_CLOSED)
    assert events.MARK_PUBLISHED in kinds[:closed] and events.MARK_PUBLISHED in kinds[closed:]
    assert (desk.cash(A), desk.cash(B)) == (0, 10)


# Calls (9.2 a).


def called() -> Desk:
    """A long 10 at 100 with a cash of 110; at 94 it stands at 50, of 47 and a call below 57."""
    desk = Desk(contract())
    desk.open((A, 110), (B, 1_000_000))
    desk.mark(100)
    desk.deal(A, B, 10, 100)
    assert of_kind(desk.mark(94), events.MARGIN_CALLED) == [(events.MARGIN_CALLED, A, 50, 47)]
    return desk


@pytest.mark.parametrize(
    ("sold", "bought", "mark", "calls"),
    [
        (10, 5, 89, [(events.MARGIN_CALLED, A, 25, 23)]),  # flat in between
        (9, 4, 89, []),  # 5 lots as well, but never flat
        (15, 0, 99, []),  # through zero to 5 short: at 25 of 25
    ],
)
def test_9_2_a_call_ends_with_the_last_position(sold, bought, mark, calls):
    desk = called()
    desk.deal(B, A, sold, 94)
    if bought:
        desk.deal(A, B, bought, 94)
    assert of_kind(desk.mark(mark), events.MARGIN_CALLED, events.LIQUIDATION_STARTED) == calls


def test_9_2_a_call_ends_with_the_last_position_in_all_contracts():
    desk = Desk(contract(), contract(2))
    desk.open((A, 120), (B, 1_000_000))
    desk.mark(100, 100)
    desk.deal(A, B, 10, 100)
    desk.deal(A, B, 1, 100, 2)
    assert of_kind(desk.mark(94), events.MARGIN_CALLED)  # at 60, of 47 + 5
    account = desk.oracle.accounts[A]
    desk.deal(B, A, 10, 94)
    assert account.was_called
    desk.deal(B, A, 1, 100, 2)
    assert not account.was_called


@pytest.mark.parametrize("mark", [93, 80])
def test_9_2_a_call_ends_by_liquidation_and_waterfall_too(mark):
    """Closed by the backstop at 40, by the waterfall at -90; then it is called anew."""
    desk = called()
    ended = of_kind(desk.mark(mark), events.LIQUIDATION_ENDED)
    assert [record[1:3] for record in ended] == [(A, words.END_FLAT)]
    desk.mark(100)
    cash = 110 - desk.cash(A)
    desk.do(commands.Deposit(time_ns=desk.now, account=A, amount=cash))
    desk.deal(A, B, 10, 100)
    assert of_kind(desk.mark(94), events.MARGIN_CALLED) == [(events.MARGIN_CALLED, A, 50, 47)]
