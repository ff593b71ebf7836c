"""A reference book from outside of this repository, and its workloads.

A directory with `refbook.cpp`, `bench.hpp` and `workload.py`: a C++ book without accounts under a
loop without a network, the least that this machine can do for the same flow. What is absolute in
our targets was set on a machine where that took so many nanoseconds, so the same run measures both.
"""

import ctypes
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.matching_kernels import FLOW
from bench.native.build import cache_of, load_reference

FILES = ("refbook.cpp", "bench.hpp", "workload.py")
MIXES = {"steady": "w1", "deep": "w2", "heavy": "w3"}
STEADY_NS = 23.0  # of the reference on the steady mix where the targets were set: the upper end
MAGIC = b"PEERBEN1"
HEADER = np.dtype(
    [
        ("magic", "S8"), ("prefill", "<u4"), ("commands", "<u4"), ("id_max", "<u4"),
        ("live", "<u4"), ("trades", "<i8"), ("lots", "<i8"), ("notional", "<i8"),
        ("adds", "<u4"), ("cancels", "<u4"), ("takes", "<u4"), ("levels", "<u4"),
    ]
)  # fmt: skip


class ReferenceMissing(RuntimeError):
    """The directory does not hold what makes a reference; the text names it."""


class Flow(NamedTuple):
    """A workload file: records that build a book, then those that are timed, and what must come of
    them."""

    mix: str
    path: Path
    prefill: int
    commands: int
    id_max: int
    live: int
    levels: int
    totals: tuple[int, int, int]  # fills, lots, notional
    records: NDArray[np.void]


def read_flow(mix: str, path: Path) -> Flow:
    octets = path.read_bytes()
    header = np.frombuffer(octets, HEADER, 1)
    if header["magic"][0] != MAGIC:
        raise ReferenceMissing(f"{path} is no workload")

    def number(name: str) -> int:
        return int(header[name][0])

    return Flow(
        mix, path, number("prefill"), number("commands"), number("id_max"), number("live"),
        number("levels"), (number("trades"), number("lots"), number("notional")),
        np.frombuffer(octets, FLOW, offset=HEADER.itemsize),
    )  # fmt: skip


class Reference:
    """The book, compiled, and the flows that its own generator has written."""

    def __init__(self, directory: Path) -> None:
        for name in FILES:
            if not (directory / name).is_file():
                raise ReferenceMissing(f"{directory} has no {name}")
        self._library = load_reference(directory.resolve())
        self._library.reference_load.restype = ctypes.c_void_p
        self._library.reference_pass.restype = ctypes.c_double
        self._library.reference_pass.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        self.flows = [read_flow(mix, path) for mix, path in make_flows(directory).items()]
        self._loaded = {
            flow.mix: self._library.reference_load(str(flow.path).encode()) for flow in self.flows
        }

    def time(self, flow: Flow) -> float:
        """One pass: nanoseconds of CPU time per command; what it traded must be right."""
        totals = np.zeros(3, np.int64)
        spent_ns = self._library.reference_pass(self._loaded[flow.mix], totals.ctypes.data)
        assert tuple(totals.tolist()) == flow.totals, (flow.mix, totals)
        return float(spent_ns)


def make_flows(directory: Path) -> dict[str, Path]:
    """Run the generator once for each of its versions."""
    script = directory / "workload.py"
    target = cache_of(script.read_text())
    paths = {mix: target / f"{name}.bin" for mix, name in MIXES.items()}
    if not all(path.is_file() for path in paths.values()):
        subprocess.run([sys.executable, str(script), str(target)], check=True, capture_output=True)
    return paths
