"""The two entries from Python: a batch of commands, and one command (architecture: The arena)."""

from engine.book.orders import SLOT_MASK
from engine.kernel import entry, kernel
from engine.schema.bounds import ACCOUNTS_MAX, ORDERS_MAX
from engine.schema.commands import CANCEL_ORDER, PLACE_ORDER
from engine.state.access import ENGINE, prefetch
from engine.state.layout import SECTIONS
from engine.transition.step import COMMAND, apply_command

AHEAD = 8  # commands; measured, further ahead gained nothing
ACCOUNTS_AT = SECTIONS["accounts"].offset
ORDERS_AT = SECTIONS["orders"].offset


@kernel
def prefetch_command(arena, commands, row):
    """Ask for the lines that the command will read first. Hostile ids stay inside the arena."""
    command = COMMAND(commands, row)
    account = command.account
    if account > 0 and account <= ACCOUNTS_MAX:
        prefetch(arena, ACCOUNTS_AT + account * 64)
    if command.kind == CANCEL_ORDER:
        slot = command.order_id & SLOT_MASK
        if slot <= ORDERS_MAX:
            prefetch(arena, ORDERS_AT + slot * 64)
    elif command.kind == PLACE_ORDER:
        prefetch(arena, ORDERS_AT + ENGINE(arena, 0).orders_free * 64)


@entry("int64(int64, int64, int64, int64)", nogil=True)
def run(arena, commands, count, events_max):
    """Apply up to `count` commands; stops early once `events_max` events stand in the arena.

    The caller has emptied the events before. Returns how many commands were done.
    """
    engine = ENGINE(arena, 0)
    row = 0
    while row < count and engine.events < events_max:
        if row + AHEAD < count:
            prefetch_command(arena, commands, row + AHEAD)
        apply_command(arena, commands, row)
        row += 1
    return row


@entry("int64(int64, int64)")
def one(arena, commands):
    """Apply a single command; returns its refusal code."""
    ENGINE(arena, 0).events = 0
    return apply_command(arena, commands, 0)
