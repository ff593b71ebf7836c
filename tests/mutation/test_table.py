"""The bugs to be planted fit the sources; whether tests find them is `make mutation`'s business."""

import ast

import pytest

from tests.mutation.aims import find_aims
from tests.mutation.chosen import CHOSEN, plant_row
from tests.mutation.generated import COUNT, draw
from tests.mutation.planted import Planted
from tests.mutation.survivors import SURVIVORS


def must_be_a_bug(bug: Planted) -> None:
    assert bug.after != bug.before
    assert ast.dump(ast.parse(bug.after)) != ast.dump(ast.parse(bug.before))
    assert all(find_aims(bug.path))


@pytest.mark.parametrize("row", CHOSEN, ids=lambda row: row.what)
def test_a_chosen_bug_fits_the_source(row):
    must_be_a_bug(plant_row(row))


def test_the_chosen_bugs_are_told_apart():
    assert len({row.what for row in CHOSEN}) == len(CHOSEN)


def test_the_draw_is_the_same_each_time():
    bugs = draw()
    assert len({bug.name for bug in bugs}) == len(bugs) == COUNT
    assert [bug.name for bug in draw(count=COUNT // 2)] == [bug.name for bug in bugs[: COUNT // 2]]
    assert draw(seed=2)[0].name != bugs[0].name
    for bug in bugs:
        must_be_a_bug(bug)


def test_every_known_survivor_has_a_reason():
    assert all(reason.strip() for reason in SURVIVORS.values())
