"""The conversion ledger: redeemed for cash, its balance settled with who provides it (10.4, 10.6).

What conversions gain or lose stays in the ledger's cash, above or below zero: it is the provider's
own, and no account, the fund or the house ever bears it.
"""

from engine.kernel import cold, kernel
from engine.schema import events, refusals
from engine.schema.bounds import DEPOSITS_MAX
from engine.state.access import COLLATERAL, POOL
from engine.state.events import emit
from engine.transition.money import check_amount
from risk.collateral import is_registered


@kernel
def check_conversion_cash(arena, amount):
    """Whether the ledger's cash may change by so much (1.3)."""
    if amount > DEPOSITS_MAX or POOL(arena, 0).conversion_cash + amount > DEPOSITS_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    return refusals.OK


@kernel
def apply_conversion_cash(arena, amount):
    """Cash comes into the pool (positive) or leaves it, by way of the conversion ledger."""
    pool = POOL(arena, 0)
    pool.conversion_cash += amount
    pool.deposits_net += amount


@cold
def redeem_conversion(arena, asset, quantity, proceeds):
    """Units of an asset leave for good, and what they were sold for comes in."""
    if not is_registered(arena, asset):
        return refusals.ASSET_UNKNOWN
    code = check_amount(quantity)
    if code != refusals.OK:
        return code
    if proceeds < 0:
        return refusals.AMOUNT_NOT_POSITIVE
    code = check_conversion_cash(arena, proceeds)
    if code != refusals.OK:
        return code
    record = COLLATERAL(arena, asset)
    if quantity > record.converted:
        return refusals.CONVERSION_INSUFFICIENT
    # From here the units are gone; nothing below may refuse.

    record.converted -= quantity
    record.deposits_net -= quantity
    apply_conversion_cash(arena, proceeds)
    emit(
        arena, events.CONVERSION_REDEEMED, 0, 0,
        asset, quantity, proceeds, record.converted, POOL(arena, 0).conversion_cash, 0,
    )  # fmt: skip
    return refusals.OK


@cold
def settle_conversion(arena, amount):
    """The provider pays in what conversions have lost, or takes out what they have gained: never
    what accounts were paid with."""
    if amount == 0:
        return refusals.AMOUNT_NOT_POSITIVE
    if amount < -DEPOSITS_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    code = check_conversion_cash(arena, amount)
    if code != refusals.OK:
        return code
    if -amount > max(0, POOL(arena, 0).conversion_cash):
        return refusals.CONVERSION_INSUFFICIENT
    # From here it is settled; nothing below may refuse.

    apply_conversion_cash(arena, amount)
    conversion_cash = POOL(arena, 0).conversion_cash
    emit(arena, events.CONVERSION_SETTLED, 0, 0, amount, conversion_cash, 0, 0, 0, 0)
    return refusals.OK
