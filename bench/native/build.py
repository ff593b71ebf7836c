"""Compile the twin with the system's C++ compiler and load it.

The library lies in a directory named by its sources, beside the user's other caches, never in the
repository. Without a compiler there is no twin: callers skip and say so.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.native.header import compute_header

SOURCE = Path(__file__).with_name("twin.cpp")
OPTIONS = ("-std=c++20", "-O3", "-march=native", "-Wall", "-Wextra", "-shared", "-fPIC")

Run = Callable[[int, int, int, int], int]


class TwinMissing(RuntimeError):
    """There is no compiler, or it refused the source; the text says which."""


def find_compiler() -> str | None:
    """The C++ compiler: $CXX, else the first of the usual names."""
    names = [os.environ.get("CXX", ""), "g++", "c++", "clang++"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


def compiler_version() -> str:
    """The compiler's own first line, empty without one."""
    compiler = find_compiler()
    if compiler is None:
        return ""
    answer = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    return answer.stdout.partition("\n")[0]


def load_twin() -> Run:
    """`run(arena, commands, count, events_max)` of the twin; raises TwinMissing."""
    compiler = find_compiler()
    if compiler is None:
        raise TwinMissing("no C++ compiler found (g++, c++, clang++ or $CXX)")
    header = compute_header()
    named = "\0".join((compiler_version(), *OPTIONS, header, SOURCE.read_text()))
    directory = _cache() / hashlib.sha256(named.encode()).hexdigest()[:16]
    library = directory / "twin.so"
    if not library.is_file():
        _compile(compiler, header, library)
    function = ctypes.CDLL(str(library)).twin_run
    function.argtypes = [ctypes.c_int64] * 4
    function.restype = ctypes.c_int64
    return function


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lionrock" / "twin"


def _compile(compiler: str, header: str, library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    # Built aside and renamed, so that a process beside this one never loads half a file.
    with tempfile.TemporaryDirectory(dir=library.parent) as work:
        Path(work, "arena.hpp").write_text(header)
        built = Path(work, library.name)
        command = [compiler, *OPTIONS, f"-I{work}", "-o", str(built), str(SOURCE)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise TwinMissing(f"{compiler} refused the twin:\n{answer.stderr[:2_000]}")
        built.replace(library)
