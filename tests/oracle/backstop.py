"""Who takes what the book can't: the fund, then accounts that must close anyway, then the winners
(9.2 e-f, 9.6, 9.7). A `charge` is what the closing account passes on, in money, over its lots."""

import heapq
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from engine.schema import events
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, PPB
from tests.oracle.accounts import Account, Holding, equity, maintenance, notional, owed, profit
from tests.oracle.market import Market
from tests.oracle.money import kept_profit, suspect, transfer
from tests.oracle.rounding import clamp, rate_down, sign_of, trunc_div

# Of the rank in the queue: the most of its factors, and the least leverage.
FACTOR_MAX = 2**45
LEVERAGE_MIN = 2**15


def spread(charge: int, lots: int) -> list[int]:
    """What each lot bears: the floor, and the last ones one unit more."""
    each, more = divmod(charge, lots)
    return [each] * (lots - more) + [each + 1] * more


@dataclass
class Step:
    """One change of marks or one funding interval: what one lot long gained, by contract. Or one
    change of what an asset counts for: it costs no position anything."""

    gain_per_lot: dict[int, int] = field(default_factory=dict)
    asset: int = 0

    def gain(self, account: Account) -> int:
        return sum(account.lots(number) * per for number, per in self.gain_per_lot.items())


@dataclass
class Debtor:
    """One negative account in the waterfall of a step, and who paid for it."""

    account: Account
    found: int = 0
    charges: dict[int, int] = field(default_factory=dict)  # left to pass on, by contract
    fund: int = 0
    given_up: int = 0
    house: int = 0
    haircut: int = 0


@dataclass
class Waterfall:
    step: Step
    debtors: list[Debtor]
    fund_loss: int = 0  # of this step
    given_up: dict[int, int] = field(default_factory=dict)  # by account
    gains: dict[int, int] = field(default_factory=dict)  # by account, when the step was found

    def is_debtor(self, account: Account) -> bool:
        return any(debtor.account is account for debtor in self.debtors)


# The fund.


def fund_day(exchange) -> int:
    """The UTC day of the clock; made-up funding of an earlier day counts into the latest one."""
    return max([exchange.clock // NS_PER_DAY, *exchange.fund_losses])


def fund_loss_room(exchange, waterfall: Waterfall) -> int:
    config = exchange.config
    today = exchange.fund_losses.get(fund_day(exchange), 0)
    step_room = config.fund_loss_step_max - waterfall.fund_loss
    return max(0, min(step_room, config.fund_loss_day_max - today))


def count_fund_loss(exchange, waterfall: Waterfall, amount: int) -> None:
    day = fund_day(exchange)
    exchange.fund_losses[day] = exchange.fund_losses.get(day, 0) + amount
    waterfall.fund_loss += amount


def may_fund_hold(exchange, market: Market, lots_after: int) -> bool:
    """Both caps of 9.6, unless the fund's position gets no larger."""
    spec = market.spec
    before, after = abs(exchange.fund.lots(market.contract)), abs(lots_after)
    if after <= before:
        return True
    share = rate_down(market.open_interest(), spec.fund_share_ppb)
    return after * market.lot_size <= spec.fund_value_max and after <= share


def takeover_lots(
    exchange, market: Market, account: Account, bears: list[int], loss_room: int
) -> int:
    """The most lots the fund can take: lot by lot, until the next one would be too much."""
    fund_equity = equity(exchange, exchange.fund)
    if account is exchange.fund or fund_equity < 0:
        return 0
    held, sign = exchange.fund.lots(market.contract), sign_of(account.lots(market.contract))
    room = min(loss_room, fund_equity)
    charge = taken = 0
    for bears_next in bears:
        charge += bears_next
        if charge > room or not may_fund_hold(exchange, market, held + sign * (taken + 1)):
            break
        taken += 1
    return taken


def take_over(
    exchange, market: Market, account: Account, lots: int, charge: int, penalty: int
) -> None:
    value = lots * market.lot_value + charge * sign_of(account.lots(market.contract))
    exchange.emit(
        events.POSITION_TAKEN_OVER,
        lots,
        value,
        charge,
        penalty,
        account=account.account,
        contract=market.contract,
    )
    transfer(exchange, market, account, exchange.fund, lots, value, penalty)
    suspect(exchange, exchange.fund)


# Pairing.


def pairing_partners(
    exchange, market: Market, account: Account, negative: list[Account]
) -> list[tuple[Account, bool]]:
    """Opposite positions that have to go as well, in their order, and whether all of it goes
    (else only what the account's next step would close)."""
    sign = sign_of(account.lots(market.contract))

    def is_opposite(other: Account) -> bool:
        return other is not account and other.lots(market.contract) * sign < 0

    partners = [(other, True) for other in negative if is_opposite(other)]
    closing = [
        other
        for other in exchange.accounts.values()
        if other.in_liquidation and other not in negative and is_opposite(other)
        and equity(exchange, other) >= 0
    ]  # fmt: skip
    closing.sort(key=lambda a: (equity(exchange, a) - maintenance(exchange, a), a.account))
    partners += [(other, False) for other in closing]
    fund = exchange.fund
    if is_opposite(fund) and fund not in negative and fund not in closing:
        partners.append((fund, True))
    return partners


def pair_off(exchange, market: Market, account: Account, negative: list[Account]) -> None:
    """9.7: closing positions meet each other at mark first."""
    for other, is_all in pairing_partners(exchange, market, account, negative):
        most = abs(other.lots(market.contract))
        if not is_all:
            most = min(most, exchange.next_step_lots(other, market.contract))
        lots = min(abs(account.lots(market.contract)), most)
        if lots == 0:
            continue
        value = lots * market.lot_value
        exchange.emit(
            events.POSITIONS_PAIRED,
            lots,
            value,
            other.account,
            account=account.account,
            contract=market.contract,
        )
        transfer(exchange, market, account, other, lots, value)


# Deleveraging.


@dataclass
class Holder:
    """An opposite holder while lots are dealt out."""

    account: Account
    lots: int
    equity: int
    notional: int
    holding: Holding
    taken: int = 0
    charge: int = 0
    paid: int = 0

    @property
    def left(self) -> int:
        return self.lots - self.taken

    def rank(self) -> tuple[int, Fraction, int]:
        """Highest notional / equity first; equity 0 is highest; ties by id."""
        if self.equity <= 0:
            return 0, Fraction(0), self.account.account
        return 1, -Fraction(self.notional, self.equity), self.account.account


def opposite_holders(exchange, market: Market, account: Account, everyone: bool) -> list[Holder]:
    sign = sign_of(account.lots(market.contract))
    found = []
    for number in sorted(market.holders):
        other = exchange.accounts[number]
        if other is account or other.lots(market.contract) * sign >= 0:
            continue
        other_equity = equity(exchange, other)
        if not everyone and other_equity < 0:
            continue
        lots = abs(other.lots(market.contract))
        holding = other.holding(market.contract)
        found.append(Holder(other, lots, other_equity, notional(exchange, other), holding))
    return found


class Deal(NamedTuple):
    """How lots are dealt out: a holder pays at most so much for each, and takes only what it can
    afford, unless everyone must."""

    market: Market
    most_per_lot: int
    everyone: bool

    def pays(self, bears: int) -> int:
        return min(bears, self.most_per_lot)

    def is_too_much(self, holder: Holder, bears: int) -> bool:
        return not self.everyone and holder.equity - self.pays(bears) < 0

    def give(self, holder: Holder, bears: list[int]) -> int:
        """The holder takes lots that bear this, until it can't afford the next one; returns how
        many."""
        for count, bears_this in enumerate(bears):
            if self.is_too_much(holder, bears_this):
                return count
            holder.taken += 1
            holder.charge += bears_this
            holder.paid += self.pays(bears_this)
            holder.equity -= self.pays(bears_this)
            holder.notional -= self.market.lot_size
        return len(bears)


def deal_out(exchange, deal: Deal, holders: list[Holder], bears: list[int]) -> list[Holder]:
    """Lot by lot to the holder that ranks first at that moment; returns those chosen, in order."""
    chosen: list[Holder] = []
    heap = [(holder.rank(), k) for k, holder in enumerate(holders)]
    heapq.heapify(heap)
    for bears_this in bears:
        while heap and deal.is_too_much(holders[heap[0][1]], bears_this):
            heapq.heappop(heap)  # skipped for good
        if not heap:
            break
        _, k = heapq.heappop(heap)
        holder = holders[k]
        if holder.taken == 0:
            chosen.append(holder)
        deal.give(holder, [bears_this])
        if holder.taken < holder.lots:
            heapq.heappush(heap, (holder.rank(), k))
    return chosen


def queue_key(exchange, market: Market, holder: Holder) -> tuple[int, int, int]:
    """By profit and leverage, highest first; then who has been in the position for longest."""
    holding = holder.holding
    gain = profit(exchange, holding) - owed(exchange, holding)
    gain += holding.realised + kept_profit(exchange, holding)
    share = trunc_div(gain * PPB, holder.lots * market.lot_size)
    share = clamp(share, -FACTOR_MAX, FACTOR_MAX)
    leverage = FACTOR_MAX
    if holder.equity > 0:
        leverage = clamp(holder.notional * PPB // holder.equity, LEVERAGE_MIN, FACTOR_MAX)
    rank = share * leverage // PPB if share >= 0 else -(-share * PPB // leverage)
    return -rank, holding.opened, holder.account.account


def deal_by_queue(exchange, deal: Deal, holders: list[Holder], bears: list[int]) -> list[Holder]:
    """One holder behind the other gives all that it can; returns those chosen, in order."""
    ranked = sorted(holders, key=lambda holder: queue_key(exchange, deal.market, holder))
    for holder in ranked:
        bears = bears[deal.give(holder, bears[: holder.lots]) :]
    return [holder for holder in ranked if holder.taken]


def deal_pro_rata(exchange, deal: Deal, holders: list[Holder], bears: list[int]) -> list[Holder]:
    """In rounds, of everyone who can still afford it the same part of what it holds; returns those
    chosen, in order."""
    chosen: list[Holder] = []
    has_moved = True
    while bears and has_moved:
        has_moved = False
        wanted = len(bears)
        held = sum(holder.left for holder in holders)
        for holder in list(holders):
            own = holder.left
            asked = min(wanted * own // held, own)
            wanted -= asked
            held -= own
            given = deal.give(holder, bears[:asked])
            bears = bears[given:]
            if given and holder not in chosen:
                chosen.append(holder)
            if given < asked or holder.left == 0:
                holders.remove(holder)
                has_moved = True
            has_moved |= given > 0
    return chosen


DEALERS = {
    words.DELEVERAGING_DRAINING: deal_out,
    words.DELEVERAGING_QUEUE: deal_by_queue,
    words.DELEVERAGING_PRO_RATA: deal_pro_rata,
}


def deleverage(
    exchange,
    market: Market,
    account: Account,
    charge: int,
    most_per_lot: int = 0,
    everyone: bool = False,
) -> list[Holder]:
    """Opposite holders take the account's lots at mark less the charge; returns what each did.

    A negative charge is a share of equity that the holders receive."""
    lots = abs(account.lots(market.contract))
    if lots == 0:
        return []
    sign = sign_of(account.lots(market.contract))
    bears = spread(charge, lots) if charge >= 0 else [-share for share in spread(-charge, lots)]
    holders = opposite_holders(exchange, market, account, everyone)
    deal = Deal(market, most_per_lot, everyone)
    chosen = DEALERS[exchange.config.deleveraging_mode](exchange, deal, holders, bears)
    for holder in chosen:
        value = holder.taken * market.lot_value + holder.paid * sign
        exchange.emit(
            events.POSITION_DELEVERAGED,
            holder.taken,
            value,
            holder.charge,
            holder.account.account,
            holder.paid,
            account=account.account,
            contract=market.contract,
        )
        transfer(exchange, market, account, holder.account, holder.taken, value)
        if holder.paid > 0 or holder.account.is_portfolio:  # which may have lost a hedge
            suspect(exchange, holder.account)
    return chosen
