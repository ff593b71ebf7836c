"""Batches of 4,096 commands, kernel and twin (`pytest bench`, not part of the test run)."""

import pytest

from bench.native.build import TwinMissing, load_twin
from bench.twin import BATCH, Runner, copy_arena, prepare
from bench.workloads import make_workload, room_of
from engine.transition.run import run

ROUNDS = 30


def load(side):
    if side == "kernel":
        return run
    try:
        return load_twin()
    except TwinMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module", params=["steady", "heavy", "wide"])
def prepared(request):
    workload = make_workload(request.param, BATCH * (ROUNDS + 1))
    return workload, prepare(workload)


@pytest.mark.parametrize("side", ["kernel", "twin"])
def test_batch(benchmark, prepared, side):
    workload, arena = prepared
    runner = Runner(load(side), copy_arena(arena, room_of(workload)))
    batches = iter(workload.flow[: BATCH * (ROUNDS + 1)].reshape(-1, BATCH))
    benchmark.group = workload.name
    benchmark.pedantic(
        runner.apply, setup=lambda: ((next(batches),), {}), rounds=ROUNDS, warmup_rounds=1
    )
