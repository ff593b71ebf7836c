"""L1, one contract's orders: levels, queues, look-ups, depth. Knows nothing of money."""
