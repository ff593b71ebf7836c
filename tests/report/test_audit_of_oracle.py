"""7.2: what oracle and engine publish on hostile streams can be recomputed from events alone."""

import numpy as np
import pytest

from engine.exchange import Exchange
from engine.kernel import JIT
from engine.report.funding_audit import audit_funding
from engine.schema.events import EVENT
from tests.oracle.exchange import Oracle
from tests.oracle.workload import Workload, configs
from tests.property.both import pack

COMMANDS = 1_200
COMMANDS_OF_ENGINE = 2_500 if JIT else 400


def stream_of(workload, count, apply):
    """All events of so many commands, as an array."""
    events: list[tuple[int, ...]] = []
    for _ in range(count):
        published = apply(workload.next_command())
        workload.observe(published)
        events += published
    return np.array(events, EVENT)


def must_follow(config, events):
    audit = audit_funding(config, events)
    assert audit.differences == [] and audit.indexes and audit.marks


@pytest.mark.parametrize("name", sorted(configs()))
def test_7_2_what_the_oracle_publishes_follows_from_what_is_published(name):
    config = configs()[name]
    oracle = Oracle(config)

    def apply(command):
        return [tuple(int(n) for n in event) for event in oracle.apply(command)]

    must_follow(config, stream_of(Workload(1, config), COMMANDS, apply))


@pytest.mark.parametrize("name", sorted(configs()))
def test_7_2_what_the_engine_publishes_follows_from_what_is_published(name):
    config = configs()[name]
    exchange = Exchange(config)

    def apply(command):
        return [tuple(event) for event in exchange.run(pack(command)).tolist()]

    must_follow(config, stream_of(Workload(2, config), COMMANDS_OF_ENGINE, apply))
