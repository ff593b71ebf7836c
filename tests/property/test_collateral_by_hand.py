"""What was worked out by hand about collateral (10, 9.8) holds of the engine as of the oracle: the
same stories, told to both, with every event compared and the engine's invariants after each."""

import pytest

from engine.invariants import check_state
from engine.schema.contract import Config
from tests.oracle.desk import START, Desk
from tests.oracle.test_collateral import *  # noqa: F403  (its tests run here, too)
from tests.oracle.test_collateral_below_zero import *  # noqa: F403
from tests.oracle.test_collateral_conversion import *  # noqa: F403
from tests.oracle.test_collateral_losses import *  # noqa: F403
from tests.oracle.test_collateral_redemption import *  # noqa: F403
from tests.oracle.test_collateral_silence import *  # noqa: F403
from tests.property.both import Both

# These write into the oracle's own ledgers, which the engine does not share.
del test_10_1_what_was_converted_still_counts_against_the_most  # noqa: F821
del test_10_6_redeemed_units_make_room_for_deposits_of_their_asset  # noqa: F821
del test_1_3_no_more_collateral_while_conversions_have_paid_too_much  # noqa: F821
del test_8_4_in_the_step_of_a_settlement_too  # noqa: F821
del test_8_3_no_withdrawal_in_liquidation_while_stopped_or_without_a_market  # noqa: F821


@pytest.fixture(autouse=True)
def tell_both(monkeypatch):
    def open_desk(desk, *contracts, **config):
        desk.both = Both(Config(contracts=contracts, **config))
        desk.oracle = desk.both.oracle
        desk.now, desk.ids = START, 0

    def do(desk, command):
        found = desk.both.apply(command)
        desk.oracle.check()
        assert check_state(desk.both.engine.arena) == []
        return found

    monkeypatch.setattr(Desk, "__init__", open_desk)
    monkeypatch.setattr(Desk, "do", do)
