"""Importers, one file each; `dbn_writing` makes the input of two of them."""
