"""A start without machine code: commands are interpreted while another process compiles.

All kernels of this process are plain Python over the same bytes, so events and digests are those of
machine code. An entry is an object that gives its calls to the interpreter. Once the other process
has ended, the next call, and so never within a command, loads the machine code of all entries, and
they give their calls to that. Large work waits for it.

A kernel can't be interrupted, and an interpreted command must not be: its state would be torn. So
it runs in a thread of its own, where Python runs no handler of a signal and the stack is empty, and
its caller waits in a call of C, which comes back when the command is done and not before.
"""

import atexit
import ctypes
import os
import select
import signal
import sys
import warnings
from _thread import allocate_lock, get_ident, start_new_thread
from array import array
from collections.abc import Callable
from contextlib import suppress
from functools import update_wrapper
from typing import Any

LARGE = 64  # records; more of them wait for machine code. Interpreted, an order takes 0.2 ms.
# `lionrock warm` of the engine that this process would import. What lies open is its parent's.
COMPILER = """
import os, sys
os.closerange(3, os.sysconf("SC_OPEN_MAX"))
sys.path[:] = {path!r}
from engine.cli import main
main()
"""
NEVER = (
    "lionrock: commands stay interpreted, and slow, because machine code could not be had: {why}."
    " Call `lionrock warm`, which tells more, and start again."
)
TORN = (
    "lionrock: an interpreted command failed half-way, so this process takes no more of them;"
    " open the state anew in another one"
)

# The lock under Python's own: a signal doesn't end a wait for it. Through CDLL it lets other
# threads run, as Python's does.
_python = ctypes.CDLL(None)
_make_lock, _acquire, _release = (
    getattr(_python, f"PyThread_{verb}_lock") for verb in ("allocate", "acquire", "release")
)
_make_lock.restype = ctypes.c_void_p
WAIT = ctypes.c_int(1)
# Gates are such locks, shut but for a moment. They are kept: a finaliser would be one more place
# where a signal is handled, and there what its handler raises is lost.
_gates: list[ctypes.c_void_p] = []


class Entry:
    """What Python calls, with whole numbers alone; `answer` is what takes a call at present."""

    def __init__(
        self,
        process: "InterpretedProcess",
        function: Callable[..., Any],
        load: Callable[[], Any],
        rows: str,
    ) -> None:
        update_wrapper(self, function)
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        self._process, self._function, self._arguments = process, function, len(names)
        self._rows_at = names.index(rows) if rows else None
        self.load = load
        self.answer: Callable[..., Any] = self._interpret

    def __call__(self, *arguments: Any) -> Any:
        return self.answer(*arguments)

    def _interpret(self, *arguments: Any) -> Any:
        """As machine code would: what is no int64 is refused before anything begins."""
        if len(arguments) != self._arguments:
            raise TypeError(f"{self._function.__name__} takes {self._arguments} arguments")
        numbers = array("q", arguments).tolist()
        if self._rows_at is not None and numbers[self._rows_at] > LARGE:
            self._process.wait()
        self._process.go_over()
        return self._process.run_whole(lambda: self._begin(numbers))

    def _begin(self, numbers: list[int]) -> Any:
        """Machine code may have come while another thread's command was running."""
        if self.answer != self._interpret:
            return self.answer(*numbers)
        return self._process.interpret(self._function, numbers)


class InterpretedProcess:
    """This process, until the process `compiler` has ended; `take_image` then says whether what it
    was to make is there, and loads what entries call."""

    def __init__(self, compiler: "Compiler", take_image: Callable[[], bool]) -> None:
        self._compiler, self._take_image = compiler, take_image
        self._waiting: list[Entry] = []
        self._one_at_a_time = allocate_lock()
        self._running = 0  # the thread that has the lock
        self._torn: BaseException | None = None
        self._has_gone_over = False
        self._why_never = ""
        self._has_warned = False
        atexit.register(compiler.end)
        os.register_at_fork(after_in_child=self._begin_in_child)

    def stand_in(self, function: Callable[..., Any], load: Callable[[], Any], rows: str) -> Entry:
        """The entry of a function; `load` gives its machine code, and fails where there is none."""
        entry = Entry(self, function, load, rows)
        self._waiting.append(entry)
        return entry

    @property
    def has_gone_over(self) -> bool:
        """Whether machine code answers, for every entry imported so far."""
        return self._has_gone_over and not self._waiting

    @property
    def _is_undecided(self) -> bool:
        return not (self.has_gone_over or self._why_never or self._torn is not None)

    def wait(self) -> None:
        """Until machine code answers, or never will. Can be interrupted: no command has begun."""
        if self._is_undecided:
            self._compiler.has_ended(None)
        self.go_over()

    def go_over(self) -> None:
        """To machine code, if it has come; a warning, once, if it never will. What is interpreted
        here can't be compiled here, so the interpreter goes on then: slow, and as right."""
        if self._is_undecided and self._compiler.has_ended(0):
            self.run_whole(self._go_over)
        if self._why_never and not self._has_warned:
            self._has_warned = True
            # Where warnings are errors it is not told: a command may stand in a log already.
            with suppress(RuntimeWarning):
                warnings.warn(NEVER.format(why=self._why_never), RuntimeWarning, stacklevel=4)

    def _go_over(self) -> None:
        """All entries or none. Whoever does not trust his state any more stays where he is."""
        if not self._is_undecided:  # any more
            return
        try:
            if not self._take_image():
                raise LookupError("the process that compiles has ended without it")
            loaded = [entry.load() for entry in self._waiting]
        except Exception as error:
            self._why_never = " ".join(str(error).split()) or type(error).__name__
            return
        for entry, machine_code in zip(self._waiting, loaded, strict=True):
            entry.answer = machine_code
        self._waiting.clear()
        self._has_gone_over = True

    def interpret(self, function: Callable[..., Any], numbers: list[int]) -> Any:
        """A command, within `run_whole`. RuntimeError once one has failed."""
        if self._torn is not None:
            raise RuntimeError(TORN) from self._torn
        try:
            return function(*numbers)
        except BaseException as error:
            self._torn = error
            raise

    def run_whole(self, act: Callable[[], Any]) -> Any:
        """What `act` returns or raises, one act at a time. What the handler of a signal raises
        meanwhile comes behind the act; or nothing of the act was done, and never will be."""
        if get_ident() == self._running:  # a finaliser, of whatever Python has cleared away
            raise RuntimeError("lionrock: an entry is called within an interpreted command")
        # Of all that is called here this goes deepest: where the stack has no room it fails, before
        # anything has begun.
        gate = _take_gate()
        pending, outcome = [act], []

        def work() -> None:
            try:
                with self._one_at_a_time:
                    self._running = get_ident()
                    try:
                        with suppress(IndexError):  # withdrawn
                            outcome.append(_try(pending.pop()))
                    finally:
                        self._running = 0
            finally:
                _release(gate)

        try:
            start_new_thread(work, ())
            _acquire(gate, WAIT)
        except BaseException:
            # Before the wait or behind it. Whoever takes `act` decides whether it happens.
            if not outcome and not _withdraw(pending):
                _acquire(gate, WAIT)
            raise
        _gates.append(gate)
        answer, error = outcome.pop()
        if error is not None:
            raise error
        return answer

    def _begin_in_child(self) -> None:
        """Behind a fork. What another thread was at is done by nobody here."""
        if self._running:
            self._torn = RuntimeError("the process was forked within a command")
        self._running, self._one_at_a_time = 0, allocate_lock()


class Compiler:
    """The process that compiles, seen through a descriptor: that tells of its end whoever asks, a
    process that was forked off, too, and whoever has taken the answer of `waitpid` away."""

    def __init__(self, process: int) -> None:
        self._process, self._parent = process, os.getpid()
        self._has_ended = False
        self._descriptor = os.pidfd_open(process)

    def has_ended(self, milliseconds: int | None) -> bool:
        """By then; None waits for it, and can be interrupted."""
        if self._has_ended:
            return True
        end_seen = select.poll()  # each caller's own: one object refuses two threads
        end_seen.register(self._descriptor, select.POLLIN)
        if end_seen.poll(milliseconds):
            self._has_ended = True
            with suppress(ChildProcessError):
                os.waitpid(self._process, 0)
        return self._has_ended

    def end(self) -> None:
        """With its parent. At no moment does that do harm: its files get their names when they are
        whole."""
        if os.getpid() != self._parent or self.has_ended(0):
            return
        with suppress(OSError):  # a parent that has given up its rights
            os.kill(self._process, signal.SIGKILL)
            self.has_ended(None)


def start_compiler(environment: dict[str, str]) -> Compiler:
    """The process that compiles. Raises OSError where none can be started, or none watched. Its
    session is its own, so that an interrupt from the terminal reaches its parent alone."""
    if not sys.executable or not hasattr(os, "pidfd_open"):
        raise FileNotFoundError("no interpreter to start, or no descriptor of processes")
    path = [place for place in sys.path if isinstance(place, str)]
    nowhere = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0)
    outputs = ((os.POSIX_SPAWN_DUP2, 0, output) for output in (1, 2))
    process = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", COMPILER.format(path=path), "warm"],
        environment,
        file_actions=[nowhere, *outputs],
        setsid=True,
    )
    try:
        return Compiler(process)
    except OSError:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        raise


def _take_gate() -> ctypes.c_void_p:
    with suppress(IndexError):
        return _gates.pop()
    gate = ctypes.c_void_p(_make_lock())
    if not gate:
        raise MemoryError("no lock can be made")
    _acquire(gate, WAIT)
    return gate


def _try(act: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return act(), None
    except BaseException as error:
        return None, error


def _withdraw(pending: list[Any]) -> bool:
    with suppress(IndexError):
        pending.pop()
        return True
    return False
