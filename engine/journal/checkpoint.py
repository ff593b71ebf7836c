"""Signed checkpoints: what a log and a state were at a sequence, by the word of a key (13.1).

The chain of a log shows any change that was not made with care; who can write to the disk can also
compute every hash anew. A checkpoint that was signed before shows that, too. The key stays outside
the process: whoever holds it gets the bytes to sign, and gives back 64 bytes (Ed25519).

A signature proves who has signed, and not that nothing was signed since: a directory that was put
back to an earlier day, with the checkpoint of that day, is sound in every way. So whoever checks
keeps the newest checkpoint he has seen, outside of the directory, and puts it beside the log before
he verifies: a log that ends before it, or is another one, is then told. And a checkpoint does not
say which form of the digest it has: one of a version with another form is told as that of another
log, so he keeps with it which version made it, and verifies with one of the same form.
"""

import importlib
import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.journal.disk import Disk
from engine.journal.log_errors import JournalError
from engine.journal.whole_file import publish, read_whole
from engine.schema.decoding import Undecodable, decode_json

NAME = re.compile(r"checkpoint-([0-9]{20})\.json")
CHECKPOINT_BYTES_MAX = 1 << 16
SIGNATURE_BYTES = 64


class CheckpointRefused(JournalError):
    """A checkpoint that is none, or was not signed by the key."""


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was there behind a command; hashes in hex."""

    sequence: int
    chain_hash: str  # of the command log
    state_digest: str
    config_digest: str
    signature: str = ""

    def to_sign(self) -> bytes:
        """The bytes that a signature covers."""
        return (
            f"lionrock checkpoint 1\n{self.sequence}\n{self.chain_hash}\n{self.state_digest}\n"
            f"{self.config_digest}\n"
        ).encode()


def sign(checkpoint: Checkpoint, signer: Callable[[bytes], bytes]) -> Checkpoint:
    """The same with a signature; `signer` is the `sign` of an Ed25519 key, or who asks for it."""
    signature = signer(checkpoint.to_sign())
    if len(signature) != SIGNATURE_BYTES:
        raise CheckpointRefused(f"a signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
    return msgspec.structs.replace(checkpoint, signature=signature.hex())


def must_be_signed(checkpoint: Checkpoint, public_key: bytes) -> None:
    """Refuse a checkpoint that the key, 32 bytes, did not sign. Needs the package `cryptography`.
    """
    # Not an import at the top: only whoever asks for signatures needs the package.
    try:
        kinds = importlib.import_module("cryptography.hazmat.primitives.asymmetric.ed25519")
        faults = importlib.import_module("cryptography.exceptions")
    except ImportError:
        raise CheckpointRefused(
            "the package cryptography is missing: pip install 'lionrock[sign]'"
        ) from None
    try:
        key = kinds.Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(bytes.fromhex(checkpoint.signature), checkpoint.to_sign())
    except (faults.InvalidSignature, ValueError) as error:
        raise CheckpointRefused(
            f"the checkpoint of sequence {checkpoint.sequence} was not signed by this key"
        ) from error


def write_checkpoint(disk: Disk, directory: Path, checkpoint: Checkpoint) -> Path:
    """Publish it beside the log, in place of one of the same sequence."""
    path = directory / f"checkpoint-{checkpoint.sequence:020}.json"
    publish(disk, path, [msgspec.json.encode(checkpoint)])
    return path


def find_checkpoints(disk: Disk, directory: Path) -> list[int]:
    """The sequences of which one stands beside a log, by their names."""
    matches = (NAME.fullmatch(name) for name in disk.names(directory))
    return sorted(int(match[1]) for match in matches if match)


def read_checkpoint(disk: Disk, directory: Path, sequence: int) -> Checkpoint:
    """CheckpointRefused for what is none, or has another sequence than its name."""
    path = directory / f"checkpoint-{sequence:020}.json"
    try:
        octets = read_whole(disk, path, CHECKPOINT_BYTES_MAX)
        checkpoint = decode_json(octets, Checkpoint)
    except OSError as error:
        raise CheckpointRefused(f"{path.name}: {error.strerror or error}") from error
    except Undecodable as error:
        raise CheckpointRefused(f"{path.name}: {error}") from error
    if checkpoint.sequence != sequence:
        raise CheckpointRefused(f"{path.name}: it is of sequence {checkpoint.sequence}")
    return checkpoint
