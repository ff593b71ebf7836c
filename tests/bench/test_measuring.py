"""Every measurement runs, small, and finds what it says it measures; the report tells all of it."""

import json
import math

import numpy as np
import pytest

from bench import report as script
from bench.batch_latency import calibrate, measure_batch_latency
from bench.burst import measure_burst
from bench.end_to_end import RING_BYTES, EventRing, measure_end_to_end
from bench.measuring import QUICK, measure
from bench.memory import measure_memory
from bench.revaluation import measure_revaluation
from bench.scaling import measure_scaling
from bench.scans import measure_scans
from bench.single import measure_one, measure_submit
from bench.tables import format_markdown
from bench.targets import TARGETS
from bench.touch import PART, measure_touch
from bench.workloads import make_workload
from engine.schema.events import EVENT

ACCOUNTS = 2_000
TINY = QUICK._replace(
    workloads=("small",), rounds=2, growth=("small", "steady"), growth_rounds=1, commands=2**15,
    calls=1_000, latency_rounds=1, starts=1, load_s=0.02, scaling_rounds=1,
    holders=ACCOUNTS, revalued=ACCOUNTS, touched=2 * PART, under_water=500,
)  # fmt: skip


@pytest.fixture(scope="module")
def workload():
    return make_workload("small", 2**15)


def test_each_holder_is_valued_anew():
    found = measure_revaluation(ACCOUNTS)
    assert found.valued == found.holders == ACCOUNTS and found.move_ms > 0


def test_scans_call_whom_they_should_and_nobody_before():
    found = measure_scans(ACCOUNTS)
    assert found.holders == ACCOUNTS and found.called == 9 * 10


def test_a_touch_settles_each_position_once():
    found = measure_touch(2 * PART)
    assert found.parts == 3 and found.owing_ns > 0


def test_a_burst_ends_with_nobody_in_liquidation():
    found = measure_burst(500)
    assert found.steps == 500 and found.finished == 50
    assert 0 < found.step_s < found.total_s


def test_memory_names_a_record_of_each_kind(workload):
    found = {memory.kind: memory for memory in measure_memory(workload)}
    assert {kind: memory.record_bytes for kind, memory in found.items()} == {
        "order": 64, "account": 64, "position": 64,
    }  # fmt: skip
    for memory in found.values():
        assert memory.rows > 0 and memory.sections[0].used == 1
        assert all(0 <= section.used <= 1 for section in memory.sections)


def test_pools_side_by_side_end_like_pools_in_turn():
    found = measure_scaling("small", 2**14, 1)
    assert found.digests_equal and found.pools == 2


def test_stamps_between_commands_are_of_a_clock(workload):
    assert 0.01 < calibrate() < 100  # cycles in a nanosecond
    found = measure_batch_latency(workload, 1)
    assert 0 < found.p50_ns <= found.p99_ns <= found.p999_ns


def test_single_calls_are_counted_behind_the_warm_up(workload):
    assert measure_one(workload, 5_000, 1).calls == 3_000
    found = measure_submit(workload, 1_000, 2)
    assert found.calls == 1_000 and found.rounds == 2
    assert 0 < found.p50_us <= found.p99_us <= found.p999_us


def test_end_to_end_writes_everything(workload):
    found = measure_end_to_end(workload, 1)  # and asserts that the log holds all
    assert found.ring_ns > 0 and found.file_ns > 0


def test_the_ring_begins_again_when_it_is_full():
    ring, events = EventRing(), np.zeros(RING_BYTES // 64 - 1, EVENT)
    events["sequence"] = 7
    ring.write(events)
    ring.write(events[:2])
    assert ring._end == 2 * EVENT.itemsize


@pytest.mark.slow
def test_a_whole_run_has_a_row_for_each_target():
    report = measure(TINY, None, "no reference")
    rows = {verdict.key: verdict for verdict in report.verdicts}
    assert list(rows) == [target.key for target in TARGETS]
    assert rows["matching_steady"].why == "no reference" and report.factor == 1
    unmeasured = [key for key, row in rows.items() if row.value is None]
    assert all(key.startswith(("matching", "twin_", "cold")) for key in unmeasured)
    assert all(math.isfinite(row.value) for row in report.verdicts if row.value is not None)
    found = json.loads(script.to_json(report))
    assert found["all_musts_met"] is False
    assert [row["must_met"] for row in found["verdicts"]] == [
        row.must_met for row in report.verdicts
    ]
    text = format_markdown(report)
    assert all(row.what in text for row in report.verdicts)
    assert "no reference" in text
    assert report.machine.python in text


def test_the_readme_is_written_between_its_markers(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{script.START}\nold\n{script.END}\nafter\n")
    assert script.write_readme("new", readme) is None
    assert readme.read_text() == f"before\n{script.START}\nnew\n{script.END}\nafter\n"


def test_a_readme_without_markers_is_left_alone(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("text")
    assert "no markers" in (script.write_readme("new", readme) or "")
    assert readme.read_text() == "text"
