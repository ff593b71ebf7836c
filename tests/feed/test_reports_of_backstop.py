"""Private reports of the backstop: each owner learns its own part of it, to the last unit."""

import pytest

from engine.feed import reports as kinds
from engine.feed.private import PrivateFeed
from engine.feed.reports import PositionTransferred
from engine.schema import commands
from engine.schema.bounds import NS_PER_SECOND
from engine.schema.vocabulary import BUY, FUND, REDUCE_ONLY, SELL, SOURCE_MARK
from tests.feed.test_private import Sums
from tests.rules.backstop_story import BackstopStory, long_ten
from tests.rules.story import PERCENT, A, B, C, D, named, only
from tests.rules.test_backstop import taken_over

Reports = list[kinds.Report]


def told(story: BackstopStory) -> Reports:
    """The reports of the whole story; what an owner adds up is what the account holds."""
    told = PrivateFeed().publish(story.events)
    for account in (FUND, A, B, C, D):
        if story.has(account):
            own = Sums(story.exchange.config.fund_cash if account == FUND else 0)
            for report in told:
                if report.account == account:
                    own.add(report)
            assert (own.cash, own.lots.get(1, 0)) == (story.cash(account), story.lots(account))
    return told


def of_kind(reports: Reports, kind: type, account: int) -> list:
    return [report for report in reports if isinstance(report, kind) and report.account == account]


def test_11_4_both_sides_of_a_provision_see_their_own_part():
    story = long_ten(takeover_penalty_ppb=PERCENT)
    story.provider(D, 10)
    story.price(940)
    reports = told(story)
    (capacity,) = of_kind(reports, kinds.CapacitySet, D)
    assert (capacity.contract, capacity.lots) == (1, 10)
    (debtor,) = of_kind(reports, PositionTransferred, A)
    (provider,) = of_kind(reports, PositionTransferred, D)
    for report in (debtor, provider):
        assert (report.cause, report.lots, report.value) == ("provision", 10, 9_306)
        assert (report.penalty, report.charge, report.given_up) == (94, 0, 0)
    assert (debtor.realised, provider.realised) == (-694, 0)


def test_11_4_the_fund_hears_of_its_slices_and_nobody_else_does():
    story = taken_over()
    story.order(C, BUY, 10, 935)
    story.go(60)
    reports = told(story)
    (accepted,) = of_kind(reports, kinds.OrderAccepted, FUND)
    assert (accepted.client_id, accepted.lots, accepted.flags) == (0, 3, REDUCE_ONLY)
    (filled,) = of_kind(reports, kinds.OrderFilled, FUND)
    assert (filled.lots, filled.lots_open, filled.position_lots) == (3, 0, 7)
    assert len(of_kind(reports, kinds.OrderFilled, C)) == 1


def test_11_4_a_clients_order_behind_a_slice_in_one_command_comes_to_rest():
    """The slice of 60 s takes C's bid first; then C's next order sells to D, and its rest rests."""
    story = taken_over()
    story.open(D, 10**6)
    story.order(C, BUY, 3, 935)
    story.order(D, BUY, 2, 930)
    story.now_ns += 50 * NS_PER_SECOND
    story.order(C, SELL, 5, 930)
    assert [event.values["lots"] for event in named(tuple(story.events), "trade")][-2:] == [3, 2]
    rested = of_kind(told(story), kinds.OrderRested, C)[-1]
    assert (rested.side, rested.price_ticks, rested.lots_open) == (SELL, 930, 3)


@pytest.mark.parametrize(("target_ticks", "left"), [(990, 3), (936, 2)])
def test_11_4_a_target_amended_behind_a_slice_that_filled_its_entry_is_in_motion(
    target_ticks, left
):
    """C's entry takes a lot of B's and rests; its other two meet the slice of 60 s, whose third lot
    D buys. In the same command C moves the target, which has grown to 3, once to where D bids."""
    story = taken_over()
    story.open(D, 10**6)
    story.order(B, SELL, 1, 941)
    entry = commands.PlaceBracket(
        time_ns=story.now_ns, account=C, client_id=story.client_id(), contract=1, side=BUY, lots=3,
        price_ticks=941, target_ticks=1_000, trigger_source=SOURCE_MARK,
    )  # fmt: skip
    target = named(story.submit(entry), "order_accepted")[1].values["order_id"]
    story.order(D, BUY, 2, 936)
    story.now_ns += 50 * NS_PER_SECOND
    events = story.amend(C, target, 3, target_ticks)
    assert only(events, "order_accepted", FUND)["lots"] == 3 and story.lots(C) == left
    rested = of_kind(told(story), kinds.OrderRested, C)[-1]
    assert (rested.side, rested.price_ticks, rested.lots_open) == (SELL, target_ticks, left)
