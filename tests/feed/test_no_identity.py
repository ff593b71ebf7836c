"""No client identity, stop, trigger or liquidation price is ever in a public feed (11.4)."""

import dataclasses

import msgspec
import numpy as np
import pytest

from engine.exchange import Exchange
from engine.feed import encoding, messages
from engine.feed.follower import OrderFollower
from engine.feed.messages import ALL_LINES, PUBLIC_TYPES, Line
from engine.feed.public import PublicFeed, Published
from engine.schema.events import EVENT
from engine.schema.vocabulary import FUND, SCOPE_ACCOUNT, SCOPE_GROUP
from tests.feed.streams import Market, drive
from tests.oracle.raw import RawQuotes
from tests.oracle.workload import Workload, configs
from tests.property.both import join, pack

COUNT = 500
NAMES = sorted(configs())
SECRET_WORDS = {
    "account", "accounts", "client", "owner", "group", "counterparty", "session", "user",
    "order_id", "stop", "trigger", "trail", "liquidation", "bankruptcy", "limit", "cash",
    "equity", "position", "hidden", "open", "display", "stp", "flags", "terms", "expiry",
}  # fmt: skip


def fields_of(kind: type) -> set[str]:
    """Names of all fields, those of nested structs and containers included."""
    found: set[str] = set()
    for field in msgspec.structs.fields(kind):
        found.add(field.name)
        for part in (field.type, *getattr(field.type, "__args__", ())):
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                found |= fields_of(part)
    return found


def keys_of(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for part in value.values() for key in keys_of(part)}
    if isinstance(value, list):
        return {key for part in value for key in keys_of(part)}
    return set()


def snapshots_of(feed: PublicFeed, contracts) -> list[messages.Snapshot]:
    return [feed.snapshot(line, contract) for line in ALL_LINES for contract in contracts]


def whole(published: Published) -> list[messages.PublicMessage]:
    return [message for line in ALL_LINES for message in published[line]]


@pytest.mark.parametrize("kind", PUBLIC_TYPES, ids=lambda kind: kind.__name__)
def test_11_4_no_public_type_has_a_field_for_it(kind):
    for name in fields_of(kind):
        assert name not in SECRET_WORDS
        assert not set(name.split("_")) & SECRET_WORDS, name


def test_the_table_of_public_types_is_complete():
    found = {
        kind
        for kind in vars(messages).values()
        if isinstance(kind, type) and issubclass(kind, messages.PublicMessage)
    }
    bases = {messages.PublicMessage, messages.Increment, messages.Snapshot}
    assert found - bases == set(PUBLIC_TYPES)


@pytest.mark.parametrize("name", NAMES)
def test_11_4_bytes_have_no_other_keys_than_the_types(name):
    market = Market(configs()[name])
    allowed = {"type"}.union(*(fields_of(kind) for kind in PUBLIC_TYPES))
    for _ in drive(market, 1, COUNT):
        said = whole(market.published)
        for line in encoding.encode_json(said).splitlines():
            assert keys_of(msgspec.json.decode(line)) <= allowed
    for snapshot in snapshots_of(market.public, market.contracts):
        assert keys_of(msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot))) <= allowed


def renamed(command, shift: int):
    """The command of someone else: other account, owner, group and client ids, same order."""
    if isinstance(command, RawQuotes):
        return dataclasses.replace(command, header=renamed(command.header, shift))
    if not isinstance(command, msgspec.Struct):
        return command
    changes = {}
    for field in ("account", "owner", "group"):
        number = getattr(command, field, 0)
        if 1 < number < 1_000 or (field != "account" and number == 1):
            changes[field] = number + shift
    client_id = getattr(command, "client_id", 0)
    if 0 < client_id < 2**40:
        changes["client_id"] = client_id + 7 * shift
    scope, number = getattr(command, "scope", 0), getattr(command, "number", 0)
    if scope in (SCOPE_ACCOUNT, SCOPE_GROUP) and 0 < number < 1_000:
        is_fund = scope == SCOPE_ACCOUNT and number == FUND
        changes["number"] = number + (0 if is_fund else shift)
    return msgspec.structs.replace(command, **changes) if changes else command


@pytest.mark.parametrize("name", NAMES)
def test_11_4_other_identities_give_the_same_bytes(name):
    """The same market among other people looks the same, byte for byte."""
    config = configs()[name]
    market, twin = Market(config), Exchange(config)
    twin_feed = PublicFeed()
    workload = Workload(6, config)
    for _ in range(COUNT):
        command = workload.next_command()
        workload.observe(market.apply(command))
        published = twin_feed.publish(twin.run(pack(renamed(command, 1_000))))
        for encode in (encoding.encode_json, encoding.encode_msgpack):
            assert encode(whole(published)) == encode(whole(market.published))
    assert snapshots_of(twin_feed, market.contracts) == snapshots_of(
        market.public, market.contracts
    )


def test_11_4_every_subscriber_gets_the_same_bytes():
    """Feeds that start from the same events say the same, also in a replay by batches."""
    config = configs()[NAMES[0]]
    market = Market(config)
    workload = Workload(7, config)
    records, said = [], {line: b"" for line in ALL_LINES}
    for _ in range(COUNT):
        command = workload.next_command()
        records.append(pack(command))
        workload.observe(market.apply(command))
        for line in ALL_LINES:
            said[line] += encoding.encode_msgpack(market.published[line])
    replayed, feed = {line: b"" for line in ALL_LINES}, PublicFeed()
    for events in Exchange(config).batches(join(records), size=37):
        for line, increments in feed.publish(events).items():
            replayed[line] += encoding.encode_msgpack(increments)
    assert replayed == said


def test_both_encodings_come_back():
    market = Market(configs()[NAMES[0]])
    for _ in drive(market, 8, 200):
        said = [*whole(market.published), *snapshots_of(market.public, market.contracts)]
        assert list(encoding.decode_json(encoding.encode_json(said))) == said
        assert list(encoding.decode_msgpack(encoding.encode_msgpack(said))) == said


def test_public_ids_do_not_show_slots_or_waiting_orders():
    """They count the arrivals of a contract, whatever the engine calls the orders."""
    market = Market(configs()[NAMES[0]])
    counts: dict[int, int] = {}
    for _ in drive(market, 9, COUNT):
        for message in market.published[Line.ORDERS]:
            if isinstance(message, messages.OrderAdded):
                counts[message.contract] = counts.get(message.contract, 0) + 1
                assert message.public_id == counts[message.contract]
    assert sum(counts.values()) > 50


def test_no_event_means_no_message():
    empty = PublicFeed().publish(np.zeros(0, EVENT))
    assert empty == {line: [] for line in ALL_LINES}
    assert OrderFollower().orders == {} and FUND == 1
