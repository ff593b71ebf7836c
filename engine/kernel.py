"""The decorators for compiled code, and their cache.

``@kernel``  the plain path: inlined into its caller, compiled only as part of it, not callable
             from Python.
``@cold``    everything off the plain path: compiled on its own and called through a symbol.
``@stage``   the same on the plain path: what is too large, or called from too many places, to be
             inlined. LLVM lays code out as if cold functions were never called, and these often.
``@entry``   what Python calls: an explicit signature, compiled when its module is imported.

That is so where an image of these sources is there (``engine.machine_code``), or LIONROCK_COMPILE
is set in the environment, as `lionrock warm` does. Otherwise the first order would wait for a
minute of compilation. So the process begins interpreted: all give plain Python, and another process
compiles (``engine.interpreted``).

Rules for the code under them, each with its reason:

- Cold code is a C function behind a symbol because LLVM inlines whatever it can see: the whole
  engine took 31 s and 722 kB for each entry that way, and takes 5.5 s and 66 kB this way, with
  the plain path as fast. The price: cold functions take and return int64 only.
- Compiled at decoration, so callees come first in a file.
- Every number is int64. Nothing traps: overflow wraps, so bounds are proven in
  ``engine.schema.bounds``; ``x // 0`` is 0 under ``error_model="numpy"``, which otherwise would
  add a raise path to every division. ``x // y`` rounds down as in Python; name the direction.
- No exceptions, strings, arrays, floats or containers: a status code is the only answer, and each
  of these costs reference counts or an unwind path in the hot loop.
- No global that can change with the same source (environment, configuration): a constant is
  frozen into the cached code, and the cache knows the sources only.
- With NUMBA_DISABLE_JIT=1 all are the identity and the same source runs in Python.

The cache is a directory named by a digest of all our sources and of the compiler. numba's own
stamp covers the file of the cached function but not the files it inlines, so after an edit or an
upgrade there it would go on running the old arithmetic.
"""

import atexit
import compileall
import hashlib
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import llvmlite
import numba
import numpy as np
from llvmlite import binding
from numba import cfunc, config, njit, types

from engine.cold_code import CallsCompiler, ColdCompiler, RareFunction
from engine.interpreted import InterpretedProcess, start_compiler
from engine.machine_code import Image, hash_text, read_image, write_image

JIT = not config.DISABLE_JIT
COMPILE_HERE = "LIONROCK_COMPILE"  # in the environment: as everything is imported, in this process

PACKAGES = ("engine", "risk", "funding")
SETTINGS = ("OPT", "BOUNDSCHECK", "LOOP_VECTORIZE", "SLP_VECTORIZE")
DIGESTS_KEPT = 3
DIGEST_REST_SECONDS = 3600

F = TypeVar("F", bound=Callable[..., Any])

# By symbol, and kept: callers know only an address, and numba does not promise that machine code
# outlives its cfunc (in 0.68 it does; no test could be made to fail without this). None stands for
# one that the image holds.
_cold: dict[str, Any] = {}
# By symbol, too: those that are plain Python until an image has come.
_interpreted_cold: dict[str, Any] = {}
_loaded: list[str] = []
_compiled: list[str] = []


class CacheUse(NamedTuple):
    """Where the compiled code is, and how much of it this process found there."""

    directory: Path | None
    loaded: int
    compiled: int


def kernel(function: F) -> F:
    """Compile as a part of every caller.

    Without wrappers for callers in Python and C: they double the compile time of a kernel.
    """
    if not COMPILES:
        return function
    compiled = njit(
        error_model="numpy",
        forceinline=True,
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        pipeline_class=CallsCompiler,
    )(function)

    def refuse(*arguments: Any, **named: Any) -> None:
        raise TypeError(f"kernel {function.__name__} is called from Python; wrap it in an entry")

    # numba would call the absent wrapper, through a null pointer. These two are its ways there:
    # the first call, and the table of signatures compiled since.
    compiled._compile_for_args = refuse
    compiled._insert = lambda *signature: None
    resolve = compiled.get_call_template
    compiled.get_call_template = lambda arguments, named: resolve(
        tuple(_widened(argument) for argument in arguments), named
    )
    return cast(F, compiled)


def _widened(argument: Any) -> Any:
    """Take every signed integer as int64: one compilation of a kernel serves all its callers.

    numba would make one for each literal and each width among the arguments; that was an eighth
    of the engine's compile time.
    """
    argument = types.unliteral(argument)
    if isinstance(argument, types.Integer) and argument.signed:
        return types.int64
    return argument


def cold(function: F) -> F:
    """Compile now, as a C function of int64 arguments, called through a symbol, and seldom."""
    return _compile_apart(function, RareFunction) if JIT else function


def stage(function: F) -> F:
    """Compile now, as a C function of int64 arguments, called through a symbol."""
    return _compile_apart(function, types.ExternalFunction) if JIT else function


def _compile_apart(function: F, of_symbol: Callable[..., Any]) -> F:
    symbol = f"lionrock_{function.__module__.replace('.', '_')}_{function.__name__}"
    if not COMPILES:
        _interpreted_cold[symbol] = function
        hash_text(function)  # now: the file may change before an image comes
        return function
    if symbol in _cold:
        # The linker would keep one address for both, and callers would reach the wrong function.
        raise ImportError(f"two functions share the symbol {symbol}")
    signature = types.int64(*[types.int64] * function.__code__.co_argcount)
    if _image().take(symbol, function):
        _loaded.append(symbol)
        _cold[symbol] = None
        return cast(F, of_symbol(symbol, signature))
    options = {"cache": True, "error_model": "numpy", "forceinline": True}
    compiled = _load_or_compile(cfunc(signature, pipeline_class=ColdCompiler, **options), function)
    _note(symbol, compiled, was_loaded=compiled.cache_hits > 0)
    binding.add_symbol(symbol, compiled.address)
    _cold[symbol] = compiled
    return cast(F, of_symbol(symbol, signature))


def entry(signature: Any, *, nogil: bool = False, rows: str = "") -> Callable[[F], F]:
    """Compile now for one signature, a numba signature or its text, callable from Python.

    `rows` names the argument that counts records, where there may be many: those wait for machine
    code in a process that began interpreted.
    """
    options = {"cache": True, "error_model": "numpy", "nogil": nogil}
    options["pipeline_class"] = CallsCompiler

    def decorate(function: F) -> F:
        if not JIT:
            return function
        if _interpreted is not None:
            load = partial(_load_entry, signature, options, function)
            return cast(F, _interpreted.stand_in(function, load, rows))
        compiled = _load_or_compile(njit(signature, **options), function)
        hits = sum(compiled.stats.cache_hits.values())
        _note(_name_entry(function), compiled, was_loaded=hits > 0)
        return cast(F, _way_in(compiled))

    return decorate


def _load_entry(signature: Any, options: dict[str, Any], function: Any) -> Any:
    """The machine code of an entry whose globals are plain Python: out of numba's cache, which goes
    by the function's own code, or not at all."""
    with _our_cache_directory():
        compiled = njit(signature, **options)(function)
    if not compiled.stats.cache_hits:
        raise LookupError(f"the cache lacks {_name_entry(function)}")
    _loaded.append(_name_entry(function))
    return _way_in(compiled)


def _way_in(compiled: Any) -> Any:
    """numba's own looks at the types of all arguments first: 180 ns a call, and 110 so. What is no
    integer goes through `int`; arguments have no names."""
    (only,) = compiled.overloads.values()
    return only.entry_point


def _name_entry(function: Any) -> str:
    return f"{function.__module__}.{function.__name__}"


def is_machine_code() -> bool:
    """Whether it is machine code that answers now: false without the JIT, and in a process that
    began interpreted until it has gone over."""
    return COMPILES or (_interpreted is not None and _interpreted.has_gone_over)


def wait_for_machine_code() -> bool:
    """Wait until machine code answers; false where it never will: without the JIT, or where the
    process that compiles has failed, which a RuntimeWarning tells."""
    if _interpreted is not None:
        _interpreted.wait()
    return is_machine_code()


@cache
def _image() -> Image:
    return read_image(cache_directory())


def _take_image() -> bool:
    """Let the image, which has come since this process began, stand for all cold functions imported
    so far; false where it has not come, or is of other functions."""
    if not _image().parts:
        _image.cache_clear()
    functions = _interpreted_cold.items()
    if not _image().parts or not all(_image().take(*named) for named in functions):
        return False
    _loaded.extend(_interpreted_cold)
    _interpreted_cold.clear()
    return True


def keep_image() -> None:
    """Write one file of all cold functions imported so far, for later starts, if the one that is
    there lacks any."""
    is_whole = all(function is None for function in _cold.values())
    if JIT and not is_whole and source_digest(_root()) == cache_directory().name:
        write_image(cache_directory(), _image(), _cold)


def keep_bytecode() -> None:
    """Write Python's own bytecode of our packages, a tenth of a second of each later start: images
    and services are often made with PYTHONDONTWRITEBYTECODE, which forbids to write, not to read.
    Anew, because what is there is judged by its time alone. Where it can't be written, starts do
    without."""
    for name in PACKAGES:
        compileall.compile_dir(_root() / name, quiet=2, force=True)


def cache_use() -> CacheUse:
    """Count the cold functions and entries imported so far."""
    return CacheUse(cache_directory() if JIT else None, len(_loaded), len(_compiled))


def must_find_siblings() -> None:
    """Refuse to run on a ``risk`` or ``funding`` of another distribution.

    Their names are plain words; a stranger of the same name earlier on the path would be imported
    silently, and its sources would not be the ones in the digest.
    """
    root = _root()
    for name in PACKAGES[1:]:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ImportError(f"lionrock: package {name!r} is missing beside 'engine' in {root}")
        found = Path(spec.origin).resolve().parent.parent
        if found != root:
            raise ImportError(
                f"lionrock: package {name!r} comes from {found}, but 'engine' from {root};"
                " all three must be of one installation"
            )


@cache
def cache_directory() -> Path:
    """Return the directory for the compiled code of exactly these sources; it is writable."""
    must_find_siblings()
    package = _root() / "engine"
    digest = source_digest(_root())
    packaged = package / "__pycache__" / "lionrock" / digest
    directory = _first_writable(digest, package)
    if directory != packaged and packaged.is_dir():
        with suppress(OSError):
            _seed(directory, packaged)
    # The time stamp says "in use": pruning in other processes goes by it.
    with suppress(OSError):
        os.utime(directory)
    prune(directory)
    return directory


def source_digest(root: Path) -> str:
    """Name everything that decides what the machine code is: our sources and the compiler."""
    sha = hashlib.sha256()
    compiler = (
        numba.__version__,
        np.__version__,
        llvmlite.__version__,
        sys.version,
        platform.machine(),
        # Compiler settings from the environment, which numba leaves out of its own keys. The
        # processor is in those: name, features, AVX or not.
        *(str(getattr(config, name, "")) for name in SETTINGS),
    )
    sha.update("\0".join(compiler).encode())
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            # Editors leave dangling links beside a file they have open.
            if path.is_file():
                source = path.read_bytes()
                sha.update(f"\0{path.relative_to(root).as_posix()}\0{len(source)}\0".encode())
                sha.update(source)
    return sha.hexdigest()[:16]


def prune(directory: Path) -> None:
    """Remove old neighbours of the digest in use.

    A neighbour goes when three others are newer *and* it has rested for an hour. Every process
    stamps its directory before it compiles, and needs it only until its imports are done, which
    takes seconds; so nobody is writing into what is removed here. Loading from a directory that
    vanishes is harmless: numba takes a missing file as a miss. Time is read off the stamp just
    made, so that a file server with its own clock cannot mislead.
    """
    with suppress(OSError):
        now = directory.stat().st_mtime
        others = [path for path in directory.parent.iterdir() if path.is_dir()]
        newest_first = sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)
        for path in newest_first[DIGESTS_KEPT:]:
            if path != directory and now - path.stat().st_mtime > DIGEST_REST_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def _root() -> Path:
    return Path(__file__).resolve().parent.parent


def _first_writable(digest: str, package: Path) -> Path:
    """Choose beside the sources, else in the user's cache, else a directory of this process.

    The directory itself is tried, not its parent: where numba cannot write into the directory it
    is given, it silently takes its own, without our digest.
    """
    for base in _shared_directories(package):
        if _is_writable(base / digest):
            return base / digest
    # Cached code is executed, so it may only lie where nobody else can write.
    private = Path(tempfile.mkdtemp(prefix="lionrock-"))
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    return private / digest


def _shared_directories(package: Path) -> list[Path]:
    """Where another process of these sources would look, too."""
    directories = [package / "__pycache__" / "lionrock"]
    with suppress(RuntimeError):
        user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        directories.append(Path(user) / "lionrock")
    return directories


def _is_writable(directory: Path) -> bool:
    """Try it, as numba will: permission bits do not tell about root or read-only mounts."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError:
        return False
    return True


def _seed(directory: Path, packaged: Path) -> None:
    """Copy what was compiled when the installation was made, such as in a read-only image.

    numba refuses to read a cache that it cannot write, so the start would be a cold one.
    """
    for source in packaged.rglob("*"):
        target = directory / source.relative_to(packaged)
        # Never over a newer file of another process, and never half a file under its own name.
        if source.is_file() and source.suffix != ".part" and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f"{target.name}.{os.getpid()}.part")
            shutil.copyfile(source, part)
            part.replace(target)


def _load_or_compile(decorate: Callable[[Any], Any], function: Any) -> Any:
    """Out of numba's cache if it is there; again without its files where that fails. numba syncs
    nothing, so a loss of power may leave one empty, in half or full of zeros, and it reads them as
    they are: no start would get past it."""
    with _our_cache_directory():
        try:
            return decorate(function)
        except Exception:
            for path in cache_directory().rglob(f"*{function.__qualname__}-*.nb?"):
                path.unlink(missing_ok=True)
            return decorate(function)


@contextmanager
def _our_cache_directory() -> Iterator[None]:
    """Point numba at our cache for one decoration.

    numba reads these two settings once per function, when the decorator gives it its cache, and
    remembers the answer; so they can be put back before the host compiles anything of its own.
    """
    before = config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES
    config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = str(cache_directory()), ""
    try:
        yield
    finally:
        config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = before


def _note(name: str, compiled: Any, *, was_loaded: bool) -> None:
    if was_loaded:
        _loaded.append(name)
        return
    _compiled.append(name)
    if source_digest(_root()) != cache_directory().name:
        # A source changed while we compiled: what was just saved may be of the new text, under
        # the name of the old. Forget it, or going back to the old text would run the new.
        compiled._cache.flush()


def _begin() -> InterpretedProcess | None:
    """Interpreted, while another process compiles; None where this one compiles or loads itself:
    asked to, the code is there, or nobody could make it elsewhere."""
    if not JIT or os.environ.get(COMPILE_HERE) or _image().parts:
        return None
    if cache_directory().parent not in _shared_directories(_root() / "engine"):
        return None
    try:
        compiler = start_compiler({**os.environ, COMPILE_HERE: "1"})
    except (OSError, NotImplementedError):
        return None  # none can be started, or not in a session of its own: the import compiles
    return InterpretedProcess(compiler, _take_image)


_interpreted = _begin()
COMPILES = JIT and _interpreted is None
