"""7.2: no number that follows from others can be off by one without being found."""

import numpy as np
import pytest

from engine.exchange import Exchange
from engine.kernel import JIT
from engine.report.funding_audit import audit_funding
from engine.schema import vocabulary as words
from engine.schema.events import CONSTITUENT_REDENOMINATED, EVENT, FIELDS
from tests.oracle.workload import Workload, configs
from tests.property.both import pack

COMMANDS = 1_500 if JIT else 300
ROWS = 2  # of each kind of event
BY_OTHERS = (words.WHY_OPERATOR, words.WHY_VOLATILITY, words.WHY_TOO_VOLATILE)

EXACT = {  # the numbers of each kind that follow from others, by their place
    "index_published": "abcdef",
    "constituent_published": "abcde",
    "constituent_changed": "c",
    "mark_published": "abcdef",
    "state_changed": "a",
    "impact_sampled": "ef",
    "premium_sampled": "abcdef",
    "funding_averaged": "abcdef",
    "funding_published": "abcdef",
    "settlement_priced": "abc",
}


@pytest.fixture(scope="module", params=["fast_funding", "makers", "realistic", "waiting_in_line"])
def stream(request):
    config = configs()[request.param]
    exchange, workload = Exchange(config), Workload(5, config)
    events: list[tuple[int, ...]] = []
    for _ in range(COMMANDS):
        published = [tuple(e) for e in exchange.run(pack(workload.next_command())).tolist()]
        workload.observe(published)
        events += published
    return config, np.array(events, EVENT)


def is_found(stream, row, name, step):
    config, events = stream
    changed = events.copy()
    changed[name][row] += step
    sequences = [d.sequence for d in audit_funding(config, changed[: row + 200]).differences]
    return int(events["sequence"][row]) in sequences


def rows_of(events, name):
    kind = next(kind for kind, (known, _) in FIELDS.items() if known == name)
    rows = np.flatnonzero(events["kind"] == kind)
    return np.random.default_rng(1).permutation(rows)[:ROWS].tolist()


@pytest.mark.parametrize("name", EXACT)
def test_a_number_that_is_off_by_one_is_found(stream, name):
    for row in rows_of(stream[1], name):
        for field in EXACT[name]:
            for step in (1, -1):
                assert is_found(stream, row, field, step), (row, field, step)


def is_of_rules(events, row):
    """Whether its time follows: not of what orders or an operator bring."""
    state_from, _, why = (int(events[name][row]) for name in "abc")
    if why == words.WHY_MARK_HELD:
        return state_from == words.STATE_CONTINUOUS
    is_redenominated = events["kind"][row - 1] == CONSTITUENT_REDENOMINATED
    return why not in BY_OTHERS and not is_redenominated


def test_the_time_of_a_change_of_state_that_is_off_by_one_is_found(stream):
    _, events = stream
    for row in rows_of(events, "state_changed"):
        if is_of_rules(events, row):
            for step in (1, -1):
                assert is_found(stream, row, "d", step), (row, step)
