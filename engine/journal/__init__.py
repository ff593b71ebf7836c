"""Commands on disk: fixed records to map and replay, JSON lines to read and write by hand."""
