"""What JSON and MessagePack can be wrong in, for whoever turns it into a refusal of its own."""

from typing import TypeVar

import msgspec

T = TypeVar("T")

# Beside what it calls a DecodeError, msgspec lets two through: of text that is not UTF-8, and of
# values nested so deeply that it gives up, in a field that nobody knows, too.
FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Undecodable(ValueError):
    """What a text is wrong in, in one line."""


def decode_json(octets: bytes | bytearray, kind: type[T]) -> T:
    """A value of this kind; Undecodable for anything that is none."""
    try:
        return msgspec.json.decode(octets, type=kind)
    except FAULTS as error:
        raise Undecodable(tell_fault(error)) from error


def tell_fault(error: Exception) -> str:
    """What it says, in one line: it quotes the text, and a name in there may hold line ends."""
    return " ".join(str(error).split())
