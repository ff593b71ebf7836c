"""Prices and rates: index, mark, premium and funding rate. Knows no account."""
