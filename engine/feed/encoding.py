"""Messages as bytes, JSON and MessagePack. Bytes are a function of the message alone: every
subscriber, an affiliate too, gets the same (11.4)."""

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_
from typing import Any

import msgspec

from engine.feed.messages import PUBLIC_TYPES, PublicMessage
from engine.schema.decoding import FAULTS, tell_fault

LENGTH_BYTES = 4  # before each MessagePack message, big endian

AnyPublicMessage: Any = reduce(or_, PUBLIC_TYPES)
Decoder = msgspec.json.Decoder[PublicMessage] | msgspec.msgpack.Decoder[PublicMessage]

_to_json = msgspec.json.Encoder()
_to_msgpack = msgspec.msgpack.Encoder()
_from_json: msgspec.json.Decoder[PublicMessage] = msgspec.json.Decoder(AnyPublicMessage)
_from_msgpack: msgspec.msgpack.Decoder[PublicMessage] = msgspec.msgpack.Decoder(AnyPublicMessage)


def encode_json(messages: Iterable[msgspec.Struct]) -> bytes:
    """One JSON object a line; private reports too."""
    return b"".join(_to_json.encode(message) + b"\n" for message in messages)


def encode_msgpack(messages: Iterable[msgspec.Struct]) -> bytes:
    """MessagePack maps, each behind its length; private reports too."""
    parts = (_to_msgpack.encode(message) for message in messages)
    return b"".join(len(part).to_bytes(LENGTH_BYTES, "big") + part for part in parts)


def decode_json(octets: bytes) -> Iterator[PublicMessage]:
    """What `encode_json` wrote. Raises msgspec.DecodeError on anything else."""
    return (_decode(_from_json, line) for line in octets.splitlines())


def decode_msgpack(octets: bytes) -> Iterator[PublicMessage]:
    """What `encode_msgpack` wrote. Raises msgspec.DecodeError on anything else."""
    start = 0
    while start < len(octets):
        size = int.from_bytes(octets[start : start + LENGTH_BYTES], "big")
        start += LENGTH_BYTES
        if start + size > len(octets):
            raise msgspec.DecodeError(f"{start + size - len(octets)} bytes are missing at the end")
        yield _decode(_from_msgpack, octets[start : start + size])
        start += size


def _decode(decoder: Decoder, octets: bytes) -> PublicMessage:
    try:
        return decoder.decode(octets)
    except FAULTS as error:
        raise msgspec.DecodeError(tell_fault(error)) from None
