"""A cold function is one machine function: the C function, with the body in it."""

import re

import pytest
from numba import cfunc, types

from engine import kernel
from engine.cold_code import ColdCompiler

pytestmark = pytest.mark.skipif(not kernel.JIT, reason="about compiled code")
SIGNATURE = types.int64(*[types.int64] * 9)


def add_up(a, b, c, d, e, f, g, h, i):
    """More arguments than registers hold: the last three come on the stack."""
    total = 0
    while total < a:
        total += b + c + d + e + f + g + h + i
    return total


def functions_of(**options):
    compiled = cfunc(SIGNATURE, error_model="numpy", forceinline=True, **options)(add_up)
    assert compiled.ctypes(100, 1, 2, 3, 4, 5, 6, 7, 8) == 108
    return re.findall(r"@function", compiled._library.get_asm_str())


def test_the_body_stands_in_the_c_function():
    assert len(functions_of(pipeline_class=ColdCompiler)) == 1


def test_numba_would_make_two():
    assert len(functions_of()) == 2
