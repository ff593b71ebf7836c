"""Measurements: seeded workloads, a C++ twin of the hot path, the report of the README."""

import os

# Before anything imports the engine: what is measured is machine code, in every process, and none
# begins interpreted but those that `first_order` starts for it.
os.environ["LIONROCK_COMPILE"] = "1"
