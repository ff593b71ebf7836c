"""Measurements: seeded workloads, a C++ twin of the hot path, the report of the README."""
