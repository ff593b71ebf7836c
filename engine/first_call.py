"""Cold functions that nobody has called yet: a stub stands under the symbol and compiles at need.

Without a cache a start compiled 461 cold functions, a tenth of a second each, of which a first
order calls fifty. So a function waits for its first call, unless the image of `machine_code.py`
holds it: then there is no stub, and nothing of this module is on anybody's path.

A stub looks for an address in a slot of memory. While there is none it has the function compiled
and looks again; then it jumps. That it goes by the slot, never by what the compiling answers, is
what makes an interrupt harmless: an exception cannot pass through machine code, so ctypes drops it
and comes back as if all were well, and the stub asks once more.

A compiler that waits behind a command costs that command 0.1 s, and a liquidation several of them.
So `lionrock warm` belongs to an installation, and whoever opens a durable exchange has all of it
compiled first (`compile_rest`).
"""

import ctypes
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from functools import cache
from types import FrameType
from typing import Any, NamedTuple

from llvmlite import binding, ir

from engine.machine_code import make_engine

INT64 = ir.IntType(64)


class Waiting(NamedTuple):
    """A function without machine code, and where its stub looks for it."""

    compile: Callable[[], int]  # returns the address
    slot: ctypes.c_int64


class Stub(NamedTuple):
    symbol: str
    arguments: int
    number: int  # its slot, and what it asks for


_unlinked: list[Stub] = []
_slots: list[ctypes.c_int64] = []  # kept: stubs know addresses alone
_waiting: dict[int, Waiting] = {}
_one_at_a_time = threading.RLock()


def stand_in(symbol: str, arguments: int, compile: Callable[[], int]) -> None:
    """Let a stub stand under the symbol until somebody calls it with so many integers."""
    number, slot = len(_slots), ctypes.c_int64(0)
    _slots.append(slot)
    _waiting[number] = Waiting(compile, slot)
    _unlinked.append(Stub(symbol, arguments, number))


def link_stubs() -> None:
    """Before anything is linked that may call them, all at once."""
    if not _unlinked:
        return
    module = ir.Module("stubs")
    for stub in _unlinked:
        _build(module, stub)
    engine = _engine()
    engine.add_module(binding.parse_assembly(str(module)))
    engine.finalize_object()
    for stub in _unlinked:
        binding.add_symbol(stub.symbol, engine.get_function_address(_name_of(stub)))
    _unlinked.clear()


def compile_rest() -> None:
    """Compile all that was imported and not called yet, in the order of import."""
    for number in list(_waiting):
        _compile(number)


def _build(module: ir.Module, stub: Stub) -> None:
    kind = ir.FunctionType(INT64, [INT64] * stub.arguments)
    function = ir.Function(module, kind, _name_of(stub))
    blocks = [function.append_basic_block(label) for label in ("enter", "look", "first", "jump")]
    enter, look, first, jump = (ir.IRBuilder(block) for block in blocks)
    enter.branch(blocks[1])
    found = look.load(_pointer(look, ctypes.addressof(_slots[stub.number]), INT64))
    look.cbranch(look.icmp_signed("==", found, INT64(0)), blocks[2], blocks[3])
    ask = ir.FunctionType(ir.VoidType(), [INT64])
    first.call(_pointer(first, _address_of(_ANSWER), ask), [INT64(stub.number)])
    first.branch(blocks[1])
    jump.ret(jump.call(jump.inttoptr(found, kind.as_pointer()), function.args, tail=True))


def _name_of(stub: Stub) -> str:
    return f"{stub.symbol}_stub"


def _pointer(builder: ir.IRBuilder, address: int, kind: Any) -> Any:
    return builder.inttoptr(INT64(address), kind.as_pointer())


def _address_of(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _have_compiled(number: int) -> None:
    """What a stub calls. Whoever is interrupted in here is interrupted again behind the machine
    code."""
    interrupted = False
    while number in _waiting:
        try:
            _compile(number)
        except KeyboardInterrupt:
            interrupted = True
        except BaseException:
            # A bug, in the middle of a command: nothing that has begun can be brought to an end.
            traceback.print_exc()
            os.abort()
    if interrupted:
        threading.Thread(target=_interrupt_again, daemon=True).start()


def _interrupt_again() -> None:
    """A signal to the main thread as soon as it is out of here, where it would be dropped. Not by
    `interrupt_main`, which ends no wait of the system."""
    main = threading.main_thread().ident or 0
    rest = threading.Event()
    while _is_in_here(sys._current_frames().get(main)):
        rest.wait(0.001)
    signal.pthread_kill(main, signal.SIGINT)


def _is_in_here(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code is not _have_compiled.__code__:
        frame = frame.f_back
    return frame is not None


def _compile(number: int) -> None:
    with _one_at_a_time:  # another thread may have waited for the same one
        waiting = _waiting.get(number)
        if waiting is not None:
            waiting.slot.value = waiting.compile()
            del _waiting[number]


# Kept: stubs know its address alone.
_ANSWER = ctypes.CFUNCTYPE(None, ctypes.c_int64)(_have_compiled)


@cache
def _engine() -> Any:
    return make_engine(optimisation=0)  # 461 stubs: 0.07 s, at 1 and above 0.5
