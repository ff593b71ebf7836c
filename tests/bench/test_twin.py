"""The C++ twin agrees with the engine, and the workloads are the same every time."""

import numpy as np
import pytest

from bench.native.build import TwinMissing, find_compiler, load_twin
from bench.twin import Comparison, Difference, Runner, compare_arenas, copy_arena, prepare, verify
from bench.workloads import SHAPES, make_config, make_distances, make_workload, room_of
from engine.exchange import Exchange
from engine.schema import commands as cmd
from engine.schema.contract import check_config

COMMANDS = 10_000


@pytest.fixture(scope="module")
def twin():
    if find_compiler() is None:
        pytest.skip("no C++ compiler: the twin can't be built")
    return load_twin()


@pytest.fixture(scope="module")
def workload():
    return make_workload("small", COMMANDS)


def test_twin_and_engine_agree(workload, twin):
    verify(workload, twin)


def test_the_comparison_sees_one_bit(workload):
    left = prepare(workload)
    right = copy_arena(left, room_of(workload))
    compare_arenas(left, right)
    right.records("orders", 6)["client_id"][5] ^= 1
    with pytest.raises(Difference, match=r"orders\[5\]"):
        compare_arenas(left, right)


def test_the_ratio_is_the_mean_of_both_orders():
    """Twice as slow when first and half as slow when second is as fast, however rounds scatter."""
    assert Comparison("a", [4, 1, 6, 1, 2], [2, 2, 3, 2, 1]).ratio == pytest.approx(1)
    assert Comparison("a", [3], [2]).ratio == pytest.approx(1.5)


def test_twin_refuses_what_lies_off_its_path(workload, twin):
    command = workload.flow[:1].copy()
    command["kind"] = cmd.MASS_CANCEL
    with pytest.raises(Difference, match="command 0 of the round"):
        Runner(twin, prepare(workload)).apply(command)


def test_a_missing_compiler_is_a_notice(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(TwinMissing, match="no C"):
        load_twin()


def test_workloads_are_deterministic(workload):
    again = make_workload("small", COMMANDS)
    assert workload.flow.tobytes() == again.flow.tobytes()
    assert workload.setup.tobytes() == again.setup.tobytes()
    exchanges = [Exchange(workload.config), Exchange(workload.config)]
    for exchange in exchanges:
        exchange.run(workload.setup)
        exchange.run(workload.flow)
    assert exchanges[0].digest() == exchanges[1].digest()
    assert exchanges[0].check() == []


def test_another_seed_is_another_flow(workload):
    other = make_workload("small", COMMANDS, seed=1)
    assert other.flow.tobytes() != workload.flow.tobytes()


def test_the_flow_is_what_it_says(workload):
    mix, shape = workload.mix, workload.shape
    assert mix.adds + mix.cancels + mix.takers == COMMANDS
    assert abs(mix.takers - COMMANDS * shape.takers // 1_000) < COMMANDS // 50
    assert abs(mix.resting - shape.orders) < shape.orders // 10
    assert mix.refused < COMMANDS // 50
    assert COMMANDS // 10 < mix.fills < COMMANDS // 2


def test_distances_are_geometric():
    thresholds = make_distances(8)
    survival = 2**32 - thresholds
    assert np.all(np.diff(thresholds) > 0)
    assert survival[0] == 2**32 * 8 // 9
    assert 7 * 2**32 < survival.sum() < 8 * 2**32


@pytest.mark.parametrize("name", SHAPES)
def test_configurations_can_be_opened(name):
    assert check_config(make_config(SHAPES[name].contracts)) == []
