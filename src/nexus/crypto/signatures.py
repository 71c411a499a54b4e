"""The signature of a file that proves what it says: a receipt, the manifest of a release. Pure."""

import hashlib
from base64 import b64encode
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from nexus.crypto.base64 import strict_b64decode
from nexus.kernel.errors import Invalid

ALGORITHM: Final = "Ed25519"


class Signature(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By whom a file was signed. `key` names a version of a key of the key service."""

    algorithm: str
    key: str
    public_key: str
    """Base64 of 32 bytes."""
    value: str
    """Base64 of 64 bytes."""

    @property
    def signer(self) -> str:
        """The key, and SHA-256 (hex) of its public half. Raises Invalid if that is no base64."""
        return f"{self.key} sha256:{hashlib.sha256(self._public_key()).hexdigest()}"

    def check(self, message: bytes) -> bytes:
        """The public key, raw, once it has verified `message`. Raises InvalidSignature."""
        if self.algorithm != ALGORITHM:
            raise InvalidSignature
        try:
            public = self._public_key()
            Ed25519PublicKey.from_public_bytes(public).verify(strict_b64decode(self.value, "signature"), message)
        except (Invalid, ValueError):
            raise InvalidSignature from None
        return public

    def _public_key(self) -> bytes:
        return strict_b64decode(self.public_key, "public key")


def signed(key: str, public_key: bytes, value: bytes) -> Signature:
    """A signature as it is written."""
    return Signature(
        algorithm=ALGORITHM, key=key, public_key=b64encode(public_key).decode(), value=b64encode(value).decode()
    )
