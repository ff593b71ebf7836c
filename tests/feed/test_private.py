"""Private reports: dense, complete to the last unit, and nobody else's."""

import msgspec
import pytest

from engine.feed import reports as kinds
from engine.feed.private import PrivateFeed, ReportLog, ResumeError
from engine.feed.reports import OrderFilled, PositionTransferred, Report, TradingStopped
from engine.kernel import JIT
from engine.schema import vocabulary as words
from engine.schema.bounds import ACCOUNTS_MAX
from engine.schema.events import typed_event
from engine.schema.vocabulary import BUY, FUND
from engine.views import Valuer
from tests.feed.streams import Market, drive
from tests.oracle.workload import configs
from tests.rules.story import PERCENT, A, B, Story, contract

COUNT = 1_200 if JIT else 800
NAMES = sorted(configs())


class Sums:
    """What an account knows who only adds up his own reports."""

    def __init__(self, cash: int) -> None:
        self.sequence = 0
        self.cash = cash
        self.lots: dict[int, int] = {}
        self.entry: dict[int, int] = {}

    def add(self, report: Report) -> None:
        assert report.report_sequence == self.sequence + 1
        self.sequence += 1
        self.cash += report.cash_change
        if hasattr(report, "cash"):
            is_fund = report.account == FUND  # whose other changes have no balance beside them
            assert is_fund or self.cash == report.cash, report
        if isinstance(report, OrderFilled | PositionTransferred):
            signed = report.lots if report.side == BUY else -report.lots
            self.lots[report.contract] = self.lots.get(report.contract, 0) + signed
            assert self.lots[report.contract] == report.position_lots, report
        if hasattr(report, "entry_value"):
            self.entry[report.contract] = report.entry_value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [1, 2])
def test_reports_sum_up_to_position_and_cash_after_every_command(name, seed):
    market = Market(configs()[name])
    sums: dict[int, Sums] = {FUND: Sums(market.exchange.config.fund_cash)}
    for events in drive(market, seed, COUNT):
        sequences = {event[0] for event in events}  # a stray row is a command of its own
        for report in market.reports:
            assert report.engine_sequence in sequences
            sums.setdefault(report.account, Sums(0)).add(report)
        for view in Valuer(market.exchange.arena).accounts():
            own = sums[view["account"]]
            assert own.cash == view["cash"], view["account"]
            for position in view["positions"]:
                contract = position["contract"]
                assert own.lots.get(contract, 0) == position["lots"]
                assert own.entry.get(contract, 0) == position["entry_value"]


def test_the_streams_reach_what_is_summed():
    """What never happens is not tested by the equality above."""
    seen: set[type] = set()
    runs = [*((name, 3, COUNT) for name in NAMES), ("nothing_behind", 25, COUNT)]
    for name, seed, count in runs:
        market = Market(configs()[name])
        for _ in drive(market, seed, count):
            seen |= {type(report) for report in market.reports}
    wanted = {
        kinds.OrderFilled, kinds.OrderRested, kinds.OrderCancelled, kinds.OrderReduced,
        kinds.PositionTransferred, kinds.FundingSettled, kinds.ProfitRestruck, kinds.GainsCut,
        kinds.LiquidationFeePaid, kinds.LiquidationFeeReceived, kinds.DeficitCovered,
        kinds.DeficitPaid, kinds.CommandRefused, kinds.WaterfallClosed, kinds.LiquidationEnded,
        kinds.MassQuoted, kinds.QuoteRefused, kinds.ProtectionSet, kinds.ProtectionTripped,
        kinds.OrdersLinked, kinds.HeartbeatSet, kinds.SessionCancelled, kinds.TradingStopped,
        kinds.TradingReleased,
    }  # fmt: skip
    assert not JIT or wanted <= seen, wanted - seen


@pytest.mark.parametrize("name", NAMES)
def test_a_working_order_is_known_from_its_own_reports(name):
    """Accepted, rested, filled, reduced, amended, ended: its owner knows lots and place."""
    market = Market(configs()[name])
    open_lots: dict[int, int] = {}
    for _ in drive(market, 3, COUNT // 2):
        for report in market.reports:
            match report:
                case kinds.OrderAccepted():
                    open_lots[report.order_id] = report.lots
                case kinds.OrderFilled() if report.order_id:
                    open_lots[report.order_id] -= report.lots
                    assert open_lots[report.order_id] == report.lots_open
                    if report.lots_open == 0:
                        del open_lots[report.order_id]
                case kinds.OrderReduced():
                    open_lots[report.order_id] = report.lots_open
                case kinds.OrderAmended():
                    open_lots[report.order_id] = report.lots_open
                case kinds.OrderTriggered():
                    open_lots[report.order_id] = report.lots
                case kinds.OrderRested():
                    assert report.lots_open == open_lots[report.order_id]
                case kinds.OrderCancelled():
                    assert open_lots.pop(report.order_id) >= report.lots
        for number in market.contracts:
            market.must_equal_book(number)
    working = sum(view["orders"] for view in Valuer(market.exchange.arena).accounts())
    assert len(open_lots) == working


def test_9_7_no_report_names_another_account():
    for kind in vars(kinds).values():
        if isinstance(kind, type) and issubclass(kind, Report):
            fields = {field.name for field in msgspec.structs.fields(kind)}
            assert not any("counter" in name or "maker" in name for name in fields)
            assert [name for name in fields if "account" in name.split("_")[0]] in (
                ["account"],
                ["account", "account_kind"],
                ["account_kind", "account"],
            )


def logged(seed: int, count: int, reports_max: int) -> tuple[Market, ReportLog, list[Report]]:
    market, log = Market(configs()[NAMES[0]]), ReportLog(reports_max)
    told: list[Report] = []
    for _ in drive(market, seed, count):
        log.append(market.reports)
        told += market.reports
    return market, log, told


def test_4_6_a_margin_account_is_told_of_its_accounts_kill_switch():
    story = Story(contract(initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT))
    story.open(A, 1_000)
    story.open(B, 1_000)
    story.price(1_000)
    story.isolate(A)
    story.stop(words.SCOPE_ACCOUNT, A)
    told = [r.account for r in PrivateFeed().publish(story.events) if type(r) is TradingStopped]
    assert told == [A, ACCOUNTS_MAX + 1]


def test_drop_copy_equals_the_streams_of_its_accounts():
    _, log, told = logged(21, COUNT // 2, reports_max=10**6)
    accounts = (3, 5, 8)
    copied = log.drop_copy(accounts)
    assert [number for number, _ in copied] == list(range(1, len(copied) + 1))
    assert [report for _, report in copied] == [r for r in told if r.account in accounts]
    for account in accounts:
        own = log.drop_copy([account])
        assert [report for _, report in own] == [r for _, r in copied if r.account == account]
        assert all(number == report.report_sequence for number, report in own)
    for _, report in copied:
        assert any(report is other for other in told)


def test_drop_copy_resumes_from_any_sequence():
    _, log, _ = logged(22, 400, reports_max=10**6)
    accounts = range(2, 10)
    copied = log.drop_copy(accounts)
    for sequence in range(0, len(copied) + 2, 7):
        assert log.drop_copy(accounts, sequence) == copied[sequence:]


def test_a_log_that_has_dropped_reports_says_so():
    _, whole_log, told = logged(23, 400, reports_max=10**6)
    log = ReportLog(reports_max=100)
    log.append(told)
    accounts = (2, 3, 4)
    copied = whole_log.drop_copy(accounts)
    with pytest.raises(ResumeError) as caught:
        log.drop_copy(accounts)
    first = caught.value.sequence_first
    assert 1 < first <= len(copied) + 1
    assert log.drop_copy(accounts, first - 1) == copied[first - 1 :]
    with pytest.raises(ResumeError):
        log.drop_copy(accounts, first - 2)


def test_a_replay_gives_the_same_reports():
    market = Market(configs()[NAMES[0]])
    events, told = [], []
    for batch in drive(market, 24, 300):
        events += batch
        told += market.reports
    assert PrivateFeed().publish([typed_event(event) for event in events]) == told
