"""Assets beside cash: deposits, prices, impairment, and the step of an asset (10)."""

from engine.kernel import cold, kernel
from engine.schema import bounds, events, refusals
from engine.schema.bounds import COLLATERAL_SOURCES_MAX, PPB, TIME_NS_MAX
from engine.schema.vocabulary import (
    ASSET_COIN,
    ASSET_STABLECOIN,
    FUND,
    IMPAIRED_DEPEG,
    IMPAIRED_LICENCE,
    IMPAIRED_OPERATOR,
    IMPAIRED_SILENT,
    NONE,
)
from engine.state.access import (
    ACCOUNT_EXTRA,
    COLLATERAL,
    COLLATERAL_SOURCE,
    ENGINE,
    POOL,
)
from engine.state.arithmetic import is_ratio_above, multiply_rate_ceil
from engine.state.due import hasten_due
from engine.state.events import emit
from engine.trading_state import EVERY
from engine.transition.due_times import HAIRCUT_RISE, SILENCE
from engine.transition.money import check_amount, compute_paid_in, set_settlement
from engine.transition.waterfall import finish_negative
from risk.accounts import is_opened, next_account
from risk.collateral import (
    capped_price,
    change_holding,
    cut_to_par,
    held_of,
    is_registered,
    value_at,
    value_collateral,
)
from risk.collateral_prices import (
    clear_impairment,
    count_fresh,
    end_licence,
    end_silence,
    fall_silent,
    find_median,
    has_licence_ended,
    impair_asset,
    is_depegged,
    is_silent,
    note_heard,
    raise_haircut,
)
from risk.counterparties import value_changed
from risk.margin import compute_equity, find_largest_position
from risk.step import begin_step
from risk.supervision import add_hit, announce_hits, order_hits, value_again
from risk.withdrawals import CASH


@kernel
def has_position(arena, account):
    return find_largest_position(arena, account, EVERY) != NONE


@cold
def step_asset(arena, asset):
    """A step without contracts: everybody who holds the asset is valued anew, by id, and who has a
    position is supervised. (Without one the cash alone is above zero, and only a place in the queue
    may change.)"""
    begin_step(arena)
    engine = ENGINE(arena, 0)
    engine.hits = 0
    if COLLATERAL(arena, asset).held == 0:
        return 0
    account = next_account(arena, FUND)
    while account != NONE and account <= bounds.ACCOUNTS_MAX:
        if held_of(arena, account, asset) > 0:
            value_collateral(arena, account)
        account = next_account(arena, account)
    value_changed(arena)
    account = next_account(arena, FUND)
    while account != NONE and account <= bounds.ACCOUNTS_MAX:
        if held_of(arena, account, asset) > 0:
            if has_position(arena, account):
                add_hit(arena, account)
            else:
                value_again(arena, account)
        account = next_account(arena, account)
    order_hits(arena)
    return finish_negative(arena, announce_hits(arena))


@cold
def step_unlicensed(arena):
    """The clock is set for the first time: what has ended by then counts for less (10.3)."""
    for asset in range(1, ENGINE(arena, 0).collaterals + 1):
        if has_licence_ended(arena, asset):
            step_asset(arena, asset)
    return 0


@cold
def publish_collateral(arena, asset, source, price_ppb):
    """One source's price of an asset, the asset's price, and what follows from it."""
    if not is_registered(arena, asset):
        return refusals.ASSET_UNKNOWN
    record = COLLATERAL(arena, asset)
    if source < 1 or source > record.sources:
        return refusals.SOURCE_UNKNOWN
    if price_ppb < 1:
        return refusals.PRICE_NOT_POSITIVE
    if price_ppb > bounds.COLLATERAL_PRICE_PPB_MAX:
        return refusals.PRICE_ABOVE_MAX
    # From here the price stands; nothing below may refuse.

    row = asset * COLLATERAL_SOURCES_MAX + source - 1
    COLLATERAL_SOURCE(arena, row).price_ppb = price_ppb
    COLLATERAL_SOURCE(arena, row).time_ns = ENGINE(arena, 0).clock_ns
    price_before = record.price_ppb + 0
    fresh = count_fresh(arena, asset)
    is_heard = 1 if fresh >= record.sources_min else 0
    if is_heard == 1:
        record.price_ppb = find_median(arena, asset, fresh)
        note_heard(arena, asset)
    emit(
        arena, events.COLLATERAL_PRICED, 0, 0,
        asset, source, price_ppb, record.price_ppb, fresh, record.raise_ppb,
    )  # fmt: skip
    has_changed = 1 if record.price_ppb != price_before else 0
    if is_depegged(arena, asset):
        has_changed |= impair_asset(arena, asset, IMPAIRED_DEPEG)
    elif is_heard == 1:
        has_changed |= end_silence(arena, asset)
    if has_changed == 1:
        step_asset(arena, asset)
    return refusals.OK


@cold
def set_collateral(arena, asset, impaired, licensed_until_ns):
    """An operator writes down an asset's standing. What is cleared while its licence has ended or
    its price is off its peg is impaired anew at once."""
    if asset == CASH:
        return set_settlement(arena, impaired, licensed_until_ns)
    if not is_registered(arena, asset):
        return refusals.ASSET_UNKNOWN
    record = COLLATERAL(arena, asset)
    if impaired < 0 or impaired > 1 or licensed_until_ns < 0 or licensed_until_ns > TIME_NS_MAX:
        return refusals.COLLATERAL_INVALID
    if licensed_until_ns == 0 and record.kind == ASSET_STABLECOIN:
        return refusals.COLLATERAL_INVALID
    # From here it is written; nothing below may refuse.

    was_impaired = record.impaired != 0
    raise_before = record.raise_ppb + 0
    record.licensed_until_ns = licensed_until_ns
    record.licence_next_ns = 0
    emit(arena, events.COLLATERAL_SET, 0, 0, asset, impaired, licensed_until_ns, 0, 0, 0)
    if impaired == 0:
        clear_impairment(arena, asset)
        if has_licence_ended(arena, asset):
            impair_asset(arena, asset, IMPAIRED_LICENCE)
        elif is_depegged(arena, asset):
            impair_asset(arena, asset, IMPAIRED_DEPEG)
        elif record.price_ppb > 0 and is_silent(arena, asset) == 1:
            impair_asset(arena, asset, IMPAIRED_SILENT)
    else:
        impair_asset(arena, asset, IMPAIRED_OPERATOR)
    if licensed_until_ns > ENGINE(arena, 0).clock_ns:
        record.licence_next_ns = licensed_until_ns
        hasten_due(arena, licensed_until_ns)
    if (record.impaired != 0) != was_impaired or record.raise_ppb != raise_before:
        step_asset(arena, asset)
    return refusals.OK


@cold
def do_asset_item(arena, asset, kind):
    """A licence that ends, a haircut that rises, sources that have been silent, at their time."""
    if kind == HAIRCUT_RISE:
        raise_haircut(arena, asset)
        return step_asset(arena, asset)
    is_new = fall_silent(arena, asset) if kind == SILENCE else end_licence(arena, asset)
    if is_new == 1:
        step_asset(arena, asset)
    return 0


@kernel
def market_value_of(arena, asset):
    """What all of an asset that accounts hold is worth at its price, cut to par and cap."""
    price_ppb = cut_to_par(arena, asset, capped_price(arena, asset))
    return value_at(COLLATERAL(arena, asset).held, price_ppb)


@cold
def check_caps(arena, asset, quantity):
    """Whether the pool may hold so much more of the asset: by its own cap, by its issuer's, and of
    coins by what fund and house can lose (10.2, 9.8)."""
    record = COLLATERAL(arena, asset)
    price_ppb = cut_to_par(arena, asset, record.price_ppb + 0)
    held = record.held + quantity
    if is_ratio_above(held, PPB, record.asset_value_max, price_ppb):
        return refusals.COLLATERAL_CAP  # held x price > cap x PPB
    value = value_at(held, price_ppb)
    of_issuer = value
    at_risk = multiply_rate_ceil(value, record.stress_ppb)
    for other in range(1, ENGINE(arena, 0).collaterals + 1):
        if other == asset:
            continue
        another = COLLATERAL(arena, other)
        other_value = market_value_of(arena, other)
        if another.issuer == record.issuer:
            of_issuer += other_value
        if another.kind == ASSET_COIN:
            at_risk += multiply_rate_ceil(other_value, another.stress_ppb)
    if record.issuer > 0 and of_issuer > record.issuer_value_max:
        return refusals.COLLATERAL_CAP
    if record.kind == ASSET_COIN:
        if at_risk > max(0, compute_equity(arena, FUND)) + POOL(arena, 0).house:
            return refusals.COLLATERAL_CAP
    return refusals.OK


@cold
def check_deposit(arena, account, asset, quantity):
    """Whether the asset may come in for the account."""
    if not is_opened(arena, account):
        return refusals.ACCOUNT_UNKNOWN
    if not is_registered(arena, asset):
        return refusals.ASSET_UNKNOWN
    record = COLLATERAL(arena, asset)
    if (record.account_kinds >> ACCOUNT_EXTRA(arena, account).kind) & 1 == 0:
        return refusals.ACCOUNT_KIND_INVALID
    code = check_amount(quantity)
    if code != refusals.OK:
        return code
    if record.held + record.converted + quantity > bounds.DEPOSITS_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    if compute_paid_in(arena) >= bounds.DEPOSITS_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    if POOL(arena, 0).conversion_cash <= -bounds.DEPOSITS_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    if record.impaired != 0 or record.price_ppb == 0:
        return refusals.COLLATERAL_CLOSED
    if is_silent(arena, asset) == 1:
        return refusals.COLLATERAL_CLOSED
    return check_caps(arena, asset, quantity)


@cold
def deposit_collateral(arena, account, asset, quantity):
    """A final deposit of an asset (10.6)."""
    code = check_deposit(arena, account, asset, quantity)
    if code != refusals.OK:
        return code
    # From here the asset is in; nothing below may refuse.

    change_holding(arena, account, asset, quantity)
    COLLATERAL(arena, asset).deposits_net += quantity
    value = value_collateral(arena, account)
    held = held_of(arena, account, asset)
    emit(arena, events.COLLATERAL_DEPOSITED, 0, account, asset, quantity, held, value, 0, 0)
    value_again(arena, account)
    return refusals.OK
