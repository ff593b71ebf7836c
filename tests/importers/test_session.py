"""The generated days: equal everywhere, and the story is told."""

import zlib

import numpy as np
import pytest

from engine.cli.replaying import replay
from engine.exchange import Exchange
from engine.importers.draws import Draws
from engine.importers.recording import join_records
from engine.importers.scenarios import CASCADE, CRASH, SCENARIOS, price_paths
from engine.importers.session import COMMANDS_MIN, Session
from engine.journal.command_file import find_stray_bytes
from engine.schema import events as ev
from engine.schema.commands import COMMAND

COMMANDS = 12_000


def generated(scenario, commands=COMMANDS, seed=1):
    session = Session(scenario, commands, seed)
    return session, join_records(list(session.batches()))


@pytest.fixture(scope="module")
def crash():
    return generated(CRASH)


def test_draws_are_the_same_for_ever():
    draws = Draws(1)
    assert draws.below(1_000, 5).tolist() == [511, 950, 144, 948, 311]
    assert draws.between(-3, 3, 5).tolist() == [-1, 2, -1, 0, -3]


def test_draws_keep_their_bounds():
    draws = Draws(2)
    for bound in (1, 2, 7, 2**32):
        values = draws.below(bound, 2_000)
        assert values.min() >= 0 and values.max() < bound
    assert np.abs(draws.around_zero(3, 2_000)).max() == 3
    assert set(draws.between(5, 7, 100).tolist()) == {5, 6, 7}


def test_prices_stay_within_the_contracts():
    for scenario in SCENARIOS.values():
        paths = price_paths(scenario, 300_000, Draws(3))
        for path, spec in zip(paths, scenario.config(300_000).contracts, strict=True):
            assert path.min() > 0 and path.max() < spec.price_ticks_max


def test_a_session_has_the_commands_asked_for(crash):
    session, records = crash
    assert len(records) == COMMANDS and records.dtype == COMMAND
    assert (np.diff(records["time_ns"]) >= 0).all()
    assert find_stray_bytes(records) is None


def test_equal_seeds_give_equal_sessions(crash):
    session, records = crash
    again, same = generated(CRASH)
    assert zlib.crc32(same.tobytes()) == zlib.crc32(records.tobytes())
    assert again.exchange.digest() == session.exchange.digest()
    assert generated(CRASH, seed=2)[1].tobytes() != records.tobytes()


def test_I10_the_replay_is_the_live_run(crash):
    session, records = crash
    replayed = Exchange(session.config)
    replayed.run(records)
    assert replayed.digest() == session.exchange.digest()


def test_the_crash_tells_its_story(crash):
    session, records = crash
    summary = replay("crash", session.config, records, COMMANDS // 3, lambda count: None)
    assert summary.broken == [] and summary.checks == 3
    assert summary.freezes == summary.reopenings == 1
    assert summary.liquidations > 10 and summary.fund_draws > 0 and summary.funding_paid > 0
    assert summary.refused < COMMANDS // 5
    assert summary.sums.deficits == summary.sums.deficits_paid > 0
    assert summary.sums.ledgers == summary.sums.deposits > 0


def test_the_cascade_reaches_the_last_layers():
    session, records = generated(CASCADE, COMMANDS_MIN)
    summary = replay("cascade", session.config, records, 0, lambda count: None)
    assert summary.broken == []
    assert min(summary.fund_drawn, summary.adl_fills, summary.house_drawn, summary.gains_cut) > 0
    assert summary.sums.deficits == summary.sums.deficits_paid


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_client_id_is_new(name):
    session, records = generated(SCENARIOS[name], COMMANDS_MIN)
    events = Exchange(session.config).run(records)
    codes = events["a"][events["kind"] == ev.REFUSED]
    # 1 to 7: stamps, unknown commands and accounts, client ids. None of these is a market's doing.
    assert not np.isin(codes, range(1, 8)).any()


def test_too_short_a_day_is_refused():
    with pytest.raises(ValueError, match="is below 5000"):
        Session(CRASH, COMMANDS_MIN - 1, 1)
