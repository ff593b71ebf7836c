"""7.2: whatever the oracle publishes on hostile streams can be recomputed from its events alone."""

import numpy as np
import pytest

from engine.report.funding_audit import audit_funding
from engine.schema.events import EVENT
from tests.oracle.exchange import Oracle
from tests.oracle.workload import Workload, configs

COMMANDS = 1_200


@pytest.mark.parametrize("name", sorted(configs()))
def test_7_2_published_prices_and_rates_follow_from_what_is_published(name):
    config = configs()[name]
    workload, oracle = Workload(1, config), Oracle(config)
    events: list[tuple[int, ...]] = []
    for _ in range(COMMANDS):
        published = [
            tuple(int(n) for n in event) for event in oracle.apply(workload.next_command())
        ]
        workload.observe(published)
        events += published
    audit = audit_funding(config, np.array(events, EVENT))
    assert audit.differences == [] and audit.indexes and audit.marks
