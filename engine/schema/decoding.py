"""What JSON and MessagePack can be wrong in, for whoever turns it into a refusal of its own."""

import msgspec

# Beside what it calls a DecodeError, msgspec lets two through: of text that is not UTF-8, and of
# values nested so deeply that it gives up, in a field that nobody knows, too.
FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def tell_fault(error: Exception) -> str:
    """What it says, in one line: it quotes the text, and a name in there may hold line ends."""
    return " ".join(str(error).split())
