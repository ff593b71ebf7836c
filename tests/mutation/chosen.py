"""Bugs of the core that somebody might make, each with the rule that it breaks.

When a row's text is not found any more, the source has changed: write the same bug into the new
one.
"""

from tests.mutation.chosen_clearing import MARGIN, SOLVENCY, WATERFALL
from tests.mutation.chosen_money import JOURNAL, MONEY, PRICES
from tests.mutation.chosen_trading import ADMISSION, AUCTIONS, BOOK
from tests.mutation.chosen_worths import WORTHS
from tests.mutation.planted import Planted, Row, read_source

CHOSEN = (
    *BOOK,
    *AUCTIONS,
    *ADMISSION,
    *MARGIN,
    *WORTHS,
    *SOLVENCY,
    *WATERFALL,
    *PRICES,
    *MONEY,
    *JOURNAL,
)


def plant_row(row: Row) -> Planted:
    source = read_source(row.path)
    count = source.count(row.text)
    assert count == 1, f"{row.path}: {row.what}: {count} times {row.text!r}"
    after = source.replace(row.text, row.replacement)
    return Planted(row.path, row.what, row.what, row.rule, source, after)


def plant_chosen() -> list[Planted]:
    return [plant_row(row) for row in CHOSEN]
