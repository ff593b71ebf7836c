"""How numba lowers a cold function: its body stands in the C function itself.

numba makes a C callback of two functions, a native one and a wrapper that calls it and is told not
to inline it. Every argument then goes twice through registers and stack, and what stood on the
stack is copied by wide loads that have to wait for the narrow stores before them: 5% of a plain
order, measured by samples. Here the wrapper takes the body in, and the native one goes.
"""

from typing import Any

from llvmlite import ir
from numba.core import compiler, lowering, typed_passes
from numba.core.compiler_machinery import PassManager, register_pass


class _Lower(lowering.Lower):
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


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(typed_passes.NativeLowering):
    _name = "lionrock_cold_lowering"

    @property
    def lowering_class(self) -> Any:
        return _Lower


class ColdCompiler(compiler.CompilerBase):
    """numba's pipeline with that lowering."""

    def define_pipelines(self) -> list[PassManager]:
        passes = compiler.DefaultPassBuilder.define_nopython_pipeline(self.state)
        ours = PassManager("lionrock_cold")
        for step, text in passes.passes:
            ours.add_pass(_Lowering if step is typed_passes.NativeLowering else step, text)
        ours.finalize()
        return [ours]
