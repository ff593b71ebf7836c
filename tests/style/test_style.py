"""The rules of this code base that no tool knows, one check each.

A check takes one source file and yields its faults. Every check is itself checked on a planted
fault (`PLANTED`), and all of them on sources that must pass (`CLEAN`).
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("engine", "risk", "funding")
TREES = (*PRODUCT, "tests", "bench")

LAYERS = {
    "engine.cold_code": 0,
    "engine.machine_code": 0,
    "engine.interpreted": 0,
    "engine.kernel": 0,
    "engine.schema": 0,
    "engine.state": 0,
    "engine.trading_state": 0,  # a table of words; risk asks it which positions can be stepped
    "engine.book": 1,
    "funding": 1,
    "risk": 2,
    "engine.transition": 3,
    "engine.exchange": 3,
    "engine.drill": 3,
    "engine.explanation": 3,
    "engine.reasons": 3,
    "engine.genesis": 3,
    "engine.invariants": 3,
    "engine.views": 3,
    "engine.what_if": 3,
    "engine": 3,
    "engine.journal": 4,
    "engine.feed": 4,
    "engine.importers": 4,
    "engine.report": 4,
    "engine.cli": 5,
    "engine.gateways": 5,
}
# What the order of layers alone would allow.
NEVER = {
    ("engine.book", "funding"),
    ("funding", "engine.book"),
    ("risk", "engine.book"),
}
LAYER_OF_CLOCKS = 4

LINE_LENGTH = 100
FILE_LINES = 700
FUNCTION_LINES = 70
FUNCTION_LINES_OF_TESTS = 90

DECORATORS = ("kernel", "cold", "stage", "entry")
FunctionDef = ast.FunctionDef | ast.AsyncFunctionDef


class Source(NamedTuple):
    path: PurePosixPath
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def is_product(self) -> bool:
        return self.path.parts[0] in PRODUCT

    def fault(self, line: int, what: str) -> str:
        return f"{self.path}:{line}: {what}"


Faults = Iterator[str]


def parse(path: str, text: str) -> Source:
    return Source(PurePosixPath(path), text, ast.parse(text, path))


@cache
def sources() -> tuple[Source, ...]:
    files = (path for tree in TREES for path in sorted((ROOT / tree).rglob("*.py")))
    return tuple(
        parse(path.relative_to(ROOT).as_posix(), path.read_text())
        for path in files
        if path.is_file() and "__pycache__" not in path.parts
    )


def room_of(module: str) -> str | None:
    """Name the row of the layer table that holds a module; None when no row does."""
    parts = module.split(".")
    if parts[0] not in PRODUCT:
        return None
    for depth in range(len(parts), 0, -1):
        room = ".".join(parts[:depth])
        # The row `engine` is the package's public names alone, not a default for its modules.
        if room in LAYERS and (room != "engine" or module == "engine"):
            return room
    return None


def layer_of(source: Source) -> int | None:
    room = room_of(source.module)
    return None if room is None else LAYERS[room]


def is_below_clocks(source: Source) -> bool:
    layer = layer_of(source)
    return source.is_product and (layer is None or layer < LAYER_OF_CLOCKS)


def imports_of(source: Source) -> Iterator[tuple[int, str]]:
    """Yield line and absolute name of everything imported, names out of packages included."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def functions_of(source: Source) -> Iterator[FunctionDef]:
    for node in ast.walk(source.tree):
        if isinstance(node, FunctionDef):
            yield node


def last_name(node: ast.expr) -> str:
    """Read `entry` out of `entry`, `kernel.entry` and `entry(...)`."""
    if isinstance(node, ast.Call):
        return last_name(node.func)
    return getattr(node, "attr", getattr(node, "id", ""))


def decorator_of(function: FunctionDef) -> str | None:
    names = [last_name(decorator) for decorator in function.decorator_list]
    return next((name for name in names if name in DECORATORS), None)


def compiled_of(source: Source) -> Iterator[FunctionDef]:
    return (function for function in functions_of(source) if decorator_of(function))


def body_of(function: FunctionDef) -> Iterator[ast.AST]:
    has_docstring = ast.get_docstring(function, clean=False) is not None
    for statement in function.body[has_docstring:]:
        yield from ast.walk(statement)


# Imports.


def check_layers(source: Source) -> Faults:
    own = room_of(source.module)
    if own is None or own == "engine":
        return
    for line, name in imports_of(source):
        other = room_of(name) or room_of(name.rpartition(".")[0])
        if other is None or other == own:
            continue
        if LAYERS[other] > LAYERS[own] or (own, other) in NEVER:
            yield source.fault(line, f"{own} may not import {other}")


def check_every_module_has_a_layer(source: Source) -> Faults:
    if source.is_product and room_of(source.module) is None:
        yield source.fault(1, f"{source.module} stands in no row of the layer table")


def check_imports_are_absolute(source: Source) -> Faults:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield source.fault(node.lineno, "relative import")


def check_imports_stand_at_the_top(source: Source) -> Faults:
    """Ruff's E402 sees imports below other statements; this sees those inside functions."""
    if not source.is_product or str(source.path) == "engine/__init__.py":
        return
    for owner in ast.walk(source.tree):
        if isinstance(owner, FunctionDef | ast.ClassDef):
            for node in ast.walk(owner):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield source.fault(node.lineno, f"import inside {owner.name}")


def check_only_kernel_compiles(source: Source) -> Faults:
    compilers = {"njit", "jit", "cfunc", "vectorize", "guvectorize", "jit_module", "stencil"}
    if not source.is_product or source.module == "engine.kernel":
        return
    for line, name in imports_of(source):
        package, _, last = name.rpartition(".")
        is_module = name.startswith(("numba.core.decorators", "numba.experimental"))
        if is_module or (package == "numba" and last in compilers):
            yield source.fault(line, f"{name}: use the decorators of engine.kernel")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and last_name(node.value) in ("numba", "nb"):
            if node.attr in compilers:
                yield source.fault(node.lineno, f"{node.attr}: use those of engine.kernel")


# The versions that name the cache, the symbols of cold functions, and what these are made of.
LLVM_ALLOWED = {
    ("engine.kernel", "llvmlite"),
    ("engine.kernel", "llvmlite.binding"),
    ("engine.cold_code", "llvmlite"),
    ("engine.cold_code", "llvmlite.ir"),
    ("engine.machine_code", "llvmlite"),
    ("engine.machine_code", "llvmlite.binding"),
}


def check_only_state_extends_numba(source: Source) -> Faults:
    if not source.is_product or room_of(source.module) == "engine.state":
        return
    for line, name in imports_of(source):
        if (source.module, name) in LLVM_ALLOWED:
            continue
        if name.split(".")[0] == "llvmlite" or name.startswith("numba.extending"):
            yield source.fault(line, f"{name}: intrinsics belong in engine.state")


def check_oracle_shares_no_code(source: Source) -> Faults:
    """The oracle may know our vocabulary, else it would prove the engine by itself."""
    if source.path.parts[:2] != ("tests", "oracle"):
        return
    for line, name in imports_of(source):
        if name.split(".")[0] in PRODUCT and not f"{name}.".startswith("engine.schema."):
            yield source.fault(line, f"the oracle imports {name}")


# Compiled code.


def check_kernels_have_no_floats(source: Source) -> Faults:
    for function in compiled_of(source):
        for node in body_of(function):
            if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
                yield source.fault(node.lineno, f"float in {function.name}")
            if isinstance(node, ast.Call) and last_name(node.func).startswith("float"):
                yield source.fault(node.lineno, f"float in {function.name}")


def check_kernels_divide_whole(source: Source) -> Faults:
    for function in compiled_of(source):
        for node in body_of(function):
            if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
                yield source.fault(node.lineno, f"true division in {function.name}")


def check_kernels_have_no_strings(source: Source) -> Faults:
    for function in compiled_of(source):
        for node in body_of(function):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
            if is_text or isinstance(node, ast.JoinedStr):
                yield source.fault(getattr(node, "lineno", 0), f"string in {function.name}")


def check_kernels_never_raise(source: Source) -> Faults:
    for function in compiled_of(source):
        for node in body_of(function):
            if isinstance(node, ast.Try | ast.TryStar | ast.Raise | ast.Assert | ast.With):
                kind = type(node).__name__.lower()
                yield source.fault(node.lineno, f"{kind} in {function.name}")


def check_kernels_make_no_objects(source: Source) -> Faults:
    displays = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
    others = ast.GeneratorExp | ast.Lambda | ast.Yield | ast.YieldFrom | FunctionDef | ast.ClassDef
    for function in compiled_of(source):
        for node in body_of(function):
            if isinstance(node, displays | others):
                kind = type(node).__name__.lower()
                yield source.fault(getattr(node, "lineno", 0), f"{kind} in {function.name}")


def check_cold_takes_integers_only(source: Source) -> Faults:
    for function in functions_of(source):
        if decorator_of(function) != "cold":
            continue
        args = function.args
        if args.defaults or args.kwonlyargs or args.vararg or args.kwarg:
            yield source.fault(function.lineno, f"{function.name}: positional parameters only")
        for arg in (*args.posonlyargs, *args.args):
            if arg.annotation is not None and last_name(arg.annotation) not in ("int", "int64"):
                yield source.fault(arg.lineno, f"{function.name}: {arg.arg} is not an int")


def check_functions_of_the_arena_are_compiled(source: Source) -> Faults:
    if room_of(source.module) not in ("engine.book", "risk", "funding"):
        return
    for node in source.tree.body:
        if isinstance(node, FunctionDef) and decorator_of(node) is None:
            parameters = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
            if parameters[:1] == ["arena"]:
                yield source.fault(node.lineno, f"{node.name} takes the arena, undecorated")


def check_no_clock_or_chance_below_the_journal(source: Source) -> Faults:
    """Time, chance and the world outside are fields of commands (replay equality)."""
    if not is_below_clocks(source):
        return
    banned = {"time", "datetime", "random", "secrets", "uuid", "socket"}
    for line, name in imports_of(source):
        if name.split(".")[0] in banned or name.startswith("numpy.random"):
            yield source.fault(line, f"{name} below L{LAYER_OF_CLOCKS}")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr == "random":
            if last_name(node.value) in ("np", "numpy"):
                yield source.fault(node.lineno, f"numpy.random below L{LAYER_OF_CLOCKS}")


def check_no_environment_below_the_journal(source: Source) -> Faults:
    """A switch from outside would be frozen into cached code that is not keyed by it."""
    if not is_below_clocks(source) or source.module == "engine.kernel":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and last_name(node) in ("environ", "getenv"):
            yield source.fault(node.lineno, f"environment read below L{LAYER_OF_CLOCKS}")


# Shape and names.


def check_file_length(source: Source) -> Faults:
    count = len(source.text.splitlines())
    if count > FILE_LINES:
        yield source.fault(FILE_LINES, f"{count} lines; the limit is {FILE_LINES}")


def check_function_length(source: Source) -> Faults:
    limit = FUNCTION_LINES if source.is_product else FUNCTION_LINES_OF_TESTS
    for function in functions_of(source):
        count = (function.end_lineno or 0) - function.lineno + 1
        if count > limit:
            what = f"{function.name} has {count} lines; the limit is {limit}"
            yield source.fault(function.lineno, what)


def check_line_length(source: Source) -> Faults:
    for number, line in enumerate(source.text.splitlines(), 1):
        if len(line) > LINE_LENGTH:
            yield source.fault(number, f"{len(line)} characters; the limit is {LINE_LENGTH}")


def check_file_names_say_something(source: Source) -> Faults:
    empty = {"utils", "util", "common", "helpers", "helper", "misc"}
    for part in source.path.with_suffix("").parts:
        if part in empty:
            yield source.fault(1, f"{part} says nothing about its content")


def check_no_managers(source: Source) -> Faults:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith("Manager"):
            yield source.fault(node.lineno, f"{node.name}: name what it does")


def check_no_leftover_markers(source: Source) -> Faults:
    # Written in halves, so that this file passes its own check.
    marker = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    for number, line in enumerate(source.text.splitlines(), 1):
        if marker.search(line):
            yield source.fault(number, "leftover marker")


def check_no_print(source: Source) -> Faults:
    if room_of(source.module) == "engine.cli" or source.path.parts[0] == "bench":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "print":
                yield source.fault(node.lineno, "print")


CHECKS = [check for name, check in globals().items() if name.startswith("check_")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_tree_passes(check):
    faults = [fault for source in sources() for fault in check(source)]
    assert not faults, "\n" + "\n".join(faults)


# The checks themselves.


def compiled(body: str, decorator: str = "kernel", parameters: str = "x") -> str:
    """Write a decorated function with this body."""
    return f"@{decorator}\ndef f({parameters}):\n    {body}\n"


BOOK = "engine/book/x.py"
RISK = "risk/x.py"
PLANTED = [
    (check_layers, "engine/state/x.py", "import engine.book.levels"),
    (check_layers, "engine/schema/x.py", "from engine.exchange import Exchange"),
    (check_layers, BOOK, "from funding.rate import premium"),
    (check_layers, "funding/x.py", "from engine.book import levels"),
    (check_layers, "funding/x.py", "from engine import book"),
    (check_layers, RISK, "from engine.book.levels import find_level"),
    (check_layers, RISK, "from engine import transition"),
    (check_layers, RISK, "from engine import Exchange"),
    (check_layers, "engine/transition.py", "import engine.journal"),
    (check_layers, "engine/exchange.py", "from engine import cli"),
    (check_layers, "engine/feed.py", "def f():\n    import engine.cli"),
    (check_every_module_has_a_layer, "engine/extra.py", ""),
    (check_imports_are_absolute, BOOK, "from . import levels"),
    (check_imports_are_absolute, "tests/x.py", "from ..oracle import book"),
    (check_imports_stand_at_the_top, RISK, "def f():\n    import zlib"),
    (check_imports_stand_at_the_top, "engine/cli/x.py", "class A:\n    from zlib import crc32"),
    (check_only_kernel_compiles, BOOK, "from numba import njit"),
    (check_only_kernel_compiles, "engine/state/x.py", "from numba import types, cfunc"),
    (check_only_kernel_compiles, RISK, "import numba as nb\n@nb.njit\ndef f(x):\n    return x"),
    (check_only_kernel_compiles, RISK, "from numba.experimental import jitclass"),
    (check_only_state_extends_numba, BOOK, "from numba.extending import intrinsic"),
    (check_only_state_extends_numba, RISK, "import llvmlite.binding"),
    (check_only_state_extends_numba, "engine/kernel.py", "from llvmlite import ir"),
    (check_oracle_shares_no_code, "tests/oracle/x.py", "from risk.margin import order_margin"),
    (check_oracle_shares_no_code, "tests/oracle/x.py", "from engine import exchange"),
    (check_kernels_have_no_floats, BOOK, compiled("return x * 0.5")),
    (check_kernels_have_no_floats, BOOK, compiled("return np.float64(x)")),
    (check_kernels_divide_whole, BOOK, compiled("return x / 2")),
    (check_kernels_divide_whole, BOOK, compiled("x /= 2", "entry('int64(int64)')")),
    (check_kernels_have_no_strings, BOOK, compiled("return x == 'buy'")),
    (check_kernels_have_no_strings, BOOK, compiled('"""Text."""\n    "more text"')),
    (check_kernels_have_no_strings, BOOK, compiled("return f'{x}'", "kernel.cold")),
    (check_kernels_never_raise, BOOK, compiled("raise ValueError")),
    (check_kernels_never_raise, BOOK, compiled("assert x > 0")),
    (check_kernels_never_raise, BOOK, compiled("try:\n        x += 1\n    finally:\n        pass")),
    (check_kernels_make_no_objects, BOOK, compiled("return [x]")),
    (check_kernels_make_no_objects, BOOK, compiled("return {x: 1}", "cold")),
    (check_kernels_make_no_objects, BOOK, compiled("return {x}")),
    (check_kernels_make_no_objects, BOOK, compiled("return sum(y for y in range(x))")),
    (check_kernels_make_no_objects, BOOK, compiled("def g(y):\n        return y")),
    (check_cold_takes_integers_only, RISK, compiled("return x", "cold", "x=0")),
    (check_cold_takes_integers_only, RISK, compiled("return x", "cold", "*x")),
    (check_cold_takes_integers_only, RISK, compiled("return x", "cold", "*, x")),
    (check_cold_takes_integers_only, RISK, compiled("return x", "cold", "x: Order")),
    (check_functions_of_the_arena_are_compiled, RISK, "def f(arena, slot):\n    return slot"),
    (check_functions_of_the_arena_are_compiled, BOOK, "@cache\ndef f(arena):\n    return 0"),
    (check_no_clock_or_chance_below_the_journal, RISK, "import time"),
    (check_no_clock_or_chance_below_the_journal, RISK, "from datetime import datetime"),
    (check_no_clock_or_chance_below_the_journal, "engine/exchange.py", "from random import random"),
    (check_no_clock_or_chance_below_the_journal, BOOK, "import numpy as np\nnp.random.seed(1)"),
    (check_no_environment_below_the_journal, BOOK, "import os\nX = os.environ['X']"),
    (check_no_environment_below_the_journal, "engine/state/x.py", "from os import getenv\ngetenv"),
    (check_file_length, RISK, "\n" * (FILE_LINES + 1)),
    (check_function_length, RISK, "def f():\n" + "    pass\n" * FUNCTION_LINES),
    (check_function_length, "tests/x.py", "def f():\n" + "    pass\n" * FUNCTION_LINES_OF_TESTS),
    (check_line_length, "bench/x.py", f"# {'-' * 99}"),
    (check_file_names_say_something, "risk/utils.py", ""),
    (check_file_names_say_something, "tests/common/test_x.py", ""),
    (check_no_managers, RISK, "class PositionManager:\n    pass"),
    (check_no_leftover_markers, RISK, "# TO" "DO: later"),
    (check_no_leftover_markers, RISK, "'''FIX" "ME'''"),
    (check_no_print, RISK, "print(1)"),
    (check_no_print, "tests/x.py", "def f():\n    print(1)"),
]
CLEAN = [
    ("engine/book/x.py", "from engine.kernel import kernel\nfrom engine.state.layout import ORDER"),
    ("risk/x.py", "from engine.kernel import cold\nfrom funding import rate\nimport risk.margin"),
    ("engine/transition.py", "from engine import book, state\nimport risk\nimport risk.margin"),
    ("engine/feed.py", "import time\nfrom engine import Exchange\nfrom engine.exchange import X"),
    ("engine/cli/x.py", "from engine.report import statement\nprint(statement)"),
    ("engine/__init__.py", "def __getattr__(name):\n    from engine.exchange import Exchange"),
    ("engine/state/x.py", "from llvmlite import ir\nfrom numba.extending import intrinsic"),
    ("engine/kernel.py", "import os\nfrom numba import njit\nfrom llvmlite import binding"),
    ("engine/book/x.py", compiled('"""Half, rounded down."""\n    return -(x // 2), x & 3')),
    ("risk/x.py", compiled("return arena + slot", "cold", "arena, slot: int")),
    ("risk/x.py", compiled("x //= 2", "entry('int64(int64)', nogil=True)")),
    ("risk/x.py", "def f(x):\n    raise ValueError(f'{x / 2} is not {[x]}')"),
    ("engine/exchange.py", "def f(arena, x=0.5):\n    return arena"),
    ("risk/x.py", "def f():\n" + "    pass\n" * (FUNCTION_LINES - 1)),
    ("tests/oracle/x.py", "import random\nfrom engine.schema.refusals import Refusal"),
    ("tests/x.py", "import time\ndef f():\n    import numba\n    return numba.njit"),
    ("bench/x.py", "print(1)"),
]


@pytest.mark.parametrize(("check", "path", "text"), PLANTED)
def test_a_planted_fault_is_found(check, path, text):
    faults = list(check(parse(path, text)))
    assert faults and all(fault.startswith(f"{path}:") for fault in faults)


@pytest.mark.parametrize(("path", "text"), CLEAN)
def test_clean_code_passes(path, text):
    assert [fault for check in CHECKS for fault in check(parse(path, text))] == []


def test_every_check_has_a_planted_fault():
    assert {check for check, _, _ in PLANTED} == set(CHECKS)


def test_the_walk_sees_the_tree():
    paths = {str(source.path) for source in sources()}
    assert {"engine/kernel.py", "risk/__init__.py", "tests/style/test_style.py"} <= paths


@pytest.mark.parametrize(
    ("module", "room"),
    [
        ("engine", "engine"),
        ("engine.state.layout", "engine.state"),
        ("risk.default.waterfall", "risk"),
        ("engine.statement", None),
        ("engineering", None),
    ],
)
def test_room(module, room):
    assert room_of(module) == room
