"""Lion Rock: a perpetual-contract exchange core in one process."""
