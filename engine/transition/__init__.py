"""L3, one command: admit, reserve, match, settle, supervise (rule 2.6)."""
