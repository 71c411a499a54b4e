"""What the audit log needs from others, as one small promise. `app/wiring/` decides who keeps it."""

from typing import Protocol

from nexus.crypto.notes import VerifierKey


class Signer(Protocol):
    """One signing key of the log. The key service holds the private half.

    The log has two: Ed25519 (note type 0x01) and ML-DSA-44 (note type 0x06). The message is already in the form that
    C2SP prescribes for the type; the signer signs it as it is (ML-DSA with an empty context).
    """

    @property
    def key(self) -> VerifierKey:
        """Name (the log's origin), signature type and public key."""

    async def sign(self, message: bytes) -> bytes:
        """The raw signature: 64 bytes for Ed25519, 2,420 for ML-DSA-44. Raises Sealed or Unavailable."""
