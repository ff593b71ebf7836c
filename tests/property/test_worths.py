"""What accounts are worth is kept between commands, and decides nothing (8.2, 8.3): an exchange
that forgets all of it before every command goes on in the same way, event by event.

Storms with more money, because who is short of it is looked at to the last unit.
"""

from typing import Any

import numpy as np
import pytest

from engine.exchange import Exchange
from engine.kernel import JIT
from engine.schema import commands
from engine.state.arena import account_ids
from tests.oracle.workload import Workload, configs
from tests.property.both import pack
from tests.property.storm import Storm
from tests.property.test_zero_debt import STORMS

COUNT = 1_500 if JIT else 200
STORM_COMMANDS = 4_000 if JIT else 300
PART = 500


def forget(exchange: Exchange) -> None:
    exchange.arena.engine["valuation"] += 1


def count_kept(exchange: Exchange) -> int:
    """How many accounts' worths are those of the present valuation."""
    arena = exchange.arena
    ids = account_ids(arena)
    stamps = arena.records("worths", int(ids[-1]) + 1)["valuation"][ids]
    return int((stamps == arena.engine["valuation"][0] + 1).sum())


class RichStorm(Storm):
    """Everybody brings eight times as much, and prices, which void all that is kept, come less
    often."""

    SHARES = (0.45, 0.2, 0.12, 0.07, 0.06, 0.02, 0.03, 0.03, 0.02)

    def deposits(self, count: int) -> Any:
        records = super().deposits(count)
        records["amount"] = np.minimum(records["amount"].astype(np.int64) * 8, 2**36)
        return records


@pytest.mark.parametrize("name", sorted(configs()))
def test_rule_8_2_what_is_kept_decides_nothing_in_a_hostile_stream(name):
    config = configs()[name]
    keeping, forgetting, workload = Exchange(config), Exchange(config), Workload(21, config)
    for number in range(COUNT):
        records = pack(workload.next_command())
        forget(forgetting)
        events = keeping.run(records)
        assert events.tobytes() == forgetting.run(records).tobytes(), f"command {number}"
        workload.observe([tuple(event) for event in events.tolist()])
    assert keeping.digest() == forgetting.digest()
    assert keeping.check() == forgetting.check() == []


@pytest.mark.parametrize("name", STORMS)
def test_rule_8_2_what_is_kept_decides_nothing_in_a_storm(name):
    """The one takes its commands in parts, the other one by one; at the ends of parts what is kept
    is true."""
    keeping, forgetting = Exchange(STORMS[name]), Exchange(STORMS[name])
    storm, kept = RichStorm(STORMS[name], seed=4), 0
    parts = [storm.opening(), *(storm.part(PART) for _ in range(STORM_COMMANDS // PART + 1))]
    for part in parts:
        events = keeping.run(part)
        single = []
        for row in range(len(part)):
            forget(forgetting)
            single.append(forgetting.run(part[row : row + 1]).tobytes())
        assert b"".join(single) == events.tobytes()
        assert keeping.digest() == forgetting.digest()
        assert keeping.check() == []
        kept += count_kept(keeping)
    assert commands.SET_LEVERAGE in {kind for part in parts for kind in part["kind"].tolist()}
    if JIT:
        assert kept > 20, "a storm in which nothing is kept proves nothing"
