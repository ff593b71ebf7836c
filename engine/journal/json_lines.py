"""Commands as JSON, one a line, and as records.

There is one decoder for each family of rule 2.3: what a client's decoder gives is a client's
command by its type, so no text from a client can become a price or a deposit. A replay file holds
all families; its first line is the configuration.

Everything wrong with a line is a `CommandLineError` of one line that names file, line and field.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.schema.commands import (
    BY_KIND,
    COMMAND,
    AnyCommand,
    ClientCommand,
    Command,
    OperatorCommand,
    PriceCommand,
)
from engine.schema.contract import Config, check_config
from engine.schema.packing import FieldRangeError, find_fault, pack_into, rows_of, unpack_from

C = TypeVar("C")

LINE_BYTES_MAX = 1 << 20  # a configuration of 256 contracts fits; a file without line ends does not


class CommandLineError(ValueError):
    """What is wrong with a line of commands, in one line."""


class FieldError(ValueError):
    """A field that its place in the record can't hold. `index` is the command's, from 0."""

    def __init__(self, index: int, field: str, what: str) -> None:
        super().__init__(f"command {index}: {field}: {what}")
        self.index, self.field, self.what = index, field, what


class _Tagged(msgspec.Struct):
    type: str


class LineDecoder(Generic[C]):
    """Decodes lines into commands of one family."""

    def __init__(self, family: Any) -> None:
        self._decoder: msgspec.json.Decoder[C] = msgspec.json.Decoder(family)
        self._tag = msgspec.json.Decoder(_Tagged)
        # msgspec asks for the tag only where it must choose; a family of one would do without it.
        self._is_alone = isinstance(family, type)

    def decode(self, line: bytes, name: str = "line", number: int = 1) -> C:
        """One line as a command whose numbers all fit into a record."""
        _must_be_utf8(line, name, number)
        try:
            if self._is_alone:
                self._tag.decode(line)
            command = self._decoder.decode(line)
        except RecursionError:
            raise CommandLineError(f"{name}: line {number}: nested too deeply") from None
        except msgspec.DecodeError as error:
            raise _line_error(name, number, error) from None
        assert isinstance(command, Command)
        fault = find_fault(command)
        if fault:
            raise CommandLineError(f"{name}: line {number}: {fault[0]}: {fault[1]}")
        return command

    def decode_all(self, lines: IO[bytes], name: str, first: int = 1) -> Iterator[C]:
        """Every line to the end of a stream."""
        for number, line in _numbered(lines, name, first):
            yield self.decode(line, name, number)


CLIENT = LineDecoder[ClientCommand](ClientCommand)
PRICE_SOURCE = LineDecoder[PriceCommand](PriceCommand)
OPERATOR = LineDecoder[OperatorCommand](OperatorCommand)
ANY = LineDecoder[AnyCommand](AnyCommand)


def read_json_lines(path: Path | str) -> tuple[Config, list[AnyCommand]]:
    """A mixed replay file: the configuration, then all commands."""
    name = str(path)
    try:
        with Path(path).open("rb") as lines:
            config = _read_config(lines, name)
            return config, list(ANY.decode_all(lines, name, first=2))
    except OSError as error:
        raise CommandLineError(f"{name}: {error.strerror or error}") from error


def write_json_lines(stream: IO[bytes], config: Config, commands: Iterable[AnyCommand]) -> None:
    """What `read_json_lines` reads."""
    encoder = msgspec.json.Encoder()
    stream.write(encoder.encode(config) + b"\n")
    for command in commands:
        stream.write(encoder.encode(command) + b"\n")


def pack_commands(commands: Sequence[AnyCommand]) -> NDArray[np.void]:
    """Commands as records. A number that its field can't hold is refused, never wrapped."""
    records = np.zeros(sum(rows_of(command) for command in commands), COMMAND)
    octets = records.view(np.uint8).data
    row = 0
    for index, command in enumerate(commands):
        try:
            row += pack_into(command, octets, row * COMMAND.itemsize)
        except FieldRangeError as error:
            raise FieldError(index, error.field, error.problem) from None
    return records


def unpack_commands(records: NDArray[np.void]) -> list[AnyCommand]:
    """Records as commands; their kinds must be known."""
    commands: list[AnyCommand] = []
    octets = np.ascontiguousarray(records).view(np.uint8).data
    kinds = records["kind"].tolist()
    row = 0
    while row < len(kinds):
        if kinds[row] not in BY_KIND:
            raise FieldError(row, "kind", f"{kinds[row]} is no known kind of command")
        try:
            commands.append(unpack_from(octets, row * COMMAND.itemsize, kinds[row]))
        except ValueError as error:
            raise FieldError(row, "quotes", str(error)) from None
        row += rows_of(commands[-1])
    return commands


def _numbered(lines: IO[bytes], name: str, first: int) -> Iterator[tuple[int, bytes]]:
    number = first
    while line := lines.readline(LINE_BYTES_MAX + 1):
        if len(line) > LINE_BYTES_MAX:
            raise CommandLineError(f"{name}: line {number}: longer than {LINE_BYTES_MAX} bytes")
        if not line.strip():
            raise CommandLineError(f"{name}: line {number}: the line is empty")
        yield number, line
        number += 1


def _must_be_utf8(line: bytes, name: str, number: int) -> None:
    """Ask first: msgspec names the place inside a string, not in the line."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CommandLineError(
            f"{name}: line {number}: byte {error.start}: the text is not UTF-8"
        ) from None


def _read_config(lines: IO[bytes], name: str) -> Config:
    for number, line in _numbered(lines, name, first=1):
        _must_be_utf8(line, name, number)
        try:
            config = msgspec.json.decode(line, type=Config)
        except RecursionError:
            raise CommandLineError(f"{name}: line {number}: nested too deeply") from None
        except msgspec.DecodeError as error:
            raise _line_error(name, number, error) from None
        problems = check_config(config)
        if problems:
            raise CommandLineError(f"{name}: line {number}: {problems[0]}")
        return config
    raise CommandLineError(f"{name}: line 1: the configuration is missing, the file is empty")


_AT = re.compile(r"^(?P<what>.*) - at `\$\.?(?P<field>.+)`$", re.DOTALL)
_NAMED = re.compile(r"^(?P<what>.*field) `(?P<field>.+)`$", re.DOTALL)


def _line_error(name: str, number: int, error: msgspec.DecodeError) -> CommandLineError:
    """Put the field where a reader looks for it; msgspec ends its sentence with a path."""
    text = " ".join(str(error).split())
    match = _AT.match(text) or _NAMED.match(text)
    if match:
        text = f"{match['field']}: {match['what'][0].lower()}{match['what'][1:]}"
    return CommandLineError(f"{name}: line {number}: {text}")
