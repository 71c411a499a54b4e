"""The signing keys of a log, held in this process instead of a key service."""

import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from nexus.crypto.notes import Note, NoteSignature, SignatureType, VerifierKey, encode_signature, message_to_sign
from nexus.kernel.errors import Sealed

ORIGIN = "nexus.example/log"


class LocalSigner:
    """Keeps `audit.ports.Signer`'s promise; raises Sealed while `sealed`."""

    def __init__(
        self, name: str = ORIGIN, type_: SignatureType = SignatureType.ED25519, seed: bytes | None = None
    ) -> None:
        self.seed = seed or secrets.token_bytes(32)
        if type_ is SignatureType.MLDSA44:
            self._private = MLDSA44PrivateKey.from_seed_bytes(self.seed)
        else:
            self._private = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.key = VerifierKey(name, type_, self._private.public_key().public_bytes_raw())
        self.sealed = False

    async def sign(self, message: bytes) -> bytes:
        if self.sealed:
            raise Sealed("the key service is sealed")
        return self._private.sign(message)

    def line(self, text: str, timestamp: int = 0) -> NoteSignature:
        """A signature line on any text: what a forger with the key could make."""
        return encode_signature(self.key, self._private.sign(message_to_sign(self.key, text, timestamp)), timestamp)


def log_signers(origin: str = ORIGIN) -> list[LocalSigner]:
    """Ed25519 and ML-DSA-44, as a log has them."""
    return [LocalSigner(origin, SignatureType.ED25519), LocalSigner(origin, SignatureType.MLDSA44)]


def signed(text: str, signers: list[LocalSigner], timestamp: int = 1) -> Note:
    """A note with a valid line of each signer."""
    return Note(text, tuple(s.line(text, timestamp if s.key.type.timestamped else 0) for s in signers))
