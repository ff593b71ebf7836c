"""Writing an event: the one place that touches the event section."""

from engine.kernel import kernel
from engine.state.access import ENGINE, EVENT


@kernel
def emit(arena, kind, contract, account, a, b, c, d, e, f):
    """Append one event. Writing events is free next to the cache misses of a command."""
    engine = ENGINE(arena, 0)
    event = EVENT(arena, engine.events)
    event.sequence = engine.sequence
    event.a = a
    event.b = b
    event.c = c
    event.d = d
    event.e = e
    event.f = f
    event.account = account
    event.contract = contract
    event.kind = kind
    engine.events += 1
