"""Sources of commands: feeds of other venues, and a day generated from a seed.

Importers drive a live exchange while they read, because the ids of orders are its own, and write
what they sent into a command file. What a feed leaves open is counted, never guessed in silence.
"""
