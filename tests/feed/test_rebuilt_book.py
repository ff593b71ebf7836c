"""A book rebuilt from the public feed equals the engine's after every command (5.1, 11.4)."""

import pytest

from engine.feed.messages import ALL_LINES
from engine.feed.private import PrivateFeed
from engine.feed.public import PublicFeed, Published
from engine.kernel import JIT
from engine.schema.events import typed_event
from tests.feed.streams import Market, contracts_of, drive
from tests.oracle.workload import configs

COUNT = 1_000 if JIT else 800
NAMES = sorted(configs())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [1, 2])
def test_rebuilt_book_equals_the_engines_after_every_command(name, seed):
    market = Market(configs()[name])
    for events in drive(market, seed, COUNT):
        # a book can't change unseen: no event speaks of an order of another contract
        for contract in {event[8] for event in events} & set(market.contracts):
            market.must_equal_book(contract)
        for contract in contracts_of(market.published):
            market.must_equal_market(contract)
    for contract in market.contracts:
        market.must_equal_book(contract)
    assert not any(reader.gaps for reader in market.readers())


@pytest.mark.parametrize("name", NAMES)
def test_sequences_are_dense_per_line_and_contract(name):
    market = Market(configs()[name])
    last: dict[tuple[int, int], int] = {}
    for events in drive(market, 3, COUNT // 2):
        sequences = {event[0] for event in events}  # a stray row is a command of its own
        for line in ALL_LINES:
            for message in market.published[line]:
                place = line, message.contract
                assert message.feed_sequence == last.get(place, 0) + 1
                assert message.engine_sequence in sequences
                last[place] = message.feed_sequence
    assert len(last) == len(ALL_LINES) * len(market.contracts)


def test_batches_and_typed_events_give_the_same_messages():
    """However events arrive: command by command, all at once, as records or typed."""
    market = Market(configs()[NAMES[0]])
    events, reports = [], []
    published: Published = {line: [] for line in ALL_LINES}
    for batch in drive(market, 4, 400):
        events += batch
        reports += market.reports
        for line in ALL_LINES:
            published[line] += market.published[line]
    typed = [typed_event(event) for event in events]
    assert PublicFeed().publish(typed) == published
    assert PrivateFeed().publish(typed) == reports


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_soak_rebuilt_book_equals_the_engines(name):
    for seed in range(200, 205):
        market = Market(configs()[name])
        for events in drive(market, seed, 10_000):
            for contract in {event[8] for event in events} & set(market.contracts):
                market.must_equal_book(contract)
