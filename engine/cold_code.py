"""How numba lowers a function that is compiled on its own, and the calls of cold ones.

Its body stands in the C function itself. numba makes a C callback of two functions, a native one
and a wrapper that calls it and is told not to inline it. Every argument then goes twice through
registers and stack, and what stood on the stack is copied by wide loads that have to wait for the
narrow stores before them: 5% of a plain order, measured by samples. Here the wrapper takes the body
in, and the native one goes.

And LLVM is told which functions are seldom called. What leads to such a call only, as every refusal
does, it then moves out of the way, and it is there that registers are put right, not before the
branch: 27 of 868 instructions of a plain command, 3% of its time.
"""

from typing import Any

from llvmlite import ir
from numba.core import compiler, lowering, typed_passes, types
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.datamodel import models, register_default


class RareFunction(types.ExternalFunction):
    """A C function behind a symbol that is seldom called."""


register_default(RareFunction)(models.OpaqueModel)


class _LowerCalls(lowering.Lower):
    def _lower_call_ExternalFunction(  # noqa: N802
        self, fnty: Any, expr: Any, signature: Any
    ) -> Any:
        answer = super()._lower_call_ExternalFunction(fnty, expr, signature)
        if isinstance(fnty, RareFunction):
            self.module.globals[fnty.symbol].attributes.add("cold")
        return answer


class _LowerFunction(_LowerCalls):
    def lower_normal_function(self, fndesc: Any) -> None:
        """The native function and, in the same module, the C function that takes it in.

        No kernel can fail, so there is no status to look at.
        """
        super().lower_normal_function(fndesc)
        self.function.linkage = "internal"  # nobody else calls it: it goes once it is inlined
        context = self.context
        arguments = [context.get_value_type(argument) for argument in fndesc.argtypes]
        c_type = ir.FunctionType(context.get_value_type(fndesc.restype), arguments)
        function = ir.Function(self.module, c_type, fndesc.llvm_cfunc_wrapper_name)
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        _, answer = context.call_conv.call_function(
            builder, self.function, fndesc.restype, fndesc.argtypes, function.args
        )
        builder.ret(answer)

    def create_cfunc_wrapper(self) -> None:
        """It stands beside the native function already."""


def _pass_with(lower: type) -> Any:
    """numba's pass that lowers, with a class of ours."""

    @register_pass(mutates_CFG=True, analysis_only=False)
    class Lowering(typed_passes.NativeLowering):
        _name = f"lionrock{lower.__name__}"
        lowering_class = lower

    return Lowering


class CallsCompiler(compiler.CompilerBase):
    """numba's pipeline, for what is inlined or called from Python."""

    lowering = _pass_with(_LowerCalls)

    def define_pipelines(self) -> list[PassManager]:
        passes = compiler.DefaultPassBuilder.define_nopython_pipeline(self.state)
        ours = PassManager(self.lowering.name())
        for step, text in passes.passes:
            ours.add_pass(self.lowering if step is typed_passes.NativeLowering else step, text)
        ours.finalize()
        return [ours]


class ColdCompiler(CallsCompiler):
    """The same for a function that is compiled on its own."""

    lowering = _pass_with(_LowerFunction)
