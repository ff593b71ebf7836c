"""The machine code of all cold functions in one file, beside numba's own cache.

numba keeps files for each function, and takes 2 to 3 ms to load one: types, symbols, a module of
its own. An exchange has some 460 of them before its first order. The same objects out of one file
are loaded in 30 ms together, so what was 1.2 s of every start is gone. The file is made of numba's
cache, holds nothing else, and lies in the directory whose name is the digest of all sources and of
the compiler; its own name is that of the processor. Where it is missing or not whole, or lacks a
function of this text, numba's cache answers as before.
"""

import hashlib
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from llvmlite import binding
from numba.core.registry import cpu_target

CHECK_BYTES = 32  # SHA-256 of what follows


class Part(NamedTuple):
    """A cold function: its symbol, the name it has in its object, its text, the object (ELF)."""

    symbol: str
    name: str
    text: bytes  # a hash of its source file
    object_code: bytes


class Image:
    """What was found in a file, loaded; empty without one."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts
        self._texts = {part.symbol: part.text for part in parts}
        self._engine: Any = None
        if not parts:
            return
        # A target of its own: an engine takes its target with it when it goes.
        target = binding.Target.from_default_triple()
        machine = target.create_target_machine(codemodel="jitdefault", jit=True)
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
        for part in parts:
            code = binding.object_file.ObjectFileRef.from_data(part.object_code)
            self._engine.add_object_file(code)
            address = int(self._engine.get_function_address(part.name))
            binding.add_symbol(part.symbol, address)  # callers come behind in the file

    def take(self, symbol: str, function: Any) -> bool:
        """Let the symbol stand for the machine code of this very function; False when it is not
        here. Once one has another text, or one that can't be read, none is taken any more: those
        behind it may call it."""
        known = self._texts.get(symbol)
        if known is not None and (not known or known != hash_text(function)):
            self._texts.clear()
        return symbol in self._texts


def hash_text(function: Any) -> bytes:
    """Of the file that a function was imported from; empty where it can't be read."""
    return _hash_file(function.__code__.co_filename)


@cache
def _hash_file(name: str) -> bytes:
    with suppress(OSError):
        return hashlib.sha256(Path(name).read_bytes()).digest()
    return b""


def read_image(directory: Path) -> Image:
    """The image of this processor; an empty one where there is none that is whole."""
    with suppress(OSError, msgspec.MsgspecError):
        octets = _path(directory).read_bytes()
        body = octets[CHECK_BYTES:]
        if hashlib.sha256(body).digest() == octets[:CHECK_BYTES]:
            return Image(msgspec.msgpack.decode(body, type=list[Part]))
    return Image([])


def write_image(directory: Path, image: Image, functions: dict[str, Any]) -> None:
    """Put all these functions into one file, in their order, callees first; None stands for one
    that the image holds. Whoever runs reads the old file or the new one. Nothing is written where
    numba's cache has lost one of them, or the disk takes no more: the next start is slower."""
    held = {part.symbol: part for part in image.parts}
    found = [
        held[symbol] if function is None else _find_part(symbol, function)
        for symbol, function in functions.items()
    ]
    parts = [part for part in found if part is not None]
    if len(parts) < len(found):
        return
    body = msgspec.msgpack.encode(parts)
    target = _path(directory)
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        unfinished.write_bytes(hashlib.sha256(body).digest() + body)
        unfinished.replace(target)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()


def _find_part(symbol: str, function: Any) -> Part | None:
    """What numba's cache keeps of a cold function that it has just saved or loaded, if it still
    does."""
    files = function._cache
    found = files._cache_file.load(files._index_key(function._sig, _codegen()))
    if found is None:
        return None
    (_, kind, (object_code, _)), *_ = found
    assert kind == "object", kind
    return Part(symbol, function.native_name, hash_text(function.__wrapped__), object_code)


def _codegen() -> Any:
    return cpu_target.target_context.codegen()


def _path(directory: Path) -> Path:
    """By processor and its features, as numba tells its own files apart."""
    processor = repr(_codegen().magic_tuple()).encode()
    return directory / f"cold-{hashlib.sha256(processor).hexdigest()[:16]}.image"
