"""The waterfall of a step: negative equities, to the end, before anything else (9.2 e-g, 9.3, 9.8).

Per account: its loss is passed on with its positions (providers, fund, pairing, deleveraging), what
remains is paid in cash by fund and house. Over all accounts: what then remains is cut from the
step's gains; nobody gains by what collateral loses, and that is shared by all who have any equity.
"""

from engine.schema import events
from engine.schema import vocabulary as words
from tests.oracle.accounts import Account, Holding, equity, maintenance
from tests.oracle.backstop import (
    Debtor,
    Step,
    Waterfall,
    count_fund_loss,
    deleverage,
    fund_loss_room,
    pair_off,
    spread,
    take_over,
    takeover_lots,
)
from tests.oracle.money import cover, settle_all_funding, suspect
from tests.oracle.providers import provide
from tests.oracle.resting import cancel_all
from tests.oracle.states import change_state


def run_waterfall(exchange, step: Step, negative: list[Account]) -> None:
    waterfall = Waterfall(step, [Debtor(account) for account in negative])
    numbers = sorted(step.gain_per_lot)
    states = {number: exchange.markets[number].state for number in numbers}
    for number in numbers:
        change_state(exchange, exchange.markets[number], words.STATE_DEFAULT, words.WHY_WATERFALL)
    waterfall.gains = {a.account: step.gain(a) for a in exchange.accounts.values()}
    costs = {account.account: costs_of(step, account) for account in negative}
    for debtor in waterfall.debtors:
        open_debtor(exchange, step, debtor, costs[debtor.account.account])
        for holding in open_positions(exchange, debtor.account):
            pass_on(exchange, waterfall, debtor, holding)
        pay_in_cash(exchange, waterfall, debtor)
    cover_the_rest(exchange, waterfall)
    for debtor in waterfall.debtors:
        for holding in open_positions(exchange, debtor.account):
            market = exchange.markets[holding.contract]
            pair_off(exchange, market, debtor.account, others_of(waterfall, debtor))
            deleverage(exchange, market, debtor.account, 0, everyone=True)
            assert holding.lots == 0, "9.8: longs and shorts sum to zero, so every lot closes"
    for debtor in waterfall.debtors:
        close_debtor(exchange, debtor)
    for number in numbers:
        market = exchange.markets[number]
        change_state(exchange, market, states[number], words.WHY_WATERFALL_DONE)


def costs_of(step: Step, account: Account) -> dict[int, int]:
    """What each contract of the step cost the account, on the lots that it holds now."""
    costs = {}
    for number in account.holdings:
        loss = -account.lots(number) * step.gain_per_lot.get(number, 0)
        if loss > 0:
            costs[number] = loss
    return costs


def open_positions(exchange, account: Account) -> list[Holding]:
    """Its positions outside frozen contracts."""
    return [
        holding
        for holding in account.positions()
        if exchange.markets[holding.contract].state != words.STATE_FROZEN
    ]


def others_of(waterfall: Waterfall, debtor: Debtor) -> list[Account]:
    return [other.account for other in waterfall.debtors if other is not debtor]


def open_debtor(exchange, step: Step, debtor: Debtor, costs: dict[int, int]) -> None:
    account = debtor.account
    exchange.emit(
        events.LIQUIDATION_STEPPED,
        words.STEP_WATERFALL,
        0,
        0,
        equity(exchange, account),
        maintenance(exchange, account),
        0,
        account=account.account,
    )
    cancel_all(exchange, account.orders(), words.CANCEL_LIQUIDATION)
    settle_all_funding(exchange, account)
    left = debtor.found = deficit_left(exchange, debtor)
    assert left > 0, "8.4: collateral comes first, so that who is left is below zero"
    cost_left = sum(costs.values())
    assert left <= cost_left or step.asset, "9.3: a deficit is never above the step's loss"
    for number, cost in costs.items():
        debtor.charges[number] = left * cost // cost_left
        left -= debtor.charges[number]
        cost_left -= cost


def pass_on(exchange, waterfall: Waterfall, debtor: Debtor, holding: Holding) -> None:
    """One position with its charge: providers, fund, pairing, deleveraging. Providers take only
    what bears no part of the loss, and get no penalty from somebody who has nothing left."""
    account, market = debtor.account, exchange.markets[holding.contract]
    charge = debtor.charges.get(holding.contract, 0)
    if charge == 0:
        provide(exchange, market, account, lambda lots: 0)
    if holding.lots == 0:
        return
    bears = spread(charge, abs(holding.lots))
    room = fund_loss_room(exchange, waterfall)
    taken = takeover_lots(exchange, market, account, bears, room)
    if taken:
        borne = sum(bears[:taken])
        take_over(exchange, market, account, taken, borne, 0)
        count_fund_loss(exchange, waterfall, borne)
        debtor.fund += borne
        charge -= borne
    pair_off(exchange, market, account, others_of(waterfall, debtor))
    most_per_lot = abs(waterfall.step.gain_per_lot.get(holding.contract, 0))
    for holder in deleverage(exchange, market, account, charge, most_per_lot):
        debtor.given_up += holder.paid
        number = holder.account.account
        waterfall.given_up[number] = waterfall.given_up.get(number, 0) + holder.paid


def emit_covered(exchange, debtor: Debtor, layer: int, amount: int) -> None:
    account = debtor.account
    account.cash += amount
    exchange.emit(events.DEFICIT_COVERED, layer, amount, account.cash, account=account.account)


def deficit_left(exchange, debtor: Debtor) -> int:
    return max(0, -equity(exchange, debtor.account))


def pay_in_cash(exchange, waterfall: Waterfall, debtor: Debtor) -> None:
    """The fund within its caps, then the house layer."""
    fund = exchange.fund
    left = deficit_left(exchange, debtor)
    room = fund_loss_room(exchange, waterfall)
    by_fund = min(left, max(0, equity(exchange, fund)), room)
    if by_fund:
        fund.cash -= by_fund
        count_fund_loss(exchange, waterfall, by_fund)
        debtor.fund += by_fund
        emit_covered(exchange, debtor, words.LAYER_FUND, by_fund)
        if fund.cash < 0:
            cover(exchange, fund)
        suspect(exchange, fund)
    pay_by_house(exchange, debtor, min(deficit_left(exchange, debtor), max(0, exchange.house)))


def pay_by_house(exchange, debtor: Debtor, amount: int) -> None:
    if amount:
        exchange.house -= amount
        debtor.house += amount
        emit_covered(exchange, debtor, words.LAYER_HOUSE, amount)


def net_gains(exchange, waterfall: Waterfall) -> dict[int, int]:
    """By account: the step's gain less what it gave up for it. The fund gave up what it paid as
    well, else its cut could exceed its equity."""
    nets = {}
    for number in sorted(waterfall.gains):
        gain = waterfall.gains[number] - waterfall.given_up.get(number, 0)
        if number == words.FUND:
            gain -= waterfall.fund_loss
        if gain > 0:
            nets[number] = gain
    return nets


def cover_the_rest(exchange, waterfall: Waterfall) -> None:
    """9.8: the last layer."""
    left = sum(deficit_left(exchange, debtor) for debtor in waterfall.debtors)
    if left == 0:
        return
    if not exchange.withdrawals_stopped:
        exchange.withdrawals_stopped = True
        exchange.emit(events.WITHDRAWALS_STOPPED, left)
    if waterfall.step.asset:
        left = share_loss(exchange, waterfall, left)
    else:
        nets = net_gains(exchange, waterfall)
        assert sum(nets.values()) >= left, "9.8: the gains of a step always suffice"
        take_pro_rata(exchange, events.GAINS_CUT, nets, left)
    for debtor in waterfall.debtors:
        amount = min(left, deficit_left(exchange, debtor))
        left -= amount
        if amount:
            debtor.haircut += amount
            emit_covered(exchange, debtor, words.LAYER_HAIRCUT, amount)
        pay_by_house(exchange, debtor, deficit_left(exchange, debtor))


def share_loss(exchange, waterfall: Waterfall, left: int) -> int:
    """What a fall of collateral has left uncovered, over everyone who has any equity. Nobody can
    give more than that (9.5), so that what is above it stays with the house. Returns how much is
    shared."""
    others = [a for a in exchange.accounts.values() if not waterfall.is_debtor(a)]
    equities = {a.account: equity(exchange, a) for a in others}
    positive = {number: equities[number] for number in sorted(equities) if equities[number] > 0}
    total = sum(positive.values())
    exchange.emit(events.COLLATERAL_LOSS_DECLARED, left, total)
    shared = min(left, total)
    take_pro_rata(exchange, events.COLLATERAL_LOSS_SHARED, positive, shared)
    return shared


def take_pro_rata(exchange, kind: int, bases: dict[int, int], left: int) -> None:
    """So much of these, each by its part, with running remainders."""
    base_left = sum(bases.values())
    for number, base in bases.items():
        amount = left * base // base_left
        left -= amount
        base_left -= base
        if amount == 0:
            continue
        account = exchange.accounts[number]
        account.cash -= amount
        exchange.emit(kind, base, amount, account.cash, account=number)
        if account.cash < 0:
            cover(exchange, account)
        suspect(exchange, account)


def close_debtor(exchange, debtor: Debtor) -> None:
    account = debtor.account
    if account.cash < 0:
        cover(exchange, account)
    layers = (debtor.fund, debtor.given_up, debtor.house, debtor.haircut)
    assert debtor.found == sum(layers), "I9: the deficit is what the layers paid"
    exchange.emit(events.WATERFALL_CLOSED, debtor.found, *layers, account=account.account)
    end = words.END_FROZEN if account.positions() else words.END_FLAT
    exchange.end_liquidation(account, end)
