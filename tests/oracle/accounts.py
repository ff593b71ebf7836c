"""Accounts, what they hold, and every figure that follows from it: equity, margins, funding owed.

Nothing is cached. Each figure is summed from scratch, each time it is asked for.
"""

from dataclasses import dataclass, field

from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Contract
from tests.oracle.portfolio import risk
from tests.oracle.rounding import ceil_div, clamp, rate_up

LIQUIDATION = 64  # the flag of an order of the engine's own, beside those of clients

# Where an order is. Resting, armed and fired ones are its account's working orders.
MOVING, RESTING, ARMED, FIRED, ENDED = "moving", "resting", "armed", "fired", "ended"

WAITING_TYPES = range(words.STOP_LIMIT, words.TRAILING_MARKET + 1)
MARKET_TYPES = (words.MARKET, words.STOP_MARKET, words.TAKE_MARKET, words.TRAILING_MARKET)
IMMEDIATE_TIFS = (words.IOC, words.FOK)

NO_END = 2**100


@dataclass(slots=True, eq=False)
class Order:
    """An order: in motion (aggressor), resting in a book, or waiting for its trigger."""

    order_id: int
    account: int
    client_id: int
    contract: int
    side: int
    price: int
    open: int
    order_type: int = words.LIMIT
    tif: int = words.GTC
    flags: int = 0
    stp: int = words.STP_CANCEL_NEWEST
    entered: int = 0  # everything that ever came in: first quantity and increases by amendment
    filled: int = 0
    cancelled: int = 0
    reserve: int = 0  # 8.2, recorded at acceptance
    charges: int = 0  # 8.2, opening loss and worst fee, recorded as one sum
    place: str = MOVING
    display: int = 0  # of an iceberg: what it shows at most; else 0
    hidden: int = 0  # the part of `open` that the book does not show
    expiry: int = 0  # 0: none
    session: int = 0
    sibling: "Order | None" = None  # 4.5
    protection: int = 0  # a quote's group (4.8), 0: no quote
    bracket: "Bracket | None" = None  # an entry's stop and target (4.5)
    is_child: bool = False  # the stop or target of one
    trigger: int = 0  # ticks
    source: int = 0
    trail_bp: int = 0
    best: int = 0  # a trailing stop's best value since entry
    fired_at: int = 0  # the source's value that fired it, 0: not yet
    was_fired: bool = False  # or had to wait for its turn as if it had
    arrival: int = 0  # how many came to rest before it, and itself
    # Liquidation orders only: the position's lots and share when the step was announced.
    step_lots: int = 0
    step_share: int = 0

    @property
    def sign(self) -> int:
        return 1 if self.side == words.BUY else -1

    @property
    def is_reduce_only(self) -> bool:
        return bool(self.flags & words.REDUCE_ONLY)

    @property
    def is_liquidation(self) -> bool:
        return bool(self.flags & LIQUIDATION)

    @property
    def is_waiting(self) -> bool:
        """Of a type that waits for a trigger, and not fired yet."""
        return self.order_type in WAITING_TYPES and self.fired_at == 0

    @property
    def is_market(self) -> bool:
        return self.order_type in MARKET_TYPES

    @property
    def may_rest(self) -> bool:
        return self.tif not in IMMEDIATE_TIFS

    @property
    def displayed(self) -> int:
        return self.open - self.hidden

    def release(self, lots: int) -> None:
        """A fill or a cut of `lots` gives back its part of the reserve, the last lot the rest."""
        self.reserve -= self.reserve * lots // self.open
        self.charges -= self.charges * lots // self.open


@dataclass(slots=True, eq=False)
class Bracket:
    """What an entry wants for its fills (4.5), and what it has got by its first one."""

    stop_ticks: int  # 0: none
    target_ticks: int
    source: int  # that the stop watches
    has_children: bool = False
    stop: Order | None = None
    target: Order | None = None


@dataclass(slots=True, eq=False)
class Protection:
    """A window of protection (4.8): its limits, 0 for none, and what it has counted."""

    window_ns: int
    lots_max: int
    fills_max: int
    net_lots_max: int
    start: int
    lots: int = 0
    fills: int = 0
    net_lots: int = 0
    is_tripped: bool = False


@dataclass(slots=True, eq=False)
class Holding:
    """One account in one contract: the position and its working orders in arrival order."""

    contract: int
    lots: int = 0  # signed
    entry_value: int = 0  # signed, positive for a long; of an inverse contract for a short
    funding_index: int = 0
    rate_initial_ppb: int = 0  # its owner's floor under the initial rate (8.1), 0: none
    capacity: int = 0  # of a liquidity provider: the most that it is bound to hold (9.2 e)
    orders: dict[int, Order] = field(default_factory=dict)
    # What the queue of 9.7 ranks by, beside the unrealised profit.
    opened: int = 0  # sequence number of the command in which the position was opened
    realised: int = 0  # by the position since then: closing, funding, re-striking; no fees
    kept: int = 0  # of the positions before it
    kept_at: int = 0  # when the last of them ended

    def resting(self) -> list[Order]:
        return [order for order in self.orders.values() if order.place == RESTING]

    def open_lots(self, side: int, without: Order | None = None) -> int:
        """Resting lots of a side, REDUCE_ONLY left out."""
        total = 0
        for order in self.resting():
            if order.side == side and not order.flags & words.REDUCE_ONLY and order is not without:
                total += order.open
        return total

    def reduce_only_lots(self, side: int, without: Order | None = None) -> int:
        total = 0
        for order in self.resting():
            if order.side == side and order.flags & words.REDUCE_ONLY and order is not without:
                total += order.open
        return total

    def reserved(self, without: Order | None = None) -> list[int]:
        """Recorded reserves of the buys and of the sells."""
        totals = [0, 0]
        for order in self.orders.values():
            if order is not without:
                totals[order.side] += order.reserve
        return totals

    def charges(self, without: Order | None = None) -> int:
        return sum(order.charges for order in self.orders.values() if order is not without)


@dataclass(slots=True, eq=False)
class Account:
    account: int
    owner: int
    group: int
    kind: int
    cash: int = 0
    collateral: dict[int, int] = field(default_factory=dict)  # held, by asset (10.1)
    collateral_value: int = 0  # of all of it, by its last valuation (10.2)
    # (asset or 0 of cash, amount) by client id: neither paid out nor returned yet (10.6)
    reserved: dict[int, tuple[int, int]] = field(default_factory=dict)
    # In the order in which the account first had an accepted order or a position.
    holdings: dict[int, Holding] = field(default_factory=dict)
    client_id_highest: int = 0
    client_ids: set[int] = field(default_factory=set)
    in_liquidation: bool = False
    was_called: bool = False
    next_step_whole: bool = False
    cools_until: int = 0
    heartbeat_due: int = 0  # 0: not armed (4.6)
    window: int = 0  # the running window of its rate limit (4.9), by number
    messages: int = 0  # commands in it
    # 8.5: the margin accounts of its isolated positions, by contract, in the order in which they
    # came, and where it is isolated now; of a margin account itself whose it is, else 0
    margin_accounts: dict[int, int] = field(default_factory=dict)
    isolated: set[int] = field(default_factory=set)
    main: int = 0
    # of an operator: how its margin is taken (8.7), and the least initial rate of everything that
    # it and its margin accounts hold (8.1), 0: none
    margin_mode: int = words.MARGIN_STANDARD
    leverage_cap: int = 0
    # 3.1: what makes a client eligible
    professional_until: int = 0
    assessed: int = 0
    disclosure: int = 0  # that it has acknowledged
    blocked: int = 0

    def holding(self, contract: int) -> Holding:
        """The holding, made at the end of the account's contracts if it is new."""
        return self.holdings.setdefault(contract, Holding(contract))

    def lots(self, contract: int) -> int:
        holding = self.holdings.get(contract)
        return holding.lots if holding else 0

    def positions(self) -> list[Holding]:
        return [holding for holding in self.holdings.values() if holding.lots != 0]

    def orders(self) -> list[Order]:
        return [o for holding in self.holdings.values() for o in holding.orders.values()]

    def use_client_id(self, client_id: int) -> None:
        self.client_id_highest = max(self.client_id_highest, client_id)
        self.client_ids.add(client_id)
        self.client_ids = {i for i in self.client_ids if self.client_id_highest - i <= 63}

    @property
    def is_portfolio(self) -> bool:
        return self.margin_mode == words.MARGIN_PORTFOLIO

    def leave_liquidation(self) -> None:
        self.in_liquidation = False
        self.next_step_whole = False
        self.cools_until = 0


# Margins of one contract (8.1).

Brackets = list[tuple[int, int, int]]  # (from, up to, rate) of each slice of notional


def brackets_of(spec: Contract, rates: list[int]) -> Brackets:
    floors = [tier.floor_value for tier in spec.tiers]
    return list(zip(floors, [*floors[1:], NO_END], rates, strict=True))


def bracket_margin(brackets: Brackets, notional: int) -> int:
    """Each slice of notional at its own tier's rate, like income tax; rounded up once."""
    total = 0
    for low, high, rate in brackets:
        if notional <= low:
            break
        total += (min(notional, high) - low) * rate
    return ceil_div(total, PPB)


def initial_margin(exchange, account: Account, holding: Holding) -> int:
    """What the tiers say, on its way to the whole notional; no less than a floor asks for."""
    market = exchange.markets[holding.contract]
    notional = abs(holding.lots) * market.lot_size
    by_tiers = bracket_margin(market.initial_brackets, notional)
    by_floor = rate_up(notional, floor_rate(exchange, account, holding))
    return max(scaled(market, by_tiers, notional), by_floor)


def maintenance_margin(market, lots: int) -> int:
    return bracket_margin(market.maintenance_brackets, abs(lots) * market.lot_size)


def initial_rate(spec: Contract, notional: int) -> int:
    """The initial rate of the tier that holds this notional."""
    return [t.rate_initial_ppb for t in spec.tiers if t.floor_value <= notional][-1]


def scaled(market, least: int, most: int, added: int = 0) -> int:
    """8.6: goes from one to the other as open interest goes from its low bound to the high one.
    `added`: lots that it could still get."""
    low = market.spec.open_interest_scale_low_lots
    high = market.spec.open_interest_scale_high_lots
    if high == 0:
        return least
    above = clamp(market.open_interest() + added, low, high) - low
    return least + ceil_div((most - least) * above, high - low)


def floor_rate(exchange, account: Account, holding: Holding) -> int:
    """8.1: the most that the contract, the account itself or an operator has set."""
    spec = exchange.markets[holding.contract].spec
    owner = exchange.accounts[account.main] if account.main else account
    return max(spec.rate_initial_min_ppb, holding.rate_initial_ppb, owner.leverage_cap)


def raised_rate(exchange, account: Account, holding: Holding, bought: int, sold: int) -> int:
    """For a reserve: what a lot can add to initial margin when all buys or all sells fill. What of
    them is more than closes the position may be added to open interest."""
    market = exchange.markets[holding.contract]
    ends = holding.lots + bought, holding.lots - sold
    by_tier = initial_rate(market.spec, max(map(abs, ends)) * market.lot_size)
    opened = bought if holding.lots >= 0 else max(0, ends[0])
    opened_short = sold if holding.lots <= 0 else max(0, -ends[1])
    scaled_rate = scaled(market, by_tier, PPB, max(opened, opened_short))
    return max(scaled_rate, floor_rate(exchange, account, holding))


# Figures of an account.


def owed(exchange, holding: Holding) -> int:
    """Funding not yet settled; positive: the account pays."""
    index = exchange.markets[holding.contract].funding_index
    return holding.lots * (index - holding.funding_index)


def mark_value(exchange, holding: Holding) -> int:
    """Signed value at the mark (the last one, if the contract is frozen)."""
    market = exchange.markets[holding.contract]
    return holding.lots * market.lot_value


def profit(exchange, holding: Holding) -> int:
    """Unrealised price profit at mark."""
    return mark_value(exchange, holding) - holding.entry_value


def equity(exchange, account: Account) -> int:
    total = account.cash + account.collateral_value
    for holding in account.holdings.values():
        if holding.lots:
            total += profit(exchange, holding) - owed(exchange, holding)
    return total


def lots_held(account: Account) -> dict[int, int]:
    return {holding.contract: holding.lots for holding in account.positions()}


def risk_of(exchange, lots: dict[int, int]) -> int:
    """8.7, of so many lots by contract."""
    markets = [(exchange.markets[number], held) for number, held in lots.items() if held]
    positions = [(market.spec, held, market.lot_size) for market, held in markets]
    return risk(exchange.config, positions)


def maintenance_by_tiers(exchange, lots: dict[int, int]) -> int:
    return sum(maintenance_margin(exchange.markets[n], held) for n, held in lots.items())


def maintenance_for(exchange, account: Account, lots: dict[int, int]) -> int:
    """Of the account if it held just these lots."""
    by_tiers = maintenance_by_tiers(exchange, lots)
    if not account.is_portfolio:
        return by_tiers
    least = rate_up(by_tiers, exchange.config.portfolio_floor_ppb)
    return max(risk_of(exchange, lots), least)


def maintenance(exchange, account: Account) -> int:
    return maintenance_for(exchange, account, lots_held(account))


def maintenance_with(exchange, account: Account, contract: int, lots: int) -> int:
    """Of the account if it held so many lots in the contract, whatever it holds there."""
    return maintenance_for(exchange, account, lots_held(account) | {contract: lots})


def maintenance_after(exchange, account: Account, contract: int, signed_lots: int) -> int:
    """Of the account if it held `signed_lots` more in the contract."""
    lots = account.lots(contract) + signed_lots
    return maintenance_with(exchange, account, contract, lots)


def notional(exchange, account: Account) -> int:
    """Portfolio notional: the absolute values of its positions at mark."""
    return sum(abs(mark_value(exchange, holding)) for holding in account.positions())


def need(
    exchange,
    account: Account,
    holding: Holding,
    without: Order | None = None,
    with_order: Order | None = None,
) -> int:
    """Initial margin of a contract by 8.2, netted; `with_order` counts though it does not rest. In
    a portfolio that of the position stands apart, and an order that closes it saves nothing."""
    buys, sells = holding.reserved(without)
    if with_order is not None and with_order.side == words.BUY:
        buys += with_order.reserve
    elif with_order is not None:
        sells += with_order.reserve
    if holding.lots == 0 or account.is_portfolio:
        return max(buys, sells)
    position = initial_margin(exchange, account, holding)
    if holding.lots > 0:
        return max(position + buys, sells - position)
    return max(position + sells, buys - position)


def portfolio_initial(exchange, account: Account, holdings: list[Holding]) -> int:
    """8.7: of these positions together; nothing where every contract is margined by itself."""
    if not account.is_portfolio:
        return 0
    config = exchange.config
    by_tiers = not_netted = 0
    for holding in holdings:
        market = exchange.markets[holding.contract]
        notional = abs(holding.lots) * market.lot_size
        by_tiers += initial_margin(exchange, account, holding)
        rate = max(floor_rate(exchange, account, holding), scaled(market, 0, PPB))
        not_netted += rate_up(notional, rate)  # a cap of leverage holds whatever nets
    could_lose = risk_of(exchange, {holding.contract: holding.lots for holding in holdings})
    return max(
        rate_up(could_lose, config.portfolio_initial_ppb),
        rate_up(by_tiers, config.portfolio_floor_ppb),
        not_netted,
    )


def requirement(
    exchange,
    account: Account,
    changed: Holding | None = None,
    without: Order | None = None,
    with_order: Order | None = None,
) -> int:
    """What equity has to cover (8.2): what all contracts need, with recorded losses and fees.

    `changed` stands in the place of what the account holds in its contract, `with_order` is an
    order in it."""
    holdings = account.holdings | ({changed.contract: changed} if changed else {})
    total = portfolio_initial(exchange, account, list(holdings.values()))
    for holding in holdings.values():
        order = with_order if holding is changed else None
        total += need(exchange, account, holding, without, order) + holding.charges(without)
        total += order.charges if order else 0
    return total


def withdrawable(exchange, account: Account) -> int:
    """8.3."""
    held = [h for h in account.holdings.values() if h.lots or h.orders]
    if any(exchange.markets[h.contract].state != words.STATE_CONTINUOUS for h in held):
        return 0
    settled_cash = account.cash - sum(owed(exchange, h) for h in held)
    tenth = ceil_div(notional(exchange, account), 10)
    hold = max(requirement(exchange, account), tenth)
    return max(0, min(settled_cash, equity(exchange, account) - hold))


def fee_up(value: int, rate_ppb: int, equity_left: int) -> int:
    """A positive fee, cut to what remains (8.8)."""
    return min(rate_up(value, rate_ppb), max(0, equity_left))
