"""The command `lionrock`."""

import os
import sys
from importlib import import_module

COMPILING = ("warm", "bench")


def main() -> None:
    """The entry point. Commands that are about machine code have this process compile it, which
    `engine.kernel` has to know when it is imported; the others begin without."""
    if sys.argv[1:2] and sys.argv[1] in COMPILING:
        os.environ["LIONROCK_COMPILE"] = "1"
    import_module("engine.cli.app").main()
