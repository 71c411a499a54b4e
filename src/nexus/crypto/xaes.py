"""XAES-256-GCM (c2sp.org/XAES-256-GCM): AES-256-GCM with nonces of 192 bits, so that they may be random for ever.

Plain AES-GCM with random nonces is good for 2^32 messages under one key; a bucket that takes 2,500 objects a second
reaches that in three weeks. Here each message has a derived key of its own: 2^80 messages stay below the same risk.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nexus.kernel.errors import Damaged

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 24
TAG_BYTES: Final = 16
OVERHEAD_BYTES: Final = NONCE_BYTES + TAG_BYTES

_HALF: Final = 12
"""The first half of the nonce makes the derived key, the second half is the nonce under it."""
_BLOCK_BITS: Final = 128
_FIRST: Final = b"\x00\x01X\x00"
_SECOND: Final = b"\x00\x02X\x00"


class XAES:
    """The cipher under one key. Not for use from several threads at once."""

    __slots__ = ("_block", "_mask")

    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes."""
        # One block at a time is what the specification builds on: ECB here is the bare AES function, not a mode.
        self._block = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305
        doubled = int.from_bytes(self._block.update(bytes(16)), "big") << 1
        overflow = doubled >> _BLOCK_BITS
        subkey = (doubled & (1 << _BLOCK_BITS) - 1) ^ (0x87 if overflow else 0)
        self._mask = subkey << _BLOCK_BITS | subkey

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """Nonce (24 random bytes), ciphertext and tag (16 bytes)."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._derived(nonce).encrypt(nonce[_HALF:], plaintext, aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """The inverse of `seal`. Raises Damaged if a bit of it, or of `aad`, is different."""
        if len(sealed) < OVERHEAD_BYTES:
            raise Damaged("sealed bytes are cut short", code="crypto.xaes")
        nonce = sealed[:NONCE_BYTES]
        try:
            return self._derived(nonce).decrypt(nonce[_HALF:], sealed[NONCE_BYTES:], aad)
        except InvalidTag:
            raise Damaged("sealed bytes do not verify", code="crypto.xaes") from None

    def _derived(self, nonce: bytes) -> AESGCM:
        half = nonce[:_HALF]
        blocks = int.from_bytes(b"".join((_FIRST, half, _SECOND, half)), "big") ^ self._mask
        return AESGCM(self._block.update(blocks.to_bytes(2 * _BLOCK_BITS // 8, "big")))
