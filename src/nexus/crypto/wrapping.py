"""Wrapping keys: AES-256-GCM bound to a context, AES key wrap with padding, and the form of a wrapped data key.

A wrapped data key says by itself which key and version opens it, and opens only with the context that it was made
for: header and context are associated data. docs/formats/key-service.md gives the layout and test vectors.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding, aes_key_wrap_with_padding

from nexus.kernel.errors import Damaged, Invalid

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
OVERHEAD_BYTES: Final = NONCE_BYTES + TAG_BYTES
MAX_WRAPPED_BYTES: Final = 1_024
"""No wrapped data key is longer; anything longer is refused unread."""

FORMAT: Final = 1
_DOMAIN: Final = b"nexus-wrapped-key/1\0"
_json: Final = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key under version `version` of key `key_id`; `sealed` is nonce, ciphertext and tag."""

    key_id: str
    version: int
    sealed: bytes

    def encode(self) -> bytes:
        """Format 1: version byte, length and text of the key id, key version (4 bytes), nonce, ciphertext, tag."""
        return _header(self.key_id, self.version) + self.sealed


def parse(blob: bytes) -> WrappedKey:
    """The inverse of `encode`. Raises Damaged on anything else."""
    if not 1 < len(blob) <= MAX_WRAPPED_BYTES or blob[0] != FORMAT:
        raise Damaged("this is not a wrapped data key of a known format", code="wrapping.format")
    head = 2 + blob[1] + 4
    if len(blob) < head + OVERHEAD_BYTES:
        raise Damaged("a wrapped data key is cut short", code="wrapping.short")
    try:
        key_id = blob[2 : head - 4].decode("ascii")
    except UnicodeDecodeError as error:
        raise Damaged("a wrapped data key names no key", code="wrapping.format") from error
    return WrappedKey(key_id, int.from_bytes(blob[head - 4 : head], "big"), bytes(blob[head:]))


def associated_data(key_id: str, version: int, context: bytes) -> bytes:
    """What GCM authenticates beside the data key: a domain, the header, and the canonical context."""
    return _DOMAIN + _header(key_id, version) + context


def canonical(context: Mapping[str, str]) -> bytes:
    """One spelling for each context: JSON, keys sorted by code point, no white space, UTF-8 (nothing escaped that need not be)."""
    try:
        return _json.encode(context)
    except UnicodeEncodeError as error:
        raise Invalid("a context holds text that is not Unicode", code="wrapping.context") from error


def _header(key_id: str, version: int) -> bytes:
    name = key_id.encode("ascii")
    return bytes([FORMAT, len(name)]) + name + version.to_bytes(4, "big")


def seal(cipher: AESGCM, plaintext: bytes, associated: bytes) -> bytes:
    """Nonce (12 random bytes), ciphertext and tag (16 bytes)."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plaintext, associated)


def unseal(cipher: AESGCM, sealed: bytes, associated: bytes) -> bytes:
    """The inverse of `seal`. Raises Damaged if a bit of it, or of the associated data, is different."""
    if len(sealed) < OVERHEAD_BYTES:
        raise Damaged("sealed bytes are cut short", code="wrapping.short")
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except InvalidTag as error:
        raise Damaged(
            "a wrapped key does not verify: it was altered, or belongs to another context", code="wrapping.tag"
        ) from error


def kwp_wrap(wrapping_key: bytes, key: bytes) -> bytes:
    """AES-KWP (RFC 5649, NIST SP 800-38F): `key` under `wrapping_key`, 8 bytes longer rounded up to 8."""
    return aes_key_wrap_with_padding(wrapping_key, key)


def kwp_unwrap(wrapping_key: bytes, wrapped: bytes) -> bytes:
    """The inverse of `kwp_wrap`. Raises Damaged on altered bytes or another wrapping key."""
    try:
        return aes_key_unwrap_with_padding(wrapping_key, wrapped)
    except (InvalidUnwrap, ValueError) as error:
        raise Damaged("a wrapped key does not verify under this wrapping key", code="wrapping.kwp") from error
