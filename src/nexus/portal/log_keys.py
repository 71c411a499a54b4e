"""The log's public keys, as browsers use them and as people compare them."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from nexus.crypto.notes import SignatureType, VerifierKey

GROUPS: Final = 8
"""Groups of four hexadecimal digits of a fingerprint: 128 bits, to be compared with paper."""


def browser_key(keys: Iterable[str]) -> str:
    """The key that browsers can verify with (Ed25519), in the C2SP form; empty if there is none."""
    return next((key for key in keys if VerifierKey.parse(key).type is SignatureType.ED25519), "")


def fingerprint(key: str) -> str:
    """Of a verifier key: the beginning of the SHA-256 of its C2SP form."""
    digest = sha256(key.encode()).hexdigest()
    return " ".join(digest[4 * group : 4 * group + 4] for group in range(GROUPS))
