"""Credentials at rest: sealed under the key that iam is handed, bound to what they are and whose they are.

Format: one byte version (1), 12 bytes nonce, AES-256-GCM ciphertext and tag. The associated data is `iam:<what>:<whose>`,
so that a sealed value copied to another row does not open.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nexus.kernel.errors import Damaged
from nexus.kernel.secret import Secret

VERSION = 1
NONCE_BYTES = 12
KEY_BYTES = 32


class Sealing:
    """Seals and opens short secrets. Random nonces: safe for 2^32 credentials under one key."""

    def __init__(self, key: Secret) -> None:
        """`key`: 32 bytes. Raises ValueError on any other length."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"the sealing key has {KEY_BYTES} bytes")
        self._key = key

    def seal(self, secret: Secret, what: str, whose: str) -> bytes:
        """`what` is `totp`, `access-key` or `temporary-key`; `whose` is the id of the person or of the key."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(self._key.reveal()).encrypt(nonce, secret.reveal(), _context(what, whose))
        return bytes([VERSION]) + nonce + sealed

    def open(self, sealed: bytes, what: str, whose: str) -> Secret:
        """Raises Damaged if the bytes were changed, moved from another row, or sealed under another key."""
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            if sealed[:1] != bytes([VERSION]):
                raise ValueError("unknown version")
            return Secret(AESGCM(self._key.reveal()).decrypt(nonce, body, _context(what, whose)))
        except (InvalidTag, ValueError) as error:
            raise Damaged(
                "a stored credential does not open", code="iam.sealed-credential", hint="revoke it and make a new one"
            ) from error


def _context(what: str, whose: str) -> bytes:
    return f"iam:{what}:{whose}".encode()
