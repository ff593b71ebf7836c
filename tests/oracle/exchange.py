"""The oracle itself: one transition per command, in the order of rule 2.6."""

import pickle
from collections import deque
from collections.abc import Callable

from sortedcontainers import SortedDict

from engine.schema import bounds, commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.contract import Config
from tests.oracle import auctions, liquidation
from tests.oracle.accounts import (
    IMMEDIATE_TIFS,
    Account,
    Order,
    Protection,
)
from tests.oracle.backstop import Step
from tests.oracle.bands import set_band
from tests.oracle.book import OrderIds
from tests.oracle.cancels import (
    cancel_order,
    cancel_session,
    expire,
    lose_heartbeat,
    mass_cancel,
)
from tests.oracle.collateral import (
    deposit_collateral,
    end_licence,
    licence_timers,
    publish_collateral,
    rise,
    set_collateral,
    start_licences,
    withdraw_collateral,
)
from tests.oracle.eligibility import (
    end_reference,
    end_status,
    publish_disclosure,
    set_eligibility,
    set_reference,
    start_references,
)
from tests.oracle.funding import publish_funding
from tests.oracle.index import stale_due
from tests.oracle.invariants import check, state
from tests.oracle.isolated import (
    ROUTED,
    isolate_contract,
    join_contract,
    move_margin,
    route,
)
from tests.oracle.leverage import set_leverage
from tests.oracle.listing import approve_contract
from tests.oracle.margin_modes import set_leverage_cap, set_margin_mode
from tests.oracle.market import Market, make_market
from tests.oracle.orders import amend_order, place_bracket, place_order, work_off_fired
from tests.oracle.premium import sample_premium
from tests.oracle.prices import (
    change_constituent,
    freeze,
    publish_pair,
    redenominate_constituent,
    set_sample_clock,
)
from tests.oracle.protection import set_protection
from tests.oracle.providers import set_capacity
from tests.oracle.quotes import mass_quote
from tests.oracle.raw import RawCommand, RawQuotes
from tests.oracle.settlement_asset import NUMBER, make_settlement, set_settlement
from tests.oracle.settling import freeze_end_due, settle
from tests.oracle.states import DRAFT, FROZEN, LIFELESS
from tests.oracle.stops import release_trading, stop_trading
from tests.oracle.stress import set_stress_loss
from tests.oracle.timers import (
    DUE_AUCTION_END,
    DUE_EXPIRY,
    DUE_FREEZE_END,
    DUE_FUNDING,
    DUE_HEARTBEAT,
    DUE_INDICATIVE,
    DUE_LICENCE,
    DUE_REFERENCE,
    DUE_RISE,
    DUE_SAMPLE,
    DUE_SLICE,
    DUE_STALE,
    DUE_STATUS,
    set_heartbeat,
)
from tests.oracle.triggers import look_at_prices
from tests.oracle.valuation import make_assets
from tests.oracle.withdrawals import confirm_withdrawal, return_withdrawal, withdraw
from tests.oracle.work_back import send_slice, set_work_back

Event = tuple[int, int, int, int, int, int, int, int, int, int]

OPERATOR_KINDS = range(commands.OPERATOR_FIRST, commands.OPERATOR_LAST + 1)
CLIENT_COMMANDS = {
    commands.PLACE_ORDER: place_order,
    commands.CANCEL_ORDER: cancel_order,
    commands.AMEND_ORDER: amend_order,
    commands.MASS_CANCEL: mass_cancel,
    commands.WITHDRAW: withdraw,
    commands.SET_HEARTBEAT: set_heartbeat,
    commands.CANCEL_SESSION: cancel_session,
    commands.SET_PROTECTION: set_protection,
    commands.MASS_QUOTE: mass_quote,
    commands.PLACE_BRACKET: place_bracket,
    commands.ISOLATE_CONTRACT: isolate_contract,
    commands.JOIN_CONTRACT: join_contract,
    commands.MOVE_MARGIN: move_margin,
    commands.SET_LEVERAGE: set_leverage,
    commands.WITHDRAW_COLLATERAL: withdraw_collateral,
}
OPERATOR_COMMANDS = {
    commands.STOP_TRADING: stop_trading,
    commands.RELEASE_TRADING: release_trading,
    commands.CHANGE_STATE: auctions.change_state,
    commands.SET_BAND: set_band,
    commands.CHANGE_CONSTITUENT: change_constituent,
    commands.REDENOMINATE_CONSTITUENT: redenominate_constituent,
    commands.SET_SAMPLE_CLOCK: set_sample_clock,
    commands.SET_ELIGIBILITY: set_eligibility,
    commands.PUBLISH_DISCLOSURE: publish_disclosure,
    commands.SET_REFERENCE: set_reference,
    commands.SET_CAPACITY: set_capacity,
    commands.SET_WORK_BACK: set_work_back,
    commands.SET_STRESS_LOSS: set_stress_loss,
    commands.DEPOSIT_COLLATERAL: deposit_collateral,
    commands.SET_COLLATERAL: set_collateral,
    commands.CONFIRM_WITHDRAWAL: confirm_withdrawal,
    commands.RETURN_WITHDRAWAL: return_withdrawal,
    commands.APPROVE_CONTRACT: approve_contract,
    commands.SET_MARGIN_MODE: set_margin_mode,
    commands.SET_LEVERAGE_CAP: set_leverage_cap,
}
ELIGIBILITY_KINDS = (
    commands.SET_ELIGIBILITY,
    commands.PUBLISH_DISCLOSURE,
    commands.SET_REFERENCE,
)
WORK_OF_TIMERS: dict[int, Callable[..., None]] = {
    DUE_EXPIRY: expire,
    DUE_HEARTBEAT: lose_heartbeat,
    DUE_STATUS: end_status,
    DUE_REFERENCE: end_reference,
    DUE_LICENCE: end_licence,
    DUE_RISE: rise,
}
CANCELS = (commands.CANCEL_ORDER, commands.MASS_CANCEL, commands.CANCEL_SESSION)
OPENABLE = (words.KIND_CLIENT, words.KIND_LIQUIDITY_PROVIDER, words.KIND_AFFILIATE)


def is_rate_free(command) -> bool:
    """4.9: cancels and reducing orders that trade at once pass the rate limit."""
    if command.kind_code in CANCELS:
        return True
    return (
        command.kind_code == commands.PLACE_ORDER
        and bool(command.flags & (words.REDUCE_ONLY | words.CLOSE_POSITION))
        and command.tif in IMMEDIATE_TIFS
        and command.order_type <= words.MARKET
    )


def market_work(market: Market) -> list[tuple[int, int]]:
    """(due time, kind) of everything that the contract has coming."""
    work: list[tuple[int | None, int]] = []
    if market.state == FROZEN:
        work = [(freeze_end_due(market), DUE_FREEZE_END)]
    elif market.state not in LIFELESS:
        work = [
            (stale_due(market), DUE_STALE),
            (market.auction_end, DUE_AUCTION_END),
            (market.next_indicative, DUE_INDICATIVE),
            (market.next_sample, DUE_SAMPLE),
            (market.next_funding, DUE_FUNDING),
            (market.next_slice, DUE_SLICE),
        ]
    return [(time, kind) for time, kind in work if time is not None]


class Oracle:
    """The whole exchange. `apply` is the transition; `check` and `state` look at the result."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = 0
        self.sequence = 0
        self.rested = 0  # orders that have come to rest so far
        self.protections: dict[tuple[int, int], Protection] = {}  # by group and number (4.8)
        first = DRAFT if config.approvals_required else FROZEN
        self.markets = {spec.contract: make_market(spec, first) for spec in config.contracts}
        self.fund = Account(words.FUND, 0, 0, words.KIND_FUND, cash=config.fund_cash)
        self.accounts = {words.FUND: self.fund}
        self.house = config.house_cash
        self.fees = 0
        self.assets = make_assets(config.collateral)
        self.settlement = make_settlement(config.settlement)
        self.conversion_cash = 0  # of the conversion ledger, which pays for what it takes (10.4)
        self.deposits = config.fund_cash + config.house_cash  # less withdrawals
        self.withdrawals_stopped = False
        self.fund_losses: dict[int, int] = {}  # by UTC day
        self.order_ids = OrderIds()
        self.suspects: deque[int] = deque()
        self.shorts: deque[int] = deque()  # whose cash waits for a conversion (10.4)
        self.ending: deque[Order] = deque()  # orders that their siblings ended (4.5)
        # orders and accounts by (due time, kind of due work, id)
        self.timers: SortedDict = SortedDict(licence_timers(self.assets))
        self.triggers_left = 0  # of the orders that this command may work off (2.5)
        self.stopped: set[tuple[int, int]] = set()  # (scope, number) of each kill switch (4.6)
        self.disclosure_version = config.disclosure_version  # to be acknowledged (3.1)
        self.stress_loss = 0  # uncovered, in the last stress test (9.6)
        self.events: list[Event] = []

    def apply(self, command) -> list[Event]:
        """One command; its events, as tuples in the order of the record's fields."""
        if isinstance(command, commands.MassQuote) and command.quotes > bounds.QUOTES_MAX:
            command = RawQuotes(command, command.quotes, command.rows)
        if isinstance(command, RawQuotes):
            return [event for part in command.parts() for event in self.apply(part)]
        self.events = []
        self.sequence += 1
        code = self.check_stamp(command)
        if code:
            self.refuse(command, code)
            return self.events
        if self.clock == 0:
            start_references(self, command.time_ns)
            start_licences(self, command.time_ns)
        self.do_due_work(command.time_ns)
        self.clock = command.time_ns
        code = self.perform(command)
        if code:
            self.refuse(command, code)
        liquidation.drain_suspects(self)
        liquidation.run_queue(self)
        work_off_fired(self)
        return self.events

    def check(self) -> None:
        check(self)

    def state(self) -> dict:
        return state(self)

    def copy(self) -> "Oracle":
        """A deep copy, to try something out."""
        return pickle.loads(pickle.dumps(self))

    def emit(
        self, kind: int, a=0, b=0, c=0, d=0, e=0, f=0, *, account: int = 0, contract: int = 0
    ) -> None:
        self.events.append((self.sequence, a, b, c, d, e, f, account, contract, kind))

    def refuse(self, command, code: int) -> None:
        self.emit(
            events.REFUSED,
            code,
            command.kind_code,
            getattr(command, "client_id", 0),
            getattr(command, "order_id", 0),
            account=getattr(command, "account", 0),
            contract=getattr(command, "contract", 0),
        )

    # What liquidation offers to the modules below it.

    def drain_suspects(self) -> None:
        liquidation.drain_suspects(self)

    def end_liquidation(self, account: Account, end: int) -> None:
        liquidation.end_liquidation(self, account, end)

    def next_step_lots(self, account: Account, contract: int) -> int:
        return liquidation.next_step_lots(self, account, contract)

    # (a) and (b).

    def knows(self, kind: int) -> bool:
        """Where eligibility is not checked nobody can set it, and where contracts are not approved
        nobody approves one."""
        if kind in ELIGIBILITY_KINDS and not self.config.eligibility_checked:
            return False
        if kind == commands.APPROVE_CONTRACT and not self.config.approvals_required:
            return False
        return kind in commands.BY_KIND

    def check_stamp(self, command) -> int:
        now = command.time_ns
        if now < 0 or now < self.clock:
            return refusals.TIME_BACKWARDS
        config = self.config
        is_known = self.knows(command.kind_code)
        is_client = command.kind_code <= commands.CLIENT_LAST
        if self.clock == 0 and (is_client or not is_known):
            return refusals.TIME_AHEAD
        is_operator = command.kind_code in OPERATOR_KINDS
        ahead = config.jump_ns_max if is_operator else config.stamp_ahead_ns_max
        if now > bounds.TIME_NS_MAX or (self.clock and now > self.clock + ahead):
            return refusals.TIME_AHEAD
        return refusals.OK

    def do_due_work(self, command_time: int) -> None:
        while True:
            due = [
                (time, kind, market.contract)
                for market in self.markets.values()
                for time, kind in market_work(market)
                if time <= command_time
            ]
            due += [key for key in self.timers.keys()[:1] if key[0] <= command_time]
            if not due:
                return
            first = min(due)
            due_time, kind, number = first
            self.clock = max(self.clock, due_time)  # funding of a freeze is made up later (7.4)
            if kind in WORK_OF_TIMERS:
                WORK_OF_TIMERS[kind](self, self.timers[first])
            elif kind == DUE_FREEZE_END:
                self.settle_frozen([key[2] for key in sorted(due) if key[:2] == first[:2]])
            else:
                self.do_market_work(kind, number, command_time)
            liquidation.drain_suspects(self)

    def do_market_work(self, kind: int, contract: int, command_time: int) -> None:
        market = self.markets[contract]
        if kind == DUE_STALE:
            freeze(self, market)
        elif kind == DUE_AUCTION_END:
            auctions.end_auction(self, market)
        elif kind == DUE_INDICATIVE:
            auctions.publish_indicative(self, market)
        elif kind == DUE_SAMPLE:
            sample_premium(self, market)
        elif kind == DUE_FUNDING:
            growth = publish_funding(self, market, command_time)
            if growth:
                liquidation.supervise(self, Step({contract: -growth}))
        elif kind == DUE_SLICE:
            send_slice(self, market)

    def settle_frozen(self, contracts: list[int]) -> None:
        """All whose longest freeze ends now, as one item."""
        settle(self, [self.markets[number] for number in contracts], words.WHY_FREEZE_MAX)

    # (c) The command.

    def perform(self, command) -> int:
        kind = command.kind_code
        if isinstance(command, RawCommand) or not self.knows(kind):
            return refusals.COMMAND_UNKNOWN
        if kind in CLIENT_COMMANDS:
            code = self.admit_client(command)
            if code:
                return code
            if kind in ROUTED:
                command = route(self, command, command.contract)
            return CLIENT_COMMANDS[kind](self, command)
        if kind == commands.PUBLISH_PRICE:
            return self.publish_price(command)
        if kind == commands.PUBLISH_COLLATERAL:
            return publish_collateral(self, command)
        if kind == commands.OPEN_ACCOUNT:
            return self.open_account(command)
        if kind == commands.DEPOSIT:
            return self.deposit(command)
        if kind == commands.ADVANCE_TIME:
            self.emit(events.TIME_ADVANCED, self.clock)
            return refusals.OK
        if kind == commands.RELEASE_WITHDRAWALS:
            return self.release_withdrawals()
        if kind == commands.SET_COLLATERAL and command.asset == NUMBER:
            return set_settlement(self, command)
        if kind in OPERATOR_COMMANDS:
            return OPERATOR_COMMANDS[kind](self, command)
        return refusals.COMMAND_UNKNOWN

    def client(self, number: int) -> Account | None:
        """Whoever can send commands and be paid: neither the fund nor a margin account."""
        account = self.accounts.get(number)
        return None if account is None or account is self.fund or account.main else account

    def admit_client(self, command) -> int:
        """4.9 and 2.4: the account, its rate of messages, and its window of client ids."""
        account = self.client(command.account)
        if account is None:
            return refusals.ACCOUNT_UNKNOWN
        if self.is_above_rate(account) and not is_rate_free(command):
            return refusals.RATE_LIMIT
        if not 1 <= command.client_id <= bounds.CLIENT_ID_MAX:
            return refusals.CLIENT_ID_NOT_POSITIVE
        if command.client_id in account.client_ids:
            return refusals.CLIENT_ID_DUPLICATE
        if account.client_id_highest - command.client_id > 63:
            return refusals.CLIENT_ID_TOO_OLD
        account.use_client_id(command.client_id)
        return refusals.OK

    def is_above_rate(self, account: Account) -> bool:
        """Counts one more command in the account's present window of command time."""
        if self.config.messages_max == 0:
            return False
        window = self.clock // self.config.messages_window_ns
        if window != account.window:
            account.window, account.messages = window, 0
        account.messages += 1
        return account.messages > self.config.messages_max

    def publish_price(self, command) -> int:
        pairs = [(command.contract, command.price_ticks)]
        for contract, price in (
            (command.contract_2, command.price_ticks_2),
            (command.contract_3, command.price_ticks_3),
        ):
            if contract != 0:
                pairs.append((contract, price))
        for contract, price in pairs:
            if contract not in self.markets:
                return refusals.CONTRACT_UNKNOWN
            market = self.markets[contract]
            if market.state in LIFELESS:
                continue  # nothing comes of it, whatever it is
            if not 1 <= command.source <= len(market.sources):
                return refusals.SOURCE_UNKNOWN
            if not market.spec.price_ticks_min <= price <= market.spec.price_ticks_max:
                return refusals.SOURCE_PRICE_INVALID
        step = Step()
        touched: set[int] = set()
        for contract, price in pairs:
            if contract in touched:
                liquidation.supervise(self, step)
                step, touched = Step(), set()
            touched.add(contract)
            market = self.markets[contract]
            state_before = market.state
            before = market.lot_value
            makes_step = publish_pair(self, command.source, contract, price)
            look_at_prices(self, market, state_before)
            if makes_step:
                step.gain_per_lot[contract] = market.lot_value - before
        liquidation.supervise(self, step)
        return refusals.OK

    def open_account(self, command) -> int:
        if not words.CLIENT_FIRST <= command.account <= bounds.ACCOUNTS_MAX:
            return refusals.ACCOUNT_OUT_OF_RANGE
        if command.account in self.accounts:
            return refusals.ACCOUNT_EXISTS
        if command.account_kind not in OPENABLE:
            return refusals.ACCOUNT_KIND_INVALID
        if not self.settlement.permits(command.account_kind):
            return refusals.KIND_NOT_PERMITTED
        if command.owner < 1 or command.group < 1:
            return refusals.GROUP_INVALID
        self.accounts[command.account] = Account(
            command.account, command.owner, command.group, command.account_kind
        )
        self.emit(
            events.ACCOUNT_OPENED,
            command.owner,
            command.group,
            command.account_kind,
            account=command.account,
        )
        return refusals.OK

    # Money in and out.

    def brought(self) -> int:
        """The cash that came in, less what went out: deposits, and what conversions have paid."""
        return self.deposits - self.conversion_cash

    def deposit(self, command) -> int:
        if command.ledger not in (words.LEDGER_CLIENT, words.LEDGER_FUND, words.LEDGER_HOUSE):
            return refusals.LEDGER_INVALID
        account = None
        if command.ledger == words.LEDGER_CLIENT:
            account = self.client(command.account)
            if account is None:
                return refusals.ACCOUNT_UNKNOWN
        elif command.ledger == words.LEDGER_FUND:
            account = self.fund
        if command.amount < 1:
            return refusals.AMOUNT_NOT_POSITIVE
        if self.brought() + command.amount > bounds.DEPOSITS_MAX:
            return refusals.AMOUNT_ABOVE_MAX
        is_client = command.ledger == words.LEDGER_CLIENT
        if is_client and self.settlement.is_closed(self.clock):
            return refusals.COLLATERAL_CLOSED
        self.deposits += command.amount
        if account is None:
            self.house += command.amount
            cash, number = self.house, 0
        else:
            account.cash += command.amount
            cash, number = account.cash, account.account
        self.emit(events.DEPOSITED, command.amount, command.ledger, cash, account=number)
        self.resume_withdrawals()
        return refusals.OK

    def resume_withdrawals(self) -> None:
        config = self.config
        is_refilled = self.fund.cash >= config.fund_cash_limit
        is_refilled = is_refilled and self.house >= config.house_cash_limit
        has_limits = config.fund_cash_limit + config.house_cash_limit > 0
        if self.withdrawals_stopped and has_limits and is_refilled:
            self.withdrawals_stopped = False
            self.emit(events.WITHDRAWALS_RELEASED, 0)

    def release_withdrawals(self) -> int:
        if not self.withdrawals_stopped:
            return refusals.WITHDRAWALS_NOT_STOPPED
        self.withdrawals_stopped = False
        self.emit(events.WITHDRAWALS_RELEASED, 1)
        return refusals.OK
