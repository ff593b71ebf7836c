"""What-if (8.9): what a command would do, and at which prices a position would be liquidated.

Nothing here computes a margin. A command is applied to a copy of the state by the functions that
apply it to the state; an account is valued at other marks, on a copy of its records, by the
functions that value it. So an answer is the decision, as long as nothing comes between.
"""

from collections.abc import Callable

import msgspec

from engine.schema import refusals
from engine.schema.commands import AnyCommand, PlaceBracket, PlaceOrder, SetLeverage
from engine.schema.contract import Contract
from engine.schema.events import Event
from engine.state.arena import Arena, has_account
from engine.state.copying import copy_account
from engine.views import find_trader, positions_of
from risk.from_python import (
    compute_bankruptcy_price,
    reserve_admitted,
    value_account,
    value_at_mark,
)


class Margin(msgspec.Struct, frozen=True):
    """What an account is worth and what it must hold, as the kernels value it."""

    equity: int
    maintenance: int  # below it liquidation starts (9.1)
    requirement: int  # initial margin with all orders: what a new risk must stay within (8.2)


class Outcome(msgspec.Struct, frozen=True):
    """What a command would do now. `before` is that of the moment, the due work that the command
    brings along included only in `after`; both are None where it names no open account."""

    code: int  # 0: it would be taken
    refusal: str  # the code's name, empty when there is none
    events: tuple[Event, ...]
    before: Margin | None
    after: Margin | None
    equity_needed: int | None  # what an order refused for its margin would have needed


class LiquidationPrices(msgspec.Struct, frozen=True):
    """Marks of one position, the marks of all others held."""

    mark_ticks: int
    liquidation_ticks: int | None  # the first mark under maintenance; None: no listed price is
    bankruptcy_ticks: int  # the limit of a liquidation order at present values (9.3)


def value(arena: Arena, account: int) -> Margin | None:
    """The margin of an account, None where none is open."""
    if not has_account(arena, account):
        return None
    return Margin(*value_account(arena.base, account))


def code_of(events: tuple[Event, ...]) -> int:
    """The refusal code of the command that these events are of; the refusal ends what the command
    itself did, and only its sequel can follow."""
    found = [event.values["code"] for event in events if event.name == "refused"]
    return found[0] if found else refusals.OK


def tell_outcome(
    command: AnyCommand, before: Arena, after: Arena, events: tuple[Event, ...]
) -> Outcome:
    """The outcome of a command that has been applied to the second arena, but for the equity that
    it needed."""
    account = getattr(command, "account", 0)
    if isinstance(command, PlaceOrder | PlaceBracket | SetLeverage):
        account = find_trader(before, account, command.contract)
    code = code_of(events)
    return Outcome(
        code=code,
        refusal=refusals.NAMES.get(code, ""),
        events=events,
        before=value(before, account),
        after=value(after, account),
        equity_needed=None,
    )


def compute_equity_needed(arena: Arena, command: AnyCommand) -> int | None:
    """The requirement that a refused order would have brought. Takes a copy on which the command
    was the last thing that went through admission, and spends it."""
    if not isinstance(command, PlaceOrder | PlaceBracket):
        return None
    trader = find_trader(arena, command.account, command.contract)
    return reserve_admitted(arena.base, trader, command.contract, command.side)


def still(arena: Arena) -> Arena:
    """Let no fired order and no liquidation step follow a command on this copy: what admission
    computed for the command is then what stands in the arena behind it."""
    arena.pool["triggers_max"] = 0
    arena.pool["liquidation_steps_max"] = 0
    return arena


def find_liquidation_prices(arena: Arena, spec: Contract, account: int) -> LiquidationPrices:
    """The prices of an account's position in a contract, isolated or not; KeyError when it holds
    no lots there."""
    contract = spec.contract
    account = find_trader(arena, account, contract)
    lots = _lots_of(arena, account, contract)
    copy = copy_account(arena, account)
    mark_ticks = int(arena.records("contracts", contract + 1)["mark_ticks"][contract])
    bankruptcy_ticks = compute_bankruptcy_price(copy.base, account, contract)

    def is_under(ticks: int) -> bool:
        equity, maintenance = value_at_mark(copy.base, account, contract, ticks)
        return bool(equity < maintenance)

    end_ticks = spec.price_ticks_min if lots > 0 else spec.price_ticks_max
    return LiquidationPrices(
        mark_ticks, _first_from(mark_ticks, end_ticks, is_under), bankruptcy_ticks
    )


def _lots_of(arena: Arena, account: int, contract: int) -> int:
    for other, slot in positions_of(arena, account) if has_account(arena, account) else ():
        lots = int(arena.records("positions", slot + 1)[slot]["lots"])
        if other == contract and lots != 0:
            return lots
    raise KeyError(f"account {account} holds nothing in contract {contract}")


def _first_from(start: int, end: int, is_under: Callable[[int], bool]) -> int | None:
    """The first price from `start` towards `end` of which it is true. It is true of every price
    beyond the first: equity falls faster than maintenance can, whose rate is below 100% (8.1). Of a
    portfolio, whose margin is rounded several times, it can be some ticks beyond the first."""
    if not is_under(end):
        return None
    step = 1 if end >= start else -1
    near, far = 0, abs(end - start)
    while near < far:
        middle = (near + far) // 2
        if is_under(start + step * middle):
            far = middle
        else:
            near = middle + 1
    return start + step * near
