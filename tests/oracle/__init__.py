"""The oracle: the exchange once more, slow and plain, to compare the engine with (rule 14, I10)."""
