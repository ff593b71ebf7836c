"""The C++ twin: generated header, source, build."""
