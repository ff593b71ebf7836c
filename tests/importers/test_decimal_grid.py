"""Decimal strings as whole steps: exact or refused."""

import pytest

from engine.importers.decimal_grid import DecimalGrid, find_grid, parse_grid, scale


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [("0", 0, 0), ("12", 2, 1200), ("0.10", 1, 1), ("1.250", 3, 1250), ("7.", 1, 70), (".5", 1, 5)],
)
def test_scale(text, decimals, units):
    assert scale(text, decimals) == units


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1e3", " 1", "1_0", "1.2.3", "٣", "0.125", "nan", "9" * 40]
)
def test_what_is_no_plain_number_is_refused(text):
    with pytest.raises(ValueError):
        scale(text, 2)


@pytest.mark.parametrize("step", ["0.1", "0.05", "1", "25", "0.0001"])
def test_a_grid_is_written_as_it_was_read(step):
    grid = parse_grid(step)
    assert str(grid) == step
    assert grid.steps(step) == 1
    with pytest.raises(ValueError):
        grid.steps(step + "1" if "." in step else step + ".1")


def test_a_grid_needs_a_step():
    with pytest.raises(ValueError, match="a step of 0.00 is none"):
        parse_grid("0.00")


def test_padding_with_zeros_does_not_make_a_grid_finer():
    assert find_grid(["61800.20", "5.00", "7"]) == DecimalGrid(1)
    assert find_grid([]) == DecimalGrid(0)
