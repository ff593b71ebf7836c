"""L0, the vocabulary: bounds, words, refusals, contract, commands, events. No state, no I/O."""
