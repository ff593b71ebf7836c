"""A refusal that nobody counts is a fault of the line that is being replayed."""

import pytest

from engine.exchange import Exchange
from engine.importers.feed_market import CONTRACT, feed_config, feed_contract
from engine.importers.recording import FIELD_OF_REFUSAL, FeedError, Recording
from engine.journal.command_file import CommandFileWriter
from engine.schema.commands import AdvanceTime, CancelOrder, Deposit, OpenAccount, PublishPrice


@pytest.fixture
def recording(tmp_path):
    config = feed_config(feed_contract(CONTRACT, "X"))
    with CommandFileWriter(tmp_path / "out", config) as writer:
        recording = Recording(Exchange(config), writer, tmp_path / "feed")
        recording.must_run([OpenAccount(time_ns=1, account=2, owner=2, group=2)])
        yield recording


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (CancelOrder(time_ns=1, account=2, client_id=1, order_id=5), "command: ORDER_UNKNOWN: "),
        (OpenAccount(time_ns=1, account=2, owner=2, group=2), "command: ACCOUNT_EXISTS: "),
        (AdvanceTime(time_ns=0), "time: TIME_BACKWARDS: the command's time lies before"),
        (AdvanceTime(time_ns=2**61), "time: TIME_AHEAD: the command's time lies further"),
        (PublishPrice(time_ns=1, source=1, contract=1, price_ticks=0), "price: SOURCE_PRICE_INV"),
        (Deposit(time_ns=1, amount=2**63, account=2), "amount: 9223372036854775808 is not betw"),
    ],
)
def test_any_refusal_names_file_and_record(recording, tmp_path, command, fault):
    recording.at(7, "record")
    with pytest.raises(FeedError) as caught:
        recording.must_run([command])
    assert str(caught.value).startswith(f"{tmp_path / 'feed'}: record 7: {fault}")


def test_every_code_is_explained(recording, tmp_path):
    recording.at(3, path=tmp_path / "part")
    for code, field in FIELD_OF_REFUSAL.items():
        assert str(recording.refusal(code)).startswith(f"{tmp_path / 'part'}: line 3: {field}: ")
