"""What an entry looks like in bytes: canonical payload, salted commitment, sealed form. docs/formats/audit-log.md.

payload     canonical JSON of `EntryContent`
leaf data   0x01 || SHA-256("nexus/audit/leaf/v1\\n" || salt || payload)
sealed      0x01 || nonce (12) || AES-256-GCM(epoch key, nonce, salt || payload, additional data = leaf data)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nexus.audit.model import ActorView, EntryContent, ResourceView
from nexus.kernel.clock import rfc3339
from nexus.kernel.errors import Damaged, Invalid
from nexus.kernel.operation import Entry

VERSION = b"\x01"
SALT_BYTES = 32
NONCE_BYTES = 12
LEAF_BYTES = 33
MAX_PAYLOAD_BYTES = 65_536
MAX_CLIENT_CHARACTERS = 256
"""Of what a client calls itself; the rest is cut off."""

_LEAF_LABEL = b"nexus/audit/leaf/v1\n"
_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(EntryContent)


@dataclass(frozen=True, slots=True)
class Opened:
    """Salt and payload of an entry, in the clear: together they make its leaf data again."""

    salt: bytes
    payload: bytes

    @property
    def leaf(self) -> bytes:
        return leaf_data(self.salt, self.payload)

    def content(self) -> EntryContent:
        """The payload as values. Raises Damaged if it is not an entry of this version."""
        try:
            return _decoder.decode(self.payload)
        except msgspec.MsgspecError:
            raise Damaged("an entry's payload is not in the form of version 1", code="audit.payload") from None


def encode_payload(entry: Entry, recorded: str) -> bytes:
    """Canonical JSON of an entry: sorted keys, no spaces, UTF-8. `recorded`: RFC 3339. Raises Invalid if too long."""
    operation, actor = entry.operation, entry.operation.actor
    content = EntryContent(
        operation=operation.id,
        actor=ActorView(id=actor.id, kind=actor.kind, name=actor.name, person=actor.person, session=actor.session),
        action=entry.action,
        resource=ResourceView(
            type=entry.resource.type, id=entry.resource.id, attributes=dict(entry.resource.attributes)
        ),
        purpose=operation.purpose,
        origin=operation.origin,
        client=operation.client[:MAX_CLIENT_CHARACTERS],
        door=operation.door,
        approval=operation.approval,
        at=rfc3339(operation.at),
        recorded=recorded,
        outcome=entry.outcome,
        subject=entry.subject,
        details=dict(entry.details),
    )
    try:
        payload = _encoder.encode(content)
    except UnicodeEncodeError:
        payload = _encoder.encode(_printable(msgspec.to_builtins(content)))
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise Invalid(f"an audit entry has at most {MAX_PAYLOAD_BYTES} bytes", code="audit.entry-too-large")
    return payload


def leaf_data(salt: bytes, payload: bytes) -> bytes:
    """The commitment that stands in the tree: it fixes the payload and, without the salt, reveals nothing of it."""
    return VERSION + sha256(_LEAF_LABEL + salt + payload).digest()


def seal(cipher: AESGCM, nonce: bytes, salt: bytes, payload: bytes, leaf: bytes) -> bytes:
    """The stored form of an entry."""
    return VERSION + nonce + cipher.encrypt(nonce, salt + payload, leaf)


def unseal(cipher: AESGCM, sealed: bytes, leaf: bytes) -> Opened:
    """Open a stored entry. Raises Damaged if it was altered or does not belong to this leaf."""
    nonce, ciphertext = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        if sealed[:1] != VERSION:
            raise ValueError
        plain = cipher.decrypt(nonce, ciphertext, leaf)
    except (InvalidTag, ValueError):
        raise Damaged("a sealed entry does not open", code="audit.sealed-entry") from None
    opened = Opened(plain[:SALT_BYTES], plain[SALT_BYTES:])
    if opened.leaf != leaf:
        raise Damaged("an entry's content is not what its leaf commits to", code="audit.commitment")
    return opened


def _printable(value: Any) -> Any:
    """The same structure with half characters (lone surrogates) escaped: even a broken name can be recorded."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_printable(key): _printable(inner) for key, inner in value.items()}
    return value
