"""Moving windows of a contract: the last so many values, their sum and so their mean (5.4, 6.2)."""

from engine.kernel import cold, kernel
from engine.state.access import WINDOW, WINDOW_VALUE
from engine.state.layout import WINDOW_ROWS, WINDOWS

BASIS = 0  # mid less index, for the mark
INDEX = 1  # index values, for the delisting price
VOTE = 2  # premium samples that are becoming a vote


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


@kernel
def is_full(arena, window):
    return WINDOW(arena, window).count == WINDOW(arena, window).values_max


@cold
def sort_window(arena, window):
    """Put the values of a window in rising order, by insertion: there are 60 at most. A window
    that is sorted is to be emptied next: its order of arrival is gone."""
    first = window * WINDOW_ROWS
    for k in range(1, WINDOW(arena, window).count):
        moving = WINDOW_VALUE(arena, first + k).value + 0
        place = k
        while place > 0 and WINDOW_VALUE(arena, first + place - 1).value > moving:
            WINDOW_VALUE(arena, first + place).value = WINDOW_VALUE(arena, first + place - 1).value
            place -= 1
        WINDOW_VALUE(arena, first + place).value = moving
    return 0


@cold
def take_median(arena, window):
    """The median of a window's values, of an even number the mean of the middle two, rounded down;
    the window is empty then."""
    sort_window(arena, window)
    count = WINDOW(arena, window).count
    low = WINDOW_VALUE(arena, window * WINDOW_ROWS + (count - 1) // 2).value
    high = WINDOW_VALUE(arena, window * WINDOW_ROWS + count // 2).value
    empty_window(arena, window)
    return (low + high) // 2
