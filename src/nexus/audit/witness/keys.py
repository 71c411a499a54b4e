"""The two signing keys of a witness, in a PEM file of its own."""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from nexus.crypto.notes import NoteSignature, SignatureType, VerifierKey, encode_signature, is_key_name, message_to_sign
from nexus.kernel.errors import Conflict, Invalid
from nexus.kernel.secret import Secret

MAX_FILE_BYTES = 16_384

_END = b"-----END "


@dataclass(frozen=True, slots=True, repr=False)
class WitnessKeys:
    """Ed25519 and ML-DSA-44, under the witness's name. A checkpoint is cosigned with both."""

    name: str
    ed25519: Ed25519PrivateKey
    mldsa44: MLDSA44PrivateKey

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise Invalid("a witness's name has no space, no plus sign, and 1 to 255 bytes", code="witness.name")

    @classmethod
    def generate(cls, name: str) -> "WitnessKeys":
        """Fresh keys. `name`: what the witness is known by, best a host name. Raises Invalid if it cannot name a key."""
        return cls(name, Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate())

    @classmethod
    def load(cls, path: Path, name: str, passphrase: Secret | None = None) -> "WitnessKeys":
        """Read a file that `save` wrote. Raises Invalid if others may read it, or if the passphrase is not its own."""
        if path.stat().st_mode & 0o077:
            raise Invalid(f"others may read {path.name}", code="witness.key-permissions", hint=f"chmod 600 {path.name}")
        blocks = path.read_bytes()[:MAX_FILE_BYTES].split(_END)
        password = passphrase.reveal() if passphrase else None
        try:
            first, second = (
                serialization.load_pem_private_key(begin + _END + blocks[at + 1].split(b"\n")[0] + b"\n", password)
                for at, begin in ((0, blocks[0]), (1, blocks[1].partition(b"\n")[2]))
            )
        except (ValueError, TypeError, IndexError):
            raise Invalid(f"{path.name} does not open with this passphrase", code="witness.key-file") from None
        if not isinstance(first, Ed25519PrivateKey) or not isinstance(second, MLDSA44PrivateKey):
            raise Invalid(f"{path.name} holds other keys than those of a witness", code="witness.key-file")
        return cls(name, first, second)

    def save(self, path: Path, passphrase: Secret | None = None) -> None:
        """Write both keys as PEM, encrypted under the passphrase if there is one, readable by the owner only.

        Raises Conflict if the file exists: keys are never overwritten.
        """
        protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            protection = serialization.BestAvailableEncryption(passphrase.reveal())
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        content = b"".join(key.private_bytes(pem, pkcs8, protection) for key in (self.ed25519, self.mldsa44))
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise Conflict(f"{path.name} exists", code="witness.key-exists") from None
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    @property
    def public(self) -> tuple[VerifierKey, VerifierKey]:
        """Its verifier keys: what logs and verifiers are configured with."""
        return (
            VerifierKey(self.name, SignatureType.ED25519_COSIGNATURE, self.ed25519.public_key().public_bytes_raw()),
            VerifierKey(self.name, SignatureType.MLDSA44, self.mldsa44.public_key().public_bytes_raw()),
        )

    def cosign(self, text: str, timestamp: int) -> tuple[NoteSignature, ...]:
        """Both cosignatures on a checkpoint's note text, at `timestamp` (s)."""
        ed25519, mldsa44 = self.public
        return (
            encode_signature(ed25519, self.ed25519.sign(message_to_sign(ed25519, text, timestamp)), timestamp),
            encode_signature(mldsa44, self.mldsa44.sign(message_to_sign(mldsa44, text, timestamp)), timestamp),
        )
