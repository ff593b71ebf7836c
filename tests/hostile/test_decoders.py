"""Whatever bytes a decoder is given: it takes them or raises its own error, in bounded time and
memory."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.kernel import JIT
from tests.hostile.decoders import DECODERS, Decoder
from tests.hostile.limits import bounded
from tests.hostile.mutations import mutate

# Of one call, on a machine with other work. A line that jumps a year costs an importer 700 prices,
# so the hundred years that a clock can show are the most that any file can make it do.
SECONDS_MAX = 30 if JIT else 300
MIB_MAX = 96
ROUNDS = 60
EACH = pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.name)


def must_take_or_refuse(decoder: Decoder, octets: bytes, directory) -> bool:
    """Whether it was taken; an error that is not the decoder's own comes through."""
    with bounded(SECONDS_MAX, MIB_MAX):
        try:
            decoder.decode(octets, directory)
        except decoder.errors as error:
            assert "\n" not in str(error), str(error)
            return False
    return True


@EACH
def test_what_is_whole_is_taken(decoder, tmp_path):
    if decoder.name == "checkpoint":
        pytest.skip("nobody has signed it")
    for octets in decoder.seeds():
        assert must_take_or_refuse(decoder, octets, tmp_path)


@EACH
@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.soak)])
def test_damaged_bytes_are_taken_or_refused(decoder, seed, tmp_path):
    chance = random.Random(f"{decoder.name} {seed}")
    seeds = decoder.seeds()
    for _ in range(ROUNDS if seed < 3 else 40 * ROUNDS):
        octets = chance.choice(decoder.repairs)(mutate(chance, seeds))
        must_take_or_refuse(decoder, octets, tmp_path)


@EACH
def test_any_bytes_are_taken_or_refused(decoder, tmp_path):
    """Anything at all, and anything behind a beginning or before an end that is right."""
    seeds = decoder.seeds()
    pieces = st.one_of(st.binary(max_size=200), st.text(max_size=40).map(str.encode))

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(seeds), st.floats(0, 1), pieces, st.floats(0, 1))
    def check(octets, share, piece, rest):
        start, end = octets[: int(len(octets) * share)], octets[int(len(octets) * rest) :]
        for repair in decoder.repairs:
            must_take_or_refuse(decoder, repair(start + piece + end), tmp_path)

    check()
