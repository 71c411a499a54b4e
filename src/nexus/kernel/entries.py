"""The JSON form of an audit entry: how an entry travels from the outbox of one service to the log of another.

One object, `{"v": 1, "entry": {...}}`, fields named as in `nexus.kernel.operation`, keys sorted, UTF-8. Readers of a
later version accept every earlier one; docs/formats/key-service.md shows an example.
"""

import msgspec

from nexus.kernel.errors import Damaged
from nexus.kernel.operation import Entry

VERSION = 1


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    entry: Entry


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(_Envelope)


def encode(entry: Entry) -> bytes:
    """UTF-8 JSON of an entry; equal entries give equal bytes."""
    return _encoder.encode(_Envelope(VERSION, entry))


def decode(body: bytes) -> Entry:
    """The inverse of `encode`. Raises Damaged on anything else."""
    try:
        envelope = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Damaged("an entry in an outbox does not decode", code="entry.malformed") from error
    if envelope.v != VERSION:
        raise Damaged(f"an entry of format version {envelope.v} is not known here", code="entry.version")
    return envelope.entry
