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
        if name != "account_words":  # a second view of the accounts
            rows.append(f"| {name} | {section.record.itemsize} | {section.rows:,} |")
    return "\n".join(rows)


def test_the_readme_shows_the_sections_as_declared():
    text = README.read_text()
    assert text[text.index(START) + len(START) : text.index(END)].strip() == table()


def test_sections_do_not_overlap():
    places = [s for name, s in layout.SECTIONS.items() if name != "account_words"]
    places.sort(key=lambda section: section.offset)
    for before, after in zip(places, places[1:], strict=False):
        assert before.offset + before.rows * before.record.itemsize <= after.offset
    assert places[-1].offset + places[-1].rows * places[-1].record.itemsize <= layout.ARENA_BYTES


@pytest.mark.parametrize("name", ["orders", "accounts", "positions", "events", "command"])
def test_hot_records_are_one_cache_line(name):
    assert layout.SECTIONS[name].record.itemsize == 64
    assert layout.SECTIONS[name].offset % 64 == 0


if __name__ == "__main__":
    text = README.read_text()
    head, tail = text[: text.index(START) + len(START)], text[text.index(END) :]
    README.write_text(f"{head}\n{table()}\n{tail}")
