"""The entries from Python: a batch of commands, one command, one question that writes nothing."""

from engine.book.orders import SLOT_MASK
from engine.kernel import entry, kernel
from engine.schema.bounds import ACCOUNTS_MAX, ORDERS_MAX
from engine.schema.commands import MASS_QUOTE
from engine.state.access import ENGINE, ORDER
from engine.state.lines import (
    ask_for_account,
    ask_for_order,
    ask_for_position,
    ask_for_positions,
    ask_for_record,
)
from engine.transition.step import COMMAND, apply_alone, apply_command
from risk.accounts import find_inline_position
from risk.deleveraging_modes import compute_rank_band
from risk.worth import is_kept

# How many commands ahead which lines are asked for; measured, see bench/NOTES.md
AHEAD = 8
NEAR = 4  # by then the lines asked for AHEAD have come


@kernel
def account_named(command):
    account = command.account
    return account if account > 0 and account <= ACCOUNTS_MAX else 0


@kernel
def slot_named(command):
    """Of the order that it cancels or amends; of another command whatever stands there, mostly 0:
    only asked for, never trusted."""
    return min(command.order_id & SLOT_MASK, ORDERS_MAX)


@kernel
def ask_for_named(arena, commands, row):
    """The lines that the command will read first, whatever its kind: a branch on that would be
    guessed wrong as often as not. Hostile ids stay inside the arena."""
    command = COMMAND(commands, row)
    ask_for_account(arena, account_named(command))
    ask_for_order(arena, slot_named(command))


@kernel
def ask_for_related(arena, commands, row):
    """The second stage: the lines of the first have come and name those that are read next."""
    command = COMMAND(commands, row)
    order = ORDER(arena, slot_named(command))  # of a plain new one the nil order
    ask_for_position(arena, order.position)
    ask_for_order(arena, order.next)
    ask_for_order(arena, order.previous)
    ask_for_order(arena, order.account_next)
    ask_for_order(arena, order.account_previous)
    account = account_named(command)
    ask_for_position(arena, find_inline_position(arena, account, command.contract))
    if not is_kept(arena, account):
        ask_for_positions(arena, account)


@kernel
def look_ahead(arena, commands, row, count):
    """Before a command is applied, ask for what later ones of the batch will read."""
    ask_for_record(commands, row)
    if row + AHEAD < count:
        ask_for_named(arena, commands, row + AHEAD)
    if row + NEAR < count:
        ask_for_related(arena, commands, row + NEAR)


@entry("int64(int64, int64, int64, int64)", nogil=True, rows="count")
def run(arena, commands, count, events_max):
    """Apply up to `count` records; stops early once `events_max` events stand in the arena, or
    before a mass quote whose rows are not all there, unless it is the first.

    The caller has emptied the events before. Returns how many records were done.
    """
    engine = ENGINE(arena, 0)
    row = 0
    while row < count and engine.events < events_max:
        is_quotes = COMMAND(commands, row).kind == MASS_QUOTE
        if is_quotes:
            if row > 0 and row + COMMAND(commands, row).quotes >= count:
                break  # its rows may follow in the next part
            engine.rows_left = count - row
        look_ahead(arena, commands, row, count)
        apply_command(arena, commands, row)
        row += engine.rows if is_quotes else 1  # a load that nothing else has to wait for
    return row


@entry("int64(int64, int64, int64)")
def one(arena, commands, rows):
    """Apply a single command that stands in so many records; returns its refusal code."""
    ENGINE(arena, 0).events = 0
    ENGINE(arena, 0).rows_left = rows
    return apply_alone(arena, commands, 0)


@entry("int64(int64, int64, int64)")
def read_rank_band(arena, account, contract):
    """Which fifth of its side's lots stands before a position in deleveraging (9.7); no write."""
    return compute_rank_band(arena, account, contract)
