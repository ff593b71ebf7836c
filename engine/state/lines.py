"""Asking for cache lines before they are read.

What a command touches lies all over the state, and a line that is in no cache costs some hundred
nanoseconds, as much as a whole command. Asked for in time it costs nothing. No answer depends on
it: a line that nobody reads then, or an address that there is not, is no harm.
"""

from engine.kernel import kernel
from engine.schema.commands import COMMAND
from engine.state.access import ACCOUNT_WORD, prefetch
from engine.state.layout import ACCOUNT_WORD_POSITION, ACCOUNT_WORDS, SECTIONS

INLINE = 4  # position slots in an account's line

FAR = 32  # records: a batch comes from elsewhere and is in no cache; see bench/NOTES.md
OPENED_AHEAD = 4  # positions
COMMAND_BYTES = COMMAND.itemsize
ACCOUNTS_AT = SECTIONS["accounts"].offset
WORTHS_AT = SECTIONS["worths"].offset
ORDERS_AT = SECTIONS["orders"].offset
POSITIONS_AT = SECTIONS["positions"].offset
POSITION_EXTRAS_AT = SECTIONS["position_extras"].offset
ORDER_EXTRAS_AT = SECTIONS["order_extras"].offset


@kernel
def ask_for_record(commands, row):
    """The record that stands FAR behind this one."""
    prefetch(commands, (row + FAR) * COMMAND_BYTES)


@kernel
def ask_for_account(arena, account):
    """Its line, and what it is worth."""
    prefetch(arena, ACCOUNTS_AT + account * 64)
    prefetch(arena, WORTHS_AT + account * 32)


@kernel
def ask_for_order(arena, slot):
    prefetch(arena, ORDERS_AT + slot * 64)


@kernel
def ask_for_filled(arena, slot):
    """The line that counts an order's filled lots once it lives on behind a fill."""
    prefetch(arena, ORDER_EXTRAS_AT + slot * 128)


@kernel
def ask_for_position(arena, position):
    prefetch(arena, POSITIONS_AT + position * 64)


@kernel
def ask_for_holder(arena, position):
    """The line that tells where a position stands among the holders of its contract."""
    prefetch(arena, POSITION_EXTRAS_AT + position * 128)


@kernel
def ask_for_new_position(arena, top):
    """The lines of a position that will be opened soon, when the last one is `top`: nothing else
    names them, and where many accounts come to trade each of them is new."""
    ask_for_position(arena, top + OPENED_AHEAD)
    ask_for_holder(arena, top + OPENED_AHEAD)


@kernel
def ask_for_positions(arena, account):
    """Those in the account's own line, which has come."""
    first = account * ACCOUNT_WORDS + ACCOUNT_WORD_POSITION
    for k in range(INLINE):
        ask_for_position(arena, ACCOUNT_WORD(arena, first + k).slot)
