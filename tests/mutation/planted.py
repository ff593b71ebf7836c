"""One bug: as a row of a table, and planted in its file."""

import difflib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Planted(NamedTuple):
    """A file as it is, and as it would be with a bug in it. The bug's `name` stays the same while
    the lines that it changes do."""

    path: str
    name: str
    what: str
    rule: str
    before: str
    after: str

    def diff(self) -> str:
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            self.path,
            self.path,
        )
        return "".join(lines)

    def line(self) -> int:
        """The first line that changes."""
        pairs = zip(self.before.splitlines(), self.after.splitlines(), strict=False)
        return next((k for k, (old, new) in enumerate(pairs, 1) if old != new), 1)


class Row(NamedTuple):
    """A chosen bug: a text that occurs once in a file, and what stands there instead."""

    path: str
    text: str
    replacement: str
    what: str
    rule: str


def read_source(path: str) -> str:
    return (ROOT / path).read_text()
