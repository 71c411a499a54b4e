"""Sealing to a public key: HPKE (RFC 9180), base mode, one message at a time.

Suite: KEM MLKEM768-X25519 ("X-Wing", post-quantum and classical together), HKDF-SHA256, AES-256-GCM. Whoever records
ciphertexts today and has a quantum computer tomorrow still has to break X25519 *and* ML-KEM-768.

Keys travel in X-Wing's own forms: a private key is a seed of 32 bytes, a public key is the ML-KEM-768 key (1,184 bytes)
followed by the X25519 key (32 bytes).
"""

import hmac
import secrets
from hashlib import shake_256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from nexus.kernel.errors import Damaged, Invalid
from nexus.kernel.secret import Secret

SEED_BYTES: Final = 32
PUBLIC_KEY_BYTES: Final = 1216
OVERHEAD_BYTES: Final = 1136
"""How much longer a sealed message is than its plaintext: the encapsulated key (1,120) and the tag (16)."""

_MLKEM_PUBLIC_BYTES = 1184
_MLKEM_SEED_BYTES = 64
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class SealingKey:
    """The public half: anyone who has it can seal, nobody can open with it."""

    __slots__ = ("_key", "_raw")

    def __init__(self, raw: bytes) -> None:
        """`raw`: 1,216 bytes. Raises Invalid if they are no public key."""
        try:
            self._key = hpke.MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC_BYTES]),
                X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC_BYTES:]),
            )
        except ValueError:
            raise Invalid(f"an HPKE public key has {PUBLIC_KEY_BYTES} bytes", code="hpke.public-key") from None
        self._raw = raw

    @property
    def raw(self) -> bytes:
        return self._raw

    def seal(self, plaintext: bytes, info: bytes) -> bytes:
        """Seal one message. `info` binds it to its place and purpose: opening needs the same."""
        return _SUITE.encrypt(plaintext, self._key, info)


class OpeningKey:
    """The private half."""

    __slots__ = ("_key", "_public", "_seed")

    def __init__(self, seed: Secret) -> None:
        """`seed`: 32 bytes. Raises Invalid on another length."""
        if len(seed) != SEED_BYTES:
            raise Invalid(f"an HPKE private key is a seed of {SEED_BYTES} bytes", code="hpke.private-key")
        expanded = shake_256(seed.reveal()).digest(_MLKEM_SEED_BYTES + 32)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:])
        self._key = hpke.MLKEM768X25519PrivateKey(mlkem, x25519)
        self._seed = Secret(seed.reveal())
        self._public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    @property
    def public(self) -> SealingKey:
        return SealingKey(self._public)

    def derive(self, label: bytes) -> Secret:
        """A key of 32 bytes that only the holder of the private key can make: one for each label."""
        return Secret(hmac.digest(self._seed.reveal(), label, "sha256"))

    def open(self, sealed: bytes, info: bytes) -> Secret:
        """Open one message. Raises Damaged if it was sealed for another key or another `info`, or was altered."""
        try:
            return Secret(_SUITE.decrypt(sealed, self._key, info))
        except (InvalidTag, ValueError):
            raise Damaged("a sealed key does not open", code="hpke.open") from None


def generate_seed() -> Secret:
    """A fresh private key."""
    return Secret(secrets.token_bytes(SEED_BYTES))
