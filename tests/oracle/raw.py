"""Records that are no command, or not the one that they say."""

from dataclasses import dataclass

from engine.schema import bounds, commands
from engine.schema.commands import MassQuote, Quote


@dataclass(frozen=True)
class RawCommand:
    """A command of a kind that does not exist."""

    kind_code: int
    time_ns: int


@dataclass(frozen=True)
class RawQuotes:
    """A mass quote as records that need not fit together: what the header says that it is followed
    by, and what follows it."""

    header: MassQuote  # its own rows are not looked at
    quotes: int
    rows: tuple[Quote | RawCommand | commands.AdvanceTime, ...]

    @property
    def is_whole(self) -> bool:
        """Whether the header has all of its rows: the first of those that follow."""
        if not 1 <= self.quotes <= bounds.QUOTES_MAX or self.quotes > len(self.rows):
            return False
        return all(isinstance(row, Quote) for row in self.rows[: self.quotes])

    def parts(self) -> list:
        """The commands that a reader of these records finds, a header without rows among them."""
        own = self.rows[: self.quotes] if self.is_whole else ()
        stray = RawCommand(commands.QUOTE_ROW, self.header.time_ns)
        others = [stray if isinstance(r, Quote) else r for r in self.rows[len(own) :]]
        return [replace_rows(self.header, own), *others]


def replace_rows(header: MassQuote, rows: tuple) -> MassQuote:
    values = {name: getattr(header, name) for name in header.__struct_fields__}
    return MassQuote(**(values | {"rows": rows}))
