"""When the next due work comes: one number, so a command that finds nothing due pays one look."""

from engine.kernel import kernel
from engine.state.access import ENGINE


@kernel
def hasten_due(arena, due_ns):
    """Make the earliest due time of all work no later than this; a stale one costs one look."""
    engine = ENGINE(arena, 0)
    if engine.due_ns == 0 or due_ns < engine.due_ns:
        engine.due_ns = due_ns
