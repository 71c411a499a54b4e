"""How subjects are known to their site: sealed, and findable by a keyed hash. Both keys come from one that is handed in.

`sealed` is one byte version (1), 12 bytes nonce, AES-256-GCM ciphertext and tag over canonical JSON; the associated data
name the subject, so that a reference copied to another row does not open. The blind index is HMAC-SHA-256 over site and
reference: equal references of a site are found, and nobody without the key learns or tries one.
"""

import hmac
import secrets
from datetime import date
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nexus.kernel.errors import Damaged
from nexus.kernel.secret import Secret

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
VERSION: Final = b"\x01"
_REFERENCE: Final = b"nexus/consent/reference/v1"
_WORDS: Final = b"nexus/consent/words/v1"
_INDEX: Final = b"nexus/consent/blind-index/v1"


class Known(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a site knows a patient by. `born` is told of minors."""

    reference: str
    born: date | None = None


class SubjectSealing:
    """Seals and finds references."""

    def __init__(self, key: Secret) -> None:
        """`key`: 32 bytes, shared with other uses; what is used here is derived from it, anew for each use: once the key
        is wiped, nothing here opens anything."""
        self._key = key

    def blind(self, site: str, reference: str) -> bytes:
        """The blind index of a reference within its site."""
        return hmac.digest(self._derived(_INDEX), f"{site}\0{normal(reference)}".encode(), "sha256")

    def seal(self, known: Known, subject: str) -> bytes:
        """What is stored of a subject's reference."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        plain = msgspec.json.encode(known)
        return VERSION + nonce + AESGCM(self._derived(_REFERENCE)).encrypt(nonce, plain, _context(subject))

    def seal_words(self, words: str, request: str) -> bytes:
        """What a patient wrote, bound to her request."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return VERSION + nonce + AESGCM(self._derived(_WORDS)).encrypt(nonce, words.encode(), request.encode())

    def open_words(self, sealed: bytes, request: str) -> str:
        """Raises Damaged if they were changed, moved from another request, or sealed under another key."""
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return AESGCM(self._derived(_WORDS)).decrypt(nonce, body, request.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise Damaged("the words of a request do not open", code="consent.sealed-words") from error

    def open(self, sealed: bytes, subject: str) -> Known:
        """Raises Damaged if it was changed, moved from another subject, or sealed under another key."""
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            if sealed[:1] != VERSION:
                raise ValueError("unknown version")
            plain = AESGCM(self._derived(_REFERENCE)).decrypt(nonce, body, _context(subject))
            return msgspec.json.decode(plain, type=Known)
        except (InvalidTag, ValueError, msgspec.DecodeError) as error:
            raise Damaged("the reference of a subject does not open", code="consent.sealed-reference") from error

    def _derived(self, label: bytes) -> bytes:
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=label).derive(self._key.reveal())


def normal(reference: str) -> str:
    """A reference as it is compared: without spaces around and within, capital letters."""
    return "".join(reference.split()).upper()


def _context(subject: str) -> bytes:
    return f"consent:reference:{subject}".encode()
