"""9.0 at fills within the slippage of 9.2 (c), where maintenance does not bound them."""

import pytest

from tests.rules.market import REDUCE_ONLY, ended, fills
from tests.rules.story import (
    BUY,
    FOK,
    IOC,
    PERCENT,
    SELL,
    A,
    B,
    C,
    Story,
    contract,
    named,
    only,
    order_id,
)


def squeezed() -> Story:
    """A is long 100 at 1000 with 1500 behind it, maintenance 1%, and C buys 100 at 981. Sold there
    a lot costs 19, less than the slippage of 2%: 78 lots take 1482, the 79th ends below zero."""
    terms = {"initial_ppb": PERCENT + 1, "maintenance_ppb": PERCENT}
    story = Story(contract(liquidation_slippage_ppb=2 * PERCENT, **terms))
    for account, cash in ((A, 1_500), (B, 10**9), (C, 10**9)):
        story.open(account, cash)
    story.price(1_000)
    story.trade(A, B, 100, 1_000)
    story.order(C, BUY, 100, 981)
    return story


def test_rule_9_0_an_aggressor_is_cut_to_the_most_lots_that_leave_it_solvent():
    story = squeezed()
    events = story.order(A, SELL, 79, 981, tif=IOC, flags=REDUCE_ONLY)
    assert fills(events) == [(78, 981)]
    assert ended(events)[0] == (order_id(events), 1, "solvency")


def test_rule_9_1_an_aggressor_that_its_fill_leaves_below_maintenance_is_liquidated_at_once():
    """18 are left for 22 lots, which want 220."""
    events = squeezed().order(A, SELL, 78, 981, tif=IOC, flags=REDUCE_ONLY)
    started = only(events, "liquidation_started", A)
    assert started == {"equity": 18, "margin_maintenance": 220}


def test_rule_9_1_an_aggressor_at_its_maintenance_is_not_liquidated():
    """After 72 lots 132 are left for 28 lots, which want 280; after 55 lots 455 for 450."""
    assert named(squeezed().order(A, SELL, 72, 981, flags=REDUCE_ONLY), "liquidation_started")
    assert not named(squeezed().order(A, SELL, 55, 981, flags=REDUCE_ONLY), "liquidation_started")


@pytest.mark.parametrize(("lots", "filled"), [(78, [(78, 981)]), (79, [])])
def test_rule_4_2_fill_or_kill_counts_what_its_account_can_bear(lots, filled):
    """79 lots are killed, not filled in part."""
    story = squeezed()
    events = story.order(A, SELL, lots, 981, tif=FOK, flags=REDUCE_ONLY)
    assert fills(events) == filled
    if not filled:
        assert ended(events) == [(order_id(events), 79, "fok")]
        assert story.lots(A) == 100
