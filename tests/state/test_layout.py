"""The arena's declaration: records fit, sections do not overlap, the README tells the truth."""

from pathlib import Path

import pytest

from engine.state import layout

README = Path(__file__).resolve().parents[2] / "engine" / "README.md"
START, END = "<!-- sections:start -->", "<!-- sections:end -->"


def table() -> str:
    """The sections as a Markdown table; `python tests/state/test_layout.py` writes it."""
    rows = ["| section | bytes a record | records at most |", "|---|---|---|"]
    for name, section in layout.SECTIONS.items():
        rows.append(f"| {name} | {section.record.itemsize} | {section.rows:,} |")
    return "\n".join(rows)


def test_the_readme_shows_the_sections_as_declared():
    text = README.read_text()
    assert text[text.index(START) + len(START) : text.index(END)].strip() == table()


def test_13_2_a_view_is_no_section():
    """Snapshots, copies and digests go by the sections: rows under a view's name are passed over
    like those of any name that is unknown, and none writes over the records that it lies on."""
    assert not set(layout.VIEWS) & set(layout.SECTIONS)


def test_sections_do_not_overlap():
    places = sorted(layout.SECTIONS.values(), key=lambda section: section.offset)
    for before, after in zip(places, places[1:], strict=False):
        assert before.offset + before.rows * before.record.itemsize <= after.offset
    assert places[-1].offset + places[-1].rows * places[-1].record.itemsize <= layout.ARENA_BYTES


@pytest.mark.parametrize("name", ["orders", "accounts", "positions", "events", "command"])
def test_hot_records_are_one_cache_line(name):
    assert layout.SECTIONS[name].record.itemsize == 64
    assert layout.SECTIONS[name].offset % 64 == 0


@pytest.mark.parametrize(
    ("view", "record", "row", "first", "fields"),
    [
        ("account_words", layout.ACCOUNT, layout.ACCOUNT_WORDS, layout.ACCOUNT_WORD_POSITION,
         ("position_1", "position_2", "position_3", "position_4", "chain")),
        ("position_words", layout.POSITION, layout.POSITION_WORDS, layout.POSITION_WORD_WORKING,
         ("lots_buy", "lots_sell")),
        ("position_numbers", layout.POSITION, layout.POSITION_NUMBERS,
         layout.POSITION_NUMBER_RESERVE, ("reserve_buy", "reserve_sell")),
    ],
)  # fmt: skip
def test_a_view_finds_the_fields_that_it_is_there_for(view, record, row, first, fields):
    each = layout.VIEWS[view].record.itemsize
    assert row * each == record.itemsize
    offsets = [record.fields[field][1] for field in fields]
    assert offsets == [(first + k) * each for k in range(len(fields))]
    assert all(record.fields[field][0].itemsize == each for field in fields)


if __name__ == "__main__":
    text = README.read_text()
    head, tail = text[: text.index(START) + len(START)], text[text.index(END) :]
    README.write_text(f"{head}\n{table()}\n{tail}")
