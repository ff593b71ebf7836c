"""The targets of the report: what scales with the machine, and which way."""

import pytest

from bench.targets import BYTES, RATE, RATIO, TARGETS, TIME, is_reached, judge, scale


@pytest.mark.parametrize(
    ("kind", "scaled"), [(TIME, 6.0), (RATE, 1.5), (RATIO, 3.0), (BYTES, 3.0)]
)
def test_a_machine_of_half_the_speed_gets_absolute_targets_twice_as_loose(kind, scaled):
    assert scale(kind, 3.0, 2.0) == scaled


def test_only_of_rates_more_is_better():
    assert is_reached(RATE, 2, 1) and not is_reached(RATE, 1, 2)
    for kind in (TIME, RATIO, BYTES):
        assert is_reached(kind, 1, 2) and not is_reached(kind, 2, 1)
    for kind in (RATE, TIME, RATIO, BYTES):
        assert is_reached(kind, 1, 1)


def test_every_row_is_judged_once_and_aims_are_no_looser_than_musts():
    assert len({target.key for target in TARGETS}) == len(TARGETS)
    for target in TARGETS:
        assert target.aim is None or is_reached(target.kind, target.aim, target.must)


def test_a_row_without_a_value_is_neither_met_nor_missed():
    verdicts = judge({"growth": 2.0}, 1.0, {"cold": "not in a quick run"})
    found = {verdict.key: verdict for verdict in verdicts}
    assert [target.key for target in TARGETS] == [verdict.key for verdict in verdicts]
    assert (found["growth"].must_met, found["growth"].aim_met) == (True, False)
    assert (found["cold"].must_met, found["cold"].why) == (None, "not in a quick run")


def test_the_verdict_shows_the_target_that_it_was_judged_by():
    verdict = next(each for each in judge({"rate_10k": 10.0}, 1.25, {}) if each.key == "rate_10k")
    assert verdict.must == pytest.approx(8.8) and verdict.must_met
    assert verdict.aim == pytest.approx(16.0) and not verdict.aim_met
