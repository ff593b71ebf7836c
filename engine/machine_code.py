"""The machine code of all cold functions in one file, beside numba's own cache.

numba keeps files for each function, and takes 2 to 3 ms to load one: types, symbols, a module of
its own. An exchange has some 460 of them before its first order. The same objects out of one file
are loaded in 30 ms together, so what was 1.2 s of every start is gone. The file is made of numba's
cache, holds nothing else, and lies in the directory whose name is the digest of all sources and of
the compiler; its own name is that of the processor. Where it is missing or not whole, or lacks a
function, numba's cache answers as before.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from llvmlite import binding
from numba.core.registry import cpu_target

CHECK_BYTES = 32  # SHA-256 of what follows


class Part(NamedTuple):
    """A cold function: its symbol, the name it has in its object, the object (ELF)."""

    symbol: str
    name: str
    object_code: bytes


class Image:
    """What was found in a file, loaded; empty without one."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts
        self._engine: Any = None
        self._addresses: dict[str, int] = {}
        if parts:
            module = binding.parse_assembly("")
            self._engine = binding.create_mcjit_compiler(module, _codegen()._tm)
        for part in parts:
            code = binding.object_file.ObjectFileRef.from_data(part.object_code)
            self._engine.add_object_file(code)
            address = int(self._engine.get_function_address(part.name))
            binding.add_symbol(part.symbol, address)  # callers come behind in the file
            self._addresses[part.symbol] = address

    def find_address(self, symbol: str) -> int:
        """Where the function is, 0 when it is not here."""
        return self._addresses.get(symbol, 0)


def read_image(directory: Path) -> Image:
    """The image of this processor; an empty one where there is none that is whole."""
    with suppress(OSError, msgspec.MsgspecError):
        octets = _path(directory).read_bytes()
        body = octets[CHECK_BYTES:]
        if hashlib.sha256(body).digest() == octets[:CHECK_BYTES]:
            return Image(msgspec.msgpack.decode(body, type=list[Part]))
    return Image([])


def write_image(directory: Path, image: Image, compiled: dict[str, Any]) -> None:
    """Put the functions of the image and those compiled beside it into one file, in the order in
    which they were needed; whoever runs reads the old file or the new one."""
    parts = [*image.parts, *(_part(symbol, function) for symbol, function in compiled.items())]
    body = msgspec.msgpack.encode(parts)
    target = _path(directory)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    with suppress(OSError):  # a full or read-only disk costs the next start a second
        part.write_bytes(hashlib.sha256(body).digest() + body)
        part.replace(target)


def _part(symbol: str, function: Any) -> Part:
    """What numba's cache keeps of a cold function that it has just saved or loaded."""
    cache = function._cache
    key = cache._index_key(function._sig, _codegen())
    (_, kind, (object_code, _)), *_ = cache._cache_file.load(key)
    assert kind == "object", kind
    return Part(symbol, function.native_name, object_code)


def _codegen() -> Any:
    return cpu_target.target_context.codegen()


def _path(directory: Path) -> Path:
    """By processor and its features, as numba tells its own files apart."""
    processor = repr(_codegen().magic_tuple()).encode()
    return directory / f"cold-{hashlib.sha256(processor).hexdigest()[:16]}.image"
