"""The only package that moves money: margin, positions, settlement, liquidation."""
