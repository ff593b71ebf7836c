"""Public and private feeds, made of the engine's events alone; see `README.md`."""
