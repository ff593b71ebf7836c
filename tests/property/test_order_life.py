"""I6 from events alone: every accepted order ends in fills and in parts that say why they ended.

The stories of `tests/rules` are read by the same auditor, command by command.
"""

import pytest
from msgspec.structs import replace

from engine.exchange import Exchange
from engine.kernel import JIT
from engine.schema import vocabulary as words
from engine.schema.commands import StopTrading
from engine.schema.events import Event, typed_event
from tests.oracle.workload import Workload, configs
from tests.property.both import pack
from tests.rules.order_audit import OrderAudit
from tests.rules.story import BUY, IOC, SELL, A, B, Story, contract

COUNT = 5_000 if JIT else 800
NAMES = sorted(configs())


def follow(seed: int, name: str, count: int) -> OrderAudit:
    """A hostile stream, read to the end; then trading is stopped, and nothing may be left."""
    exchange = Exchange(configs()[name])
    workload = Workload(seed, configs()[name])
    audit = OrderAudit()
    for _ in range(count):
        records = exchange.run(pack(workload.next_command())).tolist()
        workload.observe(records)
        audit.read(map(typed_event, records))
    working = set(audit.lives)
    stop = StopTrading(time_ns=exchange.pool()["clock_ns"], scope=words.SCOPE_ALL)
    if not exchange.pool()["trading_stopped"]:
        events = exchange.submit(stop)
        audit.read(events)
        cancelled = {e.values["order_id"] for e in events if e.name == "order_cancelled"}
        assert working <= cancelled, "an order that no event has ended is not in the exchange"
    assert audit.lives == {}, "an order is gone, and no event said so"
    assert audit.ended > count // 20
    return audit


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [11, 12])
def test_14_i6_every_lot_of_an_order_is_accounted_for(name, seed):
    follow(seed, name, COUNT)


def test_the_streams_end_orders_for_every_reason():
    """What they never bring about is not audited above."""
    seen: set[str] = set()
    for name in NAMES:
        seen |= set(follow(13, name, COUNT // 2).reasons)
    usual = {"client", "mass_cancel", "ioc", "fok", "self_trade", "band", "amend"}
    assert usual <= seen
    later = {"protection", "quote", "dynamic_band", "state"}  # not in every stream
    rare = {"solvency", "slippage"}  # 9.0: told by the stories of 9.0 and 16, audited there
    assert not JIT or set(words.NAMES["reason"].values()) - seen <= later | rare, seen


# The auditor itself: a story with one event bent must fail.


def told() -> list[Event]:
    """A bid of 10 at 1000, amended to 9, filled with 4, cancelled; an IOC that finds 4 of 6."""
    story = Story(contract(initial_ppb=20, maintenance_ppb=10))
    for account in (A, B):
        story.open(account, 10**9)
    story.price(1_000)
    number = story.order(A, BUY, 10, 1_000)[0].values["order_id"]
    story.amend(A, number, 4, 1_000)
    story.order(B, SELL, 6, 1_000, tif=IOC)
    last = story.order(A, BUY, 5, 990)[0].values["order_id"]
    story.cancel(A, last)
    return story.events


def test_the_auditor_takes_a_true_story():
    audit = OrderAudit()
    audit.read(told())
    assert audit.lives == {} and audit.ended == 3


@pytest.mark.parametrize("name", ["order_cancelled", "order_amended", "trade", "order_accepted"])
def test_the_auditor_misses_nothing(name):
    """An event of this kind left out, told twice, or told with a lot more."""
    events = told()
    # the last one: what comes before is told again by an amendment
    place = [k for k, event in enumerate(events) if event.name == name][-1]
    event = events[place]
    field = "lots_open" if name == "order_amended" else "lots"
    more = replace(event, **{field: event.values[field] + 1})
    for bent in ([], [event, event], [more]):
        audit = OrderAudit()
        if name == "order_amended" and len(bent) == 2:
            continue  # the same amendment again changes nothing
        with pytest.raises((AssertionError, KeyError)):
            audit.read(events[:place] + bent + events[place + 1 :])
            assert audit.lives == {}


def test_the_auditor_wants_a_reason():
    events = told()
    for k, event in enumerate(events):
        if event.name == "order_cancelled":
            with pytest.raises(KeyError):
                OrderAudit().read(events[:k] + [replace(event, reason=0)])
