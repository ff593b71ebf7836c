"""Seeded damage to bytes: flips, cuts, insertions, splices, huge numbers, nesting."""

import random
import re
from collections.abc import Callable, Sequence

NUMBER = re.compile(rb"-?[0-9]+")
HUGE = (
    b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809", b"-1", b"0",
    b"2147483648", b"4611686018427387905", b"1e999", b"0.1", b"9" * 400, b"9" * 9_999, b"1" * 31,
)  # fmt: skip
EDGES = (0, 1, 2**7, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 2)
TOKENS = (
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\r\n", b"\0", b"\xff", b"\xc3\x28",
    b"null", b"true", b'"\\ud800"', b" ", b"_", b"+", "٣".encode(), b"#name:",
)  # fmt: skip
DEPTH = 20_000

Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def place_in(chance: random.Random, octets: bytes) -> int:
    return chance.randrange(len(octets) + 1)


def flip_bits(chance: random.Random, octets: bytes, _: Sequence[bytes]) -> bytes:
    flipped = bytearray(octets)
    for _bit in range(chance.choice((1, 1, 2, 8))):
        if flipped:
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def cut_short(chance: random.Random, octets: bytes, _: Sequence[bytes]) -> bytes:
    return octets[: place_in(chance, octets)]


def cut_out(chance: random.Random, octets: bytes, _: Sequence[bytes]) -> bytes:
    at = place_in(chance, octets)
    return octets[:at] + octets[at + chance.choice((1, 2, 8, 64, 512)) :]


def insert(chance: random.Random, octets: bytes, _: Sequence[bytes]) -> bytes:
    at = place_in(chance, octets)
    more = chance.choice((bytes(64), chance.randbytes(chance.randrange(1, 80)), b"\xff" * 8))
    return octets[:at] + more + octets[at:]


def insert_token(chance: random.Random, octets: bytes, _: Sequence[bytes]) -> bytes:
    at = place_in(chance, octets)
    return octets[:at] + chance.choice(TOKENS) + octets[at:]


def repeat(chance: random.Random, octets: bytes, _: Sequence[bytes]) -> bytes:
    at, length = place_in(chance, octets), chance.choice((1, 8, 64, 300))
    return octets[:at] + octets[at : at + length] * chance.choice((2, 3, 40)) + octets[at:]


def splice(chance: random.Random, octets: bytes, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    return octets[: place_in(chance, octets)] + other[place_in(chance, other) :]


def swap_lines(chance: random.Random, octets: bytes, _: Sequence[bytes]) -> bytes:
    lines = octets.splitlines(keepends=True)
    chance.shuffle(lines)
    return b"".join(lines)


def enlarge_number(chance: random.Random, octets: bytes, _: Sequence[bytes]) -> bytes:
    """A number that is written in digits."""
    found = list(NUMBER.finditer(octets))
    if not found:
        return insert_token(chance, octets, ())
    at = chance.choice(found)
    return octets[: at.start()] + chance.choice(HUGE) + octets[at.end() :]


def overwrite_word(chance: random.Random, octets: bytes, _: Sequence[bytes]) -> bytes:
    """A number that is written in bytes, most often on its alignment."""
    width = chance.choice((1, 2, 4, 8))
    at = place_in(chance, octets) // width * width
    number = chance.choice(EDGES) & (1 << 8 * width) - 1
    return octets[:at] + number.to_bytes(width, "little") + octets[at + width :]


def nest(chance: random.Random, octets: bytes, _: Sequence[bytes]) -> bytes:
    """A value of JSON or MessagePack behind thousands of openings."""
    opening, closing = chance.choice(
        ((b"[", b"]"), (b'{"a":', b"}"), (b"\x91", b""), (b"\x81\xa1a", b""))
    )
    depth = chance.choice((3, DEPTH))
    found = list(NUMBER.finditer(octets))
    at = chance.choice(found).start() if found else place_in(chance, octets)
    return octets[:at] + opening * depth + b"1" + closing * depth + octets[at:]


def nest_in_a_field(chance: random.Random, octets: bytes, _: Sequence[bytes]) -> bytes:
    """The same in a field of an object that nobody knows: readers skip it, all the way down."""
    places = [k for k, octet in enumerate(octets) if octet == ord("{")]
    if not places:
        return nest(chance, octets, ())
    at = chance.choice(places) + 1
    return octets[:at] + b'"zz":' + b"[" * DEPTH + b"]" * DEPTH + b"," + octets[at:]


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits, cut_short, cut_out, insert, insert_token, repeat, splice, swap_lines, enlarge_number,
    overwrite_word, nest, nest_in_a_field,
)  # fmt: skip


def mutate(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds, damaged once to three times."""
    octets = chance.choice(seeds)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        octets = chance.choice(MUTATIONS)(chance, octets, seeds)
    return octets
