"""The engine's loop over a batch once more, with the processor's clock read between commands.

The loop is that of `engine.transition.run.run` and calls the same functions; what it adds is one
time stamp for each command, which does not wait for what is under way. A stamp may so come a few
instructions early or late; the difference of two is good to about ten nanoseconds.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from engine.kernel import entry
from engine.state.access import ENGINE, to_bits, word_accessor
from engine.transition.run import look_ahead
from engine.transition.step import apply_command

WORD = word_accessor()


@intrinsic
def read_cycles(typing):
    """The processor's running count: of its nominal rate, on all that are sold today."""

    def generate(context, builder, signature, arguments):
        module, name = builder.module, "llvm.readcyclecounter"
        function = module.globals.get(name)
        if function is None:
            function = ir.Function(module, ir.FunctionType(ir.IntType(64), []), name)
        return builder.call(function, [])

    return types.int64(), generate


@entry(types.int64())
def cycles():
    """The count now."""
    return read_cycles()


@entry(types.int64(types.int64))
def read_often(readings):
    """How far the count gets while it is read so many times."""
    first = read_cycles()
    last = first
    for _ in range(readings):
        last = read_cycles()
    return last - first


@entry(types.int64(types.int64, types.int64, types.int64, types.int64))
def run_stamped(arena, commands, count, stamps):
    """Apply records, none of them a mass quote, and stamp before the first and after each, words
    at an address. The caller has emptied the events, and knows that they will find room."""
    ENGINE(arena, 0).rows_left = 1
    WORD(stamps, 0).bits = to_bits(read_cycles())
    for row in range(count):
        look_ahead(arena, commands, row, count)
        apply_command(arena, commands, row)
        WORD(stamps, row + 1).bits = to_bits(read_cycles())
    return count
