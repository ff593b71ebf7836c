"""How many instructions a command takes: the same count on every run, however busy the machine.

    python bench/instructions.py --runs 20

A forked child applies the commands under `ptrace`, one instruction at a time, and its parent counts
them; a child that applies none tells what is the interpreter's, which is taken off. No counter of
the processor is needed, which virtual machines seldom have. It says nothing of what an instruction
costs: a miss of the caches is one like any other. Linux alone.
"""

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from functools import partial

from bench.twin import prepare
from bench.workloads import make_workload
from engine.exchange import EVENTS_PER_RUN
from engine.schema.commands import COMMAND
from engine.transition.run import run

BEFORE = 3_000  # commands that are applied first, uncounted
COUNTED = 64
TRACE_ME, STEP = 0, 9  # of ptrace
STEPPED = signal.SIGTRAP << 8 | 0x7F  # status of a child that has stopped behind an instruction


class CountRefused(RuntimeError):
    """The system does not let a process trace its child."""


def _find_ptrace() -> Callable[[int, int], int]:
    if not sys.platform.startswith("linux"):
        raise CountRefused("there is no ptrace here that steps")
    function = ctypes.CDLL(None, use_errno=True).ptrace
    function.restype = ctypes.c_long
    function.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    return lambda request, process: int(function(request, process, None, None))


def count_steps(work: Callable[[], object]) -> int:
    """Instructions of a child from its first stop to its end, the work between them."""
    ptrace = _find_ptrace()
    child = os.fork()
    if child == 0:
        if ptrace(TRACE_ME, 0) != 0:
            os._exit(1)
        os.kill(os.getpid(), signal.SIGSTOP)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSTOPPED(status):
        raise CountRefused("a child may not be traced")
    steps = 0
    while ptrace(STEP, child) == 0:
        _, status = os.waitpid(child, 0)
        if status != STEPPED:
            break
        steps += 1
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, hex(status)
    return steps


def count_instructions() -> float:
    """Instructions per command of a part of the small flow; raises CountRefused."""
    workload = make_workload("small", BEFORE + COUNTED)
    arena = prepare(workload)
    base, at = arena.base, workload.flow.ctypes.data
    assert run(base, at, BEFORE, EVENTS_PER_RUN) == BEFORE
    arena.engine["events"] = 0
    at += BEFORE * COMMAND.itemsize
    # The first is thrown away: the interpreter rewrites its own code as that warms up.
    _, empty, full = (
        count_steps(partial(run, base, at, count, EVENTS_PER_RUN)) for count in (0, 0, COUNTED)
    )
    return (full - empty) / COUNTED


def main() -> int:
    """Prints each run's count; exit code 3 where nothing may be counted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1)
    runs = parser.parse_args().runs
    try:
        for _ in range(runs):
            print(f"{count_instructions():.2f}", flush=True)
    except CountRefused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
