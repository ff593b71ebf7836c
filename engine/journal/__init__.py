"""Commands on disk: a log to append to, files to map and replay, JSON lines to read by hand."""
