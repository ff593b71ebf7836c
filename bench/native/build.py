"""Compile C++ with the system's compiler and load it.

A library lies in a directory named by its sources, beside the user's other caches, never in the
repository. Without a compiler there is none: callers skip and say so.
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

HERE = Path(__file__).parent
TWIN, STAMPED, MATCHING, REFERENCE = (
    HERE / name for name in ("twin.cpp", "stamped.cpp", "matching.cpp", "reference.cpp")
)
OPTIONS = ("-std=c++20", "-O3", "-march=native", "-Wall", "-Wextra", "-shared", "-fPIC")

Run = Callable[[int, int, int, int], int]
Stamp = Callable[[int, int, int, int], None]
Match = Callable[[int, int, int, int, int], None]


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
    function = _load(TWIN, [TWIN]).twin_run
    function.argtypes = [ctypes.c_int64] * 4
    function.restype = ctypes.c_int64
    return function


def load_stamped() -> Stamp:
    """`run(arena, commands, count, stamps)` of the twin; raises TwinMissing."""
    function = _load(STAMPED, [STAMPED, TWIN]).twin_run_stamped
    function.argtypes = [ctypes.c_int64] * 4
    function.restype = None
    return function


def load_matching() -> Match:
    """`match(arena, flow, first, end, totals)` of the twin's book alone; raises TwinMissing."""
    function = _load(MATCHING, [MATCHING, TWIN]).twin_match
    function.argtypes = [ctypes.c_int64] * 5
    function.restype = None
    return function


def load_reference(directory: Path) -> ctypes.CDLL:
    """The reference book of a directory; raises TwinMissing."""
    sources = [REFERENCE, directory / "refbook.cpp", directory / "bench.hpp"]
    return _load(REFERENCE, sources, f"-I{directory}")


def cache_of(*named: str) -> Path:
    """A directory for what is made out of these texts."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    digest = hashlib.sha256("\0".join(named).encode()).hexdigest()[:16]
    return Path(base) / "lionrock" / "twin" / digest


def _load(source: Path, sources: list[Path], *options: str) -> ctypes.CDLL:
    compiler = find_compiler()
    if compiler is None:
        raise TwinMissing("no C++ compiler found (g++, c++, clang++ or $CXX)")
    header = compute_header()
    texts = (path.read_text() for path in sources)
    library = cache_of(compiler_version(), *OPTIONS, *options, header, *texts) / "library.so"
    if not library.is_file():
        _compile([compiler, *OPTIONS, *options], header, source, library)
    return ctypes.CDLL(str(library))


def _compile(command: list[str], header: str, source: Path, library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    # Built aside and renamed, so that a process beside this one never loads half a file.
    with tempfile.TemporaryDirectory(dir=library.parent) as work:
        Path(work, "arena.hpp").write_text(header)
        built = Path(work, library.name)
        full = [*command, f"-I{work}", "-o", str(built), str(source)]
        answer = subprocess.run(full, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise TwinMissing(f"{command[0]} refused {source.name}:\n{answer.stderr[:2_000]}")
        built.replace(library)
