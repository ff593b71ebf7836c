"""The command `lionrock`."""

from engine.cli.app import main

__all__ = ["main"]
