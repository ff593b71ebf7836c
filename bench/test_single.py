"""One command at a time: typed, and by the integer entry."""

import pytest

from bench.single import typed_commands
from bench.twin import prepare
from bench.workloads import make_workload, room_of
from engine.exchange import Exchange
from engine.schema.commands import COMMAND
from engine.transition.run import one

COUNT = 5_000


@pytest.fixture(scope="module")
def workload():
    return make_workload("steady", COUNT)


def test_submit(benchmark, workload):
    exchange = Exchange(workload.config)
    exchange.make_room(*room_of(workload))
    exchange.run(workload.setup)
    commands = iter(typed_commands(workload, COUNT))
    benchmark.pedantic(exchange.submit, setup=lambda: ((next(commands),), {}), rounds=COUNT)


def test_one(benchmark, workload):
    arena = prepare(workload)
    at = workload.flow.ctypes.data
    addresses = (at + row * COMMAND.itemsize for row in range(COUNT))
    benchmark.pedantic(one, setup=lambda: ((arena.base, next(addresses), 1), {}), rounds=COUNT)
