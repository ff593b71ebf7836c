"""Assets beside cash: their prices, their impairment, what comes in and goes out (10.1-10.3)."""

from engine.schema import bounds, events, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle import liquidation
from tests.oracle.accounts import Account, equity, notional, requirement
from tests.oracle.backstop import Step
from tests.oracle.eligibility import move_timer
from tests.oracle.rounding import ceil_div, rate_up
from tests.oracle.timers import DUE_LICENCE, DUE_RISE, DUE_SILENCE
from tests.oracle.valuation import (
    Asset,
    capped_price,
    change_holding,
    held_by_all,
    is_depegged,
    market_value,
    price_at_most_par,
    revalue,
    value_without,
)
from tests.oracle.withdrawals import is_full

QUANTITY_MAX = bounds.DEPOSITS_MAX


def run_step(exchange, asset: Asset) -> None:
    """A change of what the asset is worth: everyone who holds it is valued, then supervised."""
    for number in sorted(exchange.accounts):
        account = exchange.accounts[number]
        if asset.number in account.collateral:
            revalue(exchange, account)
    liquidation.supervise(exchange, Step(asset=asset.number))


def standing(asset: Asset) -> tuple[int, bool, int]:
    """What a step of the asset comes from, if it changes."""
    return asset.price, asset.is_impaired, asset.raise_ppb


# Prices.


def lower_median(prices: list[int]) -> int:
    return sorted(prices)[(len(prices) - 1) // 2]


def publish_collateral(exchange, command) -> int:
    asset, price = exchange.assets.get(command.asset), command.price_ppb
    if asset is None:
        return refusals.ASSET_UNKNOWN
    if not 1 <= command.source <= asset.spec.sources:
        return refusals.SOURCE_UNKNOWN
    if price < 1:
        return refusals.PRICE_NOT_POSITIVE
    if price > bounds.COLLATERAL_PRICE_PPB_MAX:
        return refusals.PRICE_ABOVE_MAX
    before = standing(asset)
    asset.quotes[command.source] = (price, exchange.clock)
    listen(exchange, asset)
    fresh = asset.fresh_prices(exchange.clock)
    if asset.is_fresh(exchange.clock):
        asset.price = lower_median(fresh)
    told = (asset.number, command.source, price, asset.price, len(fresh), asset.raise_ppb)
    exchange.emit(events.COLLATERAL_PRICED, *told)
    if is_depegged(asset):
        impair(exchange, asset, words.IMPAIRED_DEPEG)
    elif asset.reason == words.IMPAIRED_SILENT and asset.is_fresh(exchange.clock):
        recover(exchange, asset)
        exchange.emit(events.COLLATERAL_RECOVERED, asset.number)
    if standing(asset) != before:
        run_step(exchange, asset)
    return refusals.OK


# Silence.


def listen(exchange, asset: Asset) -> None:
    """When too few prices will be fresh, if nothing more is said: one unit of time behind the last
    instant at which the youngest that suffice are."""
    youngest = sorted((time for _, time in asset.quotes.values()), reverse=True)
    needed = asset.spec.sources_min
    if len(youngest) < needed:
        return
    silent_from = youngest[needed - 1] + asset.spec.stale_ns + 1
    move_timer(exchange, DUE_SILENCE, asset.number, asset, asset.silent_from, silent_from)
    asset.silent_from = silent_from


def fall_silent(exchange, asset: Asset) -> None:
    """By the clock. What is impaired for another reason stays so."""
    del exchange.timers[asset.silent_from, DUE_SILENCE, asset.number]
    if not asset.is_impaired:
        impair(exchange, asset, words.IMPAIRED_SILENT)
        run_step(exchange, asset)


# Impairment.


def start_rise(exchange, asset: Asset, due: int) -> None:
    """The haircut rises again, unless it can't rise any further."""
    asset.next_rise = 0
    if asset.raise_ppb < PPB:
        asset.next_rise = due
        exchange.timers[due, DUE_RISE, asset.number] = asset


def stop_rise(exchange, asset: Asset) -> None:
    if asset.next_rise:
        del exchange.timers[asset.next_rise, DUE_RISE, asset.number]
        asset.next_rise = 0


def begin_impairment(exchange, asset: Asset, reason: int, now: int) -> None:
    asset.reason = reason
    asset.raise_ppb = asset.spec.impaired_haircut_ppb
    start_rise(exchange, asset, now + asset.spec.impaired_step_ns)


def impair(exchange, asset: Asset, reason: int) -> None:
    """Nothing is impaired twice. Silence alone ends without an operator, so that any other reason
    takes its place; what has been raised is raised."""
    if not asset.is_impaired:
        begin_impairment(exchange, asset, reason, exchange.clock)
    elif asset.reason == words.IMPAIRED_SILENT != reason:
        asset.reason = reason
    else:
        return
    exchange.emit(events.COLLATERAL_IMPAIRED, asset.number, reason, asset.raise_ppb)


def recover(exchange, asset: Asset) -> None:
    asset.reason = asset.raise_ppb = 0
    stop_rise(exchange, asset)


def licence_timers(assets: dict[int, Asset]) -> dict[tuple[int, int, int], Asset]:
    licensed = [asset for asset in assets.values() if asset.licensed_until]
    return {(asset.licensed_until, DUE_LICENCE, asset.number): asset for asset in licensed}


def start_licences(exchange, now: int) -> None:
    """The clock is set. What has ended before is impaired without a word; its timer finds nothing
    to do. Then it is revalued: time 0 takes deposits, though nobody can have a position yet."""
    found = [a for a in exchange.assets.values() if 0 < a.licensed_until <= now]
    ended = [asset for asset in found if not asset.is_impaired]
    for asset in ended:
        begin_impairment(exchange, asset, words.IMPAIRED_LICENCE, now)
    for asset in ended:
        run_step(exchange, asset)


def end_licence(exchange, asset: Asset) -> None:
    """By the clock. What is impaired already does not count for less by it."""
    del exchange.timers[asset.licensed_until, DUE_LICENCE, asset.number]
    before = standing(asset)
    impair(exchange, asset, words.IMPAIRED_LICENCE)
    if standing(asset) != before:
        run_step(exchange, asset)


def rise(exchange, asset: Asset) -> None:
    """By the clock."""
    due = asset.next_rise
    del exchange.timers[due, DUE_RISE, asset.number]
    asset.raise_ppb = min(PPB, asset.raise_ppb + asset.spec.impaired_haircut_ppb)
    start_rise(exchange, asset, due + asset.spec.impaired_step_ns)
    exchange.emit(events.COLLATERAL_IMPAIRED, asset.number, 0, asset.raise_ppb)
    run_step(exchange, asset)


def lasting_reason(exchange, asset: Asset) -> int:
    """Why it is impaired whatever an operator says; 0 if nothing speaks against it."""
    if 0 < asset.licensed_until <= exchange.clock:
        return words.IMPAIRED_LICENCE
    if is_depegged(asset):
        return words.IMPAIRED_DEPEG
    return words.IMPAIRED_SILENT if asset.is_silent(exchange.clock) else 0


def set_collateral(exchange, command) -> int:
    asset, until = exchange.assets.get(command.asset), command.licensed_until_ns
    if asset is None:
        return refusals.ASSET_UNKNOWN
    earliest = 1 if asset.spec.kind == words.ASSET_STABLECOIN else 0
    if command.impaired not in (0, 1) or not earliest <= until <= bounds.TIME_NS_MAX:
        return refusals.COLLATERAL_INVALID
    before = standing(asset)
    move_timer(exchange, DUE_LICENCE, asset.number, asset, asset.licensed_until, until)
    asset.licensed_until = until
    exchange.emit(events.COLLATERAL_SET, asset.number, command.impaired, until)
    reason = words.IMPAIRED_OPERATOR
    if command.impaired == 0:
        recover(exchange, asset)
        reason = lasting_reason(exchange, asset)
    if reason:
        impair(exchange, asset, reason)
    if standing(asset) != before:
        run_step(exchange, asset)
    return refusals.OK


# In and out.


def stressed_loss(asset: Asset, value: int) -> int:
    return rate_up(value, asset.spec.stress_ppb)


def is_above_caps(exchange, asset: Asset, quantity: int) -> bool:
    """10.2 and 9.8, with this deposit: of the asset, of its issuer, of all coins together. The
    asset's own value is rounded up against its cap, so that within the cap nobody's price is cut
    by what others deposit."""
    total = held_by_all(exchange, asset) + quantity
    if ceil_div(total * price_at_most_par(asset, asset.price), PPB) > asset.spec.asset_value_max:
        return True
    values = {
        number: market_value(other, held_by_all(exchange, other), capped_price(exchange, other))
        for number, other in exchange.assets.items()
    }
    values[asset.number] = market_value(asset, total, asset.price)
    issuer = asset.spec.issuer
    issued = [n for n, other in exchange.assets.items() if other.spec.issuer == issuer]
    if issuer and sum(values[n] for n in issued) > asset.spec.issuer_value_max:
        return True
    if asset.spec.kind != words.ASSET_COIN:
        return False
    coins = [o for o in exchange.assets.values() if o.spec.kind == words.ASSET_COIN]
    loss = sum(stressed_loss(coin, values[coin.number]) for coin in coins)
    return loss > max(0, equity(exchange, exchange.fund)) + exchange.house


def check_deposit(exchange, account: Account | None, command) -> int:
    asset, quantity = exchange.assets.get(command.asset), command.quantity
    if account is None:
        return refusals.ACCOUNT_UNKNOWN
    if asset is None:
        return refusals.ASSET_UNKNOWN
    if account.kind not in asset.spec.account_kinds:
        return refusals.ACCOUNT_KIND_INVALID
    if quantity < 1:
        return refusals.AMOUNT_NOT_POSITIVE
    if held_by_all(exchange, asset) + asset.converted + quantity > QUANTITY_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    is_spent = exchange.conversion_cash <= -bounds.DEPOSITS_MAX
    if is_spent or exchange.brought() >= bounds.DEPOSITS_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    if asset.is_impaired or not asset.price or not asset.is_fresh(exchange.clock):
        return refusals.COLLATERAL_CLOSED
    if is_above_caps(exchange, asset, quantity):
        return refusals.COLLATERAL_CAP
    return refusals.OK


def deposit_collateral(exchange, command) -> int:
    account = exchange.client(command.account)
    code = check_deposit(exchange, account, command)
    if code:
        return code
    number, quantity = command.asset, command.quantity
    change_holding(account, number, quantity)
    exchange.assets[number].deposits += quantity
    revalue(exchange, account)
    told = (number, quantity, account.collateral[number], account.collateral_value)
    exchange.emit(events.COLLATERAL_DEPOSITED, *told, account=account.account)
    return refusals.OK


def may_leave(exchange, account: Account, number: int, quantity: int) -> bool:
    """8.3, of an asset: what is left must do for all that the account holds and works."""
    held = [h for h in account.holdings.values() if h.lots or h.orders]
    if any(exchange.markets[h.contract].state != words.STATE_CONTINUOUS for h in held):
        return False
    left = equity(exchange, account) - account.collateral_value
    left += value_without(exchange, account, number, quantity)
    tenth = ceil_div(notional(exchange, account), 10)
    return left >= max(requirement(exchange, account), tenth)


def check_withdrawal(exchange, account: Account, command) -> int:
    number, quantity = command.asset, command.quantity
    if account.in_liquidation:
        return refusals.ACCOUNT_IN_LIQUIDATION
    if number not in exchange.assets:
        return refusals.ASSET_UNKNOWN
    if quantity < 1:
        return refusals.AMOUNT_NOT_POSITIVE
    if quantity > QUANTITY_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    if is_full(account):
        return refusals.WITHDRAWALS_PENDING
    if exchange.withdrawals_stopped:
        return refusals.WITHDRAWALS_STOPPED
    if quantity > account.collateral.get(number, 0):
        return refusals.COLLATERAL_INSUFFICIENT
    if not may_leave(exchange, account, number, quantity):
        return refusals.WITHDRAWAL_ABOVE_AVAILABLE
    return refusals.OK


def withdraw_collateral(exchange, command) -> int:
    """No cash moves, and so no funding is settled."""
    account = exchange.accounts[command.account]
    code = check_withdrawal(exchange, account, command)
    if code:
        return code
    number, quantity = command.asset, command.quantity
    change_holding(account, number, -quantity)
    account.reserved[command.client_id] = (number, quantity)
    revalue(exchange, account)
    held = account.collateral.get(number, 0)
    told = (number, quantity, command.client_id, held, account.collateral_value)
    exchange.emit(events.COLLATERAL_RESERVED, *told, account=account.account)
    return refusals.OK
