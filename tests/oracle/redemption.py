"""What conversions have brought leaves, and cash comes in for it; what their provider has gained or
lost is settled (10.4, 10.6). Both move the conversion ledger alone: nobody else's money."""

from engine.schema import bounds, events, refusals

MOST = bounds.DEPOSITS_MAX  # of a quantity, an amount, and the cash of the ledger


def check_redemption(exchange, command) -> int:
    asset, quantity, proceeds = command.asset, command.quantity, command.proceeds
    if asset not in exchange.assets:
        return refusals.ASSET_UNKNOWN
    if quantity < 1:
        return refusals.AMOUNT_NOT_POSITIVE
    if quantity > MOST:
        return refusals.AMOUNT_ABOVE_MAX
    if proceeds < 0:
        return refusals.AMOUNT_NOT_POSITIVE
    if proceeds > MOST or exchange.conversion_cash + proceeds > MOST:
        return refusals.AMOUNT_ABOVE_MAX
    if quantity > exchange.assets[asset].converted:
        return refusals.CONVERSION_INSUFFICIENT
    return refusals.OK


def change_cash(exchange, amount: int) -> None:
    """From outside, or out."""
    exchange.conversion_cash += amount
    exchange.deposits += amount


def redeem_conversion(exchange, command) -> int:
    code = check_redemption(exchange, command)
    if code:
        return code
    asset = exchange.assets[command.asset]
    asset.converted -= command.quantity
    asset.deposits -= command.quantity
    change_cash(exchange, command.proceeds)
    told = (asset.number, command.quantity, command.proceeds)
    left = (asset.converted, exchange.conversion_cash)
    exchange.emit(events.CONVERSION_REDEEMED, *told, *left)
    return refusals.OK


def check_settlement(exchange, amount: int) -> int:
    if amount == 0:
        return refusals.AMOUNT_NOT_POSITIVE
    if abs(amount) > MOST or exchange.conversion_cash + amount > MOST:
        return refusals.AMOUNT_ABOVE_MAX
    if -amount > max(0, exchange.conversion_cash):
        return refusals.CONVERSION_INSUFFICIENT
    return refusals.OK


def settle_conversion(exchange, command) -> int:
    code = check_settlement(exchange, command.amount)
    if code:
        return code
    change_cash(exchange, command.amount)
    exchange.emit(events.CONVERSION_SETTLED, command.amount, exchange.conversion_cash)
    return refusals.OK
