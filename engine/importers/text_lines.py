"""Lines of a text feed, plain or gzip, one after the other: memory is bounded by one line."""

import gzip
import zlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import BinaryIO, cast

from engine.importers.decimal_grid import scale
from engine.importers.recording import FeedError

GZIP_MAGIC = b"\x1f\x8b"
LINE_BYTES_MAX = 1_000


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers and lines of text, without what ends them."""
    for line, octets in read_octets(path, LINE_BYTES_MAX):
        try:
            yield line, octets.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise FeedError(path, line, "line", "the text is not UTF-8") from error


def read_octets(path: Path, octets_max: int) -> Iterator[tuple[int, bytes]]:
    """Line numbers and lines as they are; one that is too long is a fault, never two lines."""
    line = 1
    try:
        with _open(path) as stream:
            for line in count(1):
                octets = stream.readline(octets_max + 1)
                if not octets:
                    return
                if len(octets) > octets_max:
                    raise FeedError(path, line, "line", f"is longer than {octets_max} bytes")
                yield line, octets
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FeedError(path, line, "gzip", str(error)) from error
    except OSError as error:
        raise FeedError(path, line, "file", error.strerror or str(error)) from error


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as probe:
        is_gzip = probe.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    # gzip writes its own type, which reads as a binary file does.
    return cast(BinaryIO, gzip.open(path, "rb")) if is_gzip else path.open("rb")


def whole_number(
    path: Path, line: int, field: str, text: str, low: int = 0, high: int = 2**62
) -> int:
    """A field that must be a whole number between two bounds."""
    try:
        number = scale(text, 0)
    except ValueError as error:
        raise FeedError(path, line, field, str(error)) from None
    if not low <= number <= high:
        raise FeedError(path, line, field, f"{text} is not between {low} and {high}")
    return number
