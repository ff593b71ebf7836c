"""The entries from Python: a batch of commands, one command, one question that writes nothing."""

from engine.book.orders import SLOT_MASK
from engine.kernel import entry, kernel
from engine.schema.bounds import ACCOUNTS_MAX, ORDERS_MAX
from engine.schema.commands import CANCEL_ORDER, MASS_QUOTE, PLACE_ORDER
from engine.schema.commands import COMMAND as COMMAND_RECORD
from engine.state.access import ACCOUNT_WORD, ENGINE, ORDER, prefetch
from engine.state.layout import ACCOUNT_WORD_POSITION, ACCOUNT_WORDS, SECTIONS
from engine.transition.step import COMMAND, apply_command
from risk.accounts import INLINE, find_inline_position
from risk.deleveraging_modes import compute_rank_band
from risk.worth import is_kept

# How many commands ahead which lines are asked for; measured, see bench/NOTES.md
FAR = 32  # the record itself: batches come out of files and are in no cache
AHEAD = 8
COMMAND_BYTES = COMMAND_RECORD.itemsize
ACCOUNTS_AT = SECTIONS["accounts"].offset
ORDERS_AT = SECTIONS["orders"].offset
POSITIONS_AT = SECTIONS["positions"].offset
WORTHS_AT = SECTIONS["worths"].offset
NEAR = 4  # by then the lines asked for AHEAD have come


@kernel
def prefetch_command(arena, commands, row):
    """Ask for the lines that the command will read first. Hostile ids stay inside the arena."""
    command = COMMAND(commands, row)
    account = command.account
    if account > 0 and account <= ACCOUNTS_MAX:
        prefetch(arena, ACCOUNTS_AT + account * 64)
        prefetch(arena, WORTHS_AT + account * 32)
    if command.kind == CANCEL_ORDER:
        slot = command.order_id & SLOT_MASK
        if slot <= ORDERS_MAX:
            prefetch(arena, ORDERS_AT + slot * 64)
    elif command.kind == PLACE_ORDER:
        prefetch(arena, ORDERS_AT + ENGINE(arena, 0).orders_free * 64)


@kernel
def prefetch_related(arena, commands, row):
    """The second stage: the lines of the first have come and name those that are read next."""
    command = COMMAND(commands, row)
    if command.kind == CANCEL_ORDER:
        slot = command.order_id & SLOT_MASK
        if slot <= ORDERS_MAX:
            order = ORDER(arena, slot)
            prefetch(arena, POSITIONS_AT + order.position * 64)
            prefetch(arena, ORDERS_AT + order.next * 64)
            prefetch(arena, ORDERS_AT + order.previous * 64)
            prefetch(arena, ORDERS_AT + order.account_next * 64)
            prefetch(arena, ORDERS_AT + order.account_previous * 64)
    elif command.kind == PLACE_ORDER:
        account = command.account
        if account > 0 and account <= ACCOUNTS_MAX:
            if is_kept(arena, account):
                position = find_inline_position(arena, account, command.contract)
                prefetch(arena, POSITIONS_AT + position * 64)
            else:
                first = account * ACCOUNT_WORDS + ACCOUNT_WORD_POSITION
                for k in range(INLINE):
                    prefetch(arena, POSITIONS_AT + ACCOUNT_WORD(arena, first + k).slot * 64)


@entry("int64(int64, int64, int64, int64)", nogil=True)
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
        prefetch(commands, (row + FAR) * COMMAND_BYTES)
        if row + AHEAD < count:
            prefetch_command(arena, commands, row + AHEAD)
        if row + NEAR < count:
            prefetch_related(arena, commands, row + NEAR)
        apply_command(arena, commands, row)
        row += engine.rows if is_quotes else 1  # a load that nothing else has to wait for
    return row


@entry("int64(int64, int64, int64)")
def one(arena, commands, rows):
    """Apply a single command that stands in so many records; returns its refusal code."""
    ENGINE(arena, 0).events = 0
    ENGINE(arena, 0).rows_left = rows
    return apply_command(arena, commands, 0)


@entry("int64(int64, int64, int64)")
def read_rank_band(arena, account, contract):
    """Which fifth of its side's lots stands before a position in deleveraging (9.7); no write."""
    return compute_rank_band(arena, account, contract)
