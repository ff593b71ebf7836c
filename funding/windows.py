"""Moving windows of a contract: the last so many values, their sum and so their mean (5.4, 6.2)."""

from engine.kernel import kernel
from engine.state.access import WINDOW, WINDOW_VALUE
from engine.state.layout import WINDOW_ROWS, WINDOWS

BASIS = 0  # mid less index, for the mark
INDEX = 1  # index values, for the delisting price


@kernel
def window_of(contract, which):
    return contract * WINDOWS + which


@kernel
def note_value(arena, window, value):
    """Add a value; the oldest goes when the window is full."""
    terms = WINDOW(arena, window)
    row = window * WINDOW_ROWS + terms.next
    if terms.count == terms.values_max:
        terms.sum -= WINDOW_VALUE(arena, row).value
    else:
        terms.count += 1
    WINDOW_VALUE(arena, row).value = value
    terms.sum += value
    terms.next += 1
    if terms.next == terms.values_max:
        terms.next = 0


@kernel
def count_of(arena, window):
    return WINDOW(arena, window).count


@kernel
def mean_of(arena, window):
    """The mean of a window that is not empty, rounded down."""
    return WINDOW(arena, window).sum // WINDOW(arena, window).count


@kernel
def empty_window(arena, window):
    terms = WINDOW(arena, window)
    terms.sum = 0
    terms.count = 0
    terms.next = 0
