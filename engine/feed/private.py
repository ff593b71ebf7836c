"""Private feeds: execution reports per account, and the drop copy of a set of accounts."""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, NamedTuple

from engine.feed.follower import (
    AUCTION,
    Change,
    Events,
    OrderFollower,
    Rested,
    Terms,
    WorkingOrder,
    events_by_command,
)
from engine.feed.reports import (
    REPEATED,
    DeficitPaid,
    LiquidationFeeReceived,
    MarginAccountOpened,
    MarginReceived,
    OrderAccepted,
    OrderExpired,
    OrderFilled,
    OrderRested,
    PositionTransferred,
    Report,
    TradingReleased,
    TradingStopped,
)
from engine.schema import vocabulary as words
from engine.schema.commands import CLIENT_LAST
from engine.schema.events import Event

HEADER = len(Report.__struct_fields__)


class _Cause(NamedTuple):
    """What the next two legs are the two sides of: a trade or a transfer; a settlement has one.

    The aggressor's, the buyer's (auction) or the liquidated account's leg comes first.
    """

    event: Event
    orders: tuple[WorkingOrder | None, WorkingOrder | None] = (None, None)


class PrivateFeed:
    """Turns events into reports, each with the dense sequence of its account. It must see all
    events from the first on, in whole commands, and then gives the same reports in a replay."""

    def __init__(self) -> None:
        self._follower = OrderFollower()
        self._sequences: dict[int, int] = {}  # reports given so far, by account
        self._groups = {words.FUND: 0}  # of the open accounts
        self._parents: dict[int, int] = {}  # of margin accounts: whose they are
        self._positions: dict[tuple[int, int], int] = {}  # signed lots by account and contract
        self._causes: list[_Cause] = []  # one for each leg that is still to come
        self._refills: list[Rested] = []  # behind the fill that is being told
        self._engine_sequence = 0
        self._reports: list[Report] = []

    def publish(self, events: Events) -> list[Report]:
        """The reports of these events, of all accounts, in the order of the events."""
        self._reports = []
        for sequence, command in events_by_command(events):
            self._engine_sequence = sequence
            for event in command:
                self._note_cause(event)
                is_refill = event.name == "order_refilled" and bool(self._causes)
                for change in self._follower.follow(event):
                    if is_refill and isinstance(change, Rested):
                        self._refills.append(change)  # its owner hears of the fill first
                    else:
                        self._tell_change(change)
                self._tell(event)
                if self._refills and not self._causes:
                    self._tell_change(self._refills.pop())
            for change in self._follower.end_command():
                self._tell_change(change)
        return self._reports

    def _report(self, kind: type[Report], account: int, contract: int, *values: Any) -> None:
        sequence = self._sequences.get(account, 0) + 1
        self._sequences[account] = sequence
        header = (account, sequence, self._engine_sequence, contract)
        self._reports.append(kind(*header, *values))

    def _note_cause(self, event: Event) -> None:
        """A trade's orders are looked up before the follower lets go of what is filled."""
        if event.name == "trade":
            find = self._follower.orders.get
            values = event.values
            orders = (find(values["taker_order_id"]), find(values["maker_order_id"]))
            self._causes = [_Cause(event, orders)] * 2
        elif event.name in PositionTransferred.causes:
            legs = 1 if event.name == "position_settled" else 2
            self._causes = [_Cause(event)] * legs

    def _tell(self, event: Event) -> None:
        special = SPECIAL.get(event.name)
        if special is not None:
            special(self, event)
        elif event.name in REPEATED:
            self._repeat(REPEATED[event.name], event)

    def _repeat(self, kind: type[Report], event: Event) -> None:
        values = [event.values[field] for field in kind.__struct_fields__[HEADER:]]
        self._report(kind, event.account, event.contract, *values)

    def _tell_change(self, change: Change) -> None:
        """Executions and cuts have events of their own; that an order rests has not."""
        if isinstance(change, Rested):
            order = change.order
            self._report(
                OrderRested, order.account, order.contract, order.order_id, order.client_id,
                change.public_id, order.side, order.price_ticks, change.lots, order.lots_open,
            )  # fmt: skip

    # Events whose report is not the event itself.

    def _on_refused(self, event: Event) -> None:
        """To open accounts and for their own commands; else there is no one to tell."""
        is_client = 0 < event.values["command"] <= CLIENT_LAST
        if is_client and event.account in self._groups and event.account != words.FUND:
            self._repeat(REPEATED["refused"], event)

    def _on_account_opened(self, event: Event) -> None:
        self._groups[event.account] = event.values["group"]
        self._repeat(REPEATED["account_opened"], event)

    def _on_deposited(self, event: Event) -> None:
        if event.account != 0:  # the house layer is no account
            self._repeat(REPEATED["deposited"], event)

    def _on_contract_isolated(self, event: Event) -> None:
        self._repeat(REPEATED["contract_isolated"], event)
        margin_account = event.values["margin_account"]
        if margin_account not in self._groups:  # the first time
            self._groups[margin_account] = self._groups[event.account]
            self._parents[margin_account] = event.account
            self._report(MarginAccountOpened, margin_account, event.contract, event.account)

    def _on_contract_joined(self, event: Event) -> None:
        values = event.values
        self._repeat(REPEATED["contract_joined"], event)
        self._report(
            MarginReceived, values["margin_account"], event.contract, -values["amount"], 0
        )

    def _on_margin_moved(self, event: Event) -> None:
        values = event.values
        self._repeat(REPEATED["margin_moved"], event)
        self._report(
            MarginReceived, values["margin_account"], event.contract,
            values["amount"], values["cash_margin"],
        )  # fmt: skip

    def _on_order_accepted(self, event: Event) -> None:
        values, terms = event.values, Terms.unpack(event.values["terms"])
        self._report(
            OrderAccepted, event.account, event.contract, values["order_id"], values["client_id"],
            values["side"], values["price_ticks"], values["lots"],
            terms.order_type, terms.tif, terms.flags, terms.stp,
        )  # fmt: skip

    def _on_order_cancelled(self, event: Event) -> None:
        is_expiry = event.values["reason"] == words.CANCEL_EXPIRY
        self._repeat(OrderExpired if is_expiry else REPEATED["order_cancelled"], event)

    def _on_leg(self, event: Event) -> None:
        """One side of the present cause. What it did to the position is the difference."""
        place = event.account, event.contract
        before = self._positions.get(place, 0)
        after = self._positions[place] = event.values["position_lots"]
        side = words.BUY if after > before else words.SELL
        cause = self._causes.pop()
        is_first = len(self._causes) == 1
        assert abs(after - before) == cause.event.values["lots"], (event, cause)
        if cause.event.name == "trade":
            self._tell_fill(event, cause, side, is_first)
        else:
            self._tell_transfer(event, cause.event, side, is_first)

    def _tell_fill(self, leg: Event, cause: _Cause, side: int, is_first: bool) -> None:
        values, trade = leg.values, cause.event.values
        order = cause.orders[0 if is_first else 1]
        assert values["order_id"] == (order.order_id if order else 0), (leg, cause)
        taker_side = trade["taker_side"]
        first_side = words.BUY if taker_side == AUCTION else taker_side
        assert (side == first_side) == is_first, (leg, cause)
        self._report(
            OrderFilled, leg.account, leg.contract, values["order_id"],
            order.client_id if order else 0, side, taker_side,
            trade["price_ticks"], trade["lots"], order.lots_open if order else 0,
            values["fee"], values["realised"],
            values["position_lots"], values["entry_value"], values["cash"],
        )  # fmt: skip

    def _tell_transfer(self, leg: Event, cause: Event, side: int, is_first: bool) -> None:
        """Each side learns its own part: the charge is the debtor's, the gift the holder's. A
        penalty in the value is seen by both; one that went to the fund has its own report."""
        values = leg.values
        charge = cause.values.get("charge", 0) if is_first else 0
        given_up = 0 if is_first else cause.values.get("given_up", 0)
        penalty = cause.values["penalty"] if cause.name == "position_provided" else 0
        self._report(
            PositionTransferred, leg.account, leg.contract,
            PositionTransferred.causes[cause.name], side,
            cause.values["lots"], cause.values["value"], charge, given_up, penalty,
            values["realised"], values["position_lots"], values["entry_value"], values["cash"],
        )  # fmt: skip

    def _on_liquidation_fee_paid(self, event: Event) -> None:
        """The fund gets it, and has no event of its own."""
        self._repeat(REPEATED["liquidation_fee_paid"], event)
        amount = event.values["amount"]
        self._report(LiquidationFeeReceived, words.FUND, event.contract, amount)

    def _on_deficit_covered(self, event: Event) -> None:
        self._repeat(REPEATED["deficit_covered"], event)
        if event.values["layer"] == words.LAYER_FUND:
            self._report(DeficitPaid, words.FUND, 0, event.values["amount"])

    def _on_trading_stopped(self, event: Event) -> None:
        self._tell_switch(TradingStopped, event)

    def _on_trading_released(self, event: Event) -> None:
        self._tell_switch(TradingReleased, event)

    def _tell_switch(self, kind: type[Report], event: Event) -> None:
        """The kill switch, to everyone whom it covers, by account id (4.6)."""
        scope, number = event.values["scope"], event.values["number"]
        for account, group in sorted(self._groups.items()):
            parent = self._parents.get(account, account)
            covered = {words.SCOPE_ACCOUNT: parent, words.SCOPE_GROUP: group}
            if account != words.FUND and covered.get(scope, number) == number:
                contract = number if scope == words.SCOPE_CONTRACT else 0
                self._report(kind, account, contract, scope)


SPECIAL: dict[str, Callable[[PrivateFeed, Event], None]] = {
    name.removeprefix("_on_"): function
    for name, function in vars(PrivateFeed).items()
    if name.startswith("_on_")
}


class ResumeError(LookupError):
    """The reports asked for are not kept any more; `sequence_first` is the first that is."""

    def __init__(self, sequence_first: int) -> None:
        super().__init__(f"reports are kept from sequence {sequence_first} on")
        self.sequence_first = sequence_first


class ReportLog:
    """The last `reports_max` reports of all accounts, for readers to catch up from. What is
    older comes from a replay of the journal, which gives the same reports again."""

    def __init__(self, reports_max: int) -> None:
        self.reports_max = reports_max
        self._reports: deque[Report] = deque()
        self._dropped: dict[int, int] = {}  # reports not kept any more, by account

    def append(self, reports: Iterable[Report]) -> None:
        """Keep what `PrivateFeed.publish` gave."""
        for report in reports:
            self._reports.append(report)
            if len(self._reports) > self.reports_max:
                oldest = self._reports.popleft()
                self._dropped[oldest.account] = oldest.report_sequence

    def drop_copy(self, accounts: Iterable[int], sequence: int = 0) -> list[tuple[int, Report]]:
        """(sequence, report) of these accounts from behind `sequence` on, in the order of events.

        The sequence counts the reports of the set: 1, 2, 3, ...; of one account it is the
        report's own. A report is the same object, whoever reads it. Raises ResumeError when what
        comes next is not kept any more.
        """
        wanted = frozenset(accounts)
        dropped = sum(self._dropped.get(account, 0) for account in wanted)
        if sequence < dropped:
            raise ResumeError(dropped + 1)
        kept = (report for report in self._reports if report.account in wanted)
        return list(islice(enumerate(kept, dropped + 1), sequence - dropped, None))
