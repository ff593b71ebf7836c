"""What the measurements ran on."""

import os
import platform
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np

from bench.native.build import compiler_version


class Machine(NamedTuple):
    cpu: str
    cpus: int  # that this process may use
    system: str
    python: str
    numba: str
    numpy: str
    compiler: str


def describe_machine() -> Machine:
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        lines = information.read_text().splitlines()
        cpu = next((line.partition(": ")[2] for line in lines if "model name" in line), cpu)
    return Machine(
        cpu=cpu,
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        numba=numba.__version__,
        numpy=np.__version__,
        compiler=compiler_version(),
    )
