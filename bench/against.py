"""The hot path of this tree against that of another checkout, interleaved in one run.

    python bench/against.py ../before --workload steady --rounds 10

Each round times both, one process after the other on one processor, and what counts is the ratio of
a round's two times: the machine wanders, both wander with it. A process warms its kernels before it
times them; the commands come from its own checkout, by the same seed.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
PARTS = 20  # of a flow; the first warms up, the median of the others counts
PROGRAM = f"""
import sys
from bench.twin import Runner, prepare
from bench.workloads import make_workload
from engine.transition.run import run
workload = make_workload(sys.argv[1], 400_000)
runner = Runner(run, prepare(workload))
size = len(workload.flow) // {PARTS}
times = [runner.apply(workload.flow[k * size : (k + 1) * size]) for k in range({PARTS})]
print(sorted(times[1:])[{PARTS} // 2])
"""


def measure(tree: Path, workload: str) -> float:
    """Nanoseconds per command of one fresh process."""
    command = [sys.executable, "-c", PROGRAM, workload]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    result = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=True
    )
    return float(result.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="a checkout of the commit to compare with")
    parser.add_argument("--workload", default="steady")
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    trees = arguments.before.resolve(), HERE
    for tree in trees:
        measure(tree, arguments.workload)  # compiles what is not in its cache
    rounds = []
    for _ in range(arguments.rounds):
        rounds.append([measure(tree, arguments.workload) for tree in trees])
    before, now = (statistics.median(times) for times in zip(*rounds, strict=True))
    least = min(now for _, now in rounds) / min(before for before, _ in rounds)
    ratio = statistics.median(now / before for before, now in rounds)
    print(f"{arguments.workload}: {before:.1f} ns before, {now:.1f} ns now (medians)")
    print(f"ratio {ratio:.3f} (median of {arguments.rounds} rounds), {least:.3f} (of the least)")


if __name__ == "__main__":
    main()
